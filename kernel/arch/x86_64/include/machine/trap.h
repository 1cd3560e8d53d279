/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of an interrupted program or kernel, as entry.S lays them out on a kernel stack.
 * For a system call `vector` is TRAP_SYSCALL_* and `error` its number; RCX and R11 are then not the
 * program's. Setting `vector` to TRAP_RESUME makes the way out restore every register.
 */
#pragma once
#include "lib/types.h"
#include <machine/layout.h>

struct trap_frame {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	unsigned long rax, rcx, rdx, rsi, rdi;
	unsigned long vector, error;
	unsigned long rip, cs, rflags, rsp, ss;
};

static inline uaddr_t frame_pc(const struct trap_frame *f)
{
	return f->rip;
}

static inline uaddr_t frame_sp(const struct trap_frame *f)
{
	return f->rsp;
}

static inline void frame_set_pc(struct trap_frame *f, uaddr_t pc)
{
	f->rip = pc;
}

static inline void frame_set_sp(struct trap_frame *f, uaddr_t sp)
{
	f->rsp = sp;
}

static inline bool frame_is_syscall(const struct trap_frame *f)
{
	return f->vector == TRAP_SYSCALL_SLOW || f->vector == TRAP_SYSCALL_FAST;
}

static inline void frame_clear_syscall(struct trap_frame *f)
{
	f->vector = TRAP_RESUME;
}

static inline unsigned long frame_syscall_nr(const struct trap_frame *f)
{
	return f->error;
}

static inline unsigned long frame_arg(const struct trap_frame *f, unsigned i)
{
	switch (i) {
	case 0:
		return f->rdi;
	case 1:
		return f->rsi;
	case 2:
		return f->rdx;
	case 3:
		return f->r10;
	case 4:
		return f->r8;
	default:
		return f->r9;
	}
}

static inline long frame_result(const struct trap_frame *f)
{
	return (long)f->rax;
}

static inline void frame_set_result(struct trap_frame *f, long result)
{
	f->rax = (unsigned long)result;
}

/* The two bytes before the PC are a `syscall` also in a patched site (see door.c). */
static inline void frame_restart_syscall(struct trap_frame *f)
{
	f->rip -= 2;
	f->rax = f->error;
}
