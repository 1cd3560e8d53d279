/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bad arguments,
	 by table: each row is a raw system call and the error that Linux gives for it. Pointers
 * are bad in four ways (page zero, a hole, the kernel's half, not canonical);
 descriptors are closed or
 * negative. A fault of the kernel's own would end the program, or the machine.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include "check.h"

#define CWD	AT_FDCWD
#define BAD	0x5ead5eadl		/* stands for each of the bad pointers in turn */
#define ZERO	((long)buffer)		/* a good pointer to zeros */
#define NAME	((long)"file")
#define NOFD	987l

static char buffer[4096];
static long file, null, pipe_read, pipe_write, directory, epoll, sock, hole;

struct row {
	const char *name;
	long nr, args[6];
	int error;
};

#define ROW(call, error, ...) { #call "(" #__VA_ARGS__ ")", SYS_##call, { __VA_ARGS__ }, error }

static bool check_row(const struct row *row, long bad)
{
	char text[200];
	long a[6], r;

	for (int i = 0; i < 6; i++)
		a[i] = row->args[i] == BAD ? bad : row->args[i];
	errno = 0;
	r = syscall(row->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (bad)
		snprintf(text, sizeof(text), "%s = %d, pointer %#lx", row->name, row->error, bad);
	else
		snprintf(text, sizeof(text), "%s = %d", row->name, row->error);
	return check_error(r, row->error, __FILE__, __LINE__, text);
}

/* A table, and so longer than a function should be. */
static void test_faults(void)
{
	const struct row rows[] = {
		ROW(read, EFAULT, file, BAD, 10), ROW(write, EFAULT, file, BAD, 10),
		ROW(pread64, EFAULT, file, BAD, 10, 0), ROW(pwrite64, EFAULT, file, BAD, 10, 0),
		ROW(readv, EFAULT, file, BAD, 1), ROW(writev, EFAULT, file, BAD, 1),
		ROW(preadv, EFAULT, file, BAD, 1, 0, 0),
		ROW(pwritev2, EFAULT, file, BAD, 1, 0, 0, 0),
		ROW(open, EFAULT, BAD, O_RDONLY), ROW(openat, EFAULT, CWD, BAD, O_RDONLY),
		ROW(creat, EFAULT, BAD, 0), ROW(stat, EFAULT, BAD, ZERO),
		ROW(stat, EFAULT, NAME, BAD),
		ROW(lstat, EFAULT, NAME, BAD), ROW(fstat, EFAULT, file, BAD),
		ROW(newfstatat, EFAULT, CWD, NAME, BAD, 0),
		ROW(statx, EFAULT, CWD, NAME, 0, 7, BAD),
		ROW(access, EFAULT, BAD, 0), ROW(faccessat, EFAULT, CWD, BAD, 0),
		ROW(pipe, EFAULT, BAD), ROW(pipe2, EFAULT, BAD, 0),
		ROW(poll, EFAULT, BAD, 1, 0), ROW(select, EFAULT, 1, BAD, 0, 0, ZERO),
		ROW(nanosleep, EFAULT, BAD, 0),
		ROW(clock_nanosleep, EFAULT, CLOCK_MONOTONIC, 0, BAD, 0),
		ROW(clock_gettime, EFAULT, CLOCK_REALTIME, BAD), ROW(clock_getres, EFAULT, 0, BAD),
		ROW(gettimeofday, EFAULT, BAD, 0), ROW(time, EFAULT, BAD),
		ROW(getcwd, EFAULT, BAD, 4096), ROW(chdir, EFAULT, BAD), ROW(mkdir, EFAULT, BAD, 0),
		ROW(rmdir, EFAULT, BAD), ROW(unlink, EFAULT, BAD),
		ROW(unlinkat, EFAULT, CWD, BAD, 0),
		ROW(rename, EFAULT, BAD, NAME), ROW(rename, EFAULT, NAME, BAD),
		ROW(link, EFAULT, NAME, BAD), ROW(symlink, EFAULT, BAD, NAME),
		ROW(symlink, EFAULT, NAME, BAD),
		ROW(readlink, EFAULT, BAD, ZERO, 10), ROW(readlink, EFAULT, (long)"link", BAD, 10),
		ROW(chmod, EFAULT, BAD, 0), ROW(chown, EFAULT, BAD, 0, 0),
		ROW(lchown, EFAULT, BAD, 0, 0),
		ROW(truncate, EFAULT, BAD, 0), ROW(statfs, EFAULT, BAD, ZERO),
		ROW(fstatfs, EFAULT, file, BAD),
		ROW(utimensat, EFAULT, CWD, NAME, BAD, 0), ROW(utimes, EFAULT, NAME, BAD),
		ROW(getdents64, EFAULT, directory, BAD, 1024), ROW(mknod, EFAULT, BAD, 0100600, 0),
		ROW(rt_sigaction, EFAULT, SIGUSR1, BAD, 0, 8),
		ROW(rt_sigaction, EFAULT, SIGUSR1, 0, BAD, 8),
		ROW(rt_sigprocmask, EFAULT, SIG_BLOCK, BAD, 0, 8),
		ROW(rt_sigprocmask, EFAULT, 0, 0, BAD, 8),
		ROW(rt_sigpending, EFAULT, BAD, 8), ROW(rt_sigsuspend, EFAULT, BAD, 8),
		ROW(rt_sigtimedwait, EFAULT, BAD, 0, 0, 8), ROW(sigaltstack, EFAULT, BAD, 0),
		ROW(sigaltstack, EFAULT, 0, BAD), ROW(signalfd4, EFAULT, -1, BAD, 8, 0),
		ROW(futex, EFAULT, BAD & ~3, 0, 0, 0), ROW(timer_create, EFAULT, 0, BAD, ZERO),
		ROW(timer_create, EFAULT, 0, 0, BAD), ROW(setitimer, EFAULT, 0, BAD, 0),
		ROW(getitimer, EFAULT, 0, BAD), ROW(uname, EFAULT, BAD), ROW(sysinfo, EFAULT, BAD),
		ROW(getrlimit, EFAULT, 0, BAD), ROW(setrlimit, EFAULT, 0, BAD),
		ROW(seccomp, EFAULT, 1, 0, BAD), ROW(seccomp, EFAULT, 2, 0, BAD),
		ROW(seccomp, EFAULT, 3, 0, BAD), ROW(seccomp, EINVAL, 9, 0, 0),
		ROW(clone3, EFAULT, BAD, 88), ROW(clone3, EINVAL, ZERO, 8),
		ROW(mlock2, EINVAL, ZERO, 1, 2), ROW(mlockall, EINVAL, 0),
		ROW(prlimit64, EFAULT, 0, 0, 0, BAD), ROW(prlimit64, EFAULT, 0, 0, BAD, 0),
		ROW(getrusage, EFAULT, 0, BAD), ROW(times, EFAULT, BAD),
		ROW(getrandom, EFAULT, BAD, 10, 0),
		ROW(sched_getaffinity, EFAULT, 0, 128, BAD),
		ROW(sched_setaffinity, EFAULT, 0, 128, BAD),
		ROW(sched_getparam, EFAULT, 0, BAD), ROW(sched_setscheduler, EFAULT, 0, 0, BAD),
		ROW(getcpu, EFAULT, BAD, 0, 0),
		ROW(epoll_ctl, EFAULT, epoll, EPOLL_CTL_ADD, pipe_read, BAD),
		ROW(epoll_pwait, EFAULT, epoll, ZERO, 1, 0, BAD, 8),
		ROW(io_uring_setup, EFAULT, 4, BAD),
		ROW(memfd_create, EFAULT, BAD, 0), ROW(ioctl, EFAULT, pipe_read, 0x541b, BAD),
		ROW(fcntl, EFAULT, file, F_GETLK, BAD), ROW(sendfile, EFAULT, file, file, BAD, 10),
		ROW(sendto, EFAULT, sock, BAD, 10, 0, 0, 0), ROW(sendmsg, EFAULT, sock, BAD, 0),
		ROW(recvfrom, EFAULT, sock, BAD, 10, 0, 0, 0), ROW(recvmsg, EFAULT, sock, BAD, 0),
		ROW(bind, EFAULT, sock, BAD, 10), ROW(connect, EFAULT, sock, BAD, 10),
		ROW(getsockname, EFAULT, sock, ZERO, BAD),
		ROW(getpeername, EFAULT, sock, ZERO, BAD),
		ROW(setsockopt, EFAULT, sock, 1, 2, BAD, 4),
		ROW(getsockopt, EFAULT, sock, 1, 2, ZERO, BAD),
		ROW(socketpair, EFAULT, 1, 1, 0, BAD), ROW(sendmmsg, EFAULT, sock, BAD, 1, 0),
		ROW(recvmmsg, EFAULT, sock, ZERO, 1, 0, BAD),
		ROW(splice, EFAULT, file, BAD, pipe_write, 0, 10, 0),
		ROW(mincore, EFAULT, ZERO & ~4095, 1, BAD),
		ROW(getresuid, EFAULT, BAD, ZERO, ZERO), ROW(getresgid, EFAULT, BAD, ZERO, ZERO),
		ROW(capget, EFAULT, BAD, 0), ROW(chroot, EFAULT, BAD),
		ROW(setxattr, EFAULT, BAD, NAME, 0, 0, 0), ROW(getxattr, EFAULT, NAME, BAD, 0, 0),
		ROW(execve, EFAULT, BAD, 0, 0), ROW(clone3, EFAULT, BAD, 88),
		ROW(renameat2, EFAULT, CWD, BAD, CWD, NAME, 0),
		ROW(set_robust_list, EINVAL, BAD, 1),
		ROW(ppoll, EFAULT, 0, 0, BAD, 0, 0), ROW(pselect6, EFAULT, 0, 0, 0, 0, BAD, 0),
		ROW(rt_sigqueueinfo, EFAULT, 1, SIGUSR1, BAD),
		ROW(copy_file_range, EFAULT, file, BAD, file, 0, 1, 0),
		ROW(timerfd_settime, EFAULT, 0, 0, BAD, 0),
		ROW(semop, EFAULT, -1, BAD, 1), ROW(shmat, EINVAL, -1, BAD, 0),
		ROW(shmctl, EFAULT, 0, 3, BAD), ROW(msgctl, EFAULT, 0, 3, BAD),
		ROW(semctl, EFAULT, 0, 0, 3, BAD), ROW(msgsnd, EFAULT, 0, BAD, 1, 0),
		ROW(mq_open, EFAULT, BAD, 0, 0, 0), ROW(mq_open, EFAULT, NAME, 0, 0, BAD),
		ROW(mq_unlink, EFAULT, BAD), ROW(mq_notify, EFAULT, 0, BAD),
		ROW(mq_getsetattr, EFAULT, 0, BAD, 0),
		ROW(vmsplice, EFAULT, pipe_write, BAD, 1, 0),
	};
	const long pointers[] = { 8, hole, (long)0xffff888000000000ul, 0x7000000000000000l };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < sizeof(pointers) / sizeof(pointers[0]); k++)
			check_row(&rows[i], pointers[k]);
	}
}

static void test_descriptors(void)
{
	const struct row rows[] = {
		ROW(read, EBADF, NOFD, ZERO, 1), ROW(read, EBADF, -1, ZERO, 1),
		ROW(write, EBADF, NOFD, ZERO, 1),
		ROW(read, EBADF, 0x7fffffff, ZERO, 1), ROW(pread64, EBADF, NOFD, ZERO, 1, 0),
		ROW(pwrite64, EBADF, NOFD, ZERO, 1, 0), ROW(readv, EBADF, NOFD, ZERO, 1),
		ROW(writev, EBADF, NOFD, ZERO, 1), ROW(close, EBADF, NOFD), ROW(close, EBADF, -1),
		ROW(fstat, EBADF, NOFD, ZERO), ROW(lseek, EBADF, NOFD, 0, 0),
		ROW(ioctl, EBADF, NOFD, 0, 0),
		ROW(fcntl, EBADF, NOFD, F_GETFD), ROW(dup, EBADF, NOFD), ROW(dup2, EBADF, NOFD, 5),
		ROW(dup3, EBADF, NOFD, 5, 0), ROW(fsync, EBADF, NOFD), ROW(fdatasync, EBADF, NOFD),
		ROW(ftruncate, EBADF, NOFD, 0), ROW(getdents64, EBADF, NOFD, ZERO, 100),
		ROW(fchdir, EBADF, NOFD), ROW(fchmod, EBADF, NOFD, 0),
		ROW(fchown, EBADF, NOFD, 0, 0),
		ROW(fstatfs, EBADF, NOFD, ZERO), ROW(flock, EBADF, NOFD, 1),
		ROW(fallocate, EBADF, NOFD, 0, 0, 1),
		ROW(openat, EBADF, NOFD, NAME, O_RDONLY), ROW(mkdirat, EBADF, NOFD, NAME, 0),
		ROW(unlinkat, EBADF, NOFD, NAME, 0), ROW(newfstatat, EBADF, NOFD, NAME, ZERO, 0),
		ROW(readlinkat, EBADF, NOFD, NAME, ZERO, 10),
		ROW(symlinkat, EBADF, NAME, NOFD, (long)"new"),
		ROW(linkat, EBADF, NOFD, NAME, CWD, (long)"new", 0),
		ROW(fchmodat, EBADF, NOFD, NAME, 0),
		ROW(fchownat, EBADF, NOFD, NAME, 0, 0, 0), ROW(faccessat, EBADF, NOFD, NAME, 0),
		ROW(utimensat, EBADF, NOFD, NAME, 0, 0),
		ROW(renameat, EBADF, NOFD, NAME, CWD, NAME),
		ROW(mknodat, EBADF, NOFD, NAME, 0100600, 0),
		ROW(epoll_ctl, EBADF, NOFD, 1, file, ZERO),
		ROW(epoll_wait, EBADF, NOFD, ZERO, 1, 0),
		ROW(io_uring_enter, EBADF, NOFD, 0, 0, 0, 0, 0),
		ROW(io_uring_register, EBADF, NOFD, 8, ZERO, 1),
		ROW(timerfd_settime, EBADF, NOFD, 0, ZERO, 0),
		ROW(timerfd_gettime, EBADF, NOFD, ZERO), ROW(sendfile, EBADF, NOFD, file, 0, 1),
		ROW(splice, EBADF, NOFD, 0, pipe_write, 0, 1, 0),
		ROW(bind, EBADF, NOFD, ZERO, 2), ROW(listen, EBADF, NOFD, 1),
		ROW(accept, EBADF, NOFD, 0, 0), ROW(accept4, EBADF, NOFD, 0, 0, 0),
		ROW(connect, EBADF, NOFD, ZERO, 2), ROW(getsockname, EBADF, NOFD, ZERO, ZERO),
		ROW(getpeername, EBADF, NOFD, ZERO, ZERO), ROW(sendto, EBADF, NOFD, ZERO, 1, 0),
		ROW(recvfrom, EBADF, NOFD, ZERO, 1, 0), ROW(sendmsg, EBADF, NOFD, ZERO, 0),
		ROW(recvmsg, EBADF, NOFD, ZERO, 0), ROW(shutdown, EBADF, NOFD, 0),
		ROW(setsockopt, EBADF, NOFD, 1, 2, ZERO, 4), ROW(listen, ENOTSOCK, file, 1),
		ROW(getsockopt, ENOTSOCK, file, 1, 2, ZERO, ZERO),
		ROW(tee, EBADF, NOFD, pipe_write, 1, 0),
		ROW(mmap, EBADF, 0, 4096, PROT_READ, MAP_PRIVATE, NOFD, 0),
		ROW(syncfs, EBADF, NOFD),
		ROW(inotify_rm_watch, EBADF, NOFD, 1), ROW(fadvise64, EBADF, NOFD, 0, 0, 0),
		ROW(readahead, EBADF, NOFD, 0, 0), ROW(fgetxattr, EBADF, NOFD, NAME, 0, 0),
		ROW(copy_file_range, EBADF, NOFD, 0, file, 0, 1, 0),
		ROW(signalfd4, EBADF, NOFD, ZERO, 8, 0),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i], 0);
}

static void test_values(void)
{
	const struct row rows[] = {
		ROW(lseek, EINVAL, file, 0, 99), ROW(lseek, EINVAL, file, -1, SEEK_SET),
		ROW(lseek, ESPIPE, pipe_read, 0, 0), ROW(pread64, EINVAL, file, ZERO, 1, -1),
		ROW(pread64, ESPIPE, pipe_read, ZERO, 1, 0), ROW(pipe2, EINVAL, ZERO, 1),
		ROW(dup3, EINVAL, file, file, 0), ROW(dup3, EINVAL, file, 99, 1),
		ROW(fcntl, EINVAL, file, 999),
		ROW(ioctl, ENOTTY, file, 0x5401, ZERO), ROW(ftruncate, EINVAL, file, -1),
		ROW(mmap, EINVAL, 0, 0, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		ROW(mmap, EINVAL, 0, 4096, 0, MAP_ANONYMOUS, -1, 0), ROW(munmap, EINVAL, 1, 4096),
		ROW(mprotect, EINVAL, 1, 4096, 0), ROW(mremap, EINVAL, 1, 4096, 4096, 0),
		ROW(madvise, EINVAL, ZERO & ~4095, 4096, 999), ROW(msync, EINVAL, 1, 4096, 4),
		ROW(rt_sigaction, EINVAL, 0, 0, 0, 8), ROW(rt_sigaction, EINVAL, 65, 0, 0, 8),
		ROW(rt_sigaction, EINVAL, SIGKILL, ZERO, 0, 8),
		ROW(rt_sigaction, EINVAL, SIGUSR1, 0, 0, 7),
		ROW(rt_sigprocmask, EINVAL, 99, ZERO, 0, 8), ROW(rt_sigpending, EINVAL, ZERO, 9),
		ROW(kill, ESRCH, 1 << 30, 0), ROW(tgkill, EINVAL, 0, 0, 0),
		ROW(tkill, EINVAL, -1, 0),
		ROW(clock_gettime, EINVAL, 99, ZERO), ROW(clock_getres, EINVAL, 99, ZERO),
		ROW(clock_nanosleep, EINVAL, 99, 0, ZERO, 0), ROW(getrlimit, EINVAL, 99, ZERO),
		ROW(prlimit64, EINVAL, 0, 99, 0, ZERO), ROW(getrusage, EINVAL, 99, ZERO),
		ROW(getpriority, EINVAL, 99, 0), ROW(sched_get_priority_max, EINVAL, 99),
		ROW(sched_setscheduler, EINVAL, 0, 99, ZERO),
		ROW(getrandom, EINVAL, ZERO, 1, 0xff0),
		ROW(epoll_create, EINVAL, 0), ROW(epoll_create1, EINVAL, 1),
		ROW(epoll_wait, EINVAL, epoll, ZERO, 0, 0),
		ROW(io_uring_setup, EINVAL, 0, ZERO),
		ROW(io_uring_enter, EOPNOTSUPP, epoll, 0, 0, 0, 0, 0),
		ROW(io_uring_enter, EINVAL, epoll, 0, 0, 0x10000, 0, 0),
		ROW(io_uring_register, EOPNOTSUPP, epoll, 8, ZERO, 1),
		ROW(io_uring_register, EINVAL, epoll, 0x4000, ZERO, 1),
		ROW(epoll_ctl, EPERM, epoll, 1, file, ZERO),
		ROW(epoll_ctl, EINVAL, epoll, 1, epoll, ZERO), ROW(eventfd2, EINVAL, 0, 2),
		ROW(timerfd_create, EINVAL, 99, 0), ROW(timerfd_create, EINVAL, 1, 1),
		ROW(signalfd4, EINVAL, -1, ZERO, 7, 0), ROW(inotify_init1, EINVAL, 1),
		ROW(memfd_create, EINVAL, ZERO, 0x100000), ROW(prctl, EINVAL, 99999),
		ROW(futex, ENOSYS, ZERO, 99),
		ROW(arch_prctl, EINVAL, 1, 0), ROW(openat, EINVAL, CWD, NAME, O_TMPFILE | O_RDONLY),
		ROW(openat, ENOENT, CWD, ZERO, 0), ROW(faccessat, EINVAL, CWD, NAME, 99),
		ROW(unlinkat, EINVAL, CWD, NAME, 1),
		ROW(renameat2, EINVAL, CWD, NAME, CWD, NAME, 99),
		ROW(linkat, EINVAL, CWD, NAME, CWD, NAME, 1),
		ROW(readlink, EINVAL, (long)"link", ZERO, 0),
		ROW(readlink, EINVAL, NAME, ZERO, 10), ROW(getcwd, ERANGE, ZERO, 1),
		ROW(fallocate, EINVAL, file, 0, 0, 0),
		ROW(splice, EINVAL, file, 0, file, 0, 1, 0), ROW(setitimer, EINVAL, 99, ZERO, 0),
		ROW(timer_create, EINVAL, 99, 0, ZERO), ROW(close_range, EINVAL, 5, 4, 0),
		ROW(set_robust_list, EINVAL, ZERO, 1), ROW(clone3, EINVAL, ZERO, 1),
		ROW(membarrier, EINVAL, 99, 1),
		ROW(readv, EINVAL, file, ZERO, -1), ROW(utimensat, EINVAL, CWD, NAME, 0, 99),
		ROW(statx, EINVAL, CWD, NAME, 0x10000, 1, ZERO),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i], 0);
}

int main(void)
{
	int ends[2];
	void *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	hole = (long)p + 128;		/* mapped, and neither readable nor writable */
	scratch_enter();
	file = open("file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(pwrite((int)file, "content", 7, 0), 7);
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK_EQ(pipe(ends), 0);
	pipe_read = ends[0], pipe_write = ends[1];
	null = open("/dev/null", O_RDWR);
	directory = open(".", O_RDONLY | O_DIRECTORY);
	epoll = epoll_create1(0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	sock = ends[0];
	CHECK_EQ(write(ends[1], "some bytes", 10), 10);
	test_faults();
	test_descriptors();
	test_values();
	return check_done();
}
