/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entering and leaving the kernel: system calls, faults, interrupts.
 *
 * Program and kernel share one privilege level, so nothing switches stacks by itself. Every vector
 * has an IST stack; the entry code moves the frame to the thread's kernel stack at once (below the
 * interrupted RSP when that is already on the kernel stack, else at its top) and may then block. A
 * trap came from the program when its PC is in the lower half.
 *
 * A program's registers are a struct trap_frame at the top of the thread's kernel stack
 * (thread_frame()). The way out, for system calls and traps alike, first looks at thread->work with
 * interrupts off and runs program_exit_work() while it is not zero. That sequence is restartable:
 * an interrupt that finds its PC between the check and the last jump goes back to the check, so a
 * signal posted by that interrupt is not missed.
 *
 * struct trap_frame is <machine/trap.h>'s; the accessors there are:
 *
 *	uaddr_t frame_pc(f), frame_sp(f);	frame_set_pc(f, x), frame_set_sp(f, x)
 *	unsigned long frame_syscall_nr(f);	the number as it came, also after the result is set
 *	unsigned long frame_arg(f, i);		argument 0..5 of the system call
 *	long frame_result(f);			frame_set_result(f, x)
 *	void frame_restart_syscall(f);		the call will be executed again, with its arguments
 *	bool frame_is_syscall(f);		false: a fault or an interrupt
 *	void frame_clear_syscall(f);		from now on as if it came by a fault: no restart
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct trap_frame;
#include <machine/trap.h>

/* Sets every register to zero but these: the state in which a new program starts. */
void frame_init(struct trap_frame *f, uaddr_t pc, uaddr_t sp);

/* Leaves the kernel by the current thread's frame (thread_frame()); its kernel stack is empty
 * afterwards. */
NORETURN void trap_enter_program(void);

/*
 * Called by the entry code, implemented above (core/program.h says by whom):
 *	void program_syscall(struct trap_frame *)	with interrupts on
 *	void program_fault(struct trap_frame *, const struct fault *)	interrupts on
 *	void program_no_memory(void)					interrupts on
 *	void program_exit_work(struct trap_frame *)	interrupts on
 */
enum fault_kind {
	FAULT_PAGE, /* address, access; mm did not resolve it: code says why */
	FAULT_DIVIDE,
	FAULT_FP,
	FAULT_OPCODE,
	FAULT_BREAKPOINT,
	FAULT_DEBUG,
	FAULT_PROTECTION, /* #GP: non-canonical address, privileged misuse */
	FAULT_ALIGNMENT,
	FAULT_BUS, /* a mapped file page that does not exist */
};

struct fault {
	enum fault_kind kind;
	uaddr_t address; /* the data address for FAULT_PAGE, _BUS; else the PC */
	unsigned access; /* MMU_READ, MMU_WRITE or MMU_EXEC */
	int error;       /* FAULT_PAGE: -EFAULT nothing mapped, -EACCES not allowed, -ENOMEM */
	unsigned trapno, code; /* the machine's own numbers, for ucontext and the report */
};
