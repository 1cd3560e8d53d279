/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signal frames, exactly as Linux lays them out for x86-64 (asm/sigcontext.h, asm/ucontext.h):
 *
 *	fpstate		64-byte aligned: an XSAVE area, its software bytes, then a magic
 *	siginfo
 *	ucontext
 *	return address	= the restorer; RSP at the handler's start, 8 below a multiple of 16
 *
 * below the interrupted RSP and its red zone, or at the top of the alternate stack. What comes back
 * in rt_sigreturn is the program's word: flags are masked, the FPU area's header is made valid, and
 * XRSTOR runs with a fixup.
 */
#include <asm/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

#include "arch/context.h"
#include "arch/mmu.h"
#include "arch/program.h"
#include "arch/trap.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/machine.h"
#include "core/program.h"
#include "core/sched/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"

#define RED_ZONE       128
#define FPU_ALIGN      64
#define FXSAVE_SIZE    512
#define MXCSR_VALID    0xffff
#define RFLAGS_PROGRAM 0x50dd5ul /* CF PF AF ZF SF TF DF OF RF AC */

struct rt_sigframe {
	uint64_t pretcode;
	struct ucontext uc;
	siginfo_t info;
};
_Static_assert(sizeof(struct rt_sigframe) == 440, "Linux's layout");

static bool has_xsave(void)
{
	return fpu_size() > FXSAVE_SIZE;
}

size_t program_minsigstksz(void)
{
	return sizeof(struct rt_sigframe) + RED_ZONE + FPU_ALIGN + 16 + fpu_size() +
	       FP_XSTATE_MAGIC2_SIZE;
}

/* ---- delivery ---- */

static int push_fpu(uaddr_t at)
{
	struct fpu_area *area = thread_current()->context.fpu;
	struct _fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (uint32_t)fpu_size() + FP_XSTATE_MAGIC2_SIZE,
		.xfeatures = fpu_features(),
		.xstate_size = (uint32_t)fpu_size(),
	};
	uint32_t magic2 = FP_XSTATE_MAGIC2;
	int err;

	fpu_save(area);
	memset(area->software, 0, sizeof(area->software));
	if (has_xsave())
		memcpy(area->software, &sw, sizeof(sw));
	err = user_write(at, area, fpu_size());
	if (!err && has_xsave())
		err = user_write(at + fpu_size(), &magic2, sizeof(magic2));
	return err;
}

static void fill_context(struct sigcontext *c, const struct trap_frame *f,
			 const struct signal_delivery *d)
{
	*c = (struct sigcontext){
		.r8 = f->r8,
		.r9 = f->r9,
		.r10 = f->r10,
		.r11 = f->r11,
		.r12 = f->r12,
		.r13 = f->r13,
		.r14 = f->r14,
		.r15 = f->r15,
		.rdi = f->rdi,
		.rsi = f->rsi,
		.rbp = f->rbp,
		.rbx = f->rbx,
		.rdx = f->rdx,
		.rax = f->rax,
		.rcx = f->rcx,
		.rsp = f->rsp,
		.rip = f->rip,
		.eflags = f->rflags,
		.cs = SEL_PROGRAM_CS,
		.ss = SEL_PROGRAM_SS,
		.oldmask = d->mask,
	};
	if (frame_is_syscall(f)) { /* as the instruction leaves them */
		c->rcx = f->rip;
		c->r11 = f->rflags;
	} else {
		c->rip = door_visible_pc(f);
	}
	if (!d->fault)
		return;
	c->err = d->fault->code;
	c->trapno = d->fault->trapno;
	if (d->fault->trapno == TRAP_PAGE_FAULT)
		c->cr2 = d->fault->address;
}

int signal_frame_push(struct trap_frame *f, const struct signal_delivery *d)
{
	uaddr_t sp = f->rsp - RED_ZONE, fpstate;
	struct rt_sigframe frame = { .pretcode = d->restorer };

	if (d->handler >= USER_TOP)
		return -EFAULT; /* IRET must not meet an address that is not canonical */
	if (d->on_altstack)
		sp = (uaddr_t)d->altstack.ss_sp + d->altstack.ss_size;
	fpstate = align_down(sp - fpu_size() - FP_XSTATE_MAGIC2_SIZE, FPU_ALIGN);
	sp = align_down(fpstate - sizeof(frame), 16) - 8;
	if (d->on_altstack && sp < (uaddr_t)d->altstack.ss_sp)
		return -EFAULT;
	frame.uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
			    (has_xsave() ? UC_FP_XSTATE : 0);
	frame.uc.uc_stack = d->altstack;
	fill_context(&frame.uc.uc_mcontext, f, d);
	frame.uc.uc_mcontext.fpstate = (void *)fpstate;
	memcpy(&frame.uc.uc_sigmask, &d->mask, sizeof(d->mask));
	frame.info = *d->info;
	if (push_fpu(fpstate) || user_write_struct(sp, &frame))
		return -EFAULT;
	fpu_reset();
	f->rsp = sp;
	f->rip = d->handler;
	f->rdi = (unsigned long)d->info->si_signo;
	f->rsi = sp + offsetof(struct rt_sigframe, info);
	f->rdx = sp + offsetof(struct rt_sigframe, uc);
	f->rax = 0;
	f->rflags &= ~(unsigned long)(RFLAGS_DF | RFLAGS_TF | RFLAGS_AC);
	frame_clear_syscall(f);
	return 0;
}

/* ---- return ---- */

static bool is_extended(const struct fpu_area *area, uaddr_t at)
{
	struct _fpx_sw_bytes sw;
	uint32_t magic2;

	memcpy(&sw, area->software, sizeof(sw));
	return has_xsave() && sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size == fpu_size() &&
	       !user_read(&magic2, at + fpu_size(), sizeof(magic2)) && magic2 == FP_XSTATE_MAGIC2;
}

/* Reads the area at `at` into `area` and makes it one that the processor accepts. */
static int read_area(struct fpu_area *area, uaddr_t at)
{
	if (user_read(area, at, FXSAVE_SIZE))
		return -EFAULT;
	area->mxcsr &= MXCSR_VALID;
	if (!has_xsave())
		return 0;
	if (!is_extended(area, at)) {
		area->xstate_bv = XFEATURE_LEGACY;
		return 0;
	}
	if (user_read((uint8_t *)area + FXSAVE_SIZE, at + FXSAVE_SIZE, fpu_size() - FXSAVE_SIZE))
		return -EFAULT;
	area->xstate_bv &= fpu_features();
	area->xcomp_bv = 0;
	memset(area->reserved, 0, sizeof(area->reserved));
	return 0;
}

static int pop_fpu(uaddr_t at)
{
	void *area;
	int err;

	if (at == 0) {
		fpu_reset();
		return 0;
	}
	if (!is_aligned(at, FPU_ALIGN))
		return -EFAULT;
	area = fpu_new(); /* not the thread's own: a switch would save over it */
	if (!area) {
		program_no_memory();
		return -EFAULT;
	}
	err = read_area(area, at);
	if (!err)
		err = fpu_restore_checked(area);
	fpu_free(area);
	return err;
}

int signal_frame_pop(struct trap_frame *f, uint64_t *mask, stack_t *altstack)
{
	struct rt_sigframe frame;
	const struct sigcontext *c = &frame.uc.uc_mcontext;
	int err = user_read_struct(&frame, f->rsp - sizeof(frame.pretcode));

	if (err)
		return err;
	if (c->rip >= USER_TOP)
		return -EFAULT;
	err = pop_fpu((uaddr_t)c->fpstate);
	if (err)
		return err;
	*f = (struct trap_frame){
		.r8 = c->r8,
		.r9 = c->r9,
		.r10 = c->r10,
		.r11 = c->r11,
		.r12 = c->r12,
		.r13 = c->r13,
		.r14 = c->r14,
		.r15 = c->r15,
		.rdi = c->rdi,
		.rsi = c->rsi,
		.rbp = c->rbp,
		.rbx = c->rbx,
		.rdx = c->rdx,
		.rax = c->rax,
		.rcx = c->rcx,
		.rsp = c->rsp,
		.rip = c->rip,
		.vector = TRAP_RESUME,
		.rflags = (c->eflags & RFLAGS_PROGRAM) | RFLAGS_IF | RFLAGS_FIXED,
		.cs = SEL_PROGRAM_CS,
		.ss = SEL_PROGRAM_SS,
	};
	memcpy(mask, &frame.uc.uc_sigmask, sizeof(*mask));
	*altstack = frame.uc.uc_stack;
	return 0;
}
