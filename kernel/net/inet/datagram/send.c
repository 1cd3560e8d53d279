/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending a datagram, of any kind: where to, what is said beside it, whether there is room, the
 * bytes, and then what the kind does with them. With MSG_MORE or UDP_CORK the bytes wait for those
 * of further calls, and go where the first call said, as one datagram. What is on its way is
 * charged to the socket until the device has sent it or the loopback delivered it.
 */
#include <linux/eventpoll.h>
#include <linux/net_tstamp.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/inet/datagram/datagram.h"
#include "net/ip/ip.h"

#define WHOLE_MAX  65535u /* of what was kept back, with the transport's header */
#define LINEAR_MAX 1800u  /* bytes; longer ones are in pages */

/* ---- room ---- */

static bool has_room(const struct datagram_socket *d)
{
	return atomic_load(&d->nr_sent) < READ_ONCE(d->inet.socket.send_limit);
}

bool datagram_is_writable(const struct datagram_socket *d)
{
	return atomic_load(&d->nr_sent) <= READ_ONCE(d->inet.socket.send_limit) / 2;
}

static void sent(struct netbuf *b)
{
	struct datagram_socket *d = b->owner;
	struct socket *s = &d->inet.socket;

	if ((b->flags & NETBUF_WANTS_STAMP) != 0 && b->time_ns != 0)
		inet_error_stamped(&d->inet, b, b->stamp_key);
	b->flags &= (uint16_t)~NETBUF_WANTS_STAMP;
	(void)atomic_sub(&d->nr_sent, b->charge);
	if (datagram_is_writable(d) && waitq_is_active(&s->writable))
		waitq_wake_all(&s->writable, EPOLLOUT | EPOLLWRNORM);
	socket_put(s);
}

static int wait_room(struct datagram_socket *d, unsigned flags)
{
	struct socket *s = &d->inet.socket;
	nsec_t timeout = READ_ONCE(s->send_timeout_ns);
	int err;

	if (has_room(d))
		return 0;
	if ((flags & MSG_DONTWAIT) != 0)
		return -EAGAIN;
	err = wait_event(&s->writable, has_room(d), WAIT_INTERRUPTIBLE, socket_deadline(timeout));
	return err != 0 ? socket_wait_error(err, timeout) : 0;
}

/* ---- send ---- */

/* 0, SO_ERROR, or -EPIPE after shutdown(2). */
static int may_send(struct datagram_socket *d)
{
	int err = socket_take_error(&d->inet.socket);

	if (err != 0)
		return err;
	return (atomic_load(&d->ends) & DATAGRAM_NO_SEND) != 0 ? -EPIPE : 0;
}

/* Empty; with the program's own pages, if they are lent and one netbuf can have them all. */
static struct netbuf *new_for(const struct socket_message *m)
{
	uint32_t len = (uint32_t)m->data->left;
	struct netbuf *b;

	if (m->loan != NULL && uio_reach(m->data, NETBUF_PARTS_MAX) >= len) {
		b = netbuf_new(0);
		if (b != NULL)
			netbuf_lend(b, m->loan);
		return b;
	}
	if (m->loan != NULL)
		atomic_store(&m->loan->copied, true);
	m->data->lends = false;
	return netbuf_new(len <= LINEAR_MAX ? len : 0);
}

/* A netbuf with all bytes of the message, charged to d. May wait for room. NULL: *err. */
static struct netbuf *fill(struct datagram_socket *d, const struct socket_message *m, int *err)
{
	struct netbuf *b;

	*err = wait_room(d, m->flags);
	if (*err != 0)
		return NULL;
	b = new_for(m);
	*err = b == NULL ? -ENOBUFS : netbuf_fill(b, m->data, (uint32_t)m->data->left);
	if (*err != 0) {
		netbuf_free(b);
		return NULL;
	}
	(void)atomic_add(&d->nr_sent, b->charge);
	socket_get(&d->inet.socket);
	b->owner = d;
	b->on_free = sent;
	return b;
}

/* When it goes: by the socket's word, or this message's. */
static void ask_stamp(struct inet_socket *i, const struct socket_message *m, struct netbuf *b)
{
	uint32_t asked = READ_ONCE(i->stamping), sends = asked;

	if (m->way != NULL && m->way->has_stamping)
		sends = m->way->stamping;
	if ((sends & SOF_TIMESTAMPING_TX_SOFTWARE) == 0)
		return;
	b->flags |= NETBUF_WANTS_STAMP;
	if ((asked & SOF_TIMESTAMPING_OPT_ID) != 0)
		b->stamp_key = atomic_add(&i->nr_stamped, 1) - 1;
}

/* With IP_RECVERR the queue of errors has the path's MTU. */
static void tell_too_long(struct inet_socket *i, const struct datagram_sending *x)
{
	struct inet_address to = x->to.at;
	struct ip_path path;

	if (inet_way_path(i, &x->to, &x->way, &path) != 0)
		return;
	to.port = inet_remote(i).port;
	inet_error_too_long(i, &to, path.mtu);
	ip_path_drop(&path);
}

/* A socket that is bound, or not; connected, or not. */
static int choose(struct datagram_socket *d, const struct datagram_kind *kind,
		  struct datagram_sending *x)
{
	int err = kind->find_target(d, x);

	if (err == 0)
		err = inet_way_choose(&d->inet, x->message, &x->to, &x->way);
	if (err == 0 && kind->check != NULL)
		err = kind->check(d, x);
	return err != 0 ? err : may_send(d);
}

/* Takes b. */
static int pass_on(struct datagram_socket *d, const struct datagram_kind *kind, struct netbuf *b,
		   struct datagram_sending *x)
{
	int err = kind->send(d, b, x);

	if (err == -EMSGSIZE)
		tell_too_long(&d->inet, x);
	net_run();
	return err;
}

static int send_now(struct datagram_socket *d, struct socket_message *m,
		    const struct datagram_kind *kind)
{
	struct datagram_sending x = { .message = m };
	int err = choose(d, kind, &x);
	struct netbuf *b;

	if (err != 0)
		return err;
	b = fill(d, m, &err);
	if (b == NULL)
		return err;
	ask_stamp(&d->inet, m, b);
	return pass_on(d, kind, b, &x);
}

/* ---- what is kept back; cork_lock is held ---- */

struct datagram_cork {
	struct netbuf *b;
	struct datagram_sending x;
	uint8_t from[16]; /* what x.way.from points to */
	const struct datagram_kind *kind;
};

static struct netbuf *cork_take(struct datagram_socket *d)
{
	struct datagram_cork *c = d->cork;
	struct netbuf *b = c->b;

	WRITE_ONCE(d->cork, NULL);
	kmem_free(c);
	return b;
}

static int cork_start(struct datagram_socket *d, struct socket_message *m,
		      const struct datagram_kind *kind)
{
	struct datagram_cork *c = kmem_new(struct datagram_cork);
	int err;

	if (c == NULL)
		return -ENOBUFS;
	*c = (struct datagram_cork){ .x.message = m, .kind = kind };
	err = choose(d, kind, &c->x);
	if (err == 0)
		c->b = fill(d, m, &err);
	if (c->b == NULL) {
		kmem_free(c);
		return err;
	}
	ask_stamp(&d->inet, m, c->b);
	if (c->x.way.from != NULL) {
		memcpy(c->from, c->x.way.from, sizeof(c->from));
		c->x.way.from = c->from;
	}
	WRITE_ONCE(d->cork, c);
	return 0;
}

/* One that becomes too long is lost as a whole. */
static int cork_add(struct datagram_socket *d, struct socket_message *m)
{
	struct netbuf *b = d->cork->b;
	uint32_t charge = b->charge;
	int err = may_send(d);

	if (err != 0)
		return err;
	if (b->len + m->data->left > WHOLE_MAX)
		err = -EMSGSIZE;
	else
		err = netbuf_fill(b, m->data, (uint32_t)m->data->left);
	(void)atomic_add(&d->nr_sent, b->charge - charge);
	if (err != 0)
		netbuf_free(cork_take(d));
	return err;
}

static int cork_send(struct datagram_socket *d, struct socket_message *m)
{
	const struct datagram_kind *kind = d->cork->kind;
	struct datagram_sending x = d->cork->x;
	uint8_t from[16];

	if (x.way.from != NULL) {
		memcpy(from, x.way.from, sizeof(from));
		x.way.from = from;
	}
	x.message = m;
	return pass_on(d, kind, cork_take(d), &x);
}

static int send_corked(struct datagram_socket *d, struct socket_message *m,
		       const struct datagram_kind *kind)
{
	bool more = (m->flags & MSG_MORE) != 0 || READ_ONCE(d->corks);
	int err;

	scoped_mutex(&d->cork_lock);
	if (d->cork == NULL)
		err = more ? cork_start(d, m, kind) : send_now(d, m, kind);
	else
		err = cork_add(d, m);
	if (err == 0 && !more && d->cork != NULL)
		err = cork_send(d, m);
	return err;
}

int datagram_uncork(struct datagram_socket *d)
{
	struct socket_message m = { .flags = MSG_DONTWAIT };

	scoped_mutex(&d->cork_lock);
	return d->cork != NULL ? cork_send(d, &m) : 0;
}

void datagram_close(struct datagram_socket *d)
{
	scoped_mutex(&d->cork_lock);
	if (d->cork != NULL)
		netbuf_free(cork_take(d));
}

/* ---- all of it ---- */

static int send_either(struct datagram_socket *d, struct socket_message *m,
		       const struct datagram_kind *kind)
{
	bool waits = (m->flags & MSG_MORE) != 0 || READ_ONCE(d->corks) ||
		     READ_ONCE(d->cork) != NULL;
	struct netbuf_loan *loan = m->loan;
	int err;

	if (!waits)
		return send_now(d, m, kind);
	/* What waits for more is the kernel's own. */
	if (loan != NULL)
		atomic_store(&loan->copied, true);
	m->loan = NULL;
	m->data->lends = false;
	err = send_corked(d, m, kind);
	m->loan = loan;
	return err;
}

ssize_t datagram_send(struct datagram_socket *d, struct socket_message *m,
		      const struct datagram_kind *kind)
{
	bool lends = inet_is_lending(&d->inet, m);
	size_t len = m->data->left;
	int err;

	if (len > UINT16_MAX)
		return -EMSGSIZE;
	if ((m->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	err = lends ? inet_lend(&d->inet, m) : 0;
	if (err != 0)
		return err;
	err = send_either(d, m, kind);
	if (lends) {
		inet_lend_end(&d->inet, m, err == 0);
		net_run();
	}
	return err != 0 ? err : (ssize_t)len;
}

/* ---- for kinds that have no engine of their own ---- */

int datagram_find_peer(struct datagram_socket *d, struct datagram_sending *x)
{
	x->to = (struct inet_target){ .at = inet_remote(&d->inet) };
	return x->to.at.port == 0 ? -EDESTADDRREQ : 0;
}

int datagram_send_along(struct datagram_socket *d, struct netbuf *b, struct datagram_sending *x,
			datagram_finish *finish)
{
	struct inet_socket *i = &d->inet;
	struct ip_path path;
	int err = inet_way_path(i, &x->to, &x->way, &path);

	if (err != 0) {
		netbuf_free(b);
		return err;
	}
	err = finish(d, b, x, &path);
	if (err == 0)
		err = inet_way_send(i, b, &x->to, &x->way, &path);
	else
		netbuf_free(b);
	ip_path_drop(&path);
	return err;
}
