/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC of the CPU that calls: its timer and the end of interrupts. Intel SDM 3A §10. */
#pragma once
#include "lib/types.h"

struct boot_info;
struct cpu;

enum lapic_features { LAPIC_X2APIC = 1, LAPIC_TSC_DEADLINE = 2 };

/*
 * Once, on the boot CPU, after clock_init(): maps or opens it. Sleeps not, spins up to 200 us
 * without TSC deadline.
 */
void lapic_init(const struct boot_info *info, unsigned features);
/* platform.init_cpu: nothing on the boot CPU, where lapic_init() did it. */
void lapic_init_cpu(struct cpu *cpu);
void lapic_timer_set(nsec_t deadline);
void lapic_ack(void);

/* By cpu->id: boot_info.cpu_apic_ids says which APIC that is. Any context. */
uint32_t lapic_id_of(unsigned cpu);
bool lapic_reaches(unsigned cpu); /* false: its number is too large for this mode */
void lapic_hold(bool on);
void lapic_send_ipi(struct cpu *cpu, unsigned vector);
void lapic_send_init(unsigned cpu);
void lapic_send_startup(unsigned cpu, paddr_t page); /* below 1 MiB */
