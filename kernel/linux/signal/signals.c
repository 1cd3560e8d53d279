/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending, queueing and taking signals. signals.h has the theory. Everything here works in any
 * context under process->lock; entries are allocated without sleeping.
 */
#include "linux/signal/signals.h"

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/time/posix_timer.h"
#include "linux/task/task.h"
#include "linux/task/user_counts.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

static const char *const names[] = {
	"0",         "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
	"SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
	"SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
	"SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

const char *signal_name(int sig)
{
	static const char *const realtime[] = {
		"SIGRTMIN", "SIGRT_1",  "SIGRT_2",  "SIGRT_3",  "SIGRT_4",  "SIGRT_5",  "SIGRT_6",
		"SIGRT_7",  "SIGRT_8",  "SIGRT_9",  "SIGRT_10", "SIGRT_11", "SIGRT_12", "SIGRT_13",
		"SIGRT_14", "SIGRT_15", "SIGRT_16", "SIGRT_17", "SIGRT_18", "SIGRT_19", "SIGRT_20",
		"SIGRT_21", "SIGRT_22", "SIGRT_23", "SIGRT_24", "SIGRT_25", "SIGRT_26", "SIGRT_27",
		"SIGRT_28", "SIGRT_29", "SIGRT_30", "SIGRT_31", "SIGRT_32",
	};

	if (sig >= 0 && sig < (int)ARRAY_SIZE(names))
		return names[sig];
	return sig >= 32 && sig <= NSIG_MAX ? realtime[sig - 32] : "?";
}

void signal_pending_init(struct signal_pending *q)
{
	list_init(&q->queue);
	q->set = 0;
}

/* ---- with process->lock held ---- */

static bool is_ignored(const struct process *p, int sig)
{
	const uint64_t by_default = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) |
				    SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT);
	__sighandler_t handler = signal_handler_of(p->actions, sig);

	return handler == SIG_IGN || (handler == SIG_DFL && (SIGNAL_BIT(sig) & by_default) != 0);
}

static void release_entry(struct process *p, struct signal_entry *e)
{
	list_remove(&e->link);
	e->on = NULL;
	if (e->timer != NULL)
		return;
	user_counts_drop_signal(e->uid);
	kmem_free(e);
}

static void drop_locked(struct process *p, struct signal_pending *q, uint64_t mask)
{
	struct signal_entry *e;

	q->set &= ~mask;
	list_foreach_safe(&q->queue, e, link) {
		siginfo_t ignored;

		if ((SIGNAL_BIT(e->info.si_signo) & mask) == 0)
			continue;
		if (e->timer != NULL)
			posix_timer_taken_locked(e->timer, &ignored);
		release_entry(p, e);
	}
}

static void drop_everywhere(struct process *p, uint64_t mask)
{
	struct task *t;

	drop_locked(p, &p->pending, mask);
	list_foreach(&p->tasks, t, process_link)
		drop_locked(p, &t->pending, mask);
}

static void wake(struct task *t)
{
	if (t->thread != NULL)
		thread_set_work(t->thread, THREAD_WORK_SIGNAL);
}

/* Tells one task that may take sig; the first one (the leader, usually) by preference. */
static void notify(struct process *p, struct task *target, int sig)
{
	uint64_t bit = SIGNAL_BIT(sig);
	struct task *t;

	waitq_wake_all(&p->signal_wq, 0);
	if (target != NULL) {
		if ((target->blocked & bit) == 0)
			wake(target);
		return;
	}
	list_foreach(&p->tasks, t, process_link) {
		if ((t->blocked & bit) == 0) {
			wake(t);
			return;
		}
	}
}

static bool is_blocked(const struct process *p, const struct task *target, int sig)
{
	const struct task *t = target != NULL ? target
					      : list_first(&p->tasks, struct task, process_link);

	return t != NULL && (t->blocked & SIGNAL_BIT(sig)) != 0;
}

/* Room for one more? Kernel's and kill(2)'s standard signals always get through, perhaps without
 * details. */
static struct signal_entry *new_entry(struct process *p, const siginfo_t *info)
{
	uint64_t limit = p->limits[RLIMIT_SIGPENDING].soft;
	uint32_t uid = READ_ONCE(p->uid);
	bool may_exceed = info->si_signo < 32 && info->si_code >= 0;
	struct signal_entry *e;

	if (!user_counts_add_signal(uid, may_exceed ? UINT64_MAX : limit))
		return NULL;
	e = kmem_alloc_nowait(sizeof(*e));
	if (e == NULL) {
		user_counts_drop_signal(uid);
		return NULL;
	}
	e->uid = uid;
	e->info = *info;
	return e;
}

static int queue_locked(struct process *p, struct task *t, const siginfo_t *info,
			struct signal_entry *e)
{
	struct signal_pending *q = t != NULL ? &t->pending : &p->pending;
	int sig = info->si_signo;

	if (sig < 32 && (q->set & SIGNAL_BIT(sig)) != 0)
		return 0;
	if (e == NULL)
		e = new_entry(p, info);
	if (e == NULL && sig >= 32 && info->si_code != SI_USER)
		return -EAGAIN;
	if (e != NULL) {
		e->on = q;
		list_append(&q->queue, &e->link);
	}
	q->set |= SIGNAL_BIT(sig);
	notify(p, t, sig);
	return 0;
}

static int send_locked(struct process *p, struct task *t, const siginfo_t *info,
		       struct signal_entry *e)
{
	int sig = info->si_signo;

	if (p->exiting || p->nr_tasks == 0 || (t != NULL && list_is_empty(&t->process_link)))
		return 0; /* it ended meanwhile: nobody would drop what is queued now */
	if (sig == SIGCONT) {
		drop_everywhere(p, SIGNAL_STOPS);
		p->stop_taken = false;
		signal_continue_locked(p);
	} else if ((SIGNAL_BIT(sig) & SIGNAL_STOPS) != 0) {
		drop_everywhere(p, SIGNAL_BIT(SIGCONT));
	}
	if (is_ignored(p, sig) && !is_blocked(p, t, sig))
		return 0;
	return queue_locked(p, t, info, e);
}

static void fill_from_entry(struct process *p, struct signal_entry *e, siginfo_t *info)
{
	*info = e->info;
	if (e->timer != NULL)
		posix_timer_taken_locked(e->timer, info);
	release_entry(p, e);
}

static void take_from(struct process *p, struct signal_pending *q, int sig, siginfo_t *info)
{
	struct signal_entry *e, *found = NULL;
	bool more = false;

	list_foreach(&q->queue, e, link) {
		if (e->info.si_signo != sig)
			continue;
		if (found != NULL) {
			more = true;
			break;
		}
		found = e;
	}
	if (!more)
		q->set &= ~SIGNAL_BIT(sig);
	if (found != NULL) {
		fill_from_entry(p, found, info);
		return;
	}
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = SI_USER;
}

static int lowest(uint64_t set)
{
	uint64_t first = (set & SIGNAL_SYNCHRONOUS) != 0 ? set & SIGNAL_SYNCHRONOUS : set;

	return __builtin_ctzll(first) + 1;
}

int signal_take_locked(struct task *t, uint64_t mask, siginfo_t *info)
{
	struct process *p = t->process;
	struct signal_pending *q = (t->pending.set & mask) != 0 ? &t->pending : &p->pending;
	int sig;

	if ((q->set & mask) == 0)
		return 0;
	sig = lowest(q->set & mask);
	take_from(p, q, sig, info);
	return sig;
}

/* ---- sending ---- */

int signal_send_process(struct process *p, const siginfo_t *info)
{
	if (info->si_signo == SIGKILL) {
		process_kill(p, WAIT_STATUS_SIGNAL(SIGKILL));
		return 0;
	}
	scoped_spin(&p->lock);
	return send_locked(p, NULL, info, NULL);
}

int signal_send_task(struct task *t, const siginfo_t *info)
{
	struct process *p = t->process;

	if (info->si_signo == SIGKILL) {
		process_kill(p, WAIT_STATUS_SIGNAL(SIGKILL));
		return 0;
	}
	scoped_spin(&p->lock);
	return send_locked(p, t, info, NULL);
}

void signal_send_kernel(struct process *p, int sig)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_KERNEL };

	(void)signal_send_process(p, &info); /* standard signals always get through */
}

void signal_send_group_locked(int pgrp, int sig)
{
	struct process *p;

	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pgrp && !p->zombie)
			signal_send_kernel(p, sig);
	}
}

void signal_send_group(int pgrp, int sig)
{
	scoped_spin(&task_lock);
	signal_send_group_locked(pgrp, sig);
}

bool signal_send_timer(struct process *p, struct task *t, struct signal_entry *e)
{
	scoped_spin(&p->lock);
	if (e->on != NULL)
		return false;
	(void)send_locked(p, t, &e->info, e); /* with an entry of its own it does not fail */
	return e->on != NULL;
}

void signal_cancel_entry(struct process *p, struct signal_entry *e)
{
	struct signal_entry *other;
	struct signal_pending *q;

	scoped_spin(&p->lock);
	q = e->on;
	if (q == NULL)
		return;
	release_entry(p, e);
	list_foreach(&q->queue, other, link) {
		if (other->info.si_signo == e->info.si_signo)
			return;
	}
	q->set &= ~SIGNAL_BIT(e->info.si_signo);
}

void signal_force(const siginfo_t *info)
{
	struct task *self = task_current();
	struct process *p = self->process;
	uint64_t bit = SIGNAL_BIT(info->si_signo);
	struct sigaction a;

	scoped_spin(&p->lock);
	a = signal_action_get(p->actions, info->si_signo);
	if ((self->blocked & bit) != 0 || a.sa_handler == SIG_IGN) {
		a.sa_handler = SIG_DFL;
		signal_action_set(p->actions, info->si_signo, &a);
		self->blocked &= ~bit;
	}
	(void)send_locked(p, self, info, NULL);
	wake(self); /* though one is queued already, which was blocked when it came */
}

void signal_force_kernel(int sig, int code, uaddr_t addr)
{
	siginfo_t info = { .si_signo = sig, .si_code = code };

	info.si_addr = (void *)addr;
	signal_force(&info);
}

/* ---- taking and looking ---- */

int signal_pending_take(struct task *t, uint64_t mask, siginfo_t *info)
{
	scoped_spin(&t->process->lock);
	return signal_take_locked(t, mask & ~SIGNAL_UNBLOCKABLE, info);
}

uint64_t signal_pending_set(struct task *t)
{
	scoped_spin(&t->process->lock);
	return t->pending.set | t->process->pending.set;
}

bool signal_is_ignored(struct process *p, int sig)
{
	scoped_spin(&p->lock);
	return is_ignored(p, sig);
}

void signal_pending_drop(struct process *p, struct signal_pending *q, uint64_t mask)
{
	scoped_spin(&p->lock);
	drop_locked(p, q, mask);
}

void signal_drop_ignored(struct process *p, int sig)
{
	scoped_spin(&p->lock);
	if (is_ignored(p, sig))
		drop_everywhere(p, SIGNAL_BIT(sig));
}

/* ---- masks ---- */

/* Signals of the process that `self` does not take (any more): whoever can is told. */
static void retarget_locked(struct process *p, const struct task *self, uint64_t set)
{
	struct task *t;

	if ((p->pending.set & set) == 0)
		return;
	list_foreach(&p->tasks, t, process_link) {
		if (t != self && (p->pending.set & set & ~t->blocked) != 0)
			wake(t);
	}
}

void signal_retarget(void)
{
	struct task *self = task_current();

	scoped_spin(&self->process->lock);
	self->blocked = ~0ull;
	retarget_locked(self->process, self, ~0ull);
}

static bool has_deliverable(const struct task *t)
{
	return ((t->pending.set | t->process->pending.set) & ~t->blocked) != 0 ||
	       t->process->stopping;
}

void signal_recheck(void)
{
	struct task *self = task_current();

	scoped_spin(&self->process->lock);
	if (has_deliverable(self))
		wake(self);
}

void signal_mask_set(uint64_t mask)
{
	struct task *self = task_current();
	struct process *p = self->process;

	scoped_spin(&p->lock);
	uint64_t newly_blocked = mask & ~self->blocked;

	self->blocked = mask & ~SIGNAL_UNBLOCKABLE;
	retarget_locked(p, self, newly_blocked);
	if (has_deliverable(self))
		wake(self);
}

int signal_mask_borrow(uaddr_t mask, size_t sigsetsize)
{
	struct task *self = task_current();
	uint64_t set;

	if (mask == 0)
		return 0;
	if (sigsetsize != sizeof(set))
		return -EINVAL;
	if (user_read_struct(&set, mask) != 0)
		return -EFAULT;
	self->saved_mask = self->blocked;
	self->restore_mask = true;
	signal_mask_set(set);
	return 0;
}

void signal_mask_restore(bool interrupted)
{
	struct task *self = task_current();

	if (!self->restore_mask)
		return;
	if (interrupted) {
		thread_set_work(self->thread, THREAD_WORK_SIGNAL);
		return;
	}
	self->restore_mask = false;
	signal_mask_set(self->saved_mask);
}

int signal_actions_unshare(struct process *p)
{
	struct signal_actions *own, *was = p->actions;

	if (!signal_actions_are_shared(was))
		return 0;
	own = signal_actions_new(was);
	if (own == NULL)
		return -ENOMEM;
	spin_lock(&p->lock);
	p->actions = own;
	spin_unlock(&p->lock);
	signal_actions_put(was);
	return 0;
}

void signal_exec_reset(struct task *t)
{
	struct process *p = t->process;

	signal_actions_reset(p->actions);
	t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	t->restore_mask = false;
}
