/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a terminal program does: says which streams are terminals and the size, then in raw mode
 * answers each byte with its number until 'q'; `echo-tty wait` counts SIGINT, SIGWINCH and SIGCONT
 * instead, until SIGTERM or three SIGINTs. dprintf(), for handlers write too: they would print
 * stdio's buffer twice.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t nr_interrupts, stop;

static void print_size(const char *what)
{
	struct winsize size = { 0 };

	ioctl(0, TIOCGWINSZ, &size);
	dprintf(1, "%s %dx%d\r\n", what, size.ws_col, size.ws_row);
}

static void handle(int sig)
{
	if (sig == SIGINT) {
		nr_interrupts++;
		dprintf(1, "SIGINT %d\r\n", (int)nr_interrupts);
	} else if (sig == SIGWINCH) {
		print_size("SIGWINCH");
	} else if (sig == SIGCONT) {
		dprintf(1, "SIGCONT\r\n");
	} else {
		stop = 1;
	}
}

static int wait_for_signals(void)
{
	struct sigaction sa = { .sa_handler = handle };
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before); /* until it waits: none is lost in between */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	sigaction(SIGCONT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	dprintf(1, "ready\r\n");
	while (!stop && nr_interrupts < 3)
		sigsuspend(&before);
	dprintf(1, "done\r\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct termios saved, raw;
	unsigned char c;

	dprintf(1, "tty %d %d %d\r\n", isatty(0), isatty(1), isatty(2));
	print_size("size");
	if (argc > 1 && !strcmp(argv[1], "wait"))
		return wait_for_signals();
	if (tcgetattr(0, &saved) != 0) {
		dprintf(1, "not a terminal\n");
		return 1;
	}
	raw = saved;
	cfmakeraw(&raw);
	tcsetattr(0, TCSANOW, &raw);
	dprintf(1, "raw\r\n");
	while (read(0, &c, 1) == 1 && c != 'q')
		dprintf(1, "byte %d\r\n", c);
	if (argc > 1 && !strcmp(argv[1], "leave-raw"))
		return 0;
	tcsetattr(0, TCSANOW, &saved);
	dprintf(1, "cooked\r\n");
	return 0;
}
