/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APICs (Intel 82093AA), each with the lines that ACPI says are its own: level-triggered,
 * all to one CPU. Lines without one are ignored.
 */
#pragma once
#include "lib/types.h"

#define IOAPIC_LINES 48 /* those above are not used: lines are vectors too */

struct boot_info;

void ioapic_init(const struct boot_info *info); /* everything masked */
void ioapic_enable(unsigned line, uint8_t vector, uint32_t apic_id);
void ioapic_disable(unsigned line);
