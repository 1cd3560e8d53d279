/* SPDX-License-Identifier: BSD-2-Clause */
/* prctl(2) and arch_prctl(2): the settings of a task or process that have no call of their own. */
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/prctl.h>

#include "arch/context.h"
#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define CAP_LAST         40
#define SLACK_DEFAULT_NS 50000

static long set_name(uaddr_t from)
{
	char name[THREAD_NAME_MAX] = "";
	ssize_t len = user_string(name, from, sizeof(name));

	if (len == -EFAULT)
		return len;
	name[sizeof(name) - 1] = '\0';
	memcpy(thread_current()->name, name, sizeof(name));
	return 0;
}

static long set_death_signal(unsigned long sig)
{
	if (sig > NSIG_MAX)
		return -EINVAL;
	task_current()->parent_death_signal = (int)sig;
	return 0;
}

static long set_flag(bool *flag, unsigned long value)
{
	if (value > 1)
		return -EINVAL;
	WRITE_ONCE(*flag, value != 0);
	return 0;
}

/* Runs change(copy) on a private copy of the credentials and puts it in place. */
static long change_cred(void (*change)(struct cred *c, unsigned long arg), unsigned long arg)
{
	struct thread *self = thread_current();
	struct cred *now = cred_copy(cred_current()), *was;

	if (now == NULL)
		return -ENOMEM;
	change(now, arg);
	spin_lock(&task_lock);
	was = self->cred;
	self->cred = now;
	spin_unlock(&task_lock);
	cred_put(was);
	return 0;
}

static void forbid_privileges(struct cred *c, unsigned long arg)
{
	c->no_new_privs = true;
}

static void drop_bounding(struct cred *c, unsigned long cap)
{
	c->cap_bounding &= ~(1ull << cap);
}

static void raise_ambient(struct cred *c, unsigned long cap)
{
	c->cap_ambient |= 1ull << cap;
}

static void lower_ambient(struct cred *c, unsigned long cap)
{
	c->cap_ambient &= ~(1ull << cap);
}

static void clear_ambient(struct cred *c, unsigned long arg)
{
	c->cap_ambient = 0;
}

static void set_securebits(struct cred *c, unsigned long bits)
{
	c->securebits = (unsigned)bits;
}

static long ambient(unsigned long op, unsigned long cap)
{
	const struct cred *c = cred_current();

	if (op == PR_CAP_AMBIENT_CLEAR_ALL)
		return cap != 0 ? -EINVAL : change_cred(clear_ambient, 0);
	if (cap > CAP_LAST)
		return -EINVAL;
	switch (op) {
	case PR_CAP_AMBIENT_IS_SET:
		return (long)(c->cap_ambient >> cap & 1);
	case PR_CAP_AMBIENT_RAISE:
		if (((c->cap_permitted & c->cap_inheritable) >> cap & 1) == 0)
			return -EPERM;
		return change_cred(raise_ambient, cap);
	case PR_CAP_AMBIENT_LOWER:
		return change_cred(lower_ambient, cap);
	default:
		return -EINVAL;
	}
}

static long bounding_drop(unsigned long cap)
{
	if (!cred_has_cap(cred_current(), CAP_SETPCAP))
		return -EPERM;
	return cap > CAP_LAST ? -EINVAL : change_cred(drop_bounding, cap);
}

static long securebits_set(unsigned long bits)
{
	return cred_has_cap(cred_current(), CAP_SETPCAP) ? change_cred(set_securebits, bits)
							 : -EPERM;
}

static long prctl_cred(int option, unsigned long arg2, unsigned long arg3, unsigned long rest)
{
	switch (option) {
	case PR_SET_NO_NEW_PRIVS:
		return arg2 != 1 || arg3 != 0 || rest != 0 ? -EINVAL
							   : change_cred(forbid_privileges, 0);
	case PR_GET_NO_NEW_PRIVS:
		return arg2 != 0 || arg3 != 0 || rest != 0 ? -EINVAL : cred_current()->no_new_privs;
	case PR_CAPBSET_READ:
		return arg2 > CAP_LAST ? -EINVAL : (long)(cred_current()->cap_bounding >> arg2 & 1);
	case PR_CAPBSET_DROP:
		return bounding_drop(arg2);
	case PR_CAP_AMBIENT:
		return rest != 0 ? -EINVAL : ambient(arg2, arg3);
	case PR_GET_SECUREBITS:
		return cred_current()->securebits;
	case PR_SET_SECUREBITS:
		return securebits_set(arg2);
	default:
		return -EINVAL;
	}
}

static long get_timer_slack(void)
{
	nsec_t slack = task_current()->timer_slack_ns;

	return slack == 0 ? SLACK_DEFAULT_NS : slack;
}

static long write_int(uaddr_t to, int value)
{
	return user_write_struct(to, &value);
}

long sys_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
	       unsigned long arg5)
{
	struct process *p = process_current();

	switch (option) {
	case PR_SET_NAME:
		return set_name(arg2);
	case PR_GET_NAME:
		return user_write(arg2, thread_current()->name, THREAD_NAME_MAX);
	case PR_SET_PDEATHSIG:
		return set_death_signal(arg2);
	case PR_GET_PDEATHSIG:
		return write_int(arg2, task_current()->parent_death_signal);
	case PR_SET_DUMPABLE:
		return set_flag(&p->dumpable, arg2);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_KEEPCAPS:
		return set_flag(&p->keep_caps, arg2);
	case PR_GET_KEEPCAPS:
		return p->keep_caps;
	case PR_SET_CHILD_SUBREAPER:
		WRITE_ONCE(p->subreaper, arg2 != 0);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return write_int(arg2, p->subreaper);
	case PR_SET_TIMERSLACK:
		task_current()->timer_slack_ns = (nsec_t)arg2;
		return 0;
	case PR_GET_TIMERSLACK:
		return get_timer_slack();
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_GET_SECCOMP:
		return 0;
	case PR_SET_THP_DISABLE:
	case PR_SET_PTRACER:
		return 0;
	case PR_GET_THP_DISABLE:
		return 0;
	default:
		return prctl_cred(option, arg2, arg3, arg4 | arg5);
	}
}

/* GS belongs to the kernel, which shares the program's privilege level: it is not to be had. */
long sys_arch_prctl(int option, unsigned long addr)
{
	struct thread *self = thread_current();
	uint64_t base;

	switch (option) {
	case ARCH_SET_FS:
		if (addr >= USER_TOP)
			return -EPERM;
		context_set_tls(self, addr);
		return 0;
	case ARCH_GET_FS:
		base = context_tls(&self->context);
		return user_write_struct(addr, &base);
	default:
		return -EINVAL;
	}
}
