/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_PACKET: the family, birth and death, bind, names, poll. socket.h has the theory. */
#include "net/ioctl/ioctl.h"
#include "net/packet/socket.h"

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define ADDRESS_MIN 12u /* of struct sockaddr_ll: without the link address */

static const struct socket_ops packet_ops;

/* ---- birth and death ---- */

static int create(int type, int protocol, struct socket **out)
{
	struct packet_socket *p;

	if (!cred_has_cap(cred_current(), CAP_NET_RAW))
		return -EPERM;
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	p = kmem_new(struct packet_socket);
	if (p == NULL)
		return -ENOMEM;
	p->net = net_machine_get();
	if (p->net == NULL) {
		kmem_free(p);
		return -ENOBUFS;
	}
	socket_init(&p->socket, &packet_ops, type);
	p->socket.protocol = protocol;
	p->socket.traits = SOCKET_QUIET_PIPE | SOCKET_HAS_FILTER;
	list_init(&p->link);
	list_init(&p->queue);
	list_init(&p->members);
	mutex_init(&p->member_lock);
	packet_listen(p, __builtin_bswap16((uint16_t)protocol), 0);
	*out = &p->socket;
	return 0;
}

SOCKET_FAMILY(packet_family) = {
	.family = AF_PACKET,
	.create = create,
	.address_max = sizeof(struct sockaddr_ll),
};

static void close(struct socket *s)
{
	struct packet_socket *p = packet_of(s);

	packet_listen(p, 0, 0);
	packet_leave_all(p);
}

static void free(struct socket *s)
{
	struct packet_socket *p = packet_of(s);

	netbuf_free_all(&p->queue);
	packet_ring_free(p->ring);
	kmem_free(p);
}

/* ---- names ---- */

static struct netdev *device(struct packet_socket *p, unsigned index)
{
	scoped_spin(&p->net->lock);
	return netdev_by_index(p->net, index);
}

static int bind(struct socket *s, const struct socket_address *a, uint32_t mode)
{
	struct packet_socket *p = packet_of(s);
	struct sockaddr_ll to = { .sll_family = 0 };
	uint16_t protocol;
	struct netdev *d;

	if (a->len < ADDRESS_MIN || a->family != AF_PACKET)
		return -EINVAL;
	memcpy(&to, a->bytes, min(a->len, (unsigned)sizeof(to)));
	d = to.sll_ifindex == 0 ? NULL : device(p, (unsigned)to.sll_ifindex);
	if (to.sll_ifindex != 0 && d == NULL)
		return -ENODEV;
	protocol = __builtin_bswap16(to.sll_protocol);
	packet_listen(p, protocol != 0 ? protocol : READ_ONCE(p->protocol),
		      (unsigned)to.sll_ifindex);
	if (d != NULL && (READ_ONCE(d->flags) & NETDEV_IS_UP) == 0) {
		atomic_store(&s->error, ENETDOWN);
		socket_wake(s, EPOLLERR);
	}
	return 0;
}

static int get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	struct packet_socket *p = packet_of(s);
	struct sockaddr_ll a = { .sll_family = AF_PACKET };
	struct netdev *d;

	if (of != SOCKET_OWN_NAME)
		return -EOPNOTSUPP;
	a.sll_protocol = __builtin_bswap16(READ_ONCE(p->protocol));
	a.sll_ifindex = (int)READ_ONCE(p->dev_index);
	d = a.sll_ifindex == 0 ? NULL : device(p, (unsigned)a.sll_ifindex);
	out->len = ADDRESS_MIN;
	if (d != NULL) {
		a.sll_hatype = (uint16_t)netdev_hardware_type(d);
		a.sll_halen = ETHERNET_ADDRESS_LEN;
		memcpy(a.sll_addr, d->mac, sizeof(d->mac));
		out->len += ETHERNET_ADDRESS_LEN;
	}
	memcpy(out->bytes, &a, sizeof(a));
	return 0;
}

/* ---- poll, ioctl ---- */

static unsigned poll(struct socket *s, struct poll_table *t)
{
	struct packet_socket *p = packet_of(s);
	unsigned events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	if (READ_ONCE(s->error) != 0)
		events |= EPOLLERR;
	scoped_spin(&s->lock);
	if (p->nr_queued > 0 || packet_ring_has_news(p))
		events |= EPOLLIN | EPOLLRDNORM;
	return events;
}

static long ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	struct packet_socket *p = packet_of(s);
	struct netbuf *b;
	int value;

	if (cmd != FIONREAD && cmd != TIOCOUTQ)
		return interface_ioctl(cmd, arg);
	spin_lock(&s->lock);
	b = list_first(&p->queue, struct netbuf, link);
	value = cmd == TIOCOUTQ || b == NULL ? 0 : (int)b->len;
	spin_unlock(&s->lock);
	return user_write_struct(arg, &value);
}

static const struct socket_ops packet_ops = {
	.bind = bind,
	.send = packet_send,
	.receive = packet_receive,
	.get_name = get_name,
	.set_option = packet_set_option,
	.get_option = packet_get_option,
	.ioctl = ioctl,
	.poll = poll,
	.mmap = packet_mmap,
	.close = close,
	.free = free,
};
