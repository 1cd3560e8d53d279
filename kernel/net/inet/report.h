/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet sockets that there are: for /proc/net/tcp and its like. */
#pragma once
#include "net/inet/inet.h"

struct inet_report {
	bool v6;
	struct inet_address local, remote;
	unsigned state; /* as TCP numbers them; UDP: 1 connected, 7 not */
	unsigned refs;
	size_t nr_sent, nr_received; /* bytes that wait */
	uint32_t uid;
	uint64_t ino;
};

/* Fills as many bound ones as there is room for. How many there are, or more. */
unsigned inet_report(bool tcp, struct inet_report *to, unsigned room);
