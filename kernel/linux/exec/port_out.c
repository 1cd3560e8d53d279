/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole records to a port of the host: waits for room, is not interrupted. */
#include "linux/exec/port_out.h"

#include "fs/tty/port.h"
#include "lib/atomic.h"

void port_out(struct port *p, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		size_t n = p->ops->write(p, at, len);

		at += n;
		len -= n;
		if (len == 0 || atomic_load(&p->host_closed))
			return;
		if (wait_event(&p->writable, p->ops->can_write(p) || atomic_load(&p->host_closed),
			       WAIT_UNINTERRUPTIBLE, NSEC_NEVER) != 0)
			return;
	}
}
