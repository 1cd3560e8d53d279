/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of packets that were sent (ip(7), icmp(7)). Without IP_RECVERR a connected socket hears of
 * those that are final, as SO_ERROR. With it each is also kept, with the payload at fault, and read
 * by MSG_ERRQUEUE: a struct sock_extended_err, and who said so. The same queue tells what is no
 * error: when a packet went (SO_TIMESTAMPING), and that memory lent by MSG_ZEROCOPY is the
 * program's again (Documentation/networking/{timestamping,msg_zerocopy}.rst).
 */
#include <linux/time.h>
#include <linux/errqueue.h>
#include <linux/eventpoll.h>
#include <linux/net_tstamp.h>

#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/inet/inet.h"
#include "net/ip/ip.h"

struct error_note {
	struct sock_extended_err e;
	struct inet_address to;
	uint8_t reporter[16];
	nsec_t stamp; /* since 1970; 0: it tells no time */
};

static struct error_note *note_of(const struct netbuf *b)
{
	return netbuf_notes(b, struct error_note);
}

static bool is_icmp(const struct error_note *n)
{
	return n->e.ee_origin == SO_EE_ORIGIN_ICMP || n->e.ee_origin == SO_EE_ORIGIN_ICMP6;
}

/* A netbuf for a copy of some bytes. NULL = no memory: nothing is told. */
static struct netbuf *entry_new(const struct error_note *n, const void *bytes, uint32_t len)
{
	struct netbuf *b = netbuf_new(len);

	if (b == NULL)
		return NULL;
	memcpy(netbuf_put(b, len), bytes, len);
	*note_of(b) = *n;
	return b;
}

/* Takes b, and loses it if SO_RCVBUF is used up. Any context. */
static void keep(struct inet_socket *i, struct netbuf *b)
{
	spin_lock(&i->socket.lock);
	if (i->errors_charged + b->charge <= READ_ONCE(i->socket.receive_limit)) {
		i->errors_charged += b->charge;
		list_append(&i->errors, &b->link);
		atomic_store(&i->nr_errors, i->nr_errors + 1);
		b = NULL;
	}
	spin_unlock(&i->socket.lock);
	netbuf_free(b);
}

/* ---- ICMP's ---- */

static void keep_icmp(struct inet_socket *i, const struct ip_error *e,
		      const struct inet_address *to)
{
	unsigned header = e->protocol == IPPROTO_UDP ? min(8u, e->payload_len) : 0;
	struct error_note n = { .to = *to };
	struct netbuf *b;

	n.e.ee_errno = (uint32_t)e->error;
	n.e.ee_origin = e->v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
	n.e.ee_type = e->type;
	n.e.ee_code = e->code;
	n.e.ee_info = e->mtu;
	memcpy(n.reporter, e->reporter, sizeof(n.reporter));
	b = entry_new(&n, (const char *)e->payload + header, e->payload_len - header);
	if (b != NULL)
		keep(i, b);
}

/* A packet that was too long: only who discovers path MTUs himself wants to know. */
static bool is_final(const struct inet_socket *i, const struct ip_error *e)
{
	int how = inet_option_for(i, e->to, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER);

	return e->mtu == 0 ? e->is_fatal : how != IP_PMTUDISC_DONT;
}

void inet_error_arrived(struct inet_socket *i, const struct ip_error *e,
			const struct inet_address *to)
{
	bool asked = inet_option_for(i, e->to, IP_RECVERR, IPV6_RECVERR) != 0;
	bool is_connected;

	if (e->mtu != 0 && !is_final(i, e))
		return;
	spin_lock(&i->socket.lock);
	is_connected = i->remote.port != 0;
	spin_unlock(&i->socket.lock);
	if (!asked && (!is_final(i, e) || !is_connected))
		return;
	if (asked)
		keep_icmp(i, e, to);
	atomic_store(&i->socket.error, e->error);
	socket_wake(&i->socket, EPOLLERR);
}

/* ---- our own ---- */

void inet_error_too_long(struct inet_socket *i, const struct inet_address *to, uint32_t mtu)
{
	struct error_note n = { .to = *to };
	struct netbuf *b;

	if (inet_option_for(i, to->ip, IP_RECVERR, IPV6_RECVERR) == 0)
		return;
	n.e.ee_errno = EMSGSIZE;
	n.e.ee_origin = SO_EE_ORIGIN_LOCAL;
	n.e.ee_info = mtu;
	b = entry_new(&n, NULL, 0);
	if (b == NULL)
		return;
	keep(i, b);
	socket_wake(&i->socket, EPOLLERR);
}

/* With the packet as it went, from its network header on, unless only the time is wanted. */
void inet_error_stamped(struct inet_socket *i, const struct netbuf *packet, uint32_t key)
{
	struct error_note n = { .stamp = packet->time_ns };
	struct netbuf *b;

	n.e.ee_errno = ENOMSG;
	n.e.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
	n.e.ee_info = SCM_TSTAMP_SND;
	n.e.ee_data = key;
	if ((READ_ONCE(i->stamping) & SOF_TIMESTAMPING_OPT_TSONLY) != 0) {
		b = entry_new(&n, NULL, 0);
	} else {
		b = netbuf_clone(packet);
		if (b != NULL)
			*note_of(b) = n;
	}
	if (b == NULL)
		return;
	keep(i, b);
	socket_wake(&i->socket, EPOLLERR);
}

/* ---- what was lent ---- */

#define OPTMEM_MAX (128 * 1024u) /* as /proc/sys/net/core/optmem_max */

struct netbuf *inet_error_reserve(struct inet_socket *i)
{
	struct error_note n = { .e.ee_origin = SO_EE_ORIGIN_ZEROCOPY };
	struct netbuf *b = entry_new(&n, NULL, 0);
	bool full;

	if (b == NULL)
		return NULL;
	spin_lock(&i->socket.lock);
	full = i->lent_charged + b->charge > OPTMEM_MAX;
	if (!full)
		i->lent_charged += b->charge;
	spin_unlock(&i->socket.lock);
	if (!full)
		return b;
	netbuf_free(b);
	return NULL;
}

/* Do they follow on those that the last entry tells of? socket.lock is held. */
static bool extend_last(struct inet_socket *i, const struct inet_lent *lent)
{
	struct netbuf *b = list_last(&i->errors, struct netbuf, link);
	struct error_note *n = b == NULL ? NULL : note_of(b);

	if (n == NULL || n->e.ee_origin != SO_EE_ORIGIN_ZEROCOPY || n->e.ee_data + 1 != lent->first)
		return false;
	n->e.ee_data += lent->nr;
	return true;
}

bool inet_error_lent(struct inet_socket *i, struct netbuf *note, const struct inet_lent *lent)
{
	struct sock_extended_err *e = &note_of(note)->e;

	if (lent->nr == 0 || extend_last(i, lent)) {
		i->lent_charged -= note->charge;
		return false;
	}
	e->ee_code = lent->copied ? SO_EE_CODE_ZEROCOPY_COPIED : 0;
	e->ee_info = lent->first;
	e->ee_data = lent->first + lent->nr - 1;
	list_append(&i->errors, &note->link);
	atomic_store(&i->nr_errors, i->nr_errors + 1);
	return true;
}

/* ---- to the program ---- */

/* Takes the first one off; SO_ERROR becomes the next one's, if that is an error from outside. */
static struct netbuf *take(struct inet_socket *i)
{
	struct netbuf *b, *next;

	scoped_spin(&i->socket.lock);
	b = list_first(&i->errors, struct netbuf, link);
	if (b == NULL)
		return NULL;
	list_remove(&b->link);
	atomic_store(&i->nr_errors, i->nr_errors - 1);
	if (note_of(b)->e.ee_origin == SO_EE_ORIGIN_ZEROCOPY)
		i->lent_charged -= b->charge;
	else
		i->errors_charged -= b->charge;
	next = list_first(&i->errors, struct netbuf, link);
	if (next != NULL && is_icmp(note_of(next)))
		atomic_store(&i->socket.error, (int)note_of(next)->e.ee_errno);
	else if (is_icmp(note_of(b)))
		atomic_store(&i->socket.error, 0);
	return b;
}

static void note_error(const struct inet_socket *i, struct socket_message *m,
		       const struct error_note *n)
{
	struct {
		struct sock_extended_err e;
		union {
			struct sockaddr_in in;
			struct sockaddr_in6 in6;
		} by;
	} told = { .e = n->e };
	bool v6 = inet_is_v6(i), known = is_icmp(n);

	if (v6 && known) {
		told.by.in6.sin6_family = AF_INET6;
		memcpy(&told.by.in6.sin6_addr, n->reporter, sizeof(n->reporter));
	} else if (known) {
		told.by.in.sin_family = AF_INET;
		told.by.in.sin_addr.s_addr = inet_ip_v4(n->reporter);
	}
	socket_notes_add(m->notes, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR,
			 &told, sizeof(told.e) + (v6 ? sizeof(told.by.in6) : sizeof(told.by.in)));
}

static ssize_t give(struct inet_socket *i, const struct netbuf *b, struct socket_message *m)
{
	const struct error_note *n = note_of(b);
	uint32_t len = (uint32_t)min((size_t)b->len, m->data->left);

	if (netbuf_read(b, 0, m->data, len) != len)
		return -EFAULT;
	m->out_flags |= MSG_ERRQUEUE | (len < b->len ? MSG_TRUNC : 0);
	if (m->name != NULL && (is_icmp(n) || n->e.ee_origin == SO_EE_ORIGIN_LOCAL))
		inet_address_write(i, &n->to, 0, m->name);
	if (m->notes != NULL && n->stamp != 0)
		inet_note_stamp(i, m, n->stamp);
	if (m->notes != NULL)
		note_error(i, m, n);
	return (ssize_t)len;
}

ssize_t inet_error_receive(struct inet_socket *i, struct socket_message *m)
{
	struct netbuf *b = take(i);
	ssize_t got;

	if (b == NULL)
		return -EAGAIN;
	got = give(i, b, m);
	netbuf_free(b);
	return got;
}

/* ---- stamps ---- */

void inet_note_stamp(const struct inet_socket *i, struct socket_message *m, nsec_t ns)
{
	int64_t t[6] = { (int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC) };

	if ((READ_ONCE(i->stamping) & SOF_TIMESTAMPING_SOFTWARE) != 0)
		socket_notes_add(m->notes, SOL_SOCKET, SO_TIMESTAMPING_OLD, t, sizeof(t));
}
