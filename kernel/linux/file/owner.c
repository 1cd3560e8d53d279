/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals for what happens to a file (fcntl(2) "Managing signals", socket(7), signal(7)): SIGIO, or
 * another by F_SETSIG, while O_ASYNC is on; SIGURG for a socket's urgent byte in any case. Sockets,
 * pipes and terminals can.
 *
 * An owner waits on the file's queues as poll(2) does. A wake-up comes under a queue's lock, where
 * no signal may be sent: it is noted, and a timer that fires at once sends. The owner goes with the
 * file: its entries leave the queues before the file's own end.
 */
#include "linux/file/owner.h"

#include <asm/fcntl.h>
#include <asm/siginfo.h>
#include <asm/sockios.h>
#include <linux/eventpoll.h>
#include <linux/stat.h>

#include "core/cred.h"
#include "core/time/timer.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/event/notify.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define QUEUES_MAX 4u

struct file_owner {
	struct spinlock lock;
	int type, pid;      /* [lock] F_OWNER_*; 0: none */
	uint32_t uid, euid; /* [lock] of who said so: the right to signal */
	int sig;            /* [lock] F_SETSIG; 0: SIGIO without details */
	int fd;             /* [lock] for the details */
	bool async;         /* [lock] O_ASYNC */
	bool hears;         /* [owners_lock] its entries are on the queues */
	unsigned events;    /* [a] EPOLL* bits to be told */
	unsigned traits;    /* [I] of the file */
	struct timer timer; /* sends */
	unsigned nr_queues; /* [owners_lock] */
	struct poll_table table;
	struct entry {
		struct wait_entry wait;
		struct waitq *q;
		struct file_owner *owner;
	} entries[QUEUES_MAX]; /* [owners_lock] */
};

static struct mutex owners_lock = MUTEX_INIT(owners_lock);

/* ---- telling ---- */

static bool may_tell(const struct file_owner *o, const struct task *t)
{
	const struct cred *theirs = t->thread != NULL ? t->thread->cred : NULL;

	if (o->euid == 0 || theirs == NULL)
		return true;
	return o->euid == theirs->suid || o->euid == theirs->uid || o->uid == theirs->suid ||
	       o->uid == theirs->uid;
}

static void tell(const struct file_owner *o, const siginfo_t *info)
{
	struct process *p;
	struct task *t;

	if (o->type == F_OWNER_PGRP) {
		signal_send_group(o->pid, info->si_signo);
		return;
	}
	scoped_spin(&task_lock);
	if (o->type == F_OWNER_TID) {
		t = task_find_locked(o->pid);
		if (t != NULL && may_tell(o, t))
			IGNORE_RESULT(signal_send_task(t, info)); /* a full queue loses it */
		return;
	}
	p = process_find_locked(o->pid);
	t = p == NULL ? NULL : list_first(&p->tasks, struct task, process_link);
	if (t != NULL && may_tell(o, t))
		IGNORE_RESULT(signal_send_process(p, info)); /* as above */
}

/* One event: F_SETSIG's signal says which. */
static void tell_event(const struct file_owner *o, int code, unsigned band)
{
	siginfo_t info = { .si_signo = o->sig != 0 ? o->sig : SIGIO, .si_code = SI_KERNEL };

	if (o->sig != 0) {
		info.si_code = code;
		info.si_band = band;
		info.si_fd = o->fd;
	}
	tell(o, &info);
}

/* What is told does not change under whoever tells. */
static struct file_owner copy_of(struct file_owner *at)
{
	struct file_owner o = { .traits = at->traits };

	scoped_spin(&at->lock);
	o.type = at->type;
	o.pid = at->pid;
	o.uid = at->uid;
	o.euid = at->euid;
	o.sig = at->sig;
	o.fd = at->fd;
	o.async = at->async;
	return o;
}

static void on_timer(struct timer *timer)
{
	struct file_owner *at = container_of(timer, struct file_owner, timer), o = copy_of(at);
	siginfo_t urgent = { .si_signo = SIGURG, .si_code = SI_KERNEL };
	unsigned events = atomic_exchange(&at->events, 0u);

	if (o.pid == 0)
		return;
	if ((events & EPOLLPRI) != 0)
		tell(&o, &urgent);
	if (!o.async)
		return;
	if ((events & EPOLLIN) != 0 && (at->traits & FILE_READ) != 0)
		tell_event(&o, POLL_IN, EPOLLIN | EPOLLRDNORM);
	if ((events & EPOLLOUT) != 0 && (at->traits & FILE_WRITE) != 0)
		tell_event(&o, POLL_OUT, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & (EPOLLIN | EPOLLOUT)) == 0)
		tell_event(&o, POLL_HUP, EPOLLHUP | EPOLLERR);
}

void owner_tell(const struct file *f, int fd)
{
	struct file_owner o = copy_of(f->owner);

	o.fd = fd;
	if (o.pid != 0)
		tell_event(&o, POLL_MSG, EPOLLIN | EPOLLRDNORM | EPOLLMSG);
}

static bool on_wake(struct wait_entry *e, unsigned key)
{
	struct file_owner *o = container_of(e, struct entry, wait)->owner;

	(void)atomic_or(&o->events, key);
	timer_arm(&o->timer, 0);
	return true;
}

/* ---- hearing ---- */

static void add_queue(struct poll_table *t, struct waitq *q)
{
	struct file_owner *o = container_of(t, struct file_owner, table);
	struct entry *e = &o->entries[o->nr_queues];

	if (o->nr_queues == QUEUES_MAX)
		return;
	o->nr_queues++;
	e->owner = o;
	e->q = q;
	e->wait.wake = on_wake;
	list_init(&e->wait.link);
	waitq_add(q, &e->wait);
}

static bool can_tell(const struct file *f)
{
	uint32_t mode = f->inode->mode;

	return f->ops->poll != NULL && (S_ISSOCK(mode) || S_ISFIFO(mode) || S_ISCHR(mode));
}

/* The file's owner, made when there is none; it hears the file from then on. -ENOMEM. */
static int owner_of(struct file *f, struct file_owner **out)
{
	struct file_owner *o;

	mutex_lock(&owners_lock);
	o = f->owner;
	if (o == NULL) {
		o = kmem_new(struct file_owner);
		if (o != NULL) {
			timer_init(&o->timer, on_timer);
			o->traits = f->traits;
			o->table.add = add_queue;
			f->owner = o;
		}
	}
	if (o != NULL && !o->hears && can_tell(f)) {
		o->hears = true;
		(void)f->ops->poll(f, &o->table);
	}
	mutex_unlock(&owners_lock);
	*out = o;
	return o == NULL ? -ENOMEM : 0;
}

void owner_release(struct file *f)
{
	struct file_owner *o = f->owner;

	if (S_ISDIR(f->inode->mode))
		dnotify_forget(f);
	for (unsigned i = 0; i < o->nr_queues; i++)
		waitq_remove(o->entries[i].q, &o->entries[i].wait);
	timer_cancel(&o->timer);
	kmem_free(o);
	f->owner = NULL;
}

/* ---- who ---- */

static bool exists(int type, int pid)
{
	struct process *p;

	scoped_spin(&task_lock);
	if (type == F_OWNER_TID)
		return task_find_locked(pid) != NULL;
	if (type == F_OWNER_PID)
		return process_find_locked(pid) != NULL;
	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pid)
			return true;
	}
	return false;
}

static int set(struct file *f, int type, int pid)
{
	struct file_owner *o;
	int err;

	if (pid != 0 && !exists(type, pid))
		return -ESRCH;
	err = owner_of(f, &o);
	if (err != 0)
		return err;
	scoped_spin(&o->lock);
	o->type = type;
	o->pid = pid;
	o->uid = cred_current()->uid;
	o->euid = cred_current()->euid;
	return 0;
}

/* F_SETOWN: below zero it is a group. */
static int set_plain(struct file *f, int who)
{
	if (who == INT32_MIN)
		return -EINVAL;
	return who < 0 ? set(f, F_OWNER_PGRP, -who) : set(f, F_OWNER_PID, who);
}

int owner_set_self(struct file *f)
{
	return set(f, F_OWNER_PID, process_current()->pid);
}

static struct f_owner_ex get(struct file *f)
{
	struct file_owner *o = f->owner;
	struct f_owner_ex e = { .type = F_OWNER_PID, .pid = 0 };

	if (o == NULL)
		return e;
	scoped_spin(&o->lock);
	e.type = o->type;
	e.pid = o->pid;
	return e;
}

static int get_plain(struct file *f)
{
	struct f_owner_ex e = get(f);

	return e.type == F_OWNER_PGRP ? -e.pid : e.pid;
}

static int set_extended(struct file *f, uaddr_t arg)
{
	struct f_owner_ex e;

	if (user_read_struct(&e, arg) != 0)
		return -EFAULT;
	if (e.type != F_OWNER_TID && e.type != F_OWNER_PID && e.type != F_OWNER_PGRP)
		return -EINVAL;
	return set(f, e.type, e.pid);
}

static int set_signal(struct file *f, unsigned long sig)
{
	struct file_owner *o;
	int err;

	if (sig > NSIG_MAX)
		return -EINVAL;
	err = owner_of(f, &o);
	if (err != 0)
		return err;
	scoped_spin(&o->lock);
	o->sig = (int)sig;
	return 0;
}

long owner_fcntl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct file_owner *o = f->owner;
	struct f_owner_ex e;

	switch (cmd) {
	case F_SETOWN:
		return set_plain(f, (int)arg);
	case F_GETOWN:
		return get_plain(f);
	case F_SETOWN_EX:
		return set_extended(f, arg);
	case F_GETOWN_EX:
		e = get(f);
		return user_write_struct(arg, &e);
	case F_SETSIG:
		return set_signal(f, arg);
	case F_GETSIG:
		return o == NULL ? 0 : READ_ONCE(o->sig);
	default:
		return -EINVAL;
	}
}

long owner_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	int who;

	if (!S_ISSOCK(f->inode->mode))
		return -ENOTTY;
	if (cmd == FIOGETOWN || cmd == SIOCGPGRP) {
		who = get_plain(f);
		return user_write_struct(arg, &who);
	}
	if (cmd != FIOSETOWN && cmd != SIOCSPGRP)
		return -ENOTTY;
	return user_read_struct(&who, arg) != 0 ? -EFAULT : set_plain(f, who);
}

int owner_set_async(int fd, struct file *f, bool on)
{
	struct file_owner *o;
	int err;

	if (!can_tell(f) || (!on && f->owner == NULL))
		return 0;
	err = owner_of(f, &o);
	if (err != 0)
		return err;
	scoped_spin(&o->lock);
	o->async = on;
	o->fd = fd;
	if (on && o->pid == 0 && S_ISCHR(f->inode->mode)) {
		o->type = F_OWNER_PID; /* a terminal's is who asks */
		o->pid = process_current()->pid;
		o->uid = cred_current()->uid;
		o->euid = cred_current()->euid;
	}
	return 0;
}
