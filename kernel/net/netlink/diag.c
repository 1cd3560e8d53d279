/* SPDX-License-Identifier: BSD-2-Clause */
/* NETLINK_SOCK_DIAG: which request is whose. diag.h has the theory. */
#include "net/netlink/diag.h"

#include <linux/sock_diag.h>

#include "lib/errno.h"

#define NR_GROUPS 32u /* none of which anything is said in */

static const struct {
	uint8_t family;
	int (*handle)(struct netlink_request *r);
} families[] = {
	{ AF_INET, diag_inet },       { AF_INET6, diag_inet },    { AF_UNIX, diag_unix },
	{ AF_NETLINK, diag_netlink }, { AF_PACKET, diag_packet },
};

static int handle(struct netlink_request *r)
{
	const struct sock_diag_req *q = r->body;

	if (r->header->nlmsg_type == SOCK_DESTROY)
		return -EOPNOTSUPP;
	if (r->header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -EINVAL;
	if (r->body_len < sizeof(*q) || q->sdiag_family >= AF_MAX)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (families[i].family == q->sdiag_family)
			return families[i].handle(r);
	}
	return -ENOENT;
}

const struct netlink_protocol netlink_diag_protocol = {
	.number = NETLINK_SOCK_DIAG,
	.nr_groups = NR_GROUPS,
	.handle = handle,
};
