/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals that come while a program does nothing but short calls: wherever it is at that moment,
 * the handler's backtrace finds its way through the C library to the caller, and what the call
 * returns is what it is. A kernel may lead such calls by code of its own, of which no unwinder
 * knows.
 */
#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include "child.h"

#define SIGNALS    400
#define FRAMES_MAX 32
#define BATCH      64

static void *caller; /* a return address that each backtrace shows */
static volatile sig_atomic_t nr_signals, nr_found, is_over;
static int ends[2];

/* Each handler asks for the next one: however long it takes, the program goes on in between. */
static void ask_for_next(void)
{
	struct itimerval soon = { .it_value.tv_usec = 300 };

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void look(int number)
{
	void *frames[FRAMES_MAX];
	int nr = backtrace(frames, FRAMES_MAX), saved = errno;

	(void)number;
	nr_signals = nr_signals + 1;
	for (int i = 0; i < nr; i++) {
		if (frames[i] == caller) {
			nr_found = nr_found + 1;
			break;
		}
	}
	if (!is_over)
		ask_for_next();
	errno = saved;
}

static int call_getppid(void)
{
	return getppid() == (pid_t)syscall(SYS_getppid);
}

static int call_read_write(void)
{
	unsigned char in = 'a', out = 0;

	return write(ends[1], &in, 1) == 1 && read(ends[0], &out, 1) == 1 && in == out;
}

static int call_errors(void)
{
	errno = 0;
	return close(-1) == -1 && errno == EBADF && syscall(SYS_read, -1, NULL, 0L) == -1;
}

/* Not inlined, and more follows the calls: the frame of this function is there. */
static __attribute__((noinline)) int storm(int (*call)(void))
{
	struct sigaction action = { .sa_handler = look, .sa_flags = SA_RESTART };
	struct itimerval never = { .it_value.tv_sec = 0 };
	int good = 1;

	caller = __builtin_return_address(0);
	nr_signals = nr_found = is_over = 0;
	sigaction(SIGALRM, &action, NULL);
	ask_for_next();
	while (nr_signals < SIGNALS && good) {
		for (int i = 0; i < BATCH; i++)
			good &= call();
	}
	is_over = 1;
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK_EQ(nr_found, nr_signals);
	return good;
}

int main(void)
{
	void *frames[FRAMES_MAX];

	backtrace(frames, FRAMES_MAX); /* the first one loads what it needs */
	CHECK(pipe(ends) == 0);
	CHECK(storm(call_getppid));
	CHECK(storm(call_read_write));
	CHECK(storm(call_errors));
	return check_done();
}
