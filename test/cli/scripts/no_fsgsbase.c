/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For LD_PRELOAD: this host's KVM as that of a processor without FSGSBASE (Intel's before Ivy
 * Bridge). It is not among what a guest may be given, and a guest whose CR4 asks for it is refused,
 * as KVM does (Linux's Documentation/virt/kvm/api.rst, KVM_SET_SREGS).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#define CR4_FSGSBASE   (1ull << 16)
#define CPUID_FSGSBASE (1u << 0) /* leaf 7, EBX */

static void take_out(struct kvm_cpuid2 *table)
{
	for (unsigned i = 0; i < table->nent; i++)
		if (table->entries[i].function == 7 && table->entries[i].index == 0)
			table->entries[i].ebx &= ~CPUID_FSGSBASE;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*kernel)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list arguments;
	void *argument;
	int result;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request == KVM_SET_SREGS && (((struct kvm_sregs *)argument)->cr4 & CR4_FSGSBASE)) {
		errno = EINVAL;
		return -1;
	}
	result = kernel(fd, request, argument);
	if (request == KVM_GET_SUPPORTED_CPUID && result == 0)
		take_out(argument);
	return result;
}
