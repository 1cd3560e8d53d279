/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking into another process: process_vm_readv(2), process_vm_writev(2), kcmp(2). The other
 * side's memory is reached page by page through its address space, whose lock is not held while
 * bytes move: only the page is.
 */
#include <linux/kcmp.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/event/polling.h"
#include "linux/file/fd.h"
#include "linux/file/rw.h"
#include "linux/sys.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include "mm/vmspace.h"

/* ---- memory ---- */

struct side {
	struct uio_vec *vecs;
	unsigned long nr, at;
	size_t offset;
};

/* The next stretch of a side; false at its end. */
static bool side_next(struct side *s, uaddr_t *addr, size_t *len)
{
	while (s->at < s->nr && s->offset == s->vecs[s->at].len) {
		s->at++;
		s->offset = 0;
	}
	if (s->at == s->nr)
		return false;
	*addr = s->vecs[s->at].base + s->offset;
	*len = s->vecs[s->at].len - s->offset;
	return true;
}

/* Within one page of vs. Bytes moved: 0 when either side cannot be reached. */
static size_t copy_piece(struct vmspace *vs, uaddr_t remote, uaddr_t local, size_t len, bool write)
{
	struct page *p;
	char *bytes;
	size_t n;

	if (!user_range_ok(remote, len) ||
	    vmspace_page(vs, remote, write ? MMU_WRITE : MMU_READ, &p) != 0)
		return 0;
	bytes = (char *)page_to_ptr(p) + remote % PAGE_SIZE;
	n = write ? user_read_some(bytes, local, len) : user_write_some(local, bytes, len);
	page_put(p);
	return n;
}

static long copy_sides(struct vmspace *vs, struct side *local, struct side *remote, bool write)
{
	uaddr_t near_addr, far_addr;
	size_t near_len, far_len;
	long done = 0;

	while (side_next(local, &near_addr, &near_len) && side_next(remote, &far_addr, &far_len)) {
		size_t len = min(near_len, far_len), n;

		len = min(len, PAGE_SIZE - far_addr % PAGE_SIZE);
		n = copy_piece(vs, far_addr, near_addr, len, write);
		local->offset += n;
		remote->offset += n;
		done += (long)n;
		if (n < len)
			return done > 0 ? done : -EFAULT;
	}
	return done;
}

/*
 * The address space of a task that the caller may look into, counted. -ESRCH, -EPERM. The right is
 * asked for when it is held: an exec in between could bring one that belongs to somebody else.
 */
static int space_of(int pid, struct vmspace **out)
{
	struct task *t = task_find(pid);
	struct vmspace *vs;
	int err = 0;

	if (t == NULL)
		return -ESRCH;
	vs = process_vmspace(t->process);
	if (t->process != process_current() && !task_may_access(t))
		err = -EPERM;
	else if (vs == NULL)
		err = -ESRCH;
	task_put(t);
	if (err == 0)
		*out = vs;
	else if (vs != NULL)
		vmspace_put(vs);
	return err;
}

struct request {
	int pid;
	uaddr_t local, remote;
	unsigned long nr_local, nr_remote;
	bool write;
};

static long transfer(const struct request *r, struct side *local, struct side *remote)
{
	struct vmspace *vs;
	uaddr_t addr;
	size_t len;
	long n;

	if (!side_next(local, &addr, &len) || !side_next(remote, &addr, &len))
		return 0;
	n = space_of(r->pid, &vs);
	if (n != 0)
		return n;
	n = copy_sides(vs, local, remote, r->write);
	vmspace_put(vs);
	return n;
}

static long process_vm(const struct request *r)
{
	struct uio_vec room[2][RW_VECS_INLINE];
	struct side local = { .nr = r->nr_local }, remote = { .nr = r->nr_remote };
	long n = uio_vecs_get(r->local, r->nr_local, room[0], &local.vecs);

	if (n != 0)
		return n;
	n = uio_vecs_get(r->remote, r->nr_remote, room[1], &remote.vecs);
	if (n == 0) {
		n = transfer(r, &local, &remote);
		uio_vecs_put(room[1], remote.vecs);
	}
	uio_vecs_put(room[0], local.vecs);
	return n;
}

long sys_process_vm_readv(int pid, uaddr_t local, unsigned long nr_local, uaddr_t remote,
			  unsigned long nr_remote, unsigned long flags)
{
	const struct request r = { pid, local, remote, nr_local, nr_remote, false };

	return flags != 0 ? -EINVAL : process_vm(&r);
}

long sys_process_vm_writev(int pid, uaddr_t local, unsigned long nr_local, uaddr_t remote,
			   unsigned long nr_remote, unsigned long flags)
{
	const struct request r = { pid, local, remote, nr_local, nr_remote, true };

	return flags != 0 ? -EINVAL : process_vm(&r);
}

/* ---- kcmp ---- */

/* The file that a descriptor of a task leads to, only to be compared. -EBADF. */
static int file_of(struct task *t, unsigned long fd, const void **out)
{
	struct fd_table *fds = task_fds(t);
	struct file *f = fds != NULL && fd <= INT32_MAX ? fd_table_file(fds, (int)fd) : NULL;

	if (fds != NULL)
		fd_table_put(fds);
	if (f == NULL)
		return -EBADF;
	*out = f;
	file_put(f);
	return 0;
}

/* The file that an epoll instance of the task watches. */
static int target_of(struct task *t, uaddr_t uslot, const void **out)
{
	struct kcmp_epoll_slot slot;
	struct fd_table *fds;
	struct file *ep;
	int err;

	if (user_read_struct(&slot, uslot) != 0)
		return -EFAULT;
	fds = task_fds(t);
	ep = fds != NULL && slot.efd <= INT32_MAX ? fd_table_file(fds, (int)slot.efd) : NULL;
	if (fds != NULL)
		fd_table_put(fds);
	if (ep == NULL)
		return -EBADF;
	err = epoll_target(ep, (int)slot.tfd, slot.toff, out);
	file_put(ep);
	return err;
}

/* What the task shares with others, or has alone. */
static const void *share_of(struct task *t, int type)
{
	scoped_spin(&task_lock);
	switch (type) {
	case KCMP_VM:
		return t->thread != NULL ? t->thread->vmspace : NULL;
	case KCMP_FILES:
		return t->fds;
	case KCMP_FS:
		return t->thread != NULL ? t->thread->fs_view : NULL;
	case KCMP_SIGHAND:
		return t->process;
	case KCMP_SYSVSEM:
		return t->sem_undo;
	default:
		return NULL; /* KCMP_IO: nobody has such a context */
	}
}

/* 0: the same; else an order that holds while both live. */
static long order(const void *a, const void *b)
{
	return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? 1 : 2;
}

static long compare(struct task *t1, struct task *t2, int type, const unsigned long idx[2])
{
	const void *a, *b;
	int err;

	switch (type) {
	case KCMP_FILE:
		err = file_of(t1, idx[0], &a);
		if (err == 0)
			err = file_of(t2, idx[1], &b);
		return err != 0 ? err : order(a, b);
	case KCMP_EPOLL_TFD:
		err = file_of(t1, idx[0], &a);
		if (err == 0)
			err = target_of(t2, idx[1], &b);
		return err != 0 ? err : order(a, b);
	case KCMP_VM:
	case KCMP_FILES:
	case KCMP_FS:
	case KCMP_SIGHAND:
	case KCMP_IO:
	case KCMP_SYSVSEM:
		return order(share_of(t1, type), share_of(t2, type));
	default:
		return -EINVAL;
	}
}

long sys_kcmp(int pid1, int pid2, int type, unsigned long idx1, unsigned long idx2)
{
	const unsigned long idx[2] = { idx1, idx2 };
	struct task *t1 = task_find(pid1), *t2 = task_find(pid2);
	long result = -ESRCH;

	if (t1 != NULL && t2 != NULL)
		result = task_may_access(t1) && task_may_access(t2) ? compare(t1, t2, type, idx)
								    : -EPERM;
	if (t1 != NULL)
		task_put(t1);
	if (t2 != NULL)
		task_put(t2);
	return result;
}
