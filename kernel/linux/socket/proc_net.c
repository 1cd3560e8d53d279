/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/net/unix, netlink and packet (proc(5), unix(7), netlink(7), packet(7)). */
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/netlink/netlink.h"
#include "net/packet/socket.h"
#include "net/unix/report.h"

#define FLAG_LISTENS    0x10000u /* __SO_ACCEPTCON */
#define PATH_OFFSET     2u
#define STATE_IDLE      1u
#define STATE_CONNECTED 3u

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
	struct unix_report *all = socket_snapshot(unix_report, sizeof(*all), &nr);

	if (all == NULL)
		return -ENOMEM;
	text_print(b, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (unsigned i = 0; i < nr; i++)
		show_one(b, &all[i]);
	kmem_free(all);
	return 0;
}
PROC_FILE(net_unix) = { .path = "net/unix", .mode = 0444, .show = show_unix };

/* ---- netlink ---- */

static int show_netlink(struct text_buffer *b, int pid)
{
	unsigned nr;
	struct netlink_report *all = socket_snapshot(netlink_report, sizeof(*all), &nr);

	if (all == NULL)
		return -ENOMEM;
	text_print(b, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    "
		      "Drops    Inode\n");
	for (unsigned i = 0; i < nr; i++)
		text_print(b, "%016x %-3d %-10u %08x %-8u %-8u %-5d %-8u %-8u %-8llu\n", 0u,
			   all[i].protocol, all[i].port, (unsigned)all[i].groups,
			   (unsigned)all[i].nr_received, 0u, all[i].dumps, all[i].refs,
			   all[i].nr_dropped, (unsigned long long)all[i].ino);
	kmem_free(all);
	return 0;
}
PROC_FILE(net_netlink) = { .path = "net/netlink", .mode = 0444, .show = show_netlink };

/* ---- packet sockets ---- */

static int show_packet(struct text_buffer *b, int pid)
{
	unsigned nr;
	struct packet_report *all = socket_snapshot(packet_report, sizeof(*all), &nr);

	if (all == NULL)
		return -ENOMEM;
	text_print(b, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
	for (unsigned i = 0; i < nr; i++)
		text_print(b, "%016x %-6u %-4d %04x   %-5u %1d %-6u %-6u %-6llu\n", 0u, all[i].refs,
			   all[i].type, all[i].protocol, all[i].dev_index, all[i].runs,
			   (unsigned)all[i].nr_received, 0u, (unsigned long long)all[i].ino);
	kmem_free(all);
	return 0;
}
PROC_FILE(net_packet) = { .path = "net/packet", .mode = 0444, .show = show_packet };
