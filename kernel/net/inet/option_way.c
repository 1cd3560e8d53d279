/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options about the way that packets go (ip(7), ipv6(7), RFC 5014, RFC 3542 §11): by which
 * interface, from which kind of address, in how long fragments, and what the path takes. They are
 * kept as numbers of option.c's table; who sends looks them up.
 */
#include <linux/in6.h>
#include <linux/ipv6.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/option.h"
#include "net/ip/ip.h"
#include "net/netdev.h"

/* ---- IP_UNICAST_IF, IPV6_UNICAST_IF ---- */

/* The index is in network order, as by Windows, where these come from. */
int option_set_unicast_device(struct inet_socket *i, const struct socket_option *o, int *value)
{
	unsigned bound = READ_ONCE(i->end->dev_index);
	struct be32 wire;
	unsigned index;

	if (o->len != sizeof(wire))
		return -EINVAL;
	memcpy(&wire, o->value, sizeof(wire));
	index = be32_get(wire);
	if (index != 0 && inet_find_device(i->net, inet_any6, index) == NULL)
		return -EADDRNOTAVAIL;
	if (index != 0 && bound != 0 && bound != index)
		return -EINVAL;
	*value = (int)index;
	return 0;
}

int option_give_unicast_device(struct inet_socket *i, struct socket_option *o)
{
	struct be32 wire = be32_of((uint32_t)inet_option(i, o->level, o->name));

	return inet_give(o, &wire, sizeof(wire));
}

/* ---- IPV6_ADDR_PREFERENCES ---- */

static bool is_at_most_one(int value, int of)
{
	return ((unsigned)(value & of) & ((unsigned)(value & of) - 1)) == 0;
}

#define PREFER_SOURCE \
	(IPV6_PREFER_SRC_TMP | IPV6_PREFER_SRC_PUBLIC | IPV6_PREFER_SRC_PUBTMP_DEFAULT)
#define PREFER_HOME   (IPV6_PREFER_SRC_COA | IPV6_PREFER_SRC_HOME)
#define PREFER_HASHED (IPV6_PREFER_SRC_CGA | IPV6_PREFER_SRC_NONCGA)

/* Of each kind one; what is not named is as by default. The last kind has no meaning here. */
int option_check_preferences(int *value)
{
	int kept = *value & (PREFER_SOURCE | PREFER_HOME);

	if (!is_at_most_one(*value, PREFER_SOURCE) || !is_at_most_one(*value, PREFER_HOME) ||
	    !is_at_most_one(*value, PREFER_HASHED))
		return -EINVAL;
	if ((kept & PREFER_SOURCE) == 0)
		kept |= IPV6_PREFER_SRC_PUBTMP_DEFAULT;
	if ((kept & PREFER_HOME) == 0)
		kept |= IPV6_PREFER_SRC_HOME;
	*value = kept;
	return 0;
}

/* ---- how long packets may be ---- */

/* The path to the peer, as it is now: ip_path_drop. -ENOTCONN. */
static int path_to_peer(struct inet_socket *i, struct ip_path *path)
{
	struct inet_address local = inet_local(i), remote = inet_remote(i);
	struct ip_query q = { .to = remote.ip, .from = local.ip };

	if (remote.port == 0)
		return -ENOTCONN;
	q.dev_index = READ_ONCE(i->end->dev_index);
	return ip_route(i->net, &q, path) != 0 ? -ENOTCONN : 0;
}

int option_give_mtu(struct inet_socket *i, struct socket_option *o)
{
	struct ip_path path;
	int err = path_to_peer(i, &path), mtu;

	if (err != 0)
		return err;
	mtu = (int)path.mtu;
	ip_path_drop(&path);
	return inet_give(o, &mtu, sizeof(mtu));
}

/* IPV6_PATHMTU. The address that RFC 3542 §11.3 has in it Linux leaves empty. */
int option_give_path_mtu(struct inet_socket *i, struct socket_option *o)
{
	struct ip6_mtuinfo info = { .ip6m_mtu = 0 };
	struct ip_path path;
	int err;

	if (o->len < sizeof(info))
		return -EINVAL;
	err = path_to_peer(i, &path);
	if (err != 0)
		return err;
	info.ip6m_mtu = path.mtu;
	ip_path_drop(&path);
	return inet_give(o, &info, sizeof(info));
}
