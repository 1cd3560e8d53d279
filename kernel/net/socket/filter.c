/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching filters to sockets, and running them. Beside a packet's bytes, which are big-endian, a
 * program may load what is known of it from SKF_AD_OFF on, and headers from SKF_NET_OFF on
 * (<linux/filter.h>; Documentation/networking/filter.rst).
 */
#include "net/socket/filter.h"

#include <asm/socket.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "core/bpf_check.h"
#include "core/random.h"
#include "core/smp/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/netdev.h"

#define PROGRAM_MAX     4096u /* BPF_MAXINSNS */
#define HARDWARE_ETHER  1u    /* ARPHRD_ETHER, _LOOPBACK: <linux/if_arp.h> is not for kernels */
#define HARDWARE_LOOP   772u
#define IP_VERSION_MASK 0xf0u

struct socket_filter {
	struct ref ref;
	unsigned nr; /* [I] */
	struct sock_filter program[];
};

/* struct sock_fprog, whose pointer is a program's. */
struct program {
	uint16_t nr;
	uaddr_t at;
};

void filter_put(struct socket_filter *f)
{
	if (f != NULL && ref_put(&f->ref))
		kmem_free(f);
}

/* ---- attach ---- */

static int read_program(const struct program *p, struct socket_filter **out)
{
	size_t bytes = p->nr * sizeof(struct sock_filter);
	struct socket_filter *f;
	int err;

	if (p->at == 0 || p->nr == 0 || p->nr > PROGRAM_MAX)
		return -EINVAL;
	f = kmem_alloc(sizeof(*f) + bytes);
	if (f == NULL)
		return -ENOMEM;
	ref_init(&f->ref);
	f->nr = p->nr;
	err = user_read(f->program, p->at, bytes);
	if (err == 0)
		err = bpf_check(f->program, f->nr);
	if (err != 0)
		kmem_free(f);
	else
		*out = f;
	return err;
}

/* The lock is taken last: the program's memory may have to be waited for. */
static int replace(struct socket *s, struct socket_filter *f)
{
	struct socket_filter *was;

	spin_lock(&s->lock);
	was = s->filter;
	s->filter = f;
	spin_unlock(&s->lock);
	filter_put(was);
	return was == NULL && f == NULL ? -ENOENT : 0;
}

static int may_change(const struct socket *s)
{
	if ((READ_ONCE(s->traits) & SOCKET_HAS_FILTER) == 0)
		return -ENOPROTOOPT;
	return socket_option_is_on(s, SO_LOCK_FILTER) ? -EPERM : 0;
}

int filter_attach(struct socket *s, const struct socket_option *o)
{
	struct socket_filter *f = NULL;
	int err = may_change(s);
	struct program p;

	if (err != 0)
		return err;
	if (o->len != sizeof(p))
		return -EINVAL;
	memcpy(&p, o->value, sizeof(p));
	err = read_program(&p, &f);
	return err != 0 ? err : replace(s, f);
}

int filter_detach(struct socket *s)
{
	int err = may_change(s);

	return err != 0 ? err : replace(s, NULL);
}

static struct socket_filter *get(struct socket *s)
{
	scoped_spin(&s->lock);
	if (s->filter != NULL)
		ref_get(&s->filter->ref);
	return s->filter;
}

/* Lengths are counted in instructions here, and none asks how many there are. */
int filter_get(struct socket *s, struct socket_option *o)
{
	struct socket_filter *f = get(s);
	unsigned room = o->len, nr = f != NULL ? f->nr : 0;
	int err = 0;

	o->told = nr;
	o->len = 0;
	if (room != 0 && room < nr)
		err = -EINVAL;
	else if (room != 0 && nr > 0)
		err = user_write(o->user_value, f->program, nr * sizeof(f->program[0]));
	filter_put(f);
	return err;
}

/* ---- run ---- */

struct view {
	struct bpf_data data;
	const struct netbuf *b;
	const struct filter_facts *facts; /* NULL: what b says */
};

static uint32_t packet_type(const struct netbuf *b)
{
	if ((b->flags & NETBUF_FOR_OTHER) != 0)
		return PACKET_OTHERHOST;
	if ((b->flags & NETBUF_FOR_GROUP) != 0)
		return PACKET_MULTICAST;
	return (b->flags & NETBUF_FOR_ALL) != 0 ? PACKET_BROADCAST : PACKET_HOST;
}

static uint32_t ethernet_type(const struct netbuf *b)
{
	const uint8_t *ip = netbuf_network(b);

	return (*ip & IP_VERSION_MASK) == 0x60 ? ETH_P_IPV6 : ETH_P_IP;
}

/* What is known beside the bytes; false: nobody knows. */
static bool load_known(const struct view *v, uint32_t what, uint32_t *value)
{
	const struct netbuf *b = v->b;
	const struct netdev *d = b->dev;

	switch (what) {
	case SKF_AD_PROTOCOL:
		*value = v->facts != NULL ? v->facts->protocol : ethernet_type(b);
		return true;
	case SKF_AD_PKTTYPE:
		*value = v->facts != NULL ? v->facts->type : packet_type(b);
		return true;
	case SKF_AD_IFINDEX:
		*value = d != NULL ? d->index : 0;
		return d != NULL;
	case SKF_AD_HATYPE:
		*value = d != NULL && (d->features & NETDEV_LOOPBACK) != 0 ? HARDWARE_LOOP
									   : HARDWARE_ETHER;
		return d != NULL;
	case SKF_AD_CPU:
		*value = cpu_this()->id;
		return true;
	case SKF_AD_RANDOM:
		*value = (uint32_t)random_u64();
		return true;
	case SKF_AD_VLAN_TAG:
		*value = b->vlan == 0 ? 0 : b->vlan - 1u;
		return true;
	case SKF_AD_VLAN_TAG_PRESENT:
		*value = b->vlan != 0;
		return true;
	case SKF_AD_VLAN_TPID:
		*value = ETH_P_8021Q;
		return true;
	case SKF_AD_MARK:
	case SKF_AD_QUEUE:
	case SKF_AD_RXHASH:
		*value = 0;
		return true;
	default:
		return false;
	}
}

static uint32_t big_endian(const uint8_t *bytes, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* From the network header, which may lie before the data. */
static bool load_header(const struct netbuf *b, uint32_t offset, unsigned size, uint8_t *bytes)
{
	uint32_t data = (uint32_t)(b->data - b->room), end = data + b->head_len;
	uint32_t at = b->network + offset;

	if (at + size <= end) {
		memcpy(bytes, b->room + at, size);
		return true;
	}
	if (at < data || at - data > b->len || size > b->len - (at - data))
		return false;
	netbuf_copy_out(b, at - data, bytes, size);
	return true;
}

static bool load(const struct bpf_data *data, uint32_t offset, unsigned size, uint32_t *value)
{
	const struct view *v = container_of(data, struct view, data);
	const struct netbuf *b = v->b;
	uint8_t bytes[4];

	if (offset >= (uint32_t)SKF_AD_OFF)
		return load_known(v, offset - (uint32_t)SKF_AD_OFF, value);
	if (offset >= (uint32_t)SKF_NET_OFF) {
		if (!load_header(b, offset - (uint32_t)SKF_NET_OFF, size, bytes))
			return false;
	} else {
		if (offset > b->len || size > b->len - offset)
			return false;
		netbuf_copy_out(b, offset, bytes, size);
	}
	*value = big_endian(bytes, size);
	return true;
}

static bool takes(struct socket *s, struct netbuf *b, uint32_t least,
		  const struct filter_facts *facts)
{
	struct view v = { .data = { .load = load, .len = b->len }, .b = b, .facts = facts };
	struct socket_filter *f;
	uint32_t wanted;

	if (READ_ONCE(s->filter) == NULL)
		return true;
	f = get(s);
	if (f == NULL)
		return true;
	wanted = bpf_run(f->program, &v.data);
	filter_put(f);
	if (wanted == 0)
		return false;
	netbuf_trim(b, max(wanted, least));
	return true;
}

bool filter_takes(struct socket *s, struct netbuf *b, uint32_t least)
{
	return takes(s, b, least, NULL);
}

bool filter_takes_frame(struct socket *s, struct netbuf *b, const struct filter_facts *facts)
{
	return takes(s, b, 0, facts);
}
