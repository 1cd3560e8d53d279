/* SPDX-License-Identifier: BSD-2-Clause */
/* The stand-ins of plain.c; each is as the function that it stands for. */
#pragma once
#include "fs/tty/port.h"

MUST_CHECK int plain_init_console(struct port *p, unsigned columns, unsigned rows,
				  const struct launch_terminal *modes); /* tty_init_console */
MUST_CHECK int plain_console_file_new(unsigned open_flags,
				      struct file **file_out); /* tty_console_file_new */
