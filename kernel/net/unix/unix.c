/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_UNIX: the family's line, birth and death, shutdown, poll, ioctl. unix.h has the theory. */
#include "net/ioctl/ioctl.h"
#include "net/unix/unix.h"

#include <asm/ioctls.h>
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/unix/message.h"
#include "net/unix/report.h"

struct spinlock unix_lock = SPINLOCK_INIT;
struct list unix_all = LIST_INIT(unix_all);
unsigned unix_nr_sockets;

static const struct socket_ops *ops_of(int type)
{
	return type == SOCK_STREAM  ? &unix_stream_ops
	       : type == SOCK_DGRAM ? &unix_datagram_ops
				    : &unix_seqpacket_ops;
}

struct unix_socket *unix_new(int type)
{
	struct unix_socket *u = kmem_new(struct unix_socket);

	if (u == NULL)
		return NULL;
	socket_init(&u->socket, ops_of(type), type);
	u->socket.traits = type == SOCK_STREAM ? 0 : SOCKET_QUIET_PIPE;
	mutex_init(&u->read_lock);
	list_init(&u->queue);
	list_init(&u->pending);
	list_init(&u->pending_link);
	list_init(&u->followers);
	list_init(&u->follow_link);
	list_init(&u->flight_link);
	waitq_init(&u->room);
	u->backlog = type == SOCK_DGRAM ? UNIX_DATAGRAM_BACKLOG : UINT32_MAX;
	scoped_spin(&unix_lock);
	list_append(&unix_all, &u->all_link);
	unix_nr_sockets++;
	return u;
}

static int create(int type, int protocol, struct socket **out)
{
	struct unix_socket *u;

	if (protocol != 0 && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM; /* as BSD had it */
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	u = unix_new(type);
	if (u == NULL)
		return -ENOMEM;
	*out = &u->socket;
	return 0;
}

SOCKET_FAMILY(unix_family) = {
	.family = AF_UNIX,
	.create = create,
	.address_max = UNIX_ADDRESS_MAX,
};

struct unix_socket *unix_peer_get(struct unix_socket *u)
{
	scoped_spin(&u->socket.lock);
	if (u->peer != NULL)
		unix_get(u->peer);
	return u->peer;
}

bool unix_is_writable(const struct unix_socket *u)
{
	return atomic_load(&u->state) != UNIX_LISTENING &&
	       atomic_load(&u->nr_sent) <= READ_ONCE(u->socket.send_limit) / 4;
}

void unix_queue_take(struct unix_socket *u, struct list *to)
{
	struct unix_message *m;

	list_init(to);
	scoped_spin(&u->socket.lock);
	while ((m = list_first(&u->queue, struct unix_message, packet.link)) != NULL) {
		list_remove(&m->packet.link);
		list_append(to, &m->packet.link);
	}
	atomic_store(&u->nr_queued, 0);
	u->bytes_queued = 0;
}

/* ---- shutdown ---- */

void unix_mark_shutdown(struct unix_socket *u, unsigned how)
{
	spin_lock(&u->socket.lock);
	atomic_store(&u->shutdown, u->shutdown | how);
	spin_unlock(&u->socket.lock);
}

/* Everybody who waits for a change of u looks again. */
static void wake_changed(struct unix_socket *u, unsigned how)
{
	unsigned key = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM;

	socket_wake(&u->socket, how == UNIX_NO_BOTH ? key | EPOLLHUP : key);
	waitq_wake_all(&u->room, EPOLLOUT);
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_socket *u = unix_of(s), *peer;
	unsigned mine = (unsigned)how + 1, theirs = 0;

	if ((mine & UNIX_NO_RECEIVE) != 0)
		theirs |= UNIX_NO_SEND;
	if ((mine & UNIX_NO_SEND) != 0)
		theirs |= UNIX_NO_RECEIVE;
	unix_mark_shutdown(u, mine);
	peer = unix_is_connection(u) ? unix_peer_get(u) : NULL;
	wake_changed(u, READ_ONCE(u->shutdown));
	if (peer == NULL)
		return 0;
	unix_mark_shutdown(peer, theirs);
	wake_changed(peer, theirs);
	unix_put(peer);
	return 0;
}

/* ---- the end ---- */

void unix_unfollow_locked(struct unix_socket *u)
{
	if (u->peer == NULL)
		return;
	spin_lock(&u->peer->socket.lock);
	list_remove(&u->follow_link);
	spin_unlock(&u->peer->socket.lock);
}

/* Those that poll u for room find it closed; they stay connected until they send. */
static void drop_followers_locked(struct unix_socket *u)
{
	struct unix_socket *f;

	while ((f = list_first(&u->followers, struct unix_socket, follow_link)) != NULL) {
		list_remove(&f->follow_link);
		waitq_wake_all(&f->socket.writable, EPOLLOUT | EPOLLWRNORM);
	}
}

/* u is found and reached no more. What is left to do without locks is in `rest`. */
struct remains {
	struct list embryos;
	struct unix_socket *peer;
	struct socket_key key;
};

static void bury(struct unix_socket *u, struct remains *rest)
{
	struct unix_socket *e;

	list_init(&rest->embryos);
	scoped_spin(&unix_lock);
	unix_name_forget_locked(u, &rest->key);
	while ((e = list_first(&u->pending, struct unix_socket, pending_link)) != NULL) {
		list_remove(&e->pending_link);
		list_append(&rest->embryos, &e->pending_link);
	}
	atomic_store(&u->nr_pending, 0);
	unix_unfollow_locked(u);
	spin_lock(&u->socket.lock);
	u->closed = true;
	atomic_store(&u->shutdown, UNIX_NO_BOTH);
	rest->peer = u->peer;
	u->peer = NULL;
	drop_followers_locked(u);
	spin_unlock(&u->socket.lock);
}

static void tell_peer(struct unix_socket *u, struct unix_socket *peer, bool unread)
{
	if (unix_is_connection(u)) {
		unix_mark_shutdown(peer, UNIX_NO_BOTH);
		if (unread || READ_ONCE(u->embryo))
			atomic_store(&peer->socket.error, ECONNRESET);
		wake_changed(peer, UNIX_NO_BOTH);
	}
	unix_put(peer);
}

static void unix_close(struct socket *s)
{
	struct unix_socket *u = unix_of(s), *e;
	struct remains rest = { .peer = NULL };
	struct list messages;

	bury(u, &rest);
	unix_queue_take(u, &messages);
	if (rest.peer != NULL)
		tell_peer(u, rest.peer, !list_is_empty(&messages));
	waitq_wake_all(&u->room, EPOLLOUT);
	unix_messages_free(&messages);
	while ((e = list_first(&rest.embryos, struct unix_socket, pending_link)) != NULL) {
		list_remove(&e->pending_link);
		socket_close(&e->socket);
	}
	if (rest.key.id != NULL)
		socket_host.name_put(&rest.key);
	if (!list_is_empty(&unix_flights))
		unix_collect_garbage();
}

static void unix_free(struct socket *s)
{
	struct unix_socket *u = unix_of(s);

	spin_lock(&unix_lock);
	list_remove(&u->all_link);
	unix_nr_sockets--;
	spin_unlock(&unix_lock);
	unix_name_put(u->name);
	kmem_free(u);
}

/* ---- what it is like now ---- */

static int unix_get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	struct unix_socket *u = unix_of(s), *peer = NULL;
	const struct unix_name *n;

	if (of != SOCKET_OWN_NAME) {
		peer = unix_peer_get(u);
		if (peer == NULL)
			return -ENOTCONN;
		u = peer;
	}
	n = atomic_load(&u->name);
	if (n != NULL) {
		*out = n->address;
	} else {
		out->family = AF_UNIX;
		out->len = sizeof(out->family);
	}
	unix_put(peer);
	return 0;
}

static unsigned poll_common(struct unix_socket *u)
{
	unsigned shutdown = atomic_load(&u->shutdown), events = 0;

	if (READ_ONCE(u->socket.error) != 0)
		events |= EPOLLERR;
	if (shutdown == UNIX_NO_BOTH)
		events |= EPOLLHUP;
	if ((shutdown & UNIX_NO_RECEIVE) != 0)
		events |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (atomic_load(&u->nr_queued) > 0 || atomic_load(&u->nr_pending) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	if (unix_is_connection(u) && atomic_load(&u->state) == UNIX_IDLE)
		events |= EPOLLHUP;
	return events;
}

static unsigned stream_poll(struct socket *s, struct poll_table *t)
{
	struct unix_socket *u = unix_of(s);
	unsigned events = poll_common(u);

	if (unix_is_writable(u))
		events |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return events;
}

/* A datagram's way is blocked by a full queue of the peer's, too. */
static bool peer_is_full(struct unix_socket *u)
{
	struct unix_socket *peer = unix_peer_get(u);
	bool full = false;

	if (peer == NULL)
		return false;
	full = READ_ONCE(peer->peer) != u &&
	       atomic_load(&peer->nr_queued) > READ_ONCE(peer->backlog);
	unix_put(peer);
	return full;
}

static unsigned datagram_poll(struct socket *s, struct poll_table *t)
{
	struct unix_socket *u = unix_of(s);
	unsigned events = poll_common(u);

	if (unix_is_writable(u) && !peer_is_full(u))
		events |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return events;
}

/* FIONREAD: all that a stream has; of datagrams the next one. */
static long bytes_to_read(struct unix_socket *u)
{
	struct unix_message *first;

	if (atomic_load(&u->state) == UNIX_LISTENING)
		return -EINVAL;
	scoped_spin(&u->socket.lock);
	first = list_first(&u->queue, struct unix_message, packet.link);
	if (unix_is_connection(u) || first == NULL)
		return (long)u->bytes_queued;
	return (long)first->packet.len;
}

static long unix_ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	struct unix_socket *u = unix_of(s);
	long n;
	int bytes;

	if (cmd == FIONREAD)
		n = bytes_to_read(u);
	else if (cmd == TIOCOUTQ)
		n = (long)atomic_load(&u->nr_sent);
	else
		return interface_ioctl(cmd, arg);
	if (n < 0)
		return n;
	bytes = (int)n;
	return user_write_struct(arg, &bytes);
}

static int unix_set_option(struct socket *s, const struct socket_option *o)
{
	int value;

	if (o->name != SO_PEEK_OFF)
		return -ENOPROTOOPT;
	memcpy(&value, o->value, sizeof(value));
	scoped_spin(&s->lock);
	s->peek_offset = value;
	return 0;
}

static int unix_get_option(struct socket *s, struct socket_option *o)
{
	int value = READ_ONCE(s->peek_offset);

	if (o->name != SO_PEEK_OFF)
		return -ENOPROTOOPT;
	o->len = min(o->len, (unsigned)sizeof(value));
	memcpy(o->value, &value, o->len);
	return 0;
}

/* What the three types share. */
#define UNIX_OPS_COMMON \
	.bind = unix_bind, .pair = unix_pair, .get_name = unix_get_name, \
	.set_option = unix_set_option, .get_option = unix_get_option, .shutdown = unix_shutdown, \
	.ioctl = unix_ioctl, .close = unix_close, .free = unix_free

const struct socket_ops unix_stream_ops = {
	UNIX_OPS_COMMON,       .connect = unix_connect,  .listen = unix_listen,
	.accept = unix_accept, .send = unix_stream_send, .receive = unix_stream_receive,
	.poll = stream_poll,
};

const struct socket_ops unix_seqpacket_ops = {
	UNIX_OPS_COMMON,       .connect = unix_connect,     .listen = unix_listen,
	.accept = unix_accept, .send = unix_seqpacket_send, .receive = unix_seqpacket_receive,
	.poll = datagram_poll,
};

const struct socket_ops unix_datagram_ops = {
	UNIX_OPS_COMMON,
	.connect = unix_datagram_connect,
	.send = unix_datagram_send,
	.receive = unix_datagram_receive,
	.poll = datagram_poll,
};

/* ---- /proc/net/unix ---- */

/* unix_lock is held. */
static void report_queues(struct unix_socket *u, struct unix_report *r)
{
	bool listens = r->listens;

	r->cookie = socket_cookie(&u->socket);
	r->peer_ino = u->peer == NULL ? 0 : u->peer->socket.ino;
	r->shutdown = atomic_load(&u->shutdown);
	r->nr_received = listens ? u->nr_pending : READ_ONCE(u->bytes_queued);
	r->nr_sent = listens ? READ_ONCE(u->backlog) : atomic_load(&u->nr_sent);
	r->sent_memory = atomic_load(&u->nr_sent);
	r->send_limit = READ_ONCE(u->socket.send_limit);
	r->receive_limit = READ_ONCE(u->socket.receive_limit);
}

unsigned unix_report(void *to, unsigned room)
{
	struct unix_report *all = to;
	struct unix_socket *u;
	unsigned nr = 0;

	scoped_spin(&unix_lock);
	list_foreach(&unix_all, u, all_link) {
		const struct unix_name *n = u->name;

		if (nr == room)
			return unix_nr_sockets;
		all[nr] = (struct unix_report){
			.type = u->socket.type,
			.ino = u->socket.ino,
			.listens = u->state == UNIX_LISTENING,
			.connected = u->state == UNIX_CONNECTED,
			.refs = u->socket.ref.count,
		};
		if (n != NULL)
			all[nr].name = n->address;
		report_queues(u, &all[nr]);
		nr++;
	}
	return nr;
}
