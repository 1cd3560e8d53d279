/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File locks between processes: conflicts and who holds them, waiting, deadlock, what close, fork,
 * exec and exit do to them, /proc/locks.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include "asleep.h"

static int a;
static int to_child[2], to_parent[2];

static int lock(int fd, int command, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, command, &fl);
}

static struct flock holder(int fd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	if (fcntl(fd, F_GETLK, &fl) != 0)
		fl.l_type = 99;
	return fl;
}

/* The child says that it is ready, or is told to go on. */
static void tell(int pipe[2])
{
	(void)!write(pipe[1], "x", 1);
}

static void hear(int pipe[2])
{
	char c;

	(void)!read(pipe[0], &c, 1);
}

/* ---- a child that holds locks ---- */

static int hold(void *arg)
{
	int fd = open("file", O_RDWR), result;

	(void)arg;
	result = lock(fd, F_SETLK, F_WRLCK, 10, 10) | lock(fd, F_SETLK, F_RDLCK, 100, 0) |
		 lock(fd, F_SETLK, F_WRLCK, 20, 5);
	tell(to_parent);
	hear(to_child);
	return result == 0 ? 0 : 1;
}

static void test_conflict(void)
{
	pid_t pid = child_start(hold, NULL);
	struct flock fl;

	hear(to_parent);
	fl = holder(a, F_RDLCK, 0, 0);
	CHECK_EQ(fl.l_type, F_WRLCK);
	CHECK_EQ(fl.l_pid, pid);
	CHECK_EQ(fl.l_start, 10);
	CHECK_EQ(fl.l_len, 15); /* two that touch are one */
	CHECK_EQ(holder(a, F_RDLCK, 100, 5).l_type, F_UNLCK);
	fl = holder(a, F_WRLCK, 200, 1);
	CHECK_EQ(fl.l_type, F_RDLCK);
	CHECK_EQ(fl.l_start, 100);
	CHECK_EQ(fl.l_len, 0);
	CHECK_EQ(holder(a, F_WRLCK, 0, 10).l_type, F_UNLCK);
	CHECK_EQ(holder(a, F_WRLCK, 25, 75).l_type, F_UNLCK);
	CHECK_ERR(lock(a, F_SETLK, F_RDLCK, 15, 1), EAGAIN);
	CHECK_EQ(lock(a, F_SETLK, F_RDLCK, 100, 0), 0);
	CHECK_ERR(lock(a, F_SETLK, F_WRLCK, 100, 1), EAGAIN);
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 0), 0); /* only ours */
	CHECK_ERR(lock(a, F_SETLK, F_RDLCK, 15, 1), EAGAIN);
	tell(to_child);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 0), 0); /* exit released them */
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 0), 0);
}

/* ---- inheritance ---- */

static int is_not_inherited(void *arg)
{
	(void)arg;
	if (lock(a, F_SETLK, F_WRLCK, 0, 1) != -1 || errno != EAGAIN)
		return 1;
	if (holder(a, F_WRLCK, 0, 1).l_pid != getppid())
		return 2;
	close(a); /* drops nothing of the parent's */
	return 0;
}

static int sees_free(void *arg)
{
	(void)arg;
	return holder(a, F_WRLCK, 0, 0).l_type == F_UNLCK ? 0 : 1;
}

static int sees_held(void *arg)
{
	(void)arg;
	return holder(a, F_WRLCK, 0, 0).l_type == F_UNLCK ? 1 : 0;
}

static void test_fork_and_close(void)
{
	int b = open("file", O_RDWR), c;

	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_EQ(child_run(is_not_inherited, NULL), 0);
	CHECK_EQ(child_run(sees_held, NULL), 0);
	c = dup(a);
	close(c); /* any descriptor of the file */
	CHECK_EQ(child_run(sees_free, NULL), 0);
	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 10), 0);
	close(b); /* even another open of it */
	CHECK_EQ(child_run(sees_free, NULL), 0);
	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 10), 0);
	b = open("file", O_RDONLY);
	CHECK_EQ(dup2(a, b), b); /* closes what b was */
	CHECK_EQ(child_run(sees_free, NULL), 0);
	close(b);
}

static int lock_and_exec(void *arg)
{
	int fd = open("file", O_RDWR | (arg != NULL ? O_CLOEXEC : 0));

	if (lock(fd, F_SETLK, F_WRLCK, 0, 5) != 0)
		return 1;
	execl("/bin/sh", "sh", "-c", "echo >told; read x <wait; exit 4", NULL);
	return 2;
}

static void test_exec(void)
{
	pid_t pid;
	char c;
	int fd;

	mkfifo("told", 0600);
	mkfifo("wait", 0600);
	for (int cloexec = 0; cloexec < 2; cloexec++) {
		pid = child_start(lock_and_exec, cloexec ? &pid : NULL);
		fd = open("told", O_RDONLY); /* until the shell runs */
		CHECK_EQ(read(fd, &c, 1), 1);
		CHECK_EQ(holder(a, F_WRLCK, 0, 1).l_type, cloexec ? F_UNLCK : F_WRLCK);
		if (!cloexec)
			CHECK_EQ(holder(a, F_WRLCK, 0, 1).l_pid, pid);
		close(fd);
		fd = open("wait", O_WRONLY);
		close(fd);
		CHECK_EQ(child_wait(pid), 4);
	}
	CHECK_EQ(holder(a, F_WRLCK, 0, 1).l_type, F_UNLCK);
}

/* ---- waiting ---- */

static int wait_for_lock(void *arg)
{
	(void)arg;
	tell(to_parent);
	if (lock(a, F_SETLKW, F_WRLCK, 0, 1) != 0)
		return errno;
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
}

static int wait_interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = arg != NULL ? SA_RESTART : 0 };

	sigaction(SIGUSR1, &sa, NULL);
	return wait_for_lock(NULL);
}

static void test_waiting(void)
{
	pid_t pid, other;

	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 1), 0);
	pid = child_start(wait_for_lock, NULL);
	hear(to_parent);
	await_asleep(pid);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 1), 0);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 1), 0);
	pid = child_start(wait_interrupted, NULL);
	other = child_start(wait_interrupted, &pid);
	hear(to_parent);
	hear(to_parent);
	await_asleep(other);
	kill(other, SIGUSR1);
	CHECK_EQ(child_interrupt(pid, SIGUSR1), EINTR);
	await_asleep(other);
	CHECK_EQ(waitpid(other, NULL, WNOHANG), 0); /* SA_RESTART: it waits on */
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 1), 0);
	CHECK_EQ(child_wait(other), 0);
	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 1), 0);
	pid = child_start(wait_for_lock, NULL);
	hear(to_parent);
	await_asleep(pid);
	kill(pid, SIGKILL);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 1), 0);
}

static int lock_second_then_first(void *arg)
{
	(void)arg;
	if (lock(a, F_SETLK, F_WRLCK, 1, 1) != 0)
		return 1;
	tell(to_parent);
	return lock(a, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 0 : errno;
}

static void test_deadlock(void)
{
	pid_t pid;

	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 1), 0);
	pid = child_start(lock_second_then_first, NULL);
	hear(to_parent);
	await_asleep(pid);
	CHECK_ERR(lock(a, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 1), 0);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(lock(a, F_SETLKW, F_WRLCK, 1, 1), 0);
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 0), 0);
}

/* ---- flock and OFD locks go with the open file ---- */

static int flock_shared(void *arg)
{
	int own = open("file", O_RDWR);

	(void)arg;
	if (flock(own, LOCK_EX | LOCK_NB) != -1 || errno != EWOULDBLOCK)
		return 1;
	if (flock(a, LOCK_EX | LOCK_NB) != 0) /* inherited: it is the same lock */
		return 2;
	return flock(a, LOCK_UN) == 0 && flock(own, LOCK_EX | LOCK_NB) == 0 ? 0 : 3;
}

static int flock_wait(void *arg)
{
	int own = open("file", O_RDWR);

	(void)arg;
	tell(to_parent);
	return flock(own, LOCK_SH) == 0 ? 0 : errno;
}

static int ofd_shared(void *arg)
{
	struct flock fl;
	int own = open("file", O_RDWR);

	(void)arg;
	if (lock(own, F_OFD_SETLK, F_RDLCK, 0, 1) != -1 || errno != EAGAIN)
		return 1;
	fl = holder(own, F_RDLCK, 0, 1); /* the kinds see each other */
	if (fl.l_type != F_WRLCK || fl.l_pid != -1)
		return 2;
	return lock(a, F_OFD_SETLK, F_RDLCK, 0, 1) == 0 ? 0 : 3;
}

static void test_open_file_locks(void)
{
	pid_t pid;
	int copy;

	CHECK_EQ(flock(a, LOCK_EX), 0);
	CHECK_EQ(child_run(flock_shared, NULL), 0);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	copy = dup(a);
	close(copy);
	pid = child_start(flock_wait, NULL);
	hear(to_parent);
	await_asleep(pid);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	CHECK_EQ(lock(a, F_OFD_SETLK, F_WRLCK, 0, 1), 0);
	CHECK_EQ(child_run(ofd_shared, NULL), 0);
	CHECK_EQ(lock(a, F_OFD_SETLK, F_UNLCK, 0, 1), 0);
}

/* ---- /proc/locks ---- */

static bool listed(const char *what, int pid, const char *range)
{
	char line[200], want[64];
	FILE *f = fopen("/proc/locks", "r");
	bool found = false;
	struct stat st;

	if (f != NULL)
		setvbuf(f, NULL, _IOFBF, 1 << 16); /* one read is of one moment: others lock, too */
	fstat(a, &st);
	snprintf(want, sizeof(want), "%s %d ", what, pid);
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		unsigned long ino = 0;
		char *at = strstr(line, want);

		if (at == NULL || sscanf(at + strlen(want), "%*x:%*x:%lu", &ino) != 1)
			continue;
		found = ino == st.st_ino && strstr(line, range) != NULL;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static void test_proc(void)
{
	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 5, 10), 0);
	CHECK(listed("POSIX  ADVISORY  WRITE", getpid(), " 5 14\n"));
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 8, 2), 0);
	CHECK(listed("POSIX  ADVISORY  WRITE", getpid(), " 5 7\n"));
	CHECK(listed("POSIX  ADVISORY  WRITE", getpid(), " 10 14\n"));
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK(!listed("POSIX  ADVISORY  WRITE", getpid(), " "));
	CHECK_EQ(lock(a, F_OFD_SETLK, F_RDLCK, 0, 0), 0);
	CHECK(listed("OFDLCK ADVISORY  READ", -1, " 0 EOF\n"));
	CHECK_EQ(lock(a, F_OFD_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_EQ(flock(a, LOCK_EX), 0);
	CHECK(listed("FLOCK  ADVISORY  WRITE", getpid(), " 0 EOF\n"));
	CHECK_EQ(flock(a, LOCK_UN), 0);
}

/* ---- many processes, one counter in a file ---- */

static int count_up(void *arg)
{
	int fd = open("count", O_RDWR), value;

	for (int i = 0; i < 100; i++) {
		if ((arg ? flock(fd, LOCK_EX) : lock(fd, F_SETLKW, F_WRLCK, 0, 0)) != 0)
			return 1;
		if (pread(fd, &value, sizeof(value), 0) != sizeof(value))
			return 2;
		value++;
		sched_yield();
		if (pwrite(fd, &value, sizeof(value), 0) != sizeof(value))
			return 3;
		if ((arg ? flock(fd, LOCK_UN) : lock(fd, F_SETLK, F_UNLCK, 0, 0)) != 0)
			return 4;
	}
	return 0;
}

static void test_many(void)
{
	int fd = open("count", O_RDWR | O_CREAT, 0600), value = 0;
	pid_t pids[4];

	for (int kind = 0; kind < 2; kind++) {
		value = 0;
		CHECK_EQ(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
		for (int i = 0; i < 4; i++)
			pids[i] = child_start(count_up, kind ? pids : NULL);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(child_wait(pids[i]), 0);
		CHECK_EQ(pread(fd, &value, sizeof(value), 0), sizeof(value));
		CHECK_EQ(value, 400);
	}
	close(fd);
}

static void test_lease(void)
{
	CHECK_EQ(fcntl(a, F_GETLEASE), F_UNLCK);
	CHECK_ERR(fcntl(a, F_SETLEASE, F_UNLCK), EAGAIN);
	CHECK_ERR(fcntl(a, F_SETLEASE, 77), EINVAL);
}

int main(void)
{
	scratch_enter();
	a = open("file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(pipe(to_child) | pipe(to_parent), 0);
	test_conflict();
	test_fork_and_close();
	test_exec();
	test_waiting();
	test_deadlock();
	test_open_file_locks();
	test_proc();
	test_many();
	test_lease();
	return check_done();
}
