/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments, out and in (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * In. A packet on its way together is found by source, destination, protocol and identification
 * (RFC 791; IPv6 without the protocol, RFC 8200 §4.5). Its pieces are kept in order of their
 * offsets. An overlap, or an end in two places, discards the whole (RFC 5722 §4; RFC 8900 §3.7 for
 * IPv4), but an exact repetition of a piece is only dropped. What waits is bounded in bytes, for
 * all and for each, and in time; when there is too much, the oldest goes.
 */
#include "net/ip/fragment.h"

#include <linux/in.h>
#include <linux/in6.h>

#include "core/random.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/ip/deliver.h"
#include "net/netdev.h"
#include "net/wire/checksum.h"
#include "net/wire/ip.h"

#define BYTES_MAX   (4u << 20) /* of memory, all that wait: as Linux's ipfrag_high_thresh */
#define PACKETS_MAX 256u       /* that wait: they are looked through one by one */
#define PIECES_MAX  128u       /* of one packet: 64 KiB in pieces of 512 bytes */
#define PACKET_MAX  65535u
#define WAIT_NS     (30 * NSEC_PER_SEC) /* RFC 1122 §3.3.2 says 60 to 120; Linux 30 */
#define PIECE_STEP  8u
#define OPTIONS_MAX 40u

enum option { OPTION_END = 0, OPTION_NOP = 1, OPTION_COPIED = 0x80 };

#define FRAGMENT_LEN ((unsigned)sizeof(struct ip6_fragment))

/* ---- out ---- */

/* One piece: the payload from `at` on. NULL = no memory. */
static struct netbuf *new_piece(const struct netbuf *b, uint32_t at, uint32_t len)
{
	struct netbuf *p = netbuf_slice(b, at, len);

	if (p != NULL)
		netbuf_set_transport(p);
	return p;
}

struct cut {
	struct net *net;
	const struct ip_header_values *v;
	const struct ip_path *path;
	uint32_t id;
	uint32_t step; /* bytes of payload in each but the last */
};

/* Those options that later pieces have too: their first bit says so. */
static unsigned copied_options(uint8_t out[OPTIONS_MAX], const struct ip_header_values *v)
{
	const uint8_t *o = v->options;
	unsigned n = 0, len = min(v->options_len, OPTIONS_MAX);

	for (unsigned at = 0, size; at < len && o[at] != OPTION_END; at += size) {
		size = o[at] == OPTION_NOP || at + 1 == len ? 1 : max((unsigned)o[at + 1], 2u);
		size = min(size, len - at);
		if ((o[at] & OPTION_COPIED) != 0) {
			memcpy(out + n, o + at, size);
			n += size;
		}
	}
	return n;
}

static int send_piece4(const struct cut *c, struct netbuf *p, uint32_t at, bool more)
{
	struct ip_header_values v = *c->v;
	uint8_t options[OPTIONS_MAX];
	struct ip4_header *h;

	if (at > 0 && v.options_len > 0) { /* RFC 791 §3.1: only some are copied */
		v.options_len = copied_options(options, c->v);
		v.options = options;
	}
	ip4_push_header(c->net, p, &v);
	h = (void *)p->data;
	h->id = be16_of((uint16_t)c->id);
	h->fragment = be16_of((uint16_t)(at / PIECE_STEP | (more ? IP4_MORE_FRAGMENTS : 0)));
	h->checksum = be16_of(0);
	h->checksum = checksum_finish(checksum_add(0, h, (h->version_words & 15) * 4u));
	ip_transmit(p, c->path);
	return 0;
}

static int send_piece6(const struct cut *c, struct netbuf *p, uint32_t at, bool more)
{
	struct ip_header_values v = *c->v;
	struct ip6_fragment *f = netbuf_push(p, FRAGMENT_LEN);

	*f = (struct ip6_fragment){
		.next_header = v.protocol,
		.offset_more = be16_of((uint16_t)(at | more)),
		.id = be32_of(c->id),
	};
	v.protocol = IPPROTO_FRAGMENT;
	ip6_push_header(p, &v);
	ip_transmit(p, c->path);
	return 0;
}

static int send_pieces(const struct cut *c, const struct netbuf *b)
{
	bool v4 = inet_ip_is_v4(c->v->to);

	for (uint32_t at = 0, n; at < b->len; at += n) {
		struct netbuf *p;
		bool more;

		n = min(c->step, b->len - at);
		more = at + n < b->len;
		p = new_piece(b, at, n);
		if (p == NULL)
			return -ENOBUFS;
		(v4 ? send_piece4 : send_piece6)(c, p, at, more);
	}
	return 0;
}

int fragment_send(struct net *net, struct netbuf *b, const struct ip_header_values *v,
		  const struct ip_path *path)
{
	bool v4 = inet_ip_is_v4(v->to);
	unsigned header = v4 ? (unsigned)sizeof(struct ip4_header) + ((v->options_len + 3u) & ~3u)
			     : (unsigned)sizeof(struct ip6_header) + v->options_len + FRAGMENT_LEN;
	struct cut c = { .net = net, .v = v, .path = path };
	uint32_t whole;
	int err;

	/* The checksum is over all of it, so it is made before the cut. */
	whole = b->len + (v4 ? header : v->options_len); /* IPv6's header is not counted */
	err = whole > PACKET_MAX || path->mtu < header + PIECE_STEP ? -EMSGSIZE
								    : netbuf_sum_finish(b);
	if (err == 0) {
		c.id = v4 ? ip4_next_id(net, v->to, 1) : (uint32_t)random_u64();
		c.step = (path->mtu - header) & ~(PIECE_STEP - 1);
		err = send_pieces(&c, b);
	}
	netbuf_free(b);
	return err;
}

/* ---- in ---- */

struct packet_key {
	uint8_t from[16], to[16];
	uint32_t id;
	uint8_t protocol; /* IPv4's only */
	unsigned dev_index;
};

struct pieces {           /* of one packet */
	struct list link; /* by age */
	struct packet_key key;
	struct list all; /* netbufs, by offset, which is in their notes */
	unsigned nr;
	uint32_t bytes, end; /* that are there; where it ends: 0 = not yet known */
	uint32_t charge, longest;
	nsec_t until;
};

/* The notes of a piece: ip_info stands first, as in every packet that came in. */
struct piece_notes {
	struct ip_info info;
	uint32_t offset;
};

struct fragments {
	struct net *net;
	struct spinlock lock;
	struct list waiting; /* [lock] struct pieces, the oldest first */
	uint32_t charge;     /* [lock] */
	unsigned nr;         /* [lock] */
	struct timer timer;
};

static uint32_t offset_of(const struct netbuf *b)
{
	return netbuf_notes((struct netbuf *)b, struct piece_notes)->offset;
}

/* Frees it; off all lists already. */
static void discard(struct pieces *w)
{
	netbuf_free_all(&w->all);
	kmem_free(w);
}

static void take_off(struct fragments *f, struct pieces *w)
{
	list_remove(&w->link);
	f->charge -= w->charge;
	f->nr--;
}

/* The first whose time is over, or that is one too many; or NULL. */
static struct pieces *take_oldest(struct fragments *f, nsec_t now)
{
	struct pieces *w;

	scoped_spin(&f->lock);
	w = list_first(&f->waiting, struct pieces, link);
	if (w == NULL)
		return NULL;
	if (w->until > now && f->charge <= BYTES_MAX && f->nr <= PACKETS_MAX) {
		timer_arm(&f->timer, w->until);
		return NULL;
	}
	take_off(f, w);
	return w;
}

static void expire(struct fragments *f)
{
	struct pieces *w;
	struct netbuf *first;

	while ((w = take_oldest(f, clock_monotonic())) != NULL) {
		first = list_first(&w->all, struct netbuf, link);
		if (first != NULL && offset_of(first) == 0 && w->until <= clock_monotonic())
			ip_complain(f->net, first, IP_TIME_EXCEEDED_FRAGMENT);
		discard(w);
	}
}

static void ring(struct timer *t)
{
	expire(container_of(t, struct fragments, timer));
	net_run();
}

/* ---- adding a piece; f->lock is held ---- */

static bool is_key(const struct packet_key *a, const struct packet_key *b)
{
	return a->id == b->id && a->protocol == b->protocol && a->dev_index == b->dev_index &&
	       inet_ip_equal(a->from, b->from) && inet_ip_equal(a->to, b->to);
}

static struct pieces *find(struct fragments *f, const struct packet_key *key)
{
	struct pieces *w;

	list_foreach(&f->waiting, w, link) {
		if (is_key(&w->key, key))
			return w;
	}
	return NULL;
}

static struct pieces *begin(struct fragments *f, const struct packet_key *key)
{
	struct pieces *w = kmem_alloc_nowait(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->key = *key;
	w->until = clock_monotonic() + WAIT_NS;
	list_init(&w->all);
	if (list_is_empty(&f->waiting))
		timer_arm(&f->timer, w->until);
	list_append(&f->waiting, &w->link);
	f->nr++;
	return w;
}

enum verdict { PIECE_TAKEN, PIECE_AGAIN, PIECE_BAD };

/* Where b belongs among the others, if it overlaps none. */
static enum verdict place(struct pieces *w, const struct netbuf *b, struct list **before)
{
	uint32_t from = offset_of(b), to = from + b->len;
	struct netbuf *o;

	list_foreach(&w->all, o, link) {
		if (offset_of(o) == from && o->len == b->len)
			return PIECE_AGAIN;
		if (offset_of(o) >= to)
			break;
		if (offset_of(o) + o->len > from)
			return PIECE_BAD;
	}
	*before = &o->link;
	return PIECE_TAKEN;
}

/* What the header of a packet that is whole takes of its longest length (RFC 791 §3.1). */
static uint32_t header_of(const struct netbuf *b)
{
	return netbuf_notes((struct netbuf *)b, struct ip_info)->v4
		       ? (uint32_t)(b->data - (const uint8_t *)netbuf_network(b))
		       : 0;
}

static enum verdict add(struct fragments *f, struct pieces *w, struct netbuf *b, bool more)
{
	uint32_t end = offset_of(b) + b->len;
	struct list *before = &w->all;
	enum verdict verdict;

	if (end > PACKET_MAX - header_of(b) || (more && b->len % PIECE_STEP != 0) || b->len == 0)
		return PIECE_BAD;
	if (w->end != 0 && (end > w->end || (!more && end != w->end)))
		return PIECE_BAD;
	verdict = place(w, b, &before);
	if (verdict != PIECE_TAKEN)
		return verdict;
	if (!more && before != &w->all) /* others lie behind what says that it is the end */
		return PIECE_BAD;
	if (w->nr == PIECES_MAX)
		return PIECE_BAD;
	if (!more)
		w->end = end;
	list_insert_before(before, &b->link);
	w->nr++;
	w->bytes += b->len;
	w->longest = max(w->longest, b->len);
	w->charge += b->charge;
	f->charge += b->charge;
	return PIECE_TAKEN;
}

/* ---- a whole one ---- */

/* IPv4's header as if it had never been cut: raw sockets see it. */
static void make_header_whole(struct netbuf *b)
{
	struct ip4_header *h = netbuf_network(b);
	unsigned len = (h->version_words & 15) * 4u;

	h->total_len = be16_of((uint16_t)(len + b->len));
	h->fragment = be16_of(0);
	h->checksum = be16_of(0);
	h->checksum = checksum_finish(checksum_add(0, h, len));
}

/* Has one netbuf room for all pages, and one more a piece for what is linear in it? */
static bool fit_as_pages(const struct pieces *w)
{
	const struct netbuf *b;
	unsigned nr = 0;

	list_foreach(&w->all, b, link)
		nr += b->nr_parts + 1u;
	return nr <= NETBUF_PARTS_MAX;
}

/* All pieces behind the first, which keeps its headers: by their pages, or copied into fresh ones,
 * which are full then. NULL: no memory. */
static struct netbuf *join(struct pieces *w)
{
	struct netbuf *whole = list_first(&w->all, struct netbuf, link), *next;
	struct ip_info *info = netbuf_notes(whole, struct ip_info);
	bool by_pages = fit_as_pages(w);

	list_remove(&whole->link);
	while ((next = list_first(&w->all, struct netbuf, link)) != NULL) {
		list_remove(&next->link);
		if (by_pages && netbuf_join(whole, next))
			continue;
		if (netbuf_append_netbuf(whole, next) != 0) {
			netbuf_free(next);
			netbuf_free(whole);
			return NULL;
		}
	}
	whole->flags &= (uint16_t)~NETBUF_SUM_GOOD;
	if (info->v4)
		make_header_whole(whole);
	info->max_fragment = w->longest;
	return whole;
}

static void set_key(struct packet_key *key, const struct ip_info *i, const struct fragment_piece *p)
{
	*key = (struct packet_key){ .id = p->id, .protocol = i->v4 ? p->protocol : 0 };
	memcpy(key->from, i->from, sizeof(key->from));
	memcpy(key->to, i->to, sizeof(key->to));
	if (inet_ip_is_link_local(i->from))
		key->dev_index = i->dev_index;
}

/* Takes b. What is off the lists now: to be joined, or, with *bad, to be discarded. */
static struct pieces *take_piece(struct fragments *f, struct netbuf *b,
				 const struct fragment_piece *p, bool *bad)
{
	struct packet_key key;
	enum verdict verdict;
	struct pieces *w;

	set_key(&key, netbuf_notes(b, struct ip_info), p);
	scoped_spin(&f->lock);
	w = find(f, &key);
	if (w == NULL)
		w = begin(f, &key);
	verdict = w == NULL ? PIECE_AGAIN : add(f, w, b, p->more);
	if (verdict != PIECE_TAKEN)
		netbuf_free(b);
	*bad = verdict == PIECE_BAD;
	if (w == NULL || (!*bad && (w->end == 0 || w->bytes != w->end)))
		return NULL;
	take_off(f, w);
	return w;
}

struct netbuf *fragment_receive(struct net *net, struct netbuf *b, const struct fragment_piece *p)
{
	struct netbuf *whole = NULL;
	struct pieces *w;
	bool bad;

	netbuf_notes(b, struct piece_notes)->offset = p->offset;
	if (p->offset == 0)
		netbuf_notes(b, struct ip_info)->protocol = p->protocol;
	w = take_piece(net->fragments, b, p, &bad);
	if (w != NULL && !bad)
		whole = join(w);
	if (w != NULL)
		discard(w);
	expire(net->fragments);
	return whole;
}

/* ---- birth ---- */

int fragment_init(struct net *net)
{
	struct fragments *f = kmem_new(struct fragments);

	if (f == NULL)
		return -ENOMEM;
	f->net = net;
	list_init(&f->waiting);
	timer_init(&f->timer, ring);
	net->fragments = f;
	return 0;
}

void fragment_fini(struct net *net)
{
	struct fragments *f = net->fragments;

	if (f == NULL)
		return;
	(void)timer_cancel(&f->timer);
	while (!list_is_empty(&f->waiting)) {
		struct pieces *w = list_first(&f->waiting, struct pieces, link);

		take_off(f, w);
		discard(w);
	}
	kmem_free(f);
	net->fragments = NULL;
}
