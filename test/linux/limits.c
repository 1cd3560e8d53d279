/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resource limits and usage: getrlimit, prlimit64, their enforcement, getrusage, times.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include "check.h"

static volatile sig_atomic_t nr_sigxfsz;

static void count(int sig)
{
	(void)sig;
	nr_sigxfsz++;
}

static void test_get_set(void)
{
	struct rlimit limit, old, now;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		CHECK_EQ(getrlimit(i, &limit), 0);
		CHECK(limit.rlim_cur <= limit.rlim_max);
	}
	getrlimit(RLIMIT_CORE, &old);
	limit = old;
	limit.rlim_cur = 0;
	CHECK_EQ(prlimit(0, RLIMIT_CORE, &limit, &now), 0);
	CHECK_EQ(now.rlim_cur, old.rlim_cur);
	getrlimit(RLIMIT_CORE, &now);
	CHECK_EQ(now.rlim_cur, 0);
	CHECK_EQ(prlimit(getpid(), RLIMIT_CORE, &old, NULL), 0);
	CHECK_ERR(getrlimit(99, &limit), EINVAL);
	limit.rlim_cur = 10, limit.rlim_max = 5;
	CHECK_ERR(setrlimit(RLIMIT_CORE, &limit), EINVAL);
	CHECK_ERR(syscall(SYS_getrlimit, RLIMIT_CORE, 1), EFAULT);
	CHECK_ERR(prlimit(0x3ffffff, RLIMIT_CORE, NULL, &now), ESRCH);
}

static void test_nofile(void)
{
	struct rlimit old, small;
	int fds[32], nr = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	small = old;
	small.rlim_cur = 20;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &small), 0);
	while (nr < 32 && (fds[nr] = open("/dev/null", O_RDONLY)) >= 0)
		nr++;
	CHECK_EQ(errno, EMFILE);
	CHECK(nr > 0 && nr < 20);
	CHECK_ERR(dup(0), EMFILE);
	CHECK_ERR(dup2(0, 20), EBADF);
	CHECK_ERR(fcntl(0, F_DUPFD, 20), EINVAL);
	for (int i = 0; i < nr; i++)
		close(fds[i]);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_fsize(void)
{
	struct sigaction sa = { .sa_handler = count };
	struct rlimit old, small;
	int fd = open("file", O_RDWR | O_CREAT, 0600);

	sigaction(SIGXFSZ, &sa, NULL);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 100;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
	CHECK_EQ(pwrite(fd, "0123456789", 10, 95), 5); /* up to the limit */
	CHECK_ERR(pwrite(fd, "x", 1, 100), EFBIG);
	CHECK_EQ(nr_sigxfsz, 1);
	CHECK_ERR(ftruncate(fd, 101), EFBIG);
	CHECK_EQ(nr_sigxfsz, 2);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_EQ(ftruncate(fd, 101), 0);
	close(fd);
}

static void test_address_space(void)
{
	struct rlimit old, small;
	void *p;

	getrlimit(RLIMIT_AS, &old);
	small = old;
	small.rlim_cur = 1ul << 30;
	CHECK_EQ(setrlimit(RLIMIT_AS, &small), 0);
	p = mmap(NULL, 1ul << 31, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p == MAP_FAILED && errno == ENOMEM);
	CHECK_EQ(setrlimit(RLIMIT_AS, &old), 0);
}

static void test_usage(void)
{
	struct rusage usage;
	struct tms tms;
	char *p = malloc(16 << 20);

	for (int i = 0; i < 16 << 20; i += 4096)
		((volatile char *)p)[i] = 1;
	do { /* until both show it, however fast the machine is */
		for (volatile long i = 0; i < 10000000; i++)
			;
		getrusage(RUSAGE_SELF, &usage);
		times(&tms);
	} while (usage.ru_utime.tv_sec + usage.ru_utime.tv_usec == 0 ||
		 tms.tms_utime + tms.tms_stime == 0);
	CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
	CHECK(usage.ru_utime.tv_sec + usage.ru_utime.tv_usec > 0);
	CHECK(usage.ru_maxrss > 16 << 10);
	CHECK(usage.ru_minflt > 0);
	CHECK_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &usage), 0);
	CHECK_EQ(usage.ru_utime.tv_sec, 0);
	CHECK_ERR(getrusage(77, &usage), EINVAL);
	CHECK_ERR(syscall(SYS_getrusage, RUSAGE_SELF, 1), EFAULT);
	CHECK(times(&tms) != (clock_t)-1);
	CHECK(tms.tms_utime + tms.tms_stime >= 1);
	CHECK_EQ(sysconf(_SC_CLK_TCK), 100);
	free(p);
}

int main(void)
{
	scratch_enter();
	test_get_set();
	test_nofile();
	test_fsize();
	test_address_space();
	test_usage();
	return check_done();
}
