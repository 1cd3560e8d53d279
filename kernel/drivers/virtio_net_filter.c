/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device's receive filter: virtio_net_filter.h. */
#include "drivers/virtio_net_filter.h"

#include "core/log.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/ip/device.h"

#define QUEUE_SIZE 16u
#define PAIRS      3 /* the command that says how many */

/* There is room for as many as there are. */
static void add(struct virtio_net_filter *f, struct virtio_net_command *c,
		struct virtio_net_ctrl_hdr header, uint32_t len)
{
	struct virtq_piece out = { c, (uint32_t)offsetof(struct virtio_net_command, data) + len };
	struct virtq_piece in = { &c->answer, sizeof(c->answer) };
	struct virtq_request r = { .out = &out, .nr_out = 1, .in = &in, .nr_in = 1, .cookie = c };

	c->header = header;
	c->answer = VIRTIO_NET_ERR;
	if (virtq_add(f->queue, &r) == 0)
		f->nr_unanswered++;
}

/* §5.1.6.5.2: no address besides our own, and these groups. How long it is. */
static uint32_t write_table(struct virtio_net_command *c, uint8_t (*macs)[ETHERNET_ADDRESS_LEN],
			    uint32_t nr)
{
	const uint32_t nr_unicast = 0;

	memcpy(c->data, &nr_unicast, sizeof(nr_unicast));
	memcpy(c->data + sizeof(nr_unicast), &nr, sizeof(nr));
	memcpy(c->data + FILTER_COUNTS, macs, nr * sizeof(*macs));
	return FILTER_COUNTS + nr * (uint32_t)sizeof(*macs);
}

/* The groups before the rest: nothing that is wanted is left out meanwhile. */
static void tell_filter_locked(struct virtio_net_filter *f)
{
	static const struct virtio_net_ctrl_hdr table = { VIRTIO_NET_CTRL_MAC,
							  VIRTIO_NET_CTRL_MAC_TABLE_SET };
	static const struct virtio_net_ctrl_hdr all_groups = { VIRTIO_NET_CTRL_RX,
							       VIRTIO_NET_CTRL_RX_ALLMULTI };
	static const struct virtio_net_ctrl_hdr everything = { VIRTIO_NET_CTRL_RX,
							       VIRTIO_NET_CTRL_RX_PROMISC };
	uint8_t macs[FILTER_GROUPS][ETHERNET_ADDRESS_LEN];
	unsigned nr = net_group_macs(f->dev, macs, FILTER_GROUPS), flags = READ_ONCE(f->dev->flags);
	bool all = nr > FILTER_GROUPS || (flags & NETDEV_HEARS_ALL_GROUPS) != 0;
	uint32_t len = write_table(&f->commands[0], macs, all ? 0 : nr);

	f->commands[1].data[0] = all;
	f->commands[2].data[0] = f->is_refused || (flags & NETDEV_IS_PROMISCUOUS) != 0;
	add(f, &f->commands[0], table, len);
	add(f, &f->commands[1], all_groups, 1);
	add(f, &f->commands[2], everything, 1);
}

/* §5.1.6.5.5. */
static void tell_pairs_locked(struct virtio_net_filter *f)
{
	static const struct virtio_net_ctrl_hdr pairs = { VIRTIO_NET_CTRL_MQ,
							  VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET };
	const uint16_t nr = (uint16_t)f->nr_pairs;

	if (nr < READ_ONCE(f->dev->nr_queues))
		WRITE_ONCE(f->dev->nr_queues, nr);
	memcpy(f->commands[PAIRS].data, &nr, sizeof(nr));
	add(f, &f->commands[PAIRS], pairs, sizeof(nr));
}

static void tell_locked(struct virtio_net_filter *f)
{
	f->is_old = false;
	if (f->has_filter)
		tell_filter_locked(f);
	if (f->has_pairs)
		tell_pairs_locked(f);
	virtq_kick(f->queue);
}

void virtio_net_filter_tell(struct virtio_net_filter *f, unsigned nr_pairs)
{
	scoped_spin(&f->lock);
	f->nr_pairs = nr_pairs;
	f->is_old = true;
	if (f->queue != NULL && f->nr_unanswered == 0)
		tell_locked(f);
}

static void read_answer(struct virtio_net_filter *f, const struct virtio_net_command *c)
{
	bool ok = c->answer == VIRTIO_NET_OK;
	uint16_t nr;

	if (c == &f->commands[PAIRS]) {
		memcpy(&nr, c->data, sizeof(nr));
		if (ok)
			WRITE_ONCE(f->dev->nr_queues, nr);
		f->are_pairs_refused = !ok;
	} else if (!ok && !f->is_refused) {
		log_warn("%s: the device refuses a filter", f->dev->name);
		f->is_refused = f->is_old = true;
	}
}

static bool is_told(struct virtio_net_filter *f)
{
	scoped_spin(&f->lock);
	return !f->is_old && f->nr_unanswered == 0;
}

void virtio_net_filter_answered(struct virtio_net_filter *f)
{
	struct virtio_net_command *c;
	uint32_t len;

	if (f->queue == NULL)
		return;
	spin_lock(&f->lock);
	do {
		while ((c = virtq_take(f->queue, &len)) != NULL) {
			f->nr_unanswered--;
			read_answer(f, c);
		}
		if (f->is_old && f->nr_unanswered == 0)
			tell_locked(f);
	} while (virtq_arm(f->queue));
	spin_unlock(&f->lock);
	if (is_told(f))
		waitq_wake_all(&f->answered, 0);
}

int virtio_net_filter_wait(struct virtio_net_filter *f)
{
	int err;

	if (f->queue == NULL)
		return 0; /* one pair, and nobody to tell */
	err = wait_event(&f->answered, is_told(f) || atomic_load(&f->queue->dev->broken),
			 WAIT_INTERRUPTIBLE, NSEC_NEVER);
	if (err != 0)
		return err;
	if (atomic_load(&f->queue->dev->broken))
		return -EIO;
	scoped_spin(&f->lock);
	return f->are_pairs_refused ? -EIO : 0;
}

void virtio_net_filter_init(struct virtio_net_filter *f, struct virtio_device *d,
			    struct netdev *dev, unsigned queue)
{
	f->dev = dev;
	waitq_init(&f->answered);
	f->has_filter = virtio_has_feature(d, VIRTIO_NET_F_CTRL_RX);
	f->has_pairs = virtio_has_feature(d, VIRTIO_NET_F_MQ);
	if (virtio_has_feature(d, VIRTIO_NET_F_CTRL_VQ))
		f->queue = virtq_new(d, queue, QUEUE_SIZE);
	/* Answers interrupt from the first on: nothing else need come that would show them. */
	if (f->queue != NULL)
		(void)virtq_arm(f->queue);
}
