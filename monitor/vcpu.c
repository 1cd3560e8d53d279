/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM: the VM, its memory, its one vCPU, the registers at entry (abi/hull/boot.h) and the run loop.
 *
 * The order of creation matters on software KVM: memory slots before the interrupt controller (50
 * us instead of 7 ms each), the opt-in after the special registers. Interrupts: the local APIC in
 * KVM, no PIC, PIT or IOAPIC (KVM_CAP_SPLIT_IRQCHIP); devices send messages.
 *
 * The run loop knows four exits: MMIO and port accesses (device.h, abi/hull/ports.h), a signal for
 * this thread (the caller's handlers run, then the guest goes on, or the VM is stopping), and the
 * end.
 */
#include <asm/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lib/types.h"
#include "monitor/device/device.h"

#define CR0_AT_ENTRY  0x80050033ull /* PG WP NE MP ET PE, AM */
#define CR4_AT_ENTRY  0x50620ull    /* PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE */
#define EFER_AT_ENTRY 0xd01ull      /* SCE LME LMA NXE */
#define RFLAGS_FIXED  2ull
#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18

#define CPUID_TSC_DEADLINE (1u << 24) /* leaf 1, ECX */
#define CPUID_KVM_FEATURES 0x40000001u
#define CPUID_KVMCLOCK     (1u << 3)    /* EAX: MSRs 0x4b564d00/01 */
#define XCR0_AMX           (3ull << 17) /* needs leave from the host: not offered */
#define MAX_CPUID          128

union cpuid_table {
	struct kvm_cpuid2 cpuid;
	uint8_t space[sizeof(struct kvm_cpuid2) + MAX_CPUID * sizeof(struct kvm_cpuid_entry2)];
};

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

static int failed(struct vm *vm, const char *what)
{
	int error = errno;

	return vm_fail(vm, error, "%s: %s", what, strerror(error));
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
			return failed(vm, "KVM_SET_USER_MEMORY_REGION");
	}
	return 0;
}

/* The run page, and behind it the ring of collected MMIO writes where KVM has one. */
static int map_run(struct vm *vm)
{
	long page = sysconf(_SC_PAGESIZE);
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int ring_page = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	void *run;

	if (size < (int)sizeof(struct kvm_run))
		return failed(vm, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu_fd, 0);
	if (run == MAP_FAILED)
		return failed(vm, "mapping the vCPU");
	vm->run = run;
	vm->run_bytes = (size_t)size;
	if (ring_page > 0 && (ring_page + 1) * page <= size)
		vm->ring = (void *)((char *)run + ring_page * page);
	return 0;
}

/* What the host supports, plus the TSC-deadline timer; notes what boot_info is to say. */
static int set_cpuid(struct vm *vm, uint64_t *xcr0)
{
	union cpuid_table table = { .cpuid.nent = MAX_CPUID };
	bool deadline = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &table) < 0)
		return failed(vm, "KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < table.cpuid.nent; i++) {
		struct kvm_cpuid_entry2 *e = &table.cpuid.entries[i];

		if (e->function == 1 && deadline) {
			e->ecx |= CPUID_TSC_DEADLINE;
			vm->tsc_deadline = true;
		}
		if (e->function == 1)
			e->ebx &= 0x00ffffff; /* APIC 0 */
		if (e->function == CPUID_KVM_FEATURES)
			vm->kvmclock = (e->eax & CPUID_KVMCLOCK) != 0;
		if (e->function == 0xd && e->index == 0)
			*xcr0 = ((uint64_t)e->edx << 32 | e->eax) & ~XCR0_AMX;
	}
	if (ioctl(vm->vcpu_fd, KVM_SET_CPUID2, &table) < 0)
		return failed(vm, "KVM_SET_CPUID2");
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

static int set_sregs(struct vm *vm)
{
	struct kvm_sregs sregs;

	if (ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return failed(vm, "KVM_GET_SREGS");
	set_segments(&sregs);
	sregs.cr0 = CR0_AT_ENTRY;
	sregs.cr3 = BOOT_TABLES_GPA;
	sregs.cr4 = CR4_AT_ENTRY;
	sregs.efer = EFER_AT_ENTRY;
	if (ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return failed(vm, "KVM_SET_SREGS");
	return 0;
}

static int set_xcr0(struct vm *vm, uint64_t xcr0)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = xcr0 } } };

	if (xcr0 == 0 || ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) <= 0)
		return 0;
	if (ioctl(vm->vcpu_fd, KVM_SET_XCRS, &xcrs) < 0)
		return failed(vm, "KVM_SET_XCRS");
	return 0;
}

/* Guest TSC = host TSC: times taken on both sides compare. Where KVM cannot, nothing breaks. */
static void align_tsc(struct vm *vm)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};
	int khz = ioctl(vm->vcpu_fd, KVM_GET_TSC_KHZ, 0);

	vm->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	ioctl(vm->vcpu_fd, KVM_SET_DEVICE_ATTR, &attr);
}

int vcpu_create(struct vm *vm)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	int error;

	vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->vm_fd < 0)
		return failed(vm, "KVM_CREATE_VM");
	error = add_memory(vm);
	if (error != 0)
		return error;
	if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &split) < 0)
		return failed(vm, "KVM_CAP_SPLIT_IRQCHIP");
	vm->vcpu_fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu_fd < 0)
		return failed(vm, "KVM_CREATE_VCPU");
	vm->software = soft_kvm_present(vm->vcpu_fd);
	vm->result->software_kvm = vm->software;
	return map_run(vm);
}

int vcpu_set_entry(struct vm *vm)
{
	struct kvm_regs regs = { .rip = vm->entry, .rdi = BOOT_INFO_GPA, .rflags = RFLAGS_FIXED };
	uint64_t xcr0 = 0;
	int error = set_cpuid(vm, &xcr0);

	if (error == 0)
		error = set_sregs(vm);
	if (error == 0)
		error = set_xcr0(vm, xcr0);
	if (error != 0)
		return error;
	align_tsc(vm);
	if (vm->software) {
		error = soft_kvm_enable(vm->vcpu_fd, BOOT_FLAG_PAGE_GPA);
		if (error != 0)
			return vm_fail(vm, -error, "software KVM refuses the opt-in: %s",
				       strerror(-error));
	}
	if (ioctl(vm->vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return failed(vm, "KVM_SET_REGS");
	return 0;
}

static struct device *device_at(struct vm *vm, uint64_t gpa)
{
	uint64_t slot = (gpa - VM_DEVICE_BASE) / VM_DEVICE_BYTES;

	return gpa >= VM_DEVICE_BASE && slot < vm->nr_devices ? vm->devices[slot] : NULL;
}

static void mmio_write(struct vm *vm, uint64_t gpa, const void *data, uint32_t len)
{
	struct device *device = device_at(vm, gpa);
	uint32_t value;

	if (device == NULL || len != sizeof(value))
		return; /* nobody there, or not the width of any register */
	memcpy(&value, data, sizeof(value));
	virtio_mmio_write(device, (uint32_t)(gpa % VM_DEVICE_BYTES), value);
}

static void mmio_access(struct vm *vm)
{
	struct device *device = device_at(vm, vm->run->mmio.phys_addr);
	uint64_t gpa = vm->run->mmio.phys_addr;
	uint32_t offset = (uint32_t)(gpa % VM_DEVICE_BYTES);
	uint32_t len = min(vm->run->mmio.len, (uint32_t)sizeof(vm->run->mmio.data));

	if (vm->run->mmio.is_write)
		mmio_write(vm, gpa, vm->run->mmio.data, len);
	else if (device != NULL)
		virtio_mmio_read(device, offset, vm->run->mmio.data, len);
	else
		memset(vm->run->mmio.data, 0, len);
}

/* Writes that KVM collected since the last exit, in order. */
static void replay_collected(struct vm *vm)
{
	struct kvm_coalesced_mmio_ring *ring = vm->ring;
	uint32_t nr_max = KVM_COALESCED_MMIO_MAX;
	uint32_t first;

	if (ring == NULL)
		return;
	first = ring->first;
	while (first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[first];

		mmio_write(vm, write->phys_addr, write->data, write->len);
		first = (first + 1) % nr_max;
		__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
	}
}

/* true: the guest ended by PORT_EXIT. */
static bool port_access(struct vm *vm)
{
	struct kvm_run *run = vm->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t value;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		memset(data, 0xff, (size_t)run->io.size * run->io.count);
		return false;
	}
	if (run->io.port == PORT_DEBUG && run->io.size == 1 && vm->config->on_log != NULL)
		vm->config->on_log(vm->config->context, (const char *)data, run->io.count);
	if (run->io.port != PORT_EXIT || run->io.size != sizeof(value))
		return false;
	memcpy(&value, data, sizeof(value));
	vm->result->end = (enum vm_end)value;
	return true;
}

/*
 * A software-KVM host emulates what raises #GP, and gives up on instructions that its emulator does
 * not know (vector loads). Where the program's own instruction is to blame, the answer is that #GP.
 * False: it is not.
 */
static bool inject_protection_fault(struct vm *vm)
{
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	if (vm->run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
	    vm->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
	    ioctl(vm->vcpu_fd, KVM_GET_REGS, &regs) < 0 || regs.rip >> 47 != 0 ||
	    ioctl(vm->vcpu_fd, KVM_GET_VCPU_EVENTS, &events) < 0)
		return false;
	events.exception.injected = 1;
	events.exception.nr = 13;
	events.exception.has_error_code = 1;
	events.exception.error_code = 0;
	return ioctl(vm->vcpu_fd, KVM_SET_VCPU_EVENTS, &events) == 0;
}

int vcpu_run(struct vm *vm)
{
	while (!vm_is_stopping(vm)) {
		int status = ioctl(vm->vcpu_fd, KVM_RUN, 0);

		if (status < 0 && errno != EINTR && errno != EAGAIN)
			return failed(vm, "KVM_RUN");
		replay_collected(vm);
		if (status < 0)
			continue;
		switch (vm->run->exit_reason) {
		case KVM_EXIT_MMIO:
			mmio_access(vm);
			break;
		case KVM_EXIT_IO:
			if (port_access(vm))
				return 0;
			break;
		case KVM_EXIT_INTR:
		case KVM_EXIT_IRQ_WINDOW_OPEN:
		case KVM_EXIT_IOAPIC_EOI:
			break;
		default:
			if (inject_protection_fault(vm))
				break;
			return exit_report(vm);
		}
	}
	return -EIO; /* vm_fail() has said why */
}
