/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals between processes: queues, values, permissions, stops, restarts, exec. */
#include "asleep.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define NR_QUEUED 20

static int p[2];

static int ends(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void ready(void)
{
	if (write(p[1], "r", 1) != 1)
		_exit(99);
}

static void await_ready(void)
{
	char c;

	CHECK_EQ(read(p[0], &c, 1), 1);
}

/* Real-time signals arrive in order, each with its value and sender. */
static void test_queue(void)
{
	sigset_t set;
	pid_t pid, parent = getpid();
	int good = 0, go[2];

	CHECK_EQ(pipe(go), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid == 0) {
		siginfo_t info;

		ready();
		if (read(go[0], &info, 1) != 1) /* all have been sent */
			_exit(9);
		if (sigwaitinfo(&set, &info) != SIGUSR1 || info.si_code != SI_USER)
			_exit(1);
		for (int i = 0; i < NR_QUEUED; i++) {
			if (sigwaitinfo(&set, &info) != SIGRTMIN + 1 ||
			    info.si_value.sival_int != i || info.si_pid != parent ||
			    info.si_code != SI_QUEUE)
				_exit(2);
		}
		_exit(sigtimedwait(&set, &info, &(struct timespec){ 0, 0 }) == -1 ? 0 : 3);
	}
	await_ready();
	for (int i = 0; i < NR_QUEUED; i++)
		good += sigqueue(pid, SIGRTMIN + 1, (union sigval){ .sival_int = i }) == 0;
	CHECK_EQ(good, NR_QUEUED);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	CHECK_EQ(kill(pid, SIGUSR1), 0); /* a standard one is kept once */
	CHECK_EQ(write(go[1], "g", 1), 1);
	CHECK_EQ(ends(pid), 0);
	close(go[0]), close(go[1]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_forged(void)
{
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_USER };
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), EPERM);
	info.si_code = SI_TKILL;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), EPERM);
	info.si_code = SI_QUEUE;
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, pid, 0, &info), 0);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, 65, &info), EINVAL);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(ends(pid), SIGKILL);
	CHECK_ERR(kill(pid, 0), ESRCH);
}

/* Another user's process may not be signalled. */
static void test_permission(void)
{
	pid_t pid, attacker;

	if (getuid() != 0)
		return;
	pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	attacker = fork();
	if (attacker == 0) {
		if (setuid(12345) != 0)
			_exit(1);
		if (kill(pid, 0) != -1 || errno != EPERM)
			_exit(2);
		if (kill(pid, SIGTERM) != -1 || errno != EPERM)
			_exit(3);
		if (kill(pid, SIGCONT) != 0) /* the same session */
			_exit(4);
		if (syscall(SYS_tgkill, pid, pid, SIGTERM) != -1 || errno != EPERM)
			_exit(5);
		_exit(0);
	}
	CHECK_EQ(ends(attacker), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(ends(pid), SIGKILL);
}

/* What exec keeps of signals: ignored, blocked and pending ones, and no handlers. */
static void test_exec(void)
{
	const char *const facts[] = {
		"^SigBlk:.*0000800$", "^SigPnd:.*0000800$", "^SigIgn:.*1$",
		"^SigCgt:.*[012389ab]...$", /* no SIGTERM */
	};

	for (unsigned i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGUSR2);
			sigprocmask(SIG_SETMASK, &set, NULL);
			signal(SIGHUP, SIG_IGN);
			signal(SIGTERM, exit);
			raise(SIGUSR2);
			execlp("grep", "grep", "-q", facts[i], "/proc/self/status", (char *)NULL);
			_exit(9);
		}
		CHECK_EQ(ends(pid), 0);
	}
}

static volatile sig_atomic_t handled;

static void note(int sig)
{
	(void)sig;
	handled++;
	ready();
}

/* A stopped process: signals wait, SIGCONT lets them in; a read goes on where it was. */
static void test_stop_and_read(void)
{
	struct sigaction a = { .sa_handler = note, .sa_flags = SA_RESTART };
	int in[2], status;
	pid_t pid;

	CHECK_EQ(pipe(in), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		sigaction(SIGUSR1, &a, NULL);
		ready();
		_exit(read(in[0], &c, 1) == 1 && c == 'z' ? handled : 99);
	}
	await_ready();
	await_asleep(pid);
	for (int i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		kill(pid, SIGUSR1);
		kill(pid, SIGCONT);
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		await_ready(); /* it was handled */
		await_asleep(pid);
	}
	CHECK_EQ(write(in[1], "z", 1), 1);
	CHECK_EQ(ends(pid), 3 << 8);
	close(in[0]);
	close(in[1]);
}

/* A signalfd that was inherited shows the signals of whoever reads it. */
static void test_signalfd(void)
{
	struct signalfd_siginfo s;
	sigset_t set;
	pid_t pid;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	CHECK(fd >= 0);
	raise(SIGUSR1);
	pid = fork();
	if (pid == 0) {
		if (read(fd, &s, sizeof(s)) != -1 || errno != EAGAIN)
			_exit(1);
		raise(SIGUSR1);
		_exit(read(fd, &s, sizeof(s)) == sizeof(s) && s.ssi_pid == (unsigned)getpid() ? 0
											      : 2);
	}
	CHECK_EQ(ends(pid), 0);
	CHECK_EQ(read(fd, &s, sizeof(s)), sizeof(s));
	CHECK_EQ(s.ssi_pid, getpid());
	CHECK_EQ(s.ssi_signo, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	close(fd);
}

static void *spins(void *arg)
{
	(void)arg;
	for (;;)
		__asm__ volatile("");
	return NULL;
}

/* All threads of a process stop, go on and die together. */
static void test_threads(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, spins, NULL);
		ready();
		spins(NULL);
	}
	await_ready();
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	kill(pid, SIGTERM);
	CHECK_EQ(ends(pid), SIGTERM);

	pid = fork();
	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, spins, NULL);
		_exit(44);
	}
	CHECK_EQ(ends(pid), 44 << 8);
	pid = fork();
	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, spins, NULL);
		execl("/bin/sh", "sh", "-c", "exit 45", (char *)NULL);
	}
	CHECK_EQ(ends(pid), 45 << 8);
}

/* Two processes send each other signals as fast as they can: none is lost. */
static void test_ping_pong(void)
{
	enum { ROUNDS = 2000 };
	pid_t pid, parent = getpid();
	sigset_t set;
	int sig, good = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			if (sigwait(&set, &sig) != 0 || sig != SIGUSR1)
				_exit(1);
			kill(parent, SIGUSR2);
		}
		_exit(0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		kill(pid, SIGUSR1);
		good += sigwait(&set, &sig) == 0 && sig == SIGUSR2;
	}
	CHECK_EQ(good, ROUNDS);
	CHECK_EQ(ends(pid), 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
	if (!CHECK_EQ(pipe(p), 0))
		return check_done();
	test_queue();
	test_forged();
	test_permission();
	test_exec();
	test_stop_and_read();
	test_signalfd();
	test_threads();
	test_ping_pong();
	return check_done();
}
