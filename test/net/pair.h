/* SPDX-License-Identifier: BSD-2-Clause */
/* What test-net-pair tries: wires, users, and what theory says of them. */
#pragma once
#include "lib/types.h"

struct trial {
	const char *name;
	uint64_t forward, backward; /* bytes of each connection */
	unsigned nr;                /* connections, 0: 1 */
	/* the wire, both ways */
	double rate;               /* bytes a second, 0: no bound */
	double delay_s, jitter_s;  /* one way */
	double loss, twice, wrong; /* chances */
	uint32_t queue;            /* bytes, 0: no bound */
	uint32_t mtu, black_hole;  /* larger packets vanish, 0: none */
	bool lose_acks;            /* the losses are on the way back as well */
	/* the users */
	double pause_s; /* the reader sleeps so long after each megabyte */
	unsigned fail;  /* allocations that fail, of 65536 */
	bool no_sack, no_timestamps, no_scale, v6, ecn;
	const char *congestion;
	/* what theory says: bytes a second at least and at most; 0: nothing */
	double least, most;
};

extern const struct trial trials[];
extern const unsigned nr_trials;
