/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP of IPv4 (RFC 792, RFC 1122 §3.2.2): echo is answered, errors go to the transport whose
 * packet they are about, and we complain about what nobody takes. What errors mean to a socket is
 * as icmp(7) of Linux has it. An answer to a broadcast or group is never sent, nor an error about
 * an error, a later fragment, or a packet from no single host (RFC 1122 §3.2.2).
 */
#include <linux/in.h>

#include "lib/errno.h"
#include "net/counters.h"
#include "net/ip/deliver.h"
#include "net/netdev.h"
#include "net/wire/checksum.h"
#include "net/wire/icmp.h"
#include "net/wire/ip.h"

#define QUOTE_MAX (576u - 20u - 8u) /* of the packet at fault: RFC 1812 §4.3.2.3 */

/* ---- out ---- */

static int send(struct net *net, struct netbuf *b, const uint8_t from[16], const uint8_t to[16])
{
	struct ip_header_values v = { .to = to, .protocol = IPPROTO_ICMP };
	struct ip_query q = { .to = to, .from = from };
	struct icmp_header *h = (void *)b->data;
	struct ip_path path;
	int err = ip_route(net, &q, &path);

	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	h->checksum = be16_of(0);
	h->checksum = checksum_finish(netbuf_sum(b, 0, b->len));
	v.from = path.from;
	err = ip_send(net, b, &v, &path);
	ip_path_drop(&path);
	return err;
}

/* Is it an error's own packet? Then there is no error about it. */
static bool is_error(const struct netbuf *b, const struct ip_info *info)
{
	return info->protocol == IPPROTO_ICMP && (b->head_len == 0 || b->data[0] != ICMP4_ECHO);
}

/* Is there one host to answer to, and was it sent to us alone? */
static bool may_answer(struct net *net, const struct netbuf *b, const struct ip_info *info)
{
	return (b->flags & (NETBUF_FOR_ALL | NETBUF_FOR_GROUP)) == 0 &&
	       !inet_ip_is_any(info->from) && !inet_ip_is_multicast(info->to) &&
	       !net_address_is_broadcast(net, info->to, info->dev_index) &&
	       net_address_is_ours(net, info->to, 0) && icmp_may_send(net);
}

/* Linux answers an echo that was broadcast no more than this does (icmp_echo_ignore_broadcasts). */
static void answer_echo(struct net *net, struct netbuf *b, const struct ip_info *info)
{
	struct netbuf *answer;
	uint8_t from[16], to[16];

	if (!may_answer(net, b, info))
		return;
	memcpy(from, info->to, sizeof(from));
	memcpy(to, info->from, sizeof(to));
	answer = netbuf_slice(b, sizeof(struct icmp_header),
			      b->len - (uint32_t)sizeof(struct icmp_header));
	if (answer == NULL)
		return;
	memcpy(netbuf_push(answer, sizeof(struct icmp_header)), b->data,
	       sizeof(struct icmp_header));
	((struct icmp_header *)answer->data)->type = ICMP4_ECHO_REPLY;
	if (send(net, answer, from, to) != 0)
		return; /* nobody waits for it but the peer */
}

/* The packet at fault from its IP header on, as much as is quoted. NULL = no memory. */
static struct netbuf *quote(const struct netbuf *b)
{
	const struct ip4_header *h = netbuf_network(b);
	unsigned header = (h->version_words & 15) * 4u;
	struct netbuf *q = netbuf_slice(b, 0, min(b->len, QUOTE_MAX - header));

	if (q != NULL)
		memcpy(netbuf_push(q, header), h, header);
	return q;
}

static const struct {
	uint8_t type, code;
} complaints[] = {
	[IP_PORT_UNREACHABLE] = { ICMP4_UNREACHABLE, ICMP4_PORT },
	[IP_PROTOCOL_UNREACHABLE] = { ICMP4_UNREACHABLE, ICMP4_PROTOCOL },
	[IP_TIME_EXCEEDED_FRAGMENT] = { ICMP4_TIME_EXCEEDED, ICMP4_TIME_REASSEMBLY },
};

void icmp4_complain(struct net *net, const struct netbuf *b, enum ip_complaint what)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	struct icmp_header *h;
	struct netbuf *q;

	if (is_error(b, info) || !may_answer(net, b, info))
		return;
	q = quote(b);
	if (q == NULL)
		return;
	h = netbuf_push(q, sizeof(*h));
	*h = (struct icmp_header){ .type = complaints[what].type, .code = complaints[what].code };
	if (send(net, q, info->to, info->from) != 0)
		return; /* as above */
}

/* ---- in ---- */

/* icmp(7): what a socket hears of a destination that is not reached, by code. */
static const struct {
	int error;
	bool is_fatal;
} unreachable[] = {
	[ICMP4_NET] = { ENETUNREACH, false },
	[ICMP4_HOST] = { EHOSTUNREACH, false },
	[ICMP4_PROTOCOL] = { ENOPROTOOPT, true },
	[ICMP4_PORT] = { ECONNREFUSED, true },
	[ICMP4_TOO_BIG] = { EMSGSIZE, false },
	[ICMP4_SOURCE_ROUTE] = { EOPNOTSUPP, false },
	[ICMP4_NET_UNKNOWN] = { ENETUNREACH, true },
	[ICMP4_HOST_UNKNOWN] = { EHOSTDOWN, true },
	[ICMP4_HOST_ISOLATED] = { ENONET, true },
	[ICMP4_NET_PROHIBITED] = { ENETUNREACH, true },
	[ICMP4_HOST_PROHIBITED] = { EHOSTUNREACH, true },
	[ICMP4_NET_SERVICE] = { ENETUNREACH, false },
	[ICMP4_HOST_SERVICE] = { EHOSTUNREACH, false },
	[ICMP4_FILTERED] = { EHOSTUNREACH, true },
	[ICMP4_PRECEDENCE] = { EHOSTUNREACH, true },
	[ICMP4_PRECEDENCE_CUTOFF] = { EHOSTUNREACH, true },
};

/* RFC 1191 §5: routers that do not say how much; the next lower of usual MTUs. */
static uint32_t plateau_below(uint32_t len)
{
	static const uint32_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 576 };

	for (unsigned i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++) {
		if (plateaus[i] < len)
			return plateaus[i];
	}
	return IP4_MTU_MIN;
}

static void explain(struct ip_error *e, const struct icmp_header *h, uint32_t quoted_len)
{
	e->type = h->type;
	e->code = h->code;
	if (h->type == ICMP4_UNREACHABLE && h->code <= ICMP4_PRECEDENCE_CUTOFF) {
		e->error = unreachable[h->code].error;
		e->is_fatal = unreachable[h->code].is_fatal;
	} else if (h->type == ICMP4_PARAMETER_PROBLEM) {
		e->error = EPROTO;
		e->is_fatal = true;
	} else {
		e->error = EHOSTUNREACH; /* time exceeded */
	}
	if (h->type == ICMP4_UNREACHABLE && h->code == ICMP4_TOO_BIG) {
		e->mtu = be16_get(h->too_big.mtu);
		if (e->mtu == 0)
			e->mtu = plateau_below(quoted_len);
	}
}

/* The quoted packet must be one of ours: from an address that we have. False: it is cut short. */
static bool take_error(struct net *net, struct netbuf *b, const struct ip_info *info)
{
	const struct icmp_header *h = (const void *)b->data;
	const struct ip4_header *quoted = (const void *)(h + 1);
	unsigned header, len = min(b->len, (unsigned)sizeof(*h) + 60 + 64);
	struct ip_error e = { .v4 = true };

	h = netbuf_need(b, len);
	if (h == NULL || len < sizeof(*h) + sizeof(*quoted) + 8)
		return false;
	quoted = (const void *)(h + 1);
	header = (quoted->version_words & 15) * 4u;
	if (header < sizeof(*quoted) || len < sizeof(*h) + header + 8)
		return false;
	if ((be16_get(quoted->fragment) & IP4_FRAGMENT_OFFSET) != 0)
		return true;
	inet_ip_from_v4_bytes(e.from, quoted->from);
	inet_ip_from_v4_bytes(e.to, quoted->to);
	memcpy(e.reporter, info->from, sizeof(e.reporter));
	e.protocol = quoted->protocol;
	e.payload = (const uint8_t *)quoted + header;
	e.payload_len = len - (unsigned)sizeof(*h) - header;
	explain(&e, h, be16_get(quoted->total_len));
	if (net_address_is_ours(net, e.from, 0))
		ip_report_error(net, &e);
	return true;
}

static bool is_sound(struct net *net, const struct netbuf *b)
{
	if ((b->flags & NETBUF_SUM_GOOD) != 0 ||
	    be16_get(checksum_finish(netbuf_sum(b, 0, b->len))) == 0)
		return true;
	net_count(net, true, NET_COUNT_ICMP_SUM_ERRORS);
	return false;
}

/* False: an error, counted as Linux does. What was sent to many is neither answered nor believed
 * (RFC 1122 §3.2.2.6). */
static bool take(struct net *net, struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, struct ip_info);
	const struct icmp_header *h;

	if (!is_sound(net, b))
		return false;
	h = netbuf_need(b, sizeof(*h));
	if (h == NULL || h->type > ICMP4_TYPE_MAX || inet_ip_is_multicast(info->to) ||
	    net_address_is_broadcast(net, info->to, info->dev_index))
		return false;
	switch (h->type) {
	case ICMP4_ECHO:
		answer_echo(net, b, info);
		return true;
	case ICMP4_UNREACHABLE:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER_PROBLEM:
		return take_error(net, b, info);
	default: /* echo replies are raw sockets'; redirects are not followed (RFC 6274) */
		return true;
	}
}

void icmp4_input(struct net *net, struct netbuf *b)
{
	if (!take(net, b))
		net_count(net, true, NET_COUNT_ICMP_IN_ERRORS);
	netbuf_free(b);
}
