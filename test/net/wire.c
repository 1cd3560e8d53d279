/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet layer's stand-in: wire.h. Large segments are cut as a device would (TSO). */
#include "test/net/wire.h"

#include <linux/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"
#include "core/random.h"
#include "lib/errno.h"
#include "net/tcp/tcp.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

static struct wire_net *wire_of(const struct net *net)
{
	return container_of(net, struct wire_net, net);
}

void wire_init(struct wire_net *n)
{
	n->mtu = n->mtu != 0 ? n->mtu : 1500;
	n->net.generation = 1;
	n->net.settings = (struct net_settings)NET_SETTINGS_DEFAULT;
	random_get(n->net.secret, sizeof(n->net.secret));
	if (endpoint_table_new(&n->net, false, &n->net.tcp) != 0 || tcp_stack_new(&n->net) != 0)
		panic("no memory for a net");
	n->dev.net = &n->net;
	n->dev.index = 1;
	n->dev.gso_max = 65000;
}

void wire_fini(struct wire_net *n)
{
	tcp_stack_free(&n->net);
	endpoint_table_free(n->net.tcp);
}

void wire_mtu(struct wire_net *n, uint32_t mtu)
{
	n->mtu = mtu;
	n->net.generation++;
}

static const uint8_t *our_address(const uint8_t to[16])
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 };
	static const uint8_t v6[16] = { 0xfd, [15] = 1 };

	return inet_ip_is_v4(to) ? v4 : v6;
}

int ip_route(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	struct wire_net *n = wire_of(net);

	if (n->route_error != 0)
		return n->route_error;
	*out = (struct ip_path){ .dev = &n->dev, .mtu = n->mtu, .generation = net->generation };
	memcpy(out->from, q->from == NULL || inet_ip_is_any(q->from) ? our_address(q->to) : q->from,
	       16);
	return 0;
}

void ip_path_drop(struct ip_path *p)
{
	p->dev = NULL;
}

static void finish(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v)
{
	struct tcp_header *h = (struct tcp_header *)b->data;
	uint64_t sum;

	memset(&h->checksum, 0, sizeof(h->checksum));
	sum = checksum_join(checksum_pseudo(v->from, v->to, IPPROTO_TCP, b->len),
			    netbuf_sum(b, 0, b->len));
	h->checksum = checksum_finish(sum);
	b->flags &= (uint16_t)~NETBUF_SUM_WANTED;
	n->sent(n, b, v);
}

static struct netbuf *piece(const struct netbuf *b, unsigned header, uint32_t at, uint32_t len)
{
	struct netbuf *p = netbuf_slice(b, header + at, len);
	struct tcp_header *h;

	if (p == NULL)
		return NULL;
	h = netbuf_push(p, header);
	memcpy(h, b->data, header);
	h->seq = be32_of(be32_get(h->seq) + at);
	if (header + at + len < b->len)
		h->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (at > 0)
		h->flags &= (uint8_t)~TCP_CWR;
	return p;
}

int ip_send(struct net *net, struct netbuf *b, const struct ip_header_values *v,
	    const struct ip_path *path)
{
	struct wire_net *n = wire_of(net);
	unsigned ip = inet_ip_is_v4(v->to) ? 20 : 40;
	unsigned header = (((const struct tcp_header *)b->data)->words >> 4) * 4u;
	uint32_t size = b->gso_size;
	struct netbuf *p;
	uint16_t sum;

	memcpy(&sum, b->data + 16, sizeof(sum));
	if ((size == 0 ? b->len : header + size) + ip > path->mtu) {
		netbuf_free(b);
		return -EMSGSIZE;
	}
	if (size == 0 || n->keep_gso) {
		finish(n, b, v);
		return 0;
	}
	for (uint32_t at = 0; at < b->len - header; at += size) {
		p = piece(b, header, at, min(size, b->len - header - at));
		if (p != NULL)
			finish(n, p, v);
	}
	netbuf_free(b);
	return 0;
}

void wire_receive(struct wire_net *n, struct netbuf *b, const struct ip_info *info)
{
	memset(b->notes, 0, sizeof(b->notes));
	*netbuf_notes(b, struct ip_info) = *info;
	b->dev = &n->dev;
	tcp_input(&n->net, b);
	net_run();
}
