/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in for sched/balance.c, secondary.c and calls between CPUs in a kernel for one CPU
 * (pack/link/parts.def, "cpus"). Nothing refers to these but through those names.
 */
#include "core/smp/one_cpu.h"

#include "abi/hull/boot.h"
#include "arch/cpu.h"
#include "core/log.h"
#include "core/sched/runqueue.h"

void one_cpu_start_all(const struct boot_info *info)
{
	if (info->nr_cpus > 1)
		log_warn("this kernel is for one CPU: %u others stay off", info->nr_cpus - 1);
}

struct cpu *one_cpu_choose(const struct thread *t)
{
	return cpu_this();
}

nsec_t one_cpu_slice(const struct cpu *cpu)
{
	return SLICE_NS;
}

void one_cpu_call(uint64_t mask, void (*fn)(void *), void *arg)
{
	bool irqs_were_on = cpu_irq_save();

	if ((mask & cpu_bit(cpu_this())) != 0)
		fn(arg);
	cpu_irq_restore(irqs_were_on);
}
