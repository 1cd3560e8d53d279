/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet sockets over sock_diag(7): <linux/packet_diag.h>. */
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>

#include "lib/errno.h"
#include "net/netlink/diag.h"
#include "net/packet/socket.h"

static bool write_socket(struct netlink_message *m, const struct nlmsghdr *h, const void *request,
			 const void *entry)
{
	uint32_t show = ((const struct packet_diag_req *)request)->pdiag_show;
	const struct packet_report *r = entry;
	struct packet_diag_msg *t = netlink_begin(m, h, sizeof(*t));
	struct packet_diag_info info = { .pdi_index = r->dev_index };
	uint32_t memory[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = (uint32_t)r->nr_received };

	t->pdiag_family = AF_PACKET;
	t->pdiag_type = (uint8_t)r->type;
	t->pdiag_num = (uint16_t)r->protocol;
	t->pdiag_ino = (uint32_t)r->ino;
	t->pdiag_cookie[0] = (uint32_t)r->cookie;
	t->pdiag_cookie[1] = (uint32_t)(r->cookie >> 32);
	if ((show & PACKET_SHOW_INFO) != 0)
		netlink_put(m, PACKET_DIAG_INFO, &info, sizeof(info));
	if ((show & PACKET_SHOW_MEMINFO) != 0)
		netlink_put(m, PACKET_DIAG_MEMINFO, memory, sizeof(memory));
	return netlink_end(m);
}

int diag_packet(struct netlink_request *r)
{
	static const struct diag_kind kind = {
		.report = packet_report,
		.entry_bytes = sizeof(struct packet_report),
		.request_bytes = sizeof(struct packet_diag_req),
		.write = write_socket,
	};
	const struct packet_diag_req *q = r->body;

	if (r->body_len >= sizeof(*q) && q->sdiag_protocol != 0)
		return -EINVAL;
	return diag_dump(r, &kind);
}
