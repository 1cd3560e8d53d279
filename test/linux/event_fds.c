/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eventfd(2), timerfd_create(2) and signalfd(2): things that happen, as descriptors.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include "child.h"

static int events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void test_eventfd(void)
{
	int fd = eventfd(3, EFD_NONBLOCK);
	int sem = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t value, max = UINT64_MAX - 1;

	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(value, 3);
	CHECK_ERR(read(fd, &value, 8), EAGAIN);
	value = 5;
	CHECK_EQ(write(fd, &value, 8), 8);
	CHECK_EQ(write(fd, &value, 8), 8);
	CHECK_EQ(events_of(fd), POLLIN | POLLOUT);
	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(value, 10);
	CHECK_EQ(events_of(fd), POLLOUT);
	CHECK_EQ(write(fd, &max, 8), 8);
	CHECK_EQ(events_of(fd), POLLIN);
	value = 1;
	CHECK_ERR(write(fd, &value, 8), EAGAIN);
	max = UINT64_MAX;
	CHECK_ERR(write(fd, &max, 8), EINVAL);
	CHECK_ERR(read(fd, &value, 4), EINVAL);
	CHECK_EQ(read(sem, &value, 8), 8);
	CHECK_EQ(value, 1);
	CHECK_EQ(read(sem, &value, 8), 8);
	CHECK_ERR(read(sem, &value, 8), EAGAIN);
	CHECK_ERR(eventfd(0, 0x100), EINVAL);
	close(fd), close(sem);
}

static void test_timerfd_oneshot(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec set = { .it_value = { 1000, 0 } }, left, off = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t nr;

	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &nr, 8), EAGAIN);
	CHECK_EQ(timerfd_settime(fd, 0, &set, NULL), 0);
	CHECK_ERR(read(fd, &nr, 8), EAGAIN);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec > 500 && left.it_value.tv_sec <= 1000);
	set.it_value = (struct timespec){ 0, 30000000 };
	CHECK_EQ(timerfd_settime(fd, 0, &set, NULL), 0);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec <= 30000000);
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(read(fd, &nr, 8), 8);
	CHECK_EQ(nr, 1);
	CHECK_ERR(read(fd, &nr, 8), EAGAIN);
	timerfd_gettime(fd, &left);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	set.it_value.tv_sec = 1000;
	CHECK_EQ(timerfd_settime(fd, 0, &set, NULL), 0);
	CHECK_EQ(timerfd_settime(fd, 0, &off, &left), 0);
	CHECK(left.it_value.tv_sec > 500);
	CHECK_EQ(poll(&p, 1, 0), 0);
	close(fd);
}

static void test_timerfd_periodic(void)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	struct itimerspec set = { .it_interval = { 0, 10000000 } };
	struct timespec wait = { 0, 105000000 };
	uint64_t nr, sum = 0;

	clock_gettime(CLOCK_REALTIME, &set.it_value); /* absolute, already past: at once */
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL), 0);
	nanosleep(&wait, NULL);
	CHECK_EQ(read(fd, &nr, 8), 8);
	CHECK(nr >= 10);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(read(fd, &nr, 8), 8);
		sum += nr;
	}
	CHECK(sum >= 3);
	close(fd);
}

/* A period shorter than the time it takes to expire costs nothing while nobody reads. */
static void test_timerfd_shortest_period(void)
{
	struct itimerspec set = { { 0, 1 }, { 0, 1 } }, off = { { 0, 0 }, { 0, 0 } };
	struct timespec pause = { 0, 5000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n = 0;

	CHECK_EQ(timerfd_settime(fd, 0, &set, NULL), 0);
	nanosleep(&pause, NULL);
	CHECK_EQ(read(fd, &n, sizeof(n)), sizeof(n));
	CHECK(n >= 5000000);
	CHECK_EQ(read(fd, &n, sizeof(n)), sizeof(n));
	CHECK(n > 0);
	CHECK_EQ(timerfd_settime(fd, 0, &off, NULL), 0);
	close(fd);
}

static void test_timerfd_errors(void)
{
	struct itimerspec bad = { .it_value = { 0, 1000000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), null = open("/dev/null", O_RDONLY);

	CHECK_ERR(timerfd_create(99, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 0x100), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 0, &bad, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(fd, 0x100, &bad, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(null, 0, &bad, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(999, 0, (struct itimerspec[1]){ 0 }, NULL), EBADF);
	close(fd), close(null);
}

/* Only who may wake the machine up may have a timer that does (CAP_WAKE_ALARM). */
static int alarm_clocks_as_nobody(void *arg)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	const struct timespec moment = { 0, 1000 };
	timer_t id;
	int slept, errors = 0;

	(void)arg;
	if (getuid() == 0 && setuid(65534) != 0)
		return 100;
	errors += timerfd_create(CLOCK_REALTIME_ALARM, 0) != -1 || errno != EPERM;
	errors += timerfd_create(CLOCK_BOOTTIME_ALARM, 0) != -1 || errno != EPERM;
	errors += timerfd_create(CLOCK_BOOTTIME, 0) < 0;
	/* without a clock chip Linux does not come to that */
	errors += timer_create(CLOCK_REALTIME_ALARM, &ev, &id) != -1 ||
		  (errno != EPERM && errno != EOPNOTSUPP);
	slept = clock_nanosleep(CLOCK_BOOTTIME_ALARM, 0, &moment, NULL);
	return errors + (slept != EPERM && slept != EOPNOTSUPP);
}

/* A container's root need not have the capability. */
static bool may_wake(void)
{
	unsigned long long caps = 0;
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "CapEff: %llx", &caps);
	if (f != NULL)
		fclose(f);
	return (caps >> 35 & 1) != 0;
}

static void test_alarm_clocks(void)
{
	int fd = timerfd_create(CLOCK_REALTIME_ALARM, 0);

	CHECK(may_wake() ? fd >= 0 : fd == -1);
	close(fd);
	CHECK_EQ(child_run(alarm_clocks_as_nobody, NULL), 0);
}

static void test_signalfd(void)
{
	struct signalfd_siginfo info[2];
	union sigval value = { .sival_int = 55 };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_EQ(events_of(fd), 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(events_of(fd), POLLIN);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, value), 0);
	CHECK_EQ(read(fd, info, sizeof(info)), sizeof(info));
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[1].ssi_signo, SIGRTMIN);
	CHECK_EQ(info[1].ssi_int, 55);
	CHECK_EQ(info[1].ssi_code, SI_QUEUE);
	CHECK_ERR(read(fd, info, 10), EINVAL);
	sigdelset(&set, SIGUSR1);
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	kill(getpid(), SIGUSR1);
	CHECK_ERR(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_ERR(signalfd(-1, &set, 0x100), EINVAL);
	CHECK_ERR(signalfd(999, &set, 0), EBADF);
	close(fd);
}

int main(void)
{
	test_eventfd();
	test_timerfd_oneshot();
	test_timerfd_periodic();
	test_timerfd_shortest_period();
	test_timerfd_errors();
	test_alarm_clocks();
	test_signalfd();
	return check_done();
}
