/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP with many CPUs: the stack's locks are real, and several threads hand in segments, call as
 * users and let timers fire, all at once; the wire loses one segment in a hundred. Built with the
 * thread sanitizer, which sees what is shared without a lock. Connections are opened, echo random
 * bytes and are closed in all ways; in the end everything must have been given back.
 *
 *	test-net-threads [SECONDS]
 */
#include <linux/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/panic.h"
#include "core/random.h"
#include "core/uio.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "net/netdev.h"
#include "net/tcp/engine.h"
#include "test/net/user.h"

#define RECEIVERS 2 /* threads a side that hand in segments */
#define CLIENTS   3
#define PORT      80
#define CHUNK     20000u
#define HEADER    64u

#define STALL_ONE_IN 256u
#define STALL_US     15000u /* of the clock 1.5 s */
#define FLOOD_US     1000u
#define QUIET_MS     240000u

/* ---- core and mm, thread-safe ---- */

static size_t nr_objects; /* [a] */
static bool is_over;      /* [a] */

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* Now and then a CPU is held up before a lock, for longer than the shortest time-outs. */
void spin_lock(struct spinlock *l)
{
	if (random_u64() % STALL_ONE_IN == 0)
		usleep(STALL_US);
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
}

void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

/* A hundred times as fast as the host's: time-outs come due. */
nsec_t clock_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec * NSEC_PER_SEC + t.tv_nsec) * 100;
}

uint64_t random_u64(void)
{
	static _Thread_local uint64_t state;

	if (state == 0)
		state = (uint64_t)(uintptr_t)&state ^ (uint64_t)clock_monotonic();
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void *allocate(size_t size)
{
	size_t *p = calloc(1, HEADER + size);

	if (p == NULL)
		panic("no memory");
	*p = size;
	(void)atomic_add(&nr_objects, 1);
	return (char *)p + HEADER;
}

static void release(void *p)
{
	(void)atomic_sub(&nr_objects, 1);
	free((char *)p - HEADER);
}

void *kmem_alloc(size_t size)
{
	return allocate(size);
}

void *kmem_alloc_nowait(size_t size)
{
	return allocate(size);
}

void kmem_free(void *p)
{
	if (p != NULL)
		release(p);
}

size_t kmem_size(const void *p)
{
	return *(const size_t *)(const void *)((const char *)p - HEADER);
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	struct page *p = allocate(HEADER + (PAGE_SIZE << order));

	(void)flags;
	p->refs = 1;
	p->order = (uint8_t)order;
	return p;
}

void *page_to_ptr(const struct page *p)
{
	return (char *)p + HEADER;
}

void page_free(struct page *p, unsigned order)
{
	(void)order;
	release(p);
}

void page_get(struct page *p)
{
	(void)atomic_add(&p->refs, 1);
}

void page_put(struct page *p)
{
	if (atomic_sub(&p->refs, 1) == 0)
		release(p);
}

uint64_t page_nr_total(void)
{
	return 262144;
}

size_t uio_copy_from(struct uio *u, void *dst, size_t len)
{
	(void)u;
	(void)dst;
	return len;
}

size_t uio_copy_to(struct uio *u, const void *src, size_t len)
{
	(void)u;
	(void)src;
	return len;
}

size_t uio_take_page(struct uio *u, size_t most, struct page **p, size_t *offset)
{
	(void)u;
	(void)most;
	(void)p;
	(void)offset;
	return 0;
}

void net_run(void)
{
}

void net_finish_wake(struct net *net)
{
	(void)net;
}

/* ---- timers ---- */

static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct timer *all_timers[64];
static unsigned nr_timers;

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
	all_timers[nr_timers++] = t;
}

void timer_arm(struct timer *t, nsec_t deadline)
{
	pthread_mutex_lock(&timers_lock);
	t->deadline = deadline;
	t->armed = true;
	pthread_mutex_unlock(&timers_lock);
}

bool timer_cancel(struct timer *t)
{
	bool was;

	pthread_mutex_lock(&timers_lock);
	was = t->armed;
	t->armed = false;
	pthread_mutex_unlock(&timers_lock);
	return was;
}

static bool take_due(struct timer *t)
{
	bool due;

	pthread_mutex_lock(&timers_lock);
	due = t->armed && t->deadline <= clock_monotonic();
	if (due)
		t->armed = false;
	pthread_mutex_unlock(&timers_lock);
	return due;
}

static void *run_timers(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over)) {
		for (unsigned i = 0; i < nr_timers; i++)
			if (take_due(all_timers[i]))
				all_timers[i]->fn(all_timers[i]);
		usleep(200);
	}
	return NULL;
}

/* ---- the wire ---- */

struct side {
	struct net net;
	struct netdev dev;
	struct side *other;
	pthread_mutex_t lock;
	struct list inbox; /* [lock] */
	struct tcp *listener;
};

static struct side sides[2];
static struct inet_address nobody; /* [I] what goes there is lost */
/* Held by whoever hands in a segment, and against them all by whoever looks at the stacks. */
static pthread_rwlock_t under_way = PTHREAD_RWLOCK_INITIALIZER;

int ip_route(struct net *net, const struct ip_query *q, struct ip_path *out)
{
	struct side *s = container_of(net, struct side, net);

	*out = (struct ip_path){ .dev = &s->dev, .mtu = 1500, .generation = net->generation };
	memcpy(out->from, q->from, 16);
	return 0;
}

void ip_path_drop(struct ip_path *p)
{
	p->dev = NULL;
}

int ip_send(struct net *net, struct netbuf *b, const struct ip_header_values *v,
	    const struct ip_path *path)
{
	struct side *to = container_of(net, struct side, net)->other;
	struct netbuf *c = netbuf_new(100);
	static _Thread_local uint8_t bytes[70000];

	(void)path;
	netbuf_copy_out(b, 0, bytes, b->len);
	if (random_u64() % 100 == 0 || inet_ip_equal(v->to, nobody.ip) ||
	    netbuf_append(c, bytes, b->len) != 0) {
		netbuf_free(c);
		netbuf_free(b);
		return 0;
	}
	netbuf_free(b);
	c->flags |= NETBUF_SUM_GOOD;
	*netbuf_notes(c, struct ip_info) =
		(struct ip_info){ .protocol = IPPROTO_TCP, .v4 = true, .dev_index = 1 };
	memcpy(netbuf_notes(c, struct ip_info)->from, v->from, 16);
	memcpy(netbuf_notes(c, struct ip_info)->to, v->to, 16);
	pthread_mutex_lock(&to->lock);
	list_append(&to->inbox, &c->link);
	pthread_mutex_unlock(&to->lock);
	return 0;
}

/* False: there is none. */
static bool hand_in(struct side *s)
{
	struct netbuf *b;

	pthread_rwlock_rdlock(&under_way);
	pthread_mutex_lock(&s->lock);
	b = list_first(&s->inbox, struct netbuf, link);
	if (b != NULL)
		list_remove(&b->link);
	pthread_mutex_unlock(&s->lock);
	if (b != NULL)
		tcp_input(&s->net, b);
	pthread_rwlock_unlock(&under_way);
	return b != NULL;
}

static void *run_receiver(void *arg)
{
	while (!atomic_load(&is_over)) {
		if (!hand_in(arg))
			usleep(50);
	}
	return NULL;
}

/* ---- users ---- */

const struct user_kind user_kind = { .size = sizeof(struct user) };

/* A reset that is lost, or limited away, would leave the other side waiting for ever. */
static struct tcp *tcp_new(struct net *net)
{
	struct tcp *t = &user_new(net, false)->tcp;

	t->wishes.keepalive = true;
	t->wishes.keep_idle_s = 30;
	t->wishes.keep_interval_s = 10;
	return t;
}

static void put(struct tcp *t)
{
	user_put(user_of(t));
}

static void give(struct tcp *t, const uint8_t *bytes, uint32_t n)
{
	struct netbuf *b = netbuf_new(0);

	if (netbuf_append(b, bytes, n) != 0)
		panic("no memory");
	IGNORE_RESULT(tcp_send(t, b, 0)); /* it may have ended */
}

/* What is there, at most `most`; 0: the end or nothing. */
static uint32_t take(struct tcp *t, uint8_t *to, uint32_t most)
{
	uint32_t offset, n = 0;
	struct netbuf *b = tcp_first(t, &offset);

	for (; b != NULL && n < most; b = tcp_next(t, b), offset = 0) {
		uint32_t len = min(b->len - offset, most - n);

		netbuf_copy_out(b, offset, to + n, len);
		n += len;
	}
	if (n > 0)
		tcp_consumed(t, n);
	return n;
}

static unsigned nr_echoes; /* [a] threads */

static void *echo(void *arg)
{
	static _Thread_local uint8_t bytes[CHUNK];
	struct tcp *t = arg;

	while (!tcp_is_at_end(t)) {
		uint32_t n = take(t, bytes, sizeof(bytes));

		if (n > 0)
			give(t, bytes, n);
		else
			usleep(100);
	}
	tcp_close(t);
	put(t);
	(void)atomic_sub(&nr_echoes, 1);
	return NULL;
}

static void *run_server(void *arg)
{
	struct side *s = arg;

	while (!atomic_load(&is_over)) {
		struct tcp *t = tcp_accept(s->listener);
		pthread_t thread;

		if (t == NULL) {
			usleep(200);
		} else {
			(void)atomic_add(&nr_echoes, 1);
			if (pthread_create(&thread, NULL, echo, t) != 0)
				panic("no thread");
			pthread_detach(thread);
		}
	}
	return NULL;
}

static bool exchange(struct tcp *t, uint64_t *key)
{
	static _Thread_local uint8_t bytes[CHUNK], back[CHUNK];
	uint32_t n = 1 + (uint32_t)(random_u64() % (CHUNK - 1)), got = 0;

	*key = random_u64();
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(*key >> i % 57);
	give(t, bytes, n);
	while (got < n) {
		uint32_t more = take(t, back + got, n - got);

		got += more;
		if (more == 0 && tcp_is_at_end(t))
			return false;
		if (more == 0)
			usleep(100);
	}
	if (memcmp(bytes, back, n) != 0)
		panic("other bytes come back");
	return true;
}

static uint64_t nr_exchanges, nr_connections; /* [a] */

static void *run_client(void *arg)
{
	nsec_t *until = arg;

	while (clock_monotonic() < *until || atomic_load(&nr_exchanges) == 0) {
		struct tcp *t = tcp_new(&sides[0].net);
		struct inet_address us, them;
		uint64_t key;

		user_address(&us, false, 1, 0);
		user_address(&them, false, 2, PORT);
		if (tcp_connect(t, &them, us.ip) != 0)
			panic("it does not connect");
		while (tcp_state(t) == TCP_STATE_SYN_SENT)
			usleep(50);
		for (unsigned i = random_u64() % 10; i > 0 && exchange(t, &key); i--)
			(void)atomic_add(&nr_exchanges, 1);
		if (random_u64() % 4 == 0)
			IGNORE_RESULT(tcp_shutdown(t, false, true));
		if (random_u64() % 4 == 0)
			tcp_abort(t);
		else
			tcp_close(t);
		put(t);
		(void)atomic_add(&nr_connections, 1);
	}
	return NULL;
}

/* Handshakes that nobody goes on with. */
static void *run_flood(void *arg)
{
	struct inet_address there, from = nobody;
	struct tcp_reply syn = { .local = &from, .remote = &there, .flags = TCP_SYN, .window = 1 };
	nsec_t *until = arg;

	user_address(&there, false, 2, PORT);
	while (clock_monotonic() < *until) {
		from.port = (uint16_t)(1 + random_u64() % 65535);
		syn.seq = (uint32_t)random_u64();
		tcp_reply_send(&sides[0].net, &syn);
		usleep(FLOOD_US);
	}
	return NULL;
}

/* ---- all of it ---- */

static void start_side(struct side *s, struct side *other)
{
	s->other = other;
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->inbox);
	s->dev.index = 1;
	s->dev.gso_max = 65000;
	s->net.generation = 1;
	s->net.settings = (struct net_settings)NET_SETTINGS_DEFAULT;
	if (endpoint_table_new(&s->net, false, &s->net.tcp) != 0 || tcp_stack_new(&s->net) != 0)
		panic("no memory");
}

static void end_side(struct side *s)
{
	netbuf_free_all(&s->inbox);
	tcp_stack_free(&s->net);
	endpoint_table_free(s->net.tcp);
}

/* No segment is under way. */
static bool is_at_rest(struct side *s)
{
	struct tcp_stack *stack = s->net.tcp_stack;
	bool is_empty;

	pthread_mutex_lock(&s->lock);
	is_empty = list_is_empty(&s->inbox);
	pthread_mutex_unlock(&s->lock);
	return is_empty && atomic_load(&stack->nr_rest) == 0 &&
	       atomic_load(&stack->counters.orphans) == 0 &&
	       atomic_load(&stack->counters.curr_estab) == 0;
}

static bool is_quiet(void)
{
	bool are_requests, quiet;

	pthread_rwlock_wrlock(&under_way);
	spin_lock(&sides[1].listener->lock);
	are_requests = sides[1].listener->nr_requests > 0;
	spin_unlock(&sides[1].listener->lock);
	quiet = atomic_load(&nr_echoes) == 0 && !are_requests && is_at_rest(&sides[0]) &&
		is_at_rest(&sides[1]);
	pthread_rwlock_unlock(&under_way);
	return quiet;
}

int main(int argc, char **argv)
{
	nsec_t until = clock_monotonic() + (argc > 1 ? atoi(argv[1]) : 3) * 100 * NSEC_PER_SEC;
	pthread_t threads[2 * RECEIVERS + CLIENTS + 2], clients[CLIENTS + 1];
	struct inet_address here;
	unsigned nr = 0;

	start_side(&sides[0], &sides[1]);
	start_side(&sides[1], &sides[0]);
	user_address(&here, false, 2, PORT);
	user_address(&nobody, false, 3, 0);
	sides[1].net.tcp_stack->settings.synack_retries = 1; /* room for more handshakes */
	sides[1].listener = tcp_new(&sides[1].net);
	if (endpoint_bind(&sides[1].listener->endpoint, &here) != 0 ||
	    tcp_listen(sides[1].listener, 20) != 0)
		panic("no listener");
	for (unsigned i = 0; i < 2 * RECEIVERS; i++)
		pthread_create(&threads[nr++], NULL, run_receiver, &sides[i % 2]);
	pthread_create(&threads[nr++], NULL, run_timers, NULL);
	pthread_create(&threads[nr++], NULL, run_server, &sides[1]);
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, run_client, &until);
	pthread_create(&clients[CLIENTS], NULL, run_flood, &until);
	for (unsigned i = 0; i <= CLIENTS; i++)
		pthread_join(clients[i], NULL);
	for (unsigned i = 0; !is_quiet(); i++) {
		if (i == QUIET_MS / 10)
			panic("something never ends: %u handshakes",
			      sides[1].listener->nr_requests);
		usleep(10000);
	}
	tcp_close(sides[1].listener);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	while (atomic_load(&nr_echoes) > 0) /* of what was reset before it was accepted */
		usleep(1000);
	put(sides[1].listener);
	end_side(&sides[0]);
	end_side(&sides[1]);
	printf("%s 1 - %lu connections, %lu exchanges, %zu allocations left\n1..1\n",
	       nr_objects == 0 && nr_exchanges > 0 ? "ok" : "not ok", nr_connections, nr_exchanges,
	       nr_objects);
	return nr_objects == 0 && nr_exchanges > 0 ? 0 : 1;
}
