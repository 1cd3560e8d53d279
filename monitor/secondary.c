/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vCPUs beside the first, a thread each.
 *
 *	made --PORT_START_CPU--> running --the VM stops--> ended
 *	made --the VM stops--------------------------------^
 *
 * The threads are made just before the guest starts, because once this process is confined it can
 * make none. Each makes its vCPU while the first vCPU already runs, confines itself, and sleeps
 * until the guest starts that CPU. With one CPU nothing of this happens.
 *
 * Every signal but the kick is blocked in them: the caller's handlers run on the first vCPU's
 * thread.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include "monitor/confine.h"
#include "monitor/vm.h"

#define PAGE_MASK  4095ull
#define STACK_SIZE (256u << 10)

static int prepare(struct vcpu *vcpu)
{
	int error = vcpu_create(vcpu);

	if (error == 0)
		error = vcpu_set_features(vcpu);
	if (error != 0)
		return error;
	error = confine_thread(CONFINE_SECONDARY);
	if (error != 0)
		return vm_fail(vcpu->vm, -error, "confining a vCPU's thread: %s", strerror(-error));
	return 0;
}

static void *run(void *argument)
{
	struct vcpu *vcpu = argument;

	if (prepare(vcpu) != 0)
		return NULL;
	while (sem_wait(&vcpu->go) != 0)
		continue; /* a signal */
	if (!vm_is_stopping(vcpu->vm) && vcpu_set_entry(vcpu, &vcpu->start) == 0)
		vcpu_run(vcpu); /* what fails is in vm->result */
	return NULL;
}

static int create_thread(struct vcpu *vcpu)
{
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);

	if (error != 0)
		return error;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	error = pthread_create(&vcpu->joinable, &attributes, run, vcpu);
	pthread_attr_destroy(&attributes);
	vcpu->has_thread = error == 0;
	return error;
}

int secondary_create_all(struct vm *vm)
{
	sigset_t blocked, before;
	int error = 0;

	if (vm->config->nr_cpus == 1)
		return 0;
	sigfillset(&blocked);
	sigdelset(&blocked, VM_KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	for (unsigned i = 1; i < vm->config->nr_cpus && error == 0; i++)
		error = create_thread(&vm->vcpus[i]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 ? 0 : vm_fail(vm, error, "a vCPU's thread: %s", strerror(error));
}

/* The guest's structure is copied before it is looked at. KVM checks what becomes registers. */
static int start(struct vm *vm, const struct cpu_start *request)
{
	struct vcpu *vcpu;

	if (request->cpu == 0 || request->cpu >= vm->config->nr_cpus)
		return -EINVAL;
	if (((request->root | request->flag_page) & PAGE_MASK) != 0 ||
	    guest_memory_at(&vm->memory, request->root, PAGE_MASK + 1) == NULL ||
	    (vm->software &&
	     guest_memory_at(&vm->memory, request->flag_page, PAGE_MASK + 1) == NULL))
		return -EINVAL;
	vcpu = &vm->vcpus[request->cpu];
	if (vcpu->started)
		return -EBUSY;
	vcpu->started = true;
	vcpu->start = *request;
	sem_post(&vcpu->go);
	return 0;
}

void secondary_start(struct vm *vm, uint64_t gpa)
{
	struct cpu_start *shared = NULL, request;

	if (gpa % sizeof(uint64_t) == 0)
		shared = guest_memory_at(&vm->memory, gpa, sizeof(request));
	if (shared == NULL)
		return;
	memcpy(&request, shared, sizeof(request));
	__atomic_store_n(&shared->status, start(vm, &request), __ATOMIC_RELEASE);
}

void secondary_join_all(struct vm *vm)
{
	for (unsigned i = 1; i < vm->config->nr_cpus; i++) {
		if (vm->vcpus[i].has_thread)
			pthread_join(vm->vcpus[i].joinable, NULL);
		vm->vcpus[i].has_thread = false;
	}
}
