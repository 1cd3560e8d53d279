/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of programs (packet(7)): whole by SOCK_RAW, without their link header by SOCK_DGRAM, which
 * gets it from the address. On the loopback the header goes again: frames begin with IP there.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "net/net.h"
#include "net/packet/socket.h"

#define LINEAR_MAX  1800u /* bytes; longer ones are in pages */
#define ADDRESS_MIN 12u
#define VLAN_LEN    4u

struct target {
	struct netdev *dev;
	uint16_t protocol;
	uint8_t mac[ETHERNET_ADDRESS_LEN];
};

static int find_target(struct packet_socket *p, const struct socket_message *m, struct target *to)
{
	unsigned index = READ_ONCE(p->dev_index);
	struct sockaddr_ll a = { .sll_family = 0 };

	to->protocol = READ_ONCE(p->protocol);
	if (m->name != NULL) {
		if (m->name->len < ADDRESS_MIN || m->name->family != AF_PACKET)
			return -EINVAL;
		memcpy(&a, m->name->bytes, min(m->name->len, (unsigned)sizeof(a)));
		if (p->socket.type == SOCK_DGRAM && a.sll_halen > sizeof(a.sll_addr))
			return -EINVAL;
		index = (unsigned)a.sll_ifindex;
		to->protocol = __builtin_bswap16(a.sll_protocol);
	}
	memcpy(to->mac, a.sll_addr, sizeof(to->mac));
	spin_lock(&p->net->lock);
	to->dev = netdev_by_index(p->net, index);
	spin_unlock(&p->net->lock);
	if (to->dev == NULL)
		return -ENXIO;
	return (READ_ONCE(to->dev->flags) & NETDEV_IS_UP) == 0 ? -ENETDOWN : 0;
}

static int check_len(const struct packet_socket *p, const struct target *to, size_t len)
{
	bool raw = p->socket.type == SOCK_RAW;
	size_t most = READ_ONCE(to->dev->mtu) + (raw ? PACKET_LINK_HEADER + VLAN_LEN : 0);

	if (len > most)
		return -EMSGSIZE;
	return raw && len < PACKET_LINK_HEADER ? -EINVAL : 0;
}

/* A whole frame, or NULL and *err. */
static struct netbuf *make_frame(struct packet_socket *p, const struct target *to,
				 struct socket_message *m, int *err)
{
	uint32_t len = (uint32_t)m->data->left;
	struct netbuf *b = netbuf_new(len <= LINEAR_MAX ? len : 0);
	struct ethernet_header *h;

	*err = b == NULL ? -ENOBUFS : netbuf_fill(b, m->data, len);
	if (*err != 0) {
		netbuf_free(b);
		return NULL;
	}
	if (p->socket.type == SOCK_DGRAM) {
		h = netbuf_push(b, sizeof(*h));
		memcpy(h->to, to->mac, sizeof(h->to));
		memcpy(h->from, to->dev->mac, sizeof(h->from));
		h->type = be16_of(to->protocol);
	}
	b->owner = p; /* that it is not shown to who sent it */
	return b;
}

/* IP goes on; nothing else is understood there, and is lost. */
static void send_on_loopback(struct netdev *d, struct netbuf *b)
{
	const struct ethernet_header *h = netbuf_need(b, sizeof(*h));
	uint16_t type = h == NULL ? 0 : be16_get(h->type);

	if (type != ETHERNET_IP4 && type != ETHERNET_IP6) {
		netbuf_free(b);
		return;
	}
	netbuf_pull(b, sizeof(*h));
	netdev_send(d, b);
}

ssize_t packet_send(struct socket *s, struct socket_message *m)
{
	struct packet_socket *p = packet_of(s);
	ssize_t len = (ssize_t)m->data->left;
	struct target to;
	struct netbuf *b;
	int err = socket_take_error(s);

	if (err == 0)
		err = find_target(p, m, &to);
	if (err == 0)
		err = check_len(p, &to, (size_t)len);
	if (err != 0)
		return err;
	b = make_frame(p, &to, m, &err);
	if (b == NULL)
		return err;
	if ((to.dev->features & NETDEV_LOOPBACK) != 0)
		send_on_loopback(to.dev, b);
	else
		netdev_send(to.dev, b);
	net_run();
	return len;
}
