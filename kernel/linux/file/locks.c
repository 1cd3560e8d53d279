/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File locks, all in one list per inode: ranges with an owner. The owner of a record lock is the
 * process, of an OFD lock the open file description, of a flock(2) lock too (over the whole file,
 * in a list of its own: the kinds do not see each other).
 *
 * A new lock replaces what its owner held in the range. `locks_lock` guards every list; whoever
 * waits for a lock sleeps on the inode's queue and tries again when anything is released.
 */
#include "linux/file/locks.h"

#include <linux/fcntl.h>

#include "core/mutex.h"
#include "core/waitq.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/kmem.h"
#include "mm/user.h"

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

enum kind { RECORD, FLOCK };

struct range {
	int64_t start, end; /* inclusive; INT64_MAX: to the end */
};

struct lock {
	struct list link; /* [locks_lock] */
	struct range range;
	const void *owner; /* struct process or struct file */
	int pid;           /* for F_GETLK; -1: an OFD lock */
	bool exclusive;
};

struct file_locks {
	struct list lists[2]; /* [locks_lock] by enum kind */
	struct waitq wq;
};

static struct mutex locks_lock = MUTEX_INIT(locks_lock);

/* ---- lists, with locks_lock held ---- */

static struct file_locks *locks_of(struct inode *inode)
{
	struct file_locks *l = inode->locks;

	if (l != NULL)
		return l;
	l = kmem_new(struct file_locks);
	if (l == NULL)
		return NULL;
	list_init(&l->lists[RECORD]);
	list_init(&l->lists[FLOCK]);
	waitq_init(&l->wq);
	inode->locks = l;
	return l;
}

static bool overlaps(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static struct lock *find_conflict(const struct list *locks, const struct lock *want)
{
	struct lock *l;

	list_foreach(locks, l, link)
		if (l->owner != want->owner && (l->exclusive || want->exclusive) &&
		    overlaps(&l->range, &want->range))
			return l;
	return NULL;
}

/* Cuts `cut` out of l. `spare` is taken when l falls in two. True: l is gone. */
static bool cut_out(struct lock *l, const struct range *cut, struct lock **spare)
{
	struct range r = l->range;

	if (r.start >= cut->start && r.end <= cut->end) {
		list_remove(&l->link);
		kmem_free(l);
		return true;
	}
	if (r.start < cut->start && r.end > cut->end) {
		struct lock *rest = *spare;

		*spare = NULL;
		*rest = *l;
		rest->range.start = cut->end + 1;
		list_append(&l->link, &rest->link);
	}
	if (r.start < cut->start)
		l->range.end = cut->start - 1;
	else
		l->range.start = cut->end + 1;
	return false;
}

/* What `owner` holds in the range goes. */
static void release_range(struct list *locks, const void *owner, const struct range *r,
			  struct lock **spare)
{
	struct lock *l;

	list_foreach_safe(locks, l, link)
		if (l->owner == owner && overlaps(&l->range, r))
			cut_out(l, r, spare);
}

/* ---- taking and releasing ---- */

static int try_lock(struct inode *inode, enum kind kind, struct lock **want, struct lock **spare)
{
	scoped_mutex(&locks_lock);
	struct file_locks *l = locks_of(inode);

	if (l == NULL)
		return -ENOMEM;
	if (find_conflict(&l->lists[kind], *want) != NULL)
		return -EAGAIN;
	release_range(&l->lists[kind], (*want)->owner, &(*want)->range, spare);
	list_append(&l->lists[kind], &(*want)->link);
	*want = NULL;
	waitq_wake_all(&l->wq, 0); /* a downgrade may let others in */
	return 0;
}

static int take(struct inode *inode, enum kind kind, const struct lock *like, bool wait)
{
	struct lock *want = kmem_new(struct lock), *spare = kmem_new(struct lock);
	int err = -ENOMEM;

	if (want != NULL && spare != NULL) {
		*want = *like;
		list_init(&want->link);
		err = try_lock(inode, kind, &want, &spare);
	}
	if (err == -EAGAIN && wait) {
		int wait_err = wait_event(&inode->locks->wq,
					  (err = try_lock(inode, kind, &want, &spare)) != -EAGAIN,
					  WAIT_INTERRUPTIBLE, NSEC_NEVER);

		if (wait_err != 0)
			err = wait_err;
	}
	kmem_free(want);
	kmem_free(spare);
	return err;
}

static int release(struct inode *inode, enum kind kind, const void *owner, const struct range *r)
{
	struct lock *spare = kmem_new(struct lock);

	if (spare == NULL)
		return -ENOMEM;
	mutex_lock(&locks_lock);
	if (inode->locks != NULL) {
		release_range(&inode->locks->lists[kind], owner, r, &spare);
		waitq_wake_all(&inode->locks->wq, 0);
	}
	mutex_unlock(&locks_lock);
	kmem_free(spare);
	return 0;
}

/* All of an owner's: nothing falls in two, so nothing is needed. */
static void release_all(struct inode *inode, enum kind kind, const void *owner)
{
	static const struct range everything = { INT64_MIN, INT64_MAX };
	struct lock *none = NULL;

	if (READ_ONCE(inode->locks) == NULL)
		return;
	scoped_mutex(&locks_lock);
	release_range(&inode->locks->lists[kind], owner, &everything, &none);
	waitq_wake_all(&inode->locks->wq, 0);
}

void locks_release_file(struct file *f)
{
	release_all(f->inode, RECORD, f);
	release_all(f->inode, FLOCK, f);
}

void locks_close(struct file *f)
{
	release_all(f->inode, RECORD, process_current());
}

void locks_release_inode(struct inode *inode)
{
	struct file_locks *l = inode->locks;
	struct lock *k;

	if (l == NULL)
		return;
	for (unsigned kind = 0; kind < ARRAY_SIZE(l->lists); kind++) {
		list_foreach_safe(&l->lists[kind], k, link)
			kmem_free(k);
	}
	kmem_free(l);
	inode->locks = NULL;
}

/* ---- fcntl ---- */

/* The absolute range that a struct flock means (fcntl(2)). */
static int to_range(struct file *f, const struct flock *fl, struct range *out)
{
	int64_t start = fl->l_start;

	switch (fl->l_whence) {
	case 0:
		break;
	case 1:
		start += READ_ONCE(f->pos);
		break;
	case 2:
		start += (int64_t)READ_ONCE(f->inode->size);
		break;
	default:
		return -EINVAL;
	}
	out->start = start;
	out->end = INT64_MAX;
	if (fl->l_len > 0) {
		if (start > INT64_MAX - fl->l_len + 1)
			return -EOVERFLOW;
		out->end = start + fl->l_len - 1;
	} else if (fl->l_len < 0) {
		out->start = start + fl->l_len;
		out->end = start - 1;
	}
	return out->start < 0 ? -EINVAL : 0;
}

static int read_flock(struct file *f, uaddr_t from, bool ofd, struct flock *fl, struct lock *out)
{
	int err;

	if (user_read_struct(fl, from) != 0)
		return -EFAULT;
	if (ofd && fl->l_pid != 0)
		return -EINVAL;
	err = to_range(f, fl, &out->range);
	if (err != 0)
		return err;
	if (ofd)
		f->locks_owner = f;
	out->owner = ofd ? (const void *)f : (const void *)process_current();
	out->pid = ofd ? -1 : process_current()->pid;
	out->exclusive = fl->l_type == F_WRLCK;
	return 0;
}

long lock_get(struct file *f, uaddr_t uflock, bool ofd)
{
	struct lock want, *conflict = NULL;
	struct flock fl;
	int err = read_flock(f, uflock, ofd, &fl, &want);

	if (err != 0)
		return err;
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK)
		return -EINVAL;
	mutex_lock(&locks_lock);
	if (f->inode->locks != NULL)
		conflict = find_conflict(&f->inode->locks->lists[RECORD], &want);
	if (conflict == NULL) {
		fl.l_type = F_UNLCK;
	} else {
		fl.l_type = conflict->exclusive ? F_WRLCK : F_RDLCK;
		fl.l_whence = 0;
		fl.l_start = conflict->range.start;
		fl.l_len = conflict->range.end == INT64_MAX
				   ? 0
				   : conflict->range.end - conflict->range.start + 1;
		fl.l_pid = conflict->pid;
	}
	mutex_unlock(&locks_lock);
	return user_write_struct(uflock, &fl);
}

long lock_set(struct file *f, uaddr_t uflock, bool ofd, bool wait)
{
	struct lock want;
	struct flock fl;
	int err = read_flock(f, uflock, ofd, &fl, &want);

	if (err != 0)
		return err;
	switch (fl.l_type) {
	case F_UNLCK:
		return release(f->inode, RECORD, want.owner, &want.range);
	case F_RDLCK:
		if ((f->traits & FILE_READ) == 0)
			return -EBADF;
		break;
	case F_WRLCK:
		if ((f->traits & FILE_WRITE) == 0)
			return -EBADF;
		break;
	default:
		return -EINVAL;
	}
	return take(f->inode, RECORD, &want, wait);
}

/* ---- flock ---- */

long sys_flock(int fd, int op)
{
	struct lock want = { .range = { 0, INT64_MAX } };
	struct file *f;
	int err, mode = op & ~LOCK_NB;

	if (mode != LOCK_SH && mode != LOCK_EX && mode != LOCK_UN)
		return -EINVAL;
	err = fd_get(fd, &f);
	if (err != 0)
		return err;
	f->locks_owner = f;
	want.owner = f;
	want.pid = process_current()->pid;
	want.exclusive = mode == LOCK_EX;
	if (mode == LOCK_UN)
		err = release(f->inode, FLOCK, f, &want.range);
	else
		err = take(f->inode, FLOCK, &want, (op & LOCK_NB) == 0);
	file_put(f);
	return err;
}
