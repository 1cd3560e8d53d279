/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface lo: what goes out comes in, after net_run(). It has no link header. */
#pragma once
#include "lib/compiler.h"

struct net;
struct netbuf;
struct netdev;

#define LOOPBACK_MTU 65536u

MUST_CHECK int loopback_init(struct net *net); /* -ENOMEM */
void loopback_fini(struct net *net);
/* What went out by `as` to a group or to all is heard on this machine too, as if it had come by it.
 * Takes b, from its IP header on. */
void loopback_echo(struct netdev *as, struct netbuf *b);
