/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The byte ports that drivers found. They come at boot and stay; the list is only ever appended to.
 */
#include "fs/tty/port.h"

#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "lib/atomic.h"
#include "lib/errno.h"

#define PORTS_MAX 64

static struct spinlock lock = SPINLOCK_INIT;
static struct port *ports[PORTS_MAX]; /* [lock] */
static unsigned nr_ports;             /* [lock] */

void port_add(struct port *p)
{
	scoped_spin(&lock);
	if (nr_ports < PORTS_MAX)
		ports[nr_ports++] = p;
}

static struct port *find(unsigned nr)
{
	scoped_spin(&lock);
	for (unsigned i = 0; i < nr_ports; i++) {
		if (ports[i]->nr == nr)
			return ports[i];
	}
	return NULL;
}

static struct port *find_console(void)
{
	struct port *best = NULL;

	scoped_spin(&lock);
	for (unsigned i = 0; i < nr_ports; i++) {
		if (ports[i]->console > (best == NULL ? 0 : best->console))
			best = ports[i];
	}
	return best;
}

static struct port *activate(struct port *p)
{
	if (p != NULL && p->ops->activate != NULL && p->ops->activate(p) != 0)
		return NULL;
	return p;
}

struct port *port_find(unsigned nr)
{
	return activate(find(nr));
}

struct port *port_console(void)
{
	return activate(find_console());
}

ssize_t port_write_all(struct port *p, const void *buf, size_t len)
{
	size_t done = 0;
	int err;

	while (done < len) {
		size_t n;

		if (atomic_load(&p->host_closed))
			return done > 0 ? (ssize_t)done : -EPIPE;
		n = p->ops->write(p, (const char *)buf + done, len - done);
		done += n;
		if (n > 0)
			continue;
		err = wait_event(&p->writable, p->ops->can_write(p) || atomic_load(&p->host_closed),
				 WAIT_INTERRUPTIBLE, NSEC_NEVER);
		if (err != 0)
			return done > 0 ? (ssize_t)done : err;
	}
	return (ssize_t)done;
}
