/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests over AF_NETLINK and their answers, for test/linux/netlink_*.c. */
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include "check.h"

#define NL_ROOM 32768

struct nl_request {
	struct nlmsghdr header;
	char body[1024];
};

/* Begins one: its family header is `len` bytes. */
static inline void *nl_begin(struct nl_request *r, int type, int flags, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_len = (unsigned)NLMSG_LENGTH(len);
	r->header.nlmsg_type = (unsigned short)type;
	r->header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
	r->header.nlmsg_seq = 77;
	return r->body;
}

static inline void nl_put(struct nl_request *r, int type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));

	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static inline void nl_put_u32(struct nl_request *r, int type, unsigned value)
{
	nl_put(r, type, &value, sizeof(value));
}

static inline ssize_t nl_send(int fd, const struct nl_request *r)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(fd, r, r->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
}

/* The attribute of a message behind `header` bytes; NULL: there is none. */
static inline struct rtattr *nl_find(const struct nlmsghdr *h, size_t header, int type)
{
	struct rtattr *a = (void *)((char *)h + NLMSG_LENGTH(NLMSG_ALIGN(header)));
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(NLMSG_ALIGN(header));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	}
	return NULL;
}

static inline unsigned nl_u32(const struct rtattr *a)
{
	unsigned value = 0xdeadbeef;

	if (a != NULL && RTA_PAYLOAD(a) >= sizeof(value))
		memcpy(&value, RTA_DATA(a), sizeof(value));
	return value;
}

/* Sends; the result that comes: an error's number, 0, or 1 if something else came. */
static inline int nl_ask(int fd, struct nl_request *r)
{
	static char buf[NL_ROOM];
	struct nlmsghdr *h = (void *)buf;

	r->header.nlmsg_flags |= NLM_F_ACK;
	if (nl_send(fd, r) < 0)
		return -errno;
	if (recv(fd, buf, sizeof(buf), 0) < (ssize_t)sizeof(*h) || h->nlmsg_type != NLMSG_ERROR)
		return 1;
	return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
}

/* All of a dump, `see` called with each message. How many parts came; below 0: an error. */
static inline int nl_dump(int fd, const struct nl_request *r,
			  void (*see)(const struct nlmsghdr *h, void *arg), void *arg)
{
	static char buf[NL_ROOM];
	int parts = 0;

	if (nl_send(fd, r) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *h = (void *)buf;

		if (n <= 0)
			return -EIO;
		for (parts++; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return parts;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			see(h, arg);
		}
	}
}
