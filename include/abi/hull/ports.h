/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O ports that the guest writes. All are slow (an exit each) and for rare use only.
 *
 * PORT_DEBUG takes bytes of the kernel's log (also by `rep outsb`): Bochs' and QEMU's debug
 * console. Read, it gives its own number; where it does not, nobody listens there. PORT_EXIT ends
 * the VM: a 32-bit write of an enum vm_end. Under QEMU it is isa-debug-exit. What the program's
 * exit status was goes over the control port (abi/hull/control.h) before it. PORT_START_CPU is of
 * Hull's own monitor only: a 32-bit write of the physical address of a struct cpu_start
 * (abi/hull/cpu_start.h).
 */
#pragma once

#define PORT_DEBUG     0xe9
#define PORT_EXIT      0xf4
#define PORT_START_CPU 0xf8

enum vm_end {
	VM_END_OFF = 0,      /* powered off in good order */
	VM_END_PANIC = 1,    /* the kernel panicked; the text went to PORT_DEBUG */
	VM_END_NO_START = 2, /* the launch record or the machine cannot be used; text as above */
};
