/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a trap means: where its frame goes, and whom it concerns.
 *
 * trap_place() runs on the IST stack and must not fault. It undoes what a trap inside one of the
 * restartable sequences of entry.S left half done, then copies the frame to the thread's kernel
 * stack: below the interrupted RSP when that is on this stack, else to its top. An interrupt in
 * trap_exit needs no frame of its own: what was being restored is restored from its beginning
 * afterwards. Else interrupts that come as fast as they are handled, each before the one before has
 * left, would fill the stack. A fault that can only end in a panic stays on the IST stack, which
 * works also when the kernel stack is what is broken.
 *
 * trap_dispatch() runs there, interrupts off. Faults of the program and of user copies go to mm,
 * and what mm does not resolve to the personality or to the copy's fixup. Intel SDM 3A §6.15.
 */
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/x86.h"
#include "core/irq.h"
#include "core/panic.h"
#include "core/platform.h"
#include "core/program.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/vmspace.h"

_Static_assert(offsetof(struct cpu, arch.self) == CPU_SELF, "layout.h");
_Static_assert(offsetof(struct cpu, arch.current) == CPU_CURRENT, "layout.h");
_Static_assert(offsetof(struct cpu, arch.kstack_top) == CPU_KSTACK_TOP, "layout.h");
_Static_assert(offsetof(struct cpu, arch.scratch) == CPU_SCRATCH, "layout.h");
_Static_assert(offsetof(struct thread, context) == 0, "layout.h");
_Static_assert(offsetof(struct thread, work) == THREAD_WORK, "layout.h");
_Static_assert(offsetof(struct trap_frame, rax) == FRAME_RAX, "layout.h");
_Static_assert(offsetof(struct trap_frame, vector) == FRAME_VECTOR, "layout.h");
_Static_assert(offsetof(struct trap_frame, rip) == FRAME_RIP, "layout.h");
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "layout.h");
_Static_assert(BOOT_STACK_SIZE == KSTACK_SIZE, "layout.h");

#define KSTACK_RESERVE 1024 /* a frame closer than this to the stack's end is an overflow */

enum page_fault_code { CODE_WRITE = 1 << 1, CODE_FETCH = 1 << 4 };

extern const char trap_exit_begin[], trap_exit_iret[], trap_exit_end[];
extern const char syscall_exit_begin[], syscall_exit_end[];
extern const char cpu_wait_begin[], cpu_wait_end[];

struct fixup {
	int32_t at, target;
}; /* each relative to itself */
extern const struct fixup __start___ex_table[], __stop___ex_table[];

static bool inside(unsigned long pc, const void *begin, const void *end)
{
	return pc >= (unsigned long)begin && pc < (unsigned long)end;
}

static bool on_kernel_stack(vaddr_t sp)
{
	return cpu_this()->arch.kstack_top - sp <= KSTACK_SIZE;
}

/*
 * Also when the program jumped to where none of the kernel's code is; RSP is not the kernel's then.
 * The stubs of door.c count as the program's: nothing that they do can fault.
 */
static bool from_program(const struct trap_frame *f)
{
	if (f->rip <= USER_TOP)
		return true;
	return !on_kernel_stack(f->rsp) && !inside(f->rip, kernel_image_start, kernel_text_end);
}

/* Where to go on after an unresolved fault at pc, or 0. */
static unsigned long fixup_find(unsigned long pc)
{
	for (const struct fixup *x = __start___ex_table; x < __stop___ex_table; x++)
		if ((unsigned long)((const char *)&x->at + x->at) == pc)
			return (unsigned long)((const char *)&x->target + x->target);
	return 0;
}

static uint64_t read_fault_address(void)
{
	uint64_t address;

	if (!cpu_soft_kvm)
		return read_cr2();
	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(address) : "i"(CPU_FLAG_CR2));
	return address;
}

/*
 * The way out begins with interrupts off. It is also returned to so: on a software-KVM host what is
 * pending comes in before the return that it is enabled for, and many in a row would each find the
 * one before still on the stack.
 */
static void rewind_sequences(struct trap_frame *f)
{
	if (inside(f->rip, trap_exit_begin, trap_exit_end)) {
		f->rflags &= ~(unsigned long)RFLAGS_IF;
		if (f->rip == (unsigned long)trap_exit_iret)
			f->rsp -= FRAME_RIP;
		f->rip = (unsigned long)trap_exit_begin;
	} else if (inside(f->rip, syscall_exit_begin, syscall_exit_end)) {
		f->rip = (unsigned long)syscall_exit_begin;
	} else if (f->rip == (unsigned long)syscall_exit_end) {
		f->rip = f->rcx;
	} else if (inside(f->rip, cpu_wait_begin, cpu_wait_end)) {
		f->rip = (unsigned long)cpu_wait_end;
	}
}

static bool is_interrupt(unsigned long vector)
{
	return vector >= TRAP_TIMER && vector != TRAP_INT80;
}

struct trap_frame *trap_place(struct trap_frame *f)
{
	struct cpu_arch *cpu = &cpu_this()->arch;
	vaddr_t top = cpu->kstack_top, base = top - KSTACK_SIZE, to = top;

	if (f->vector == TRAP_PAGE_FAULT)
		cpu->fault_address = read_fault_address();
	if (is_interrupt(f->vector)) {
		rewind_sequences(f);
		if (f->rip == (unsigned long)trap_exit_begin && on_kernel_stack(f->rsp))
			return (struct trap_frame *)f->rsp;
	}
	if (!from_program(f)) {
		if (f->vector == TRAP_PAGE_FAULT && !fixup_find(f->rip))
			return f;
		if (f->rsp > base && f->rsp <= top)
			to = align_down(f->rsp, 16);
		if (to - base < KSTACK_RESERVE)
			return f;
	}
	to -= sizeof(*f);
	memcpy((void *)to, f, sizeof(*f));
	return (struct trap_frame *)to;
}

static NORETURN void kernel_fault(const struct trap_frame *f, vaddr_t address)
{
	vaddr_t base = cpu_this()->arch.kstack_top - KSTACK_SIZE;

	if (address < base + KSTACK_RESERVE && address >= base - PAGE_SIZE)
		panic_at(f, "kernel stack overflow");
	panic_at(f, "kernel page fault at %#lx, code %#lx", (unsigned long)address, f->error);
}

static unsigned fault_access(const struct trap_frame *f, uaddr_t address)
{
	if (f->error & CODE_WRITE)
		return MMU_WRITE;
	if ((f->error & CODE_FETCH) || address == f->rip)
		return MMU_EXEC;
	return MMU_READ;
}

static void report_fault(struct trap_frame *f, const struct fault *fault)
{
	program_fault(f, fault);
	/* After a wild jump the way out would take the frame for the kernel's: no signal looked
	 * at. */
	while (f->rip > USER_TOP && thread_current()->work)
		program_exit_work(f);
}

static void page_fault(struct trap_frame *f)
{
	uaddr_t address = cpu_this()->arch.fault_address;
	struct vmspace *vs = thread_current() ? thread_current()->vmspace : NULL;
	unsigned long fixup = from_program(f) ? 0 : fixup_find(f->rip);
	struct fault fault = {
		.kind = FAULT_PAGE,
		.address = address,
		.access = fault_access(f, address),
		.trapno = TRAP_PAGE_FAULT,
		.code = (unsigned)f->error | 4,
		.error = -EFAULT,
	};

	if (!on_kernel_stack((vaddr_t)f) || (!from_program(f) && !fixup))
		kernel_fault(f, address);
	if (!(f->rflags & RFLAGS_IF))
		panic_at(f, "user memory touched with interrupts off, at %#lx",
			 (unsigned long)address);
	cpu_irq_enable();
	if (vs && address < USER_TOP)
		fault.error = vmspace_fault(vs, address, fault.access);
	if (fault.error == 0)
		return;
	if (fixup) {
		if (fault.error == -ENOMEM)
			program_no_memory();
		f->rip = fixup;
		return;
	}
	if (fault.error == -EIO || fault.error == -ENXIO)
		fault.kind = FAULT_BUS;
	report_fault(f, &fault);
}

static enum fault_kind exception_kind(unsigned long vector)
{
	switch (vector) {
	case 0:
		return FAULT_DIVIDE;
	case 1:
		return FAULT_DEBUG;
	case 3:
		return FAULT_BREAKPOINT;
	case 6:
		return FAULT_OPCODE;
	case 16:
	case 19:
		return FAULT_FP;
	case TRAP_ALIGNMENT:
		return FAULT_ALIGNMENT;
	default:
		return FAULT_PROTECTION;
	}
}

static void exception(struct trap_frame *f)
{
	struct fault fault = {
		.kind = exception_kind(f->vector),
		.address = f->rip,
		.error = -EFAULT,
		.trapno = (unsigned)f->vector,
		.code = (unsigned)f->error,
	};
	unsigned long fixup;

	if (from_program(f)) {
		cpu_irq_enable();
		report_fault(f, &fault);
		return;
	}
	if (f->vector == TRAP_ALIGNMENT && (f->rflags & RFLAGS_AC)) {
		f->rflags &= ~(unsigned long)RFLAGS_AC; /* the program left it set */
		return;
	}
	if (f->vector == 1) {
		f->rflags &= ~(unsigned long)RFLAGS_TF; /* a program that single-steps itself */
		return;
	}
	fixup = fixup_find(f->rip);
	if (!fixup)
		panic_at(f, "exception %lu in the kernel, code %#lx", f->vector, f->error);
	f->rip = fixup;
}

static void interrupt(unsigned long vector)
{
	struct cpu *cpu = cpu_this();

	cpu->nr_irqs++;
	if (vector == TRAP_KICK) { /* maybe amid another interrupt: that it came is all */
		platform->irq_ack();
		return;
	}
	cpu->in_irq = true;
	if (vector == TRAP_TIMER)
		timer_irq();
	else if (vector == TRAP_IPI)
		ipi_irq();
	else if (vector >= TRAP_DEVICES && vector != TRAP_SPURIOUS)
		irq_dispatch((unsigned)vector);
	if (vector != TRAP_SPURIOUS && platform)
		platform->irq_ack();
	cpu->in_irq = false;
	sched_preempt_irq();
}

/* `vector` is not f's when the frame serves an interrupt on the way out of another trap. */
void trap_dispatch(struct trap_frame *f, unsigned long vector)
{
	if (!on_kernel_stack((vaddr_t)f) && vector != TRAP_PAGE_FAULT)
		panic_at(f, "trap %lu: no room on the kernel stack", vector);
	if (is_interrupt(vector))
		interrupt(vector);
	else if (vector == TRAP_PAGE_FAULT)
		page_fault(f);
	else
		exception(f);
}

/* NMI, double fault, machine check: on an IST stack of their own. */
void trap_unexpected(struct trap_frame *f)
{
	if (f->vector == TRAP_NMI)
		return;
	if (f->vector == TRAP_DOUBLE_FAULT)
		panic_at(f, "double fault");
	panic_at(f, "machine check");
}

void frame_init(struct trap_frame *f, uaddr_t pc, uaddr_t sp)
{
	memset(f, 0, sizeof(*f));
	f->vector = TRAP_RESUME;
	f->rip = pc;
	f->cs = SEL_PROGRAM_CS;
	f->rflags = RFLAGS_IF | RFLAGS_FIXED;
	f->rsp = sp;
	f->ss = SEL_PROGRAM_SS;
}
