/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that nobody can reach: a socket sent into its own queue, or two into each other's,
 * whose descriptors are all closed (unix(7), "SCM_RIGHTS"). The counts of their files never fall
 * to zero by themselves.
 *
 * A candidate is a socket all of whose file's counts are messages under way. Those of them that
 * are in candidates' queues explain themselves; a candidate with a count that they do not
 * explain is in the queue of a socket that somebody can still read, and so is reachable, and all
 * that its queue has. The rest is garbage: its files are put, and the closing does the rest. All
 * of it happens with unix_rights_lock held, so that no count changes but by programs closing
 * descriptors.
 */
#include "lib/atomic.h"
#include "net/unix/message.h"

#define FLIGHTS_UNSEEN 1000u

static unsigned look_at = FLIGHTS_UNSEEN; /* [rights_lock to write] */

typedef void visit_fn(struct unix_socket *found, void *arg);

static struct unix_socket *candidate_of(struct file *f)
{
	struct socket *s = socket_of_file(f);
	struct unix_socket *u;

	if (s == NULL || s->family->family != AF_UNIX)
		return NULL;
	u = unix_of(s);
	return u->candidate ? u : NULL;
}

/* Each candidate that u's own queue holds, as often as it does. */
static void visit_queue(struct unix_socket *u, visit_fn *visit, void *arg)
{
	struct unix_message *m;

	scoped_spin(&u->socket.lock);
	list_foreach(&u->queue, m, packet.link) {
		unsigned nr = m->rights != NULL ? m->rights->nr : 0;

		for (unsigned i = 0; i < nr; i++) {
			struct unix_socket *found = candidate_of(m->rights->files[i]);

			if (found != NULL)
				visit(found, arg);
		}
	}
}

/* And those of connections to u that were not accepted. */
static void visit_all(struct unix_socket *u, visit_fn *visit, void *arg)
{
	struct unix_socket *e;

	visit_queue(u, visit, arg);
	scoped_spin(&unix_lock);
	list_foreach(&u->pending, e, pending_link)
		visit_queue(e, visit, arg);
}

static void explain(struct unix_socket *found, void *arg)
{
	found->unexplained--;
}

/* To the end of the list of what is to be visited. */
static void reach(struct unix_socket *found, void *arg)
{
	found->candidate = false;
	list_remove(&found->flight_link);
	list_append(arg, &found->flight_link);
}

static unsigned mark_candidates(void)
{
	struct unix_socket *u;
	unsigned nr = 0;

	list_foreach(&unix_flights, u, flight_link) {
		u->unexplained = u->in_flight;
		u->candidate = atomic_load(&u->file->ref.count) == u->in_flight;
		nr += u->candidate;
	}
	list_foreach(&unix_flights, u, flight_link) {
		if (u->candidate)
			visit_all(u, explain, NULL);
	}
	return nr;
}

/* Takes the mark off everything that can be reached. */
static void unmark_reachable(void)
{
	struct list todo = LIST_INIT(todo), done = LIST_INIT(done);
	struct unix_socket *u;

	list_foreach_safe(&unix_flights, u, flight_link) {
		if (u->candidate && u->unexplained > 0)
			reach(u, &todo);
	}
	while ((u = list_first(&todo, struct unix_socket, flight_link)) != NULL) {
		list_remove(&u->flight_link);
		list_append(&done, &u->flight_link);
		visit_all(u, reach, &todo);
	}
	while ((u = list_first(&done, struct unix_socket, flight_link)) != NULL) {
		list_remove(&u->flight_link);
		list_append(&unix_flights, &u->flight_link);
	}
}

/* Takes the files out of u's queue. */
static void strip_queue(struct unix_socket *u, struct list *stripped)
{
	struct unix_message *m;

	scoped_spin(&u->socket.lock);
	list_foreach(&u->queue, m, packet.link) {
		if (m->rights == NULL)
			continue;
		list_append(stripped, &m->rights->link);
		m->rights = NULL;
	}
}

static void strip(struct unix_socket *u, struct list *stripped)
{
	struct unix_socket *e;

	strip_queue(u, stripped);
	scoped_spin(&unix_lock);
	list_foreach(&u->pending, e, pending_link)
		strip_queue(e, stripped);
}

/*
 * Circles are looked for when a local socket closes. Whoever only makes circles closes none: so
 * also before files depart, when as many sockets are under way as the last look left, and some
 * more. Each look costs what came since.
 */
void unix_bound_garbage(void)
{
	if (READ_ONCE(unix_nr_flights) >= READ_ONCE(look_at))
		unix_collect_garbage();
}

void unix_collect_garbage(void)
{
	struct list stripped = LIST_INIT(stripped);
	struct socket_rights *r;
	struct unix_socket *u;

	mutex_lock(&unix_rights_lock);
	if (mark_candidates() > 0) {
		unmark_reachable();
		list_foreach(&unix_flights, u, flight_link) {
			if (u->candidate)
				strip(u, &stripped);
		}
	}
	list_foreach(&stripped, r, link)
		unix_rights_arrive_locked(r);
	WRITE_ONCE(look_at, 2 * unix_nr_flights + FLIGHTS_UNSEEN);
	mutex_unlock(&unix_rights_lock);
	while ((r = list_first(&stripped, struct socket_rights, link)) != NULL) {
		list_remove(&r->link);
		unix_rights_discard(r);
	}
}
