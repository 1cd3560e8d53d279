/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve(2): what it refuses, and this program replacing itself: what survives (descriptors, ids,
 * ignored signals, the mask, the directory), what does not (handlers, close-on-exec, other threads,
 * mappings).
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include "check.h"

static void put(const char *name, const char *content, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK_EQ(write(fd, content, strlen(content)), (long)strlen(content));
	CHECK_EQ(fchmod(fd, mode), 0);
	close(fd);
}

static int try(const char *path)
{
	char *argv[] = { "name", NULL }, *envp[] = { NULL };

	return execve(path, argv, envp);
}

static void test_refused(void)
{
	static char long_argument[200000];
	char *too_long[] = { "name", long_argument, NULL };

	put("text", "neither ELF nor script", 0755);
	put("empty", "", 0755);
	put("plain", "\177ELF", 0600);
	put("script", "#!/no/such/interpreter\n", 0755);
	put("loop", "#!./loop\n", 0755);
	CHECK_EQ(mkdir("directory", 0755), 0);
	CHECK_ERR(try("none"), ENOENT);
	CHECK_ERR(try("directory"), EACCES);
	CHECK_ERR(try("plain"), EACCES);
	CHECK_ERR(try("text"), ENOEXEC);
	CHECK_ERR(try("empty"), ENOEXEC);
	CHECK_ERR(try("script"), ENOENT);
	CHECK_ERR(try("loop"), ELOOP);
	CHECK_ERR(try("text/x"), ENOTDIR);
	CHECK_ERR(try(""), ENOENT);
	memset(long_argument, 'x', sizeof(long_argument) - 1);
	CHECK_ERR(execve("text", too_long, NULL), E2BIG);
	CHECK_ERR(syscall(SYS_execve, "text", 1, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_execveat, AT_FDCWD, "text", NULL, NULL, 0x10000000), EINVAL);
	CHECK_ERR(syscall(SYS_execveat, 999, "text", NULL, NULL, 0), EBADF);
}

static void handle(int sig)
{
	(void)sig;
}

static void *wait_for_ever(void *unused)
{
	pause();
	return unused;
}

static int replace(void)
{
	char here[256], count[16], kept[16], closed[16], pid[16];
	char *argv[] = { "renamed", "again", count, kept, closed, pid, here, NULL };
	char *envp[] = { "ONLY=this", NULL };
	sigset_t usr2;
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_ever, NULL);
	signal(SIGUSR1, handle);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	raise(SIGUSR2);
	snprintf(kept, sizeof(kept), "%d", open(".", O_RDONLY));
	snprintf(closed, sizeof(closed), "%d", open(".", O_RDONLY | O_CLOEXEC));
	snprintf(pid, sizeof(pid), "%d", getpid());
	CHECK(getcwd(here, sizeof(here)) != NULL); /* TMPDIR may be a link */
	snprintf(count, sizeof(count), "%d", atomic_load(&check_nr_run));
	fflush(stdout);
	execve("/proc/self/exe", argv, envp);
	return 1;
}

static void test_after(char **argv)
{
	struct sigaction usr1, hup;
	sigset_t mask, pending;
	char cwd[256];

	CHECK_STR(argv[0], "renamed");
	CHECK(fcntl(atoi(argv[3]), F_GETFD) == 0);
	CHECK_ERR(fcntl(atoi(argv[4]), F_GETFD), EBADF);
	CHECK_EQ(getpid(), atoi(argv[5]));
	CHECK_EQ(gettid(), getpid());
	CHECK_STR(getcwd(cwd, sizeof(cwd)), argv[6]);
	CHECK(environ[0] && !strcmp(environ[0], "ONLY=this") && !environ[1]);
	sigaction(SIGUSR1, NULL, &usr1);
	sigaction(SIGHUP, NULL, &hup);
	CHECK(usr1.sa_handler == SIG_DFL);
	CHECK(hup.sa_handler == SIG_IGN);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(sigismember(&mask, SIGUSR2));
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGUSR2));
	CHECK_ERR(access("/proc/self/task/0", F_OK), ENOENT);
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		scratch_enter();
		test_refused();
		return replace();
	}
	atomic_store(&check_nr_run, atoi(argv[2]));
	snprintf(check_scratch_path, sizeof(check_scratch_path), "%s", argv[6]);
	atexit(scratch_remove);
	test_after(argv);
	return check_done();
}
