/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tests' machine: one CPU without interrupts. */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

static inline void cpu_irq_disable(void)
{
}
static inline void cpu_irq_enable(void)
{
}
static inline bool cpu_irq_save(void)
{
	return false;
}
static inline void cpu_irq_restore(bool were_on)
{
	(void)were_on;
}
static inline bool cpu_irqs_are_on(void)
{
	return false;
}
static inline void cpu_relax(void)
{
}
static inline uint64_t cpu_cycles(void)
{
	return 0x123456789abcdefull;
}
static inline void cpu_wait_irq(void)
{
}
