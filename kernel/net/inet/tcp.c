/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP: birth and death, names, poll, ioctl (tcp(7)). tcp.h has the theory. */
#include "net/inet/tcp.h"

#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/user.h"
#include "net/inet/report.h"

#define SEND_DEFAULT    16384u  /* as /proc/sys/net/ipv4/tcp_wmem */
#define RECEIVE_DEFAULT 131072u /* as /proc/sys/net/ipv4/tcp_rmem */

/* RFC 9293's states as Linux numbers them. */
enum {
	NUMBER_ESTABLISHED = 1,
	NUMBER_SYN_SENT,
	NUMBER_FIN_WAIT2 = 5,
	NUMBER_CLOSE = 7,
	NUMBER_CLOSE_WAIT,
	NUMBER_LISTEN = 10,
};

static const struct socket_ops tcp_ops;

struct tcp_socket *tcp_new(void)
{
	struct tcp_socket *u = kmem_new(struct tcp_socket);

	if (u == NULL)
		return NULL;
	inet_init(&u->inet, &tcp_ops, SOCK_STREAM);
	u->inet.socket.send_limit = SEND_DEFAULT;
	u->inet.socket.receive_limit = RECEIVE_DEFAULT;
	mutex_init(&u->read_lock);
	list_init(&u->queue);
	list_init(&u->pending);
	list_init(&u->waiters);
	list_init(&u->pending_link);
	return u;
}

int inet_tcp_new(struct socket **out)
{
	struct tcp_socket *u = tcp_new();

	if (u == NULL)
		return -ENOMEM;
	*out = &u->inet.socket;
	return 0;
}

static void tcp_free(struct socket *s)
{
	struct tcp_socket *u = tcp_of(s);

	inet_fini(&u->inet);
	kmem_free(u);
}

struct tcp_socket *tcp_peer_get(struct tcp_socket *u)
{
	scoped_spin(&u->inet.socket.lock);
	if (u->peer != NULL)
		tcp_get(u->peer);
	return u->peer;
}

/* ---- packets ---- */

void tcp_queue_take(struct tcp_socket *u, struct list *to)
{
	struct packet *p;

	list_init(to);
	scoped_spin(&u->inet.socket.lock);
	while ((p = list_first(&u->queue, struct packet, link)) != NULL) {
		list_remove(&p->link);
		list_append(to, &p->link);
	}
	u->urgent = NULL;
	atomic_store(&u->urgency, URGENT_NONE);
	atomic_store(&u->bytes_queued, 0);
}

size_t tcp_packets_free(struct tcp_socket *sender, struct list *packets)
{
	size_t bytes = 0;
	struct packet *p;

	while ((p = list_first(packets, struct packet, link)) != NULL) {
		bytes += packet_left(p);
		list_remove(&p->link);
		(void)atomic_sub(&sender->nr_sent, p->charge);
		packet_free(p);
	}
	return bytes;
}

size_t tcp_send_room(const struct tcp_socket *u, const struct tcp_socket *peer)
{
	return (size_t)READ_ONCE(u->inet.socket.send_limit) +
	       READ_ONCE(peer->inet.socket.receive_limit);
}

bool tcp_is_writable(struct tcp_socket *u)
{
	size_t room = READ_ONCE(u->inet.socket.send_limit);
	struct tcp_socket *peer = tcp_peer_get(u);

	if (peer != NULL)
		room = tcp_send_room(u, peer);
	tcp_put(peer);
	return atomic_load(&u->nr_sent) <= room / 3 * 2;
}

/* ---- what it is like now ---- */

unsigned tcp_state_number(const struct tcp_socket *u)
{
	unsigned ends = atomic_load(&u->ends);

	switch (atomic_load(&u->state)) {
	case STREAM_LISTENING:
		return NUMBER_LISTEN;
	case STREAM_CONNECTING:
		return NUMBER_SYN_SENT;
	default:
		if (tcp_is_closed(u))
			return NUMBER_CLOSE;
		if ((ends & STREAM_SENT_FIN) != 0)
			return NUMBER_FIN_WAIT2;
		return (ends & STREAM_GOT_FIN) != 0 ? NUMBER_CLOSE_WAIT : NUMBER_ESTABLISHED;
	}
}

void inet_tcp_report_locked(struct inet_socket *i, struct inet_report *r)
{
	struct tcp_socket *u = container_of(i, struct tcp_socket, inet);

	r->state = tcp_state_number(u);
	r->nr_received = u->state == STREAM_LISTENING ? atomic_load(&u->nr_pending)
						      : atomic_load(&u->bytes_queued);
	if (u->state == STREAM_LISTENING)
		r->nr_sent = u->backlog;
}

static int tcp_get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	struct tcp_socket *u = tcp_of(s);

	scoped_spin(&inet_lock);
	if (of == SOCKET_OWN_NAME) {
		inet_address_write(&u->inet, &u->inet.local, out);
		return 0;
	}
	if (u->inet.remote.port == 0 || u->state == STREAM_CONNECTING)
		return -ENOTCONN;
	if (of == SOCKET_PEER_NAME && tcp_is_closed(u))
		return -ENOTCONN;
	inet_address_write(&u->inet, &u->inet.remote, out);
	return 0;
}

/* The urgent byte at the head is not there to be read, unless inline. */
static bool is_readable(struct tcp_socket *u)
{
	unsigned least = READ_ONCE(u->inet.socket.receive_low);

	if (READ_ONCE(u->urgent) != NULL && tcp_is_at_mark(u) &&
	    !socket_option_is_on(&u->inet.socket, SO_OOBINLINE))
		least++;
	return atomic_load(&u->bytes_queued) >= least;
}

static unsigned tcp_poll(struct socket *s, struct poll_table *t)
{
	struct tcp_socket *u = tcp_of(s);
	unsigned ends = atomic_load(&u->ends), events = 0;
	enum stream_state state = atomic_load(&u->state);

	if (READ_ONCE(s->error) != 0)
		events |= EPOLLERR;
	if (state == STREAM_LISTENING)
		return events | (tcp_has_pending(u) ? EPOLLIN | EPOLLRDNORM : 0);
	if ((ends & STREAM_NO_BOTH) == STREAM_NO_BOTH || tcp_is_closed(u))
		events |= EPOLLHUP;
	if ((ends & STREAM_NO_RECEIVE) != 0)
		events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state == STREAM_CONNECTING)
		return events;
	if (is_readable(u))
		events |= EPOLLIN | EPOLLRDNORM;
	if ((ends & STREAM_NO_SEND) != 0 || tcp_is_writable(u))
		events |= EPOLLOUT | EPOLLWRNORM;
	if (atomic_load(&u->urgency) == URGENT_NEW)
		events |= EPOLLPRI;
	return events;
}

static long tcp_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	struct tcp_socket *u = tcp_of(s);
	bool listens = atomic_load(&u->state) == STREAM_LISTENING;
	int value;

	switch (cmd) {
	case FIONREAD:
		if (listens)
			return -EINVAL;
		value = (int)tcp_bytes_to_read(u);
		break;
	case SIOCATMARK:
		value = tcp_is_at_mark(u);
		break;
	case TIOCOUTQ:
		if (listens)
			return -EINVAL;
		value = 0; /* what was sent has arrived */
		break;
	default:
		return inet_ioctl(s, cmd, arg);
	}
	return user_write_struct(arg, &value);
}

static int tcp_set_option(struct socket *s, const struct socket_option *o)
{
	int err = tcp_set_special(s, o);

	return err == -ENOPROTOOPT ? inet_set_option(s, o) : err;
}

static int tcp_get_option(struct socket *s, struct socket_option *o)
{
	int err = tcp_get_special(s, o);

	return err == -ENOPROTOOPT ? inet_get_option(s, o) : err;
}

static const struct socket_ops tcp_ops = {
	.bind = inet_bind,
	.connect = tcp_connect,
	.listen = tcp_listen,
	.accept = tcp_accept,
	.send = tcp_send,
	.receive = tcp_receive,
	.get_name = tcp_get_name,
	.set_option = tcp_set_option,
	.get_option = tcp_get_option,
	.shutdown = tcp_shutdown,
	.ioctl = tcp_ioctl,
	.poll = tcp_poll,
	.close = tcp_close,
	.free = tcp_free,
};
