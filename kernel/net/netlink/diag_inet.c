/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of AF_INET and AF_INET6 over sock_diag(7): struct inet_diag_req_v2 asks for a family, a
 * protocol, states and ports; each answer is a struct inet_diag_msg with the attributes that were
 * asked for. Filters in INET_DIAG_REQ_BYTECODE are run by diag_filter.c.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/inet/report.h"
#include "net/netlink/diag.h"
#include "net/netlink/diag_filter.h"
#include "net/tcp/tcp.h"

#define CONGESTION_MAX 16u
#define NSEC_PER_MS    1000000

struct inet_filter {
	struct inet_diag_req_v2 q;
	enum inet_table table;
};
_Static_assert(sizeof(struct inet_filter) <= NETLINK_FILTER, "filter is too long");

/* What more() keeps beside it. */
struct inet_dump {
	struct inet_cursor cursor;
	struct inet_report report; /* of the one that the cursor is at */
	bool has_one;              /* which is still to be written */
	unsigned program_len;
	uint8_t program[] ALIGNED(4); /* checked */
};

/* ---- writing ---- */

static bool is_asked_for(const struct inet_diag_req_v2 *q, unsigned attribute)
{
	return (q->idiag_ext >> (attribute - 1) & 1) != 0;
}

static void write_ip(uint32_t to[4], const uint8_t ip[16], bool v6)
{
	if (v6)
		memcpy(to, ip, 16);
	else
		to[0] = inet_ip_v4(ip);
}

static void put_memory(struct netlink_message *m, const struct inet_diag_req_v2 *q,
		       const struct inet_report *r)
{
	struct inet_diag_meminfo info = { .idiag_rmem = (uint32_t)r->received_memory,
					  .idiag_wmem = (uint32_t)r->nr_sent,
					  .idiag_tmem = (uint32_t)r->sent_memory };
	uint32_t all[SK_MEMINFO_VARS] = {
		[SK_MEMINFO_RMEM_ALLOC] = (uint32_t)r->received_memory,
		[SK_MEMINFO_RCVBUF] = r->receive_limit,
		[SK_MEMINFO_SNDBUF] = r->send_limit,
		[SK_MEMINFO_WMEM_ALLOC] = (uint32_t)r->sent_memory,
		[SK_MEMINFO_WMEM_QUEUED] = (uint32_t)r->sent_memory,
		[SK_MEMINFO_DROPS] = r->nr_dropped,
	};

	if (is_asked_for(q, INET_DIAG_MEMINFO))
		netlink_put(m, INET_DIAG_MEMINFO, &info, sizeof(info));
	if (is_asked_for(q, INET_DIAG_SKMEMINFO))
		netlink_put(m, INET_DIAG_SKMEMINFO, all, sizeof(all));
}

static void put_connection(struct netlink_message *m, const struct inet_diag_req_v2 *q,
			   const struct inet_cursor *c)
{
	char congestion[CONGESTION_MAX];
	struct tcp_info info;

	if (!inet_report_tcp_info(c, &info, congestion))
		return;
	if (is_asked_for(q, INET_DIAG_INFO))
		netlink_put(m, INET_DIAG_INFO, &info, sizeof(info));
	if (is_asked_for(q, INET_DIAG_CONG))
		netlink_put_string(m, INET_DIAG_CONG, congestion);
}

static void fill(struct inet_diag_msg *t, const struct inet_report *r)
{
	t->idiag_family = r->v6 ? AF_INET6 : AF_INET;
	t->idiag_state = (uint8_t)r->state;
	t->idiag_timer = (uint8_t)r->timer;
	t->idiag_retrans = (uint8_t)min(r->nr_retries, 255u);
	t->id.idiag_sport = inet_swap16(r->local.port);
	t->id.idiag_dport = inet_swap16(r->remote.port);
	write_ip(t->id.idiag_src, r->local.ip, r->v6);
	write_ip(t->id.idiag_dst, r->remote.ip, r->v6);
	t->id.idiag_if = r->dev_index;
	t->id.idiag_cookie[0] = (uint32_t)r->cookie;
	t->id.idiag_cookie[1] = (uint32_t)(r->cookie >> 32);
	t->idiag_expires = (uint32_t)((r->timer_ns + NSEC_PER_MS - 1) / NSEC_PER_MS);
	t->idiag_rqueue = (uint32_t)r->nr_received;
	t->idiag_wqueue = (uint32_t)r->nr_sent;
	t->idiag_uid = r->uid;
	t->idiag_inode = (uint32_t)r->ino;
}

/* Of the one that c is at. */
static bool write_socket(struct netlink_message *m, const struct nlmsghdr *h,
			 const struct inet_filter *f, const struct inet_cursor *c,
			 const struct inet_report *r)
{
	fill(netlink_begin(m, h, sizeof(struct inet_diag_msg)), r);
	if (r->timer != INET_TIMER_TIME_WAIT) {
		netlink_put_u8(m, INET_DIAG_SHUTDOWN, (uint8_t)r->shutdown);
		if (r->v6)
			netlink_put_u8(m, INET_DIAG_SKV6ONLY, r->only_v6);
		if (r->mark != 0)
			netlink_put_u32(m, INET_DIAG_MARK, r->mark);
		put_memory(m, &f->q, r);
	}
	if (f->table == INET_TABLE_TCP)
		put_connection(m, &f->q, c);
	return netlink_end(m);
}

/* ---- all of them ---- */

static bool fits(const struct inet_filter *f, const struct inet_report *r)
{
	const struct inet_diag_sockid *id = &f->q.id;

	return r->v6 == (f->q.sdiag_family == AF_INET6) &&
	       (f->q.idiag_states >> r->state & 1) != 0 &&
	       (f->table != INET_TABLE_RAW || f->q.sdiag_protocol == 0 ||
		f->q.sdiag_protocol == IPPROTO_RAW || f->q.sdiag_protocol == r->protocol) &&
	       (id->idiag_sport == 0 || id->idiag_sport == inet_swap16(r->local.port)) &&
	       (id->idiag_dport == 0 || id->idiag_dport == inet_swap16(r->remote.port));
}

static bool more(struct netlink_dump *d, struct netlink_message *m)
{
	const struct inet_filter *f = (const void *)d->filter;
	struct inet_dump *k = d->kept;
	struct nlmsghdr h = d->header;

	h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	for (;;) {
		if (!k->has_one && !inet_report_next(f->table, &k->cursor, &k->report))
			return true;
		k->has_one = fits(f, &k->report) &&
			     diag_filter_run(k->program, k->program_len, &k->report);
		if (k->has_one && !write_socket(m, &h, f, &k->cursor, &k->report))
			return false;
		k->has_one = false;
	}
}

static void end(struct netlink_dump *d)
{
	struct inet_dump *k = d->kept;

	inet_report_end(&k->cursor);
	kmem_free(k);
	d->kept = NULL;
}

static int start(struct netlink_request *r, const struct inet_filter *f)
{
	const struct nlattr *program = r->attrs[INET_DIAG_REQ_BYTECODE];
	unsigned len = program == NULL ? 0 : netlink_data_len(program);
	struct netlink_dump d = { .more = more, .end = end };
	struct inet_dump *k;

	if (len != 0 && !diag_filter_is_valid(netlink_data(program), len))
		return -EINVAL;
	k = kmem_alloc(sizeof(*k) + len);
	if (k == NULL)
		return -ENOBUFS;
	k->program_len = len;
	if (len != 0)
		memcpy(k->program, netlink_data(program), len);
	memcpy(d.filter, f, sizeof(*f));
	d.kept = k;
	return netlink_dump_start(r, &d);
}

/* ---- one ---- */

static bool is_meant(const struct inet_filter *f, const struct inet_report *r)
{
	struct inet_diag_msg has = { .idiag_family = 0 };
	const struct inet_diag_sockid *id = &f->q.id;
	size_t ip = f->q.sdiag_family == AF_INET6 ? 16 : 4;

	fill(&has, r);
	if (has.idiag_family != f->q.sdiag_family || id->idiag_sport != has.id.idiag_sport ||
	    id->idiag_dport != has.id.idiag_dport)
		return false;
	if (id->idiag_cookie[0] != INET_DIAG_NOCOOKIE &&
	    memcmp(id->idiag_cookie, has.id.idiag_cookie, sizeof(id->idiag_cookie)) != 0)
		return false;
	return memcmp(id->idiag_dst, has.id.idiag_dst, ip) == 0 &&
	       (memcmp(id->idiag_src, has.id.idiag_src, ip) == 0 || r->state == TCP_STATE_LISTEN);
}

static int answer_one(struct netlink_request *r, const struct inet_filter *f)
{
	struct nlmsghdr h = netlink_answer_header(r, SOCK_DIAG_BY_FAMILY);
	struct inet_cursor c = { .at = NULL };
	struct netlink_message *m;
	struct inet_report report;
	int err = -ENOENT;

	while (err == -ENOENT && inet_report_next(f->table, &c, &report)) {
		if (!is_meant(f, &report))
			continue;
		m = netlink_message_new(NETLINK_PART);
		err = m == NULL ? -ENOBUFS : 0;
		if (m != NULL && write_socket(m, &h, f, &c, &report))
			netlink_answer(r, m);
		else
			kmem_free(m);
	}
	inet_report_end(&c);
	return err;
}

int diag_inet(struct netlink_request *r)
{
	static const struct netlink_rule rules[] = { { INET_DIAG_REQ_BYTECODE, 4 },
						     { INET_DIAG_REQ_PROTOCOL, 4 } };
	struct inet_filter f = { .table = INET_TABLE_TCP };
	int err;

	if (r->body_len < sizeof(f.q))
		return -EINVAL;
	memcpy(&f.q, r->body, sizeof(f.q));
	err = netlink_parse(r, sizeof(f.q), rules, ARRAY_SIZE(rules));
	if (err != 0)
		return err;
	switch (f.q.sdiag_protocol) {
	case IPPROTO_TCP:
		break;
	case IPPROTO_UDP:
		f.table = INET_TABLE_UDP;
		break;
	case IPPROTO_RAW:
		f.table = INET_TABLE_RAW;
		break;
	default:
		return -ENOENT;
	}
	return diag_wants_all(r) ? start(r, &f) : answer_one(r, &f);
}
