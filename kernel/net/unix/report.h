/* SPDX-License-Identifier: BSD-2-Clause */
/* The local sockets that there are: for /proc/net/unix and sock_diag(7). */
#pragma once
#include "net/socket/report.h"
#include "net/socket/socket.h"

struct unix_report {
	int type;
	unsigned refs;
	uint64_t ino;
	bool listens, connected;
	struct socket_address name; /* len 0: none */
	uint64_t peer_ino;          /* 0: none, or it has no file yet */
	uint64_t cookie;
	unsigned shutdown;  /* 1: receives no more, 2: sends no more */
	size_t nr_received; /* bytes that wait; a listener's: connections */
	size_t nr_sent;     /* bytes under way; a listener's: how many may wait */
	size_t sent_memory;
	uint32_t send_limit, receive_limit;
};

socket_report_fn unix_report; /* of struct unix_report */
