/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder share with each other and with the x86 boot code. */
#pragma once
#include "arch/cpu.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct trap_frame;

/* The boot protocols start on it; the boot CPU's idle thread stays on it. */
extern uint8_t boot_stack[];

/* [I] The instructions RDFSBASE and so on may be used; without them the MSRs are. */
extern bool cpu_has_fsgsbase;

/* entry.S, and what it calls. */
struct trap_frame *trap_place(struct trap_frame *f);
void trap_dispatch(struct trap_frame *f, unsigned long vector);
void trap_unexpected(struct trap_frame *f);
void syscall_entry(void);
void syscall_entry_patched(void);
void syscall_entry_plain(void);
void context_swap(vaddr_t *save_ksp, vaddr_t ksp);
void context_begin(void);
NORETURN void cpu_secondary_begin(struct cpu *cpu);

/* The page below the boot CPU's struct cpu: mmu_init() maps the host's flag page in its place. */
extern uint8_t boot_flag_page[];

/* Where the linker script puts the parts of the image. */
extern uint8_t kernel_image_start[], kernel_text_end[], kernel_rodata_end[], kernel_image_end[];

/* Stubs of patched sites (door.c): the last GiB, a rel32 away from the kernel's text. */
#define DOOR_STUB_AREA 0xffffffffc0000000ull

/* What the program may see as its PC outside of a system call: never one in a rewritten site's
 * stub (door_rewritten.c). */
uaddr_t door_visible_pc(const struct trap_frame *f);
/* door.c: the read(2) site whose way to its stub goes by this relay; 0: it is none. */
uaddr_t door_site_of_relay(uaddr_t relay);

/* fpu.c */
void fpu_init_cpu(void);
void fpu_save(void *area);
void fpu_restore(const void *area);
/* As fpu_restore(), for an area that the program made: -EFAULT if the processor refuses it. */
MUST_CHECK int fpu_restore_checked(const void *area);
MUST_CHECK int fpu_xrstor(const void *area, uint64_t features); /* memory.S: 0 or -EFAULT */
MUST_CHECK int fpu_fxrstor(const void *area);
uint64_t fpu_features(void);
