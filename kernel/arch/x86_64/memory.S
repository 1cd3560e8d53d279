/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove, memset, and the user copies. Long runs use `rep movsq/stosq`, which the
 * processor makes fast and which an emulator goes through word by word (`movsb` byte by byte);
 * short ones a few overlapping moves, since `rep` has a start-up cost.
 *
 * The user copies differ in one thing: each instruction that touches a program's memory has a line
 * in __ex_table, so that an unresolved fault there goes to its fixup.
 */
	.text

.macro on_fault at, fixup
	.pushsection __ex_table, "a"
	.balign	4
	.long	\at - .
	.long	\fixup - .
	.popsection
.endm

	.balign	16
	.globl	memcpy
memcpy:
	mov	%rdi, %rax
	mov	%rdx, %rcx
	cmp	$32, %rdx
	ja	2f
	cmp	$16, %edx
	jae	1f
	cmp	$8, %edx
	jb	3f
	mov	(%rsi), %r8		/* 8 to 15 */
	mov	-8(%rsi,%rdx), %r9
	mov	%r8, (%rdi)
	mov	%r9, -8(%rdi,%rdx)
	ret
1:	mov	(%rsi), %r8		/* 16 to 32 */
	mov	8(%rsi), %r9
	mov	-16(%rsi,%rdx), %r10
	mov	-8(%rsi,%rdx), %r11
	mov	%r8, (%rdi)
	mov	%r9, 8(%rdi)
	mov	%r10, -16(%rdi,%rdx)
	mov	%r11, -8(%rdi,%rdx)
	ret
2:	mov	-8(%rsi,%rdx), %r8	/* the end, which may overlap, is read before it is written */
	lea	-8(%rdi,%rdx), %r9
	shr	$3, %rcx
	rep movsq
	mov	%r8, (%r9)
	ret
3:	cmp	$4, %edx
	jb	4f
	mov	(%rsi), %r8d
	mov	-4(%rsi,%rdx), %r9d
	mov	%r8d, (%rdi)
	mov	%r9d, -4(%rdi,%rdx)
	ret
4:	test	%edx, %edx
	jz	5f
	movzbl	(%rsi), %r8d		/* 1 to 3: first, middle, last */
	movzbl	-1(%rsi,%rdx), %r9d
	shr	%edx
	movzbl	(%rsi,%rdx), %r10d
	mov	%r10b, (%rdi,%rdx)
	mov	%r8b, (%rdi)
	mov	%r9b, -1(%rdi,%rcx)
5:	ret

	.globl	memmove
memmove:
	mov	%rdi, %rcx
	sub	%rsi, %rcx
	cmp	%rdx, %rcx
	jae	memcpy			/* dst is not inside [src, src + len) */
	mov	%rdi, %rax
1:	cmp	$8, %rdx		/* backwards */
	jb	2f
	mov	-8(%rsi,%rdx), %r8
	mov	%r8, -8(%rdi,%rdx)
	sub	$8, %rdx
	jmp	1b
2:	test	%rdx, %rdx
	jz	3f
	movzbl	-1(%rsi,%rdx), %r8d
	mov	%r8b, -1(%rdi,%rdx)
	dec	%rdx
	jmp	2b
3:	ret

	.balign	16
	.globl	memset
memset:
	mov	%rdi, %r9
	movzbl	%sil, %eax
	movabs	$0x0101010101010101, %r8
	imul	%r8, %rax
	cmp	$32, %rdx
	ja	2f
	cmp	$8, %edx
	jb	3f
	mov	%rax, -8(%rdi,%rdx)
1:	mov	%rax, (%rdi)
	add	$8, %rdi
	sub	$8, %edx
	cmp	$8, %edx
	jae	1b
	mov	%r9, %rax
	ret
2:	mov	%rax, -8(%rdi,%rdx)	/* the last word may overlap */
	mov	%rdx, %rcx
	shr	$3, %rcx
	rep stosq
	mov	%r9, %rax
	ret
3:	test	%edx, %edx
	jz	5f
4:	mov	%al, (%rdi)
	inc	%rdi
	dec	%edx
	jnz	4b
5:	mov	%r9, %rax
	ret

/* size_t arch_user_copy(void *dst, const void *src, size_t len): the bytes not copied. */
	.balign	16
	.globl	arch_user_copy
arch_user_copy:
	mov	%rdx, %rcx
	cmp	$8, %rdx
	je	2f
	cmp	$64, %rdx
	jb	3f
	shr	$3, %rcx		/* words, then the rest */
	and	$7, %edx
1:	rep movsq
	test	%edx, %edx
	jnz	5f
	xor	%eax, %eax
	ret
2:	mov	(%rsi), %rax
20:	mov	%rax, (%rdi)
	xor	%eax, %eax
	ret
3:	shr	$3, %ecx
	jz	5f
4:	mov	(%rsi), %rax
40:	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %edx
	dec	%ecx
	jnz	4b
5:	mov	%edx, %ecx
6:	rep movsb
	mov	%rcx, %rax
	ret
user_copy_rest_of_run:			/* a word faulted: byte by byte, to be exact about where */
	lea	(%rdx,%rcx,8), %rdx
user_copy_rest:
	mov	%rdx, %rcx
7:	rep movsb
user_copy_failed:
	mov	%rcx, %rax
	ret
	on_fault 1b, user_copy_rest_of_run
	on_fault 2b, user_copy_rest
	on_fault 20b, user_copy_rest
	on_fault 4b, user_copy_rest
	on_fault 40b, user_copy_rest
	on_fault 6b, user_copy_failed
	on_fault 7b, user_copy_failed

/* size_t arch_user_zero(void *dst, size_t len): the bytes not zeroed. */
	.globl	arch_user_zero
arch_user_zero:
	mov	%rsi, %rcx
	xor	%eax, %eax
	shr	$3, %rcx
	and	$7, %esi
1:	rep stosq
	mov	%esi, %ecx
2:	rep stosb
3:	mov	%rcx, %rax
	ret
4:	lea	(%rsi,%rcx,8), %rcx	/* a word faulted */
	jmp	2b
	on_fault 1b, 4b
	on_fault 2b, 3b

/* int arch_user_compare_exchange_u32(uint32_t *p, uint32_t expected, uint32_t desired, uint32_t
 * *old) */
	.globl	arch_user_compare_exchange_u32
arch_user_compare_exchange_u32:
	mov	%esi, %eax
1:	lock cmpxchg %edx, (%rdi)
	mov	%eax, (%rcx)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax		/* -EFAULT */
	ret
	on_fault 1b, 2b

/* int fpu_xrstor(const void *area, uint64_t features), int fpu_fxrstor(const void *area): 0 or
 * -EFAULT. */
	.globl	fpu_xrstor, fpu_fxrstor
fpu_xrstor:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
fpu_fxrstor:
2:	fxrstor64 (%rdi)
	xor	%eax, %eax
	ret
3:	mov	$-14, %eax
	ret
	on_fault 1b, 3b
	on_fault 2b, 3b

	.section .note.GNU-stack, "", @progbits
