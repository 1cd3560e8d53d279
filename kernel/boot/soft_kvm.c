/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. The MSR is asked for where a hypervisor says that it is one: others fault. */
#include "boot/soft_kvm.h"

#include "abi/hull/soft_kvm.h"
#include "arch/mmu.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/x86.h"

#define CPUID1_ECX_X2APIC       (1u << 21)
#define CPUID1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID1_ECX_HYPERVISOR   (1u << 31)
#define APIC_NEEDED             (CPUID1_ECX_X2APIC | CPUID1_ECX_TSC_DEADLINE)

void soft_kvm_enter(struct boot_info *info)
{
	uint32_t ecx = cpuid(1, 0).ecx;
	paddr_t flag_page = ptr_to_paddr(boot_flag_page);

	if (!(ecx & CPUID1_ECX_HYPERVISOR) ||
	    soft_kvm_rdmsr_or_0(SOFT_KVM_MSR_SIGNATURE) != SOFT_KVM_SIGNATURE)
		return;
	if ((ecx & APIC_NEEDED) == APIC_NEEDED)
		info->flags |= BOOT_TSC_DEADLINE;
	wrmsr(SOFT_KVM_MSR_CONTROL, flag_page | SOFT_KVM_ENABLE);
	info->flags |= BOOT_SOFT_KVM;
	info->flag_page = flag_page;
}
