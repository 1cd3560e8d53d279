/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The levels IPPROTO_IP, _IPV6 and _TCP of setsockopt(2) (ip(7), ipv6(7), tcp(7)). Most options are
 * numbers of the wire's, which the loopback has no use for: they are checked, kept and told, by one
 * table. What acts has a case each.
 */
#include <linux/capability.h>
#include <linux/tcp.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/inet.h"

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

static const struct row rows[] = {
	NUMBER(IPPROTO_IP, IP_TOS, 0, 0, 255),
	NUMBER(IPPROTO_IP, IP_TTL, DEFAULT_TTL, 1, 255),
	NUMBER(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, 0, IP_PMTUDISC_OMIT),
	NUMBER(IPPROTO_IP, IP_MULTICAST_TTL, 1, 0, 255),
	NUMBER(IPPROTO_IP, IP_MULTICAST_IF, 0, 0, INT32_MAX), /* an index; see below */
	NUMBER(IPPROTO_IP, IP_MINTTL, 0, 0, 255),
	SWITCH(IPPROTO_IP, IP_MULTICAST_LOOP, 1),
	SWITCH(IPPROTO_IP, IP_MULTICAST_ALL, 1),
	SWITCH(IPPROTO_IP, IP_RECVOPTS, 0),
	SWITCH(IPPROTO_IP, IP_RETOPTS, 0),
	SWITCH(IPPROTO_IP, IP_PKTINFO, 0),
	SWITCH(IPPROTO_IP, IP_RECVERR, 0),
	SWITCH(IPPROTO_IP, IP_RECVTTL, 0),
	SWITCH(IPPROTO_IP, IP_RECVTOS, 0),
	SWITCH(IPPROTO_IP, IP_FREEBIND, 0),
	SWITCH(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0),
	SWITCH(IPPROTO_IP, IP_RECVORIGDSTADDR, 0),
	NUMBER(IPPROTO_IPV6, IPV6_UNICAST_HOPS, DEFAULT_TTL, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MULTICAST_IF, 0, 0, INET_LOOPBACK_INDEX),
	NUMBER(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, 0, IPV6_PMTUDISC_OMIT),
	NUMBER(IPPROTO_IPV6, IPV6_TCLASS, 0, 0, 255),
	NUMBER(IPPROTO_IPV6, IPV6_MINHOPCOUNT, 0, 0, 255),
	SWITCH(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1),
	SWITCH(IPPROTO_IPV6, IPV6_RECVERR, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVPKTINFO, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVTCLASS, 0),
	SWITCH(IPPROTO_IPV6, IPV6_DONTFRAG, 0),
	SWITCH(IPPROTO_IPV6, IPV6_FREEBIND, 0),
	SWITCH(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 0),
	SWITCH(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1),
	SWITCH(IPPROTO_TCP, TCP_NODELAY, 0),
	SWITCH(IPPROTO_TCP, TCP_CORK, 0),
	SWITCH(IPPROTO_TCP, TCP_QUICKACK, 1),
	SWITCH(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0),
	SWITCH(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0),
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

void inet_options_init(struct inet_socket *i)
{
	for (unsigned n = 0; n < NR_ROWS; n++)
		i->values[n] = rows[n].initial;
}

void inet_options_inherit(struct inet_socket *child, const struct inet_socket *listener)
{
	for (unsigned n = 0; n < NR_ROWS; n++)
		child->values[n] = READ_ONCE(listener->values[n]);
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
	scoped_spin(&inet_lock);
	if (i->local.port != 0)
		return -EINVAL;
	WRITE_ONCE(i->only_v6, value != 0);
	return 0;
}

/* By address (struct in_addr, ip_mreq) or by index (ip_mreqn): lo, or none. */
static int set_multicast_interface(struct inet_socket *i, const struct socket_option *o)
{
	struct ip_mreqn r = { .imr_ifindex = 0 };
	uint8_t ip[16];
	int index;

	if (o->len >= sizeof(r))
		memcpy(&r, o->value, sizeof(r));
	else if (o->len >= sizeof(struct ip_mreq))
		memcpy(&r, o->value, sizeof(struct ip_mreq));
	else if (o->len >= sizeof(r.imr_address))
		memcpy(&r.imr_address, o->value, sizeof(r.imr_address));
	else
		return -EINVAL;
	inet_ip_from_v4(ip, r.imr_address.s_addr);
	index = r.imr_ifindex;
	if (index == 0 && !inet_ip_is_any(ip)) {
		if (!inet_ip_is_ours(ip))
			return -EADDRNOTAVAIL;
		index = INET_LOOPBACK_INDEX;
	}
	if (index != 0 && index != INET_LOOPBACK_INDEX)
		return -EADDRNOTAVAIL;
	WRITE_ONCE(i->values[find(IPPROTO_IP, IP_MULTICAST_IF)], index);
	return 0;
}

static int set_row(struct inet_socket *i, unsigned n, int value)
{
	const struct row *r = &rows[n];
	bool hops = r->name == IP_TTL || r->name == IP_MULTICAST_TTL;

	if (r->level == IPPROTO_IP && r->name == IP_TOS)
		value &= 255;
	if (value == -1 && r->level == IPPROTO_IP && hops)
		value = r->initial; /* -1 means that again */
	if (value == -1 && r->level == IPPROTO_IPV6 && !r->is_switch)
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

	if (o->level == IPPROTO_IPV6 && o->name == IPV6_V6ONLY)
		return err != 0 ? err : set_only_v6(i, value);
	if (n < 0)
		return inet_set_group(i, o);
	return err != 0 ? err : set_row(i, (unsigned)n, value);
}

static int set_socket_level(struct inet_socket *i, const struct socket_option *o)
{
	const char *name = o->value;

	if (o->name != SO_BINDTODEVICE)
		return -ENOPROTOOPT;
	if (!cred_has_cap(cred_current(), CAP_NET_RAW))
		return -EPERM;
	return strncmp(name, "lo", o->len) == 0 || name[0] == '\0' ? 0 : -ENODEV;
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
	o->len = min(o->len, (unsigned)sizeof(value));
	memcpy(o->value, &value, o->len);
	return 0;
}

int inet_get_option(struct socket *s, struct socket_option *o)
{
	struct inet_socket *i = inet_of(s);
	int n = find(o->level, o->name);

	if (o->level == SOL_SOCKET)
		return -ENOPROTOOPT;
	if (!has_level(i, o->level))
		return inet_is_v6(i) ? -ENOPROTOOPT : -EOPNOTSUPP;
	if (o->level == IPPROTO_IPV6 && o->name == IPV6_V6ONLY)
		return give_int(o, READ_ONCE(i->only_v6));
	if ((o->level == IPPROTO_IP && o->name == IP_MTU) ||
	    (o->level == IPPROTO_IPV6 && o->name == IPV6_MTU))
		return i->remote.port == 0 ? -ENOTCONN : give_int(o, INET_LOOPBACK_MTU);
	if (o->level == IPPROTO_IP && o->name == IP_OPTIONS) {
		o->len = 0;
		return 0;
	}
	if (o->level == IPPROTO_IP && o->name == IP_MULTICAST_IF) {
		bool lo = READ_ONCE(i->values[n]) != 0;
		uint32_t address = lo ? inet_ip_v4(inet_loopback4) : 0;

		o->len = min(o->len, (unsigned)sizeof(address));
		memcpy(o->value, &address, o->len);
		return 0;
	}
	return n < 0 ? -ENOPROTOOPT : give_int(o, READ_ONCE(i->values[n]));
}
