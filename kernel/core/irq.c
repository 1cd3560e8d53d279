/* SPDX-License-Identifier: BSD-2-Clause */
/* Device interrupt lines and who handles them. Lines are shared: every handler of a line is
 * called. */
#include "core/irq.h"

#include "core/log.h"
#include "core/platform.h"
#include "core/smp/ipi.h"
#include "core/sync/spinlock.h"
#include "lib/errno.h"
#include "lib/types.h"

#define HANDLERS_MAX 64

static struct {
	irq_handler_t fn;
	void *arg;
	unsigned line;
} handlers[HANDLERS_MAX]; /* [lock] to write; a slot's fn is set last and cleared first */
static struct spinlock lock;

int irq_attach(unsigned line, irq_handler_t fn, void *arg)
{
	spin_lock(&lock);
	for (size_t i = 0; i < HANDLERS_MAX; i++) {
		if (handlers[i].fn != NULL)
			continue;
		handlers[i].line = line;
		handlers[i].arg = arg;
		__atomic_store_n(&handlers[i].fn, fn, __ATOMIC_RELEASE);
		spin_unlock(&lock);
		return platform->irq_set(line, true);
	}
	spin_unlock(&lock);
	return -EBUSY;
}

static void nothing(void *unused)
{
}

void irq_detach(unsigned line, irq_handler_t fn, void *arg)
{
	bool others = false;

	spin_lock(&lock);
	for (size_t i = 0; i < HANDLERS_MAX; i++) {
		if (handlers[i].fn == NULL || handlers[i].line != line)
			continue;
		if (handlers[i].fn == fn && handlers[i].arg == arg)
			WRITE_ONCE(handlers[i].fn, NULL);
		else
			others = true;
	}
	spin_unlock(&lock);
	if (!others)
		(void)platform->irq_set(line, false);
	cpu_call(~0ull, nothing, NULL); /* whoever was in the handler has left it */
}

void irq_dispatch(unsigned line)
{
	bool handled = false;

	for (size_t i = 0; i < HANDLERS_MAX; i++) {
		irq_handler_t fn = READ_ONCE(handlers[i].fn);

		if (fn != NULL && handlers[i].line == line) {
			fn(handlers[i].arg);
			handled = true;
		}
	}
	if (!handled)
		log_debug("irq: line %u has no handler", line);
}
