/* SPDX-License-Identifier: BSD-2-Clause */
/* signalfd(2): pending signals as records to read. Signals of the reader, not of the creator. */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

struct signalfd {
	uint64_t mask;
}; /* [a] */

/* The fields that a kind of siginfo has (signalfd(2), sigaction(2)). */
static void to_record(const siginfo_t *info, struct signalfd_siginfo *out)
{
	memset(out, 0, sizeof(*out));
	out->ssi_signo = (uint32_t)info->si_signo;
	out->ssi_errno = info->si_errno;
	out->ssi_code = info->si_code;
	if (info->si_code == SI_TIMER) {
		out->ssi_tid = (uint32_t)info->si_tid;
		out->ssi_overrun = (uint32_t)info->si_overrun;
		out->ssi_ptr = (uint64_t)info->si_ptr;
		out->ssi_int = info->si_int;
		return;
	}
	if (info->si_code > 0 && (SIGNAL_BIT(info->si_signo) & SIGNAL_SYNCHRONOUS) != 0) {
		out->ssi_addr = (uint64_t)info->si_addr;
		return;
	}
	out->ssi_pid = (uint32_t)info->si_pid;
	out->ssi_uid = info->si_uid;
	if (info->si_signo == SIGCHLD && info->si_code > 0) {
		out->ssi_status = info->si_status;
		out->ssi_utime = (uint64_t)info->si_utime;
		out->ssi_stime = (uint64_t)info->si_stime;
	} else if (info->si_code < 0) {
		out->ssi_ptr = (uint64_t)info->si_ptr;
		out->ssi_int = info->si_int;
	}
}

static int take(struct signalfd *s, siginfo_t *info)
{
	return signal_pending_take(task_current(), READ_ONCE(s->mask), info);
}

static int wait_for_one(struct signalfd *s, siginfo_t *info)
{
	return wait_event(&process_current()->signal_wq, take(s, info) != 0, WAIT_INTERRUPTIBLE,
			  NSEC_NEVER);
}

static ssize_t signalfd_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct signalfd *s = f->private;
	struct signalfd_siginfo record;
	siginfo_t info;
	ssize_t done = 0;

	if (u->left < sizeof(record))
		return -EINVAL;
	while (u->left >= sizeof(record)) {
		if (take(s, &info) == 0) {
			int err;

			if (done > 0)
				break;
			err = (f->flags & O_NONBLOCK) != 0 ? -EAGAIN : wait_for_one(s, &info);
			if (err != 0)
				return err;
		}
		to_record(&info, &record);
		if (uio_copy_to(u, &record, sizeof(record)) != sizeof(record))
			return done > 0 ? done : -EFAULT;
		done += (ssize_t)sizeof(record);
	}
	return done;
}

static unsigned signalfd_poll(struct file *f, struct poll_table *t)
{
	struct signalfd *s = f->private;

	poll_add(t, &process_current()->signal_wq);
	return (signal_pending_set(task_current()) & READ_ONCE(s->mask)) != 0 ? EPOLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	kmem_free(f->private);
}

static void signalfd_describe(struct file *f, char *buf, size_t size)
{
	fmt(buf, size, "anon_inode:[signalfd]");
}

static void signalfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct signalfd *s = f->private;

	fmt(buf, size, "sigmask:\t%016llx\n", (unsigned long long)s->mask);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.describe = signalfd_describe,
	.fdinfo = signalfd_fdinfo,
};

static long new_signalfd(uint64_t mask, unsigned flags)
{
	struct signalfd *s = kmem_new(struct signalfd);
	struct file *f;
	int err;

	if (s == NULL)
		return -ENOMEM;
	s->mask = mask;
	err = file_new_anonymous(&signalfd_ops, 0600, O_RDWR | (flags & O_NONBLOCK), s, &f);
	if (err != 0) {
		kmem_free(s);
		return err;
	}
	return fd_install(f, flags & O_CLOEXEC, 0);
}

static long change_signalfd(int fd, uint64_t mask)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err != 0)
		return err;
	if (f->ops == &signalfd_ops) {
		WRITE_ONCE(((struct signalfd *)f->private)->mask, mask);
		waitq_wake_all(&process_current()->signal_wq, EPOLLIN);
	} else {
		err = -EINVAL;
	}
	file_put(f);
	return err != 0 ? err : fd;
}

long sys_signalfd4(int fd, uaddr_t umask, size_t mask_len, int flags)
{
	uint64_t mask;

	if (mask_len != sizeof(mask))
		return -EINVAL;
	if (user_read_struct(&mask, umask) != 0)
		return -EFAULT;
	if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0)
		return -EINVAL;
	mask &= ~SIGNAL_UNBLOCKABLE;
	return fd == -1 ? new_signalfd(mask, (unsigned)flags) : change_signalfd(fd, mask);
}

long sys_signalfd(int fd, uaddr_t mask, size_t mask_len)
{
	return sys_signalfd4(fd, mask, mask_len, 0);
}
