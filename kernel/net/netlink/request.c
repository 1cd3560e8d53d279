/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program sends (netlink(7)). To another program or a group it is passed on; to the kernel
 * it is one request after the other, each answered by its result, by an acknowledgement if it asked
 * for one (NLM_F_ACK), or by an error: which carries the request, unless NETLINK_CAP_ACK spares
 * that, and the reason if NETLINK_EXT_ACK asks for it. Dumps: netlink.h.
 */
#include <linux/capability.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/net.h"
#include "net/netlink/netlink.h"

#define SEND_OVERHEAD 32u /* of SO_SNDBUF that a message may not use */
#define ACK_ROOM      (sizeof(struct nlmsghdr) * 2 + 256u)

/* ---- answers ---- */

struct nlmsghdr netlink_answer_header(const struct netlink_request *r, unsigned type)
{
	return (struct nlmsghdr){ .nlmsg_type = (uint16_t)type,
				  .nlmsg_seq = r->header->nlmsg_seq,
				  .nlmsg_pid = r->socket->port };
}

void netlink_answer(struct netlink_request *r, struct netlink_message *m)
{
	(void)netlink_queue(r->socket, m, true);
}

static void put_reason(const struct netlink_request *r, struct netlink_message *m, int err)
{
	if (err != 0 && r->why != NULL)
		netlink_put_string(m, NLMSGERR_ATTR_MSG, r->why);
	if (err != 0 && r->where != NULL)
		netlink_put_u32(m, NLMSGERR_ATTR_OFFS,
				(uint32_t)((const char *)r->where - (const char *)r->header));
}

/* The request's header; behind it, if it failed, the rest of it. */
static void acknowledge(struct netlink_request *r, int err)
{
	bool is_short = err == 0 || netlink_option_is_on(r->socket, NETLINK_CAP_ACK);
	bool has_reason = netlink_option_is_on(r->socket, NETLINK_EXT_ACK) &&
			  (err != 0 && (r->why != NULL || r->where != NULL));
	struct nlmsghdr h = netlink_answer_header(r, NLMSG_ERROR);
	unsigned rest = is_short ? 0 : r->body_len;
	struct netlink_message *m = netlink_message_new((unsigned)ACK_ROOM + NLMSG_ALIGN(rest));
	struct nlmsgerr *e;

	if (m == NULL) {
		atomic_store(&r->socket->socket.error, ENOBUFS);
		return;
	}
	h.nlmsg_flags = (uint16_t)((is_short ? NLM_F_CAPPED : 0) |
				   (has_reason ? NLM_F_ACK_TLVS : 0));
	e = netlink_begin(m, &h, (unsigned)sizeof(*e) + rest);
	e->error = err;
	memcpy(&e->msg, r->header, sizeof(e->msg));
	memcpy(e + 1, r->body, rest);
	if (has_reason)
		put_reason(r, m, err);
	if (netlink_end(m))
		netlink_answer(r, m);
	else
		kmem_free(m);
}

/* ---- dumps ---- */

static bool end_dump(struct netlink_dump *d, struct netlink_message *m)
{
	struct nlmsghdr h = d->header;
	int result = 0;

	h.nlmsg_type = NLMSG_DONE;
	memcpy(netlink_begin(m, &h, sizeof(result)), &result, sizeof(result));
	return netlink_end(m);
}

/* A part more; request_lock is held. -ENOBUFS: no memory for it. */
static int go_on(struct netlink_socket *n)
{
	struct netlink_dump *d = n->dump;
	struct netlink_message *m = netlink_message_new(NETLINK_PART);
	bool done;

	if (m == NULL)
		return -ENOBUFS;
	if (d->watches_net && atomic_load(&d->net->generation) != d->generation)
		d->header.nlmsg_flags |= NLM_F_DUMP_INTR;
	done = d->more(d, m) && end_dump(d, m);
	if (done && d->end != NULL)
		d->end(d);
	if (done) {
		atomic_store(&n->dump, NULL);
		kmem_free(d);
	}
	(void)netlink_queue(n, m, true);
	return 0;
}

void netlink_dump_go_on(struct netlink_socket *n)
{
	scoped_mutex(&n->request_lock);
	if (n->dump == NULL || atomic_load(&n->charged) > READ_ONCE(n->socket.receive_limit) / 2)
		return;
	if (go_on(n) != 0)
		atomic_store(&n->socket.error, ENOBUFS);
}

int netlink_dump_start(struct netlink_request *r, const struct netlink_dump *like)
{
	struct netlink_socket *n = r->socket;
	struct netlink_dump *d = n->dump != NULL ? NULL : kmem_new(struct netlink_dump);

	if (d == NULL) {
		if (like->end != NULL)
			like->end((struct netlink_dump *)like);
		return n->dump != NULL ? -EBUSY : -ENOBUFS;
	}
	*d = *like;
	d->header.nlmsg_flags = NLM_F_MULTI;
	d->header.nlmsg_seq = r->header->nlmsg_seq;
	d->header.nlmsg_pid = n->port;
	d->net = r->net;
	d->generation = atomic_load(&r->net->generation);
	atomic_store(&n->dump, d);
	if (go_on(n) != 0)
		atomic_store(&n->socket.error, ENOBUFS);
	return NETLINK_NO_ANSWER;
}

/* ---- requests ---- */

static void handle_one(struct netlink_socket *n, struct net *net, const struct nlmsghdr *h)
{
	struct netlink_request r = { .socket = n,
				     .net = net,
				     .header = h,
				     .body = h + 1,
				     .body_len = h->nlmsg_len - (unsigned)sizeof(*h) };
	int err = 0;

	if ((h->nlmsg_flags & NLM_F_REQUEST) != 0 && h->nlmsg_type >= NLMSG_MIN_TYPE)
		err = n->protocol->handle(&r);
	if (err != NETLINK_NO_ANSWER && (err != 0 || (h->nlmsg_flags & NLM_F_ACK) != 0))
		acknowledge(&r, err);
}

/* What is not whole is passed over, with all behind it. */
static void handle_all(struct netlink_socket *n, struct net *net, const char *bytes, size_t len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)bytes;
		size_t whole = h->nlmsg_len;

		if (whole < sizeof(*h) || whole > len)
			return;
		handle_one(n, net, h);
		whole = min((size_t)NLMSG_ALIGN(whole), len);
		bytes += whole;
		len -= whole;
	}
}

static int to_kernel(struct netlink_socket *n, const struct netlink_message *m)
{
	struct net *net = net_machine_get();

	if (n->protocol->handle == NULL)
		return -ECONNREFUSED;
	if (net == NULL)
		return -ENOBUFS;
	mutex_lock(&n->request_lock);
	handle_all(n, net, (const char *)m->bytes, m->len);
	mutex_unlock(&n->request_lock);
	net_run();
	return 0;
}

/* ---- send(2) ---- */

static int find_target(struct netlink_socket *n, const struct socket_message *m,
		       struct sockaddr_nl *to)
{
	if (m->name == NULL) {
		*to = (struct sockaddr_nl){ .nl_pid = atomic_load(&n->peer_port),
					    .nl_groups = atomic_load(&n->peer_groups) };
		return 0;
	}
	if (m->name->len < sizeof(*to) || m->name->family != AF_NETLINK)
		return -EINVAL;
	memcpy(to, m->name->bytes, sizeof(*to));
	if ((to->nl_pid != 0 || to->nl_groups != 0) && !n->protocol->all_may_send &&
	    !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	return 0;
}

/* NULL: *err. */
static struct netlink_message *read_all(struct netlink_socket *n, struct uio *u, int *err)
{
	struct netlink_message *m;
	size_t len = u->left, limit = READ_ONCE(n->socket.send_limit);

	*err = -EMSGSIZE;
	if (len + SEND_OVERHEAD > limit)
		return NULL;
	*err = -ENOBUFS;
	m = netlink_message_new((unsigned)len);
	if (m == NULL)
		return NULL;
	if (uio_copy_from(u, m->bytes, len) < len) {
		*err = -EFAULT;
		kmem_free(m);
		return NULL;
	}
	m->len = (unsigned)len;
	m->from = n->port;
	*err = 0;
	return m;
}

static void note_sender(const struct socket_message *by, struct netlink_message *m)
{
	const struct cred *c = cred_current();

	m->cred = by->has_cred ? by->cred
			       : (struct socket_cred){ socket_host.current_pid(), c->uid, c->gid };
}

static int pass_on(struct netlink_socket *n, const struct sockaddr_nl *to,
		   struct netlink_message *m)
{
	struct netlink_message *copy;

	if (to->nl_groups == 0)
		return netlink_send_to_port(n, to->nl_pid, m);
	copy = to->nl_pid == 0 ? NULL : netlink_message_new(m->len);
	m->group = (uint32_t)__builtin_ctz(to->nl_groups) + 1;
	if (copy != NULL) { /* to one and to the group */
		copy->len = m->len;
		copy->from = m->from;
		copy->cred = m->cred;
		memcpy(copy->bytes, m->bytes, m->len);
	}
	netlink_send_to_group(n->socket.protocol, n, m);
	return copy != NULL ? netlink_send_to_port(n, to->nl_pid, copy) : 0;
}

ssize_t netlink_send(struct socket *s, struct socket_message *by)
{
	struct netlink_socket *n = netlink_of(s);
	ssize_t len = (ssize_t)by->data->left;
	struct netlink_message *m;
	struct sockaddr_nl to;
	int err;

	if ((by->flags & MSG_OOB) != 0)
		return -EOPNOTSUPP;
	if (len == 0)
		return -ENODATA;
	err = find_target(n, by, &to);
	if (err == 0)
		err = netlink_autobind(n);
	if (err != 0)
		return err;
	m = read_all(n, by->data, &err);
	if (m == NULL)
		return err;
	note_sender(by, m);
	if (to.nl_pid != 0 || to.nl_groups != 0)
		return (err = pass_on(n, &to, m)) != 0 ? err : len;
	err = to_kernel(n, m);
	kmem_free(m);
	return err != 0 ? err : len;
}
