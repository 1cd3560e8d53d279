/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors under way by SCM_RIGHTS (unix(7)). Each file in a message is counted: for its
 * sender's user, against RLIMIT_NOFILE, and if it is a local socket, on that socket for
 * garbage.c. The counts change with unix_rights_lock held, together with the queues that have
 * the messages.
 *
 * Putting a file may close a socket whose queue has files in it, and so on: unix_rights_discard
 * keeps a list of what is to be put, so that the depth of the kernel's stack stays bounded.
 */
#include <linux/capability.h>

#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/unix/message.h"

/* How many files a user has under way. */
struct sender {
	struct list link;
	uint32_t uid;
	uint64_t nr;
};

struct mutex unix_rights_lock = MUTEX_INIT(unix_rights_lock);
struct list unix_flights = LIST_INIT(unix_flights);
unsigned unix_nr_flights;

static struct list senders = LIST_INIT(senders); /* [rights_lock] */

static struct spinlock doomed_lock = SPINLOCK_INIT;
static struct list doomed = LIST_INIT(doomed); /* [doomed_lock] */
static bool draining;                          /* [doomed_lock] */

static struct unix_socket *unix_of_file(const struct file *f)
{
	struct socket *s = socket_of_file(f);

	return s != NULL && s->family->family == AF_UNIX ? unix_of(s) : NULL;
}

static struct sender *sender_of(uint32_t uid)
{
	struct sender *s;

	list_foreach(&senders, s, link) {
		if (s->uid == uid)
			return s;
	}
	s = kmem_new(struct sender);
	if (s == NULL)
		return NULL;
	s->uid = uid;
	list_append(&senders, &s->link);
	return s;
}

int unix_rights_depart_locked(struct socket_rights *r)
{
	const struct cred *c = cred_current();
	struct sender *s = sender_of(c->uid);

	if (s == NULL)
		return -ENOMEM;
	if (s->nr > socket_host.limit_of_files() && !cred_has_cap(c, CAP_SYS_RESOURCE) &&
	    !cred_has_cap(c, CAP_SYS_ADMIN))
		return -ETOOMANYREFS;
	s->nr += r->nr;
	r->uid = c->uid;
	for (unsigned i = 0; i < r->nr; i++) {
		struct unix_socket *u = unix_of_file(r->files[i]);

		if (u == NULL)
			continue;
		u->file = r->files[i];
		if (u->in_flight++ > 0)
			continue;
		list_append(&unix_flights, &u->flight_link);
		WRITE_ONCE(unix_nr_flights, unix_nr_flights + 1);
	}
	return 0;
}

static void uncount(uint32_t uid, unsigned nr)
{
	struct sender *s;

	list_foreach(&senders, s, link) {
		if (s->uid == uid)
			break;
	}
	s->nr -= nr; /* it is there: it sent them */
	if (s->nr > 0)
		return;
	list_remove(&s->link);
	kmem_free(s);
}

void unix_rights_arrive_locked(struct socket_rights *r)
{
	uncount(r->uid, r->nr);
	for (unsigned i = 0; i < r->nr; i++) {
		struct unix_socket *u = unix_of_file(r->files[i]);

		if (u == NULL || --u->in_flight > 0)
			continue;
		list_remove(&u->flight_link);
		WRITE_ONCE(unix_nr_flights, unix_nr_flights - 1);
	}
}

struct socket_rights *unix_rights_take(struct unix_message *m)
{
	struct socket_rights *r;

	scoped_mutex(&unix_rights_lock);
	r = m->rights;
	m->rights = NULL;
	if (r != NULL)
		unix_rights_arrive_locked(r);
	return r;
}

int unix_rights_copy(struct unix_message *m, struct socket_rights **out)
{
	struct socket_rights *copy;

	scoped_mutex(&unix_rights_lock);
	*out = NULL;
	if (m->rights == NULL)
		return 0;
	copy = socket_rights_new(m->rights->nr);
	if (copy == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < copy->nr; i++)
		copy->files[i] = file_get(m->rights->files[i]);
	*out = copy;
	return 0;
}

static struct socket_rights *next_doomed(void)
{
	struct socket_rights *r;

	scoped_spin(&doomed_lock);
	r = list_first(&doomed, struct socket_rights, link);
	if (r != NULL)
		list_remove(&r->link);
	else
		draining = false;
	return r;
}

void unix_rights_discard(struct socket_rights *r)
{
	bool mine;

	if (r == NULL)
		return;
	spin_lock(&doomed_lock);
	list_append(&doomed, &r->link);
	mine = !draining;
	draining = true;
	spin_unlock(&doomed_lock);
	while (mine && (r = next_doomed()) != NULL)
		socket_rights_free(r);
}
