/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of POSIX message queues (mq_open(2), mq_timedsend(2), mq_timedreceive(2),
 * mq_notify(2), mq_getsetattr(2)). mqueue.h has the theory.
 */
#include "linux/ipc/mqueue.h"

#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/file/name.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "linux/time/clock.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define OPEN_FLAGS (O_ACCMODE | O_CREAT | O_EXCL | O_NONBLOCK)

/* ---- names ---- */

/* A name as the C library passes it: without its slash. */
static int get_name(uaddr_t from, char **out)
{
	char *name;
	int err = user_string_new(from, PATH_LEN_MAX - 1, &name);

	if (err != 0)
		return err;
	if (name[0] == '\0')
		err = -ENOENT;
	else if (strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		err = -EACCES;
	else if (strlen(name) > NAME_LEN_MAX)
		err = -ENAMETOOLONG;
	if (err != 0)
		kmem_free(name);
	else
		*out = name;
	return err;
}

long sys_mq_open(uaddr_t uname, unsigned flags, uint32_t mode, uaddr_t uattr)
{
	struct mq_attr attr;
	struct file *f;
	char *name;
	int err;

	if (uattr != 0 && user_read_struct(&attr, uattr) != 0)
		return -EFAULT;
	err = get_name(uname, &name);
	if (err != 0)
		return err;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		err = -EINVAL;
	else
		err = mqueue_open(name, flags & OPEN_FLAGS, mode, uattr != 0 ? &attr : NULL, &f);
	kmem_free(name);
	return err != 0 ? err : fd_install(f, O_CLOEXEC, 0);
}

long sys_mq_unlink(uaddr_t uname)
{
	char *name;
	int err = get_name(uname, &name);

	if (err != 0)
		return err;
	err = mqueue_unlink(name);
	kmem_free(name);
	return err;
}

/* The queue behind a descriptor; *out is counted. */
static int get_queue(int fd, unsigned wanted_trait, struct file **out, struct mqueue **q)
{
	int err = fd_get(fd, out);

	if (err != 0)
		return err;
	*q = mqueue_of(*out);
	if (*q != NULL && ((*out)->traits & wanted_trait) == wanted_trait)
		return 0;
	file_put(*out);
	return -EBADF;
}

static int read_deadline(uaddr_t from, nsec_t *deadline)
{
	nsec_t when;
	int err;

	*deadline = NSEC_NEVER;
	if (from == 0)
		return 0;
	err = clock_read_timespec(from, &when);
	return err != 0 ? err : clock_to_deadline(CLOCK_REALTIME, when, deadline);
}

/* ---- sending ---- */

/* Tells who asked, once (mq_notify(3)). With the lock held; the process is the caller's to put. */
static struct process *notify_locked(struct mqueue *q)
{
	siginfo_t info;

	if (q->notify == NULL)
		return NULL;
	if (q->event.sigev_notify == SIGEV_SIGNAL && q->event.sigev_signo != 0) {
		memset(&info, 0, sizeof(info));
		info.si_signo = q->event.sigev_signo;
		info.si_code = SI_MESGQ;
		info.si_value = q->event.sigev_value;
		info.si_pid = process_current()->pid;
		info.si_uid = cred_current()->uid;
		(void)signal_send_process(q->notify, &info); /* a full queue: nobody to tell */
	}
	return mqueue_drop_notify(q);
}

static void insert(struct mqueue *q, struct mq_message *m)
{
	struct list *at = &q->messages;

	while (at->prev != &q->messages &&
	       list_entry(at->prev, struct mq_message, link)->priority < m->priority)
		at = at->prev;
	list_insert_before(at, &m->link);
	q->nr_bytes += m->len;
	WRITE_ONCE(q->nr, q->nr + 1);
}

/* Takes the message over when it returns 0. */
static int try_send(struct mqueue *q, struct mq_message *m)
{
	struct process *told = NULL;

	mutex_lock(&q->lock);
	if (q->nr >= q->max_nr) {
		mutex_unlock(&q->lock);
		return -EAGAIN;
	}
	insert(q, m);
	if (q->nr == 1 && q->nr_receivers == 0)
		told = notify_locked(q);
	mutex_unlock(&q->lock);
	if (told != NULL)
		process_put(told);
	return 0;
}

static int send(struct file *f, struct mqueue *q, struct mq_message *m, nsec_t deadline)
{
	int err = try_send(q, m), wait_err = 0;

	if (err == -EAGAIN && (f->flags & O_NONBLOCK) == 0)
		wait_err = wait_event(&q->writable, (err = try_send(q, m)) == 0, WAIT_INTERRUPTIBLE,
				      deadline);
	if (err == 0)
		waitq_wake_all(&q->readable, EPOLLIN | EPOLLRDNORM);
	return wait_err != 0 ? wait_err : err;
}

long sys_mq_timedsend(int fd, uaddr_t text, size_t len, unsigned priority, uaddr_t timeout)
{
	struct mq_message *m = NULL;
	struct mqueue *q;
	struct file *f;
	nsec_t deadline;
	int err = read_deadline(timeout, &deadline);

	if (err == 0 && priority >= MQ_PRIO_MAX)
		err = -EINVAL;
	if (err == 0)
		err = get_queue(fd, FILE_WRITE, &f, &q);
	if (err != 0)
		return err;
	if (len > (size_t)q->max_len) {
		err = -EMSGSIZE;
	} else {
		m = kmem_alloc(sizeof(*m) + len);
		err = m == NULL ? -ENOMEM : user_read(m->text, text, len);
	}
	if (err == 0) {
		list_init(&m->link);
		m->priority = priority;
		m->len = len;
		err = send(f, q, m, deadline);
	}
	if (err != 0)
		kmem_free(m);
	file_put(f);
	return err;
}

/* ---- receiving ---- */

static int try_receive(struct mqueue *q, struct mq_message **out)
{
	struct mq_message *m;

	scoped_mutex(&q->lock);
	m = list_first(&q->messages, struct mq_message, link);
	if (m == NULL)
		return -EAGAIN;
	list_remove(&m->link);
	q->nr_bytes -= m->len;
	WRITE_ONCE(q->nr, q->nr - 1);
	*out = m;
	return 0;
}

/* Somebody who waits is not to be overtaken by a notification. */
static void count_receiver(struct mqueue *q, int by)
{
	scoped_mutex(&q->lock);
	q->nr_receivers += (unsigned)by;
}

static int receive(struct file *f, struct mqueue *q, struct mq_message **out, nsec_t deadline)
{
	int err = try_receive(q, out), wait_err = 0;

	if (err == -EAGAIN && (f->flags & O_NONBLOCK) == 0) {
		count_receiver(q, 1);
		wait_err = wait_event(&q->readable, (err = try_receive(q, out)) == 0,
				      WAIT_INTERRUPTIBLE, deadline);
		count_receiver(q, -1);
	}
	if (err == 0)
		waitq_wake_all(&q->writable, EPOLLOUT | EPOLLWRNORM);
	return wait_err != 0 ? wait_err : err;
}

static long copy_out(const struct mq_message *m, uaddr_t text, uaddr_t priority)
{
	if (priority != 0 && user_write_struct(priority, &m->priority) != 0)
		return -EFAULT;
	return user_write(text, m->text, m->len) != 0 ? -EFAULT : (long)m->len;
}

long sys_mq_timedreceive(int fd, uaddr_t text, size_t size, uaddr_t priority, uaddr_t timeout)
{
	struct mq_message *m;
	struct mqueue *q;
	struct file *f;
	nsec_t deadline;
	long n = read_deadline(timeout, &deadline);

	if (n == 0)
		n = get_queue(fd, FILE_READ, &f, &q);
	if (n != 0)
		return n;
	n = size < (size_t)q->max_len ? -EMSGSIZE : receive(f, q, &m, deadline);
	file_put(f);
	if (n == 0) {
		n = copy_out(m, text, priority);
		kmem_free(m);
	}
	return n;
}

/* ---- notification and attributes ---- */

static int set_notify(struct mqueue *q, const sigevent_t *event)
{
	scoped_mutex(&q->lock);
	if (q->notify != NULL)
		return -EBUSY;
	q->event = *event;
	q->notify = process_get(process_current());
	return 0;
}

static void clear_notify(struct mqueue *q)
{
	struct process *p = NULL;

	mutex_lock(&q->lock);
	if (q->notify == process_current())
		p = mqueue_drop_notify(q);
	mutex_unlock(&q->lock);
	if (p != NULL)
		process_put(p);
}

/* SIGEV_THREAD is the C library's: it hands in a netlink socket, of which there are none. */
static int check_event(const sigevent_t *e)
{
	struct file *f;
	int err;

	switch (e->sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
		return e->sigev_signo < 0 || e->sigev_signo > NSIG_MAX ? -EINVAL : 0;
	case SIGEV_THREAD:
		err = fd_get(e->sigev_signo, &f);
		if (err == 0)
			file_put(f);
		return err != 0 ? err : -ENOTSOCK;
	default:
		return -EINVAL;
	}
}

long sys_mq_notify(int fd, uaddr_t uevent)
{
	sigevent_t event;
	struct mqueue *q;
	struct file *f;
	int err = 0;

	if (uevent != 0)
		err = user_read_struct(&event, uevent) != 0 ? -EFAULT : check_event(&event);
	if (err == 0)
		err = get_queue(fd, 0, &f, &q);
	if (err != 0)
		return err;
	if (uevent != 0)
		err = set_notify(q, &event);
	else
		clear_notify(q);
	file_put(f);
	return err;
}

static struct mq_attr attributes(struct file *f, struct mqueue *q)
{
	return (struct mq_attr){
		.mq_flags = (long)(f->flags & O_NONBLOCK),
		.mq_maxmsg = q->max_nr,
		.mq_msgsize = q->max_len,
		.mq_curmsgs = READ_ONCE(q->nr),
	};
}

long sys_mq_getsetattr(int fd, uaddr_t uattr, uaddr_t uold)
{
	struct mq_attr attr, old;
	struct mqueue *q;
	struct file *f;
	int err = 0;

	if (uattr != 0 && user_read_struct(&attr, uattr) != 0)
		return -EFAULT;
	if (uattr != 0 && (attr.mq_flags & ~(long)O_NONBLOCK) != 0)
		return -EINVAL;
	err = get_queue(fd, 0, &f, &q);
	if (err != 0)
		return err;
	old = attributes(f, q);
	if (uattr != 0)
		WRITE_ONCE(f->flags, (f->flags & ~(unsigned)O_NONBLOCK) | (unsigned)attr.mq_flags);
	file_put(f);
	return uold == 0 ? 0 : user_write_struct(uold, &old);
}
