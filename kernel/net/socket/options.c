/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The level SOL_SOCKET of setsockopt(2) and getsockopt(2) (socket(7)). Switches are kept as bits of
 * socket->options; what is no switch has a case each. What a family has of its own (SO_PEEK_OFF,
 * SO_PEERSEC...) it is asked for last.
 */
#include <asm/socket.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/filter.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "net/settings.h"
#include "net/socket/filter.h"
#include "net/socket/socket.h"

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

/* Who sent a message is told by local sockets and, but for SO_PASSPIDFD, netlink's. */
static bool has_switch(const struct socket *s, int name)
{
	int family = s->family->family;

	if (name != SO_PASSCRED && name != SO_PASSSEC && name != SO_PASSPIDFD)
		return true;
	return family == AF_UNIX || (family == AF_NETLINK && name != SO_PASSPIDFD);
}

static int set_switch(struct socket *s, int name, bool on)
{
	if (!has_switch(s, name))
		return -EOPNOTSUPP;
	if (name == SO_DEBUG && on && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EACCES;
	if (name == SO_REUSEPORT && on && s->family->family == AF_UNIX)
		return -EOPNOTSUPP;
	if (name == SO_LOCK_FILTER && !on && socket_option_is_on(s, name))
		return -EPERM;
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
	uint32_t limit = sends ? READ_ONCE(socket_settings.wmem_max)
			       : READ_ONCE(socket_settings.rmem_max);
	uint32_t n;

	if (force && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	if (force)
		limit = INT32_MAX / 2;
	if (!force && value < 0)
		value = INT32_MAX;
	n = doubled(value, limit, sends ? SEND_MIN : RECEIVE_MIN);
	atomic_store(sends ? &s->send_limit : &s->receive_limit, n);
	(void)atomic_or(&s->traits, sends ? SOCKET_SEND_LIMIT_SET : SOCKET_RECEIVE_LIMIT_SET);
	if (sends)
		waitq_wake_all(&s->writable, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

/* Limits that were set do not tune themselves; which are is told and may be said, too. */
static int set_buffer_lock(struct socket *s, int value)
{
	const unsigned both = SOCKET_SEND_LIMIT_SET | SOCKET_RECEIVE_LIMIT_SET;
	unsigned on = 0;

	if ((value & ~SOCK_BUF_LOCK_MASK) != 0)
		return -EINVAL;
	if ((value & SOCK_SNDBUF_LOCK) != 0)
		on |= SOCKET_SEND_LIMIT_SET;
	if ((value & SOCK_RCVBUF_LOCK) != 0)
		on |= SOCKET_RECEIVE_LIMIT_SET;
	(void)atomic_or(&s->traits, on);
	(void)atomic_and(&s->traits, ~(both & ~on));
	return 0;
}

static int buffer_lock(const struct socket *s)
{
	unsigned traits = READ_ONCE(s->traits);

	return ((traits & SOCKET_SEND_LIMIT_SET) != 0 ? SOCK_SNDBUF_LOCK : 0) |
	       ((traits & SOCKET_RECEIVE_LIMIT_SET) != 0 ? SOCK_RCVBUF_LOCK : 0);
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

/* 32 bits or 64; all ones are no rate in either. */
static int set_pacing_rate(struct socket *s, const struct socket_option *o)
{
	uint32_t small;
	uint64_t rate;

	memcpy(&small, o->value, sizeof(small));
	rate = small == UINT32_MAX ? UINT64_MAX : small;
	if (o->len == sizeof(rate))
		memcpy(&rate, o->value, sizeof(rate));
	WRITE_ONCE(s->max_pacing_rate, rate);
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

/* Hints of how a device is to be polled; asking for more than there was takes rights. */
static int set_hint(struct socket *s, int name, int value)
{
	bool may = cred_has_cap(cred_current(), CAP_NET_ADMIN);

	switch (name) {
	case SO_BUSY_POLL:
		if (value < 0)
			return -EINVAL;
		if (value > READ_ONCE(s->busy_poll_us) && !may)
			return -EPERM;
		WRITE_ONCE(s->busy_poll_us, value);
		return 0;
	case SO_PREFER_BUSY_POLL:
		if (value != 0 && !may)
			return -EPERM;
		WRITE_ONCE(s->prefer_busy_poll, value != 0);
		return 0;
	case SO_BUSY_POLL_BUDGET:
		if (value > READ_ONCE(s->busy_poll_budget) && !may)
			return -EPERM;
		if (value < 0 || value > (int)UINT16_MAX)
			return -EINVAL;
		WRITE_ONCE(s->busy_poll_budget, value);
		return 0;
	default: /* SO_INCOMING_CPU */
		WRITE_ONCE(s->incoming_cpu_plus_1, value + 1);
		return 0;
	}
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
	case SO_MAX_PACING_RATE:
		return set_pacing_rate(s, o);
	case SO_ATTACH_FILTER:
		return filter_attach(s, o);
	case SO_DETACH_FILTER:
		return filter_detach(s);
	case SO_BUSY_POLL:
	case SO_PREFER_BUSY_POLL:
	case SO_BUSY_POLL_BUDGET:
	case SO_INCOMING_CPU:
		return set_hint(s, o->name, value);
	case SO_BUF_LOCK:
		return set_buffer_lock(s, value);
	case SO_BSDCOMPAT:
		return 0;
	default:
		return s->ops->set_option == NULL ? -ENOPROTOOPT : s->ops->set_option(s, o);
	}
}

int socket_set_option(struct socket *s, const struct socket_option *o)
{
	int value = 0, err;

	if (o->len < sizeof(value) && o->name != SO_BINDTODEVICE) /* that is a name */
		return -EINVAL;
	memcpy(&value, o->value, min((size_t)o->len, sizeof(value)));
	if (is_switch(o->name))
		err = set_switch(s, o->name, value != 0);
	else
		err = set_value(s, o, value);
	if (err == 0 && s->ops->option_changed != NULL)
		s->ops->option_changed(s, o->name);
	return err;
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
	if (a.len < o->len) /* as Linux: no more is asked for than there is */
		return -EINVAL;
	memcpy(o->value, a.bytes, o->len);
	return 0;
}

uint64_t socket_cookie(struct socket *s)
{
	static uint64_t last;
	uint64_t none = 0;

	if (atomic_load(&s->cookie) == 0)
		(void)atomic_compare_exchange(&s->cookie, &none, atomic_add(&last, 1));
	return atomic_load(&s->cookie);
}

static int give_cookie(struct socket *s, struct socket_option *o)
{
	uint64_t cookie = socket_cookie(s);

	return o->len < sizeof(cookie) ? -EINVAL : give(o, &cookie, sizeof(cookie));
}

/* In 32 bits, to who has room for no more. */
static int give_pacing_rate(struct socket *s, struct socket_option *o)
{
	uint64_t rate = READ_ONCE(s->max_pacing_rate);

	return o->len >= sizeof(rate) ? give(o, &rate, sizeof(rate))
				      : give_int(o, (int)min(rate, (uint64_t)UINT32_MAX));
}

/* Of the one network that there is; exactly so long. */
static int give_net_cookie(struct socket_option *o)
{
	const uint64_t cookie = 1;

	return o->len != sizeof(cookie) ? -EINVAL : give(o, &cookie, sizeof(cookie));
}

static int give_linger(struct socket *s, struct socket_option *o)
{
	int sec = READ_ONCE(s->linger_sec);
	struct linger l = { sec >= 0, max(sec, 0) };

	return give(o, &l, sizeof(l));
}

/* False: o asks for something else. */
static bool get_hint(struct socket *s, struct socket_option *o, int *value)
{
	switch (o->name) {
	case SO_BUSY_POLL:
		*value = READ_ONCE(s->busy_poll_us);
		return true;
	case SO_PREFER_BUSY_POLL:
		*value = READ_ONCE(s->prefer_busy_poll);
		return true;
	case SO_INCOMING_CPU:
		*value = READ_ONCE(s->incoming_cpu_plus_1) - 1;
		return true;
	case SO_INCOMING_NAPI_ID: /* no device has several queues with threads of their own */
		*value = 0;
		return true;
	case SO_BPF_EXTENSIONS:
		*value = SKF_AD_MAX;
		return true;
	case SO_BUF_LOCK:
		*value = buffer_lock(s);
		return true;
	default:
		return false;
	}
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
	int hint;

	if (get_hint(s, o, &hint))
		return give_int(o, hint);
	if (is_switch(o->name))
		return has_switch(s, o->name) ? give_int(o, socket_option_is_on(s, o->name))
					      : -EOPNOTSUPP;
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
	case SO_MAX_PACING_RATE:
		return give_pacing_rate(s, o);
	case SO_NETNS_COOKIE:
		return give_net_cookie(o);
	case SO_PEERNAME:
		return give_peer_name(s, o);
	case SO_GET_FILTER:
		return filter_get(s, o);
	default:
		return get_number(s, o);
	}
}
