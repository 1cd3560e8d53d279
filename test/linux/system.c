/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says of the machine: uname, sysinfo, getcpu, sysconf, the scheduler's calls,
	 getrandom.
 */
#include <sched.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include "check.h"

static void test_uname(void)
{
	struct utsname u;
	char host[80];
	int major = 0;

	CHECK_EQ(uname(&u), 0);
	CHECK_STR(u.sysname, "Linux");
	CHECK_STR(u.machine, "x86_64");
	CHECK(sscanf(u.release, "%d.", &major) == 1 && major >= 4);
	CHECK(u.version[0] != 0);
	CHECK_EQ(gethostname(host, sizeof(host)), 0);
	CHECK_STR(host, u.nodename);
	CHECK_ERR(syscall(SYS_uname, 1), EFAULT);
}

static void test_sysinfo(void)
{
	struct sysinfo info;

	CHECK_EQ(sysinfo(&info), 0);
	CHECK(info.totalram > 0);
	CHECK(info.freeram <= info.totalram);
	CHECK(info.mem_unit >= 1);
	CHECK(info.procs >= 1);
	CHECK(info.uptime >= 0);
	CHECK_ERR(syscall(SYS_sysinfo, 1), EFAULT);
	CHECK_EQ(sysconf(_SC_PAGESIZE), 4096);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	CHECK(sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(sysconf(_SC_PHYS_PAGES) > 0);
	CHECK(sysconf(_SC_OPEN_MAX) >= 256);
}

static void test_cpu(void)
{
	unsigned int cpu = 9999, node = 9999;
	cpu_set_t set, one;

	CHECK_EQ(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
	CHECK(cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
	CHECK(node < 64);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK(CPU_ISSET(sched_getcpu(), &set));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CPU_ZERO(&one);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 1, &set), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0x3ffffff, 128, &set), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 128, 1), EFAULT);
}

static void test_scheduler(void)
{
	int usual;
	struct sched_param param = { .sched_priority = 99 };
	struct timespec quantum;

	CHECK_EQ(sched_yield(), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(sched_getparam(0, &param), 0);
	CHECK_EQ(param.sched_priority, 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &param), 0);
	CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &param), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &param), 0);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERR(sched_get_priority_max(99), EINVAL);
	param.sched_priority = 5;
	CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
	CHECK_ERR(sched_getscheduler(-1), EINVAL);
	CHECK_ERR(sched_getscheduler(0x3ffffff), ESRCH);
	CHECK_EQ(sched_rr_get_interval(0, &quantum), 0);
	usual = getpriority(PRIO_PROCESS, 0);
	CHECK(usual == 0 || !check_in_hull());
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, usual + 5), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), usual < 14 ? usual + 5 : 19);
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 20 - getpriority(PRIO_PROCESS, 0));
	CHECK_ERR(setpriority(99, 0, 0), EINVAL);
	CHECK_ERR(setpriority(PRIO_PROCESS, 0x3ffffff, 0), ESRCH);
}

static void test_getrandom(void)
{
	unsigned char a[256] = { 0 }, b[256] = { 0 };
	int bits = 0;

	CHECK_EQ(getrandom(a, sizeof(a), 0), sizeof(a));
	CHECK_EQ(getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++)
		bits += __builtin_popcount(a[i]);
	CHECK(bits > 850 && bits < 1200); /* of 2048; nine standard deviations */
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_EQ(getrandom(a, 100, GRND_RANDOM), 100);
	CHECK_ERR(getrandom(a, 10, 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, 1, 10, 0), EFAULT);
}

int main(void)
{
	test_uname();
	test_sysinfo();
	test_cpu();
	test_scheduler();
	test_getrandom();
	return check_done();
}
