/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says that it has in use (proc_meminfo(5), slabinfo(5), file-nr): the figures by
 * which a leak is found. They go up with what a program takes and down when it gives it back.
 * Elsewhere than in Hull other programs move them, too: there it is looked at only that they are
 * there.
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include "check.h"
#include "child.h"

#define MIB        (1l << 20)
#define NR_THREADS 32
#define NR_TABLES  64l
#define NR_PLACES  1024
#define PLACES     0x10000000ul /* they stand here */

static bool alone; /* nobody else moves the counters */

/* In KiB, or -1. */
static long meminfo(const char *key)
{
	char text[8192];
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);
	const char *at;

	close(fd);
	text[len > 0 ? len : 0] = 0;
	at = strstr(text, key);
	return at != NULL ? atol(at + strlen(key)) : -1;
}

static long nr_files(void)
{
	char text[64] = "";
	int fd = open("/proc/sys/fs/file-nr", O_RDONLY);

	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atol(text);
}

static void test_present(void)
{
	static const char *const keys[] = {
		"\nMemFree:", "\nMemAvailable:", "\nCached:",     "\nAnonPages:",
		"\nMapped:",  "\nShmem:",        "\nSlab:",       "\nSUnreclaim:",
		"\nDirty:",   "\nKernelStack:",  "\nPageTables:", "\nCommitted_AS:",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!check_report(meminfo(keys[i]) >= 0, __FILE__, __LINE__, keys[i] + 1))
			break;
	CHECK(meminfo("\nKernelStack:") > 0);
	CHECK(meminfo("\nPageTables:") > 0);
	CHECK(meminfo("\nMapped:") > 0); /* this program's text */
	if (alone)
		CHECK(meminfo("\nMapped:") <= meminfo("\nCached:") + meminfo("\nBuffers:"));
	CHECK(nr_files() > 0);
}

/* `during` is more than before by about `kib`, and `after` is not. */
static void check_rise(const char *what, const long value[3], long kib)
{
	char text[160];
	long slack = kib / 8 + 64;

	snprintf(text, sizeof(text), "%s: %ld, then %ld, then %ld: by %ld KiB", what, value[0],
		 value[1], value[2], kib);
	if (alone)
		check_report(value[1] - value[0] >= kib - slack &&
				     value[1] - value[0] <= kib + slack &&
				     value[2] - value[0] <= slack && value[0] - value[2] <= slack,
			     __FILE__, __LINE__, text);
}

static void test_anonymous(void)
{
	const char key[] = "\nAnonPages:";
	long value[3] = { meminfo(key) };
	char *p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 1, 8 * MIB);
	value[1] = meminfo(key);
	munmap(p, 8 * MIB);
	value[2] = meminfo(key);
	check_rise("anonymous", value, 8 * MIB / 1024);
}

/* Copies after fork(2) are the child's own, and go with it. */
static void test_copies(void)
{
	long value[3] = { meminfo("\nAnonPages:") };
	char *p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int nr_good = 0;
	pid_t pid;

	CHECK(p != MAP_FAILED);
	memset(p, 1, 4 * MIB);
	for (int i = 0; i < 8; i++) {
		pid = fork();
		if (pid == 0) {
			memset(p, 2, 2 * MIB);
			_exit(0);
		}
		nr_good += child_wait(pid) == 0;
	}
	CHECK_EQ(nr_good, 8);
	value[1] = meminfo("\nAnonPages:");
	munmap(p, 4 * MIB);
	value[2] = meminfo("\nAnonPages:");
	check_rise("after children", value, 4 * MIB / 1024);
}

/* The pages of the kernel's that every process maps are nobody's memory. */
static void test_kernels_own(void)
{
	long value[3] = { meminfo("\nAnonPages:") };
	struct timespec t;
	int nr_good = 0;

	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(clock_gettime(CLOCK_MONOTONIC, &t));
		nr_good += child_wait(pid) == 0;
	}
	CHECK_EQ(nr_good, 100);
	value[1] = value[2] = meminfo("\nAnonPages:");
	check_rise("clock_gettime in children", value, 0);
}

static void test_shared(void)
{
	long value[3] = { meminfo("\nShmem:") }, mapped[3] = { meminfo("\nMapped:") };
	int id = shmget(IPC_PRIVATE, 4 * MIB, IPC_CREAT | 0600), fd = memfd_create("m", 0);
	struct sysinfo info;
	unsigned long shared;
	char *p = shmat(id, NULL, 0);
	static char block[MIB];

	CHECK(p != MAP_FAILED && fd >= 0);
	memset(p, 1, 4 * MIB);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(write(fd, block, MIB), MIB);
	value[1] = meminfo("\nShmem:");
	mapped[1] = meminfo("\nMapped:");
	sysinfo(&info);
	shared = info.sharedram * info.mem_unit / MIB;
	CHECK(shared >= (alone ? 8 : 6)); /* Linux counts lazily */
	close(fd);
	shmdt(p);
	shmctl(id, IPC_RMID, NULL);
	value[2] = meminfo("\nShmem:");
	mapped[2] = meminfo("\nMapped:");
	check_rise("shared memory", value, 8 * MIB / 1024);
	check_rise("mapped", mapped, 4 * MIB / 1024);
}

static void test_tables(void)
{
	const size_t size = (size_t)NR_TABLES * 2 * MIB;
	long value[3] = { meminfo("\nPageTables:") };
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(madvise(p, size, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
	for (long i = 0; i < NR_TABLES; i++)
		p[i * 2 * MIB] = 1;
	value[1] = meminfo("\nPageTables:");
	munmap(p, size);
	value[2] = meminfo("\nPageTables:");
	check_rise("page tables", value, NR_TABLES * 4);
}

static pthread_barrier_t barrier;

static void *thread_main(void *arg)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

/* How large a kernel's stack is, is the kernel's affair; what ended may be kept for the next. */
static void test_stacks(void)
{
	pthread_t threads[NR_THREADS];
	long before = meminfo("\nKernelStack:"), during;
	int nr_good = 0;

	pthread_barrier_init(&barrier, NULL, NR_THREADS + 1);
	for (int i = 0; i < NR_THREADS; i++)
		nr_good += pthread_create(&threads[i], NULL, thread_main, NULL) == 0;
	if (!CHECK_EQ(nr_good, NR_THREADS))
		return;
	pthread_barrier_wait(&barrier);
	during = meminfo("\nKernelStack:");
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	if (alone) {
		CHECK(during >= NR_THREADS * 4);
		CHECK(during >= before);
	}
}

static void test_files(void)
{
	long before = nr_files(), during, after;
	int fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	during = nr_files();
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	after = nr_files();
	if (alone) {
		CHECK_EQ(during - before, 40);
		CHECK_EQ(after, before);
	}
}

/*
 * Places that call often, where nothing can be mapped that would make them quicker (as in a program
 * that occupies the addresses in question).
 */
static int call_from_many_places(void *arg)
{
	static const unsigned char call[] = { 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3 }; /* getpid */
	const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
	const size_t size = NR_PLACES * sizeof(call);
	int nr_wrong = 0;
	char *code = mmap((void *)PLACES, size, PROT_READ | PROT_WRITE | PROT_EXEC, fixed, -1, 0);

	(void)arg;
	if (code != (char *)PLACES)
		return 1;
	for (unsigned i = 0; i < 32; i++) { /* what is mapped there already, stays */
		mmap((char *)0x050f0000 + i * 4096ul, 4096, PROT_NONE, fixed, -1, 0);
		mmap((char *)PLACES + 0x050f0000 + i * 4096ul, 4096, PROT_NONE, fixed, -1, 0);
	}
	for (unsigned i = 0; i < NR_PLACES; i++)
		memcpy(code + i * sizeof(call), call, sizeof(call));
	for (unsigned i = 0; i < NR_PLACES * 20; i++) {
		void *at = code + i / 20 * sizeof(call);

		nr_wrong += ((int (*)(void))at)() != getpid();
	}
	return nr_wrong == 0 ? 0 : 2;
}

static void test_refused_places(void)
{
	long before = meminfo("\nMemFree:");

	CHECK_EQ(child_run(call_from_many_places, NULL), 0);
	if (alone)
		CHECK(before - meminfo("\nMemFree:") < NR_PLACES * 4 / 2);
}

int main(void)
{
	struct utsname name;

	alone = uname(&name) == 0 && strstr(name.version, "Hull") != NULL;
	test_present();
	test_anonymous();
	test_copies();
	test_kernels_own();
	test_shared();
	test_tables();
	test_stacks();
	test_files();
	test_refused_places();
	return check_done();
}
