/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry point of a rewritten file. Outside of Hull its first patched site would read the host
 * kernel's memory and be killed without a word; so it looks for AT_HULL in the auxiliary vector,
 * which lies above the environment (psABI 1.0 §3.4.1), and says what is the matter if it is not
 * there. RDX and RSP are what the program wants at its entry; RAX and RCX are nobody's.
 *
 * The code is copied into files: it is position independent, and is never run where it stands here.
 */
#include <sys/syscall.h>

#include "abi/hull/door.h"
#include "pack/rewrite/entry_check.h"

#define STRING(x) #x
#define NUMBER(x) STRING(x)

#define CANNOT_RUN 126 /* there, but cannot be executed: as a shell has it */

/* clang-format off */
__asm__(".section .rodata\n"
	".balign 16\n"
	".globl entry_check_code, entry_check_jump, entry_check_end\n"
	"entry_check_code:\n"
	"	mov	(%rsp), %rax\n"			/* argc */
	"	lea	16(%rsp,%rax,8), %rax\n"
	"1:	add	$8, %rax\n"			/* to the end of the environment */
	"	cmpq	$0, -8(%rax)\n"
	"	jne	1b\n"
	"2:	mov	(%rax), %rcx\n"
	"	add	$16, %rax\n"
	"	cmp	$" NUMBER(AT_HULL) ", %rcx\n"
	"	je	entry_check_jump\n"
	"	test	%rcx, %rcx\n"
	"	jne	2b\n"
	"	mov	$2, %edi\n"
	"	lea	3f(%rip), %rsi\n"
	"	mov	$(4f - 3f), %edx\n"
	"	mov	$" NUMBER(SYS_write) ", %eax\n"
	"	syscall\n"
	"	mov	$" NUMBER(CANNOT_RUN) ", %edi\n"
	"	mov	$" NUMBER(SYS_exit_group) ", %eax\n"
	"	syscall\n"
	"entry_check_jump:\n"
	"	.byte	0xe9\n"
	"	.long	0\n"
	"3:	.ascii	\"this program was rewritten for Hull, and runs in it only: \"\n"
	"	.ascii	\"use 'hull run'\\n\"\n"
	"4:\n"
	"entry_check_end:\n"
	".previous\n");
/* clang-format on */
