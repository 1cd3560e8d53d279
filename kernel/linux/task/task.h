/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and processes.
 *
 * A task is one thread of a program as Linux sees it: its id, signals, robust list, rseq area. A
 * process is what the tasks of one thread group share: id, signal actions, shared pending signals,
 * limits, timers, exit status. core/thread.h's struct thread runs the task and owns its
 * credentials, address space and view of the files.
 *
 * Lives. A task and its process are counted. task_lock guards the table of ids and the family
 * links. A task that ends leaves the table and its process at once, and is freed with its last
 * count; the last task of a process ends the process. PID 1's end ends the VM.
 *
 * Locks: task_lock is outermost, then process->lock. Both are spinlocks, taken from interrupts too
 * (timers and the tty send signals).
 */
#pragma once
#include <linux/resource.h>
#include <linux/time_types.h>

#include "arch/percpu.h"
#include "arch/program.h"
#include "arch/trap.h"
#include "core/thread.h"
#include "core/timer.h"
#include "core/waitq.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/types.h"
#include "linux/file/fd.h"

#define NSIG_MAX  64
#define PID_LIMIT 32768 /* as /proc/sys/kernel/pid_max on a small machine */

/* Signals waiting to be taken: a bit each, and the queue that says more. */
struct signal_pending {
	struct list queue; /* [process.lock] struct signal_entry */
	uint64_t set;      /* [process.lock] bit sig - 1 */
};

/* A system call that a signal interrupted and that goes on where it was (ERESTART_RESTARTBLOCK). */
struct restart {
	long (*fn)(struct restart *r); /* NULL: none */
	nsec_t deadline;
	uaddr_t addr, remain;
	uint32_t val, mask;
	unsigned flags;
};

struct task {
	struct ref ref;
	int tid;                  /* [I but for exec] */
	struct thread *thread;    /* [task_lock to write] freed with the task */
	struct process *process;  /* [I] counted */
	struct list process_link; /* [process.lock] */
	struct list id_link;      /* [task_lock] table of ids */
	struct fd_table *fds;     /* [o; others by task_lock] counted */

	uint64_t blocked;              /* [process.lock to write] */
	uint64_t saved_mask;           /* [o] to restore when no handler ran (sigsuspend, ppoll) */
	bool restore_mask;             /* [o] */
	struct signal_pending pending; /* [process.lock] */
	stack_t altstack;              /* [o] */
	struct fault fault;            /* [o] the last one, for the frame of its signal */
	bool has_fault;                /* [o] */
	bool stopped;                  /* [process.lock] parked by job control */

	uaddr_t clear_child_tid;     /* [o] CLONE_CHILD_CLEARTID, set_tid_address */
	uaddr_t set_child_tid;       /* [o] until it starts */
	uaddr_t robust_list;         /* [o; others read] */
	uaddr_t rseq;                /* [o] 0: not registered */
	uint32_t rseq_len, rseq_sig; /* [o] */
	struct restart restart;      /* [o] */
	struct list pi_waiters;      /* [futex_pi.c's mutex] who waits for a PI futex of its */
	int parent_death_signal;     /* [o] prctl */
	nsec_t timer_slack_ns;       /* [o] prctl; kept, not used */
	int ioprio;                  /* [o] kept, not used */
	nsec_t start_ns;             /* [I] */
};

struct rlimit_pair {
	uint64_t soft, hard;
};

/* setitimer(2): REAL runs on the clock; VIRTUAL and PROF on the process's CPU time. */
struct interval_timer {
	struct timer timer;
	struct process *process; /* [I] */
	nsec_t expires;          /* [process.lock] on its clock; 0: off */
	nsec_t interval;         /* [process.lock] */
	int which;               /* [I] */
};

struct process {
	struct ref ref;
	int pid;           /* [I] */
	int parent_pid;    /* [task_lock] 0: none */
	int pgrp, session; /* [task_lock] */
	struct list tasks; /* [lock] */
	unsigned nr_tasks; /* [lock] */
	struct spinlock lock;

	struct sigaction actions[NSIG_MAX]; /* [lock] by sig - 1 */
	struct signal_pending pending;      /* [lock] sent to the process, any task takes them */
	unsigned nr_queued;                 /* [lock] against RLIMIT_SIGPENDING */
	struct waitq signal_wq; /* woken when any signal is sent: sigtimedwait, signalfd */

	bool exiting;           /* [lock] every task must end, with exit_status */
	struct task *exec_task; /* [lock] every task but this one must end */
	int exit_status;        /* [lock] as wait(2) has it */
	struct waitq exit_wq;   /* a task has ended */
	bool stopping;          /* [lock] job control: every task parks */
	int stop_signal;        /* [lock] */
	unsigned nr_stopped;    /* [lock] */
	struct waitq continue_wq;

	struct rlimit_pair limits[RLIM_NLIMITS]; /* [lock] */
	struct interval_timer itimers[3];
	struct list posix_timers;                  /* [lock] */
	int next_timer_id;                         /* [lock] */
	nsec_t dead_cpu_ns;                        /* [lock] of tasks that ended */
	uint64_t dead_voluntary, dead_involuntary; /* [lock] */
	uint64_t max_rss_pages; /* [lock] of address spaces before the last exec */
	nsec_t cpu_limit_next;  /* [lock] when RLIMIT_CPU is looked at again */
	nsec_t start_ns;        /* [I] */

	char *exe_name;       /* [task_lock] what exec was given, for messages */
	unsigned personality; /* [a] */
	int membarriers;      /* [o] what membarrier(2) was registered for */
	bool dumpable, keep_caps, subreaper, did_exec, no_patch; /* [a] prctl */
};

extern struct spinlock task_lock;

static inline struct task *task_current(void)
{
	return thread_current()->task;
}

static inline struct process *process_current(void)
{
	return thread_current()->task->process;
}

/* ---- task.c: making, finding, counting ---- */

/* A process with one task, not yet run by a thread; gives both their ids. NULL = no memory or
 * ids. */
struct task *process_new(struct process *parent);
/* A further task of a process, not yet in it: task_publish() makes it visible. */
struct task *task_new(struct process *p);
void task_publish(struct task *t);
void task_discard(struct task *t); /* of one that was never published */
/* Takes a task that ended out of its process; true: it was the last. exit.c's. */
MUST_CHECK bool task_unpublish(struct task *t);
/* Makes `thread` the one that runs t. */
void task_attach(struct task *t, struct thread *thread);

struct task *task_find(int tid);       /* counted, or NULL */
struct process *process_find(int pid); /* counted, or NULL */
/* After exec: the only task takes the process's id. */
void task_become_leader(struct task *t);
/* Counted, or NULL when it has ended; for procfs. The last is never NULL. */
struct vmspace *process_vmspace(struct process *p);
struct fd_table *task_fds(struct task *t);
struct fs_view *task_fs_view(struct task *t);
struct cred *task_cred(struct task *t);
struct task *task_get(struct task *t);
void task_put(struct task *t);
struct process *process_get(struct process *p);
void process_put(struct process *p);
/* Counted. After NULL: the first. The next higher process id. */
struct process *process_next(int after_pid);
struct task *process_leader(struct process *p); /* counted; any task if the leader ended; or NULL */
nsec_t process_cpu_time(struct process *p);     /* of all its tasks, dead ones too */
void process_usage(struct process *p, struct rusage *out);
uint64_t process_limit(struct process *p, unsigned resource); /* the soft one */
/* A new process's limits: what Linux gives to init, for this much memory. */
void process_limits_init(struct process *p);
/* Tells the address space of its limits. */
void process_limits_apply(struct process *p, struct vmspace *vs);

/* ---- exit.c ---- */

/* The current task ends. `status` counts when it is the last. */
NORETURN void task_exit(int wait_status);
/* Every task of the current process must end; the current one ends here. */
NORETURN void process_exit(int wait_status);
/* The same from outside, or when the caller still has to return: tasks notice on their way out. */
void process_kill(struct process *p, int wait_status);
/* exec: ends all other tasks of the process and waits for them. -EAGAIN: somebody else does so,
 * or it exits. */
MUST_CHECK int process_become_single(void);

#define WAIT_STATUS_EXIT(code)  (((code)&0xff) << 8)
#define WAIT_STATUS_SIGNAL(sig) ((sig)&0x7f)
