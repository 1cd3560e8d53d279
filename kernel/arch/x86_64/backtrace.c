/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and callers for panics, written straight to the debug port. The kernel is built with
 * frame pointers: each frame is { caller's RBP, return address }, and frames go upwards. Only
 * memory that must be mapped is read: the image, and the current kernel stack.
 */
#include "abi/hull/boot.h"
#include "arch/percpu.h"
#include "arch/program.h"
#include "arch/trap.h"
#include "arch/x86_64/machine.h"
#include "core/panic.h"
#include "core/platform.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define DEPTH_MAX 32

static void say_line(const char *text)
{
	platform_debug_write(text, strlen(text));
}

static void print_four(const char *const names[4], const unsigned long values[4])
{
	char line[128];

	fmt(line, sizeof(line), "  %s %016lx  %s %016lx  %s %016lx  %s %016lx\n", names[0],
	    values[0], names[1], values[1], names[2], values[2], names[3], values[3]);
	say_line(line);
}

static void print_address(const char *before, unsigned long address)
{
	char name[64], line[128];

	symbol_describe(address, name, sizeof(name));
	fmt(line, sizeof(line), "%s%016lx %s\n", before, address, name);
	say_line(line);
}

/* Where no trap stopped the CPU: what still means something after the calls that led here. */
static NOINLINE void print_kept_registers(void)
{
	unsigned long rsp, rbp, rbx, r12, r13, r14, r15, flags;

	__asm__ volatile("mov %%rsp, %0\n\tmov %%rbp, %1\n\tmov %%rbx, %2\n\tmov %%r12, %3"
			 : "=m"(rsp), "=m"(rbp), "=m"(rbx), "=m"(r12));
	__asm__ volatile("mov %%r13, %0\n\tmov %%r14, %1\n\tmov %%r15, %2\n\tpushfq\n\tpopq %3"
			 : "=m"(r13), "=m"(r14), "=m"(r15), "=m"(flags));
	print_four((const char *[]){ "rsp", "rbp", "rbx", "flg" },
		   (unsigned long[]){ rsp, rbp, rbx, flags });
	print_four((const char *[]){ "r12", "r13", "r14", "r15" },
		   (unsigned long[]){ r12, r13, r14, r15 });
}

void machine_print_registers(const struct trap_frame *f)
{
	if (!f) {
		print_kept_registers();
		return;
	}
	print_address("rip ", f->rip);
	print_four((const char *[]){ "rsp", "flg", "vec", "err" },
		   (unsigned long[]){ f->rsp, f->rflags, f->vector, f->error });
	print_four((const char *[]){ "rax", "rbx", "rcx", "rdx" },
		   (unsigned long[]){ f->rax, f->rbx, f->rcx, f->rdx });
	print_four((const char *[]){ "rsi", "rdi", "rbp", "r8 " },
		   (unsigned long[]){ f->rsi, f->rdi, f->rbp, f->r8 });
	print_four((const char *[]){ "r9 ", "r10", "r11", "r12" },
		   (unsigned long[]){ f->r9, f->r10, f->r11, f->r12 });
	print_four((const char *[]){ "r13", "r14", "r15", "cr2" },
		   (unsigned long[]){ f->r13, f->r14, f->r15, cpu_this()->arch.fault_address });
}

static bool is_readable(vaddr_t at)
{
	vaddr_t top = cpu_this()->arch.kstack_top;

	if (at & 7)
		return false;
	if (at >= top - KSTACK_SIZE && at <= top - 16)
		return true;
	return at >= (vaddr_t)kernel_text_end && at < (vaddr_t)kernel_image_end - 16;
}

void machine_print_backtrace(const struct trap_frame *f)
{
	vaddr_t frame = f ? f->rbp : (vaddr_t)__builtin_frame_address(0);

	say_line("called from:\n");
	for (unsigned i = 0; i < DEPTH_MAX && is_readable(frame); i++) {
		const vaddr_t *words = (const vaddr_t *)frame;

		if (words[1] < KERNEL_BASE)
			break;
		print_address("  ", words[1]);
		if (words[0] <= frame)
			break;
		frame = words[0];
	}
}
