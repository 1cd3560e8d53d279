/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler's calls in depth: sched_setattr(2) and its flags, SCHED_RESET_ON_FORK, what a fork
 * and a thread inherit, who may change whom, nice values of groups and users, I/O priorities,
 * affinity of other tasks.
 */
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "child.h"

#define KEEP_POLICY 0x08
#define KEEP_PARAMS 0x10

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static bool root; /* may do anything */

static long setattr(const struct attr *a)
{
	return syscall(SYS_sched_setattr, 0, a, 0);
}

static long read_attr(struct attr *a)
{
	memset(a, 0x55, sizeof(*a));
	return syscall(SYS_sched_getattr, 0, a, sizeof(*a), 0);
}

static struct attr getattr(void)
{
	struct attr a;

	CHECK_EQ(read_attr(&a), 0);
	return a;
}

static void test_attr(void)
{
	struct attr a = { .size = sizeof(a), .nice = 6 }, now;

	CHECK_EQ(setattr(&a), 0);
	now = getattr();
	CHECK_EQ(now.size, sizeof(a));
	CHECK(now.policy == SCHED_OTHER && now.nice == 6 && now.priority == 0 && now.flags == 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 6);
	a.nice = 100; /* clipped */
	CHECK_EQ(setattr(&a), 0);
	CHECK_EQ(getattr().nice, 19);
	a.size = 48, a.policy = SCHED_BATCH;
	CHECK_EQ(setattr(&a), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	a.size = 0, a.policy = SCHED_OTHER;
	CHECK_EQ(setattr(&a), 0);
	CHECK_EQ(syscall(SYS_sched_getattr, 0, &now, 48, 0), 0);
	CHECK_EQ(now.size, 48);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &now, 47, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &now, 4097, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &now, 48, 1), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, -1, &now, 48, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, 0x3ffffff, &now, 48, 0), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, 1, 48, 0), EFAULT);
}

static void test_attr_errors(void)
{
	uint32_t big[64] = { sizeof(big) };
	struct attr a = { .size = 10 };

	CHECK_ERR(setattr(&a), E2BIG);
	CHECK(a.size >= 48);
	a = (struct attr){ .size = 5000 };
	CHECK_ERR(setattr(&a), E2BIG);
	big[5] = 0, big[4] = 19;
	CHECK_EQ(syscall(SYS_sched_setattr, 0, big, 0), 0); /* what is not known is zero */
	big[60] = 1;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, big, 0), E2BIG);
	a = (struct attr){ .size = 48, .policy = 4 };
	CHECK_ERR(setattr(&a), EINVAL);
	a = (struct attr){ .size = 48, .flags = 1u << 30, .nice = 19 };
	CHECK_ERR(setattr(&a), EINVAL);
	a = (struct attr){ .size = 48, .priority = 3 };
	CHECK_ERR(setattr(&a), EINVAL);
	a = (struct attr){ .size = 48, .policy = SCHED_FIFO };
	CHECK_ERR(setattr(&a), EINVAL);
	a.priority = 100;
	CHECK_ERR(setattr(&a), EINVAL);
	a = (struct attr){ .size = 48, .policy = 6, .runtime = 10 }; /* SCHED_DEADLINE */
	CHECK_ERR(setattr(&a), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, -1, &a, 0), EINVAL);
	a = (struct attr){ .size = 48, .nice = 19 };
	CHECK_ERR(syscall(SYS_sched_setattr, 0x3ffffff, &a, 0), ESRCH);
}

static void test_realtime(void)
{
	struct attr a = { .size = 48, .policy = SCHED_FIFO, .priority = 7 }, now;
	struct sched_param param = { .sched_priority = 9 };
	struct timespec quantum;

	if (!root) {
		CHECK_ERR(setattr(&a), EPERM);
		return;
	}
	a.nice = -3; /* does not count */
	CHECK_EQ(setattr(&a), 0);
	now = getattr();
	CHECK(now.policy == SCHED_FIFO && now.priority == 7 && now.nice == 0);
	CHECK_EQ(sched_rr_get_interval(0, &quantum), 0);
	CHECK_EQ(quantum.tv_sec + quantum.tv_nsec, 0);
	CHECK_EQ(sched_setparam(0, &param), 0);
	CHECK_EQ(getattr().priority, 9);
	a.flags = KEEP_POLICY, a.policy = SCHED_OTHER, a.priority = 12;
	CHECK_EQ(setattr(&a), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO);
	CHECK_EQ(getattr().priority, 12);
	a.flags = KEEP_POLICY | KEEP_PARAMS, a.priority = 0;
	CHECK_EQ(setattr(&a), 0);
	CHECK_EQ(getattr().priority, 12);
	CHECK_EQ(sched_setscheduler(0, SCHED_RR, &param), 0);
	CHECK_EQ(sched_rr_get_interval(0, &quantum), 0);
	CHECK(quantum.tv_nsec > 0);
	param.sched_priority = 0;
	CHECK_ERR(sched_setscheduler(0, SCHED_RR, &param), EINVAL);
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &param), 0);
	CHECK_ERR(sched_setscheduler(0, 6, &param), EINVAL);
	CHECK_EQ(getattr().nice, 19); /* as before */
}

static int report_policy(void *unused)
{
	struct attr a;

	(void)unused;
	if (read_attr(&a) != 0)
		return -1;
	return sched_getscheduler(0) | (int)a.priority << 3 | (a.nice + 20) % 2 << 7;
}

static void *report_in_thread(void *out)
{
	*(int *)out = sched_getscheduler(0);
	return NULL;
}

static void test_inheritance(void)
{
	struct sched_param param = { .sched_priority = 5 };
	pthread_t thread;
	int policy = -1;

	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 19), 0);
	if (!root)
		return;
	CHECK_EQ(sched_setscheduler(0, SCHED_RR, &param), 0);
	CHECK_EQ(child_run(report_policy, NULL), SCHED_RR | 5 << 3);
	pthread_create(&thread, NULL, report_in_thread, &policy);
	pthread_join(thread, NULL);
	CHECK_EQ(policy, SCHED_RR);
	CHECK_EQ(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	CHECK_EQ(getattr().flags, 1);
	CHECK_EQ(child_run(report_policy, NULL), SCHED_OTHER);
	param.sched_priority = 6;
	CHECK_EQ(sched_setparam(0, &param), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK); /* stays */
	param.sched_priority = 0;
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &param), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, -7), 0);
	CHECK_EQ(child_run(report_policy, NULL), SCHED_OTHER); /* nice 0 */
	CHECK_EQ(sched_setscheduler(0, SCHED_OTHER, &param), 0);
	CHECK_EQ(child_run(report_policy, NULL), SCHED_OTHER | 1 << 7); /* nice -7 */
}

/* ---- permissions ---- */

static bool is_refused(int result, int error)
{
	return result != 0 && errno == error;
}

/* What the limits of a user allow; they are 10 and 18. */
static int within_limits(void)
{
	struct sched_param fifo = { .sched_priority = 10 };
	struct rlimit none = { 0, 0 };

	if (setpriority(PRIO_PROCESS, 0, 3) != 0)
		return 1;
	if (!is_refused(setpriority(PRIO_PROCESS, 0, 1), EACCES))
		return 2;
	if (setpriority(PRIO_PROCESS, 0, 4) != 0)
		return 3;
	if (sched_setscheduler(0, SCHED_FIFO, &fifo) != 0)
		return 4;
	fifo.sched_priority = 11;
	if (!is_refused(sched_setparam(0, &fifo), EPERM))
		return 5;
	setrlimit(RLIMIT_RTPRIO, &none);
	fifo.sched_priority = 9;
	if (sched_setparam(0, &fifo) != 0) /* lower is always fine */
		return 6;
	return is_refused(sched_setscheduler(0, SCHED_RR, &fifo), EPERM) ? 0 : 7;
}

#define OTHER_USER 54330 /* with processes of this test alone */

static int as_user(void *unused)
{
	struct rlimit rtprio = { 10, 10 }, nice_limit = { 18, 18 };
	struct sched_param zero = { 0 };
	bool limits = setrlimit(RLIMIT_RTPRIO, &rtprio) == 0 &&
		      setrlimit(RLIMIT_NICE, &nice_limit) == 0;
	pid_t parent = getppid();
	int err;

	(void)unused;
	setpriority(PRIO_PROCESS, 0, 5);
	if (setgid(OTHER_USER) || setuid(OTHER_USER))
		return 77;
	if (!is_refused(setpriority(PRIO_PROCESS, parent, 19), EPERM))
		return 11;
	if (!is_refused(sched_setscheduler(parent, SCHED_BATCH, &zero), EPERM))
		return 12;
	err = limits ? within_limits() : 0;
	if (err != 0)
		return err;
	if (!limits && !is_refused(setpriority(PRIO_PROCESS, 0, 3), EACCES))
		return 13;
	if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &zero) != 0)
		return 14;
	if (!is_refused(sched_setscheduler(0, SCHED_OTHER, &zero), EPERM))
		return 15;
	if (!is_refused((int)syscall(SYS_ioprio_set, 1, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0)),
			EPERM))
		return 16;
	if (!is_refused(
		    (int)syscall(SYS_ioprio_set, 1, parent, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 0)),
		    EPERM))
		return 17;
	if (setpriority(PRIO_USER, OTHER_USER, 6) != 0 || getpriority(PRIO_USER, OTHER_USER) != 6)
		return 18;
	return sched_getscheduler(parent) == SCHED_OTHER ? 0 : 19; /* anybody may ask */
}

/* ---- groups and users ---- */

static int wait_for_end(void *fd)
{
	char c;

	setpgid(0, 0);
	return (int)read(*(int *)fd, &c, 1);
}

static void test_groups(void)
{
	int fds[2];
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	pid = child_start(wait_for_end, &fds[0]);
	setpgid(pid, pid);
	CHECK_EQ(getpriority(PRIO_PGRP, pid), 5);
	CHECK_EQ(setpriority(PRIO_PGRP, pid, 9), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, pid), 9);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK(getpriority(PRIO_PGRP, 0) <= 5);
	CHECK_EQ(syscall(SYS_ioprio_set, IOPRIO_WHO_PGRP, pid,
			 IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 1)),
		 0);
	CHECK_EQ(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid),
		 IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 1));
	CHECK_EQ(syscall(SYS_ioprio_get, IOPRIO_WHO_PGRP, pid),
		 IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 1));
	CHECK_ERR(setpriority(PRIO_PGRP, 0x3ffffff, 0), ESRCH);
	CHECK_ERR(getpriority(PRIO_USER, 987654), ESRCH);
	CHECK_ERR(getpriority(7, 0), EINVAL);
	CHECK(getpriority(PRIO_USER, 0) <= 5);
	close(fds[1]);
	kill(pid, SIGKILL);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
	CHECK_ERR(getpriority(PRIO_PGRP, pid), ESRCH);
	close(fds[0]);
}

static int own_ioprio(void *unused)
{
	(void)unused;
	return (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) & 15;
}

static void test_ioprio(void)
{
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	CHECK_EQ(child_run(own_ioprio, NULL), 6);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 7)), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, getpid()), IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 7));
	CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, 4), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_set, 1, 0, 5 << 13), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_set, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_get, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_ioprio_set, 1, 0x3ffffff, 0), ESRCH);
	CHECK_ERR(syscall(SYS_ioprio_get, 2, 0x3ffffff), ESRCH);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, 0), 0);
}

/* ---- CPUs ---- */

static int has_one_cpu(void *cpu)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) != 1 ||
	       !CPU_ISSET(*(int *)cpu, &set) || sched_getcpu() != *(int *)cpu;
}

static void test_affinity(void)
{
	cpu_set_t all, one, now;
	int fds[2], cpu = -1;
	pid_t pid;

	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		cpu = i;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		CHECK_EQ(sched_getcpu(), i);
		CHECK_EQ(child_run(has_one_cpu, &cpu), 0);
	}
	CHECK_EQ(pipe(fds), 0);
	pid = child_start(wait_for_end, &fds[0]);
	CHECK_EQ(sched_setaffinity(pid, sizeof(all), &all), 0);
	CHECK_EQ(sched_getaffinity(pid, sizeof(now), &now), 0);
	CHECK(CPU_EQUAL(&now, &all));
	CHECK_EQ(sched_getaffinity(0, sizeof(now), &now), 0);
	CHECK(CPU_EQUAL(&now, &one));
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(1023, &one); /* there is no such CPU */
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CHECK_ERR(sched_setaffinity(0x3ffffff, sizeof(all), &all), ESRCH);
	CHECK_ERR(syscall(SYS_sched_setaffinity, 0, 8, 1), EFAULT);
}

int main(void)
{
	struct sched_param param = { .sched_priority = 1 };

	root = geteuid() == 0 && sched_setscheduler(0, SCHED_FIFO, &param) == 0;
	param.sched_priority = 0;
	sched_setscheduler(0, SCHED_OTHER, &param);
	test_affinity();
	if (root)
		CHECK_EQ(child_run(as_user, NULL), 0);
	test_groups();
	test_ioprio();
	test_attr();
	test_attr_errors();
	test_realtime();
	test_inheritance();
	return check_done();
}
