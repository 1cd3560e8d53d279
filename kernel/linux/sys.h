/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prototypes of every sys_* function, from syscalls.def. Each family's file includes this, so that
 * a row and its function cannot disagree.
 *
 * Headers of this folder must not be named as one of Linux's <linux/...>: both are found by that
 * path.
 */
#pragma once
#include "linux/syscall.h"

#define SYSCALL_CTYPE_(name, ctype) typedef ctype SYSCALL_C_##name;
SYSCALL_TYPES(SYSCALL_CTYPE_)
#undef SYSCALL_CTYPE_

#define SYSCALL0(nr, name, test, flags)         long sys_##name(void);
#define SYSCALL1(nr, name, test, flags, t0, a0) long sys_##name(SYSCALL_C_##t0 a0);
#define SYSCALL2(nr, name, test, flags, t0, a0, t1, a1) \
	long sys_##name(SYSCALL_C_##t0 a0, SYSCALL_C_##t1 a1);
#define SYSCALL3(nr, name, test, flags, t0, a0, t1, a1, t2, a2) \
	long sys_##name(SYSCALL_C_##t0 a0, SYSCALL_C_##t1 a1, SYSCALL_C_##t2 a2);
#define SYSCALL4(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3) \
	long sys_##name(SYSCALL_C_##t0 a0, SYSCALL_C_##t1 a1, SYSCALL_C_##t2 a2, SYSCALL_C_##t3 a3);
#define SYSCALL5(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4) \
	long sys_##name(SYSCALL_C_##t0 a0, SYSCALL_C_##t1 a1, SYSCALL_C_##t2 a2, \
			SYSCALL_C_##t3 a3, SYSCALL_C_##t4 a4);
#define SYSCALL6(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
	long sys_##name(SYSCALL_C_##t0 a0, SYSCALL_C_##t1 a1, SYSCALL_C_##t2 a2, \
			SYSCALL_C_##t3 a3, SYSCALL_C_##t4 a4, SYSCALL_C_##t5 a5);
#include "linux/syscalls.def"
#undef SYSCALL0
#undef SYSCALL1
#undef SYSCALL2
#undef SYSCALL3
#undef SYSCALL4
#undef SYSCALL5
#undef SYSCALL6
