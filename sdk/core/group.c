/* SPDX-License-Identifier: BSD-2-Clause */
/* Multicast groups. Only a program that joins any is linked with this, and with a backend's half
 * for them. */
#include <errno.h>
#include <string.h>

#include "core/core.h"

static int change(struct hull_udp *u, const struct hull_address *group, bool joins)
{
	const struct hull_group_backend *const *b = hull_group_backends;

	if (u->e.is_closed)
		return -EBADF;
	while ((*b)->of != u->e.loop->backend)
		b++;
	return (*b)->change(u, group, joins);
}

int hull_udp_join(struct hull_udp *u, const struct hull_address *group)
{
	return change(u, group, true);
}

int hull_udp_leave(struct hull_udp *u, const struct hull_address *group)
{
	return change(u, group, false);
}
