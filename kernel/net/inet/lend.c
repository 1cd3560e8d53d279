/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a program lends for a send (Documentation/networking/msg_zerocopy.rst). The netbufs
 * of the call refer to the program's own pages and hold a count of a loan; with the last of them
 * (acknowledged, and the device has none any more) the loan is over, and the queue of errors tells
 * which calls, by their numbers from 0 on, may use their memory again.
 *
 * A call whose loan would begin while the last one is under way, with few bytes, becomes part of
 * that: what is queued then is joined, and the program is told of both at once. Its number is given
 * when the call begins; one that sends nothing gives it back.
 *
 * What is told has its memory before anything is lent, up to optmem_max for a socket; the pages
 * count against RLIMIT_MEMLOCK. Beyond either a call fails with ENOBUFS.
 *
 * A loan holds a count of its socket, whose queues hold the netbufs: a circle that opens when they
 * are acknowledged, or the connection is over.
 */
#include <linux/eventpoll.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/inet/inet.h"

#define JOINED_MAX 524288u /* bytes of calls that are told of at once */

struct inet_loan {
	/* [I] immutable  [l] of->socket.lock */
	struct netbuf_loan loan;
	struct inet_socket *of; /* [I] counted */
	struct netbuf *note;    /* [l] for the queue of errors; NULL: it is there */
	struct net_work work;
	struct socket_pages pages; /* [l] */
	uint32_t first, nr;        /* [l] calls */
	size_t bytes;              /* [l] */
};

static struct inet_loan *loan_of(struct netbuf_loan *l)
{
	return container_of(l, struct inet_loan, loan);
}

static void loan_free(struct inet_loan *l)
{
	socket_host.release_pages(&l->pages);
	socket_put(&l->of->socket);
	kmem_free(l);
}

/* What done() could not do under the locks that may be held there. */
static void finish(struct net_work *w)
{
	struct inet_loan *l = container_of(w, struct inet_loan, work);

	netbuf_free(l->note);
	if (l->nr > 0)
		socket_wake(&l->of->socket, EPOLLERR);
	loan_free(l);
}

/* Nobody has the pages any more. What is told stands in the queue in the order of the ends. */
static void done(struct netbuf_loan *loan)
{
	struct inet_loan *l = loan_of(loan);
	struct inet_socket *i = l->of;

	spin_lock(&i->socket.lock);
	if (i->last_loan == l)
		i->last_loan = NULL;
	if (inet_error_lent(i, l->note, &(struct inet_lent){ l->first, l->nr, loan->copied }))
		l->note = NULL;
	spin_unlock(&i->socket.lock);
	net_later(&l->work);
}

/* NULL: the memory for what is to be told is used up, or there is none. */
static struct inet_loan *loan_new(struct inet_socket *i, const struct socket_pages *pages)
{
	struct inet_loan *l = kmem_new(struct inet_loan);

	if (l == NULL)
		return NULL;
	l->note = inet_error_reserve(i);
	if (l->note == NULL) {
		kmem_free(l);
		return NULL;
	}
	ref_init(&l->loan.ref);
	l->loan.done = done;
	l->of = i;
	socket_get(&i->socket);
	net_work_init(&l->work, finish);
	l->pages = *pages;
	return l;
}

/* ---- joining ---- */

/* False: it is over already, and about to be freed. */
static bool get_unless_over(struct netbuf_loan *l)
{
	unsigned count = atomic_load(&l->ref.count);

	while (count != 0) {
		if (atomic_compare_exchange(&l->ref.count, &count, count + 1))
			return true;
	}
	return false;
}

/* The last loan, one call longer; NULL: it takes no more. socket.lock is held. */
static struct inet_loan *join_last(struct inet_socket *i, size_t len, struct socket_pages *pages)
{
	struct inet_loan *l = i->last_loan;

	if (l == NULL || l->bytes + len > JOINED_MAX || l->first + l->nr != i->nr_lent)
		return NULL;
	if (pages->nr != 0 && l->pages.nr != 0 && pages->uid != l->pages.uid)
		return NULL;
	if (!get_unless_over(&l->loan))
		return NULL;
	if (pages->nr != 0) {
		l->pages.uid = pages->uid;
		l->pages.nr += pages->nr;
	}
	l->bytes += len;
	l->nr++;
	i->nr_lent++;
	return l;
}

/* socket.lock is held. */
static void begin(struct inet_socket *i, struct inet_loan *l, size_t len)
{
	l->first = i->nr_lent++;
	l->nr = 1;
	l->bytes = len;
	i->last_loan = l;
}

int inet_lend(struct inet_socket *i, struct socket_message *m)
{
	struct socket_pages pages = { .nr = m->data->left / PAGE_SIZE + 2 };
	struct inet_loan *l;

	if (!socket_host.hold_pages(&pages))
		return -ENOBUFS;
	spin_lock(&i->socket.lock);
	l = join_last(i, m->data->left, &pages);
	spin_unlock(&i->socket.lock);
	if (l == NULL) {
		l = loan_new(i, &pages);
		if (l == NULL) {
			socket_host.release_pages(&pages);
			return -ENOBUFS;
		}
		spin_lock(&i->socket.lock);
		begin(i, l, m->data->left);
		spin_unlock(&i->socket.lock);
	}
	if (!m->data->user)
		atomic_store(&l->loan.copied, true);
	m->data->lends = true;
	m->loan = &l->loan;
	return 0;
}

void inet_lend_end(struct inet_socket *i, struct socket_message *m, bool sent)
{
	struct inet_loan *l = loan_of(m->loan);

	spin_lock(&i->socket.lock);
	if (!sent && l->first + l->nr == i->nr_lent) {
		l->nr--;
		i->nr_lent--;
	}
	spin_unlock(&i->socket.lock);
	m->data->lends = false;
	m->loan = NULL;
	netbuf_loan_put(&l->loan);
}
