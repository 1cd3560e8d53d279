/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unshare(2), setns(2), acct(2). A machine of its own has one of each namespace: new ones are not
 * to be had (EPERM), nor are there descriptors of any to join (EINVAL). What threads share of files
 * can be taken apart.
 */
#include <linux/capability.h>
#include <linux/sched.h>

#include "core/cred.h"
#include "core/file.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/ipc/sem_undo.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/vmspace.h"

#define NEWTIME 0x80 /* CLONE_NEWTIME, which shares its bits with a signal's number */
#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET | NEWTIME)
#define ALONE (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

/* What cannot be taken apart is fine while nobody shares it. */
static int check_alone(unsigned long flags)
{
	struct process *p = process_current();

	if ((flags & ALONE) == 0)
		return 0;
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) != 0 && signal_actions_are_shared(p->actions))
		return -EINVAL;
	scoped_spin(&p->lock);
	return p->nr_tasks == 1 ? 0 : -EINVAL;
}

static int unshare_files(struct task *t)
{
	struct fd_table *own = fd_table_copy(t->fds), *was;

	if (own == NULL)
		return -ENOMEM;
	spin_lock(&task_lock);
	was = t->fds;
	t->fds = own;
	spin_unlock(&task_lock);
	fd_table_put(was);
	return 0;
}

static int unshare_view(struct thread *self)
{
	struct fs_view *own = fs_view_copy(self->fs_view), *was;

	if (own == NULL)
		return -ENOMEM;
	spin_lock(&task_lock);
	was = self->fs_view;
	self->fs_view = own;
	spin_unlock(&task_lock);
	fs_view_put(was);
	return 0;
}

long sys_unshare(unsigned long flags)
{
	struct task *t = task_current();
	int err;

	if ((flags &
	     ~(unsigned long)(NAMESPACES | ALONE | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)) != 0)
		return -EINVAL;
	err = check_alone(flags);
	if (err != 0)
		return err;
	if ((flags & NAMESPACES) != 0)
		return -EPERM;
	if ((flags & CLONE_FS) != 0)
		err = unshare_view(t->thread);
	if (err == 0 && (flags & CLONE_FILES) != 0)
		err = unshare_files(t);
	if (err == 0 && (flags & CLONE_SYSVSEM) != 0)
		sem_undo_exit(t);
	return err;
}

long sys_setns(int fd, int type)
{
	struct file *f;

	if (fd_get_any(fd, &f) != 0)
		return -EBADF;
	file_put(f);
	return -EINVAL;
}

/* As a kernel built without process accounting. */
long sys_acct(uaddr_t path)
{
	return cred_has_cap(cred_current(), CAP_SYS_PACCT) ? -ENOSYS : -EPERM;
}
