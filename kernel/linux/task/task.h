/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and processes.
 *
 * A task is one thread of a program as Linux sees it: its id, signals, robust list, rseq area. A
 * process is what the tasks of one thread group share: id, signal actions, shared pending signals,
 * limits, timers, exit status. core/sched/thread.h's struct thread runs the task and owns its
 * credentials, address space and view of the files.
 *
 * Lives. A task and its process are counted. task_lock guards the tables of ids and the family
 * links. A task that ends leaves the table and its process at once, and is freed with its last
 * count; the last task of a process ends the process, which stays in the table as a zombie until
 * its parent waited for it (family.h). PID 1's end ends the VM.
 *
 * Locks: task_lock is outermost, then process->lock, one at a time. Both are spinlocks, taken from
 * interrupts too (timers and the tty send signals).
 */
#pragma once
#include <linux/resource.h>
#include <linux/time_types.h>

#include "arch/percpu.h"
#include "arch/program.h"
#include "arch/trap.h"
#include "core/sched/thread.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/types.h"
#include "linux/file/fd.h"
#include "linux/signal/actions.h"
#include "mm/vmspace.h"

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
	bool borrows_memory; /* [a] vfork(2): its parent waits until it has its own, or none */

	uaddr_t clear_child_tid;       /* [o] CLONE_CHILD_CLEARTID, set_tid_address */
	uaddr_t set_child_tid;         /* [o] until it starts */
	uaddr_t robust_list;           /* [o; others read] */
	uaddr_t rseq;                  /* [o] 0: not registered */
	uint32_t rseq_len, rseq_sig;   /* [o] */
	struct restart restart;        /* [o] */
	struct list pi_locks;          /* [futex_pi.c's mutex] PI futexes of its that others want */
	struct futex_waiter *pi_waits; /* [futex_pi.c's mutex] waiting for a PI futex, or NULL */
	bool pi_gone;                  /* [futex_pi.c's mutex] it ends: nobody may wait for it */
	int parent_death_signal;       /* [o] prctl */
	bool exceeds_nproc;            /* [o] setuid(2) went over RLIMIT_NPROC: exec looks again */
	bool no_new_privs;             /* [a] prctl; seccomp of another task may set it */
	uint8_t seccomp_mode;          /* [task_lock to write] SECCOMP_MODE_* */
	struct seccomp_filter *seccomp; /* [task_lock to write] counted (seccomp.h); NULL: none */
	struct vm_policy mempolicy;     /* [o] set_mempolicy(2); kept, as there is one node */
	bool reset_on_fork;             /* [a] SCHED_RESET_ON_FORK */
	bool io_flusher;                /* [o] prctl; kept, not used */
	uint8_t mce_kill;               /* [o] prctl; kept, not used */
	int ioprio;                     /* [o] kept, not used */
	struct sem_undo_list *sem_undo; /* [o] counted (ipc/sem_undo.h); NULL: none yet */
	struct uring_task *uring;       /* [o] counted (uring/uring.h); NULL: none */
	nsec_t start_ns;                /* [I] */
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

/* What tasks and address spaces that are gone have used. */
struct usage {
	nsec_t cpu_ns;
	uint64_t nr_voluntary, nr_involuntary; /* switches */
	uint64_t nr_minor_faults, nr_major_faults;
	uint64_t max_rss_pages;
};

struct process {
	struct ref ref;
	int pid;                /* [I] once published */
	uint32_t uid;           /* [a] real user id of the task that changed it last */
	int parent_pid;         /* [task_lock] 0: none */
	int pgrp, session;      /* [task_lock] */
	uint64_t terminal;      /* [a] its bond with one (fs/tty/port.h); 0: none */
	struct process *parent; /* [task_lock] not counted; NULL: nobody waits for it */
	int parent_tid;         /* [task_lock] the task that made it, while that lives */
	struct list children;   /* [task_lock] by sibling */
	struct list sibling;    /* [task_lock] */
	struct list table_link; /* [task_lock] table of process ids; counted */
	struct list all_link;   /* [task_lock] every process, oldest first */
	bool zombie;            /* [task_lock] it ended, and nobody has waited for it */
	int exit_signal;        /* [a] what tells the parent of its end; no signal: nothing */
	struct cred *dead_cred; /* [task_lock] of a zombie, counted */
	char dead_name[THREAD_NAME_MAX]; /* [task_lock] of a zombie */
	int oom_score_adj;               /* [a] kept, not used */
	struct waitq child_wq;           /* woken when a child ends, stops or goes on */
	struct usage child_usage; /* [task_lock] of children that were waited for, and theirs */
	struct list tasks;        /* [lock] */
	unsigned nr_tasks;        /* [lock] */
	unsigned nr_staying;      /* [lock] tasks that have not begun to end */
	struct spinlock lock;

	struct signal_actions *actions; /* [lock; its own tasks read] counted; NULL: it is gone */
	struct signal_pending pending;  /* [lock] sent to the process, any task takes them */
	struct waitq signal_wq;         /* woken when any signal is sent: sigtimedwait, signalfd */

	bool exiting;           /* [lock] every task must end, with exit_status */
	struct task *exec_task; /* [lock] every task but this one must end */
	int exit_status;        /* [lock] as wait(2) has it */
	struct waitq exit_wq;   /* a task has ended */
	bool stopping;          /* [lock] job control: every task parks */
	bool stop_taken;        /* [lock] a task took a stop signal and no SIGCONT came since */
	int stop_signal;        /* [lock] */
	unsigned nr_stopped;    /* [lock] */
	bool stop_reported;     /* [lock] the parent was told of this stop */
	bool stop_waited;       /* [lock] and has waited for it */
	bool continued;         /* [lock] it went on, and the parent has not waited for that */
	bool tell_continued;    /* [lock] the parent is to be told of it */
	struct waitq continue_wq;

	struct rlimit_pair limits[RLIM_NLIMITS]; /* [lock] */
	struct interval_timer itimers[3];
	struct list posix_timers; /* [lock] */
	int next_timer_id;        /* [lock] */
	struct usage dead; /* [lock] of tasks that ended and address spaces before the last exec */
	struct timer cpu_timer; /* cpu_limit.c: watches RLIMIT_CPU and RLIMIT_RTTIME */
	nsec_t start_ns;        /* [I] */

	char *exe_name;       /* [task_lock] what exec was given, for messages */
	unsigned personality; /* [a] */
	int membarriers;      /* [a] what membarrier(2) was registered for */
	bool dumpable, subreaper, thp_disable, did_exec, no_patch; /* [a] prctl */
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
/* Of one that nobody has seen yet: another id than the next free one (clone3(2), set_tid). -EINVAL,
 * -EEXIST. */
MUST_CHECK int task_choose_id(struct task *t, int tid);
/* Makes a task visible, and with its first task a process: the current one's child, or its sibling.
 * -ERESTARTNOINTR: the current task has a signal to take first, which the new one might miss. */
MUST_CHECK int task_publish(struct task *t, bool is_sibling);
void task_publish_first(struct task *t); /* PID 1 */
unsigned task_nr_alive(void);            /* of all processes, zombies not counted */
unsigned task_nr_made(void);             /* since the start */
int task_last_id(void);                  /* the id given last */
unsigned task_count_user(uint32_t uid);  /* tasks of this real user id */
void task_discard(struct task *t);       /* of one that was never published */
/* Takes a task that ended out of its process; true: it was the last. exit.c's. */
MUST_CHECK bool task_unpublish(struct task *t);
/* A process leaves the table for good. With task_lock held; its count is the caller's then. */
void process_unpublish_locked(struct process *p);
/* With task_lock held. */
void process_set_groups_locked(struct process *p, int pgrp, int session);
/* Makes `thread` the one that runs t. */
void task_attach(struct task *t, struct thread *thread);

struct task *task_find(int tid);              /* counted, or NULL */
struct task *task_find_locked(int tid);       /* not counted, with task_lock held */
struct process *process_find(int pid);        /* counted, or NULL; zombies too */
struct process *process_find_locked(int pid); /* not counted, with task_lock held */
extern struct list process_list;              /* [task_lock] every process, by all_link */
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
void process_usage_get(struct process *p, struct usage *out); /* without its children */
void usage_add(struct usage *to, const struct usage *u);
void usage_to_rusage(const struct usage *u, struct rusage *out);
void process_usage(struct process *p, struct rusage *out);
/* The current task leaves an address space: what it used is kept. */
void process_usage_keep(struct process *p, struct vmspace *vs);
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
/* With the address space still there: robust futexes, the cleared id (if it is shared). */
void task_leave_memory(struct task *t);
/* A task that borrowed its parent's memory (vfork) has its own now, or ends. False: it did not. */
bool task_return_memory(struct task *t);
/* exec: ends all other tasks of the process and waits for them. -EAGAIN: somebody else does so,
 * or it exits. */
MUST_CHECK int process_become_single(void);

#define WAIT_STATUS_EXIT(code)  (((code)&0xff) << 8)
#define WAIT_STATUS_SIGNAL(sig) ((sig)&0x7f)
