/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's urgent byte (tcp(7), RFC 9293 §3.8.5, as Linux has it: one byte, the last of an MSG_OOB
 * send). It has a place in the stream, the mark, where a packet of its own stands. It is read by
 * MSG_OOB, or with SO_OOBINLINE as any other byte; a reader stops at the mark, then steps over it.
 * A second one makes the first an ordinary byte.
 */
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "net/inet/tcp.h"

static bool is_inline(const struct tcp_socket *u)
{
	return socket_option_is_on(&u->inet.socket, SO_OOBINLINE);
}

static uint8_t byte_of(const struct packet *p)
{
	return *((const uint8_t *)p + p->tail);
}

int tcp_deliver_urgent(struct tcp_socket *to, struct packet *p)
{
	struct socket *s = &to->inet.socket;

	spin_lock(&s->lock);
	if ((to->ends & STREAM_GONE) != 0) {
		spin_unlock(&s->lock);
		return -ECONNRESET;
	}
	list_append(&to->queue, &p->link);
	to->urgent = p;
	to->urgent_byte = byte_of(p);
	atomic_store(&to->urgency, URGENT_NEW);
	atomic_store(&to->bytes_queued, to->bytes_queued + p->len);
	atomic_store(&to->nr_arrived, to->nr_arrived + 1);
	spin_unlock(&s->lock);
	return 0;
}

bool tcp_is_mark_locked(const struct tcp_socket *u, const struct packet *p)
{
	return p == u->urgent && !is_inline(u);
}

void tcp_passed_locked(struct tcp_socket *u, const struct packet *p)
{
	if (u->urgent != p || packet_left(p) > 0)
		return;
	u->urgent = NULL;
	atomic_store(&u->urgency, URGENT_NONE);
}

/* The urgent byte, if it is still to be had: 1; 0 at the end of the stream; or -Exxx. */
static int take(struct tcp_socket *u, bool peek, uint8_t *byte)
{
	scoped_spin(&u->inet.socket.lock);
	if (is_inline(u) || u->urgency != URGENT_NEW)
		return -EINVAL;
	if (tcp_is_closed(u) && (u->ends & STREAM_GOT_FIN) == 0)
		return -ENOTCONN;
	*byte = u->urgent_byte;
	if (!peek)
		atomic_store(&u->urgency, URGENT_TAKEN);
	return 1;
}

ssize_t tcp_receive_urgent(struct tcp_socket *u, struct socket_message *m)
{
	uint8_t byte;
	int n = take(u, (m->flags & MSG_PEEK) != 0, &byte);

	if (n < 1)
		return n;
	m->out_flags |= MSG_OOB;
	if (m->data->left == 0) {
		m->out_flags |= MSG_TRUNC;
		return 0;
	}
	if ((m->flags & MSG_TRUNC) != 0)
		return 1;
	return uio_copy_to(m->data, &byte, 1) == 1 ? 1 : -EFAULT;
}

bool tcp_is_at_mark(struct tcp_socket *u)
{
	scoped_spin(&u->inet.socket.lock);
	return u->urgent != NULL && u->queue.next == &u->urgent->link;
}

size_t tcp_bytes_to_read(struct tcp_socket *u)
{
	size_t bytes = 0;
	struct packet *p;

	scoped_spin(&u->inet.socket.lock);
	if (u->urgent == NULL || is_inline(u) || u->queue.next == &u->urgent->link)
		return u->bytes_queued;
	list_foreach(&u->queue, p, link) {
		if (p == u->urgent)
			break;
		bytes += packet_left(p);
	}
	return bytes;
}
