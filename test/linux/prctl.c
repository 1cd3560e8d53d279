/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prctl(2) option by option: what each keeps, inherits and refuses; the death signal of a parent;
 * secure bits and ambient capabilities.
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "child.h"

#define GET_AUXV 0x41555856

static long do_prctl(int option, unsigned long a2, unsigned long a3)
{
	return syscall(SYS_prctl, option, a2, a3, 0ul, 0ul);
}

static void test_machine(void)
{
	unsigned long auxv[64];
	int value = -1;
	long len;

	CHECK_EQ(do_prctl(PR_GET_TIMING, 0, 0), PR_TIMING_STATISTICAL);
	CHECK_EQ(do_prctl(PR_SET_TIMING, PR_TIMING_STATISTICAL, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP, 0), EINVAL);
	CHECK_EQ(do_prctl(PR_GET_TSC, (unsigned long)&value, 0), 0);
	CHECK_EQ(value, PR_TSC_ENABLE);
	CHECK_EQ(do_prctl(PR_SET_TSC, PR_TSC_ENABLE, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_TSC, 9, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_GET_TSC, 1, 0), EFAULT);
	CHECK_EQ(do_prctl(PR_GET_SECCOMP, 0, 0), 0);
	CHECK_EQ(do_prctl(PR_TASK_PERF_EVENTS_DISABLE, 0, 0), 0);
	CHECK_EQ(do_prctl(PR_TASK_PERF_EVENTS_ENABLE, 0, 0), 0);
	CHECK(do_prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, 0) >= 0);
	CHECK(do_prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, 0) >= 0);
	CHECK_ERR(do_prctl(PR_GET_SPECULATION_CTRL, 99, 0), ENODEV);
	CHECK_ERR(do_prctl(PR_SET_SPECULATION_CTRL, 99, PR_SPEC_ENABLE), ENODEV);
	CHECK_ERR(do_prctl(PR_GET_SPECULATION_CTRL, 0, 1), EINVAL);
	CHECK_EQ(do_prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_SYSCALL_USER_DISPATCH, 5, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_GET_UNALIGN, (unsigned long)&value, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_GET_ENDIAN, (unsigned long)&value, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_GET_FPEMU, (unsigned long)&value, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_SVE_GET_VL, 0, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_PAC_RESET_KEYS, 0, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_SET_FP_MODE, 0, 0), EINVAL);
	CHECK_ERR(do_prctl(0, 0, 0), EINVAL);
	CHECK_ERR(do_prctl(-1, 0, 0), EINVAL);
	len = do_prctl(GET_AUXV, (unsigned long)auxv, sizeof(auxv));
	CHECK(len > 100 && len % 16 == 0);
	CHECK(auxv[0] != 0);
	CHECK_ERR(do_prctl(GET_AUXV, 1, 64), EFAULT);
}

static int kept_by_fork(void *unused)
{
	int reaper = -1, sig = -1;

	(void)unused;
	if (do_prctl(PR_GET_TIMERSLACK, 0, 0) != 77777)
		return 1;
	if (do_prctl(PR_GET_THP_DISABLE, 0, 0) != 1)
		return 2;
	do_prctl(PR_GET_CHILD_SUBREAPER, (unsigned long)&reaper, 0);
	if (reaper != 0)
		return 3;
	do_prctl(PR_GET_PDEATHSIG, (unsigned long)&sig, 0);
	if (sig != 0)
		return 4;
	if (do_prctl(PR_GET_DUMPABLE, 0, 0) != 0)
		return 5;
	if (do_prctl(PR_MCE_KILL_GET, 0, 0) != PR_MCE_KILL_EARLY)
		return 6;
	if (do_prctl(PR_GET_KEEPCAPS, 0, 0) != 1)
		return 7;
	return 0;
}

static void test_kept(void)
{
	int value = -1;

	CHECK_EQ(do_prctl(PR_GET_TIMERSLACK, 0, 0), 50000);
	CHECK_EQ(do_prctl(PR_SET_TIMERSLACK, 77777, 0), 0);
	CHECK_EQ(do_prctl(PR_SET_THP_DISABLE, 1, 0), 0);
	CHECK_EQ(do_prctl(PR_GET_THP_DISABLE, 0, 0), 1);
	CHECK_ERR(do_prctl(PR_GET_THP_DISABLE, 1, 0), EINVAL);
	CHECK_EQ(do_prctl(PR_SET_CHILD_SUBREAPER, 5, 0), 0);
	CHECK_EQ(do_prctl(PR_GET_CHILD_SUBREAPER, (unsigned long)&value, 0), 0);
	CHECK_EQ(value, 1);
	CHECK_ERR(do_prctl(PR_GET_CHILD_SUBREAPER, 1, 0), EFAULT);
	CHECK_EQ(do_prctl(PR_SET_PDEATHSIG, 64, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_PDEATHSIG, 65, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_GET_PDEATHSIG, 1, 0), EFAULT);
	CHECK_EQ(do_prctl(PR_SET_DUMPABLE, 0, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_DUMPABLE, 2, 0), EINVAL);
	CHECK_EQ(do_prctl(PR_MCE_KILL_GET, 0, 0), PR_MCE_KILL_DEFAULT);
	CHECK_EQ(do_prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY), 0);
	CHECK_ERR(do_prctl(PR_MCE_KILL, PR_MCE_KILL_SET, 3), EINVAL);
	CHECK_ERR(do_prctl(PR_MCE_KILL, 2, 0), EINVAL);
	CHECK_ERR(do_prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1), EINVAL);
	CHECK_EQ(do_prctl(PR_SET_KEEPCAPS, 1, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_KEEPCAPS, 2, 0), EINVAL);
	CHECK_EQ(child_run(kept_by_fork, NULL), 0);
	CHECK_EQ(do_prctl(PR_SET_TIMERSLACK, 0, 0), 0); /* back to the default */
	CHECK_EQ(do_prctl(PR_GET_TIMERSLACK, 0, 0), 50000);
	CHECK_EQ(do_prctl(PR_SET_THP_DISABLE, 0, 0), 0);
	CHECK_EQ(do_prctl(PR_SET_CHILD_SUBREAPER, 0, 0), 0);
	CHECK_EQ(do_prctl(PR_SET_PDEATHSIG, 0, 0), 0);
	CHECK_EQ(do_prctl(PR_SET_DUMPABLE, 1, 0), 0);
	CHECK_EQ(do_prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0), 0);
	CHECK_EQ(do_prctl(PR_MCE_KILL_GET, 0, 0), PR_MCE_KILL_DEFAULT);
	CHECK_EQ(do_prctl(PR_SET_KEEPCAPS, 0, 0), 0);
}

static int tid_address;

static void test_tid_address(void)
{
	unsigned long was = 0, now = 0;

	CHECK_EQ(do_prctl(PR_GET_TID_ADDRESS, (unsigned long)&was, 0), 0);
	CHECK_EQ(syscall(SYS_set_tid_address, &tid_address), gettid());
	CHECK_EQ(do_prctl(PR_GET_TID_ADDRESS, (unsigned long)&now, 0), 0);
	CHECK_EQ(now, (unsigned long)&tid_address);
	syscall(SYS_set_tid_address, was);
}

/* ---- the death of a parent ---- */

static int middle(void *fd)
{
	int out = *(int *)fd, ready[2];
	char c;

	if (pipe(ready) != 0)
		return 1;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(out, "x", 1) != 1 || write(ready[1], "x", 1) != 1)
			_exit(1);
		sleep(240);
		if (write(out, "y", 1) != 1)
			_exit(1);
		_exit(0);
	}
	return read(ready[0], &c, 1) == 1 ? 0 : 1;
}

static void test_death_signal(void)
{
	int fds[2];
	char c = 0;

	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(child_run(middle, &fds[1]), 0);
	close(fds[1]);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(read(fds[0], &c, 1), 0); /* its writer was killed */
	close(fds[0]);
}

/* ---- capabilities ---- */

static int set_inheritable(unsigned int bits)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) != 0)
		return -1;
	d[0].inheritable = bits;
	return (int)syscall(SYS_capset, &h, d);
}

static int ambient_rules(void *unused)
{
	(void)unused;
	if (do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0 || errno != EPERM)
		return 1;
	if (set_inheritable(1u << CAP_KILL | 1u << CAP_CHOWN) != 0)
		return 2;
	if (do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL) != 0 ||
	    do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN) != 0)
		return 3;
	if (do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL) != 1)
		return 4;
	if (do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN) != 0 ||
	    do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN) != 0)
		return 5;
	if (set_inheritable(0) != 0 ||
	    do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL) != 0)
		return 6;
	if (do_prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0) != 0 ||
	    set_inheritable(1u << CAP_KILL) != 0)
		return 7;
	if (do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0 || errno != EPERM)
		return 8;
	if (do_prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE, 0) !=
	    0)
		return 9;
	if (do_prctl(PR_SET_KEEPCAPS, 1, 0) == 0 || errno != EPERM)
		return 10;
	if (do_prctl(PR_SET_SECUREBITS, 0, 0) == 0 || errno != EPERM) /* a lock stays */
		return 11;
	if (do_prctl(PR_CAPBSET_DROP, CAP_KILL, 0) != 0 ||
	    do_prctl(PR_CAPBSET_READ, CAP_KILL, 0) != 0)
		return 12;
	if (setgid(2000) || setuid(2000))
		return 77;
	if (do_prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0) == 0 || errno != EPERM)
		return 13;
	if (do_prctl(PR_GET_DUMPABLE, 0, 0) != 0) /* it became somebody else */
		return 14;
	return 0;
}

static void test_capabilities(void)
{
	CHECK_ERR(do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99), EINVAL);
	CHECK_ERR(do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1), EINVAL);
	CHECK_ERR(do_prctl(PR_CAP_AMBIENT, 9, 0), EINVAL);
	CHECK_EQ(do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0), 0);
	CHECK_EQ(do_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL), 0);
	CHECK_EQ(do_prctl(PR_GET_SECUREBITS, 0, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_SECUREBITS, 1 << 20, 0), EPERM);
	if (geteuid() == 0)
		CHECK_EQ(child_run(ambient_rules, NULL), 0);
}

static void *death_signal_of_thread(void *out)
{
	do_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);
	*(long *)out = do_prctl(PR_GET_NO_NEW_PRIVS, 0, 0);
	return NULL;
}

/* It is the thread's own. */
static void test_no_new_privs(void)
{
	pthread_t thread;
	long value = -1;

	pthread_create(&thread, NULL, death_signal_of_thread, &value);
	pthread_join(thread, NULL);
	CHECK_EQ(value, 1);
	CHECK_EQ(do_prctl(PR_GET_NO_NEW_PRIVS, 0, 0), 0);
	CHECK_ERR(do_prctl(PR_SET_NO_NEW_PRIVS, 1, 1), EINVAL);
	CHECK_ERR(do_prctl(PR_GET_NO_NEW_PRIVS, 1, 0), EINVAL);
}

int main(void)
{
	test_machine();
	test_kept();
	test_tid_address();
	test_death_signal();
	test_capabilities();
	test_no_new_privs();
	return check_done();
}
