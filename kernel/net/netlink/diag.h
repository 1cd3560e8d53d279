/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NETLINK_SOCK_DIAG (sock_diag(7)): what sockets there are, for ss(8). Each family that is shown
 * has one function, which answers a request for all sockets, or for one. A family that keeps a list
 * dumps a snapshot of it (diag_dump).
 */
#pragma once
#include "net/netlink/netlink.h"

/* NETLINK_NO_ANSWER or -errno, for a request of one socket 0. */
int diag_inet(struct netlink_request *r);
int diag_unix(struct netlink_request *r);
int diag_netlink(struct netlink_request *r);
int diag_packet(struct netlink_request *r);

static inline bool diag_wants_all(const struct netlink_request *r)
{
	return (r->header->nlmsg_flags & NLM_F_DUMP) != 0;
}

/* How a family's snapshot is dumped. */
struct diag_kind {
	socket_report_fn *report;
	size_t entry_bytes, request_bytes;
	/* Is this one asked for? NULL: each is. */
	bool (*wants)(const void *request, const void *entry);
	/* Writes one message; false: no room. */
	bool (*write)(struct netlink_message *m, const struct nlmsghdr *h, const void *request,
		      const void *entry);
};
/* -EINVAL: the request is too short; -EOPNOTSUPP: it asks for one socket. */
MUST_CHECK int diag_dump(struct netlink_request *r, const struct diag_kind *kind);
