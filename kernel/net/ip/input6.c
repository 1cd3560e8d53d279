/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6 packets in (RFC 8200 §3, §4): the header, the extension headers in the order in which they
 * stand, and the transport. What is not understood is answered as the RFC says (§4.2 for options,
 * §4.4 for routing headers, §4 for unknown headers). A chain of headers is bounded. An address that
 * would be IPv4's when it is kept (address.h) is never taken from the wire (RFC 4942 §2.2).
 */
#include <linux/in.h>
#include <linux/in6.h>

#include "lib/atomic.h"
#include "net/counters.h"
#include "net/ip/deliver.h"
#include "net/ip/device.h"
#include "net/ip/fragment.h"
#include "net/netdev.h"
#include "net/wire/ip.h"

#define HEADERS_MAX 8u
#define STEP        8u

enum option { OPTION_PAD1 = 0, OPTION_PADN = 1, OPTION_ROUTER_ALERT = 5 };

/* What an unknown option asks for: its two highest bits (RFC 8200 §4.2). */
enum option_act { ACT_SKIP = 0, ACT_DISCARD = 1, ACT_ALWAYS_REPORT = 2, ACT_REPORT = 3 };

/* Where the walk along the headers is. */
struct walk {
	struct net *net;
	struct netbuf *b; /* NULL: it was taken */
	uint8_t next;     /* the header that data is at */
	uint16_t next_at; /* where the byte is that says so, from the IP header on */
	uint16_t at;      /* where data is, from the IP header on */
};

static bool check_header(struct netbuf *b)
{
	const struct ip6_header *h = netbuf_need(b, sizeof(*h));
	uint32_t len;

	if (h == NULL || be32_get(h->version_class_flow) >> 28 != 6)
		return false;
	len = (uint32_t)sizeof(*h) + be16_get(h->payload_len);
	if (len > b->len)
		return false;
	netbuf_trim(b, len); /* what the link padded; jumbograms are not known (RFC 2675) */
	return true;
}

static void read_info(const struct netbuf *b, struct ip_info *info)
{
	const struct ip6_header *h = (const void *)b->data;
	uint32_t word = be32_get(h->version_class_flow);

	*info = (struct ip_info){
		.hops = h->hops,
		.traffic_class = (uint8_t)(word >> 20),
		.flow_label = word & 0xfffff,
		.dev_index = b->dev->index,
	};
	memcpy(info->from, h->from, sizeof(info->from));
	memcpy(info->to, h->to, sizeof(info->to));
}

static bool is_interface_local(const uint8_t ip[16])
{
	return ip[0] == 0xff && (ip[1] & 15) <= 1;
}

static bool is_martian(const struct netbuf *b, const struct ip_info *i)
{
	bool from_lo = (b->dev->features & NETDEV_LOOPBACK) != 0;

	if (inet_ip_is_multicast(i->from) || inet_ip_is_v4(i->from) || inet_ip_is_v4(i->to) ||
	    inet_ip_is_any(i->to))
		return true;
	return !from_lo && (inet_ip_is_loopback(i->from) || inet_ip_is_loopback(i->to) ||
			    is_interface_local(i->to));
}

static bool is_for_us(struct net *net, const struct netbuf *b, const struct ip_info *i)
{
	bool from_lo = (b->dev->features & NETDEV_LOOPBACK) != 0;

	if (inet_ip_is_multicast(i->to))
		return net_group_hears(b->dev, i->to, i->from);
	return net_address_is_ours(net, i->to,
				   inet_ip_is_link_local(i->to) && !from_lo ? i->dev_index : 0);
}

/* ---- extension headers ---- */

static void refuse(struct walk *w, enum icmp6_problem problem, uint32_t at)
{
	icmp6_problem(w->net, w->b, problem, at);
	netbuf_free(w->b);
	w->b = NULL;
}

static void drop(struct walk *w)
{
	netbuf_free(w->b);
	w->b = NULL;
}

/* The header is over: data goes behind it. */
static void pass(struct walk *w, uint8_t next, unsigned len)
{
	w->next = next;
	w->next_at = w->at;
	w->at = (uint16_t)(w->at + len);
	netbuf_pull(w->b, len);
}

/* An option that is not known, at `at` of the header at data. False: that was the packet's end. */
static bool skip_unknown(struct walk *w, const uint8_t *option, unsigned at)
{
	const struct ip_info *info = netbuf_notes(w->b, struct ip_info);
	unsigned act = option[0] >> 6;

	if (act == ACT_SKIP)
		return true;
	if (act == ACT_ALWAYS_REPORT || (act == ACT_REPORT && !inet_ip_is_multicast(info->to)))
		refuse(w, ICMP6_BAD_OPTION, w->at + at);
	else
		drop(w);
	return false;
}

static void take_options(struct walk *w, const uint8_t *h, unsigned len)
{
	for (unsigned at = sizeof(struct ip6_extension); at < len;) {
		unsigned size = h[at] == OPTION_PAD1 ? 1 : at + 1 < len ? 2u + h[at + 1] : len;

		if (at + size > len) {
			refuse(w, ICMP6_BAD_FIELD, w->at + at);
			return;
		}
		if (h[at] != OPTION_PAD1 && h[at] != OPTION_PADN && h[at] != OPTION_ROUTER_ALERT &&
		    !skip_unknown(w, h + at, at))
			return;
		at += size;
	}
	pass(w, h[0], len);
}

/* No type is followed: RFC 5095 took the last one away. */
static void take_routing(struct walk *w, const uint8_t *h, unsigned len)
{
	if (h[3] != 0)
		refuse(w, ICMP6_BAD_FIELD, w->at + 2u);
	else
		pass(w, h[0], len);
}

static void take_fragment(struct walk *w)
{
	const struct ip6_fragment *f = netbuf_need(w->b, sizeof(*f));
	struct fragment_piece piece;
	uint16_t place;

	if (f == NULL) {
		drop(w);
		return;
	}
	place = be16_get(f->offset_more);
	piece = (struct fragment_piece){
		.id = be32_get(f->id),
		.offset = place & ~(STEP - 1),
		.more = (place & 1) != 0,
		.protocol = f->next_header,
	};
	pass(w, f->next_header, sizeof(*f));
	if (piece.offset == 0 && !piece.more) /* RFC 6946: whole */
		return;
	if (piece.more && w->b->len % STEP != 0) {
		refuse(w, ICMP6_BAD_FIELD, offsetof(struct ip6_header, payload_len));
		return;
	}
	if (piece.offset + w->b->len > 65535) {
		refuse(w, ICMP6_BAD_FIELD, w->next_at + offsetof(struct ip6_fragment, offset_more));
		return;
	}
	w->b = fragment_receive(w->net, w->b, &piece);
	if (w->b != NULL)
		w->next = netbuf_notes(w->b, struct ip_info)->protocol;
}

/* The header at data is one with a length of its own. */
static void take_extension(struct walk *w)
{
	const struct ip6_extension *h = netbuf_need(w->b, STEP);
	unsigned len = h == NULL ? 0 : (h->len + 1u) * STEP;
	const uint8_t *bytes = len == 0 ? NULL : netbuf_need(w->b, len);

	if (bytes == NULL)
		drop(w);
	else if (w->next == IPPROTO_ROUTING)
		take_routing(w, bytes, len);
	else
		take_options(w, bytes, len);
}

/* False: data is at the transport's header, or the packet is gone. */
static bool take_header(struct walk *w)
{
	switch (w->next) {
	case IPPROTO_HOPOPTS: /* only right behind the IP header */
		if (w->at != sizeof(struct ip6_header)) {
			refuse(w, ICMP6_BAD_HEADER, w->next_at);
			break;
		}
		take_extension(w);
		break;
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		take_extension(w);
		break;
	case IPPROTO_FRAGMENT:
		take_fragment(w);
		break;
	case IPPROTO_NONE:
		drop(w);
		break;
	default:
		return false;
	}
	return w->b != NULL;
}

bool net_has_ip6(void)
{
	return true;
}

void ip6_input(struct net *net, struct netbuf *b)
{
	struct ip_info *info = netbuf_notes(b, struct ip_info);
	struct walk w = { .net = net, .b = b };

	if (ip_device_has_mode(b->dev, NET_DEVICE_NO_IP6)) {
		netbuf_free(b);
		return;
	}
	net_count(net, false, NET_COUNT_IN_RECEIVES);
	if (!check_header(b)) {
		net_count(net, false, NET_COUNT_IN_HEADER_ERRORS);
		(void)atomic_add(&b->dev->stats.rx_errors, 1);
		netbuf_free(b);
		return;
	}
	netbuf_set_network(b);
	read_info(b, info);
	if (is_martian(b, info) || !is_for_us(net, b, info)) {
		net_count(net, false, NET_COUNT_IN_ADDRESS_ERRORS);
		netbuf_free(b);
		return;
	}
	w.next = ((const struct ip6_header *)b->data)->next_header;
	w.next_at = offsetof(struct ip6_header, next_header);
	w.at = sizeof(struct ip6_header);
	netbuf_pull(b, sizeof(struct ip6_header));
	for (unsigned nr = 0; take_header(&w); nr++) {
		if (nr == HEADERS_MAX)
			drop(&w);
		if (w.b == NULL)
			return;
	}
	if (w.b == NULL)
		return;
	info = netbuf_notes(w.b, struct ip_info);
	info->protocol = w.next;
	info->protocol_at = w.next_at;
	ip_deliver(net, w.b);
}
