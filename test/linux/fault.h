/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_of(access, address): do one access that may fault and say which signal came,
	 with its siginfo.
 * The handler leaves by siglongjmp, so it also tests that a handler may.
 */
#pragma once
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

enum fault_access { FAULT_READ, FAULT_WRITE, FAULT_CALL };

static sigjmp_buf fault_return;
static siginfo_t fault_info;

static inline void fault_handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	fault_info = *info;
	siglongjmp(fault_return, 1);
}

static inline void fault_set_handlers(void (*handler)(int, siginfo_t *, void *))
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (handler)
		sa.sa_sigaction = handler;
	else
		sa.sa_handler = SIG_DFL;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	fault_info.si_signo = 0;
}

/* The next fault returns to the caller's own `sigsetjmp(fault_return, 1)`. */
static inline void fault_arm(void)
{
	fault_set_handlers(fault_handler);
}

static inline int fault_disarm(void)
{
	int sig = fault_info.si_signo;
	siginfo_t info = fault_info;

	fault_set_handlers(NULL);
	fault_info = info;
	return sig;
}

/* The signal's number, 0 if nothing happened. fault_info holds the rest. */
static inline int fault_of(enum fault_access access, volatile void *at)
{
	fault_arm();
	if (sigsetjmp(fault_return, 1))
		return fault_disarm();
	if (access == FAULT_READ)
		(void)*(volatile char *)at;
	else if (access == FAULT_WRITE)
		*(volatile char *)at = 1;
	else
		((void (*)(void))(unsigned long)at)();
	return fault_disarm();
}
