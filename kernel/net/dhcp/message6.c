/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCPv6 messages (RFC 8415 §8, §21). Options may stand in options; each list is walked once. */
#include "net/dhcp/message6.h"

#include "lib/compiler.h"
#include "lib/string.h"
#include "net/address.h"

/* A list of options. */
struct area {
	const uint8_t *at;
	uint32_t len;
};

/* The next one, off the front of the list; false: there is none, or it is cut short. */
static bool take(struct area *a, unsigned *code, struct area *body)
{
	const struct dhcp6_option *o = (const void *)a->at;

	if (a->len < sizeof(*o) || be16_get(o->len) > a->len - sizeof(*o))
		return false;
	*code = be16_get(o->code);
	*body = (struct area){ a->at + sizeof(*o), be16_get(o->len) };
	a->at += sizeof(*o) + body->len;
	a->len -= (uint32_t)sizeof(*o) + body->len;
	return true;
}

void dhcp6_make_id(const uint8_t mac[6], uint8_t id[DHCP6_OUR_ID_LEN])
{
	static const uint8_t kind[4] = { 0, 3, 0, 1 }; /* a link address, of Ethernet */

	memcpy(id, kind, sizeof(kind));
	memcpy(id + sizeof(kind), mac, 6);
}

/* ---- in ---- */

static void take_status(struct area body, struct dhcp6_answer *out)
{
	if (body.len >= 2 && out->status == 0)
		out->status = be16_get(*(const struct be16 *)(const void *)body.at);
}

static bool is_fine(const uint8_t ip[16])
{
	return !inet_ip_is_any(ip) && !inet_ip_is_v4(ip) && !inet_ip_is_multicast(ip) &&
	       !inet_ip_is_loopback(ip) && !inet_ip_is_link_local(ip);
}

/* The first address that may be used: §21.6. */
static void take_address(struct area body, struct dhcp6_answer *out)
{
	const struct dhcp6_address *a = (const void *)body.at;

	if (body.len < sizeof(*a) || out->has_address || !is_fine(a->ip) ||
	    be32_get(a->valid) == 0 || be32_get(a->preferred) > be32_get(a->valid))
		return;
	out->has_address = true;
	memcpy(out->address, a->ip, sizeof(out->address));
	out->preferred_s = be32_get(a->preferred);
	out->valid_s = be32_get(a->valid);
}

static void take_ia(struct area body, uint32_t id, struct dhcp6_answer *out)
{
	const struct dhcp6_ia *ia = (const void *)body.at;
	struct area list, inner;
	unsigned code;

	if (body.len < sizeof(*ia) || be32_get(ia->id) != id)
		return;
	out->t1_s = be32_get(ia->t1);
	out->t2_s = be32_get(ia->t2);
	if (out->t1_s > out->t2_s && out->t2_s != 0) /* §21.4: not sound */
		return;
	list = (struct area){ body.at + sizeof(*ia), body.len - (uint32_t)sizeof(*ia) };
	while (take(&list, &code, &inner)) {
		if (code == DHCP6_ADDRESS)
			take_address(inner, out);
		else if (code == DHCP6_STATUS)
			take_status(inner, out);
	}
}

static void take_servers(struct area body, struct net_advice *out)
{
	for (uint32_t at = 0; at + 16 <= body.len && out->nr_dns < ADVICE_DNS_MAX; at += 16) {
		const uint8_t *ip = body.at + at;

		if (!inet_ip_is_any(ip) && !inet_ip_is_v4(ip) && !inet_ip_is_multicast(ip))
			memcpy(out->dns[out->nr_dns++], ip, 16);
	}
}

static void take_domains(struct area body, struct net_advice *out)
{
	unsigned at = 0;

	while (at < body.len && advice_add_name(body.at, body.len, &at, out->search))
		;
}

static void take_server(struct area body, struct dhcp6_answer *out)
{
	if (body.len == 0 || body.len > DHCP6_ID_MAX)
		return;
	memcpy(out->server, body.at, body.len);
	out->server_len = body.len;
}

bool dhcp6_read(const uint8_t *bytes, uint32_t len, const uint8_t mac[6], uint32_t ia,
		struct dhcp6_answer *out)
{
	const struct dhcp6_header *h = (const void *)bytes;
	uint8_t id[DHCP6_OUR_ID_LEN];
	struct area list, body;
	unsigned code;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(*h))
		return false;
	dhcp6_make_id(mac, id);
	out->type = h->type;
	out->transaction = (uint32_t)h->transaction[0] << 16 | h->transaction[1] << 8 |
			   h->transaction[2];
	list = (struct area){ bytes + sizeof(*h), len - (uint32_t)sizeof(*h) };
	while (take(&list, &code, &body)) {
		if (code == DHCP6_CLIENT)
			out->for_client = body.len == sizeof(id) &&
					  memcmp(body.at, id, sizeof(id)) == 0;
		else if (code == DHCP6_SERVER)
			take_server(body, out);
		else if (code == DHCP6_IA_NA)
			take_ia(body, ia, out);
		else if (code == DHCP6_STATUS)
			take_status(body, out);
		else if (code == DHCP6_DNS)
			take_servers(body, &out->advice);
		else if (code == DHCP6_DOMAINS)
			take_domains(body, &out->advice);
	}
	return out->server_len > 0 && out->for_client;
}

/* ---- out ---- */

static unsigned put(uint8_t *out, unsigned at, enum dhcp6_code code, const void *bytes,
		    unsigned len)
{
	struct dhcp6_option o = { be16_of((uint16_t)code), be16_of((uint16_t)len) };

	memcpy(out + at, &o, sizeof(o));
	memcpy(out + at + sizeof(o), bytes, len);
	return at + (unsigned)sizeof(o) + len;
}

static unsigned put_ia(uint8_t *out, unsigned at, const struct dhcp6_question *q)
{
	uint8_t bytes[sizeof(struct dhcp6_ia) + sizeof(struct dhcp6_option) +
		      sizeof(struct dhcp6_address)] = { 0 };
	struct dhcp6_address address = { .preferred = be32_of(0) };
	unsigned len = sizeof(struct dhcp6_ia);

	((struct dhcp6_ia *)(void *)bytes)->id = be32_of(q->ia);
	if (q->address != NULL) {
		memcpy(address.ip, q->address, sizeof(address.ip));
		len = put(bytes, len, DHCP6_ADDRESS, &address, sizeof(address));
	}
	return put(out, at, DHCP6_IA_NA, bytes, len);
}

unsigned dhcp6_write(uint8_t out[DHCP6_MESSAGE_MAX], const struct dhcp6_question *q)
{
	static const struct be16 wanted[] = { { { 0, DHCP6_DNS } }, { { 0, DHCP6_DOMAINS } } };
	nsec_t hundredths = q->elapsed_ns / (NSEC_PER_SEC / 100);
	struct be16 elapsed = be16_of((uint16_t)min(hundredths, (nsec_t)65535));
	uint8_t id[DHCP6_OUR_ID_LEN];
	unsigned at = sizeof(struct dhcp6_header);

	out[0] = q->type;
	out[1] = (uint8_t)(q->transaction >> 16);
	out[2] = (uint8_t)(q->transaction >> 8);
	out[3] = (uint8_t)q->transaction;
	dhcp6_make_id(q->mac, id);
	at = put(out, at, DHCP6_CLIENT, id, sizeof(id));
	at = put(out, at, DHCP6_ELAPSED, &elapsed, sizeof(elapsed));
	if (q->server != NULL)
		at = put(out, at, DHCP6_SERVER, q->server, q->server_len);
	if (q->wants_address)
		at = put_ia(out, at, q);
	if (q->type != DHCP6_RELEASE)
		at = put(out, at, DHCP6_WANTED, wanted, sizeof(wanted));
	return at;
}
