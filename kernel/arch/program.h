/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Linux personality needs to know of the machine: ELF identity, signal frames, patched
 * sites, the vDSO. Layouts are Linux's for this machine (asm/sigcontext.h, asm/ucontext.h).
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"
#include <asm/signal.h>
#include <asm/siginfo.h>

struct trap_frame;
struct fault;

#define PROGRAM_ELF_MACHINE_NAME "x86_64"
extern const unsigned program_elf_machine; /* EM_* */
uint64_t program_hwcap(void);              /* AT_HWCAP */
uint64_t program_hwcap2(void);
size_t program_minsigstksz(void); /* AT_MINSIGSTKSZ */

/*
 * Puts a signal frame (siginfo, ucontext, FPU state) on the program's stack and makes `f` run the
 * handler. 0 or -EFAULT (nothing changed in f). The FPU is reset for the handler.
 */
struct signal_delivery {
	const siginfo_t *info;
	uaddr_t handler, restorer;
	uint64_t mask;             /* to restore afterwards */
	stack_t altstack;          /* as uc_stack shows it */
	bool on_altstack;          /* run on altstack, from its top */
	const struct fault *fault; /* NULL but for synchronous ones: trapno, err, cr2 */
};
MUST_CHECK int signal_frame_push(struct trap_frame *f, const struct signal_delivery *d);
/* rt_sigreturn: restores f and the FPU; what is left to the caller goes out. -EFAULT/-EINVAL:
 * bad frame. */
MUST_CHECK int signal_frame_pop(struct trap_frame *f, uint64_t *mask, stack_t *altstack);

/*
 * Patched system-call sites (DESIGN §2, door 2), per address space. door_trapped() is told of each
 * call that came through door 1 and patches the site when it is hot and its bytes match.
 */
struct door_table;
struct vmspace;
extern bool door_enabled;
void door_disable(void);                    /* --no-patch: at start, for good */
void door_trapped(struct trap_frame *f);    /* may be called at every slow call; cheap */
void door_table_free(struct door_table *t); /* with its address space */
/* For fork, after the pages: the sites patched in them go on working. NULL = no memory. */
struct door_table *door_table_fork(const struct door_table *parent);
struct door_stats {
	uint64_t trapped, patched_sites, refused_sites;
};
void door_stats_get(struct door_stats *out);

/*
 * The vDSO image (an ELF shared object, page multiple) and the data page that it reads. The data
 * page is mapped, read-only, right before the image's first page.
 */
extern const uint8_t vdso_image[], vdso_image_end[];
struct vdso_time { /* seqlock: odd while it changes */
	uint32_t seq;
	uint32_t shift;
	uint64_t mult; /* ns = ((tsc - tsc_base) * mult) >> shift */
	uint64_t tsc_base;
	int64_t mono_base_ns;   /* CLOCK_MONOTONIC at tsc_base */
	int64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint32_t nr_cpus;       /* 1: getcpu() needs no system call; 0: not told */
};

/* For panics and fault reports: prints registers and walks frame pointers from f; f may be NULL
 * (here). */
void machine_print_registers(const struct trap_frame *f);
void machine_print_backtrace(const struct trap_frame *f);
