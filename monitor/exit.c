/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to say about an exit that ends the VM: which one, where the guest was, and what was on its
 * way (a triple fault leaves its last exception in KVM_GET_VCPU_EVENTS and CR2).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "monitor/vm.h"

static void describe(const struct kvm_run *run, char *text, size_t size)
{
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		snprintf(text, size, "a triple fault");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(text, size, "KVM's internal error %u", run->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(text, size, "a refused entry, reason %#llx",
			 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		snprintf(text, size, "exit %u of KVM, which is not expected", run->exit_reason);
		break;
	}
}

int exit_report(struct vcpu *vcpu)
{
	struct kvm_regs regs = { .rip = 0 };
	struct kvm_sregs sregs = { .cr2 = 0 };
	struct kvm_vcpu_events events = { .flags = 0 };
	char what[80], exception[48] = "no exception pending";

	describe(vcpu->run, what, sizeof(what));
	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events);
	if (events.exception.injected || events.exception.nr != 0)
		snprintf(exception, sizeof(exception), "exception %u, error code %#x",
			 events.exception.nr, events.exception.error_code);
	return vm_fail(vcpu->vm, EIO,
		       "the guest's CPU %u ended in %s: rip %#llx rsp %#llx rflags %#llx "
		       "cr2 %#llx cr3 %#llx rax %#llx rcx %#llx, %s",
		       vcpu->id, what, (unsigned long long)regs.rip, (unsigned long long)regs.rsp,
		       (unsigned long long)regs.rflags, (unsigned long long)sregs.cr2,
		       (unsigned long long)sregs.cr3, (unsigned long long)regs.rax,
		       (unsigned long long)regs.rcx, exception);
}
