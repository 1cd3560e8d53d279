/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of operations, in and out, and what may be bound to (ip(7)). */
#include <linux/capability.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "native/native.h"
#include "net/endpoint.h"
#include "net/ip/ip.h"

void native_address_read(const struct native_address *a, struct inet_address *out)
{
	memcpy(out->ip, a->ip, sizeof(out->ip));
	out->port = a->port;
}

void native_address_write(const uint8_t ip[16], uint16_t port, unsigned interface,
			  struct native_address *out)
{
	memcpy(out->ip, ip, sizeof(out->ip));
	out->port = port;
	out->zero = 0;
	out->interface = interface;
}

void native_target_read(const struct native_address *a, struct inet_address *out)
{
	native_address_read(a, out);
	if (inet_ip_equal(out->ip, inet_any4))
		memcpy(out->ip, inet_loopback4, sizeof(out->ip));
	else if (inet_ip_is_any(out->ip))
		memcpy(out->ip, inet_loopback6, sizeof(out->ip));
}

static int check(struct net *net, const struct native_binding *b)
{
	const uint8_t *ip = b->at.ip;

	if (inet_ip_is_multicast(ip))
		return -EADDRNOTAVAIL;
	if (!b->v6 && (b->flags & ENDPOINT_ONLY_V6) != 0)
		return -EINVAL;
	if (!inet_ip_is_v4(ip) && inet_ip_is_link_local(ip) && b->dev_index == 0)
		return -EINVAL;
	if (!inet_ip_is_any(ip) && !net_address_is_ours(net, ip, 0))
		return -EADDRNOTAVAIL;
	if (b->at.port != 0 && b->at.port < READ_ONCE(net->settings.unprivileged_port_start) &&
	    !cred_has_cap(cred_current(), CAP_NET_BIND_SERVICE))
		return -EACCES;
	return 0;
}

int native_binding_read(struct net *net, const struct native_op *op, bool datagrams,
			struct native_binding *out)
{
	native_address_read(&op->local, &out->at);
	out->dev_index = op->local.interface;
	out->v6 = !inet_ip_is_v4(out->at.ip);
	out->flags = datagrams ? 0 : ENDPOINT_REUSE_ADDRESS;
	if ((op->flags & NATIVE_ONLY_V6) != 0)
		out->flags |= ENDPOINT_ONLY_V6;
	if ((op->flags & NATIVE_REUSE_PORT) != 0)
		out->flags |= ENDPOINT_REUSE_PORT;
	return check(net, out);
}

int native_bind(struct endpoint *end, const struct native_binding *b)
{
	end->uid = cred_current()->fsuid;
	end->dev_index = b->dev_index;
	(void)atomic_or(&end->flags, b->flags);
	return endpoint_bind(end, &b->at);
}
