/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU's own state: FPU registers across preemption, interrupts off, many timers, guard
 * pages. */
#include "arch/mmu.h"
#include "ktest.h"
#include "mm/alloc/kmem.h"
#include "mm/vmspace.h"

#define MS           1000000ll
#define NR_WORKERS   3
#define NR_REGISTERS 8
#define NR_TIMERS    400

/* ---- the FPU ---- */

struct fpu_worker {
	uint64_t before[NR_REGISTERS * 2], after[NR_REGISTERS * 2];
	uint32_t mxcsr_before, mxcsr_after;
	struct thread *thread;
	volatile bool stop;
};

/*
 * One block, since the compiler knows nothing of these registers: load, spin, look. The kernel's C
 * uses none of them, so whatever changes them is a switch that lost them.
 */
static void hold_registers(struct fpu_worker *w)
{
	__asm__ volatile("ldmxcsr %[mxcsr_in]\n\t"
			 "movups (%[in]), %%xmm0\n\tmovups 16(%[in]), %%xmm1\n\t"
			 "movups 32(%[in]), %%xmm2\n\tmovups 48(%[in]), %%xmm3\n\t"
			 "movups 64(%[in]), %%xmm4\n\tmovups 80(%[in]), %%xmm5\n\t"
			 "movups 96(%[in]), %%xmm14\n\tmovups 112(%[in]), %%xmm15\n"
			 "1:\tpause\n\tcmpb $0, %[stop]\n\tje 1b\n\t"
			 "movups %%xmm0, (%[out])\n\tmovups %%xmm1, 16(%[out])\n\t"
			 "movups %%xmm2, 32(%[out])\n\tmovups %%xmm3, 48(%[out])\n\t"
			 "movups %%xmm4, 64(%[out])\n\tmovups %%xmm5, 80(%[out])\n\t"
			 "movups %%xmm14, 96(%[out])\n\tmovups %%xmm15, 112(%[out])\n\t"
			 "stmxcsr %[mxcsr_out]"
			 : [mxcsr_out] "=m"(w->mxcsr_after)
			 : [in] "r"(w->before), [out] "r"(w->after),
			   [mxcsr_in] "m"(w->mxcsr_before), [stop] "m"(w->stop)
			 : "memory", "cc");
}

static void fpu_work(void *arg)
{
	struct thread *self = thread_current();
	struct fpu_worker *w = arg;
	void *area;

	hold_registers(w);
	cpu_irq_disable();
	area = self->context.fpu;
	self->context.fpu = NULL;
	cpu_irq_enable();
	fpu_free(area);
	ktest_finish();
}

static bool all_were_preempted(const struct fpu_worker *workers)
{
	for (unsigned i = 0; i < NR_WORKERS; i++) {
		if (READ_ONCE(workers[i].thread->nr_involuntary) <= 2)
			return false;
	}
	return true;
}

KTEST(fpu_registers_survive_preemption)
{
	static struct fpu_worker workers[NR_WORKERS];
	bool preempted;

	ktest_finished = 0;
	for (unsigned i = 0; i < NR_WORKERS; i++) {
		struct fpu_worker *w = &workers[i];
		struct thread *t = thread_new("fpu", fpu_work, w);

		KCHECK(t != NULL);
		*w = (struct fpu_worker){ .mxcsr_before = 0x1f80 | i << 13, .thread = t };
		for (unsigned k = 0; k < NR_REGISTERS * 2; k++)
			w->before[k] = ktest_random();
		t->context.fpu = fpu_new();
		KCHECK(t->context.fpu != NULL);
		t->affinity = 1; /* one CPU, or nobody is preempted */
		thread_start(t);
	}
	preempted = ktest_wait(all_were_preempted(workers));
	for (unsigned i = 0; i < NR_WORKERS; i++)
		workers[i].stop = true;
	KCHECK(ktest_join(NR_WORKERS) == 0);
	KCHECK(preempted);
	for (unsigned i = 0; i < NR_WORKERS; i++) {
		KCHECK(workers[i].mxcsr_after == workers[i].mxcsr_before);
		for (unsigned k = 0; k < NR_REGISTERS * 2; k++)
			KCHECK(workers[i].after[k] == workers[i].before[k]);
	}
}

/* ---- interrupts and preemption off ---- */

struct counter {
	struct timer timer;
	unsigned count, expected;
	bool early;
};

static void count_up(struct timer *t)
{
	struct counter *c = container_of(t, struct counter, timer);

	c->early |= clock_monotonic() < t->deadline;
	c->count++;
}

static void spin_for(nsec_t ns)
{
	nsec_t end = clock_monotonic() + ns;

	while (clock_monotonic() < end)
		cpu_relax();
}

/* Interrupts off: the hardware is set at once, though they do not go on again yet. */
static void arm_with_interrupts_off(struct counter *c)
{
	timer_init(&c->timer, count_up);
	cpu_irq_disable();
	timer_arm(&c->timer, clock_monotonic() + MS);
	ipi_pay_dues(cpu_this());
}

KTEST(no_interrupt_while_they_are_off)
{
	struct counter c = { .count = 0 };
	unsigned while_off;

	arm_with_interrupts_off(&c);
	spin_for(5 * MS);
	while_off = READ_ONCE(c.count);
	cpu_irq_enable();
	KCHECK(ktest_spin(READ_ONCE(c.count) != 0));
	KCHECK(while_off == 0);
	KCHECK(c.count == 1);
}

/* What is pending already must come in, not only end the wait: an idle CPU would wait for ever. */
KTEST(a_wait_lets_in_what_came_before_it)
{
	struct counter c = { .count = 0 };
	bool came;

	arm_with_interrupts_off(&c);
	spin_for(5 * MS);
	came = KTEST_UNTIL(READ_ONCE(c.count) != 0, cpu_wait_irq()); /* others end a wait too */
	cpu_irq_enable();
	timer_cancel(&c.timer);
	KCHECK(came && c.count == 1);
}

static volatile bool stop_counting;
static volatile uint64_t counted;

static void count_on(void *arg)
{
	(void)arg;
	while (!stop_counting)
		counted++;
	ktest_finish();
}

KTEST(no_switch_while_preemption_is_off)
{
	struct thread *t = thread_new("counter", count_on, NULL);
	bool began, goes_on;
	uint64_t before, after;

	KCHECK(t != NULL);
	ktest_finished = 0;
	stop_counting = false;
	counted = 0;
	KCHECK(thread_set_affinity(thread_current(), 1) == 0);
	t->affinity = 1;
	thread_start(t);
	began = ktest_wait(counted > 0);
	preempt_disable();
	before = counted;
	spin_for(20 * MS);
	after = counted;
	preempt_enable();
	goes_on = ktest_wait(counted > after);
	stop_counting = true;
	KCHECK(ktest_join(1) == 0);
	KCHECK(thread_set_affinity(thread_current(), ~0ull) == 0);
	KCHECK(began && before == after && goes_on);
}

/* ---- timers ---- */

static unsigned nr_missing(const struct counter *c)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < NR_TIMERS; i++)
		nr += READ_ONCE(c[i].count) < c[i].expected;
	return nr;
}

/* A third are cancelled again, a third moved; the rest and those that moved fire once, not early.
 * Where the host was away for so long, one fires before that: then it was not armed any more. */
KTEST(many_timers_at_once)
{
	struct counter *c = kmem_new_array(struct counter, NR_TIMERS);
	nsec_t begin = clock_monotonic() + 20 * MS;
	unsigned nr_wrong = 0;

	KCHECK(c != NULL);
	for (unsigned i = 0; i < NR_TIMERS; i++) {
		timer_init(&c[i].timer, count_up);
		timer_arm(&c[i].timer, begin + (nsec_t)(ktest_random() % (20 * MS)));
	}
	for (unsigned i = 0; i < NR_TIMERS; i++)
		c[i].expected = i % 3 == 2 || !timer_cancel(&c[i].timer);
	for (unsigned i = 1; i < NR_TIMERS; i += 3) {
		timer_arm(&c[i].timer, begin + (nsec_t)(ktest_random() % (20 * MS)));
		c[i].expected++;
	}
	thread_sleep_until(begin + 30 * MS);
	(void)ktest_wait(nr_missing(c) == 0);
	for (unsigned i = 0; i < NR_TIMERS; i++)
		nr_wrong += c[i].early || c[i].count != c[i].expected;
	kmem_free(c);
	KCHECK(nr_wrong == 0);
}

/* ---- stacks ---- */

#define NR_STACKS 20

static bool is_guarded(const struct mmu_space *s, vaddr_t base)
{
	struct mmu_entry e;

	if (mmu_lookup(s, base - PAGE_SIZE, &e))
		return false;
	for (vaddr_t va = base; va < base + KSTACK_SIZE; va += PAGE_SIZE) {
		if (!mmu_lookup(s, va, &e) || (e.prot & MMU_EXEC) != 0)
			return false;
	}
	return true;
}

/* More of them than are kept for the next thread, so that some are new and some are really given
 * back. */
KTEST(kernel_stacks_have_guard_pages)
{
	struct vmspace *vs = vmspace_new();
	vaddr_t stacks[NR_STACKS];
	unsigned nr_guarded = 0;

	KCHECK(vs != NULL);
	for (unsigned i = 0; i < NR_STACKS; i++) {
		stacks[i] = kstack_new();
		KCHECK(stacks[i] != 0);
	}
	for (unsigned i = 0; i < NR_STACKS; i++)
		nr_guarded += is_guarded(&vs->mmu, stacks[i]);
	nr_guarded += is_guarded(&vs->mmu, thread_current()->kstack_base);
	for (unsigned i = 0; i < NR_STACKS; i++)
		kstack_free(stacks[i]);
	vmspace_put(vs);
	KCHECK(nr_guarded == NR_STACKS + 1);
}
