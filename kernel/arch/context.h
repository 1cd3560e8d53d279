/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread keeps while it does not run. struct context is <machine/context.h>'s: the kernel
 * stack pointer, the FPU area and the TLS base. The kernel itself uses no FPU registers, so they
 * are saved on a switch only, and only for threads that have a program.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct thread;
#include <machine/context.h>

/* A thread that will run entry(arg) on its stack when it is first switched to. */
void context_init(struct context *c, vaddr_t kstack_top, void (*entry)(void *), void *arg);
/* Saves `from`, runs `to`; returns when `from` is switched to again. Interrupts off. Also sets
 * cpu_arch.kstack_top and .current. Loads no page tables: the scheduler does. */
void context_switch(struct thread *from, struct thread *to);

/* The program's FPU state. fpu_new gives one in its initial state, or NULL. */
void *fpu_new(void);
void fpu_free(void *area);
void *fpu_copy_new(void); /* of the current thread's live registers (clone); NULL = no memory */
void fpu_reset(void);     /* the current thread's live registers: as at program start */
size_t fpu_size(void);

uaddr_t context_tls(const struct context *c);         /* FS base; of the current thread too */
void context_set_tls(struct thread *t, uaddr_t base); /* also when t is current */
