/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network as it was before the first round: what dumps show now and did not show then is
 * deleted, what is missing is made again, by the very messages of the dumps. So a round begins as
 * the others do, and what it added does not look like a leak.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#define TABLE_ROOM (256u << 10)
#define GUARD_S    60

/* The kinds, in the order in which they are made; each: NEW, DEL, GET follow each other. */
static const struct {
	uint16_t make;
	uint8_t header, hidden[2]; /* attributes that are of the moment */
} kinds[] = {
	{ RTM_NEWADDR, 8, { IFA_CACHEINFO, IFA_FLAGS } },
	{ RTM_NEWROUTE, 12, { RTA_CACHEINFO, RTA_CACHEINFO } },
	{ RTM_NEWNEIGH, 12, { NDA_CACHEINFO, NDA_PROBES } },
	{ RTM_NEWRULE, 12, { 0, 0 } },
};

struct table {
	uint32_t len;
	uint8_t bytes[TABLE_ROOM]; /* messages, aligned, all of one dump */
};

static struct table first[LENGTH(kinds)], now;
static struct ifreq links[2][3]; /* lo's and eth0's: flags, MTU, address */
static bool has_first;

static int ask(const struct nlmsghdr *h)
{
	const struct timeval guard = { .tv_sec = GUARD_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
	if (fd >= 0 && send(fd, h, h->nlmsg_len, 0) == (ssize_t)h->nlmsg_len)
		return fd;
	printf("a message of type %u: %s\n", h->nlmsg_type, strerror(errno));
	close(fd);
	return -1;
}

static bool is_end(int fd, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	close(fd);
	if (h->nlmsg_type == NLMSG_ERROR)
		printf("a dump is refused: error %d\n", e->error);
	return h->nlmsg_type == NLMSG_DONE;
}

/* False: it does not come to its end. */
static bool read_table(unsigned kind, struct table *t)
{
	struct {
		struct nlmsghdr h;
		uint8_t header[12];
	} request = { .h = { .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP } };
	static uint8_t part[65536];
	int fd;

	request.h.nlmsg_type = (uint16_t)(kinds[kind].make + 2);
	request.h.nlmsg_len = NLMSG_LENGTH(kinds[kind].header);
	fd = ask(&request.h);
	t->len = 0;
	for (ssize_t n; fd >= 0 && (n = recv(fd, part, sizeof(part), 0)) > 0;) {
		for (struct nlmsghdr *h = (void *)part; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return is_end(fd, h);
			if (t->len + NLMSG_ALIGN(h->nlmsg_len) <= TABLE_ROOM) {
				memcpy(t->bytes + t->len, h, h->nlmsg_len);
				t->len += NLMSG_ALIGN(h->nlmsg_len);
			}
		}
	}
	printf("a dump of type %u does not end: %s\n", request.h.nlmsg_type, strerror(errno));
	close(fd);
	return false;
}

/* Without what is of the moment. */
static uint32_t shorten(uint8_t *to, const struct nlmsghdr *h, unsigned kind)
{
	unsigned header = kinds[kind].header;
	const struct rtattr *a = (const void *)((const uint8_t *)NLMSG_DATA(h) + header);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(header));
	uint32_t at = header;

	memcpy(to, NLMSG_DATA(h), header);
	if (kinds[kind].make == RTM_NEWADDR)
		to[2] = 0; /* flags */
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == kinds[kind].hidden[0] || a->rta_type == kinds[kind].hidden[1])
			continue;
		memcpy(to + at, a, a->rta_len);
		at += a->rta_len;
	}
	return at;
}

static bool is_in(const struct table *t, const struct nlmsghdr *wanted, unsigned kind)
{
	static uint8_t one[4096], other[4096];
	uint32_t len = shorten(one, wanted, kind);

	for (uint32_t at = 0; at < t->len;) {
		const struct nlmsghdr *h = (const void *)(t->bytes + at);

		if (shorten(other, h, kind) == len && memcmp(one, other, len) == 0)
			return true;
		at += NLMSG_ALIGN(h->nlmsg_len);
	}
	return false;
}

/* Those of `these` that are not in `others` are made or deleted. */
static void even_out(struct table *these, const struct table *others, unsigned kind, bool make)
{
	for (uint32_t at = 0; at < these->len;) {
		struct nlmsghdr *h = (void *)(these->bytes + at);
		struct nlmsghdr before = *h;
		int fd = -1;

		if (!is_in(others, h, kind)) {
			h->nlmsg_type = (uint16_t)(kinds[kind].make + !make);
			h->nlmsg_flags = NLM_F_REQUEST | (make ? NLM_F_CREATE | NLM_F_REPLACE : 0);
			fd = ask(h);
			*h = before;
		}
		if (fd >= 0)
			close(fd);
		at += NLMSG_ALIGN(h->nlmsg_len);
	}
}

static void links_read_or_set(bool set)
{
	static const char *const names[] = { "lo", "eth0" };
	static const unsigned long get_calls[] = { SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFHWADDR };
	static const unsigned long set_calls[] = { SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFHWADDR };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (unsigned i = 0; i < 6; i++) {
		struct ifreq *r = &links[i / 3][2 - i % 3]; /* flags last: it comes up as it was */

		strcpy(r->ifr_name, names[i / 3]);
		ioctl(fd, (set ? set_calls : get_calls)[2 - i % 3], r);
	}
	close(fd);
}

bool tidy(void)
{
	links_read_or_set(has_first);
	for (unsigned kind = 0; kind < LENGTH(kinds); kind++) {
		if (!read_table(kind, has_first ? &now : &first[kind]))
			return false;
		if (!has_first)
			continue;
		even_out(&now, &first[kind], kind, false);
		if (!read_table(kind, &now))
			return false;
		even_out(&first[kind], &now, kind, true);
	}
	has_first = true;
	return true;
}
