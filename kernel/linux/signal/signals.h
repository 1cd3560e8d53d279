/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals (signal(7)): sending, choosing who takes one, and taking it.
 *
 * A signal is sent to a process (any task may take it) or to one task. It is thrown away at once
 * when its action is to be ignored and nobody blocks it; else it is queued: one of each standard
 * kind, any number of real-time ones up to RLIMIT_SIGPENDING. Whoever may take it gets
 * THREAD_WORK_SIGNAL, which ends an interruptible wait and leads to signal_deliver() on the way
 * out of the kernel.
 *
 * THREAD_WORK_SIGNAL stays set until the task looked on its way out and found nothing to do: a
 * call that returns -ERESTART* therefore always passes through signal_deliver().
 */
#pragma once
#include <asm/siginfo.h>
#include <linux/signal.h>

#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct task;
struct process;
struct signal_pending;
struct posix_timer;
struct signal_pending;
struct trap_frame;
struct fault;

#define SIGNAL_BIT(sig)    (1ull << ((sig)-1))
#define SIGNAL_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNAL_STOPS \
	(SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNAL_SYNCHRONOUS \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | \
	 SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

struct signal_entry {
	struct list link; /* [process.lock] on a queue; on itself: free */
	siginfo_t info;
	struct posix_timer *timer; /* embedded in it; NULL: allocated */
	struct signal_pending *on; /* [process.lock] the queue that it is on, or NULL */
	uint32_t uid;              /* [I] whose count of signals it is in */
};

/* ---- signals.c: any context unless said ---- */

void signal_pending_init(struct signal_pending *q);
/* Throws away what is queued of `mask`. */
void signal_pending_drop(struct process *p, struct signal_pending *q, uint64_t mask);
/* To a process (any task), or to one task. 0, or -EAGAIN when a queue limit is reached. */
int signal_send_process(struct process *p, const siginfo_t *info);
int signal_send_task(struct task *t, const siginfo_t *info);
/* From the kernel: si_code SI_KERNEL; to a process group. */
void signal_send_kernel(struct process *p, int sig);
void signal_send_group(int pgrp, int sig);
void signal_send_group_locked(int pgrp, int sig); /* with task_lock held */
/* A timer's own entry; false: it is queued already (an overrun). process->lock must not be held. */
bool signal_send_timer(struct process *p, struct task *t, struct signal_entry *e);
/* Takes a timer's entry off whatever queue it is on. */
void signal_cancel_entry(struct process *p, struct signal_entry *e);
/* To the current task, for what it just did; a handler that is blocked or ignored is reset:
 * SIGSEGV kills then. */
void signal_force(const siginfo_t *info);
void signal_force_kernel(int sig, int code, uaddr_t addr);

/* Takes one pending signal of `mask` (of the task first, then the process), whatever is blocked.
 * 0: none. signalfd and sigtimedwait. */
int signal_pending_take(struct task *t, uint64_t mask, siginfo_t *info);
int signal_take_locked(struct task *t, uint64_t mask, siginfo_t *info);
/* What is pending for t, blocked or not: bit sig - 1. */
uint64_t signal_pending_set(struct task *t);
/* Changes the current task's mask; new deliverable signals are noticed. */
void signal_mask_set(uint64_t mask);
/* A mask for the length of a call (ppoll, epoll_pwait, sigsuspend): user pointer 0 means none.
 * After the call, signal_mask_restore(interrupted): when a signal ended it the mask goes back
 * after the handler. */
MUST_CHECK int signal_mask_borrow(uaddr_t mask, size_t sigsetsize);
void signal_mask_restore(bool interrupted);
/* Sets THREAD_WORK_SIGNAL for the current task if there is something for it to take. */
void signal_recheck(void);
/* A new action: what is pending and ignored now goes. */
void signal_drop_ignored(struct process *p, int sig);
/* The current task will not take signals any more: others are told of those of the process. */
void signal_retarget(void);
/* The current process, which has no other task, has a table of actions of its own from now on. */
MUST_CHECK int signal_actions_unshare(struct process *p);
/* exec: handlers back to default, altstack off. */
void signal_exec_reset(struct task *t);
bool signal_is_ignored(struct process *p, int sig); /* by SIG_IGN or by default */
const char *signal_name(int sig);                   /* "SIGSEGV", "SIGRT_3" */

/* ---- signal_deliver.c ---- */

/* On the way out of the kernel: takes what is pending, makes f run a handler, stops, or ends the
 * process. */
void signal_deliver(struct trap_frame *f);
/* The process continues after a stop (SIGCONT, SIGKILL); process->lock is held. */
void signal_continue_locked(struct process *p);

/* Every task of p is parked: the parent, or for PID 1 the host, is told. */
void signal_report_stop(struct process *p);

/* ---- signal_calls.c ---- */

/* The siginfo of kill(2) and its like: from the current process. */
void signal_fill_sender(siginfo_t *info, int sig, int code);
/* A siginfo that the program made, for target_pid. -EFAULT, -EPERM: it pretends to be another's. */
MUST_CHECK int signal_read_info(siginfo_t *info, uaddr_t from, int sig, int target_pid);
/* kill(2): with its permission check; signal 0 does nothing else. -ESRCH, -EPERM, -EAGAIN. */
MUST_CHECK int signal_send_checked(struct process *p, const siginfo_t *info, int sig);

/* ---- fault.c ---- */

/* One line for the user: what killed the program, and where. */
void fault_report(const struct trap_frame *f, const siginfo_t *info);
