/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of pseudo terminals share: a pair, and reading with patience, as a kernel may move
 * bytes from one end to the other in its own time. */
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "check.h"

#define PATIENCE_MS 120000 /* only guards against hanging */
#define QUIET_MS    50

struct pair {
	int master, slave;
	char name[64];
};

static inline struct pair pair_open(void)
{
	struct pair p = { .master = posix_openpt(O_RDWR | O_NOCTTY), .slave = -1 };

	CHECK(p.master >= 0);
	CHECK_EQ(grantpt(p.master), 0);
	CHECK_EQ(unlockpt(p.master), 0);
	CHECK_EQ(ptsname_r(p.master, p.name, sizeof(p.name)), 0);
	p.slave = open(p.name, O_RDWR | O_NOCTTY);
	CHECK(p.slave >= 0);
	return p;
}

static inline void pair_close(struct pair *p)
{
	if (p->slave >= 0)
		close(p->slave);
	if (p->master >= 0)
		close(p->master);
}

/* The events that come, or 0 in the end. */
static inline int poll_for(int fd, int events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	return poll(&p, 1, timeout_ms) > 0 ? p.revents : 0;
}

static inline void expect_at(int fd, const char *want, size_t len, int line, const char *what)
{
	char got[4096] = "", text[200];
	size_t have = 0;

	while (have < len && poll_for(fd, POLLIN, PATIENCE_MS) != 0) {
		ssize_t n = read(fd, got + have, len - have);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	snprintf(text, sizeof(text), "%s gives %zu bytes (%zu)", what, len, have);
	check_report(have == len && memcmp(got, want, len) == 0, __FILE__, line, text);
	if (have != len || memcmp(got, want, len) != 0)
		printf("# got \"%.*s\", not \"%.*s\"\n", (int)have, got, (int)len, want);
}

/* The next bytes are these. */
#define EXPECT(fd, text) expect_at((fd), (text), sizeof(text) - 1, __LINE__, #fd)
/* Nothing comes. */
#define EXPECT_QUIET(fd) CHECK_EQ(poll_for((fd), POLLIN, QUIET_MS), 0)
#define TYPE(fd, text)   CHECK_EQ(write((fd), (text), sizeof(text) - 1), sizeof(text) - 1)

/* Until fd has this many bytes to read. */
static inline void wait_bytes(int fd, int nr)
{
	int there = 0;

	while (ioctl(fd, FIONREAD, &there) == 0 && there < nr)
		usleep(1000);
}

/* Changes flags of the terminal that fd leads to. */
static inline void flags_change(int fd, tcflag_t local_off, tcflag_t local_on)
{
	struct termios t;

	tcgetattr(fd, &t);
	t.c_lflag = (t.c_lflag & ~local_off) | local_on;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &t), 0);
}

static inline void raw_mode(int fd, int vmin, int vtime)
{
	struct termios t;

	tcgetattr(fd, &t);
	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)vmin;
	t.c_cc[VTIME] = (cc_t)vtime;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &t), 0);
}
