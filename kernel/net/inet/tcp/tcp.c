/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's sockets: birth and death, what the engine tells, names, poll, ioctl (tcp(7)). */
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/inet/report.h"
#include "net/inet/tcp/tcp.h"
#include "net/tcp/engine.h"

/* What an accepted socket has of its listener's options. */
#define INHERITED \
	(1ull << SO_REUSEADDR | 1ull << SO_REUSEPORT | 1ull << SO_KEEPALIVE | \
	 1ull << SO_OOBINLINE | 1ull << SO_DONTROUTE | 1ull << SO_DEBUG)

static const struct socket_ops tcp_ops;
static const struct tcp_events events;

/* ---- what the engine tells ---- */

static struct tcp_socket *of_engine(struct tcp *t)
{
	return container_of(t, struct tcp_socket, tcp);
}

/* What SO_SNDBUF and SO_RCVBUF show follows what the engine makes of it. */
static void follow_limits(struct tcp_socket *u)
{
	WRITE_ONCE(u->inet.socket.send_limit, READ_ONCE(u->tcp.send_limit));
	WRITE_ONCE(u->inet.socket.receive_limit, READ_ONCE(u->tcp.receive_limit));
}

static void changed(struct tcp *t, unsigned news)
{
	struct tcp_socket *u = of_engine(t);
	struct socket *s = &u->inet.socket;
	unsigned key = 0;
	int error;

	follow_limits(u);
	if ((news & TCP_NEWS_ENDED) != 0) {
		error = tcp_take_error(t);
		if (error != 0)
			atomic_store(&s->error, error);
		key |= EPOLLHUP | EPOLLRDHUP | (error != 0 ? EPOLLERR : 0);
	}
	if ((news & (TCP_NEWS_READABLE | TCP_NEWS_PENDING | TCP_NEWS_ENDED)) != 0)
		key |= EPOLLIN | EPOLLRDNORM | (READ_ONCE(t->got_fin) ? EPOLLRDHUP : 0);
	if ((news & (TCP_NEWS_WRITABLE | TCP_NEWS_CONNECTED | TCP_NEWS_ENDED)) != 0)
		key |= EPOLLOUT | EPOLLWRNORM;
	if ((news & TCP_NEWS_URGENT) != 0)
		key |= EPOLLPRI | EPOLLIN;
	socket_wake(s, key);
	if ((news & TCP_NEWS_SENT_ALL) != 0)
		waitq_wake_all(&s->writable, EPOLLOUT);
}

static void start(struct tcp_socket *u, struct net *net, bool v6)
{
	mutex_init(&u->read_lock);
	tcp_init(&u->tcp, net, &events, v6);
	inet_attach(&u->inet, &u->tcp.endpoint, v6);
	u->inet.socket.protocol = IPPROTO_TCP;
	follow_limits(u);
}

/* In any context, with what the listener has. */
static struct tcp *child(struct tcp *listener)
{
	struct tcp_socket *l = of_engine(listener), *u = kmem_alloc_nowait(sizeof(*u));
	const struct socket *from = &l->inet.socket;
	struct socket *s;

	if (u == NULL)
		return NULL;
	s = &u->inet.socket;
	inet_init_child(&u->inet, &l->inet);
	start(u, l->inet.net, inet_is_v6(&l->inet));
	s->options = READ_ONCE(from->options) & INHERITED;
	s->receive_low = READ_ONCE(from->receive_low);
	s->linger_sec = READ_ONCE(from->linger_sec);
	s->send_timeout_ns = READ_ONCE(from->send_timeout_ns);
	s->receive_timeout_ns = READ_ONCE(from->receive_timeout_ns);
	s->priority = READ_ONCE(from->priority);
	s->mark = READ_ONCE(from->mark);
	s->max_pacing_rate = READ_ONCE(from->max_pacing_rate);
	s->traits = READ_ONCE(from->traits) & SOCKET_SEND_LIMIT_SET;
	u->phase = TCP_CONNECTED;
	return &u->tcp;
}

static void get(struct tcp *t)
{
	socket_get(&of_engine(t)->inet.socket);
}

static void put(struct tcp *t)
{
	socket_put(&of_engine(t)->inet.socket);
}

static const struct tcp_events events = {
	.changed = changed,
	.child = child,
	.get = get,
	.put = put,
};

/* ---- birth and death ---- */

int inet_tcp_new(bool v6, struct socket **out)
{
	struct tcp_socket *u = kmem_new(struct tcp_socket);
	int err;

	if (u == NULL)
		return -ENOMEM;
	err = inet_init(&u->inet, &tcp_ops, SOCK_STREAM);
	if (err != 0) {
		kmem_free(u);
		return err;
	}
	start(u, u->inet.net, v6);
	*out = &u->inet.socket;
	return 0;
}

static void tcp_socket_free(struct socket *s)
{
	struct tcp_socket *u = tcp_socket_of(s);

	tcp_fini(&u->tcp);
	inet_fini(&u->inet);
	kmem_free(u);
}

/* ---- what it is like now ---- */

static int get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	enum tcp_state state = tcp_state(&tcp_socket_of(s)->tcp);

	if (of == SOCKET_PEER_NAME && (state == TCP_STATE_CLOSED || state == TCP_STATE_SYN_SENT))
		return -ENOTCONN;
	return inet_get_name(s, of, out);
}

int tcp_socket_take_error(struct tcp_socket *u)
{
	int err = socket_take_error(&u->inet.socket);

	return err != 0 ? err : -tcp_take_error(&u->tcp);
}

/* The urgent byte at the head is not there to be read, unless inline. */
static bool is_readable(struct tcp_socket *u)
{
	const struct socket *s = &u->inet.socket;
	unsigned least = READ_ONCE(s->receive_low);

	if (READ_ONCE(u->tcp.in_bytes) < least)
		return false;
	if (atomic_load(&u->tcp.urgent) == TCP_URGENT_NONE || socket_option_is_on(s, SO_OOBINLINE))
		return true;
	return READ_ONCE(u->tcp.in_bytes) >= least + tcp_is_at_mark(&u->tcp);
}

static bool has_urgent(const struct tcp_socket *u)
{
	return atomic_load(&u->tcp.urgent) == TCP_URGENT_HERE;
}

static unsigned tcp_poll(struct socket *s, struct poll_table *t)
{
	struct tcp_socket *u = tcp_socket_of(s);
	enum tcp_state state = tcp_state(&u->tcp);
	unsigned ends = tcp_socket_ends(u), events_now = 0;

	if (tcp_socket_has_error(u) || atomic_load(&u->inet.nr_errors) > 0)
		events_now |= EPOLLERR;
	if (state == TCP_STATE_LISTEN)
		return events_now | (tcp_has_pending(&u->tcp) ? EPOLLIN | EPOLLRDNORM : 0);
	if (ends == TCP_NO_BOTH || state == TCP_STATE_CLOSED)
		events_now |= EPOLLHUP;
	if ((ends & TCP_NO_RECEIVE) != 0)
		events_now |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (tcp_socket_is_connecting(u))
		return events_now;
	if (is_readable(u))
		events_now |= EPOLLIN | EPOLLRDNORM;
	if ((ends & TCP_NO_SEND) != 0 || tcp_is_writable(&u->tcp))
		events_now |= EPOLLOUT | EPOLLWRNORM;
	if (has_urgent(u))
		events_now |= EPOLLPRI;
	return events_now;
}

static long tcp_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	struct tcp *t = &tcp_socket_of(s)->tcp;
	bool listens = tcp_state(t) == TCP_STATE_LISTEN;
	int value;

	switch (cmd) {
	case FIONREAD:
		value = (int)tcp_readable(t);
		break;
	case SIOCATMARK:
		value = tcp_is_at_mark(t);
		return user_write_struct(arg, &value);
	case TIOCOUTQ:
		value = (int)tcp_unacked(t);
		break;
	case SIOCOUTQNSD:
		value = (int)tcp_not_sent(t);
		break;
	default:
		return inet_ioctl(s, cmd, arg);
	}
	return listens ? -EINVAL : user_write_struct(arg, &value);
}

static const struct socket_ops tcp_ops = {
	.bind = inet_bind,
	.connect = tcp_socket_connect,
	.listen = tcp_socket_listen,
	.accept = tcp_socket_accept,
	.send = tcp_socket_send,
	.receive = tcp_socket_receive,
	.get_name = get_name,
	.set_option = tcp_socket_set_option,
	.get_option = tcp_socket_get_option,
	.option_changed = tcp_socket_option_changed,
	.shutdown = tcp_socket_shutdown,
	.ioctl = tcp_ioctl,
	.poll = tcp_poll,
	.close = tcp_socket_close,
	.free = tcp_socket_free,
};

/* ---- /proc/net ---- */

static const struct {
	enum tcp_timer due;
	enum inet_timer shown;
} timers[] = {
	{ TCP_TIMER_RETRANSMIT, INET_TIMER_RETRANSMIT },
	{ TCP_TIMER_LOSS_PROBE, INET_TIMER_RETRANSMIT },
	{ TCP_TIMER_REORDER, INET_TIMER_RETRANSMIT },
	{ TCP_TIMER_WINDOW_PROBE, INET_TIMER_WINDOW_PROBE },
	{ TCP_TIMER_KEEPALIVE, INET_TIMER_KEEPALIVE },
	{ TCP_TIMER_END, INET_TIMER_KEEPALIVE },
};

/* The first of them that is set; FIN-WAIT-2's end is the keepalive's to Linux. */
static void report_timer(struct tcp *t, struct inet_report *r)
{
	nsec_t due = NSEC_NEVER, now = clock_monotonic();

	scoped_spin(&t->lock);
	r->nr_retries = t->probes != 0 ? t->probes : t->retries;
	for (size_t i = 0; i < ARRAY_SIZE(timers) && due == NSEC_NEVER; i++) {
		due = t->due[timers[i].due];
		r->timer = due != NSEC_NEVER ? timers[i].shown : INET_TIMER_NONE;
	}
	r->timer_ns = r->timer == INET_TIMER_NONE || due < now ? 0 : due - now;
}

/* What is left of a connection after its end. */
static bool report_rest(struct endpoint *end, struct inet_report *r)
{
	*r = (struct inet_report){ .timer = INET_TIMER_TIME_WAIT };
	if (!tcp_rest_show(end, &r->local, &r->remote, &r->timer_ns))
		return false;
	r->v6 = (READ_ONCE(end->flags) & ENDPOINT_V6) != 0;
	r->protocol = IPPROTO_TCP;
	r->state = TCP_STATE_TIME_WAIT;
	r->dev_index = READ_ONCE(end->dev_index);
	return true;
}

bool inet_tcp_report(struct endpoint *end, struct inet_report *r)
{
	struct tcp_socket *u;
	struct tcp *t;

	if (!tcp_is_connection(end))
		return report_rest(end, r);
	t = tcp_of_endpoint(end);
	if (t->events != &events)
		return false;
	u = of_engine(t);
	inet_report_socket(&u->inet, r);
	r->protocol = IPPROTO_TCP;
	r->state = tcp_state(t);
	r->shutdown = tcp_socket_ends(u);
	r->received_memory = READ_ONCE(t->in_charge);
	r->sent_memory = READ_ONCE(t->out_charge);
	if (READ_ONCE(t->is_orphan))
		r->ino = r->uid = 0;
	r->is_orphan = READ_ONCE(t->is_orphan);
	if (r->state == TCP_STATE_LISTEN) {
		r->nr_received = READ_ONCE(t->nr_pending);
		r->nr_sent = READ_ONCE(t->backlog);
		return true;
	}
	r->nr_received = tcp_readable(t);
	r->nr_sent = tcp_unacked(t);
	report_timer(t, r);
	return true;
}
