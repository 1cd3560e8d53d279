/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct entry, by Hull's own monitor: 64-bit mode, upper half, RDI = physical address of a
 * struct boot_info (abi/hull/boot.h has the contract). The other protocols end here too.
 */
#include <machine/layout.h>

	.section .boot.text, "ax"
	.globl	direct_entry
direct_entry:
	cld
	lea	boot_stack(%rip), %rsp
	add	$BOOT_STACK_SIZE, %rsp
	xor	%ebp, %ebp
	call	direct_main		/* direct.c: does not return */
	ud2

	.section .note.GNU-stack, "", @progbits
