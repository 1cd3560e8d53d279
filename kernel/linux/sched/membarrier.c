/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membarrier(2): a memory barrier on every CPU that runs the program's threads. A process says
 * beforehand which of the expedited kinds it will use.
 */
#include <linux/membarrier.h>

#include "core/smp/cpu.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/vmspace.h"

#define CMD_GET_REGISTRATIONS (1 << 9) /* newer than the headers */

#define REGISTRATIONS \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define BARRIERS \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)

/* Critical sections of all threads of the process start again, those on other CPUs too. */
static void restart_sections(struct process *p)
{
	struct task *t;

	scoped_spin(&p->lock);
	list_foreach(&p->tasks, t, process_link) {
		if (t != task_current() && t->thread != NULL && READ_ONCE(t->rseq) != 0)
			thread_set_work(t->thread, THREAD_WORK_OTHER);
	}
}

static void nothing(void *unused)
{
}

static bool is_private(int cmd)
{
	return cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED ||
	       cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE ||
	       cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
}

/*
 * CPUs that run threads of this process, or of any, take an interrupt, and return from it by IRET,
 * which also serialises them (Intel SDM 3A §9.3). A CPU that comes to run one afterwards has loaded
 * its tables, or taken its run queue's lock, since.
 */
static void barrier_everywhere(bool private)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (cpu_is_alone())
		return;
	if (private)
		cpu_call(atomic_load(&vmspace_current()->mmu.cpus), nothing, NULL);
	else
		cpu_call(atomic_load(&cpus_online) & ~atomic_load(&cpus_idle), nothing, NULL);
}

long sys_membarrier(int cmd, unsigned long flags, int cpu)
{
	struct process *p = process_current();
	bool one_cpu = cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ &&
		       flags == MEMBARRIER_CMD_FLAG_CPU;

	if ((flags != 0 && !one_cpu) || cmd < 0 || (cmd & (cmd - 1)) != 0)
		return -EINVAL;
	if (cmd == MEMBARRIER_CMD_QUERY)
		return REGISTRATIONS | BARRIERS | CMD_GET_REGISTRATIONS;
	if (cmd == CMD_GET_REGISTRATIONS)
		return atomic_load(&p->membarriers);
	if ((cmd & REGISTRATIONS) != 0) {
		atomic_or(&p->membarriers, cmd);
		return 0;
	}
	if ((cmd & BARRIERS) == 0)
		return -EINVAL;
	/* A private command's registration is the next bit. */
	if (is_private(cmd) && (atomic_load(&p->membarriers) & cmd << 1) == 0)
		return -EPERM;
	if (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
		restart_sections(p);
	barrier_everywhere(is_private(cmd));
	return 0;
}
