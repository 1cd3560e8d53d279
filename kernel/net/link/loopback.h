/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface lo: what goes out comes in, after net_run(). It has no link header. */
#pragma once
#include "lib/compiler.h"

struct net;

#define LOOPBACK_MTU 65536u

MUST_CHECK int loopback_init(struct net *net); /* -ENOMEM */
void loopback_fini(struct net *net);
