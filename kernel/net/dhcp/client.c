/* SPDX-License-Identifier: BSD-2-Clause */
/* What the clients of DHCP share: client.h. */
#include "net/dhcp/client.h"

#include "net/netdev.h"

#define ANSWERS_MAX 8u /* that wait to be looked at */

static void take_answers(struct dhcp_client *c, struct list *answers)
{
	while (!list_is_empty(answers)) {
		struct netbuf *b = list_first(answers, struct netbuf, link);

		list_remove(&b->link);
		c->answered(c, b);
		netbuf_free(b);
	}
}

static void work(struct dhcp_client *c, unsigned events, struct list *answers)
{
	static const enum dhcp_event in_order[] = { DHCP_LINK, DHCP_TIME, DHCP_STOP, DHCP_START };

	take_answers(c, answers);
	for (unsigned i = 0; i < ARRAY_SIZE(in_order); i++) {
		if ((events & in_order[i]) != 0)
			c->happened(c, in_order[i]);
	}
}

void dhcp_client_post(struct dhcp_client *c, enum dhcp_event event)
{
	struct list answers = LIST_INIT(answers);
	unsigned events;

	spin_lock(&c->lock);
	c->events |= event;
	if (c->is_busy) {
		spin_unlock(&c->lock);
		return;
	}
	c->is_busy = true;
	while (c->events != 0) {
		events = c->events;
		c->events = 0;
		c->nr_answers = 0;
		list_splice(&answers, &c->answers);
		spin_unlock(&c->lock);
		work(c, events, &answers);
		spin_lock(&c->lock);
	}
	c->is_busy = false;
	spin_unlock(&c->lock);
}

static void received(struct udp *u, struct netbuf *b)
{
	struct dhcp_client *c = container_of(u, struct dhcp_client, udp);
	bool full;

	b = netbuf_linear(b);
	if (b == NULL)
		return; /* as if it were lost */
	spin_lock(&c->lock);
	full = c->nr_answers == ANSWERS_MAX;
	if (!full) {
		list_append(&c->answers, &b->link);
		c->nr_answers++;
	}
	spin_unlock(&c->lock);
	if (full)
		netbuf_free(b);
	else
		dhcp_client_post(c, DHCP_ANSWER);
}

static void failed(struct udp *u, const struct ip_error *e, const struct inet_address *to)
{
	/* No server there: that the time for an answer passes says the same. */
}

/* It is there as long as the interface is. */
static void count(struct udp *u)
{
}

static const struct udp_events events = { received, failed, count, count };

void dhcp_client_order(struct dhcp_client *c, enum dhcp_event event)
{
	dhcp_client_post(c, event);
	net_run();
}

static void ring(struct timer *t)
{
	dhcp_client_order(container_of(t, struct dhcp_client, timer), DHCP_TIME);
}

static void changed(struct net_listener *l, unsigned what)
{
	if ((what & NET_LINK) != 0)
		dhcp_client_post(container_of(l, struct dhcp_client, listener), DHCP_LINK);
}

int dhcp_client_init(struct dhcp_client *c, struct netdev *d, unsigned port, bool v6)
{
	struct inet_address local = { .port = (uint16_t)port };
	int err;

	c->dev = d;
	list_init(&c->answers);
	timer_init(&c->timer, ring);
	udp_init(&c->udp, d->net, &events, v6);
	c->udp.end.dev_index = d->index;
	if (v6)
		c->udp.end.flags |= ENDPOINT_ONLY_V6;
	memcpy(local.ip, v6 ? inet_any6 : inet_any4, sizeof(local.ip));
	err = endpoint_bind(&c->udp.end, &local);
	if (err != 0)
		return err;
	c->listener.changed = changed;
	net_listen(d->net, &c->listener);
	return 0;
}

void dhcp_client_fini(struct dhcp_client *c)
{
	net_run(); /* what is to be told to the listener */
	(void)timer_cancel(&c->timer);
	list_remove(&c->listener.link);
	udp_fini(&c->udp);
	netbuf_free_all(&c->answers);
}
