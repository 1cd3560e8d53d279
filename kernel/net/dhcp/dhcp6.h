/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interface's IPv6 address and names from a DHCPv6 server (RFC 8415 §18.2), where routers say
 * that there is one (RFC 4861 §4.2: the flags M and O):
 *
 *	IDLE -> SOLICITING	M: who gives addresses?
 *	IDLE -> ASKING		O alone: names are asked for (§18.2.6), ASKING -> INFORMED
 *	SOLICITING -> REQUESTING	the first server that offers one is asked for it
 *	REQUESTING -> BOUND	it has come; duplicate detection follows
 *	BOUND -> RENEWING	at T1: the server is asked
 *	RENEWING -> REBINDING	at T2: everybody is
 *	any -> SOLICITING	no answer, "no binding", or the address is valid no more
 *
 * One address of each interface. The first advertisement is taken (§18.2.1 would have one wait for
 * better ones). An address that proves to be somebody else's is not declined, but not used either.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct netdev;

/* Waits for what routers say, also once more after a stop. -ENOMEM; -EADDRINUSE: a program has the
 * port. Thread context. */
MUST_CHECK int dhcp6_start(struct netdev *d);
/* Gives the address back, and takes it away. */
void dhcp6_stop(struct netdev *d);
bool dhcp6_is_bound(const struct netdev *d);
void dhcp6_forget(struct netdev *d); /* for net_fini */
