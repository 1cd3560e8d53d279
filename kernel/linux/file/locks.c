/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File locks, all in two lists per inode: ranges with an owner. The owner of a record lock is the
 * descriptor table, which is to say the process (fcntl(2); processes that share a table share its
 * locks, as on Linux); that of an OFD lock the open file description, of a flock(2) lock too (over
 * the whole file, in a list of its own: the kinds do not see each other).
 *
 * A new lock replaces what its owner held in the range, and unites with what touches it.
 * `locks_lock` guards every list; whoever waits for a lock sleeps on the inode's queue and tries
 * again when anything is released. While it waits it stands in `waiters` with whom it waits for,
 * so that a circle of processes is found (EDEADLK).
 */
#include "linux/file/locks.h"

#include <linux/fcntl.h>

#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define LOCK_SH   1
#define LOCK_EX   2
#define LOCK_NB   4
#define LOCK_UN   8
#define CHAIN_MAX 10 /* how far a circle of waiters is followed */

enum kind { RECORD, FLOCK };

struct range {
	int64_t start, end; /* inclusive; INT64_MAX: to the end */
};

struct lock {
	struct list link;     /* [locks_lock] one owner's are in order */
	struct list all_link; /* [locks_lock] every lock there is */
	struct range range;   /* [locks_lock] */
	struct inode *inode;  /* [I] not counted: its release frees us */
	const void *owner;    /* [I] struct fd_table or struct file */
	enum kind kind;       /* [I] */
	int pid;              /* [I] for F_GETLK; -1: an OFD lock */
	bool exclusive;       /* [I] */
};

/* Somebody who waits for a record lock. */
struct waiter {
	struct list link;    /* [locks_lock] */
	struct inode *inode; /* [I] */
	const void *owner;   /* [I] */
	const void *blocker; /* [locks_lock] whose lock it waits for; NULL: it will look again */
};

struct file_locks {
	struct list lists[2]; /* [locks_lock] by enum kind */
	struct waitq wq;
};

static struct mutex locks_lock = MUTEX_INIT(locks_lock);
static struct list all = LIST_INIT(all);         /* [locks_lock] by all_link */
static struct list waiters = LIST_INIT(waiters); /* [locks_lock] */

/*
 * Without locks_lock: an allocation may let inodes go that nobody uses, which takes it. From then
 * on the inode has its lists until it goes itself.
 */
static int make_lists(struct inode *inode)
{
	struct file_locks *l;

	if (READ_ONCE(inode->locks) != NULL)
		return 0;
	l = kmem_new(struct file_locks);
	if (l == NULL)
		return -ENOMEM;
	list_init(&l->lists[RECORD]);
	list_init(&l->lists[FLOCK]);
	waitq_init(&l->wq);
	mutex_lock(&locks_lock);
	if (inode->locks == NULL) {
		atomic_store(&inode->locks, l);
		l = NULL;
	}
	mutex_unlock(&locks_lock);
	kmem_free(l);
	return 0;
}

/* ---- lists, with locks_lock held ---- */

static bool overlaps(const struct range *a, const struct range *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static void lock_free(struct lock *l)
{
	list_remove(&l->link);
	list_remove(&l->all_link);
	kmem_free(l);
}

/* What was just released may be what they wait for. */
static void wake_waiters(struct inode *inode)
{
	struct waiter *w;

	list_foreach(&waiters, w, link)
		if (w->inode == inode)
			w->blocker = NULL;
	waitq_wake_all(&inode->locks->wq, 0);
}

static const void *blocker_of(const void *owner)
{
	struct waiter *w;

	list_foreach(&waiters, w, link)
		if (w->owner == owner && w->blocker != NULL)
			return w->blocker;
	return NULL;
}

/* Would `owner`, waiting for `blocker`, wait for itself? */
static bool is_circle(const void *owner, const void *blocker)
{
	for (int i = 0; blocker != NULL && i < CHAIN_MAX; i++) {
		if (blocker == owner)
			return true;
		blocker = blocker_of(blocker);
	}
	return false;
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
		lock_free(l);
		return true;
	}
	if (r.start < cut->start && r.end > cut->end) {
		struct lock *rest = *spare;

		*spare = NULL;
		*rest = *l;
		rest->range.start = cut->end + 1;
		list_prepend(&l->link, &rest->link);
		list_append(&all, &rest->all_link);
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

/* One that touches the next, of the same sort, becomes part of it. */
static void unite(struct list *locks, struct lock *with)
{
	struct lock *l;

	list_foreach_safe(locks, l, link) {
		if (l->owner != with->owner || l->exclusive != with->exclusive ||
		    (l->range.end < with->range.start && l->range.end + 1 != with->range.start) ||
		    (with->range.end < l->range.start && with->range.end + 1 != l->range.start))
			continue;
		with->range.start = min(with->range.start, l->range.start);
		with->range.end = max(with->range.end, l->range.end);
		lock_free(l);
	}
}

/* Among its owner's, by where it starts; an owner's first goes to the end. */
static void insert(struct list *locks, struct lock *new)
{
	struct list *at = locks;
	struct lock *l;

	list_foreach(locks, l, link) {
		if (l->owner != new->owner)
			continue;
		at = l->range.start < new->range.start ? l->link.next : &l->link;
		if (at == &l->link)
			break;
	}
	list_insert_before(at, &new->link);
	list_append(&all, &new->all_link);
}

/* A lock being asked for. */
struct attempt {
	struct lock *want, *spare; /* taken when they are used */
	struct waiter *waiter;     /* record locks that wait; or NULL */
};

static int blocked(struct attempt *a, const struct lock *conflict)
{
	if (a->waiter == NULL)
		return -EAGAIN;
	if (conflict->pid != -1 && is_circle(a->waiter->owner, conflict->owner))
		return -EDEADLK;
	a->waiter->blocker = conflict->owner;
	if (list_is_empty(&a->waiter->link))
		list_append(&waiters, &a->waiter->link);
	return -EAGAIN;
}

static int try_lock(struct attempt *a)
{
	struct lock *want = a->want, *conflict;
	struct list *list = &want->inode->locks->lists[want->kind];

	scoped_mutex(&locks_lock);
	conflict = find_conflict(list, want);
	if (conflict != NULL)
		return blocked(a, conflict);
	release_range(list, want->owner, &want->range, &a->spare);
	if (want->kind == RECORD)
		unite(list, want);
	insert(list, want);
	a->want = NULL;
	wake_waiters(want->inode); /* a downgrade may let others in */
	return 0;
}

static int wait(struct attempt *a, struct inode *inode)
{
	int err = -EAGAIN;
	int wait_err = wait_event(&inode->locks->wq, (err = try_lock(a)) != -EAGAIN,
				  WAIT_INTERRUPTIBLE, NSEC_NEVER);

	if (a->waiter != NULL) {
		mutex_lock(&locks_lock);
		list_remove(&a->waiter->link);
		mutex_unlock(&locks_lock);
	}
	return wait_err != 0 ? wait_err : err;
}

static int take(const struct lock *like, bool must_wait)
{
	struct waiter w = { .inode = like->inode, .owner = like->owner };
	struct attempt a = { kmem_new(struct lock), kmem_new(struct lock), NULL };
	int err = make_lists(like->inode);

	list_init(&w.link);
	if (must_wait && like->kind == RECORD && like->pid != -1)
		a.waiter = &w;
	if (a.want == NULL || a.spare == NULL)
		err = -ENOMEM;
	if (err == 0) {
		*a.want = *like;
		list_init(&a.want->link);
		list_init(&a.want->all_link);
		err = try_lock(&a);
		if (err == -EAGAIN && must_wait)
			err = wait(&a, like->inode);
	}
	kmem_free(a.want);
	kmem_free(a.spare);
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
		wake_waiters(inode);
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
	wake_waiters(inode);
}

void locks_release_file(struct file *f)
{
	release_all(f->inode, RECORD, f);
	release_all(f->inode, FLOCK, f);
}

void locks_close(struct file *f, const struct fd_table *owner)
{
	release_all(f->inode, RECORD, owner);
}

void locks_release_inode(struct inode *inode)
{
	struct file_locks *l = inode->locks;
	struct lock *k;

	if (l == NULL)
		return;
	mutex_lock(&locks_lock);
	for (unsigned kind = 0; kind < ARRAY_SIZE(l->lists); kind++) {
		list_foreach_safe(&l->lists[kind], k, link)
			lock_free(k);
	}
	mutex_unlock(&locks_lock);
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
	out->owner = ofd ? (const void *)f : (const void *)task_current()->fds;
	out->inode = f->inode;
	out->kind = RECORD;
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

/* Another task closed the descriptor meanwhile, and dropped the locks that were there then. */
static void drop_if_closed(int fd, struct file *f)
{
	struct fd_table *t = task_current()->fds;
	struct file *now = fd_table_file(t, fd);

	if (now != f)
		locks_close(f, t);
	if (now != NULL)
		file_put(now);
}

long lock_set(int fd, struct file *f, uaddr_t uflock, bool ofd, bool must_wait)
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
	err = take(&want, must_wait);
	if (err == 0 && !ofd)
		drop_if_closed(fd, f);
	return err;
}

/* ---- flock ---- */

long sys_flock(int fd, int op)
{
	struct lock want = { .range = { 0, INT64_MAX }, .kind = FLOCK };
	struct file *f;
	int err, mode = op & ~LOCK_NB;

	if (mode != LOCK_SH && mode != LOCK_EX && mode != LOCK_UN)
		return -EINVAL;
	err = fd_get(fd, &f);
	if (err != 0)
		return err;
	f->locks_owner = f;
	want.owner = f;
	want.inode = f->inode;
	want.pid = process_current()->pid;
	want.exclusive = mode == LOCK_EX;
	if (mode == LOCK_UN)
		err = release(f->inode, FLOCK, f, &want.range);
	else
		err = take(&want, (op & LOCK_NB) == 0);
	file_put(f);
	return err;
}

/* ---- /proc/locks (proc(5)) ---- */

static void show_lock(struct text_buffer *b, unsigned nr, const struct lock *l)
{
	uint64_t dev = l->inode->sb->dev;

	text_print(b, "%u: %s ADVISORY  %s %d %02x:%02x:%llu %lld ", nr,
		   l->kind == FLOCK ? "FLOCK "
		   : l->pid == -1   ? "OFDLCK"
				    : "POSIX ",
		   l->exclusive ? "WRITE" : "READ", l->pid, dev_major(dev), dev_minor(dev),
		   (unsigned long long)l->inode->ino, (long long)l->range.start);
	if (l->range.end == INT64_MAX)
		text_print(b, "EOF\n");
	else
		text_print(b, "%lld\n", (long long)l->range.end);
}

static int show(struct text_buffer *b, int pid)
{
	unsigned nr = 0;
	struct lock *l;

	scoped_mutex(&locks_lock);
	list_foreach(&all, l, all_link)
		show_lock(b, ++nr, l);
	return 0;
}
PROC_FILE(locks) = { .path = "locks", .mode = 0444, .show = show };
