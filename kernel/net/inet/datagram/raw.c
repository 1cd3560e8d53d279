/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw sockets: birth and death, what comes, bind, connect. raw.h has the theory. */
#include "net/inet/datagram/raw.h"

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/inet/report.h"
#include "net/ip/ip.h"
#include "net/udp/engine.h"
#include "net/wire/checksum.h"

#define NR_PROTOCOLS 256u

static const struct socket_ops raw_ops;

static unsigned nr_of[NR_PROTOCOLS]; /* [a] sockets of each protocol: most have none */

/* ---- birth and death ---- */

static struct raw_socket *of_endpoint(struct endpoint *e)
{
	return container_of(e, struct raw_socket, end);
}

static void get(struct endpoint *e)
{
	socket_get(&of_endpoint(e)->datagram.inet.socket);
}

static void put(struct endpoint *e)
{
	socket_put(&of_endpoint(e)->datagram.inet.socket);
}

static const struct endpoint_ops endpoint_ops = { .get = get, .put = put };

/* A protocol's, from `ip`. Any number of them share it. */
static int enter(struct raw_socket *r, const uint8_t ip[16])
{
	struct inet_address a = { .port = (uint16_t)r->datagram.inet.socket.protocol };

	memcpy(a.ip, ip, sizeof(a.ip));
	return endpoint_bind(&r->end, &a);
}

int inet_raw_new(bool v6, int protocol, struct socket **out)
{
	struct raw_socket *r = kmem_new(struct raw_socket);
	struct inet_socket *i;
	int err;

	if (r == NULL)
		return -ENOMEM;
	i = &r->datagram.inet;
	err = datagram_init(&r->datagram, &raw_ops, SOCK_RAW);
	if (err != 0) {
		kmem_free(r);
		return err;
	}
	i->socket.protocol = protocol;
	r->has_header = !v6 && protocol == IPPROTO_RAW;
	r->checksum_at = v6 && protocol == IPPROTO_ICMPV6 ? 2 : -1;
	endpoint_init(&r->end, i->net->raw, &endpoint_ops);
	inet_attach(i, &r->end, v6);
	r->end.flags = ENDPOINT_REUSE_ADDRESS | (v6 ? ENDPOINT_V6 | ENDPOINT_ONLY_V6 : 0);
	IGNORE_RESULT(enter(r, r->end.local.ip)); /* all share it: it cannot be taken */
	inet_names_changed(i);
	(void)atomic_add(&nr_of[protocol % NR_PROTOCOLS], 1);
	*out = &i->socket;
	return 0;
}

static void raw_close(struct socket *s)
{
	struct raw_socket *r = raw_of(s);

	(void)atomic_sub(&nr_of[(unsigned)s->protocol % NR_PROTOCOLS], 1);
	endpoint_remove(&r->end);
	datagram_close(&r->datagram);
	inet_close(&r->datagram.inet);
	net_run();
}

static void raw_free(struct socket *s)
{
	struct raw_socket *r = raw_of(s);

	datagram_fini(&r->datagram);
	kmem_free(r);
}

/* ---- what comes ---- */

/* ICMP's types that the program does not want; IPv4's filter has the first 32 only. */
static bool is_filtered(const struct raw_socket *r, const struct netbuf *b,
			const struct ip_info *info)
{
	uint8_t type;

	if (info->protocol != (info->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) || b->len == 0)
		return false;
	netbuf_copy_out(b, 0, &type, sizeof(type));
	if (info->v4 && type >= 32)
		return false;
	return (READ_ONCE(r->filter[type / 32]) >> (type % 32) & 1) != 0;
}

static bool has_good_sum(const struct raw_socket *r, const struct netbuf *b,
			 const struct ip_info *info)
{
	uint64_t sum;

	if (READ_ONCE(r->checksum_at) < 0 || (b->flags & NETBUF_SUM_GOOD) != 0)
		return true;
	sum = checksum_pseudo(info->from, info->to, info->protocol, b->len);
	return be16_get(checksum_finish(checksum_join(sum, netbuf_sum(b, 0, b->len)))) == 0;
}

static void deliver(struct raw_socket *r, const struct netbuf *b, const struct ip_info *info)
{
	struct netbuf *copy;

	if (is_filtered(r, b, info) || !has_good_sum(r, b, info))
		return;
	if (inet_ip_is_multicast(info->to) && !inet_hears_group(&r->datagram.inet, info))
		return;
	copy = netbuf_clone(b);
	if (copy == NULL)
		return;
	if (info->v4)
		netbuf_push(copy, (unsigned)(copy->transport - copy->network));
	netbuf_notes(copy, struct udp_info)->from_port = 0;
	datagram_arrived(&r->datagram, copy, 0);
}

/* The ends as the table has them. */
static struct inet_address end_of(const uint8_t ip[16], uint8_t protocol)
{
	struct inet_address a = { .port = protocol };

	memcpy(a.ip, ip, sizeof(a.ip));
	return a;
}

void raw_input(struct net *net, const struct netbuf *b)
{
	const struct ip_info *info = netbuf_notes(b, const struct ip_info);
	struct inet_address from, to;
	struct endpoint *e = NULL;

	if (info->protocol == (info->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		ping_input(net, b);
	if (atomic_load(&nr_of[info->protocol]) == 0)
		return;
	from = end_of(info->from, info->protocol);
	to = end_of(info->to, info->protocol);
	while ((e = endpoint_find_next(net->raw, e, &from, &to, info->dev_index)) != NULL)
		deliver(of_endpoint(e), b, info);
}

void raw_error(struct net *net, const struct ip_error *error)
{
	struct inet_address ours, theirs, shown;
	struct endpoint *e = NULL;

	if (error->protocol == (error->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		ping_error(net, error);
	if (atomic_load(&nr_of[error->protocol]) == 0)
		return;
	ours = end_of(error->from, error->protocol);
	theirs = end_of(error->to, error->protocol);
	shown = theirs;
	shown.port = 0;
	while ((e = endpoint_find_next(net->raw, e, &theirs, &ours, 0)) != NULL)
		inet_error_arrived(&of_endpoint(e)->datagram.inet, error, &shown);
}

/* ---- bind, connect ---- */

static int raw_bind(struct socket *s, const struct socket_address *a, uint32_t mode)
{
	struct raw_socket *r = raw_of(s);
	struct inet_socket *i = &r->datagram.inet;
	struct inet_target own;
	int err = inet_bind_check(i, a, &own);

	if (err != 0)
		return err;
	scoped_mutex(&i->names_lock);
	if (r->end.remote.port != 0)
		return -EINVAL;
	endpoint_remove(&r->end);
	err = enter(r, own.at.ip);
	if (own.scope != 0)
		WRITE_ONCE(r->end.dev_index, own.scope);
	inet_names_changed(i);
	return err;
}

static int connect_to(struct raw_socket *r, const struct inet_target *to)
{
	struct inet_socket *i = &r->datagram.inet;
	struct inet_way w = { .from = inet_bound_address(i),
			      .dev_index = inet_address_device(i, to) };
	struct inet_address peer = end_of(to->at.ip, (uint8_t)i->socket.protocol);
	struct ip_path path;
	int err = inet_way_path(i, to, &w, &path);

	if (err != 0)
		return err;
	err = endpoint_connect(&r->end, path.from, &peer);
	ip_path_drop(&path);
	inet_names_changed(i);
	return err;
}

static int raw_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct raw_socket *r = raw_of(s);
	struct inet_socket *i = &r->datagram.inet;
	struct inet_target to;
	int err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	scoped_mutex(&i->names_lock);
	if (a->family == AF_UNSPEC) {
		endpoint_disconnect(&r->end);
		inet_names_changed(i);
		return 0;
	}
	err = inet_address_read(i, a, &to);
	if (err == 0)
		err = inet_address_mean(i, &to);
	return err != 0 ? err : connect_to(r, &to);
}

static const struct socket_ops raw_ops = {
	.bind = raw_bind,
	.connect = raw_connect,
	.send = raw_send,
	.receive = datagram_receive,
	.get_name = inet_get_name,
	.set_option = raw_set_option,
	.get_option = raw_get_option,
	.shutdown = datagram_shutdown,
	.ioctl = datagram_ioctl,
	.poll = datagram_poll,
	.close = raw_close,
	.free = raw_free,
};

/* ---- /proc/net ---- */

bool inet_raw_report(struct endpoint *end, struct inet_report *r)
{
	inet_report_datagram(&of_endpoint(end)->datagram, r);
	r->remote.port = 0; /* there are none: the table has the protocol there */
	return true;
}
