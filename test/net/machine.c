/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernel/net/net.c asks of core/ beside world.c's: one CPU, and threads that never start. */
#include <string.h>

#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "net/ip/ip.h"

static struct cpu one_cpu;
struct cpu *fake_cpu = &one_cpu;
struct thread *fake_thread;
unsigned nr_cpus = 1;

void preempt_disable(void)
{
}

void preempt_enable(void)
{
}

void waitq_init(struct waitq *q)
{
	(void)q;
}

void waitq_wake_all(struct waitq *q, unsigned key)
{
	(void)q, (void)key;
}

void wait_begin(struct waitq *q, struct wait_entry *e)
{
	(void)q, (void)e;
}

int wait_sleep(enum wait_flags flags, nsec_t deadline)
{
	(void)flags, (void)deadline;
	return 0;
}

void wait_end(struct waitq *q, struct wait_entry *e)
{
	(void)q, (void)e;
}

struct thread *thread_new(const char *name, void (*fn)(void *), void *arg)
{
	(void)name, (void)fn, (void)arg;
	return NULL;
}

void thread_start(struct thread *t)
{
	(void)t;
}

void thread_discard(struct thread *t)
{
	(void)t;
}

void mutex_lock(struct mutex *m)
{
	(void)m;
}

void mutex_unlock(struct mutex *m)
{
	(void)m;
}

/* Sockets' parts. */

__attribute__((weak)) void raw_input(struct net *net, const struct netbuf *b)
{
	(void)net, (void)b;
}

__attribute__((weak)) void raw_error(struct net *net, const struct ip_error *e)
{
	(void)net, (void)e;
}
