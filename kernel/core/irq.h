/* SPDX-License-Identifier: BSD-2-Clause */
/* Device interrupts. A line is whatever number the platform gave the device (struct device.irq). */
#pragma once
#include "lib/compiler.h"

typedef void (*irq_handler_t)(void *arg); /* interrupt context, interrupts off */

/* Also enables the line. -EBUSY: no room; lines may be shared. */
MUST_CHECK int irq_attach(unsigned line, irq_handler_t handler, void *arg);
/* On return the handler does not run any more, on any CPU. Thread context. */
void irq_detach(unsigned line, irq_handler_t handler, void *arg);
/* From the entry code, with the line that the platform worked out. */
void irq_dispatch(unsigned line);
