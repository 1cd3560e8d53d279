/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local sockets over sock_diag(7): struct unix_diag_req asks for states and for what is to be
 * shown.
 */
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/netlink/diag.h"
#include "net/unix/report.h"

#define PATH_OFFSET     2u
#define STATE_CONNECTED 1 /* as TCP numbers them */
#define STATE_IDLE      7
#define STATE_LISTENS   10

static unsigned state_of(const struct unix_report *r)
{
	return r->listens ? STATE_LISTENS : r->connected ? STATE_CONNECTED : STATE_IDLE;
}

/* ---- writing ---- */

/* An abstract name whole, a path without its NUL. */
static void put_name(struct netlink_message *m, const struct unix_report *r)
{
	unsigned len = r->name.len - min(r->name.len, PATH_OFFSET);
	const char *name = r->name.bytes + PATH_OFFSET;

	if (len > 0 && name[0] != '\0' && name[len - 1] == '\0')
		len--;
	if (len > 0)
		netlink_put(m, UNIX_DIAG_NAME, name, len);
}

static void put_queues(struct netlink_message *m, uint32_t show, const struct unix_report *r)
{
	struct unix_diag_rqlen queues = { (uint32_t)r->nr_received,
					  r->listens ? (uint32_t)r->nr_sent
						     : (uint32_t)r->sent_memory };
	uint32_t memory[SK_MEMINFO_VARS] = {
		[SK_MEMINFO_RCVBUF] = r->receive_limit,
		[SK_MEMINFO_SNDBUF] = r->send_limit,
		[SK_MEMINFO_WMEM_ALLOC] = (uint32_t)r->sent_memory,
	};

	if ((show & UDIAG_SHOW_RQLEN) != 0)
		netlink_put(m, UNIX_DIAG_RQLEN, &queues, sizeof(queues));
	if ((show & UDIAG_SHOW_MEMINFO) != 0)
		netlink_put(m, UNIX_DIAG_MEMINFO, memory, sizeof(memory));
}

static bool write_socket(struct netlink_message *m, const struct nlmsghdr *h, const void *request,
			 const void *entry)
{
	uint32_t show = ((const struct unix_diag_req *)request)->udiag_show;
	const struct unix_report *r = entry;
	struct unix_diag_msg *t = netlink_begin(m, h, sizeof(*t));

	t->udiag_family = AF_UNIX;
	t->udiag_type = (uint8_t)r->type;
	t->udiag_state = (uint8_t)state_of(r);
	t->udiag_ino = (uint32_t)r->ino;
	t->udiag_cookie[0] = (uint32_t)r->cookie;
	t->udiag_cookie[1] = (uint32_t)(r->cookie >> 32);
	if ((show & UDIAG_SHOW_NAME) != 0)
		put_name(m, r);
	if ((show & UDIAG_SHOW_PEER) != 0 && r->peer_ino != 0)
		netlink_put_u32(m, UNIX_DIAG_PEER, (uint32_t)r->peer_ino);
	put_queues(m, show, r);
	netlink_put_u8(m, UNIX_DIAG_SHUTDOWN, (uint8_t)r->shutdown);
	return netlink_end(m);
}

/* ---- all, or one ---- */

/* What waits to be accepted has no file, and is not shown. */
static bool is_wanted(const void *request, const void *entry)
{
	const struct unix_diag_req *q = request;
	const struct unix_report *r = entry;

	return r->ino != 0 && (q->udiag_states >> state_of(r) & 1) != 0 &&
	       (q->udiag_ino == 0 || q->udiag_ino == (uint32_t)r->ino);
}

static bool has_cookie(const struct unix_diag_req *q, const struct unix_report *r)
{
	if (q->udiag_cookie[0] == UINT32_MAX && q->udiag_cookie[1] == UINT32_MAX)
		return true;
	return q->udiag_cookie[0] == (uint32_t)r->cookie &&
	       q->udiag_cookie[1] == (uint32_t)(r->cookie >> 32);
}

static int answer_one(struct netlink_request *r, const struct unix_diag_req *q)
{
	struct nlmsghdr h = netlink_answer_header(r, SOCK_DIAG_BY_FAMILY);
	unsigned nr;
	struct unix_report *all = socket_snapshot(unix_report, sizeof(*all), &nr);
	struct netlink_message *m = netlink_message_new(NETLINK_PART);
	int err = all == NULL || m == NULL ? -ENOBUFS : -ENOENT;

	for (unsigned i = 0; err == -ENOENT && i < nr; i++) {
		if ((uint32_t)all[i].ino != q->udiag_ino)
			continue;
		err = has_cookie(q, &all[i]) ? 0 : -ESTALE;
		if (err == 0 && write_socket(m, &h, q, &all[i])) {
			netlink_answer(r, m);
			m = NULL;
		}
	}
	kmem_free(m);
	kmem_free(all);
	return err;
}

int diag_unix(struct netlink_request *r)
{
	static const struct diag_kind kind = {
		.report = unix_report,
		.entry_bytes = sizeof(struct unix_report),
		.request_bytes = sizeof(struct unix_diag_req),
		.wants = is_wanted,
		.write = write_socket,
	};
	struct unix_diag_req q;

	if (diag_wants_all(r))
		return diag_dump(r, &kind);
	if (r->body_len < sizeof(q))
		return -EINVAL;
	memcpy(&q, r->body, sizeof(q));
	return q.udiag_ino == 0 ? -EINVAL : answer_one(r, &q);
}
