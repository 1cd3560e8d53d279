/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start-up: one flat list, in the order of who needs whom. kernel_main() runs on the boot stack as
 * the first CPU's idle thread; the rest of the start, which sleeps, runs in a thread of its own.
 */
#include "core/init.h"

#include <abi/hull/boot.h>
#include <abi/hull/ports.h>

#include "arch/cpu.h"
#include "arch/mmu.h"
#include "core/boot_root.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/platform.h"
#include "core/program.h"
#include "core/random.h"
#include "core/sched/thread.h"
#include "core/smp/secondary.h"
#include "core/start.h"
#include "mm/alloc/page.h"

LINKER_SET(start_hooks, struct start_hook);

static struct thread boot_thread = { .name = "idle", .state = THREAD_RUNNING, .weight = 1 };
struct cpu cpu_boot; /* in .bss: mk/kernel.lds says where */
struct cpu *cpus[CPUS_MAX] = { &cpu_boot };
unsigned nr_cpus = 1;
uint64_t cpus_online = 1;

static struct boot_info info; /* the boot protocol's may lie in memory that is given away */

static void start(void *arg)
{
	secondary_start_all(&info);
	device_probe_all();
	secondary_wait_all();
	LINKER_SET_FOREACH(start_hooks, hook)
		hook->run();
	program_launch(paddr_to_ptr(info.launch), info.launch_bytes);
}

static void add_early_entropy(void)
{
	uint64_t seed[8] = { cpu_cycles(), info.wall_ns };

	cpu_random(&seed[2], sizeof(seed) - 2 * sizeof(seed[0]));
	random_add(seed, sizeof(seed));
}

void kernel_main(const struct boot_info *from_boot)
{
	struct thread *starter;

	info = *from_boot;
	boot_thread.cpu = &cpu_boot;
	cpu_boot.idle = &boot_thread;
	cpu_init_early(&cpu_boot, &info);
	sched_init_cpu(&cpu_boot);
	mmu_init(&info, page_early);
	page_init(&info);
	cpu_init(&cpu_boot);
	platform_choose(&info);
	platform->init(&info);
	platform->init_cpu(&cpu_boot);
	if (info.root_bytes != 0)
		boot_root = paddr_to_ptr(info.root);
	boot_root_bytes = info.root_bytes;
	add_early_entropy();
	log_info("platform %s, TSC %u kHz", platform->name, clock_tsc_khz());
	starter = thread_new("start", start, NULL);
	if (starter == NULL) {
		log_user("too little memory to start");
		platform->end(VM_END_NO_START);
	}
	thread_start(starter);
	sched_idle();
}
