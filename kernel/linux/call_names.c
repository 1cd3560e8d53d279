/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of calls, all of syscalls.def's, for the log: in one text, found by their place in it. */
#include "lib/compiler.h"
#include "linux/syscall.h"

#define SYSCALL0(nr, name, ...) ROW(nr, name)
#define SYSCALL1                SYSCALL0
#define SYSCALL2                SYSCALL0
#define SYSCALL3                SYSCALL0
#define SYSCALL4                SYSCALL0
#define SYSCALL5                SYSCALL0
#define SYSCALL6                SYSCALL0

/* A member for each name, as long as it is. */
#define ROW(nr, name) char name[sizeof(#name)];
struct text {
	char nothing;
#include "linux/syscalls.def"
} PACKED;
#undef ROW

#define ROW(nr, name) .name = #name,
static const struct text text = {
#include "linux/syscalls.def"
};
#undef ROW

#define ROW(nr, name) [nr] = __builtin_offsetof(struct text, name),
static const uint16_t places[SYSCALL_NR_MAX] = {
#include "linux/syscalls.def"
};
#undef ROW

const char *syscall_name(unsigned long nr)
{
	return nr < ARRAY_SIZE(places) && places[nr] != 0 ? (const char *)&text + places[nr] : NULL;
}
