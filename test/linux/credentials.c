/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a process is and becomes: the set*uid family with its saved ids, capabilities that come and
 * go with them, file-system ids, groups, capget and capset between processes, signals by user id,
 * ids of one thread only. As root, in children; as anybody else what is refused.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "child.h"

#define NONE ((uid_t)-1)

static bool uids_are(uid_t r, uid_t e, uid_t s)
{
	uid_t ids[3];

	return getresuid(&ids[0], &ids[1], &ids[2]) == 0 && ids[0] == r && ids[1] == e &&
	       ids[2] == s;
}

static bool gids_are(gid_t r, gid_t e, gid_t s)
{
	gid_t ids[3];

	return getresgid(&ids[0], &ids[1], &ids[2]) == 0 && ids[0] == r && ids[1] == e &&
	       ids[2] == s;
}

static bool refused(int result)
{
	return result == -1 && errno == EPERM;
}

struct caps {
	unsigned long effective, permitted, inheritable;
};

static struct caps caps_of(pid_t pid)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, pid };
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d) != 0)
		return (struct caps){ 1, 2, 3 };
	return (struct caps){
		d[0].effective | (unsigned long)d[1].effective << 32,
		d[0].permitted | (unsigned long)d[1].permitted << 32,
		d[0].inheritable | (unsigned long)d[1].inheritable << 32,
	};
}

static int set_caps(const struct caps *c)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (unsigned int)c->effective, (unsigned int)c->permitted,
		  (unsigned int)c->inheritable },
		{ (unsigned int)(c->effective >> 32), (unsigned int)(c->permitted >> 32),
		  (unsigned int)(c->inheritable >> 32) },
	};

	return (int)syscall(SYS_capset, &h, d);
}

/* Every step says its line when it fails. */
#define STEP(cond) \
	do { \
		if (!(cond)) { \
			printf("step failed: %s:%d %s\n", __FILE__, __LINE__, #cond); \
			fflush(stdout); \
			return 1; \
		} \
	} while (0)

static int saved_ids(void *unused)
{
	(void)unused;
	STEP(setresuid(100, 200, 300) == 0);
	STEP(uids_are(100, 200, 300));
	STEP(refused(setuid(400)));
	STEP(setuid(300) == 0); /* the effective one only */
	STEP(uids_are(100, 300, 300));
	STEP(setuid(100) == 0);
	STEP(uids_are(100, 100, 300));
	STEP(seteuid(300) == 0);
	STEP(refused(seteuid(200)));
	STEP(setresuid(NONE, 100, NONE) == 0);
	STEP(uids_are(100, 100, 300));
	STEP(refused(setresuid(NONE, NONE, 400)));
	STEP(setresuid(300, NONE, 100) == 0);
	STEP(uids_are(300, 100, 100));
	STEP(setreuid(100, 300) == 0);
	STEP(uids_are(100, 300, 300));
	STEP(refused(setreuid(NONE, 999)));
	STEP(setreuid(NONE, 100) == 0); /* back to the real one: the saved one stays */
	STEP(uids_are(100, 100, 300));
	STEP(setuid(NONE) == -1 && errno == EINVAL);
	return 0;
}

static int saved_gids(void *unused)
{
	(void)unused;
	STEP(setresgid(100, 200, 300) == 0);
	STEP(gids_are(100, 200, 300));
	STEP(setresuid(5, 5, 5) == 0);
	STEP(refused(setgid(400)));
	STEP(setgid(300) == 0);
	STEP(gids_are(100, 300, 300));
	STEP(setegid(100) == 0);
	STEP(setresgid(300, 100, 100) == 0);
	STEP(gids_are(300, 100, 100));
	STEP(refused(setregid(999, NONE)));
	STEP(refused(setresgid(NONE, 999, NONE)));
	STEP(refused(setgroups(0, NULL)));
	STEP(setgid(NONE) == -1 && errno == EINVAL);
	return 0;
}

static int root_leaves(void *unused)
{
	struct caps c = caps_of(0), all = c;

	(void)unused;
	STEP(c.effective != 0 && c.effective == c.permitted);
	STEP(seteuid(1000) == 0); /* the effective ones go, and come back */
	c = caps_of(0);
	STEP(c.effective == 0 && c.permitted == all.permitted);
	STEP(refused(setgid(5)));
	STEP(seteuid(0) == 0);
	c = caps_of(0);
	STEP(c.effective == all.permitted);
	STEP(setuid(1000) == 0); /* for good */
	STEP(uids_are(1000, 1000, 1000));
	c = caps_of(0);
	STEP(c.effective == 0 && c.permitted == 0);
	STEP(refused(setuid(0)));
	STEP(refused(seteuid(0)));
	return 0;
}

static int keeps_caps(void *unused)
{
	struct caps c = caps_of(0), all = c;

	(void)unused;
	STEP(prctl(PR_SET_KEEPCAPS, 1) == 0);
	STEP(setuid(1000) == 0);
	c = caps_of(0);
	STEP(c.permitted == all.permitted && c.effective == 0);
	c.effective = 1ul << CAP_SETUID;
	STEP(set_caps(&c) == 0);
	STEP(setresuid(7, 7, 7) == 0);
	c.permitted = c.effective = 0;
	STEP(set_caps(&c) == 0);
	c.permitted = 1ul << CAP_SETUID; /* what is gone does not come back */
	STEP(refused(set_caps(&c)));
	return 0;
}

static int no_fixup(void *unused)
{
	struct caps all = caps_of(0), c;

	(void)unused;
	STEP(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0);
	STEP(setresuid(1000, 1000, 1000) == 0);
	c = caps_of(0);
	STEP(c.effective == all.effective && c.permitted == all.permitted);
	return 0;
}

static int capset_rules(void *unused)
{
	struct caps c = caps_of(0);
	unsigned long all = c.permitted;

	(void)unused;
	c.effective = 1ul << CAP_KILL;
	STEP(set_caps(&c) == 0);
	STEP(setuid(5) == -1); /* CAP_SETUID is not effective */
	c.inheritable = 1ul << CAP_KILL;
	STEP(set_caps(&c) == 0);
	c.permitted = 1ul << CAP_CHOWN;
	STEP(refused(set_caps(&c))); /* effective must be permitted */
	c.effective = 1ul << CAP_CHOWN;
	STEP(set_caps(&c) == 0);
	c.permitted = all;
	STEP(refused(set_caps(&c)));
	STEP(caps_of(0).permitted == 1ul << CAP_CHOWN);
	STEP(caps_of(getppid()).permitted == all); /* another's may be asked */
	return 0;
}

static int fs_ids(void *unused)
{
	struct caps all = caps_of(0), c;

	(void)unused;
	STEP(setfsuid(1000) == 0);
	STEP(setfsuid(NONE) == 1000);
	c = caps_of(0);
	STEP((c.effective & 1ul << CAP_DAC_OVERRIDE) == 0); /* those of files go with it */
	STEP((c.effective & 1ul << CAP_KILL) == (all.effective & 1ul << CAP_KILL));
	STEP(open("/root/none", O_RDONLY) == -1);
	setfsuid(0);
	c = caps_of(0);
	STEP(c.effective == all.effective);
	STEP(setfsgid(77) == 0);
	STEP(setfsgid(NONE) == 77);
	STEP(setresuid(5, 6, 7) == 0);
	STEP(setfsuid(7) == 6);  /* follows the effective one; the saved one is allowed */
	STEP(setfsuid(99) == 7); /* refused in silence */
	STEP(setfsuid(NONE) == 7);
	return 0;
}

/* ---- signals ---- */

struct target {
	uid_t r, s;
	int ready;
};

/* Its other end is held by who made the targets: they end with that, for it may not kill all. */
static int hold[2];

static int be_target(void *arg)
{
	struct target *t = arg;
	char c;

	close(hold[1]);
	if (setresuid(t->r, t->r, t->s) != 0 || write(t->ready, "x", 1) != 1)
		return 77;
	return read(hold[0], &c, 1) == 0 ? 0 : 1;
}

static pid_t start_target(uid_t r, uid_t s)
{
	struct target t = { .r = r, .s = s };
	int fds[2];
	pid_t pid;
	char c;

	if ((hold[1] == 0 && pipe(hold) != 0) || pipe(fds) != 0)
		return -1;
	t.ready = fds[1];
	pid = child_start(be_target, &t);
	if (read(fds[0], &c, 1) != 1)
		pid = -1;
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static int signals_by_id(void *unused)
{
	pid_t same = start_target(1000, 1000), other = start_target(2000, 2000);
	pid_t saved = start_target(2000, 1000), root = start_target(0, 0);

	(void)unused;
	STEP(same > 0 && other > 0 && saved > 0 && root > 0);
	STEP(setresuid(1000, 3000, 3000) == 0);
	STEP(kill(same, 0) == 0); /* real against real */
	STEP(refused(kill(other, 0)));
	STEP(refused(kill(root, SIGTERM)));
	STEP(kill(saved, 0) == 0); /* real against saved */
	STEP(refused(kill(1, 0)));
	STEP(kill(other, SIGCONT) == 0); /* within the session */
	STEP(refused(kill(other, SIGUSR1)));
	STEP(refused((int)syscall(SYS_tgkill, other, other, SIGUSR1)));
	STEP(refused((int)syscall(SYS_tkill, root, SIGUSR1)));
	STEP(kill(same, SIGKILL) == 0 && child_wait(same) == 1000 + SIGKILL);
	STEP(kill(saved, SIGKILL) == 0 && child_wait(saved) == 1000 + SIGKILL);
	return 0;
}

static int kills_all(void *unused)
{
	pid_t other = start_target(2000, 2000), root = start_target(0, 0);

	(void)unused;
	STEP(other > 0 && root > 0);
	STEP(kill(other, SIGKILL) == 0 && child_wait(other) == 1000 + SIGKILL);
	STEP(kill(root, SIGKILL) == 0 && child_wait(root) == 1000 + SIGKILL);
	return 0;
}

/* ---- threads: raw calls change one only; libc changes all ---- */

static atomic_int stage;
static uid_t seen[2];

static void *other_thread(void *unused)
{
	uid_t r, s;

	seen[0] = geteuid();
	atomic_store(&stage, 1);
	while (atomic_load(&stage) != 2)
		child_pause_ms(1);
	getresuid(&r, &seen[1], &s);
	return unused;
}

static int one_thread(void *by_libc)
{
	pthread_t thread;

	atomic_store(&stage, 0);
	pthread_create(&thread, NULL, other_thread, NULL);
	while (atomic_load(&stage) != 1)
		child_pause_ms(1);
	if (by_libc)
		STEP(setresuid(1000, 1000, 1000) == 0);
	else
		STEP(syscall(SYS_setresuid, 1000, 1000, 1000) == 0);
	atomic_store(&stage, 2);
	pthread_join(thread, NULL);
	STEP(seen[0] == 0);
	STEP(seen[1] == (by_libc ? 1000 : 0));
	STEP(geteuid() == 1000);
	return 0;
}

static int groups(void *unused)
{
	gid_t set[5] = { 30, 10, 20, 10, 4000000 }, got[8];
	int fd;

	(void)unused;
	STEP(setgroups(5, set) == 0);
	STEP(getgroups(8, got) == 5);
	STEP(got[0] == 10 && got[1] == 10 && got[4] == 4000000); /* sorted */
	fd = open("grouped", O_RDWR | O_CREAT | O_EXCL, 0600);
	STEP(fd >= 0 && fchown(fd, 0, 20) == 0 && fchmod(fd, 0640) == 0);
	STEP(chmod(".", 0755) == 0);
	STEP(setgid(50) == 0 && setuid(1000) == 0);
	STEP(open("grouped", O_RDONLY) >= 0);
	STEP(open("grouped", O_RDWR) == -1 && errno == EACCES);
	return 0;
}

/* ---- exec ---- */

static int exec_keeps(void *unused)
{
	(void)unused;
	STEP(setresuid(100, 200, 300) == 0);
	execl("/bin/grep", "grep", "-q", "^Uid:\t100\t200\t200\t200$", "/proc/self/status", NULL);
	return 99;
}

static void as_anybody(void)
{
	CHECK_ERR(setuid(getuid() + 1), EPERM);
	CHECK_ERR(seteuid(0), EPERM);
	CHECK_ERR(setgid(getgid() + 1), EPERM);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	if (getpid() != 1) /* in Hull it is */
		CHECK_ERR(kill(1, 0), EPERM);
}

int main(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	scratch_enter();
	h.pid = -1;
	CHECK_ERR(syscall(SYS_capget, &h, d), EINVAL);
	h.pid = 0x3ffffff;
	CHECK_ERR(syscall(SYS_capget, &h, d), ESRCH);
	h.pid = getpid() + 1;
	CHECK_ERR(syscall(SYS_capset, &h, d), EPERM);
	if (geteuid() != 0) {
		as_anybody();
		return check_done();
	}
	CHECK_EQ(child_run(saved_ids, NULL), 0);
	CHECK_EQ(child_run(saved_gids, NULL), 0);
	CHECK_EQ(child_run(root_leaves, NULL), 0);
	CHECK_EQ(child_run(keeps_caps, NULL), 0);
	CHECK_EQ(child_run(no_fixup, NULL), 0);
	CHECK_EQ(child_run(capset_rules, NULL), 0);
	CHECK_EQ(child_run(fs_ids, NULL), 0);
	CHECK_EQ(child_run(signals_by_id, NULL), 0);
	CHECK_EQ(child_run(kills_all, NULL), 0);
	CHECK_EQ(child_run(one_thread, NULL), 0);
	CHECK_EQ(child_run(one_thread, &seen), 0);
	CHECK_EQ(child_run(groups, NULL), 0);
	CHECK_EQ(child_run(exec_keeps, NULL), 0);
	return check_done();
}
