/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop over epoll(7). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux/linux.h"
#include "linux/sockets.h"

int hull_poll_add(struct hull_loop *l, int fd, void *object, uint32_t interest)
{
	struct epoll_event e = { .events = interest, .data.ptr = object };
	int err;

	if (epoll_ctl(poller_of(l)->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return 0;
	err = -errno;
	close(fd);
	return err;
}

/* ---- beginning and end ---- */

static void close_poller(struct hull_loop *l)
{
	struct poller *p = poller_of(l);

	close(p->epoll);
	close(p->waker);
	close(p->spare);
	if (p->netlink >= 0)
		close(p->netlink);
	hull_datagram_free(p);
	free(p->stream);
	free(p);
}

static int open_poller(struct hull_loop *l)
{
	struct poller *p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return -ENOMEM;
	l->state = p;
	p->netlink = -1;
	p->has_pwait2 = true;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	err = p->epoll < 0 || p->waker < 0 ? -errno
					   : hull_poll_add(l, p->waker, &p->waker, EPOLLIN);
	if (err != 0)
		close_poller(l);
	return err;
}

static void wake(struct hull_loop *l)
{
	uint64_t one = 1;
	ssize_t n = write(poller_of(l)->waker, &one, sizeof(one));

	(void)n; /* full: it wakes anyway */
}

/* ---- turns ---- */

static int wait_ms(struct poller *p, hull_ns left)
{
	hull_ns ms = left == UINT64_MAX ? 0 : (left + HULL_MILLISECOND - 1) / HULL_MILLISECOND;

	return epoll_wait(p->epoll, p->events, POLL_EVENTS,
			  left == UINT64_MAX ? -1 : (int)min(ms, (hull_ns)INT32_MAX));
}

/* glibc 2.35 has epoll_pwait2(2), musl has not. */
static int wait_ns(struct poller *p, hull_ns left)
{
	struct timespec t = { (time_t)(left / HULL_SECOND), (long)(left % HULL_SECOND) };
	long nr = syscall(SYS_epoll_pwait2, p->epoll, p->events, POLL_EVENTS,
			  left == UINT64_MAX ? NULL : &t, NULL, 0);

	if (nr < 0 && errno == ENOSYS) {
		p->has_pwait2 = false;
		return wait_ms(p, left);
	}
	return (int)nr;
}

static int wait_events(struct hull_loop *l, hull_ns until)
{
	struct poller *p = poller_of(l);
	hull_ns left = UINT64_MAX;

	if (until == 0)
		return epoll_wait(p->epoll, p->events, POLL_EVENTS, 0);
	if (until != UINT64_MAX) {
		hull_loop_read_clock(l);
		left = until > l->now ? until - l->now : 0;
	}
	return p->has_pwait2 && left != UINT64_MAX ? wait_ns(p, left) : wait_ms(p, left);
}

static void dispatch(struct hull_loop *l, const struct epoll_event *e)
{
	struct poller *p = poller_of(l);
	struct hull_endpoint *object = e->data.ptr;
	uint64_t count;

	if (e->data.ptr == &p->waker) {
		if (read(p->waker, &count, sizeof(count)) < 0)
			return; /* another turn has taken it */
	} else if (e->data.ptr == &p->netlink) {
		hull_interfaces_changed(l);
	} else if (object->is_closed || object->id < 0) {
		return; /* by a callback of this turn */
	} else if (object->kind == HULL_UDP) {
		hull_datagram_ready((struct hull_udp *)object, e->events);
	} else if (object->kind == HULL_LISTENER) {
		p->streams->accept((struct hull_listener *)object);
	} else {
		p->streams->ready((struct hull_tcp *)object, e->events);
	}
}

static void flush(struct hull_loop *l)
{
	struct list now;
	struct hull_tcp *c;

	hull_datagram_send(l);
	list_init(&now);
	list_splice(&now, &l->dirty);
	while ((c = list_first(&now, struct hull_tcp, dirty_link)) != NULL) {
		list_remove(&c->dirty_link);
		poller_of(l)->streams->flush(c);
	}
}

static void turn(struct hull_loop *l, hull_ns until)
{
	struct poller *p = poller_of(l);
	int nr;

	flush(l);
	hull_arena_reset(l);
	nr = wait_events(l, list_is_empty(&l->news) && list_is_empty(&l->udp_news) ? until : 0);
	hull_loop_read_clock(l);
	for (int i = 0; i < nr; i++)
		dispatch(l, &p->events[i]);
}

static void endpoint_close(struct hull_endpoint *e, bool abort)
{
	if (e->kind == HULL_TCP)
		poller_of(e->loop)->streams->close((struct hull_tcp *)e, abort);
	else
		close((int)e->id);
	e->id = -1;
}

const struct hull_backend hull_linux = {
	.name = "linux",
	.open = open_poller,
	.close = close_poller,
	.turn = turn,
	.send = hull_datagram_send,
	.wake = wake,
	.udp_open = hull_datagram_open,
	.endpoint_close = endpoint_close,
	.interfaces = hull_interfaces_get,
	.watch = hull_interfaces_watch,
};
