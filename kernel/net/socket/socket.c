/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of any family: making, counting, waiting, files on their way. socket.h has the theory. */
#include "net/socket/filter.h"
#include "net/socket/socket.h"

#include <linux/eventpoll.h>

#include "core/panic.h"
#include "core/sched/thread.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/settings.h"

#define BUFFER_DEFAULT 212992u

struct socket_settings socket_settings = {
	.somaxconn = 4096,
	.rmem_max = BUFFER_DEFAULT,
	.wmem_max = BUFFER_DEFAULT,
	.rmem_default = BUFFER_DEFAULT,
	.wmem_default = BUFFER_DEFAULT,
};

LINKER_SET(socket_families, struct socket_family);

int socket_create(int family, int type, int protocol, struct socket **out)
{
	LINKER_SET_FOREACH(socket_families, f) {
		int err;

		if (f->family != family)
			continue;
		err = f->create(type, protocol, out);
		if (err == 0)
			(*out)->family = f;
		return err;
	}
	return -EAFNOSUPPORT;
}

void socket_init(struct socket *s, const struct socket_ops *ops, int type)
{
	ref_init(&s->ref);
	s->ops = ops;
	s->type = type;
	waitq_init(&s->readable);
	waitq_init(&s->writable);
	s->send_limit = READ_ONCE(socket_settings.wmem_default);
	s->receive_limit = READ_ONCE(socket_settings.rmem_default);
	s->receive_low = 1;
	s->send_timeout_ns = s->receive_timeout_ns = NSEC_NEVER;
	s->linger_sec = -1;
	s->peek_offset = -1;
	s->max_pacing_rate = UINT64_MAX;
}

struct socket *socket_get(struct socket *s)
{
	ref_get(&s->ref);
	return s;
}

void socket_put(struct socket *s)
{
	if (s == NULL || !ref_put(&s->ref))
		return;
	cred_put(s->peer_cred.cred);
	filter_put(s->filter);
	s->ops->free(s);
}

void socket_close(struct socket *s)
{
	s->ops->close(s);
	socket_put(s);
}

int socket_take_error(struct socket *s)
{
	return READ_ONCE(s->error) == 0 ? 0 : -atomic_exchange(&s->error, 0);
}

void socket_wake(struct socket *s, unsigned key)
{
	if (key & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		waitq_wake_all(&s->readable, key);
	if (key & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		waitq_wake_all(&s->writable, key);
}

nsec_t socket_deadline(nsec_t timeout_ns)
{
	nsec_t deadline;

	if (timeout_ns == NSEC_NEVER ||
	    __builtin_add_overflow(clock_monotonic(), timeout_ns, &deadline))
		return NSEC_NEVER;
	return deadline;
}

int socket_wait_error(int err, nsec_t timeout_ns)
{
	if (err == -ETIMEDOUT)
		return -EAGAIN;
	return err == -ERESTARTSYS && timeout_ns != NSEC_NEVER ? -EINTR : err;
}

/* ---- who the peer is ---- */

struct socket_peer socket_peer_current(void)
{
	struct cred *c = thread_current()->cred;

	return (struct socket_peer){ socket_host.current_pid(), socket_host.current_birth(),
				     cred_get(c != NULL ? c : &cred_kernel) };
}

void socket_peer_set(struct socket *s, struct socket_peer now)
{
	struct cred *was;

	spin_lock(&s->lock);
	was = s->peer_cred.cred;
	s->peer_cred = now;
	spin_unlock(&s->lock);
	cred_put(was);
}

struct socket_peer socket_peer_get(struct socket *s)
{
	scoped_spin(&s->lock);
	if (s->peer_cred.cred != NULL)
		cred_get(s->peer_cred.cred);
	return s->peer_cred;
}

/* ---- files on their way ---- */

struct socket_rights *socket_rights_new(unsigned nr)
{
	struct socket_rights *r = kmem_alloc(sizeof(*r) + nr * sizeof(r->files[0]));

	if (r == NULL)
		return NULL;
	list_init(&r->link);
	r->nr = nr;
	return r;
}

void socket_rights_free(struct socket_rights *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->nr; i++) {
		if (r->files[i] != NULL)
			file_put(r->files[i]);
	}
	kmem_free(r);
}

/* ---- what is told beside a message ---- */

void socket_notes_add(struct socket_notes *notes, int level, int type, const void *data,
		      unsigned len)
{
	assert(len <= SOCKET_NOTE_LEN);
	if (notes->nr == SOCKET_NOTES_MAX)
		return;
	notes->all[notes->nr].level = level;
	notes->all[notes->nr].type = type;
	notes->all[notes->nr].len = len;
	memcpy(notes->all[notes->nr++].data, data, len);
}
