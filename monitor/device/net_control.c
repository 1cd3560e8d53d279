/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queue (virtio 1.2 §5.1.6.5), and what it sets: the filter, and how many pairs are
 * used. Until a driver sets anything, every frame goes through, by one pair. Commands of classes
 * that were not negotiated, or cut ones, are answered with VIRTIO_NET_ERR.
 */
#include <string.h>
#include "monitor/device/net_device.h"
#include "monitor/net/iov.h"

#define COMMAND_MAX  4096u
#define ETHERTYPE_AT 12u
#define VLAN_BYTES   18u

struct command {
	size_t len; /* of the data behind class and command */
	uint8_t class, code;
	uint8_t data[COMMAND_MAX];
};

void net_filter_reset(struct virtio_net *net)
{
	net->filter = (struct net_filter){ .promiscuous = true, .any_vlan = true };
	memcpy(net->filter.mac, net->config.mac, sizeof(net->filter.mac));
}

static bool is_in(const uint8_t (*table)[6], unsigned nr, const uint8_t *address)
{
	for (unsigned i = 0; i < nr; i++)
		if (memcmp(table[i], address, 6) == 0)
			return true;
	return false;
}

static bool wants_vlan(const struct net_filter *f, const uint8_t *head, size_t len)
{
	unsigned id;

	if (f->any_vlan || len < VLAN_BYTES || head[ETHERTYPE_AT] != 0x81 ||
	    head[ETHERTYPE_AT + 1] != 0)
		return true;
	id = (head[ETHERTYPE_AT + 2] & 15u) << 8 | head[ETHERTYPE_AT + 3];
	return (f->vlans[id / 8] >> id % 8 & 1) != 0;
}

bool net_filter_wants(const struct virtio_net *net, const uint8_t *head, size_t len)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct net_filter *f = &net->filter;

	if (len < NET_FRAME_MIN || !wants_vlan(f, head, len))
		return false;
	if (f->promiscuous)
		return true;
	if (memcmp(head, broadcast, sizeof(broadcast)) == 0)
		return !f->no_broadcast;
	if ((head[0] & 1) != 0)
		return !f->no_multicast &&
		       (f->all_multicast || is_in(f->multicast, f->nr_multicast, head));
	return !f->no_unicast && (f->all_unicast || memcmp(head, f->mac, sizeof(f->mac)) == 0 ||
				  is_in(f->unicast, f->nr_unicast, head));
}

static bool set_mode(struct net_filter *f, const struct command *c)
{
	bool on;

	if (c->len < 1)
		return false;
	on = c->data[0] != 0;
	switch (c->code) {
	case VIRTIO_NET_CTRL_RX_PROMISC:
		f->promiscuous = on;
		return true;
	case VIRTIO_NET_CTRL_RX_ALLMULTI:
		f->all_multicast = on;
		return true;
	case VIRTIO_NET_CTRL_RX_ALLUNI:
		f->all_unicast = on;
		return true;
	case VIRTIO_NET_CTRL_RX_NOMULTI:
		f->no_multicast = on;
		return true;
	case VIRTIO_NET_CTRL_RX_NOUNI:
		f->no_unicast = on;
		return true;
	case VIRTIO_NET_CTRL_RX_NOBCAST:
		f->no_broadcast = on;
		return true;
	default:
		return false;
	}
}

/* One table of §5.1.6.5.2: a count, then so many addresses. Where it ends, 0: it is cut. */
static size_t read_table(const struct command *c, size_t at, uint8_t (*table)[6], unsigned *nr)
{
	uint32_t entries;

	if (c->len - at < sizeof(entries))
		return 0;
	memcpy(&entries, c->data + at, sizeof(entries));
	at += sizeof(entries);
	if (entries > (c->len - at) / 6)
		return 0;
	*nr = entries;
	if (entries <= NET_TABLE_MAX)
		memcpy(table, c->data + at, 6 * (size_t)entries);
	return at + 6 * (size_t)entries;
}

static bool set_table(struct net_filter *f, const struct command *c)
{
	struct net_filter set = *f;
	size_t at = read_table(c, 0, set.unicast, &set.nr_unicast);

	if (at == 0 || read_table(c, at, set.multicast, &set.nr_multicast) == 0)
		return false;
	/* Tables too long to keep: all of their kind. */
	set.all_unicast = f->all_unicast || set.nr_unicast > NET_TABLE_MAX;
	set.all_multicast = f->all_multicast || set.nr_multicast > NET_TABLE_MAX;
	set.nr_unicast = set.nr_unicast > NET_TABLE_MAX ? 0 : set.nr_unicast;
	set.nr_multicast = set.nr_multicast > NET_TABLE_MAX ? 0 : set.nr_multicast;
	*f = set;
	return true;
}

static bool set_mac(struct virtio_net *net, const struct command *c)
{
	struct net_filter *f = &net->filter;

	if (c->code == VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return net_has(net, VIRTIO_NET_F_CTRL_RX) && set_table(f, c);
	if (c->code != VIRTIO_NET_CTRL_MAC_ADDR_SET || c->len != sizeof(f->mac) ||
	    !net_has(net, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return false;
	memcpy(f->mac, c->data, sizeof(f->mac));
	return true;
}

static bool set_vlan(struct net_filter *f, const struct command *c)
{
	uint16_t id;

	if (c->len < sizeof(id))
		return false;
	memcpy(&id, c->data, sizeof(id));
	if (id >= NET_VLANS)
		return false;
	if (c->code == VIRTIO_NET_CTRL_VLAN_ADD)
		f->vlans[id / 8] |= (uint8_t)(1 << id % 8);
	else if (c->code == VIRTIO_NET_CTRL_VLAN_DEL)
		f->vlans[id / 8] &= (uint8_t) ~(1 << id % 8);
	else
		return false;
	return true;
}

/* §5.1.6.5.5 */
static bool set_pairs(struct virtio_net *net, const struct command *c)
{
	unsigned before = 1;
	uint16_t nr;

	if (c->code != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || c->len != sizeof(nr))
		return false;
	memcpy(&nr, c->data, sizeof(nr));
	if (nr < 1 || nr > net->nr_pairs)
		return false;
	while (before < net->nr_pairs && net->pairs[before]->is_active)
		before++;
	if (net_use_pairs(net, nr))
		return true;
	(void)net_use_pairs(net, before);
	return false;
}

/* With all locks. */
static bool obey(struct virtio_net *net, const struct command *c)
{
	switch (c->class) {
	case VIRTIO_NET_CTRL_RX:
		return net_has(net, VIRTIO_NET_F_CTRL_RX) && set_mode(&net->filter, c);
	case VIRTIO_NET_CTRL_MAC:
		return set_mac(net, c);
	case VIRTIO_NET_CTRL_VLAN:
		return net_has(net, VIRTIO_NET_F_CTRL_VLAN) && set_vlan(&net->filter, c);
	case VIRTIO_NET_CTRL_MQ:
		return net_has(net, VIRTIO_NET_F_MQ) && set_pairs(net, c);
	default:
		return false;
	}
}

bool net_control_serve(struct virtio_net *net)
{
	struct virtqueue *vq = &net->device.queues[net_control_idx(net)];
	struct virtqueue_chain *chain = &net->pairs[0]->chain;
	struct command command;
	uint8_t answer = VIRTIO_NET_ERR;
	uint8_t head[2];

	if (virtqueue_pop(vq, chain) <= 0)
		return false;
	if (iov_copy_out(chain->readable, chain->nr_readable, 0, head, 2) == 2 &&
	    chain->readable_bytes - 2 <= COMMAND_MAX) {
		command.class = head[0];
		command.code = head[1];
		command.len = iov_copy_out(chain->readable, chain->nr_readable, 2, command.data,
					   COMMAND_MAX);
		device_lock_parts(&net->device);
		answer = obey(net, &command) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		device_unlock_parts(&net->device);
	}
	virtqueue_push(vq, chain->head,
		       (uint32_t)iov_copy_in(chain->writable, chain->nr_writable, 0, &answer, 1));
	return true;
}
