/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of packets: checksums against the plain way, netbufs against a flat array by random
 * operations, large segments cut, addresses. */
#include "test/host/cmocka_all.h"

#include <linux/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/alloc/page.h"
#include "net/address.h"
#include "net/link/merge.h"
#include "net/link/segment.h"
#include "net/netbuf.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"
#include "net/wire/link.h"
#include "test/net/cable.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define ROUNDS          300
#define STEPS           60
#define FLAT_MAX        200000

static int start(void **state)
{
	(void)state;
	world_start(5);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	is(world_nr_objects(), 0);
	return 0;
}

static uint32_t below(uint32_t n)
{
	return n == 0 ? 0 : (uint32_t)(world_random() % n);
}

/* ---- checksums ---- */

/* RFC 1071 §4.1, as it stands there. */
static uint16_t plain_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (len % 2 != 0)
		sum += (uint32_t)bytes[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void test_checksums(void **state)
{
	static uint8_t bytes[3000];

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t len = below(sizeof(bytes) - 8), at = below(8), cut = below(len + 1);
		unsigned kind = below(3);
		uint64_t sum;

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = kind == 0 ? 0 : kind == 1 ? 0xff : (uint8_t)below(256);
		is(be16_get(checksum_finish(checksum_add(0, bytes + at, len))),
		   plain_sum(bytes + at, len));
		sum = checksum_add(0, bytes + at, cut);
		if (cut % 2 == 0)
			sum = checksum_join(sum, checksum_add(0, bytes + at + cut, len - cut));
		else
			sum = checksum_add_odd(sum, checksum_add(0, bytes + at + cut, len - cut));
		is(be16_get(checksum_finish(sum)), plain_sum(bytes + at, len));
	}
}

static void test_updates(void **state)
{
	uint8_t bytes[64];

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct be16 field, was, now = be16_of((uint16_t)below(65536));
		unsigned at = below(32) * 2;

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)below(256);
		field = checksum_finish(checksum_add(0, bytes, sizeof(bytes)));
		memcpy(&was, bytes + at, 2);
		memcpy(bytes + at, &now, 2);
		field = checksum_update(field, was, now);
		is(be16_get(field), plain_sum(bytes, sizeof(bytes)));
	}
}

/* ---- netbufs ---- */

struct model {
	struct netbuf *b;
	uint8_t *bytes;
	uint32_t len;
};

static void check(struct model *m)
{
	static uint8_t out[FLAT_MAX];
	uint32_t from = below(m->len + 1), len = below(m->len - from + 1);

	is(m->b->len, m->len);
	assert_true(m->b->head_len <= m->b->len);
	netbuf_copy_out(m->b, 0, out, m->len);
	assert_memory_equal(out, m->bytes, m->len);
	is(be16_get(checksum_finish(netbuf_sum(m->b, from, len))), plain_sum(m->bytes + from, len));
}

static struct model model_new(uint32_t linear)
{
	struct model m = { .b = netbuf_new(linear), .bytes = malloc(FLAT_MAX) };

	assert_non_null(m.b);
	return m;
}

static void model_free(struct model *m)
{
	netbuf_free(m->b);
	free(m->bytes);
}

static void append(struct model *m, uint32_t len)
{
	uint8_t *bytes = m->bytes + m->len;
	uint32_t was = m->b->len;
	struct uio u;
	struct uio_vec vec = { .base = (uaddr_t)bytes, .len = len };
	int err;

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)below(256);
	if (below(2) == 0) {
		err = netbuf_append(m->b, bytes, len);
	} else {
		u = (struct uio){ .vecs = &vec, .nr_vecs = 1, .left = len };
		err = netbuf_fill(m->b, &u, len);
	}
	if (err != 0) { /* too many parts: some of it may be there */
		is(err, -ENOBUFS);
		netbuf_trim(m->b, was);
		return;
	}
	m->len += len;
}

static void push(struct model *m, uint32_t n)
{
	uint8_t *at;

	if ((uint32_t)(m->b->data - m->b->room) < n)
		return;
	at = netbuf_push(m->b, n);
	memmove(m->bytes + n, m->bytes, m->len);
	for (uint32_t i = 0; i < n; i++)
		at[i] = m->bytes[i] = (uint8_t)below(256);
	m->len += n;
}

static void pull(struct model *m, uint32_t n)
{
	netbuf_pull(m->b, n);
	m->len -= n;
	memmove(m->bytes, m->bytes + n, m->len);
}

static void need(struct model *m, uint32_t n)
{
	const uint8_t *at = netbuf_need(m->b, n);

	if (at == NULL) {
		assert_true(n > m->len || n > NETBUF_LINEAR_MAX ||
			    n > m->b->room_len); /* there was no room */
		return;
	}
	assert_true(m->b->head_len >= n);
	assert_memory_equal(at, m->bytes, n);
}

static void slice(struct model *m)
{
	uint32_t at = below(m->len + 1), len = below(m->len - at + 1);
	struct model s = { .b = netbuf_slice(m->b, at, len), .bytes = malloc(FLAT_MAX) };

	memcpy(s.bytes, m->bytes + at, len);
	s.len = len;
	check(&s);
	if (len < 30000 && below(2) == 0) {
		append(&s, below(3000)); /* what is shared does not change */
		check(&s);
	}
	check(m);
	model_free(&s);
}

static void join(struct model *m)
{
	struct model more = model_new(below(500));

	append(&more, below(20000));
	if (m->len + more.len < FLAT_MAX - 1000 && netbuf_join(m->b, more.b)) {
		memcpy(m->bytes + m->len, more.bytes, more.len);
		m->len += more.len;
		free(more.bytes);
		return;
	}
	check(&more);
	model_free(&more);
}

static void add_page(struct model *m)
{
	struct page *p = page_alloc(0, 0);
	uint32_t at = below(4096), len = below(4096 - at) + 1;
	uint8_t *bytes = page_to_ptr(p);

	for (uint32_t i = 0; i < 4096; i++)
		bytes[i] = (uint8_t)below(256);
	if (!netbuf_add_page(m->b, p, at, len)) {
		page_put(p);
		return;
	}
	memcpy(m->bytes + m->len, bytes + at, len);
	m->len += len;
}

static void clone(struct model *m)
{
	struct netbuf *old = m->b;

	m->b = netbuf_clone(old);
	assert_non_null(m->b);
	if (below(2) == 0) {
		netbuf_free(old);
		return;
	}
	netbuf_free(m->b);
	m->b = old;
}

static void step(struct model *m)
{
	uint32_t n = below(m->len < 60000 ? 5000 : 10);

	switch (below(9)) {
	case 0:
		append(m, n);
		break;
	case 1:
		push(m, below(40));
		break;
	case 2:
		pull(m, below(min(m->len, 3000u) + 1));
		break;
	case 3:
		need(m, below(min(m->len + 10, 2100u)));
		break;
	case 4:
		n = below(m->len + 100);
		netbuf_trim(m->b, n);
		m->len = min(m->len, n);
		break;
	case 5:
		slice(m);
		break;
	case 6:
		join(m);
		break;
	case 7:
		if (m->len < 60000)
			add_page(m);
		break;
	default:
		clone(m);
		break;
	}
}

static void test_netbufs(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct model m = model_new(below(2) == 0 ? 0 : below(2000));

		for (unsigned i = 0; i < STEPS; i++) {
			step(&m);
			check(&m);
		}
		model_free(&m);
	}
}

/* A receiver with segments of one block has the block charged once, not with each of them. */
static void test_charges(void **state)
{
	static uint8_t bytes[30000];
	struct netbuf *b = netbuf_new(0), *slice;
	uint32_t empty = b->charge;

	(void)state;
	assert_int_equal(netbuf_append(b, bytes, sizeof(bytes)), 0);
	assert_true(b->charge - empty >= sizeof(bytes));
	slice = netbuf_slice(b, 1000, 500);
	assert_int_equal(slice->charge, empty + 500);
	netbuf_free(slice);
	netbuf_free(b);
}

static void test_netbufs_without_memory(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct netbuf *a = netbuf_new(100), *b = netbuf_new(100), *c;
		static uint8_t bytes[30000];

		world_fail_rate(20000);
		IGNORE_RESULT(netbuf_append(a, bytes, below(30000)));
		IGNORE_RESULT(netbuf_append(b, bytes, below(30000)));
		c = netbuf_slice(a, below(a->len), 0);
		netbuf_free(c);
		netbuf_free(netbuf_clone(a));
		if (below(2) == 0) {
			uint32_t len = a->len;

			if (!netbuf_join(a, b)) {
				is(a->len, len);
				netbuf_free(b);
			}
		} else if (netbuf_append_netbuf(a, b) != 0) {
			netbuf_free(b);
		}
		netbuf_free(a);
		world_fail_rate(0);
	}
}

/* ---- lending ---- */

static unsigned nr_done;

static void loan_done(struct netbuf_loan *l)
{
	(void)l;
	nr_done++;
}

static struct netbuf *lent(struct netbuf_loan *l, uint32_t len)
{
	static uint8_t bytes[40000];
	struct netbuf *b = netbuf_new(0);

	netbuf_lend(b, l);
	is(netbuf_append(b, bytes, len), 0);
	return b;
}

static void test_lending(void **state)
{
	struct netbuf_loan a = { .ref = { 1 }, .done = loan_done }, other = a;
	struct netbuf *b = lent(&a, 30000), *s = netbuf_slice(b, 1000, 20000), *c;

	(void)state;
	netbuf_loan_put(&a);
	nr_done = 0;
	c = lent(NULL, 3000);
	assert_false(netbuf_join(b, c)); /* of different owners */
	netbuf_free(c);
	c = lent(&other, 3000);
	assert_false(netbuf_join(b, c));
	netbuf_free(c);
	world_fail_rate(65536);
	is(netbuf_own(s), -ENOBUFS);
	assert_null(netbuf_clone(s));
	world_fail_rate(0);
	assert_ptr_equal(s->loan, &a);
	assert_false(a.copied);
	c = netbuf_clone(s);
	assert_null(c->loan);
	assert_true(a.copied);
	is(c->len, 20000);
	assert_true(netbuf_join(b, s)); /* of the same */
	is(b->len, 50000);
	is(nr_done, 0);
	is(netbuf_own(b), 0);
	is(nr_done, 1);
	is(b->len, 50000);
	netbuf_free(b);
	netbuf_free(c);
	b = netbuf_linear(lent(&other, 500));
	is(nr_done, 1);
	assert_null(b->loan);
	netbuf_free(b);
	netbuf_loan_put(&other);
	is(nr_done, 2);
}

/* ---- cutting ---- */

struct shape {
	bool v4, tcp;
	uint32_t payload, size, options;
};

static uint8_t payload_byte(uint32_t i)
{
	return (uint8_t)(i * 11 + i / 256 * 3);
}

static void put_network(struct netbuf *b, const struct shape *s, uint32_t len)
{
	struct ip4_header v4 = { .version_words = 0x45, .id = be16_of(65534), .hops = 64 };
	struct ip6_header v6 = { .version_class_flow = be32_of(6u << 28), .hops = 64 };

	v4.protocol = v6.next_header = s->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	v4.from[3] = v6.from[15] = 1;
	v4.to[3] = v6.to[15] = 2;
	v4.total_len = be16_of((uint16_t)(sizeof(v4) + len));
	v6.payload_len = be16_of((uint16_t)len);
	b->network = (uint16_t)(b->data + b->head_len - b->room);
	if (s->v4)
		memcpy(netbuf_put(b, sizeof(v4)), &v4, sizeof(v4));
	else
		memcpy(netbuf_put(b, sizeof(v6)), &v6, sizeof(v6));
}

static struct netbuf *large(const struct shape *s)
{
	struct netbuf *b = netbuf_new(200);
	uint32_t header = s->tcp ? 20 + s->options : 8;

	memset(netbuf_put(b, 14), 7, 12);
	memcpy(b->data + 12, s->v4 ? "\x08\x00" : "\x86\xdd", 2);
	put_network(b, s, header + s->payload);
	b->transport = (uint16_t)(b->data + b->head_len - b->room);
	if (s->tcp) {
		struct tcp_header *t = netbuf_put(b, 20 + s->options);

		memset(t, 1, 20 + s->options);
		t->words = (uint8_t)((5 + s->options / 4) << 4);
		t->seq = be32_of(0xfffffff0);
		t->flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR;
	} else {
		memset(netbuf_put(b, 8), 0, 8);
	}
	for (uint32_t i = 0; i < s->payload; i++) {
		uint8_t byte = payload_byte(i);

		is(netbuf_append(b, &byte, 1), 0);
	}
	b->flags = NETBUF_SUM_WANTED;
	b->gso = s->tcp ? (s->v4 ? NETBUF_GSO_TCP4 : NETBUF_GSO_TCP6) : NETBUF_GSO_UDP;
	b->gso_size = (uint16_t)s->size;
	return b;
}

static void check_sum(const uint8_t *frame, const struct shape *s, uint32_t len)
{
	uint32_t ip = s->v4 ? 20 : 40, at = 14 + ip, transport = len - at;
	static uint8_t pseudo[70000];
	uint32_t n = 0;

	memcpy(pseudo, frame + 14 + ip - (s->v4 ? 8 : 32), s->v4 ? 8 : 32);
	n += s->v4 ? 8 : 32;
	memset(pseudo + n, 0, 4);
	pseudo[n + 1] = s->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	pseudo[n + 2] = (uint8_t)(transport >> 8);
	pseudo[n + 3] = (uint8_t)transport;
	memcpy(pseudo + n + 4, frame + at, transport);
	is(plain_sum(pseudo, n + 4 + transport), 0);
	if (s->v4)
		is(plain_sum(frame + 14, 20), 0);
}

/* The nth piece; how much payload is in it. */
static uint32_t check_piece(struct netbuf *b, const struct shape *s, unsigned n, uint32_t before)
{
	static uint8_t frame[70000];
	uint32_t ip = s->v4 ? 20 : 40, header = 14 + ip + (s->tcp ? 20 + s->options : 8);
	uint32_t len = b->len - header;
	bool last = before + len == s->payload;
	const struct ip4_header *v4 = (void *)(frame + 14);
	const struct ip6_header *v6 = (void *)(frame + 14);
	const struct tcp_header *t = (void *)(frame + 14 + ip);

	is(b->gso_size, 0);
	is(b->flags & NETBUF_SUM_WANTED, 0);
	netbuf_copy_out(b, 0, frame, b->len);
	assert_true(last ? len <= s->size : len == s->size);
	for (uint32_t i = 0; i < len; i++)
		is(frame[header + i], payload_byte(before + i));
	if (s->v4) {
		is(be16_get(v4->total_len), b->len - 14);
		is(be16_get(v4->id), (uint16_t)(65534 + n));
	} else {
		is(be16_get(v6->payload_len), b->len - 54);
	}
	if (s->tcp) {
		is(be32_get(t->seq), 0xfffffff0u + before);
		is(t->flags, TCP_ACK | (last ? TCP_PSH | TCP_FIN : 0) | (n == 0 ? TCP_CWR : 0));
	} else {
		is(be16_get(((const struct udp_header *)t)->len), b->len - 14 - ip);
	}
	check_sum(frame, s, b->len);
	return len;
}

static void test_cutting(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct list out = LIST_INIT(out);
		struct shape s = { .v4 = below(2), .tcp = below(2), .size = 1 + below(3000) };
		uint32_t before = 0;
		unsigned n = 0;

		s.options = s.tcp ? below(11) * 4 : 0;
		s.payload = 1 + below(min(60000u, s.size * 40));
		is(segment_cut(large(&s), false, &out), 0);
		while (!list_is_empty(&out)) {
			struct netbuf *b = list_first(&out, struct netbuf, link);

			list_remove(&b->link);
			before += check_piece(b, &s, n++, before);
			netbuf_free(b);
		}
		is(before, s.payload);
	}
}

static void test_cutting_without_memory(void **state)
{
	struct shape s = { true, true, 20000, 1000, 12 };

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		struct list out = LIST_INIT(out);
		struct netbuf *b = large(&s);

		world_fail_rate(5000);
		if (segment_cut(b, false, &out) != 0)
			assert_true(list_is_empty(&out));
		world_fail_rate(0);
		netbuf_free_all(&out);
	}
}

/* ---- merging: what was cut comes together again ---- */

static struct netbuf *copy_of(struct netbuf *b)
{
	struct netbuf *c = netbuf_new(b->len);

	netbuf_copy_out(b, 0, netbuf_put(c, b->len), b->len);
	return c;
}

/* Cuts several connections, and deals their pieces out in turn, each connection's in order. */
static void deal(struct list *burst, struct list *of, unsigned nr)
{
	for (unsigned left = nr; left > 0;) {
		unsigned i = below(nr);

		if (list_is_empty(&of[i]))
			continue;
		struct netbuf *b = list_first(&of[i], struct netbuf, link), *copy = copy_of(b);

		list_remove(&b->link);
		left -= list_is_empty(&of[i]);
		netbuf_free(b);
		list_append(burst, &copy->link);
	}
}

static unsigned count(const struct list *l)
{
	unsigned n = 0;

	for (const struct list *at = l->next; at != l; at = at->next)
		n++;
	return n;
}

static void check_whole(struct netbuf *b, const struct shape *s)
{
	uint32_t ip = s->v4 ? 20 : 40, header = 14 + ip + 20 + s->options;
	static uint8_t frame[70000];

	is(b->len, header + s->payload);
	is(b->gso_size, s->payload > s->size ? s->size : 0);
	netbuf_copy_out(b, 0, frame, b->len);
	for (uint32_t i = 0; i < s->payload; i++)
		is(frame[header + i], payload_byte(i));
	if (s->v4) {
		is(plain_sum(frame + 14, 20), 0);
		is(frame[16] << 8 | frame[17], b->len - 14);
	} else {
		is(frame[18] << 8 | frame[19], b->len - 54);
	}
	is(frame[14 + ip + 13], TCP_ACK | TCP_PSH | TCP_FIN);
}

static void test_merging(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		struct list burst = LIST_INIT(burst), of[6];
		unsigned nr = 1 + below(6);
		struct shape s = { .v4 = below(2), .tcp = true, .size = 1 + below(3000) };

		s.options = below(11) * 4;
		s.payload = 1 + below(min(60000u, s.size * 17));
		for (unsigned i = 0; i < nr; i++) {
			struct netbuf *b = large(&s);
			struct tcp_header *t = netbuf_transport(b);

			list_init(&of[i]);
			t->from = be16_of((uint16_t)i);
			t->flags &= (uint8_t)~TCP_CWR;
			is(segment_cut(b, false, &of[i]), 0);
		}
		deal(&burst, of, nr);
		merge_burst(&burst);
		is(count(&burst), nr);
		while (!list_is_empty(&burst)) {
			struct netbuf *b = list_first(&burst, struct netbuf, link);

			list_remove(&b->link);
			check_whole(b, &s);
			netbuf_free(b);
		}
	}
}

/* One byte of the second segment differs: only its checksum, which was seen to be right, and the
 * urgent pointer without its flag are not looked at. */
static void test_not_merging(void **state)
{
	static const uint8_t may_differ[] = { 50, 51, 52, 53 };
	struct shape s = { true, true, 200, 100, 12 };

	(void)state;
	for (unsigned at = 0; at < 66; at++) {
		struct list burst = LIST_INIT(burst), of = LIST_INIT(of);
		struct netbuf *b = large(&s), *second;

		((struct tcp_header *)netbuf_transport(b))->flags = TCP_ACK;
		is(segment_cut(b, false, &of), 0);
		deal(&burst, &of, 1);
		second = list_last(&burst, struct netbuf, link);
		second->data[at] ^= 0x40;
		list_first(&burst, struct netbuf, link)->flags |= NETBUF_SUM_GOOD;
		second->flags |= NETBUF_SUM_GOOD;
		merge_burst(&burst);
		is(count(&burst), memchr(may_differ, (int)at, sizeof(may_differ)) == NULL ? 2 : 1);
		netbuf_free_all(&burst);
	}
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
	uint8_t ip[16];

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t x[16], y[16];
		unsigned bits = below(129), same = 0;

		for (unsigned i = 0; i < 16; i++)
			x[i] = y[i] = (uint8_t)below(256);
		if (bits < 128)
			y[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
		for (unsigned i = bits / 8 + 1; i < 16; i++)
			y[i] = (uint8_t)below(256);
		is(inet_ip_common_bits(x, y), bits);
		inet_ip_mask(ip, x, bits);
		while (same < 128 && ((ip[same / 8] ^ x[same / 8]) & 0x80 >> same % 8) == 0)
			same++;
		assert_true(same >= bits);
		for (unsigned i = bits; i < 128; i++)
			is(ip[i / 8] & 0x80 >> i % 8, 0);
		assert_true(inet_ip_in_prefix(y, ip, bits));
	}
	assert_true(inet_ip_is_loopback(ip_of("127.255.0.1")));
	assert_false(inet_ip_is_loopback(ip_of("::2")));
	assert_true(inet_ip_is_multicast(ip_of("239.255.255.255")));
	assert_false(inet_ip_is_multicast(ip_of("240.0.0.1")));
	assert_true(inet_ip_is_link_local(ip_of("fe80::1")));
	assert_true(inet_ip_is_link_local(ip_of("febf::1")));
	assert_false(inet_ip_is_link_local(ip_of("fec0::1")));
	assert_true(inet_ip_is_link_local(ip_of("169.254.3.4")));
	assert_false(inet_ip_is_link_local(ip_of("224.0.1.1")));
	ip_group_mac(ip_of("239.129.2.3"), ip);
	assert_memory_equal(ip, ((const uint8_t[6]){ 1, 0, 0x5e, 1, 2, 3 }), 6);
	ip_group_mac(ip_of("ff02::1:ff12:3456"), ip);
	assert_memory_equal(ip, ((const uint8_t[6]){ 0x33, 0x33, 0xff, 0x12, 0x34, 0x56 }), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_checksums, start, stop),
		cmocka_unit_test_setup_teardown(test_updates, start, stop),
		cmocka_unit_test_setup_teardown(test_netbufs, start, stop),
		cmocka_unit_test_setup_teardown(test_charges, start, stop),
		cmocka_unit_test_setup_teardown(test_netbufs_without_memory, start, stop),
		cmocka_unit_test_setup_teardown(test_lending, start, stop),
		cmocka_unit_test_setup_teardown(test_cutting, start, stop),
		cmocka_unit_test_setup_teardown(test_cutting_without_memory, start, stop),
		cmocka_unit_test_setup_teardown(test_merging, start, stop),
		cmocka_unit_test_setup_teardown(test_not_merging, start, stop),
		cmocka_unit_test_setup_teardown(test_addresses, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
