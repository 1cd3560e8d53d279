/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking datagrams: one a call, with what is told beside it (ip(7), ipv6(7)). */
#include <linux/eventpoll.h>
#include <linux/ipv6.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/udp.h"

#define NSEC_PER_USEC 1000

static struct udp_packet *first(struct udp_socket *u)
{
	struct packet *p;

	scoped_spin(&u->inet.socket.lock);
	p = list_first(&u->queue, struct packet, link);
	return p == NULL ? NULL : container_of(p, struct udp_packet, packet);
}

size_t udp_next_length(struct udp_socket *u)
{
	struct packet *p;

	scoped_spin(&u->inet.socket.lock);
	p = list_first(&u->queue, struct packet, link);
	return p == NULL ? 0 : p->len;
}

static bool has_news(struct udp_socket *u)
{
	return atomic_load(&u->nr_queued) > 0 || READ_ONCE(u->inet.socket.error) != 0 ||
	       (atomic_load(&u->ends) & UDP_NO_RECEIVE) != 0;
}

/* Waits for a datagram, with the read lock held before and after. 0: *p, or NULL for the end. */
static int wait_packet(struct udp_socket *u, unsigned flags, struct udp_packet **p)
{
	struct socket *s = &u->inet.socket;
	nsec_t timeout = READ_ONCE(s->receive_timeout_ns), deadline = socket_deadline(timeout);

	for (;;) {
		bool ended = (atomic_load(&u->ends) & UDP_NO_RECEIVE) != 0;
		int err = socket_take_error(s);

		if (err != 0)
			return err;
		*p = first(u);
		if (*p != NULL)
			return 0;
		if ((flags & MSG_DONTWAIT) != 0)
			return -EAGAIN;
		if (ended)
			return 0;
		mutex_unlock(&u->read_lock);
		err = wait_event(&s->readable, has_news(u), WAIT_INTERRUPTIBLE, deadline);
		mutex_lock(&u->read_lock);
		if (err != 0)
			return socket_wait_error(err, timeout);
	}
}

static void take_off(struct udp_socket *u, struct udp_packet *p)
{
	scoped_spin(&u->inet.socket.lock);
	list_remove(&p->packet.link);
	u->charged -= p->packet.charge;
	atomic_store(&u->nr_queued, u->nr_queued - 1);
}

/* ---- what is told beside the bytes ---- */

static void note(struct socket_message *m, int level, int type, const void *data, unsigned len)
{
	if (m->notes != NULL)
		socket_notes_add(m->notes, level, type, data, len);
}

static void note_int(const struct inet_socket *i, struct socket_message *m, int level, int asked_by,
		     int type, int value)
{
	if (inet_option(i, level, asked_by) != 0)
		note(m, level, type, &value, sizeof(value));
}

static void note_v4(const struct inet_socket *i, struct socket_message *m,
		    const struct udp_packet *p)
{
	struct in_pktinfo info = { .ipi_ifindex = INET_LOOPBACK_INDEX };
	uint8_t tos = p->traffic_class;

	info.ipi_addr.s_addr = inet_ip_v4(p->to.ip);
	info.ipi_spec_dst.s_addr = info.ipi_addr.s_addr;
	if (inet_option(i, IPPROTO_IP, IP_PKTINFO) != 0)
		note(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	note_int(i, m, IPPROTO_IP, IP_RECVTTL, IP_TTL, p->hops);
	if (inet_option(i, IPPROTO_IP, IP_RECVTOS) != 0)
		note(m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static void note_v6(const struct inet_socket *i, struct socket_message *m,
		    const struct udp_packet *p)
{
	struct in6_pktinfo info = { .ipi6_ifindex = INET_LOOPBACK_INDEX };

	memcpy(&info.ipi6_addr, p->to.ip, sizeof(p->to.ip));
	if (inet_option(i, IPPROTO_IPV6, IPV6_RECVPKTINFO) != 0)
		note(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	note_int(i, m, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, p->hops);
	note_int(i, m, IPPROTO_IPV6, IPV6_RECVTCLASS, IPV6_TCLASS, p->traffic_class);
}

static void note_time(const struct socket *s, struct socket_message *m, int64_t ns)
{
	int64_t t[2] = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	if (socket_option_is_on(s, SO_TIMESTAMPNS_OLD)) {
		note(m, SOL_SOCKET, SO_TIMESTAMPNS_OLD, t, sizeof(t));
	} else if (socket_option_is_on(s, SO_TIMESTAMP_OLD)) {
		t[1] /= NSEC_PER_USEC;
		note(m, SOL_SOCKET, SO_TIMESTAMP_OLD, t, sizeof(t));
	}
}

static void note_all(struct udp_socket *u, struct socket_message *m, const struct udp_packet *p)
{
	const struct inet_socket *i = &u->inet;
	uint32_t nr_dropped = atomic_load(&u->nr_dropped);

	if (m->notes == NULL)
		return;
	note_time(&i->socket, m, p->time_ns);
	if (socket_option_is_on(&i->socket, SO_RXQ_OVFL) && nr_dropped != 0)
		note(m, SOL_SOCKET, SO_RXQ_OVFL, &nr_dropped, sizeof(nr_dropped));
	if (inet_ip_is_v4(p->to.ip))
		note_v4(i, m, p);
	if (inet_is_v6(i))
		note_v6(i, m, p);
}

ssize_t udp_receive(struct socket *s, struct socket_message *m)
{
	struct udp_socket *u = udp_of(s);
	struct udp_packet *p = NULL;
	size_t len = 0, got = 0;
	int err;

	if ((m->flags & MSG_ERRQUEUE) != 0)
		return -EAGAIN; /* errors are told by SO_ERROR alone */
	mutex_lock(&u->read_lock);
	err = wait_packet(u, m->flags, &p);
	if (p != NULL && (m->flags & MSG_PEEK) == 0)
		take_off(u, p);
	if (p != NULL) {
		len = p->packet.len;
		got = packet_read(&p->packet, 0, m->data, min(len, m->data->left));
		if (got < len && m->data->left > 0)
			err = -EFAULT;
		else if (got < len)
			m->out_flags |= MSG_TRUNC;
		if (m->name != NULL)
			inet_address_write(&u->inet, &p->from, m->name);
		note_all(u, m, p);
	}
	mutex_unlock(&u->read_lock);
	if (p != NULL && (m->flags & MSG_PEEK) == 0)
		packet_free(&p->packet);
	if (err != 0)
		return err;
	return (ssize_t)((m->flags & MSG_TRUNC) != 0 ? len : got);
}
