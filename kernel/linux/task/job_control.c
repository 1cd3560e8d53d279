/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a terminal asks about process groups and sessions (fs/tty/port.h, termios(3),
 * credentials(7), POSIX.1 11.1.4 "Terminal Access Control").
 */
#include <linux/capability.h>

#include "core/cred.h"
#include "fs/tty/port.h"
#include "lib/errno.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
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

static uint64_t current_bond(void)
{
	return READ_ONCE(process_current()->terminal);
}

static void set_current_bond(uint64_t bond)
{
	WRITE_ONCE(process_current()->terminal, bond);
}

static int check_group(int pgrp, int session)
{
	struct process *p;

	scoped_spin(&task_lock);
	list_foreach(&process_list, p, all_link) {
		if (p->pgrp == pgrp)
			return p->session == session ? 0 : -EPERM;
	}
	return -ESRCH;
}

static void signal_leader(int session, int sig)
{
	struct process *p = process_find(session);

	if (p == NULL)
		return;
	if (READ_ONCE(p->session) == session && !READ_ONCE(p->zombie))
		signal_send_kernel(p, sig);
	process_put(p);
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

const struct tty_signals tty_signals = {
	.signal_group = signal_send_group,
	.signal_leader = signal_leader,
	.current_pgrp = current_pgrp,
	.current_session = current_session,
	.current_is_leader = current_is_leader,
	.current_bond = current_bond,
	.set_current_bond = set_current_bond,
	.check_group = check_group,
	.check_background = check_background,
};

long sys_vhangup(void)
{
	if (!cred_has_cap(cred_current(), CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty_hang_up_current();
	return 0;
}
