/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring_setup(2): a ring's memory and its file.
 *
 * The memory is two shared objects whose pages are held for as long as the ring is there: one with
 * both rings' heads and tails, the completions and the array of the submission ring; one with the
 * submission entries. The kernel writes by its own addresses, the program maps the objects at
 * IORING_OFF_*. A program that punches holes into its mapping loses sight of the pages, the kernel
 * does not.
 */
#include "linux/uring/uring.h"

#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/object/object.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define SQ_ENTRIES_MAX 32768u
#define CQ_ENTRIES_MAX (2 * SQ_ENTRIES_MAX)
#define SETUP_KNOWN \
	(IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF | IORING_SETUP_CQSIZE | \
	 IORING_SETUP_CLAMP | IORING_SETUP_ATTACH_WQ | IORING_SETUP_R_DISABLED | \
	 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | \
	 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER | \
	 IORING_SETUP_DEFER_TASKRUN)
#define FEATURES \
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | \
	 IORING_FEAT_RW_CUR_POS | IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL | \
	 IORING_FEAT_POLL_32BITS | IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS | \
	 IORING_FEAT_RSRC_TAGS | IORING_FEAT_CQE_SKIP | IORING_FEAT_LINKED_FILE)

/* ---- shared memory ---- */

void *shared_at(const struct shared_memory *m, size_t at)
{
	return (char *)page_to_ptr(m->pages[at / PAGE_SIZE]) + at % PAGE_SIZE;
}

static void shared_fini(struct shared_memory *m)
{
	for (unsigned i = 0; i < m->nr_pages; i++)
		page_put(m->pages[i]);
	kmem_free(m->pages);
	if (m->object != NULL)
		object_put(m->object);
}

/* shared_fini() cleans up, also after a failure. */
static int shared_init(struct shared_memory *m, size_t size)
{
	unsigned nr = (unsigned)(align_up(size, PAGE_SIZE) / PAGE_SIZE);

	m->object = object_new_anonymous();
	m->pages = kmem_new_array(struct page *, nr);
	if (m->object == NULL || m->pages == NULL)
		return -ENOMEM;
	while (m->nr_pages < nr) {
		int err = object_page(m->object, m->nr_pages, OBJECT_FOR_WRITE,
				      &m->pages[m->nr_pages]);

		if (err != 0)
			return err;
		m->nr_pages++;
	}
	return 0;
}

/* ---- rings ---- */

static void *ring_word(struct uring *ring, size_t at)
{
	return shared_at(&ring->rings, at);
}

static void set_word(struct uring *ring, size_t at, uint32_t value)
{
	WRITE_ONCE(*(uint32_t *)ring_word(ring, at), value);
}

static size_t cqe_size(const struct uring *ring)
{
	return (ring->flags & IORING_SETUP_CQE32) != 0 ? 32 : 16;
}

static size_t sqe_size(const struct uring *ring)
{
	return (ring->flags & IORING_SETUP_SQE128) != 0 ? 128 : 64;
}

static int init_memory(struct uring *ring)
{
	int err;

	ring->array_at = align_up(RING_CQES + ring->cq_entries * cqe_size(ring), 64);
	err = shared_init(&ring->rings, ring->array_at + ring->sq_entries * sizeof(uint32_t));
	if (err == 0)
		err = shared_init(&ring->sqes, ring->sq_entries * sqe_size(ring));
	if (err != 0)
		return err;
	set_word(ring, RING_SQ_MASK, ring->sq_entries - 1);
	set_word(ring, RING_CQ_MASK, ring->cq_entries - 1);
	set_word(ring, RING_SQ_ENTRIES, ring->sq_entries);
	set_word(ring, RING_CQ_ENTRIES, ring->cq_entries);
	return 0;
}

struct uring *uring_get(struct uring *ring)
{
	ref_get(&ring->ref);
	return ring;
}

void uring_put(struct uring *ring)
{
	if (!ref_put(&ring->ref))
		return;
	completion_drop_all(ring);
	shared_fini(&ring->rings);
	shared_fini(&ring->sqes);
	kmem_free(ring);
}

static struct uring *ring_new(unsigned flags, unsigned sq_entries, unsigned cq_entries)
{
	struct uring *ring = kmem_new(struct uring);

	if (ring == NULL)
		return NULL;
	ref_init(&ring->ref);
	ring->flags = flags;
	ring->sq_entries = sq_entries;
	ring->cq_entries = cq_entries;
	ring->disabled = (flags & IORING_SETUP_R_DISABLED) != 0;
	mutex_init(&ring->lock);
	list_init(&ring->overflow);
	list_init(&ring->deferred);
	list_init(&ring->requests);
	list_init(&ring->held);
	list_init(&ring->groups);
	waitq_init(&ring->cq_wait);
	waitq_init(&ring->wq);
	if ((flags & IORING_SETUP_SINGLE_ISSUER) != 0 && !ring->disabled)
		ring->submitter = task_current();
	if (init_memory(ring) == 0)
		return ring;
	uring_put(ring);
	return NULL;
}

/* ---- the file ---- */

/* The low bits of the offset, and a length beyond the ring's, are as Linux takes them: anything. */
static int ring_mmap(struct file *f, struct vm_area *area)
{
	struct uring *ring = f->private;
	uint64_t offset = area->object_idx * PAGE_SIZE & IORING_OFF_MMAP_MASK;
	struct shared_memory *m;

	if (offset == IORING_OFF_SQ_RING || offset == IORING_OFF_CQ_RING)
		m = &ring->rings;
	else if (offset == IORING_OFF_SQES)
		m = &ring->sqes;
	else
		return -EINVAL;
	object_get(m->object);
	area->object = m->object;
	area->object_idx = 0;
	return 0;
}

static uint32_t word(struct uring *ring, size_t at)
{
	return atomic_load((uint32_t *)ring_word(ring, at));
}

static unsigned ring_poll(struct file *f, struct poll_table *t)
{
	struct uring *ring = f->private;
	unsigned events = 0;

	poll_add(t, &ring->wq);
	if (word(ring, RING_SQ_TAIL) - READ_ONCE(ring->sq_head) < ring->sq_entries)
		events |= EPOLLOUT | EPOLLWRNORM;
	if (READ_ONCE(ring->cq_tail) != word(ring, RING_CQ_HEAD) || completion_has_overflow(ring) ||
	    READ_ONCE(ring->deferred.next) != &ring->deferred)
		events |= EPOLLIN | EPOLLRDNORM;
	return events;
}

static void drop_registered(struct uring *ring)
{
	struct file *eventfd;

	mutex_lock(&ring->lock);
	if (ring->files != NULL)
		(void)files_unregister(ring);
	if (ring->buffers != NULL)
		(void)buffers_unregister(ring);
	buffer_groups_free(ring);
	for (unsigned i = 0; i < URING_PERSONALITIES_MAX; i++) {
		if (ring->personalities[i] != NULL)
			cred_put(ring->personalities[i]);
		ring->personalities[i] = NULL;
	}
	mutex_unlock(&ring->lock);
	spin_lock(&ring->cq_lock);
	eventfd = ring->eventfd;
	ring->eventfd = NULL;
	spin_unlock(&ring->cq_lock);
	if (eventfd != NULL)
		file_put(eventfd);
}

static void ring_release(struct file *f)
{
	struct uring *ring = f->private;
	struct cancel_key all = { .flags = IORING_ASYNC_CANCEL_ALL, .any = true, .opcode = -1 };

	atomic_store(&ring->dead, true);
	(void)request_cancel(ring, &all);
	drop_registered(ring);
	uring_put(ring);
}

static void ring_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:[io_uring]");
}

static void ring_fdinfo(struct file *f, char *buf, size_t size)
{
	struct uring *ring = f->private;
	uint32_t sq_head = READ_ONCE(ring->sq_head), cq_tail = READ_ONCE(ring->cq_tail);

	fmt(buf, size,
	    "SqMask:\t0x%x\nSqHead:\t%u\nSqTail:\t%u\nCachedSqHead:\t%u\n"
	    "CqMask:\t0x%x\nCqHead:\t%u\nCqTail:\t%u\nCachedCqTail:\t%u\n"
	    "SQEs:\t%u\nCQEs:\t%u\nSqThread:\t-1\nSqThreadCpu:\t-1\n"
	    "UserFiles:\t%u\nUserBufs:\t%u\n",
	    ring->sq_entries - 1, sq_head, word(ring, RING_SQ_TAIL), sq_head, ring->cq_entries - 1,
	    word(ring, RING_CQ_HEAD), cq_tail, cq_tail, word(ring, RING_SQ_TAIL) - sq_head,
	    cq_tail - word(ring, RING_CQ_HEAD), READ_ONCE(ring->nr_files),
	    READ_ONCE(ring->nr_buffers));
}

const struct file_ops uring_fops = {
	.mmap = ring_mmap,
	.poll = ring_poll,
	.release = ring_release,
	.describe = ring_describe,
	.fdinfo = ring_fdinfo,
};

int uring_file_get(int fd, bool registered, struct file **f, struct uring **ring)
{
	struct uring_task *part;
	int err;

	if (registered) {
		part = task_current()->uring;
		if (fd < 0 || fd >= URING_RINGS_MAX)
			return -EINVAL;
		if (part == NULL || part->rings[fd] == NULL)
			return -EBADF;
		*f = file_get(part->rings[fd]);
	} else {
		err = fd_get(fd, f);
		if (err != 0)
			return err;
	}
	if ((*f)->ops != &uring_fops) {
		file_put(*f);
		return -EOPNOTSUPP;
	}
	*ring = (*f)->private;
	return 0;
}

/* ---- io_uring_setup ---- */

static unsigned power_of_two(unsigned n)
{
	unsigned p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static int check_flags(unsigned flags)
{
	bool coop = (flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)) != 0;

	if ((flags & ~SETUP_KNOWN) != 0)
		return -EINVAL;
	/* No thread of the kernel's looks at the submission ring: said plainly. */
	if ((flags & (IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF)) != 0)
		return -EINVAL;
	if ((flags & IORING_SETUP_TASKRUN_FLAG) != 0 && !coop)
		return -EINVAL;
	if ((flags & IORING_SETUP_DEFER_TASKRUN) != 0 && (flags & IORING_SETUP_SINGLE_ISSUER) == 0)
		return -EINVAL;
	return 0;
}

/* How many entries each ring gets. */
static int choose_sizes(struct io_uring_params *p, unsigned entries)
{
	bool clamp = (p->flags & IORING_SETUP_CLAMP) != 0;

	if (entries == 0 || (entries > SQ_ENTRIES_MAX && !clamp))
		return -EINVAL;
	p->sq_entries = power_of_two(min(entries, SQ_ENTRIES_MAX));
	if ((p->flags & IORING_SETUP_CQSIZE) == 0) {
		p->cq_entries = 2 * p->sq_entries;
		return 0;
	}
	if (p->cq_entries == 0 || (p->cq_entries > CQ_ENTRIES_MAX && !clamp))
		return -EINVAL;
	p->cq_entries = power_of_two(min(p->cq_entries, CQ_ENTRIES_MAX));
	return p->cq_entries < p->sq_entries ? -EINVAL : 0;
}

static void describe_layout(const struct uring *ring, struct io_uring_params *p)
{
	p->features = FEATURES;
	p->sq_off = (struct io_sqring_offsets){
		.head = RING_SQ_HEAD,
		.tail = RING_SQ_TAIL,
		.ring_mask = RING_SQ_MASK,
		.ring_entries = RING_SQ_ENTRIES,
		.flags = RING_SQ_FLAGS,
		.dropped = RING_SQ_DROPPED,
		.array = (uint32_t)ring->array_at,
	};
	p->cq_off = (struct io_cqring_offsets){
		.head = RING_CQ_HEAD,
		.tail = RING_CQ_TAIL,
		.ring_mask = RING_CQ_MASK,
		.ring_entries = RING_CQ_ENTRIES,
		.overflow = RING_CQ_OVERFLOW,
		.cqes = RING_CQES,
		.flags = RING_CQ_FLAGS,
	};
}

/* IORING_SETUP_ATTACH_WQ: workers belong to tasks here, so there is nothing to share. */
static int check_attach(const struct io_uring_params *p)
{
	struct uring *other;
	struct file *f;
	int err;

	if ((p->flags & IORING_SETUP_ATTACH_WQ) == 0)
		return 0;
	err = uring_file_get((int)p->wq_fd, false, &f, &other);
	if (err == -EOPNOTSUPP)
		return -EINVAL;
	if (err == 0)
		file_put(f);
	return err == -EBADF ? -ENXIO : err;
}

static long install(struct uring *ring, const struct io_uring_params *p, uaddr_t uparams)
{
	struct file *f;
	int err = file_new_anonymous(&uring_fops, 0600, O_RDWR, ring, &f);

	if (err != 0) {
		uring_put(ring);
		return err;
	}
	if (user_write_struct(uparams, p) == 0)
		return fd_install(f, O_CLOEXEC, 0);
	file_put(f);
	return -EFAULT;
}

long sys_io_uring_setup(unsigned entries, uaddr_t uparams)
{
	struct io_uring_params p;
	struct uring *ring;
	int err;

	if (user_read_struct(&p, uparams) != 0)
		return -EFAULT;
	for (unsigned i = 0; i < ARRAY_SIZE(p.resv); i++)
		if (p.resv[i] != 0)
			return -EINVAL;
	err = check_flags(p.flags);
	if (err == 0)
		err = choose_sizes(&p, entries);
	if (err == 0)
		err = check_attach(&p);
	if (err != 0)
		return err;
	ring = ring_new(p.flags, p.sq_entries, p.cq_entries);
	if (ring == NULL)
		return -ENOMEM;
	describe_layout(ring, &p);
	return install(ring, &p, uparams);
}
