/* SPDX-License-Identifier: BSD-2-Clause */
/* How a datagram goes: where to and from, and what its header says (ip(7), ipv6(7)). */
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/inet.h"
#include "net/ip/ip.h"

int inet_way_target(const struct inet_socket *i, const struct socket_address *a,
		    struct inet_target *to)
{
	struct socket_address known = *a;

	if (inet_is_v6(i) && a->family == AF_INET)
		return (READ_ONCE(i->end->flags) & ENDPOINT_ONLY_V6) != 0
			       ? -ENETUNREACH
			       : inet_address_read_v4(a, to);
	if (a->family == AF_UNSPEC && a->len >= sizeof(struct sockaddr_in))
		known.family = inet_is_v6(i) ? AF_INET6 : AF_INET;
	return inet_address_read(i, &known, to);
}

/* From the address that the message names, or that bind or connect chose. */
static int set_source(struct inet_socket *i, const struct socket_way *asked, const uint8_t to[16],
		      struct inet_way *w)
{
	bool v4 = inet_ip_is_v4(to);

	w->own = inet_local(i);
	w->from = w->own.ip;
	if (asked != NULL && asked->dev_index != 0)
		w->dev_index = asked->dev_index;
	if (asked != NULL && asked->has_from) {
		if (inet_ip_is_v4(asked->from) != v4 ||
		    !net_address_is_ours(i->net, asked->from, 0))
			return v4 ? -ENETUNREACH : -EINVAL;
		w->from = asked->from;
	} else if (inet_ip_is_any(w->own.ip) || inet_ip_is_v4(w->own.ip) != v4 ||
		   net_address_is_broadcast(i->net, w->own.ip, 0)) {
		w->from = NULL;
	}
	return 0;
}

/* The program's word for this one, or the socket's for all. */
static void set_header(const struct inet_socket *i, const struct socket_way *asked,
		       const uint8_t to[16], struct inet_way *w)
{
	bool group = inet_ip_is_multicast(to);
	int hops = group ? inet_option_for(i, to, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS)
			 : inet_option_for(i, to, IP_TTL, IPV6_UNICAST_HOPS);
	int class = inet_option_for(i, to, IP_TOS, IPV6_TCLASS);
	int mtu = inet_option_for(i, to, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER);

	if (asked != NULL && asked->hops_plus_1 > 0)
		hops = asked->hops_plus_1 - 1;
	if (asked != NULL && asked->class_plus_1 > 0)
		class = asked->class_plus_1 - 1;
	w->hops = (uint8_t)hops;
	w->traffic_class = (uint8_t) class;
	w->dont_fragment = mtu == IP_PMTUDISC_DO || mtu == IP_PMTUDISC_PROBE;
	if (!inet_ip_is_v4(to) && inet_option(i, IPPROTO_IPV6, IPV6_DONTFRAG) != 0)
		w->dont_fragment = true;
	w->no_echo = group && inet_option_for(i, to, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP) == 0;
}

int inet_way_choose(struct inet_socket *i, const struct socket_message *m,
		    const struct inet_target *to, struct inet_way *w)
{
	*w = (struct inet_way){ .dev_index = inet_address_device(i, to) };
	if (!inet_ip_is_v4(to->at.ip)) {
		w->prefer = inet_source_preference(i);
		w->mtu_most = (uint32_t)inet_option(i, IPPROTO_IPV6, IPV6_MTU);
	}
	set_header(i, m->way, to->at.ip, w);
	return set_source(i, m->way, to->at.ip, w);
}

int inet_way_path(struct inet_socket *i, const struct inet_target *to, const struct inet_way *w,
		  struct ip_path *out)
{
	struct ip_query q = { .to = to->at.ip, .from = w->from, .dev_index = w->dev_index };
	int err;

	q.prefer = w->prefer;
	err = ip_route(i->net, &q, out);
	if (err == 0 && w->mtu_most != 0)
		out->mtu = min(out->mtu, w->mtu_most);
	if (err != 0 || !out->is_broadcast || socket_option_is_on(&i->socket, SO_BROADCAST))
		return err;
	ip_path_drop(out);
	return -EACCES;
}

int inet_way_send(struct inet_socket *i, struct netbuf *b, const struct inet_target *to,
		  const struct inet_way *w, const struct ip_path *path)
{
	struct ip_header_values v = {
		.from = path->from,
		.to = to->at.ip,
		.protocol = (uint8_t)i->socket.protocol,
		.hops = w->hops,
		.traffic_class = w->traffic_class,
		.dont_fragment = w->dont_fragment,
		.no_echo = w->no_echo,
	};

	return ip_send(i->net, b, &v, path);
}
