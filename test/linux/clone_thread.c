/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clone(2), clone3(2) and set_tid_address(2) for threads,
	 without a C library in between: the flags of
 * pthread_create, CLEARTID's futex wake-up, and the refused combinations.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "check.h"

#define THREAD_FLAGS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define STACK_BYTES 65536

static atomic_int child_tid, parent_tid, seen_tid, seen_pid, argument;

/* Starts child(arg) on the new stack; in raw assembly,
	for the two sides share nothing but memory. */
static long start_clone3(struct clone_args *args, void (*child)(long), long arg)
{
	register long (*fn)(long) __asm__("r8") = (long (*)(long))(void *)child;
	register long value __asm__("r9") = arg;
	long r = SYS_clone3;

	__asm__ volatile("syscall; test %%rax,%%rax; jnz 1f; xor %%ebp,%%ebp;"
			 "mov %%r9,%%rdi; call *%%r8;"
			 "mov %[exit],%%eax; xor %%edi,%%edi; syscall; ud2; 1:"
			 : "+a"(r)
			 : "D"(args), "S"(sizeof(*args)), "r"(fn), "r"(value), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return r;
}

/* No thread pointer of its own: only raw calls here. */
static void child(long arg)
{
	long tid, pid;

	__asm__ volatile("syscall" : "=a"(tid) : "a"((long)SYS_gettid) : "rcx", "r11", "memory");
	__asm__ volatile("syscall" : "=a"(pid) : "a"((long)SYS_getpid) : "rcx", "r11", "memory");
	atomic_store(&argument, (int)arg);
	atomic_store(&seen_tid, (int)tid);
	atomic_store(&seen_pid, (int)pid);
}

static void test_clone3(void)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	struct clone_args args = {
		.flags = THREAD_FLAGS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
			 CLONE_CHILD_SETTID,
		.parent_tid = (unsigned long)&parent_tid,
		.child_tid = (unsigned long)&child_tid,
		.stack = (unsigned long)stack,
		.stack_size = STACK_BYTES,
	};
	long tid;
	int now;

	atomic_store(&child_tid, -1);
	tid = start_clone3(&args, child, 321);
	CHECK(tid > 0);
	CHECK_EQ(atomic_load(&parent_tid), tid);
	while ((now = atomic_load(&child_tid)) != 0) /* zeroed, with a wake-up, by its exit */
		syscall(SYS_futex, &child_tid, FUTEX_WAIT, now, NULL, NULL, 0);
	CHECK_EQ(atomic_load(&argument), 321);
	CHECK_EQ(atomic_load(&seen_tid), tid);
	CHECK_EQ(atomic_load(&seen_pid), getpid());
	munmap(stack, STACK_BYTES);
}

static long try_clone3(unsigned long flags, size_t size)
{
	struct clone_args args = { .flags = flags, .stack = 0x10000, .stack_size = 0x1000 };

	return syscall(SYS_clone3, &args, size);
}

static void test_refused(void)
{
	CHECK_ERR(try_clone3(CLONE_THREAD | CLONE_VM, sizeof(struct clone_args)), EINVAL);
	CHECK_ERR(try_clone3(CLONE_SIGHAND, sizeof(struct clone_args)), EINVAL);
	CHECK_ERR(try_clone3(THREAD_FLAGS, 8), EINVAL);
	CHECK_ERR(try_clone3(THREAD_FLAGS | 1ul << 40, sizeof(struct clone_args)), EINVAL);
	CHECK_ERR(syscall(SYS_clone3, 1, sizeof(struct clone_args)), EFAULT);
	CHECK_ERR(syscall(SYS_clone3, &child_tid, 1 << 20), E2BIG);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
}

static void test_set_tid_address(void)
{
	int dummy;

	CHECK_EQ(syscall(SYS_set_tid_address, &dummy), gettid());
	CHECK_EQ(gettid(), getpid());
}

int main(void)
{
	test_clone3();
	test_refused();
	test_set_tid_address();
	return check_done();
}
