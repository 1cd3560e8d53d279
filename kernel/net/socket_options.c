/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The level SOL_SOCKET of setsockopt(2) and getsockopt(2) (socket(7)). Switches are kept as bits of
 * socket->options; what is no switch has a case each. What a family has of its own (SO_PEEK_OFF,
 * SO_PEERSEC...) it is asked for last.
 */
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/socket.h"

#define LIMIT_MAX     212992u /* as /proc/sys/net/core/wmem_max */
#define SEND_MIN      4608u
#define RECEIVE_MIN   2304u
#define LINGER_MAX    (INT32_MAX / 1000)
#define USEC_PER_SEC  1000000ll
#define NSEC_PER_USEC 1000ll
#define PRIORITY_FREE 6 /* above it CAP_NET_ADMIN is needed */

struct timeval64 {
	int64_t sec, usec;
};

struct linger {
	int on, sec;
};

/* ---- switches ---- */

static bool is_switch(int name)
{
	switch (name) {
	case SO_DEBUG:
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_DONTROUTE:
	case SO_BROADCAST:
	case SO_KEEPALIVE:
	case SO_OOBINLINE:
	case SO_NO_CHECK:
	case SO_PASSCRED:
	case SO_PASSPIDFD:
	case SO_PASSSEC:
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMPNS_OLD:
	case SO_RXQ_OVFL:
	case SO_SELECT_ERR_QUEUE:
	case SO_LOCK_FILTER:
		return true;
	default:
		return false;
	}
}

static int set_switch(struct socket *s, int name, bool on)
{
	if (name == SO_DEBUG && on && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EACCES;
	if (name == SO_REUSEPORT && on && s->family->family == AF_UNIX)
		return -EOPNOTSUPP;
	if ((name == SO_PASSCRED || name == SO_PASSSEC || name == SO_PASSPIDFD) &&
	    s->family->family != AF_UNIX)
		return -EOPNOTSUPP;
	if (on)
		atomic_or(&s->options, socket_option_bit(name));
	else
		atomic_and(&s->options, ~socket_option_bit(name));
	return 0;
}

/* ---- values ---- */

/* Linux doubles what is asked for: half is for its bookkeeping. */
static uint32_t doubled(int value, uint32_t limit, uint32_t least)
{
	uint32_t n = min((uint32_t)max(value, 0), limit);

	return max(n * 2, least);
}

static int set_buffer(struct socket *s, int name, int value)
{
	bool force = name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE;
	bool sends = name == SO_SNDBUF || name == SO_SNDBUFFORCE;
	/* Below zero is a huge unsigned number to the plain forms. */
	uint32_t limit = force ? INT32_MAX / 2 : LIMIT_MAX;
	uint32_t n;

	if (force && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (!force && value < 0)
		value = INT32_MAX;
	n = doubled(value, limit, sends ? SEND_MIN : RECEIVE_MIN);
	atomic_store(sends ? &s->send_limit : &s->receive_limit, n);
	if (sends)
		(void)atomic_or(&s->traits, SOCKET_SEND_LIMIT_SET);
	if (sends)
		waitq_wake_all(&s->writable, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

static int set_linger(struct socket *s, const struct socket_option *o)
{
	struct linger l;

	if (o->len < sizeof(l))
		return -EINVAL;
	memcpy(&l, o->value, sizeof(l));
	WRITE_ONCE(s->linger_sec, l.on != 0 ? min((unsigned)l.sec, (unsigned)LINGER_MAX) : -1u);
	return 0;
}

static int set_timeout(nsec_t *timeout_ns, const struct socket_option *o)
{
	struct timeval64 tv;
	nsec_t ns = NSEC_NEVER;

	if (o->len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, o->value, sizeof(tv));
	if (tv.usec < 0 || tv.usec >= USEC_PER_SEC)
		return -EDOM;
	if (tv.sec < 0)
		ns = 0;
	else if ((tv.sec != 0 || tv.usec != 0) && tv.sec < INT64_MAX / NSEC_PER_SEC - 1)
		ns = tv.sec * NSEC_PER_SEC + tv.usec * NSEC_PER_USEC;
	WRITE_ONCE(*timeout_ns, ns);
	return 0;
}

static int set_priority(struct socket *s, int value)
{
	if ((value < 0 || value > PRIORITY_FREE) && !cred_has_cap(cred_current(), CAP_NET_ADMIN) &&
	    !cred_has_cap(cred_current(), CAP_NET_RAW))
		return -EPERM;
	WRITE_ONCE(s->priority, value);
	return 0;
}

static int set_mark(struct socket *s, int value)
{
	if (!cred_has_cap(cred_current(), CAP_NET_ADMIN) &&
	    !cred_has_cap(cred_current(), CAP_NET_RAW))
		return -EPERM;
	WRITE_ONCE(s->mark, (uint32_t)value);
	return 0;
}

static int set_value(struct socket *s, const struct socket_option *o, int value)
{
	switch (o->name) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return set_buffer(s, o->name, value);
	case SO_RCVLOWAT:
		WRITE_ONCE(s->receive_low, value == 0 ? 1 : value < 0 ? INT32_MAX : value);
		return 0;
	case SO_LINGER:
		return set_linger(s, o);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return set_timeout(&s->receive_timeout_ns, o);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return set_timeout(&s->send_timeout_ns, o);
	case SO_PRIORITY:
		return set_priority(s, value);
	case SO_MARK:
		return set_mark(s, value);
	case SO_BSDCOMPAT:
		return 0;
	default:
		return s->ops->set_option == NULL ? -ENOPROTOOPT : s->ops->set_option(s, o);
	}
}

int socket_set_option(struct socket *s, const struct socket_option *o)
{
	int value;

	if (o->len < sizeof(value))
		return -EINVAL;
	memcpy(&value, o->value, sizeof(value));
	if (is_switch(o->name))
		return set_switch(s, o->name, value != 0);
	return set_value(s, o, value);
}

/* ---- getsockopt ---- */

/* As much of the value as there is room for. */
static int give(struct socket_option *o, const void *value, size_t len)
{
	o->len = min(o->len, (unsigned)len);
	memcpy(o->value, value, o->len);
	return 0;
}

static int give_int(struct socket_option *o, int value)
{
	return give(o, &value, sizeof(value));
}

static int give_timeout(struct socket_option *o, nsec_t ns)
{
	struct timeval64 tv = { 0, 0 };

	if (ns != NSEC_NEVER) {
		tv.sec = ns / NSEC_PER_SEC;
		tv.usec = ns % NSEC_PER_SEC / NSEC_PER_USEC;
	}
	return give(o, &tv, sizeof(tv));
}

static int give_peer(struct socket *s, struct socket_option *o)
{
	struct socket_peer p = socket_peer_get(s);
	struct socket_cred c = { p.pid, UINT32_MAX, UINT32_MAX };

	if (p.cred != NULL) {
		c.uid = p.cred->euid;
		c.gid = p.cred->egid;
		cred_put(p.cred);
	}
	return give(o, &c, sizeof(c));
}

static int give_peer_groups(struct socket *s, struct socket_option *o)
{
	struct socket_peer p = socket_peer_get(s);
	unsigned len, room = o->len;

	if (p.cred == NULL)
		return -ENODATA;
	len = p.cred->nr_groups * (unsigned)sizeof(uint32_t);
	o->len = len;
	if (room >= len && len > 0)
		memcpy(o->value, p.cred->groups, len);
	cred_put(p.cred);
	return room < len ? -ERANGE : 0;
}

static int give_peer_name(struct socket *s, struct socket_option *o)
{
	struct socket_address a = { 0 };
	int err = s->ops->get_name(s, SOCKET_PEER_NAME, &a);

	if (err != 0)
		return -ENOTCONN;
	if (a.len < o->len)
		o->len = a.len;
	memcpy(o->value, a.bytes, o->len);
	return 0;
}

/* A number that no other socket has or had. */
static int give_cookie(struct socket *s, struct socket_option *o)
{
	static uint64_t last;
	uint64_t none = 0;

	if (o->len < sizeof(s->cookie))
		return -EINVAL;
	if (atomic_load(&s->cookie) == 0)
		(void)atomic_compare_exchange(&s->cookie, &none, atomic_add(&last, 1));
	return give(o, &s->cookie, sizeof(s->cookie));
}

static int give_linger(struct socket *s, struct socket_option *o)
{
	int sec = READ_ONCE(s->linger_sec);
	struct linger l = { sec >= 0, max(sec, 0) };

	return give(o, &l, sizeof(l));
}

static int get_number(struct socket *s, struct socket_option *o)
{
	switch (o->name) {
	case SO_TYPE:
		return give_int(o, s->type);
	case SO_DOMAIN:
		return give_int(o, s->family->family);
	case SO_PROTOCOL:
		return give_int(o, s->protocol);
	case SO_ERROR:
		return give_int(o, -socket_take_error(s));
	case SO_SNDBUF:
		return give_int(o, (int)READ_ONCE(s->send_limit));
	case SO_RCVBUF:
		return give_int(o, (int)READ_ONCE(s->receive_limit));
	case SO_RCVLOWAT:
		return give_int(o, (int)READ_ONCE(s->receive_low));
	case SO_SNDLOWAT:
		return give_int(o, 1);
	case SO_PRIORITY:
		return give_int(o, READ_ONCE(s->priority));
	case SO_MARK:
		return give_int(o, (int)READ_ONCE(s->mark));
	case SO_BSDCOMPAT:
		return give_int(o, 0);
	case SO_ACCEPTCONN:
		return give_int(o, (READ_ONCE(s->traits) & SOCKET_LISTENS) != 0);
	default:
		return s->ops->get_option == NULL ? -ENOPROTOOPT : s->ops->get_option(s, o);
	}
}

int socket_get_option(struct socket *s, struct socket_option *o)
{
	if (is_switch(o->name))
		return give_int(o, socket_option_is_on(s, o->name));
	switch (o->name) {
	case SO_LINGER:
		return give_linger(s, o);
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return give_timeout(o, READ_ONCE(s->receive_timeout_ns));
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return give_timeout(o, READ_ONCE(s->send_timeout_ns));
	case SO_PEERCRED:
		return give_peer(s, o);
	case SO_PEERGROUPS:
		return give_peer_groups(s, o);
	case SO_COOKIE:
		return give_cookie(s, o);
	case SO_PEERNAME:
		return give_peer_name(s, o);
	default:
		return get_number(s, o);
	}
}
