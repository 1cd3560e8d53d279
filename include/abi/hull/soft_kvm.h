/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM done in software, on hosts without VMX and SVM: the opt-in interface, as observed from
 * outside.
 *
 * rdmsr SOFT_KVM_MSR_SIGNATURE gives SOFT_KVM_SIGNATURE where it exists. Writing a page's
 * guest-physical address | SOFT_KVM_ENABLE to SOFT_KVM_MSR_CONTROL makes the vCPU run natively, at
 * the processor's user level, with that page as its virtual interrupt flag. From then on:
 *
 * - `if_enabled` is the interrupt flag. Disable: store 0. Enable: store 1 and, if `pending` is set,
 *   execute `sti`, which traps and delivers after the instruction behind it, as on hardware: where
 *   that one stores 0, nothing comes in. An interrupt gate and `syscall` clear it. The trap frame's
 *   RFLAGS.IF holds the old value, while pushf and R11 always show IF=1.
 * - return from a trap natively: CS = SOFT_KVM_CS, SS = SOFT_KVM_SS, if_enabled restored, iretq.
 * - the faulting address stands in `cr2`; `mov %cr2` traps.
 * - page tables need U/S=1 at every level, for the kernel too; CR3 bit 12 must be clear; PML4 slot
 *   256 belongs to the host. `vmcall` hangs; `cpuid` shows the host's values.
 */
#pragma once
#include <stdint.h>

#define SOFT_KVM_MSR_CONTROL   0x4b564d10u
#define SOFT_KVM_MSR_SIGNATURE 0x4b564d11u
#define SOFT_KVM_SIGNATURE     0x4d5650u
#define SOFT_KVM_ENABLE        0x11u
#define SOFT_KVM_CS            0x33
#define SOFT_KVM_SS            0x2b

struct soft_kvm_flags {
	volatile uint8_t if_enabled;
	volatile uint8_t pending;
	uint8_t reserved[6];
	volatile uint64_t cr2;
};
