/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues: opening, priorities, blocking and time-outs, poll, notification by signal,
 * attributes, limits, the file system.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "asleep.h"

static char name[64];

static mqd_t make(long nr, long len, int flags)
{
	struct mq_attr a = { .mq_maxmsg = nr, .mq_msgsize = len };

	return mq_open(name, O_RDWR | O_CREAT | flags, 0600, &a);
}

static void drop(mqd_t q)
{
	CHECK_EQ(mq_close(q), 0);
	CHECK_EQ(mq_unlink(name), 0);
}

static void test_open(void)
{
	char longest[300];
	mqd_t q, other;
	struct stat st;

	CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
	CHECK_ERR(mq_unlink(name), ENOENT);
	CHECK_ERR(make(0, 16, 0), EINVAL);
	CHECK_ERR(make(4, 0, 0), EINVAL);
	CHECK_ERR(make(-1, 16, 0), EINVAL);
	q = make(4, 16, O_EXCL);
	CHECK(q >= 0);
	CHECK_ERR(make(4, 16, O_EXCL), EEXIST);
	other = make(0, 0, 0); /* it exists: the attributes do not count */
	CHECK(other >= 0);
	CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(q, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_EQ(fstat(q, &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(st.st_size, 80);
	CHECK_EQ(st.st_uid, geteuid());
	mq_close(other);
	CHECK_EQ(mq_unlink(name), 0);
	CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
	CHECK_EQ(mq_send(q, "still", 5, 0), 0); /* lives until it is closed */
	CHECK_EQ(mq_close(q), 0);
	CHECK_ERR(mq_close(q), EBADF);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	CHECK_ERR(mq_open(longest, O_RDWR), ENAMETOOLONG);
	CHECK_ERR(syscall(SYS_mq_open, "a/b", O_RDWR, 0, NULL), EACCES);
	CHECK_ERR(syscall(SYS_mq_open, "..", O_RDWR, 0, NULL), EACCES);
	CHECK_ERR(syscall(SYS_mq_open, "", O_RDWR, 0, NULL), ENOENT);
	CHECK_ERR(syscall(SYS_mq_open, 8l, O_RDWR, 0, NULL), EFAULT);
}

static void test_modes(void)
{
	mqd_t q = make(4, 16, 0), in = mq_open(name, O_RDONLY), out = mq_open(name, O_WRONLY);
	char text[16];
	int file = open(".", O_RDONLY);

	CHECK(in >= 0 && out >= 0);
	CHECK_ERR(mq_send(in, "x", 1, 0), EBADF);
	CHECK_ERR(mq_receive(out, text, sizeof(text), NULL), EBADF);
	CHECK_EQ(mq_send(out, "x", 1, 0), 0);
	CHECK_EQ(mq_receive(in, text, sizeof(text), NULL), 1);
	CHECK_ERR(mq_send(file, "x", 1, 0), EBADF);
	CHECK_ERR(mq_receive(file, text, sizeof(text), NULL), EBADF);
	CHECK_ERR(mq_notify(file, NULL), EBADF);
	CHECK_ERR(write(q, "x", 1), EINVAL);
	close(file);
	mq_close(in);
	mq_close(out);
	drop(q);
}

static void expect(mqd_t q, const char *text, unsigned priority)
{
	char got[17] = "";
	unsigned p = 99;

	CHECK_EQ(mq_receive(q, got, 16, &p), (ssize_t)strlen(text));
	got[16] = '\0';
	CHECK_STR(got, text);
	CHECK_EQ(p, priority);
}

static void test_order(void)
{
	mqd_t q = make(8, 16, 0);
	struct mq_attr a;
	char small[15], room[16];

	CHECK_EQ(mq_send(q, "low", 3, 1), 0);
	CHECK_EQ(mq_send(q, "high", 4, 32767), 0);
	CHECK_EQ(mq_send(q, "mid1", 4, 5), 0);
	CHECK_EQ(mq_send(q, "mid2", 4, 5), 0);
	CHECK_EQ(mq_send(q, "", 0, 0), 0);
	CHECK_ERR(mq_send(q, "x", 1, 32768), EINVAL);
	CHECK_ERR(mq_send(q, "12345678901234567", 17, 0), EMSGSIZE);
	CHECK_ERR(mq_receive(q, small, sizeof(small), NULL), EMSGSIZE);
	CHECK_EQ(mq_getattr(q, &a), 0);
	CHECK_EQ(a.mq_curmsgs, 5);
	CHECK_EQ(a.mq_maxmsg, 8);
	CHECK_EQ(a.mq_msgsize, 16);
	CHECK_EQ(a.mq_flags, 0);
	expect(q, "high", 32767);
	expect(q, "mid1", 5);
	expect(q, "mid2", 5);
	expect(q, "low", 1);
	expect(q, "", 0);
	CHECK_ERR(syscall(SYS_mq_timedsend, q, 8l, 1, 0, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_mq_timedreceive, q, room, 16, NULL, 8l), EFAULT);
	drop(q);
}

static void test_nonblock(void)
{
	mqd_t q = make(2, 16, O_NONBLOCK);
	struct mq_attr a = { .mq_flags = 0 }, old;
	struct timespec past = { 1, 0 }, bad = { 1, 1000000000 }, soon;
	char text[16];

	CHECK_ERR(mq_receive(q, text, 16, NULL), EAGAIN);
	mq_send(q, "a", 1, 0);
	mq_send(q, "b", 1, 0);
	CHECK_ERR(mq_send(q, "c", 1, 0), EAGAIN);
	CHECK_EQ(mq_setattr(q, &a, &old), 0);
	CHECK_EQ(old.mq_flags, O_NONBLOCK);
	CHECK_EQ(old.mq_curmsgs, 2);
	CHECK_EQ(fcntl(q, F_GETFL) & O_NONBLOCK, 0);
	a.mq_flags = O_APPEND;
	CHECK_ERR(mq_setattr(q, &a, NULL), EINVAL);
	CHECK_ERR(mq_timedsend(q, "c", 1, 0, &past), ETIMEDOUT);
	CHECK_ERR(mq_timedsend(q, "c", 1, 0, &bad), EINVAL);
	mq_receive(q, text, 16, NULL);
	CHECK_EQ(mq_timedsend(q, "c", 1, 0, &past), 0); /* no need to wait */
	mq_receive(q, text, 16, NULL);
	mq_receive(q, text, 16, NULL);
	CHECK_EQ(text[0], 'c');
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 30000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_sec++;
		soon.tv_nsec -= 1000000000;
	}
	CHECK_ERR(mq_timedreceive(q, text, 16, NULL, &soon), ETIMEDOUT);
	drop(q);
}

/* ---- between processes ---- */

static int receive_one(void *arg)
{
	char text[16];

	(void)arg;
	return mq_receive(mq_open(name, O_RDONLY), text, 16, NULL) == 5 &&
			       memcmp(text, "hello", 5) == 0
		       ? 0
		       : 1;
}

static int send_one(void *arg)
{
	return mq_send(*(mqd_t *)arg, "late", 4, 0) == 0 ? 0 : errno;
}

static void on_signal(int sig)
{
	(void)sig;
}

static int receive_interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char text[16];

	sigaction(SIGUSR1, &sa, NULL);
	return mq_receive(*(mqd_t *)arg, text, 16, NULL) == -1 ? errno : 0;
}

static void test_blocking(void)
{
	mqd_t q = make(1, 16, 0);
	char text[16];
	pid_t a = child_start(receive_one, &q);

	await_asleep(a);
	CHECK_EQ(mq_send(q, "hello", 5, 0), 0);
	CHECK_EQ(child_wait(a), 0);
	CHECK_EQ(mq_send(q, "first", 5, 0), 0);
	a = child_start(send_one, &q);
	await_asleep(a);
	CHECK_EQ(mq_receive(q, text, 16, NULL), 5);
	CHECK_EQ(child_wait(a), 0);
	CHECK_EQ(mq_receive(q, text, 16, NULL), 4);
	a = child_start(receive_interrupted, &q);
	CHECK_EQ(child_interrupt(a, SIGUSR1), EINTR);
	drop(q);
}

static short events_of(mqd_t q)
{
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) >= 0 ? p.revents : -1;
}

static void test_poll(void)
{
	mqd_t q = make(1, 16, 0);
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0);
	char text[16];

	CHECK_EQ(events_of(q), POLLOUT);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, q, &e), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	mq_send(q, "x", 1, 0);
	CHECK_EQ(events_of(q), POLLIN);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
	CHECK_EQ(e.events, EPOLLIN);
	mq_receive(q, text, 16, NULL);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	close(ep);
	drop(q);
}

/* ---- notification ---- */

static int send_from_child(void *arg)
{
	return mq_send(*(mqd_t *)arg, "note", 4, 0) == 0 ? 0 : 1;
}

static int notify_busy(void *arg)
{
	struct sigevent e = { .sigev_notify = SIGEV_NONE };

	if (mq_notify(*(mqd_t *)arg, NULL) != 0) /* not ours: nothing happens */
		return 1;
	return mq_notify(*(mqd_t *)arg, &e) == -1 && errno == EBUSY ? 0 : 2;
}

static void test_notify(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct timespec most = { 240, 0 }, none = { 0, 0 };
	mqd_t q = make(4, 16, 0), other = mq_open(name, O_RDONLY);
	siginfo_t info;
	sigset_t set;
	char text[16];
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	e.sigev_value.sival_int = 77;
	CHECK_EQ(mq_notify(q, &e), 0);
	CHECK_ERR(mq_notify(q, &e), EBUSY);
	CHECK_EQ(child_run(notify_busy, &q), 0);
	pid = child_start(send_from_child, &q);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(sigtimedwait(&set, &info, &most), SIGUSR2);
	CHECK_EQ(info.si_code, SI_MESGQ);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(info.si_value.sival_int, 77);
	mq_receive(q, text, 16, NULL);
	mq_send(q, "x", 1, 0); /* told once only */
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	CHECK_EQ(mq_notify(q, &e), 0);
	mq_send(q, "x", 1, 0); /* not empty before: nothing */
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	mq_receive(q, text, 16, NULL);
	mq_receive(q, text, 16, NULL);
	mq_send(q, "x", 1, 0);
	CHECK_EQ(sigtimedwait(&set, &info, &none), SIGUSR2);
	mq_receive(q, text, 16, NULL);
	CHECK_EQ(mq_notify(q, &e), 0);
	CHECK_EQ(mq_notify(q, NULL), 0);
	mq_send(q, "x", 1, 0);
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	mq_receive(q, text, 16, NULL);
	CHECK_EQ(mq_notify(q, &e), 0);
	mq_close(other); /* any descriptor of the queue */
	CHECK_EQ(mq_notify(q, &e), 0);
	pid = child_start(receive_one, &q); /* who waits comes first */
	await_asleep(pid);
	mq_send(q, "hello", 5, 0);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	CHECK_ERR(mq_notify(q, &e), EBUSY);
	e.sigev_notify = 55;
	CHECK_ERR(mq_notify(q, &e), EINVAL);
	e.sigev_notify = SIGEV_SIGNAL;
	e.sigev_signo = 65;
	CHECK_ERR(mq_notify(q, &e), EINVAL);
	drop(q);
}

/* ---- limits ---- */

static int as_nobody(void *arg)
{
	(void)arg;
	mq_unlink(name);
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (make(11, 16, 0) != -1 || errno != EINVAL)
		return 2;
	if (make(10, 8193, 0) != -1 || errno != EINVAL)
		return 3;
	if (make(10, 8192, 0) < 0)
		return 4;
	return mq_unlink(name) == 0 ? 0 : 5;
}

static int limited(void *arg)
{
	struct rlimit l = { 10000, 10000 };

	(void)arg;
	setrlimit(RLIMIT_MSGQUEUE, &l);
	if (make(10, 1000, 0) != -1 || errno != EMFILE)
		return 1;
	return mq_unlink(name) == -1 && errno == ENOENT ? 0 : 2;
}

static int other_user(void *arg)
{
	(void)arg;
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (mq_open(name, O_RDONLY) != -1 || errno != EACCES)
		return 2;
	return mq_unlink(name) == -1 && (errno == EACCES || errno == EPERM) ? 0 : 3;
}

/* Does the effective set have this capability? Root of a container may lack it. */
static bool has_cap(int cap)
{
	unsigned long long set = 0;
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "CapEff: %llx", &set) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (set >> cap & 1) != 0;
}

static void test_limits(void)
{
	mqd_t q;

	CHECK_EQ(child_run(limited, NULL), 0);
	if (geteuid() != 0)
		return;
	CHECK_EQ(child_run(as_nobody, NULL), 0);
	q = make(has_cap(24) ? 100 : 10, 100, 0); /* CAP_SYS_RESOURCE: more than msg_max */
	CHECK(q >= 0);
	CHECK_EQ(child_run(other_user, NULL), 0);
	drop(q);
}

static void test_file_system(void)
{
	mqd_t q = make(4, 16, 0);
	char text[128] = "", path[160];
	struct stat st;
	int fd;

	mq_send(q, "abc", 3, 0);
	CHECK_EQ(read(q, text, sizeof(text) - 1), 60);
	CHECK(strncmp(text, "QSIZE:3 ", 8) == 0);
	if (geteuid() != 0 || mkdir("mq", 0700) != 0 ||
	    mount("none", "mq", "mqueue", 0, NULL) != 0) {
		drop(q);
		return;
	}
	snprintf(path, sizeof(path), "mq%s", name);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_size, 80);
	CHECK_ERR(mkdir("mq/dir", 0700), EPERM);
	fd = open("mq/by-open", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(mq_send(fd, "direct", 6, 0), 0);
	close(fd);
	CHECK_EQ(mq_unlink("/by-open"), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_ERR(mq_open(name, O_RDONLY), ENOENT);
	CHECK_EQ(umount("mq"), 0);
	CHECK_EQ(mq_close(q), 0);
}

int main(void)
{
	scratch_enter();
	snprintf(name, sizeof(name), "/hull-test-%d", (int)getpid());
	test_open();
	test_modes();
	test_order();
	test_nonblock();
	test_blocking();
	test_poll();
	test_notify();
	test_limits();
	test_file_system();
	return check_done();
}
