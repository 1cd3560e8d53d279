/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll(2) and select(2). One pass over the descriptors adds an entry to every wait queue of every
 * file; later passes only ask again. Any wake-up sets `triggered` and wakes the caller. select's
 * bit sets are turned into a list of struct pollfd and back, so there is one loop.
 */
#include "linux/event/polling.h"

#include <linux/eventpoll.h>
#include <asm/poll.h>
#include <linux/time_types.h>

#include "core/file.h"
#include "core/time/timer.h"
#include "fs/vfs.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define INLINE_ENTRIES 16
#define CHUNK_ENTRIES  120
#define INLINE_FDS     32
#define FDS_LOOKED_AT \
	256 /* select looks at so many descriptors at the least, as Linux's smallest table */

/* What select's three sets mean (select(2), NOTES). */
#define SELECT_IN  (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EX  (POLLPRI)

struct entry {
	struct wait_entry wait;
	struct waitq *q;
	struct poller *poller;
};

struct chunk {
	struct chunk *next;
	unsigned nr;
	struct entry entries[CHUNK_ENTRIES];
};

struct poller {
	struct poll_table table; /* first */
	struct waitq wq;
	bool triggered; /* [a] */
	int err;
	unsigned nr;
	struct entry entries[INLINE_ENTRIES];
	struct chunk *chunks;
};

static bool on_wake(struct wait_entry *e, unsigned key)
{
	struct poller *p = container_of(e, struct entry, wait)->poller;

	atomic_store(&p->triggered, true);
	waitq_wake_all(&p->wq, 0);
	return true;
}

static struct entry *new_entry(struct poller *p)
{
	struct chunk *c = p->chunks;

	if (p->nr < INLINE_ENTRIES)
		return &p->entries[p->nr++];
	if (c == NULL || c->nr == CHUNK_ENTRIES) {
		c = kmem_new(struct chunk);
		if (c == NULL)
			return NULL;
		c->next = p->chunks;
		p->chunks = c;
	}
	return &c->entries[c->nr++];
}

static void add_queue(struct poll_table *t, struct waitq *q)
{
	struct poller *p = container_of(t, struct poller, table);
	struct entry *e = new_entry(p);

	if (e == NULL) {
		p->err = -ENOMEM;
		return;
	}
	e->wait.wake = on_wake;
	e->wait.exclusive = false;
	e->q = q;
	e->poller = p;
	waitq_add(q, &e->wait);
}

static void poller_init(struct poller *p)
{
	p->table.add = add_queue;
	waitq_init(&p->wq);
	p->triggered = false;
	p->err = 0;
	p->nr = 0;
	p->chunks = NULL;
}

static void poller_fini(struct poller *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		waitq_remove(p->entries[i].q, &p->entries[i].wait);
	while (p->chunks != NULL) {
		struct chunk *c = p->chunks;

		for (unsigned i = 0; i < c->nr; i++)
			waitq_remove(c->entries[i].q, &c->entries[i].wait);
		p->chunks = c->next;
		kmem_free(c);
	}
}

/* The files stay referenced while their queues hold our entries. */
static void hold_files(struct pollfd *fds, struct file **files, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (fds[i].fd < 0 || fd_get(fds[i].fd, &files[i]) != 0)
			files[i] = NULL;
}

static void drop_files(struct file **files, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (files[i] != NULL)
			file_put(files[i]);
}

/* Asks every file; returns how many have something to say. */
static int ask(struct pollfd *fds, struct file **files, unsigned nr, struct poll_table *table)
{
	int ready = 0;

	for (unsigned i = 0; i < nr; i++) {
		unsigned wanted = (uint16_t)fds[i].events | POLLERR | POLLHUP, got = 0;

		if (fds[i].fd >= 0)
			got = files[i] == NULL
				      ? POLLNVAL
				      : vfs_poll(files[i], ready > 0 ? NULL : table) & wanted;
		fds[i].revents = (short)got;
		ready += got != 0;
	}
	return ready;
}

static int poll_files(struct pollfd *fds, struct file **files, unsigned nr, nsec_t deadline)
{
	struct poller p;
	int ready, err = 0;

	poller_init(&p);
	ready = ask(fds, files, nr, deadline == 0 ? NULL : &p.table);
	while (ready == 0 && err == 0 && deadline != 0) {
		err = p.err;
		if (err == 0)
			err = wait_event(&p.wq, atomic_load(&p.triggered), WAIT_INTERRUPTIBLE,
					 deadline);
		/* A full barrier: a wake-up that this undoes is of something that is seen below. */
		(void)atomic_exchange(&p.triggered, false);
		if (err == 0 || err == -ETIMEDOUT)
			ready = ask(fds, files, nr, NULL);
	}
	poller_fini(&p);
	if (ready > 0 || err == 0 || err == -ETIMEDOUT)
		return ready;
	return err == -ENOMEM ? err : -ERESTARTNOHAND;
}

/* The list has a place for files behind it. */
static int poll_list(struct pollfd *fds, unsigned nr, nsec_t deadline)
{
	struct file *inline_files[INLINE_FDS], **files = inline_files;
	int ready;

	if (nr > INLINE_FDS)
		files = kmem_alloc_array(sizeof(*files), nr);
	if (files == NULL)
		return -ENOMEM;
	hold_files(fds, files, nr);
	ready = poll_files(fds, files, nr, deadline);
	drop_files(files, nr);
	if (files != inline_files)
		kmem_free(files);
	return ready;
}

/* ---- time-outs ---- */

int poll_deadline_user(uaddr_t timeout, nsec_t *deadline)
{
	struct __kernel_timespec ts;

	*deadline = NSEC_NEVER;
	if (timeout == 0)
		return 0;
	if (user_read_struct(&ts, timeout) != 0)
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec == 0 && ts.tv_nsec == 0)
		*deadline = 0;
	else if (ts.tv_sec < NSEC_NEVER / NSEC_PER_SEC / 2)
		*deadline = clock_monotonic() + ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return 0;
}

/* Linux tells the caller of ppoll, select and pselect6 how much time was left. */
static nsec_t time_left(nsec_t deadline)
{
	return deadline == 0 ? 0 : max(deadline - clock_monotonic(), (nsec_t)0);
}

static void write_left_timespec(uaddr_t timeout, nsec_t deadline)
{
	nsec_t left = time_left(deadline);
	struct __kernel_timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

	if (timeout != 0 && deadline != NSEC_NEVER && user_write_struct(timeout, &ts) != 0)
		return; /* as Linux: a read-only time-out is no error */
}

/* ---- poll ---- */

static long poll_user(uaddr_t ufds, unsigned nr, nsec_t deadline)
{
	struct pollfd inline_fds[INLINE_FDS], *fds = inline_fds;
	size_t len = nr * sizeof(struct pollfd);
	long ready;

	if (nr > process_limit(process_current(), RLIMIT_NOFILE))
		return -EINVAL;
	if (nr > INLINE_FDS)
		fds = kmem_alloc(len);
	if (fds == NULL)
		return -ENOMEM;
	ready = user_read(fds, ufds, len);
	if (ready == 0)
		ready = poll_list(fds, nr, deadline);
	for (unsigned i = 0; i < nr && ready >= 0; i++) {
		uaddr_t at = ufds + i * sizeof(struct pollfd) + offsetof(struct pollfd, revents);

		if (user_write(at, &fds[i].revents, sizeof(short)) != 0)
			ready = -EFAULT;
	}
	if (fds != inline_fds)
		kmem_free(fds);
	return ready;
}

/* Goes on after a stop with what is left of the time-out (restart_syscall(2)). */
static long poll_again(struct restart *r)
{
	long ready = poll_user(r->addr, r->val, r->deadline);

	return ready == -ERESTARTNOHAND ? -ERESTART_RESTARTBLOCK : ready;
}

long sys_poll(uaddr_t fds, unsigned nr, int timeout_ms)
{
	struct restart *r = &task_current()->restart;
	nsec_t deadline = timeout_ms < 0 ? NSEC_NEVER : 0;

	if (timeout_ms > 0)
		deadline = clock_monotonic() + timeout_ms * 1000000ll;
	*r = (struct restart){ .fn = poll_again, .deadline = deadline, .addr = fds, .val = nr };
	return poll_again(r);
}

long sys_ppoll(uaddr_t fds, unsigned nr, uaddr_t timeout, uaddr_t mask, size_t mask_len)
{
	nsec_t deadline;
	long ready;
	int err = poll_deadline_user(timeout, &deadline);

	if (err == 0)
		err = signal_mask_borrow(mask, mask_len);
	if (err != 0)
		return err;
	ready = poll_user(fds, nr, deadline);
	signal_mask_restore(ready == -ERESTARTNOHAND);
	write_left_timespec(timeout, deadline);
	return ready;
}

/* ---- select ---- */

struct sets {
	uint64_t *in, *out, *except; /* into one allocation */
	unsigned nr, words;
};

static int read_set(uint64_t *set, uaddr_t from, unsigned nr)
{
	return from == 0 ? 0 : user_read(set, from, (size_t)BITMAP_WORDS(nr) * 8);
}

static int sets_read(struct sets *s, const uaddr_t user[3], unsigned nr)
{
	int err;

	s->nr = nr;
	s->words = BITMAP_WORDS(nr);
	s->in = kmem_alloc_array(sizeof(uint64_t), 3 * s->words + 1);
	if (s->in == NULL)
		return -ENOMEM;
	s->out = s->in + s->words;
	s->except = s->out + s->words;
	err = read_set(s->in, user[0], nr);
	if (err == 0)
		err = read_set(s->out, user[1], nr);
	if (err == 0)
		err = read_set(s->except, user[2], nr);
	if (err != 0)
		kmem_free(s->in);
	return err;
}

static bool is_open(int fd)
{
	struct file *f;

	if (fd_get(fd, &f) != 0)
		return false;
	file_put(f);
	return true;
}

/* -EBADF as select has it: a bit set for a descriptor that is not open. */
static int sets_to_list(const struct sets *s, struct pollfd **list, unsigned *nr_list)
{
	struct pollfd *fds = kmem_alloc_array(sizeof(*fds), s->nr + 1u);
	unsigned n = 0;

	if (fds == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < s->nr; i++) {
		short events = 0;

		events |= bitmap_test(s->in, i) ? SELECT_IN : 0;
		events |= bitmap_test(s->out, i) ? SELECT_OUT : 0;
		events |= bitmap_test(s->except, i) ? SELECT_EX : 0;
		if (events == 0)
			continue;
		if (!is_open((int)i)) {
			kmem_free(fds);
			return -EBADF;
		}
		fds[n].fd = (int)i;
		fds[n++].events = events;
	}
	*list = fds;
	*nr_list = n;
	return 0;
}

static int mark(uint64_t *set, const struct pollfd *fd, int events)
{
	if (!bitmap_test(set, (size_t)fd->fd))
		return 0;
	if ((fd->revents & events) != 0)
		return 1;
	bitmap_clear(set, (size_t)fd->fd);
	return 0;
}

/* Leaves in the sets what is ready; the count of bits. */
static int sets_from_list(struct sets *s, const struct pollfd *list, unsigned nr_list)
{
	int bits = 0;

	for (unsigned i = 0; i < nr_list; i++) {
		bits += mark(s->in, &list[i], SELECT_IN);
		bits += mark(s->out, &list[i], SELECT_OUT);
		bits += mark(s->except, &list[i], SELECT_EX);
	}
	return bits;
}

static int write_sets(const struct sets *s, const uaddr_t user[3])
{
	const uint64_t *sets[3] = { s->in, s->out, s->except };

	for (unsigned i = 0; i < 3; i++)
		if (user[i] != 0 && user_write(user[i], sets[i], (size_t)s->words * 8) != 0)
			return -EFAULT;
	return 0;
}

static long select_fds(int nr, const uaddr_t user[3], nsec_t deadline)
{
	struct sets s;
	struct pollfd *list;
	unsigned nr_list;
	long result;

	if (nr < 0)
		return -EINVAL;
	nr = min(nr, max((int)READ_ONCE(task_current()->fds->nr_slots), FDS_LOOKED_AT));
	result = sets_read(&s, user, (unsigned)nr);
	if (result != 0)
		return result;
	result = sets_to_list(&s, &list, &nr_list);
	if (result == 0) {
		result = poll_list(list, nr_list, deadline);
		if (result >= 0) {
			result = sets_from_list(&s, list, nr_list);
			if (write_sets(&s, user) != 0)
				result = -EFAULT;
		}
		kmem_free(list);
	}
	kmem_free(s.in);
	return result;
}

long sys_select(int nr, uaddr_t in, uaddr_t out, uaddr_t except, uaddr_t timeout)
{
	const uaddr_t user[3] = { in, out, except };
	struct __kernel_old_timeval tv;
	nsec_t deadline = NSEC_NEVER, left;
	long ready;

	if (timeout != 0) {
		if (user_read_struct(&tv, timeout) != 0)
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		if (tv.tv_sec < NSEC_NEVER / NSEC_PER_SEC / 2)
			deadline = tv.tv_sec * NSEC_PER_SEC + tv.tv_usec * 1000;
		if (deadline != 0 && deadline != NSEC_NEVER)
			deadline += clock_monotonic();
	}
	ready = select_fds(nr, user, deadline);
	if (timeout != 0 && deadline != NSEC_NEVER) {
		left = time_left(deadline);
		tv.tv_sec = left / NSEC_PER_SEC;
		tv.tv_usec = left % NSEC_PER_SEC / 1000;
		if (user_write_struct(timeout, &tv) != 0)
			return ready; /* as Linux: no error */
	}
	return ready;
}

long sys_pselect6(int nr, uaddr_t in, uaddr_t out, uaddr_t except, uaddr_t timeout,
		  uaddr_t mask_arg)
{
	const uaddr_t user[3] = { in, out, except };
	struct {
		uaddr_t mask;
		size_t len;
	} arg = { 0, 0 };
	nsec_t deadline;
	long ready;
	int err = poll_deadline_user(timeout, &deadline);

	if (err == 0 && mask_arg != 0 && user_read_struct(&arg, mask_arg) != 0)
		err = -EFAULT;
	if (err == 0)
		err = signal_mask_borrow(arg.mask, arg.len);
	if (err != 0)
		return err;
	ready = select_fds(nr, user, deadline);
	signal_mask_restore(ready == -ERESTARTNOHAND);
	write_left_timespec(timeout, deadline);
	return ready;
}
