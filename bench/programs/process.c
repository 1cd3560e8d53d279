/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes, threads, signals: fork, exit and wait of a small process and of one with 64 MiB in
 * use, vfork, fork and exec, posix_spawn, a thread's creation and join, a signal to oneself, to
 * another thread and to another process.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "measure.h"

extern char **environ;
static const char *self;
static sem_t handled;

static void reap(pid_t pid)
{
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		exit(1);
}

static void fork_exit_wait(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	reap(pid);
}

static void vfork_exit_wait(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	reap(pid);
}

static void fork_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(self, self, "exit", NULL);
		_exit(1);
	}
	reap(pid);
}

static void spawn(void)
{
	char *argv[] = { (char *)self, "exit", NULL };
	pid_t pid;

	if (posix_spawn(&pid, self, NULL, NULL, argv, environ))
		exit(1);
	reap(pid);
}

static void *nothing(void *unused)
{
	return unused;
}

static void create_join(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL))
		exit(1);
	pthread_join(thread, NULL);
}

static void count(int number)
{
	(void)number;
}

static void signal_self(void)
{
	raise(SIGUSR1);
}

static void answer(int number)
{
	(void)number;
	sem_post(&handled);
}

static pthread_t target;

static void *sleep_long(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void signal_thread(void)
{
	pthread_kill(target, SIGUSR2);
	while (sem_wait(&handled))
		;
}

static pid_t partner;

/* A signal there, and one back. */
static void signal_process(void)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	kill(partner, SIGHUP);
	if (sigwaitinfo(&set, &info) != SIGHUP)
		exit(1);
}

static void answer_parent(int number)
{
	kill(getppid(), number);
}

static void measure_signal_process(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	partner = fork();
	if (partner == 0) {
		signal(SIGHUP, answer_parent);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		for (;;)
			pause();
	}
	if (partner < 0)
		exit(1);
	printf("signal-process %.0f ns\n", measure_best_ns(signal_process, 1000));
	kill(partner, SIGKILL);
	reap(partner);
}

int main(int argc, char **argv)
{
	char *large;

	if (argc > 1)
		return 0;
	self = argv[0];
	signal(SIGUSR1, count);
	signal(SIGUSR2, answer);
	sem_init(&handled, 0, 0);
	printf("fork-exit-wait %.0f ns\n", measure_best_ns(fork_exit_wait, 200));
	printf("vfork-exit-wait %.0f ns\n", measure_best_ns(vfork_exit_wait, 500));
	printf("fork-exec %.0f ns\n", measure_best_ns(fork_exec, 50));
	printf("posix_spawn %.0f ns\n", measure_best_ns(spawn, 50));
	printf("thread-create-join %.0f ns\n", measure_best_ns(create_join, 500));
	printf("signal-self %.0f ns\n", measure_best_ns(signal_self, 5000));
	measure_signal_process();
	large = malloc(64 << 20);
	if (!large)
		return 1;
	memset(large, 1, 64 << 20);
	printf("fork-64MiB %.0f ns\n", measure_best_ns(fork_exit_wait, 20));
	free(large);
	pthread_create(&target, NULL, sleep_long, NULL);
	printf("signal-thread %.0f ns\n", measure_best_ns(signal_thread, 2000));
	fflush(stdout);
	_exit(0);
}
