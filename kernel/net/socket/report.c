/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots of sockets: report.h. */
#include "net/socket/report.h"

#include "mm/alloc/kmem.h"

#define SPARE 16u /* sockets that may come while it is taken */

void *socket_snapshot(socket_report_fn *report, size_t entry_bytes, unsigned *nr)
{
	unsigned room = report(NULL, 0);

	for (;;) {
		void *all;

		room += SPARE;
		all = kmem_alloc_array(entry_bytes, room);
		if (all == NULL)
			return NULL;
		*nr = report(all, room);
		if (*nr <= room)
			return all;
		room = *nr;
		kmem_free(all);
	}
}
