/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending datagrams (udp(7)). */
#include "lib/errno.h"
#include "net/inet/datagram/udp.h"

#define SEGMENTS_MAX 128u /* of one send with UDP_SEGMENT: as Linux's UDP_MAX_SEGMENTS */

/* Every send binds a socket that is not bound, also one that fails. */
static int find_target(struct datagram_socket *d, struct datagram_sending *x)
{
	const struct socket_address *name = x->message->name;
	struct inet_socket *i = &d->inet;
	int err = inet_autobind(i);

	if (err != 0)
		return err;
	if (name == NULL)
		err = datagram_find_peer(d, x);
	else
		err = inet_way_target(i, name, &x->to);
	if (err == 0 && x->to.at.port == 0)
		err = -EINVAL;
	return err != 0 ? err : inet_address_mean(i, &x->to);
}

static uint16_t segment_of(struct datagram_socket *d, const struct datagram_sending *x)
{
	const struct socket_way *w = x->message->way;
	struct udp_socket *u = container_of(d, struct udp_socket, datagram);

	return w != NULL && w->has_segment ? w->segment : (uint16_t)READ_ONCE(u->segment);
}

static int check(struct datagram_socket *d, struct datagram_sending *x)
{
	size_t len = x->message->data->left;
	uint16_t segment = segment_of(d, x);

	if (segment != 0 && len > (size_t)segment * SEGMENTS_MAX)
		return -EINVAL;
	return len > (inet_ip_is_v4(x->to.at.ip) ? UDP_MAX4 : UDP_MAX6) ? -EMSGSIZE : 0;
}

static int send(struct datagram_socket *d, struct netbuf *b, struct datagram_sending *x)
{
	const struct socket *s = &d->inet.socket;
	const struct inet_way *w = &x->way;
	struct udp_values v = {
		.to = x->to.at,
		.from = w->from,
		.dev_index = w->dev_index,
		.prefer = w->prefer,
		.mtu_most = w->mtu_most,
		.hops = w->hops,
		.traffic_class = w->traffic_class,
		.dont_fragment = w->dont_fragment,
		.no_echo = w->no_echo,
		.segment = segment_of(d, x),
		.no_checksum = socket_option_is_on(s, SO_NO_CHECK),
		.is_broadcast_allowed = socket_option_is_on(s, SO_BROADCAST),
	};

	return udp_send(&container_of(d, struct udp_socket, datagram)->udp, b, &v);
}

static const struct datagram_kind kind = {
	.find_target = find_target,
	.check = check,
	.send = send,
};

ssize_t udp_socket_send(struct socket *s, struct socket_message *m)
{
	return datagram_send(datagram_of(s), m, &kind);
}
