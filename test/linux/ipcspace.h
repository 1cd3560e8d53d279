/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V queues, semaphores and memory of the test's own: on the host root takes a namespace for
 * them, so that nobody else's come and go in the tables. A Hull guest has none, and is alone.
 */
#pragma once
#include <sched.h>
#include "check.h"

static inline void ipcspace_enter(void)
{
	if (geteuid() == 0)
		(void)unshare(CLONE_NEWIPC); /* EPERM: a container's root, or Hull's */
}
