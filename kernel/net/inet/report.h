/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The internet sockets that there are: for /proc/net/tcp and its like, and for sock_diag(7). A
 * cursor goes through a table of endpoints and keeps the one that it is at, so that sockets may
 * come and go meanwhile: each one that is there all the time is met once.
 */
#pragma once
#include "net/inet/inet.h"

struct tcp_info;

enum inet_table { INET_TABLE_TCP, INET_TABLE_UDP, INET_TABLE_RAW, INET_TABLE_PING };

/* As /proc/net/tcp numbers them: proc(5). */
enum inet_timer {
	INET_TIMER_NONE,
	INET_TIMER_RETRANSMIT,
	INET_TIMER_KEEPALIVE,
	INET_TIMER_TIME_WAIT,
	INET_TIMER_WINDOW_PROBE,
};

struct inet_report {
	bool v6, only_v6;
	bool port_was_given; /* by bind(2) */
	bool is_orphan;      /* the program has closed it */
	int protocol;
	struct inet_address local, remote;
	unsigned dev_index;
	unsigned state;    /* as TCP numbers them; UDP: 1 connected, 7 not */
	unsigned shutdown; /* 1: receives no more, 2: sends no more */
	enum inet_timer timer;
	nsec_t timer_ns; /* until it rings */
	unsigned nr_retries;
	unsigned refs;
	size_t nr_sent, nr_received;         /* bytes that wait */
	size_t sent_memory, received_memory; /* what they take */
	uint32_t send_limit, receive_limit;
	uint32_t uid, mark;
	uint64_t ino;        /* 0: it has no file any more, or none yet */
	uint64_t cookie;     /* another for each socket */
	uint32_t nr_dropped; /* UDP: datagrams */
};

struct inet_cursor {
	struct endpoint *at; /* counted; NULL: before the first, or behind the last */
	unsigned bucket;
};
/* The next one. False: that was the last. */
bool inet_report_next(enum inet_table table, struct inet_cursor *c, struct inet_report *r);
void inet_report_end(struct inet_cursor *c); /* before the last: gives back what it holds */
/* Of the one that c is at: false, it is no connection. `congestion` has 16 bytes. */
bool inet_report_tcp_info(const struct inet_cursor *c, struct tcp_info *out, char *congestion);
unsigned inet_report_count(enum inet_table table);
/* Of one socket, which the caller has. False: it has ended. */
bool inet_report_of(struct inet_socket *i, struct inet_report *r);

/* ---- for the protocols ---- */

struct datagram_socket;

void inet_report_socket(struct inet_socket *i, struct inet_report *r); /* what all have */
void inet_report_datagram(struct datagram_socket *d, struct inet_report *r);
/* False: the endpoint is nothing that is shown. */
bool inet_udp_report(struct endpoint *end, struct inet_report *r);
bool inet_tcp_report(struct endpoint *end, struct inet_report *r);
bool inet_raw_report(struct endpoint *end, struct inet_report *r);
bool inet_ping_report(struct endpoint *end, struct inet_report *r);
