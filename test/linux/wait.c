/* SPDX-License-Identifier: BSD-2-Clause */
/* wait4(2), waitid(2), zombies, orphans, and what SIGCHLD says. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static siginfo_t last;
static volatile sig_atomic_t nr_signals;

static void on_child(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	last = *info;
	nr_signals++;
}

static void watch(int flags)
{
	struct sigaction a = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO | flags };

	nr_signals = 0;
	memset(&last, 0, sizeof(last));
	sigaction(SIGCHLD, &a, NULL);
}

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) != 0)
		;
}

static void await_signals(int nr)
{
	while (nr_signals < nr)
		pause_ms(1);
}

static pid_t exits(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

/* A child that waits for signals. */
static pid_t pauses(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGCHLD, SIG_DFL);
		for (;;)
			pause();
	}
	return pid;
}

static void test_status(void)
{
	int status;
	pid_t pid = exits(300); /* & 0377 */

	CHECK_EQ(wait(&status), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 300 & 255);
	pid = pauses();
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(wait4(pid, &status, 0, NULL), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGTERM);
	pid = pauses();
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
	pid = fork();
	if (pid == 0) {
		signal(SIGFPE, SIG_DFL);
		raise(SIGFPE);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WTERMSIG(status), SIGFPE);
}

static void test_errors(void)
{
	siginfo_t info;
	pid_t pid;

	CHECK_ERR(wait(NULL), ECHILD);
	CHECK_ERR(waitpid(getpid(), NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_wait4, (int)0x80000000, 0, 0, 0), ESRCH);
	CHECK_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	CHECK_ERR(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
	CHECK_ERR(waitid(P_PID, 0, &info, WEXITED), EINVAL);
	CHECK_ERR(waitid((idtype_t)9, 0, &info, WEXITED), EINVAL);
	CHECK_ERR(waitid(P_PID, 1000000, &info, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_PIDFD, 9999, &info, WEXITED), EBADF);
	pid = exits(0);
	CHECK_ERR(waitpid(-pid, NULL, 0), ECHILD); /* it leads no group */
	CHECK_ERR(waitpid(pid, NULL, __WCLONE), ECHILD);
	CHECK_ERR(syscall(SYS_wait4, pid, 8, 0, 0), EFAULT); /* and it is gone */
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

static void test_nohang(void)
{
	siginfo_t info;
	pid_t pid = pauses();
	int status = 77;

	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 77);
	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	CHECK_EQ(info.si_signo, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGKILL);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(kill(pid, 0), 0); /* a zombie still has its id */
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(waitid(P_ALL, 0, NULL, WEXITED), 0);
	CHECK_ERR(kill(pid, 0), ESRCH);
}

static void test_groups(void)
{
	pid_t a = fork(), b;
	int status;

	if (a == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(a, a);
	b = exits(4);
	CHECK_EQ(waitpid(0, &status, 0), b); /* our group */
	CHECK_EQ(WEXITSTATUS(status), 4);
	CHECK_EQ(waitpid(-a, &status, WNOHANG), 0);
	CHECK_ERR(waitpid(0, &status, WNOHANG), ECHILD);
	CHECK_EQ(kill(-a, SIGTERM), 0);
	CHECK_EQ(waitid(P_PGID, (id_t)a, NULL, WEXITED), 0);
	CHECK_ERR(kill(-a, 0), ESRCH);
}

static void test_stops(void)
{
	siginfo_t info;
	pid_t pid;
	int status;

	watch(SA_RESTART);
	pid = pauses();
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	await_signals(1); /* the stop is seen first */
	CHECK_EQ(nr_signals, 1);
	CHECK_EQ(last.si_code, CLD_STOPPED);
	CHECK_EQ(last.si_status, SIGSTOP);
	CHECK_EQ(last.si_pid, pid);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told once */
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOWAIT), 0);
	CHECK_EQ(info.si_code, CLD_CONTINUED);
	CHECK_EQ(info.si_status, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	await_signals(2);
	CHECK_EQ(nr_signals, 2);
	CHECK_EQ(last.si_code, CLD_CONTINUED);
	CHECK_EQ(last.si_status, SIGCONT);

	watch(SA_NOCLDSTOP | SA_RESTART);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	CHECK_EQ(info.si_code, CLD_STOPPED);
	CHECK_EQ(info.si_status, SIGSTOP);
	CHECK_EQ(nr_signals, 0);
	CHECK_EQ(kill(pid, SIGKILL), 0); /* also while it is stopped */
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
	CHECK_EQ(nr_signals, 1);
	CHECK_EQ(last.si_code, CLD_KILLED);
	CHECK_EQ(last.si_status, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
}

static void test_sigchld(void)
{
	sigset_t set;
	siginfo_t info;
	pid_t pid;
	int status;

	watch(SA_RESTART);
	pid = exits(6);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(nr_signals, 1);
	CHECK_EQ(last.si_code, CLD_EXITED);
	CHECK_EQ(last.si_status, 6);
	CHECK_EQ(last.si_pid, pid);
	CHECK_EQ(last.si_uid, getuid());
	CHECK_EQ(last.si_signo, SIGCHLD);

	watch(SA_NOCLDWAIT | SA_RESTART); /* told, but nobody is left */
	pid = exits(0);
	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
	CHECK_EQ(nr_signals, 1);
	signal(SIGCHLD, SIG_IGN);
	pid = exits(0);
	exits(0);
	CHECK_ERR(wait(&status), ECHILD);
	while (kill(pid, 0) == 0) /* Linux takes its id away a moment later */
		pause_ms(1);
	CHECK_EQ(errno, ESRCH);
	signal(SIGCHLD, SIG_DFL);

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = exits(8);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, 8);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_interrupted(void)
{
	struct sigaction a = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO };
	pid_t pid = pauses(), parent = getpid(), killer, found;
	int status, error;

	sigaction(SIGUSR1, &a, NULL);
	killer = fork();
	if (killer == 0) {
		while (getppid() == parent) { /* one of them comes while it waits */
			pause_ms(20);
			kill(parent, SIGUSR1);
		}
		_exit(0);
	}
	found = waitpid(pid, &status, 0);
	error = errno;
	signal(SIGUSR1, SIG_IGN);
	CHECK(found == -1 && error == EINTR);
	CHECK_EQ(kill(killer, SIGKILL), 0);
	CHECK_EQ(waitpid(killer, &status, 0), killer);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

static long microseconds(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000 + u->ru_utime.tv_usec +
	       u->ru_stime.tv_usec;
}

static void test_usage(void)
{
	struct rusage usage, all;
	struct timespec t;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		while (t.tv_sec == 0 && t.tv_nsec < 30000000);
		_exit(0);
	}
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	CHECK(microseconds(&usage) >= 25000);
	CHECK(usage.ru_maxrss > 100);
	CHECK(usage.ru_minflt > 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &all), 0);
	CHECK(microseconds(&all) >= 25000);
	CHECK(all.ru_maxrss >= usage.ru_maxrss);
}

/* Children of a process that ends get another parent. */
static void test_orphans(void)
{
	pid_t child, grandchild = 0, adopter;
	int p[2], status;

	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	CHECK_EQ(pipe(p), 0);
	child = fork();
	if (child == 0) {
		pid_t middle = getpid();

		grandchild = fork();
		if (grandchild != 0)
			_exit(write(p[1], &grandchild, sizeof(grandchild)) != sizeof(grandchild));
		while (getppid() == middle)
			pause_ms(1);
		adopter = getppid();
		_exit(write(p[1], &adopter, sizeof(adopter)) == sizeof(adopter) ? 13 : 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(read(p[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	CHECK_EQ(waitpid(-1, &status, 0), grandchild);
	CHECK_EQ(WEXITSTATUS(status), 13);
	CHECK_EQ(read(p[0], &adopter, sizeof(adopter)), sizeof(adopter));
	CHECK_EQ(adopter, getpid());
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	close(p[0]);
	close(p[1]);
}

static void *waits(void *arg)
{
	int status = 0;

	return (void *)(long)(waitpid(*(pid_t *)arg, &status, 0) > 0 ? WEXITSTATUS(status) : -1);
}

/* Any thread may wait for what another one forked. */
static void test_threads(void)
{
	pid_t pid = exits(17);
	void *result;
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, waits, &pid), 0);
	CHECK_EQ(pthread_join(t, &result), 0);
	CHECK_EQ((long)result, 17);
}

static void test_death_signal(void)
{
	int p[2], status;
	pid_t child, grandchild;
	char c = 0;

	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	CHECK_EQ(pipe(p), 0);
	child = fork();
	if (child == 0) {
		grandchild = fork();
		if (grandchild == 0) {
			prctl(PR_SET_PDEATHSIG, SIGUSR2);
			signal(SIGUSR2, SIG_DFL);
			if (write(p[1], "r", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		_exit(read(p[0], &c, 1) != 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGUSR2);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	test_errors();
	test_status();
	test_nohang();
	test_groups();
	test_stops();
	test_sigchld();
	test_interrupted();
	test_usage();
	test_orphans();
	test_threads();
	test_death_signal();
	return check_done();
}
