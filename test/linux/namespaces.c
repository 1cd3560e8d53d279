/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unshare(2) of what threads share (descriptors, working directory), what cannot be taken apart,
 * setns(2) without a namespace, acct(2) and seccomp(2) with nothing to do.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "child.h"

static int fd = -1;

static void *take_files_apart(void *out)
{
	int *r = out;

	r[0] = unshare(CLONE_FILES);
	r[1] = close(fd);
	r[2] = fcntl(fd, F_GETFD);
	r[3] = open("/dev/null", O_RDONLY);
	return NULL;
}

static void *take_view_apart(void *out)
{
	int *r = out;

	r[0] = unshare(CLONE_FS);
	r[1] = chdir("/");
	r[2] = (int)umask(0111);
	return NULL;
}

static void *unshare_memory(void *out)
{
	int *r = out;

	r[0] = unshare(CLONE_VM) ? errno : 0;
	r[1] = unshare(CLONE_SIGHAND) ? errno : 0;
	r[2] = unshare(CLONE_THREAD) ? errno : 0;
	r[3] = unshare(CLONE_SYSVSEM) ? errno : 0;
	return NULL;
}

static void run(void *(*fn)(void *), int *out)
{
	pthread_t thread;

	pthread_create(&thread, NULL, fn, out);
	pthread_join(thread, NULL);
}

static int as_user(void *unused)
{
	(void)unused;
	if (setgid(2000) || setuid(2000))
		return 77;
	if (unshare(CLONE_NEWNS) == 0 || errno != EPERM)
		return 1;
	if (unshare(CLONE_NEWUTS) == 0 || errno != EPERM)
		return 2;
	if (unshare(CLONE_FS | CLONE_FILES) != 0)
		return 3;
	return 0;
}

int main(void)
{
	char cwd[4096], now[4096];
	mode_t mask;
	int r[4];

	CHECK_EQ(unshare(0), 0);
	CHECK_EQ(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM), 0);
	CHECK_EQ(unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD), 0); /* it is alone */
	CHECK_ERR(unshare(CLONE_VFORK), EINVAL);
	CHECK_ERR(unshare(CLONE_PARENT), EINVAL);
	fd = open("/dev/zero", O_RDONLY);
	run(take_files_apart, r);
	CHECK_EQ(r[0], 0);
	CHECK_EQ(r[1], 0);
	CHECK_EQ(r[2], -1);
	CHECK_EQ(r[3], fd);
	CHECK_EQ(fcntl(fd, F_GETFD), 0); /* still open here */
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK_EQ(chdir("/dev"), 0);
	mask = umask(022);
	run(take_view_apart, r);
	CHECK_EQ(r[0], 0);
	CHECK_EQ(r[1], 0);
	CHECK_EQ(r[2], 022);
	CHECK(getcwd(now, sizeof(now)) != NULL);
	CHECK_STR(now, "/dev");
	CHECK_EQ(umask(mask), 022);
	CHECK_EQ(chdir(cwd), 0);
	run(unshare_memory, r);
	CHECK_EQ(r[0], EINVAL);
	CHECK_EQ(r[1], EINVAL);
	CHECK_EQ(r[2], EINVAL);
	CHECK_EQ(r[3], 0);
	CHECK_ERR(setns(-1, 0), EBADF);
	CHECK_ERR(setns(fd, 0), EINVAL);
	CHECK_ERR(setns(fd, CLONE_NEWNET), EINVAL);
	CHECK_ERR(syscall(SYS_seccomp, 99, 0, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_seccomp, 0, 1, NULL), EINVAL);
	CHECK_EQ(prctl(PR_GET_SECCOMP), 0);
	CHECK_ERR(prctl(PR_SET_SECCOMP, 99), EINVAL);
	if (geteuid() == 0)
		CHECK_EQ(child_run(as_user, NULL), 0);
	else
		CHECK_ERR(syscall(SYS_acct, NULL), EPERM);
	return check_done();
}
