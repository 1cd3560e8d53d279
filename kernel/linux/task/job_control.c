/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tty asks about process groups and sessions (fs/tty/port.h, termios(3),
 * credentials(7)). */
#include "fs/tty/port.h"
#include "lib/errno.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"

static int current_pgrp(void)
{
	return process_current()->pgrp;
}

static int current_session(void)
{
	return process_current()->session;
}

static bool is_blocked(int sig)
{
	return (task_current()->blocked & SIGNAL_BIT(sig)) != 0;
}

/* A background read or write: the group is stopped, unless it does not want to know. */
static int check_background(int tty_pgrp, int sig)
{
	struct process *p = process_current();
	bool silent = is_blocked(sig) || signal_is_ignored(p, sig);

	if (tty_pgrp == p->pgrp || tty_pgrp == 0)
		return 0;
	if (silent)
		return sig == SIGTTIN ? -EIO : 0;
	signal_send_group(p->pgrp, sig);
	return -ERESTARTSYS;
}

const struct tty_signals tty_signals = {
	.signal_foreground = signal_send_group,
	.current_pgrp = current_pgrp,
	.current_session = current_session,
	.check_background = check_background,
};
