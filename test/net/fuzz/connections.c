/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections of the fuzzed host: connections.h. */
#include "test/net/fuzz/connections.h"

#include <linux/in.h>
#include <linux/tcp.h>
#include <string.h>

#include "core/panic.h"
#include "net/tcp/engine.h"
#include "net/wire/ip.h"
#include "net/wire/link.h"
#include "test/net/fuzz/packets.h"
#include "test/net/user.h"

#define USERS          8u
#define PEERS          4u /* of each family: the peer's ports from PEER_PORT */
#define PEER_PORT      9000u
#define LISTENING      80u
#define OFFLOADS       (NETDEV_SUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_USO)
#define SEGMENT_HEADER 11u
#define IP_AT          14u

/* Bits of a segment's first byte. */
enum { SEGMENT_PEER = 3, SEGMENT_V6 = 4, SEGMENT_OPTIONS_RIGHT = 8, SEGMENT_CUT = 16 };

/* What was seen last of a connection, to make what may come next. */
struct seen {
	uint16_t local_port;
	uint32_t una, end, ack, ts;
	uint8_t cookie[16];
	unsigned cookie_len;
};

static struct host *host;
static struct user *users[USERS];
static struct seen seen[2][PEERS];

const struct user_kind user_kind = { .size = sizeof(struct user) };

/* ---- what is seen ---- */

void connections_look(const uint8_t *frame, uint32_t len)
{
	bool v6 = frame[12] == 0x86;
	const struct ip4_header *v4 = (const void *)(frame + IP_AT);
	uint32_t at = v6 ? IP_AT + sizeof(struct ip6_header)
			 : IP_AT + (v4->version_words & 15u) * 4u;
	const struct tcp_header *h = (const void *)(frame + at);
	unsigned protocol = v6 ? frame[IP_AT + 6] : v4->protocol, header, i;
	struct tcp_options o;
	struct seen *s;

	if ((!v6 && frame[12] != 8) || protocol != IPPROTO_TCP || len < at + TCP_HEADER)
		return;
	i = (unsigned)(be16_get(h->to) - PEER_PORT);
	header = (h->words >> 4) * 4u;
	if (i >= PEERS)
		return;
	s = &seen[v6][i];
	tcp_options_parse(&o, (const uint8_t *)(h + 1), header - TCP_HEADER,
			  (h->flags & TCP_SYN) != 0);
	if (s->local_port != be16_get(h->from) || (h->flags & TCP_SYN) != 0)
		s->una = be32_get(h->seq);
	s->local_port = be16_get(h->from);
	s->end = be32_get(h->seq) + len - at - header + ((h->flags & (TCP_SYN | TCP_FIN)) != 0);
	if ((h->flags & TCP_ACK) != 0)
		s->ack = be32_get(h->ack);
	if (o.has_timestamps)
		s->ts = o.ts;
	if (o.cookie_len > 0) {
		s->cookie_len = o.cookie_len;
		memcpy(s->cookie, o.cookie, o.cookie_len);
	}
}

/* ---- segments ---- */

static void add32(uint8_t *at, uint32_t x)
{
	struct be32 be;

	memcpy(&be, at, sizeof(be));
	be = be32_of(be32_get(be) + x);
	memcpy(at, &be, sizeof(be));
}

/* Numbers in options are offsets from what would be right. */
static void make_right(uint8_t *at, unsigned len, const struct seen *s)
{
	for (unsigned size; len >= 2 && *at != 0; at += size, len -= size) {
		size = *at == 1 ? 1 : at[1];
		if (size == 0 || size > len)
			return;
		if (*at == 8 && size == 10)
			add32(at + 6, s->ts);
		for (unsigned i = 2; *at == 5 && i + 4 <= size; i += 4)
			add32(at + i, s->una);
		if (*at == 34 && size == 2 + s->cookie_len)
			memcpy(at + 2, s->cookie, s->cookie_len);
	}
}

void connections_segment(struct frame *f, const uint8_t *body, unsigned len)
{
	bool v6 = len > 0 && (body[0] & SEGMENT_V6) != 0;
	const char *from = v6 ? "fd00::8" : "10.0.0.8", *to = v6 ? "fd00::1" : "10.0.0.1";
	uint32_t at = IP_AT + (v6 ? 40 : 20), options_at = at + TCP_HEADER;
	struct tcp_header h = { .from = be16_of(0) };
	unsigned words, peer;
	struct seen *s;

	if (len < SEGMENT_HEADER)
		return;
	peer = body[0] & SEGMENT_PEER;
	s = &seen[v6][peer];
	words = min(body[8] % 11u, (len - SEGMENT_HEADER) / 4);
	h.from = be16_of((uint16_t)(PEER_PORT + peer));
	h.to = be16_of(s->local_port != 0 ? s->local_port : LISTENING);
	h.seq = be32_of(s->ack + (uint32_t)(int16_t)(body[2] << 8 | body[3]));
	h.ack = be32_of(s->end - (uint32_t)(int16_t)(body[4] << 8 | body[5]));
	h.words = (uint8_t)((5 + words) << 4);
	h.flags = body[1];
	h.window = be16_of((uint16_t)(body[6] << 8 | body[7]));
	h.urgent = be16_of((uint16_t)(body[9] << 8 | body[10]));
	len -= SEGMENT_HEADER;
	frame_begin(f, ip_of(to), v6 ? ETHERNET_IP6 : ETHERNET_IP4);
	if (v6)
		frame_put_ip6(f, ip_of(from), ip_of(to), IPPROTO_TCP, TCP_HEADER + len);
	else
		frame_put_ip4(f, ip_of(from), ip_of(to), IPPROTO_TCP, TCP_HEADER + len);
	frame_put(f, &h, sizeof(h));
	frame_put(f, body + SEGMENT_HEADER, len);
	if ((body[0] & SEGMENT_OPTIONS_RIGHT) != 0)
		make_right(f->bytes + options_at, words * 4, s);
	if ((body[0] & SEGMENT_CUT) != 0)
		f->len -= min(f->len - at, 7u);
	frame_sum(f, at, 16, IPPROTO_TCP);
	if ((h.flags & TCP_ACK) != 0 && (body[4] & 0x80) == 0)
		s->una = be32_get(h.ack);
	if ((h.flags & TCP_RST) != 0)
		s->local_port = 0;
}

/* ---- calls ---- */

static const uint8_t *address(bool v6, unsigned end)
{
	static uint8_t ip[2][16];
	struct inet_address a;

	user_address(&a, v6, end, 0);
	memcpy(ip[end & 1], a.ip, 16);
	return ip[end & 1];
}

static void open_one(struct user **slot, unsigned how, unsigned n)
{
	bool v6 = (how & 1) != 0;
	struct inet_address to = { .port = (uint16_t)(PEER_PORT + n % PEERS) };
	struct inet_address us = { .port = LISTENING };
	struct user *u = user_new(&host->net, v6);

	if (u == NULL)
		return;
	*slot = u;
	memcpy(to.ip, address(v6, 8), 16);
	memcpy(us.ip, address(v6, 1), 16);
	u->tcp.wishes.fastopen_connect = (how & 2) != 0;
	u->tcp.wishes.fastopen_queue = n & 3;
	u->tcp.wishes.defer_accept_s = (n & 4) != 0;
	u->tcp.wishes.linger2_s = (int)(n >> 3 & 3) - 1;
	if ((how & 4) != 0)
		IGNORE_RESULT(tcp_connect(&u->tcp, &to, us.ip));
	else if (endpoint_bind(&u->tcp.endpoint, &us) == 0)
		IGNORE_RESULT(tcp_listen(&u->tcp, n & 3));
}

static void change_wishes(struct tcp_wishes *w, void *arg)
{
	unsigned n = *(const unsigned *)arg;

	w->no_delay = n & 1;
	w->cork = n >> 1 & 1;
	w->keepalive = n >> 2 & 1;
	w->keep_idle_s = 1 + (n >> 3 & 15);
	w->user_timeout_ms = n >> 7 & 1 ? n : 0;
	w->max_segment = n >> 8 & 1 ? 88 + n % 2000 : 0;
	w->window_clamp = n >> 9 & 1 ? 1 + n : 0;
	w->out_of_band_inline = n >> 10 & 1;
	w->not_sent_low = n >> 11 & 1 ? n : 0;
	w->no_quick_ack = n >> 12 & 1;
	w->least_hops = n >> 13 & 1 ? (uint8_t)n : 0;
}

static void write_some(struct user *u, unsigned flags, unsigned len)
{
	static const uint8_t bytes[65536];
	struct netbuf *b = netbuf_new(0);

	if (b == NULL)
		return;
	if (len == 0 || netbuf_append(b, bytes, len) != 0 || tcp_room(&u->tcp) == 0)
		netbuf_free(b);
	else
		IGNORE_RESULT(tcp_send(&u->tcp, b, flags & 7));
}

void connections_call(const uint8_t *body, unsigned len)
{
	struct user **slot;
	unsigned n;

	if (len < 4)
		return;
	slot = &users[body[1] % USERS];
	n = (unsigned)(body[2] << 8 | body[3]);
	if (*slot == NULL) {
		open_one(slot, body[0], n);
		return;
	}
	switch (body[0] % 8) {
	case 0:
		user_end(slot, (n & 1) != 0);
		break;
	case 1:
		IGNORE_RESULT(tcp_shutdown(&(*slot)->tcp, n & 1, n & 2));
		break;
	case 2:
		tcp_wish(&(*slot)->tcp, change_wishes, &n);
		break;
	case 3:
		tcp_disconnect(&(*slot)->tcp);
		break;
	case 4:
		user_accept(*slot, users, USERS);
		break;
	case 5:
		user_read(*slot, n & 1, n);
		break;
	default:
		write_some(*slot, body[1] >> 4, n);
	}
}

/* ---- from the beginning to the end ---- */

static void known_neighbour(const char *ip)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0, 8 };

	if (neighbour_set(&host->dev, ip_of(ip), mac, NEIGHBOUR_PERMANENT) != 0)
		panic("no memory for a neighbour");
}

void connections_start(struct host *h, unsigned settings)
{
	struct tcp_settings *s = tcp_settings(&h->net);

	host = h;
	memset(users, 0, sizeof(users));
	memset(seen, 0, sizeof(seen));
	h->dev.features = settings & PACKET_OFFLOADS ? OFFLOADS : 0;
	h->in_pages = (settings & PACKET_PAGES) != 0;
	s->syncookies = settings & PACKET_COOKIES ? 2 : 1;
	s->ecn = settings & PACKET_ECN ? 1 : 2;
	s->fastopen = 3;
	if ((settings & PACKET_RENO) != 0)
		s->congestion = &tcp_reno;
	if ((settings & PACKET_LITTLE_MEMORY) != 0)
		s->mem[1] = s->mem[2] = 50000;
	if ((settings & PACKET_ONE_TIME_WAIT) != 0)
		s->max_tw_buckets = s->max_orphans = 1;
	known_neighbour("10.0.0.8");
	known_neighbour("fd00::8");
	open_one(&users[0], 0, 3);
	open_one(&users[1], 1, 3);
}

void connections_end(void)
{
	for (unsigned i = 0; i < USERS; i++)
		if (users[i] != NULL)
			user_end(&users[i], false);
	net_run();
}

void connections_check(void)
{
	const struct tcp_stack *s = host->net.tcp_stack;

	if (s->memory != 0)
		panic("%ld bytes are still charged", (long)s->memory);
	if (s->nr_rest != 0 || s->counters.orphans != 0 || s->counters.curr_estab != 0)
		panic("something of TCP is left");
}
