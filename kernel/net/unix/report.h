/* SPDX-License-Identifier: BSD-2-Clause */
/* The local sockets that there are: for /proc/net/unix. */
#pragma once
#include "net/socket.h"

struct unix_report {
	int type;
	unsigned refs;
	uint64_t ino;
	bool listens, connected;
	struct socket_address name; /* len 0: none */
};

/* Fills as many as there is room for. How many there are. */
unsigned unix_report(struct unix_report *to, unsigned room);
