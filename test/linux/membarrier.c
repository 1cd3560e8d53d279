/* SPDX-License-Identifier: BSD-2-Clause */
/* membarrier(2): every command, registration, what fork and exec keep of it. */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "child.h"

static long membarrier(int cmd, unsigned int flags)
{
	return syscall(SYS_membarrier, cmd, flags, 0);
}

static void test_pair(int use, int registration)
{
	CHECK_ERR(membarrier(use, 0), EPERM);
	CHECK_EQ(membarrier(registration, 0), 0);
	CHECK_EQ(membarrier(use, 0), 0);
	CHECK_EQ(membarrier(registration, 0), 0);
}

static int use_private(void *unused)
{
	(void)unused;
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0 ? 0 : errno;
}

static int exec_self(void *path)
{
	execl(path, path, "child", NULL);
	return 99;
}

/* Two threads, one with plain stores and loads between barriers of the other. */
static atomic_int go;
static volatile int x, y, seen_x, seen_y;

static void *light(void *unused)
{
	for (int i = 1; i <= 2000; i++) {
		for (int spins = 0; atomic_load_explicit(&go, memory_order_acquire) != i; spins++)
			if (spins % 1000 == 999) /* the other side may need this CPU */
				sched_yield();
		x = i;
		__asm__ volatile("" ::: "memory"); /* the other side's barrier makes it one */
		seen_y = y;
		atomic_store(&go, -i);
	}
	return unused;
}

static void test_order(void)
{
	pthread_t thread;
	int broken = 0;

	pthread_create(&thread, NULL, light, NULL);
	for (int i = 1; i <= 2000; i++) {
		atomic_store(&go, i);
		y = i;
		membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
		seen_x = x;
		while (atomic_load(&go) != -i)
			sched_yield();
		broken += seen_x != i && seen_y != i;
	}
	pthread_join(thread, NULL);
	CHECK_EQ(broken, 0);
}

int main(int argc, char **argv)
{
	int all = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
		  MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
		  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;

	if (argc > 1)
		return use_private(NULL);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_QUERY, 0) & all, all);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_GLOBAL, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0), 0);
	test_pair(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	test_pair(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
		  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
	test_pair(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
		  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU), 0);
	CHECK_ERR(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU), EINVAL);
	CHECK_ERR(membarrier(MEMBARRIER_CMD_GLOBAL, 2), EINVAL);
	CHECK_ERR(membarrier(3, 0), EINVAL);
	CHECK_ERR(membarrier(1 << 20, 0), EINVAL);
	CHECK_ERR(membarrier(-1, 0), EINVAL);
	CHECK_EQ(child_run(use_private, NULL), 0);
	CHECK_EQ(child_run(exec_self, argv[0]), EPERM); /* a new program says it anew */
	test_order();
	return check_done();
}
