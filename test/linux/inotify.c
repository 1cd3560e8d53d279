/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inotify(7): what is reported, in which order, names and cookies, removal, errors.
 */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include "check.h"

static int fd, watch;
static char buffer[4096] __attribute__((aligned(8)));
static ssize_t filled, position;

static const struct inotify_event *next_event(void)
{
	const struct inotify_event *event;

	if (position >= filled) {
		filled = read(fd, buffer, sizeof(buffer));
		position = 0;
	}
	if (filled <= 0)
		return NULL;
	event = (const void *)(buffer + position);
	position += (ssize_t)(sizeof(*event) + event->len);
	return event;
}

static bool next_is(unsigned int mask, const char *name)
{
	const struct inotify_event *event = next_event();

	if (!event) {
		printf("no event; wanted %x %s\n", mask, name);
		return false;
	}
	if (event->mask == mask && !strcmp(event->len ? event->name : "", name))
		return true;
	printf("event %x %s; wanted %x %s\n", event->mask, event->len ? event->name : "", mask,
	       name);
	return false;
}

static void test_directory(void)
{
	int file, waiting = 0;

	file = open("dir/a", O_CREAT | O_RDWR, 0600);
	CHECK(next_is(IN_CREATE, "a"));
	CHECK(next_is(IN_OPEN, "a"));
	CHECK_EQ(write(file, "x", 1), 1);
	CHECK_EQ(ioctl(fd, FIONREAD, &waiting), 0);
	CHECK(waiting >= (int)sizeof(struct inotify_event));
	CHECK(next_is(IN_MODIFY, "a"));
	CHECK_EQ(pread(file, buffer, 1, 0), 1);
	CHECK(next_is(IN_ACCESS, "a"));
	close(file);
	CHECK(next_is(IN_CLOSE_WRITE, "a"));
	CHECK_EQ(chmod("dir/a", 0644), 0);
	CHECK(next_is(IN_ATTRIB, "a"));
	mkdir("dir/sub", 0700);
	CHECK(next_is(IN_CREATE | IN_ISDIR, "sub"));
	unlink("dir/a");
	CHECK(next_is(IN_DELETE, "a"));
	rmdir("dir/sub");
	CHECK(next_is(IN_DELETE | IN_ISDIR, "sub"));
	CHECK(next_event() == NULL && errno == EAGAIN);
}

static void test_rename(void)
{
	const struct inotify_event *event;
	unsigned int cookie;

	close(open("dir/from", O_CREAT | O_WRONLY, 0600));
	while (next_event())
		;
	CHECK_EQ(rename("dir/from", "dir/to"), 0);
	event = next_event();
	CHECK(event && event->mask == IN_MOVED_FROM && event->cookie);
	cookie = event ? event->cookie : 0;
	event = next_event();
	CHECK(event && event->mask == IN_MOVED_TO && event->cookie == cookie);
	unlink("dir/to");
	while (next_event())
		;
}

static void test_removal(void)
{
	CHECK_EQ(inotify_rm_watch(fd, watch), 0);
	CHECK(next_is(IN_IGNORED, ""));
	CHECK_ERR(inotify_rm_watch(fd, watch), EINVAL);
	watch = inotify_add_watch(fd, "dir", IN_DELETE_SELF | IN_ONLYDIR);
	CHECK(watch > 0);
	rmdir("dir");
	CHECK(next_is(IN_DELETE_SELF, ""));
	CHECK(next_is(IN_IGNORED, ""));
}

static void test_errors(void)
{
	CHECK_ERR(inotify_init1(0x100), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
	CHECK_ERR(inotify_add_watch(fd, ".", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(999, ".", IN_CREATE), EBADF);
	CHECK_ERR(inotify_add_watch(0, ".", IN_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, (char *)1, IN_CREATE), EFAULT);
}

int main(void)
{
	scratch_enter();
	mkdir("dir", 0700);
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(fd >= 0);
	watch = inotify_add_watch(fd, "dir", IN_ALL_EVENTS);
	CHECK(watch > 0);
	CHECK_EQ(inotify_add_watch(fd, "dir", IN_ALL_EVENTS), watch);
	test_directory();
	test_rename();
	test_removal();
	test_errors();
	return check_done();
}
