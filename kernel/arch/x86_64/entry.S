/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the kernel and out of it.
 *
 * Traps: every vector arrives on an IST stack, interrupts off. The registers are saved there as a
 * struct trap_frame, trap_place() copies it to where the thread can block and be preempted, and
 * trap_dispatch() handles it. NMI, #DF and #MC stay on stacks of their own.
 *
 * System calls: by `syscall` (LSTAR, RCX = return address, interrupts off) or from a patched site's
 * stub (the same registers, interrupts on). Both build the frame at the top of the kernel stack.
 * Stubs in files rewritten ahead of time come by a pointer, the image's first word.
 *
 * Two ways out: syscall_exit restores what a call may have changed and jumps; trap_exit restores
 * all and uses iretq. Both look at thread->work first, and both are restartable: trap_place() finds
 * a PC inside [begin, end) and sets it back to begin, RSP to the frame. All loads are relative to
 * RSP, so doing them again is harmless.
 */
#include <machine/layout.h>

	.section .door.slot, "ax"
	.globl	door_slot
door_slot:				/* DOOR_SLOT (abi/hull/door.h) */
	.quad	syscall_entry_patched

	.text

/* From the frame at RSP, with what is above it already pushed down to `vector`. */
.macro push_registers
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
.endm

/* ---- traps ---- */

	.balign	16
	.globl	trap_stubs
trap_stubs:				/* one every 16 bytes: trap.c fills the IDT from that */
	.set	vector, 0
	.rept	256
	.balign	16
	.if	(vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21)
	.else
	push	$0
	.endif
	push	$vector
	jmp	trap_entry
	.set	vector, vector + 1
	.endr

trap_entry:
	push_registers
	cld
	mov	%rsp, %rdi
	cmpq	$TRAP_NMI, FRAME_VECTOR(%rsp)
	je	trap_on_ist
	cmpq	$TRAP_DOUBLE_FAULT, FRAME_VECTOR(%rsp)
	je	trap_on_ist
	cmpq	$TRAP_MACHINE_CHECK, FRAME_VECTOR(%rsp)
	je	trap_on_ist
	call	trap_place		/* the frame's new place */
	mov	FRAME_VECTOR(%rsp), %rsi
	mov	%rax, %rsp
	mov	%rax, %rdi
	call	trap_dispatch
	jmp	trap_exit

trap_on_ist:				/* an NMI returns; the others do not */
	call	trap_unexpected
	jmp	restore_all

/* ---- the full way out: RSP = the frame, any interrupt state ---- */

	.globl	trap_exit, trap_exit_begin, trap_exit_end, trap_exit_iret
trap_exit:
trap_exit_begin:
	cmpb	$0, cpu_soft_kvm(%rip)
	jne	1f
	cli
	jmp	2f
1:	movb	$0, %gs:CPU_FLAG_IF
2:	cmpq	$0, FRAME_RIP(%rsp)
	jl	restore_all		/* to the kernel: a preempted place has no exit work */
	mov	%gs:CPU_CURRENT, %rax
	cmpl	$0, THREAD_WORK(%rax)
	jne	trap_exit_work
restore_all:
	mov	FRAME_R15(%rsp), %r15
	mov	FRAME_R14(%rsp), %r14
	mov	FRAME_R13(%rsp), %r13
	mov	FRAME_R12(%rsp), %r12
	mov	FRAME_RBP(%rsp), %rbp
	mov	FRAME_RBX(%rsp), %rbx
	mov	FRAME_R11(%rsp), %r11
	mov	FRAME_R10(%rsp), %r10
	mov	FRAME_R9(%rsp), %r9
	mov	FRAME_R8(%rsp), %r8
	mov	FRAME_RCX(%rsp), %rcx
	mov	FRAME_RDX(%rsp), %rdx
	mov	FRAME_RSI(%rsp), %rsi
	mov	FRAME_RDI(%rsp), %rdi
	cmpb	$0, cpu_soft_kvm(%rip)
	jne	3f
	movq	$SEL_KERNEL_CS, FRAME_CS(%rsp)
	movq	$SEL_KERNEL_SS, FRAME_RSP+8(%rsp)
	mov	FRAME_RAX(%rsp), %rax
	add	$FRAME_RIP, %rsp
	iretq
3:	movq	$SEL_PROGRAM_CS, FRAME_CS(%rsp)
	movq	$SEL_PROGRAM_SS, FRAME_RSP+8(%rsp)
	mov	FRAME_RAX(%rsp), %rax
	testl	$RFLAGS_IF, FRAME_RFLAGS(%rsp)
	jz	4f
	movb	$1, %gs:CPU_FLAG_IF
	cmpb	$0, %gs:CPU_FLAG_PENDING
	je	4f
	sti				/* traps, and what is pending comes in */
4:	add	$FRAME_RIP, %rsp
trap_exit_iret:
	iretq
trap_exit_end:

trap_exit_work:
	call	irq_enable
	mov	%rsp, %rdi
	call	program_exit_work
	jmp	trap_exit

irq_enable:				/* uses no register */
	cmpb	$0, cpu_soft_kvm(%rip)
	je	1f
	movb	$1, %gs:CPU_FLAG_IF
	cmpb	$0, %gs:CPU_FLAG_PENDING
	je	2f
1:	sti
2:	ret

/* void trap_enter_program(void): by the frame at the top of the stack. */
	.globl	trap_enter_program
trap_enter_program:
	mov	%gs:CPU_KSTACK_TOP, %rax
	lea	-FRAME_SIZE(%rax), %rsp
	jmp	trap_exit

/* ---- system calls ---- */

.macro push_syscall_frame kind rsp rflags
	push	$SEL_PROGRAM_SS
	push	\rsp
	.ifc	\rflags, current
	pushfq
	.else
	push	\rflags
	.endif
	push	$SEL_PROGRAM_CS
	push	%rcx
	push	%rax
	push	$\kind
	push_registers
	cld
.endm

/* Door 1, LSTAR. SFMASK cleared IF and DF; R11 holds RFLAGS, with IF set. */
	.balign	64
	.globl	syscall_entry
syscall_entry:
	mov	%rsp, %gs:CPU_SCRATCH	/* interrupts are off: nobody else comes here */
	mov	%gs:CPU_KSTACK_TOP, %rsp
	push_syscall_frame TRAP_SYSCALL_SLOW %gs:CPU_SCRATCH %r11
	call	irq_enable
	mov	%rsp, %rdi
	call	door_trapped
	jmp	syscall_run

/* Door 3 with --no-patch: as door 1, but that there is no site to be patched. */
	.balign	64
	.globl	syscall_entry_plain
syscall_entry_plain:
	mov	%rsp, %r11
	mov	%gs:CPU_KSTACK_TOP, %rsp
	push_syscall_frame TRAP_SYSCALL_SLOW %r11 current
	jmp	syscall_run

/* Doors 2 and 3, from a stub of door.c or of the file. Unlike door 1 it does not keep the arithmetic flags. */
	.balign	64
	.globl	syscall_entry_patched
syscall_entry_patched:
	mov	%rsp, %r11
	mov	%gs:CPU_KSTACK_TOP, %rsp
	push_syscall_frame TRAP_SYSCALL_FAST %r11 $(RFLAGS_IF | RFLAGS_FIXED)
syscall_run:
	mov	%rsp, %rdi
	call	program_syscall

	.globl	syscall_exit_begin, syscall_exit_end
syscall_exit_begin:
	mov	%gs:CPU_CURRENT, %rax
	cmpl	$0, THREAD_WORK(%rax)
	jne	syscall_exit_work
	cmpq	$TRAP_SYSCALL_FAST, FRAME_VECTOR(%rsp)
	jne	trap_exit		/* door 1 keeps the flags; signals and exec change more */
	mov	FRAME_RIP(%rsp), %rcx
	mov	FRAME_RAX(%rsp), %rax
	mov	FRAME_RDI(%rsp), %rdi
	mov	FRAME_RSI(%rsp), %rsi
	mov	FRAME_RDX(%rsp), %rdx
	mov	FRAME_R8(%rsp), %r8
	mov	FRAME_R9(%rsp), %r9
	mov	FRAME_R10(%rsp), %r10
	mov	FRAME_RSP(%rsp), %rsp
syscall_exit_end:			/* here all but the PC is the program's: see trap_place() */
	jmp	*%rcx

syscall_exit_work:
	mov	%rsp, %rdi
	call	program_exit_work
	jmp	syscall_exit_begin

/* ---- further CPUs: RDI = struct cpu, RSP = the top of its idle thread's stack ---- */

	.globl	cpu_secondary_entry
cpu_secondary_entry:
	cld
	xor	%ebp, %ebp
	call	cpu_secondary_begin	/* descriptors.c: does not return */
	ud2

/* ---- threads ---- */

/* void context_swap(vaddr_t *save_ksp, vaddr_t ksp) */
	.globl	context_swap
context_swap:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

/* Where a new thread's first context_swap returns to: R12 = entry, R13 = argument. */
	.globl	context_begin
context_begin:
	mov	%r13, %rdi
	call	*%r12
	ud2

/* ---- idle ---- */

/*
 * void cpu_wait_irq(void). A trap inside [begin, end) continues at end (trap_place). `sti` holds
 * interrupts off for one instruction more (SDM 2B "STI"), where it is emulated too: that must not
 * be the one that turns them off again, or what is pending never comes in.
 */
	.globl	cpu_wait_irq, cpu_wait_begin, cpu_wait_end
cpu_wait_irq:
	cmpb	$0, cpu_soft_kvm(%rip)
	jne	cpu_wait_begin
	sti
	hlt
	cli
	ret
cpu_wait_begin:
	movb	$1, %gs:CPU_FLAG_IF
	cmpb	$0, %gs:CPU_FLAG_PENDING
	jne	1f
	hlt
	jmp	cpu_wait_end
1:	sti
	nop
cpu_wait_end:
	movb	$0, %gs:CPU_FLAG_IF
	ret

	.section .note.GNU-stack, "", @progbits
