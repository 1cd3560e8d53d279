/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: the terminal whose port leads to the host's own, which is in raw mode, so that
 * everything a terminal does happens here. It is there from the start, if the host has one, and
 * stays; it is the first process's controlling terminal.
 */
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "fs/tty/tty.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define CONSOLE_MAJOR 5
#define CONSOLE_MINOR 1

static struct tty *console; /* [I] after tty_init_console */

/* Of a file without a name, until it is the terminal's. */
static const struct file_ops nameless_ops = { .read = NULL };
static const struct tty_kind console_kind = { .room = NULL };

static int open_console(struct inode *inode, struct file *f)
{
	(void)inode;
	return console == NULL ? -ENXIO : tty_open(console, f, false);
}

/* /dev/tty: the opener's controlling terminal, whichever that is. */
static int open_current(struct inode *inode, struct file *f)
{
	struct tty *t = tty_current();
	int err;

	(void)inode;
	if (t == NULL)
		return -ENXIO;
	err = tty_open(t, f, false);
	tty_put(t);
	return err;
}

CHRDEV(dev_tty) = { 5, 0, 1, "tty", 0666, open_current };
/* The host's terminal belongs to whoever started the VM: any user in here may open it by name. */
CHRDEV(dev_console) = { CONSOLE_MAJOR, CONSOLE_MINOR, 1, "console", 0666, open_console };

/* The host's terminal is in raw mode while we run: what it was set to before is ours to do. */
static void set_modes(struct tty *t, const struct launch_terminal *modes)
{
	struct termios2 now;

	_Static_assert(sizeof(*modes) == LAUNCH_TERMINAL_WORDS * 4 && sizeof(now) <= sizeof(*modes),
		       "the ABI's copy of termios2");
	memcpy(&now, modes, sizeof(now));
	ldisc_set_termios(&t->ldisc, &now);
}

bool tty_console_modes(struct launch_terminal *out)
{
	if (console == NULL)
		return false;
	scoped_spin(&console->lock);
	memcpy(out, &console->ldisc.t, sizeof(console->ldisc.t));
	return true;
}

int tty_init_console(struct port *p, unsigned columns, unsigned rows,
		     const struct launch_terminal *modes)
{
	struct tty *t = kmem_new(struct tty);

	if (t == NULL)
		return -ENOMEM;
	t->winsize.ws_col = (unsigned short)columns;
	t->winsize.ws_row = (unsigned short)rows;
	tty_init(t, p, &console_kind, dev_make(CONSOLE_MAJOR, CONSOLE_MINOR));
	if (modes != NULL)
		set_modes(t, modes);
	console = t;
	tty_take_control(t);
	tty_pump(t);
	return 0;
}

void tty_set_plain(void)
{
	if (console != NULL)
		console->ldisc.t.c_oflag &= ~(tcflag_t)OPOST;
}

/* By name where there is one, so that ttyname(3) works. */
int tty_console_file_new(unsigned open_flags, struct file **out)
{
	int err;

	if (console == NULL)
		return -ENXIO;
	if (vfs_open(NULL, "/dev/console", open_flags, 0, 0, out) == 0)
		return 0;
	err = file_new_anonymous(&nameless_ops, S_IFCHR | 0620, open_flags, NULL, out);
	if (err != 0)
		return err;
	err = tty_attach_file(console, *out);
	if (err != 0)
		file_put(*out);
	return err;
}

void tty_set_winsize(unsigned columns, unsigned rows)
{
	const struct winsize size = {
		.ws_col = (unsigned short)columns,
		.ws_row = (unsigned short)rows,
	};

	if (console != NULL)
		tty_change_winsize(console, &size);
}
