/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). A pidfd is readable for poll(2) once the
 * process has ended, whether or not somebody has waited for it; it does not keep its id taken.
 */
#include "linux/task/pidfd.h"

#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/file/fd.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "mm/user.h"

static unsigned pidfd_poll(struct file *f, struct poll_table *t)
{
	struct process *p = f->private;

	poll_add(t, &p->exit_wq);
	return READ_ONCE(p->zombie) ? EPOLLIN : 0;
}

static void pidfd_release(struct file *f)
{
	process_put(f->private);
}

static void pidfd_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:[pidfd]");
}

static void pidfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct process *p = f->private;
	bool gone;

	spin_lock(&task_lock);
	gone = list_is_empty(&p->table_link);
	spin_unlock(&task_lock);
	fmt(buf, size, "Pid:\t%d\nNSpid:\t%d\n", gone ? -1 : p->pid, gone ? -1 : p->pid);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.describe = pidfd_describe,
	.fdinfo = pidfd_fdinfo,
};

int pidfd_install(struct process *p, unsigned flags)
{
	struct file *f;
	int err = file_new_anonymous(&pidfd_ops, 0600, O_RDWR | flags, p, &f);

	if (err != 0)
		return err;
	process_get(p);
	return fd_install(f, O_CLOEXEC, 0);
}

int pidfd_of(int pid, uint64_t start_ns)
{
	struct process *p = process_find(pid);
	int fd = -ESRCH;

	if (p == NULL)
		return fd;
	if ((uint64_t)p->start_ns == start_ns)
		fd = pidfd_install(p, 0);
	process_put(p);
	return fd;
}

int pidfd_process(int fd, struct process **out, bool *nonblocking)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	if (f->ops == &pidfd_ops) {
		*out = process_get(f->private);
		*nonblocking = (f->flags & O_NONBLOCK) != 0;
	} else {
		err = -EBADF;
	}
	file_put(f);
	return err;
}

long sys_pidfd_open(int pid, unsigned flags)
{
	struct process *p;
	struct task *t;
	int fd;

	if ((flags & ~(unsigned)O_NONBLOCK) != 0 || pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (p == NULL) {
		t = task_find(pid); /* a thread that leads no process */
		if (t == NULL)
			return -ESRCH;
		task_put(t);
		return -EINVAL;
	}
	fd = pidfd_install(p, flags);
	process_put(p);
	return fd;
}

/* As Linux: /proc/<pid>, opened, does for a pidfd here. */
static int target_of(int fd, struct process **out)
{
	struct file *f;
	bool nonblocking;
	int err = pidfd_process(fd, out, &nonblocking);

	if (err == 0 || fd_get(fd, &f) != 0)
		return err;
	*out = process_find(proc_file_process(f));
	if (*out != NULL)
		err = 0;
	else if (proc_file_process(f) != 0)
		err = -ESRCH;
	file_put(f);
	return err;
}

long sys_pidfd_send_signal(int fd, int sig, uaddr_t info_in, unsigned flags)
{
	struct process *p;
	siginfo_t info;
	int err;

	if (flags != 0)
		return -EINVAL;
	err = target_of(fd, &p);
	if (err != 0)
		return err;
	if (info_in != 0) {
		err = signal_read_info(&info, info_in, sig, p->pid);
		if (err == 0 && info.si_signo != sig)
			err = -EINVAL;
	} else {
		signal_fill_sender(&info, sig, SI_USER);
	}
	if (err == 0)
		err = sig < 0 || sig > NSIG_MAX ? -EINVAL : signal_send_checked(p, &info, sig);
	process_put(p);
	return err;
}

static long get_descriptor(struct task *t, int fd)
{
	struct fd_table *fds;
	struct file *f;

	if (!task_may_access(t))
		return -EPERM;
	fds = task_fds(t);
	if (fds == NULL)
		return -ESRCH;
	f = fd_table_file(fds, fd);
	fd_table_put(fds);
	return f == NULL ? -EBADF : fd_install(f, O_CLOEXEC, 0);
}

long sys_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	struct process *p;
	bool nonblocking;
	struct task *t;
	long result;
	int err;

	if (flags != 0)
		return -EINVAL;
	err = pidfd_process(pidfd, &p, &nonblocking);
	if (err != 0)
		return err;
	t = process_leader(p);
	result = t == NULL ? -ESRCH : get_descriptor(t, fd);
	if (t != NULL)
		task_put(t);
	process_put(p);
	return result;
}
