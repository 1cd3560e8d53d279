/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user network: libslirp makes of the guest's connections sockets of this process, so that
 * nobody needs a privilege. The guest's world, as libslirp and QEMU have it:
 *
 *	10.0.2.15	the guest, by DHCP	fec0::/64	its prefix, by router advertisements
 *	10.0.2.2	the router and the host	fec0::2
 *	10.0.2.3	DNS, the host's own	fec0::3
 *
 * libslirp takes and gives plain frames of at most USER_MTU bytes and works on checksums itself, so
 * there are no offloads; a link whose MTU is as large as a packet can be makes up for them: the
 * guest sends 64 KiB at a time, and one recv(2) of as much becomes one frame.
 *
 * libslirp hands frames over as it likes; they wait in a queue of at most QUEUE_BYTES, and while
 * any waits libslirp's sockets are not looked at: so the host's side is throttled by the guest's.
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "lib/compiler.h"
#include "monitor/net/backend.h"
#include "monitor/net/iov.h"
#include "monitor/net/reassembly.h"
#include "monitor/net/user_library.h"

#define USER_MTU     65520u
#define QUEUE_BYTES  (8u << 20)
#define TIMERS_MAX   8u
#define FLUSH_MS     500
#define NS_PER_MS    1000000
#define PREFIX_BYTES 8
#define FDS_MAX      4096
#define GUEST4       0x0a00020fu /* 10.0.2.15 */

struct frame { /* one that waits for the guest */
	struct frame *next;
	size_t len;
	uint8_t bytes[];
};

struct user_timer {
	SlirpTimerCb call;
	void *opaque;
	int64_t at_ms; /* INT64_MAX: not running */
};

struct user {
	struct net_backend backend;
	struct user_library library;
	Slirp *slirp;
	struct frame *first, **last;
	size_t queued_bytes;
	struct user_timer timers[TIMERS_MAX];
	struct net_poll own;   /* for looking without sleeping */
	struct net_poll *poll; /* the one that is being filled or read */
	uint8_t out[VIRTIO_NET_HEADER_BYTES + NET_FRAME_MAX];
	struct reassembly pieces;
};

static struct user *of_backend(struct net_backend *b)
{
	return container_of(b, struct user, backend);
}

/* ---- what libslirp asks of us ---- */

/* More than the queue holds is lost: TCP sends it again. */
static ssize_t on_frame(const void *bytes, size_t len, void *opaque)
{
	struct user *u = opaque;
	struct frame *frame;

	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX || u->queued_bytes + len > QUEUE_BYTES)
		return (ssize_t)len;
	frame = malloc(sizeof(*frame) + len);
	if (frame == NULL)
		return (ssize_t)len;
	frame->next = NULL;
	frame->len = len;
	memcpy(frame->bytes, bytes, len);
	*u->last = frame;
	u->last = &frame->next;
	u->queued_bytes += len;
	return (ssize_t)len;
}

static void on_guest_error(const char *text, void *opaque)
{
	(void)text; /* the guest's affair */
	(void)opaque;
}

static int64_t clock_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

static void *timer_new(SlirpTimerCb call, void *call_opaque, void *opaque)
{
	struct user *u = opaque;

	for (unsigned i = 0; i < TIMERS_MAX; i++) {
		struct user_timer *t = &u->timers[i];

		if (t->call == NULL) {
			*t = (struct user_timer){ call, call_opaque, INT64_MAX };
			return t;
		}
	}
	abort(); /* libslirp 4 has one */
}

static void timer_free(void *timer, void *opaque)
{
	(void)opaque;
	((struct user_timer *)timer)->call = NULL;
}

static void timer_mod(void *timer, int64_t at_ms, void *opaque)
{
	(void)opaque;
	((struct user_timer *)timer)->at_ms = at_ms;
}

static void ignore_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void ignore_notify(void *opaque)
{
	(void)opaque; /* one thread: it looks anyway */
}

static const SlirpCb callbacks = {
	.send_packet = on_frame,
	.guest_error = on_guest_error,
	.clock_get_ns = clock_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = ignore_fd,
	.unregister_poll_fd = ignore_fd,
	.notify = ignore_notify,
};

/* ---- looking at its sockets ---- */

static int add_fd(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	short wanted = 0;

	wanted |= (events & SLIRP_POLL_IN) != 0 ? POLLIN : 0;
	wanted |= (events & SLIRP_POLL_OUT) != 0 ? POLLOUT : 0;
	wanted |= (events & SLIRP_POLL_PRI) != 0 ? POLLPRI : 0;
	return net_poll_add(u->poll, fd, wanted);
}

static int get_events(int idx, void *opaque)
{
	struct user *u = opaque;
	short found;
	int events = 0;

	if (idx < 0 || (unsigned)idx >= u->poll->nr)
		return 0;
	found = u->poll->fds[idx].revents;
	events |= (found & POLLIN) != 0 ? SLIRP_POLL_IN : 0;
	events |= (found & POLLOUT) != 0 ? SLIRP_POLL_OUT : 0;
	events |= (found & POLLPRI) != 0 ? SLIRP_POLL_PRI : 0;
	events |= (found & POLLERR) != 0 ? SLIRP_POLL_ERR : 0;
	events |= (found & POLLHUP) != 0 ? SLIRP_POLL_HUP : 0;
	return events;
}

static void fill(struct user *u, struct net_poll *poll)
{
	uint32_t timeout = UINT32_MAX;
	int64_t now_ms = clock_ns(NULL) / NS_PER_MS;

	u->poll = poll;
	u->library.pollfds_fill(u->slirp, &timeout, add_fd, u);
	if (timeout <= INT32_MAX)
		net_poll_limit(poll, (int)timeout);
	for (unsigned i = 0; i < TIMERS_MAX; i++) {
		const struct user_timer *t = &u->timers[i];

		if (t->call != NULL && t->at_ms != INT64_MAX)
			net_poll_limit(poll, (int)min(max(t->at_ms - now_ms, (int64_t)0),
						      (int64_t)INT32_MAX));
	}
}

static void take(struct user *u, const struct net_poll *poll, int error)
{
	int64_t now_ms = clock_ns(NULL) / NS_PER_MS;

	(void)poll;
	u->library.pollfds_poll(u->slirp, error, get_events, u);
	for (unsigned i = 0; i < TIMERS_MAX; i++) {
		struct user_timer *t = &u->timers[i];

		if (t->call == NULL || t->at_ms > now_ms)
			continue;
		t->at_ms = INT64_MAX;
		t->call(t->opaque);
	}
}

static void look(struct user *u)
{
	u->own.nr = 0;
	u->own.timeout_ms = -1;
	fill(u, &u->own);
	take(u, &u->own, poll(u->own.fds, u->own.nr, 0) < 0);
}

/* ---- the backend ---- */

/* Copied first: the guest could change under libslirp's checks what lies in its memory. */
static int user_send(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	struct user *u = of_backend(b);
	size_t len = iov_copy_out(iov, nr, 0, u->out, sizeof(u->out)) - VIRTIO_NET_HEADER_BYTES;
	const uint8_t *frame = reassembly_add(&u->pieces, u->out + VIRTIO_NET_HEADER_BYTES, &len);

	if (frame != NULL)
		u->library.input(u->slirp, frame, (int)len);
	return 0;
}

/* Never changed on a wire: the guest need not verify checksums. */
static ssize_t user_receive(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	struct user *u = of_backend(b);
	struct frame *frame;
	ssize_t len = -EAGAIN;
	size_t copied;

	if (u->first == NULL)
		look(u);
	while ((frame = u->first) != NULL && len < 0) {
		copied = iov_copy_in(iov, nr, 0, header, sizeof(header));
		copied += iov_copy_in(iov, nr, sizeof(header), frame->bytes, frame->len);
		if (copied == sizeof(header) + frame->len)
			len = (ssize_t)copied;
		u->first = frame->next;
		u->queued_bytes -= frame->len;
		free(frame);
	}
	if (u->first == NULL)
		u->last = &u->first;
	return len;
}

static void user_before_poll(struct net_backend *b, struct net_poll *poll, bool wants_frames)
{
	struct user *u = of_backend(b);

	u->poll = NULL;
	if (u->first != NULL && wants_frames)
		net_poll_limit(poll, 0);
	if (u->first == NULL)
		fill(u, poll);
}

static void user_after_poll(struct net_backend *b, const struct net_poll *poll)
{
	struct user *u = of_backend(b);

	if (u->poll == poll)
		take(u, poll, 0);
}

/* Does libslirp hold bytes for a socket that does not take them? */
static bool is_holding(const struct net_poll *poll)
{
	for (unsigned i = 0; i < poll->nr; i++)
		if ((poll->fds[i].events & POLLOUT) != 0)
			return true;
	return false;
}

static void user_flush(struct net_backend *b)
{
	struct user *u = of_backend(b);
	int64_t until_ms = clock_ns(NULL) / NS_PER_MS + FLUSH_MS, left_ms = FLUSH_MS;

	while (left_ms > 0) {
		u->own.nr = 0;
		u->own.timeout_ms = (int)left_ms;
		fill(u, &u->own);
		if (!is_holding(&u->own))
			return;
		take(u, &u->own, poll(u->own.fds, u->own.nr, u->own.timeout_ms) < 0);
		left_ms = until_ms - clock_ns(NULL) / NS_PER_MS;
	}
}

static void user_free(struct net_backend *b)
{
	struct user *u = of_backend(b);

	if (u->slirp != NULL)
		u->library.cleanup(u->slirp);
	while (u->first != NULL) {
		struct frame *frame = u->first;

		u->first = frame->next;
		free(frame);
	}
	net_poll_fini(&u->own);
	free(u);
}

static const struct net_backend_ops ops = {
	.send = user_send,
	.receive = user_receive,
	.before_poll = user_before_poll,
	.after_poll = user_after_poll,
	.flush = user_flush,
	.free = user_free,
};

/* ---- beginning ---- */

/* RFC 4291 appendix A: the address that the guest gives itself from its MAC. */
static struct in6_addr guest_address6(const uint8_t mac[6])
{
	struct in6_addr address = { .s6_addr = { 0xfe, 0xc0 } };
	uint8_t *id = &address.s6_addr[PREFIX_BYTES];

	memcpy(id, mac, 3);
	id[0] ^= 2;
	id[3] = 0xff;
	id[4] = 0xfe;
	memcpy(id + 5, mac + 3, 3);
	return address;
}

static void find_guest(const struct vm_net *net, struct in_addr *v4, struct in6_addr *v6)
{
	memcpy(v4, net->guest4, sizeof(*v4));
	if (v4->s_addr == 0)
		v4->s_addr = htonl(GUEST4);
	memcpy(v6, net->guest6, sizeof(*v6));
	if (IN6_IS_ADDR_UNSPECIFIED(v6))
		*v6 = guest_address6(net->mac);
}

/*
 * libslirp listens with a backlog of one: of many clients at once all but a few would wait for the
 * retransmission of their SYN, a second or more. It keeps the socket to itself; here it is found
 * by its name. listen(2) of a socket that listens already changes the backlog, which the kernel
 * bounds.
 */
static void deepen_backlog(const struct sockaddr *host, socklen_t len)
{
	struct sockaddr_storage name;

	for (int fd = 0; fd < FDS_MAX; fd++) {
		socklen_t name_len = sizeof(name), flag_len = sizeof(int);
		int listens = 0;

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag_len) != 0 ||
		    !listens || getsockname(fd, (struct sockaddr *)&name, &name_len) != 0 ||
		    name_len != len || memcmp(&name, host, len) != 0)
			continue;
		(void)!listen(fd, INT_MAX);
		return;
	}
}

static int forward(struct user *u, const struct sockaddr *host, const struct sockaddr *guest,
		   socklen_t len, int flags)
{
	int err = u->library.add_forward(u->slirp, host, len, guest, len, flags);

	if (err == 0 && (flags & SLIRP_HOSTFWD_UDP) == 0)
		deepen_backlog(host, len);
	return err;
}

static int add_forward(struct user *u, const struct vm_net *net, const struct vm_forward *f)
{
	struct sockaddr_in host = { .sin_family = AF_INET, .sin_port = htons(f->host_port) };
	struct sockaddr_in guest = { .sin_family = AF_INET, .sin_port = htons(f->guest_port) };
	struct sockaddr_in6 host6 = { .sin6_family = AF_INET6, .sin6_port = htons(f->host_port) };
	struct sockaddr_in6 guest6 = { .sin6_family = AF_INET6, .sin6_port = htons(f->guest_port) };
	int flags = f->is_udp ? SLIRP_HOSTFWD_UDP : 0;

	find_guest(net, &guest.sin_addr, &guest6.sin6_addr);
	if (!f->is_ip6) {
		memcpy(&host.sin_addr, f->address, sizeof(host.sin_addr));
		return forward(u, (struct sockaddr *)&host, (struct sockaddr *)&guest, sizeof(host),
			       flags);
	}
	memcpy(&host6.sin6_addr, f->address, sizeof(host6.sin6_addr));
	return forward(u, (struct sockaddr *)&host6, (struct sockaddr *)&guest6, sizeof(host6),
		       flags | SLIRP_HOSTFWD_V6ONLY);
}

static void explain(const struct vm_forward *f, int error, char message[512])
{
	char text[INET6_ADDRSTRLEN] = "?", owner[64] = "";
	const char *kind = f->is_udp ? "UDP" : "TCP", *hint = "";

	inet_ntop(f->is_ip6 ? AF_INET6 : AF_INET, f->address, text, sizeof(text));
	if (error == EADDRINUSE)
		net_port_owner(f, owner, sizeof(owner));
	else if (error == EACCES)
		hint = "; ports below net.ipv4.ip_unprivileged_port_start (1024) need a privilege: "
		       "take a higher one, or run as root";
	snprintf(message, 512, "%s port %u of %s: %s%s%s%s", kind, f->host_port, text,
		 strerror(error), owner[0] != '\0' ? ": it is used by " : "", owner, hint);
}

static int start(struct user *u, const struct vm_net *net, char message[512])
{
	SlirpConfig config = {
		.version = 1,
		.in_enabled = true,
		.vnetwork.s_addr = htonl(0x0a000200),
		.vnetmask.s_addr = htonl(0xffffff00),
		.vhost.s_addr = htonl(0x0a000202),
		.vdhcp_start.s_addr = htonl(GUEST4),
		.vnameserver.s_addr = htonl(0x0a000203),
		.in6_enabled = true,
		.vprefix_len = 64,
		.vhostname = net->hostname,
		.if_mtu = u->backend.mtu,
		.if_mru = u->backend.mtu,
		.disable_host_loopback = net->hides_host,
	};

	inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &config.vhost6);
	inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
	u->slirp = u->library.make(&config, &callbacks, u);
	if (u->slirp == NULL) {
		snprintf(message, 512, "libslirp does not start");
		return -EINVAL;
	}
	for (unsigned i = 0; i < net->nr_forwards; i++) {
		if (add_forward(u, net, &net->forwards[i]) != 0) {
			int error = errno;

			explain(&net->forwards[i], error, message);
			return -error;
		}
	}
	return 0;
}

bool monitor_has_user_network(char message[512])
{
	struct user_library library;

	return user_library_load(&library, message) == 0;
}

struct net_backend *net_user_new(const struct vm_net *net, int *error, char message[512])
{
	struct user *u = calloc(1, sizeof(*u));

	*error = -ENOMEM;
	snprintf(message, 512, "no memory for the user network");
	if (u == NULL)
		return NULL;
	u->last = &u->first;
	u->backend = (struct net_backend){
		.sums_are_good = true,
		.ops = &ops,
		.mtu = net->mtu != 0 ? net->mtu : USER_MTU,
		.link_up = true,
	};
	*error = user_library_load(&u->library, message);
	if (*error == 0)
		*error = start(u, net, message);
	if (*error == 0)
		return &u->backend;
	user_free(&u->backend);
	return NULL;
}
