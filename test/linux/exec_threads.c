/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve(2) and exit of processes with several threads: exec by a thread that is not the first, by
 * two at once, against exit_group and fork by others; what fails leaves the threads alone. A
 * process whose first thread ended before the others (pthread_exit in main).
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "child.h"

#define NR_THREADS 4

static char *const environment[] = { NULL };
static atomic_int nr_running;
static atomic_bool may_end;

static void exec_shell(const char *script)
{
	char *const args[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };

	execve("/bin/sh", args, environment);
	_exit(99);
}

static void *spin(void *arg)
{
	atomic_fetch_add(&nr_running, 1);
	while (getppid() >= 0)
		;
	return arg;
}

static void *sleep_for_ever(void *arg)
{
	atomic_fetch_add(&nr_running, 1);
	while (pause() < 0)
		;
	return arg;
}

static void *fork_for_ever(void *arg)
{
	atomic_fetch_add(&nr_running, 1);
	while (!atomic_load(&may_end)) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return arg;
}

static void start(void *(*fn)(void *), int nr)
{
	int wanted = atomic_load(&nr_running) + nr;
	pthread_t t;

	for (int i = 0; i < nr; i++) {
		if (pthread_create(&t, NULL, fn, NULL) != 0)
			_exit(98);
	}
	while (atomic_load(&nr_running) < wanted)
		child_pause_ms(1);
}

/* ---- exec ends the others ---- */

static void *exec_thread(void *script)
{
	exec_shell(script);
	return NULL;
}

static int exec_by_second(void *others)
{
	char script[100];
	pthread_t t;

	start((void *(*)(void *))others, NR_THREADS);
	snprintf(script, sizeof(script), "[ $$ = %d ] && exit 17", (int)getpid());
	pthread_create(&t, NULL, exec_thread, script);
	while (pause() < 0)
		;
	return 1;
}

static int exec_by_first(void *others)
{
	start((void *(*)(void *))others, NR_THREADS);
	exec_shell("exit 18");
	return 1;
}

static int exec_by_all(void *arg)
{
	pthread_t t;

	(void)arg;
	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&t, NULL, exec_thread, (void *)"exit 19");
	while (pause() < 0)
		;
	return 1;
}

static void *exit_soon(void *arg)
{
	(void)arg;
	_exit(20);
}

static int exec_against_exit(void *arg)
{
	pthread_t t;

	(void)arg;
	pthread_create(&t, NULL, exit_soon, NULL);
	exec_shell("exit 20");
	return 1;
}

static void test_exec(void)
{
	int good = 0;

	CHECK_EQ(child_run(exec_by_second, (void *)spin), 17);
	CHECK_EQ(child_run(exec_by_second, (void *)sleep_for_ever), 17);
	CHECK_EQ(child_run(exec_by_second, (void *)fork_for_ever), 17);
	CHECK_EQ(child_run(exec_by_first, (void *)spin), 18);
	CHECK_EQ(child_run(exec_by_first, (void *)fork_for_ever), 18);
	for (int i = 0; i < 20; i++)
		good += child_run(exec_by_all, NULL) == 19;
	CHECK_EQ(good, 20);
	good = 0;
	for (int i = 0; i < 20; i++)
		good += child_run(exec_against_exit, NULL) == 20;
	CHECK_EQ(good, 20);
}

/* The program that exec starts is stopped, continued and killed like any other. */
static void test_exec_and_kill(void)
{
	int good = 0, status;

	for (int i = 0; i < 20; i++) {
		pid_t pid = child_start(exec_by_second, (void *)spin);

		child_pause_ms(i % 7);
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
		kill(pid, SIGKILL);
		good += waitpid(pid, &status, 0) == pid &&
			((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
			 (WIFEXITED(status) && WEXITSTATUS(status) == 17));
	}
	CHECK_EQ(good, 20);
}

/* ---- exec that fails ---- */

static char *long_strings[80];

/* Arguments and environment are each below the limit of a quarter of the stack's, not both. */
static int exec_too_much(void *arg)
{
	char *const args[] = { (char *)"true", NULL };

	(void)arg;
	start(sleep_for_ever, 2);
	for (int i = 0; i < 16; i++) {
		long_strings[i] = malloc(100001);
		memset(long_strings[i], 'x', 100000);
		long_strings[i][100000] = '\0';
	}
	if (execve("/bin/true", long_strings, long_strings) != -1 || errno != E2BIG)
		return 1;
	if (execve("/no/such/program", args, environment) != -1 || errno != ENOENT)
		return 2;
	if (execve("/etc/passwd", args, environment) != -1 || errno != EACCES)
		return 3;
	/* The threads are all still there. */
	return access("/proc/self/task", X_OK) == 0 && atomic_load(&nr_running) == 2 ? 0 : 4;
}

static int exec_without_stack_limit(void *arg)
{
	struct rlimit l;

	(void)arg;
	getrlimit(RLIMIT_STACK, &l);
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_STACK, &l) != 0)
		return 1;
	exec_shell("exit 21");
	return 2;
}

static void test_failing_exec(void)
{
	CHECK_EQ(child_run(exec_without_stack_limit, NULL), 21);
	CHECK_EQ(child_run(exec_too_much, NULL), 0);
}

/* ---- the first thread ends first ---- */

static void *end_later(void *arg)
{
	while (!atomic_load((atomic_bool *)arg))
		child_pause_ms(1);
	syscall(SYS_exit, 33);
	return NULL;
}

static int leave_others(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, end_later, arg);
	syscall(SYS_exit, 22);
	return 1;
}

static int first_leaves(void *arg)
{
	atomic_bool *flag = &may_end;

	(void)arg;
	atomic_store(flag, false);
	signal(SIGTERM, SIG_DFL);
	return leave_others(flag);
}

static char state_of(pid_t pid)
{
	char path[64], line[512], *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return '?';
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	end = strrchr(line, ')');
	return end != NULL ? end[2] : '?';
}

static void test_first_leaves(void)
{
	pid_t pid = child_start(first_leaves, NULL);
	int status = 0;

	while (state_of(pid) != 'Z')
		child_pause_ms(1);
	CHECK_EQ(state_of(pid), 'Z');
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0); /* but nobody can wait for it yet */
	CHECK_EQ(kill(pid, 0), 0);
	CHECK_EQ(getpgid(pid), getpgrp());
	CHECK_EQ(kill(pid, SIGTERM), 0); /* the other thread takes it */
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void *end_after_first(void *arg)
{
	while (state_of(getpid()) != 'Z')
		child_pause_ms(1);
	syscall(SYS_exit, 33);
	return arg;
}

static int first_leaves_alone(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, end_after_first, arg);
	syscall(SYS_exit, 22);
	return 1;
}

/* The status is that of the thread that ends last (Linux 6.0 and later). */
static void test_status_of_last(void)
{
	CHECK_EQ(child_run(first_leaves_alone, NULL), 33);
}

/* ---- ids of threads ---- */

static pid_t second_tid;

static void *tell_tid(void *arg)
{
	second_tid = (pid_t)syscall(SYS_gettid);
	return sleep_for_ever(arg);
}

static int ids_of_threads(void *arg)
{
	(void)arg;
	start(tell_tid, 1);
	if (getpgid(second_tid) != getpgrp() || getsid(second_tid) != getsid(0))
		return 1;
	if (setpgid(second_tid, 0) != -1 || errno != EINVAL)
		return 2;
	if (kill(second_tid, 0) != 0 || waitpid(second_tid, NULL, 0) != -1 || errno != ECHILD)
		return 3;
	return 0;
}

int main(void)
{
	test_exec();
	test_exec_and_kill();
	test_failing_exec();
	test_first_leaves();
	test_status_of_last();
	CHECK_EQ(child_run(ids_of_threads, NULL), 0);
	return check_done();
}
