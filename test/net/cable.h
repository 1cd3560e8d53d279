/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole stacks on virtual time (world.h), each with one interface, joined by a cable: what one
 * sends the other receives when the test lets it. The test may look at a frame on its way, lose it,
 * or put one of its own on the cable.
 */
#pragma once
#include "net/ip/device.h"
#include "net/ip/ip.h"
#include "net/net.h"
#include "net/netdev.h"

struct host {
	struct net net;
	struct netdev dev;
	struct host *peer;    /* NULL: nobody is at the other end */
	struct list on_cable; /* frames that it sent */
	/* Looks at a frame before it arrives; false: it is lost. NULL: all arrive. */
	bool (*look)(struct host *from, const uint8_t *frame, uint32_t len);
	unsigned nr_sent;
	bool in_pages; /* what it receives is, but for the first bytes: as a driver gives it */
};

/* A net with "eth0", which is up: number n has the link address 02:00:00:00:00:n. */
void host_start(struct host *h, unsigned n, unsigned features);
void host_join(struct host *a, struct host *b);
void host_stop(struct host *h);
void host_add4(struct host *h, const char *address, unsigned bits);
void host_add6(struct host *h, const char *address, unsigned bits); /* known to be unique */
void host_add_route(struct host *h, const char *prefix, unsigned bits, const char *gateway);
/* What is on the cables arrives, and what that causes, until all is quiet. Time stands still. */
void cable_settle(struct host *a, struct host *b);
/* So much time passes, and frames arrive at once when they are sent. */
void cable_pass(struct host *a, struct host *b, nsec_t ns);
void host_receive(struct host *h, const void *frame, uint32_t len); /* from the cable */
/* Two in one burst. */
void host_receive_two(struct host *h, const void *first, uint32_t first_len, const void *second,
		      uint32_t second_len);
/* The address, as programs write it: both families. */
const uint8_t *ip_of(const char *text);
