/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's interface from below the stack: what comes is seen as the driver hands it over,
 * before the stack has it too (images/net.mk puts a function of ours between them), and what is
 * sent goes through the stack's queue.
 */
#pragma once
#include "net/netdev.h"

extern struct netdev *below_dev; /* the interface, after below_begin() */

/* Each test begins so: the interface is up, with the address frame_own. False: it is not. */
MUST_CHECK bool below_begin(void);

/* A copy of the next frame that came, within `ms`, or NULL. */
struct netbuf *below_receive(unsigned ms);
void below_send(struct netbuf *b); /* takes it */
void below_forget(void);           /* what came so far */
