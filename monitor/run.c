/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor_run(): memory, KVM, devices, confinement, the guest, and back again, in that order. What
 * can fail fails before confinement; once the guest runs there are only the ways out that vm.h
 * lists.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "monitor/confine.h"
#include "monitor/device/device.h"
#include "monitor/device/virtio_console.h"
#include "monitor/device/virtio_fs.h"
#include "monitor/device/virtio_net.h"
#include "monitor/device/virtio_rng.h"
#include "monitor/device/worker.h"
#include "monitor/net/capture.h"

#define MIB      (1ull << 20)
#define HUGE     (2 * MIB)
#define ROOT_GPA (32 * MIB)

struct machine { /* a VM and everything that was made for it */
	struct vm vm;
	struct virtio_console *console;
	struct virtio_rng rng;
	struct virtio_fs *shares[VM_MAX_SHARES];
	struct virtio_net *nets[VM_MAX_NETS];
	struct capture *capture; /* NULL: none */
	void *mapping;           /* what `ram` lies in, 2 MiB aligned */
	size_t mapping_bytes;
	void *root; /* the root's file, mapped; NULL: none */
	size_t root_bytes;
	struct sigaction old_kick;
	bool kick_set;
};

bool vm_is_stopping(const struct vm *vm)
{
	return __atomic_load_n(&vm->stopping, __ATOMIC_SEQ_CST);
}

/* immediate_exit closes the gap between the loop's last look at `stopping` and KVM_RUN. */
static void kick(struct vcpu *vcpu)
{
	struct kvm_run *run = __atomic_load_n(&vcpu->run, __ATOMIC_SEQ_CST);

	if (run == NULL || pthread_equal(pthread_self(), vcpu->thread))
		return; /* it will look at `stopping` before it runs */
	__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, VM_KICK_SIGNAL);
}

void vm_stop(struct vm *vm)
{
	if (__atomic_exchange_n(&vm->stopping, true, __ATOMIC_SEQ_CST))
		return;
	for (unsigned i = 0; i < vm->config->nr_cpus; i++) {
		kick(&vm->vcpus[i]);
		sem_post(&vm->vcpus[i].go);
	}
}

int vm_fail(struct vm *vm, int error, const char *format, ...)
{
	va_list arguments;

	pthread_mutex_lock(&vm->lock);
	if (!vm->failed) {
		va_start(arguments, format);
		vsnprintf(vm->result->message, sizeof(vm->result->message), format, arguments);
		va_end(arguments);
		vm->failed = true;
		vm->error = error > 0 ? error : EIO;
	}
	pthread_mutex_unlock(&vm->lock);
	vm_stop(vm);
	return error > 0 ? -error : -EIO;
}

int vm_fail_errno(struct vm *vm, const char *what)
{
	int error = errno;

	return vm_fail(vm, error, "%s: %s", what, strerror(error));
}

static void take_kick(int signal_number)
{
	(void)signal_number; /* to have interrupted KVM_RUN is all */
}

static int check_config(struct vm *vm)
{
	const struct vm_config *config = vm->config;

	if (config->memory_bytes == 0 || config->memory_bytes % MIB != 0)
		return vm_fail(vm, EINVAL, "the memory's size is not a whole number of MiB");
	if (config->memory_bytes > VM_MAX_MEMORY)
		return vm_fail(vm, EINVAL,
			       "%llu MiB of memory is more than the %llu MiB that a VM "
			       "can have",
			       (unsigned long long)(config->memory_bytes / MIB),
			       (unsigned long long)(VM_MAX_MEMORY / MIB));
	if (config->memory_bytes < VM_MIN_MEMORY)
		return vm_fail(vm, EINVAL,
			       "1 MiB of memory is too little: the kernel begins "
			       "there; give it more with -m");
	if (config->nr_cpus > VM_MAX_CPUS)
		return vm_fail(vm, EINVAL, "%u CPUs are more than the %d that a VM can have",
			       config->nr_cpus, VM_MAX_CPUS);
	if (config->nr_shares > VM_MAX_SHARES || config->nr_ports >= VM_MAX_PORTS)
		return vm_fail(vm, EINVAL, "at most %d directories and %d streams can be shared",
			       VM_MAX_SHARES, VM_MAX_PORTS - 1);
	if (config->nr_nets > VM_MAX_NETS)
		return vm_fail(vm, EINVAL, "a VM has at most %d network interfaces", VM_MAX_NETS);
	return 0;
}

/*
 * Committed as it is touched, in huge pages where the host has them; gone with this process. A huge
 * page costs one host fault (some 100 us, mostly zeroing) where 512 small ones cost 2.5 ms and more
 * on software KVM, and the guest's 2 MiB mappings stay whole. What it wastes is little: the kernel
 * keeps what it touches together (kernel/mm/alloc/early.c), so that hello takes two of them.
 */
static int map_memory(struct machine *m)
{
	struct vm *vm = &m->vm;
	uint64_t bytes = vm->config->memory_bytes;
	uint8_t *mapping;

	m->mapping_bytes = bytes + HUGE;
	mapping = mmap(NULL, m->mapping_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED)
		return vm_fail(vm, errno, "no address space for %llu MiB of guest memory: %s",
			       (unsigned long long)(bytes / MIB), strerror(errno));
	m->mapping = mapping;
	vm->ram = mapping + (HUGE - (uintptr_t)mapping % HUGE) % HUGE;
	vm->ram_bytes = bytes;
	madvise(vm->ram, bytes, MADV_HUGEPAGE);
	madvise(vm->ram, bytes, MADV_DONTDUMP);
	return 0;
}

static void add_region(struct vm *vm, uint64_t gpa, uint64_t bytes, uint8_t *host)
{
	if (bytes != 0)
		vm->memory.regions[vm->memory.nr_regions++] = (struct guest_region){ gpa, bytes,
										     host };
}

/* The RAM from offset `at` on lies at gpa, and goes on behind the hole. Returns where it ends. */
static uint64_t place_ram(struct vm *vm, uint64_t at, uint64_t gpa)
{
	uint64_t low = min(vm->ram_bytes - at, VM_HOLE_BASE - gpa);
	uint64_t high = vm->ram_bytes - at - low;

	add_region(vm, gpa, low, vm->ram + at);
	add_region(vm, VM_HIGH_BASE, high, vm->ram + at + low);
	return high != 0 ? VM_HIGH_BASE + high : gpa + low;
}

/*
 * RAM, and the root in the midst of it: the kernel's array of pages, which has room for every page
 * up to the last, is touched for the root's pages beside those that are used first, and no huge
 * page more is committed. Where the root is too large for that it comes last.
 */
static void place_memory(struct machine *m)
{
	struct vm *vm = &m->vm;
	uint64_t before = align_down(min(vm->ram_bytes, ROOT_GPA), HUGE);
	uint64_t bytes = align_up((uint64_t)m->root_bytes, HUGE);

	if (m->root_bytes == 0) {
		place_ram(vm, 0, 0);
	} else if (before < ROOT_GPA || bytes > VM_HOLE_BASE - 2 * ROOT_GPA) {
		vm->root_gpa = align_up(place_ram(vm, 0, 0), HUGE);
		if (vm->root_gpa < VM_HIGH_BASE && bytes > VM_HOLE_BASE - vm->root_gpa)
			vm->root_gpa = VM_HIGH_BASE;
		add_region(vm, vm->root_gpa, m->root_bytes, m->root);
	} else {
		vm->root_gpa = before;
		add_region(vm, 0, before, vm->ram);
		add_region(vm, before, m->root_bytes, m->root);
		place_ram(vm, before, before + bytes);
	}
}

/*
 * What the guest does not look at is not read from the file; what it looks at is the host's own
 * page of the file. It does not write there; if it did, it would get a copy.
 */
static int map_root(struct machine *m)
{
	struct vm *vm = &m->vm;
	const struct vm_root *root = &vm->config->root;
	uint64_t bytes = align_up(root->bytes, 4096ull);

	if (root->bytes == 0)
		return 0;
	m->root = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, root->fd,
		       (off_t)root->offset);
	if (m->root == MAP_FAILED) {
		m->root = NULL;
		return vm_fail_errno(vm, "mapping the guest's root");
	}
	m->root_bytes = bytes;
	return 0;
}

static int open_kvm(struct vm *vm)
{
	struct vm_host host;
	int error = vcpu_open_kvm(&vm->kvm_fd);

	if (error == 0)
		return 0;
	monitor_probe(&host);
	return vm_fail(vm, ENODEV, "%s", host.message);
}

static int add_nets(struct machine *m)
{
	const struct vm_config *config = m->vm.config;

	if (config->is_captured) {
		m->capture = capture_new(config->capture_fd, config->nets, config->nr_nets);
		if (m->capture == NULL)
			return vm_fail(&m->vm, ENOMEM, "no memory for a packet capture");
	}
	for (unsigned i = 0; i < config->nr_nets; i++) {
		m->nets[i] = virtio_net_new(&m->vm, i, m->capture);
		if (m->nets[i] == NULL)
			return -EIO;
	}
	return 0;
}

static int add_devices(struct machine *m)
{
	const struct vm_config *config = m->vm.config;
	int error;

	m->console = virtio_console_new(&m->vm);
	if (m->console == NULL)
		return -EIO;
	error = virtio_rng_init(&m->rng, &m->vm, virtio_console_worker(m->console));
	for (unsigned i = 0; i < config->nr_shares && error == 0; i++) {
		m->shares[i] = virtio_fs_new(&m->vm, &config->shares[i]);
		error = m->shares[i] != NULL ? 0 : -EIO;
	}
	if (error == 0)
		error = add_nets(m);
	for (unsigned i = 0; i < m->vm.nr_devices && error == 0; i++)
		error = virtio_mmio_register(m->vm.devices[i]);
	return error;
}

static int set_boot_entry(struct vm *vm)
{
	const struct cpu_start start = {
		.entry = vm->entry,
		.argument = BOOT_INFO_GPA,
		.root = BOOT_TABLES_GPA,
		.flag_page = BOOT_FLAG_PAGE_GPA,
	};

	return vcpu_set_entry(&vm->vcpus[0], &start);
}

static int build(struct machine *m)
{
	int error = check_config(&m->vm);

	if (error == 0)
		error = open_kvm(&m->vm);
	if (error == 0)
		error = map_memory(m);
	if (error == 0)
		error = map_root(m);
	if (error == 0)
		place_memory(m);
	if (error == 0)
		error = boot_load_kernel(&m->vm);
	if (error == 0)
		error = vcpu_create_vm(&m->vm);
	if (error == 0)
		error = add_devices(m);
	if (error == 0)
		error = vcpu_set_features(&m->vm.vcpus[0]);
	if (error == 0)
		error = set_boot_entry(&m->vm);
	return error;
}

static int start_workers(struct machine *m)
{
	int error = worker_start(virtio_console_worker(m->console));

	for (unsigned i = 0; i < m->vm.config->nr_shares && error == 0; i++)
		error = virtio_fs_start(m->shares[i]);
	for (unsigned i = 0; i < m->vm.config->nr_nets && error == 0; i++)
		error = virtio_net_start(m->nets[i]);
	return error;
}

static void stop_workers(struct machine *m)
{
	for (unsigned i = 0; i < VM_MAX_NETS; i++)
		if (m->nets[i] != NULL)
			virtio_net_stop(m->nets[i]);
	for (unsigned i = 0; i < VM_MAX_SHARES; i++)
		if (m->shares[i] != NULL)
			virtio_fs_stop(m->shares[i]);
	if (m->console != NULL)
		worker_join(virtio_console_worker(m->console));
}

static int run_guest(struct machine *m)
{
	struct sigaction on_kick = { .sa_handler = take_kick };
	struct vm *vm = &m->vm;
	int error;

	burial_prepare(vm);
	/* One heap for all threads: the C library opens a file of /proc to make one of a thread's
	 * own smaller, whoever does that; and confined threads open none. */
	mallopt(M_ARENA_MAX, 1);
	m->kick_set = sigaction(VM_KICK_SIGNAL, &on_kick, &m->old_kick) == 0;
	error = start_workers(m);
	if (error == 0)
		error = secondary_create_all(vm);
	if (error != 0)
		return error;
	vm->result->confined = true;
	error = confine_thread(CONFINE_VCPU);
	if (error != 0)
		return vm_fail(vm, -error, "confining the vCPU's thread: %s", strerror(-error));
	boot_write_info(vm);
	error = vcpu_run(&vm->vcpus[0]);
	secondary_join_all(vm);
	if (!vm->ended)
		vm->result->end_tsc = __builtin_ia32_rdtsc();
	if (error == 0 && (unsigned)vm->result->end > VM_END_NO_START)
		error = vm_fail(vm, EIO, "the guest ended with code %#x, which means nothing",
				(unsigned)vm->result->end);
	return error;
}

static void demolish(struct machine *m)
{
	vm_stop(&m->vm);
	secondary_join_all(&m->vm);
	stop_workers(m);
	if (m->kick_set)
		sigaction(VM_KICK_SIGNAL, &m->old_kick, NULL);
	burial_close(&m->vm);
	for (unsigned i = 0; i < VM_MAX_SHARES; i++)
		if (m->shares[i] != NULL)
			virtio_fs_free(m->shares[i]);
	for (unsigned i = 0; i < VM_MAX_NETS; i++)
		if (m->nets[i] != NULL)
			virtio_net_free(m->nets[i]);
	m->vm.result->capture_error = capture_free(m->capture);
	if (m->rng.device.queues != NULL)
		virtio_rng_fini(&m->rng);
	if (m->console != NULL)
		virtio_console_free(m->console);
	if (m->mapping != NULL)
		munmap(m->mapping, m->mapping_bytes);
	if (m->root != NULL)
		munmap(m->root, m->root_bytes);
}

static void init_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < VM_MAX_CPUS; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		*vcpu = (struct vcpu){ .vm = vm, .id = i, .fd = -1 };
		sem_init(&vcpu->go, 0, 0);
	}
}

int monitor_run(const struct vm_config *config, struct vm_result *result)
{
	struct vm_config effective = *config;
	struct machine *m = calloc(1, sizeof(*m));
	int error;

	memset(result, 0, sizeof(*result));
	if (m == NULL) {
		snprintf(result->message, sizeof(result->message), "no memory for a VM");
		return -ENOMEM;
	}
	if (effective.control_port == 0)
		effective.control_in_fd = -1;
	effective.nr_cpus = max(effective.nr_cpus, 1u);
	if (effective.kernel == NULL)
		monitor_kernel_image(&effective.kernel, &effective.kernel_bytes);
	m->vm = (struct vm){ .config = &effective,
			     .result = result,
			     .kvm_fd = -1,
			     .vm_fd = -1,
			     .grave = { -1, -1 },
			     .bell = -1,
			     .bus_lock = PTHREAD_MUTEX_INITIALIZER,
			     .lock = PTHREAD_MUTEX_INITIALIZER };
	init_vcpus(&m->vm);
	error = build(m);
	if (error == 0)
		error = run_guest(m);
	demolish(m);
	if (m->vm.failed)
		error = -m->vm.error;
	free(m);
	return error;
}
