/* SPDX-License-Identifier: BSD-2-Clause */
/* The last thing that a PC-like machine does. */
#pragma once

struct boot_power;

/* What is known of how to switch off; mapped if it has to be. Before ending_end, once. */
void ending_init(const struct boot_power *power);
/*
 * enum vm_end to PORT_EXIT; else ACPI's power-off, Bochs' own, a reset by the keyboard controller,
 * and at last a triple fault: struct platform.end.
 */
void ending_end(unsigned vm_end);
