/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control channel (abi/hull/control.h): fixed records to and from the command on the host.
 * What comes in is handled where the driver tells of it, in interrupt context, so that a signal
 * reaches a program that never enters the kernel by itself.
 */
#include "abi/hull/control.h"

#include <asm/signal.h>

#include "core/sync/spinlock.h"
#include "fs/tty/port.h"
#include "lib/string.h"
#include "linux/exec/launch.h"
#include "linux/exec/port_out.h"
#include "linux/signal/signals.h"
#include "linux/task/task.h"

static struct port *port; /* [I] after control_start; NULL: none */
static struct {
	struct spinlock lock;
	size_t len; /* [lock] bytes of a record that is not whole yet */
	uint8_t bytes[sizeof(struct control_message)]; /* [lock] */
} input;

static void signal_first(int sig)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_USER };
	struct process *p = process_find(1);

	if (p == NULL)
		return;
	(void)!signal_send_process(p, &info); /* a standard signal always gets through */
	process_put(p);
}

/* Says that the kernel is alive; lost when there is no room, as nothing waits for it. */
static void answer(struct port *p, uint32_t sig)
{
	const struct control_message m = { .kind = CONTROL_TAKEN, .a = sig };

	(void)p->ops->write(p, &m, sizeof(m));
}

static void handle(struct port *p, const struct control_message *m)
{
	switch (m->kind) {
	case CONTROL_WINSIZE:
		tty_set_winsize(m->a, m->b);
		break;
	case CONTROL_SIGNAL:
		if (m->a >= 1 && m->a <= NSIG_MAX)
			signal_first((int)m->a);
		answer(p, m->a);
		break;
	case CONTROL_CONTINUE:
		signal_first(SIGCONT);
		break;
	default:
		break;
	}
}

/* True: *out is a whole record. */
static bool next_message(struct port *p, struct control_message *out)
{
	scoped_spin(&input.lock);
	input.len += p->ops->read(p, input.bytes + input.len, sizeof(input.bytes) - input.len);
	if (input.len < sizeof(*out))
		return false;
	memcpy(out, input.bytes, sizeof(*out));
	input.len = 0;
	return true;
}

static void notified(struct port *p)
{
	struct control_message m;

	while (next_message(p, &m))
		handle(p, &m);
}

void control_start(struct port *p)
{
	port = p;
	atomic_store(&p->notify, notified);
	notified(p); /* what came before anybody listened */
}

void control_send(uint32_t kind, uint32_t a, uint32_t b, uint32_t c)
{
	const struct control_message m = { kind, a, b, c };

	if (port != NULL)
		port_out(port, &m, sizeof(m));
}

void control_send_terminal(void)
{
	union {
		struct launch_terminal modes;
		uint32_t words[LAUNCH_TERMINAL_WORDS];
	} all = { .words = { 0 } };

	if (!tty_console_modes(&all.modes))
		return;
	for (unsigned i = 0; i < LAUNCH_TERMINAL_WORDS; i += 2)
		control_send(CONTROL_TERMINAL, i, all.words[i], all.words[i + 1]);
}
