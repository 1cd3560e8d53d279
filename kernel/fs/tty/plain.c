/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console as plain bytes: stands in for the terminal (console.c) in a kernel without one
 * (pack/link/parts.def, "tty"). No line is edited, nothing is echoed, Ctrl-C is a byte.
 */
#include "fs/tty/plain.h"

#include "lib/errno.h"

static struct port *console; /* [I] after launch */

int plain_init_console(struct port *p, unsigned columns, unsigned rows,
		       const struct launch_terminal *modes)
{
	console = p;
	return 0;
}

int plain_console_file_new(unsigned open_flags, struct file **file_out)
{
	return console == NULL ? -ENXIO : stream_file_new(console, open_flags, file_out);
}
