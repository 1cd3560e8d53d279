/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process knows and says of itself: ids, credentials, capabilities, prctl(2),
	 personality(2).
 */
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "check.h"

static void test_ids(void)
{
	uid_t r, e, s;

	CHECK(getpid() > 0);
	CHECK(getppid() >= 0);
	CHECK_EQ(syscall(SYS_gettid), getpid());
	CHECK(getpgrp() == getpgid(0));
	CHECK(getsid(0) >= 0);
	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK(r == getuid() && e == geteuid());
	CHECK_EQ(getresgid(&r, &e, &s), 0);
	CHECK(r == getgid() && e == getegid());
	CHECK_EQ(setuid(getuid()), 0);
	CHECK_EQ(setgid(getgid()), 0);
	CHECK_EQ(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1), 0);
	CHECK_EQ(setreuid((uid_t)-1, geteuid()), 0);
	CHECK_EQ(setfsuid((uid_t)-1), geteuid());
	CHECK_ERR(syscall(SYS_getresuid, 1, 1, 1), EFAULT);
	CHECK_ERR(getpgid(0x3ffffff), ESRCH);
}

static void test_groups(void)
{
	gid_t groups[64], set[3] = { 5, 1000, 70000 };
	int nr = getgroups(64, groups);

	CHECK(nr >= 0);
	CHECK_EQ(getgroups(0, NULL), nr);
	CHECK_ERR(syscall(SYS_getgroups, -1, groups), EINVAL);
	if (geteuid() != 0) {
		CHECK_ERR(setgroups(3, set), EPERM);
		return;
	}
	CHECK_EQ(setgroups(3, set), 0);
	CHECK_EQ(getgroups(64, groups), 3);
	CHECK(groups[0] == 5 && groups[2] == 70000);
	CHECK_ERR(syscall(SYS_getgroups, 2, groups), EINVAL);
	CHECK_ERR(syscall(SYS_setgroups, 70000, set), EINVAL);
	CHECK_EQ(setgroups(0, NULL), 0);
}

static void test_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	CHECK((geteuid() == 0) == ((data[0].effective & 1u << CAP_CHOWN) != 0));
	CHECK_EQ(syscall(SYS_capset, &header, data), 0);
	header.version = 0x1234;
	CHECK_ERR(syscall(SYS_capget, &header, data), EINVAL);
	CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
	CHECK_ERR(syscall(SYS_capget, 1, data), EFAULT);
	CHECK(prctl(PR_CAPBSET_READ, CAP_CHOWN) >= 0);
	CHECK_ERR(prctl(PR_CAPBSET_READ, 999), EINVAL);
}

static void *name_of_thread(void *name)
{
	prctl(PR_SET_NAME, "worker");
	prctl(PR_GET_NAME, name);
	return NULL;
}

static void test_prctl(void)
{
	char name[16] = "";
	pthread_t thread;
	int value = -1;

	CHECK_EQ(prctl(PR_SET_NAME, "a-name-longer-than-fits"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "a-name-longer-t");
	pthread_create(&thread, NULL, name_of_thread, name);
	pthread_join(thread, NULL);
	CHECK_STR(name, "worker");
	prctl(PR_GET_NAME, name);
	CHECK_STR(name, "a-name-longer-t");
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 7), EINVAL);
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGHUP), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &value), 0);
	CHECK_EQ(value, SIGHUP);
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, 0), 0);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 100000), 0);
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 100000);
	CHECK_ERR(prctl(123456), EINVAL);
	CHECK_ERR(prctl(PR_SET_NAME, 1), EFAULT);
}

static void test_personality(void)
{
	int old = personality(0xffffffff);

	CHECK(old >= 0);
	CHECK_EQ(personality((unsigned long)old | ADDR_NO_RANDOMIZE), old);
	CHECK_EQ(personality(0xffffffff), old | ADDR_NO_RANDOMIZE);
	CHECK_EQ(personality((unsigned long)old), old | ADDR_NO_RANDOMIZE);
}

int main(void)
{
	test_ids();
	test_groups();
	test_capabilities();
	test_prctl();
	test_personality();
	return check_done();
}
