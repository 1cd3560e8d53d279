/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation fails once: pipes, event descriptors, timers, signals, futexes, System V and
 * POSIX queues, semaphores and memory. */
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "fail.h"

#define LEN (40 * 1024)

static char bytes[LEN];

static int whole(ssize_t n, size_t len)
{
	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOMEM;
}

/* ---- pipes ---- */

static int run_pipe(void)
{
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	err = whole(write(ends[1], bytes, LEN), LEN);
	if (err == 0)
		err = whole(read(ends[0], bytes, LEN), LEN);
	if (err == 0)
		err = fail_done(fcntl(ends[1], F_SETPIPE_SZ, 256 * 1024));
	close(ends[0]), close(ends[1]);
	return err;
}

static int run_splice(void)
{
	int ends[2], more[2], err;
	struct iovec v = { bytes, 8192 };

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	if (pipe2(more, O_CLOEXEC | O_NONBLOCK) != 0) {
		err = -errno;
		close(ends[0]), close(ends[1]);
		return err;
	}
	err = whole(vmsplice(ends[1], &v, 1, 0), 8192);
	if (err == 0)
		err = fail_done((int)tee(ends[0], more[1], 4096, 0));
	if (err == 0)
		err = fail_done((int)splice(ends[0], NULL, more[1], NULL, 4096, 0));
	close(ends[0]), close(ends[1]), close(more[0]), close(more[1]);
	return err;
}

/* ---- descriptors of events ---- */

static int run_eventfd(void)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	return fd < 0 ? -errno : fail_done(close(fd));
}

static int run_timerfd(void)
{
	struct itimerspec when = { { 0, 1000000 }, { 0, 1000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), err;
	uint64_t nr;

	if (fd < 0)
		return -errno;
	err = fail_done(timerfd_settime(fd, 0, &when, NULL));
	if (err == 0)
		err = whole(read(fd, &nr, sizeof(nr)), sizeof(nr));
	close(fd);
	return err;
}

static int run_signalfd(void)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd, err;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = fail_done(kill(getpid(), SIGUSR1));
	if (err == 0)
		err = whole(read(fd, &info, sizeof(info)), sizeof(info));
	close(fd);
	return err;
}

static int run_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN }, out[4];
	int fd = epoll_create1(EPOLL_CLOEXEC), inner = -1, event = -1, err;

	if (fd < 0)
		return -errno;
	inner = epoll_create1(EPOLL_CLOEXEC);
	event = eventfd(1, EFD_CLOEXEC);
	err = inner < 0 || event < 0 ? -errno : 0;
	if (err == 0)
		err = fail_done(epoll_ctl(inner, EPOLL_CTL_ADD, event, &e));
	if (err == 0)
		err = fail_done(epoll_ctl(fd, EPOLL_CTL_ADD, inner, &e));
	if (err == 0)
		err = fail_done(epoll_wait(fd, out, 4, 0));
	if (err == 0)
		err = fail_done(epoll_ctl(inner, EPOLL_CTL_DEL, event, NULL));
	if (event >= 0)
		close(event);
	if (inner >= 0)
		close(inner);
	close(fd);
	return err;
}

static int run_poll(void)
{
	struct pollfd fds[600];
	struct timeval none = { 0, 0 };
	fd_set set;
	int ends[2], err;

	if (pipe(ends) != 0)
		return -errno;
	for (int i = 0; i < 600; i++)
		fds[i] = (struct pollfd){ ends[0], POLLIN, 0 };
	err = fail_done(poll(fds, 600, 0));
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	if (err == 0)
		err = fail_done(select(ends[0] + 1, &set, NULL, NULL, &none));
	close(ends[0]), close(ends[1]);
	return err;
}

/* ---- signals and timers ---- */

static int run_sigqueue(void)
{
	union sigval value = { .sival_int = 1 };
	struct timespec none = { 0, 0 };
	sigset_t set;
	int err = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 3 && err == 0; i++)
		err = fail_done(sigqueue(getpid(), SIGRTMIN + 1, value));
	while (sigtimedwait(&set, NULL, &none) > 0)
		continue;
	return err;
}

static void nothing(int sig)
{
	(void)sig;
}

static int run_handler(void)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR2, &action, NULL);
	return fail_done(kill(getpid(), SIGUSR2));
}

static int run_posix_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	struct itimerspec when = { { 0, 0 }, { 0, 1000000 } };
	timer_t timer;
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		return -errno;
	err = fail_done(timer_settime(timer, 0, &when, NULL));
	if (err == 0)
		err = fail_done(sigwaitinfo(&set, NULL));
	timer_delete(timer);
	return err;
}

/* ---- futexes ---- */

static int run_futex(void)
{
	static uint32_t word;
	struct timespec soon = { 0, 1000 };
	int err = fail_done((int)syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0));

	if (err != -ETIMEDOUT)
		return err == 0 ? -EIO : err;
	return fail_done((int)syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0));
}

static int run_futex_pi(void)
{
	static uint32_t word;
	int err = fail_done((int)syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));

	return err != 0 ? err
			: fail_done((int)syscall(SYS_futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL,
						 0));
}

/* A futex that another process holds. */
static int run_futex_pi_wait(void)
{
	uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	struct timespec now = { 0, 0 };
	int err;

	if (word == MAP_FAILED)
		return -errno;
	*word = (uint32_t)getppid();
	err = fail_done((int)syscall(SYS_futex, word, FUTEX_LOCK_PI, 0, &now, NULL, 0));
	munmap(word, 4096);
	return err == -ETIMEDOUT ? 0 : err == 0 ? -EIO : err;
}

/* ---- System V ---- */

static int run_shm(void)
{
	int id = shmget(IPC_PRIVATE, LEN, 0600), err = 0;
	char *at;

	if (id < 0)
		return -errno;
	at = shmat(id, NULL, 0);
	if (at == (void *)-1)
		err = -errno;
	(void)shmctl(id, IPC_RMID, NULL);
	if (err != 0)
		return err;
	for (size_t i = 0; i < LEN; i += 4096)
		at[i] = 1;
	return fail_done(shmdt(at));
}

static int run_sem(void)
{
	struct sembuf up[2] = { { 0, 1, SEM_UNDO }, { 2, 1, SEM_UNDO } };
	int id = semget(IPC_PRIVATE, 3, 0600), err;
	unsigned short values[3] = { 1, 2, 3 };

	if (id < 0)
		return -errno;
	err = fail_done(semop(id, up, 2));
	if (err == 0)
		err = fail_done(semctl(id, 0, SETALL, values));
	if (err == 0)
		err = fail_done(semctl(id, 0, GETALL, values));
	(void)semctl(id, 0, IPC_RMID);
	return err;
}

static int run_msg(void)
{
	static struct {
		long type;
		char text[4000];
	} m = { .type = 1 };
	int id = msgget(IPC_PRIVATE, 0600), err;

	if (id < 0)
		return -errno;
	err = fail_done(msgsnd(id, &m, sizeof(m.text), 0));
	if (err == 0)
		err = fail_done((int)msgrcv(id, &m, sizeof(m.text), 0, IPC_NOWAIT));
	(void)msgctl(id, IPC_RMID, NULL);
	return err;
}

/* ---- POSIX ---- */

static const char *own_name(void)
{
	static char name[32];

	snprintf(name, sizeof(name), "/hull-%d", getpid());
	return name;
}

static int run_mqueue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 512 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	mqd_t q = mq_open(own_name(), O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
	int err;

	if (q < 0)
		return -errno;
	err = fail_done(mq_notify(q, &event));
	(void)mq_notify(q, NULL);
	if (err == 0)
		err = fail_done(mq_send(q, bytes, 512, 3));
	if (err == 0)
		err = fail_done((int)mq_receive(q, bytes, 512, NULL));
	mq_close(q);
	if (mq_unlink(own_name()) != 0 && err == 0)
		err = -errno; /* done again, it takes the name away */
	return err;
}

static int run_posix_shm(void)
{
	int fd = shm_open(own_name(), O_RDWR | O_CREAT, 0600), err;

	if (fd < 0)
		return -errno;
	err = whole(write(fd, bytes, LEN), LEN);
	close(fd);
	if (shm_unlink(own_name()) != 0 && err == 0)
		err = -errno;
	return err;
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ } \
	}

static const struct fail_op ops[] = {
	ROW(pipe, 0),          ROW(splice, 0),
	ROW(eventfd, 0),       ROW(timerfd, 0),
	ROW(signalfd, EAGAIN), ROW(epoll, 0),
	ROW(poll, 0),          ROW(sigqueue, EAGAIN),
	ROW(handler, EAGAIN),  ROW(posix_timer, EAGAIN),
	ROW(futex, 0),         ROW(futex_pi, 0),
	ROW(futex_pi_wait, 0), ROW(shm, ENOSPC),
	ROW(sem, ENOSPC),      ROW(msg, ENOSPC),
	ROW(mqueue, ENOSPC),   ROW(posix_shm, ENOSPC),
};

int main(int argc, char **argv)
{
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
