/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack as an ordinary process, on a descriptor that takes and gives frames (a tap, or a socket
 * that keeps messages apart), with a clock that runs: one client of net_stream.c's protocol,
 * against whatever is at the other end.
 *
 *	test-net-stack FD MTU push|pull ADDRESS PORT BYTES [SEED]
 *
 * Its own addresses are 10.9.0.2/24 and fd09::2/64. It is the guest without the machine around it:
 * what differs between the two is not TCP's doing. The link's ring holds RING frames, and says so.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/tcp.h>
#include <time.h>
#include <unistd.h>

#include "mm/alloc/kmem.h"
#include "net/tcp/tcp.h"
#include "test/net/cable.h"
#include "test/net/world.h"

#define RING  256u
#define CHUNK 65536u
#define RIGHT 'y'

struct wish {
	uint64_t bytes, seed, pull;
};

static struct host here;
static struct tcp *connection;
static unsigned refs = 1, news;
static int fd;
static unsigned nr_in_ring;
static struct wish wish = { .seed = 1 };
static uint64_t moved, state; /* bytes of the stream; its generator's */
static uint64_t words[CHUNK / 8];
static bool is_over;
static nsec_t started_at;

static nsec_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* ---- the link ---- */

static int transmit(struct netdev_queue *q, struct netbuf *b)
{
	(void)q;
	if (nr_in_ring == RING)
		return -ENOSPC;
	list_append(&here.on_cable, &b->link);
	nr_in_ring++;
	return 0;
}

static void kick(struct netdev_queue *q)
{
	(void)q;
}

static const struct netdev_ops ops = { .transmit = transmit, .kick = kick };

/* False: the descriptor takes no more now. */
static bool flush(void)
{
	static uint8_t frame[65600];

	while (!list_is_empty(&here.on_cable)) {
		struct netbuf *b = list_first(&here.on_cable, struct netbuf, link);

		netbuf_copy_out(b, 0, frame, b->len);
		if (write(fd, frame, b->len) < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return false;
		list_remove(&b->link);
		netbuf_free(b);
		nr_in_ring--;
		netdev_tx_ready(&here.dev.queues[0]);
	}
	return true;
}

static void take_in(void)
{
	static uint8_t frame[65600];
	struct list burst = LIST_INIT(burst);
	ssize_t len;

	for (unsigned i = 0; i < NETDEV_BURST && (len = read(fd, frame, sizeof(frame))) > 0; i++) {
		struct netbuf *b = netbuf_new((uint32_t)len);

		if (b == NULL)
			break;
		memcpy(netbuf_put(b, (uint32_t)len), frame, (size_t)len);
		list_append(&burst, &b->link);
	}
	if (!list_is_empty(&burst))
		netdev_receive(&here.dev, &burst);
}

/* ---- the connection ---- */

static void changed(struct tcp *t, unsigned n)
{
	(void)t;
	news |= n;
}

static void get(struct tcp *t)
{
	(void)t;
	refs++;
}

static void put(struct tcp *t)
{
	if (--refs == 0) {
		tcp_fini(t);
		kmem_free(t);
	}
}

static struct tcp *child(struct tcp *listener)
{
	(void)listener;
	return NULL;
}

static const struct tcp_events events = { changed, child, get, put };

static void fail(const char *what)
{
	fprintf(stderr, "test-net-stack: %s after %lu bytes (error %d)\n", what,
		(unsigned long)moved, connection->error);
	exit(1);
}

static void fill(void) /* splitmix64 */
{
	for (size_t i = 0; i < CHUNK / 8; i++) {
		uint64_t z = state += 0x9e3779b97f4a7c15ull;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
		words[i] = z ^ (z >> 31);
	}
}

static void give(const void *bytes, uint32_t len)
{
	struct netbuf *b = netbuf_new(0);

	if (b == NULL || netbuf_append(b, bytes, len) != 0 || tcp_send(connection, b, 0) != 0)
		fail("it cannot be sent");
}

static void push_more(void)
{
	while (moved < wish.bytes && tcp_is_writable(connection)) {
		fill();
		give(words, (uint32_t)min(CHUNK, wish.bytes - moved));
		moved += min(CHUNK, wish.bytes - moved);
	}
}

/* `len` bytes of the stream came. */
static void compare(const uint8_t *bytes, uint32_t len)
{
	for (uint32_t n; len > 0; len -= n, bytes += n, moved += n) {
		uint32_t at = (uint32_t)(moved % CHUNK);

		if (at == 0)
			fill();
		n = min(len, CHUNK - at);
		if (memcmp(bytes, (uint8_t *)words + at, n) != 0)
			fail("other bytes came");
	}
}

static void take(void)
{
	static uint8_t bytes[70000];
	uint32_t offset, n = 0;

	for (struct netbuf *b = tcp_first(connection, &offset); b != NULL;
	     b = tcp_next(connection, b), offset = 0) {
		netbuf_copy_out(b, offset, bytes, b->len - offset);
		n += b->len - offset;
		if (wish.pull)
			compare(bytes, b->len - offset);
		else
			is_over = bytes[0] == RIGHT;
	}
	if (n > 0)
		tcp_consumed(connection, n);
	if (wish.pull && moved == wish.bytes && !is_over) {
		give(&(char){ RIGHT }, 1);
		is_over = true;
	}
}

static void step(void)
{
	if ((news & TCP_NEWS_CONNECTED) != 0 && started_at == 0) {
		started_at = now_ns();
		state = wish.seed;
		give(&wish, sizeof(wish));
	}
	if (started_at == 0 && (news & TCP_NEWS_ENDED) != 0)
		fail("it cannot be connected");
	if (started_at == 0)
		return;
	if (!wish.pull)
		push_more();
	take();
	if (!is_over && (news & TCP_NEWS_ENDED) != 0)
		fail("the connection ended");
}

/* ---- the loop ---- */

static void pass(void)
{
	nsec_t next = world_next(), left = next == NSEC_NEVER ? NSEC_PER_SEC : next - now_ns();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec wait = { 0, 0 };

	if (!flush())
		p.events |= POLLOUT;
	if (left > 0)
		wait = (struct timespec){ left / NSEC_PER_SEC, left % NSEC_PER_SEC };
	ppoll(&p, 1, &wait, NULL);
	world_advance(now_ns());
	net_run();
	take_in();
	net_run();
}

static void start(const char *mtu)
{
	world_start((uint64_t)now_ns());
	world_now = now_ns();
	host_start(&here, 2, 0);
	here.dev.ops = &ops;
	here.dev.mtu = (uint32_t)atoi(mtu);
	host_add4(&here, "10.9.0.2", 24);
	host_add6(&here, "fd09::2", 64);
}

static void connect_to(const char *address, const char *port)
{
	struct inet_address to = { .port = (uint16_t)atoi(port) };

	memcpy(to.ip, ip_of(address), 16);
	connection = kmem_alloc(sizeof(*connection));
	tcp_init(connection, &here.net, &events, !inet_ip_is_v4(to.ip));
	if (tcp_connect(connection, &to, inet_ip_is_v4(to.ip) ? inet_any4 : inet_any6) != 0)
		fail("it cannot be connected");
	net_run();
}

int main(int argc, char **argv)
{
	struct tcp_info info;

	if (argc < 7) {
		fprintf(stderr,
			"usage: test-net-stack FD MTU push|pull ADDRESS PORT BYTES [SEED]\n");
		return 2;
	}
	fd = atoi(argv[1]);
	wish.pull = strcmp(argv[3], "pull") == 0;
	wish.bytes = strtoull(argv[6], NULL, 0);
	wish.seed = argc > 7 ? strtoull(argv[7], NULL, 0) : 1;
	start(argv[2]);
	connect_to(argv[4], argv[5]);
	while (!is_over) {
		pass();
		step();
		net_run();
	}
	tcp_info_get(connection, &info);
	printf("{\"bytes\": %lu, \"seconds\": %.6f, \"sends\": %d, \"retransmits\": %u, "
	       "\"rtt_us\": %u, \"mss\": %u, \"cwnd\": %u, \"reordering\": %u}\n",
	       (unsigned long)wish.bytes, (double)(now_ns() - started_at) / 1e9, !wish.pull,
	       info.tcpi_total_retrans, info.tcpi_rtt, info.tcpi_snd_mss, info.tcpi_snd_cwnd,
	       info.tcpi_reordering);
	tcp_close(connection);
	while (tcp_state(connection) != TCP_STATE_CLOSED)
		pass();
	IGNORE_RESULT(flush());
	return 0;
}
