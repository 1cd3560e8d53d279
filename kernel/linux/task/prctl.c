/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prctl(2) and arch_prctl(2): the settings of a task or process that have no call of their own.
 *
 * What a kernel may be built without answers EINVAL here as there: names of anonymous
 * areas, merging of equal pages, core scheduling. What is a property of other machines (alignment,
 * endianness, floating-point emulation, pointer authentication, vector lengths) does too.
 */
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "arch/context.h"
#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/sys.h"
#include "linux/task/credentials.h"
#include "linux/task/seccomp.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define CAP_LAST 40
#define GET_AUXV 0x41555856 /* newer than the headers */

struct args {
	unsigned long a2, a3, a4, a5;
};

static long write_int(uaddr_t to, int value)
{
	return user_write_struct(to, &value);
}

static bool has_rest(const struct args *a)
{
	return (a->a3 | a->a4 | a->a5) != 0;
}

/* ---- credentials ---- */

static long drop_bounding(struct cred *c, unsigned long cap)
{
	if (!cred_has_cap(c, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST)
		return -EINVAL;
	c->cap_bounding &= ~(1ull << cap);
	return 0;
}

static long raise_ambient(struct cred *c, unsigned long cap)
{
	if (((c->cap_permitted & c->cap_inheritable) >> cap & 1) == 0 ||
	    (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE) != 0)
		return -EPERM;
	c->cap_ambient |= 1ull << cap;
	return 0;
}

static long lower_ambient(struct cred *c, unsigned long cap)
{
	c->cap_ambient &= ~(1ull << cap);
	return 0;
}

static long clear_ambient(struct cred *c, unsigned long arg)
{
	c->cap_ambient = 0;
	return 0;
}

/* A bit whose lock is set does not change, nor does the lock (capabilities(7)). */
static long set_securebits(struct cred *c, unsigned long bits)
{
	unsigned long locks = c->securebits & SECURE_ALL_LOCKS;

	if ((locks >> 1 & (c->securebits ^ bits)) != 0 || (locks & ~bits) != 0 ||
	    (bits & ~(unsigned long)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) != 0 ||
	    !cred_has_cap(c, CAP_SETPCAP))
		return -EPERM;
	c->securebits = (unsigned)bits;
	return 0;
}

static long keep_caps(struct cred *c, unsigned long on)
{
	if (on > 1)
		return -EINVAL;
	if ((c->securebits & SECBIT_KEEP_CAPS_LOCKED) != 0)
		return -EPERM;
	c->securebits &= ~(unsigned)SECBIT_KEEP_CAPS;
	c->securebits |= on != 0 ? SECBIT_KEEP_CAPS : 0;
	return 0;
}

static long ambient(unsigned long op, unsigned long cap)
{
	if (op == PR_CAP_AMBIENT_CLEAR_ALL)
		return cap != 0 ? -EINVAL : cred_change(clear_ambient, 0);
	if (cap > CAP_LAST)
		return -EINVAL;
	switch (op) {
	case PR_CAP_AMBIENT_IS_SET:
		return (long)(cred_current()->cap_ambient >> cap & 1);
	case PR_CAP_AMBIENT_RAISE:
		return cred_change(raise_ambient, cap);
	case PR_CAP_AMBIENT_LOWER:
		return cred_change(lower_ambient, cap);
	default:
		return -EINVAL;
	}
}

/* -ENOTTY: not one of these. */
static long prctl_cred(int option, const struct args *a)
{
	const struct cred *c = cred_current();

	switch (option) {
	case PR_SET_NO_NEW_PRIVS:
		if (a->a2 != 1 || has_rest(a))
			return -EINVAL;
		WRITE_ONCE(task_current()->no_new_privs, true);
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a->a2 != 0 || has_rest(a) ? -EINVAL
						 : READ_ONCE(task_current()->no_new_privs);
	case PR_CAPBSET_READ:
		return a->a2 > CAP_LAST ? -EINVAL : (long)(c->cap_bounding >> a->a2 & 1);
	case PR_CAPBSET_DROP:
		return cred_change(drop_bounding, a->a2);
	case PR_CAP_AMBIENT:
		return (a->a4 | a->a5) != 0 ? -EINVAL : ambient(a->a2, a->a3);
	case PR_GET_SECUREBITS:
		return c->securebits;
	case PR_SET_SECUREBITS:
		return cred_change(set_securebits, a->a2);
	case PR_SET_KEEPCAPS:
		return cred_change(keep_caps, a->a2);
	case PR_GET_KEEPCAPS:
		return (c->securebits & SECBIT_KEEP_CAPS) != 0;
	default:
		return -ENOTTY;
	}
}

/* ---- the task ---- */

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

/* 0 stands for the default. */
static long set_timer_slack(struct thread *thread, nsec_t slack)
{
	thread->slack_ns = slack > 0 ? slack : THREAD_SLACK_NS;
	return 0;
}

/* There are no machine checks to be told of; who asks early or late is told so again. */
static long mce_kill(const struct args *a)
{
	struct task *t = task_current();

	if ((a->a4 | a->a5) != 0)
		return -EINVAL;
	if (a->a2 == PR_MCE_KILL_CLEAR) {
		if (a->a3 != 0)
			return -EINVAL;
		t->mce_kill = PR_MCE_KILL_DEFAULT;
		return 0;
	}
	if (a->a2 != PR_MCE_KILL_SET || a->a3 > PR_MCE_KILL_DEFAULT)
		return -EINVAL;
	t->mce_kill = (uint8_t)a->a3;
	return 0;
}

/* Marks who writes pages back for others: kept, as no allocation waits for such a task. */
static long io_flusher(bool set, const struct args *a)
{
	struct task *t = task_current();

	if (!cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		return -EPERM;
	if (has_rest(a) || a->a2 > (set ? 1 : 0))
		return -EINVAL;
	if (!set)
		return t->io_flusher;
	t->io_flusher = a->a2 != 0;
	return 0;
}

static long prctl_task(int option, const struct args *a)
{
	struct task *t = task_current();

	switch (option) {
	case PR_SET_NAME:
		return set_name(a->a2);
	case PR_GET_NAME:
		return user_write(a->a2, t->thread->name, THREAD_NAME_MAX);
	case PR_SET_PDEATHSIG:
		return set_death_signal(a->a2);
	case PR_GET_PDEATHSIG:
		return write_int(a->a2, t->parent_death_signal);
	case PR_SET_TIMERSLACK:
		return set_timer_slack(t->thread, (nsec_t)a->a2);
	case PR_GET_TIMERSLACK:
		return t->thread->slack_ns;
	case PR_GET_TID_ADDRESS:
		return user_write_struct(a->a2, &t->clear_child_tid);
	case PR_MCE_KILL:
		return mce_kill(a);
	case PR_MCE_KILL_GET:
		return a->a2 != 0 || has_rest(a) ? -EINVAL : t->mce_kill;
	case PR_SET_IO_FLUSHER:
	case PR_GET_IO_FLUSHER:
		return io_flusher(option == PR_SET_IO_FLUSHER, a);
	default:
		return -ENOTTY;
	}
}

/* ---- the process and its memory ---- */

static long set_dumpable(struct process *p, unsigned long value)
{
	if (value > 1)
		return -EINVAL;
	WRITE_ONCE(p->dumpable, value != 0);
	return 0;
}

/* Any process may be looked into by who has the capability, and there is no ptrace(2) to allow. */
static long set_ptracer(unsigned long pid)
{
	struct process *p;

	if (pid == 0 || pid == PR_SET_PTRACER_ANY)
		return 0;
	p = pid > PID_LIMIT ? NULL : process_find((int)pid);
	if (p == NULL)
		return -EINVAL;
	process_put(p);
	return 0;
}

/* Kept for who asks: whether memory is in large pages is not otherwise to be seen. */
static long set_thp_disable(struct process *p, const struct args *a)
{
	if (has_rest(a))
		return -EINVAL;
	WRITE_ONCE(p->thp_disable, a->a2 != 0);
	return 0;
}

static long get_auxv(const struct args *a)
{
	const struct vmspace *vs = vmspace_current();

	if ((a->a4 | a->a5) != 0)
		return -EINVAL;
	if (user_write(a->a2, vs->auxv, min((size_t)a->a3, vs->auxv_len)) != 0)
		return -EFAULT;
	return (long)vs->auxv_len;
}

/* Where arguments and environment are, for /proc/pid/cmdline and environ. */
static long set_mm(const struct args *a)
{
	struct vmspace *vs = vmspace_current();
	uaddr_t *field;

	if (!cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		return -EPERM;
	if ((a->a4 | a->a5) != 0 || a->a3 >= USER_TOP)
		return -EINVAL;
	switch (a->a2) {
	case PR_SET_MM_ARG_START:
		field = &vs->arg_start;
		break;
	case PR_SET_MM_ARG_END:
		field = &vs->arg_end;
		break;
	case PR_SET_MM_ENV_START:
		field = &vs->env_start;
		break;
	case PR_SET_MM_ENV_END:
		field = &vs->env_end;
		break;
	default:
		return -EINVAL;
	}
	scoped_mutex(&vs->lock);
	if (vmspace_area_at(vs, a->a3) == NULL)
		return -EINVAL;
	WRITE_ONCE(*field, a->a3);
	return 0;
}

static long prctl_process(int option, const struct args *a)
{
	struct process *p = process_current();

	switch (option) {
	case PR_SET_DUMPABLE:
		return set_dumpable(p, a->a2);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_CHILD_SUBREAPER:
		WRITE_ONCE(p->subreaper, a->a2 != 0);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return write_int(a->a2, p->subreaper);
	case PR_SET_PTRACER:
		return set_ptracer(a->a2);
	case PR_SET_THP_DISABLE:
		return set_thp_disable(p, a);
	case PR_GET_THP_DISABLE:
		return a->a2 != 0 || has_rest(a) ? -EINVAL : p->thp_disable;
	case PR_SET_MM:
		return set_mm(a);
	case GET_AUXV:
		return get_auxv(a);
	default:
		return -ENOTTY;
	}
}

/* ---- the machine ---- */

/* Mitigations are the host's business: speculation is on, and not to be switched from here. */
static long speculation(bool set, const struct args *a)
{
	if ((set ? a->a4 | a->a5 : a->a3 | a->a4 | a->a5) != 0)
		return -EINVAL;
	if (a->a2 > PR_SPEC_L1D_FLUSH)
		return -ENODEV;
	if (set)
		return -ENXIO;
	return a->a2 == PR_SPEC_L1D_FLUSH ? PR_SPEC_FORCE_DISABLE : PR_SPEC_ENABLE;
}

static long prctl_machine(int option, const struct args *a)
{
	switch (option) {
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a->a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_TSC:
		return write_int(a->a2, PR_TSC_ENABLE);
	case PR_SET_TSC:
		return a->a2 == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_GET_SECCOMP:
		return READ_ONCE(task_current()->seccomp_mode);
	case PR_SET_SECCOMP:
		return seccomp_set_mode(a->a2, a->a3);
	case PR_TASK_PERF_EVENTS_DISABLE: /* there are none */
	case PR_TASK_PERF_EVENTS_ENABLE:
		return 0;
	case PR_GET_SPECULATION_CTRL:
	case PR_SET_SPECULATION_CTRL:
		return speculation(option == PR_SET_SPECULATION_CTRL, a);
	case PR_SET_SYSCALL_USER_DISPATCH:
		return a->a2 == PR_SYS_DISPATCH_OFF && !has_rest(a) ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

long sys_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
	       unsigned long arg5)
{
	const struct args a = { arg2, arg3, arg4, arg5 };
	long result = prctl_task(option, &a);

	if (result == -ENOTTY)
		result = prctl_process(option, &a);
	if (result == -ENOTTY)
		result = prctl_cred(option, &a);
	return result == -ENOTTY ? prctl_machine(option, &a) : result;
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
	case ARCH_GET_CPUID: /* CPUID works */
		return 1;
	case ARCH_SET_CPUID:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}
