/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What our standard streams are. The terminal is read, and put into raw mode, only when standard
 * input is a terminal and we are in its foreground: otherwise somebody else reads it (the shell,
 * or `less` at the end of a pipe), its line discipline stays the host's, and Ctrl-C comes to us
 * as a signal.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/run/run.h"

static enum stream_kind kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return STREAM_IS_CLOSED;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return STREAM_IS_NULL;
	return isatty(fd) ? STREAM_IS_TTY : STREAM_IS_BYTES;
}

/* Whether two descriptors are one open file; two pipes' ends of the same side are as good. */
static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0 || sa.st_dev != sb.st_dev ||
	    sa.st_ino != sb.st_ino)
		return false;
	return S_ISFIFO(sa.st_mode) || S_ISSOCK(sa.st_mode) ||
	       syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b) == 0;
}

static bool is_writable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

void streams_probe(struct streams *streams)
{
	static const int tty_order[] = { 1, 2, 0 };
	pid_t foreground;

	*streams = (struct streams){ .tty_fd = -1 };
	for (int fd = 0; fd < 3; fd++)
		streams->kind[fd] = kind_of(fd);
	for (int fd = 0; fd < 3; fd++) {
		if (streams->kind[fd] == STREAM_IS_CLOSED)
			open("/dev/null", O_RDWR); /* the lowest free one: fd */
	}
	streams->stderr_is_stdout = streams->kind[1] == STREAM_IS_BYTES &&
				    streams->kind[2] == STREAM_IS_BYTES && is_same_file(1, 2);
	for (int i = 2; i >= 0; i--) {
		int fd = tty_order[i];

		if (streams->kind[fd] == STREAM_IS_TTY && is_writable(fd))
			streams->tty_fd = fd;
	}
	foreground = tcgetpgrp(STDIN_FILENO);
	streams->tty_input = streams->kind[0] == STREAM_IS_TTY &&
			     (foreground < 0 || foreground == getpgrp());
}
