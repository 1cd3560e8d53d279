/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks, all from the time-stamp counter: CLOCK_MONOTONIC is its scaled value since boot,
 * CLOCK_REALTIME that plus an offset. The vDSO's page carries the same numbers for programs.
 */
#include "arch/cpu.h"
#include "arch/program.h"
#include "core/smp/cpu.h"
#include "core/sync/spinlock.h"
#include "core/time/timer.h"

#define CLOCK_SHIFT 32

static uint64_t tsc_base, mult; /* [I] after clock_init */
static uint32_t tsc_khz;
static int64_t wall_offset_ns; /* [a] */
static struct vdso_time *vdso_page;
static struct spinlock wall_lock;

static nsec_t scale(uint64_t cycles)
{
	return (nsec_t)((unsigned __int128)cycles * mult >> CLOCK_SHIFT);
}

nsec_t clock_monotonic(void)
{
	return scale(cpu_cycles() - tsc_base);
}

nsec_t clock_realtime(void)
{
	return clock_monotonic() + READ_ONCE(wall_offset_ns);
}

uint32_t clock_tsc_khz(void)
{
	return tsc_khz;
}

static void publish(void)
{
	if (vdso_page == NULL)
		return;
	__atomic_add_fetch(&vdso_page->seq, 1, __ATOMIC_SEQ_CST);
	vdso_page->shift = CLOCK_SHIFT;
	vdso_page->mult = mult;
	vdso_page->tsc_base = tsc_base;
	vdso_page->mono_base_ns = 0;
	vdso_page->wall_offset_ns = wall_offset_ns;
	vdso_page->nr_cpus = READ_ONCE(nr_cpus);
	__atomic_add_fetch(&vdso_page->seq, 1, __ATOMIC_SEQ_CST);
}

void clock_set_realtime(nsec_t now)
{
	scoped_spin(&wall_lock);
	WRITE_ONCE(wall_offset_ns, now - clock_monotonic());
	publish();
}

void clock_init(uint32_t khz, nsec_t wall_now_or_0)
{
	tsc_khz = khz;
	mult = (1000000ull << CLOCK_SHIFT) / khz;
	tsc_base = cpu_cycles();
	if (wall_now_or_0 != 0)
		clock_set_realtime(wall_now_or_0);
}

void clock_attach_vdso(struct vdso_time *t)
{
	scoped_spin(&wall_lock);
	vdso_page = t;
	publish();
}

void clock_cpus_changed(void)
{
	scoped_spin(&wall_lock);
	publish();
}

void clock_delay(nsec_t ns)
{
	nsec_t end = clock_monotonic() + ns;

	while (clock_monotonic() < end)
		cpu_relax();
}
