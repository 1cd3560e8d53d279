/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages and attributes of netlink (netlink(7), RFC 3549 §2.3): written, and read. */
#include <linux/rtnetlink.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/netlink/netlink.h"

/* ---- writing ---- */

struct netlink_message *netlink_message_new(unsigned room)
{
	struct netlink_message *m = kmem_alloc_nowait(sizeof(*m) + room);

	if (m == NULL)
		return NULL;
	list_init(&m->link);
	m->room = room;
	return m;
}

/* `len` bytes more, zero, and what aligns the next; NULL: no room. */
static void *extend(struct netlink_message *m, unsigned len)
{
	unsigned whole = (unsigned)NLMSG_ALIGN(len);
	void *at = m->bytes + m->len;

	if (m->is_full || whole > m->room - m->len) {
		m->is_full = true;
		return NULL;
	}
	memset(at, 0, whole);
	m->len += whole;
	return at;
}

void *netlink_begin(struct netlink_message *m, const struct nlmsghdr *header, unsigned len)
{
	struct nlmsghdr *h;

	m->at = m->len;
	m->is_full = false;
	h = extend(m, (unsigned)sizeof(*h) + len);
	if (h == NULL) {
		memset(m->spare, 0, sizeof(m->spare));
		return m->spare;
	}
	*h = *header;
	return h + 1;
}

static struct nlattr *begin_attribute(struct netlink_message *m, unsigned type, unsigned len)
{
	struct nlattr *a = extend(m, (unsigned)sizeof(*a) + len);

	if (a != NULL) {
		a->nla_type = (uint16_t)type;
		a->nla_len = (uint16_t)(sizeof(*a) + len);
	}
	return a;
}

void netlink_put(struct netlink_message *m, unsigned type, const void *data, unsigned len)
{
	struct nlattr *a = begin_attribute(m, type, len);

	if (a != NULL)
		memcpy(a + 1, data, len);
}

void netlink_put_u8(struct netlink_message *m, unsigned type, uint8_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u32(struct netlink_message *m, unsigned type, uint32_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_string(struct netlink_message *m, unsigned type, const char *text)
{
	netlink_put(m, type, text, (unsigned)strlen(text) + 1);
}

unsigned netlink_nest(struct netlink_message *m, unsigned type)
{
	unsigned at = m->len;

	(void)begin_attribute(m, type, 0);
	return at;
}

void netlink_nest_end(struct netlink_message *m, unsigned at)
{
	struct nlattr *a = (void *)(m->bytes + at);

	if (!m->is_full)
		a->nla_len = (uint16_t)(m->len - at);
}

bool netlink_end(struct netlink_message *m)
{
	struct nlmsghdr *h = (void *)(m->bytes + m->at);

	if (m->is_full)
		m->len = m->at;
	else
		h->nlmsg_len = m->len - m->at;
	return !m->is_full;
}

/* ---- reading ---- */

int netlink_refuse(struct netlink_request *r, int err, const char *why, const struct nlattr *where)
{
	r->why = why;
	r->where = where;
	return err;
}

uint32_t netlink_get_u32(const struct nlattr *a)
{
	uint32_t value;

	memcpy(&value, netlink_data(a), sizeof(value));
	return value;
}

void netlink_read_header(const struct netlink_request *r, void *to, unsigned len)
{
	memset(to, 0, len);
	memcpy(to, r->body, min(len, r->body_len));
}

/* Is there one more within `left` bytes? */
static bool is_sound(const struct nlattr *a, unsigned left)
{
	return left >= sizeof(*a) && a->nla_len >= sizeof(*a) && a->nla_len <= left;
}

static unsigned type_of(const struct nlattr *a)
{
	return a->nla_type & NLA_TYPE_MASK;
}

static int check(struct netlink_request *r, const struct nlattr *a,
		 const struct netlink_rule *rules, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (rules[i].type != type_of(a))
			continue;
		if (netlink_data_len(a) < rules[i].least)
			return netlink_refuse(r, -ERANGE, "Attribute failed policy validation", a);
		r->attrs[type_of(a)] = a;
		return 0;
	}
	return 0;
}

int netlink_parse(struct netlink_request *r, unsigned skip, const struct netlink_rule *rules,
		  unsigned nr)
{
	bool strict = netlink_option_is_on(r->socket, NETLINK_GET_STRICT_CHK);
	unsigned at = (unsigned)NLMSG_ALIGN(skip);

	if (strict && r->body_len < skip)
		return netlink_refuse(r, -EINVAL, "Invalid header for request", NULL);
	while (at < r->body_len) {
		const struct nlattr *a = (const void *)((const char *)r->body + at);
		int err;

		if (!is_sound(a, r->body_len - at))
			break;
		err = check(r, a, rules, nr);
		if (err != 0)
			return err;
		at += (unsigned)NLA_ALIGN(a->nla_len);
	}
	if (strict && at < r->body_len)
		return netlink_refuse(r, -EINVAL, "bytes leftover after parsing attributes.", NULL);
	return 0;
}

void netlink_parse_nested(const struct nlattr *in, const struct nlattr **attrs, unsigned nr)
{
	unsigned len = netlink_data_len(in);

	for (unsigned at = 0; at < len;) {
		const struct nlattr *a = (const void *)((const char *)netlink_data(in) + at);

		if (!is_sound(a, len - at))
			return;
		if (type_of(a) < nr)
			attrs[type_of(a)] = a;
		at += (unsigned)NLA_ALIGN(a->nla_len);
	}
}
