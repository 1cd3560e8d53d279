/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's core and entry code call in the personality (kernel/linux). One implementation
 * is linked; contexts as said.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;
struct trap_frame;
struct fault;

/* Thread context, interrupts on, on the thread's kernel stack. */
void program_syscall(struct trap_frame *f);
void program_fault(struct trap_frame *f, const struct fault *fault);
/* The kernel's access to the program's memory fails for want of a page: its end, as a fault's. */
void program_no_memory(void);
void program_exit_work(struct trap_frame *f);
/* The first thread, after init: mounts, streams, first process. Ends the VM when it cannot. */
void program_launch(const void *launch_record, size_t len);

/* Calls that are none of Linux's, and what an address space has of them: kernel/native, a part. */
struct native;
long program_native_call(const struct trap_frame *f, unsigned long nr); /* as program_syscall */
void program_native_free(struct native *n);                             /* thread context */
