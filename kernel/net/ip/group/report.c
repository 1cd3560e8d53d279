/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is due to be told of groups, as packets (RFC 3376 §5, RFC 3810 §6). Records of several
 * groups share a report. A list of sources that does not fit is cut where it names those that are
 * left out, and goes on in the next report where it names those that are heard (RFC 3376 §4.2.16).
 */
#include "core/random.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/ip/group/group.h"

/* RFC 3376 §8.11: a second, in steps, so that changes of several groups meet in one report. */
#define STEP_NS  (NSEC_PER_SEC / 10)
#define NR_STEPS 10u

/* Packets in the making; net->lock is held as long as there is one. */
struct writer {
	struct ip_device *i;
	nsec_t now;
	struct list ready; /* whole messages */
	unsigned nr_ready;
	struct netbuf *b; /* the report that is being filled; NULL: none */
	bool v4;          /* its family */
};

struct record {
	struct writer *w;
	const struct net_group *g;
	enum group_record_type type;
	struct group_record *at; /* NULL: not yet begun, or there is no memory */
};

static void put_ready(struct writer *w, struct netbuf *b)
{
	if (b == NULL)
		return; /* no memory: it is lost, as any report may be */
	list_append(&w->ready, &b->link);
	w->nr_ready++;
}

static void flush(struct writer *w)
{
	put_ready(w, w->b);
	w->b = NULL;
}

static unsigned ip_len(bool v4)
{
	return v4 ? 4 : 16;
}

static void put_ip(struct writer *w, const uint8_t ip[16])
{
	unsigned len = ip_len(w->v4);

	memcpy(netbuf_put(w->b, len), ip + 16 - len, len);
}

static bool has_room(const struct writer *w, unsigned bytes)
{
	return w->b != NULL && w->b->len + bytes <= group_report_room(w->i->dev, w->v4);
}

/* With room for one source at least. */
static void begin_record(struct record *r)
{
	struct writer *w = r->w;
	bool v4 = inet_ip_is_v4(r->g->ip);
	struct group_report *head;

	if (v4 != w->v4 || !has_room(w, (unsigned)sizeof(*r->at) + 2 * ip_len(v4))) {
		flush(w);
		w->v4 = v4;
		w->b = group_report_new(v4);
	}
	r->at = NULL;
	if (w->b == NULL)
		return;
	r->at = netbuf_put(w->b, (unsigned)sizeof(*r->at));
	*r->at = (struct group_record){ .type = (uint8_t)r->type };
	put_ip(w, r->g->ip);
	head = (void *)w->b->data;
	head->nr_records = be16_of((uint16_t)(be16_get(head->nr_records) + 1));
}

static bool names_left_out(enum group_record_type type)
{
	return type == GROUP_IS_EXCLUDE || type == GROUP_TO_EXCLUDE;
}

static void add_source(struct record *r, const uint8_t ip[16])
{
	bool full = r->at != NULL && !has_room(r->w, ip_len(r->w->v4));

	if (full && names_left_out(r->type))
		return;
	if (full || r->at == NULL)
		begin_record(r);
	if (r->at == NULL)
		return;
	put_ip(r->w, ip);
	r->at->nr_sources = be16_of((uint16_t)(be16_get(r->at->nr_sources) + 1));
}

/* ---- of one group ---- */

/* What is heard, or of all but some what is not: whole. */
static void put_state(struct writer *w, struct net_group *g, enum group_record_type include,
		      enum group_record_type exclude)
{
	bool is_exclude = group_is_exclude(g);
	struct record r = { .w = w, .g = g, .type = is_exclude ? exclude : include };
	struct group_source *s;

	begin_record(&r);
	group_foreach_source(g, s)
	{
		if (group_hears(g, s) != is_exclude)
			add_source(&r, s->ip);
	}
}

/* The sources that are heard now, or are no more, if that is still to be told. */
static void put_changed(struct writer *w, struct net_group *g, enum group_record_type type)
{
	struct record r = { .w = w, .g = g, .type = type };
	struct group_source *s;

	group_foreach_source(g, s)
	{
		if (s->nr_changes > 0 && group_hears(g, s) == (type == GROUP_ALLOW))
			add_source(&r, s->ip);
	}
}

/* Those that a router asked for and that are heard (RFC 3376 §5.2). */
static void put_asked(struct writer *w, struct net_group *g)
{
	struct record r = { .w = w, .g = g, .type = GROUP_IS_INCLUDE };

	for (unsigned n = 0; n < g->nr_asked; n++)
		if (group_hears(g, group_find_source_locked(g, g->asked[n])))
			add_source(&r, g->asked[n]);
}

/* One report less of each change. True: there are more. */
static bool count_down(struct net_group *g)
{
	struct group_source *s;
	bool more;

	g->nr_changes -= g->nr_changes > 0;
	g->nr_turns -= g->nr_turns > 0;
	more = g->nr_changes + g->nr_turns > 0;
	group_foreach_source(g, s)
	{
		s->nr_changes -= s->nr_changes > 0;
		more |= s->nr_changes > 0;
	}
	return more;
}

/* When it is told again: more than a step from now. */
static nsec_t again_at(nsec_t now)
{
	return now / STEP_NS * STEP_NS + (2 + random_u64() % (NR_STEPS - 1)) * STEP_NS;
}

static void tell_change(struct writer *w, struct net_group *g)
{
	enum group_version version = group_version_locked(group_querier_of(w->i, g->ip));

	if (version != GROUP_NEWEST) {
		/* Version 1 has no word for leaving. */
		if (g->nr_turns > 0 && (group_has_users(g) || version == GROUP_VERSION_2))
			put_ready(w, group_old_message(g, version));
	} else if (g->nr_changes > 0) {
		put_state(w, g, GROUP_TO_INCLUDE, GROUP_TO_EXCLUDE);
	} else {
		put_changed(w, g, GROUP_ALLOW);
		put_changed(w, g, GROUP_BLOCK);
	}
	g->change_at = count_down(g) ? again_at(w->now) : NSEC_NEVER;
}

static void tell_answer(struct writer *w, struct net_group *g)
{
	enum group_version version = group_version_locked(group_querier_of(w->i, g->ip));

	if (version != GROUP_NEWEST)
		put_ready(w, group_old_message(g, version));
	else if (g->asked != NULL)
		put_asked(w, g);
	else
		put_state(w, g, GROUP_IS_INCLUDE, GROUP_IS_EXCLUDE);
	g->answer_at = NSEC_NEVER;
	kmem_free(g->asked);
	g->asked = NULL;
}

/* ---- of the interface ---- */

/* The answer about all groups is due: of each it is. */
static void spread_general(struct writer *w, struct group_querier *q, bool v4)
{
	struct net_group *g;

	if (q->general_at > w->now)
		return;
	q->general_at = NSEC_NEVER;
	group_foreach(w->i, g)
	{
		if (inet_ip_is_v4(g->ip) != v4 || !group_has_users(g) ||
		    !group_is_told_of(w->i->dev, g->ip))
			continue;
		kmem_free(g->asked);
		g->asked = NULL;
		g->answer_at = w->now;
	}
}

/* When something is due next. */
static nsec_t tell_groups(struct writer *w)
{
	nsec_t next = min(w->i->querier4.general_at, w->i->querier6.general_at);
	struct net_group *g;

	group_foreach(w->i, g)
	{
		if (w->nr_ready >= REPORTS_AT_A_TIME)
			return w->now;
		if (g->change_at <= w->now)
			tell_change(w, g);
		if (g->answer_at <= w->now)
			tell_answer(w, g);
		next = min(next, g->change_at);
		next = min(next, g->answer_at);
		group_tidy_locked(w->i, g);
	}
	return next;
}

static void write_locked(struct writer *w)
{
	nsec_t next;

	w->i->group_at = NSEC_NEVER;
	if (!w->i->is_running)
		return;
	spread_general(w, &w->i->querier4, true);
	spread_general(w, &w->i->querier6, false);
	next = tell_groups(w);
	flush(w);
	if (next != NSEC_NEVER)
		group_arm_locked(w->i, max(next, w->now + 1));
}

void group_ring(struct timer *t)
{
	struct ip_device *i = container_of(t, struct ip_device, group_timer);
	struct writer w = { .i = i, .now = clock_monotonic(), .ready = LIST_INIT(w.ready) };
	struct netdev *d = i->dev;
	unsigned nr_before, nr;

	spin_lock(&d->net->lock);
	nr_before = i->nr_groups;
	write_locked(&w);
	nr = i->nr_groups;
	spin_unlock(&d->net->lock);
	while (!list_is_empty(&w.ready)) {
		struct netbuf *b = list_first(&w.ready, struct netbuf, link);

		list_remove(&b->link);
		group_send(d, b);
	}
	if (nr != nr_before && d->ops->set_filter != NULL)
		d->ops->set_filter(d);
	net_run();
}
