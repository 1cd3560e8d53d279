/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp(2): the modes, the chains of filters, and what their verdicts do. seccomp.h has the
 * theory.
 *
 * Both doors of a system call end in program_syscall(), which asks here when the thread is marked
 * (thread->checks_calls); nobody else pays anything. There is no tracer, so SECCOMP_RET_TRACE
 * refuses the call with ENOSYS, as Linux does without one; a supervisor (SECCOMP_RET_USER_NOTIF) is
 * not offered: SECCOMP_FILTER_FLAG_NEW_LISTENER is EINVAL, as before Linux 5.0.
 */
#include "linux/task/seccomp.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>

#include "arch/program.h"
#include "arch/trap.h"
#include "core/bpf_check.h"
#include "core/cred.h"
#include "core/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#include <asm/unistd.h>

#define CHAIN_MAX 32768 /* instructions, with 4 more for each program */
#define ERRNO_MAX 4095
#define FLAGS \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
	 SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

struct seccomp_filter {
	struct ref ref;
	struct seccomp_filter *older; /* [I once in a chain] counted */
	bool logs;                    /* [I] SECCOMP_FILTER_FLAG_LOG */
	unsigned nr;                  /* [I] */
	struct sock_filter program[]; /* [I] */
};

/* ---- running ---- */

/* Words of struct seccomp_data; check_program() saw to the offsets. */
static bool load(const struct bpf_data *d, uint32_t offset, unsigned size, uint32_t *value)
{
	memcpy(value, (const char *)d->bytes + offset, sizeof(*value));
	return true;
}

/* The strictest answer; of equals, the newest program's. */
static uint32_t judge(const struct seccomp_filter *f, const struct seccomp_data *data, bool *logs)
{
	const struct bpf_data d = { load, data, sizeof(*data) };
	uint32_t verdict = SECCOMP_RET_ALLOW;

	*logs = false;
	for (; f != NULL; f = f->older) {
		uint32_t now = bpf_run(f->program, &d);

		if ((int32_t)(now & SECCOMP_RET_ACTION_FULL) <
		    (int32_t)(verdict & SECCOMP_RET_ACTION_FULL)) {
			verdict = now;
			*logs = f->logs;
		}
	}
	return verdict;
}

static void describe_call(const struct trap_frame *f, struct seccomp_data *out)
{
	out->nr = (int)frame_syscall_nr(f);
	out->arch = program_elf_machine | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE;
	out->instruction_pointer = frame_pc(f);
	for (unsigned i = 0; i < 6; i++)
		out->args[i] = frame_arg(f, i);
}

static siginfo_t make_info(const struct seccomp_data *data, uint32_t verdict)
{
	siginfo_t info = { .si_signo = SIGSYS, .si_code = SYS_SECCOMP };

	info.si_errno = (int)(verdict & SECCOMP_RET_DATA);
	info.si_call_addr = (void *)data->instruction_pointer;
	info.si_syscall = data->nr;
	info.si_arch = data->arch;
	return info;
}

/* The call seems not to have been made: a handler may put a result where its number is. */
static void trap(struct trap_frame *f, const struct seccomp_data *data, uint32_t verdict)
{
	const siginfo_t info = make_info(data, verdict);

	frame_set_result(f, data->nr);
	frame_clear_syscall(f);
	signal_force(&info);
}

static NORETURN void kill(const struct trap_frame *f, const struct seccomp_data *data,
			  uint32_t verdict)
{
	const siginfo_t info = make_info(data, verdict);

	if ((verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_KILL_THREAD &&
	    READ_ONCE(process_current()->nr_staying) > 1)
		task_exit(WAIT_STATUS_SIGNAL(SIGSYS));
	fault_report(f, &info);
	process_exit(WAIT_STATUS_SIGNAL(SIGSYS));
}

static void note(const struct seccomp_data *data, uint32_t verdict)
{
	log_info("%s: seccomp: system call %d, action %#x", thread_current()->name, data->nr,
		 (unsigned)verdict);
}

static bool obey(struct trap_frame *f, const struct seccomp_data *data, uint32_t verdict)
{
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_LOG:
		note(data, verdict);
		return true;
	case SECCOMP_RET_ALLOW:
		return true;
	case SECCOMP_RET_ERRNO:
		frame_set_result(f, -(long)min(verdict & SECCOMP_RET_DATA, (uint32_t)ERRNO_MAX));
		return false;
	case SECCOMP_RET_TRAP:
		trap(f, data, verdict);
		return false;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		frame_set_result(f, -ENOSYS);
		return false;
	default:
		kill(f, data, verdict);
	}
}

static bool is_for_strict(int nr)
{
	return nr == __NR_read || nr == __NR_write || nr == __NR_exit || nr == __NR_rt_sigreturn;
}

bool seccomp_permits(struct trap_frame *f)
{
	struct task *self = task_current();
	struct seccomp_data data;
	uint32_t verdict;
	bool logs;

	describe_call(f, &data);
	if (READ_ONCE(self->seccomp_mode) == SECCOMP_MODE_STRICT) {
		if (is_for_strict(data.nr))
			return true;
		task_exit(WAIT_STATUS_SIGNAL(SIGKILL));
	}
	verdict = judge(atomic_load(&self->seccomp), &data, &logs);
	if (logs && (verdict & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_LOG)
		note(&data, verdict);
	return obey(f, &data, verdict);
}

/* ---- chains ---- */

void seccomp_drop(struct seccomp_filter *newest)
{
	while (newest != NULL && ref_put(&newest->ref)) {
		struct seccomp_filter *older = newest->older;

		kmem_free(newest);
		newest = older;
	}
}

static unsigned chain_length(const struct seccomp_filter *f)
{
	unsigned nr = 0;

	for (; f != NULL; f = f->older)
		nr += f->nr + 4;
	return nr;
}

unsigned seccomp_nr_filters(struct task *t)
{
	unsigned nr = 0;

	scoped_spin(&task_lock);
	for (const struct seccomp_filter *f = t->seccomp; f != NULL; f = f->older)
		nr++;
	return nr;
}

static bool is_in_chain(const struct seccomp_filter *f, const struct seccomp_filter *chain)
{
	while (chain != NULL && chain != f)
		chain = chain->older;
	return chain != NULL || f == NULL;
}

/* With task_lock held. The chain's count is the caller's. */
static void take_chain(struct task *t, uint8_t mode, struct seccomp_filter *chain)
{
	if (chain != NULL)
		ref_get(&chain->ref);
	seccomp_drop(t->seccomp);
	atomic_store(&t->seccomp, chain);
	WRITE_ONCE(t->seccomp_mode, mode);
	atomic_store(&t->thread->checks_calls, mode != SECCOMP_MODE_DISABLED);
}

void seccomp_inherit_locked(struct task *t)
{
	struct task *self = task_current();

	t->no_new_privs = self->no_new_privs;
	take_chain(t, self->seccomp_mode, self->seccomp);
}

/* ---- SECCOMP_FILTER_FLAG_TSYNC, with task_lock and process->lock held ---- */

/* The first task whose chain the current one's does not go on; 0: none. */
static int first_stranger(struct process *p)
{
	struct task *self = task_current(), *t;

	list_foreach(&p->tasks, t, process_link) {
		if (t->seccomp_mode == SECCOMP_MODE_DISABLED)
			continue;
		if (t->seccomp_mode != SECCOMP_MODE_FILTER ||
		    !is_in_chain(t->seccomp, self->seccomp))
			return t->tid;
	}
	return 0;
}

static void give_to_all(struct process *p)
{
	struct task *self = task_current(), *t;

	list_foreach(&p->tasks, t, process_link) {
		if (t == self)
			continue;
		if (self->no_new_privs)
			WRITE_ONCE(t->no_new_privs, true);
		take_chain(t, SECCOMP_MODE_FILTER, self->seccomp);
	}
}

/* ---- setting ---- */

/* 0, -EINVAL, -ENOMEM, or the id of a task that cannot be brought along. */
static long install(struct seccomp_filter *f, unsigned long flags)
{
	struct task *self = task_current();
	struct process *p = self->process;
	int stranger = 0;

	scoped_spin(&task_lock);
	scoped_spin(&p->lock);
	if (self->seccomp_mode == SECCOMP_MODE_STRICT)
		return -EINVAL;
	if (chain_length(self->seccomp) + f->nr > CHAIN_MAX)
		return -ENOMEM;
	if ((flags & SECCOMP_FILTER_FLAG_TSYNC) != 0)
		stranger = first_stranger(p);
	if (stranger != 0)
		return (flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH) != 0 ? -ESRCH : stranger;
	f->older = self->seccomp;
	atomic_store(&self->seccomp, f);
	WRITE_ONCE(self->seccomp_mode, SECCOMP_MODE_FILTER);
	atomic_store(&self->thread->checks_calls, true);
	if ((flags & SECCOMP_FILTER_FLAG_TSYNC) != 0)
		give_to_all(p);
	return 0;
}

/* Of what BPF has, what makes sense here: words of struct seccomp_data, and no remainders. */
static bool is_for_calls(const struct sock_filter *i)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return i->k < sizeof(struct seccomp_data) && i->k % 4 == 0;
	case BPF_ALU | BPF_MOD | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_X:
		return false;
	default:
		break;
	}
	if (BPF_CLASS(i->code) != BPF_LD && BPF_CLASS(i->code) != BPF_LDX)
		return true;
	return BPF_MODE(i->code) == BPF_IMM || BPF_MODE(i->code) == BPF_MEM ||
	       BPF_MODE(i->code) == BPF_LEN;
}

static int check_program(const struct seccomp_filter *f)
{
	int err = bpf_check(f->program, f->nr);

	for (unsigned i = 0; err == 0 && i < f->nr; i++)
		err = is_for_calls(&f->program[i]) ? 0 : -EINVAL;
	return err;
}

static int read_filter(uaddr_t from, struct seccomp_filter **out)
{
	struct seccomp_filter *f;
	struct sock_fprog program;
	int err;

	if (user_read_struct(&program, from) != 0)
		return -EFAULT;
	if (program.len == 0 || program.len > BPF_MAXINSNS)
		return -EINVAL;
	if (!task_current()->no_new_privs && !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EACCES;
	f = kmem_alloc(sizeof(*f) + program.len * sizeof(struct sock_filter));
	if (f == NULL)
		return -ENOMEM;
	ref_init(&f->ref);
	f->nr = program.len;
	err = user_read(f->program, (uaddr_t)program.filter, f->nr * sizeof(struct sock_filter));
	if (err == 0)
		err = check_program(f);
	if (err == 0)
		*out = f;
	else
		kmem_free(f);
	return err;
}

static long set_filter(unsigned long flags, uaddr_t program)
{
	struct seccomp_filter *f;
	long result;

	if ((flags & ~(unsigned long)FLAGS) != 0)
		return -EINVAL;
	result = read_filter(program, &f);
	if (result != 0)
		return result;
	f->logs = (flags & SECCOMP_FILTER_FLAG_LOG) != 0;
	result = install(f, flags);
	if (result != 0)
		seccomp_drop(f);
	return result;
}

static long set_strict(void)
{
	struct task *self = task_current();

	scoped_spin(&task_lock);
	if (self->seccomp_mode == SECCOMP_MODE_FILTER)
		return -EINVAL;
	WRITE_ONCE(self->seccomp_mode, SECCOMP_MODE_STRICT);
	atomic_store(&self->thread->checks_calls, true);
	return 0;
}

/* ---- the calls ---- */

static long action_is_there(uaddr_t from)
{
	uint32_t action;

	if (user_read_struct(&action, from) != 0)
		return -EFAULT;
	switch (action) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static long get_sizes(uaddr_t to)
{
	const struct seccomp_notif_sizes sizes = {
		.seccomp_notif = sizeof(struct seccomp_notif),
		.seccomp_notif_resp = sizeof(struct seccomp_notif_resp),
		.seccomp_data = sizeof(struct seccomp_data),
	};

	return user_write_struct(to, &sizes);
}

long sys_seccomp(unsigned op, unsigned long flags, uaddr_t args)
{
	switch (op) {
	case SECCOMP_SET_MODE_STRICT:
		return flags != 0 || args != 0 ? -EINVAL : set_strict();
	case SECCOMP_SET_MODE_FILTER:
		return set_filter(flags, args);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags != 0 ? -EINVAL : action_is_there(args);
	case SECCOMP_GET_NOTIF_SIZES:
		return flags != 0 ? -EINVAL : get_sizes(args);
	default:
		return -EINVAL;
	}
}

long seccomp_set_mode(unsigned long mode, uaddr_t program)
{
	switch (mode) {
	case SECCOMP_MODE_STRICT:
		return set_strict();
	case SECCOMP_MODE_FILTER:
		return set_filter(0, program);
	default:
		return -EINVAL;
	}
}
