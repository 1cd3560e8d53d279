/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every flag of clone(2) and clone3(2) on processes: what they share, what they set, and what does
 * not go together. clone_thread.c has those of threads, fork.c the commonest ones.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "child.h"

#define STACK (64 * 1024)
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

static char *stack;
static volatile int shared_word;

static void on_signal(int sig)
{
	(void)sig;
}

static bool is_caught(int sig)
{
	struct sigaction a;

	return sigaction(sig, NULL, &a) == 0 && a.sa_handler == on_signal;
}

static void catch (int sig)
{
	const struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(sig, &a, NULL);
}

/* A process that shares what the flags say and runs fn on a stack of its own. */
static int run_sharing(unsigned long flags, int (*fn)(void *))
{
	int status;
	pid_t pid = clone(fn, stack + STACK, (int)(flags | SIGCHLD), NULL);

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- CLONE_SIGHAND ---- */

static int changes_handlers(void *unused)
{
	sigset_t set;

	(void)unused;
	if (!is_caught(SIGUSR1))
		return 1;
	signal(SIGUSR1, SIG_IGN);
	catch (SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL); /* masks and what is pending are each one's own */
	raise(SIGUSR2);
	shared_word = 7;
	return 0;
}

static int changes_and_execs(void *unused)
{
	(void)unused;
	catch (SIGUSR2);
	execl("/proc/self/exe", "clone_flags", "after-exec", NULL);
	return 9;
}

static int cannot_unshare(void *unused)
{
	(void)unused;
	if (unshare(CLONE_SIGHAND) == 0 || errno != EINVAL)
		return 1;
	if (unshare(CLONE_VM) == 0 || errno != EINVAL)
		return 2;
	return unshare(CLONE_THREAD) ? 3 : 0; /* it is the only task of its process */
}

static void test_shared_handlers(void)
{
	sigset_t set;

	catch (SIGUSR1);
	signal(SIGUSR2, SIG_DFL);
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_SIGHAND, changes_handlers), 0);
	CHECK_EQ(shared_word, 7);
	CHECK(is_caught(SIGUSR2));
	CHECK(!is_caught(SIGUSR1));
	CHECK_EQ(raise(SIGUSR1), 0); /* ignored by now */
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK_EQ(sigismember(&set, SIGUSR2), 0);
	sigpending(&set);
	CHECK_EQ(sigismember(&set, SIGUSR2), 0);

	catch (SIGUSR1);
	signal(SIGUSR2, SIG_DFL);
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_SIGHAND, changes_and_execs), 21);
	CHECK(is_caught(SIGUSR2)); /* exec made a table of its own before it reset it */
	CHECK(is_caught(SIGUSR1));
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_SIGHAND, cannot_unshare), 0);
	CHECK_EQ(unshare(CLONE_SIGHAND | CLONE_VM), 0); /* nobody shares them any more */
}

static int dies_of_reset(void *unused)
{
	(void)unused;
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
	return 1;
}

static int stops_catching(void *unused)
{
	struct sigaction a = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	(void)unused;
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	return is_caught(SIGUSR1);
}

static void test_shared_reset(void)
{
	catch (SIGTERM);
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_SIGHAND, dies_of_reset), 1000 + SIGTERM);
	CHECK(!is_caught(SIGTERM));
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_SIGHAND, stops_catching), 0);
	CHECK(!is_caught(SIGUSR1)); /* SA_RESETHAND acts on the shared table */
}

/* Memory alone is shared. */
static void test_memory_only(void)
{
	catch (SIGUSR1);
	signal(SIGUSR2, SIG_DFL);
	shared_word = 0;
	CHECK_EQ(run_sharing(CLONE_VM, changes_handlers), 0);
	CHECK_EQ(shared_word, 7);
	CHECK(!is_caught(SIGUSR2));
	CHECK(is_caught(SIGUSR1));
}

static int opens_and_moves(void *unused)
{
	(void)unused;
	shared_word = open("/dev/null", O_RDONLY);
	umask(0171);
	return chdir("/");
}

static void test_files_and_view(void)
{
	char was[200], now[200];
	mode_t mask = umask(022);

	CHECK(getcwd(was, sizeof(was)) != NULL);
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_FILES, opens_and_moves), 0);
	CHECK(fcntl(shared_word, F_GETFD) >= 0);
	close(shared_word);
	CHECK_STR(getcwd(now, sizeof(now)), was);
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_FS, opens_and_moves), 0);
	CHECK_ERR(fcntl(shared_word, F_GETFD), EBADF);
	CHECK_STR(getcwd(now, sizeof(now)), "/");
	CHECK_EQ(umask(mask), 0171);
	CHECK_EQ(chdir(was), 0);
}

/* ---- ids ---- */

static int sees_ids(void *arg)
{
	volatile int *ids = arg;

	return ids[0] == getpid() && ids[1] == getpid() ? 17 : 1;
}

static void test_ids(void)
{
	static volatile int ids[3];
	unsigned long flags = CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD;
	pid_t pid = clone(sees_ids, stack + STACK, (int)flags, (void *)ids, &ids[0], NULL, &ids[1]);
	int now;

	CHECK_EQ(child_wait(pid), 17);
	CHECK_EQ(ids[0], pid);
	CHECK_EQ(ids[1], pid);

	ids[2] = -1;
	flags = CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
	pid = clone(sees_ids, stack + STACK, (int)flags, (void *)ids, NULL, NULL, &ids[2]);
	while ((now = ids[2]) != 0) /* -1 until it starts, then its id, until it ends */
		syscall(SYS_futex, &ids[2], 0 /* FUTEX_WAIT */, now, NULL, NULL, 0);
	CHECK_EQ(child_wait(pid), 1);
}

static int reads_tls(void *unused)
{
	unsigned long base = 0;

	(void)unused;
	syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &base);
	shared_word = (int)(*(unsigned long *)(base + 512) & 0xffff);
	return 0;
}

/* The block begins as libc's does: a pointer to itself, and the stack's canary. */
static void test_tls(void)
{
	static unsigned long block[128];
	pid_t pid;

	block[0] = block[2] = (unsigned long)block;
	block[64] = 0x1234;
	shared_word = 0;
	pid = clone(reads_tls, stack + STACK, CLONE_VM | CLONE_SETTLS | SIGCHLD, NULL, NULL, block,
		    NULL);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(shared_word, 0x1234);
}

/* ---- the end ---- */

static int nothing(void *unused)
{
	(void)unused;
	return 5;
}

static void test_exit_signals(void)
{
	int status;
	sigset_t set;
	pid_t pid = clone(nothing, stack + STACK, CLONE_VM, NULL); /* no signal */

	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
	CHECK_EQ(waitpid(pid, &status, __WCLONE), pid);
	CHECK_EQ(WEXITSTATUS(status), 5);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	catch (SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = clone(nothing, stack + STACK, CLONE_VM | SIGUSR1, NULL);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK_EQ(sigwaitinfo(&set, NULL), SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);

	CHECK_EQ(run_sharing(CLONE_VM | CLONE_SYSVSEM, nothing), 5);
	CHECK_EQ(run_sharing(CLONE_VM | CLONE_VFORK, nothing), 5);
	CHECK_EQ(run_sharing(CLONE_IO | CLONE_UNTRACED | CLONE_PTRACE | CLONE_DETACHED, nothing),
		 5);
}

/* ---- what is refused ---- */

static int try_clone(unsigned long flags)
{
	pid_t pid = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid > 0 ? child_wait(pid) : -1;
}

static int try_clone3(struct clone_args *a, size_t size)
{
	pid_t pid = (pid_t)syscall(SYS_clone3, a, size);

	if (pid == 0)
		_exit(0);
	return pid > 0 ? child_wait(pid) : -1;
}

static int try_flags(uint64_t flags)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };

	return try_clone3(&a, sizeof(a));
}

static void test_combinations(void)
{
	int p[2];

	CHECK_ERR(try_clone(CLONE_SIGHAND | SIGCHLD), EINVAL);
	CHECK_ERR(try_clone(CLONE_THREAD), EINVAL);
	CHECK_ERR(try_clone(CLONE_THREAD | CLONE_VM), EINVAL);
	CHECK_ERR(try_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD), EINVAL);
	CHECK_ERR(try_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD), EINVAL);
	CHECK_ERR(try_clone(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD), EINVAL);
	CHECK_ERR(try_flags(CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND), EINVAL);
	CHECK_ERR(try_flags(CLONE_DETACHED), EINVAL);
	CHECK_ERR(try_flags(1), EINVAL); /* a signal's number does not belong there */
	CHECK_ERR(try_flags(1ull << 40), EINVAL);
	CHECK_ERR(try_flags(CLONE_PARENT), EINVAL); /* with a signal of its own */
	CHECK_EQ(try_flags(CLONE_CLEAR_SIGHAND), 0);

	CHECK_EQ(pipe(p), 0);
	struct clone_args a = { .flags = CLONE_INTO_CGROUP,
				.exit_signal = SIGCHLD,
				.cgroup = (unsigned)p[0] };

	CHECK_ERR(try_clone3(&a, sizeof(a)), EBADF);
	CHECK_ERR(try_clone3(&a, CLONE_ARGS_SIZE_VER1), EINVAL);
	a.cgroup = 1ull << 31;
	CHECK_ERR(try_clone3(&a, sizeof(a)), EINVAL);
	close(p[0]);
	close(p[1]);
}

/* ---- set_tid ---- */

static int try_tid(pid_t *tids, size_t nr)
{
	struct clone_args a = { .exit_signal = SIGCHLD,
				.set_tid = (unsigned long)tids,
				.set_tid_size = nr };
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0)
		_exit(getpid() == tids[0] && gettid() == tids[0] ? 3 : 1);
	return pid > 0 && pid == tids[0] ? child_wait(pid) : -1;
}

static int as_user(void *unused)
{
	pid_t tid = 31999;

	(void)unused;
	if (setgid(2000) || setuid(2000))
		return 77;
	return try_tid(&tid, 1) == -1 && errno == EPERM ? 0 : 1;
}

/* Twice one after the other. Others may take it meanwhile, before or between. */
static int try_free_tid(void)
{
	int first, second;
	pid_t tid = 30000;

	for (;; tid++) {
		if (kill(tid, 0) == 0 || kill(-tid, 0) == 0)
			continue;
		first = try_tid(&tid, 1);
		if (first == -1 && errno == EEXIST)
			continue;
		second = try_tid(&tid, 1); /* it is free again */
		if (second == -1 && errno == EEXIST && !check_in_hull())
			continue;
		return first == 3 ? second : first;
	}
}

static void test_chosen_id(void)
{
	pid_t tid = getpid();
	int as_nobody = child_run(as_user, NULL);

	CHECK(as_nobody == 0 || as_nobody == 77);
	CHECK_ERR(try_tid(NULL, 1), EINVAL);
	CHECK_ERR(try_tid(&tid, 0), EINVAL);
	CHECK_ERR(try_tid(&tid, 100), EINVAL);
	if (geteuid() != 0)
		return;
	CHECK_ERR(try_tid(&tid, 1), EEXIST);
	tid = -1;
	CHECK_ERR(try_tid(&tid, 1), EINVAL);
	tid = 1 << 30;
	CHECK_ERR(try_tid(&tid, 1), EINVAL);
	CHECK_ERR(try_tid((pid_t *)8, 1), EFAULT);
	CHECK_EQ(try_free_tid(), 3);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "after-exec"))
		return is_caught(SIGUSR1) || is_caught(SIGUSR2) ? 1 : 21;
	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	test_shared_handlers();
	test_shared_reset();
	test_memory_only();
	test_files_and_view();
	test_ids();
	test_tls();
	test_exit_signals();
	test_combinations();
	test_chosen_id();
	return check_done();
}
