/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP's client for IPv4: dhcp4.h has the states, client.h who calls. */
#include "net/dhcp/dhcp4.h"

#include <linux/in.h>
#include <linux/rtnetlink.h>

#include "core/random.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/alloc/kmem.h"
#include "net/dhcp/client.h"
#include "net/dhcp/message4.h"
#include "net/ip/device.h"

#define RETRY_FIRST   (4 * NSEC_PER_SEC) /* RFC 2131 §4.1 */
#define RETRY_MOST    (64 * NSEC_PER_SEC)
#define RETRY_LEAST   (60 * NSEC_PER_SEC) /* of a renewal: §4.4.5 */
#define REQUESTS_MAX  4u                  /* without an answer; then it begins again: §4.4.5 */
#define REFUSED_NS    (10 * NSEC_PER_SEC)
#define METRIC        100u /* of the first interface's routes */
#define LEASE_DEFAULT 3600u
#define FOR_EVER      0xffffffffu

enum state { INIT, SELECTING, REQUESTING, BOUND, RENEWING, REBINDING, STOPPED };
static const uint8_t nobody[4];

struct dhcp4 {
	struct dhcp_client client;
	char host_name[64]; /* [I] */
	enum state state;   /* [a] */
	bool is_running;
	uint32_t transaction;
	nsec_t began_at, retry_after;
	unsigned nr_requests;
	uint8_t address[4], server[4]; /* offered, then leased */
	uint8_t bits;
	nsec_t renew_at, rebind_at, expires_at;
	struct route routes[2 * DHCP4_ROUTES_MAX]; /* that the lease brought */
	unsigned nr_routes;
};

/* ---- out ---- */

static void send(struct dhcp4 *c, const struct dhcp4_question *q, bool to_server)
{
	struct udp_values v = {
		.to.port = DHCP4_SERVER_PORT,
		.dev_index = c->client.dev->index,
		.is_broadcast_allowed = true,
	};
	struct ip_path path = { .dev = c->client.dev,
				.mtu = READ_ONCE(c->client.dev->mtu),
				.is_broadcast = true };
	uint8_t bytes[DHCP4_MESSAGE_MAX];
	unsigned len = dhcp4_write(bytes, q);
	struct netbuf *b = netbuf_new(len);

	if (b == NULL)
		return; /* it is sent again */
	memcpy(netbuf_put(b, len), bytes, len);
	if (to_server) {
		inet_ip_from_v4_bytes(v.to.ip, c->server);
		if (udp_send(&c->client.udp, b, &v) != 0)
			return; /* the same; then everybody is asked */
		return;
	}
	memcpy(v.to.ip, inet_broadcast4, sizeof(v.to.ip));
	memcpy(path.next_hop, inet_broadcast4, sizeof(path.next_hop));
	memcpy(path.from, inet_any4, sizeof(path.from));
	if (q->client != NULL)
		memcpy(path.from + IP_V4_AT, q->client, 4);
	if (udp_send_along(&c->client.udp, b, &v, &path) != 0)
		return; /* the same */
}

static struct dhcp4_question question(struct dhcp4 *c, enum dhcp4_type type)
{
	nsec_t since = (clock_monotonic() - c->began_at) / NSEC_PER_SEC;

	return (struct dhcp4_question){
		.type = (uint8_t)type,
		.transaction = c->transaction,
		.seconds = (uint16_t)min(since, (nsec_t)65535),
		.hardware = c->client.dev->mac,
		.host_name = c->host_name,
	};
}

/* ---- time ---- */

/* RFC 2131 §4.1: doubled each time, a second more or less. */
static void retry_later(struct dhcp4 *c)
{
	nsec_t spread = (nsec_t)(random_u64() % (2 * NSEC_PER_SEC)) - NSEC_PER_SEC;

	timer_arm(&c->client.timer, clock_monotonic() + c->retry_after + spread);
	c->retry_after = min(c->retry_after * 2, (nsec_t)RETRY_MOST);
}

static void set_state(struct dhcp4 *c, enum state state)
{
	bool was_asking = c->state == SELECTING || c->state == REQUESTING;
	bool is_asking = state == SELECTING || state == REQUESTING;
	struct ip_device *i = ip_device_of(c->client.dev);

	if (is_asking && !was_asking)
		(void)atomic_add(&i->nr_configuring, 1u);
	if (!is_asking && was_asking)
		(void)atomic_sub(&i->nr_configuring, 1u);
	atomic_store(&c->state, state);
	c->retry_after = RETRY_FIRST;
	c->nr_requests = 0;
}

/* ---- states ---- */

static void discover(struct dhcp4 *c)
{
	struct dhcp4_question q;

	if (c->state != SELECTING) {
		set_state(c, SELECTING);
		c->transaction = (uint32_t)random_u64();
		c->began_at = clock_monotonic();
	}
	q = question(c, DHCP4_DISCOVER);
	send(c, &q, false);
	retry_later(c);
}

static void request(struct dhcp4 *c)
{
	struct dhcp4_question q = question(c, DHCP4_REQUEST);

	if (c->nr_requests++ == REQUESTS_MAX) {
		discover(c);
		return;
	}
	q.requested = c->address;
	q.server = c->server;
	send(c, &q, false);
	retry_later(c);
}

/* RFC 2131 §4.4.5: again after half of the time that is left, a minute at least. */
static void renew(struct dhcp4 *c)
{
	struct dhcp4_question q = question(c, DHCP4_REQUEST);
	nsec_t now = clock_monotonic(), next = c->state == RENEWING ? c->rebind_at : c->expires_at;

	q.client = c->address;
	send(c, &q, c->state == RENEWING);
	timer_arm(&c->client.timer, min(next, now + max((next - now) / 2, (nsec_t)RETRY_LEAST)));
}

static void begin_renewal(struct dhcp4 *c, enum state state)
{
	if (c->state == BOUND) {
		c->transaction = (uint32_t)random_u64();
		c->began_at = clock_monotonic();
	}
	set_state(c, state);
	renew(c);
}

/* ---- the lease ---- */

static void add_route(struct dhcp4 *c, const struct dhcp4_route *from)
{
	struct route r = {
		.dev = c->client.dev,
		.prefix_bits = (uint8_t)(96 + from->bits),
		.metric = METRIC + c->client.dev->index,
		.type = RTN_UNICAST,
		.protocol = 16, /* RTPROT_DHCP */
		.table = RT_TABLE_MAIN,
		.valid_until = NSEC_NEVER,
	};
	uint8_t prefix[16];

	inet_ip_from_v4_bytes(prefix, from->prefix);
	inet_ip_mask(r.prefix, prefix, r.prefix_bits);
	inet_ip_from_v4_bytes(r.gateway, from->gateway);
	inet_ip_from_v4_bytes(r.prefer_from, c->address);
	r.scope = inet_ip_is_any(r.gateway) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (c->nr_routes < ARRAY_SIZE(c->routes) && route_add(c->client.dev->net, &r, true) == 0)
		c->routes[c->nr_routes++] = r;
}

/* A gateway that is on no prefix of the link's gets a route of its own (RFC 3442). */
static void add_routes(struct dhcp4 *c, const struct dhcp4_answer *a)
{
	uint8_t own[16], gateway[16];

	inet_ip_from_v4_bytes(own, c->address);
	for (unsigned i = 0; i < a->nr_routes; i++) {
		struct dhcp4_route to_gateway = { .bits = 32 };

		inet_ip_from_v4_bytes(gateway, a->routes[i].gateway);
		memcpy(to_gateway.prefix, a->routes[i].gateway, 4);
		if (!inet_ip_is_any(gateway) && !inet_ip_in_prefix(gateway, own, 96u + c->bits))
			add_route(c, &to_gateway);
		add_route(c, &a->routes[i]);
	}
}

static void remove_routes(struct dhcp4 *c)
{
	while (c->nr_routes > 0)
		route_remove(c->client.dev->net, &c->routes[--c->nr_routes]);
}

static void unbind(struct dhcp4 *c)
{
	uint8_t ip[16];

	if (c->expires_at == 0)
		return;
	c->expires_at = 0;
	remove_routes(c);
	inet_ip_from_v4_bytes(ip, c->address);
	net_address_remove(c->client.dev, ip, c->bits);
}

static nsec_t after(uint32_t seconds)
{
	return seconds == FOR_EVER ? NSEC_NEVER : clock_monotonic() + seconds * NSEC_PER_SEC;
}

static void set_times(struct dhcp4 *c, const struct dhcp4_answer *a)
{
	uint32_t lease = a->lease_s != 0 ? a->lease_s : LEASE_DEFAULT;
	uint32_t rebinding = a->rebinding_s, renewal = a->renewal_s;

	if (rebinding == 0 || rebinding >= lease)
		rebinding = lease == FOR_EVER ? lease : (uint32_t)(lease * 7ull / 8);
	if (renewal == 0 || renewal >= rebinding)
		renewal = lease == FOR_EVER ? lease : lease / 2;
	c->expires_at = after(lease);
	c->rebind_at = after(rebinding);
	c->renew_at = after(renewal);
}

/* The last address of the prefix, if it has one to spare (RFC 3021). */
static void make_broadcast(const struct dhcp4 *c, uint8_t out[4])
{
	if (c->bits >= 31)
		return;
	memcpy(out, c->address, 4);
	for (unsigned i = c->bits; i < 32; i++)
		out[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static int add_address(struct dhcp4 *c, const struct dhcp4_answer *a)
{
	struct net_address_values v = {
		.prefix_bits = c->bits,
		.preferred_until = c->expires_at,
		.valid_until = c->expires_at,
	};
	int err;

	inet_ip_from_v4_bytes(v.ip, c->address);
	memcpy(v.broadcast, a->broadcast, sizeof(v.broadcast));
	if (memcmp(a->broadcast, nobody, sizeof(nobody)) == 0)
		make_broadcast(c, v.broadcast);
	err = net_address_add(c->client.dev, &v);
	return err == -EEXIST ? 0 : err;
}

static void bind(struct dhcp4 *c, const struct dhcp4_answer *a)
{
	bool is_other = c->expires_at != 0 &&
			(memcmp(c->address, a->address, 4) != 0 || c->bits != a->bits);

	if (is_other)
		unbind(c);
	memcpy(c->address, a->address, sizeof(c->address));
	memcpy(c->server, a->server, sizeof(c->server));
	c->bits = a->bits;
	set_times(c, a);
	if (add_address(c, a) != 0) { /* no memory, or no address that one may have */
		c->expires_at = 0;
		discover(c);
		return;
	}
	remove_routes(c);
	add_routes(c, a);
	if (a->mtu >= 576 && net_device_set_mtu(c->client.dev, a->mtu) != 0)
		(void)0; /* more than the interface can: it stays as it is */
	set_state(c, BOUND);
	if (c->renew_at != NSEC_NEVER)
		timer_arm(&c->client.timer, c->renew_at);
	net_advise(c->client.dev, ADVICE_DHCP4, &a->advice);
}

/* Not at once, where a server refuses what it has just offered. */
static void begin_again(struct dhcp4 *c)
{
	bool was_requesting = c->state == REQUESTING;

	unbind(c);
	set_state(c, INIT);
	if (was_requesting)
		timer_arm(&c->client.timer, clock_monotonic() + REFUSED_NS);
	else
		discover(c);
}

/* ---- events; the caller is busy, and holds no lock ---- */

static void answered(struct dhcp_client *client, struct netbuf *b)
{
	struct dhcp4 *c = container_of(client, struct dhcp4, client);
	struct dhcp4_answer a;

	if (!dhcp4_read(b->data, b->len, &a) || a.transaction != c->transaction ||
	    memcmp(a.hardware, c->client.dev->mac, ETHERNET_ADDRESS_LEN) != 0)
		return;
	switch (c->state) {
	case SELECTING:
		if (a.type != DHCP4_OFFER)
			return;
		memcpy(c->address, a.address, sizeof(c->address));
		memcpy(c->server, a.server, sizeof(c->server));
		set_state(c, REQUESTING);
		request(c);
		break;
	case REQUESTING:
	case RENEWING:
	case REBINDING:
		if (a.type == DHCP4_ACK) {
			bind(c, &a);
		} else if (a.type == DHCP4_NAK) {
			begin_again(c);
		}
		break;
	default:
		break;
	}
}

static void take_time(struct dhcp4 *c)
{
	nsec_t now = clock_monotonic();

	if (!c->is_running)
		return;
	switch (c->state) {
	case INIT:
	case SELECTING:
		discover(c);
		break;
	case REQUESTING:
		request(c);
		break;
	case BOUND:
		begin_renewal(c, RENEWING);
		break;
	case RENEWING:
		if (now >= c->rebind_at)
			begin_renewal(c, REBINDING);
		else
			renew(c);
		break;
	case REBINDING:
		if (now < c->expires_at) {
			renew(c);
			break;
		}
		unbind(c);
		discover(c);
		break;
	default:
		break;
	}
}

/* The interface runs, or not any more; one that was away may be on another link now. */
static void take_link(struct dhcp4 *c)
{
	bool runs = ip_device_runs(c->client.dev), began = runs && !c->is_running;

	c->is_running = runs;
	if (!began || c->state == STOPPED)
		return;
	if (c->expires_at > clock_monotonic()) {
		begin_renewal(c, REBINDING);
	} else {
		unbind(c);
		set_state(c, INIT);
		discover(c);
	}
}

static void take_stop(struct dhcp4 *c)
{
	struct dhcp4_question q = question(c, DHCP4_RELEASE);

	if (c->state == STOPPED)
		return;
	if (c->expires_at > clock_monotonic()) {
		q.client = c->address;
		q.server = c->server;
		q.transaction = (uint32_t)random_u64();
		send(c, &q, true);
	}
	unbind(c);
	set_state(c, STOPPED);
}

/* ---- begin and end ---- */

static void happened(struct dhcp_client *client, enum dhcp_event event)
{
	struct dhcp4 *c = container_of(client, struct dhcp4, client);

	if (event == DHCP_LINK)
		take_link(c);
	if (event == DHCP_TIME)
		take_time(c);
	if (event == DHCP_STOP)
		take_stop(c);
	if (event == DHCP_START && c->state == STOPPED) {
		set_state(c, INIT);
		c->is_running = false;
		take_link(c);
	}
}

static int make(struct netdev *d, const char *host_name)
{
	struct dhcp4 *c = kmem_new(struct dhcp4);
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->state = STOPPED;
	c->client.happened = happened;
	c->client.answered = answered;
	(void)fmt(c->host_name, sizeof(c->host_name), "%s", host_name);
	err = dhcp_client_init(&c->client, d, DHCP4_CLIENT_PORT, false);
	if (err != 0) {
		kmem_free(c);
		return err;
	}
	ip_device_of(d)->dhcp4 = c;
	return 0;
}

int dhcp4_start(struct netdev *d, const char *host_name)
{
	int err = ip_device_of(d)->dhcp4 == NULL ? make(d, host_name) : 0;

	if (err == 0)
		dhcp_client_order(&ip_device_of(d)->dhcp4->client, DHCP_START);
	return err;
}

void dhcp4_stop(struct netdev *d)
{
	if (ip_device_of(d)->dhcp4 != NULL)
		dhcp_client_order(&ip_device_of(d)->dhcp4->client, DHCP_STOP);
}

bool dhcp4_is_bound(const struct netdev *d)
{
	const struct dhcp4 *c = ip_device_of(d)->dhcp4;
	enum state state = c == NULL ? STOPPED : atomic_load(&c->state);

	return state == BOUND || state == RENEWING || state == REBINDING;
}

void dhcp4_forget(struct netdev *d)
{
	struct dhcp4 *c = ip_device_of(d)->dhcp4;

	if (c == NULL)
		return;
	dhcp_client_fini(&c->client);
	ip_device_of(d)->dhcp4 = NULL;
	kmem_free(c);
}
