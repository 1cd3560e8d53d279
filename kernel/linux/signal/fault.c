/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults of the program: turned into the signals that Linux sends for them (x86: arch traps to
 * siginfo), and the one line that the user sees when such a signal kills the program.
 */
#include "core/log.h"
#include "core/program.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/exec/launch.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"

/* What kills with a line for the user: the signals whose default is to dump core. */
#define REPORTED \
	(SIGNAL_SYNCHRONOUS | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGXCPU) | SIGNAL_BIT(SIGXFSZ))

/* A call that copies to many places may come here many times before it ends. */
void program_no_memory(void)
{
	struct vmspace *vs = vmspace_current();
	struct page_stats stats;

	if (task_current() == NULL || READ_ONCE(process_current()->exiting))
		return;
	page_stats_get(&stats);
	log_user("%s: out of memory: it holds %lu KiB, %lu of %lu KiB are free; give more with -m",
		 thread_current()->name, (unsigned long)vs->nr_pages * 4,
		 (unsigned long)stats.free * 4, (unsigned long)stats.total * 4);
	process_kill(process_current(), WAIT_STATUS_SIGNAL(SIGKILL));
}

static void set_signal(siginfo_t *info, int sig, int code, uaddr_t addr)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_addr = (void *)addr;
}

static void signal_of(const struct fault *fault, siginfo_t *info)
{
	switch (fault->kind) {
	case FAULT_PAGE:
		set_signal(info, SIGSEGV, fault->error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR,
			   fault->address);
		break;
	case FAULT_BUS:
		set_signal(info, SIGBUS, BUS_ADRERR, fault->address);
		break;
	case FAULT_ALIGNMENT:
		set_signal(info, SIGBUS, BUS_ADRALN, 0);
		break;
	case FAULT_DIVIDE:
		set_signal(info, SIGFPE, FPE_INTDIV, fault->address);
		break;
	case FAULT_FP:
		set_signal(info, SIGFPE, FPE_FLTUNK, fault->address);
		break;
	case FAULT_OPCODE:
		set_signal(info, SIGILL, ILL_ILLOPN, fault->address);
		break;
	case FAULT_BREAKPOINT:
		set_signal(info, SIGTRAP, SI_KERNEL, 0);
		break;
	case FAULT_DEBUG:
		set_signal(info, SIGTRAP, TRAP_TRACE, fault->address);
		break;
	default:
		set_signal(info, SIGSEGV, SI_KERNEL, 0);
		break;
	}
}

void program_fault(struct trap_frame *f, const struct fault *fault)
{
	struct task *self = task_current();
	siginfo_t info;

	if (fault->kind == FAULT_PAGE && fault->error == -ENOMEM) {
		program_no_memory();
		return;
	}
	self->fault = *fault;
	self->has_fault = true;
	signal_of(fault, &info);
	signal_force(&info);
}

/* ---- the report ---- */

static const char *reason_of(const siginfo_t *info, const struct fault *fault)
{
	if (info->si_signo == SIGBUS)
		return info->si_code == BUS_ADRERR ? "past the end of a mapped file" : "misaligned";
	if (info->si_code == SEGV_MAPERR)
		return (uaddr_t)info->si_addr < PAGE_SIZE ? "a NULL pointer"
							  : "nothing is mapped there";
	switch (fault->access) {
	case MMU_WRITE:
		return "not writable";
	case MMU_EXEC:
		return "not executable";
	default:
		return "not readable";
	}
}

/* "/lib/libc.so.6+0x1234" or "[heap]+0x10": where pc is, as an offset in the file. */
static void describe_place(uaddr_t pc, char *buf, size_t size)
{
	struct vmspace *vs = vmspace_current();
	struct path where = { NULL, NULL };
	char *name = NULL, *room = kmem_alloc(PATH_LEN_MAX);
	uint64_t offset = 0;
	struct vm_area *a;

	fmt(buf, size, "no mapping");
	if (room == NULL)
		return;
	mutex_lock(&vs->lock);
	a = vmspace_area_at(vs, pc);
	if (a != NULL) {
		offset = pc - a->start + (a->file != NULL ? a->object_idx * PAGE_SIZE : 0);
		fmt(buf, size, "%s+%#lx", a->name != NULL ? a->name : "anonymous memory",
		    (unsigned long)offset);
	}
	if (a != NULL && a->file != NULL && a->file->path.dentry != NULL) {
		where = a->file->path;
		path_get(&where);
	}
	mutex_unlock(&vs->lock);
	if (where.dentry != NULL) {
		if (path_name(&where, room, PATH_LEN_MAX, &name) == 0)
			fmt(buf, size, "%s+%#lx", name, (unsigned long)offset);
		path_put(&where);
	}
	kmem_free(room);
}

static void describe_end(const struct trap_frame *f, const siginfo_t *info, char *buf, size_t size)
{
	struct task *self = task_current();
	const char *name = signal_name(info->si_signo);
	char place[200];

	if (!self->has_fault) {
		fmt(buf, size, "%s: killed by %s", self->thread->name, name);
		return;
	}
	describe_place(frame_pc(f), place, sizeof(place));
	if (info->si_signo == SIGSEGV && info->si_code == SI_KERNEL)
		fmt(buf, size,
		    "%s: killed by SIGSEGV (not an address, or not for programs) at %#lx in %s",
		    self->thread->name, (unsigned long)frame_pc(f), place);
	else if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS)
		fmt(buf, size, "%s: killed by %s: address %#lx (%s), at %#lx in %s",
		    self->thread->name, name, (unsigned long)self->fault.address,
		    reason_of(info, &self->fault), (unsigned long)frame_pc(f), place);
	else
		fmt(buf, size, "%s: killed by %s at %#lx in %s", self->thread->name, name,
		    (unsigned long)frame_pc(f), place);
}

/* The user is told of the program's end; the ends of its children are their parents' business. */
void fault_report(const struct trap_frame *f, const siginfo_t *info)
{
	char text[400];

	if ((SIGNAL_BIT(info->si_signo) & REPORTED) == 0)
		return;
	describe_end(f, info, text, sizeof(text));
	if (process_current()->pid == 1)
		log_user("%s", text);
	else
		log_info("%s", text);
	if (launch_is_verbose)
		machine_print_registers(f);
}
