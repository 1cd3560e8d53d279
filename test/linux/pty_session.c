/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Controlling terminals (credentials(7), ioctl_tty(2), POSIX chapter 11.1): how a session gets one
 * and loses it. Each scene is a session of its own, in a child that names the first line that went
 * wrong.
 */
#define _GNU_SOURCE 1
#include "asleep.h"
#include "pty_scene.h"

#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- getting one ---- */

static int opening_gives_it(void)
{
	struct scene s = scene_begin(O_RDWR);
	int fd, id = -1;

	fd = open("/dev/tty", O_RDWR);
	NEED(fd >= 0);
	NEED(ioctl(fd, TIOCGSID, &id) == 0 && id == getpid());
	NEED(tcgetpgrp(fd) == getpid());
	NEED(tcgetsid(s.slave) == getpid());
	NEED(strcmp(ttyname(fd), "/dev/tty") == 0);
	NEED(terminal_of_self() == (int)device_of(s.slave));
	NEED(ioctl(s.master, TIOCGPGRP, &id) == 0 && id == getpid());
	NEED(ioctl(s.master, TIOCGSID, &id) == 0 && id == getpid());
	NEED(ioctl(s.slave, TIOCSCTTY, 0) == 0); /* it has it already */
	NEED(write(fd, "x", 1) == 1);
	return 0;
}

static int not_with_noctty(void)
{
	struct scene s = scene_begin(O_RDWR | O_NOCTTY);
	int id = -1;

	NEED((fcntl(s.slave, F_GETFL) & O_NOCTTY) == 0);
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	NEED_ERR(tcgetpgrp(s.slave), ENOTTY);
	NEED_ERR(tcgetsid(s.slave), ENOTTY);
	NEED_ERR(tcsetpgrp(s.slave, getpid()), ENOTTY);
	NEED_ERR(ioctl(s.slave, TIOCNOTTY), ENOTTY);
	NEED(ioctl(s.master, TIOCGPGRP, &id) == 0 && id == 0);
	NEED_ERR(ioctl(s.master, TIOCGSID, &id), ENOTTY);
	NEED(terminal_of_self() == 0);
	NEED(ioctl(s.slave, TIOCSCTTY, 0) == 0);
	NEED(tcgetpgrp(s.slave) == getpid());
	NEED(open("/dev/tty", O_RDWR) >= 0);
	return 0;
}

static int not_by_writing_only(void)
{
	struct scene s = scene_begin(O_WRONLY);

	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	if (geteuid() != 0)
		NEED_ERR(ioctl(s.slave, TIOCSCTTY, 0), EPERM);
	else
		NEED(ioctl(s.slave, TIOCSCTTY, 0) == 0);
	return 0;
}

static int only_one(void)
{
	struct scene s = scene_begin(O_RDWR), other = scene_open(O_RDWR);

	NEED(tcgetpgrp(s.slave) == getpid());
	NEED_ERR(tcgetpgrp(other.slave), ENOTTY);
	NEED_ERR(ioctl(other.slave, TIOCSCTTY, 0), EPERM);
	NEED_ERR(ioctl(other.slave, TIOCSCTTY, 1), EPERM);
	signal(SIGHUP, SIG_IGN);
	NEED(ioctl(s.slave, TIOCNOTTY) == 0);
	NEED(ioctl(other.slave, TIOCSCTTY, 0) == 0);
	return 0;
}

static int try_to_take(struct scene *s)
{
	NEED_ERR(ioctl(s->slave, TIOCSCTTY, 0), EPERM); /* no leader */
	NEED(setsid() == getpid());
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	NEED_ERR(tcgetpgrp(s->slave), ENOTTY);
	NEED_ERR(ioctl(s->slave, TIOCSCTTY, 0), EPERM); /* another session's */
	if (geteuid() != 0)
		return 0;
	NEED(ioctl(s->slave, TIOCSCTTY, 1) == 0); /* stolen */
	NEED(tcgetsid(s->slave) == getpid());
	return 0;
}

static int stealing(void)
{
	struct scene s = scene_begin(O_RDWR);

	NEED(in_child(try_to_take, &s) == 0);
	if (geteuid() == 0)
		NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	return 0;
}

static int has_none(struct scene *s)
{
	(void)s;
	expect_step('a');
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	return 0;
}

static int has_one_and_leaves(struct scene *s)
{
	NEED(tcgetpgrp(s->slave) == getppid());
	NEED(ioctl(s->slave, TIOCNOTTY) == 0);
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	NEED_ERR(ioctl(s->slave, TIOCNOTTY), ENOTTY);
	NEED_ERR(ioctl(s->slave, TIOCSCTTY, 0), EPERM);
	return 0;
}

/* It is inherited, not shared. */
static int children(void)
{
	struct scene s = scene_begin(O_RDWR | O_NOCTTY);
	pid_t early = start_child(has_none, &s);

	NEED(ioctl(s.slave, TIOCSCTTY, 0) == 0);
	step('a');
	NEED(end_of(early) == 0);
	NEED(in_child(has_one_and_leaves, &s) == 0);
	NEED(tcgetpgrp(s.slave) == getpid()); /* only the child lost it */
	return 0;
}

/* ---- losing it ---- */

static int report_hangup(struct scene *s)
{
	block(SIGHUP, SIGCONT);
	NEED(setpgid(0, 0) == 0);
	step('r');
	NEED(next_signal() == SIGHUP);
	NEED(next_signal() == SIGCONT);
	expect_step('g'); /* Linux sends the signals before the terminal is gone */
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	NEED_ERR(tcgetpgrp(s->slave), ENOTTY);
	return 0;
}

static int giving_it_up(void)
{
	struct scene s = scene_begin(O_RDWR);
	pid_t child = start_child(report_hangup, &s);

	expect_step('r');
	signal(SIGTTOU, SIG_IGN);
	NEED(tcsetpgrp(s.slave, child) == 0);
	NEED(ioctl(s.slave, TIOCNOTTY) == 0);
	step('g');
	NEED(end_of(child) == 0);
	NEED_ERR(tcgetsid(s.master), ENOTTY);
	NEED(write(s.slave, "x", 1) == 1); /* it goes on, and is nobody's */
	NEED(ioctl(s.slave, TIOCSCTTY, 0) == 0);
	return 0;
}

static int outlive_leader(struct scene *s)
{
	char byte;

	block(SIGHUP, SIGCONT);
	NEED(setpgid(0, 0) == 0);
	signal(SIGTTOU, SIG_IGN);
	NEED(tcsetpgrp(s->slave, getpid()) == 0);
	step('r');
	NEED(next_signal() == SIGHUP);
	expect_step('g');
	NEED(no_signal());
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	NEED_ERR(tcgetsid(s->master), ENOTTY);
	NEED(write(s->master, "\n", 1) == 1);
	NEED(read(s->slave, &byte, 1) == 1); /* no more than that: it was not hung up */
	step('e');
	return 0;
}

static int leader_that_ends(struct scene *s)
{
	NEED(setsid() == getpid());
	NEED(ioctl(s->slave, TIOCSCTTY, 0) == 0);
	start_child(outlive_leader, s);
	expect_step('r');
	return 0;
}

static int leader_ends(void)
{
	struct scene s = scene_begin(O_RDWR | O_NOCTTY);

	NEED(in_child(leader_that_ends, &s) == 0);
	step('g');
	expect_step('e');
	NEED(ioctl(s.slave, TIOCSCTTY, 0) == 0); /* free for another session */
	return 0;
}

/* The master goes: the leader hears of it; so does the foreground group when the leader ends. */
static int foreground_of_hung_up(struct scene *s)
{
	block(SIGHUP, SIGCONT);
	close(s->master);
	NEED(setpgid(0, 0) == 0);
	signal(SIGTTOU, SIG_IGN);
	NEED(tcsetpgrp(s->slave, getpid()) == 0);
	step('r');
	expect_step('h');
	NEED(no_signal());
	step('n');
	NEED(next_signal() == SIGHUP);
	NEED(next_signal() == SIGCONT);
	step('e');
	return 0;
}

static int leader_hung_up(struct scene *s)
{
	char byte;

	NEED(setsid() == getpid());
	block(SIGHUP, SIGCONT);
	NEED(ioctl(s->slave, TIOCSCTTY, 0) == 0);
	start_child(foreground_of_hung_up, s);
	close(s->master);
	expect_step('r');
	step('c'); /* the last master, in the first process, is closed */
	NEED(next_signal() == SIGHUP);
	NEED(next_signal() == SIGCONT);
	NEED_ERR(open("/dev/tty", O_RDWR), ENXIO);
	NEED(read(s->slave, &byte, 1) == 0);
	NEED_ERR(write(s->slave, "x", 1), EIO);
	NEED(terminal_of_self() == 0);
	step('h');
	expect_step('n');
	return 0;
}

static int hang_up(void)
{
	struct scene s = scene_begin(O_RDWR | O_NOCTTY);
	pid_t leader = start_child(leader_hung_up, &s);

	expect_step('c');
	close(s.master);
	NEED(end_of(leader) == 0);
	expect_step('e');
	return 0;
}

static int virtual_hang_up(void)
{
	struct scene s = scene_begin(O_RDWR);
	struct termios t;
	char byte;
	int fd;

	if (geteuid() != 0) {
		NEED_ERR(syscall(SYS_vhangup), EPERM);
		NEED_ERR(ioctl(s.slave, TIOCVHANGUP), EPERM);
		return 0;
	}
	block(SIGHUP, SIGCONT);
	tcgetattr(s.slave, &t);
	t.c_lflag &= ~(tcflag_t)ECHO;
	NEED(tcsetattr(s.slave, TCSANOW, &t) == 0);
	NEED(syscall(SYS_vhangup) == 0);
	NEED(next_signal() == SIGHUP);
	NEED(next_signal() == SIGCONT);
	NEED(read(s.slave, &byte, 1) == 0);
	NEED_ERR(write(s.slave, "x", 1), EIO);
	fcntl(s.master, F_SETFL, O_RDWR | O_NONBLOCK);
	NEED_ERR(read(s.master, &byte, 1), EAGAIN); /* the dead file counts as open */
	NEED(write(s.master, "lost\n", 5) == 5);
	if (!check_in_hull()) /* where it may be underway for a while */
		NEED(tcflush(s.master, TCOFLUSH) == 0);
	fd = open(s.name, O_RDWR); /* the name still leads to it */
	NEED(fd >= 0);
	NEED(tcgetpgrp(fd) == getpid());
	NEED(tcgetattr(fd, &t) == 0 && (t.c_lflag & ECHO) != 0); /* as new */
	NEED(write(fd, "y", 1) == 1);
	NEED(poll_for(s.master, POLLIN, PATIENCE_MS) == POLLIN);
	NEED(read(s.master, &byte, 1) == 1 && byte == 'y');
	NEED(poll_for(fd, POLLIN, QUIET_MS) == 0);
	NEED(read(s.slave, &byte, 1) == 0); /* that one stays dead */
	NEED(ioctl(fd, TIOCVHANGUP) == 0);
	NEED(next_signal() == SIGHUP);
	return 0;
}

/* ---- who waits when an end goes ---- */

static int wait_to_read(struct scene *s)
{
	char byte;

	close(s->master);
	step('r');
	NEED_ERR(read(s->slave, &byte, 1), EIO);
	NEED(read(s->slave, &byte, 1) == 0);
	return 0;
}

static int wait_to_write(struct scene *s)
{
	close(s->master);
	NEED(tcflow(s->slave, TCOOFF) == 0);
	step('r');
	NEED_ERR(write(s->slave, "x", 1), EIO);
	return 0;
}

static int end_master(int (*waiter)(struct scene *s))
{
	struct scene s = scene_begin(O_RDWR | O_NOCTTY);
	pid_t child = start_child(waiter, &s);

	expect_step('r');
	await_asleep(child);
	close(s.master);
	NEED(end_of(child) == 0);
	return 0;
}

static int reader_hung_up(void)
{
	return end_master(wait_to_read);
}

static int writer_hung_up(void)
{
	return end_master(wait_to_write);
}

static int wait_for_terminal(struct scene *s)
{
	char byte;

	close(s->slave);
	step('r');
	NEED_ERR(read(s->master, &byte, 1), EIO);
	return 0;
}

static int master_waits(void)
{
	struct scene s = scene_begin(O_RDWR | O_NOCTTY);
	pid_t child = start_child(wait_for_terminal, &s);

	expect_step('r');
	await_asleep(child);
	close(s.slave);
	NEED(end_of(child) == 0);
	return 0;
}

int main(void)
{
	RUN(opening_gives_it);
	RUN(not_with_noctty);
	RUN(not_by_writing_only);
	RUN(only_one);
	RUN(stealing);
	RUN(children);
	RUN(giving_it_up);
	RUN(leader_ends);
	RUN(hang_up);
	RUN(virtual_hang_up);
	RUN(reader_hung_up);
	RUN(writer_hung_up);
	RUN(master_waits);
	return check_done();
}
