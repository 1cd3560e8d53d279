/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations that wait and those that end it: POLL_ADD and POLL_REMOVE, TIMEOUT and TIMEOUT_REMOVE,
 * LINK_TIMEOUT, ASYNC_CANCEL.
 *
 * A poll of one completion asks its file, and again whenever a queue of the file's is woken. One
 * of many stays in the queues while it runs: it clears its mark of having been woken, asks, tells,
 * and is armed again, which fails if it was woken meanwhile.
 *
 * A time-out's timer begins when it is issued. One that counts completions ends when the ring's
 * tail has come so far; every completion that is posted looks.
 */
#include <linux/eventpoll.h>
#include <linux/time_types.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/uring/ops.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define POLL_FLAGS    (IORING_POLL_ADD_MULTI | IORING_POLL_ADD_LEVEL)
#define POLL_UPDATES  (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA)
#define POLL_EVENTS   0x7fffu /* of EPOLL*: what a file may say */
#define TIMEOUT_FLAGS (IORING_TIMEOUT_ABS | IORING_TIMEOUT_CLOCK_MASK)
#define CANCEL_FLAGS \
	(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY | \
	 IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

/* ---- poll ---- */

static void set_poll(struct request *r, unsigned events, bool multishot)
{
	WRITE_ONCE(r->events, (events & POLL_EVENTS) | EPOLLERR | EPOLLHUP);
	r->is_multishot = multishot;
}

int prepare_poll(struct request *r)
{
	if (r->sqe.buf_index != 0 || r->sqe.off != 0 || r->sqe.addr != 0 ||
	    (r->sqe.len & ~POLL_FLAGS) != 0)
		return -EINVAL;
	if ((r->sqe.len & IORING_POLL_ADD_MULTI) != 0 &&
	    (r->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) != 0)
		return -EINVAL;
	set_poll(r, r->sqe.poll32_events, (r->sqe.len & IORING_POLL_ADD_MULTI) != 0);
	return 0;
}

static long poll_once(struct request *r)
{
	unsigned mask = vfs_poll(r->file, NULL) & r->events;

	return mask != 0 ? (long)mask : request_arm(r, r->events);
}

/* What request_arm() does, but what is ready is told and does not end it. */
static long poll_many(struct request *r)
{
	struct poll_table *table = NULL;
	unsigned mask;

	(void)atomic_exchange(&r->woken, false);
	if (!r->entered) {
		request_enter(r);
		table = &r->table;
	}
	mask = vfs_poll(r->file, table) & r->events;
	if (mask != 0 && !request_post_more(r, mask))
		return -ENOMEM;
	return request_park(r, false);
}

long issue_poll(struct request *r)
{
	/* One that watches its own ring would wake itself for ever. */
	return r->is_multishot && r->file->private != r->ring ? poll_many(r) : poll_once(r);
}

int prepare_poll_remove(struct request *r)
{
	unsigned flags = r->sqe.len;

	if (r->sqe.buf_index != 0 || r->sqe.splice_fd_in != 0 ||
	    (flags & ~(POLL_FLAGS | POLL_UPDATES)) != 0)
		return -EINVAL;
	if ((flags & POLL_UPDATES) == 0 && flags != 0)
		return -EINVAL;
	if ((flags & IORING_POLL_UPDATE_USER_DATA) == 0 && r->sqe.off != 0)
		return -EINVAL;
	if ((flags & IORING_POLL_UPDATE_EVENTS) == 0 && r->sqe.poll32_events != 0)
		return -EINVAL;
	return 0;
}

/* One that was taken goes on. */
static void resume(struct request *r)
{
	request_disarm(r);
	request_run(r);
	request_put(r);
}

static long update_poll(struct request *r, const struct cancel_key *key)
{
	long result = -ENOENT;
	struct request *p = request_take(r->ring, key, &result);

	if (p == NULL)
		return result;
	request_disarm(p);
	if ((r->sqe.len & IORING_POLL_UPDATE_EVENTS) != 0)
		set_poll(p, r->sqe.poll32_events, (r->sqe.len & IORING_POLL_ADD_MULTI) != 0);
	if ((r->sqe.len & IORING_POLL_UPDATE_USER_DATA) != 0)
		p->sqe.user_data = r->sqe.off;
	resume(p);
	return 0;
}

long issue_poll_remove(struct request *r)
{
	struct cancel_key key = { .flags = IORING_ASYNC_CANCEL_USERDATA,
				  .user_data = r->sqe.addr,
				  .opcode = IORING_OP_POLL_ADD };
	long n;

	key.keep = (r->sqe.len & POLL_UPDATES) != 0;
	if (key.keep)
		return update_poll(r, &key);
	n = request_cancel(r->ring, &key);
	return n > 0 ? 0 : n;
}

/* ---- time-outs ---- */

struct timeout {
	nsec_t value; /* as the program gave it */
	bool started, counts;
};

static int read_time(uaddr_t from, nsec_t *out)
{
	struct __kernel_timespec ts;

	if (user_read_struct(&ts, from) != 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0)
		return -EINVAL;
	*out = ts.tv_sec < NSEC_NEVER / NSEC_PER_SEC / 2
		       ? ts.tv_sec * NSEC_PER_SEC + min(ts.tv_nsec, NSEC_PER_SEC)
		       : NSEC_NEVER / 2;
	return 0;
}

static int prepare_time(struct request *r, unsigned flags)
{
	struct timeout *t;

	if (r->sqe.buf_index != 0 || r->sqe.len != 1 || r->sqe.splice_fd_in != 0 ||
	    (r->sqe.timeout_flags & ~flags) != 0)
		return -EINVAL;
	if ((r->sqe.timeout_flags & IORING_TIMEOUT_CLOCK_MASK) == IORING_TIMEOUT_CLOCK_MASK)
		return -EINVAL;
	t = kmem_new(struct timeout);
	if (t == NULL)
		return -ENOMEM;
	r->extra = t;
	return read_time(r->sqe.addr, &t->value);
}

int prepare_timeout(struct request *r)
{
	return prepare_time(r, TIMEOUT_FLAGS | IORING_TIMEOUT_ETIME_SUCCESS);
}

int prepare_link_timeout(struct request *r)
{
	return r->sqe.off != 0 ? -EINVAL
			       : prepare_time(r, TIMEOUT_FLAGS | IORING_TIMEOUT_ETIME_SUCCESS);
}

static nsec_t deadline_of(nsec_t value, unsigned flags)
{
	if ((flags & IORING_TIMEOUT_ABS) == 0)
		return clock_monotonic() + value;
	if ((flags & IORING_TIMEOUT_REALTIME) != 0)
		return value - clock_realtime() + clock_monotonic();
	return value;
}

static bool is_counted_out(const struct request *r)
{
	return (int32_t)(READ_ONCE(r->ring->cq_tail) - r->target) >= 0;
}

static void start(struct request *r, struct timeout *t)
{
	t->started = true;
	r->deadline = deadline_of(t->value, r->sqe.timeout_flags);
	if (r->sqe.opcode != IORING_OP_TIMEOUT || r->sqe.off == 0)
		return;
	r->target = READ_ONCE(r->ring->cq_tail) + (uint32_t)r->sqe.off;
	t->counts = true;
	atomic_add(&r->ring->nr_counting, 1);
}

void clean_timeout(struct request *r)
{
	struct timeout *t = r->extra;

	if (t != NULL && t->counts)
		atomic_sub(&r->ring->nr_counting, 1);
}

long issue_timeout(struct request *r)
{
	struct timeout *t = r->extra;

	if (!t->started)
		start(r, t);
	(void)atomic_exchange(&r->woken, false);
	if (t->counts && is_counted_out(r))
		return 0;
	if (clock_monotonic() >= r->deadline)
		return -ETIME;
	return request_park(r, true);
}

void timeouts_count(struct uring *ring)
{
	struct request *r;

	scoped_spin(&ring->list_lock);
	list_foreach(&ring->requests, r, ring_link) {
		if (r->sqe.opcode == IORING_OP_TIMEOUT && r->sqe.off != 0 && is_counted_out(r))
			request_wake(r);
	}
}

int prepare_timeout_remove(struct request *r)
{
	unsigned flags = r->sqe.timeout_flags;
	struct timeout *t;

	if (r->sqe.buf_index != 0 || r->sqe.len != 0 || r->sqe.splice_fd_in != 0 ||
	    (r->sqe.flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT)) != 0)
		return -EINVAL;
	if ((flags & IORING_TIMEOUT_UPDATE_MASK) == 0)
		return flags != 0 ? -EINVAL : 0;
	if ((flags & ~(IORING_TIMEOUT_UPDATE_MASK | TIMEOUT_FLAGS)) != 0 ||
	    (flags & IORING_TIMEOUT_CLOCK_MASK) == IORING_TIMEOUT_CLOCK_MASK)
		return -EINVAL;
	t = kmem_new(struct timeout);
	if (t == NULL)
		return -ENOMEM;
	r->extra = t;
	return read_time(r->sqe.addr2, &t->value);
}

long issue_timeout_remove(struct request *r)
{
	struct cancel_key key = { .flags = IORING_ASYNC_CANCEL_USERDATA,
				  .user_data = r->sqe.addr,
				  .opcode = IORING_OP_TIMEOUT };
	const struct timeout *now = r->extra;
	struct request *t;
	long n = -ENOENT;

	if ((r->sqe.timeout_flags & IORING_LINK_TIMEOUT_UPDATE) != 0)
		key.opcode = IORING_OP_LINK_TIMEOUT;
	if (now == NULL) {
		n = request_cancel(r->ring, &key);
		return n > 0 ? 0 : n;
	}
	key.keep = true;
	t = request_take(r->ring, &key, &n);
	if (t == NULL)
		return n;
	request_disarm(t);
	t->deadline = deadline_of(now->value, r->sqe.timeout_flags);
	resume(t);
	return 0;
}

/* ---- the time-out of another request ---- */

/* What it watches, counted; or NULL: that is over. */
static struct request *take_watched(struct request *r)
{
	scoped_spin(&r->ring->list_lock);
	struct request *w = r->watched;

	if (w == NULL)
		return NULL;
	w->timeout = NULL;
	r->watched = NULL;
	ref_get(&w->ref);
	return w;
}

long issue_link_timeout(struct request *r)
{
	struct timeout *t = r->extra;
	struct request *w;
	long res = -ETIME;

	if (!t->started)
		start(r, t);
	(void)atomic_exchange(&r->woken, false);
	if (READ_ONCE(r->watched) == NULL)
		return -ECANCELED;
	if (clock_monotonic() < r->deadline)
		return request_park(r, true);
	w = take_watched(r);
	if (w == NULL)
		return res;
	(void)atomic_exchange(&w->cancelled, true);
	if (request_claim(w, REQUEST_ARMED))
		request_complete(w, -ECANCELED);
	else if (!request_obeys(w))
		res = -EALREADY;
	request_put(w);
	return res;
}

/* ---- cancelling ---- */

static int check_cancel(unsigned flags)
{
	if ((flags & ~CANCEL_FLAGS) != 0)
		return -EINVAL;
	if ((flags & IORING_ASYNC_CANCEL_ANY) != 0 &&
	    (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)) != 0)
		return -EINVAL;
	return 0;
}

int prepare_cancel(struct request *r)
{
	if (r->sqe.off != 0 || r->sqe.splice_fd_in != 0 ||
	    (r->sqe.flags & IOSQE_BUFFER_SELECT) != 0)
		return -EINVAL;
	return check_cancel(r->sqe.cancel_flags);
}

static int find_file(struct uring *ring, int fd, unsigned flags, struct file **out)
{
	int err = 0;

	*out = NULL;
	if ((flags & IORING_ASYNC_CANCEL_FD) == 0)
		return 0;
	if ((flags & IORING_ASYNC_CANCEL_FD_FIXED) == 0) {
		err = fd_get(fd, out);
		return err != 0 ? -EBADF : 0;
	}
	scoped_mutex(&ring->lock);
	*out = files_get_locked(ring, (unsigned)fd);
	return *out == NULL ? -EBADF : 0;
}

static long cancel(struct uring *ring, struct cancel_key *key, int fd)
{
	const unsigned many = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;
	bool all = (key->flags & many) != 0;
	struct file *f;
	long n = find_file(ring, fd, key->flags, &f);

	if (n != 0)
		return n;
	key->file = f;
	key->any = (key->flags & IORING_ASYNC_CANCEL_ANY) != 0;
	if ((key->flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)) == 0)
		key->flags |= IORING_ASYNC_CANCEL_USERDATA;
	if (all)
		key->flags |= IORING_ASYNC_CANCEL_ALL;
	n = request_cancel(ring, key);
	if (f != NULL)
		file_put(f);
	if (all)
		return max(n, 0l);
	return n > 0 ? 0 : n;
}

long issue_cancel(struct request *r)
{
	struct cancel_key key = {
		.flags = r->sqe.cancel_flags, .user_data = r->sqe.addr, .but = r, .opcode = -1
	};

	if ((key.flags & IORING_ASYNC_CANCEL_OP) != 0)
		key.opcode = (int)r->sqe.len;
	if ((r->sqe.flags & IOSQE_FIXED_FILE) != 0)
		key.flags |= IORING_ASYNC_CANCEL_FD_FIXED;
	return cancel(r->ring, &key, r->sqe.fd);
}

long cancel_now(struct uring *ring, uaddr_t arg)
{
	struct io_uring_sync_cancel_reg c;
	struct cancel_key key = { .opcode = -1 };
	int err;

	if (user_read_struct(&c, arg) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < ARRAY_SIZE(c.pad); i++)
		if (c.pad[i] != 0)
			return -EINVAL;
	err = check_cancel(c.flags);
	if (err != 0 || (c.flags & IORING_ASYNC_CANCEL_OP) != 0)
		return -EINVAL;
	key.flags = c.flags;
	key.user_data = c.addr;
	return cancel(ring, &key, c.fd);
}
