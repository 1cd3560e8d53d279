/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMPv6 (RFC 4443): echo, errors to the transport whose packet they are about, and our own about
 * what nobody takes (§2.4 e says when none may be sent). Neighbour discovery and MLD are handed on.
 */
#include <linux/in.h>
#include <linux/in6.h>

#include "lib/errno.h"
#include "net/counters.h"
#include "net/ip/deliver.h"
#include "net/ip/device.h"
#include "net/wire/checksum.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"

#define HEADER      ((unsigned)sizeof(struct icmp_header))
#define QUOTE_MAX   (IP6_MTU_MIN - (unsigned)sizeof(struct ip6_header) - HEADER) /* §2.4 c */
#define PAYLOAD_MAX 256u /* bytes of a quoted packet that are looked at */
#define CHAIN_MAX   4u   /* extension headers of a quoted packet that are looked through */

/* ---- out ---- */

static void put_checksum(struct netbuf *b, const uint8_t from[16], const uint8_t to[16])
{
	struct icmp_header *h = (void *)b->data;
	uint64_t sum = checksum_pseudo(from, to, IPPROTO_ICMPV6, b->len);

	h->checksum = be16_of(0);
	h->checksum = checksum_finish(checksum_join(sum, netbuf_sum(b, 0, b->len)));
}

/* From an address of ours, or from the best for the way there if that one is a group's. */
static int send(struct net *net, struct netbuf *b, const struct ip_info *cause)
{
	struct ip_header_values v = { .to = cause->from, .protocol = IPPROTO_ICMPV6 };
	struct ip_query q = { .to = cause->from };
	struct ip_path path;
	int err;

	if (!inet_ip_is_multicast(cause->to))
		q.from = cause->to;
	if (inet_ip_is_link_local(cause->from))
		q.dev_index = cause->dev_index;
	err = ip_route(net, &q, &path);
	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	v.from = path.from;
	put_checksum(b, v.from, v.to);
	err = ip_send(net, b, &v, &path);
	ip_path_drop(&path);
	return err;
}

void icmp6_send_on_link(struct netdev *d, struct netbuf *b, const struct ip_header_values *v)
{
	struct ip_path path = { .dev = d, .mtu = READ_ONCE(d->mtu) };

	memcpy(path.next_hop, v->to, sizeof(path.next_hop));
	memcpy(path.from, v->from, sizeof(path.from));
	if (!inet_ip_is_multicast(v->to)) {
		path.neighbour = neighbour_get(d, v->to);
		if (path.neighbour == NULL) {
			netbuf_free(b);
			return;
		}
	}
	put_checksum(b, v->from, v->to);
	if (ip_send(d->net, b, v, &path) != 0)
		(void)0; /* it is lost, as any packet may be: all that is sent so is sent again */
	ip_path_drop(&path);
}

static void answer_echo(struct net *net, const struct netbuf *b, const struct ip_info *info)
{
	struct netbuf *answer;

	if (inet_ip_is_any(info->from) || !icmp_may_send(net))
		return;
	answer = netbuf_slice(b, HEADER, b->len - HEADER);
	if (answer == NULL)
		return;
	memcpy(netbuf_push(answer, HEADER), b->data, HEADER);
	((struct icmp_header *)answer->data)->type = ICMP6_ECHO_REPLY;
	if (send(net, answer, info) != 0)
		return; /* nobody waits for it but the peer */
}

/* The packet from its IP header on, as much as is quoted, with an ICMP header. NULL = no memory. */
static struct netbuf *quote(const struct netbuf *b)
{
	const uint8_t *network = netbuf_network(b);
	uint32_t before = (uint32_t)(b->data - network);
	uint32_t len = min(before + b->len, QUOTE_MAX);
	struct netbuf *q = netbuf_new(HEADER + len);

	if (q == NULL)
		return NULL;
	before = min(before, len);
	memset(netbuf_put(q, HEADER), 0, HEADER);
	memcpy(netbuf_put(q, before), network, before);
	netbuf_copy_out(b, 0, netbuf_put(q, len - before), len - before);
	return q;
}

/* Is it an error's own packet? Then there is no error about it. */
static bool is_error(const struct netbuf *b, const struct ip_info *info)
{
	return info->protocol == IPPROTO_ICMPV6 && b->head_len > 0 && b->data[0] < 128;
}

/* §2.4 e; `always`: also about what was sent to a group. */
static bool may_complain(struct net *net, const struct netbuf *b, bool always)
{
	const struct ip_info *info = netbuf_notes((struct netbuf *)b, struct ip_info);
	bool to_many = inet_ip_is_multicast(info->to) ||
		       (b->flags & (NETBUF_FOR_ALL | NETBUF_FOR_GROUP)) != 0;

	return !inet_ip_is_any(info->from) && (always || !to_many) && !is_error(b, info) &&
	       icmp_may_send(net);
}

static void complain(struct net *net, const struct netbuf *b, const struct icmp_header *what)
{
	struct netbuf *q = quote(b);

	if (q == NULL)
		return;
	memcpy(q->data, what, sizeof(*what));
	if (send(net, q, netbuf_notes((struct netbuf *)b, struct ip_info)) != 0)
		return; /* as above */
}

void icmp6_problem(struct net *net, const struct netbuf *b, enum icmp6_problem problem, uint32_t at)
{
	struct icmp_header what = {
		.type = ICMP6_PARAMETER_PROBLEM,
		.code = (uint8_t)problem,
		.word = be32_of(at),
	};

	if (may_complain(net, b, problem == ICMP6_BAD_OPTION))
		complain(net, b, &what);
}

void icmp6_complain(struct net *net, const struct netbuf *b, enum ip_complaint what)
{
	const struct ip_info *info = netbuf_notes((struct netbuf *)b, struct ip_info);
	struct icmp_header h = { .type = ICMP6_UNREACHABLE, .code = ICMP6_PORT };

	if (what == IP_PROTOCOL_UNREACHABLE) {
		icmp6_problem(net, b, ICMP6_BAD_HEADER, info->protocol_at);
		return;
	}
	if (what == IP_TIME_EXCEEDED_FRAGMENT) {
		h.type = ICMP6_TIME_EXCEEDED;
		h.code = ICMP6_TIME_REASSEMBLY;
	}
	if (may_complain(net, b, false))
		complain(net, b, &h);
}

/* ---- in ---- */

/* What a socket hears of a destination that is not reached, by code: as Linux has it. */
static const struct {
	int error;
	bool is_fatal;
} unreachable[] = {
	{ ENETUNREACH, false },                                                   /* no route */
	{ EACCES, true },                                                         /* prohibited */
	{ EHOSTUNREACH, false }, { EHOSTUNREACH, false }, { ECONNREFUSED, true }, /* no port */
	{ EACCES, true },                                                         /* by policy */
	{ EACCES, true }, /* a route that rejects */
};

static void explain(struct ip_error *e, const struct icmp_header *h)
{
	e->type = h->type;
	e->code = h->code;
	switch (h->type) {
	case ICMP6_UNREACHABLE:
		e->error = h->code < ARRAY_SIZE(unreachable) ? unreachable[h->code].error : EPROTO;
		e->is_fatal = h->code >= ARRAY_SIZE(unreachable) || unreachable[h->code].is_fatal;
		break;
	case ICMP6_TOO_BIG:
		e->error = EMSGSIZE;
		e->mtu = be32_get(h->word);
		break;
	case ICMP6_PARAMETER_PROBLEM:
		e->error = EPROTO;
		e->is_fatal = true;
		break;
	default:
		e->error = EHOSTUNREACH;
		break;
	}
}

const uint8_t *icmp6_find_transport(const uint8_t *at, const uint8_t *end, uint8_t *next)
{
	for (unsigned i = 0; i < CHAIN_MAX && end - at >= 8; i++) {
		unsigned len = (at[1] + 1u) * 8;

		switch (*next) {
		case IPPROTO_FRAGMENT:
			len = sizeof(struct ip6_fragment);
			if ((at[2] | (at[3] & 0xf8)) != 0)
				return NULL; /* a later piece */
			break;
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			break;
		default:
			return at;
		}
		if (end - at < (ptrdiff_t)len)
			return NULL;
		*next = at[0];
		at += len;
	}
	return NULL;
}

/* False: it is cut short. */
static bool take_error(struct net *net, struct netbuf *b, const struct ip_info *info)
{
	uint8_t bytes[HEADER + sizeof(struct ip6_header) + PAYLOAD_MAX] ALIGNED(4);
	const struct icmp_header *h = (const void *)bytes;
	const struct ip6_header *quoted = (const void *)(h + 1);
	unsigned len = min(b->len, (unsigned)sizeof(bytes));
	struct ip_error e = { .v4 = false };

	if (len < HEADER + sizeof(*quoted))
		return false;
	/* More than a netbuf's linear part has room for. */
	netbuf_copy_out(b, 0, bytes, len);
	memcpy(e.from, quoted->from, sizeof(e.from));
	memcpy(e.to, quoted->to, sizeof(e.to));
	memcpy(e.reporter, info->from, sizeof(e.reporter));
	e.protocol = quoted->next_header;
	e.payload = icmp6_find_transport((const uint8_t *)(quoted + 1), bytes + len, &e.protocol);
	if (e.payload == NULL)
		return false;
	e.payload_len = (unsigned)(bytes + len - e.payload);
	explain(&e, h);
	if (!inet_ip_is_v4(e.from) && !inet_ip_is_v4(e.to) && net_address_is_ours(net, e.from, 0))
		ip_report_error(net, &e);
	return true;
}

static bool is_sound(struct net *net, const struct netbuf *b, const struct ip_info *info)
{
	uint64_t sum = checksum_pseudo(info->from, info->to, IPPROTO_ICMPV6, b->len);

	if ((b->flags & NETBUF_SUM_GOOD) != 0 ||
	    be16_get(checksum_finish(checksum_join(sum, netbuf_sum(b, 0, b->len)))) == 0)
		return true;
	net_count(net, false, NET_COUNT_ICMP_SUM_ERRORS);
	return false;
}

void icmp6_input(struct net *net, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	const struct icmp_header *h = is_sound(net, b, info) ? netbuf_need(b, HEADER) : NULL;
	bool is_whole = h != NULL;

	switch (is_whole ? h->type : 0) {
	case ICMP6_ECHO:
		answer_echo(net, b, info);
		break;
	case ICMP6_UNREACHABLE:
	case ICMP6_TOO_BIG:
	case ICMP6_TIME_EXCEEDED:
	case ICMP6_PARAMETER_PROBLEM:
		is_whole = take_error(net, b, info);
		break;
	case ICMP6_GROUP_QUERY:
		group_query6(b->dev, b);
		break;
	case ICMP6_ROUTER_ADVERT:
	case ICMP6_NEIGHBOUR_SOLICIT:
	case ICMP6_NEIGHBOUR_ADVERT:
		ndp_input(net, b);
		return;
	default: /* echo replies are raw sockets'; redirects are not followed */
		break;
	}
	if (!is_whole)
		net_count(net, false, NET_COUNT_ICMP_IN_ERRORS);
	netbuf_free(b);
}
