/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudo terminals as pairs of files (pty(7), pts(4), ioctl_tty(2)): making and naming them, locks,
 * what each end sees when the other goes, packet mode, flow, queues, sizes.
 */
#define _GNU_SOURCE 1
#include "pty.h"

#include <signal.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#define PACKET_DATA 0

static void test_names(void)
{
	struct pair p = pair_open();
	unsigned number = 99999, device = 0;
	struct stat st, opened;
	char link[64], seen[128] = "";
	struct statfs fs;
	ssize_t n;

	CHECK_EQ(ioctl(p.master, TIOCGPTN, &number), 0);
	snprintf(link, sizeof(link), "/dev/pts/%u", number);
	CHECK_STR(p.name, link);
	CHECK_EQ(stat(p.name, &st), 0);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(major(st.st_rdev), 136);
	CHECK_EQ(minor(st.st_rdev), number);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_ino, number + 3);
	CHECK_EQ(fstat(p.slave, &opened), 0);
	CHECK_EQ(opened.st_ino, st.st_ino);
	CHECK_EQ(opened.st_rdev, st.st_rdev);
	CHECK(isatty(p.master));
	CHECK(isatty(p.slave));
	CHECK_STR(ttyname(p.slave), p.name);
	CHECK_EQ(ioctl(p.slave, TIOCGDEV, &device), 0);
	CHECK_EQ(device, st.st_rdev);
	CHECK_EQ(ioctl(p.master, TIOCGDEV, &device), 0);
	CHECK_EQ(device, st.st_rdev);
	CHECK_EQ(fstat(p.master, &opened), 0);
	CHECK_EQ(major(opened.st_rdev), 5);
	CHECK_EQ(minor(opened.st_rdev), 2);
	CHECK_EQ(statfs(p.name, &fs), 0);
	CHECK_EQ(fs.f_type, 0x1cd1);
	CHECK_ERR(ioctl(p.slave, TIOCGPTN, &number), ENOTTY);
	CHECK_ERR(ioctl(p.master, TIOCGPTN, 8), EFAULT);
	CHECK_ERR(lseek(p.master, 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(lseek(p.slave, 0, SEEK_SET), ESPIPE);
	CHECK_ERR(unlink(p.name), geteuid() == 0 ? EPERM : EACCES);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", p.slave);
	n = readlink(link, seen, sizeof(seen) - 1);
	CHECK(n > 0);
	CHECK_STR(seen, p.name);
	close(p.master);
	CHECK_ERR(stat(p.name, &st), ENOENT);
	CHECK_ERR(open(p.name, O_RDWR | O_NOCTTY), ENOENT);
	memset(seen, 0, sizeof(seen));
	n = readlink(link, seen, sizeof(seen) - 1);
	CHECK(n > 0 && strstr(seen, " (deleted)") != NULL);
	close(p.slave);
	if (check_in_hull()) /* elsewhere the number may be another's already */
		CHECK_ERR(open(p.name, O_RDWR | O_NOCTTY), ENOENT);
}

/* Is a number that is free again the next one's? */
static bool number_comes_again(void)
{
	struct pair a = pair_open(), b = pair_open(), c;
	unsigned first, second, third, again;

	CHECK_EQ(ioctl(a.master, TIOCGPTN, &first), 0);
	CHECK_EQ(ioctl(b.master, TIOCGPTN, &second), 0);
	CHECK(first != second);
	close(a.master);
	a.master = -1;
	c = pair_open(); /* the number is in use while the other end is open */
	CHECK_EQ(ioctl(c.master, TIOCGPTN, &third), 0);
	CHECK(third != first && third != second);
	pair_close(&a);
	a = pair_open();
	CHECK_EQ(ioctl(a.master, TIOCGPTN, &again), 0);
	pair_close(&a);
	pair_close(&b);
	pair_close(&c);
	return again == first;
}

/* Elsewhere than in a guest others open and close terminals meanwhile. */
static void test_numbers(void)
{
	bool good = number_comes_again();

	for (int i = 0; i < 100 && !good && !check_in_hull(); i++)
		good = number_comes_again();
	CHECK(good);
}

static void test_locks(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), locked = -1, on = 1, off = 0, fd;
	char name[64];

	CHECK(master >= 0);
	CHECK_EQ(ptsname_r(master, name, sizeof(name)), 0);
	CHECK_EQ(ioctl(master, TIOCGPTLCK, &locked), 0);
	CHECK_EQ(locked, 1);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK_ERR(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), EIO);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &off), 0);
	CHECK_EQ(ioctl(master, TIOCGPTLCK, &locked), 0);
	CHECK_EQ(locked, 0);
	fd = open(name, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &on), 0);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK_ERR(ioctl(fd, TIOCSPTLCK, &off), ENOTTY);
	CHECK_ERR(ioctl(fd, TIOCGPTLCK, &locked), ENOTTY);
	CHECK_ERR(ioctl(master, TIOCSPTLCK, 8), EFAULT);
	CHECK_ERR(ioctl(master, TIOCGPTLCK, 8), EFAULT);
	close(fd);
	close(master);
}

static void test_peer(void)
{
	struct pair p = pair_open();
	int peer = ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	char seen[8];

	CHECK(peer >= 0);
	CHECK_STR(ttyname(peer), p.name);
	CHECK_EQ(fcntl(peer, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(peer, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_NOCTTY), O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(peer, seen, sizeof(seen)), EAGAIN);
	TYPE(p.master, "x\n");
	EXPECT(peer, "x\n");
	CHECK_ERR(ioctl(p.slave, TIOCGPTPEER, O_RDWR), EIO);
	CHECK_ERR(ioctl(0x7fff, TIOCGPTPEER, O_RDWR), EBADF);
	close(peer);
	pair_close(&p);
}

static void test_bytes(void)
{
	struct pair p = pair_open();
	char byte;

	TYPE(p.master, "line\n");
	EXPECT(p.slave, "line\n");
	EXPECT(p.master, "line\r\n");
	TYPE(p.slave, "out\n");
	EXPECT(p.master, "out\r\n");
	EXPECT_QUIET(p.master);
	CHECK_EQ(read(p.slave, &byte, 0), 0);
	CHECK_EQ(write(p.slave, "", 0), 0);
	CHECK_EQ(write(p.master, "", 0), 0);
	CHECK_ERR(syscall(SYS_write, p.slave, 8l, 1), EFAULT);
	CHECK_ERR(syscall(SYS_write, p.master, 8l, 1), EFAULT);
	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(p.master, &byte, 1), EAGAIN);
	CHECK_ERR(read(p.slave, &byte, 1), EAGAIN);
	TYPE(p.master, "no newline yet");
	EXPECT(p.master, "no newline yet");
	CHECK_ERR(read(p.slave, &byte, 1), EAGAIN);
	pair_close(&p);
}

/* Input is kept while nobody has the terminal open, and echoed. */
static void test_closed_terminal(void)
{
	struct pair p = pair_open();
	char byte;

	close(p.slave);
	CHECK_EQ(poll_for(p.master, POLLIN | POLLOUT, 0) & POLLHUP, POLLHUP);
	CHECK_ERR(read(p.master, &byte, 1), EIO);
	TYPE(p.master, "early\n");
	wait_bytes(p.master, 7); /* POLLHUP is there all the time */
	EXPECT(p.master, "early\r\n");
	CHECK_ERR(read(p.master, &byte, 1), EIO);
	p.slave = open(p.name, O_RDWR | O_NOCTTY);
	CHECK(p.slave >= 0);
	CHECK_EQ(poll_for(p.master, POLLOUT, 0), POLLOUT);
	EXPECT(p.slave, "early\n");
	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(p.master, &byte, 1), EAGAIN);
	TYPE(p.slave, "last words");
	close(p.slave);
	CHECK_EQ(poll_for(p.master, POLLIN, PATIENCE_MS), POLLIN | POLLHUP);
	EXPECT(p.master, "last words");
	CHECK_ERR(read(p.master, &byte, 1), EIO);
	p.slave = -1;
	pair_close(&p);
}

/* Settings and what was typed stay when the last one closes it. */
static void test_reopen(void)
{
	struct pair p = pair_open();
	struct termios t;

	flags_change(p.slave, ECHO | ICANON, 0);
	TYPE(p.master, "ahead");
	close(p.slave);
	p.slave = open(p.name, O_RDWR | O_NOCTTY);
	CHECK(p.slave >= 0);
	EXPECT(p.slave, "ahead");
	CHECK_EQ(tcgetattr(p.slave, &t), 0);
	CHECK_EQ(t.c_lflag & (ECHO | ICANON), 0);
	pair_close(&p);
}

static void test_never_opened(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	char byte;

	CHECK(master >= 0);
	CHECK_ERR(read(master, &byte, 1), EAGAIN);
	CHECK_EQ(poll_for(master, POLLIN | POLLOUT, 0), POLLOUT);
	TYPE(master, "hello\n");
	EXPECT(master, "hello\r\n");
	close(master);
}

static void test_hung_up(void)
{
	struct pair p = pair_open();
	struct winsize size;
	struct termios t;
	int pgrp = 1;
	char byte;

	TYPE(p.master, "never read\n");
	poll_for(p.slave, POLLIN, PATIENCE_MS);
	close(p.master);
	p.master = -1;
	CHECK_EQ(poll_for(p.slave, POLLIN | POLLOUT, 0), POLLIN | POLLOUT | POLLERR | POLLHUP);
	CHECK_EQ(read(p.slave, &byte, 1), 0);
	CHECK_ERR(write(p.slave, "x", 1), EIO);
	CHECK_ERR(tcgetattr(p.slave, &t), EIO);
	CHECK_ERR(tcsetattr(p.slave, TCSANOW, &t), EIO);
	CHECK_ERR(ioctl(p.slave, TIOCGWINSZ, &size), EIO);
	CHECK_ERR(ioctl(p.slave, TIOCSPGRP, &pgrp), ENOTTY);
	CHECK_ERR(ioctl(p.slave, FIONREAD, &pgrp), EIO);
	CHECK_ERR(isatty(p.slave) - 1, EIO);
	pair_close(&p);
}

static void test_queues(void)
{
	struct pair p = pair_open();
	int bytes = -1;

	TYPE(p.master, "one\ntwo\npart");
	EXPECT(p.master, "one\r\ntwo\r\npart");
	CHECK_EQ(ioctl(p.slave, FIONREAD, &bytes), 0);
	CHECK_EQ(bytes, 8);
	TYPE(p.slave, "to master");
	wait_bytes(p.master, 9);
	CHECK_EQ(ioctl(p.master, FIONREAD, &bytes), 0);
	CHECK_EQ(bytes, 9);
	CHECK_EQ(ioctl(p.slave, TIOCOUTQ, &bytes), 0);
	CHECK_EQ(bytes, 0);
	CHECK_EQ(ioctl(p.master, TIOCOUTQ, &bytes), 0);
	CHECK_EQ(bytes, 0);
	CHECK_EQ(tcdrain(p.slave), 0);
	CHECK_EQ(tcdrain(p.master), 0);
	CHECK_EQ(tcsendbreak(p.slave, 0), 0);
	CHECK_EQ(tcsendbreak(p.master, 0), 0);
	CHECK_EQ(tcflush(p.slave, TCIFLUSH), 0);
	CHECK_EQ(ioctl(p.slave, FIONREAD, &bytes), 0);
	CHECK_EQ(bytes, 0);
	CHECK_EQ(tcflush(p.slave, TCOFLUSH), 0);
	EXPECT(p.master, "to master"); /* it had arrived */
	TYPE(p.slave, "for nobody");
	wait_bytes(p.master, 10);
	CHECK_EQ(tcflush(p.master, TCIFLUSH), 0);
	EXPECT_QUIET(p.master);
	CHECK_ERR(ioctl(p.slave, TCFLSH, 3), EINVAL);
	CHECK_ERR(ioctl(p.master, TCFLSH, 3), EINVAL);
	CHECK_ERR(ioctl(p.slave, TCXONC, 4), EINVAL);
	CHECK_ERR(ioctl(p.master, TCXONC, 4), EINVAL);
	CHECK_ERR(ioctl(p.slave, FIONREAD, 8), EFAULT);
	CHECK_ERR(ioctl(p.master, FIONREAD, 8), EFAULT);
	CHECK_ERR(ioctl(p.slave, 0x54ff, &bytes), ENOTTY);
	CHECK_ERR(ioctl(p.master, 0x54ff, &bytes), ENOTTY);
	pair_close(&p);
}

/* Full in either direction: a writer gets part, then EAGAIN, and room when bytes are read. */
static void test_full(void)
{
	struct pair p = pair_open();
	static char block[1000];
	ssize_t n, sent = 0, got = 0;

	memset(block, 'x', sizeof(block));
	raw_mode(p.slave, 1, 0);
	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
	for (int i = 0; i < 100000; i++) {
		n = write(p.slave, block, sizeof(block));
		if (n > 0)
			sent += n;
		else if (errno == EAGAIN && poll_for(p.slave, POLLOUT, QUIET_MS) == 0)
			break;
	}
	CHECK(sent >= 4095 && sent < 1000000);
	while (write(p.slave, block, 1) == 1) { /* what was underway made room */
		sent++;
		poll_for(p.slave, POLLOUT, QUIET_MS);
	}
	CHECK_EQ(errno, EAGAIN);
	while (got < sent && poll_for(p.master, POLLIN, PATIENCE_MS) == POLLIN) {
		n = read(p.master, block, sizeof(block));
		got += n > 0 ? n : 0;
	}
	CHECK_EQ(got, sent);
	CHECK_EQ(poll_for(p.slave, POLLOUT, PATIENCE_MS), POLLOUT);
	sent = got = 0;
	for (int i = 0; i < 100000; i++) {
		n = write(p.master, block, sizeof(block));
		if (n > 0)
			sent += n;
		else if (errno == EAGAIN && poll_for(p.master, POLLOUT, QUIET_MS) == 0)
			break;
	}
	CHECK(sent >= 4095 && sent < 1000000);
	while (got < sent && poll_for(p.slave, POLLIN, PATIENCE_MS) == POLLIN) {
		n = read(p.slave, block, sizeof(block));
		got += n > 0 ? n : 0;
	}
	CHECK_EQ(got, sent);
	pair_close(&p);
}

static void test_size(void)
{
	struct pair p = pair_open();
	struct winsize size = { 1, 2, 3, 4 }, got = { 9, 9, 9, 9 };

	CHECK_EQ(ioctl(p.slave, TIOCGWINSZ, &got), 0);
	CHECK_EQ(got.ws_row | got.ws_col | got.ws_xpixel | got.ws_ypixel, 0);
	CHECK_EQ(ioctl(p.master, TIOCSWINSZ, &size), 0);
	CHECK_EQ(ioctl(p.slave, TIOCGWINSZ, &got), 0);
	CHECK_EQ(memcmp(&got, &size, sizeof(size)), 0);
	size.ws_row = 77;
	CHECK_EQ(ioctl(p.slave, TIOCSWINSZ, &size), 0);
	CHECK_EQ(ioctl(p.master, TIOCGWINSZ, &got), 0);
	CHECK_EQ(got.ws_row, 77);
	CHECK_ERR(ioctl(p.slave, TIOCGWINSZ, 8), EFAULT);
	CHECK_ERR(ioctl(p.master, TIOCSWINSZ, 8), EFAULT);
	pair_close(&p);
}

/* One byte that says what happened, or a 0 before data. */
static void test_packets(void)
{
	struct pair p = pair_open();
	int on = 1, off = 0, state = -1;
	char seen[16];

	CHECK_EQ(ioctl(p.master, TIOCGPKT, &state), 0);
	CHECK_EQ(state, 0);
	CHECK_EQ(ioctl(p.master, TIOCPKT, &on), 0);
	CHECK_EQ(ioctl(p.master, TIOCGPKT, &state), 0);
	CHECK_EQ(state, 1);
	CHECK_ERR(ioctl(p.slave, TIOCPKT, &on), ENOTTY);
	CHECK_ERR(ioctl(p.slave, TIOCGPKT, &state), ENOTTY);
	CHECK_ERR(ioctl(p.master, TIOCPKT, 8), EFAULT);
	TYPE(p.slave, "data");
	CHECK_EQ(poll_for(p.master, POLLIN | POLLPRI, PATIENCE_MS), POLLIN);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 5);
	CHECK_EQ(memcmp(seen, "\0data", 5), 0);
	CHECK_EQ(tcflush(p.slave, TCIFLUSH), 0);
	CHECK_EQ(poll_for(p.master, POLLIN | POLLPRI, 0), POLLIN | POLLPRI);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_FLUSHREAD);
	CHECK_EQ(tcflush(p.slave, TCIOFLUSH), 0);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
	CHECK_EQ(tcflow(p.slave, TCOOFF), 0);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_STOP);
	CHECK_EQ(tcflow(p.slave, TCOON), 0);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_START);
	CHECK_EQ(poll_for(p.master, POLLIN | POLLPRI, QUIET_MS), 0);
	raw_mode(p.slave, 1, 0);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_NOSTOP);
	TYPE(p.slave, "z");
	CHECK_EQ(poll_for(p.master, POLLIN, PATIENCE_MS), POLLIN);
	CHECK_EQ(read(p.master, seen, 1), 1);
	CHECK_EQ(seen[0], PACKET_DATA);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 2);
	CHECK_EQ(seen[1], 'z');
	CHECK_EQ(ioctl(p.master, TIOCPKT, &off), 0);
	TYPE(p.slave, "plain");
	EXPECT(p.master, "plain");
	pair_close(&p);
}

static void test_packet_extproc(void)
{
	struct pair p = pair_open();
	char seen[16];
	int on = 1;

	CHECK_EQ(ioctl(p.master, TIOCPKT, &on), 0);
	flags_change(p.slave, ECHO, EXTPROC);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_IOCTL);
	TYPE(p.master, "no line"); /* can be read at once */
	EXPECT(p.slave, "no line");
	flags_change(p.slave, EXTPROC, 0);
	CHECK_EQ(read(p.master, seen, sizeof(seen)), 1);
	CHECK_EQ(seen[0], TIOCPKT_IOCTL);
	EXPECT_QUIET(p.master);
	pair_close(&p);
}

static void test_flow(void)
{
	struct pair p = pair_open();

	fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
	TYPE(p.master, "\023"); /* Ctrl-S */
	while (poll_for(p.slave, POLLOUT, 0) != 0)
		usleep(1000);
	CHECK_ERR(write(p.slave, "held", 4), EAGAIN);
	CHECK_EQ(poll_for(p.slave, POLLOUT, QUIET_MS), 0);
	TYPE(p.master, "\021"); /* Ctrl-Q */
	CHECK_EQ(poll_for(p.slave, POLLOUT, PATIENCE_MS), POLLOUT);
	TYPE(p.slave, "goes");
	EXPECT(p.master, "goes");
	flags_change(p.slave, ECHO, 0);
	CHECK_EQ(tcflow(p.slave, TCOOFF), 0);
	CHECK_ERR(write(p.slave, "held", 4), EAGAIN);
	TYPE(p.master, "\021\n"); /* does not undo tcflow() */
	EXPECT(p.slave, "\n");
	CHECK_ERR(write(p.slave, "held", 4), EAGAIN);
	CHECK_EQ(tcflow(p.slave, TCOON), 0);
	TYPE(p.slave, "on");
	EXPECT(p.master, "on");
	CHECK_EQ(tcflow(p.slave, TCIOFF), 0);
	EXPECT(p.master, "\023");
	CHECK_EQ(tcflow(p.slave, TCION), 0);
	EXPECT(p.master, "\021");
	pair_close(&p);
}

static void test_flow_of_master(void)
{
	struct pair p = pair_open();

	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	CHECK_EQ(tcflow(p.master, TCOOFF), 0);
	CHECK_ERR(write(p.master, "held", 4), EAGAIN);
	CHECK_EQ(tcflow(p.master, TCOON), 0);
	TYPE(p.master, "on\n");
	EXPECT(p.slave, "on\n");
	EXPECT(p.master, "on\r\n");
	fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
	CHECK_EQ(tcflow(p.master, TCIOFF), 0); /* as if Ctrl-S were typed */
	while (poll_for(p.slave, POLLOUT, 0) != 0)
		usleep(1000);
	CHECK_ERR(write(p.slave, "held", 4), EAGAIN);
	CHECK_EQ(tcflow(p.master, TCION), 0);
	CHECK_EQ(poll_for(p.slave, POLLOUT, PATIENCE_MS), POLLOUT);
	pair_close(&p);
}

static void test_exclusive(void)
{
	struct pair p = pair_open();
	int value = -1, fd;

	CHECK_EQ(ioctl(p.slave, TIOCGEXCL, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(ioctl(p.slave, TIOCEXCL), 0);
	CHECK_EQ(ioctl(p.slave, TIOCGEXCL, &value), 0);
	CHECK_EQ(value, 1);
	fd = open(p.name, O_RDWR | O_NOCTTY);
	if (geteuid() == 0)
		CHECK(fd >= 0);
	else
		CHECK(fd < 0 && errno == EBUSY);
	if (fd >= 0)
		close(fd);
	CHECK_EQ(ioctl(p.slave, TIOCNXCL), 0);
	fd = open(p.name, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
	close(fd);
	pair_close(&p);
}

static void test_disciplines(void)
{
	struct pair p = pair_open();
	int value = -1, strange = 99;

	CHECK_EQ(ioctl(p.slave, TIOCGETD, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(ioctl(p.master, TIOCGETD, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(ioctl(p.slave, TIOCSETD, &value), 0);
	CHECK_ERR(ioctl(p.slave, TIOCSETD, &strange), EINVAL);
	CHECK_ERR(ioctl(p.slave, TIOCSETD, 8), EFAULT);
	CHECK_ERR(ioctl(p.slave, TIOCMGET, &value), ENOTTY);
	CHECK_ERR(ioctl(p.master, TIOCSIG, SIGTERM), EINVAL);
	CHECK_EQ(ioctl(p.master, TIOCSIG, SIGINT), 0);
	pair_close(&p);
}

int main(void)
{
	test_names();
	test_numbers();
	test_locks();
	test_peer();
	test_bytes();
	test_closed_terminal();
	test_reopen();
	test_never_opened();
	test_hung_up();
	test_queues();
	test_full();
	test_size();
	test_packets();
	test_packet_extproc();
	test_flow();
	test_flow_of_master();
	test_exclusive();
	test_disciplines();
	return check_done();
}
