/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw mode and back (termios(3)). Plain ioctls, so that what a confined process does here is
 * known: it sets modes (TCSETS), asks for the window's size and for the foreground group.
 */
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/terminal.h"

/* TCGETS2, whose header is at odds with the C library's; the struct is the same. */
#define GET_MODES _IOR('T', 0x2a, char[offsetof(struct launch_terminal, padding)])

static int terminal_fd = -1;
static struct termios cooked, raw; /* cooked: to be left in */
static struct launch_terminal before;
static volatile bool is_raw;
static pid_t own_group;

void terminal_init(int fd)
{
	if (tcgetattr(fd, &cooked) < 0)
		return;
	if (ioctl(fd, GET_MODES, &before) < 0)
		return;
	raw = cooked;
	cfmakeraw(&raw);
	own_group = getpgrp();
	terminal_fd = fd;
}

void terminal_raw(void)
{
	pid_t foreground;

	if (terminal_fd < 0)
		return;
	foreground = tcgetpgrp(terminal_fd);
	if (foreground >= 0 && foreground != own_group) {
		is_raw = false; /* the shell has put it in order; setting it would stop us */
		return;
	}
	if (tcsetattr(terminal_fd, TCSANOW, &raw) == 0)
		is_raw = true;
}

void terminal_restore(void)
{
	if (!is_raw)
		return;
	is_raw = false;
	tcsetattr(terminal_fd, TCSANOW, &cooked);
}

void terminal_leave_in(const struct launch_terminal *modes)
{
	if ((modes->local_modes & ICANON) == 0)
		return;
	cooked.c_iflag = modes->input_modes;
	cooked.c_oflag = modes->output_modes;
	cooked.c_cflag = modes->control_modes;
	cooked.c_lflag = modes->local_modes;
	memcpy(cooked.c_cc, modes->characters, sizeof(modes->characters));
}

bool terminal_modes(int fd, struct launch_terminal *out)
{
	memset(out, 0, sizeof(*out));
	if (fd == terminal_fd)
		*out = before;
	return fd == terminal_fd || ioctl(fd, GET_MODES, out) == 0;
}

bool terminal_is_raw(void)
{
	return is_raw;
}

bool terminal_size(int fd, uint32_t *columns, uint32_t *rows)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return false;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return true;
}
