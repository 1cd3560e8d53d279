/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing up further CPUs. The starter makes what each one needs (struct cpu, idle thread,
 * tables), asks the platform to start it and goes on. The new CPU makes itself ready, sets its bit
 * in cpus_online and idles; from then on it is given threads. nr_cpus follows, in order of number,
 * when the starter has seen it.
 */
#include "core/smp/secondary.h"

#include "abi/hull/boot.h"
#include "abi/hull/cpu_start.h"
#include "arch/cpu.h"
#include "core/log.h"
#include "core/platform.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/waitq.h"
#include "mm/alloc/kmem.h"

#define ARRIVAL_NS (60 * NSEC_PER_SEC) /* it has begun: only a busy host can delay it */

static struct waitq arrivals = WAITQ_INIT(arrivals);
static unsigned nr_started = 1; /* [starter] */

static struct cpu *make(unsigned id)
{
	struct thread *idle = thread_new("idle", NULL, NULL);
	struct cpu *cpu = cpu_new();

	if (idle == NULL || cpu == NULL || kmem_add_cpu(id) != 0) {
		if (idle != NULL)
			thread_discard(idle);
		if (cpu != NULL)
			cpu_free(cpu);
		return NULL;
	}
	cpu->id = id;
	cpu->idle = idle;
	idle->cpu = cpu;
	idle->state = THREAD_RUNNING;
	idle->weight = 1;
	sched_init_cpu(cpu);
	return cpu;
}

static bool start(unsigned id)
{
	struct cpu *cpu = make(id);
	struct cpu_start how;

	if (cpu == NULL) {
		log_warn("too little memory for CPU %u", id);
		return false;
	}
	cpu_start_fill(cpu, &how);
	cpus[id] = cpu;
	WRITE_ONCE(spinlock_shared, true);
	if (platform->start_cpu(&how) == 0)
		return true;
	log_warn("CPU %u cannot be started", id);
	cpus[id] = NULL;
	cpu->idle->state = THREAD_DEAD;
	thread_discard(cpu->idle);
	cpu_free(cpu);
	return false;
}

void secondary_start_all(const struct boot_info *info)
{
	unsigned nr = min(info->nr_cpus, (uint32_t)CPUS_MAX);

	if (platform->start_cpu == NULL || platform->send_ipi == NULL)
		return;
	while (nr_started < nr && start(nr_started))
		nr_started++;
}

static bool is_online(unsigned id)
{
	return atomic_load(&cpus_online) >> id & 1;
}

void secondary_wait_all(void)
{
	nsec_t deadline = clock_monotonic() + ARRIVAL_NS;

	for (unsigned id = 1; id < nr_started; id++) {
		if (wait_event(&arrivals, is_online(id), WAIT_UNINTERRUPTIBLE, deadline) != 0) {
			log_warn("CPU %u has not come", id);
			return;
		}
		atomic_store(&nr_cpus, id + 1);
	}
	if (nr_started > 1)
		clock_cpus_changed();
}

void cpu_secondary_main(struct cpu *cpu)
{
	cpu_init(cpu);
	platform->init_cpu(cpu);
	cpu->idle->run_start_ns = clock_monotonic();
	atomic_or(&cpus_online, cpu_bit(cpu));
	waitq_wake_all(&arrivals, 0);
	sched_idle();
}
