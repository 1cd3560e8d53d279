/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_NETLINK: the family, birth and death, ports, groups, names, poll. netlink.h has the theory. */
#include "net/ioctl/ioctl.h"
#include "net/netlink/netlink.h"

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>

#include "core/random.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "net/net.h"

#define PROTOCOL_MAX 32 /* MAX_LINKS */
#define GROUP_MAX    64u

struct spinlock netlink_lock = SPINLOCK_INIT;
struct list netlink_all = LIST_INIT(netlink_all);

static uint64_t listened[PROTOCOL_MAX]; /* [netlink_lock to write; a] groups that somebody is in */

/* Between programs: the kernel has no part in it. */
static const struct netlink_protocol user_protocol = {
	.number = NETLINK_USERSOCK,
	.nr_groups = 32,
	.all_may_send = true,
	.admin_hears = true,
};

static const struct netlink_protocol *const protocols[] = {
	&netlink_route_protocol,
	&netlink_diag_protocol,
	&user_protocol,
};

/* ---- birth and death ---- */

static const struct socket_ops netlink_ops;

static const struct netlink_protocol *find_protocol(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i]->number == number)
			return protocols[i];
	}
	return NULL;
}

static int create(int type, int protocol, struct socket **out)
{
	const struct netlink_protocol *p;
	struct netlink_socket *n;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol < 0 || protocol >= PROTOCOL_MAX)
		return -EPROTONOSUPPORT;
	p = find_protocol(protocol);
	if (p == NULL)
		return -EPROTONOSUPPORT;
	n = kmem_new(struct netlink_socket);
	if (n == NULL)
		return -ENOMEM;
	socket_init(&n->socket, &netlink_ops, type);
	n->socket.protocol = protocol;
	n->socket.traits = SOCKET_QUIET_PIPE;
	n->protocol = p;
	list_init(&n->queue);
	mutex_init(&n->request_lock);
	scoped_spin(&netlink_lock);
	list_append(&netlink_all, &n->link);
	*out = &n->socket;
	return 0;
}

SOCKET_FAMILY(netlink_family) = {
	.family = AF_NETLINK,
	.create = create,
	.address_max = sizeof(struct sockaddr_nl),
};

static void count_listeners_locked(int protocol)
{
	struct netlink_socket *n;
	uint64_t all = 0;

	list_foreach(&netlink_all, n, link) {
		if (n->socket.protocol == protocol)
			all |= n->groups;
	}
	atomic_store(&listened[protocol], all);
}

static void close(struct socket *s)
{
	struct netlink_socket *n = netlink_of(s);

	spin_lock(&netlink_lock);
	list_remove(&n->link);
	count_listeners_locked(s->protocol);
	spin_unlock(&netlink_lock);
	scoped_mutex(&n->request_lock);
	if (n->dump != NULL && n->dump->end != NULL)
		n->dump->end(n->dump);
	kmem_free(n->dump);
	atomic_store(&n->dump, NULL);
}

static void free(struct socket *s)
{
	struct netlink_socket *n = netlink_of(s);

	netlink_queue_clear(n);
	kmem_free(n);
}

/* ---- ports ---- */

static bool has_port_locked(int protocol, uint32_t port)
{
	struct netlink_socket *n;

	list_foreach(&netlink_all, n, link) {
		if (n->socket.protocol == protocol && n->port == port)
			return true;
	}
	return false;
}

static int bind_port(struct netlink_socket *n, uint32_t port)
{
	scoped_spin(&netlink_lock);
	if (n->port != 0)
		return n->port == port ? 0 : -EINVAL;
	if (has_port_locked(n->socket.protocol, port))
		return -EADDRINUSE;
	atomic_store(&n->port, port);
	return 0;
}

/* The process's id, or with that taken any other number: a negative one, as Linux has it. */
int netlink_autobind(struct netlink_socket *n)
{
	uint32_t port = (uint32_t)socket_host.current_pid();

	scoped_spin(&netlink_lock);
	if (n->port != 0)
		return 0;
	while (port == 0 || has_port_locked(n->socket.protocol, port)) {
		random_get(&port, sizeof(port));
		port |= 1u << 31;
	}
	atomic_store(&n->port, port);
	return 0;
}

/* ---- groups ---- */

static int prepare_join(const struct netlink_socket *n)
{
	if (n->protocol->admin_hears && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
		return -EPERM;
	return n->protocol->joined != NULL ? n->protocol->joined() : 0;
}

static void set_groups(struct netlink_socket *n, uint64_t mask, uint64_t to)
{
	scoped_spin(&netlink_lock);
	atomic_store(&n->groups, (n->groups & ~mask) | (to & mask));
	if (!list_is_empty(&n->link))
		count_listeners_locked(n->socket.protocol);
}

int netlink_join(struct netlink_socket *n, unsigned group, bool on)
{
	uint64_t bit;
	int err = prepare_join(n);

	if (err != 0)
		return err;
	if (group == 0 || group > n->protocol->nr_groups || group > GROUP_MAX)
		return -EINVAL;
	bit = 1ull << (group - 1);
	set_groups(n, bit, on ? bit : 0);
	return 0;
}

bool netlink_has_listeners(int protocol, unsigned group)
{
	return (atomic_load(&listened[protocol]) >> (group - 1) & 1) != 0;
}

/* ---- names ---- */

static int read_address(const struct socket_address *a, struct sockaddr_nl *to)
{
	if (a->len < sizeof(*to) || a->family != AF_NETLINK)
		return -EINVAL;
	memcpy(to, a->bytes, sizeof(*to));
	return 0;
}

static int bind(struct socket *s, const struct socket_address *a, uint32_t mode)
{
	struct netlink_socket *n = netlink_of(s);
	struct sockaddr_nl to;
	int err = read_address(a, &to);

	if (err == 0 && to.nl_groups != 0)
		err = prepare_join(n);
	if (err == 0)
		err = to.nl_pid != 0 || atomic_load(&n->port) != 0 ? bind_port(n, to.nl_pid)
								   : netlink_autobind(n);
	if (err != 0)
		return err;
	set_groups(n, UINT32_MAX, to.nl_groups);
	return 0;
}

static int may_send_to(const struct netlink_socket *n, const struct sockaddr_nl *to)
{
	if ((to->nl_pid == 0 && to->nl_groups == 0) || n->protocol->all_may_send)
		return 0;
	return cred_has_cap(cred_current(), CAP_NET_ADMIN) ? 0 : -EPERM;
}

static int connect(struct socket *s, const struct socket_address *a, bool nonblock)
{
	struct netlink_socket *n = netlink_of(s);
	struct sockaddr_nl to;
	int err;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family == AF_UNSPEC) {
		atomic_store(&n->peer_port, 0);
		atomic_store(&n->peer_groups, 0);
		return 0;
	}
	err = read_address(a, &to);
	if (err == 0)
		err = may_send_to(n, &to);
	if (err == 0)
		err = netlink_autobind(n);
	if (err != 0)
		return err;
	atomic_store(&n->peer_port, to.nl_pid);
	atomic_store(&n->peer_groups, to.nl_groups & -to.nl_groups);
	return 0;
}

static int get_name(struct socket *s, enum socket_name of, struct socket_address *out)
{
	struct netlink_socket *n = netlink_of(s);
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };

	a.nl_pid = atomic_load(of == SOCKET_OWN_NAME ? &n->port : &n->peer_port);
	a.nl_groups = of == SOCKET_OWN_NAME ? (uint32_t)atomic_load(&n->groups)
					    : atomic_load(&n->peer_groups);
	out->len = sizeof(a);
	memcpy(out->bytes, &a, sizeof(a));
	return 0;
}

/* ---- poll, ioctl ---- */

static unsigned poll(struct socket *s, struct poll_table *t)
{
	struct netlink_socket *n = netlink_of(s);
	unsigned events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	if (atomic_load(&n->charged) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(s->error) != 0)
		events |= EPOLLERR;
	return events;
}

static long ioctl(struct socket *s, unsigned cmd, unsigned long arg)
{
	return interface_ioctl(cmd, arg);
}

static const struct socket_ops netlink_ops = {
	.bind = bind,
	.connect = connect,
	.send = netlink_send,
	.receive = netlink_receive,
	.get_name = get_name,
	.set_option = netlink_set_option,
	.get_option = netlink_get_option,
	.ioctl = ioctl,
	.poll = poll,
	.close = close,
	.free = free,
};

/* ---- /proc/net/netlink ---- */

unsigned netlink_report(void *to, unsigned room)
{
	struct netlink_report *all = to;
	struct netlink_socket *n;
	unsigned nr = 0;

	scoped_spin(&netlink_lock);
	list_foreach(&netlink_all, n, link) {
		if (nr++ >= room)
			continue;
		all[nr - 1] = (struct netlink_report){
			.protocol = n->socket.protocol,
			.port = n->port,
			.groups = n->groups,
			.nr_received = atomic_load(&n->charged),
			.dumps = atomic_load(&n->dump) != NULL,
			.refs = n->socket.ref.count,
			.nr_dropped = atomic_load(&n->nr_dropped),
			.ino = n->socket.ino,
			.cookie = socket_cookie(&n->socket),
		};
	}
	return nr;
}
