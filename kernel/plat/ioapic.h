/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC at its usual place: 24 inputs, level-triggered, all to one CPU. Intel 82093AA. */
#pragma once
#include "lib/types.h"

#define IOAPIC_INPUTS 24

void ioapic_init(void); /* everything masked */
void ioapic_enable(unsigned input, uint8_t vector, uint32_t apic_id);
void ioapic_disable(unsigned input);
