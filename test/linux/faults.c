/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU exception becomes: SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP with the right si_code
 * and si_addr, and a handler that repairs the cause and returns to the same instruction.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "check.h"
#include "fault.h"

#define PAGE 4096ul

static void test_null(void)
{
	CHECK_EQ(fault_of(FAULT_READ, NULL), SIGSEGV);
	CHECK_EQ(fault_info.si_code, SEGV_MAPERR);
	CHECK(fault_info.si_addr == NULL);
	CHECK_EQ(fault_of(FAULT_WRITE, (void *)0x18), SIGSEGV);
	CHECK_EQ((uintptr_t)fault_info.si_addr, 0x18);
	CHECK_EQ(fault_of(FAULT_CALL, NULL), SIGSEGV);
}

static void test_text(void)
{
	CHECK_EQ(fault_of(FAULT_WRITE, (void *)(uintptr_t)test_null), SIGSEGV);
	CHECK_EQ(fault_info.si_code, SEGV_ACCERR);
	CHECK((uintptr_t)fault_info.si_addr == (uintptr_t)test_null);
	CHECK_EQ(fault_of(FAULT_WRITE, (void *)(uintptr_t) "literal"), SIGSEGV);
}

static void test_kernel_half(void)
{
	CHECK_EQ(fault_of(FAULT_READ, (void *)0xffffffff80000000ul), SIGSEGV);
	CHECK_EQ(fault_of(FAULT_WRITE, (void *)0xffff888000000000ul), SIGSEGV);
	CHECK_EQ(fault_of(FAULT_READ, (void *)0x8000000000000000ul), SIGSEGV); /* not canonical */
	CHECK_EQ(fault_info.si_code, SI_KERNEL);
}

static int jump(unsigned long to, unsigned long sp)
{
	fault_arm();
	if (sigsetjmp(fault_return, 1))
		return fault_disarm();
	__asm__ volatile("mov %1, %%rsp; jmp *%0" : : "r"(to), "r"(sp) : "memory");
	__builtin_unreachable();
}

static void test_wild_jumps(void)
{
	static char room[65536];
	const stack_t altstack = { .ss_sp = room, .ss_size = sizeof(room) },
		      none = { .ss_flags = SS_DISABLE };
	const unsigned long to[] = { 0xffffffffff8489e8, 0xffffffffc3fff000, 0xffff800000000000 };

	CHECK_EQ(sigaltstack(&altstack, NULL), 0);
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		CHECK_EQ(fault_of(FAULT_CALL, (void *)to[i]), SIGSEGV);
		CHECK_EQ((uintptr_t)fault_info.si_addr, to[i]);
		CHECK_EQ(jump(to[i], 0xffffffffff000000), SIGSEGV);
		CHECK_EQ(jump(to[i], 0x8000000000000000), SIGSEGV);
	}
	CHECK_EQ(jump(0x8000000000000000, 0x10), SIGSEGV);
	CHECK_EQ(sigaltstack(&none, NULL), 0);
}

static void test_beyond_end_of_file(void)
{
	int fd = open("short", O_RDWR | O_CREAT, 0600);
	char *p;

	CHECK_EQ(write(fd, "x", 1), 1);
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_EQ(fault_of(FAULT_READ, p + PAGE - 1), 0);
	CHECK_EQ(fault_of(FAULT_READ, p + PAGE), SIGBUS);
	CHECK_EQ(fault_info.si_code, BUS_ADRERR);
	CHECK(fault_info.si_addr == p + PAGE);
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(fault_of(FAULT_WRITE, p + PAGE), 0);
	CHECK_EQ(ftruncate(fd, 1), 0);
	CHECK_EQ(fault_of(FAULT_READ, p + PAGE), SIGBUS);
	munmap(p, 3 * PAGE);
	close(fd);
}

static volatile int zero;

static int divide(void)
{
	fault_arm();
	if (sigsetjmp(fault_return, 1))
		return fault_disarm();
	__asm__ volatile("idivl %0" : : "r"(zero), "a"(1), "d"(0));
	return fault_disarm();
}

static int execute_undefined(void)
{
	fault_arm();
	if (sigsetjmp(fault_return, 1))
		return fault_disarm();
	__asm__ volatile("ud2");
	return fault_disarm();
}

static int execute_breakpoint(void)
{
	fault_arm();
	if (sigsetjmp(fault_return, 1))
		return fault_disarm();
	__asm__ volatile("int3");
	return fault_disarm();
}

static void test_arithmetic_and_traps(void)
{
	CHECK_EQ(divide(), SIGFPE);
	CHECK_EQ(fault_info.si_code, FPE_INTDIV);
	CHECK_EQ(execute_undefined(), SIGILL);
	CHECK_EQ(fault_info.si_code, ILL_ILLOPN);
	CHECK_EQ(execute_breakpoint(), SIGTRAP);
	CHECK_EQ(fault_info.si_code, SI_KERNEL);
}

static char *repair_page;
static volatile int nr_repairs;
static volatile unsigned long context_cr2, context_trap;

static void repair(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	nr_repairs++;
	context_cr2 = (unsigned long)uc->uc_mcontext.gregs[REG_CR2];
	context_trap = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
	if (info->si_addr == repair_page + 100)
		mprotect(repair_page, PAGE, PROT_READ | PROT_WRITE);
}

static void test_repair_and_return(void)
{
	struct sigaction sa = { .sa_sigaction = repair, .sa_flags = SA_SIGINFO };

	repair_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &sa, NULL);
	*(volatile char *)(repair_page + 100) = 77;
	CHECK_EQ(repair_page[100], 77);
	CHECK_EQ(nr_repairs, 1);
	CHECK_EQ(context_cr2, (unsigned long)repair_page + 100);
	CHECK_EQ(context_trap, 14);
	munmap(repair_page, PAGE);
}

static void skip_instruction(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig, (void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 is two bytes */
	uc->uc_mcontext.gregs[REG_RAX] = 1234;
}

static void test_context_is_writable(void)
{
	struct sigaction sa = { .sa_sigaction = skip_instruction, .sa_flags = SA_SIGINFO };
	unsigned long value = 0;

	sigaction(SIGILL, &sa, NULL);
	__asm__ volatile("ud2" : "+a"(value));
	CHECK_EQ(value, 1234);
}

int main(void)
{
	scratch_enter();
	test_null();
	test_text();
	test_kernel_half();
	test_wild_jumps();
	test_beyond_end_of_file();
	test_arithmetic_and_traps();
	test_repair_and_return();
	test_context_is_writable();
	return check_done();
}
