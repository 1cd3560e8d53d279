/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random segments and calls: a TCP with listeners and connections gets segments that are nearly
 * right (numbers around what it expects, any flags, options in and out of shape), ICMP errors,
 * calls of its users, time that passes, memory that fails. Nothing is compared; but it must not
 * crash, and in the end everything is given back.
 *
 *	[TRACE=1] test-net-fuzz [SEED [ROUNDS [FIRST]]]
 */
#include <linux/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"
#include "mm/alloc/kmem.h"
#include "net/tcp/engine.h"
#include "net/wire/checksum.h"
#include "test/net/user.h"
#include "test/net/wire.h"
#include "test/net/world.h"

#define USERS        12
#define PEERS        6
#define STEPS        400
#define LOCAL_PORT   80
#define PEER_PORT    9000
#define ROUNDS_MAX   1000000ul
#define ROUNDS_USUAL 3000ul

/* What was seen last of a connection, to make what may come next. */
struct seen {
	uint16_t local_port;
	uint32_t seq, end, ack, ts, ts_echo;
	uint8_t cookie[16];
	unsigned cookie_len;
};

static struct wire_net wire;
static struct user *users[USERS];
static struct seen seen[PEERS];
static bool v6;
static struct tcp_counters total;

static unsigned below(unsigned n)
{
	return (unsigned)(world_random() % n);
}

const struct user_kind user_kind = { .size = sizeof(struct user) };

static void address(struct inet_address *a, unsigned host, uint16_t port)
{
	user_address(a, v6, host, port);
}

/* ---- the wire ---- */

static void on_sent(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v)
{
	const struct tcp_header *h = (const struct tcp_header *)b->data;
	unsigned header = (h->words >> 4) * 4u, i = (unsigned)(be16_get(h->to) - PEER_PORT);
	struct tcp_options o;

	(void)n;
	(void)v;
	tcp_options_parse(&o, (const uint8_t *)(h + 1), header - TCP_HEADER,
			  (h->flags & TCP_SYN) != 0);
	if (i < PEERS) {
		struct seen *s = &seen[i];

		s->local_port = be16_get(h->from);
		s->seq = be32_get(h->seq);
		s->end = s->seq + b->len - header + ((h->flags & (TCP_SYN | TCP_FIN)) != 0);
		if ((h->flags & TCP_ACK) != 0)
			s->ack = be32_get(h->ack);
		if (o.has_timestamps) {
			s->ts = o.ts;
			s->ts_echo = o.ts_echo;
		}
		if (o.cookie_len > 0) {
			s->cookie_len = o.cookie_len;
			memcpy(s->cookie, o.cookie, o.cookie_len);
		}
	}
	netbuf_free(b);
}

/* Near `x`, most often it. */
static uint32_t about(uint32_t x)
{
	switch (below(40)) {
	case 0:
		return x + 1;
	case 1:
		return x - 1;
	case 2:
		return x + below(5000);
	case 3:
		return x - below(5000);
	case 4:
		return x + below(200000);
	case 5:
		return below(4) == 0 ? (uint32_t)world_random() : x;
	default:
		return x;
	}
}

static uint8_t *put32(uint8_t *at, uint32_t x)
{
	struct be32 be = be32_of(x);

	memcpy(at, &be, sizeof(be));
	return at + 4;
}

static uint8_t *put_sacks(uint8_t *at, const struct seen *s, unsigned nr)
{
	*at++ = 5;
	*at++ = (uint8_t)(2 + 8 * nr);
	while (nr-- > 0) {
		uint32_t from = s->end - below(30000);

		at = put32(put32(at, about(from)), about(from + below(5000)));
	}
	return at;
}

static unsigned make_options(uint8_t *to, const struct seen *s, bool syn)
{
	uint8_t *at = to;

	if (syn && below(8) != 0) {
		*at++ = 2, *at++ = 4, *at++ = (uint8_t)below(8), *at++ = (uint8_t)below(256);
		*at++ = 4, *at++ = 2, *at++ = 3, *at++ = 3, *at++ = (uint8_t)below(16);
	}
	if (syn && below(4) == 0) {
		unsigned n = below(3) != 0 ? s->cookie_len : below(4) * 2;

		*at++ = 34, *at++ = (uint8_t)(2 + n);
		memcpy(at, s->cookie, n);
		at += n;
	}
	if (below(3) != 0 && at - to < 26) {
		*at++ = 8, *at++ = 10;
		at = put32(put32(at, about(s->ts_echo + below(3))), about(s->ts));
	}
	if (!syn && below(2) == 0)
		at = put_sacks(at, s, 1 + below(3));
	if (below(50) == 0)
		for (unsigned i = 0; i < 12 && at - to < 40; i++)
			*at++ = (uint8_t)world_random();
	while ((at - to) % 4 != 0)
		*at++ = 1;
	return (unsigned)min(at - to, (ptrdiff_t)40);
}

static uint8_t make_flags(void)
{
	static const uint8_t usual[] = { TCP_ACK,           TCP_ACK,           TCP_ACK,
					 TCP_ACK,           TCP_ACK | TCP_PSH, TCP_ACK | TCP_PSH,
					 TCP_ACK | TCP_FIN, TCP_ACK | TCP_URG, TCP_ACK | TCP_ECE,
					 TCP_ACK | TCP_CWR };
	static const uint8_t rare[] = { TCP_SYN,           TCP_SYN | TCP_ACK,           TCP_SYN,
					TCP_SYN | TCP_ACK, TCP_SYN | TCP_ECE | TCP_CWR, TCP_RST };

	if (below(8) == 0)
		return rare[below(ARRAY_SIZE(rare))];
	if (below(100) == 0)
		return (uint8_t)world_random();
	return usual[below(ARRAY_SIZE(usual))];
}

static unsigned make_len(void)
{
	switch (below(6)) {
	case 0:
		return below(4000);
	case 1:
		return 1448;
	case 2:
		return 1 + below(10);
	default:
		return 0;
	}
}

static void segment_in(void)
{
	unsigned i = below(PEERS), len = make_len(), options_len;
	struct ip_info info = { .protocol = IPPROTO_TCP,
				.v4 = !v6,
				.dev_index = 1,
				.traffic_class = (uint8_t)below(4) };
	struct netbuf *b = netbuf_new(1900);
	struct inet_address us, them;
	uint8_t options[80], bytes[4096];
	struct tcp_header *h;
	struct be16 sum;

	if (b == NULL)
		return;
	h = netbuf_put(b, TCP_HEADER);
	h->from = be16_of((uint16_t)(PEER_PORT + i));
	h->to = be16_of(below(4) == 0 || seen[i].local_port == 0 ? LOCAL_PORT : seen[i].local_port);
	h->seq = be32_of(about(seen[i].ack));
	h->ack = be32_of(about(below(3) == 0 ? seen[i].seq : seen[i].end));
	h->flags = make_flags();
	h->window = be16_of((uint16_t)(below(4) == 0 ? below(3000) : below(65536)));
	h->urgent = be16_of((uint16_t)below(3000));
	options_len = make_options(options, &seen[i], (h->flags & TCP_SYN) != 0);
	h->words = (uint8_t)((TCP_HEADER + options_len) / 4 << 4);
	if (below(200) == 0)
		h->words = (uint8_t)world_random();
	memcpy(netbuf_put(b, options_len), options, options_len);
	memset(bytes, (int)len, sizeof(bytes));
	if (len > 0 && netbuf_append(b, bytes, len) != 0) {
		netbuf_free(b);
		return;
	}
	address(&us, 1, 0);
	address(&them, 2, 0);
	memcpy(info.from, them.ip, 16);
	memcpy(info.to, us.ip, 16);
	memset(&h->checksum, 0, sizeof(h->checksum));
	sum = checksum_finish(
		checksum_join(checksum_pseudo(info.from, info.to, IPPROTO_TCP, b->len),
			      netbuf_sum(b, 0, b->len)));
	h->checksum = sum;
	if (below(100) == 0)
		netbuf_trim(b, below(b->len));
	wire_receive(&wire, b, &info);
}

static void icmp_in(void)
{
	unsigned i = below(PEERS);
	struct ip_error e = { .protocol = IPPROTO_TCP, .v4 = !v6, .error = 113 };
	struct inet_address us, them;
	struct tcp_header h = { .words = 0x50 };

	address(&us, 1, 0);
	address(&them, 2, 0);
	memcpy(e.from, us.ip, 16);
	memcpy(e.to, them.ip, 16);
	h.from = be16_of(seen[i].local_port);
	h.to = be16_of((uint16_t)(PEER_PORT + i));
	h.seq = be32_of(about(seen[i].seq));
	e.mtu = below(2) == 0 ? below(2000) : 0;
	e.payload = (const uint8_t *)&h;
	e.payload_len = below(20) == 0 ? 4 : 8 + below(12);
	tcp_error(&wire.net, &e);
}

/* ---- calls ---- */

static void open_one(struct user **slot)
{
	struct inet_address to, us;
	struct user *u = user_new(&wire.net, v6);

	if (u == NULL)
		return;
	*slot = u;
	address(&us, 1, LOCAL_PORT);
	address(&to, 2, (uint16_t)(PEER_PORT + below(PEERS)));
	u->tcp.wishes.fastopen_connect = below(4) == 0;
	u->tcp.wishes.fastopen_queue = below(3);
	u->tcp.wishes.defer_accept_s = below(5) == 0;
	u->tcp.wishes.linger2_s = (int)below(4) - 1;
	if (below(2) == 0)
		IGNORE_RESULT(tcp_connect(&u->tcp, &to, NULL));
	else if (endpoint_bind(&u->tcp.endpoint, &us) == 0)
		IGNORE_RESULT(tcp_listen(&u->tcp, below(4)));
}

static void change_wishes(struct tcp_wishes *w, void *arg)
{
	(void)arg;
	w->no_delay = below(2);
	w->cork = below(2);
	w->keepalive = below(2);
	w->keep_idle_s = 1 + below(20);
	w->user_timeout_ms = below(3) == 0 ? below(5000) : 0;
	w->max_segment = below(3) == 0 ? 88 + below(2000) : 0;
	w->window_clamp = below(5) == 0 ? 1 + below(20000) : 0;
	w->out_of_band_inline = below(2);
}

static void write_some(struct user *u)
{
	unsigned len = 1 + below(below(3) == 0 ? 60000 : 2000);
	struct netbuf *b = netbuf_new(0);
	static uint8_t bytes[65536];

	if (b == NULL)
		return;
	if (netbuf_append(b, bytes, len) != 0) {
		netbuf_free(b);
		return;
	}
	if (tcp_room(&u->tcp) > 0)
		IGNORE_RESULT(tcp_send(&u->tcp, b, below(8)));
	else
		netbuf_free(b);
}

static void call(void)
{
	struct user **slot = &users[below(USERS)];

	if (*slot == NULL) {
		open_one(slot);
		return;
	}
	switch (below(12)) {
	case 0:
		user_end(slot, below(3) == 0);
		break;
	case 1:
		IGNORE_RESULT(tcp_shutdown(&(*slot)->tcp, below(2), below(2)));
		break;
	case 2:
		tcp_wish(&(*slot)->tcp, change_wishes, NULL);
		break;
	case 3:
		if (below(10) == 0)
			tcp_disconnect(&(*slot)->tcp);
		break;
	case 4:
	case 5:
		user_accept(*slot, users, USERS);
		break;
	case 6:
	case 7:
	case 8:
		user_read(*slot, below(2) != 0, below(tcp_readable(&(*slot)->tcp) + 1));
		break;
	default:
		write_some(*slot);
	}
}

/* ---- a round ---- */

static void set_up(void)
{
	struct tcp_settings *s;

	memset(&wire, 0, sizeof(wire));
	memset(users, 0, sizeof(users));
	memset(seen, 0, sizeof(seen));
	wire.sent = on_sent;
	wire.keep_gso = below(2);
	wire_init(&wire);
	s = tcp_settings(&wire.net);
	v6 = below(2);
	s->ecn = (uint8_t)below(3);
	s->sack = (uint8_t)(below(4) != 0);
	s->timestamps = (uint8_t)(below(4) != 0);
	s->window_scaling = (uint8_t)(below(4) != 0);
	s->syncookies = (uint8_t)below(3);
	s->fastopen = 3;
	s->abort_on_overflow = (uint8_t)below(2);
	s->max_tw_buckets = below(4) == 0 ? 1 : 100;
	s->max_orphans = below(4) == 0 ? 1 : 100;
	if (below(3) == 0)
		s->congestion = &tcp_reno;
	if (below(8) == 0)
		s->mem[1] = s->mem[2] = 50000;
	world_fail_rate(below(3) == 0 ? below(6000) : 0);
}

/* How deep it got: what never happens is not tested. */
static void add_counts(void)
{
	const uint64_t *from = (const uint64_t *)tcp_counters(&wire.net);
	uint64_t *to = (uint64_t *)&total;

	for (size_t i = 0; i < sizeof(total) / sizeof(*to); i++)
		to[i] += from[i];
}

static void print_counts(void)
{
	const struct tcp_counters *c = &total;

	printf("# opened %lu accepted %lu resets %lu TIME-WAIT %lu\n", c->active_opens,
	       c->passive_opens, c->estab_resets, c->time_wait);
	printf("# out of order %lu pruned %lu retransmitted %lu recoveries %lu time-outs %lu\n",
	       c->out_of_order_queued, c->rcv_pruned, c->retrans_segs, c->fast_retransmits,
	       c->timeouts);
	printf("# probes %lu spurious %lu D-SACKs %lu cookies %lu challenges %lu PAWS %lu\n",
	       c->loss_probes, c->spurious_rtos, c->dsack_recv, c->syncookies_recv,
	       c->challenge_acks, c->paws_rejected);
	printf("# fast open %lu and %lu, segments in error %lu\n", c->fastopen_active,
	       c->fastopen_passive, c->in_errs);
}

static void take_down(unsigned long round)
{
	world_fail_rate(0);
	for (unsigned i = 0; i < USERS; i++)
		if (users[i] != NULL)
			user_end(&users[i], below(3) == 0);
	world_advance(world_now + 2000 * NSEC_PER_SEC);
	if (wire.net.tcp_stack->memory != 0)
		panic("round %lu: %ld bytes are still charged", round,
		      (long)wire.net.tcp_stack->memory);
	if (wire.net.tcp_stack->nr_rest != 0 || wire.net.tcp_stack->counters.orphans != 0 ||
	    wire.net.tcp_stack->counters.curr_estab != 0)
		panic("round %lu: something is left", round);
	add_counts();
	wire_fini(&wire);
	if (world_nr_objects() != 0)
		panic("round %lu: %zu allocations are left", round, world_nr_objects());
}

static void play_round(uint64_t seed, unsigned long round)
{
	world_start(seed * ROUNDS_MAX + round);
	set_up();
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned what = below(20);

		if (what < 12)
			segment_in();
		else if (what < 17)
			call();
		else if (what == 17)
			icmp_in();
		else if (what == 18)
			world_advance(world_now + (nsec_t)below(500) * TCP_MS);
		else if (below(10) == 0)
			world_advance(world_now + (nsec_t)below(200) * NSEC_PER_SEC);
	}
	take_down(round);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : ROUNDS_USUAL;
	unsigned long first = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;

	for (unsigned long i = first; i < first + rounds; i++) {
		if (getenv("TRACE") != NULL)
			fprintf(stderr, "round %lu\n", i);
		play_round(seed, i);
	}
	print_counts();
	printf("ok 1 - %lu rounds of random segments, seed %lu\n1..1\n", rounds, seed);
	return 0;
}
