/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest program: write(1, "hello\n", 6), exit(0). No C library, one segment. The corpus of
 * the ELF fuzzer, and what the smallest guest must be able to run.
 */
	.globl	_start
	.text
_start:
	mov	$1, %eax
	mov	$1, %edi
	lea	text(%rip), %rsi
	mov	$6, %edx
	syscall
	mov	$60, %eax
	xor	%edi, %edi
	syscall
text:
	.ascii	"hello\n"
	.section .note.GNU-stack, "", @progbits
