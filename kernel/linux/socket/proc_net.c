/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/net/unix and the limits of sockets under /proc/sys/net (proc(5), unix(7), socket(7)). */
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "net/unix/report.h"

#define SPARE           16u      /* sockets that may come while the table is made */
#define FLAG_LISTENS    0x10000u /* __SO_ACCEPTCON */
#define PATH_OFFSET     2u
#define STATE_IDLE      1u
#define STATE_CONNECTED 3u

/* A snapshot of all sockets. NULL = no memory. */
static struct unix_report *snapshot(unsigned *nr)
{
	unsigned room = unix_report(NULL, 0);
	struct unix_report *all;

	for (;;) {
		room += SPARE;
		all = kmem_new_array(struct unix_report, room);
		if (all == NULL)
			return NULL;
		*nr = unix_report(all, room);
		if (*nr <= room)
			return all;
		kmem_free(all);
		room = *nr;
	}
}

static void show_one(struct text_buffer *b, const struct unix_report *r)
{
	text_print(b, "%016x: %08X %08X %08X %04X %02X %5llu", 0u, r->refs, 0u,
		   r->listens ? FLAG_LISTENS : 0u, (unsigned)r->type,
		   r->connected ? STATE_CONNECTED : STATE_IDLE, (unsigned long long)r->ino);
	if (r->name.len > PATH_OFFSET) {
		text_append(b, " ", 1);
		for (unsigned i = PATH_OFFSET; i < r->name.len; i++) {
			char c = r->name.bytes[i];

			if (c == '\0' && i + 1 == r->name.len && r->name.bytes[PATH_OFFSET] != '\0')
				break; /* a path's own NUL */
			text_append(b, c == '\0' ? "@" : &c, 1);
		}
	}
	text_append(b, "\n", 1);
}

static int show_unix(struct text_buffer *b, int pid)
{
	unsigned nr;
	struct unix_report *all = snapshot(&nr);

	if (all == NULL)
		return -ENOMEM;
	text_print(b, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (unsigned i = 0; i < nr; i++)
		show_one(b, &all[i]);
	kmem_free(all);
	return 0;
}
PROC_FILE(net_unix) = { .path = "net/unix", .mode = 0444, .show = show_unix };

static int show_somaxconn(struct text_buffer *b, int pid)
{
	text_print(b, "%d\n", SOMAXCONN);
	return 0;
}
PROC_FILE(somaxconn) = { .path = "sys/net/core/somaxconn", .mode = 0444, .show = show_somaxconn };

static int show_backlog(struct text_buffer *b, int pid)
{
	text_print(b, "10\n");
	return 0;
}
PROC_FILE(max_dgram_qlen) = { .path = "sys/net/unix/max_dgram_qlen",
			      .mode = 0444,
			      .show = show_backlog };

static int show_buffer(struct text_buffer *b, int pid)
{
	text_print(b, "212992\n");
	return 0;
}
PROC_FILE(wmem_max) = { .path = "sys/net/core/wmem_max", .mode = 0444, .show = show_buffer };
PROC_FILE(rmem_max) = { .path = "sys/net/core/rmem_max", .mode = 0444, .show = show_buffer };
PROC_FILE(wmem_default) = { .path = "sys/net/core/wmem_default",
			    .mode = 0444,
			    .show = show_buffer };
PROC_FILE(rmem_default) = { .path = "sys/net/core/rmem_default",
			    .mode = 0444,
			    .show = show_buffer };
