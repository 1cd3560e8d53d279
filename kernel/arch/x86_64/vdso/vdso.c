/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vDSO: a shared object that the kernel maps into every program, vdso(7). It reads the kernel's
 * struct vdso_time from the page before its own first one and computes the time without entering
 * the kernel. Clocks that it does not know are asked for by a system call.
 */
#include <linux/time.h>

#include "arch/program.h"

struct getcpu_cache;
long __vdso_clock_gettime(int clock, struct timespec *out);
long __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
long __vdso_time(long *out);
long __vdso_clock_getres(int clock, struct timespec *out);
long __vdso_getcpu(unsigned *cpu, unsigned *node, struct getcpu_cache *unused);

extern const struct vdso_time vdso_data __attribute__((visibility("hidden")));

#define SYS_clock_gettime 228
#define SYS_clock_getres  229
#define SYS_getcpu        309

static long system_call(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* CLOCK_MONOTONIC, and what turns it into CLOCK_REALTIME. */
static int64_t now(int64_t *wall_offset_ns)
{
	const volatile struct vdso_time *t = &vdso_data;
	uint32_t seq;
	int64_t ns;

	do {
		while ((seq = __atomic_load_n(&t->seq, __ATOMIC_ACQUIRE)) & 1)
			__builtin_ia32_pause();
		ns = (int64_t)((unsigned __int128)(read_tsc() - t->tsc_base) * t->mult >>
			       t->shift) +
		     t->mono_base_ns;
		*wall_offset_ns = t->wall_offset_ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq != __atomic_load_n(&t->seq, __ATOMIC_RELAXED));
	return ns;
}

static bool is_wall(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

static bool is_known(int clock)
{
	return is_wall(clock) || clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
	       clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
}

long __vdso_clock_gettime(int clock, struct timespec *out)
{
	int64_t offset, ns;

	if (!is_known(clock))
		return system_call(SYS_clock_gettime, clock, (long)out, 0);
	ns = now(&offset);
	if (is_wall(clock))
		ns += offset;
	out->tv_sec = ns / NSEC_PER_SEC;
	out->tv_nsec = ns % NSEC_PER_SEC;
	return 0;
}

long __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	int64_t offset, ns = now(&offset);

	ns += offset;
	if (tv) {
		tv->tv_sec = ns / NSEC_PER_SEC;
		tv->tv_usec = ns % NSEC_PER_SEC / 1000;
	}
	if (tz)
		*tz = (struct timezone){ 0 };
	return 0;
}

long __vdso_time(long *out)
{
	int64_t offset, ns = now(&offset);
	long seconds = (ns + offset) / NSEC_PER_SEC;

	if (out)
		*out = seconds;
	return seconds;
}

long __vdso_clock_getres(int clock, struct timespec *out)
{
	return system_call(SYS_clock_getres, clock, (long)out, 0);
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, struct getcpu_cache *unused)
{
	if (vdso_data.nr_cpus != 1)
		return system_call(SYS_getcpu, (long)cpu, (long)node, 0);
	if (cpu)
		*cpu = 0;
	if (node)
		*node = 0;
	return 0;
}
