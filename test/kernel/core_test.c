/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads, wait queues, mutexes and timers as they behave on a real CPU. */
#include "core/sync/mutex.h"
#include "core/sync/waitq.h"
#include "ktest.h"
#include "lib/errno.h"

#define MS 1000000ll

/* ---- threads ---- */

static void run_once(void *arg)
{
	atomic_add((unsigned *)arg, 1);
	ktest_finish();
}

KTEST(threads_start_and_end)
{
	unsigned ran = 0;

	for (unsigned round = 0; round < 20; round++) {
		ktest_finished = 0;
		for (unsigned i = 0; i < 10; i++) {
			struct thread *t = thread_new("once", run_once, &ran);

			KCHECK(t != NULL);
			thread_start(t);
		}
		KCHECK(ktest_join(10) == 0);
	}
	KCHECK(ran == 200);
}

static bool stop_spinning;

static void spin(void *arg)
{
	while (!READ_ONCE(stop_spinning))
		++*(volatile uint64_t *)arg;
	ktest_finish();
}

static bool both_get_on(const uint64_t *counts)
{
	uint64_t a = READ_ONCE(counts[0]), b = READ_ONCE(counts[1]);

	return a > 0 && b > 0 && a / 8 < b && b / 8 < a;
}

/* Two threads that never give the CPU up both get on: the slice timer preempts them. */
KTEST(threads_are_preempted)
{
	uint64_t counts[2] = { 0, 0 };
	bool both;

	ktest_finished = 0;
	stop_spinning = false;
	for (unsigned i = 0; i < 2; i++) {
		struct thread *t = thread_new("spin", spin, &counts[i]);

		KCHECK(t != NULL);
		t->affinity = 1; /* on one CPU, both */
		thread_start(t);
	}
	thread_sleep_until(clock_monotonic() + 240 * MS);
	both = ktest_wait(both_get_on(counts));
	WRITE_ONCE(stop_spinning, true);
	KCHECK(ktest_join(2) == 0);
	KCHECK(both);
}

/* ---- waiting ---- */

KTEST(wait_times_out_on_time)
{
	struct waitq q = WAITQ_INIT(q);
	nsec_t before = clock_monotonic();

	KCHECK(wait_event(&q, false, WAIT_UNINTERRUPTIBLE, before + 10 * MS) == -ETIMEDOUT);
	KCHECK(clock_monotonic() - before >= 10 * MS);
}

KTEST(wait_prefers_the_condition_to_the_time_out)
{
	struct waitq q = WAITQ_INIT(q);

	KCHECK(wait_event(&q, true, WAIT_UNINTERRUPTIBLE, 0) == 0);
}

struct baton {
	struct waitq wq;
	unsigned turn;
};

static void pass_baton(void *arg)
{
	struct baton *b = arg;

	for (unsigned i = 0; i < 500; i++) {
		wait_event(&b->wq, READ_ONCE(b->turn) == 1, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		WRITE_ONCE(b->turn, 0);
		waitq_wake_all(&b->wq, 0);
	}
	ktest_finish();
}

KTEST(no_wake_up_is_lost)
{
	struct baton b = { .turn = 0 };
	struct thread *t = thread_new("baton", pass_baton, &b);

	KCHECK(t != NULL);
	waitq_init(&b.wq);
	ktest_finished = 0;
	thread_start(t);
	for (unsigned i = 0; i < 500; i++) {
		WRITE_ONCE(b.turn, 1);
		waitq_wake_all(&b.wq, 0);
		KCHECK(wait_event(&b.wq, READ_ONCE(b.turn) == 0, WAIT_UNINTERRUPTIBLE,
				  clock_monotonic() + 60 * NSEC_PER_SEC) == 0);
	}
	KCHECK(ktest_join(1) == 0);
}

static struct mutex guard = MUTEX_INIT(guard);
static unsigned guarded;

static void add_slowly(void *arg)
{
	for (unsigned i = 0; i < 200; i++) {
		scoped_mutex(&guard);
		unsigned was = guarded;

		if (i % 8 == 0)
			thread_yield();
		guarded = was + 1;
	}
	ktest_finish();
}

KTEST(mutex_excludes)
{
	ktest_finished = guarded = 0;
	for (unsigned i = 0; i < 4; i++) {
		struct thread *t = thread_new("adder", add_slowly, NULL);

		KCHECK(t != NULL);
		thread_start(t);
	}
	KCHECK(ktest_join(4) == 0);
	KCHECK(guarded == 800);
}

/* ---- timers ---- */

struct probe {
	struct timer timer;
	nsec_t fired;
	unsigned count;
	bool irqs_were_off;
};

static void note(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	p->fired = clock_monotonic();
	p->count++;
	p->irqs_were_off = !cpu_irqs_are_on();
}

KTEST(timers_fire_in_order)
{
	struct probe p[8] = { 0 };
	nsec_t base = clock_monotonic() + 5 * MS;

	for (unsigned i = 0; i < 8; i++) {
		timer_init(&p[i].timer, note);
		timer_arm(&p[i].timer, base + (nsec_t)((i * 5) % 8) * MS);
	}
	for (unsigned i = 0; i < 8; i++)
		KCHECK(ktest_wait(READ_ONCE(p[i].count) != 0));
	thread_sleep_until(base + 20 * MS);
	for (unsigned i = 0; i < 8; i++) {
		KCHECK(p[i].count == 1);
		KCHECK(p[i].irqs_were_off);
		KCHECK(p[i].fired >= p[i].timer.deadline);
	}
}

KTEST(a_cancelled_timer_does_not_fire)
{
	struct probe p = { .count = 0 };
	bool first, second;

	timer_init(&p.timer, note);
	cpu_irq_disable(); /* nor before it is cancelled, however late that is */
	timer_arm(&p.timer, clock_monotonic() + 10 * MS);
	ipi_pay_dues(cpu_this());
	first = timer_cancel(&p.timer);
	second = timer_cancel(&p.timer);
	cpu_irq_enable();
	KCHECK(first && !second);
	thread_sleep_until(clock_monotonic() + 30 * MS);
	KCHECK(p.count == 0);
}

KTEST(a_past_deadline_fires_at_once)
{
	struct probe p = { .count = 0 };

	timer_init(&p.timer, note);
	timer_arm(&p.timer, 1);
	KCHECK(ktest_spin(READ_ONCE(p.count) != 0));
	KCHECK(p.count == 1);
}

static uint64_t count_irqs(void)
{
	uint64_t nr = 0;

	for (unsigned i = 0; i < nr_cpus; i++)
		nr += READ_ONCE(cpus[i]->nr_irqs);
	return nr;
}

/* A timer that fires early is armed again; one that was calibrated wrongly fires early for ever. */
KTEST(a_timer_takes_few_interrupts)
{
	nsec_t start = clock_monotonic();
	uint64_t before = count_irqs(), nr;

	thread_sleep_until(start + 100 * MS);
	nr = count_irqs() - before;
	KCHECK(nr < (uint64_t)((clock_monotonic() - start) / MS)); /* one a millisecond */
}
