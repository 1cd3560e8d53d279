/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switching threads: callee-saved registers on the kernel stack (entry.S), FPU state and FS base in
 * struct context. The kernel leaves the FPU alone, so the next thread's state can be loaded before
 * the stacks are swapped.
 */
#include "arch/context.h"

#include "arch/trap.h"
#include "arch/x86_64/machine.h"
#include "arch/x86_64/x86.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"

/* What context_swap() pops, lowest address first. */
struct switch_frame {
	unsigned long r15, r14, r13, r12, rbx, rbp, rip;
	unsigned long end_of_chain; /* where a caller's frame would be: ends a backtrace */
};

void context_init(struct context *c, vaddr_t kstack_top, void (*entry)(void *), void *arg)
{
	/* The program's frame has its place at the top: a thread may fill it while it runs
	 * below. */
	struct switch_frame *s = (struct switch_frame *)(kstack_top - sizeof(struct trap_frame)) -
				 1;

	*s = (struct switch_frame){
		.rip = (unsigned long)context_begin,
		.r12 = (unsigned long)entry,
		.r13 = (unsigned long)arg,
	};
	c->ksp = (vaddr_t)s;
	c->kstack_top = kstack_top;
}

static uint64_t read_fs_base(void)
{
	return cpu_has_fsgsbase ? rdfsbase() : rdmsr(MSR_FS_BASE);
}

static void write_fs_base(uint64_t base)
{
	if (cpu_has_fsgsbase)
		wrfsbase(base);
	else
		wrmsr(MSR_FS_BASE, base);
}

void context_switch(struct thread *from, struct thread *to)
{
	struct cpu_arch *cpu = &cpu_this()->arch;

	if (from->context.fpu) {
		fpu_save(from->context.fpu);
		from->context.fs_base = read_fs_base();
	}
	if (!from->context.kstack_top)
		from->context.kstack_top = cpu->kstack_top; /* the boot thread */
	if (to->context.fpu) {
		fpu_restore(to->context.fpu);
		write_fs_base(to->context.fs_base);
	}
	cpu->current = to;
	cpu->kstack_top = to->context.kstack_top;
	context_swap(&from->context.ksp, to->context.ksp);
}

/* The current thread's is in the register; a thread without an FPU area has none. */
uaddr_t context_tls(const struct context *c)
{
	return &thread_current()->context == c ? read_fs_base() : c->fs_base;
}

void context_set_tls(struct thread *t, uaddr_t base)
{
	if (t == thread_current())
		write_fs_base(base);
	t->context.fs_base = base;
}
