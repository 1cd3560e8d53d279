/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets on their way through the stack. A netbuf is a linear part, in which headers are written
 * and read, and behind it up to NETBUF_PARTS_MAX pieces of counted pages, which several netbufs may
 * share: a segment that is sent again, a file's page, a received frame cut at its headers. Bytes in
 * pages are never changed once a netbuf refers to them.
 *
 *	room .. data        free for headers to be pushed in front
 *	data .. head_len    the linear part
 *	parts[]             the rest of `len`
 *
 * It has one owner at a time: who calls a function that takes it does not touch it again. Nothing
 * here sleeps; allocations are of the nowait kind, so that every context may make netbufs.
 *
 * Pages that a program lent (MSG_ZEROCOPY) belong to a struct netbuf_loan, of which each netbuf
 * with some of them holds a count. It may change their bytes meanwhile: nobody reads them but a
 * device, or who sums or copies them on the way there. What stays on this machine is made the
 * kernel's own before (netbuf_own), and so is every clone.
 *
 * Offloads. NETBUF_SUM_WANTED: the 16-bit checksum at sum_start + sum_offset holds the pseudo
 * header's part, and what sends it last completes it over everything from sum_start on. gso_size
 * above 0: one large segment, which what sends it last cuts into pieces with so many bytes of
 * payload. Both mean the same in virtio_net_hdr (virtio 1.2 §5.1.6.2). NETBUF_SUM_GOOD, on input:
 * the transport's checksum is known to be right.
 */
#pragma once
#include "core/uio.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

#define NETBUF_PARTS_MAX  18   /* 64 KiB in pages, wherever in the first it begins */
#define NETBUF_HEADROOM   160u /* link, VLAN, IPv6 with a fragment header, TCP with all options */
#define NETBUF_NOTES      96u
#define NETBUF_LINEAR_MAX 2048u

struct netdev;
struct page;

enum netbuf_flags {
	NETBUF_SUM_WANTED = 1 << 0,
	NETBUF_SUM_GOOD = 1 << 1,
	NETBUF_FOR_ALL = 1 << 2,     /* came as a broadcast of the link */
	NETBUF_FOR_GROUP = 1 << 3,   /* came as a multicast of the link */
	NETBUF_WANTS_STAMP = 1 << 5, /* output: time_ns is to be when the device got it */
	NETBUF_FOR_OTHER = 1 << 4,   /* not for our link address: packet sockets alone see it */
};

enum netbuf_gso { NETBUF_GSO_NONE, NETBUF_GSO_TCP4, NETBUF_GSO_TCP6, NETBUF_GSO_UDP };

/* Embedded by whoever wants to know when nobody has the pages any more. */
struct netbuf_loan {
	struct ref ref;
	bool copied;                         /* [a] some bytes were: lending saved nothing */
	void (*done)(struct netbuf_loan *l); /* any context, any lock may be held: net_later */
};

struct netbuf_part {
	struct page *page; /* counted: of a block of pages its first (netbuf_page_get) */
	uint32_t offset, len;
};

struct netbuf {
	/* all: the owner's */
	struct list link;
	struct netdev *dev; /* input: by which it came; output: by which it goes; not counted */
	uint8_t *data;
	uint32_t len;       /* bytes in all */
	uint32_t head_len;  /* of them linear */
	uint32_t room_len;  /* of room[] */
	uint32_t tail_room; /* bytes behind the last part that are this netbuf's to fill */
	uint32_t charge;    /* bytes of memory, shared pages included */
	uint16_t flags;     /* enum netbuf_flags */
	uint16_t gso_size;
	uint8_t gso, nr_parts;             /* enum netbuf_gso */
	uint16_t vlan;                     /* tag's control word, plus 1; 0: none */
	uint16_t sum_start, sum_offset;    /* from data; from sum_start */
	uint16_t network, transport;       /* where the headers begin, from room[] */
	nsec_t time_ns;                    /* of arrival, since 1970; 0: nobody looked */
	void (*on_free)(struct netbuf *b); /* tells `owner`; NULL: nobody asked */
	void *owner;
	struct netbuf_loan *loan; /* counted; NULL: no page is lent */
	uint32_t stamp_key;       /* owner's, with NETBUF_WANTS_STAMP */
	/* What the protocol at hand keeps with it: netbuf_notes(). */
	uint64_t notes[NETBUF_NOTES / sizeof(uint64_t)];
	struct netbuf_part parts[NETBUF_PARTS_MAX];
	uint8_t room[];
};

#define netbuf_notes(b, type) \
	({ \
		_Static_assert(sizeof(type) <= NETBUF_NOTES, "notes are full"); \
		(type *)(void *)(b)->notes; \
	})

/* Empty, with NETBUF_HEADROOM in front and room for `linear` bytes. NULL = no memory. */
struct netbuf *netbuf_new(unsigned linear);
void netbuf_free(struct netbuf *b); /* NULL is fine */
void netbuf_free_all(struct list *l);
/* on_free is called now: whoever made b has no more to do with it. */
void netbuf_orphan(struct netbuf *b);

/* `n` more bytes in front; the caller knows that there is room. Returns data. */
void *netbuf_push(struct netbuf *b, unsigned n);
/* `n` linear bytes more at the end; only while there are no parts. */
void *netbuf_put(struct netbuf *b, unsigned n);
/* The first n bytes go; n <= len. */
void netbuf_pull(struct netbuf *b, uint32_t n);
/* The first n bytes are made linear: of headers, which whoever made it left room for. NULL: it is
 * shorter, n is above NETBUF_LINEAR_MAX, or there is no room. */
void *netbuf_need(struct netbuf *b, uint32_t n);
/* Takes b: the same with all of it linear, whatever there was room for. NULL, and b is gone: it is
 * longer than NETBUF_LINEAR_MAX, or there is no memory. */
struct netbuf *netbuf_linear(struct netbuf *b);
void netbuf_trim(struct netbuf *b, uint32_t len); /* to at most so many bytes */

/* Takes one count of the page. False: no part is free. */
MUST_CHECK bool netbuf_add_page(struct netbuf *b, struct page *p, uint32_t offset, uint32_t len);
/* Takes the bytes of `more`, which goes, behind b's. False, and nothing changed: too many parts, or
 * the pages of one are lent and those of the other are not, or by another call. */
MUST_CHECK bool netbuf_join(struct netbuf *b, struct netbuf *more);
/* A netbuf with `len` bytes from `offset` on, by the same pages; linear ones are copied. Flags,
 * notes and offloads are not. NULL = no memory. */
struct netbuf *netbuf_slice(const struct netbuf *b, uint32_t offset, uint32_t len);
struct netbuf *netbuf_clone(const struct netbuf *b); /* all of it, with everything but on_free */
void netbuf_loan_put(struct netbuf_loan *l);         /* NULL is fine */
void netbuf_lend(struct netbuf *b, struct netbuf_loan *l); /* an empty one's pages will be l's */
/* Pages that are lent are replaced by copies. -ENOBUFS. */
MUST_CHECK int netbuf_own(struct netbuf *b);
/* Does somebody wait for b to be gone? */
static inline bool netbuf_is_awaited(const struct netbuf *b)
{
	return b->on_free != NULL || b->loan != NULL;
}

/* More bytes at the end from the uio: linear while there is room and no part, then in the last
 * part's tail_room, then in fresh pages, or by keeping the uio's; thread context. -ENOBUFS,
 * -EFAULT: it has got fewer. */
MUST_CHECK int netbuf_fill(struct netbuf *b, struct uio *u, uint32_t len);
/* From `offset`; how many (fewer on a fault). Thread context. */
MUST_CHECK uint32_t netbuf_read(const struct netbuf *b, uint32_t offset, struct uio *u,
				uint32_t len);
void netbuf_copy_out(const struct netbuf *b, uint32_t offset, void *to, uint32_t len);
MUST_CHECK int netbuf_append(struct netbuf *b, const void *from, uint32_t len); /* -ENOBUFS */
/* Copies the bytes of `more`, which goes: -ENOBUFS, and it stays. */
MUST_CHECK int netbuf_append_netbuf(struct netbuf *b, struct netbuf *more);
/* The unfolded ones' complement sum (wire/checksum.h) of some bytes. */
uint64_t netbuf_sum(const struct netbuf *b, uint32_t offset, uint32_t len);
/* Completes NETBUF_SUM_WANTED by hand. -ENOBUFS: the field is in a page. */
MUST_CHECK int netbuf_sum_finish(struct netbuf *b);

/* A count more or less of a part's page: of a block the block's. */
void netbuf_page_get(struct page *p);
void netbuf_page_put(struct page *p);

static inline void *netbuf_network(const struct netbuf *b)
{
	return (uint8_t *)b->room + b->network;
}

static inline void *netbuf_transport(const struct netbuf *b)
{
	return (uint8_t *)b->room + b->transport;
}

/* The header at data is the network's, or the transport's. */
static inline void netbuf_set_network(struct netbuf *b)
{
	b->network = (uint16_t)(b->data - b->room);
}

static inline void netbuf_set_transport(struct netbuf *b)
{
	b->transport = (uint16_t)(b->data - b->room);
}
