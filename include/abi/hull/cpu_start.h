/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a further CPU begins. CPU 0 is the one that boots; boot_info.nr_cpus says how many there are.
 * Until it is started a CPU executes nothing.
 *
 * It arrives at `entry` as the boot CPU does at the kernel's entry (abi/hull/boot.h has the control
 * registers and selectors), but with the tables, the stack and the argument that are given here:
 *
 *	RIP = entry	RSP = stack	RDI = argument		CR3 = root
 *
 * and interrupts off. Its local APIC is as after reset, its descriptor tables are not to be used:
 * the first exception before its own are loaded ends the VM. On software KVM (BOOT_SOFT_KVM)
 * flag_page is the physical page that is its interrupt flag from its first instruction on, zero
 * at first.
 *
 * Under Hull's own monitor it is started by a write of this structure's physical address, below
 * 4 GiB, to PORT_START_CPU (abi/hull/ports.h): `status` is 0 on return, or -Exxx: EINVAL: no such
 * CPU, or an address that cannot be; EBUSY: it was started before. The monitor has copied it then;
 * the CPU arrives some time later.
 */
#pragma once
#include <stdint.h>

struct cpu_start {
	uint32_t cpu;   /* 1 to boot_info.nr_cpus - 1 */
	int32_t status; /* written by the monitor */
	uint64_t entry, stack, argument;
	uint64_t root;      /* physical; bit 12 clear (abi/hull/soft_kvm.h) */
	uint64_t flag_page; /* physical; 0 without BOOT_SOFT_KVM */
};
