/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers that requests use without naming them: groups of provided ones (IOSQE_BUFFER_SELECT),
 * given one by one (IORING_OP_PROVIDE_BUFFERS) or in a ring in the program's memory
 * (IORING_REGISTER_PBUF_RING); and registered ones (IORING_OP_READ_FIXED), which are ranges of the
 * program's memory that a request must stay in: they are not pinned, a copy finds the pages.
 *
 * A buffer is taken when there is something for it. A request that has one and must wait after all
 * gives it back: to the ring if it was the last one taken, else to the group's list, which is
 * served first.
 */
#include <linux/eventpoll.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/uring/uring.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define GROUP_BUFFERS_MAX 65536u
#define RING_ENTRIES_MAX  32768u
#define FIXED_MAX         16384u
#define FIXED_LEN_MAX     (1ul << 30)
#define BUF_TAIL_AT       offsetof(struct io_uring_buf_ring, tail)

struct provided {
	struct list link; /* [ring.lock] */
	uaddr_t base;
	uint32_t len;
	uint16_t id;
};

struct group {
	struct list link; /* [ring.lock] */
	uint16_t id;
	uaddr_t ring;        /* [ring.lock] struct io_uring_buf_ring of the program's; 0: none */
	uint16_t mask;       /* [ring.lock] */
	uint16_t head;       /* [ring.lock] */
	struct list buffers; /* [ring.lock] */
	unsigned nr;
};

/* ---- groups, with ring->lock held ---- */

static struct group *find(struct uring *ring, unsigned id)
{
	struct group *g;

	list_foreach(&ring->groups, g, link)
		if (g->id == id)
			return g;
	return NULL;
}

static struct group *find_or_make(struct uring *ring, unsigned id)
{
	struct group *g = find(ring, id);

	if (g != NULL)
		return g;
	g = kmem_new(struct group);
	if (g == NULL)
		return NULL;
	g->id = (uint16_t)id;
	list_init(&g->buffers);
	list_append(&ring->groups, &g->link);
	return g;
}

static unsigned drop_buffers(struct group *g, unsigned nr)
{
	struct provided *b;
	unsigned done = 0;

	while (done < nr && (b = list_first(&g->buffers, struct provided, link)) != NULL) {
		list_remove(&b->link);
		kmem_free(b);
		done++;
	}
	g->nr -= done;
	return done;
}

static void free_group(struct group *g)
{
	drop_buffers(g, g->nr);
	list_remove(&g->link);
	kmem_free(g);
}

void buffer_groups_free(struct uring *ring)
{
	struct group *g;

	while ((g = list_first(&ring->groups, struct group, link)) != NULL)
		free_group(g);
}

/* In front: a buffer that came back. */
static bool put_buffer(struct group *g, const struct chosen_buffer *c, bool in_front)
{
	struct provided *b = kmem_new(struct provided);

	if (b == NULL)
		return false;
	b->base = c->base;
	b->len = c->len;
	b->id = c->id;
	if (in_front)
		list_prepend(&g->buffers, &b->link);
	else
		list_append(&g->buffers, &b->link);
	g->nr++;
	return true;
}

/* ---- choosing ---- */

static int take_from_ring(struct group *g, struct chosen_buffer *out)
{
	struct io_uring_buf buf;
	uint16_t tail;

	if (user_read_struct(&tail, g->ring + BUF_TAIL_AT) != 0)
		return -EFAULT;
	if (tail == g->head)
		return -ENOBUFS;
	if (user_read_struct(&buf, g->ring + (size_t)(g->head & g->mask) * sizeof(buf)) != 0)
		return -EFAULT;
	g->head++;
	*out = (struct chosen_buffer){ true, buf.bid, buf.addr, buf.len, 0 };
	return 0;
}

static int take(struct group *g, struct chosen_buffer *out)
{
	struct provided *b = list_first(&g->buffers, struct provided, link);

	if (b == NULL)
		return g->ring != 0 ? take_from_ring(g, out) : -ENOBUFS;
	*out = (struct chosen_buffer){ true, b->id, b->base, b->len, 0 };
	list_remove(&b->link);
	kmem_free(b);
	g->nr--;
	return 0;
}

/* Would the file make it wait? Then no buffer is taken yet. */
static bool would_wait(struct request *r)
{
	const unsigned something = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

	return !r->may_wait && !r->nowait && r->file->ops->poll != NULL &&
	       (vfs_poll(r->file, NULL) & something) == 0;
}

int buffer_choose(struct request *r, size_t want)
{
	struct chosen_buffer *b = &r->buffer;
	struct group *g;
	int err;

	if (would_wait(r))
		return -EAGAIN;
	scoped_mutex(&r->ring->lock);
	g = find(r->ring, r->sqe.buf_group);
	err = g == NULL ? -ENOBUFS : take(g, b);
	if (err != 0)
		return err;
	b->whole = b->len;
	if (want != 0)
		b->len = (uint32_t)min((size_t)b->len, want);
	if (user_range_ok(b->base, b->len))
		return 0;
	return -EFAULT;
}

void buffer_give_back(struct request *r)
{
	struct chosen_buffer b = r->buffer;
	struct group *g;

	if (!b.chosen)
		return;
	r->buffer.chosen = false;
	b.len = b.whole;
	scoped_mutex(&r->ring->lock);
	g = find_or_make(r->ring, r->sqe.buf_group);
	if (g != NULL)
		(void)put_buffer(g, &b, true); /* without memory it is lost to the program */
}

uint32_t buffer_flags(const struct request *r)
{
	if (!r->buffer.chosen)
		return 0;
	return IORING_CQE_F_BUFFER | (uint32_t)r->buffer.id << IORING_CQE_BUFFER_SHIFT;
}

/* ---- giving and taking away ---- */

long op_provide_buffers(struct request *r)
{
	struct chosen_buffer b = { .base = r->sqe.addr, .len = r->sqe.len };
	unsigned nr = (unsigned)r->sqe.fd, i;
	uint64_t id = r->sqe.off;
	struct group *g;

	if (r->sqe.rw_flags != 0 || r->sqe.splice_fd_in != 0 || b.len == 0)
		return -EINVAL;
	if (nr == 0 || nr > GROUP_BUFFERS_MAX)
		return -E2BIG;
	if (!user_range_ok(b.base, (size_t)b.len * nr))
		return -EFAULT;
	if (id > UINT16_MAX)
		return -E2BIG;
	if (id + nr > GROUP_BUFFERS_MAX)
		return -EINVAL;
	scoped_mutex(&r->ring->lock);
	g = find_or_make(r->ring, r->sqe.buf_group);
	if (g == NULL)
		return -ENOMEM;
	if (g->ring != 0)
		return -EINVAL;
	for (i = 0; i < nr; i++, b.base += b.len) {
		b.id = (uint16_t)(id + i);
		if (!put_buffer(g, &b, false))
			return i > 0 ? 0 : -ENOMEM;
	}
	return 0;
}

long op_remove_buffers(struct request *r)
{
	unsigned nr = (unsigned)r->sqe.fd;
	struct group *g;

	if (r->sqe.rw_flags != 0 || r->sqe.addr != 0 || r->sqe.len != 0 || r->sqe.off != 0 ||
	    r->sqe.splice_fd_in != 0 || nr == 0 || nr > GROUP_BUFFERS_MAX)
		return -EINVAL;
	scoped_mutex(&r->ring->lock);
	g = find(r->ring, r->sqe.buf_group);
	if (g == NULL)
		return -ENOENT;
	return g->ring != 0 ? -EINVAL : (long)drop_buffers(g, nr);
}

static int read_ring_argument(struct io_uring_buf_reg *reg, uaddr_t arg)
{
	if (user_read_struct(reg, arg) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < ARRAY_SIZE(reg->resv); i++)
		if (reg->resv[i] != 0)
			return -EINVAL;
	return reg->pad != 0 ? -EINVAL : 0;
}

long buffer_ring_register(struct uring *ring, uaddr_t arg)
{
	struct io_uring_buf_reg reg;
	struct group *g;
	int err = read_ring_argument(&reg, arg);

	if (err != 0)
		return err;
	if (reg.ring_addr == 0)
		return -EFAULT;
	if (!is_aligned(reg.ring_addr, PAGE_SIZE) || reg.ring_entries == 0 ||
	    (reg.ring_entries & (reg.ring_entries - 1)) != 0)
		return -EINVAL;
	if (reg.ring_entries > RING_ENTRIES_MAX)
		return -EINVAL;
	if (!user_range_ok(reg.ring_addr, reg.ring_entries * sizeof(struct io_uring_buf)))
		return -EFAULT;
	g = find_or_make(ring, reg.bgid);
	if (g == NULL)
		return -ENOMEM;
	if (g->ring != 0 || g->nr != 0)
		return -EEXIST;
	g->ring = reg.ring_addr;
	g->mask = (uint16_t)(reg.ring_entries - 1);
	g->head = 0;
	return 0;
}

long buffer_ring_unregister(struct uring *ring, uaddr_t arg)
{
	struct io_uring_buf_reg reg;
	struct group *g;
	int err = read_ring_argument(&reg, arg);

	if (err != 0)
		return err;
	g = find(ring, reg.bgid);
	if (g == NULL)
		return -ENOENT;
	if (g->ring == 0)
		return -EINVAL;
	free_group(g);
	return 0;
}

/* ---- registered buffers ---- */

int buffer_fixed_check(struct uring *ring, unsigned idx, uaddr_t base, size_t len)
{
	const struct fixed_buffer *b;

	scoped_mutex(&ring->lock);
	if (idx >= ring->nr_buffers)
		return -EFAULT;
	b = &ring->buffers[idx];
	if (base < b->base || len > b->len || base - b->base > b->len - len)
		return -EFAULT;
	return 0;
}

static int read_buffer(struct fixed_buffer *b, uaddr_t iov, uaddr_t tag)
{
	struct uio_vec v;

	*b = (struct fixed_buffer){ .tag = 0 };
	if (tag != 0 && user_read_struct(&b->tag, tag) != 0)
		return -EFAULT;
	if (iov == 0)
		return b->tag != 0 ? -EINVAL : 0;
	if (user_read_struct(&v, iov) != 0)
		return -EFAULT;
	b->base = v.base;
	b->len = v.len;
	if (v.base == 0)
		return v.len != 0 ? -EFAULT : b->tag != 0 ? -EINVAL : 0;
	return v.len == 0 || v.len > FIXED_LEN_MAX || !user_range_ok(v.base, v.len) ? -EFAULT : 0;
}

static uaddr_t nth(uaddr_t array, unsigned i, size_t size)
{
	return array == 0 ? 0 : array + i * size;
}

long buffers_register(struct uring *ring, uaddr_t iov, unsigned nr, uaddr_t tags)
{
	struct fixed_buffer *all;
	int err = 0;

	if (ring->buffers != NULL)
		return -EBUSY;
	if (nr == 0 || nr > FIXED_MAX)
		return -EINVAL;
	all = kmem_new_array(struct fixed_buffer, nr);
	if (all == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < nr && err == 0; i++)
		err = read_buffer(&all[i], nth(iov, i, sizeof(struct uio_vec)),
				  nth(tags, i, sizeof(uint64_t)));
	if (err != 0) {
		kmem_free(all);
		return err;
	}
	ring->buffers = all;
	ring->nr_buffers = nr;
	return 0;
}

/* Its owner is told that it is not used any more. */
static void drop_fixed(struct uring *ring, const struct fixed_buffer *b)
{
	struct completion c = { .user_data = b->tag };

	if (b->tag != 0)
		(void)completion_post(ring, &c);
}

long buffers_unregister(struct uring *ring)
{
	if (ring->buffers == NULL)
		return -ENXIO;
	for (unsigned i = 0; i < ring->nr_buffers; i++)
		drop_fixed(ring, &ring->buffers[i]);
	kmem_free(ring->buffers);
	ring->buffers = NULL;
	ring->nr_buffers = 0;
	return 0;
}

long buffers_update(struct uring *ring, const struct io_uring_rsrc_update2 *u)
{
	unsigned i;
	int err = 0;

	if (ring->buffers == NULL)
		return -ENXIO;
	if (u->offset + u->nr < u->offset || u->offset + u->nr > ring->nr_buffers)
		return -EINVAL;
	for (i = 0; i < u->nr; i++) {
		struct fixed_buffer now;

		err = read_buffer(&now, nth(u->data, i, sizeof(struct uio_vec)),
				  nth(u->tags, i, sizeof(uint64_t)));
		if (err != 0)
			break;
		drop_fixed(ring, &ring->buffers[u->offset + i]);
		ring->buffers[u->offset + i] = now;
	}
	return i > 0 ? (long)i : err;
}
