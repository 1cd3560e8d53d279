/* SPDX-License-Identifier: BSD-2-Clause */
/* Multicast groups by sockets (ip(7), ipv6(7), RFC 3678). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "linux/linux.h"
#include "linux/sockets.h"

static int change(struct hull_udp *u, const struct hull_address *group, bool joins)
{
	bool v4 = hull_address_is_v4(group);
	struct group_req r = { .gr_interface = group->interface };
	struct hull_address bare = *group;

	if (!hull_address_is_group(group))
		return -EINVAL;
	bare.port = 0;
	bare.interface = 0;
	(void)hull_sockaddr_write(&bare, v4, &r.gr_group);
	if (setsockopt((int)u->e.id, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		       joins ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &r, sizeof(r)) == 0)
		return 0;
	/* IPv6's group for a socket of IPv4. */
	return errno == ENOPROTOOPT ? -EINVAL : -errno;
}

const struct hull_group_backend hull_linux_groups = { .of = &hull_linux, .change = change };
