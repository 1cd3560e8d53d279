/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Job control on the terminal's side (POSIX chapter 11.1.3, 11.1.4): the foreground group gets the
 * signals of keys and of a new size; background groups are stopped when they read, change settings,
 * or write under TOSTOP.
 */
#define _GNU_SOURCE 1
#include "asleep.h"
#include "pty_scene.h"

/* How a child was stopped or ended: the signal, or 0 and it ended well, or 1000 + status. */
static int stop_of(pid_t pid)
{
	int status;

	NEED(waitpid(pid, &status, WUNTRACED) == pid);
	if (WIFSTOPPED(status))
		return WSTOPSIG(status);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return WEXITSTATUS(status) == 0 ? 0 : 1000 + WEXITSTATUS(status);
}

/* ---- the foreground group ---- */

static int group_errors(void)
{
	struct scene s = scene_begin(O_RDWR);
	int negative = -5;
	pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	NEED(waitpid(gone, NULL, 0) == gone);
	NEED_ERR(tcsetpgrp(s.slave, gone), ESRCH);
	NEED_ERR(ioctl(s.slave, TIOCSPGRP, &negative), EINVAL);
	NEED_ERR(ioctl(s.slave, TIOCSPGRP, 8), EFAULT);
	NEED_ERR(ioctl(s.slave, TIOCGPGRP, 8), EFAULT);
	NEED_ERR(ioctl(s.slave, TIOCGSID, 8), EFAULT);
	NEED_ERR(tcsetpgrp(s.slave, getppid()), EPERM); /* another session's */
	NEED(tcsetpgrp(s.master, getpid()) == 0);       /* the master is about the same terminal */
	NEED(tcsetpgrp(s.slave, getpid()) == 0);
	return 0;
}

static int pause_in_group(struct scene *s)
{
	(void)s;
	signal(SIGINT, SIG_DFL);
	signal(SIGTTOU, SIG_IGN);
	setpgid(0, 0);
	step('r');
	pause();
	return 0;
}

static pid_t start_group(struct scene *s)
{
	pid_t pid = start_child(pause_in_group, s);

	expect_step('r');
	return pid;
}

static void type_at(struct scene *s, const char *keys)
{
	NEED(write(s->master, keys, strlen(keys)) == (ssize_t)strlen(keys));
}

static int keys_are_signals(void)
{
	struct scene s = scene_begin(O_RDWR);
	pid_t front = start_group(&s), back = start_group(&s), third = start_group(&s);

	NEED(tcsetpgrp(s.slave, front) == 0);
	signal(SIGTTOU, SIG_IGN);
	type_at(&s, "\032");
	NEED(stop_of(front) == SIGTSTP);
	NEED(kill(front, SIGCONT) == 0);
	type_at(&s, "\003");
	NEED(stop_of(front) == SIGINT);
	NEED(waitpid(back, NULL, WNOHANG | WUNTRACED) == 0); /* it heard nothing */
	NEED(tcsetpgrp(s.slave, back) == 0);
	type_at(&s, "\034");
	NEED(stop_of(back) == SIGQUIT);
	NEED(tcsetpgrp(s.slave, third) == 0);
	NEED(ioctl(s.master, TIOCSIG, SIGINT) == 0);
	NEED(stop_of(third) == SIGINT);
	return 0;
}

static int wait_for_size(struct scene *s)
{
	struct winsize size;

	block(SIGWINCH, SIGUSR1);
	setpgid(0, 0);
	step('r');
	NEED(next_signal() == SIGWINCH);
	NEED(ioctl(s->slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 50 && size.ws_col == 90);
	step('w');
	expect_step('s');
	NEED(no_signal()); /* the same size again is no news */
	return 0;
}

static int new_size(void)
{
	struct scene s = scene_begin(O_RDWR);
	struct winsize size = { .ws_row = 50, .ws_col = 90 };
	pid_t child = start_child(wait_for_size, &s);

	block(SIGWINCH, SIGUSR1);
	expect_step('r');
	signal(SIGTTOU, SIG_IGN);
	NEED(tcsetpgrp(s.slave, child) == 0);
	NEED(ioctl(s.master, TIOCSWINSZ, &size) == 0);
	expect_step('w');
	NEED(ioctl(s.master, TIOCSWINSZ, &size) == 0);
	step('s');
	NEED(end_of(child) == 0);
	NEED(no_signal()); /* we are in the background */
	NEED(tcsetpgrp(s.slave, getpid()) == 0);
	size.ws_row = 1;
	NEED(ioctl(s.slave, TIOCSWINSZ, &size) == 0);
	NEED(next_signal() == SIGWINCH);
	return 0;
}

/* ---- interrupted readers ---- */

static volatile sig_atomic_t nr_handled;

static void handle(int sig)
{
	(void)sig;
	if (++nr_handled == 2)
		step('t');
}

static int read_interrupted(struct scene *s)
{
	struct sigaction sa = { .sa_handler = handle };
	char line[16];

	sigaction(SIGINT, &sa, NULL);
	step('r');
	NEED_ERR(read(s->slave, line, sizeof(line)), EINTR);
	NEED(nr_handled == 1);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGINT, &sa, NULL);
	step('s');
	NEED(read(s->slave, line, sizeof(line)) == 5);
	NEED(nr_handled == 2 && memcmp(line, "line\n", 5) == 0);
	return 0;
}

static int interrupting(void)
{
	struct scene s = scene_begin(O_RDWR);
	pid_t child = start_child(read_interrupted, &s);

	signal(SIGINT, SIG_IGN);
	expect_step('r');
	await_asleep(child);
	type_at(&s, "half\003");
	expect_step('s');
	await_asleep(child);
	type_at(&s, "half\003");
	expect_step('t');
	type_at(&s, "line\n");
	NEED(end_of(child) == 0);
	return 0;
}

/* ---- background ---- */

enum background_deed { READS, WRITES, WRITES_TOSTOP, SETS, SETS_GROUP, FLUSHES };

static enum background_deed deed;

static int do_deed(struct scene *s)
{
	struct termios t;
	char byte;

	switch (deed) {
	case READS:
		return read(s->slave, &byte, 1) == 1 ? 0 : errno;
	case WRITES:
	case WRITES_TOSTOP:
		return write(s->slave, "x", 1) == 1 ? 0 : errno;
	case SETS:
		tcgetattr(s->slave, &t);
		return tcsetattr(s->slave, TCSANOW, &t) == 0 ? 0 : errno;
	case SETS_GROUP:
		return tcsetpgrp(s->slave, getpgrp()) == 0 ? 0 : errno;
	default:
		return tcflush(s->slave, TCIFLUSH) == 0 ? 0 : errno;
	}
}

static int in_background(struct scene *s)
{
	setpgid(0, 0);
	return do_deed(s);
}

static int ignoring(struct scene *s)
{
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	return in_background(s);
}

static int blocking(struct scene *s)
{
	block(SIGTTIN, SIGTTOU);
	return in_background(s);
}

/* Its group's only parent outside has ended before. */
static int orphan_child(struct scene *s)
{
	int result;

	expect_step('p');
	result = do_deed(s);
	*(scene_line + 1) = result == 0 ? -1 : result;
	step('o');
	return 0;
}

static int orphan_parent(struct scene *s)
{
	setpgid(0, 0);
	signal(SIGHUP, SIG_IGN);
	start_child(orphan_child, s);
	return 0;
}

static int orphaned(struct scene *s)
{
	NEED(in_child(orphan_parent, s) == 0);
	step('p');
	expect_step('o');
	return *(scene_line + 1);
}

static int background(void)
{
	struct scene s = scene_begin(O_RDWR);
	pid_t child;

	for (deed = READS; deed <= FLUSHES; deed++) {
		int sig = deed == READS ? SIGTTIN : deed == WRITES ? 0 : SIGTTOU;
		struct termios t;

		tcgetattr(s.slave, &t);
		t.c_lflag = (t.c_lflag & ~(tcflag_t)TOSTOP) |
			    (deed == WRITES_TOSTOP ? (tcflag_t)TOSTOP : 0);
		NEED(tcsetattr(s.slave, TCSANOW, &t) == 0);
		child = start_child(in_background, &s);
		NEED(stop_of(child) == sig);
		if (sig != 0) {
			NEED(kill(child, SIGKILL) == 0);
			NEED(end_of(child) == 1000 + SIGKILL);
		}
		/* who does not want to hear of it: reads fail, the rest goes on */
		NEED(in_child(ignoring, &s) == (deed == READS ? EIO : 0));
		signal(SIGTTOU, SIG_IGN);
		NEED(tcsetpgrp(s.slave, getpid()) == 0);
		NEED(in_child(blocking, &s) == (deed == READS ? EIO : 0));
		NEED(tcsetpgrp(s.slave, getpid()) == 0);
		signal(SIGTTOU, SIG_DFL);
		/* whom nobody could continue: all fails */
		NEED(orphaned(&s) == (deed == WRITES ? -1 : deed == SETS_GROUP ? ENOTTY : EIO));
		NEED(tcgetpgrp(s.slave) == getpid());
	}
	return 0;
}

/* Stopped for reading, brought to the foreground, continued: the read goes on. */
static int read_line(struct scene *s)
{
	char line[16];

	setpgid(0, 0);
	NEED(read(s->slave, line, sizeof(line)) == 3);
	return memcmp(line, "hi\n", 3) == 0 ? 0 : 1;
}

static int brought_to_front(void)
{
	struct scene s = scene_begin(O_RDWR);
	pid_t child = start_child(read_line, &s);

	NEED(stop_of(child) == SIGTTIN);
	type_at(&s, "hi\n");
	signal(SIGTTOU, SIG_IGN);
	NEED(tcsetpgrp(s.slave, child) == 0);
	NEED(kill(child, SIGCONT) == 0);
	NEED(stop_of(child) == 0);
	return 0;
}

/* Ctrl-Z in a read, then bg: it is stopped again, by SIGTTIN. */
static int sent_back(void)
{
	struct scene s = scene_begin(O_RDWR);
	pid_t child = start_child(read_line, &s);

	NEED(stop_of(child) == SIGTTIN);
	signal(SIGTTOU, SIG_IGN);
	NEED(tcsetpgrp(s.slave, child) == 0);
	NEED(kill(child, SIGCONT) == 0);
	await_asleep(child);
	type_at(&s, "\032");
	NEED(stop_of(child) == SIGTSTP);
	NEED(tcsetpgrp(s.slave, getpid()) == 0);
	NEED(kill(child, SIGCONT) == 0);
	NEED(stop_of(child) == SIGTTIN);
	NEED(tcsetpgrp(s.slave, child) == 0);
	NEED(kill(child, SIGCONT) == 0);
	type_at(&s, "hi\n");
	NEED(stop_of(child) == 0);
	return 0;
}

int main(void)
{
	RUN(group_errors);
	RUN(keys_are_signals);
	RUN(new_size);
	RUN(interrupting);
	RUN(background);
	RUN(brought_to_front);
	RUN(sent_back);
	return check_done();
}
