/* SPDX-License-Identifier: BSD-2-Clause */
/* Load averages: core/sched/load.h has the theory. */
#include "core/sched/load.h"

#include "core/sched/thread.h"
#include "core/smp/cpu.h"

#define PERIOD_NS (5 * NSEC_PER_SEC)
#define ONE       (1u << LOAD_SHIFT)

/* e to the power of -5 s / 1, 5, 15 min */
static const uint32_t decays[LOAD_TERMS] = { 60296, 64453, 65173 };

static uint32_t multiply(uint32_t a, uint32_t b)
{
	return (uint32_t)(((uint64_t)a * b + ONE / 2) >> LOAD_SHIFT);
}

static uint32_t power(uint32_t base, uint64_t exponent)
{
	uint32_t result = ONE;

	for (; exponent != 0; exponent >>= 1) {
		if (exponent & 1)
			result = multiply(result, base);
		base = multiply(base, base);
	}
	return result;
}

static void fold(struct load *l, nsec_t now)
{
	uint64_t time = (uint64_t)(now - l->since);
	uint32_t mean = (uint32_t)(l->sum_ns / (time >> LOAD_SHIFT));

	for (unsigned i = 0; i < LOAD_TERMS; i++) {
		uint32_t left = power(decays[i], time / PERIOD_NS);

		l->averages[i] = multiply(l->averages[i], left) + multiply(mean, ONE - left);
	}
	l->sum_ns = 0;
	l->since = now;
}

/* A long time of one load, as of an idle CPU, is not to be mixed with what was before it. */
void load_add(struct load *l, unsigned nr, nsec_t time, nsec_t now)
{
	if (now - time - l->since >= PERIOD_NS)
		fold(l, now - time);
	l->sum_ns += (uint64_t)nr * (uint64_t)time;
	if (now - l->since >= PERIOD_NS)
		fold(l, now);
}

static unsigned load_of(const struct cpu *cpu)
{
	return cpu->rq.nr_runnable + (cpu->arch.current != cpu->idle);
}

void load_get(uint32_t averages[LOAD_TERMS], unsigned *nr_running)
{
	*nr_running = 0;
	for (unsigned i = 0; i < LOAD_TERMS; i++)
		averages[i] = 0;
	for (unsigned id = 0; id < nr_cpus; id++) {
		struct cpu *cpu = cpus[id];
		nsec_t now = clock_monotonic();
		struct load copy;

		scoped_spin(&cpu->rq.lock);
		copy = cpu->rq.load;
		load_add(&copy, load_of(cpu), max(now - cpu->rq.load_until, 0ll), now);
		*nr_running += load_of(cpu);
		for (unsigned i = 0; i < LOAD_TERMS; i++)
			averages[i] += copy.averages[i];
	}
}
