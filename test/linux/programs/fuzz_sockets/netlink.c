/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink requests of every type: a family header that may be right, attributes of any number and
 * length, nests, several messages in one datagram, and then some bytes changed.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

#define BYTES_MAX 1024u

static unsigned header_len(unsigned type)
{
	static const unsigned char of_group[] = { 16, 8, 12, 12, 12, 36, 36, 20, 20, 20, 4 };

	if (type < RTM_BASE)
		return 0;
	return (type - RTM_BASE) / 4 < LENGTH(of_group) ? of_group[(type - RTM_BASE) / 4] : 8;
}

static unsigned some_type(void)
{
	static const uint8_t common[] = { RTM_NEWLINK,  RTM_DELLINK,  RTM_GETLINK,   RTM_SETLINK,
					  RTM_NEWADDR,  RTM_DELADDR,  RTM_GETADDR,   RTM_NEWROUTE,
					  RTM_DELROUTE, RTM_GETROUTE, RTM_NEWNEIGH,  RTM_DELNEIGH,
					  RTM_GETNEIGH, RTM_NEWRULE,  RTM_DELRULE,   RTM_GETRULE,
					  20,           21,           RTM_GETNETCONF };

	return one_in(8) ? below(128) : common[below(LENGTH(common))];
}

static void put_number(uint8_t *at, unsigned room)
{
	uint32_t x = some_number();

	memcpy(at, &x, room < 4 ? room : 4);
}

static unsigned put_attributes(uint8_t *to, unsigned room, unsigned nr)
{
	static const unsigned char lengths[] = { 0, 1, 2, 4, 4, 4, 4, 8, 16, 16, 6, 14, 20 };
	unsigned at = 0;

	for (; nr > 0; nr--) {
		struct rtattr a = { .rta_type = (uint16_t)below(one_in(16) ? 65536 : 40) };
		unsigned len = lengths[below(LENGTH(lengths))], inner = 0;

		if (at + RTA_LENGTH(RTA_ALIGN(len)) + 64 > room)
			break;
		if (one_in(8) && nr > 1)
			inner = put_attributes(to + at + sizeof(a), room - at - 64, nr - 1);
		len = inner > 0 ? inner : len;
		memset(to + at + sizeof(a) + inner, 0, RTA_ALIGN(len) - inner);
		for (unsigned i = inner; i < len; i += 4)
			if (one_in(2) || len == 4)
				put_number(to + at + sizeof(a) + i, len - i);
		a.rta_len = (uint16_t)(one_in(32) ? below(300) : RTA_LENGTH(len));
		memcpy(to + at, &a, sizeof(a));
		at += (unsigned)RTA_LENGTH(RTA_ALIGN(len));
	}
	return at;
}

static unsigned put_header(uint8_t *to, unsigned len)
{
	static const uint8_t families[] = { 0, 1, 2, 10, 16, 17 };

	memset(to, 0, len);
	for (unsigned i = 0; i < len; i += 4)
		if (one_in(4))
			put_number(to + i, len - i);
	if (len > 0)
		to[0] = families[below(LENGTH(families))];
	if (len >= 2 && one_in(2))
		to[1] = (uint8_t)(one_in(2) ? 6 : 17); /* a protocol of sock_diag, or a prefix */
	if (len >= 8 && one_in(2)) {                   /* an interface */
		to[4] = (uint8_t)(1 + below(2));
		memset(to + 5, 0, 3);
	}
	return len;
}

static unsigned put_message(uint8_t *to, unsigned room)
{
	static const uint16_t flags[] = { 0,           NLM_F_DUMP,    NLM_F_ACK,  NLM_F_CREATE,
					  NLM_F_EXCL,  NLM_F_REPLACE, NLM_F_ECHO, NLM_F_ROOT,
					  NLM_F_MATCH, NLM_F_APPEND };
	struct nlmsghdr h = { .nlmsg_type = (uint16_t)some_type(), .nlmsg_flags = NLM_F_REQUEST };
	unsigned at = sizeof(h), header = header_len(h.nlmsg_type);

	if (h.nlmsg_type == 20 && one_in(2))
		header = 56;
	h.nlmsg_flags |= flags[below(LENGTH(flags))] | flags[below(LENGTH(flags))];
	h.nlmsg_seq = below(8);
	at += put_header(to + at, (header + 3) & ~3u);
	at += put_attributes(to + at, room - at, below(7));
	h.nlmsg_len = one_in(32) ? some_number() : at;
	if (one_in(64))
		h.nlmsg_flags = (uint16_t)next_random();
	memcpy(to, &h, sizeof(h));
	return at;
}

void fuzz_netlink(void)
{
	static uint8_t bytes[2 * BYTES_MAX + 256];
	static uint8_t answer[32768];
	int fd = sockets[11 + below(2)];
	unsigned len = put_message(bytes, BYTES_MAX);

	if (one_in(8))
		len += put_message(bytes + len, BYTES_MAX);
	for (unsigned n = one_in(3) ? below(5) : 0; n > 0; n--)
		bytes[below(len)] = (uint8_t)below(256);
	len = one_in(16) ? below(len + 1) : len;
	memcpy(place(0, len), bytes, len);
	send(fd, place(0, len), len, MSG_DONTWAIT);
	for (unsigned n = 0; n < 8; n++)
		if (recv(fd, answer, one_in(8) ? below(200) : sizeof(answer), MSG_DONTWAIT) <= 0)
			break;
}
