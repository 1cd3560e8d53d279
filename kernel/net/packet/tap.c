/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames to packet sockets. Who listens to one protocol sees what comes; who listens to all sees
 * what goes, too, but not what it sent itself. A frame is shown under packet_lock, so that a
 * socket that stopped listening hears nothing more.
 */
#include "core/random.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "net/ip/ip.h"
#include "net/packet/socket.h"

static struct spinlock packet_lock = SPINLOCK_INIT;
static struct list listeners = LIST_INIT(listeners); /* [packet_lock] */

/* ---- what a frame is ---- */

static bool is_loopback(const struct netdev *d)
{
	return (d->features & NETDEV_LOOPBACK) != 0;
}

static uint16_t protocol_of(const struct netdev *d, const struct netbuf *b)
{
	struct ethernet_header h;
	uint8_t first = 0;

	if (is_loopback(d)) {
		if (b->len > 0)
			netbuf_copy_out(b, 0, &first, sizeof(first));
		return first >> 4 == 6 ? ETHERNET_IP6 : ETHERNET_IP4;
	}
	if (b->len < sizeof(h))
		return 0;
	netbuf_copy_out(b, 0, &h, sizeof(h));
	return be16_get(h.type);
}

static uint8_t kind_of(const struct netdev *d, const uint8_t to[ETHERNET_ADDRESS_LEN], bool out)
{
	static const uint8_t all[ETHERNET_ADDRESS_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (out)
		return PACKET_OUTGOING;
	if (memcmp(to, all, sizeof(all)) == 0)
		return PACKET_BROADCAST;
	if ((to[0] & 1) != 0)
		return PACKET_MULTICAST;
	return memcmp(to, d->mac, sizeof(d->mac)) == 0 ? PACKET_HOST : PACKET_OTHERHOST;
}

/* A clone with its link header, if there can be one. NULL: no memory, or too short to be a
 * frame. */
static struct netbuf *clone_frame(const struct netdev *d, const struct netbuf *b, uint16_t protocol)
{
	struct netbuf *c = netbuf_clone(b);
	struct ethernet_header *h;
	bool fits;

	if (c == NULL)
		return NULL;
	fits = is_loopback(d) ? (size_t)(c->data - c->room) >= sizeof(*h)
			      : netbuf_need(c, sizeof(*h)) != NULL;
	if (!fits) {
		netbuf_free(c);
		return NULL;
	}
	if (is_loopback(d)) {
		h = netbuf_push(c, sizeof(*h));
		memset(h, 0, sizeof(*h));
		h->type = be16_of(protocol);
	}
	c->dev = (struct netdev *)d;
	c->network = (uint16_t)(c->data - c->room + PACKET_LINK_HEADER);
	return c;
}

static void make_note(const struct netdev *d, struct netbuf *c, uint16_t protocol, bool out)
{
	const struct ethernet_header *h = (const void *)c->data;
	struct packet_note *n = netbuf_notes(c, struct packet_note);
	bool sum_good = (c->flags & NETBUF_SUM_GOOD) != 0;

	memset(n, 0, sizeof(*n));
	n->from.sll_family = AF_PACKET;
	n->from.sll_protocol = __builtin_bswap16(protocol);
	n->from.sll_ifindex = (int)d->index;
	n->from.sll_hatype = (uint16_t)netdev_hardware_type(d);
	n->from.sll_pkttype = kind_of(d, h->to, out);
	n->from.sll_halen = ETHERNET_ADDRESS_LEN;
	memcpy(n->from.sll_addr, h->from, sizeof(h->from));
	n->network = PACKET_LINK_HEADER;
	n->status = (c->flags & NETBUF_SUM_WANTED) != 0 ? TP_STATUS_CSUMNOTREADY
		    : sum_good && !out                  ? TP_STATUS_CSUM_VALID
							: 0;
	if (c->time_ns == 0)
		c->time_ns = clock_realtime();
}

static bool is_for(const struct packet_socket *p, const struct netdev *d, uint16_t protocol,
		   bool out)
{
	if (p->dev_index != 0 && p->dev_index != d->index)
		return false;
	if (out)
		return p->protocol == PACKET_ALL && !READ_ONCE(p->ignores_outgoing);
	return p->protocol == PACKET_ALL || p->protocol == protocol;
}

/* net->tap: while somebody listens. */
static void show(struct netdev *d, const struct netbuf *b, bool out)
{
	uint16_t protocol = protocol_of(d, b);
	struct packet_socket *p;

	scoped_spin(&packet_lock);
	list_foreach(&listeners, p, link) {
		struct netbuf *c;

		if (p->net != d->net || (out && b->owner == p) || !is_for(p, d, protocol, out))
			continue;
		c = clone_frame(d, b, protocol);
		if (c == NULL)
			continue;
		make_note(d, c, protocol, out);
		packet_arrived(p, c);
	}
}

/* ---- who listens ---- */

void packet_listen(struct packet_socket *p, uint16_t protocol, unsigned dev_index)
{
	bool listens;

	spin_lock(&packet_lock);
	list_remove(&p->link);
	WRITE_ONCE(p->dev_index, dev_index);
	WRITE_ONCE(p->protocol, protocol);
	if (protocol != 0)
		list_append(&listeners, &p->link);
	listens = !list_is_empty(&listeners);
	atomic_store(&p->net->tap, listens ? show : NULL);
	spin_unlock(&packet_lock);
}

unsigned packet_report(void *to, unsigned room)
{
	struct packet_report *all = to;
	struct packet_socket *p;
	unsigned nr = 0;

	scoped_spin(&packet_lock);
	list_foreach(&listeners, p, link) {
		if (nr++ >= room)
			continue;
		all[nr - 1] = (struct packet_report){
			.type = p->socket.type,
			.protocol = p->protocol,
			.dev_index = p->dev_index,
			.refs = p->socket.ref.count,
			.runs = true,
			.nr_received = READ_ONCE(p->charged),
			.ino = p->socket.ino,
			.cookie = socket_cookie(&p->socket),
		};
	}
	return nr;
}
