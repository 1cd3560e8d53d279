/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM in software (abi/hull/soft_kvm.h): is it there, and the write that makes a vCPU run natively.
 * On a host with VMX or SVM the signature's MSR does not exist, and nothing here has any effect.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include "abi/hull/soft_kvm.h"
#include "monitor/vm.h"

union one_msr {
	struct kvm_msrs msrs; /* with one entry */
	uint8_t space[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

bool soft_kvm_present(int vcpu_fd)
{
	union one_msr msr = { .space = { 0 } };

	msr.msrs.nmsrs = 1;
	msr.msrs.entries[0].index = SOFT_KVM_MSR_SIGNATURE;
	return ioctl(vcpu_fd, KVM_GET_MSRS, &msr) == 1 &&
	       msr.msrs.entries[0].data == SOFT_KVM_SIGNATURE;
}

/* After the special registers, before the general ones. */
int soft_kvm_enable(int vcpu_fd, uint64_t flag_page_gpa)
{
	union one_msr msr = { .space = { 0 } };
	int nr;

	msr.msrs.nmsrs = 1;
	msr.msrs.entries[0].index = SOFT_KVM_MSR_CONTROL;
	msr.msrs.entries[0].data = flag_page_gpa | SOFT_KVM_ENABLE;
	nr = ioctl(vcpu_fd, KVM_SET_MSRS, &msr);
	if (nr < 0)
		return -errno;
	return nr == 1 ? 0 : -EINVAL;
}
