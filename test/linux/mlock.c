/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlock(2), mlock2(2), mlockall(2) and RLIMIT_MEMLOCK, which counts all that an address space has
 * locked, by whatever call.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "child.h"

#define PAGE 4096ul

/* VmLck of /proc/self/status, in pages. */
static int nr_locked(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	int kib = -4;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (!strncmp(line, "VmLck:", 6))
			kib = atoi(line + 6);
	}
	if (f != NULL)
		fclose(f);
	return kib / 4;
}

static char *map(size_t nr, int flags)
{
	return mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
		    -1, 0);
}

/* May lock ten pages; is nobody who could do more. */
static bool become_limited(rlim_t nr)
{
	const struct rlimit limit = { nr * PAGE, nr * PAGE };

	return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
	       (geteuid() != 0 || (setgid(3000) == 0 && setuid(3000) == 0));
}

/* A child's check: it answers by its exit status. */
#define MUST(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d %s\n", __FILE__, __LINE__, #cond); \
			return 1; \
		} \
	} while (0)

static bool fails(long result, int error)
{
	return result == -1 && errno == error;
}

static int counts(void *unused)
{
	char *p = map(64, 0);

	(void)unused;
	if (!become_limited(10))
		return 77;
	MUST(mlock(p, 6 * PAGE) == 0);
	MUST(nr_locked() == 6);
	MUST(mlock(p + 2 * PAGE, 6 * PAGE) == 0); /* some of them again */
	MUST(nr_locked() == 8);
	MUST(fails((long)mlock(p + 20 * PAGE, 3 * PAGE), ENOMEM));
	MUST(mlock(p + 20 * PAGE, 2 * PAGE) == 0);
	MUST(fails((long)mlock2(p + 30 * PAGE, PAGE, MLOCK_ONFAULT), ENOMEM));
	MUST(munlock(p, PAGE) == 0);
	MUST(mlock2(p + 30 * PAGE, PAGE, MLOCK_ONFAULT) == 0);
	MUST(nr_locked() == 10);
	MUST(fails((long)mlock(p, 1), ENOMEM));
	MUST(fails((long)map(1, MAP_LOCKED), EAGAIN));
	MUST(munlock(p, 64 * PAGE) == 0);
	MUST(nr_locked() == 0);
	MUST(map(1, MAP_LOCKED) != MAP_FAILED);
	MUST(fails((long)map(11, MAP_LOCKED), EAGAIN));
	MUST(nr_locked() == 1);
	return 0;
}

static int locks_all(void *unused)
{
	char *p;

	(void)unused;
	if (!become_limited(10))
		return 77;
	MUST(fails((long)mlockall(MCL_CURRENT), ENOMEM));
	MUST(mlockall(MCL_FUTURE) == 0);
	MUST(nr_locked() == 0);
	p = map(4, 0);
	MUST(p != MAP_FAILED);
	MUST(nr_locked() == 4);
	MUST(fails((long)map(20, 0), EAGAIN));
	MUST(fails((long)mremap(p, 4 * PAGE, 20 * PAGE, MREMAP_MAYMOVE), EAGAIN));
	MUST(fails((long)brk((char *)sbrk(0) + 40 * PAGE), ENOMEM));
	MUST(fails((long)madvise(p, PAGE, MADV_DONTNEED), EINVAL));
	MUST(munlockall() == 0);
	MUST(nr_locked() == 0);
	MUST(map(20, 0) != MAP_FAILED);
	MUST(nr_locked() == 0);
	return 0;
}

static int may_not(void *unused)
{
	char *p = map(1, 0);

	(void)unused;
	if (!become_limited(0))
		return 77;
	MUST(fails((long)mlock(p, PAGE), EPERM));
	MUST(fails((long)mlock2(p, PAGE, MLOCK_ONFAULT), EPERM));
	MUST(fails((long)mlockall(MCL_CURRENT), EPERM));
	MUST(fails((long)mlockall(MCL_FUTURE), EPERM));
	MUST(fails((long)map(1, MAP_LOCKED), EPERM));
	MUST(munlock(p, PAGE) == 0);
	MUST(munlockall() == 0);
	return 0;
}

static int in_child(void *unused)
{
	(void)unused;
	return nr_locked();
}

static void test_privileged(void)
{
	char *p = map(8, 0);

	CHECK_EQ(mlockall(MCL_CURRENT), 0);
	CHECK(nr_locked() > 8);
	CHECK_EQ(child_run(in_child, NULL), 0); /* fork keeps no locks */
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(nr_locked(), 0);
	CHECK_EQ(mlock(p + 1, 2 * PAGE), 0);
	CHECK_EQ(nr_locked(), 3);
	CHECK_EQ(mlock(p, 0), 0);
	CHECK_EQ(munlockall(), 0);
	munmap(p + 3 * PAGE, PAGE);
	CHECK_ERR(mlock(p, 8 * PAGE), ENOMEM); /* a hole */
	CHECK_ERR(mlock2(p, PAGE, 2), EINVAL);
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(MCL_ONFAULT), EINVAL);
	CHECK_ERR(mlockall(8), EINVAL);
}

int main(void)
{
	CHECK_EQ(child_run(counts, NULL), 0);
	CHECK_EQ(child_run(locks_all, NULL), 0);
	CHECK_EQ(child_run(may_not, NULL), 0);
	if (geteuid() == 0)
		test_privileged();
	return check_done();
}
