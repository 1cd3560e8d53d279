/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc/net and sock_diag(7) show of the sockets: report.h. */
#include "net/inet/report.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "net/inet/datagram/datagram.h"
#include "net/tcp/tcp.h"

#define CONNECTED 1 /* as TCP numbers them */
#define CLOSED    7

void inet_report_socket(struct inet_socket *i, struct inet_report *r)
{
	unsigned flags = READ_ONCE(i->end->flags);

	*r = (struct inet_report){
		.v6 = inet_is_v6(i),
		.port_was_given = (flags & ENDPOINT_PORT_CHOSEN) != 0,
		.protocol = i->socket.protocol,
		.local = inet_local(i),
		.remote = inet_remote(i),
		.dev_index = READ_ONCE(i->end->dev_index),
		.ino = i->socket.ino,
		.cookie = socket_cookie(&i->socket),
		.uid = i->end->uid,
		.mark = READ_ONCE(i->socket.mark),
		.send_limit = READ_ONCE(i->socket.send_limit),
		.receive_limit = READ_ONCE(i->socket.receive_limit),
		.refs = READ_ONCE(i->socket.ref.count) - 1, /* ours */
	};
	/* One that is bound to an address of IPv6's hears nothing else. */
	r->only_v6 = (flags & ENDPOINT_ONLY_V6) != 0 ||
		     (r->v6 && !inet_ip_is_v4(r->local.ip) && !inet_ip_is_any(r->local.ip));
}

void inet_report_datagram(struct datagram_socket *d, struct inet_report *r)
{
	inet_report_socket(&d->inet, r);
	r->state = r->remote.port != 0 ? CONNECTED : CLOSED;
	r->nr_received = r->received_memory = READ_ONCE(d->charged);
	r->nr_sent = r->sent_memory = atomic_load(&d->nr_sent);
	r->nr_dropped = atomic_load(&d->nr_dropped);
	r->shutdown = atomic_load(&d->ends);
}

static bool report(enum inet_table table, struct endpoint *e, struct inet_report *r)
{
	switch (table) {
	case INET_TABLE_TCP:
		return inet_tcp_report(e, r);
	case INET_TABLE_UDP:
		return inet_udp_report(e, r);
	case INET_TABLE_RAW:
		return inet_raw_report(e, r);
	default:
		return inet_ping_report(e, r);
	}
}

static struct endpoint_table *table_of(struct net *net, enum inet_table table)
{
	struct endpoint_table *const all[] = { net->tcp, net->udp, net->raw, net->ping };

	return all[table];
}

bool inet_report_next(enum inet_table table, struct inet_cursor *c, struct inet_report *r)
{
	struct net *net = net_machine_get();

	if (net == NULL)
		return false;
	do {
		c->at = endpoint_next(table_of(net, table), c->at, &c->bucket);
	} while (c->at != NULL && !report(table, c->at, r));
	return c->at != NULL;
}

void inet_report_end(struct inet_cursor *c)
{
	if (c->at != NULL)
		c->at->ops->put(c->at);
	c->at = NULL;
}

bool inet_report_tcp_info(const struct inet_cursor *c, struct tcp_info *out, char *congestion)
{
	struct tcp *t;

	if (!tcp_is_connection(c->at))
		return false;
	t = tcp_of_endpoint(c->at);
	tcp_info_get(t, out);
	string_copy(congestion, tcp_congestion_name(t), 16);
	return true;
}

bool inet_report_of(struct inet_socket *i, struct inet_report *r)
{
	switch (i->socket.type) {
	case SOCK_STREAM:
		return inet_tcp_report(i->end, r);
	case SOCK_RAW:
		return inet_raw_report(i->end, r);
	default:
		return i->socket.protocol == IPPROTO_UDP ? inet_udp_report(i->end, r)
							 : inet_ping_report(i->end, r);
	}
}

unsigned inet_report_count(enum inet_table table)
{
	struct inet_cursor c = { .at = NULL };
	struct inet_report r;
	unsigned nr = 0;

	while (inet_report_next(table, &c, &r))
		nr++;
	return nr;
}
