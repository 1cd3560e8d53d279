/* SPDX-License-Identifier: BSD-2-Clause */
/* What this host offers: is /dev/kvm there, may we open it, is it hardware's or software's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "monitor/vm.h"

static void explain_open(struct vm_host *host)
{
	const char *advice;

	switch (-host->error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		advice = "this host has no KVM: enable virtualisation in the firmware or the "
			 "cloud's settings and load the module kvm_intel or kvm_amd";
		break;
	case EACCES:
	case EPERM:
		advice = "this user may not open it: add the user to the group kvm and log in "
			 "again";
		break;
	case ENOTSUP:
		advice = "it is no KVM of version 12: use a newer Linux kernel";
		break;
	default:
		advice = "see the host's kernel log";
		break;
	}
	snprintf(host->message, sizeof(host->message), "/dev/kvm: %s; %s", strerror(-host->error),
		 advice);
}

static void probe_vcpu(struct vm_host *host, int vcpu_fd)
{
	int khz = ioctl(vcpu_fd, KVM_GET_TSC_KHZ, 0);

	host->accel = soft_kvm_present(vcpu_fd) ? VM_ACCEL_SOFTWARE : VM_ACCEL_HARDWARE;
	host->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
}

static unsigned max_cpus(int kvm_fd)
{
	int most = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	return most > 0 && most < VM_MAX_CPUS ? (unsigned)most : VM_MAX_CPUS;
}

static void probe_vm(struct vm_host *host, int kvm_fd)
{
	int vm_fd = vm_fd_create(kvm_fd);
	int vcpu_fd = vm_fd < 0 ? -1 : ioctl(vm_fd, KVM_CREATE_VCPU, 0);

	if (vcpu_fd >= 0) {
		probe_vcpu(host, vcpu_fd);
		close(vcpu_fd);
	} else {
		host->error = -errno;
		snprintf(host->message, sizeof(host->message),
			 "/dev/kvm opens, but a %s cannot be "
			 "made: %s; see the host's kernel log",
			 vm_fd < 0 ? "VM" : "vCPU", strerror(errno));
	}
	if (vm_fd >= 0)
		close(vm_fd);
}

void monitor_probe(struct vm_host *host)
{
	int kvm_fd = -1;

	*host = (struct vm_host){ .accel = VM_ACCEL_NONE, .max_cpus = VM_MAX_CPUS };
	host->error = vcpu_open_kvm(&kvm_fd);
	if (host->error != 0) {
		explain_open(host);
		return;
	}
	probe_vm(host, kvm_fd);
	host->max_cpus = max_cpus(kvm_fd);
	close(kvm_fd);
}
