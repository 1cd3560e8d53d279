/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR before there is an IDT: one with a single gate, for #GP (Intel SDM 3A §6.14.1), whose
 * handler goes on behind the instruction with 0.
 */
#include <machine/layout.h>

#define VECTOR_GP	13
#define GATE_INTERRUPT	0x8e00
#define GATE_BYTES	16

	.text
	.globl	soft_kvm_rdmsr_or_0
soft_kvm_rdmsr_or_0:
	lea	gate(%rip), %rdx
	lea	fault(%rip), %rax
	mov	%ax, (%rdx)
	shr	$16, %rax
	mov	%ax, 6(%rdx)
	shr	$16, %rax
	mov	%eax, 8(%rdx)
	sub	$(VECTOR_GP * GATE_BYTES), %rdx
	mov	%rdx, idt_pointer + 2(%rip)
	lidt	idt_pointer(%rip)
	mov	%edi, %ecx
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	ret
fault:	mov	32(%rsp), %rsp		/* error code, RIP, CS, RFLAGS, RSP */
	xor	%eax, %eax
	ret

	.data
	.balign	8
gate:	.word	0, SEL_KERNEL_CS, GATE_INTERRUPT, 0
	.long	0, 0
	.word	0, 0, 0			/* the pointer's base is aligned */
idt_pointer:
	.word	(VECTOR_GP + 1) * GATE_BYTES - 1
	.quad	0

	.section .note.GNU-stack, "", @progbits
