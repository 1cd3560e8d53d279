/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP by sockets, many datagrams a call (udp(7), ip(7), ipv6(7)). Sockets block where they send: a
 * full buffer is waited for, as the native door does. Receiving never waits.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#include "linux/sockets.h"

#define BATCH        32u
#define DATAGRAM_MAX 65536u
#define ALL_GROUPS6  29 /* IPV6_MULTICAST_ALL, which headers may not have */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +
		   CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6))];
};

struct datagram_buffers {
	struct mmsghdr messages[BATCH];
	struct iovec vecs[BATCH];
	struct sockaddr_storage names[BATCH];
	union control controls[BATCH];
	uint8_t bytes[BATCH][DATAGRAM_MAX];
};

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static struct datagram_buffers *buffers(struct hull_loop *l)
{
	struct poller *p = poller_of(l);

	if (p->datagrams == NULL)
		p->datagrams = malloc(sizeof(*p->datagrams));
	return p->datagrams;
}

void hull_datagram_free(struct poller *p)
{
	free(p->datagrams);
}

int hull_datagram_open(struct hull_udp *u, const struct hull_udp_config *c)
{
	const struct binding b = {
		.local = &c->local,
		.type = SOCK_DGRAM,
		.reuse_port = c->reuse_port,
		.only_v6 = c->only_v6,
		.must_bind = true,
		.v4 = hull_address_is_v4(&c->local),
	};
	size_t limit = c->receive_limit == 0 ? 256 * 1024 : c->receive_limit;
	int fd = buffers(u->e.loop) == NULL ? -ENOMEM : hull_socket_make(&b, &u->e.local);

	if (fd < 0)
		return fd;
	/* Linux counts twice of what is said: socket(7). */
	limit = limit / 2 > INT32_MAX ? INT32_MAX : limit / 2;
	set(fd, SOL_SOCKET, SO_RCVBUF, (int)limit);
	set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)limit); /* above rmem_max, for who may */
	set(fd, SOL_SOCKET, SO_BROADCAST, 1);
	set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	set(fd, IPPROTO_IPV6, ALL_GROUPS6, 0);
	set(fd, IPPROTO_IP, IP_RECVERR, u->failed != NULL);
	set(fd, IPPROTO_IPV6, IPV6_RECVERR, u->failed != NULL);
	u->e.id = fd;
	return hull_poll_add(u->e.loop, fd, &u->e, EPOLLIN);
}

/* ---- in ---- */

/* Where it was sent to: of the control messages, and the socket's port. */
static void read_destination(struct msghdr *m, const struct hull_udp *u, struct hull_address *to)
{
	*to = u->e.local;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *i = (const void *)CMSG_DATA(c);

			memcpy(to->ip, hull_v4_prefix, sizeof(hull_v4_prefix));
			memcpy(to->ip + 12, &i->ipi_addr, 4);
			if (hull_address_is_group(to))
				to->interface = (uint32_t)i->ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *i = (const void *)CMSG_DATA(c);

			memcpy(to->ip, &i->ipi6_addr, 16);
			/* fe80::/10 */
			if ((to->ip[0] == 0xfe && (to->ip[1] & 0xc0) == 0x80) ||
			    hull_address_is_group(to))
				to->interface = i->ipi6_ifindex;
		}
	}
}

static void prepare(struct datagram_buffers *b)
{
	for (unsigned i = 0; i < BATCH; i++) {
		b->vecs[i] = (struct iovec){ b->bytes[i], DATAGRAM_MAX };
		b->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &b->names[i],
			.msg_namelen = sizeof(b->names[i]),
			.msg_iov = &b->vecs[i],
			.msg_iovlen = 1,
			.msg_control = &b->controls[i],
			.msg_controllen = sizeof(b->controls[i]),
		};
	}
}

static void receive(struct hull_udp *u)
{
	struct datagram_buffers *b = buffers(u->e.loop);
	int nr;

	/* What is queued may lie in the buffers. */
	if (u->e.loop->nr_out > 0)
		hull_datagram_send(u->e.loop);
	prepare(b);
	nr = recvmmsg((int)u->e.id, b->messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < nr && !u->e.is_closed; i++) {
		struct hull_datagram d = { .data = b->bytes[i], .len = b->messages[i].msg_len };

		hull_sockaddr_read(&b->names[i], &d.from);
		read_destination(&b->messages[i].msg_hdr, u, &d.to);
		hull_udp_arrived(u, &d, (uint32_t)i + 1);
	}
}

/* One entry of the queue of errors: false when there is none. */
static bool receive_error(struct hull_udp *u)
{
	struct sockaddr_storage name = { .ss_family = AF_INET };
	union control control;
	char byte;
	struct iovec vec = { &byte, 1 };
	struct msghdr m = {
		.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct hull_address to;

	if (recvmsg((int)u->e.id, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	hull_sockaddr_read(&name, &to);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		const struct sock_extended_err *e = (const void *)CMSG_DATA(c);

		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			hull_udp_failed(u, &to, (int)e->ee_errno);
	}
	return true;
}

void hull_datagram_ready(struct hull_udp *u, uint32_t events)
{
	int error;
	socklen_t len = sizeof(error);

	if ((events & EPOLLERR) != 0) {
		while (receive_error(u))
			;
		/* Taken, so that it does not end the next receive. */
		(void)getsockopt((int)u->e.id, SOL_SOCKET, SO_ERROR, &error, &len);
	}
	if ((events & EPOLLIN) != 0)
		receive(u);
}

/* ---- out ---- */

struct outgoing {
	struct mmsghdr messages[BATCH];
	struct iovec vecs[BATCH];
	struct sockaddr_storage names[BATCH];
	union control controls[BATCH];
};

/* From which address, and to a group by which interface: ip(7), ipv6(7). */
static void write_way(const struct hull_outgoing *o, bool v4, struct msghdr *m,
		      union control *control)
{
	bool has_from = !hull_address_is_any(&o->from) && !hull_address_is_group(&o->from);
	uint32_t interface = hull_address_is_group(&o->to) ? o->to.interface : o->from.interface;
	struct cmsghdr *c = &control->align;
	struct in_pktinfo *i = (void *)CMSG_DATA(c);
	struct in6_pktinfo *i6 = (void *)CMSG_DATA(c);

	if (!has_from && !(hull_address_is_group(&o->to) && interface != 0))
		return;
	memset(control, 0, sizeof(*control));
	m->msg_control = control;
	if (v4) {
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(*i));
		m->msg_controllen = CMSG_SPACE(sizeof(*i));
		i->ipi_ifindex = (int)interface;
		if (has_from)
			memcpy(&i->ipi_spec_dst, o->from.ip + 12, 4);
		return;
	}
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(*i6));
	m->msg_controllen = CMSG_SPACE(sizeof(*i6));
	i6->ipi6_ifindex = interface;
	if (has_from)
		memcpy(&i6->ipi6_addr, o->from.ip, 16);
	else if (hull_address_is_v4(&o->to))
		memcpy(&i6->ipi6_addr, hull_v4_prefix, sizeof(hull_v4_prefix));
}

static unsigned prepare_some(struct outgoing *x, const struct hull_outgoing *o, unsigned nr)
{
	bool v4 = hull_address_is_v4(&o->u->e.local);
	unsigned n;

	for (n = 0; n < nr && n < BATCH && o[n].u == o[0].u; n++) {
		struct msghdr *m = &x->messages[n].msg_hdr;

		x->vecs[n] = (struct iovec){ (void *)(uintptr_t)o[n].data, o[n].len };
		*m = (struct msghdr){
			.msg_name = &x->names[n],
			.msg_iov = &x->vecs[n],
			.msg_iovlen = 1,
		};
		m->msg_namelen = hull_sockaddr_write(&o[n].to, v4, &x->names[n]);
		write_way(&o[n], v4, m, &x->controls[n]);
	}
	return n;
}

/* How many are done with: sent, or told to have failed. */
static unsigned send_some(const struct hull_outgoing *o, unsigned nr)
{
	struct outgoing x;
	unsigned n = prepare_some(&x, o, nr);
	int sent = sendmmsg((int)o->u->e.id, x.messages, n, 0);

	if (sent > 0)
		return (unsigned)sent;
	if (errno == EINTR)
		return 0;
	/* Of one that was sent before: its entry in the queue of errors tells. */
	if (errno == ECONNREFUSED)
		return 0;
	hull_udp_failed(o->u, &o->to, errno);
	return 1;
}

void hull_datagram_send(struct hull_loop *l)
{
	unsigned nr = l->nr_out;

	for (unsigned at = 0; at < nr;)
		at += send_some(&l->out[at], nr - at);
	l->nr_out = 0;
}
