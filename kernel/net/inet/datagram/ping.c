/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP's echo for programs without rights (icmp(7): SOCK_DGRAM of IPPROTO_ICMP and _ICMPV6). A port
 * is the identifier: what is sent gets it, with the checksum, and only answers that have it come
 * back. There is nothing like a peer's port; 1 stands for it in the table.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/inet/datagram/raw.h"
#include "net/inet/report.h"
#include "net/ip/ip.h"
#include "net/udp/engine.h"
#include "net/wire/checksum.h"
#include "net/wire/icmp.h"

#define PEER_PORT 1u

struct ping_socket {
	struct datagram_socket datagram;
	struct endpoint end;
};

static const struct socket_ops ping_ops;

/* ---- birth and death ---- */

static struct ping_socket *ping_of(struct socket *s)
{
	return container_of(datagram_of(s), struct ping_socket, datagram);
}

static struct ping_socket *of_endpoint(struct endpoint *e)
{
	return container_of(e, struct ping_socket, end);
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

int inet_ping_new(bool v6, struct socket **out)
{
	struct ping_socket *p = kmem_new(struct ping_socket);
	struct inet_socket *i;
	int err;

	if (p == NULL)
		return -ENOMEM;
	i = &p->datagram.inet;
	err = datagram_init(&p->datagram, &ping_ops, SOCK_DGRAM);
	if (err != 0) {
		kmem_free(p);
		return err;
	}
	endpoint_init(&p->end, i->net->ping, &endpoint_ops);
	inet_attach(i, &p->end, v6);
	p->end.flags = v6 ? ENDPOINT_V6 | ENDPOINT_ONLY_V6 : 0;
	*out = &i->socket;
	return 0;
}

static void ping_close(struct socket *s)
{
	endpoint_remove(&ping_of(s)->end);
	datagram_close(&ping_of(s)->datagram);
	inet_close(inet_of(s));
	net_run();
}

static void ping_free(struct socket *s)
{
	struct ping_socket *p = ping_of(s);

	datagram_fini(&p->datagram);
	kmem_free(p);
}

/* ---- what comes ---- */

static struct endpoint *find(struct net *net, const uint8_t ours[16], const uint8_t theirs[16],
			     uint16_t id, unsigned dev_index)
{
	struct inet_address from = { .port = PEER_PORT }, to = { .port = id };

	memcpy(from.ip, theirs, sizeof(from.ip));
	memcpy(to.ip, ours, sizeof(to.ip));
	return endpoint_find(net->ping, &from, &to, dev_index);
}

static bool has_good_sum(const struct netbuf *b, const struct ip_info *i)
{
	uint64_t sum = netbuf_sum(b, 0, b->len);

	if ((b->flags & NETBUF_SUM_GOOD) != 0)
		return true;
	if (!i->v4)
		sum = checksum_join(sum, checksum_pseudo(i->from, i->to, IPPROTO_ICMPV6, b->len));
	return be16_get(checksum_finish(sum)) == 0;
}

void ping_input(struct net *net, const struct netbuf *b)
{
	const struct ip_info *i = netbuf_notes(b, const struct ip_info);
	struct icmp_header h;
	struct endpoint *e;
	struct netbuf *copy;

	if (b->len < sizeof(h))
		return;
	netbuf_copy_out(b, 0, &h, sizeof(h));
	if (h.type != (i->v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY))
		return;
	e = find(net, i->to, i->from, be16_get(h.echo.id), i->dev_index);
	if (e == NULL)
		return;
	copy = has_good_sum(b, i) ? netbuf_clone(b) : NULL;
	if (copy != NULL) {
		netbuf_notes(copy, struct udp_info)->from_port = 0;
		datagram_arrived(&of_endpoint(e)->datagram, copy, 0);
	}
	put(e);
}

void ping_error(struct net *net, const struct ip_error *error)
{
	struct inet_address to = { .port = 0 };
	struct icmp_header h;
	struct endpoint *e;

	memcpy(&h, error->payload, sizeof(h));
	if (h.type != (error->v4 ? ICMP4_ECHO : ICMP6_ECHO))
		return;
	e = find(net, error->from, error->to, be16_get(h.echo.id), 0);
	if (e == NULL)
		return;
	memcpy(to.ip, error->to, sizeof(to.ip));
	inet_error_arrived(&of_endpoint(e)->datagram.inet, error, &to);
	put(e);
}

/* ---- connect, send ---- */

static int connect_to(struct ping_socket *p, const struct inet_target *to)
{
	struct inet_socket *i = &p->datagram.inet;
	struct inet_way w = { .from = inet_bound_address(i),
			      .dev_index = inet_address_device(i, to) };
	struct inet_address peer = to->at;
	struct ip_path path;
	int err = inet_way_path(i, to, &w, &path);

	if (err != 0)
		return err;
	peer.port = PEER_PORT;
	err = endpoint_autobind(&p->end) != 0 ? -EAGAIN
					      : endpoint_connect(&p->end, path.from, &peer);
	ip_path_drop(&path);
	inet_names_changed(i);
	return err;
}

static int ping_connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct inet_socket *i = inet_of(s);
	struct inet_target to;
	int err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	scoped_mutex(&i->names_lock);
	if (a->family == AF_UNSPEC) {
		endpoint_disconnect(i->end);
		inet_names_changed(i);
		return 0;
	}
	err = inet_address_read(i, a, &to);
	if (err == 0 && inet_is_v6(i) && inet_ip_is_v4(to.at.ip))
		err = -EINVAL;
	if (err == 0)
		err = inet_address_mean(i, &to);
	return err != 0 ? err : connect_to(ping_of(s), &to);
}

static int find_target(struct datagram_socket *d, struct datagram_sending *x)
{
	struct inet_socket *i = &d->inet;
	int err;

	if (x->message->data->left < sizeof(struct icmp_header))
		return -EINVAL;
	if (x->message->name == NULL) {
		err = datagram_find_peer(d, x);
		return err != 0 ? err : inet_autobind(i);
	}
	err = inet_address_read(i, x->message->name, &x->to);
	if (err == 0 && inet_is_v6(i) && inet_ip_is_v4(x->to.at.ip))
		err = -EINVAL;
	if (err == 0)
		err = inet_address_mean(i, &x->to);
	return err != 0 ? err : inet_autobind(i);
}

/* The program's echo gets our identifier and its checksum. */
static int finish(struct datagram_socket *d, struct netbuf *b, const struct datagram_sending *x,
		  const struct ip_path *path)
{
	struct icmp_header *h = netbuf_need(b, sizeof(*h));
	bool v6 = inet_is_v6(&d->inet);
	uint64_t sum;

	if (h == NULL || h->type != (v6 ? ICMP6_ECHO : ICMP4_ECHO) || h->code != 0)
		return -EINVAL;
	h->echo.id = be16_of(inet_local(&d->inet).port);
	h->checksum = be16_of(0);
	sum = netbuf_sum(b, 0, b->len);
	if (v6)
		sum = checksum_join(
			sum, checksum_pseudo(path->from, x->to.at.ip, IPPROTO_ICMPV6, b->len));
	h->checksum = checksum_finish(sum);
	return 0;
}

static int send(struct datagram_socket *d, struct netbuf *b, struct datagram_sending *x)
{
	return datagram_send_along(d, b, x, finish);
}

static const struct datagram_kind kind = { .find_target = find_target, .send = send };

static ssize_t ping_send(struct socket *s, struct socket_message *m)
{
	return datagram_send(datagram_of(s), m, &kind);
}

static const struct socket_ops ping_ops = {
	.bind = inet_bind,
	.connect = ping_connect,
	.send = ping_send,
	.receive = datagram_receive,
	.get_name = inet_get_name,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.option_changed = inet_option_changed,
	.shutdown = datagram_shutdown,
	.ioctl = datagram_ioctl,
	.poll = datagram_poll,
	.close = ping_close,
	.free = ping_free,
};

/* ---- /proc/net ---- */

bool inet_ping_report(struct endpoint *end, struct inet_report *r)
{
	inet_report_datagram(&of_endpoint(end)->datagram, r);
	r->remote.port = 0;
	return true;
}
