/* SPDX-License-Identifier: BSD-2-Clause */
/* setpgid(2), setsid(2), kill(2) of groups, orphaned groups, exec in a child (did_exec). */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

static int p[2], q[2]; /* children to us, and back */

static void say(char c)
{
	if (write(p[1], &c, 1) != 1)
		_exit(99);
}

static char hear(void)
{
	char c = 0;

	return read(p[0], &c, 1) == 1 ? c : 0;
}

/* A child waits until its parent has done something. */
static void await(void)
{
	char c;

	if (read(q[0], &c, 1) != 1)
		_exit(98);
}

static void go(void)
{
	CHECK_EQ(write(q[1], "g", 1), 1);
}

static int ends(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) > 0 ? status : -1;
}

static void test_setpgid(void)
{
	pid_t a = fork(), b;

	if (a == 0) {
		await();
		_exit(getpgrp() == getpid() ? 0 : 1);
	}
	CHECK_EQ(getpgid(a), getpgrp());
	CHECK_EQ(setpgid(a, 0), 0);
	CHECK_EQ(getpgid(a), a);
	b = fork();
	if (b == 0) {
		setpgid(0, a);
		say('b');
		await();
		_exit(getpgrp() == a ? 0 : 1);
	}
	CHECK_EQ(hear(), 'b');
	CHECK_EQ(getpgid(b), a);
	CHECK_EQ(setpgid(b, getpgrp()), 0);
	CHECK_EQ(setpgid(b, a), 0);
	CHECK_ERR(setpgid(b, 0x3ffffff), EPERM);
	CHECK_ERR(setpgid(0x3ffffff, 0), ESRCH);
	CHECK_ERR(setpgid(b, -1), EINVAL);
	go();
	go();
	CHECK_EQ(ends(a), 0);
	CHECK_EQ(ends(b), 0);
	CHECK_ERR(kill(-a, 0), ESRCH);
}

/* The id of a group outlives its leader. */
static void test_group_lives_on(void)
{
	pid_t a, b;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	a = fork();
	if (a == 0) {
		setpgid(0, 0);
		b = fork();
		if (b == 0) {
			say('b');
			await();
			_exit(0);
		}
		_exit(0);
	}
	setpgid(a, a);
	CHECK_EQ(hear(), 'b');
	CHECK_EQ(ends(a), 0);
	CHECK_ERR(kill(a, 0), ESRCH);
	CHECK_EQ(kill(-a, 0), 0);
	CHECK_EQ(kill(-a, SIGKILL), 0);
	CHECK_EQ(ends(-1), SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void test_sessions(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (setsid() != getpid())
			_exit(1);
		if (getsid(0) != getpid() || getpgrp() != getpid())
			_exit(2);
		if (setsid() != -1 || errno != EPERM)
			_exit(3);
		if (setpgid(0, 0) != -1 || errno != EPERM)
			_exit(4);
		if (open("/dev/tty", O_RDWR) != -1 || errno != ENXIO)
			_exit(5);
		say('s');
		await();
		_exit(0);
	}
	CHECK_EQ(hear(), 's');
	CHECK_EQ(getsid(pid), pid);
	CHECK_ERR(setpgid(pid, 0), EPERM); /* another session */
	CHECK_ERR(getsid(0x3ffffff), ESRCH);
	CHECK_ERR(getpgid(0x3ffffff), ESRCH);
	go();
	CHECK_EQ(ends(pid), 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		_exit(setsid() == -1 && errno == EPERM ? 0 : 1); /* it leads a group */
	}
	CHECK_EQ(ends(pid), 0);
}

static void test_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(q[0], 0);
		execl("/bin/sh", "sh", "-c", "echo >&2 -n; read x; exit 5", (char *)NULL);
		_exit(1);
	}
	while (setpgid(pid, pid) == 0) {
		setpgid(pid, getpgrp());
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	CHECK_ERR(setpgid(pid, pid), EACCES);
	CHECK_EQ(write(q[1], "\n", 1), 1);
	CHECK_EQ(ends(pid), 5 << 8);
}

static volatile sig_atomic_t nr_usr1;

static void count(int sig)
{
	(void)sig;
	nr_usr1++;
}

static void test_group_signals(void)
{
	enum { NR = 4 };
	pid_t leader = 0, pids[NR];
	int sum = 0;

	for (int i = 0; i < NR; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			signal(SIGUSR1, count);
			setpgid(0, leader);
			say('r');
			while (nr_usr1 == 0)
				usleep(1000);
			_exit(7);
		}
		if (i == 0)
			leader = pids[0];
		setpgid(pids[i], leader);
	}
	for (int i = 0; i < NR; i++)
		sum += hear() == 'r';
	CHECK_EQ(sum, NR);
	CHECK_EQ(killpg(leader, SIGUSR1), 0);
	sum = 0;
	for (int i = 0; i < NR; i++)
		sum += WEXITSTATUS(ends(pids[i]));
	CHECK_EQ(sum, 7 * NR);
	CHECK_ERR(killpg(leader, SIGUSR1), ESRCH);
	CHECK_ERR(kill(-1, 99), EINVAL);
}

/* A group that becomes orphaned with a stopped member gets SIGHUP and SIGCONT. */
static void test_orphaned_group(void)
{
	int status;
	pid_t member = 0, child;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child = fork();
	if (child == 0) {
		/* A session of its own, so that nobody outside could continue the group. */
		setsid();
		member = fork();
		if (member == 0) {
			setpgid(0, 0);
			raise(SIGTSTP);
			_exit(0);
		}
		setpgid(member, member);
		if (waitpid(member, &status, WUNTRACED) != member || !WIFSTOPPED(status))
			_exit(1);
		if (write(p[1], &member, sizeof(member)) != sizeof(member))
			_exit(2);
		_exit(0);
	}
	CHECK_EQ(ends(child), 0);
	CHECK_EQ(read(p[0], &member, sizeof(member)), sizeof(member));
	CHECK_EQ(waitpid(member, &status, 0), member);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGHUP);

	/* And a stop from the terminal means nothing in an orphaned group. */
	child = fork();
	if (child == 0) {
		setsid();
		raise(SIGTSTP);
		raise(SIGTTIN);
		_exit(4);
	}
	CHECK_EQ(ends(child), 4 << 8);
	child = fork();
	if (child == 0) {
		setsid();
		raise(SIGSTOP);
		_exit(4);
	}
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status));
	kill(child, SIGCONT);
	CHECK_EQ(ends(child), 4 << 8);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (!CHECK_EQ(pipe(p), 0) || !CHECK_EQ(pipe(q), 0))
		return check_done();
	test_setpgid();
	test_group_lives_on();
	test_sessions();
	test_exec();
	test_group_signals();
	test_orphaned_group();
	return check_done();
}
