/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCPv4 messages (RFC 2131 §2, RFC 2132). An option may be in pieces, and in the fields for names
 * (option 52): its pieces are put together in that order (RFC 3396 §5, §7).
 */
#include "net/dhcp/message4.h"

#include "lib/compiler.h"
#include "lib/string.h"
#include "net/address.h"

#define OPTION_MAX 512u /* bytes of one, its pieces together */

struct area {
	const uint8_t *at;
	uint32_t len;
};

/* ---- options ---- */

/* Behind what is in `out` already; how much there is then. */
static unsigned gather_from(struct area a, unsigned code, uint8_t out[OPTION_MAX], unsigned n)
{
	for (uint32_t at = 0; at < a.len && a.at[at] != DHCP4_END;) {
		unsigned len;

		if (a.at[at] == DHCP4_PAD) {
			at++;
			continue;
		}
		if (at + 2 > a.len || at + 2 + a.at[at + 1] > a.len)
			return n;
		len = a.at[at + 1];
		if (a.at[at] == code && n + len <= OPTION_MAX) {
			memcpy(out + n, a.at + at + 2, len);
			n += len;
		}
		at += 2 + len;
	}
	return n;
}

struct areas {
	struct area options, file, server_name;
};

static unsigned gather(const struct areas *a, unsigned code, uint8_t out[OPTION_MAX])
{
	unsigned n = gather_from(a->options, code, out, 0);

	n = gather_from(a->file, code, out, n);
	return gather_from(a->server_name, code, out, n);
}

/* An option of exactly so many bytes; false: there is none such, and `to` is as it was. */
static bool take(const struct areas *a, unsigned code, void *to, unsigned len)
{
	uint8_t bytes[OPTION_MAX];

	if (gather(a, code, bytes) != len)
		return false;
	memcpy(to, bytes, len);
	return true;
}

static uint32_t take_number(const struct areas *a, unsigned code)
{
	struct be32 x = { { 0 } };

	(void)take(a, code, &x, sizeof(x));
	return be32_get(x);
}

static void find_areas(const uint8_t *bytes, uint32_t len, struct areas *out)
{
	const struct dhcp4_header *h = (const void *)bytes;
	uint8_t overload = 0;

	*out = (struct areas){ .options = { bytes + sizeof(*h), len - (uint32_t)sizeof(*h) } };
	(void)take(out, DHCP4_OVERLOAD, &overload, 1);
	if ((overload & 1) != 0)
		out->file = (struct area){ h->file, sizeof(h->file) };
	if ((overload & 2) != 0)
		out->server_name = (struct area){ h->server_name, sizeof(h->server_name) };
}

/* ---- what the options say ---- */

/* A mask's bits; one with holes is as long as its first ones. */
static uint8_t bits_of(const uint8_t mask[4])
{
	unsigned bits = 0;

	while (bits < 32 && (mask[bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	return (uint8_t)bits;
}

/* RFC 950 §2.1 and RFC 791: the classes, where no mask is said. */
static uint8_t class_bits(const uint8_t address[4])
{
	return address[0] < 128 ? 8 : address[0] < 192 ? 16 : 24;
}

/* RFC 3442: each a number of bits, as much of the prefix as they need, the gateway. */
static void take_routes(const struct areas *a, struct dhcp4_answer *out)
{
	uint8_t bytes[OPTION_MAX];
	unsigned len = gather(a, DHCP4_ROUTES, bytes);

	for (unsigned at = 0; at < len && out->nr_routes < DHCP4_ROUTES_MAX;) {
		struct dhcp4_route *r = &out->routes[out->nr_routes];
		unsigned size = (bytes[at] + 7u) / 8;

		if (bytes[at] > 32 || at + 1 + size + 4 > len)
			return;
		*r = (struct dhcp4_route){ .bits = bytes[at] };
		memcpy(r->prefix, bytes + at + 1, size);
		memcpy(r->gateway, bytes + at + 1 + size, 4);
		out->nr_routes++;
		at += 1 + size + 4;
	}
}

/* The first router, where there are no routes: those take its place (RFC 3442). */
static void take_router(const struct areas *a, struct dhcp4_answer *out)
{
	uint8_t bytes[OPTION_MAX];
	unsigned len = gather(a, DHCP4_ROUTERS, bytes);

	if (out->nr_routes > 0 || len < 4)
		return;
	out->routes[0] = (struct dhcp4_route){ .bits = 0 };
	memcpy(out->routes[0].gateway, bytes, 4);
	out->nr_routes = 1;
}

static void take_servers(const struct areas *a, struct net_advice *out)
{
	uint8_t bytes[OPTION_MAX];
	unsigned len = gather(a, DHCP4_DNS, bytes);

	for (unsigned at = 0; at + 4 <= len && out->nr_dns < ADVICE_DNS_MAX; at += 4)
		inet_ip_from_v4_bytes(out->dns[out->nr_dns++], bytes + at);
}

/* A name in letters, as this option has it: labels are what stands between dots. */
static void take_name(const struct areas *a, unsigned code, char out[ADVICE_NAME_MAX])
{
	uint8_t bytes[OPTION_MAX], name[ADVICE_NAME_MAX + 2] = { 0 };
	unsigned len = gather(a, code, bytes), label = 0, at = 0;

	while (len > 0 && (bytes[len - 1] == '\0' || bytes[len - 1] == '.'))
		len--;
	if (len == 0 || len >= ADVICE_NAME_MAX)
		return;
	for (unsigned i = 0; i < len; i++) {
		name[i + 1] = bytes[i];
		if (bytes[i] == '.') {
			name[label] = (uint8_t)(i - label);
			label = i + 1;
		}
	}
	name[label] = (uint8_t)(len - label);
	/* False: it is no name to write into a file. */
	(void)advice_add_name(name, len + 2, &at, out);
}

/*
 * A name whose end may lie in an earlier one (RFC 1035 §4.1.4, which RFC 3397 §2 allows), as one
 * piece; *at moves behind it. How long it is; 0: it is none. Pointers only lead back.
 */
static unsigned expand(const uint8_t *bytes, unsigned len, unsigned *at,
		       uint8_t out[ADVICE_NAME_MAX])
{
	unsigned from = *at, before = from, n = 0, size;
	bool jumped = false;

	while (from < len) {
		if (bytes[from] >= 0xc0) {
			*at = jumped ? *at : from + 2;
			if (from + 2 > len ||
			    ((bytes[from] & 0x3fu) << 8 | bytes[from + 1]) >= before)
				return 0;
			from = before = (bytes[from] & 0x3fu) << 8 | bytes[from + 1];
			jumped = true;
			continue;
		}
		size = 1u + bytes[from];
		if (from + size > len || n + size > ADVICE_NAME_MAX)
			return 0;
		memcpy(out + n, bytes + from, size);
		from += size;
		n += size;
		if (size == 1) {
			*at = jumped ? *at : from;
			return n;
		}
	}
	return 0;
}

static void take_search(const struct areas *a, char out[ADVICE_NAME_MAX])
{
	uint8_t bytes[OPTION_MAX], name[ADVICE_NAME_MAX];
	unsigned len = gather(a, DHCP4_SEARCH, bytes), at = 0, n, in_name;

	while (at < len && (n = expand(bytes, len, &at, name)) > 0) {
		in_name = 0;
		if (!advice_add_name(name, n, &in_name, out))
			break;
	}
	if (out[0] == '\0')
		take_name(a, DHCP4_DOMAIN, out);
}

static void take_options(const struct areas *a, struct dhcp4_answer *out)
{
	uint8_t mask[4];
	struct be16 mtu = { { 0 } };

	out->bits = take(a, DHCP4_MASK, mask, sizeof(mask)) ? bits_of(mask)
							    : class_bits(out->address);
	(void)take(a, DHCP4_SERVER, out->server, sizeof(out->server));
	(void)take(a, DHCP4_BROADCAST, out->broadcast, sizeof(out->broadcast));
	(void)take(a, DHCP4_MTU, &mtu, sizeof(mtu));
	out->mtu = be16_get(mtu);
	out->lease_s = take_number(a, DHCP4_LEASE);
	out->renewal_s = take_number(a, DHCP4_RENEWAL);
	out->rebinding_s = take_number(a, DHCP4_REBINDING);
	take_routes(a, out);
	take_router(a, out);
	take_servers(a, &out->advice);
	take_search(a, out->advice.search);
	take_name(a, DHCP4_HOST_NAME, out->advice.host_name);
}

bool dhcp4_read(const uint8_t *bytes, uint32_t len, struct dhcp4_answer *out)
{
	const struct dhcp4_header *h = (const void *)bytes;
	struct areas areas;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(*h) || h->operation != DHCP4_ANSWER || h->hardware_type != 1 ||
	    h->hardware_len != 6 || be32_get(h->cookie) != DHCP4_COOKIE)
		return false;
	find_areas(bytes, len, &areas);
	if (!take(&areas, DHCP4_TYPE, &out->type, 1))
		return false; /* BOOTP: RFC 951 */
	out->transaction = be32_get(h->transaction);
	memcpy(out->hardware, h->hardware, sizeof(out->hardware));
	memcpy(out->address, h->your, sizeof(out->address));
	take_options(&areas, out);
	return true;
}

/* ---- out ---- */

static unsigned put(uint8_t *out, unsigned at, unsigned code, const void *bytes, unsigned len)
{
	out[at] = (uint8_t)code;
	out[at + 1] = (uint8_t)len;
	memcpy(out + at + 2, bytes, len);
	return at + 2 + len;
}

/* RFC 2132 §9.14: the link address, so that the same machine gets the same lease. */
static unsigned put_client(uint8_t *out, unsigned at, const uint8_t *hardware)
{
	uint8_t id[7] = { 1 };

	memcpy(id + 1, hardware, 6);
	return put(out, at, DHCP4_CLIENT, id, sizeof(id));
}

unsigned dhcp4_write(uint8_t out[DHCP4_MESSAGE_MAX], const struct dhcp4_question *q)
{
	static const uint8_t wanted[] = {
		DHCP4_ROUTES, DHCP4_MASK, DHCP4_ROUTERS, DHCP4_DNS,       DHCP4_HOST_NAME,
		DHCP4_DOMAIN, DHCP4_MTU,  DHCP4_SEARCH,  DHCP4_BROADCAST,
	};
	struct dhcp4_header *h = (void *)out;
	struct be16 most = be16_of(1500);
	unsigned at = sizeof(*h), name;

	memset(out, 0, DHCP4_MESSAGE_MAX);
	h->operation = DHCP4_QUESTION;
	h->hardware_type = 1;
	h->hardware_len = 6;
	h->transaction = be32_of(q->transaction);
	h->seconds = be16_of(q->seconds);
	memcpy(h->hardware, q->hardware, 6);
	h->cookie = be32_of(DHCP4_COOKIE);
	if (q->client != NULL)
		memcpy(h->client, q->client, sizeof(h->client));
	at = put(out, at, DHCP4_TYPE, &q->type, 1);
	at = put_client(out, at, q->hardware);
	if (q->requested != NULL)
		at = put(out, at, DHCP4_REQUESTED, q->requested, 4);
	if (q->server != NULL)
		at = put(out, at, DHCP4_SERVER, q->server, 4);
	if (q->type != DHCP4_RELEASE) {
		at = put(out, at, DHCP4_SIZE, &most, sizeof(most));
		at = put(out, at, DHCP4_PARAMETERS, wanted, sizeof(wanted));
		name = (unsigned)strlen(q->host_name);
		if (name > 0 && name <= 63)
			at = put(out, at, DHCP4_HOST_NAME, q->host_name, name);
	}
	out[at] = DHCP4_END;
	return max(at + 1, 300u); /* BOOTP's least, which some relays insist on: RFC 1542 §2.1 */
}
