/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inotify(7). An instance holds watches (each on an inode) and a queue of events; vfs_notify tells
 * what happened. Same events in a row are merged, a full queue ends in one IN_Q_OVERFLOW.
 *
 * A watch of F_NOTIFY's (fcntl(2), "File and directory change notification") has no instance: it
 * belongs to the directory's open file, whose owner gets a signal.
 *
 * `inotify_lock` (a mutex: the vfs calls in thread context) guards watches and inode->watches; an
 * instance's own spinlock guards its queue.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <asm/ioctls.h>

#include "core/sync/mutex.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/file/owner.h"
#include "linux/event/notify.h"
#include "linux/sys.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define QUEUE_MAX     16384
#define WATCHES_MAX   65536
#define INSTANCES_MAX 128 /* of a user */

struct event {
	struct list link; /* [instance.lock] */
	int wd;
	uint32_t mask, cookie, len; /* len: of name, NUL and padding included; 0: no name */
	char name[];
};

struct instance {
	struct spinlock lock;
	struct list events; /* [lock] */
	unsigned nr_events; /* [lock] */
	size_t bytes;       /* [lock] for FIONREAD */
	bool overflowed;    /* [lock] the queue has its IN_Q_OVERFLOW */
	struct waitq wq;
	struct list all_link; /* [inotify_lock] */
	uint32_t uid;         /* [I] whose instance it is */
	struct list watches;  /* [inotify_lock] */
	int next_wd;          /* [inotify_lock] */
	unsigned nr_watches;  /* [inotify_lock] */
};

struct watch {
	struct list link;       /* [inotify_lock] in the instance, or in dir_watches */
	struct list inode_link; /* [inotify_lock] in inode->watches */
	struct instance *in;    /* NULL: F_NOTIFY's */
	struct file *file;      /* F_NOTIFY's: not counted, forgets its watch as it ends */
	struct inode *inode;    /* counted */
	int wd;                 /* F_NOTIFY's: the descriptor */
	uint32_t mask;
};

static struct mutex inotify_lock = MUTEX_INIT(inotify_lock);
static unsigned nr_watches_all;                          /* [a] nobody watches: nothing to do */
static struct list instances = LIST_INIT(instances);     /* [inotify_lock] */
static struct list dir_watches = LIST_INIT(dir_watches); /* [inotify_lock] F_NOTIFY's */

/* ---- the queue ---- */

static size_t record_size(const struct event *e)
{
	return sizeof(struct inotify_event) + e->len;
}

static bool is_same(const struct event *a, const struct event *b)
{
	return a != NULL && a->wd == b->wd && a->mask == b->mask && a->cookie == b->cookie &&
	       a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

/* Takes e over. */
static void enqueue(struct instance *in, struct event *e)
{
	spin_lock(&in->lock);
	if ((in->nr_events >= QUEUE_MAX && in->overflowed) ||
	    is_same(list_last(&in->events, struct event, link), e)) {
		spin_unlock(&in->lock);
		kmem_free(e);
		return;
	}
	if (in->nr_events++ >= QUEUE_MAX) {
		e->wd = -1;
		e->mask = IN_Q_OVERFLOW;
		e->len = 0;
		in->overflowed = true;
	}
	in->bytes += record_size(e);
	list_append(&in->events, &e->link);
	spin_unlock(&in->lock);
	waitq_wake_all(&in->wq, EPOLLIN);
}

static void queue_event(struct watch *w, uint32_t mask, uint32_t cookie, const char *name)
{
	size_t len = name == NULL ? 0 : align_up(strlen(name) + 1, sizeof(struct inotify_event));
	struct event *e = kmem_alloc(sizeof(*e) + len);

	if (e == NULL)
		return;
	e->wd = w->wd;
	e->mask = mask;
	e->cookie = cookie;
	e->len = (uint32_t)len;
	if (name != NULL)
		memcpy(e->name, name, strlen(name));
	enqueue(w->in, e);
}

/* -EAGAIN: there is none; -EINVAL: it does not fit. */
static int take_event(struct instance *in, size_t room, struct event **out)
{
	scoped_spin(&in->lock);
	struct event *e = list_first(&in->events, struct event, link);

	if (e == NULL)
		return -EAGAIN;
	if (record_size(e) > room)
		return -EINVAL;
	list_remove(&e->link);
	in->nr_events--;
	in->bytes -= record_size(e);
	if (e->mask == IN_Q_OVERFLOW)
		in->overflowed = false;
	*out = e;
	return 0;
}

static bool has_events(struct instance *in)
{
	return READ_ONCE(in->events.next) != &in->events;
}

/* ---- watches, with inotify_lock held ---- */

static void watch_free(struct watch *w)
{
	list_remove(&w->link);
	list_remove(&w->inode_link);
	if (w->in != NULL)
		w->in->nr_watches--;
	atomic_sub(&nr_watches_all, 1);
	inode_put(w->inode);
	kmem_free(w);
}

/* A directory's entry: its own events are not F_NOTIFY's. */
static void tell_owner(struct watch *w, const char *name)
{
	if (name == NULL)
		return;
	owner_tell(w->file, w->wd);
	if ((w->mask & IN_ONESHOT) != 0)
		watch_free(w);
}

static void tell(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name)
{
	struct watch *w;

	if (inode == NULL || inode->watches.next == NULL)
		return;
	list_foreach_safe(&inode->watches, w, inode_link) {
		uint32_t seen = mask & (w->mask | IN_UNMOUNT | IN_IGNORED | IN_ISDIR);

		if ((seen & ~(uint32_t)IN_ISDIR) == 0)
			continue;
		if (w->in == NULL) {
			tell_owner(w, name);
			continue;
		}
		if (inode->nlink == 0 && (w->mask & IN_EXCL_UNLINK) != 0 && name != NULL)
			continue;
		queue_event(w, seen, cookie, name);
		if ((w->mask & IN_ONESHOT) != 0 || (mask & IN_DELETE_SELF) != 0) {
			queue_event(w, IN_IGNORED, 0, NULL);
			watch_free(w);
		}
	}
}

/* Set as vfs_notify. A directory hears of its entry by name, the inode of itself. */
void inotify_notify(struct inode *dir, struct inode *inode, const char *name, uint32_t mask,
		    uint32_t cookie)
{
	if (atomic_load(&nr_watches_all) == 0)
		return;
	scoped_mutex(&inotify_lock);
	if (dir != NULL && (mask & (IN_DELETE_SELF | IN_MOVE_SELF)) == 0)
		tell(dir, mask, cookie, name);
	if (inode != NULL && (mask & (IN_CREATE | IN_DELETE | IN_MOVE)) == 0)
		tell(inode, mask, cookie, NULL);
}

/* ---- the file ---- */

static ssize_t inotify_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct instance *in = f->private;
	ssize_t done = 0;

	for (;;) {
		struct event *e;
		struct inotify_event head;
		size_t size;
		int err = take_event(in, u->left, &e);

		if (err != 0 && done > 0)
			return done;
		if (err == -EINVAL || (err != 0 && (f->flags & O_NONBLOCK) != 0))
			return err;
		if (err != 0) {
			err = wait_event(&in->wq, has_events(in), WAIT_INTERRUPTIBLE, NSEC_NEVER);
			if (err != 0)
				return err;
			continue;
		}
		head = (struct inotify_event){ e->wd, e->mask, e->cookie, e->len };
		size = uio_copy_to(u, &head, sizeof(head));
		size += uio_copy_to(u, e->name, e->len);
		err = size == record_size(e) ? 0 : -EFAULT;
		done += (ssize_t)size;
		kmem_free(e);
		if (err != 0)
			return err;
	}
}

static unsigned inotify_poll(struct file *f, struct poll_table *t)
{
	struct instance *in = f->private;

	poll_add(t, &in->wq);
	return has_events(in) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct instance *in = f->private;
	int bytes = (int)READ_ONCE(in->bytes);

	return cmd == FIONREAD ? user_write_struct(arg, &bytes) : -ENOTTY;
}

static void inotify_release(struct file *f)
{
	struct instance *in = f->private;
	struct watch *w;
	struct event *e;

	mutex_lock(&inotify_lock);
	while ((w = list_first(&in->watches, struct watch, link)) != NULL)
		watch_free(w);
	list_remove(&in->all_link);
	mutex_unlock(&inotify_lock);
	while ((e = list_first(&in->events, struct event, link)) != NULL) {
		list_remove(&e->link);
		kmem_free(e);
	}
	kmem_free(in);
}

static void inotify_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:inotify");
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.describe = inotify_describe,
};

/* ---- system calls ---- */

/* Enters it into the list of all. -EMFILE: the user has enough. */
static int count_instance(struct instance *in)
{
	struct instance *other;
	unsigned nr = 0;

	scoped_mutex(&inotify_lock);
	list_foreach(&instances, other, all_link)
		nr += other->uid == in->uid;
	if (nr >= INSTANCES_MAX)
		return -EMFILE;
	list_append(&instances, &in->all_link);
	return 0;
}

static void discard(struct instance *in)
{
	mutex_lock(&inotify_lock);
	list_remove(&in->all_link);
	mutex_unlock(&inotify_lock);
	kmem_free(in);
}

long sys_inotify_init1(int flags)
{
	struct instance *in;
	struct file *f;
	int err;

	if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) != 0)
		return -EINVAL;
	in = kmem_new(struct instance);
	if (in == NULL)
		return -ENOMEM;
	list_init(&in->events);
	list_init(&in->watches);
	waitq_init(&in->wq);
	list_init(&in->all_link);
	in->next_wd = 1;
	in->uid = cred_current()->uid;
	err = count_instance(in);
	if (err == 0)
		err = file_new_anonymous(&inotify_ops, 0600,
					 O_RDONLY | ((unsigned)flags & O_NONBLOCK), in, &f);
	if (err != 0) {
		discard(in);
		return err;
	}
	return fd_install(f, (unsigned)flags & O_CLOEXEC, 0);
}

long sys_inotify_init(void)
{
	return sys_inotify_init1(0);
}

static int inotify_get(int fd, struct file **out)
{
	int err = fd_get(fd, out);

	if (err == 0 && (*out)->ops != &inotify_ops) {
		file_put(*out);
		err = -EINVAL;
	}
	return err;
}

/* With inotify_lock held. */
static int add_watch(struct instance *in, struct inode *inode, uint32_t mask)
{
	struct watch *w;

	if (inode->watches.next == NULL)
		list_init(&inode->watches);
	list_foreach(&inode->watches, w, inode_link) {
		if (w->in != in)
			continue;
		if ((mask & IN_MASK_CREATE) != 0)
			return -EEXIST;
		w->mask = (mask & IN_MASK_ADD) != 0 ? w->mask | mask : mask;
		return w->wd;
	}
	if (in->nr_watches >= WATCHES_MAX)
		return -ENOSPC;
	w = kmem_new(struct watch);
	if (w == NULL)
		return -ENOMEM;
	inode_get(inode);
	w->in = in;
	w->inode = inode;
	w->wd = in->next_wd++;
	w->mask = mask;
	in->nr_watches++;
	atomic_add(&nr_watches_all, 1);
	list_append(&in->watches, &w->link);
	list_append(&inode->watches, &w->inode_link);
	return w->wd;
}

long sys_inotify_add_watch(int fd, uaddr_t path, unsigned long mask)
{
	unsigned lookup = (mask & IN_ONLYDIR) != 0 ? LOOKUP_DIRECTORY : 0;
	struct file *f;
	struct path p;
	long wd;

	if ((mask & IN_ALL_EVENTS) == 0 ||
	    ((mask & IN_MASK_ADD) != 0 && (mask & IN_MASK_CREATE) != 0))
		return -EINVAL;
	wd = inotify_get(fd, &f);
	if (wd != 0)
		return wd;
	wd = user_path_get(AT_FDCWD, path, (mask & IN_DONT_FOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0,
			   lookup, &p);
	if (wd == 0) {
		wd = inode_permission(p.dentry->inode, 4 /* R_OK */);
		if (wd == 0) {
			mutex_lock(&inotify_lock);
			wd = add_watch(f->private, p.dentry->inode, (uint32_t)mask);
			mutex_unlock(&inotify_lock);
		}
		path_put(&p);
	}
	file_put(f);
	return wd;
}

static int remove_watch(struct instance *in, int wd)
{
	struct watch *w;

	scoped_mutex(&inotify_lock);
	list_foreach(&in->watches, w, link) {
		if (w->wd != wd)
			continue;
		queue_event(w, IN_IGNORED, 0, NULL);
		watch_free(w);
		return 0;
	}
	return -EINVAL;
}

long sys_inotify_rm_watch(int fd, int wd)
{
	struct file *f;
	int err = inotify_get(fd, &f);

	if (err != 0)
		return err;
	err = remove_watch(f->private, wd);
	file_put(f);
	return err;
}

/* ---- F_NOTIFY ---- */

static struct watch *find_dir_watch(const struct file *f)
{
	struct watch *w;

	list_foreach(&dir_watches, w, link)
		if (w->file == f)
			return w;
	return NULL;
}

void dnotify_forget(const struct file *f)
{
	struct watch *w;

	scoped_mutex(&inotify_lock);
	w = find_dir_watch(f);
	if (w != NULL)
		watch_free(w);
}

static uint32_t dnotify_mask(unsigned long dn)
{
	static const struct {
		uint32_t dn, in;
	} bits[] = {
		{ DN_ACCESS, IN_ACCESS },
		{ DN_MODIFY, IN_MODIFY },
		{ DN_CREATE, IN_CREATE | IN_MOVED_TO },
		{ DN_DELETE, IN_DELETE | IN_MOVED_FROM },
		{ DN_RENAME, IN_MOVED_FROM },
		{ DN_ATTRIB, IN_ATTRIB },
	};
	uint32_t mask = (dn & DN_MULTISHOT) != 0 ? 0 : IN_ONESHOT;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		mask |= (dn & bits[i].dn) != 0 ? bits[i].in : 0;
	return mask;
}

static int add_dir_watch(int fd, struct file *f, uint32_t mask)
{
	struct watch *w;

	scoped_mutex(&inotify_lock);
	w = find_dir_watch(f);
	if (w != NULL) {
		w->mask = (w->mask & mask & IN_ONESHOT) | ((w->mask | mask) & ~IN_ONESHOT);
		return 0;
	}
	w = kmem_new(struct watch);
	if (w == NULL)
		return -ENOMEM;
	if (f->inode->watches.next == NULL)
		list_init(&f->inode->watches);
	inode_get(f->inode);
	w->inode = f->inode;
	w->file = f;
	w->wd = fd;
	w->mask = mask;
	atomic_add(&nr_watches_all, 1);
	list_append(&dir_watches, &w->link);
	list_append(&f->inode->watches, &w->inode_link);
	return 0;
}

long dnotify_set(int fd, struct file *f, unsigned long what)
{
	long err;

	if ((what & ~(unsigned long)DN_MULTISHOT) == 0) {
		dnotify_forget(f);
		return 0;
	}
	if (!S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	err = owner_set_self(f);
	return err != 0 ? err : add_dir_watch(fd, f, dnotify_mask(what));
}
