/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts of the stack: counters.h. */
#include "net/counters.h"

#include "lib/errno.h"
#include "mm/alloc/kmem.h"

int net_counters_init(struct net *net)
{
	net->counters = kmem_new_array(struct net_counters, NET_COUNTER_SETS);
	return net->counters == NULL ? -ENOMEM : 0;
}

void net_counters_fini(struct net *net)
{
	kmem_free(net->counters);
	net->counters = NULL;
}

uint64_t net_counters_get(const struct net *net, bool v4, enum net_count what)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < NET_COUNTER_SETS; i++) {
		const struct net_counters *c = &net->counters[i];

		sum += v4 ? READ_ONCE(c->of4[what]) : READ_ONCE(c->of6[what]);
	}
	return sum;
}
