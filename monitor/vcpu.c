/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM: the VM, its memory, its vCPUs, and the registers at entry (abi/hull/boot.h, cpu_start.h).
 *
 * The order of creation matters on software KVM: memory slots before the interrupt controller (50
 * us instead of 7 ms each), the opt-in after the special registers. Interrupts: the local APICs in
 * KVM, no PIC, PIT or IOAPIC (KVM_CAP_SPLIT_IRQCHIP); devices send messages.
 */
#include <asm/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lib/types.h"
#include "monitor/vm.h"

#define CR0_AT_ENTRY  0x80050033ull /* PG WP NE MP ET PE, AM */
#define CR4_AT_ENTRY  0x40620ull    /* PAE OSFXSR OSXMMEXCPT OSXSAVE */
#define CR4_FSGSBASE  0x10000ull    /* where the guest's CPUID says that there is such a thing */
#define EFER_AT_ENTRY 0xd01ull      /* SCE LME LMA NXE */
#define RFLAGS_FIXED  2ull
#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18

#define CPUID_TSC_DEADLINE (1u << 24) /* leaf 1, ECX */
#define CPUID_FSGSBASE     (1u << 0)  /* leaf 7, EBX */
#define CPUID_KVM_FEATURES 0x40000001u
#define CPUID_KVMCLOCK     (1u << 3)    /* EAX: MSRs 0x4b564d00/01 */
#define XCR0_AMX           (3ull << 17) /* needs leave from the host: not offered */
#define CPUID_TOPOLOGY     0xbu
#define CPUID_TOPOLOGY2    0x1fu

_Static_assert(offsetof(struct vcpu_cpuid, entries) == offsetof(struct kvm_cpuid2, entries),
	       "one layout");

int vcpu_open_kvm(int *kvm_fd)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		close(fd);
		return -ENOTSUP;
	}
	*kvm_fd = fd;
	return 0;
}

static int add_memory(struct vm *vm)
{
	for (unsigned i = 0; i < vm->memory.nr_regions; i++) {
		struct guest_region *r = &vm->memory.regions[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size_bytes,
			.userspace_addr = (uintptr_t)r->host,
		};

		if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return vm_fail_errno(vm, "KVM_SET_USER_MEMORY_REGION");
	}
	return 0;
}

/*
 * The run page. Behind it in the first vCPU's mapping stands the ring of collected MMIO writes, one
 * a VM, where KVM has one.
 */
static int map_run(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	long page = sysconf(_SC_PAGESIZE);
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int ring_page = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	void *run;

	if (size < (int)sizeof(struct kvm_run))
		return vm_fail_errno(vm, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return vm_fail_errno(vm, "mapping a vCPU");
	vcpu->run_bytes = (size_t)size;
	vcpu->thread = pthread_self();
	__atomic_store_n(&vcpu->run, run, __ATOMIC_SEQ_CST); /* from here on it can be kicked */
	if (vcpu->id == 0 && ring_page > 0 && (ring_page + 1) * page <= size)
		vm->ring = (void *)((char *)run + ring_page * page);
	return 0;
}

int vcpu_create(struct vcpu *vcpu)
{
	vcpu->fd = ioctl(vcpu->vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->id);
	if (vcpu->fd < 0)
		return vm_fail_errno(vcpu->vm, "KVM_CREATE_VCPU");
	return map_run(vcpu);
}

/* What the host supports, plus the TSC-deadline timer; notes what boot_info is to say. */
static int get_cpuid(struct vm *vm)
{
	struct vcpu_cpuid *table = &vm->cpuid;
	bool deadline = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	table->nent = VM_MAX_CPUID;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, table) < 0)
		return vm_fail_errno(vm, "KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < table->nent; i++) {
		struct kvm_cpuid_entry2 *e = &table->entries[i];

		if (e->function == 1 && deadline) {
			e->ecx |= CPUID_TSC_DEADLINE;
			vm->tsc_deadline = true;
		}
		if (e->function == 7 && e->index == 0)
			vm->fsgsbase = (e->ebx & CPUID_FSGSBASE) != 0;
		if (e->function == CPUID_KVM_FEATURES)
			vm->kvmclock = (e->eax & CPUID_KVMCLOCK) != 0;
		if (e->function == 0xd && e->index == 0)
			vm->xcr0 = ((uint64_t)e->edx << 32 | e->eax) & ~XCR0_AMX;
	}
	return 0;
}

/* The same for every vCPU but for the number of its APIC. */
static int set_cpuid(struct vcpu *vcpu)
{
	struct vcpu_cpuid own = vcpu->vm->cpuid;

	for (unsigned i = 0; i < own.nent; i++) {
		struct kvm_cpuid_entry2 *e = &own.entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0xffff) | vcpu->vm->config->nr_cpus << 16 |
				 vcpu->id << 24;
		if (e->function == CPUID_TOPOLOGY || e->function == CPUID_TOPOLOGY2)
			e->edx = vcpu->id;
	}
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, &own) < 0)
		return vm_fail_errno(vcpu->vm, "KVM_SET_CPUID2");
	return 0;
}

static void set_segments(struct kvm_sregs *sregs)
{
	struct kvm_segment code = { .limit = UINT32_MAX,
				    .selector = CODE_SELECTOR,
				    .present = 1,
				    .type = 11,
				    .s = 1,
				    .l = 1,
				    .g = 1 };
	struct kvm_segment data = { .limit = UINT32_MAX,
				    .selector = DATA_SELECTOR,
				    .present = 1,
				    .type = 3,
				    .s = 1,
				    .db = 1,
				    .g = 1 };

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
}

static int set_sregs(struct vcpu *vcpu, uint64_t root)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return vm_fail_errno(vcpu->vm, "KVM_GET_SREGS");
	set_segments(&sregs);
	sregs.cr0 = CR0_AT_ENTRY;
	sregs.cr3 = root;
	sregs.cr4 = CR4_AT_ENTRY | (vcpu->vm->fsgsbase ? CR4_FSGSBASE : 0);
	sregs.efer = EFER_AT_ENTRY;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		return vm_fail_errno(vcpu->vm, "KVM_SET_SREGS");
	return 0;
}

static int set_xcr0(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = vm->xcr0 } } };

	if (vm->xcr0 == 0 || ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) <= 0)
		return 0;
	if (ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs) < 0)
		return vm_fail_errno(vm, "KVM_SET_XCRS");
	return 0;
}

/* Guest TSC = host TSC: times taken on both sides compare. Where KVM cannot, nothing breaks. */
static void align_tsc(struct vcpu *vcpu)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr);
}

static int check_nr_cpus(struct vm *vm)
{
	int most;

	if (vm->config->nr_cpus == 1)
		return 0;
	most = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (most > 0 && (unsigned)most < vm->config->nr_cpus)
		return vm_fail(vm, EINVAL, "this host's KVM gives a VM %d CPUs at most, not %u",
			       most, vm->config->nr_cpus);
	return 0;
}

int vm_fd_create(int kvm_fd)
{
	int fd;

	do {
		fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int vcpu_create_vm(struct vm *vm)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	int error = check_nr_cpus(vm);

	if (error != 0)
		return error;
	vm->vm_fd = vm_fd_create(vm->kvm_fd);
	if (vm->vm_fd < 0)
		return vm_fail_errno(vm, "KVM_CREATE_VM");
	error = add_memory(vm);
	if (error != 0)
		return error;
	if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &split) < 0)
		return vm_fail_errno(vm, "KVM_CAP_SPLIT_IRQCHIP");
	error = vcpu_create(&vm->vcpus[0]);
	if (error != 0)
		return error;
	vm->software = soft_kvm_present(vm->vcpus[0].fd);
	vm->result->software_kvm = vm->software;
	return 0;
}

int vcpu_set_features(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int error = 0;
	int khz;

	if (vcpu->id == 0) {
		khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
		vm->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
		error = get_cpuid(vm);
	}
	if (error == 0)
		error = set_cpuid(vcpu);
	if (error == 0)
		error = set_xcr0(vcpu);
	if (error == 0)
		align_tsc(vcpu);
	return error;
}

int vcpu_set_entry(struct vcpu *vcpu, const struct cpu_start *start)
{
	struct kvm_regs regs = {
		.rip = start->entry,
		.rsp = start->stack,
		.rdi = start->argument,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };
	int error = set_sregs(vcpu, start->root);

	if (error == 0 && vcpu->vm->software) {
		error = soft_kvm_enable(vcpu->fd, start->flag_page);
		if (error != 0)
			return vm_fail(vcpu->vm, -error, "software KVM refuses the opt-in: %s",
				       strerror(-error));
	}
	if (error != 0)
		return error;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		return vm_fail_errno(vcpu->vm, "KVM_SET_REGS");
	if (vcpu->id != 0 && ioctl(vcpu->fd, KVM_SET_MP_STATE, &state) < 0)
		return vm_fail_errno(vcpu->vm, "KVM_SET_MP_STATE");
	return 0;
}
