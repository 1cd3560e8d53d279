/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups that an interface hears, from whom, and what routers are told of it: IGMPv3 (RFC 3376),
 * MLDv2 (RFC 3810), and IGMPv2 (RFC 2236), IGMPv1 (RFC 1112) and MLDv1 (RFC 2710) where the router
 * speaks no more than that.
 *
 *	member.c	who joined: users are counted, of the group and of each source
 *	report.c	what is due to be told, as packets, and when
 *	send.c		packets of reports, by either family's rules
 *	query.c		what routers ask
 *
 * Users (sockets, addresses) each have a filter: from these sources alone, or from all but these.
 * The interface's is made of them (RFC 3376 §3.2): as soon as one user hears all but some, all but
 * those that every such user leaves out and nobody asks for; else what anybody asks for. It is not
 * kept but follows from the counts.
 *
 * A change of it is told at once and, lest that be lost, again, as often as the robustness variable
 * says: of the mode with all sources (TO_IN, TO_EX), or of the sources that came and went (ALLOW,
 * BLOCK). A group or a source that nobody has any more stays until that has been told. What comes
 * of a query waits for a random part of the time that the router grants: of the interface whole, of
 * one group, or of some sources of one group (RFC 3376 §5.2, RFC 3810 §6.2).
 *
 * Groups of an interface and sources of a group are trees by address. Both are bounded, each pass
 * over them is linear, and the alarm makes at most REPORTS_AT_A_TIME packets, then comes again.
 */
#pragma once
#include "lib/tree.h"
#include "net/ip/device.h"
#include "net/netbuf.h"
#include "net/wire/group.h"

#define GROUPS_MAX        4096u
#define GROUP_SOURCES_MAX 1024u
#define GROUP_ASKED_MAX   64u /* sources of one query; of more the group is answered whole */
#define REPORTS_AT_A_TIME 16u

struct group_source { /* all: net->lock */
	struct tree_node node;
	uint8_t ip[16];
	unsigned nr_include, nr_exclude; /* users who ask for it, who leave it out */
	unsigned nr_changes;             /* reports of its last change that are to be sent */
	bool was_heard;                  /* before the change that is being made */
};

struct net_group { /* all: net->lock */
	struct tree_node node;
	uint8_t ip[16];
	unsigned nr_include, nr_exclude; /* users by their filter's mode */
	struct tree sources;
	unsigned nr_sources;
	unsigned nr_changes; /* reports of the last change of the mode that are to be sent */
	unsigned nr_turns;   /* the same of joining or leaving: for older versions */
	nsec_t change_at, answer_at; /* when; NSEC_NEVER: nothing is to be told */
	uint8_t (*asked)[16];        /* sources that the answer is about; NULL: the group whole */
	unsigned nr_asked;
};

static inline bool group_has_users(const struct net_group *g)
{
	return g->nr_include + g->nr_exclude > 0;
}

static inline bool group_is_exclude(const struct net_group *g)
{
	return g->nr_exclude > 0;
}

/* From a source that is in nobody's filter s is NULL. */
static inline bool group_hears(const struct net_group *g, const struct group_source *s)
{
	if (!group_is_exclude(g))
		return s != NULL && s->nr_include > 0;
	return s == NULL || s->nr_include > 0 || s->nr_exclude != g->nr_exclude;
}

/* How the interface's routers speak to one family. */
static inline struct group_querier *group_querier_of(struct ip_device *i, const uint8_t ip[16])
{
	return inet_ip_is_v4(ip) ? &i->querier4 : &i->querier6;
}

/* The one at hand may go meanwhile. */
#define group_foreach(i, g) \
	for (struct tree_node *group_node = tree_first(&(i)->groups), *group_next; \
	     group_node != NULL && (group_next = tree_next(group_node), \
				   g = tree_entry(group_node, struct net_group, node)); \
	     group_node = group_next)
#define group_foreach_source(g, s) \
	for (struct tree_node *source_node = tree_first(&(g)->sources), *source_next; \
	     source_node != NULL && (source_next = tree_next(source_node), \
				    s = tree_entry(source_node, struct group_source, node)); \
	     source_node = source_next)

/* ---- member.c; net->lock is held ---- */

struct net_group *group_find_locked(struct ip_device *i, const uint8_t ip[16]); /* or NULL */
struct group_source *group_find_source_locked(struct net_group *g, const uint8_t ip[16]);
/* Does a router hear of it? Not of what stays on the interface (RFC 3810 §6). */
bool group_is_told_of(const struct netdev *d, const uint8_t ip[16]);
/* Sources that nobody has and nothing is to be told of go; and so does g, which then is freed. */
void group_tidy_locked(struct ip_device *i, struct net_group *g);
/* At that time something of the interface is due. */
void group_arm_locked(struct ip_device *i, nsec_t at);
nsec_t group_some_of(nsec_t span); /* a random part */
/* All that is still to be told, and to be answered, is not (RFC 3376 §7.2.1). */
void group_forget_changes_locked(struct ip_device *i, bool v4);

enum group_version group_version_locked(const struct group_querier *q);

/* ---- report.c ---- */

void group_ring(struct timer *t);

/* ---- send.c ---- */

/* An empty report with its head, or NULL. */
struct netbuf *group_report_new(bool v4);
/* How many bytes a report may have. */
unsigned group_report_room(const struct netdev *d, bool v4);
/* What an older version says: the whole message, or NULL. */
struct netbuf *group_old_message(const struct net_group *g, enum group_version version);
/* Takes b, a message of either function above; no lock is held. */
void group_send(struct netdev *d, struct netbuf *b);
