/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread's stack grows by itself,
	 to its limit and no further: the overflow is a SIGSEGV that
 * an alternate stack can take. A thread's stack has its guard page.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "check.h"
#include "fault.h"

static size_t depth_bytes;
static uintptr_t stack_start;

static int __attribute__((noinline)) recurse(int left)
{
	volatile char block[4096];

	block[0] = (char)left;
	block[4095] = 1;
	if (left == 0)
		return block[0];
	return recurse(left - 1) + block[4095];
}

#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#elif __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#endif
static int __attribute__((noinline)) overflow(void)
{
	volatile char block[1024];

	block[0] = 1;
	depth_bytes = stack_start - (uintptr_t)block;
	return overflow() + block[0];
}
#pragma GCC diagnostic pop

static void use_alternate_stack(void)
{
	stack_t alternate = { .ss_sp = malloc(65536), .ss_size = 65536 };

	CHECK_EQ(sigaltstack(&alternate, NULL), 0);
}

static int overflow_signal(void)
{
	volatile char here;

	stack_start = (uintptr_t)&here;
	fault_arm();
	if (sigsetjmp(fault_return, 1))
		return fault_disarm();
	return overflow();
}

static void test_main_stack(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_STACK, &limit);
	CHECK_EQ(recurse(256), 256);   /* 1 MiB, beyond what exec mapped */
	CHECK_EQ(recurse(1024), 1024); /* 4 MiB */
	if (limit.rlim_cur == RLIM_INFINITY)
		return;
	use_alternate_stack();
	CHECK_EQ(overflow_signal(), SIGSEGV);
	CHECK(depth_bytes > limit.rlim_cur / 2);
	CHECK(depth_bytes <= limit.rlim_cur);
	CHECK_EQ(recurse(1024), 1024); /* still usable afterwards */
}

static void *thread_overflow(void *unused)
{
	use_alternate_stack();
	CHECK_EQ(overflow_signal(), SIGSEGV);
	CHECK(depth_bytes <= 256 * 1024);
	return unused;
}

static void test_thread_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	CHECK_EQ(pthread_create(&thread, &attr, thread_overflow, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void test_grows_down_mapping(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);
	char *area = p + (1 << 20) - 8192;

	munmap(p, 1 << 20);
	CHECK(mmap(area, 8192, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == area);
	area[0] = 1;
	CHECK_EQ(area[0], 1);
	munmap(area, 8192);
}

int main(void)
{
	test_main_stack();
	test_thread_stack();
	test_grows_down_mapping();
	return check_done();
}
