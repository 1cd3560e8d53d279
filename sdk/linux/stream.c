/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP by sockets (tcp(7)). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "linux/linux.h"
#include "linux/sockets.h"

#define VECS       64u
#define ACCEPT_MAX 64u

static void set_no_delay(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int take_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* What epoll is asked for follows the connection's state. */
static void follow(struct hull_tcp *c)
{
	uint32_t wanted = 0;
	struct epoll_event e = { .data.ptr = &c->e };

	if (c->e.id < 0)
		return;
	if (!c->is_paused && !c->got_end && !c->is_connecting)
		wanted |= EPOLLIN;
	if (c->is_blocked || c->is_connecting)
		wanted |= EPOLLOUT;
	if (wanted == c->interest)
		return;
	e.events = wanted;
	(void)epoll_ctl(poller_of(c->e.loop)->epoll,
			c->interest == INTEREST_NONE ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, (int)c->e.id,
			&e);
	c->interest = wanted;
}

/* ---- beginning ---- */

static int listen_on(struct hull_listener *l, const struct hull_listen_config *c)
{
	const struct binding b = {
		.local = &c->local,
		.type = SOCK_STREAM,
		.reuse_port = c->reuse_port,
		.only_v6 = c->only_v6,
		.must_bind = true,
		.v4 = hull_address_is_v4(&c->local),
	};
	int fd = hull_socket_make(&b, &l->e.local), err;

	if (fd < 0)
		return fd;
	if (listen(fd, c->backlog == 0 ? 1024 : (int)c->backlog) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	l->e.id = fd;
	return hull_poll_add(l->e.loop, fd, &l->e, EPOLLIN);
}

static int connect_to(struct hull_tcp *c, const struct hull_connect_config *config)
{
	const struct binding b = {
		.local = &config->local,
		.type = SOCK_STREAM,
		.v4 = hull_address_is_v4(&config->remote),
	};
	int fd = hull_socket_make(&b, &c->e.local), err = 0;
	struct sockaddr_storage to;
	socklen_t len = hull_sockaddr_write(&config->remote, b.v4, &to);

	if (fd < 0)
		return fd;
	set_no_delay(fd);
	if (connect(fd, (struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS)
		err = errno;
	/* What the network answers is told by `closed`, however soon it comes. */
	if (err != 0 && err != ECONNREFUSED) {
		close(fd);
		return -err;
	}
	c->e.id = fd;
	c->is_connecting = true;
	c->is_blocked = true;
	c->interest = INTEREST_NONE;
	if (err != 0)
		hull_tcp_over(c, err);
	follow(c);
	return 0;
}

static void connected(struct hull_tcp *c)
{
	int error = take_error((int)c->e.id);

	if (error != 0) {
		hull_tcp_over(c, error);
		return;
	}
	c->is_connecting = false;
	hull_socket_local((int)c->e.id, &c->e.local);
	hull_tcp_writable(c);
	hull_tcp_connected(c);
	follow(c);
}

/* There is no descriptor for it: so that it does not wait for ever, it is refused by the spare. */
static void refuse(struct hull_listener *l)
{
	struct poller *p = poller_of(l->e.loop);
	int fd;

	if (p->spare >= 0)
		close(p->spare);
	fd = accept4((int)l->e.id, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	p->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool accept_one(struct hull_listener *l)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	int fd = accept4((int)l->e.id, (struct sockaddr *)&from, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct hull_tcp *c;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		refuse(l);
	if (fd < 0)
		return false;
	c = hull_tcp_accepted(l);
	if (c == NULL) {
		close(fd);
		return false;
	}
	set_no_delay(fd);
	c->e.id = fd;
	c->interest = INTEREST_NONE;
	hull_sockaddr_read(&from, &c->remote);
	hull_socket_local(fd, &c->e.local);
	follow(c);
	hull_tcp_tell_accepted(l, c);
	return true;
}

static void accept_all(struct hull_listener *l)
{
	for (unsigned nr = 0; nr < ACCEPT_MAX && !l->e.is_closed && accept_one(l); nr++)
		;
}

/* ---- in ---- */

static void receive(struct hull_tcp *c)
{
	struct poller *p = poller_of(c->e.loop);
	ssize_t n;
	size_t done;

	if (p->stream == NULL)
		p->stream = malloc(STREAM_MAX);
	if (p->stream == NULL) {
		hull_tcp_over(c, ENOMEM);
		return;
	}
	n = recv((int)c->e.id, p->stream, STREAM_MAX, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		hull_tcp_over(c, errno);
	} else if (n == 0) {
		hull_tcp_ended(c);
	} else {
		done = hull_tcp_arrived(c, p->stream, (size_t)n);
		if (done < (size_t)n && c->e.id >= 0)
			hull_tcp_keep_rest(c, p->stream + done, (size_t)n - done);
	}
}

/* epoll tells of an end whether it is asked to or not. */
static void end(struct hull_tcp *c, uint32_t events)
{
	struct poller *p = poller_of(c->e.loop);
	int error = (events & EPOLLERR) != 0 ? take_error((int)c->e.id) : 0;

	if (error != 0) {
		hull_tcp_over(c, error);
	} else if (c->got_end && !c->is_end_due) {
		hull_tcp_over(c, 0);
	} else if (c->is_paused || c->is_end_due) {
		(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, (int)c->e.id, NULL);
		c->interest = INTEREST_NONE;
	} else {
		receive(c);
	}
}

static void ready(struct hull_tcp *c, uint32_t events)
{
	if (c->is_connecting) {
		connected(c);
		return;
	}
	if ((events & EPOLLIN) != 0 && !c->is_paused)
		receive(c);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		end(c, events);
	if ((events & EPOLLOUT) != 0 && c->e.id >= 0 && c->is_blocked)
		hull_tcp_writable(c);
	follow(c);
}

/* ---- out ---- */

/* As much as goes: false when there is no room for more, or it is over. */
static bool send_some(struct hull_tcp *c)
{
	struct iovec vecs[VECS];
	struct msghdr m = { .msg_iov = vecs };
	struct hull_chunk *k;
	ssize_t n;

	list_foreach(&c->out, k, link) {
		if (m.msg_iovlen == VECS)
			break;
		vecs[m.msg_iovlen++] = (struct iovec){ (void *)(uintptr_t)k->data, k->len };
	}
	n = sendmsg((int)c->e.id, &m, MSG_NOSIGNAL);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN) {
		c->is_blocked = true;
		return false;
	}
	if (n < 0) {
		hull_tcp_over(c, errno);
		return false;
	}
	hull_tcp_sent(c, (size_t)n);
	return c->out_len > 0;
}

static void flush(struct hull_tcp *c)
{
	if (c->e.id < 0 || c->e.is_closed)
		return;
	while (c->out_len > 0 && !c->is_blocked && send_some(c))
		;
	if (c->out_len == 0 && c->is_finishing && !c->told_finish && !c->is_connecting &&
	    c->e.id >= 0) {
		(void)shutdown((int)c->e.id, SHUT_WR);
		c->told_finish = true;
	}
	if (c->e.id >= 0)
		hull_tcp_flushed(c);
	follow(c);
}

static void close_connection(struct hull_tcp *c, bool abort)
{
	const struct linger now = { .l_onoff = 1 };

	if (abort)
		(void)setsockopt((int)c->e.id, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close((int)c->e.id);
}

/* ---- the whole ---- */

static int begin(struct hull_loop *l)
{
	static const struct poller_streams streams = { accept_all, ready, flush, close_connection };

	poller_of(l)->streams = &streams;
	return 0;
}

const struct hull_stream_backend hull_linux_streams = {
	.of = &hull_linux,
	.begin = begin,
	.listen = listen_on,
	.connect = connect_to,
};
