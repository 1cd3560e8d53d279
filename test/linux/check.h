/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole test framework of test/linux: assertions that print one line each, a scratch directory.
 *
 * A program calls CHECK... any number of times and ends with `return check_done();`. Each assertion
 * prints `ok file:line what` or `FAIL file:line what`, which test/run counts; the last line is
 * `N checks, M failed`. A program is one process (threads are fine), needs no arguments, and passes
 * on Linux as root and as anybody else: Linux is the oracle for Hull, which runs the same binary.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static atomic_int check_nr_run, check_nr_failed;
static bool check_is_child; /* child.h: it says only what fails, and is not counted */
static char check_scratch_path[256];

#define CHECK(cond)    check_report((cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ(a, b) check_equal((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b)
/* The call, libc's or syscall()'s, must return -1 (or MAP_FAILED) and leave this errno. */
#define CHECK_ERR(call, error) \
	({ \
		errno = 0; \
		long check_result = (long)(call); \
		check_error(check_result, (error), __FILE__, __LINE__, #call " -> " #error); \
	})
#define CHECK_STR(a, b) check_string((a), (b), __FILE__, __LINE__, #a " is " #b)

/*
 * What whoever starts a program may have left otherwise: signals that are ignored or blocked, no
 * standard input, a umask. A program that starts itself again, with arguments, is left as it is.
 */
static inline void check_inherit_nothing(void)
{
	sigset_t none;
	int fd;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(022);
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* A program that dies has said by then what it got through. */
static void __attribute__((constructor)) check_start(int argc)
{
	if (argc <= 1)
		check_inherit_nothing();
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

/* Where nobody else is, and what Linux leaves to its workers is done at once. */
static inline bool check_in_hull(void)
{
	struct utsname name;

	return uname(&name) == 0 && strstr(name.version, "Hull") != NULL;
}

static inline bool check_report(bool good, const char *file, int line, const char *what)
{
	atomic_fetch_add(&check_nr_run, 1);
	if (!good)
		atomic_fetch_add(&check_nr_failed, 1);
	if (!good || !check_is_child)
		printf("%s %s:%d %s\n", good ? "ok" : "FAIL", file, line, what);
	return good;
}

static inline bool check_equal(long long a, long long b, const char *file, int line,
			       const char *what)
{
	char text[400];

	if (a == b)
		return check_report(true, file, line, what);
	snprintf(text, sizeof(text), "%s (%lld, not %lld)", what, a, b);
	return check_report(false, file, line, text);
}

static inline bool check_error(long result, int error, const char *file, int line, const char *what)
{
	char text[400];

	if (result == -1 && errno == error)
		return check_report(true, file, line, what);
	snprintf(text, sizeof(text), "%s (result %ld, errno %d)", what, result, errno);
	return check_report(false, file, line, text);
}

static inline bool check_string(const char *a, const char *b, const char *file, int line,
				const char *what)
{
	char text[600];

	if (!strcmp(a, b))
		return check_report(true, file, line, what);
	snprintf(text, sizeof(text), "%s (\"%.150s\", not \"%.150s\")", what, a, b);
	return check_report(false, file, line, text);
}

static inline int check_done(void)
{
	int failed = atomic_load(&check_nr_failed);

	printf("%d checks, %d failed\n", atomic_load(&check_nr_run), failed);
	fflush(stdout);
	return failed != 0;
}

static inline int scratch_remove_entry(const char *path, const struct stat *st, int type,
				       struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	if (chdir("/") == 0)
		nftw(check_scratch_path, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Make an empty private directory, make it the working directory, remove it all at exit. */
static inline void scratch_enter(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(check_scratch_path, sizeof(check_scratch_path), "%s/hull-test-XXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(check_scratch_path) || chdir(check_scratch_path) != 0) {
		printf("FAIL cannot make %s: %s\n", check_scratch_path, strerror(errno));
		exit(1);
	}
	atexit(scratch_remove);
}
