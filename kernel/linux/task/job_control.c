/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a terminal asks about process groups and sessions (fs/tty/port.h, termios(3), credentials(7),
 * POSIX.1 11.1.4 "Terminal Access Control").
 */
#include <linux/capability.h>

#include "core/cred.h"
#include "fs/tty/port.h"
#include "lib/errno.h"
#include "linux/signal/signals.h"
#include "linux/task/family.h"
#include "linux/task/task.h"

static int current_pgrp(void)
{
	return READ_ONCE(process_current()->pgrp);
}

static int current_session(void)
{
	return READ_ONCE(process_current()->session);
}

static bool current_is_leader(void)
{
	return current_session() == process_current()->pid;
}

static bool group_in_session(int pgrp, int session)
{
	struct process *p;

	scoped_spin(&task_lock);
	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pgrp && p->session == session)
			return true;
	}
	return false;
}

static bool is_unheard(struct process *p, int sig)
{
	return (task_current()->blocked & SIGNAL_BIT(sig)) != 0 || signal_is_ignored(p, sig);
}

static bool is_orphaned(struct process *p)
{
	scoped_spin(&task_lock);
	return family_group_is_orphaned(p->pgrp, p->session);
}

static int check_background(int tty_pgrp, int tty_session, int sig)
{
	struct process *p = process_current();
	int pgrp = current_pgrp();

	if (tty_session != current_session() || tty_pgrp == pgrp || tty_pgrp == 0)
		return 0;
	if (is_unheard(p, sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (is_orphaned(p))
		return -EIO;
	signal_send_group(pgrp, sig);
	return -ERESTARTSYS;
}

static bool is_admin(void)
{
	return cred_has_cap(cred_current(), CAP_SYS_ADMIN);
}

const struct tty_signals tty_signals = {
	.signal_group = signal_send_group,
	.current_pgrp = current_pgrp,
	.current_session = current_session,
	.current_is_leader = current_is_leader,
	.group_in_session = group_in_session,
	.check_background = check_background,
	.is_admin = is_admin,
};
