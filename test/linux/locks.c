/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File locks: flock(2), record locks and open-file-description locks. One process, several opens.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include "asleep.h"

static int a, b;

static int lock(int fd, int command, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, command, &fl);
}

static void test_flock(void)
{
	int copy = dup(a);

	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_EQ(flock(copy, LOCK_EX | LOCK_NB), 0); /* the same open file: converts */
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(copy);
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_ERR(flock(a, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERR(flock(999, LOCK_SH), EBADF);
}

/* Record locks belong to the process: it never conflicts with itself. */
static void test_record(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int rd = open("file", O_RDONLY);

	CHECK_EQ(lock(a, F_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_EQ(lock(b, F_SETLK, F_WRLCK, 5, 10), 0);
	CHECK_EQ(fcntl(b, F_GETLK, &fl), 0);
	CHECK_EQ(fl.l_type, F_UNLCK);
	CHECK_EQ(lock(a, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_ERR(lock(rd, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERR(lock(a, F_SETLK, 77, 0, 1), EINVAL);
	CHECK_ERR(lock(a, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	CHECK_ERR(fcntl(a, F_SETLK, (struct flock *)1), EFAULT);
	close(rd);
}

static void test_ofd(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	CHECK_EQ(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_ERR(lock(b, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
	CHECK_EQ(lock(b, F_OFD_SETLK, F_WRLCK, 10, 10), 0);
	CHECK_EQ(fcntl(b, F_OFD_GETLK, &fl), 0);
	CHECK_EQ(fl.l_type, F_WRLCK);
	CHECK_EQ(fl.l_start, 0);
	CHECK_EQ(fl.l_len, 10);
	CHECK_EQ(fl.l_pid, -1);
	CHECK_EQ(lock(a, F_OFD_SETLK, F_UNLCK, 3, 4), 0); /* splits it */
	CHECK_EQ(lock(b, F_OFD_SETLK, F_RDLCK, 3, 4), 0);
	CHECK_ERR(lock(b, F_OFD_SETLK, F_RDLCK, 2, 1), EAGAIN);
	CHECK_EQ(lock(a, F_OFD_SETLK, F_RDLCK, 0, 3), 0); /* downgrade */
	CHECK_EQ(lock(b, F_OFD_SETLK, F_RDLCK, 0, 3), 0);
	CHECK_ERR(lock(b, F_OFD_SETLK, F_WRLCK, 0, 3), EAGAIN);
	close(a); /* drops its locks */
	CHECK_EQ(lock(b, F_OFD_SETLK, F_WRLCK, 0, 0), 0);
	CHECK_EQ(lock(b, F_OFD_SETLK, F_UNLCK, 0, 0), 0);
	a = open("file", O_RDWR);
}

static atomic_int waiting_tid;

static void *wait_for_lock(void *result)
{
	atomic_store(&waiting_tid, gettid());
	*(int *)result = flock(b, LOCK_EX);
	return NULL;
}

static void test_blocking(void)
{
	pthread_t thread;
	int result = -2;

	CHECK_EQ(flock(a, LOCK_EX), 0);
	pthread_create(&thread, NULL, wait_for_lock, &result);
	while (!atomic_load(&waiting_tid))
		child_pause_ms(1);
	await_thread_asleep(atomic_load(&waiting_tid));
	CHECK_EQ(*(volatile int *)&result, -2);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(result, 0);
}

int main(void)
{
	scratch_enter();
	a = open("file", O_RDWR | O_CREAT, 0600);
	b = open("file", O_RDWR);
	CHECK_EQ(write(a, "content", 7), 7);
	test_flock();
	test_record();
	test_ofd();
	test_blocking();
	return check_done();
}
