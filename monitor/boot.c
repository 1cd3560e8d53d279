/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies in guest memory at the direct entry (abi/hull/boot.h):
 *
 *	0x1000		struct boot_info	reserved
 *	0x2000		the flag page		reserved
 *	0x4000		the top table, then the two third-level ones, the image's second-level
 *			one and the direct map's, a page each: free for the kernel once it has
 *			tables of its own
 *	0x100000	the kernel's image, as its program headers say
 *	after it	the launch record	reserved
 *
 * Everything is one mapping of fresh zero pages, so only what is not zero is written. Guest memory
 * is the kernel's first 2 MiB where it can be: one huge page serves all of it.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include "abi/hull/boot.h"
#include "monitor/device/device.h"

#define PAGE          4096ull
#define HUGE          (2ull << 20)
#define TABLE_ENTRIES 512u

#define PTE_TABLE 0x7ull /* present, writable, user: soft_kvm.h wants U/S=1 */
#define PTE_HUGE  0x87ull

enum { /* pages from BOOT_TABLES_GPA on */
       TABLE_TOP = 0,
       TABLE_IMAGE3 = 1,
       TABLE_IMAGE2 = 2,
       TABLE_DIRECT3 = 3,
       TABLE_DIRECT2 = 4, /* and on: one a GiB */
};

static uint64_t table_gpa(unsigned idx)
{
	return BOOT_TABLES_GPA + idx * PAGE;
}

static uint64_t *table_at(struct vm *vm, unsigned idx)
{
	return (uint64_t *)(void *)(vm->ram + table_gpa(idx));
}

static uint64_t low_bytes(const struct vm *vm)
{
	return vm->memory.regions[0].size_bytes;
}

static uint64_t memory_end(const struct vm *vm)
{
	const struct guest_region *last = &vm->memory.regions[vm->memory.nr_regions - 1];

	return last->gpa + last->size_bytes;
}

/* The ranges of one table are [0, bytes) rounded up to 2 MiB, physical = offset. */
static void fill_huge(uint64_t *table, uint64_t first_gpa, uint64_t end_gpa)
{
	for (unsigned i = 0; i < TABLE_ENTRIES && first_gpa + i * HUGE < end_gpa; i++)
		table[i] = (first_gpa + i * HUGE) | PTE_HUGE;
}

static void write_tables(struct vm *vm)
{
	const uint64_t gib = 1ull << 30;
	uint64_t *top = table_at(vm, TABLE_TOP);
	unsigned nr_direct = (unsigned)((memory_end(vm) + gib - 1) / gib);

	top[KERNEL_BASE >> 39 & 511] = table_gpa(TABLE_IMAGE3) | PTE_TABLE;
	table_at(vm, TABLE_IMAGE3)[KERNEL_BASE >> 30 & 511] = table_gpa(TABLE_IMAGE2) | PTE_TABLE;
	fill_huge(table_at(vm, TABLE_IMAGE2), 0, gib);
	top[DIRECT_BASE >> 39 & 511] = table_gpa(TABLE_DIRECT3) | PTE_TABLE;
	for (unsigned i = 0; i < nr_direct; i++) {
		table_at(vm, TABLE_DIRECT3)[i] = table_gpa(TABLE_DIRECT2 + i) | PTE_TABLE;
		fill_huge(table_at(vm, TABLE_DIRECT2 + i), i * gib, memory_end(vm));
	}
}

static int check_elf(struct vm *vm, const Elf64_Ehdr *elf, size_t len)
{
	if (len < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_machine != EM_X86_64 ||
	    elf->e_type != ET_EXEC)
		return vm_fail(vm, EINVAL, "the kernel is not an x86-64 ELF executable");
	if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phoff > len ||
	    elf->e_phnum > (len - elf->e_phoff) / sizeof(Elf64_Phdr))
		return vm_fail(vm, EINVAL, "the kernel's ELF file is cut short");
	if (elf->e_entry < KERNEL_BASE)
		return vm_fail(vm, EINVAL, "the kernel's entry %#lx is not in the upper 2 GiB",
			       (unsigned long)elf->e_entry);
	return 0;
}

static int too_small(struct vm *vm, uint64_t need_bytes)
{
	return vm_fail(vm, EINVAL,
		       "%lu MiB of memory is too little: the kernel and what it is "
		       "started with need %lu MiB before anything runs; give it more with -m",
		       (unsigned long)(vm->ram_bytes >> 20),
		       (unsigned long)((need_bytes + 0xfffff) >> 20));
}

static int load_segment(struct vm *vm, const uint8_t *image, size_t len, const Elf64_Phdr *phdr)
{
	if (phdr->p_filesz > phdr->p_memsz || phdr->p_offset > len ||
	    phdr->p_filesz > len - phdr->p_offset)
		return vm_fail(vm, EINVAL, "the kernel's ELF file is cut short");
	if (phdr->p_paddr < KERNEL_LOAD_PADDR || phdr->p_paddr > VM_HOLE_BASE ||
	    phdr->p_memsz > VM_HOLE_BASE - phdr->p_paddr)
		return vm_fail(vm, EINVAL,
			       "a segment of the kernel lies at %#lx, outside low "
			       "memory",
			       (unsigned long)phdr->p_paddr);
	if (phdr->p_paddr + phdr->p_memsz > low_bytes(vm))
		return too_small(vm, phdr->p_paddr + phdr->p_memsz);
	memcpy(vm->ram + phdr->p_paddr, image + phdr->p_offset, phdr->p_filesz);
	return 0;
}

static int load_segments(struct vm *vm, uint64_t *image_end)
{
	const uint8_t *image = vm->config->kernel;
	size_t len = vm->config->kernel_bytes;
	const Elf64_Ehdr *elf = (const void *)image;
	const Elf64_Phdr *phdrs;
	int error = check_elf(vm, elf, len);

	if (error != 0)
		return error;
	phdrs = (const void *)(image + elf->e_phoff);
	*image_end = KERNEL_LOAD_PADDR;
	for (unsigned i = 0; i < elf->e_phnum && error == 0; i++) {
		if (phdrs[i].p_type != PT_LOAD || phdrs[i].p_memsz == 0)
			continue;
		if (vm->config->payload_offset != 0 &&
		    phdrs[i].p_offset == vm->config->payload_offset)
			continue;
		error = load_segment(vm, image, len, &phdrs[i]);
		*image_end = max(*image_end, (uint64_t)(phdrs[i].p_paddr + phdrs[i].p_memsz));
	}
	*image_end = align_up(*image_end, PAGE);
	vm->entry = elf->e_entry;
	return error;
}

static void write_memory_map(struct vm *vm, struct boot_info *info, uint64_t launch)
{
	uint64_t launch_bytes = align_up((uint64_t)vm->config->launch_bytes, PAGE);
	const struct boot_memory reserved[] = {
		{ BOOT_INFO_GPA, PAGE, BOOT_MEMORY_RESERVED, 0 },
		{ BOOT_FLAG_PAGE_GPA, PAGE, BOOT_MEMORY_RESERVED, 0 },
		{ launch, launch_bytes, BOOT_MEMORY_RESERVED, 0 },
		{ vm->root_gpa, align_up(vm->config->root.bytes, PAGE), BOOT_MEMORY_RESERVED, 0 },
	};

	for (unsigned i = 0; i < vm->memory.nr_regions; i++)
		info->memory[info->nr_memory++] = (struct boot_memory){
			.base = vm->memory.regions[i].gpa,
			.size_bytes = vm->memory.regions[i].size_bytes,
			.type = BOOT_MEMORY_RAM,
		};
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (reserved[i].size_bytes != 0)
			info->memory[info->nr_memory++] = reserved[i];
}

static struct boot_info *boot_info_of(struct vm *vm)
{
	return (struct boot_info *)(void *)(vm->ram + BOOT_INFO_GPA);
}

int boot_load_kernel(struct vm *vm)
{
	struct boot_info *info = boot_info_of(vm);
	uint64_t image_end;
	int error = load_segments(vm, &image_end);

	if (error != 0)
		return error;
	if (vm->config->launch_bytes > low_bytes(vm) - image_end)
		return too_small(vm, image_end + vm->config->launch_bytes);
	if (vm->config->launch_bytes != 0)
		memcpy(vm->ram + image_end, vm->config->launch, vm->config->launch_bytes);
	write_tables(vm);
	info->root = vm->root_gpa;
	info->root_bytes = vm->config->root.bytes;
	info->launch = image_end;
	info->launch_bytes = vm->config->launch_bytes;
	write_memory_map(vm, info, image_end);
	return 0;
}

/* The guest's TSC is the host's (vcpu.c sets the offset to zero). */
void boot_write_info(struct vm *vm)
{
	struct boot_info *info = boot_info_of(vm);
	struct timespec now;

	info->magic = BOOT_INFO_MAGIC;
	info->version = BOOT_INFO_VERSION;
	info->flags = BOOT_MSI_VECTOR | BOOT_VIRTIO_SETUP | BOOT_RAM_ZERO;
	if (vm->software) {
		info->flags |= BOOT_SOFT_KVM;
		info->flag_page = BOOT_FLAG_PAGE_GPA;
	}
	if (vm->kvmclock)
		info->flags |= BOOT_KVMCLOCK;
	if (vm->tsc_deadline)
		info->flags |= BOOT_TSC_DEADLINE;
	info->nr_devices = vm->nr_devices;
	for (unsigned i = 0; i < vm->nr_devices; i++)
		info->devices[i] = (struct boot_device){
			.base = VM_DEVICE_BASE + (uint64_t)i * VM_DEVICE_BYTES,
			.size_bytes = VM_DEVICE_BYTES,
			.irq = VM_DEVICE_VECTOR + i,
		};
	info->nr_cpus = vm->config->nr_cpus;
	for (unsigned i = 0; i < info->nr_cpus; i++)
		info->cpu_apic_ids[i] = i;
	info->tsc_khz = vm->tsc_khz;
	clock_gettime(CLOCK_REALTIME, &now);
	info->tsc_at_wall = __builtin_ia32_rdtsc();
	info->wall_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	info->entry_tsc = __builtin_ia32_rdtsc();
	vm->result->entry_tsc = info->entry_tsc;
	vm->result->tsc_khz = vm->tsc_khz;
}
