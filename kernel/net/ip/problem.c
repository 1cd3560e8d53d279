/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors about packets: those of ours to their senders, and those of others to our transports. */
#include <linux/in.h>

#include "lib/errno.h"
#include "net/ip/deliver.h"
#include "net/wire/ip.h"

#define LOOKED_AT 256u /* bytes of a packet, to find its transport's header */

void ip_complain(struct net *net, const struct netbuf *b, enum ip_complaint what)
{
	if (netbuf_notes((struct netbuf *)b, struct ip_info)->v4)
		icmp4_complain(net, b, what);
	else
		icmp6_complain(net, b, what);
}

void ip_report_error(struct net *net, const struct ip_error *e)
{
	raw_error(net, e);
	if (e->protocol == IPPROTO_TCP)
		tcp_error(net, e);
	else if (e->protocol == IPPROTO_UDP)
		udp_error(net, e);
}

static bool explain4(struct ip_error *e, const uint8_t *bytes, unsigned len)
{
	const struct ip4_header *h = (const void *)bytes;
	unsigned header = (h->version_words & 15) * 4u;

	if (len < sizeof(*h) || len < header + 8 ||
	    (be16_get(h->fragment) & IP4_FRAGMENT_OFFSET) != 0)
		return false;
	e->v4 = true;
	inet_ip_from_v4_bytes(e->from, h->from);
	inet_ip_from_v4_bytes(e->to, h->to);
	e->protocol = h->protocol;
	e->payload = bytes + header;
	e->type = ICMP4_UNREACHABLE;
	e->code = ICMP4_HOST;
	return true;
}

static bool explain6(struct ip_error *e, const uint8_t *bytes, unsigned len)
{
	const struct ip6_header *h = (const void *)bytes;

	if (len < sizeof(*h))
		return false;
	memcpy(e->from, h->from, sizeof(e->from));
	memcpy(e->to, h->to, sizeof(e->to));
	e->protocol = h->next_header;
	e->payload = icmp6_find_transport(bytes + sizeof(*h), bytes + len, &e->protocol);
	e->type = ICMP6_UNREACHABLE;
	e->code = ICMP6_ADDRESS;
	return e->payload != NULL;
}

void ip_unreachable(struct net *net, struct netbuf *b)
{
	uint8_t bytes[LOOKED_AT] ALIGNED(4);
	unsigned len = min(b->len, LOOKED_AT);
	struct ip_error e = { .error = EHOSTUNREACH };

	/* What was sent may have its payload in pages, and no room to have more of it linear. */
	netbuf_copy_out(b, 0, bytes, len);
	if (len > 0 && (bytes[0] >> 4 == 4 ? explain4(&e, bytes, len) : explain6(&e, bytes, len))) {
		memcpy(e.reporter, e.from, sizeof(e.reporter));
		e.payload_len = (unsigned)(bytes + len - e.payload);
		ip_report_error(net, &e);
	}
	netbuf_free(b);
}
