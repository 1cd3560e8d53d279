/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables. Slots are an array that doubles; `first_free` makes the lowest free slot
 * quick to find in the usual case. Files are closed (flush, put) with no lock held, since both may
 * sleep.
 */
#include "linux/file/fd.h"

#include <asm/fcntl.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/locks.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"

#define SLOTS_FIRST 64

static struct fd_table *table_current(void)
{
	return task_current()->fds;
}

struct fd_table *fd_table_new(void)
{
	struct fd_table *t = kmem_new(struct fd_table);

	if (t == NULL)
		return NULL;
	t->slots = kmem_new_array(struct fd_slot, SLOTS_FIRST);
	if (t->slots == NULL) {
		kmem_free(t);
		return NULL;
	}
	ref_init(&t->ref);
	t->nr_slots = SLOTS_FIRST;
	return t;
}

struct fd_table *fd_table_get(struct fd_table *t)
{
	ref_get(&t->ref);
	return t;
}

static int close_file(struct fd_table *t, struct file *f)
{
	int err = 0;

	if (f->ops->flush != NULL && (f->traits & FILE_PATH_ONLY) == 0)
		err = f->ops->flush(f);
	locks_close(f, t);
	file_put(f);
	return err;
}

void fd_table_put(struct fd_table *t)
{
	if (t == NULL || !ref_put(&t->ref))
		return;
	for (unsigned i = 0; i < t->nr_slots; i++) {
		if (t->slots[i].file != NULL)
			(void)close_file(t, t->slots[i].file);
	}
	kmem_free(t->slots);
	kmem_free(t);
}

/* Copies what fits; false: the source has more slots than `to`. */
static bool copy_slots(struct fd_table *from, struct fd_table *to)
{
	scoped_spin(&from->lock);
	if (from->nr_slots > to->nr_slots)
		return false;
	for (unsigned i = 0; i < from->nr_slots; i++) {
		if (from->slots[i].file == NULL)
			continue;
		to->slots[i] = from->slots[i];
		file_get(to->slots[i].file);
	}
	to->first_free = 0; /* what `from` has only reserved is free here */
	return true;
}

struct fd_table *fd_table_copy(struct fd_table *t)
{
	struct fd_table *copy = fd_table_new();

	while (copy != NULL && !copy_slots(t, copy)) {
		unsigned nr = READ_ONCE(t->nr_slots);
		struct fd_slot *slots = kmem_new_array(struct fd_slot, nr);

		if (slots == NULL) {
			fd_table_put(copy);
			return NULL;
		}
		kmem_free(copy->slots);
		copy->slots = slots;
		copy->nr_slots = nr;
	}
	return copy;
}

int fd_table_unshare(void)
{
	struct task *self = task_current();
	struct fd_table *old = self->fds, *own;

	if (atomic_load(&old->ref.count) == 1)
		return 0;
	own = fd_table_copy(old);
	if (own == NULL)
		return -ENOMEM;
	spin_lock(&task_lock);
	self->fds = own;
	spin_unlock(&task_lock);
	fd_table_put(old);
	return 0;
}

/* ---- looking up ---- */

struct file *fd_table_file(struct fd_table *t, int fd)
{
	scoped_spin(&t->lock);
	struct file *f = fd >= 0 && (unsigned)fd < t->nr_slots ? t->slots[fd].file : NULL;

	return f == NULL ? NULL : file_get(f);
}

int fd_table_next(struct fd_table *t, int after)
{
	scoped_spin(&t->lock);
	for (unsigned i = (unsigned)(after + 1); i < t->nr_slots; i++) {
		if (t->slots[i].file != NULL)
			return (int)i;
	}
	return -1;
}

int fd_get_any(int fd, struct file **out)
{
	*out = fd_table_file(table_current(), fd);
	return *out == NULL ? -EBADF : 0;
}

int fd_get(int fd, struct file **out)
{
	int err = fd_get_any(fd, out);

	if (err == 0 && ((*out)->traits & FILE_PATH_ONLY) != 0) {
		file_put(*out);
		err = -EBADF;
	}
	return err;
}

/* ---- reserving and filling ---- */

static unsigned limit_of_descriptors(void)
{
	return (unsigned)min(process_limit(process_current(), RLIMIT_NOFILE),
			     (uint64_t)FD_TABLE_MAX);
}

/* Makes slot `idx` exist. May sleep. */
static int grow(struct fd_table *t, unsigned idx)
{
	while (READ_ONCE(t->nr_slots) <= idx) {
		unsigned nr = max(READ_ONCE(t->nr_slots) * 2, align_up(idx + 1, 64u));
		struct fd_slot *slots = kmem_new_array(struct fd_slot, nr), *old = slots;

		if (slots == NULL)
			return -ENOMEM;
		spin_lock(&t->lock);
		if (t->nr_slots < nr) {
			memcpy(slots, t->slots, t->nr_slots * sizeof(*slots));
			old = t->slots;
			t->slots = slots;
			t->nr_slots = nr;
		}
		spin_unlock(&t->lock);
		kmem_free(old);
	}
	return 0;
}

/* Takes the lowest free slot in [from, limit). False: none exists yet; *idx is where it would
 * be. */
static bool take_free(struct fd_table *t, unsigned from, unsigned limit, unsigned *idx)
{
	scoped_spin(&t->lock);
	unsigned i = max(from, t->first_free), end = min(t->nr_slots, limit);

	while (i < end && t->slots[i].used)
		i++;
	*idx = i;
	if (i >= end)
		return false;
	t->slots[i].used = true;
	if (from <= t->first_free)
		t->first_free = i + 1;
	return true;
}

static int reserve(struct fd_table *t, unsigned from)
{
	unsigned limit = limit_of_descriptors(), idx;

	while (!take_free(t, from, limit, &idx)) {
		int err = idx >= limit ? -EMFILE : grow(t, idx);

		if (err != 0)
			return err;
	}
	return (int)idx;
}

static void fill(struct fd_table *t, int fd, struct file *f, bool close_on_exec)
{
	scoped_spin(&t->lock);
	t->slots[fd] = (struct fd_slot){ f, true, close_on_exec };
}

/* With t->lock held. */
static struct file *clear_locked(struct fd_table *t, unsigned fd)
{
	struct file *f = t->slots[fd].file;

	if (f == NULL)
		return NULL;
	t->slots[fd] = (struct fd_slot){ NULL, false, false };
	t->first_free = min(t->first_free, fd);
	return f;
}

static void unreserve(struct fd_table *t, int fd)
{
	scoped_spin(&t->lock);
	t->slots[fd].used = false;
	t->first_free = min(t->first_free, (unsigned)fd);
}

int fd_reserve(void)
{
	return reserve(table_current(), 0);
}

void fd_fill(int fd, struct file *f, bool close_on_exec)
{
	fill(table_current(), fd, f, close_on_exec);
}

void fd_cancel(int fd)
{
	unreserve(table_current(), fd);
}

int fd_install(struct file *f, unsigned open_flags, int from)
{
	struct fd_table *t = table_current();
	int fd = from < 0 || (unsigned)from >= limit_of_descriptors() ? -EINVAL
								      : reserve(t, (unsigned)from);

	if (fd < 0) {
		file_put(f);
		return from == 0 && fd == -EINVAL ? -EMFILE : fd;
	}
	fill(t, fd, f, (open_flags & O_CLOEXEC) != 0);
	return fd;
}

int fd_install_pair(struct file *a, struct file *b, unsigned open_flags, int fds[2])
{
	struct fd_table *t = table_current();
	bool close_on_exec = (open_flags & O_CLOEXEC) != 0;
	int first = reserve(t, 0), second = first < 0 ? first : reserve(t, 0);

	if (second < 0) {
		if (first >= 0)
			unreserve(t, first);
		file_put(a);
		file_put(b);
		return second;
	}
	fill(t, first, a, close_on_exec);
	fill(t, second, b, close_on_exec);
	fds[0] = first;
	fds[1] = second;
	return 0;
}

int fd_install_at(struct file *f, int fd, bool close_on_exec)
{
	struct fd_table *t = table_current();
	struct file *old;
	int err = -EBADF;

	if (fd >= 0 && (unsigned)fd < limit_of_descriptors())
		err = grow(t, (unsigned)fd);
	if (err != 0) {
		file_put(f);
		return err;
	}
	spin_lock(&t->lock);
	old = t->slots[fd].file;
	if (old == NULL && t->slots[fd].used) { /* another task is opening it right now */
		spin_unlock(&t->lock);
		file_put(f);
		return -EBUSY;
	}
	t->slots[fd] = (struct fd_slot){ f, true, close_on_exec };
	spin_unlock(&t->lock);
	if (old != NULL)
		(void)close_file(t, old);
	return fd;
}

/* ---- closing and flags ---- */

static struct file *clear(struct fd_table *t, int fd)
{
	scoped_spin(&t->lock);
	if (fd < 0 || (unsigned)fd >= t->nr_slots)
		return NULL;
	return clear_locked(t, (unsigned)fd);
}

int fd_close(int fd)
{
	struct fd_table *t = table_current();
	struct file *f = clear(t, fd);

	return f == NULL ? -EBADF : close_file(t, f);
}

/* The first file of [*fd, last] that is to be closed, taken out. *fd is where it was. */
static struct file *clear_next(struct fd_table *t, unsigned *fd, unsigned last, bool marked_only)
{
	scoped_spin(&t->lock);
	for (; *fd <= last && *fd < t->nr_slots; (*fd)++) {
		struct fd_slot *s = &t->slots[*fd];

		if (s->file != NULL && (!marked_only || s->close_on_exec))
			return clear_locked(t, *fd);
	}
	return NULL;
}

static void close_all(struct fd_table *t, unsigned first, unsigned last, bool marked_only)
{
	struct file *f;

	while ((f = clear_next(t, &first, last, marked_only)) != NULL)
		(void)close_file(t, f);
}

void fd_table_close_on_exec(struct fd_table *t)
{
	close_all(t, 0, FD_TABLE_MAX, true);
}

void fd_close_range(struct fd_table *t, unsigned first, unsigned last, bool close_on_exec)
{
	if (!close_on_exec) {
		close_all(t, first, last, false);
		return;
	}
	scoped_spin(&t->lock);
	for (unsigned i = first; i <= last && i < t->nr_slots; i++)
		t->slots[i].close_on_exec = t->slots[i].used;
}

int fd_flags_get(int fd)
{
	struct fd_table *t = table_current();

	scoped_spin(&t->lock);
	if (fd < 0 || (unsigned)fd >= t->nr_slots || t->slots[fd].file == NULL)
		return -EBADF;
	return t->slots[fd].close_on_exec ? FD_CLOEXEC : 0;
}

int fd_flags_set(int fd, bool close_on_exec)
{
	struct fd_table *t = table_current();

	scoped_spin(&t->lock);
	if (fd < 0 || (unsigned)fd >= t->nr_slots || t->slots[fd].file == NULL)
		return -EBADF;
	t->slots[fd].close_on_exec = close_on_exec;
	return 0;
}
