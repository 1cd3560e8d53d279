/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a thread: made, started, ended. The stack of a thread that ends is still in use until
 * the switch away from it, so the next thread on that CPU frees it (sched.c: cpu->reap).
 */
#include "core/sched/thread.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "core/cred.h"
#include "core/panic.h"
#include "core/sync/waitq.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define NEW_BURST_NS (1000 * 1000ll) /* until it has shown otherwise, it works */

struct thread *thread_new(const char *name, void (*entry)(void *), void *arg)
{
	struct thread *t = kmem_new(struct thread);

	if (t == NULL)
		return NULL;
	t->kstack_base = kstack_new();
	if (t->kstack_base == 0) {
		kmem_free(t);
		return NULL;
	}
	string_copy(t->name, name, sizeof(t->name));
	t->state = THREAD_NEW;
	t->cpu = cpu_this();
	list_init(&t->rq_link);
	t->affinity = ~0ull;
	t->burst_ns = NEW_BURST_NS;
	t->weight = 1024;
	t->slack_ns = THREAD_SLACK_NS;
	t->entry = entry;
	t->arg = arg;
	return t;
}

void thread_free_stack(struct thread *t)
{
	if (t->kstack_base != 0)
		kstack_free(t->kstack_base);
	t->kstack_base = 0;
}

void thread_discard(struct thread *t)
{
	assert(t->state == THREAD_NEW || t->state == THREAD_DEAD);
	thread_free_stack(t);
	kmem_free(t);
}

struct trap_frame *thread_frame(const struct thread *t)
{
	return (struct trap_frame *)(t->kstack_base + KSTACK_SIZE - sizeof(struct trap_frame));
}

void thread_clear_work(struct thread *t, unsigned bits)
{
	atomic_and(&t->work, ~bits);
}

bool thread_has_signal(const struct thread *t)
{
	return (atomic_load(&t->work) & (THREAD_WORK_SIGNAL | THREAD_WORK_KILLED)) != 0;
}

void thread_sleep_until(nsec_t deadline)
{
	struct waitq nobody = WAITQ_INIT(nobody);

	wait_event(&nobody, false, WAIT_UNINTERRUPTIBLE, deadline);
}
