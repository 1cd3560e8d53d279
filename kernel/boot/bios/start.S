/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BIOS loader's first sector, and the ways between real and protected mode.
 *
 * A BIOS puts the first sector at 0:7c00 (from a CD the whole loader: El Torito 1.0 §3.1, no
 * emulation) and enters it in real mode with the drive's number in DL. The rest is read behind it,
 * summed, and loader_main() entered in flat 32-bit mode with interrupts off. Everything lies below
 * 64 KiB in segment 0, so that both modes see it at the same addresses:
 *
 *	1000-7000	the stack, of both modes		main.c has what lies above
 *	7c00-...	this program
 *
 * What goes wrong here is said on the screen and the first serial port; there is no way on.
 */
#include "boot/bios/layout.h"

#define SEL_CODE32 0x08
#define SEL_DATA32 0x10
#define SEL_CODE16 0x18
#define SEL_DATA16 0x20
#define CR0_PE	   1

	.section .sector, "ax"
	.code16
	.globl	loader_start
loader_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$STACK_END, %sp
	ljmp	$0, $1f			/* some enter at 07c0:0000 */
1:	sti
	mov	%dl, boot_drive

	mov	record + RECORD_NR_MORE, %cx
	jcxz	summed
	mov	%cx, rest_count
	mov	$0x41, %ah		/* are there extensions? EDD 3.0 §3 */
	mov	$0x55aa, %bx
	int	$0x13
	jc	no_extensions
	cmp	$0xaa55, %bx
	jne	no_extensions
	mov	boot_drive, %dl
	mov	$rest, %si
	mov	$0x42, %ah
	int	$0x13
	jc	not_read

/* The sum: each 32-bit word is added to what there is, rotated left by one. */
summed:
	mov	record + RECORD_LOADER_BYTES, %cx
	sub	$512, %cx
	shr	$2, %cx
	xor	%ebx, %ebx
	mov	$LOADER_REST, %si
1:	lodsl
	rol	$1, %ebx
	add	%eax, %ebx
	loop	1b
	cmp	record + RECORD_LOADER_SUM, %ebx
	jne	damaged
	jmp	start_rest

no_extensions:
	mov	$text_extensions, %si
	jmp	stop
not_read:
	mov	$text_read, %si
	jmp	stop
damaged:
	mov	$text_damaged, %si
stop:
	call	serial_init
1:	lodsb
	test	%al, %al
	jz	loader_end
	call	put_char
	jmp	1b

/* The end of what cannot go on: QEMU's isa-debug-exit and Bochs's port; else it stands still. */
	.globl	loader_end
loader_end:
	mov	$EXIT_NO_START, %eax
	out	%eax, $EXIT_PORT
	mov	$text_shutdown, %si
	mov	$BOCHS_PORT, %dx
	mov	$BOCHS_WORD_BYTES, %cx
	rep outsb
	cli
1:	hlt
	jmp	1b

/* 115200 baud, 8N1. National Semiconductor PC16550D, §8. */
	.globl	serial_init
serial_init:
	mov	$COM1 + 3, %dx
	mov	$0x83, %al
	out	%al, %dx
	mov	$COM1 + 1, %dx
	xor	%ax, %ax
	out	%al, %dx
	dec	%dx
	inc	%ax
	out	%al, %dx
	mov	$COM1 + 3, %dx
	mov	$0x03, %al
	out	%al, %dx
	ret

/* AL to the screen and, where it is ready within a while, to the serial port. */
	.globl	put_char
put_char:
	push	%ax
	mov	$0x0e, %ah
	mov	$7, %bx
	int	$0x10
	mov	$COM1 + 5, %dx
	xor	%cx, %cx
1:	in	%dx, %al
	test	$0x20, %al
	loopz	1b
	pop	%ax
	mov	$COM1, %dx
	out	%al, %dx
	ret

text_extensions:
	.asciz	"Hull: the BIOS has no LBA access to this drive\r\n"
text_read:
	.asciz	"Hull: the disk cannot be read\r\n"
text_damaged:
	.asciz	"Hull: the loader is damaged\r\n"
text_shutdown:
	.ascii	BOCHS_WORD

	.balign	4
rest:	.byte	16, 0			/* INT 13h's packet: EDD 3.0 §4.1 */
rest_count:
	.word	0
	.word	LOADER_REST, 0
	.quad	1
	.globl	boot_drive
boot_drive:
	.byte	0

	.org	RECORD			/* struct disk_record; the disk's writer fills it in */
	.globl	record
record:
	.skip	32
	.org	440			/* the disk's signature and the partition table */
	.org	510
	.word	0xaa55

	.section .text.start, "ax"
	.code16
start_rest:
	call	serial_init
	mov	$0x2401, %ax		/* the A20 gate, by the BIOS and by the port; main.c looks */
	int	$0x15
	in	$A20_PORT, %al
	cmp	$0xff, %al
	je	1f
	or	$2, %al
	and	$0xfe, %al
	out	%al, $A20_PORT
1:	cli
	call	to_protected
	.code32
	mov	$bss_begin, %edi
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	xor	%eax, %eax
	rep stosb
	call	loader_main
	ud2

/* Returns to its caller in the other mode: the caller pushed a 16-bit address. */
	.code16
to_protected:
	lgdtl	gdt_pointer
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$SEL_CODE32, $1f
	.code32
1:	mov	$SEL_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	movzwl	%sp, %esp
	movzwl	(%esp), %eax
	add	$2, %esp
	jmp	*%eax

/*
 * void bios_call(struct bios_registers *registers)	EAX: where, below 64 KiB
 *
 * Calls registers->routine in real mode as an interrupt does, with interrupts on, and puts the
 * registers back as it left them.
 */
	.globl	bios_call
bios_call:
	push	%ebx
	push	%esi
	push	%edi
	push	%ebp
	mov	%eax, registers
	mov	REGISTERS_ROUTINE(%eax), %edx
	mov	%edx, routine
	ljmp	$SEL_CODE16, $1f
	.code16
1:	mov	$SEL_DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%ax, %ss
	mov	%cr0, %eax
	and	$~CR0_PE, %al
	mov	%eax, %cr0
	ljmp	$0, $2f
2:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%ax, %ss
	mov	registers, %bp
	mov	REGISTERS_EAX(%bp), %eax
	mov	REGISTERS_EBX(%bp), %ebx
	mov	REGISTERS_ECX(%bp), %ecx
	mov	REGISTERS_EDX(%bp), %edx
	mov	REGISTERS_ESI(%bp), %esi
	mov	REGISTERS_EDI(%bp), %edi
	mov	REGISTERS_ES(%bp), %es
	sti
	pushf
	lcall	*routine
	cli
	cld
	push	%ds
	push	$0
	pop	%ds
	mov	registers, %bp
	mov	%eax, REGISTERS_EAX(%bp)
	mov	%ebx, REGISTERS_EBX(%bp)
	mov	%ecx, REGISTERS_ECX(%bp)
	mov	%edx, REGISTERS_EDX(%bp)
	pop	%ax
	setc	REGISTERS_CARRY(%bp)
	call	to_protected
	.code32
	pop	%ebp
	pop	%edi
	pop	%esi
	pop	%ebx
	ret

/* A routine for bios_call(): one character. */
	.code16
	.globl	put_char_routine
put_char_routine:
	call	put_char
	iret

/* A routine that does not come back. */
	.globl	end_routine
end_routine:
	jmp	loader_end
	.code32

/* void loader_enter(uint32_t entry, uint32_t start_info): PVH's way into a kernel. */
	.globl	loader_enter
loader_enter:
	mov	%edx, %ebx
	jmp	*%eax

	.section .data
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	/* SEL_CODE32 */
	.quad	0x00cf92000000ffff	/* SEL_DATA32 */
	.quad	0x00009a000000ffff	/* SEL_CODE16 */
	.quad	0x000092000000ffff	/* SEL_DATA16 */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
	.balign	4
registers:
	.long	0
routine:
	.long	0			/* offset and segment */

	.section .note.GNU-stack, "", @progbits
