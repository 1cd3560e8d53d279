/* SPDX-License-Identifier: BSD-2-Clause */
/* Intel SDM 3A §10.8.5.4: how to leave 64-bit mode. EDI: where this copy lies; RSI: struct handoff. */
#include "boot/uefi/handoff.h"

#define HERE(label) (label - handoff_begin)
#define SEL_CODE32  0x08
#define SEL_DATA32  0x10
#define MSR_EFER    0xc0000080
#define EFER_LME    8
#define CR0_PG	    31
#define CR4_PCIDE   17
#define CR4_CET	    23

	.section .text
	.code64
	.globl	handoff_begin
handoff_begin:
	cli
	cld
	mov	%edi, %ebp
	mov	%esi, %ebx
	mov	%cr4, %rax
	btr	$CR4_PCIDE, %rax
	btr	$CR4_CET, %rax
	mov	%rax, %cr4
	lea	HERE(gdt)(%rbp), %eax
	mov	%eax, HERE(gdt_pointer) + 2(%rbp)
	lea	HERE(in_32)(%rbp), %eax
	mov	%eax, HERE(far_pointer)(%rbp)
	lgdt	HERE(gdt_pointer)(%rbp)
	ljmp	*HERE(far_pointer)(%rbp)

	.code32
in_32:	mov	$SEL_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	%cr0, %eax
	btr	$CR0_PG, %eax
	mov	%eax, %cr0
	mov	$MSR_EFER, %ecx
	rdmsr
	btr	$EFER_LME, %eax
	wrmsr
	xor	%eax, %eax
	mov	%eax, %cr4
	mov	HANDOFF_FROM(%ebx), %esi
	mov	HANDOFF_TO(%ebx), %edi
	mov	HANDOFF_BYTES(%ebx), %ecx
	shr	$2, %ecx
	rep movsl
	mov	HANDOFF_ENTRY(%ebx), %eax
	mov	HANDOFF_START_INFO(%ebx), %ebx
	jmp	*%eax

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	/* SEL_CODE32 */
	.quad	0x00cf92000000ffff	/* SEL_DATA32 */
gdt_pointer:
	.word	. - gdt - 1
	.quad	0
	.balign	4
far_pointer:
	.long	0
	.word	SEL_CODE32
	.globl	handoff_end
handoff_end:

	.section .note.GNU-stack, "", @progbits
