/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMM that knows nothing of KVM in software (abi/hull/soft_kvm.h), QEMU for one, starts the
 * kernel as on any processor. It is emulated then, instruction by instruction and not every one of
 * them, until it asks by itself to run natively.
 */
#pragma once
#include "abi/hull/boot.h"

/*
 * Looks for the interface, and from then on runs by it: info's flags and flag page say so. CPUID
 * shows the host's facts afterwards; those that count are in the flags. Called with interrupts off
 * and before an IDT is loaded; leaves one that is not to be used.
 */
void soft_kvm_enter(struct boot_info *info);

/* soft_kvm_msr.S: an MSR that may not be there; 0 if reading it faults. Loads an IDT for that. */
uint64_t soft_kvm_rdmsr_or_0(uint32_t index);
