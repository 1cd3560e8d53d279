/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a handler must not disturb: x87, SSE and AVX registers, MXCSR, flags, the red zone,
	 and errno's
 * neighbours, both for a synchronous raise and for a timer that interrupts a computation anywhere.
 */
#include <fenv.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include "check.h"

static volatile sig_atomic_t nr_ticks;
static volatile double sink;
static volatile int have_fpstate, stack_aligned;

static void scribble(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	double x = 1.5;

	(void)sig, (void)info;
	nr_ticks++;
	have_fpstate = uc->uc_mcontext.fpregs != NULL;
	stack_aligned = ((unsigned long)__builtin_frame_address(0) & 15) == 0;
	for (int i = 0; i < 20; i++)
		x = x * 1.000001 + sink;
	sink = x;
	__asm__ volatile("pcmpeqb %%xmm0,%%xmm0; pcmpeqb %%xmm7,%%xmm7; "
			 "pcmpeqb %%xmm15,%%xmm15; fninit"
			 :
			 :
			 : "xmm0", "xmm7", "xmm15");
}

static void install(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = scribble, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &sa, NULL);
}

static void test_sse_across_raise(void)
{
	unsigned long in0 = 0x1122334455667788, in15 = 0x99aabbccddeeff00, out0 = 0, out15 = 0;
	long nr = SYS_tgkill, pid = getpid(), tid = syscall(SYS_gettid);

	__asm__ volatile("movq %[in0],%%xmm0; movq %[in15],%%xmm15; syscall;"
			 "movq %%xmm0,%[out0]; movq %%xmm15,%[out15]"
			 : [out0] "=&r"(out0), [out15] "=&r"(out15), "+a"(nr)
			 : [in0] "r"(in0), [in15] "r"(in15), "D"(pid), "S"(tid), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory", "xmm0", "xmm15");
	CHECK_EQ(nr, 0);
	CHECK_EQ(nr_ticks, 1);
	CHECK_EQ(out0, in0);
	CHECK_EQ(out15, in15);
	CHECK(have_fpstate);
	CHECK(stack_aligned);
}

static void test_avx_across_raise(void)
{
	unsigned char in[32], out[32];
	long nr = SYS_tgkill, pid = getpid(), tid = syscall(SYS_gettid);

	if (!__builtin_cpu_supports("avx"))
		return;
	for (int i = 0; i < 32; i++)
		in[i] = (unsigned char)(i * 7);
	__asm__ volatile("vmovdqu (%[in]),%%ymm7; syscall; vmovdqu %%ymm7,(%[out])"
			 : "+a"(nr)
			 : [in] "r"(in), [out] "r"(out), "D"(pid), "S"(tid), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory", "xmm7");
	CHECK(!memcmp(in, out, 32));
}

static void test_x87_and_mxcsr(void)
{
	unsigned int mxcsr = 0, want = 0x1f80 | 0x6000; /* round toward zero */
	unsigned short control = 0, control_want = 0x0c7f;
	long double x = 3.25L, y;

	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(want), "m"(control_want));
	__asm__ volatile("fldt %0" : : "m"(x));
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	__asm__ volatile("fstpt %0" : "=m"(y));
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
	CHECK(x == y);
	CHECK_EQ(mxcsr & 0xffc0, want);
	CHECK_EQ(control, control_want);
	want = 0x1f80;
	__asm__ volatile("ldmxcsr %0; fninit" : : "m"(want));
}

/* A leaf that keeps data in its red zone while a timer fires. */
static unsigned long __attribute__((noinline)) red_zone(unsigned long rounds)
{
	unsigned long bad = 0;

	__asm__ volatile("1: movq %[n],-8(%%rsp); movq %[n],-64(%%rsp); movq %[n],-128(%%rsp);"
			 "movl $200,%%ecx; 2: decl %%ecx; jnz 2b;"
			 "cmpq %[n],-8(%%rsp); jne 3f; cmpq %[n],-64(%%rsp); jne 3f;"
			 "cmpq %[n],-128(%%rsp); je 4f; 3: incq %[bad]; 4: decq %[n]; jnz 1b"
			 : [n] "+r"(rounds), [bad] "+r"(bad)
			 :
			 : "ecx", "memory", "cc");
	return bad;
}

static double __attribute__((noinline)) compute(int rounds)
{
	double sum = 0, term = 1;

	for (int i = 1; i <= rounds; i++) {
		term = term * 0.999999 + 1.0 / i;
		sum += term;
	}
	return sum;
}

static void test_under_timer(void)
{
	struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, off = { 0 };
	double expected = compute(3000000);
	unsigned long bad = 0;
	int wrong = 0;

	install(SIGALRM, SA_RESTART);
	nr_ticks = 0;
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 5 || nr_ticks < 4; i++)
		wrong += compute(3000000) != expected;
	nr_ticks = 0;
	do
		bad += red_zone(300000);
	while (nr_ticks < 4);
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(bad, 0);
}

static void test_flags(void)
{
	long nr = SYS_tgkill, pid = getpid(), tid = syscall(SYS_gettid);
	unsigned long carry = 0;

	/* syscall itself keeps RFLAGS (in R11);
	DF must be clear in the handler and restored after it. */
	__asm__ volatile("stc; syscall; setc %b[carry]"
			 : [carry] "+r"(carry), "+a"(nr)
			 : "D"(pid), "S"(tid), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory", "cc");
	CHECK_EQ(carry, 1);
}

int main(void)
{
	install(SIGUSR1, 0);
	test_sse_across_raise();
	test_avx_across_raise();
	test_x87_and_mxcsr();
	test_flags();
	test_under_timer();
	return check_done();
}
