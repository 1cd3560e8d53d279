/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface's address from a DHCP server (RFC 2131 §4.4):
 *
 *	INIT -> SELECTING	the interface runs: DISCOVER
 *	SELECTING -> REQUESTING	an OFFER: REQUEST to everybody, which names its server
 *	REQUESTING -> BOUND	ACK: the address, routes and MTU are set, names are advised
 *	BOUND -> RENEWING	half of the lease is over: REQUEST to the server
 *	RENEWING -> REBINDING	seven eighths: REQUEST to everybody; also when the carrier was away
 *	any -> INIT		NAK, or the lease is over: all is taken back, and it begins again
 *
 * The first offer is taken. The address is not probed for by ARP (§4.4.1 says "should").
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct netdev;

/* Begins as soon as the interface runs, also once more after a stop. host_name: what the server is
 * told, or empty; copied, the first time. -ENOMEM; -EADDRINUSE: a program has the port. Thread
 * context. What the client needs stays with the interface. */
MUST_CHECK int dhcp4_start(struct netdev *d, const char *host_name);
/* Gives the lease back, and takes away what it brought. */
void dhcp4_stop(struct netdev *d);
bool dhcp4_is_bound(const struct netdev *d);
void dhcp4_forget(struct netdev *d); /* for net_fini */
