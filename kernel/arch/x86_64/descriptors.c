/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making a CPU ready: per-CPU base, descriptor tables, trap stacks, system-call registers, FPU.
 *
 * The boot CPU's struct cpu lies in the image, right above a page that stands for its
 * interrupt-flag page (machine/percpu.h, mk/kernel.lds). Its tables are static, so that a fault
 * early in the start is a panic with a message. A further CPU has one block of pages: the flag
 * page, struct cpu, its tables. Every gate is an interrupt gate on an IST stack:
 * program and kernel share one privilege level, so nothing else would switch away from the
 * program's stack and its red zone. Intel SDM 3A §6.14, §7.2.3, §7.7.
 */
#include "abi/hull/cpu_start.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/pte.h"
#include "arch/x86_64/x86.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/smp/secondary.h"
#include "lib/string.h"
#include "mm/alloc/page.h"

#define IST_TRAP       1 /* numbers of the IST slots */
#define IST_DOUBLE     2
#define IST_NMI        3
#define IST_MACHINE    4
#define IST_STACK_SIZE 8192
#define NMI_STACK_SIZE 2048

#define STUB_SIZE 16 /* distance of entry.S's trap_stubs */

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} PACKED;

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} PACKED;

#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate */
#define SEGMENT_CODE   0x00af9a000000ffffull
#define SEGMENT_DATA   0x00cf92000000ffffull
#define SEGMENT_DPL3   0x0000600000000000ull
#define TSS_AVAILABLE  0x0000890000000000ull

/* One per CPU: what the processor itself reads. */
struct descriptors {
	uint64_t gdt[10];
	struct tss tss;
	uint8_t trap_stack[IST_STACK_SIZE] ALIGNED(16);
	uint8_t double_stack[IST_STACK_SIZE] ALIGNED(16);
	uint8_t nmi_stack[NMI_STACK_SIZE] ALIGNED(16);
	uint8_t machine_stack[IST_STACK_SIZE] ALIGNED(16);
};

extern const uint8_t trap_stubs[];

bool cpu_soft_kvm = true; /* until mmu_init(): see machine/cpu.h */
bool cpu_has_fsgsbase;

static struct gate idt[256] ALIGNED(16);
static struct descriptors boot_descriptors ALIGNED(16);

uint8_t boot_stack[KSTACK_SIZE] ALIGNED(4096);

static uint8_t ist_of(unsigned vector)
{
	switch (vector) {
	case TRAP_DOUBLE_FAULT:
		return IST_DOUBLE;
	case TRAP_NMI:
		return IST_NMI;
	case TRAP_MACHINE_CHECK:
		return IST_MACHINE;
	default:
		return IST_TRAP;
	}
}

static void fill_idt(void)
{
	for (unsigned v = 0; v < ARRAY_SIZE(idt); v++) {
		uint64_t stub = (uint64_t)(trap_stubs + v * STUB_SIZE);

		idt[v] = (struct gate){
			.offset_low = (uint16_t)stub,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
			.selector = SEL_KERNEL_CS,
			.ist = ist_of(v),
			.type = GATE_INTERRUPT,
		};
	}
}

static void load_tables(struct descriptors *d)
{
	uint64_t tss = (uint64_t)&d->tss;
	struct table_pointer gdtr = { sizeof(d->gdt) - 1, (uint64_t)d->gdt };
	struct table_pointer idtr = { sizeof(idt) - 1, (uint64_t)idt };

	d->gdt[SEL_KERNEL_CS / 8] = SEGMENT_CODE;
	d->gdt[SEL_KERNEL_SS / 8] = SEGMENT_DATA;
	d->gdt[SEL_PROGRAM_SS / 8] = SEGMENT_DATA | SEGMENT_DPL3;
	d->gdt[SEL_PROGRAM_CS / 8] = SEGMENT_CODE | SEGMENT_DPL3;
	d->gdt[SEL_TSS / 8] = TSS_AVAILABLE | (sizeof(d->tss) - 1) | (tss & 0xffffff) << 16 |
			      (tss >> 24 & 0xff) << 56;
	d->gdt[SEL_TSS / 8 + 1] = tss >> 32;
	d->tss.ist[IST_TRAP - 1] = (uint64_t)(d->trap_stack + IST_STACK_SIZE);
	d->tss.ist[IST_DOUBLE - 1] = (uint64_t)(d->double_stack + IST_STACK_SIZE);
	d->tss.ist[IST_NMI - 1] = (uint64_t)(d->nmi_stack + NMI_STACK_SIZE);
	d->tss.ist[IST_MACHINE - 1] = (uint64_t)(d->machine_stack + IST_STACK_SIZE);
	d->tss.io_map = sizeof(d->tss);
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

static void begin(struct cpu *cpu)
{
	cpu->arch.self = cpu;
	cpu->arch.current = cpu->idle;
	load_tables(cpu->arch.descriptors);
	if (cpu_has_fsgsbase)
		wrgsbase((uint64_t)cpu);
	else
		wrmsr(MSR_GS_BASE, (uint64_t)cpu);
}

void cpu_init_early(struct cpu *cpu, const struct boot_info *info)
{
	cpu->arch.kstack_top = (vaddr_t)boot_stack + sizeof(boot_stack);
	cpu->arch.descriptors = &boot_descriptors;
	cpu_has_fsgsbase = read_cr4() & CR4_FSGSBASE;
	fill_idt();
	begin(cpu);
}

/* ---- further CPUs ---- */

/* A block: the flag page right below struct cpu, then the tables. */
#define BLOCK_SIZE  (PAGE_SIZE + sizeof(struct cpu) + sizeof(struct descriptors))
#define BLOCK_PAGES ((BLOCK_SIZE + PAGE_SIZE - 1) / PAGE_SIZE)
#define BLOCK_ORDER (64 - __builtin_clzll(BLOCK_PAGES - 1))

static struct page *block_of(struct cpu *cpu)
{
	return paddr_to_page(ptr_to_paddr(cpu) - PAGE_SIZE);
}

struct cpu *cpu_new(void)
{
	struct page *block = page_alloc(BLOCK_ORDER, PAGE_ALLOC_ZERO);
	struct cpu *cpu;

	if (!block)
		return NULL;
	page_free_range(block + BLOCK_PAGES, (1ul << BLOCK_ORDER) - BLOCK_PAGES);
	cpu = (struct cpu *)((char *)page_to_ptr(block) + PAGE_SIZE);
	cpu->arch.descriptors = (struct descriptors *)(cpu + 1);
	return cpu;
}

void cpu_free(struct cpu *cpu)
{
	page_free_range(block_of(cpu), BLOCK_PAGES);
}

void cpu_start_fill(struct cpu *cpu, struct cpu_start *how)
{
	struct context *c = &cpu->idle->context;

	c->kstack_top = cpu->idle->kstack_base + KSTACK_SIZE;
	cpu->arch.kstack_top = c->kstack_top;
	cpu->arch.loaded_root = ptr_to_paddr(mmu_kernel_root);
	*how = (struct cpu_start){
		.cpu = cpu->id,
		.entry = (uint64_t)cpu_secondary_entry,
		.stack = c->kstack_top - sizeof(struct trap_frame),
		.argument = (uint64_t)cpu,
		.root = cpu->arch.loaded_root,
		.flag_page = cpu_soft_kvm ? page_to_paddr(block_of(cpu)) : 0,
	};
}

void cpu_secondary_begin(struct cpu *cpu)
{
	begin(cpu);
	cpu_secondary_main(cpu);
}

void cpu_init(struct cpu *cpu)
{
	wrmsr(MSR_STAR, (uint64_t)SEL_KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_AC);
	fpu_init_cpu();
}
