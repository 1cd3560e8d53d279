/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads and the scheduler. A thread is what runs: a kernel stack, a saved context, a place in a
 * run queue. What makes it part of a Linux process (task, credentials, view of the files, address
 * space) hangs off it and is owned by the layers above.
 *
 * States: NEW -> RUNNABLE <-> RUNNING -> SLEEPING -> RUNNABLE ...; RUNNING -> DEAD. thread_wake()
 * moves SLEEPING to RUNNABLE and does nothing in any other state. There are several CPUs, and a
 * thread changes its CPU where it may be switched away from. The kernel is preemptive: an
 * interrupt may switch threads wherever no spinlock is held and preemption is not off.
 */
#pragma once
#include "arch/context.h"
#include "arch/percpu.h"
#include "core/smp/cpu.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/tree.h"

#define KSTACK_SIZE     (16 * 1024ul)
#define THREAD_NAME_MAX 16
#define THREAD_SLACK_NS (50 * 1000ll) /* of programs, by default: as Linux */

enum thread_state { THREAD_NEW, THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SLEEPING, THREAD_DEAD };

/* Bits of thread->work: why the way out of the kernel must call program_exit_work(). */
enum thread_work {
	/* a signal may be deliverable; also interrupts WAIT_INTERRUPTIBLE */
	THREAD_WORK_SIGNAL = 1 << 0,
	THREAD_WORK_RESCHED = 1 << 1,
	THREAD_WORK_KILLED = 1 << 2, /* must die; also interrupts WAIT_KILLABLE */
	THREAD_WORK_TRACE = 1 << 3,  /* strace prints this thread's calls; checked at entry */
	THREAD_WORK_OTHER = 1 << 4,  /* the personality's own */
};

enum sched_policy {
	SCHED_POLICY_FAIR = 0,
	SCHED_POLICY_FIFO = 1,
	SCHED_POLICY_RR = 2,
	SCHED_POLICY_BATCH = 3,
	SCHED_POLICY_IDLE = 5
};

struct thread {
	struct context context;            /* [o] */
	unsigned work;                     /* [a] enum thread_work */
	unsigned preempt_work;             /* [o] bits for `work` whenever it is preempted */
	bool checks_calls;                 /* [a] the personality looks at each system call first */
	bool nowait;                       /* [o] its interruptible waits end at once: -EAGAIN */
	bool interruptible;                /* [o] it sleeps until a signal at the latest */
	enum thread_state state;           /* [rq.lock] */
	vaddr_t kstack_base;               /* [I] lowest usable; a guard page is below; 0: freed */
	struct cpu *cpu;                   /* [rq.lock] where it runs or ran last */
	struct list rq_link;               /* [rq.lock] realtime */
	struct tree_node rq_node;          /* [rq.lock] fair */
	bool queued;                       /* [rq.lock] */
	bool moving;                       /* [rq.lock] from one queue to another: in neither */
	enum sched_policy policy;          /* [rq.lock] */
	int nice, rt_priority;             /* [rq.lock] */
	int boost;                         /* [rq.lock] real-time level lent to it; 0: none */
	uint32_t weight;                   /* [rq.lock] of nice: 1024 at 0 */
	void (*entry)(void *);             /* [I] */
	void *arg;                         /* [I] */
	void (*release)(struct thread *t); /* [o] from thread_exit */
	uint64_t virtual_ns;               /* [rq.lock] */
	uint64_t affinity;                 /* [rq.lock] bit per CPU; others may be set */
	nsec_t run_start_ns;               /* [o] since when it runs */
	nsec_t run_ns;                     /* [o] CPU time used */
	nsec_t woke_ns, burst_ns; /* [o] run_ns when it last woke; what it runs between sleeps */
	uint64_t nr_voluntary, nr_involuntary; /* [o] switches */
	nsec_t slack_ns; /* [o] by so much a wait may end late: saves wake-ups; not when realtime */
	struct vmspace *vmspace;    /* [o] NULL: kernel thread */
	struct cred *cred;          /* [o] counted (core/cred.h) */
	struct fs_view *fs_view;    /* [o] counted (fs/vfs.h) */
	struct task *task;          /* [I] Linux's own part, or NULL */
	char name[THREAD_NAME_MAX]; /* [a] */
#ifdef DEBUG
	struct mutex *held_mutexes[16]; /* [o] core/sync/lockcheck.c's */
	unsigned nr_held_mutexes;
#endif
};

/* -> NULL = no memory. The thread is NEW: set its fields, then thread_start. */
struct thread *thread_new(const char *name, void (*entry)(void *), void *arg);
void thread_start(struct thread *t);
/* Frees a thread that was never started, or whose release(t) keeps it for later. */
void thread_discard(struct thread *t);
void thread_free_stack(struct thread *t); /* of one that ended, for release(t) */
/* The current thread ends; its stack and struct are freed by the scheduler after `release(t)`
 * ran. */
NORETURN void thread_exit(void (*release)(struct thread *t));
/* Makes t runnable if it sleeps. Any context. */
bool thread_wake(struct thread *t); /* true: it slept */
void thread_yield(void);
void thread_sleep_until(nsec_t deadline); /* uninterruptible */
/* Sets bits in t->work and, if they interrupt its sleep, wakes it. */
void thread_set_work(struct thread *t, unsigned bits);
void thread_clear_work(struct thread *t, unsigned bits);
bool thread_has_signal(const struct thread *t); /* SIGNAL or KILLED is set */
nsec_t thread_cpu_time(const struct thread *t); /* up to now */
void thread_set_sched(struct thread *t, enum sched_policy policy, int nice, int rt_priority);
/* Bits above nr_cpus are fine; -EINVAL: no CPU that is there. It moves at once where it may. */
MUST_CHECK int thread_set_affinity(struct thread *t, uint64_t mask);
/* Priority inheritance: t runs at this real-time level (1..99) if its own is lower; 0 ends it. */
void thread_boost(struct thread *t, int level);
int thread_level(const struct thread *t); /* its own or lent real-time level; 0: fair */

/* The program's registers: at the top of its kernel stack. */
struct trap_frame *thread_frame(const struct thread *t);

void preempt_disable(void);
void preempt_enable(void); /* may switch */

/* The rest is for the wait queues, the interrupt return path and boot. */
void sched_sleep(void);        /* gives the CPU up if state is still SLEEPING */
void sched_set_sleeping(void); /* the current thread; thread_wake undoes it */
void sched_clear_sleeping(void);
void sched_kicked(void);      /* from an interrupt of another CPU's, before sched_preempt_irq */
void sched_preempt_irq(void); /* interrupts off: what cpu.attention asks for */
void sched_switch_space(
	struct vmspace *vs); /* the current thread's address space becomes vs (exec) */
void sched_init_cpu(struct cpu *cpu);
NORETURN void sched_idle(void);
