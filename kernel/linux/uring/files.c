/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registered files: a table of the ring's that entries with IOSQE_FIXED_FILE name by index. A ring
 * is never in it: it would keep itself.
 */
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/task/task.h"
#include "linux/uring/uring.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define FILES_MAX 32768u

struct file *files_get_locked(struct uring *ring, unsigned idx)
{
	struct file *f = idx < ring->nr_files ? ring->files[idx].file : NULL;

	return f == NULL ? NULL : file_get(f);
}

static int get_for_table(int fd, struct file **out)
{
	int err;

	*out = NULL;
	if (fd == -1)
		return 0;
	err = fd_get(fd, out);
	if (err == 0 && (*out)->ops == &uring_fops) {
		file_put(*out);
		*out = NULL;
		err = -EBADF;
	}
	return err;
}

/* The file is given up, and its owner told if it has a tag. */
static void drop(struct uring *ring, struct fixed_file *slot)
{
	struct completion c = { .user_data = slot->tag };

	if (slot->file != NULL)
		file_put(slot->file);
	if (slot->tag != 0)
		(void)completion_post(ring, &c);
	*slot = (struct fixed_file){ .file = NULL };
}

static int read_slot(struct fixed_file *out, int fd, uaddr_t tag)
{
	*out = (struct fixed_file){ .file = NULL };
	if (tag != 0 && user_read_struct(&out->tag, tag) != 0)
		return -EFAULT;
	if (fd == -1 && out->tag != 0)
		return -EINVAL;
	return get_for_table(fd, &out->file);
}

static uaddr_t nth(uaddr_t array, unsigned i, size_t size)
{
	return array == 0 ? 0 : array + i * size;
}

long files_register(struct uring *ring, uaddr_t fds, unsigned nr, uaddr_t tags)
{
	struct fixed_file *all;
	int err = 0;

	if (ring->files != NULL)
		return -EBUSY;
	if (nr == 0)
		return -EINVAL;
	if (nr > FILES_MAX || nr > process_limit(process_current(), RLIMIT_NOFILE))
		return -EMFILE;
	all = kmem_new_array(struct fixed_file, nr);
	if (all == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < nr && err == 0; i++) {
		int32_t fd = -1;

		if (fds != 0 && user_read_struct(&fd, nth(fds, i, sizeof(fd))) != 0)
			err = -EFAULT;
		if (err == 0)
			err = read_slot(&all[i], fd, nth(tags, i, sizeof(uint64_t)));
	}
	if (err != 0) {
		for (unsigned i = 0; i < nr; i++)
			if (all[i].file != NULL)
				file_put(all[i].file);
		kmem_free(all);
		return err;
	}
	ring->files = all;
	ring->nr_files = nr;
	ring->alloc_start = ring->alloc_next = 0;
	ring->alloc_end = nr;
	return 0;
}

long files_unregister(struct uring *ring)
{
	if (ring->files == NULL)
		return -ENXIO;
	for (unsigned i = 0; i < ring->nr_files; i++)
		drop(ring, &ring->files[i]);
	kmem_free(ring->files);
	ring->files = NULL;
	ring->nr_files = 0;
	return 0;
}

static int update_one(struct uring *ring, const struct io_uring_rsrc_update2 *u, unsigned i)
{
	struct fixed_file now;
	int32_t fd;
	int err;

	if (user_read_struct(&fd, nth(u->data, i, sizeof(fd))) != 0)
		return -EFAULT;
	if (fd == IORING_REGISTER_FILES_SKIP)
		return 0;
	err = read_slot(&now, fd, nth(u->tags, i, sizeof(uint64_t)));
	if (err != 0)
		return err;
	drop(ring, &ring->files[u->offset + i]);
	ring->files[u->offset + i] = now;
	return 0;
}

long files_update(struct uring *ring, const struct io_uring_rsrc_update2 *u)
{
	unsigned i;
	int err = 0;

	if (ring->files == NULL)
		return -ENXIO;
	if (u->offset + u->nr < u->offset || u->offset + u->nr > ring->nr_files)
		return -EINVAL;
	for (i = 0; i < u->nr && err == 0; i++)
		err = update_one(ring, u, i);
	if (err != 0)
		i--;
	return i > 0 ? (long)i : err;
}

long files_set_alloc_range(struct uring *ring, uaddr_t arg)
{
	struct io_uring_file_index_range r;

	if (user_read_struct(&r, arg) != 0)
		return -EFAULT;
	if (r.off + r.len < r.off)
		return -EOVERFLOW;
	if (r.resv != 0 || r.off + r.len > ring->nr_files)
		return -EINVAL;
	ring->alloc_start = ring->alloc_next = r.off;
	ring->alloc_end = r.off + r.len;
	return 0;
}

/* A free slot in the range, the next one after the last first; -ENFILE. */
static long find_free(struct uring *ring)
{
	unsigned nr = ring->alloc_end - ring->alloc_start;

	for (unsigned i = 0; i < nr; i++) {
		unsigned at = ring->alloc_start + (ring->alloc_next - ring->alloc_start + i) % nr;

		if (ring->files[at].file != NULL)
			continue;
		ring->alloc_next = at + 1;
		return at;
	}
	return -ENFILE;
}

static long install_locked(struct uring *ring, struct file *f, unsigned slot)
{
	bool any = slot == IORING_FILE_INDEX_ALLOC;
	long idx;

	if (f->ops == &uring_fops)
		return -EBADF;
	if (ring->files == NULL)
		return -ENXIO;
	idx = any ? find_free(ring) : (long)slot - 1;
	if (idx < 0)
		return idx;
	if (idx >= ring->nr_files)
		return -EINVAL;
	drop(ring, &ring->files[idx]);
	ring->files[idx].file = f;
	return any ? idx : 0;
}

long files_install(struct uring *ring, struct file *f, unsigned slot)
{
	long n;

	mutex_lock(&ring->lock);
	n = install_locked(ring, f, slot);
	mutex_unlock(&ring->lock);
	if (n < 0)
		file_put(f);
	return n;
}

long files_close(struct uring *ring, unsigned slot)
{
	scoped_mutex(&ring->lock);
	if (ring->files == NULL)
		return -ENXIO;
	if (slot - 1 >= ring->nr_files)
		return -EINVAL;
	if (ring->files[slot - 1].file == NULL)
		return -EBADF;
	drop(ring, &ring->files[slot - 1]);
	return 0;
}
