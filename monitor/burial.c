/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing a VM without waiting for it. The last close of a VM that registered an ioeventfd less
 * than some 20 ms ago waits for an SRCU grace period: 17 ms, three times what a short program takes
 * in all.
 *
 * So the descriptors are put, with both ends of a socket pair, into a message in that pair, and
 * then closed here: what is left is a cycle of files that nobody holds, which the kernel collects
 * by itself (unix(7), SCM_RIGHTS), since Linux 6.10 on a thread of its own. Collection begins when
 * some Unix socket is released: a third one, the bell, is closed last for that. Older kernels
 * collect at once, which takes as long as a plain close. Either way nothing is left behind.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "monitor/vm.h"

#define MAX_BURIED (4 + VM_MAX_CPUS) /* the pair, the VM, /dev/kvm, the vCPUs */

void burial_prepare(struct vm *vm)
{
	vm->bell = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vm->bell < 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vm->grave) != 0)
		vm->grave[0] = vm->grave[1] = -1;
}

static void bury(struct vm *vm)
{
	int fds[MAX_BURIED] = { vm->grave[0], vm->grave[1], vm->vm_fd, vm->kvm_fd };
	size_t nr = 4;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(fds))];
	} control = { .space = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	for (unsigned i = 0; i < vm->config->nr_cpus; i++)
		if (vm->vcpus[i].fd >= 0)
			fds[nr++] = vm->vcpus[i].fd;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr * sizeof(fds[0]));
	memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(fds[0]));
	message.msg_controllen = CMSG_SPACE(nr * sizeof(fds[0]));
	sendmsg(vm->grave[0], &message, MSG_DONTWAIT); /* refused: the plain close does it */
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void burial_close(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config->nr_cpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (vcpu->run != NULL)
			munmap(vcpu->run, vcpu->run_bytes);
		vcpu->run = NULL;
	}
	if (vm->grave[0] >= 0)
		bury(vm);
	for (unsigned i = 0; i < vm->config->nr_cpus; i++)
		close_fd(&vm->vcpus[i].fd);
	close_fd(&vm->vm_fd);
	close_fd(&vm->kvm_fd);
	close_fd(&vm->grave[0]);
	close_fd(&vm->grave[1]);
	close_fd(&vm->bell);
}
