/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether an interface of the host takes frames, told by rtnetlink(7) as it changes. One watch an
 * interface; it belongs to one thread.
 */
#pragma once
#include <stdbool.h>

struct tap_link {
	int fd; /* -1: nobody tells, and it counts as up */
	int ifindex;
	unsigned flags; /* IFF_* */
	bool is_known;  /* the flags have been told */
	bool is_up;     /* what is sent arrives: IFF_RUNNING */
};

void tap_link_init(struct tap_link *link, const char *name); /* before confinement */
void tap_link_read(struct tap_link *link);                   /* what was told since */
void tap_link_fini(struct tap_link *link);
