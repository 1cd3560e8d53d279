/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets out: the header of IPv4 (RFC 791 §3.1) or IPv6 (RFC 8200 §3) in front of what a transport
 * made, fragments if it is too long, and on to the link. IPv4's identification is counted by
 * destination (RFC 6864 §4.2: it needs no more), and is 0 for what may not be cut.
 */
#include <linux/in.h>

#include "core/random.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "net/counters.h"
#include "net/ip/fragment.h"
#include "net/ip/deliver.h"
#include "net/ip/device.h"
#include "net/ip/ip.h"
#include "net/link/ethernet.h"
#include "net/link/loopback.h"
#include "net/netdev.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

#define NR_IDS 1024u

static uint16_t ids[NR_IDS]; /* [a] by a hash of the destination */

uint16_t ip4_next_id(const struct net *net, const uint8_t to[16], unsigned nr)
{
	uint64_t key;
	uint16_t *id;

	memcpy(&key, net->secret, sizeof(key));
	id = &ids[hash_bytes(to, 16, key) % NR_IDS];
	return (uint16_t)(atomic_add(id, (uint16_t)nr) + (uint16_t)key);
}

static uint8_t hops_of(const struct ip_header_values *v, uint32_t usual)
{
	if (v->hops != 0)
		return v->hops;
	return inet_ip_is_multicast(v->to) ? 1 : (uint8_t)usual;
}

static void moved(struct netbuf *b, unsigned n)
{
	if ((b->flags & NETBUF_SUM_WANTED) != 0)
		b->sum_start = (uint16_t)(b->sum_start + n);
}

void ip4_push_header(struct net *net, struct netbuf *b, const struct ip_header_values *v)
{
	unsigned options = (v->options_len + 3u) & ~3u;
	unsigned nr = b->gso_size > 0 ? b->len / b->gso_size + 1 : 1;
	struct ip4_header *h = netbuf_push(b, (unsigned)sizeof(*h) + options);

	*h = (struct ip4_header){
		.version_words = (uint8_t)(4 << 4 | (sizeof(*h) + options) / 4),
		.traffic_class = v->traffic_class,
		.total_len = be16_of((uint16_t)min(b->len, 65535u)),
		.hops = hops_of(v, READ_ONCE(net->settings.default_ttl)),
		.protocol = v->protocol,
	};
	if (!v->dont_fragment || nr > 1)
		h->id = be16_of(ip4_next_id(net, v->to, nr));
	if (v->dont_fragment)
		h->fragment = be16_of(IP4_DONT_FRAGMENT);
	memcpy(h->from, v->from + IP_V4_AT, sizeof(h->from));
	memcpy(h->to, v->to + IP_V4_AT, sizeof(h->to));
	memset(h + 1, 0, options); /* the end of options: RFC 791 §3.1 */
	if (options > 0)
		memcpy(h + 1, v->options, v->options_len);
	h->checksum = checksum_finish(checksum_add(0, h, sizeof(*h) + options));
	moved(b, (unsigned)sizeof(*h) + options);
}

/* The last of the extension headers names the transport. */
static void push_extensions(struct netbuf *b, const struct ip_header_values *v)
{
	uint8_t *bytes = netbuf_push(b, v->options_len);
	unsigned at = 0, len = v->options_len;

	memcpy(bytes, v->options, len);
	while (at + (bytes[at + 1] + 1u) * 8 < len)
		at += (bytes[at + 1] + 1u) * 8;
	bytes[at] = v->protocol;
}

void ip6_push_header(struct netbuf *b, const struct ip_header_values *v)
{
	uint32_t payload = b->len + v->options_len;
	struct ip6_header *h;

	if (v->options_len > 0)
		push_extensions(b, v);
	h = netbuf_push(b, sizeof(*h));
	*h = (struct ip6_header){
		.version_class_flow = be32_of(6u << 28 | (uint32_t)v->traffic_class << 20 |
					      (v->flow_label & 0xfffff)),
		.payload_len = be16_of((uint16_t)min(payload, 65535u)),
		.next_header = v->options_len > 0 ? v->first_header : v->protocol,
		.hops = hops_of(v, IP_DEFAULT_HOPS),
	};
	memcpy(h->from, v->from, sizeof(h->from));
	memcpy(h->to, v->to, sizeof(h->to));
	moved(b, (unsigned)sizeof(*h) + v->options_len);
}

/* The link address of a group (RFC 1112 §6.4, RFC 2464 §7), or of everybody. */
void ip_group_mac(const uint8_t to[16], uint8_t mac[ETHERNET_ADDRESS_LEN])
{
	const uint8_t *v4 = to + IP_V4_AT;

	memset(mac, 0xff, ETHERNET_ADDRESS_LEN);
	if (!inet_ip_is_multicast(to))
		return;
	if (inet_ip_is_v4(to)) {
		mac[0] = 0x01, mac[1] = 0x00, mac[2] = 0x5e;
		mac[3] = v4[1] & 0x7f, mac[4] = v4[2], mac[5] = v4[3];
	} else {
		mac[0] = mac[1] = 0x33;
		memcpy(mac + 2, to + 12, 4);
	}
}

/* Takes b, which begins with the IP header. */
void ip_transmit(struct netbuf *b, const struct ip_path *path)
{
	uint16_t type = b->data[0] >> 4 == 4 ? ETHERNET_IP4 : ETHERNET_IP6;
	uint8_t mac[ETHERNET_ADDRESS_LEN];

	b->dev = path->dev;
	netbuf_set_network(b);
	if (path->is_local || (path->dev->features & NETDEV_LOOPBACK) != 0) {
		netdev_send(path->dev, b);
	} else if (path->neighbour != NULL) {
		neighbour_send(path->neighbour, b, type);
	} else {
		ip_group_mac(path->next_hop, mac);
		ethernet_send(path->dev, b, mac, type);
	}
}

static void push_header(struct net *net, struct netbuf *b, const struct ip_header_values *v)
{
	if (inet_ip_is_v4(v->to))
		ip4_push_header(net, b, v);
	else
		ip6_push_header(b, v);
}

/* Members on this machine hear what goes to a group or to all, as by Linux (IP_MULTICAST_LOOP). */
static void echo(struct net *net, const struct netbuf *b, const struct ip_header_values *v,
		 const struct ip_path *path)
{
	struct netdev *d = path->dev;
	bool many = path->is_broadcast || inet_ip_is_multicast(path->next_hop);
	struct netbuf *copy;

	if (!many || path->is_local || (d->features & NETDEV_LOOPBACK) != 0 ||
	    (!path->is_broadcast && !net_group_hears(d, path->next_hop, v->from)))
		return;
	copy = netbuf_clone(b);
	if (copy == NULL)
		return;
	push_header(net, copy, v);
	copy->flags |= path->is_broadcast ? NETBUF_FOR_ALL : NETBUF_FOR_GROUP;
	loopback_echo(d, copy);
}

static unsigned header_len(const struct ip_header_values *v)
{
	return inet_ip_is_v4(v->to)
		       ? (unsigned)sizeof(struct ip4_header) + ((v->options_len + 3u) & ~3u)
		       : (unsigned)sizeof(struct ip6_header) + v->options_len;
}

int ip_send(struct net *net, struct netbuf *b, const struct ip_header_values *v,
	    const struct ip_path *path)
{
	bool fits = b->gso_size > 0 || b->len + header_len(v) <= path->mtu;

	netbuf_set_transport(b);
	net_count(net, inet_ip_is_v4(v->to), NET_COUNT_OUT_REQUESTS);
	if (!fits && v->dont_fragment) {
		netbuf_free(b);
		return -EMSGSIZE;
	}
	if (!v->no_echo)
		echo(net, b, v, path);
	if (!fits)
		return fragment_send(net, b, v, path);
	push_header(net, b, v);
	ip_transmit(b, path);
	return 0;
}
