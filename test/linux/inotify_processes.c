/* SPDX-License-Identifier: BSD-2-Clause */
/* inotify between processes: what others do is seen, instances are shared, queues overflow. */
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include "asleep.h"

static char buf[65536];

static int work(void *arg)
{
	int fd = open("dir/made", O_CREAT | O_WRONLY, 0600);

	(void)arg;
	if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0)
		return 1;
	if (rename("dir/made", "dir/moved") != 0 || unlink("dir/moved") != 0)
		return 2;
	return mkdir("dir/sub", 0700) == 0 && rmdir("dir/sub") == 0 ? 0 : 3;
}

/* The next event that is there, or one with mask 0. */
static struct inotify_event *next(int fd, ssize_t *at, ssize_t *len)
{
	static struct inotify_event none;
	struct inotify_event *e;

	if (*at == *len) {
		*len = read(fd, buf, sizeof(buf));
		*at = 0;
	}
	if (*len <= 0)
		return &none;
	e = (struct inotify_event *)(buf + *at);
	*at += (ssize_t)(sizeof(*e) + e->len);
	return e;
}

static void test_other_process(void)
{
	static const struct {
		uint32_t mask;
		const char *name;
	} want[] = {
		{ IN_CREATE, "made" },           { IN_OPEN, "made" },
		{ IN_MODIFY, "made" },           { IN_CLOSE_WRITE, "made" },
		{ IN_MOVED_FROM, "made" },       { IN_MOVED_TO, "moved" },
		{ IN_DELETE, "moved" },          { IN_CREATE | IN_ISDIR, "sub" },
		{ IN_DELETE | IN_ISDIR, "sub" },
	};
	int fd = inotify_init1(IN_NONBLOCK);
	ssize_t at = 0, len = 0;

	CHECK_EQ(mkdir("dir", 0700), 0);
	CHECK_EQ(inotify_add_watch(fd, "dir", IN_ALL_EVENTS & ~(unsigned)IN_ATTRIB), 1);
	CHECK_EQ(child_run(work, NULL), 0);
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct inotify_event *e = next(fd, &at, &len);

		CHECK_EQ(e->mask, want[i].mask);
		CHECK_STR(e->len > 0 ? e->name : "", want[i].name);
	}
	close(fd);
}

static int read_shared(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	if (poll(&p, 1, -1) != 1)
		return 1;
	return read(p.fd, buf, sizeof(buf)) > 0 ? 0 : 2;
}

static void test_shared(void)
{
	int fd = inotify_init1(IN_NONBLOCK);
	pid_t pid;

	CHECK(inotify_add_watch(fd, "dir", IN_CREATE) > 0);
	pid = child_start(read_shared, &fd);
	await_asleep(pid);
	close(open("dir/file", O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(child_wait(pid), 0);
	CHECK_ERR(read(fd, buf, sizeof(buf)), EAGAIN); /* the child had it */
	close(fd);
}

static void test_overflow(void)
{
	int fd = inotify_init1(IN_NONBLOCK), nr = 0, nr_overflows = 0, limit = 0;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	ssize_t at = 0, len = 0;
	struct inotify_event *e;

	CHECK(f != NULL && fscanf(f, "%d", &limit) == 1);
	if (f != NULL)
		fclose(f);
	CHECK(inotify_add_watch(fd, "dir", IN_OPEN | IN_CLOSE) > 0);
	for (int i = 0; i < limit / 2 + 50; i++)
		close(open("dir/file", O_RDONLY));
	while ((e = next(fd, &at, &len))->mask != 0) {
		nr++;
		if (e->mask != IN_Q_OVERFLOW)
			continue;
		nr_overflows++;
		CHECK_EQ(e->wd, -1);
		CHECK_EQ(e->len, 0);
		CHECK_EQ(nr, limit + 1);
	}
	CHECK_EQ(nr_overflows, 1);
	CHECK_EQ(nr, limit + 1);
	close(open("dir/file", O_RDONLY));
	at = len = 0;
	CHECK_EQ(next(fd, &at, &len)->mask, IN_OPEN); /* and on it goes */
	close(fd);
}

static int use_up_instances(void *unused)
{
	static int fds[300];
	uid_t user = 20000 + (uid_t)getpid() % 40000; /* whose they are: nobody else's run out */
	int limit = 0, nr = 0;
	FILE *f = fopen("/proc/sys/fs/inotify/max_user_instances", "r");

	(void)unused;
	CHECK(f != NULL && fscanf(f, "%d", &limit) == 1);
	if (f != NULL)
		fclose(f);
	if (limit >= 300) /* of this machine: by far more than a guest's */
		return 0;
	if (geteuid() == 0 && (setgid(user) != 0 || setuid(user) != 0))
		return 77;
	while (nr < 300 && (fds[nr] = inotify_init1(0)) >= 0)
		nr++;
	CHECK(nr > 0 && nr < 300);
	CHECK_EQ(errno, EMFILE);
	while (nr > 0)
		close(fds[--nr]);
	fds[0] = inotify_init1(0);
	CHECK(fds[0] >= 0);
	close(fds[0]);
	return 0;
}

int main(void)
{
	scratch_enter();
	test_other_process();
	test_shared();
	test_overflow();
	CHECK_EQ(child_run(use_up_instances, NULL), 0);
	return check_done();
}
