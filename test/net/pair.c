/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two TCPs on virtual time, joined by a wire that has a rate, a delay and a queue, and loses,
 * repeats, reorders and corrupts. Each trial sends streams, compares every byte, ends the
 * connections, and looks that nothing is left; some know from theory how fast it must have been.
 *
 *	[TRACE=1] test-net-pair [SEED [TRIAL]]
 */
#include <linux/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/panic.h"
#include "mm/alloc/kmem.h"
#include "net/tcp/engine.h"
#include "test/net/pair.h"
#include "test/net/user.h"
#include "test/net/wire.h"
#include "test/net/world.h"

#define SERVER_PORT 80
#define CHUNK       16384u

struct side;

struct peer {
	struct user user;
	struct side *side;
	struct list link;
	uint64_t to_send, sent, received, to_receive; /* user.sent and its like are too short */
	bool is_open, fin_sent, got_end;
	int error;
	nsec_t sleeps_until;
};

struct side {
	struct wire_net wire;
	struct side *other;
	struct list users;
	struct peer *listener;
	nsec_t busy_until; /* the wire, with what is on its way to it */
	uint32_t queued;
	uint64_t nr_lost;
};

struct flying {
	struct timer timer;
	struct side *to;
	struct netbuf *b;
	struct ip_info info;
	uint32_t len;
};

static struct side sides[2];
static const struct trial *now;
static uint64_t seed;
static bool quiet_wire; /* loses nothing: the end of a trial */
static bool is_traced;

static uint8_t byte_at(uint64_t offset, bool forward)
{
	uint64_t x = offset / 8 * 0x9e3779b97f4a7c15ull + (forward ? 1 : 77);

	return (uint8_t)((x ^ x >> 29) >> (offset % 8 * 8));
}

/* ---- the wire ---- */

static void arrive(struct timer *t)
{
	struct flying *f = container_of(t, struct flying, timer);

	wire_receive(&f->to->wire, f->b, &f->info);
	free(f);
}

/* As a network card leaves it: bytes of its own. */
static struct netbuf *copy_of(struct netbuf *b)
{
	static uint8_t bytes[65536 + 60];
	struct netbuf *c = netbuf_new(min(b->len, 1900u));

	netbuf_copy_out(b, 0, bytes, b->len);
	if (c != NULL && netbuf_append(c, bytes, b->len) != 0) {
		netbuf_free(c);
		c = NULL;
	}
	netbuf_free(b);
	return c;
}

static void fly(struct side *from, struct netbuf *b, const struct ip_info *info, nsec_t at)
{
	struct flying *f = calloc(1, sizeof(*f));

	f->to = from->other;
	f->b = b;
	f->info = *info;
	timer_init(&f->timer, arrive);
	timer_arm(&f->timer, at);
}

static void corrupt(struct netbuf *b)
{
	if (b->head_len > 0)
		b->data[world_random() % b->head_len] ^= (uint8_t)(1u << world_random() % 8);
}

/* When the last bit has left, or -1: the queue is full. */
static nsec_t pass_queue(struct side *s, uint32_t len, bool *is_marked)
{
	double waiting;

	if (now->rate == 0)
		return world_now;
	if (s->busy_until < world_now)
		s->busy_until = world_now;
	waiting = (double)(s->busy_until - world_now) / 1e9 * now->rate;
	if (now->queue != 0 && waiting + len > now->queue)
		return -1;
	*is_marked = now->ecn && now->queue != 0 && waiting > now->queue / 2;
	s->busy_until += (nsec_t)(len / now->rate * 1e9);
	return s->busy_until;
}

static bool is_lost(const struct side *s, uint32_t len)
{
	if (quiet_wire)
		return false;
	if (now->black_hole != 0 && len > now->black_hole)
		return true;
	return (s == &sides[0] || now->lose_acks) && world_chance() < now->loss;
}

static void trace(const struct side *s, const struct netbuf *b, bool lost)
{
	const struct tcp_header *h = (const struct tcp_header *)b->data;
	unsigned header = (h->words >> 4) * 4u;
	struct tcp_options o;

	tcp_options_parse(&o, (const uint8_t *)(h + 1), header - TCP_HEADER, false);
	printf("# %.6f %c %u-%u flags %02x seq %u+%u ack %u win %u%s", (double)world_now / 1e9,
	       s == &sides[0] ? '>' : '<', be16_get(h->from), be16_get(h->to), h->flags,
	       be32_get(h->seq), b->len - header, be32_get(h->ack), be16_get(h->window),
	       lost ? " LOST" : "");
	for (unsigned i = 0; i < o.nr_sacks; i++)
		printf(" %u:%u", o.sacks[i].seq, o.sacks[i].end);
	putchar('\n');
}

static void on_sent(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v)
{
	struct side *s = n->owner;
	struct ip_info info = { .protocol = IPPROTO_TCP,
				.v4 = !now->v6,
				.dev_index = 1,
				.traffic_class = v->traffic_class };
	uint32_t len = b->len + (now->v6 ? 40 : 20);
	bool is_marked = false;
	nsec_t at;

	b = copy_of(b);
	if (b == NULL)
		return;
	memcpy(info.from, v->from, 16);
	memcpy(info.to, v->to, 16);
	at = pass_queue(s, len, &is_marked);
	if (at >= 0 && is_lost(s, len))
		at = -1;
	if (is_traced)
		trace(s, b, at < 0);
	if (at < 0) {
		s->nr_lost++;
		netbuf_free(b);
		return;
	}
	if (is_marked && (v->traffic_class & 3u) == 2)
		info.traffic_class |= 3;
	at += (nsec_t)((now->delay_s + now->jitter_s * world_chance()) * 1e9);
	if (!quiet_wire && world_chance() < now->twice) {
		struct netbuf *again = netbuf_clone(b);

		if (again != NULL)
			fly(s, again, &info, at + (nsec_t)(now->delay_s * world_chance() * 1e9));
	}
	if (!quiet_wire && world_chance() < now->wrong)
		corrupt(b);
	fly(s, b, &info, at);
}

/* ---- users ---- */

static struct peer *peer_of(struct user *u)
{
	return container_of(u, struct peer, user);
}

static void changed(struct user *u, unsigned news)
{
	struct peer *p = peer_of(u);

	if ((news & TCP_NEWS_ENDED) != 0 && p->error == 0)
		p->error = tcp_take_error(&u->tcp);
}

static void settle(struct peer *p, struct side *s)
{
	p->side = s;
	p->to_send = s == &sides[0] ? now->forward : now->backward;
	p->to_receive = s == &sides[0] ? now->backward : now->forward;
}

static void born(struct user *u, const struct user *listener)
{
	list_init(&peer_of(u)->link);
	if (listener != NULL)
		settle(peer_of(u), container_of(listener, const struct peer, user)->side);
}

const struct user_kind user_kind = { sizeof(struct peer), born, changed };

static struct peer *peer_new(struct side *s)
{
	struct user *u = user_new(&s->wire.net, now->v6);

	if (u == NULL)
		return NULL;
	settle(peer_of(u), s);
	return peer_of(u);
}

static void give(struct peer *u, uint32_t n)
{
	struct netbuf *b = netbuf_new(0);
	uint8_t bytes[CHUNK];

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = byte_at(u->sent + i, u->side == &sides[0]);
	if (b == NULL || netbuf_append(b, bytes, n) != 0) {
		netbuf_free(b);
		return; /* no memory: the user tries again */
	}
	if (tcp_send(&u->user.tcp, b, 0) == 0)
		u->sent += n;
}

static bool send_some(struct peer *u)
{
	uint64_t was = u->sent;

	while (u->sent < u->to_send && u->error == 0 && tcp_room(&u->user.tcp) > 0) {
		uint64_t left = u->to_send - u->sent;

		was--;
		give(u, (uint32_t)min(left, (uint64_t)CHUNK));
		if (was == u->sent)
			break;
		if (now->fail != 0)
			break;
	}
	if (u->sent == u->to_send && !u->fin_sent && u->error == 0) {
		u->fin_sent = true;
		IGNORE_RESULT(tcp_shutdown(&u->user.tcp, false, true));
	}
	return was != u->sent;
}

static void verify(struct peer *u, const struct netbuf *b, uint32_t offset)
{
	static uint8_t bytes[65536];
	uint32_t n = b->len - offset;

	netbuf_copy_out(b, offset, bytes, n);
	for (uint32_t i = 0; i < n; i++)
		if (bytes[i] != byte_at(u->received + i, u->side != &sides[0]))
			panic("%s: byte %lu is wrong", now->name, u->received + i);
	u->received += n;
}

static bool read_some(struct peer *u)
{
	uint32_t offset, n = 0;
	struct netbuf *b;

	if (world_now < u->sleeps_until)
		return false;
	for (b = tcp_first(&u->user.tcp, &offset); b != NULL;
	     b = tcp_next(&u->user.tcp, b), offset = 0) {
		verify(u, b, offset);
		n += b->len - offset;
	}
	if (n > 0) {
		if (now->pause_s > 0 && (u->received >> 20) != ((u->received - n) >> 20))
			u->sleeps_until = world_now + (nsec_t)(now->pause_s * 1e9);
		tcp_consumed(&u->user.tcp, n);
	}
	if (tcp_is_at_end(&u->user.tcp))
		u->got_end = true;
	return n > 0;
}

static void accept_all(struct side *s)
{
	struct tcp *t;

	while (s->listener != NULL && (t = tcp_accept(&s->listener->user.tcp)) != NULL) {
		peer_of(user_of(t))->is_open = true;
		list_append(&s->users, &peer_of(user_of(t))->link);
	}
}

static bool is_done(const struct peer *u)
{
	return u->error != 0 || (u->fin_sent && u->got_end);
}

static void end(struct peer *u)
{
	list_remove(&u->link);
	tcp_close(&u->user.tcp);
	user_put(&u->user);
}

/* ---- a trial ---- */

static void start_side(struct side *s, struct side *other)
{
	struct tcp_settings *set;

	memset(s, 0, sizeof(*s));
	s->other = other;
	list_init(&s->users);
	s->wire.mtu = now->mtu != 0 ? now->mtu : 1500;
	s->wire.sent = on_sent;
	s->wire.owner = s;
	wire_init(&s->wire);
	set = tcp_settings(&s->wire.net);
	set->sack = !now->no_sack;
	set->timestamps = !now->no_timestamps;
	set->window_scaling = !now->no_scale;
	set->ecn = now->ecn ? 1 : 2;
	if (now->congestion != NULL)
		set->congestion = tcp_congestion_find(now->congestion);
}

static void address(struct inet_address *a, unsigned host, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (!now->v6)
		memcpy(a->ip, inet_any4, 16);
	a->ip[now->v6 ? 0 : 12] = now->v6 ? 0xfd : 10;
	a->ip[15] = (uint8_t)host;
	a->port = port;
}

static void open_all(void)
{
	struct inet_address us, them;

	address(&us, 1, 0);
	address(&them, 2, SERVER_PORT);
	sides[1].listener = peer_new(&sides[1]);
	if (endpoint_bind(&sides[1].listener->user.tcp.endpoint, &them) != 0 ||
	    tcp_listen(&sides[1].listener->user.tcp, 100) != 0)
		panic("no listener");
	for (unsigned i = 0; i < max(now->nr, 1u); i++) {
		struct peer *u = peer_new(&sides[0]);

		if (tcp_connect(&u->user.tcp, &them, us.ip) != 0)
			panic("no connection");
		u->is_open = true;
		list_append(&sides[0].users, &u->link);
	}
}

static bool is_connected(const struct peer *u)
{
	return tcp_state(&u->user.tcp) != TCP_STATE_SYN_SENT;
}

/* Whoever can go on does. Is everybody done? */
static bool play_users(void)
{
	unsigned nr[2] = { 0, 0 }, nr_done[2] = { 0, 0 };

	accept_all(&sides[1]);
	for (unsigned i = 0; i < 2; i++) {
		struct peer *u;

		list_foreach(&sides[i].users, u, link) {
			if (is_connected(u)) {
				(void)read_some(u);
				(void)send_some(u);
			}
			nr[i]++;
			nr_done[i] += is_done(u);
		}
	}
	return nr[0] == nr_done[0] && nr[1] == nr_done[1] && nr[0] == nr[1];
}

static void describe(unsigned side, const struct peer *u)
{
	const struct tcp *t = &u->user.tcp;

	printf("# side %u state %d error %d sent %lu/%lu received %lu/%lu fin %d%d\n", side,
	       tcp_state(t), u->error, u->sent, u->to_send, u->received, u->to_receive, u->fin_sent,
	       u->got_end);
	printf("# flight %u cwnd %u lost %u sacked %u retrans %u window %u mood %d\n",
	       tcp_flight(t), t->cwnd, t->lost_bytes, t->sacked, t->retrans, t->snd.window,
	       t->mood);
}

static void report_stall(void)
{
	struct peer *u;

	for (unsigned i = 0; i < 2; i++)
		list_foreach(&sides[i].users, u, link)
			describe(i, u);
}

static const char *check_users(void)
{
	struct peer *u;

	for (unsigned i = 0; i < 2; i++)
		list_foreach(&sides[i].users, u, link) {
			if (u->error != 0)
				return "a connection ended with an error";
			if (u->received != u->to_receive)
				return "bytes are missing";
		}
	return NULL;
}

static void end_all(void)
{
	for (unsigned i = 0; i < 2; i++) {
		while (!list_is_empty(&sides[i].users))
			end(list_first(&sides[i].users, struct peer, link));
	}
	end(sides[1].listener);
	sides[1].listener = NULL;
}

static const char *check_rest(void)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < 2; i++) {
		if (sides[i].wire.net.tcp_stack->memory != 0)
			wrong = "memory is still charged";
		if (sides[i].wire.net.tcp_stack->nr_rest != 0)
			wrong = "TIME-WAIT did not end";
		wire_fini(&sides[i].wire);
	}
	return wrong == NULL && world_nr_objects() != 0 ? "allocations are left" : wrong;
}

static const char *run(const struct trial *t, double *rate)
{
	const char *wrong = NULL, *left;
	nsec_t began, limit;
	double seconds;

	now = t;
	world_start(seed);
	quiet_wire = false;
	start_side(&sides[0], &sides[1]);
	start_side(&sides[1], &sides[0]);
	open_all();
	world_fail_rate(t->fail);
	began = world_now;
	limit = began + 4000 * NSEC_PER_SEC;
	while (!play_users() && wrong == NULL) {
		nsec_t until = t->pause_s > 0 ? min(world_now + 10 * TCP_MS, limit) : limit;

		if (!world_step(until) && until == limit)
			wrong = "it stalls";
		else if (world_now < until && t->pause_s > 0 && !world_step(until))
			world_now = until;
	}
	seconds = (double)(world_now - began) / 1e9;
	*rate = (double)(t->forward + t->backward) * max(t->nr, 1u) / seconds;
	world_fail_rate(0);
	if (wrong == NULL)
		wrong = check_users();
	if (wrong != NULL)
		report_stall();
	quiet_wire = true;
	end_all();
	world_advance(world_now + 1500 * NSEC_PER_SEC);
	left = check_rest();
	wrong = wrong != NULL ? wrong : left;
	if (wrong == NULL && t->least != 0 && *rate < t->least)
		wrong = "it is too slow";
	if (wrong == NULL && t->most != 0 && *rate > t->most)
		wrong = "it is too fast to be true";
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned nr_failed = 0, nr = 0;

	is_traced = getenv("TRACE") != NULL;
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	for (unsigned i = 0; i < nr_trials; i++) {
		double rate = 0;
		const char *wrong;

		if (argc > 2 && i + 1 != (unsigned)atoi(argv[2]))
			continue;
		wrong = run(&trials[i], &rate);
		nr++;
		nr_failed += wrong != NULL;
		printf("%s %u - %s (%.2f Mbit/s)\n", wrong != NULL ? "not ok" : "ok", i + 1,
		       trials[i].name, rate * 8 / 1e6);
		if (wrong != NULL)
			printf("# %s; again: test-net-pair %lu %u\n", wrong, seed, i + 1);
		fflush(stdout);
		if (world_nr_objects() != 0)
			return 1;
	}
	printf("1..%u\n", nr);
	return nr_failed == 0 ? 0 : 1;
}
