/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rest of /proc and the part of /sys that runtimes read at start-up.
 */
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include "check.h"

static char text[1 << 16];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t len = 0, r = 0;

	while (fd >= 0 && (r = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += r;
	text[len] = 0;
	close(fd);
	return text;
}

/* CPU 0 is the lowest bit of the last digit. */
static bool has_cpu0(const char *mask)
{
	size_t len = strcspn(mask, "\n");

	return len > 0 && strchr("13579bdf", mask[len - 1]) != NULL;
}

static void test_cpu(void)
{
	int nr = 0;

	slurp("/proc/cpuinfo");
	for (char *p = text; (p = strstr(p, "processor\t:")) != NULL; p++)
		nr++;
	CHECK_EQ(nr, sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(strstr(text, "\nflags\t\t:") != NULL);
	CHECK(strstr(text, " sse2 ") != NULL);
	CHECK(strstr(text, "\nmodel name\t: ") != NULL);
	CHECK(strstr(text, "\ncpu MHz\t\t: ") != NULL);
	CHECK(!strncmp(slurp("/proc/stat"), "cpu ", 4));
	CHECK(strstr(text, "\ncpu0 ") != NULL);
	CHECK(strstr(text, "\nbtime ") != NULL);
	CHECK(slurp("/sys/devices/system/cpu/online")[0] == '0');
	CHECK(slurp("/sys/devices/system/cpu/possible")[0] == '0');
	if (access("/sys/devices/system/node/node0", F_OK) == 0) /* a host without NUMA has none */
		CHECK(has_cpu0(slurp("/sys/devices/system/node/node0/cpumap")));
}

static void test_memory(void)
{
	unsigned long total = 0, available = 0;
	struct sysinfo info;
	char *line;

	sysinfo(&info);
	slurp("/proc/meminfo");
	CHECK(sscanf(text, "MemTotal: %lu kB", &total) == 1);
	CHECK_EQ(total, info.totalram * info.mem_unit / 1024);
	CHECK(strstr(text, "\nMemFree: ") != NULL);
	line = strstr(text, "\nMemAvailable:");
	CHECK(line && sscanf(line, "\nMemAvailable: %lu kB", &available) == 1);
	CHECK(available > 0 && available <= total);
	CHECK(strstr(text, "\nSwapTotal: ") != NULL);
}

static void test_time(void)
{
	double up = -1, idle = -1, load = -1;
	struct timespec before, after;

	clock_gettime(CLOCK_BOOTTIME, &before);
	CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle), 2);
	clock_gettime(CLOCK_BOOTTIME, &after);
	CHECK(up >= 0 && up - (double)after.tv_sec < 5 && up - (double)before.tv_sec > -5);
	CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf", &load), 1);
	CHECK(load >= 0);
}

static void test_identity(void)
{
	struct utsname u;
	char want[200];

	uname(&u);
	snprintf(want, sizeof(want), "Linux version %s", u.release);
	CHECK(!strncmp(slurp("/proc/version"), want, strlen(want)));
	snprintf(want, sizeof(want), "%s\n", u.release);
	CHECK_STR(slurp("/proc/sys/kernel/osrelease"), want);
	CHECK_STR(slurp("/proc/sys/kernel/ostype"), "Linux\n");
	snprintf(want, sizeof(want), "%s\n", u.nodename);
	CHECK_STR(slurp("/proc/sys/kernel/hostname"), want);
	CHECK(strstr(slurp("/proc/filesystems"), "nodev\tproc\n") != NULL);
	CHECK(strstr(text, "nodev\ttmpfs\n") != NULL);
}

static void test_sysctl(void)
{
	CHECK(atoi(slurp("/proc/sys/kernel/pid_max")) > 1000);
	CHECK(atoi(slurp("/proc/sys/vm/overcommit_memory")) >= 0 && text[0]);
	CHECK(atoi(slurp("/proc/sys/vm/max_map_count")) > 1000);
	CHECK(atoi(slurp("/proc/sys/fs/pipe-max-size")) >= 65536);
	CHECK(atoi(slurp("/proc/sys/kernel/threads-max")) > 100);
	CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/boot_id")), 37);
	CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/uuid")), 37);
	CHECK(strstr(slurp("/sys/kernel/mm/transparent_hugepage/enabled"), "[") != NULL);
}

static void test_access(void)
{
	struct stat st;
	char c;
	int fd = open("/proc/meminfo", O_RDONLY);

	CHECK_EQ(read(fd, &c, 1), 1); /* byte by byte works */
	CHECK_EQ(c, 'M');
	CHECK_EQ(pread(fd, &c, 1, 3), 1);
	CHECK_EQ(c, 'T');
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISREG(st.st_mode) && st.st_size == 0);
	close(fd);
	CHECK(open("/proc/new", O_CREAT | O_WRONLY, 0600) < 0);
	CHECK(mkdir("/proc/new", 0700) < 0);
	CHECK_ERR(open("/proc/none", O_RDONLY), ENOENT);
}

int main(void)
{
	test_cpu();
	test_memory();
	test_time();
	test_identity();
	test_sysctl();
	test_access();
	return check_done();
}
