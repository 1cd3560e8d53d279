/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation fails once: pseudo-terminals, sessions, job control. */
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "fail.h"

static char bytes[2000];

static int open_pair(int *master, int *slave)
{
	int number, unlock = 0, err;
	char name[40];

	*slave = -1;
	*master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0)
		return -errno;
	err = fail_done(ioctl(*master, TIOCSPTLCK, &unlock));
	if (err == 0)
		err = fail_done(ioctl(*master, TIOCGPTN, &number));
	if (err == 0) {
		snprintf(name, sizeof(name), "/dev/pts/%d", number);
		*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		err = *slave < 0 ? -errno : 0;
	}
	if (err != 0)
		close(*master);
	return err;
}

static int run_pair(void)
{
	int master, slave, err = open_pair(&master, &slave);

	if (err != 0)
		return err;
	close(slave), close(master);
	return 0;
}

static int run_lines(void)
{
	int master, slave, err = open_pair(&master, &slave);
	struct termios t;

	if (err != 0)
		return err;
	err = fail_done(tcgetattr(slave, &t));
	if (err == 0 && write(master, "a line\n", 7) != 7)
		err = -errno;
	if (err == 0 && read(slave, bytes, sizeof(bytes)) != 7)
		err = -errno;
	if (err == 0 && write(slave, bytes, 1000) < 0)
		err = -errno;
	if (err == 0 && read(master, bytes, sizeof(bytes)) <= 0)
		err = -errno;
	t.c_lflag &= ~(unsigned)(ICANON | ECHO);
	if (err == 0)
		err = fail_done(tcsetattr(slave, TCSANOW, &t));
	close(slave), close(master);
	return err;
}

static int prepare_session(void)
{
	signal(SIGHUP, SIG_IGN);
	return setsid() > 0 ? 0 : -errno;
}

static int run_session(void)
{
	int master, slave, err = open_pair(&master, &slave), tty;

	if (err != 0)
		return err;
	err = fail_done(ioctl(slave, TIOCSCTTY, 0));
	tty = err == 0 ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
	if (err == 0 && tty < 0)
		err = -errno;
	if (tty >= 0)
		close(tty);
	if (err == 0)
		err = fail_done(tcsetpgrp(slave, getpid()));
	(void)ioctl(slave, TIOCNOTTY);
	close(slave), close(master);
	return err;
}

static int run_hang_up(void)
{
	int master, slave, err = open_pair(&master, &slave);

	if (err != 0)
		return err;
	err = fail_done(ioctl(slave, TIOCSCTTY, 0));
	close(master);
	if (read(slave, bytes, 1) != 0 && errno != EIO && err == 0)
		err = -errno;
	close(slave);
	return err;
}

static const struct fail_op ops[] = {
	{ .name = "pair", .run = run_pair, .errors = { ENOSPC } },
	{ .name = "lines", .run = run_lines, .errors = { ENOSPC } },
	{ .name = "session", .run = run_session, .prepare = prepare_session },
	{ .name = "hang_up", .run = run_hang_up, .prepare = prepare_session },
};

int main(int argc, char **argv)
{
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
