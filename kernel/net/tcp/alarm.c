/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines of connections. A core timer must not be freed in its own callback, and a connection's
 * last count may well go in it; so connections have alarms, of which a few clocks keep trees, and
 * only the clocks have core timers, which stay as long as the stack. Connections share the clocks
 * by their addresses in memory, so that CPUs seldom meet at one.
 */
#include "lib/hash.h"
#include "net/tcp/engine.h"

static struct tcp_clock *clock_of(struct tcp_stack *s, const struct tcp_alarm *a)
{
	return &s->clocks[hash_u64((uintptr_t)a) % TCP_CLOCKS];
}

static struct tcp_alarm *first_alarm(const struct tcp_clock *c)
{
	struct tree_node *n = tree_first(&c->alarms);

	return n == NULL ? NULL : tree_entry(n, struct tcp_alarm, node);
}

static void insert(struct tcp_clock *c, struct tcp_alarm *a)
{
	struct tree_node **slot = &c->alarms.root, *parent = NULL;

	while (*slot != NULL) {
		parent = *slot;
		slot = a->deadline < tree_entry(parent, struct tcp_alarm, node)->deadline
			       ? &parent->left
			       : &parent->right;
	}
	tree_insert(&c->alarms, parent, slot, &a->node);
}

static void arm_locked(struct tcp_clock *c)
{
	struct tcp_alarm *first = first_alarm(c);

	if (first == NULL || first->deadline >= c->armed)
		return;
	c->armed = first->deadline;
	timer_arm(&c->timer, first->deadline);
}

bool tcp_alarm_set(struct tcp_stack *s, struct tcp_alarm *a, nsec_t deadline)
{
	struct tcp_clock *c = clock_of(s, a);
	bool was_set;

	scoped_spin(&c->lock);
	was_set = a->is_set;
	if (was_set)
		tree_remove(&c->alarms, &a->node);
	a->deadline = deadline;
	a->is_set = true;
	insert(c, a);
	arm_locked(c);
	return !was_set;
}

bool tcp_alarm_clear(struct tcp_stack *s, struct tcp_alarm *a)
{
	struct tcp_clock *c = clock_of(s, a);

	scoped_spin(&c->lock);
	if (!a->is_set)
		return false;
	tree_remove(&c->alarms, &a->node);
	a->is_set = false;
	return true;
}

/* The first alarm if it is due by `now`, with its count; else NULL, and the timer is armed. */
static struct tcp_alarm *take_due(struct tcp_clock *c, nsec_t now)
{
	struct tcp_alarm *a;

	scoped_spin(&c->lock);
	a = first_alarm(c);
	if (a != NULL && a->deadline <= now) {
		tree_remove(&c->alarms, &a->node);
		a->is_set = false;
		return a;
	}
	arm_locked(c);
	return NULL;
}

static void fire(struct timer *t)
{
	struct tcp_clock *c = container_of(t, struct tcp_clock, timer);
	struct tcp_alarm *a;
	nsec_t now;

	net_run(); /* what has come already is heard before it is said to be late */
	now = clock_monotonic();
	spin_lock(&c->lock);
	c->armed = NSEC_NEVER;
	spin_unlock(&c->lock);
	while ((a = take_due(c, now)) != NULL)
		a->fn(a);
	net_run();
}

void tcp_clocks_init(struct net *net, struct tcp_stack *s)
{
	for (unsigned i = 0; i < TCP_CLOCKS; i++) {
		s->clocks[i].net = net;
		s->clocks[i].armed = NSEC_NEVER;
		timer_init(&s->clocks[i].timer, fire);
	}
}

void tcp_clocks_fini(struct tcp_stack *s)
{
	for (unsigned i = 0; i < TCP_CLOCKS; i++) {
		struct tcp_alarm *a;

		timer_cancel(&s->clocks[i].timer);
		while ((a = take_due(&s->clocks[i], NSEC_NEVER - 1)) != NULL)
			a->fn(a);
		timer_cancel(&s->clocks[i].timer);
	}
}
