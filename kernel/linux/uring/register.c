/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring_register(2). Most of it is a table: which call takes which count of arguments, and what
 * does it, with the ring's lock held. Limits and affinities of workers are taken and have no
 * effect: workers are few, and the scheduler places them.
 */
#include "core/sched/thread.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/event/polling.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "linux/uring/ops.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define RESTRICTIONS_MAX (IORING_RESTRICTION_LAST + IORING_REGISTER_LAST + IORING_OP_LAST)
#define PROBE_OPS_MAX    256u

/* ---- eventfd ---- */

static long set_eventfd(struct uring *ring, uaddr_t arg, bool only_async)
{
	struct file *f;
	int32_t fd;
	int err;

	if (ring->eventfd != NULL)
		return -EBUSY;
	if (user_read_struct(&fd, arg) != 0)
		return -EFAULT;
	err = fd_get(fd, &f);
	if (err != 0)
		return err;
	if (!file_is_eventfd(f)) {
		file_put(f);
		return -EINVAL;
	}
	scoped_spin(&ring->cq_lock);
	ring->eventfd = f;
	ring->eventfd_async = only_async;
	return 0;
}

static long register_eventfd(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return set_eventfd(ring, arg, false);
}

static long register_eventfd_async(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return set_eventfd(ring, arg, true);
}

static long unregister_eventfd(struct uring *ring, uaddr_t arg, unsigned nr)
{
	struct file *f;

	spin_lock(&ring->cq_lock);
	f = ring->eventfd;
	ring->eventfd = NULL;
	spin_unlock(&ring->cq_lock);
	if (f == NULL)
		return -ENXIO;
	file_put(f);
	return 0;
}

/* ---- files and buffers ---- */

static long register_buffers(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return arg == 0 ? -EFAULT : buffers_register(ring, arg, nr, 0);
}

static long unregister_buffers(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return buffers_unregister(ring);
}

static long register_files(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return arg == 0 ? -EFAULT : files_register(ring, arg, nr, 0);
}

static long unregister_files(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return files_unregister(ring);
}

/* The _2 forms: nr is the argument's size. */
static int read_register2(struct io_uring_rsrc_register *out, uaddr_t arg, unsigned size)
{
	if (size != sizeof(*out))
		return -EINVAL;
	if (user_read_struct(out, arg) != 0)
		return -EFAULT;
	if (out->nr == 0 || out->resv2 != 0 || (out->flags & ~IORING_RSRC_REGISTER_SPARSE) != 0)
		return -EINVAL;
	if ((out->flags & IORING_RSRC_REGISTER_SPARSE) != 0)
		return out->data != 0 ? -EINVAL : 0;
	return 0;
}

static long register_files2(struct uring *ring, uaddr_t arg, unsigned size)
{
	struct io_uring_rsrc_register r;
	int err = read_register2(&r, arg, size);

	return err != 0 ? err : files_register(ring, r.data, r.nr, r.tags);
}

static long register_buffers2(struct uring *ring, uaddr_t arg, unsigned size)
{
	struct io_uring_rsrc_register r;
	int err = read_register2(&r, arg, size);

	return err != 0 ? err : buffers_register(ring, r.data, r.nr, r.tags);
}

static long update_files(struct uring *ring, uaddr_t arg, unsigned nr)
{
	struct io_uring_rsrc_update u;
	struct io_uring_rsrc_update2 u2;

	if (nr == 0)
		return -EINVAL;
	if (user_read_struct(&u, arg) != 0)
		return -EFAULT;
	if (u.resv != 0)
		return -EINVAL;
	u2 = (struct io_uring_rsrc_update2){ .offset = u.offset, .data = u.data, .nr = nr };
	return files_update(ring, &u2);
}

static int read_update2(struct io_uring_rsrc_update2 *u, uaddr_t arg, unsigned size)
{
	if (size != sizeof(*u))
		return -EINVAL;
	if (user_read_struct(u, arg) != 0)
		return -EFAULT;
	return u->nr == 0 || u->resv != 0 || u->resv2 != 0 ? -EINVAL : 0;
}

static long update_files2(struct uring *ring, uaddr_t arg, unsigned size)
{
	struct io_uring_rsrc_update2 u;
	int err = read_update2(&u, arg, size);

	return err != 0 ? err : files_update(ring, &u);
}

static long update_buffers(struct uring *ring, uaddr_t arg, unsigned size)
{
	struct io_uring_rsrc_update2 u;
	int err = read_update2(&u, arg, size);

	return err != 0 ? err : buffers_update(ring, &u);
}

static long set_file_range(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return files_set_alloc_range(ring, arg);
}

static long register_buffer_ring(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return buffer_ring_register(ring, arg);
}

static long unregister_buffer_ring(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return buffer_ring_unregister(ring, arg);
}

/* ---- what there is ---- */

static long probe(struct uring *ring, uaddr_t arg, unsigned nr)
{
	struct io_uring_probe head, zero = { .last_op = 0 };

	nr = min(nr, PROBE_OPS_MAX);
	if (user_read_struct(&head, arg) != 0)
		return -EFAULT;
	if (memcmp(&head, &zero, sizeof(head)) != 0)
		return -EINVAL;
	nr = min(nr, (unsigned)IORING_OP_LAST);
	head.last_op = IORING_OP_LAST - 1;
	head.ops_len = (uint8_t)nr;
	if (user_write_struct(arg, &head) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < nr; i++) {
		struct io_uring_probe_op op = { .op = (uint8_t)i };

		if (uring_op_find(i) != NULL)
			op.flags = IO_URING_OP_SUPPORTED;
		if (user_write_struct(arg + sizeof(head) + i * sizeof(op), &op) != 0)
			return -EFAULT;
	}
	return 0;
}

static long register_personality(struct uring *ring, uaddr_t arg, unsigned nr)
{
	for (unsigned i = 0; i < URING_PERSONALITIES_MAX; i++) {
		if (ring->personalities[i] != NULL)
			continue;
		ring->personalities[i] = cred_get(thread_current()->cred);
		return (long)i + 1;
	}
	return -ENOSPC;
}

static long unregister_personality(struct uring *ring, uaddr_t arg, unsigned id)
{
	if (arg != 0)
		return -EINVAL;
	if (id == 0 || id > URING_PERSONALITIES_MAX || ring->personalities[id - 1] == NULL)
		return -EINVAL;
	cred_put(ring->personalities[id - 1]);
	ring->personalities[id - 1] = NULL;
	return 0;
}

/* ---- restrictions, and rings that begin disabled ---- */

static int add_restriction(struct restrictions *x, const struct io_uring_restriction *r)
{
	switch (r->opcode) {
	case IORING_RESTRICTION_REGISTER_OP:
		if (r->register_op >= IORING_REGISTER_LAST)
			return -EINVAL;
		x->registers |= 1ull << r->register_op;
		return 0;
	case IORING_RESTRICTION_SQE_OP:
		if (r->sqe_op >= IORING_OP_LAST)
			return -EINVAL;
		x->ops |= 1ull << r->sqe_op;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
		x->flags_allowed = r->sqe_flags;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
		x->flags_required = r->sqe_flags;
		return 0;
	default:
		return -EINVAL;
	}
}

static long set_restrictions(struct uring *ring, uaddr_t arg, unsigned nr)
{
	struct restrictions x = { .given = true };

	if (!atomic_load(&ring->disabled))
		return -EBADFD;
	if (ring->restrictions.given)
		return -EBUSY;
	if (arg == 0 || nr > RESTRICTIONS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < nr; i++) {
		struct io_uring_restriction r;
		int err;

		if (user_read_struct(&r, arg + i * sizeof(r)) != 0)
			return -EFAULT;
		err = add_restriction(&x, &r);
		if (err != 0)
			return err;
	}
	ring->restrictions = x;
	return 0;
}

static long enable(struct uring *ring, uaddr_t arg, unsigned nr)
{
	if (!atomic_load(&ring->disabled))
		return -EBADFD;
	if ((ring->flags & IORING_SETUP_SINGLE_ISSUER) != 0 && ring->submitter == NULL)
		WRITE_ONCE(ring->submitter, task_current());
	ring->restrictions.active = ring->restrictions.given;
	atomic_store(&ring->disabled, false);
	waitq_wake_all(&ring->wq, 0);
	return 0;
}

/* ---- workers ---- */

static long set_affinity(struct uring *ring, uaddr_t arg, unsigned nr)
{
	uint8_t byte;

	if (arg == 0 || nr == 0)
		return -EINVAL;
	return user_read_struct(&byte, arg);
}

static long drop_affinity(struct uring *ring, uaddr_t arg, unsigned nr)
{
	return 0;
}

static long set_max_workers(struct uring *ring, uaddr_t arg, unsigned nr)
{
	uint32_t now[2];

	if (arg == 0 || nr != 2)
		return -EINVAL;
	if (user_read_struct(&now, arg) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t was = ring->worker_limits[i];

		if (now[i] > INT32_MAX)
			return -EINVAL;
		if (now[i] != 0)
			ring->worker_limits[i] = now[i];
		now[i] = was;
	}
	return user_write_struct(arg, &now);
}

/* ---- descriptors of rings, which are the task's ---- */

static int register_ring_fd(struct uring_task *part, struct io_uring_rsrc_update *u)
{
	unsigned from = u->offset, end = from + 1;
	struct uring *ring;
	struct file *f;
	int err;

	if (u->resv != 0)
		return -EINVAL;
	if (u->offset == ~0u) {
		from = 0;
		end = URING_RINGS_MAX;
	} else if (u->offset >= URING_RINGS_MAX) {
		return -EINVAL;
	}
	err = uring_file_get((int)u->data, false, &f, &ring);
	if (err != 0)
		return err == -EBADF ? err : -EOPNOTSUPP;
	for (unsigned i = from; i < end; i++) {
		if (part->rings[i] != NULL)
			continue;
		part->rings[i] = f;
		u->offset = i;
		return 0;
	}
	file_put(f);
	return -EBUSY;
}

static int unregister_ring_fd(struct uring_task *part, struct io_uring_rsrc_update *u)
{
	struct file *f;

	if (u->resv != 0 || u->data != 0 || u->offset >= URING_RINGS_MAX)
		return -EINVAL;
	f = part->rings[u->offset];
	part->rings[u->offset] = NULL;
	if (f != NULL)
		file_put(f);
	return 0;
}

static long change_ring_fds(uaddr_t arg, unsigned nr, bool add)
{
	struct uring_task *part;
	unsigned i;
	int err = 0;

	if (nr == 0 || nr > URING_RINGS_MAX)
		return -EINVAL;
	part = uring_task_current();
	if (part == NULL)
		return -ENOMEM;
	for (i = 0; i < nr && err == 0; i++) {
		struct io_uring_rsrc_update u;
		uaddr_t at = arg + i * sizeof(u);

		if (user_read_struct(&u, at) != 0)
			err = -EFAULT;
		if (err == 0)
			err = add ? register_ring_fd(part, &u) : unregister_ring_fd(part, &u);
		if (err == 0 && add && user_write_struct(at, &u) != 0)
			err = -EFAULT;
	}
	if (err != 0)
		i--;
	return i > 0 ? (long)i : err;
}

/* ---- the call ---- */

enum arguments { ANY, NONE, ONE, NO_COUNT };

static const struct registration {
	long (*fn)(struct uring *ring, uaddr_t arg, unsigned nr);
	enum arguments arguments;
} registrations[IORING_REGISTER_LAST] = {
	[IORING_REGISTER_BUFFERS] = { register_buffers, ANY },
	[IORING_UNREGISTER_BUFFERS] = { unregister_buffers, NONE },
	[IORING_REGISTER_FILES] = { register_files, ANY },
	[IORING_UNREGISTER_FILES] = { unregister_files, NONE },
	[IORING_REGISTER_EVENTFD] = { register_eventfd, ONE },
	[IORING_UNREGISTER_EVENTFD] = { unregister_eventfd, NONE },
	[IORING_REGISTER_FILES_UPDATE] = { update_files, ANY },
	[IORING_REGISTER_EVENTFD_ASYNC] = { register_eventfd_async, ONE },
	[IORING_REGISTER_PROBE] = { probe, ANY },
	[IORING_REGISTER_PERSONALITY] = { register_personality, NONE },
	[IORING_UNREGISTER_PERSONALITY] = { unregister_personality, ANY },
	[IORING_REGISTER_RESTRICTIONS] = { set_restrictions, ANY },
	[IORING_REGISTER_ENABLE_RINGS] = { enable, NONE },
	[IORING_REGISTER_FILES2] = { register_files2, ANY },
	[IORING_REGISTER_FILES_UPDATE2] = { update_files2, ANY },
	[IORING_REGISTER_BUFFERS2] = { register_buffers2, ANY },
	[IORING_REGISTER_BUFFERS_UPDATE] = { update_buffers, ANY },
	[IORING_REGISTER_IOWQ_AFF] = { set_affinity, ANY },
	[IORING_UNREGISTER_IOWQ_AFF] = { drop_affinity, NONE },
	[IORING_REGISTER_IOWQ_MAX_WORKERS] = { set_max_workers, ANY },
	[IORING_REGISTER_PBUF_RING] = { register_buffer_ring, ONE },
	[IORING_UNREGISTER_PBUF_RING] = { unregister_buffer_ring, ONE },
	[IORING_REGISTER_FILE_ALLOC_RANGE] = { set_file_range, NO_COUNT },
};

static long register_locked(struct uring *ring, unsigned op, uaddr_t arg, unsigned nr)
{
	const struct registration *r = &registrations[op];

	if (r->fn == NULL)
		return -EINVAL;
	if (r->arguments == NONE && (arg != 0 || nr != 0))
		return -EINVAL;
	if (r->arguments == ONE && (arg == 0 || nr != 1))
		return -EINVAL;
	if (r->arguments == NO_COUNT && (arg == 0 || nr != 0))
		return -EINVAL;
	return r->fn(ring, arg, nr);
}

static long check(struct uring *ring, unsigned op)
{
	if ((ring->flags & IORING_SETUP_SINGLE_ISSUER) != 0 && ring->submitter != NULL &&
	    ring->submitter != task_current())
		return -EEXIST;
	if (ring->restrictions.active && (ring->restrictions.registers >> op & 1) == 0)
		return -EACCES;
	return 0;
}

static long change(struct uring *ring, unsigned op, uaddr_t arg, unsigned nr)
{
	long n;

	if (op == IORING_REGISTER_RING_FDS || op == IORING_UNREGISTER_RING_FDS)
		return change_ring_fds(arg, nr, op == IORING_REGISTER_RING_FDS);
	if (op == IORING_REGISTER_SYNC_CANCEL)
		return arg == 0 || nr != 1 ? -EINVAL : cancel_now(ring, arg);
	mutex_lock(&ring->lock);
	n = check(ring, op);
	if (n == 0)
		n = register_locked(ring, op, arg, nr);
	mutex_unlock(&ring->lock);
	return n;
}

long sys_io_uring_register(int fd, unsigned op, uaddr_t arg, unsigned nr)
{
	struct uring *ring;
	struct file *f;
	long n;

	if (op >= IORING_REGISTER_LAST)
		return -EINVAL;
	n = uring_file_get(fd, false, &f, &ring);
	if (n != 0)
		return n;
	n = change(ring, op, arg, nr);
	file_put(f);
	return n;
}
