/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The levels IPPROTO_IP, _IPV6 and _TCP of setsockopt(2) (ip(7), ipv6(7), tcp(7)). Most options are
 * numbers, which are checked, kept and told by one table; who sends or receives looks them up. What
 * acts has a case each.
 */
#include <linux/capability.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include "core/cred.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/option.h"
#include "net/inet/report.h"
#include "net/ip/ip.h"
#include "net/netdev.h"
#include "net/tcp/tcp.h"

struct row {
	int level, name;
	int initial;
	int least, most;
	bool is_switch; /* any number is taken, and told as 0 or 1 */
};

#define SWITCH(level, name, initial) \
	{ \
		level, name, initial, INT32_MIN, INT32_MAX, true \
	}
#define NUMBER(level, name, initial, least, most) \
	{ \
		level, name, initial, least, most, false \
	}

#define DEFAULT_TTL 64
#define LEAST_MTU6  1280
#define ECN_BITS    3 /* of the traffic class: TCP's own */
#define PREFERENCES (IPV6_PREFER_SRC_PUBTMP_DEFAULT | IPV6_PREFER_SRC_HOME)

#define IP_PROTOCOL_OPTION 52 /* IP_PROTOCOL: newer than some headers */

static const struct row rows[] = {
	NUMBER(IPPROTO_IP, IP_TOS, 0, 0, 255),
	NUMBER(IPPROTO_IP, IP_TTL, DEFAULT_TTL, 1, 255),
	NUMBER(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, 0, IP_PMTUDISC_OMIT),
	NUMBER(IPPROTO_IP, IP_MULTICAST_TTL, 1, 0, 255),
	NUMBER(IPPROTO_IP, IP_MULTICAST_IF, 0, 0, INT32_MAX), /* an index; see below */
	NUMBER(IPPROTO_IP, IP_MINTTL, 0, 0, 255),
	SWITCH(IPPROTO_IP, IP_MULTICAST_LOOP, 1),
	NUMBER(IPPROTO_IP, IP_MULTICAST_ALL, 1, 0, 1),
	SWITCH(IPPROTO_IP, IP_RECVOPTS, 0),
	SWITCH(IPPROTO_IP, IP_RETOPTS, 0),
	SWITCH(IPPROTO_IP, IP_PKTINFO, 0),
	SWITCH(IPPROTO_IP, IP_RECVERR, 0),
	SWITCH(IPPROTO_IP, IP_RECVTTL, 0),
	SWITCH(IPPROTO_IP, IP_RECVTOS, 0),
	SWITCH(IPPROTO_IP, IP_FREEBIND, 0),
	SWITCH(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0),
	SWITCH(IPPROTO_IP, IP_RECVORIGDSTADDR, 0),
	SWITCH(IPPROTO_IP, IP_TRANSPARENT, 0),
	NUMBER(IPPROTO_IP, IP_UNICAST_IF, 0, 0, INT32_MAX), /* an index */
	NUMBER(IPPROTO_IPV6, IPV6_UNICAST_HOPS, DEFAULT_TTL, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MULTICAST_IF, 0, 0, INT32_MAX),
	NUMBER(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, 0, IPV6_PMTUDISC_OMIT),
	NUMBER(IPPROTO_IPV6, IPV6_TCLASS, 0, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MINHOPCOUNT, 0, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, 0, 1),
	SWITCH(IPPROTO_IPV6, IPV6_MULTICAST_ALL, 1),
	SWITCH(IPPROTO_IPV6, IPV6_RECVERR, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVPKTINFO, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVTCLASS, 0),
	SWITCH(IPPROTO_IPV6, IPV6_DONTFRAG, 0),
	SWITCH(IPPROTO_IPV6, IPV6_FREEBIND, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 0),
	SWITCH(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1),
	SWITCH(IPPROTO_IPV6, IPV6_TRANSPARENT, 0),
	NUMBER(IPPROTO_IPV6, IPV6_UNICAST_IF, 0, 0, INT32_MAX),
	NUMBER(IPPROTO_IPV6, IPV6_MTU, 0, 0,
	       INT32_MAX), /* of packets that are cut; 0: the path's */
	NUMBER(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, PREFERENCES, 0, INT32_MAX),
	SWITCH(IPPROTO_TCP, TCP_NODELAY, 0),
	SWITCH(IPPROTO_TCP, TCP_CORK, 0),
	SWITCH(IPPROTO_TCP, TCP_QUICKACK, 1),
	NUMBER(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, 0, 1),
	NUMBER(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, 0, 1),
	NUMBER(IPPROTO_TCP, TCP_INQ, 0, 0, 1),
	NUMBER(IPPROTO_TCP, TCP_KEEPIDLE, 7200, 1, 32767),
	NUMBER(IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 32767),
	NUMBER(IPPROTO_TCP, TCP_KEEPCNT, 9, 1, 127),
	NUMBER(IPPROTO_TCP, TCP_SYNCNT, 6, 1, 127),
	NUMBER(IPPROTO_TCP, TCP_LINGER2, 60, INT32_MIN, INT32_MAX),
	NUMBER(IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, INT32_MIN, INT32_MAX),
	NUMBER(IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, 0, INT32_MAX),
	NUMBER(IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 0, INT32_MAX),
	NUMBER(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, INT32_MIN, INT32_MAX),
	NUMBER(IPPROTO_TCP, TCP_FASTOPEN, 0, 0, INT32_MAX),
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(NR_ROWS <= INET_NR_VALUES, "inet_socket.values has a place for each row");

static int find(int level, int name)
{
	for (unsigned n = 0; n < NR_ROWS; n++) {
		if (rows[n].level == level && rows[n].name == name)
			return (int)n;
	}
	return -1;
}

/* What a socket begins with; some of it can be set for all (/proc/sys/net). */
static int initial_of(struct net *net, int level, int name, int otherwise)
{
	const struct tcp_settings *tcp = tcp_settings(net);

	if (level == IPPROTO_IP && name == IP_TTL)
		return (int)READ_ONCE(net->settings.default_ttl);
	if (level != IPPROTO_TCP)
		return otherwise;
	switch (name) {
	case TCP_KEEPIDLE:
		return (int)READ_ONCE(tcp->keepalive_time_s);
	case TCP_KEEPINTVL:
		return (int)READ_ONCE(tcp->keepalive_interval_s);
	case TCP_KEEPCNT:
		return (int)READ_ONCE(tcp->keepalive_probes);
	case TCP_SYNCNT:
		return (int)READ_ONCE(tcp->syn_retries);
	case TCP_LINGER2:
		return (int)READ_ONCE(tcp->fin_timeout_s);
	default:
		return otherwise;
	}
}

void inet_options_init(struct inet_socket *i)
{
	for (unsigned n = 0; n < NR_ROWS; n++)
		i->values[n] = initial_of(i->net, rows[n].level, rows[n].name, rows[n].initial);
}

unsigned inet_source_preference(const struct inet_socket *i)
{
	int kept = inet_option(i, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES);

	return (unsigned)kept & (IPV6_PREFER_SRC_TMP | IPV6_PREFER_SRC_PUBLIC);
}

void inet_options_inherit(struct inet_socket *child, const struct inet_socket *listener)
{
	for (unsigned n = 0; n < NR_ROWS; n++)
		child->values[n] = READ_ONCE(listener->values[n]);
	child->lends = READ_ONCE(listener->lends);
}

int inet_option_for(const struct inet_socket *i, const uint8_t ip[16], int name4, int name6)
{
	bool v4 = inet_ip_is_v4(ip);

	return inet_option(i, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? name4 : name6);
}

int inet_option(const struct inet_socket *i, int level, int name)
{
	int n = find(level, name);

	return n < 0 ? 0 : READ_ONCE(i->values[n]);
}

static bool has_level(const struct inet_socket *i, int level)
{
	switch (level) {
	case IPPROTO_IP:
		return true;
	case IPPROTO_IPV6:
		return inet_is_v6(i);
	case IPPROTO_TCP:
		return i->socket.type == SOCK_STREAM;
	default:
		return false;
	}
}

/* ---- set ---- */

static void set_flag(struct inet_socket *i, unsigned flag, bool on)
{
	if (on)
		(void)atomic_or(&i->end->flags, flag);
	else
		(void)atomic_and(&i->end->flags, ~flag);
}

void inet_option_changed(struct socket *s, int name)
{
	struct inet_socket *i = inet_of(s);

	if (name == SO_REUSEADDR)
		set_flag(i, ENDPOINT_REUSE_ADDRESS, socket_option_is_on(s, name));
	else if (name == SO_REUSEPORT)
		set_flag(i, ENDPOINT_REUSE_PORT, socket_option_is_on(s, name));
}

/* IP's options may be a byte, the others are an int. */
static int read_value(const struct socket_option *o, int *value)
{
	*value = 0;
	if (o->len >= sizeof(*value))
		memcpy(value, o->value, sizeof(*value));
	else if (o->level == IPPROTO_IP && o->len >= 1)
		*value = *(const uint8_t *)o->value;
	else
		return -EINVAL;
	return 0;
}

static int set_only_v6(struct inet_socket *i, int value)
{
	scoped_mutex(&i->names_lock);
	if (i->end->local.port != 0)
		return -EINVAL;
	set_flag(i, ENDPOINT_ONLY_V6, value != 0);
	return 0;
}

/* By address (struct in_addr, ip_mreq) or by index (ip_mreqn); neither: none. */
static int set_multicast_interface(struct inet_socket *i, const struct socket_option *o)
{
	struct ip_mreqn r = { .imr_ifindex = 0 };
	struct netdev *d;
	uint8_t ip[16];
	unsigned index;

	if (o->len >= sizeof(r))
		memcpy(&r, o->value, sizeof(r));
	else if (o->len >= sizeof(struct ip_mreq))
		memcpy(&r, o->value, sizeof(struct ip_mreq));
	else if (o->len >= sizeof(r.imr_address))
		memcpy(&r.imr_address, o->value, sizeof(r.imr_address));
	else
		return -EINVAL;
	if (i->socket.type == SOCK_STREAM)
		return -EINVAL;
	inet_ip_from_v4(ip, r.imr_address.s_addr);
	index = (unsigned)r.imr_ifindex;
	if (index != 0 || !inet_ip_is_any(ip)) {
		d = inet_find_device(i->net, ip, index);
		if (d == NULL)
			return -EADDRNOTAVAIL;
		index = d->index;
	}
	WRITE_ONCE(i->values[find(IPPROTO_IP, IP_MULTICAST_IF)], (int)index);
	return 0;
}

/* Where -1 means what there is without being set (RFC 3542 §6). */
static bool is_default6(const struct row *r)
{
	return r->level == IPPROTO_IPV6 &&
	       (r->name == IPV6_UNICAST_HOPS || r->name == IPV6_MULTICAST_HOPS ||
		r->name == IPV6_TCLASS);
}

/* Of IPv6: -ENODEV, -EINVAL, -ENOPROTOOPT; *value becomes what is kept. */
static int check6(const struct inet_socket *i, int name, int *value)
{
	bool stream = i->socket.type == SOCK_STREAM;

	switch (name) {
	case IPV6_MULTICAST_HOPS:
		return stream ? -ENOPROTOOPT : 0;
	case IPV6_MULTICAST_IF:
		if (stream)
			return -ENOPROTOOPT;
		return *value == 0 || inet_find_device(i->net, inet_any6, (unsigned)*value) != NULL
			       ? 0
			       : -ENODEV;
	case IPV6_MTU:
		return *value != 0 && *value < LEAST_MTU6 ? -EINVAL : 0;
	case IPV6_ADDR_PREFERENCES:
		return option_check_preferences(value);
	default:
		return 0;
	}
}

/* To send from, and to be bound to, what is not ours, is for administrators. */
static bool may_set(const struct row *r, int value)
{
	bool transparent = (r->level == IPPROTO_IP && r->name == IP_TRANSPARENT) ||
			   (r->level == IPPROTO_IPV6 && r->name == IPV6_TRANSPARENT);

	return !transparent || value == 0 || cred_has_cap(cred_current(), CAP_NET_RAW) ||
	       cred_has_cap(cred_current(), CAP_NET_ADMIN);
}

/* Of IPv4, the socket's kind matters: -EINVAL; *value becomes what is kept. */
static int check4(const struct inet_socket *i, int name, int *value)
{
	bool stream = i->socket.type == SOCK_STREAM;

	if (name == IP_TOS && stream)
		*value = (*value & 255 & ~ECN_BITS) |
			 (inet_option(i, IPPROTO_IP, IP_TOS) & ECN_BITS);
	else if (name == IP_TOS)
		*value &= 255;
	return name == IP_MULTICAST_TTL && stream ? -EINVAL : 0;
}

static int set_row(struct inet_socket *i, unsigned n, int value)
{
	const struct row *r = &rows[n];
	bool hops = r->name == IP_TTL || r->name == IP_MULTICAST_TTL;
	int err = 0;

	if (!may_set(r, value))
		return -EPERM;
	if (r->level == IPPROTO_IP)
		err = check4(i, r->name, &value);
	else if (r->level == IPPROTO_IPV6)
		err = check6(i, r->name, &value);
	if (err != 0)
		return err;
	if (value == -1 && r->level == IPPROTO_IP && hops)
		value = r->initial; /* -1 means that again */
	if (value == -1 && is_default6(r))
		value = r->initial;
	if (value < r->least || value > r->most)
		return -EINVAL;
	WRITE_ONCE(i->values[n], r->is_switch ? value != 0 : value);
	return 0;
}

static int set_known(struct inet_socket *i, const struct socket_option *o)
{
	int n = find(o->level, o->name), value;
	int err = read_value(o, &value);
	bool device = (o->level == IPPROTO_IP && o->name == IP_UNICAST_IF) ||
		      (o->level == IPPROTO_IPV6 && o->name == IPV6_UNICAST_IF);

	if (device)
		err = option_set_unicast_device(i, o, &value);

	if (o->level == IPPROTO_IPV6 && o->name == IPV6_V6ONLY)
		return err != 0 ? err : set_only_v6(i, value);
	if (n < 0)
		return inet_set_group(i, o);
	return err != 0 ? err : set_row(i, (unsigned)n, value);
}

static int bind_to_device(struct inet_socket *i, unsigned index)
{
	if (!cred_has_cap(cred_current(), CAP_NET_RAW) && READ_ONCE(i->end->dev_index) != 0)
		return -EPERM;
	WRITE_ONCE(i->end->dev_index, index); /* by number of any that may come */
	return 0;
}

/* What is to be stamped; numbers of packets begin anew when they are first asked for. */
static int set_stamping(struct inet_socket *i, const struct socket_option *o)
{
	uint32_t bits;

	memcpy(&bits, o->value, sizeof(bits));
	if ((bits & ~(uint32_t)SOF_TIMESTAMPING_MASK) != 0)
		return -EINVAL;
	if ((bits & ~READ_ONCE(i->stamping) & SOF_TIMESTAMPING_OPT_ID) != 0)
		atomic_store(&i->nr_stamped, 0);
	WRITE_ONCE(i->stamping, bits);
	return 0;
}

static int set_lending(struct inet_socket *i, const struct socket_option *o)
{
	int value;

	memcpy(&value, o->value, sizeof(value));
	if (i->socket.type != SOCK_STREAM && i->socket.protocol != IPPROTO_UDP)
		return -EOPNOTSUPP;
	if (value < 0 || value > 1)
		return -EINVAL;
	WRITE_ONCE(i->lends, value != 0);
	return 0;
}

static int set_socket_level(struct inet_socket *i, const struct socket_option *o)
{
	char name[NETDEV_NAME_MAX] = "";
	struct netdev *d;
	unsigned index;

	if (o->name == SO_TIMESTAMPING_OLD)
		return set_stamping(i, o);
	if (o->name == SO_ZEROCOPY)
		return set_lending(i, o);
	if (o->name == SO_BINDTOIFINDEX) {
		memcpy(&index, o->value, sizeof(index));
		return (int)index < 0 ? -EINVAL : bind_to_device(i, index);
	}
	if (o->name != SO_BINDTODEVICE)
		return -ENOPROTOOPT;
	memcpy(name, o->value, min(o->len, NETDEV_NAME_MAX - 1u));
	if (name[0] == '\0')
		return bind_to_device(i, 0);
	spin_lock(&i->net->lock);
	d = netdev_find(i->net, name);
	spin_unlock(&i->net->lock);
	return d == NULL ? -ENODEV : bind_to_device(i, d->index);
}

int inet_set_option(struct socket *s, const struct socket_option *o)
{
	struct inet_socket *i = inet_of(s);

	if (o->level == SOL_SOCKET)
		return set_socket_level(i, o);
	if (!has_level(i, o->level))
		return -ENOPROTOOPT;
	if (o->level == IPPROTO_IP && o->name == IP_MULTICAST_IF)
		return set_multicast_interface(i, o);
	if (o->level == IPPROTO_TCP && o->len < sizeof(int))
		return -EINVAL;
	return set_known(i, o);
}

/* ---- get ---- */

int inet_give(struct socket_option *o, const void *value, size_t len)
{
	o->len = min(o->len, (unsigned)len);
	memcpy(o->value, value, o->len);
	return 0;
}

/* IP's small numbers are told as a byte to who has room for no more. */
static int give_int(struct socket_option *o, int value)
{
	uint8_t byte = (uint8_t)value;

	if (o->level == IPPROTO_IP && o->len > 0 && o->len < sizeof(value) && value >= 0 &&
	    value <= 255) {
		o->len = 1;
		memcpy(o->value, &byte, 1);
		return 0;
	}
	return inet_give(o, &value, sizeof(value));
}

/* The name, with its zero; none: no bytes. */
static int give_device(struct inet_socket *i, struct socket_option *o)
{
	unsigned index = READ_ONCE(i->end->dev_index);
	struct netdev *d;

	if (o->name == SO_BINDTOIFINDEX)
		return give_int(o, (int)index);
	d = index == 0 ? NULL : inet_find_device(i->net, inet_any6, index);
	if (d == NULL)
		return inet_give(o, "", 0);
	if (o->len < NETDEV_NAME_MAX)
		return -EINVAL;
	return inet_give(o, d->name, strlen(d->name) + 1);
}

/* An address of the interface. */
static int give_multicast_interface(struct inet_socket *i, struct socket_option *o)
{
	int index = inet_option(i, IPPROTO_IP, IP_MULTICAST_IF);
	struct netdev *d = index == 0 ? NULL : inet_find_device(i->net, inet_any6, (unsigned)index);
	uint8_t ip[16] = { 0 };
	uint32_t address = 0;

	if (d != NULL && net_address_for_link(d, inet_any4, ip))
		address = inet_ip_v4(ip);
	return inet_give(o, &address, sizeof(address));
}

/* SO_MEMINFO: SK_MEMINFO_* of <linux/sock_diag.h>. */
static int give_memory(struct inet_socket *i, struct socket_option *o)
{
	struct inet_report r;
	uint32_t all[SK_MEMINFO_VARS] = { 0 };

	if (!inet_report_of(i, &r))
		return -ENOPROTOOPT;
	all[SK_MEMINFO_RMEM_ALLOC] = (uint32_t)r.received_memory;
	all[SK_MEMINFO_RCVBUF] = r.receive_limit;
	all[SK_MEMINFO_WMEM_ALLOC] = all[SK_MEMINFO_WMEM_QUEUED] = (uint32_t)r.sent_memory;
	all[SK_MEMINFO_SNDBUF] = r.send_limit;
	all[SK_MEMINFO_DROPS] = r.nr_dropped;
	return inet_give(o, all, sizeof(all));
}

static int give_socket_level(struct inet_socket *i, struct socket_option *o)
{
	uint32_t stamping[2] = { READ_ONCE(i->stamping), 0 }; /* struct so_timestamping */

	if (o->name == SO_TIMESTAMPING_OLD)
		return inet_give(o, stamping, sizeof(stamping));
	if (o->name == SO_ZEROCOPY)
		return give_int(o, READ_ONCE(i->lends));
	if (o->name == SO_MEMINFO)
		return give_memory(i, o);
	return -ENOPROTOOPT;
}

/* IP_PROTOCOL: raw sockets' protocol; of the others Linux tells the port there. */
static int give_protocol(struct inet_socket *i, struct socket_option *o)
{
	return give_int(o, i->socket.type == SOCK_RAW ? i->socket.protocol : inet_local(i).port);
}

/* What is no number of the table. -ENOPROTOOPT: it is not here. */
static int give_special4(struct inet_socket *i, struct socket_option *o)
{
	switch (o->name) {
	case IP_MTU:
		return option_give_mtu(i, o);
	case IP_OPTIONS:
		return inet_give(o, "", 0);
	case IP_PKTOPTIONS:
		return i->socket.type == SOCK_STREAM ? inet_give(o, "", 0) : -ENOPROTOOPT;
	case IP_HDRINCL: /* raw sockets have answered by themselves */
		return give_int(o, 0);
	case IP_PROTOCOL_OPTION:
		return give_protocol(i, o);
	case IP_MULTICAST_IF:
		return give_multicast_interface(i, o);
	case IP_UNICAST_IF:
		return option_give_unicast_device(i, o);
	default:
		return -ENOPROTOOPT;
	}
}

static int give_special6(struct inet_socket *i, struct socket_option *o)
{
	switch (o->name) {
	case IPV6_V6ONLY:
		return give_int(o, (READ_ONCE(i->end->flags) & ENDPOINT_ONLY_V6) != 0);
	case IPV6_ADDRFORM:
		return inet_remote(i).port == 0 ? -ENOTCONN : give_int(o, AF_INET6);
	case IPV6_MTU:
		return option_give_mtu(i, o);
	case IPV6_PATHMTU:
		return option_give_path_mtu(i, o);
	case IPV6_UNICAST_IF:
		return option_give_unicast_device(i, o);
	default:
		return -ENOPROTOOPT;
	}
}

int inet_get_option(struct socket *s, struct socket_option *o)
{
	struct inet_socket *i = inet_of(s);
	int n = find(o->level, o->name), err = -ENOPROTOOPT;

	if (o->level == SOL_SOCKET && (o->name == SO_BINDTODEVICE || o->name == SO_BINDTOIFINDEX))
		return give_device(i, o);
	if (o->level == SOL_SOCKET)
		return give_socket_level(i, o);
	if (!has_level(i, o->level))
		return inet_is_v6(i) ? -ENOPROTOOPT : -EOPNOTSUPP;
	if (o->level == IPPROTO_IP)
		err = give_special4(i, o);
	else if (o->level == IPPROTO_IPV6)
		err = give_special6(i, o);
	if (err != -ENOPROTOOPT)
		return err;
	return n < 0 ? inet_get_group(i, o) : give_int(o, READ_ONCE(i->values[n]));
}
