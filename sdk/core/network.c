/* SPDX-License-Identifier: BSD-2-Clause */
/* The network as a whole: interfaces, and whether it is up. */
#include <errno.h>
#include <stdlib.h>

#include "core/core.h"

int hull_interfaces(struct hull_interface *out, unsigned max)
{
	struct hull_loop *l = hull_loop_here();

	return l->backend->interfaces(l, out, max);
}

/* RFC 4291 §2.5.6, RFC 3927. */
static bool is_link_local(const struct hull_address *a)
{
	if (hull_address_is_v4(a))
		return a->ip[12] == 169 && a->ip[13] == 254;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static bool is_usable(const struct hull_interface *i)
{
	if (!i->is_up || i->is_loopback)
		return false;
	for (unsigned n = 0; n < i->nr_addresses; n++) {
		if (!is_link_local(&i->addresses[n]))
			return true;
	}
	return false;
}

#define INTERFACES_MAX 64u

static bool is_network_up(void)
{
	struct hull_interface *all = calloc(INTERFACES_MAX, sizeof(*all));
	int nr = all == NULL ? -ENOMEM : hull_interfaces(all, INTERFACES_MAX);
	bool up = false;

	for (int i = 0; i < nr && i < (int)INTERFACES_MAX; i++)
		up |= is_usable(&all[i]);
	free(all);
	return up;
}

int hull_on_network(void (*fn)(bool is_up, void *user), void *user)
{
	struct hull_loop *l = hull_loop_here();
	int err = l->backend->watch(l, fn != NULL);

	if (err != 0)
		return err;
	l->network = fn;
	l->network_user = user;
	l->network_due = fn != NULL;
	return 0;
}

void hull_network_run(struct hull_loop *l)
{
	if (!l->network_due || l->stops)
		return;
	l->network_due = false;
	if (l->network != NULL)
		l->network(is_network_up(), l->network_user);
}
