/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH entry: 32-bit protected mode, paging off, EBX = struct pvh_start_info. Found by an ELF
 * note. Builds page tables as the direct entry's contract has them (the image and the direct map
 * over the first 4 GiB, so that memory above 3 GiB is reached too), goes to 64-bit mode and on to
 * pvh_main(). docs: Xen, "x86/HVM direct boot ABI".
 */
#include <machine/layout.h>

#define KERNEL_BASE	0xffffffff80000000
#define PHYSICAL(x)	((x) - KERNEL_BASE)
#define TABLE		0x7	/* present, writable, U/S */
#define LARGE		0x87
#define NR_DIRECTORIES	4	/* of 1 GiB each */

#define CR4_VALUE	0x620	/* PAE | OSFXSR | OSXMMEXCPT */
#define CR4_FSGSBASE	0x10000	/* where the processor has it */
#define EFER_VALUE	0xd01	/* SCE | LME | LMA | NXE */
#define CR0_VALUE	0x80050033
#define MSR_EFER	0xc0000080

#define CPUID_EXTENDED		0x80000000
#define CPUID7_EBX_FSGSBASE	0x1
/* Without them EFER_VALUE faults, and there is no IDT yet. Intel shows SYSCALL in 64-bit mode only. */
#define CPUID81_EDX_NEEDED	0x20100000	/* LM | NX */

/* PORT_DEBUG, PORT_EXIT, VM_END_NO_START of abi/hull/ports.h; the first UART (PC16550D,
 * section 8); Bochs's way to end. */
#define DEBUG_PORT	0xe9
#define EXIT_PORT	0xf4
#define EXIT_NO_START	2
#define COM1		0x3f8
#define UART_PATIENCE	100000
#define BOCHS_PORT	0x8900

	.section .note.pvh, "a", @note
	.balign	4
	.long	2f - 1f, 4f - 3f, 18
1:	.asciz	"Xen"
2:	.balign	4
3:	.quad	PHYSICAL(pvh_entry)
4:	.balign	4

	.section .boot.text, "ax"
	.code32
	.globl	pvh_entry
pvh_entry:
	cld
	mov	%ebx, %ebp		/* CPUID writes EBX */
	mov	$CPUID_EXTENDED, %eax
	cpuid
	cmp	$CPUID_EXTENDED, %eax
	jbe	pvh_old_cpu
	mov	$(CPUID_EXTENDED + 1), %eax
	cpuid
	and	$CPUID81_EDX_NEEDED, %edx
	cmp	$CPUID81_EDX_NEEDED, %edx
	jne	pvh_old_cpu
	mov	$CR4_VALUE, %esi
	xor	%eax, %eax
	cpuid
	cmp	$7, %eax
	jb	1f
	mov	$7, %eax
	xor	%ecx, %ecx
	cpuid
	test	$CPUID7_EBX_FSGSBASE, %ebx
	jz	1f
	or	$CR4_FSGSBASE, %esi
1:
	mov	%ebp, %ebx

	mov	$PHYSICAL(boot_root), %edi
	movl	$PHYSICAL(boot_pointers) + TABLE, 272*8(%edi)	/* DIRECT_BASE */
	movl	$PHYSICAL(boot_pointers) + TABLE, (%edi)	/* where this code runs */
	movl	$PHYSICAL(boot_pointers_image) + TABLE, 511*8(%edi)
	mov	$PHYSICAL(boot_pointers), %edi
	mov	$PHYSICAL(boot_directories) + TABLE, %eax
	mov	%eax, PHYSICAL(boot_pointers_image) + 510*8
	mov	$NR_DIRECTORIES, %ecx
1:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	dec	%ecx
	jnz	1b
	mov	$PHYSICAL(boot_directories), %edi
	mov	$LARGE, %eax
	mov	$(NR_DIRECTORIES * 512), %ecx
2:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	dec	%ecx
	jnz	2b

	mov	%esi, %cr4
	mov	$PHYSICAL(boot_root), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	xor	%edx, %edx
	mov	$EFER_VALUE, %eax
	wrmsr
	mov	$CR0_VALUE, %eax
	mov	%eax, %cr0
	lgdt	PHYSICAL(boot_gdt_pointer)
	ljmp	$SEL_KERNEL_CS, $PHYSICAL(pvh_long)

/*
 * Says so where anybody may listen, and ends the machine: by QEMU's port or Bochs's, or where there
 * is neither by a triple fault.
 */
pvh_old_cpu:
	mov	$PHYSICAL(old_cpu_text), %esi
	mov	$(old_cpu_text_end - old_cpu_text), %ecx
	mov	$DEBUG_PORT, %edx
	rep outsb
	mov	$(COM1 + 3), %edx
	mov	$0x83, %al		/* the divisor is seen: 1 is 115200 baud */
	out	%al, %dx
	mov	$COM1, %edx
	mov	$1, %ax
	out	%ax, %dx
	mov	$(COM1 + 3), %edx
	mov	$0x03, %al		/* 8N1 */
	out	%al, %dx
	mov	$PHYSICAL(old_cpu_text), %esi
	mov	$(old_cpu_text_end - old_cpu_text), %ebx
1:	mov	$(COM1 + 5), %edx
	mov	$UART_PATIENCE, %ecx
2:	in	%dx, %al
	test	$0x20, %al		/* it takes a byte */
	loopz	2b
	mov	$COM1, %edx
	outsb
	dec	%ebx
	jnz	1b
	mov	$EXIT_NO_START, %eax
	mov	$EXIT_PORT, %edx
	out	%eax, %dx
	mov	$PHYSICAL(bochs_word), %esi
	mov	$(bochs_word_end - bochs_word), %ecx
	mov	$BOCHS_PORT, %edx
	rep outsb
	lidt	PHYSICAL(boot_no_idt)
	ud2

	.code64
pvh_long:
	mov	$SEL_KERNEL_SS, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$boot_stack, %rsp
	add	$BOOT_STACK_SIZE, %rsp
	xor	%ebp, %ebp
	mov	%ebx, %edi
	mov	$pvh_main, %rax
	call	*%rax			/* pvh.c: does not return */
	ud2

	.section .rodata
	.balign	8
boot_gdt:
	.quad	0, 0
	.quad	0x00af9a000000ffff	/* SEL_KERNEL_CS */
	.quad	0x00cf92000000ffff	/* SEL_KERNEL_SS */
boot_gdt_pointer:
	.word	. - boot_gdt - 1
	.long	PHYSICAL(boot_gdt)

boot_no_idt:
	.word	0
	.long	0
old_cpu_text:
	.ascii	"hull: cannot start: the processor has no 64-bit mode or no NX (QEMU: -cpu max)\r\n"
old_cpu_text_end:
bochs_word:
	.ascii	"Shutdown"
bochs_word_end:

	.bss
	.balign	8192			/* CR3's bit 12 is clear: abi/hull/soft_kvm.h */
boot_root:
	.skip	4096
boot_pointers:
	.skip	4096
boot_pointers_image:
	.skip	4096
boot_directories:
	.skip	4096 * NR_DIRECTORIES

	.section .note.GNU-stack, "", @progbits
