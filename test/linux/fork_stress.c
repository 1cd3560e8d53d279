/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many processes: more than there are ids (pid_max is 32,768 or more), ids that stay taken while a
 * zombie, a group or a session bears them, deep chains of vfork, storms of stop and continue,
 * signals against fork, vfork and the ends of both sides.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "child.h"

#define NR_ENDED 34000
#define NR_DEEP  300

struct shared {
	atomic_int count, pid, stop;
};
static struct shared *shared;

static int do_nothing(void *arg)
{
	return (int)(long)arg;
}

/* ---- ids ---- */

static pid_t vfork_and_end(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static int group_of_orphan(void *arg)
{
	const int *hold = arg;
	char c;

	setpgid(0, 0);
	(void)child_start(do_nothing, NULL);
	if (fork() == 0) { /* bears the group's id when its leader is gone */
		close(hold[1]);
		_exit(read(hold[0], &c, 1) != 0);
	}
	return 0;
}

static void test_wrap(void)
{
	pid_t zombie, leader, pid;
	int nr_clashes = 0, nr_failed = 0, nr_kept = 0, hold[2];

	CHECK_EQ(pipe(hold), 0);
	leader = child_start(group_of_orphan, hold);
	CHECK_EQ(child_wait(leader), 0);
	zombie = child_start(do_nothing, NULL);
	for (int i = 0; i < NR_ENDED; i++) {
		pid = vfork_and_end();
		nr_clashes += pid == zombie || pid == leader || pid == getpid();
		nr_failed += pid < 0 || waitpid(pid, NULL, 0) != pid;
		nr_kept += i % 1000 == 0 && kill(zombie, 0) == 0 && kill(-leader, 0) == 0;
	}
	CHECK_EQ(nr_clashes, 0);
	CHECK_EQ(nr_failed, 0);
	CHECK_EQ(nr_kept, NR_ENDED / 1000);
	CHECK_EQ(child_wait(zombie), 0);
	close(hold[0]), close(hold[1]); /* the orphan ends */
}

/* ---- deep chains ---- */

static int chain(int left)
{
	pid_t pid;
	int status;

	atomic_fetch_add(&shared->count, 1);
	if (left == 0)
		return 7;
	pid = vfork();
	if (pid == 0)
		_exit(chain(left - 1));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int chain_of_vforks(void *arg)
{
	(void)arg;
	return chain(NR_DEEP);
}

static int chain_of_forks(void *arg)
{
	long left = (long)arg;

	atomic_fetch_add(&shared->count, 1);
	return left == 0 ? 8 : child_run(chain_of_forks, (void *)(left - 1));
}

static void test_chains(void)
{
	atomic_store(&shared->count, 0);
	CHECK_EQ(child_run(chain_of_vforks, NULL), 7);
	CHECK_EQ(atomic_load(&shared->count), NR_DEEP + 1);
	atomic_store(&shared->count, 0);
	CHECK_EQ(child_run(chain_of_forks, (void *)50), 8);
	CHECK_EQ(atomic_load(&shared->count), 51);
}

/* ---- stop and continue ---- */

static int count_up(void *arg)
{
	bool forks = arg != NULL;

	while (!atomic_load(&shared->stop)) {
		atomic_fetch_add(&shared->count, 1);
		if (forks && child_run(do_nothing, NULL) != 0)
			return 1;
	}
	return 4;
}

static bool counts_on(void)
{
	int before = atomic_load(&shared->count);

	while (atomic_load(&shared->count) == before)
		child_pause_ms(1);
	return true;
}

/* SIGCONT after SIGSTOP always wins, however close. */
static void stop_and_continue(bool forks, int sig)
{
	pid_t pid;

	atomic_store(&shared->stop, 0);
	pid = child_start(count_up, forks ? &pid : NULL);
	for (int i = 0; i < 300; i++) {
		kill(pid, sig);
		if (i % 3 == 0)
			sched_yield();
		kill(pid, SIGCONT);
		if (i % 5 == 0)
			sched_yield();
	}
	CHECK(counts_on());
	atomic_store(&shared->stop, 1);
	CHECK_EQ(child_wait(pid), 4);
}

static void test_stops(void)
{
	stop_and_continue(false, SIGSTOP);
	stop_and_continue(false, SIGTSTP);
	stop_and_continue(true, SIGSTOP);
}

/* ---- signals and vfork ---- */

static atomic_int nr_handled;

static void handler(int sig)
{
	(void)sig;
	atomic_fetch_add(&nr_handled, 1);
}

/* The parent of a vfork takes a signal when its child is done, not before. */
static int signal_in_vfork(void *arg)
{
	struct sigaction a = { .sa_handler = handler };
	pid_t self = getpid(), pid;
	volatile int seen = -1;
	int status;

	(void)arg;
	sigaction(SIGUSR1, &a, NULL);
	pid = vfork();
	if (pid == 0) {
		kill(self, SIGUSR1);
		child_pause_ms(30);
		seen = atomic_load(&nr_handled);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid && errno != EINTR)
		return 1;
	return seen == 0 && atomic_load(&nr_handled) == 1 ? 0 : 2;
}

static int sleep_in_vfork(void *arg)
{
	pid_t pid = vfork();

	(void)arg;
	if (pid != 0)
		return 1;
	atomic_store(&shared->pid, (int)getpid());
	while (!atomic_load(&shared->stop))
		child_pause_ms(1);
	atomic_fetch_add(&shared->count, 1);
	_exit(0);
}

/* A parent that waits in vfork can be killed; its child goes on in the memory. */
static void test_killed_in_vfork(void)
{
	pid_t pid;

	atomic_store(&shared->pid, 0);
	atomic_store(&shared->count, 0);
	atomic_store(&shared->stop, 0);
	pid = child_start(sleep_in_vfork, NULL);
	while (atomic_load(&shared->pid) == 0)
		child_pause_ms(1);
	kill(pid, SIGKILL);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
	CHECK_EQ(atomic_load(&shared->count), 0);
	atomic_store(&shared->stop, 1);
	while (atomic_load(&shared->count) == 0)
		child_pause_ms(1);
}

static int kill_in_vfork(void *arg)
{
	pid_t pid = vfork();
	int status;

	(void)arg;
	if (pid == 0) {
		raise(SIGKILL);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 5 : 1;
}

/* ---- signals of the program's own making ---- */

static volatile int *nowhere;

/* A fault whose signal is blocked and already pending kills all the same. */
static int fault_when_pending(void *arg)
{
	struct rlimit none = { 0, 0 };
	sigset_t set;

	(void)arg;
	setrlimit(RLIMIT_CORE, &none);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGSEGV);
	*nowhere = 1;
	return 1;
}

static void *end_at_once(void *arg)
{
	atomic_store(&shared->pid, (int)syscall(SYS_gettid));
	return arg;
}

/* Signals to threads that are just ending. */
static int signal_ending_threads(void *arg)
{
	struct sigaction a = { .sa_handler = handler };
	pthread_t t;

	(void)arg;
	sigaction(SIGUSR1, &a, NULL);
	for (int i = 0; i < 500; i++) {
		atomic_store(&shared->pid, 0);
		if (pthread_create(&t, NULL, end_at_once, NULL) != 0)
			return 1;
		while (atomic_load(&shared->pid) == 0)
			sched_yield();
		for (int n = 0; n < 3; n++)
			syscall(SYS_tgkill, getpid(), atomic_load(&shared->pid), SIGUSR1);
		pthread_join(t, NULL);
	}
	return 6;
}

/* ---- /proc/<pid> in the place of a pidfd ---- */

static void test_directory_as_pidfd(void)
{
	char path[64];
	pid_t pid;
	int dir;

	atomic_store(&shared->stop, 0);
	pid = child_start(count_up, NULL);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0), 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, dir, SIGKILL, NULL, 0), 0);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0), ESRCH);
	close(dir);
	dir = open("/proc", O_RDONLY | O_DIRECTORY);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0), EBADF);
	close(dir);
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	test_wrap();
	test_chains();
	test_stops();
	CHECK_EQ(child_run(signal_in_vfork, NULL), 0);
	test_killed_in_vfork();
	CHECK_EQ(child_run(kill_in_vfork, NULL), 5);
	CHECK_EQ(child_run(fault_when_pending, NULL), 1000 + SIGSEGV);
	CHECK_EQ(child_run(signal_ending_threads, NULL), 6);
	test_directory_as_pidfd();
	return check_done();
}
