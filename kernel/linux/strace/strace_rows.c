/* SPDX-License-Identifier: BSD-2-Clause */
/* What syscalls.def says of each call's name and arguments, for strace. */
#include "lib/compiler.h"
#include "linux/syscall.h"

#define ROW(nr, sys, count, bits, ...) [nr] = { #sys, count, bits, { __VA_ARGS__ } },

#define SYSCALL0(nr, name, test, flags)                 ROW(nr, name, 0, flags, 0)
#define SYSCALL1(nr, name, test, flags, t0, a0)         ROW(nr, name, 1, flags, ARG_##t0)
#define SYSCALL2(nr, name, test, flags, t0, a0, t1, a1) ROW(nr, name, 2, flags, ARG_##t0, ARG_##t1)
#define SYSCALL3(nr, name, test, flags, t0, a0, t1, a1, t2, a2) \
	ROW(nr, name, 3, flags, ARG_##t0, ARG_##t1, ARG_##t2)
#define SYSCALL4(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3) \
	ROW(nr, name, 4, flags, ARG_##t0, ARG_##t1, ARG_##t2, ARG_##t3)
#define SYSCALL5(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4) \
	ROW(nr, name, 5, flags, ARG_##t0, ARG_##t1, ARG_##t2, ARG_##t3, ARG_##t4)
#define SYSCALL6(nr, name, test, flags, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
	ROW(nr, name, 6, flags, ARG_##t0, ARG_##t1, ARG_##t2, ARG_##t3, ARG_##t4, ARG_##t5)
static const struct syscall table[SYSCALL_NR_MAX] = {
#include "linux/syscalls.def"
};

const struct syscall *syscall_find(unsigned long nr)
{
	return nr < ARRAY_SIZE(table) && table[nr].name != NULL ? &table[nr] : NULL;
}
