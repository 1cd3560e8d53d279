/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls made so often from one place that a kernel may change the way they take: results, errors,
 * arguments and interruptions stay what they are. read(2), whose number is zero; syscall(2) with
 * six arguments and changing numbers; both with threads, across a fork, and by signals.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include "asleep.h"

#define ROUNDS 200

static int ends[2];
static atomic_int alarms;

/* Bytes go through the pipe one by one, and come out as they went in. */
static int pass_bytes(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned char in = (unsigned char)i, out = 0;

		if (write(ends[1], &in, 1) != 1 || read(ends[0], &out, 1) != 1 || in != out)
			return 0;
	}
	return 1;
}

static int pass_in_child(void *unused)
{
	(void)unused;
	return pass_bytes();
}

static int fail_often(void)
{
	char c;

	for (int i = 0; i < ROUNDS; i++) {
		errno = 0;
		if (read(-1, &c, 1) != -1 || errno != EBADF)
			return 0;
		errno = 0;
		if (read(ends[0], (void *)8, 0) != 0 || read(1000000, &c, 1) != -1)
			return 0;
	}
	return 1;
}

/* All six arguments arrive, the last of which comes from the stack. */
static int map_often(void)
{
	FILE *f = tmpfile();
	int good = f != NULL;
	long at;

	for (long i = 0; i < 3 && good; i++)
		good = ftruncate(fileno(f), 3 * 4096) == 0 &&
		       pwrite(fileno(f), &i, sizeof(i), i * 4096) == sizeof(i);
	for (long i = 0; i < ROUNDS && good; i++) {
		at = syscall(SYS_mmap, NULL, 4096L, PROT_READ, MAP_PRIVATE, fileno(f),
			     i % 3 * 4096);
		good = at != -1 && *(long *)at == i % 3;
		good &= syscall(SYS_munmap, at, 4096L, 0, 0, 0, 0) == 0;
		good &= syscall(SYS_getpid) == getpid() && syscall(SYS_close, -1) == -1;
	}
	if (f)
		fclose(f);
	return good;
}

static void count(int number)
{
	(void)number;
	atomic_fetch_add(&alarms, 1);
}

/* A read that has nothing to read is interrupted, each time. */
static int interrupt_often(void)
{
	struct sigaction action = { .sa_handler = count };
	struct itimerval soon = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
	struct itimerval never = { .it_value.tv_sec = 0 };
	int good = 1;
	char c;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	for (int i = 0; i < 20 && good; i++) {
		errno = 0;
		good = read(ends[0], &c, 1) == -1 && errno == EINTR;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	return good && atomic_load(&alarms) >= 20;
}

static void *write_late(void *byte)
{
	child_pause_ms(20);
	return write(ends[1], byte, 1) == 1 ? byte : NULL;
}

/* With SA_RESTART it goes on instead. */
static int restart(void)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
	struct itimerval soon = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
	struct itimerval never = { .it_value.tv_sec = 0 };
	char sent = 'x', got = 0;
	pthread_t thread;
	int good;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	good = pthread_create(&thread, NULL, write_late, &sent) == 0 &&
	       read(ends[0], &got, 1) == 1 && got == sent;
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_join(thread, NULL);
	return good;
}

static void *pass_own(void *unused)
{
	int own[2];
	long good = pipe(own) == 0;

	(void)unused;
	for (int i = 0; i < 10 * ROUNDS && good; i++) {
		unsigned char in = (unsigned char)i, out = 0;

		good = write(own[1], &in, 1) == 1 && read(own[0], &out, 1) == 1 && in == out &&
		       syscall(SYS_getppid) == getppid();
	}
	close(own[0]);
	close(own[1]);
	return (void *)good;
}

static int pass_in_threads(void)
{
	pthread_t threads[4];
	int good = 1;
	void *result;

	for (int i = 0; i < 4; i++)
		good &= pthread_create(&threads[i], NULL, pass_own, NULL) == 0;
	for (int i = 0; i < 4 && good; i++) {
		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	return good;
}

/* A reader that is inside the call while another makes the place hot. */
static atomic_int reader_tid;

static void *read_one(void *out)
{
	atomic_store(&reader_tid, gettid());
	return read(ends[0], out, 1) == 1 ? out : NULL;
}

static int wait_while_hot(void)
{
	char got = 0, sent = 'y';
	pthread_t reader;
	void *result = NULL;
	int good;

	if (pthread_create(&reader, NULL, read_one, &got) != 0)
		return 0;
	while (!atomic_load(&reader_tid))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&reader_tid));
	good = pass_in_threads() && write(ends[1], &sent, 1) == 1;
	pthread_join(reader, &result);
	return good && result == &got && got == sent;
}

int main(void)
{
	CHECK(pipe(ends) == 0);
	CHECK(child_run(pass_in_child, NULL) == 1);
	CHECK(pass_bytes());
	CHECK(child_run(pass_in_child, NULL) == 1);
	CHECK(fail_often());
	CHECK(map_often());
	CHECK(interrupt_often());
	CHECK(restart());
	CHECK(wait_while_hot());
	CHECK(pass_in_threads());
	CHECK(interrupt_often());
	CHECK(pass_bytes());
	CHECK(child_run(pass_in_child, NULL) == 1);
	return check_done();
}
