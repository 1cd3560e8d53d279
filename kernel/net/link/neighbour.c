/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbour table. neighbour.h has the states. Time-outs are Linux's defaults. The table is
 * bounded: the entry that was used longest ago, and that nobody keeps, makes room.
 */
#include "net/link/neighbour.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "net/ip/ip.h"
#include "net/link/ethernet.h"
#include "net/netdev.h"

#define NEIGHBOURS_MAX 1024u
#define WAITING_MAX    101u /* packets for one: as Linux's unres_qlen */
#define PROBES_MAX     3u
#define RETRANS_NS     NSEC_PER_SEC
#define REACHABLE_NS   (30 * NSEC_PER_SEC)
#define DELAY_NS       (5 * NSEC_PER_SEC)
#define DUE_MAX        16u      /* that a ring of the timer looks after, with interrupts off */
#define DUE_PAUSE_NS   1000000u /* before it looks after more */

/* A packet that waits. */
struct waiting {
	uint16_t ethernet_type;
};

/* ---- counts ---- */

void neighbour_hold(struct neighbour *n)
{
	if (n != NULL)
		ref_get(&n->ref);
}

void neighbour_put(struct neighbour *n)
{
	if (n == NULL || !ref_put(&n->ref))
		return;
	netbuf_free_all(&n->waiting);
	kmem_free(n);
}

/* ---- time ---- */

static void arm_alarm(struct net *net, nsec_t deadline_ns)
{
	struct neighbour_alarm *a = &net->neighbour_alarm;

	scoped_spin(&a->lock);
	if (deadline_ns >= a->at)
		return;
	a->at = deadline_ns;
	timer_arm(&a->timer, deadline_ns);
}

/* n->lock is held. */
static void arm(struct neighbour *n, nsec_t after_ns)
{
	n->deadline_ns = clock_monotonic() + after_ns;
	arm_alarm(n->dev->net, n->deadline_ns);
}

/* ---- states ---- */

/* Asks; with no lock held. */
static void ask(struct neighbour *n, bool everybody, const uint8_t mac[6])
{
	if (inet_ip_is_v4(n->ip))
		arp_ask(n->dev, n->ip, everybody ? NULL : mac);
	else
		ndp_ask(n->dev, n->ip, everybody);
}

/* n->lock is held. What waited is to be lost, or sent, by who let go of the lock. */
static void enter_reachable(struct neighbour *n, struct list *waiting)
{
	n->state = NEIGHBOUR_REACHABLE;
	n->confirmed_ns = clock_monotonic();
	n->nr_probes = n->nr_waiting = 0;
	list_splice(waiting, &n->waiting);
	arm(n, REACHABLE_NS);
}

static void enter_failed(struct neighbour *n, struct list *lost)
{
	n->state = NEIGHBOUR_FAILED;
	n->nr_waiting = 0;
	list_splice(lost, &n->waiting);
}

/* What rings says about the state; true: ask. n->lock is held. */
static bool go_on(struct neighbour *n, struct list *lost)
{
	switch (n->state) {
	case NEIGHBOUR_REACHABLE:
		if (clock_monotonic() - n->confirmed_ns >= REACHABLE_NS)
			n->state = NEIGHBOUR_STALE;
		else
			arm(n, n->confirmed_ns + REACHABLE_NS - clock_monotonic());
		return false;
	case NEIGHBOUR_DELAY:
		n->state = NEIGHBOUR_PROBE;
		n->nr_probes = 0;
		break;
	case NEIGHBOUR_INCOMPLETE:
	case NEIGHBOUR_PROBE:
		break;
	default:
		return false;
	}
	if (n->nr_probes == PROBES_MAX) {
		enter_failed(n, lost);
		return false;
	}
	n->nr_probes++;
	arm(n, RETRANS_NS);
	return true;
}

/* The time of n's state is over. */
static void go_on_with(struct neighbour *n, nsec_t now)
{
	struct list lost = LIST_INIT(lost);
	uint8_t mac[ETHERNET_ADDRESS_LEN];
	bool asks, everybody, failed;

	spin_lock(&n->lock);
	if (n->deadline_ns > now) { /* it went on by itself meanwhile */
		spin_unlock(&n->lock);
		return;
	}
	n->deadline_ns = NSEC_NEVER;
	asks = go_on(n, &lost);
	everybody = n->state == NEIGHBOUR_INCOMPLETE;
	failed = n->state == NEIGHBOUR_FAILED;
	memcpy(mac, n->mac, sizeof(mac));
	spin_unlock(&n->lock);
	if (asks)
		ask(n, everybody, mac);
	while (!list_is_empty(&lost)) {
		struct netbuf *b = list_first(&lost, struct netbuf, link);

		list_remove(&b->link);
		ip_unreachable(n->dev->net, b);
	}
	if (failed)
		net_changed(n->dev->net, NET_NEIGHBOUR);
}

/* One whose time is over by `now`, counted; or NULL, and when the next one's will be. */
static struct neighbour *find_due(struct net *net, nsec_t now, nsec_t *next)
{
	struct neighbour *n;

	*next = NSEC_NEVER;
	scoped_spin(&net->lock);
	list_foreach(&net->neighbours, n, link) {
		nsec_t deadline = READ_ONCE(n->deadline_ns);

		*next = min(*next, deadline);
		if (deadline > now)
			continue;
		ref_get(&n->ref);
		return n;
	}
	return NULL;
}

static void ring(struct timer *t)
{
	struct net *net = container_of(t, struct net, neighbour_alarm.timer);
	nsec_t now = clock_monotonic(), next;
	struct neighbour *n;

	spin_lock(&net->neighbour_alarm.lock);
	net->neighbour_alarm.at = NSEC_NEVER;
	spin_unlock(&net->neighbour_alarm.lock);
	for (unsigned i = 0; i < DUE_MAX && (n = find_due(net, now, &next)) != NULL; i++) {
		go_on_with(n, now);
		neighbour_put(n);
	}
	if (next != NSEC_NEVER)
		arm_alarm(net, max(next, now + DUE_PAUSE_NS));
	net_run();
}

void neighbour_alarm_init(struct net *net)
{
	net->neighbour_alarm.at = NSEC_NEVER;
	timer_init(&net->neighbour_alarm.timer, ring);
}

/* ---- the table ---- */

/* net->lock is held. */
static struct neighbour *find_locked(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n;

	list_foreach(&d->net->neighbours, n, link) {
		if (n->dev == d && inet_ip_equal(n->ip, ip))
			return n;
	}
	return NULL;
}

static struct neighbour *find(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n;

	scoped_spin(&d->net->lock);
	n = find_locked(d, ip);
	if (n == NULL)
		return NULL;
	ref_get(&n->ref);
	list_remove(&n->link); /* the one that was looked for last makes room last */
	list_append(&d->net->neighbours, &n->link);
	return n;
}

/* Takes the table's count away from one that nobody else has; net->lock is held. */
static struct neighbour *evict_locked(struct net *net)
{
	struct neighbour *n;

	list_foreach(&net->neighbours, n, link) {
		if (atomic_load(&n->ref.count) == 1 && READ_ONCE(n->state) != NEIGHBOUR_PERMANENT) {
			list_remove(&n->link);
			net->nr_neighbours--;
			return n;
		}
	}
	return NULL;
}

static struct neighbour *new_neighbour(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n = kmem_alloc_nowait(sizeof(*n));

	if (n == NULL)
		return NULL;
	ref_init(&n->ref);
	list_init(&n->link);
	list_init(&n->waiting);
	n->dev = d;
	memcpy(n->ip, ip, sizeof(n->ip));
	n->deadline_ns = NSEC_NEVER;
	return n;
}

/* `fresh`, unless somebody else was quicker; counted for the caller. */
static struct neighbour *enter(struct netdev *d, struct neighbour *fresh)
{
	struct net *net = d->net;
	struct neighbour *n, *old = NULL;

	spin_lock(&net->lock);
	n = find_locked(d, fresh->ip);
	if (n == NULL) {
		if (net->nr_neighbours >= NEIGHBOURS_MAX)
			old = evict_locked(net);
		n = fresh;
		list_append(&net->neighbours, &n->link);
		net->nr_neighbours++;
	}
	ref_get(&n->ref);
	spin_unlock(&net->lock);
	if (n != fresh)
		neighbour_put(fresh);
	neighbour_put(old);
	return n;
}

struct neighbour *neighbour_get(struct netdev *d, const uint8_t ip[16])
{
	struct neighbour *n = find(d, ip);

	if (n != NULL)
		return n;
	n = new_neighbour(d, ip);
	return n == NULL ? NULL : enter(d, n);
}

/* ---- sending ---- */

/* n->lock is held. The packet that is pushed out of a full queue, or NULL. */
static struct netbuf *wait_in_queue(struct neighbour *n, struct netbuf *b, uint16_t type)
{
	struct netbuf *oldest = NULL;

	if (n->nr_waiting == WAITING_MAX) {
		oldest = list_first(&n->waiting, struct netbuf, link);
		list_remove(&oldest->link);
		n->nr_waiting--;
	}
	netbuf_notes(b, struct waiting)->ethernet_type = type;
	list_append(&n->waiting, &b->link);
	n->nr_waiting++;
	return oldest;
}

/* n->lock is held: is the link address good enough to send to? */
static bool is_usable(struct neighbour *n)
{
	n->used_ns = clock_monotonic();
	if (n->state == NEIGHBOUR_STALE) {
		n->state = NEIGHBOUR_DELAY;
		arm(n, DELAY_NS);
	}
	return (n->state & (NEIGHBOUR_REACHABLE | NEIGHBOUR_DELAY | NEIGHBOUR_PROBE |
			    NEIGHBOUR_PERMANENT)) != 0;
}

void neighbour_send(struct neighbour *n, struct netbuf *b, uint16_t ethernet_type)
{
	uint8_t mac[ETHERNET_ADDRESS_LEN];
	struct netbuf *lost = NULL;
	bool usable, asks = false;

	spin_lock(&n->lock);
	usable = is_usable(n);
	if (usable) {
		memcpy(mac, n->mac, sizeof(mac));
	} else {
		lost = wait_in_queue(n, b, ethernet_type);
		asks = n->state != NEIGHBOUR_INCOMPLETE;
	}
	if (asks) {
		n->state = NEIGHBOUR_INCOMPLETE;
		n->nr_probes = 1;
		arm(n, RETRANS_NS);
	}
	spin_unlock(&n->lock);
	if (usable)
		ethernet_send(n->dev, b, mac, ethernet_type);
	if (asks)
		ask(n, true, NULL);
	netbuf_free(lost);
}

bool neighbour_has_failed(struct neighbour *n)
{
	return READ_ONCE(n->state) == NEIGHBOUR_FAILED;
}

/* ---- news ---- */

static void send_waiting(struct neighbour *n, struct list *waiting, const uint8_t mac[6])
{
	while (!list_is_empty(waiting)) {
		struct netbuf *b = list_first(waiting, struct netbuf, link);

		list_remove(&b->link);
		ethernet_send(n->dev, b, mac, netbuf_notes(b, struct waiting)->ethernet_type);
	}
}

static bool has_mac(const struct neighbour *n)
{
	return n->state != NEIGHBOUR_NONE &&
	       (n->state & (NEIGHBOUR_INCOMPLETE | NEIGHBOUR_FAILED)) == 0;
}

/* RFC 4861 §7.2.5; n->lock is held. */
static void take_news(struct neighbour *n, const uint8_t mac[6], unsigned news,
		      struct list *waiting)
{
	bool known = has_mac(n), differs = known && memcmp(n->mac, mac, sizeof(n->mac)) != 0;

	if (n->state == NEIGHBOUR_PERMANENT)
		return;
	if ((news & (NEIGHBOUR_ROUTER | NEIGHBOUR_HOST)) != 0)
		n->is_router = (news & NEIGHBOUR_ROUTER) != 0;
	if (differs && (news & NEIGHBOUR_OVERRIDE) == 0) {
		if (n->state == NEIGHBOUR_REACHABLE)
			n->state = NEIGHBOUR_STALE;
		return;
	}
	memcpy(n->mac, mac, sizeof(n->mac));
	if ((news & NEIGHBOUR_SOLICITED) != 0) {
		enter_reachable(n, waiting);
	} else if (!known || differs) {
		n->state = NEIGHBOUR_STALE;
		n->nr_waiting = 0;
		list_splice(waiting, &n->waiting);
	}
}

void neighbour_learn(struct netdev *d, const uint8_t ip[16], const uint8_t *mac, unsigned news)
{
	struct neighbour *n = (news & NEIGHBOUR_CREATE) != 0 ? neighbour_get(d, ip) : find(d, ip);
	struct list waiting = LIST_INIT(waiting);
	uint8_t known[ETHERNET_ADDRESS_LEN];

	if (n == NULL)
		return;
	spin_lock(&n->lock);
	if (mac != NULL || has_mac(n)) {
		memcpy(known, mac != NULL ? mac : n->mac, sizeof(known));
		take_news(n, known, news, &waiting);
	}
	spin_unlock(&n->lock);
	send_waiting(n, &waiting, known);
	neighbour_put(n);
}

void neighbour_confirm(struct neighbour *n)
{
	struct list none = LIST_INIT(none);

	scoped_spin(&n->lock);
	n->confirmed_ns = clock_monotonic();
	if ((n->state & (NEIGHBOUR_STALE | NEIGHBOUR_DELAY | NEIGHBOUR_PROBE)) != 0)
		enter_reachable(n, &none);
}

/* ---- by hand, and the end ---- */

static struct neighbour *take_off(struct net *net, struct netdev *d, const uint8_t *ip)
{
	struct neighbour *n;

	scoped_spin(&net->lock);
	list_foreach(&net->neighbours, n, link) {
		if ((d != NULL && n->dev != d) || (ip != NULL && !inet_ip_equal(n->ip, ip)))
			continue;
		list_remove(&n->link);
		net->nr_neighbours--;
		return n;
	}
	return NULL;
}

int neighbour_set(struct netdev *d, const uint8_t ip[16], const uint8_t *mac,
		  enum neighbour_state state)
{
	struct list waiting = LIST_INIT(waiting);
	struct neighbour *n;

	if (mac == NULL) {
		n = take_off(d->net, d, ip);
		if (n == NULL)
			return -ENOENT;
		neighbour_put(n);
		net_changed(d->net, NET_NEIGHBOUR);
		return 0;
	}
	n = neighbour_get(d, ip);
	if (n == NULL)
		return -ENOMEM;
	spin_lock(&n->lock);
	memcpy(n->mac, mac, sizeof(n->mac));
	n->state = state;
	n->nr_waiting = 0;
	list_splice(&waiting, &n->waiting);
	spin_unlock(&n->lock);
	send_waiting(n, &waiting, mac);
	neighbour_put(n);
	net_changed(d->net, NET_NEIGHBOUR);
	return 0;
}

void neighbour_forget_all(struct netdev *d)
{
	struct neighbour *n;

	while ((n = take_off(d->net, d, NULL)) != NULL)
		neighbour_put(n);
	net_changed(d->net, NET_NEIGHBOUR);
}

void neighbour_forget_net(struct net *net)
{
	struct neighbour *n;

	(void)timer_cancel(&net->neighbour_alarm.timer);
	while ((n = take_off(net, NULL, NULL)) != NULL)
		neighbour_put(n);
}
