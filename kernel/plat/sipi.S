/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU executes first after STARTUP: real mode, CS = its page, IP = 0. sipi.c copies the code
 * from sipi_begin to sipi_end into a page below 1 MiB and fills sipi_data, whose fields these are, in
 * there. From real mode to 32 bits, to 64 bits (Intel SDM 3A §9.8.5) under tables that also map
 * the page itself, to the kernel's image, and only there to the kernel's own tables.
 */
#include <machine/layout.h>

#define EFER_VALUE	0xd01		/* SCE | LME | LMA | NXE */
#define CR0_VALUE	0x80050033
#define CR0_PROTECTED	0x11		/* ET | PE */
#define MSR_EFER	0xc0000080
#define SOFT_KVM_MSR_CONTROL	0x4b564d10	/* abi/hull/soft_kvm.h */
#define SOFT_KVM_ENABLE		0x11
#define SEL_CODE32	0x8

#define OFFSET(x)	((x) - sipi_begin)

	.section .rodata
	.globl	sipi_begin, sipi_end, sipi_data
	.balign	16
	.code16
sipi_begin:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	movzwl	%ax, %ebx
	shl	$4, %ebx			/* where this page is */
	lgdtl	OFFSET(sipi_gdtr)
	mov	$CR0_PROTECTED, %eax
	mov	%eax, %cr0
	ljmpl	*OFFSET(sipi_far32)

	.code32
sipi_32:
	mov	$SEL_KERNEL_SS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	OFFSET(sipi_cr4)(%ebx), %eax
	mov	%eax, %cr4
	mov	OFFSET(sipi_root)(%ebx), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	xor	%edx, %edx
	mov	$EFER_VALUE, %eax
	wrmsr
	mov	$CR0_VALUE, %eax
	mov	%eax, %cr0
	ljmpl	*OFFSET(sipi_far64)(%ebx)

	.code64
sipi_64:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	OFFSET(sipi_kernel_root)(%rbx), %rcx
	mov	OFFSET(sipi_entry)(%rbx), %rsi
	mov	OFFSET(sipi_stack)(%rbx), %r8
	mov	OFFSET(sipi_argument)(%rbx), %rdi
	mov	OFFSET(sipi_flag_page)(%rbx), %r9
	xchg	%eax, OFFSET(sipi_wanted)(%rbx)	/* after it the fields may change */
	test	%eax, %eax
	jz	1f
	mov	$sipi_arrived, %rdx
	jmp	*%rdx
1:	hlt					/* too late: nobody waits for it any more */
	jmp	1b

	.balign	8
sipi_gdt:
	.quad	0
	.quad	0x00cf9a000000ffff		/* SEL_CODE32 */
	.quad	0x00af9a000000ffff		/* SEL_KERNEL_CS */
	.quad	0x00cf92000000ffff		/* SEL_KERNEL_SS */

/* struct sipi_data */
	.balign	8
sipi_data:
sipi_kernel_root:
	.quad	0
sipi_entry:
	.quad	0
sipi_stack:
	.quad	0
sipi_argument:
	.quad	0
sipi_flag_page:
	.quad	0
sipi_root:
	.long	0
sipi_wanted:
	.long	0
sipi_cr4:
	.long	0
sipi_gdtr:
	.word	4 * 8 - 1
	.long	OFFSET(sipi_gdt)		/* + the page's address, as in the next two */
sipi_far32:
	.long	OFFSET(sipi_32)
	.word	SEL_CODE32
sipi_far64:
	.long	OFFSET(sipi_64)
	.word	SEL_KERNEL_CS
	.balign	8
sipi_end:

	.text
sipi_arrived:
	mov	%rcx, %cr3
	mov	%r8, %rsp
	xor	%ebp, %ebp
	mov	%r9, %rax
	test	%rax, %rax
	jz	1f
	mov	%rax, %rdx			/* now it runs natively: abi/hull/soft_kvm.h */
	shr	$32, %rdx
	or	$SOFT_KVM_ENABLE, %eax
	mov	$SOFT_KVM_MSR_CONTROL, %ecx
	wrmsr
1:	jmp	*%rsi

	.section .note.GNU-stack, "", @progbits
