/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of AF_NETLINK over sock_diag(7): <linux/netlink_diag.h>. */
#include <linux/netlink_diag.h>
#include <linux/sock_diag.h>

#include "net/netlink/diag.h"

#define STATE_IDLE 7

static bool write_socket(struct netlink_message *m, const struct nlmsghdr *h, const void *request,
			 const void *entry)
{
	uint32_t show = ((const struct netlink_diag_req *)request)->ndiag_show;
	const struct netlink_report *r = entry;
	struct netlink_diag_msg *t = netlink_begin(m, h, sizeof(*t));
	uint32_t memory[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = (uint32_t)r->nr_received,
					     [SK_MEMINFO_DROPS] = r->nr_dropped };

	t->ndiag_family = AF_NETLINK;
	t->ndiag_type = SOCK_RAW;
	t->ndiag_protocol = (uint8_t)r->protocol;
	t->ndiag_state = STATE_IDLE;
	t->ndiag_portid = r->port;
	t->ndiag_ino = (uint32_t)r->ino;
	t->ndiag_cookie[0] = (uint32_t)r->cookie;
	t->ndiag_cookie[1] = (uint32_t)(r->cookie >> 32);
	if ((show & NDIAG_SHOW_GROUPS) != 0)
		netlink_put(m, NETLINK_DIAG_GROUPS, &r->groups, sizeof(r->groups));
	if ((show & NDIAG_SHOW_MEMINFO) != 0)
		netlink_put(m, NETLINK_DIAG_MEMINFO, memory, sizeof(memory));
	return netlink_end(m);
}

static bool is_wanted(const void *request, const void *entry)
{
	const struct netlink_diag_req *q = request;
	const struct netlink_report *r = entry;

	return q->sdiag_protocol == NDIAG_PROTO_ALL || q->sdiag_protocol == r->protocol;
}

int diag_netlink(struct netlink_request *r)
{
	static const struct diag_kind kind = {
		.report = netlink_report,
		.entry_bytes = sizeof(struct netlink_report),
		.request_bytes = sizeof(struct netlink_diag_req),
		.wants = is_wanted,
		.write = write_socket,
	};

	return diag_dump(r, &kind);
}
