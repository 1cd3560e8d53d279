/* SPDX-License-Identifier: BSD-2-Clause */
/* The last thing that a PC-like machine does. */
#pragma once

/* enum vm_end to PORT_EXIT, else ACPI power-off, else a triple fault: struct platform.end. */
void ending_end(unsigned vm_end);
