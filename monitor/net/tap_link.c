/* SPDX-License-Identifier: BSD-2-Clause */
/* rtnetlink(7): RTM_NEWLINK and RTM_DELLINK of the group RTMGRP_LINK, RTM_GETLINK to begin. */
#define _GNU_SOURCE 1
#include "monitor/net/tap_link.h"
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* Linux starts an interface's queue a moment after its carrier has come (IFF_LOWER_UP), and drops
 * what is sent before; then it says IFF_RUNNING. This is far more than that moment. */
#define SETTLE_MS 1000

unsigned if_nametoindex(const char *name); /* <net/if.h> does not go with <linux/if.h> */

static void take_message(struct tap_link *link, const struct nlmsghdr *head)
{
	const struct ifinfomsg *info = NLMSG_DATA(head);

	if (head->nlmsg_type != RTM_NEWLINK && head->nlmsg_type != RTM_DELLINK)
		return;
	if (head->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_index != link->ifindex)
		return;
	link->flags = head->nlmsg_type == RTM_NEWLINK ? info->ifi_flags : 0;
	link->is_up = (link->flags & IFF_RUNNING) != 0;
	link->is_known = true;
}

void tap_link_read(struct tap_link *link)
{
	union {
		struct nlmsghdr head;
		char bytes[8192];
	} buffer;
	ssize_t len;

	while ((len = read(link->fd, &buffer, sizeof(buffer))) > 0) {
		const struct nlmsghdr *head = &buffer.head;
		unsigned left = (unsigned)len;

		for (; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left))
			take_message(link, head);
	}
}

static bool ask(const struct tap_link *link)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = RTM_GETLINK,
			  .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = link->ifindex },
	};

	return send(link->fd, &request, sizeof(request), 0) == sizeof(request);
}

static bool is_settled(const struct tap_link *link)
{
	const unsigned soon = IFF_UP | IFF_LOWER_UP;

	return link->is_known && ((link->flags & soon) != soon || link->is_up);
}

/* It hears of changes before it asks, so that none is missed. */
void tap_link_init(struct tap_link *link, const char *name)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	*link = (struct tap_link){
		.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE),
		.ifindex = (int)if_nametoindex(name),
		.is_up = true,
	};
	if (link->fd < 0)
		return;
	if (bind(link->fd, (struct sockaddr *)&address, sizeof(address)) != 0 || !ask(link)) {
		tap_link_fini(link);
		return;
	}
	while (!is_settled(link)) {
		struct pollfd p = { .fd = link->fd, .events = POLLIN };

		if (poll(&p, 1, SETTLE_MS) <= 0)
			break;
		tap_link_read(link);
	}
}

void tap_link_fini(struct tap_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}
