/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of neighbours: neighbour.h has them, neighbour_table.c keeps the table. Time-outs are
 * Linux's defaults. What waits for link addresses is bounded, for each neighbour and, by a share of
 * the memory, for all.
 */
#include "net/link/neighbour.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "net/event.h"
#include "net/ip/ip.h"
#include "net/link/ethernet.h"
#include "net/netdev.h"

#define WAITING_MAX   101u /* packets for one: as Linux's unres_qlen */
#define WAITING_SHARE 64u  /* of the memory, for all packets that wait */
#define PROBES_MAX    3u
#define RETRANS_NS    NSEC_PER_SEC
#define REACHABLE_NS  (30 * NSEC_PER_SEC)
#define DELAY_NS      (5 * NSEC_PER_SEC)
#define DUE_MAX       NEIGHBOURS_DUE_MAX
#define DUE_PAUSE_NS  1000000u /* before a ring of the timer looks after more */

/* A packet that waits. */
struct waiting {
	uint16_t ethernet_type;
};

/* ---- what waits; n->lock is held, or nobody else knows n ---- */

static void take_waiting(struct neighbour *n, struct list *all)
{
	list_splice(all, &n->waiting);
	if (n->nr_waiting > 0 && atomic_sub(&n->dev->net->waiting_bytes, n->waiting_bytes) == 0)
		net_finish_wake(n->dev->net);
	n->waiting_bytes = n->nr_waiting = 0;
}

static struct netbuf *take_oldest(struct neighbour *n)
{
	struct netbuf *oldest = list_first(&n->waiting, struct netbuf, link);

	if (oldest == NULL)
		return NULL;
	list_remove(&oldest->link);
	n->nr_waiting--;
	n->waiting_bytes -= oldest->charge;
	(void)atomic_sub(&n->dev->net->waiting_bytes, oldest->charge);
	return oldest;
}

static bool is_full(const struct neighbour *n, const struct netbuf *b)
{
	return n->nr_waiting == WAITING_MAX ||
	       atomic_load(&n->dev->net->waiting_bytes) + b->charge >
		       page_nr_total() * PAGE_SIZE / WAITING_SHARE;
}

/* The packet that is pushed out of a full queue, or finds none of its own to push: or NULL. */
static struct netbuf *wait_in_queue(struct neighbour *n, struct netbuf *b, uint16_t type)
{
	struct netbuf *oldest = NULL;

	if (is_full(n, b)) {
		oldest = take_oldest(n);
		if (oldest == NULL)
			return b;
	}
	netbuf_notes(b, struct waiting)->ethernet_type = type;
	list_append(&n->waiting, &b->link);
	n->nr_waiting++;
	n->waiting_bytes += b->charge;
	(void)atomic_add(&n->dev->net->waiting_bytes, b->charge);
	return oldest;
}

/* ---- counts ---- */

void neighbour_hold(struct neighbour *n)
{
	if (n != NULL)
		ref_get(&n->ref);
}

void neighbour_put(struct neighbour *n)
{
	struct list waiting = LIST_INIT(waiting);

	if (n == NULL || !ref_put(&n->ref))
		return;
	take_waiting(n, &waiting);
	netbuf_free_all(&waiting);
	kmem_free(n);
}

void neighbour_let_go(struct neighbour *n)
{
	struct list lost = LIST_INIT(lost);

	spin_lock(&n->lock);
	n->is_gone = true;
	take_waiting(n, &lost);
	spin_unlock(&n->lock);
	netbuf_free_all(&lost);
	neighbour_tell(n, true);
	neighbour_put(n);
}

void neighbour_tell(struct neighbour *n, bool is_gone)
{
	struct net_event e = { NET_EVENT_NEIGHBOUR, is_gone, { .neighbour = n } };

	net_tell(n->dev->net, &e);
}

/* ---- time ---- */

void neighbour_alarm_arm(struct net *net, nsec_t deadline_ns)
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
	neighbour_alarm_arm(n->dev->net, n->deadline_ns);
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
	n->nr_probes = 0;
	take_waiting(n, waiting);
	arm(n, REACHABLE_NS);
}

static void enter_failed(struct neighbour *n, struct list *lost)
{
	n->state = NEIGHBOUR_FAILED;
	take_waiting(n, lost);
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
	enum neighbour_state was, now_is;

	spin_lock(&n->lock);
	if (n->deadline_ns > now) { /* it went on by itself meanwhile */
		spin_unlock(&n->lock);
		return;
	}
	n->deadline_ns = NSEC_NEVER;
	was = n->state;
	asks = go_on(n, &lost);
	now_is = n->state;
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
	if (was != now_is)
		neighbour_tell(n, false);
}

static void ring(struct timer *t)
{
	struct net *net = container_of(t, struct net, neighbour_alarm.timer);
	nsec_t now = clock_monotonic(), next, sweep_at;
	struct neighbour *due[DUE_MAX];
	unsigned nr;

	spin_lock(&net->neighbour_alarm.lock);
	net->neighbour_alarm.at = NSEC_NEVER;
	spin_unlock(&net->neighbour_alarm.lock);
	nr = neighbour_table_due(net, now, due, &next);
	for (unsigned i = 0; i < nr; i++) {
		go_on_with(due[i], now);
		neighbour_put(due[i]);
	}
	sweep_at = neighbour_table_sweep(net, now);
	next = min(next, sweep_at);
	if (next != NSEC_NEVER)
		neighbour_alarm_arm(net, max(next, now + DUE_PAUSE_NS));
	net_run();
}

void neighbour_alarm_init(struct net *net)
{
	net->neighbour_alarm.at = NSEC_NEVER;
	timer_init(&net->neighbour_alarm.timer, ring);
}

/* ---- sending ---- */

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
	} else if (n->is_gone) {
		lost = b;
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
		take_waiting(n, waiting);
	}
}

void neighbour_learn(struct netdev *d, const uint8_t ip[16], const uint8_t *mac, unsigned news)
{
	struct neighbour *n = (news & NEIGHBOUR_CREATE) != 0 ? neighbour_get(d, ip)
							     : neighbour_find(d, ip);
	struct list waiting = LIST_INIT(waiting);
	uint8_t known[ETHERNET_ADDRESS_LEN];
	enum neighbour_state was, now_is;

	if (n == NULL)
		return;
	spin_lock(&n->lock);
	was = n->state;
	if (mac != NULL || has_mac(n)) {
		memcpy(known, mac != NULL ? mac : n->mac, sizeof(known));
		take_news(n, known, news, &waiting);
	}
	now_is = n->state;
	spin_unlock(&n->lock);
	send_waiting(n, &waiting, known);
	if (was != now_is)
		neighbour_tell(n, false);
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

int neighbour_set(struct netdev *d, const uint8_t ip[16], const uint8_t *mac,
		  enum neighbour_state state)
{
	struct list waiting = LIST_INIT(waiting);
	struct neighbour *n;

	if (mac == NULL) {
		n = neighbour_table_take(d->net, d, ip);
		if (n == NULL)
			return -ENOENT;
		neighbour_let_go(n);
		net_changed(d->net, NET_NEIGHBOUR);
		return 0;
	}
	n = neighbour_get(d, ip);
	if (n == NULL)
		return -ENOMEM;
	spin_lock(&n->lock);
	memcpy(n->mac, mac, sizeof(n->mac));
	n->state = state;
	take_waiting(n, &waiting);
	spin_unlock(&n->lock);
	send_waiting(n, &waiting, mac);
	neighbour_tell(n, false);
	neighbour_put(n);
	net_changed(d->net, NET_NEIGHBOUR);
	return 0;
}

void neighbour_forget_all(struct netdev *d)
{
	struct neighbour *n;

	while ((n = neighbour_table_take(d->net, d, NULL)) != NULL)
		neighbour_let_go(n);
	net_changed(d->net, NET_NEIGHBOUR);
}

void neighbour_forget_net(struct net *net)
{
	struct neighbour *n;

	(void)timer_cancel(&net->neighbour_alarm.timer);
	while ((n = neighbour_table_take(net, NULL, NULL)) != NULL)
		neighbour_put(n);
}
