/* SPDX-License-Identifier: BSD-2-Clause */
/* fork(2), vfork(2), clone(2) of processes: what the child has, shares and does not have. */
#include "check.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

/* Runs fn in a child; what it returns is the child's exit status. */
static int in_child(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static volatile int private_word = 1;
static int *shared_word;
static pid_t parent;

static int changes_memory(void)
{
	char *mapped = malloc(1 << 20);

	private_word = 2;
	*shared_word = 2;
	memset(mapped, 7, 1 << 20);
	return mapped[(1 << 20) - 1] == 7 && private_word == 2 ? 0 : 1;
}

static int knows_itself(void)
{
	return (getppid() == parent) + 2 * (getpid() != parent) + 4 * (gettid() == getpid()) +
	       8 * (getpgrp() == getpgid(parent)) + 16 * (getsid(0) == getsid(parent));
}

static void test_memory(void)
{
	char *big = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status, sum = 0;
	pid_t pid;

	shared_word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*shared_word = 1;
	parent = getpid();
	CHECK_EQ(in_child(changes_memory), 0);
	CHECK_EQ(private_word, 1);
	CHECK_EQ(*shared_word, 2);
	CHECK_EQ(in_child(knows_itself), 31);

	for (int i = 0; i < 8 << 20; i += 4096)
		big[i] = (char)(i >> 12);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 8 << 20; i += 4096)
			sum += big[i] != (char)(i >> 12);
		memset(big, 1, 8 << 20);
		_exit(sum != 0);
	}
	for (int i = 0; i < 8 << 20; i += 4096) {
		sum += big[i] != (char)(i >> 12);
		big[i] = 3;
	}
	CHECK_EQ(sum, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (int i = 0; i < 8 << 20; i += 4096)
		sum += big[i] != 3;
	CHECK_EQ(sum, 0);
	munmap(big, 8 << 20);
}

static void test_advice(void)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	memset(p, 5, 3 * 4096);
	CHECK_EQ(madvise(p, 4096, MADV_DONTFORK), 0);
	CHECK_EQ(madvise(p + 4096, 4096, MADV_WIPEONFORK), 0);
	pid = fork();
	if (pid == 0) {
		unsigned char seen;

		_exit((mincore(p, 4096, &seen) == -1) + 2 * (p[4096] == 0) + 4 * (p[8192] == 5));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 7);
	CHECK_EQ(p[4096], 5);
	munmap(p, 3 * 4096);
}

static void test_files(void)
{
	int p[2], status, fd;
	char c = 0;
	pid_t pid;

	CHECK_EQ(pipe(p), 0);
	fd = open("position", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	lseek(fd, 0, SEEK_SET);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		_exit(read(fd, &c, 1) == 1 && c == 'a' && write(p[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(read(fd, &c, 1), 1); /* the position is shared */
	CHECK_EQ(c, 'b');
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 0); /* the child's end went with it */
	close(p[0]);

	pid = fork();
	if (pid == 0) {
		close(fd);
		_exit(chdir("/"));
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2); /* the table is not */
	CHECK_EQ(access("position", F_OK), 0);
	close(fd);
}

static void on_signal(int sig)
{
	(void)sig;
}

static int has_clean_slate(void)
{
	struct itimerval it;
	sigset_t pending, mask;
	struct sigaction a;
	struct rusage usage;

	sigpending(&pending);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	getitimer(ITIMER_REAL, &it);
	sigaction(SIGUSR2, NULL, &a);
	getrusage(RUSAGE_CHILDREN, &usage);
	return !sigismember(&pending, SIGUSR1) + 2 * sigismember(&mask, SIGUSR1) +
	       4 * (it.it_value.tv_sec == 0) + 8 * (a.sa_handler == on_signal) +
	       16 * (usage.ru_maxrss == 0);
}

static void test_signals(void)
{
	const struct itimerval far = { .it_value = { 1000, 0 } }, off = { 0 };
	struct sigaction a = { .sa_handler = on_signal };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigaction(SIGUSR2, &a, NULL), 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	raise(SIGUSR1);
	setitimer(ITIMER_REAL, &far, NULL);
	CHECK_EQ(in_child(has_clean_slate), 31);
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK_EQ(sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 }), SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void *sleeps(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static int counts_threads(void)
{
	char line[256];
	int nr = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Threads: %d", &nr);
	return nr;
}

static void test_threads(void)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, sleeps, NULL), 0);
	CHECK_EQ(counts_threads(), 2);
	CHECK_EQ(in_child(counts_threads), 1); /* only the one that forks */
	pthread_cancel(t);
	pthread_join(t, NULL);
}

static void test_vfork(void)
{
	static volatile int seen;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		seen = 42;
		_exit(5);
	}
	CHECK_EQ(seen, 42); /* memory is shared, and the child came first */
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 5);
	pid = vfork();
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void test_spawn(void)
{
	char *const args[] = { (char *)"sh", (char *)"-c", (char *)"exit $((3 + $(cat)))", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int p[2], status;
	pid_t pid;

	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p[0], 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
	CHECK_EQ(posix_spawnp(&pid, "sh", &actions, &attr, args, environ), 0);
	close(p[0]);
	CHECK_EQ(getpgid(pid), pid);
	CHECK_EQ(write(p[1], "4", 1), 1);
	close(p[1]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 7);
	CHECK_EQ(posix_spawn(&pid, "/does/not/exist", NULL, NULL, args, environ), ENOENT);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void test_clone_flags(void)
{
	struct clone_args args = { .flags = CLONE_FS | CLONE_FILES, .exit_signal = SIGCHLD };
	int status, fd = -1;
	int *tid = shared_word;
	pid_t pid;

	*tid = 0;
	pid = (pid_t)syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL,
			     NULL, tid, 0);
	if (pid == 0)
		_exit(*tid == getpid() ? 9 : 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 9);
	/* Cleared only in memory that somebody shares: on the host perhaps who looks at /proc. */
	CHECK(*tid == pid || (*tid == 0 && !check_in_hull()));

	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		umask(0123);
		_exit(open("position", O_RDONLY));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(umask(022), 0123); /* CLONE_FS */
	fd = WEXITSTATUS(status);
	CHECK_EQ(fcntl(fd, F_GETFD), 0); /* CLONE_FILES */
	close(fd);

	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0),
		  EINVAL);
	args.exit_signal = 65;
	CHECK_ERR(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	args.exit_signal = SIGCHLD;
	CHECK_ERR(syscall(SYS_clone3, &args, 8), EINVAL);
	args.stack = 4096;
	CHECK_ERR(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	CHECK_ERR(syscall(SYS_clone3, 8, sizeof(args)), EFAULT);
}

/* CLONE_PARENT: the new process is a sibling. */
static void test_clone_parent(void)
{
	int status, p[2];
	pid_t child, sibling = 0;

	CHECK_EQ(pipe(p), 0);
	child = fork();
	if (child == 0) {
		pid_t self = getpid(), pid;

		pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
		if (pid == 0)
			_exit(getppid() != self ? 21 : 1);
		_exit(write(p[1], &pid, sizeof(pid)) != sizeof(pid) || waitpid(pid, NULL, 0) != -1);
	}
	CHECK_EQ(read(p[0], &sibling, sizeof(sibling)), sizeof(sibling));
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(waitpid(sibling, &status, 0), sibling);
	CHECK_EQ(WEXITSTATUS(status), 21);
	close(p[0]);
	close(p[1]);
}

static void test_clear_handlers(void)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	struct sigaction a = { .sa_handler = on_signal };
	int status;
	pid_t pid;

	sigaction(SIGUSR2, &a, NULL);
	signal(SIGUSR1, SIG_IGN);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		sigaction(SIGUSR2, NULL, &a);
		status = a.sa_handler == SIG_DFL;
		sigaction(SIGUSR1, NULL, &a);
		_exit(status + 2 * (a.sa_handler == SIG_IGN));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
	signal(SIGUSR1, SIG_DFL);
}

/* Many children, alive at the same time. */
static void test_many(void)
{
	enum { NR = 100 };
	int good = 0, status, p[2];
	pid_t pids[NR];
	char c;

	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < NR; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(p[1]);
			_exit(read(p[0], &c, 1) == 0 ? i : 255);
		}
	}
	close(p[1]);
	for (int i = NR - 1; i >= 0; i--)
		good += waitpid(pids[i], &status, 0) == pids[i] && WEXITSTATUS(status) == i;
	CHECK_EQ(good, NR);
	close(p[0]);
}

static int forks_on(void)
{
	static int depth;
	int status;
	pid_t pid;

	if (++depth == 20)
		return depth;
	pid = fork();
	if (pid == 0)
		_exit(forks_on());
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 255;
}

/* A limit on processes ends in EAGAIN, for whoever is not root. */
static int meets_limit(void)
{
	const struct rlimit none = { 0, 0 };

	if (getuid() == 0 && setuid(54321) != 0)
		return 1;
	if (setrlimit(RLIMIT_NPROC, &none) != 0)
		return 2;
	if (fork() != -1)
		return 3;
	return errno == EAGAIN ? 0 : 4;
}

int main(void)
{
	scratch_enter();
	test_memory();
	test_advice();
	test_files();
	test_signals();
	test_threads();
	test_vfork();
	test_spawn();
	test_clone_flags();
	test_clone_parent();
	test_clear_handlers();
	test_many();
	CHECK_EQ(in_child(forks_on), 20);
	CHECK_EQ(in_child(meets_limit), 0);
	return check_done();
}
