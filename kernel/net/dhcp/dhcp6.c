/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP's client for IPv6: dhcp6.h has the states, client.h who calls. */
#include "net/dhcp/dhcp6.h"

#include "core/random.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/dhcp/client.h"
#include "net/dhcp/message6.h"
#include "net/ip/device.h"
#include "net/wire/nd.h"

#define FOR_EVER 0xffffffffu
#define NAMES_NS (86400 * NSEC_PER_SEC) /* RFC 8415 §21.23: until they are asked for again */
#define OUR_BITS 128u /* what is on the link is for routers to say: RFC 5942 §4 */
#define NO_LIMIT 0u

enum state { IDLE, SOLICITING, REQUESTING, BOUND, RENEWING, REBINDING, ASKING, INFORMED, STOPPED };

struct dhcp6 {
	struct dhcp_client client;
	enum state state; /* [a] */
	unsigned router_flags;
	bool is_running;
	uint32_t transaction;
	nsec_t began_at, retry_after;
	unsigned nr_tries;
	uint8_t server[DHCP6_ID_MAX];
	unsigned server_len;
	bool has_address;
	uint8_t address[16];
	nsec_t renew_at, rebind_at, valid_until;
};

/* RFC 8415 §7.6 and §15: how often what is asked, in the states in which something is. */
static const struct {
	uint8_t type;
	nsec_t first, most;
	unsigned tries;
} asking[] = {
	[SOLICITING] = { DHCP6_SOLICIT, NSEC_PER_SEC, 3600 * NSEC_PER_SEC, NO_LIMIT },
	[REQUESTING] = { DHCP6_REQUEST, NSEC_PER_SEC, 30 * NSEC_PER_SEC, 10 },
	[RENEWING] = { DHCP6_RENEW, 10 * NSEC_PER_SEC, 600 * NSEC_PER_SEC, NO_LIMIT },
	[REBINDING] = { DHCP6_REBIND, 10 * NSEC_PER_SEC, 600 * NSEC_PER_SEC, NO_LIMIT },
	[ASKING] = { DHCP6_INFORM, NSEC_PER_SEC, 3600 * NSEC_PER_SEC, NO_LIMIT },
};

/* ---- out ---- */

static void send(struct dhcp6 *c, const struct dhcp6_question *q)
{
	static const uint8_t servers[16] = { 0xff, 0x02, [13] = 1, [15] = 2 };
	struct udp_values v = {
		.to.port = DHCP6_SERVER_PORT,
		.dev_index = c->client.dev->index,
		.no_echo = true,
	};
	uint8_t bytes[DHCP6_MESSAGE_MAX];
	unsigned len = dhcp6_write(bytes, q);
	struct netbuf *b = netbuf_new(len);

	if (b == NULL)
		return; /* it is sent again */
	memcpy(netbuf_put(b, len), bytes, len);
	memcpy(v.to.ip, servers, sizeof(v.to.ip));
	if (udp_send(&c->client.udp, b, &v) != 0)
		return; /* the same: our own address may not be known to be unique yet */
}

static struct dhcp6_question question(struct dhcp6 *c, enum dhcp6_type type)
{
	return (struct dhcp6_question){
		.type = (uint8_t)type,
		.transaction = c->transaction,
		.ia = c->client.dev->index,
		.elapsed_ns = clock_monotonic() - c->began_at,
		.mac = c->client.dev->mac,
		.wants_address = type != DHCP6_INFORM,
	};
}

/* A tenth more or less: §15. */
static nsec_t about(nsec_t span)
{
	return span - span / 10 + (nsec_t)(random_u64() % (uint64_t)(span / 5 + 1));
}

static void ask(struct dhcp6 *c)
{
	struct dhcp6_question q = question(c, asking[c->state].type);
	bool same_server = c->state == REQUESTING || c->state == RENEWING;

	if (same_server) {
		q.server = c->server;
		q.server_len = c->server_len;
	}
	if (c->state != SOLICITING)
		q.address = c->address;
	send(c, &q);
	c->nr_tries++;
	timer_arm(&c->client.timer, clock_monotonic() + about(c->retry_after));
	c->retry_after = min(c->retry_after * 2, asking[c->state].most);
}

/* ---- states ---- */

static void enter(struct dhcp6 *c, enum state state)
{
	atomic_store(&c->state, state);
	c->nr_tries = 0;
	if (state >= ARRAY_SIZE(asking) || asking[state].type == 0)
		return;
	c->transaction = (uint32_t)random_u64() & 0xffffff;
	c->began_at = clock_monotonic();
	c->retry_after = asking[state].first;
}

static void unbind(struct dhcp6 *c)
{
	if (c->has_address)
		net_address_remove(c->client.dev, c->address, OUR_BITS);
	c->has_address = false;
}

/* After a random part of a second: §18.2.1, §18.2.6. */
static void begin(struct dhcp6 *c)
{
	enum state state = (c->router_flags & ND_MANAGED) != 0 ? SOLICITING
			   : (c->router_flags & ND_OTHER) != 0 ? ASKING
							       : IDLE;

	unbind(c);
	enter(c, state);
	if (state != IDLE)
		timer_arm(&c->client.timer,
			  clock_monotonic() + (nsec_t)(random_u64() % NSEC_PER_SEC));
}

static nsec_t after(uint32_t seconds)
{
	return seconds == FOR_EVER ? NSEC_NEVER : clock_monotonic() + seconds * NSEC_PER_SEC;
}

/* §21.4: half and eight tenths of the preferred lifetime, where it is left to us. */
static void set_times(struct dhcp6 *c, const struct dhcp6_answer *a)
{
	uint64_t preferred = a->preferred_s;
	bool endless = a->preferred_s == FOR_EVER;
	uint32_t t1 = endless ? FOR_EVER : (uint32_t)(preferred / 2);
	uint32_t t2 = endless ? FOR_EVER : (uint32_t)(preferred * 8 / 10);

	c->renew_at = after(a->t1_s != 0 ? a->t1_s : t1);
	c->rebind_at = max(after(a->t2_s != 0 ? a->t2_s : t2), c->renew_at);
	c->valid_until = after(a->valid_s);
}

static void bind(struct dhcp6 *c, const struct dhcp6_answer *a)
{
	struct net_address_values v = {
		.prefix_bits = OUR_BITS,
		.flags = NET_ADDRESS_NO_ROUTE,
		.preferred_until = after(a->preferred_s),
		.valid_until = after(a->valid_s),
	};
	int err;

	if (c->has_address && !inet_ip_equal(c->address, a->address))
		unbind(c);
	memcpy(c->address, a->address, sizeof(c->address));
	memcpy(c->server, a->server, sizeof(c->server));
	c->server_len = a->server_len;
	memcpy(v.ip, a->address, sizeof(v.ip));
	err = net_address_add(c->client.dev, &v);
	if (err != 0 && err != -EEXIST) { /* no memory: once more */
		begin(c);
		return;
	}
	c->has_address = true;
	set_times(c, a);
	enter(c, BOUND);
	if (c->renew_at != NSEC_NEVER)
		timer_arm(&c->client.timer, c->renew_at);
	net_advise(c->client.dev, ADVICE_DHCP6, &a->advice);
}

/* ---- events ---- */

static void take_reply(struct dhcp6 *c, const struct dhcp6_answer *a)
{
	if (c->state == ASKING) {
		enter(c, INFORMED);
		timer_arm(&c->client.timer, clock_monotonic() + NAMES_NS);
		net_advise(c->client.dev, ADVICE_DHCP6, &a->advice);
	} else if (a->status == 0 && a->has_address) {
		bind(c, a);
	} else if (c->state == REQUESTING || a->status != 0) {
		begin(c); /* no binding, or nothing to give: §18.2.10.1 */
	}
}

static void answered(struct dhcp_client *client, struct netbuf *b)
{
	struct dhcp6 *c = container_of(client, struct dhcp6, client);
	struct dhcp6_answer a;

	if (!dhcp6_read(b->data, b->len, client->dev->mac, client->dev->index, &a) ||
	    a.transaction != c->transaction)
		return;
	switch (c->state) {
	case SOLICITING:
		if (a.type != DHCP6_ADVERTISE || !a.has_address || a.status != 0)
			return;
		memcpy(c->address, a.address, sizeof(c->address));
		memcpy(c->server, a.server, sizeof(c->server));
		c->server_len = a.server_len;
		enter(c, REQUESTING);
		ask(c);
		break;
	case REQUESTING:
	case RENEWING:
	case REBINDING:
	case ASKING:
		if (a.type == DHCP6_REPLY)
			take_reply(c, &a);
		break;
	default:
		break;
	}
}

static void take_time(struct dhcp6 *c)
{
	nsec_t now = clock_monotonic();

	if (!c->is_running)
		return;
	switch (c->state) {
	case BOUND:
		enter(c, RENEWING);
		break;
	case RENEWING:
		if (now >= c->rebind_at)
			enter(c, REBINDING);
		break;
	case REBINDING:
		if (now < c->valid_until)
			break;
		c->router_flags = READ_ONCE(ip_device_of(c->client.dev)->router_flags);
		begin(c);
		return;
	case INFORMED:
		enter(c, ASKING);
		break;
	case IDLE:
	case STOPPED:
		return;
	default:
		break;
	}
	if (asking[c->state].tries != NO_LIMIT && c->nr_tries == asking[c->state].tries)
		begin(c);
	else
		ask(c);
}

/* Routers say something else; or the carrier was away, and this may be another link (§18.2.12).
 * What was leased is kept as long as it is valid. */
static void take_link(struct dhcp6 *c)
{
	struct ip_device *i = ip_device_of(c->client.dev);
	bool runs = ip_device_runs(c->client.dev), began = runs && !c->is_running;
	unsigned flags = READ_ONCE(i->router_flags) & (ND_MANAGED | ND_OTHER);

	c->is_running = runs;
	if (!runs || c->state == STOPPED)
		return;
	if (c->has_address && clock_monotonic() < c->valid_until) {
		if (began) {
			enter(c, REBINDING);
			ask(c);
		}
	} else if (began || flags != c->router_flags) {
		c->router_flags = flags;
		begin(c);
	}
}

static void take_stop(struct dhcp6 *c)
{
	struct dhcp6_question q = question(c, DHCP6_RELEASE);

	if (c->has_address) {
		q.server = c->server;
		q.server_len = c->server_len;
		q.address = c->address;
		q.transaction = (uint32_t)random_u64() & 0xffffff;
		send(c, &q);
	}
	unbind(c);
	c->router_flags = 0;
	enter(c, STOPPED);
}

static void happened(struct dhcp_client *client, enum dhcp_event event)
{
	struct dhcp6 *c = container_of(client, struct dhcp6, client);

	if (event == DHCP_LINK)
		take_link(c);
	if (event == DHCP_TIME)
		take_time(c);
	if (event == DHCP_STOP && c->state != STOPPED)
		take_stop(c);
	if (event == DHCP_START && c->state == STOPPED) {
		enter(c, IDLE);
		c->is_running = false;
		take_link(c);
	}
}

/* ---- begin and end ---- */

static int make(struct netdev *d)
{
	struct dhcp6 *c = kmem_new(struct dhcp6);
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->state = STOPPED;
	c->client.happened = happened;
	c->client.answered = answered;
	err = dhcp_client_init(&c->client, d, DHCP6_CLIENT_PORT, true);
	if (err != 0) {
		kmem_free(c);
		return err;
	}
	ip_device_of(d)->dhcp6 = c;
	return 0;
}

int dhcp6_start(struct netdev *d)
{
	int err = ip_device_of(d)->dhcp6 == NULL ? make(d) : 0;

	if (err == 0)
		dhcp_client_order(&ip_device_of(d)->dhcp6->client, DHCP_START);
	return err;
}

void dhcp6_stop(struct netdev *d)
{
	if (ip_device_of(d)->dhcp6 != NULL)
		dhcp_client_order(&ip_device_of(d)->dhcp6->client, DHCP_STOP);
}

bool dhcp6_is_bound(const struct netdev *d)
{
	const struct dhcp6 *c = ip_device_of(d)->dhcp6;
	enum state state = c == NULL ? STOPPED : atomic_load(&c->state);

	return state == BOUND || state == RENEWING || state == REBINDING;
}

void dhcp6_forget(struct netdev *d)
{
	struct dhcp6 *c = ip_device_of(d)->dhcp6;

	if (c == NULL)
		return;
	dhcp_client_fini(&c->client);
	ip_device_of(d)->dhcp6 = NULL;
	kmem_free(c);
}
