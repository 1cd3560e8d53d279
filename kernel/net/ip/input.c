/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv4 packets in (RFC 791, RFC 1122 §3.2): what is not sound, or not for this machine, ends here
 * without a word (RFC 1122 §3.2.1); fragments are put together; and what is whole goes to its
 * transport. Which addresses are ours does not depend on the interface, as Linux has it (the weak
 * model of RFC 1122 §3.3.4.2), but nothing from outside is from or to 127.0.0.0/8. Source routes
 * are refused (RFC 7126 §4.3).
 */
#include <linux/in.h>

#include "core/random.h"
#include "lib/atomic.h"
#include "net/counters.h"
#include "net/ip/deliver.h"
#include "net/ip/fragment.h"
#include "net/netdev.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

enum option { OPTION_END = 0, OPTION_NOP = 1, OPTION_LSRR = 131, OPTION_SSRR = 137 };

/* The header's length; 0: it is no sound header. What the link padded is cut off. */
static unsigned check_header(struct netbuf *b)
{
	const struct ip4_header *h = netbuf_need(b, sizeof(*h));
	unsigned len, total;

	if (h == NULL || h->version_words >> 4 != 4)
		return 0;
	len = (h->version_words & 15) * 4u;
	total = be16_get(h->total_len);
	if (len < sizeof(*h) || total < len || total > b->len)
		return 0;
	h = netbuf_need(b, len);
	if (h == NULL || be16_get(checksum_finish(checksum_add(0, h, len))) != 0)
		return 0;
	netbuf_trim(b, total);
	return len;
}

/* RFC 791 §3.1: false if they cannot be read, or ask for what we do not do. */
static bool are_options_fine(const uint8_t *options, unsigned len)
{
	for (unsigned at = 0; at < len && options[at] != OPTION_END;) {
		if (options[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 2 > len || options[at + 1] < 2 || at + options[at + 1] > len)
			return false;
		if (options[at] == OPTION_LSRR || options[at] == OPTION_SSRR)
			return false;
		at += options[at + 1];
	}
	return true;
}

static void read_info(const struct netbuf *b, unsigned header_len, struct ip_info *info)
{
	const struct ip4_header *h = (const void *)b->data;

	*info = (struct ip_info){
		.v4 = true,
		.protocol = h->protocol,
		.hops = h->hops,
		.traffic_class = h->traffic_class,
		.options_at = (uint16_t)(b->data + sizeof(*h) - b->room),
		.options_len = (uint16_t)(header_len - sizeof(*h)),
		.dev_index = b->dev->index,
	};
	inet_ip_from_v4_bytes(info->from, h->from);
	inet_ip_from_v4_bytes(info->to, h->to);
}

/* RFC 1122 §3.2.1.3: addresses that nobody sends from, or to us. */
static bool is_martian(const struct netbuf *b, const struct ip_info *i)
{
	bool from_lo = (b->dev->features & NETDEV_LOOPBACK) != 0;

	if (inet_ip_is_multicast(i->from) || inet_ip_equal(i->from, inet_broadcast4))
		return true;
	return !from_lo && (inet_ip_is_loopback(i->from) || inet_ip_is_loopback(i->to));
}

static bool is_for_us(struct net *net, const struct netbuf *b, const struct ip_info *i)
{
	if (inet_ip_is_multicast(i->to))
		return net_group_hears(b->dev, i->to, i->from);
	return net_address_is_broadcast(net, i->to, i->dev_index) ||
	       net_address_is_ours(net, i->to, 0) ||
	       (i->protocol == IPPROTO_UDP && net_is_configuring(b->dev));
}

/* NULL: it waits for the other pieces, or it was refused. */
static struct netbuf *put_together(struct net *net, struct netbuf *b, unsigned header_len)
{
	const struct ip4_header *h = (const void *)b->data;
	unsigned fragment = be16_get(h->fragment);
	struct fragment_piece piece = {
		.id = be16_get(h->id),
		.offset = (fragment & IP4_FRAGMENT_OFFSET) * 8u,
		.more = (fragment & IP4_MORE_FRAGMENTS) != 0,
		.protocol = h->protocol,
	};

	netbuf_pull(b, header_len);
	if (piece.offset == 0 && !piece.more)
		return b;
	return fragment_receive(net, b, &piece);
}

void ip4_input(struct net *net, struct netbuf *b)
{
	struct ip_info *info = netbuf_notes(b, struct ip_info);
	unsigned len = check_header(b);

	net_count(net, true, NET_COUNT_IN_RECEIVES);
	if (len == 0) {
		net_count(net, true, NET_COUNT_IN_HEADER_ERRORS);
		(void)atomic_add(&b->dev->stats.rx_errors, 1);
		netbuf_free(b);
		return;
	}
	netbuf_set_network(b);
	read_info(b, len, info);
	if (is_martian(b, info) || !is_for_us(net, b, info) ||
	    !are_options_fine(b->room + info->options_at, info->options_len)) {
		net_count(net, true, NET_COUNT_IN_ADDRESS_ERRORS);
		netbuf_free(b);
		return;
	}
	b = put_together(net, b, len);
	if (b != NULL)
		ip_deliver(net, b);
}
