/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC of the CPU that calls: its timer and the end of interrupts. Intel SDM 3A §10. */
#pragma once
#include "lib/types.h"

enum lapic_features { LAPIC_X2APIC = 1, LAPIC_TSC_DEADLINE = 2 };

/* Once, after clock_init(): maps or opens it. Sleeps not, spins up to 200 us without TSC
 * deadline. */
void lapic_init(unsigned features);
void lapic_init_cpu(void);
void lapic_timer_set(nsec_t deadline);
void lapic_ack(void);
uint32_t lapic_id(void);
void lapic_send_ipi(uint32_t id, uint8_t vector);
