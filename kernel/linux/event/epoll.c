/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll(7). An epoll file owns items, one per (descriptor, file) that it watches. Each item has an
 * entry in every wait queue of its file; when one of them is woken with events that the item wants,
 * the item goes on the ready list and epoll_wait() wakes. epoll_wait() asks the file again before
 * it reports, so a stale wake-up reports nothing. It asks those on the list when it begins.
 *
 *	level-triggered: reported, and last on the ready list from then on, to be asked next time
 *	edge-triggered: reported once per wake-up
 *	one-shot: reported once, then disarmed until EPOLL_CTL_MOD
 *	exclusive: of several epoll files that watch one, a wake-up goes to one that is waited on;
 *		those that nobody waits on have their item on the ready list, too
 *
 * Locks: `epoll_lock` (a mutex) guards the tree of items of all epoll files and file->watchers;
 * each epoll's `ready_lock` (a spinlock, taken by callbacks) guards its ready list. An item is
 * freed under epoll_lock, after its entries left their queues: no callback can find it then. A
 * queue that goes before its file (a signalfd's is its process's) is forgotten by name.
 */
#include <linux/eventpoll.h>

#include "core/sync/mutex.h"
#include "core/time/timer.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/file/fd.h"
#include "linux/event/polling.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define EVENTS_ALWAYS  (EPOLLERR | EPOLLHUP)
#define EVENTS_PRIVATE (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EVENTS_EXCLUSIVE_OK \
	(EPOLLIN | EPOLLOUT | EVENTS_ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define NESTING_MAX 5
#define MAXEVENTS   ((int)(INT32_MAX / sizeof(struct epoll_event)))
#define QUEUES_MAX  4         /* wait queues that one file may add */
#define KEY_WAITERS EPOLLNVAL /* an event that no item wants */

struct epoll {
	struct list items; /* [epoll_lock] */
	struct spinlock ready_lock;
	struct list ready; /* [ready_lock] */
	int nr_ready;      /* [ready_lock] items on it */
	struct waitq wq;   /* epoll_wait, and whoever polls this file */
	struct file *file; /* [I] not counted: it owns us */
};

struct item {
	struct epoll *ep;               /* [I] */
	struct file *file;              /* [I] not counted: its release removes us */
	int fd;                         /* [I] */
	struct epoll_event event;       /* [epoll_lock; .events also ready_lock] */
	struct list link, watcher_link; /* [epoll_lock] */
	struct list ready_link;         /* [ep->ready_lock] */
	struct poll_table table;        /* while entries are added */
	struct {
		struct wait_entry entry;
		struct waitq *q;
		struct item *item;
	} queues[QUEUES_MAX];
	unsigned nr_queues; /* [I] after adding; a queue that went is NULL [epoll_lock] */
};

static struct mutex epoll_lock = MUTEX_INIT(epoll_lock);
static const struct file_ops epoll_ops;

static void make_ready(struct item *it)
{
	scoped_spin(&it->ep->ready_lock);
	if (!list_is_empty(&it->ready_link))
		return;
	list_append(&it->ep->ready, &it->ready_link);
	it->ep->nr_ready++;
}

static void leave_ready(struct item *it)
{
	scoped_spin(&it->ep->ready_lock);
	if (list_is_empty(&it->ready_link))
		return;
	list_remove(&it->ready_link);
	it->ep->nr_ready--;
}

static bool on_wake(struct wait_entry *e, unsigned key)
{
	struct item *it = container_of(e, __typeof__(it->queues[0]), entry)->item;
	unsigned wanted = READ_ONCE(it->event.events);

	if ((wanted & ~EVENTS_PRIVATE) == 0)
		return false; /* one-shot, spent */
	if (key != 0 && (key & (wanted | EVENTS_ALWAYS)) == 0)
		return false;
	make_ready(it);
	return waitq_wake_some(&it->ep->wq, EPOLLIN);
}

static void add_queue(struct poll_table *t, struct waitq *q)
{
	struct item *it = container_of(t, struct item, table);
	unsigned i = it->nr_queues;

	if (i == QUEUES_MAX)
		return;
	it->queues[i].entry.wake = on_wake;
	it->queues[i].entry.exclusive = (it->event.events & EPOLLEXCLUSIVE) != 0;
	it->queues[i].q = q;
	it->queues[i].item = it;
	it->nr_queues++;
	waitq_add(q, &it->queues[i].entry);
}

/* With epoll_lock held. */
static void item_free(struct item *it)
{
	for (unsigned i = 0; i < it->nr_queues; i++)
		if (it->queues[i].q != NULL)
			waitq_remove(it->queues[i].q, &it->queues[i].entry);
	leave_ready(it);
	list_remove(&it->link);
	list_remove(&it->watcher_link);
	kmem_free(it);
}

/* From the file's side: few epoll files watch one file, one watches many. */
static struct item *find(const struct epoll *ep, const struct file *f, int fd)
{
	struct item *it;

	list_foreach(&f->watchers, it, watcher_link)
		if (it->ep == ep && it->fd == fd)
			return it;
	return NULL;
}

/* How deep epoll files are nested below `f`; NESTING_MAX + 1 when too deep or when `target` is
 * met. */
static int depth_below(struct file *f, const struct file *target, int depth)
{
	struct epoll *ep = f->private;
	struct item *it;
	int deepest = depth;

	if (f == target || depth > NESTING_MAX)
		return NESTING_MAX + 1;
	list_foreach(&ep->items, it, link) {
		if (it->file->ops == &epoll_ops)
			deepest = max(deepest, depth_below(it->file, target, depth + 1));
	}
	return deepest;
}

/* How many epoll files are above `ep`, the longest way. Ends: `add` makes no circles. */
static int height_above(const struct epoll *ep)
{
	struct item *it;
	int highest = 0;

	list_foreach(&ep->file->watchers, it, watcher_link)
		highest = max(highest, height_above(it->ep) + 1);
	return highest;
}

static int add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *event)
{
	struct item *it;

	if (find(ep, f, fd) != NULL)
		return -EEXIST;
	if (f->ops == &epoll_ops && depth_below(f, ep->file, 1 + height_above(ep)) > NESTING_MAX)
		return -ELOOP;
	it = kmem_new(struct item);
	if (it == NULL)
		return -ENOMEM;
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->event = *event;
	it->event.events |= EVENTS_ALWAYS;
	list_init(&it->ready_link);
	list_append(&ep->items, &it->link);
	list_append(&f->watchers, &it->watcher_link);
	it->table.add = add_queue;
	if ((vfs_poll(f, &it->table) & it->event.events) != 0) {
		make_ready(it);
		waitq_wake_all(&ep->wq, EPOLLIN);
	}
	return 0;
}

static int modify(struct epoll *ep, struct file *f, int fd, const struct epoll_event *event)
{
	struct item *it = find(ep, f, fd);

	if (it == NULL)
		return -ENOENT;
	if ((it->event.events & EPOLLEXCLUSIVE) != 0)
		return -EINVAL;
	spin_lock(&ep->ready_lock);
	it->event = *event;
	it->event.events |= EVENTS_ALWAYS;
	spin_unlock(&ep->ready_lock);
	/* The store before the look at the file: on_wake() looks at the events, its caller changed
	 * the file before. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((vfs_poll(f, NULL) & it->event.events) != 0) {
		make_ready(it);
		waitq_wake_all(&ep->wq, EPOLLIN);
	}
	return 0;
}

static int remove(struct epoll *ep, struct file *f, int fd)
{
	struct item *it = find(ep, f, fd);

	if (it == NULL)
		return -ENOENT;
	item_free(it);
	return 0;
}

static int control(struct file *epf, int op, struct file *f, int fd,
		   const struct epoll_event *event)
{
	struct epoll *ep = epf->private;

	if ((f->ops->poll == NULL && (f->traits & FILE_SEEKABLE) != 0) || S_ISDIR(f->inode->mode))
		return -EPERM;
	if (epf->ops != &epoll_ops || epf == f)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE) != 0 &&
	    (op == EPOLL_CTL_MOD || f->ops == &epoll_ops ||
	     (event->events & ~EVENTS_EXCLUSIVE_OK) != 0))
		return -EINVAL;
	scoped_mutex(&epoll_lock);
	switch (op) {
	case EPOLL_CTL_ADD:
		return add(ep, f, fd, event);
	case EPOLL_CTL_MOD:
		return modify(ep, f, fd, event);
	case EPOLL_CTL_DEL:
		return remove(ep, f, fd);
	default:
		return -EINVAL;
	}
}

static struct item *first_ready(struct epoll *ep)
{
	scoped_spin(&ep->ready_lock);
	return list_first(&ep->ready, struct item, ready_link);
}

static unsigned events_of(const struct item *it)
{
	return vfs_poll(it->file, NULL) & it->event.events & ~EVENTS_PRIVATE;
}

static void go_last(struct item *it)
{
	scoped_spin(&it->ep->ready_lock);
	list_remove(&it->ready_link);
	list_append(&it->ep->ready, &it->ready_link);
}

/*
 * What the first item on the list has to report, 0: nothing. Only a level-triggered item that is
 * ready stays on the list, and never leaves it for a moment: others look at the list without
 * epoll_lock. The rest leaves it before the file is asked, so that a wake-up from then on counts.
 */
static unsigned take_events(struct item *it, bool *stays)
{
	bool is_level = (it->event.events & (EPOLLET | EPOLLONESHOT)) == 0;
	unsigned events = is_level ? events_of(it) : 0;

	*stays = events != 0;
	if (*stays) {
		go_last(it);
		return events;
	}
	leave_ready(it);
	events = events_of(it);
	*stays = is_level && events != 0;
	if (*stays) /* it became so before it left */
		make_ready(it);
	if (events != 0 && (it->event.events & EPOLLONESHOT) != 0)
		it->event.events &= EVENTS_PRIVATE;
	return events;
}

/*
 * Asks the first `nr` items of the ready list, with epoll_lock held. Whatever is woken meanwhile,
 * or stays ready, goes behind them: no item is asked twice.
 */
static int collect_locked(struct epoll *ep, struct epoll_event *out, int nr)
{
	bool stays, some_stay = false;
	int n = 0;

	while (nr-- > 0) {
		struct item *it = first_ready(ep);

		out[n].events = take_events(it, &stays);
		out[n].data = it->event.data;
		some_stay |= stays;
		if (out[n].events != 0)
			n++;
	}
	/* For others who wait. For an epoll file that watches this one it is no edge. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the list before the look at the queue */
	if (some_stay && waitq_is_active(&ep->wq))
		waitq_wake_all(&ep->wq, KEY_WAITERS);
	return n;
}

static bool has_ready(struct epoll *ep)
{
	return READ_ONCE(ep->ready.next) != &ep->ready;
}

#define FEW 32

/* An array for *nr events, or for fewer if there is no memory; `few` has FEW. */
static struct epoll_event *array_for(struct epoll_event *few, int *nr)
{
	for (; *nr > FEW; *nr = max(*nr / 2, FEW)) {
		struct epoll_event *many = kmem_new_array(struct epoll_event, (size_t)*nr);

		if (many != NULL)
			return many;
	}
	return few;
}

/* User memory is written without a lock: until then the events are here. */
static int report(struct epoll *ep, uaddr_t events, int max_events)
{
	struct epoll_event few[FEW], *out;
	int nr, err;

	mutex_lock(&epoll_lock);
	nr = min(max_events, READ_ONCE(ep->nr_ready));
	out = array_for(few, &nr);
	nr = collect_locked(ep, out, nr);
	mutex_unlock(&epoll_lock);
	err = user_write(events, out, (size_t)nr * sizeof(*out));
	if (out != few)
		kmem_free(out);
	return err != 0 ? -EFAULT : nr;
}

static int wait_for_events(struct file *f, uaddr_t events, int max_events, nsec_t deadline)
{
	struct epoll *ep = f->private;

	if (f->ops != &epoll_ops || max_events <= 0 || max_events > MAXEVENTS)
		return -EINVAL;
	if (!user_range_ok(events, (size_t)max_events * sizeof(struct epoll_event)))
		return -EFAULT;
	for (;;) {
		int err, n = report(ep, events, max_events);

		if (n != 0)
			return n;
		err = wait_event(&ep->wq, has_ready(ep), WAIT_INTERRUPTIBLE, deadline);
		if (err == -ETIMEDOUT)
			return 0;
		if (err != 0)
			return -EINTR;
	}
}

/* ---- the file ---- */

/*
 * Asks the files on the ready list until one really is; the stale ones before it leave the list.
 * One that is ready stays there all the while, for those who only look whether the list is empty.
 */
static bool is_ready_locked(struct epoll *ep)
{
	struct item *it;

	while ((it = first_ready(ep)) != NULL) {
		if (events_of(it) != 0)
			return true;
		leave_ready(it);
		if (events_of(it) != 0) /* it became so before it left the list */
			make_ready(it);
	}
	return false;
}

/* Also called from here, for an epoll file that watches another: then the lock is held already. */
static unsigned epoll_poll(struct file *f, struct poll_table *t)
{
	struct epoll *ep = f->private;
	bool nested = mutex_is_mine(&epoll_lock), ready;

	poll_add(t, &ep->wq);
	if (!has_ready(ep))
		return 0;
	if (!nested)
		mutex_lock(&epoll_lock);
	ready = is_ready_locked(ep);
	if (!nested)
		mutex_unlock(&epoll_lock);
	return ready ? EPOLLIN | EPOLLRDNORM : 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private;
	struct item *it;

	mutex_lock(&epoll_lock);
	while ((it = list_first(&ep->items, struct item, link)) != NULL)
		item_free(it);
	mutex_unlock(&epoll_lock);
	kmem_free(ep);
}

static void epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->private;
	struct item *it;
	size_t len = 0;

	scoped_mutex(&epoll_lock);
	list_foreach(&ep->items, it, link) {
		if (len >= size)
			break;
		len += (size_t)fmt(buf + len, size - len, "tfd: %8d events: %8x data: %16llx\n",
				   it->fd, it->event.events, (unsigned long long)it->event.data);
	}
}

static void epoll_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:[eventpoll]");
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.fdinfo = epoll_fdinfo,
	.describe = epoll_describe,
};

/* vfs_watchers_release: the last reference to a watched file is gone. */
void epoll_forget_file(struct file *f)
{
	struct item *it;

	scoped_mutex(&epoll_lock);
	while ((it = list_first(&f->watchers, struct item, watcher_link)) != NULL)
		item_free(it);
}

void epoll_forget_queue(struct waitq *q)
{
	struct wait_entry *e;

	if (!waitq_is_active(q))
		return;
	scoped_mutex(&epoll_lock);
	scoped_spin(&q->lock);
	list_foreach_safe(&q->entries, e, link) {
		if (e->wake != on_wake)
			continue;
		container_of(e, __typeof__(((struct item *)0)->queues[0]), entry)->q = NULL;
		list_remove(&e->link);
	}
}

int epoll_target(struct file *ep, int fd, unsigned offset, const void **out)
{
	struct epoll *e = ep->private;
	struct item *it;

	if (ep->ops != &epoll_ops)
		return -EINVAL;
	scoped_mutex(&epoll_lock);
	list_foreach(&e->items, it, link) {
		if (it->fd != fd || offset-- > 0)
			continue;
		*out = it->file;
		return 0;
	}
	return -ENOENT;
}

/* ---- system calls ---- */

static long create(unsigned flags)
{
	struct epoll *ep = kmem_new(struct epoll);
	struct file *f;
	int err;

	if (ep == NULL)
		return -ENOMEM;
	list_init(&ep->items);
	list_init(&ep->ready);
	waitq_init(&ep->wq);
	err = file_new_anonymous(&epoll_ops, 0600, O_RDWR, ep, &f);
	if (err != 0) {
		kmem_free(ep);
		return err;
	}
	ep->file = f;
	return fd_install(f, flags & EPOLL_CLOEXEC, 0);
}

long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : create(0);
}

long sys_epoll_create1(int flags)
{
	return (flags & ~EPOLL_CLOEXEC) != 0 ? -EINVAL : create((unsigned)flags);
}

long sys_epoll_ctl(int epfd, int op, int fd, uaddr_t uevent)
{
	struct epoll_event event = { .events = 0 };
	struct file *epf, *f;
	long err;

	if (op != EPOLL_CTL_DEL && user_read_struct(&event, uevent) != 0)
		return -EFAULT;
	err = fd_get(epfd, &epf);
	if (err != 0)
		return err;
	err = fd_get(fd, &f);
	if (err == 0) {
		err = control(epf, op, f, fd, &event);
		file_put(f);
	}
	file_put(epf);
	return err;
}

static long wait_fd(int epfd, uaddr_t events, int max_events, nsec_t deadline)
{
	struct file *f;
	long n = fd_get(epfd, &f);

	if (n != 0)
		return n;
	n = wait_for_events(f, events, max_events, deadline);
	file_put(f);
	return n;
}

static nsec_t deadline_ms(int timeout_ms)
{
	return timeout_ms < 0 ? NSEC_NEVER : clock_monotonic() + timeout_ms * 1000000ll;
}

long sys_epoll_wait(int epfd, uaddr_t events, int max_events, int timeout_ms)
{
	return wait_fd(epfd, events, max_events, deadline_ms(timeout_ms));
}

long sys_epoll_pwait(int epfd, uaddr_t events, int max_events, int timeout_ms, uaddr_t mask,
		     size_t mask_len)
{
	int err = signal_mask_borrow(mask, mask_len);
	long n;

	if (err != 0)
		return err;
	n = wait_fd(epfd, events, max_events, deadline_ms(timeout_ms));
	signal_mask_restore(n == -EINTR);
	return n;
}

long sys_epoll_pwait2(int epfd, uaddr_t events, int max_events, uaddr_t timeout, uaddr_t mask,
		      size_t mask_len)
{
	nsec_t deadline;
	int err = poll_deadline_user(timeout, &deadline);
	long n;

	if (err != 0)
		return err;
	err = signal_mask_borrow(mask, mask_len);
	if (err != 0)
		return err;
	n = wait_fd(epfd, events, max_events, deadline);
	signal_mask_restore(n == -EINTR);
	return n;
}
