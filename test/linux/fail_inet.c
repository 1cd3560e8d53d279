/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: sockets of AF_INET and AF_INET6, through the whole stack and back by
 * the loopback. A packet that could not be had is lost: TCP sends it again, a datagram is missed.
 */
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/sendfile.h>

#include "fail.h"
#include "inet.h"

#define NAME_LEN(a) ((a)->sa.sa_family == AF_INET ? sizeof((a)->v4) : sizeof((a)->v6))

union name {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static char bytes[256 * 1024];

static int whole(ssize_t n, size_t len)
{
	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOMEM;
}

static int bound(int family, int type, union name *a)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	socklen_t len;

	*a = (union name){ .sa.sa_family = (sa_family_t)family };
	if (family == AF_INET)
		a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a->v6.sin6_addr = in6addr_loopback;
	len = NAME_LEN(a);
	if (fd < 0)
		return -errno;
	if (bind(fd, &a->sa, len) == 0 && getsockname(fd, &a->sa, &len) == 0)
		return fd;
	int err = -errno;

	close(fd);
	return err;
}

/* ---- TCP ---- */

/* A client and the server's end of one connection: closing the client first leaves no TIME-WAIT. */
struct connection {
	int listener, client, server;
};

static void hang_up(struct connection *c)
{
	if (c->client >= 0)
		close(c->client);
	if (c->server >= 0)
		close(c->server);
	if (c->listener >= 0)
		close(c->listener);
}

static int dial(struct connection *c, int family)
{
	static const struct linger reset = { 1, 0 };
	union name a;

	*c = (struct connection){ bound(family, SOCK_STREAM, &a), -1, -1 };
	if (c->listener < 0)
		return c->listener;
	if (listen(c->listener, 4) != 0)
		return -errno;
	c->client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->client < 0 || connect(c->client, &a.sa, NAME_LEN(&a)) != 0)
		return -errno;
	c->server = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	if (c->server < 0)
		return -errno;
	return fail_done(setsockopt(c->server, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
}

/* For what comes after the connection: a lost packet of the beginning costs a second. */
static int dialled(struct connection *c, int family)
{
	int err = dial(c, family);

	fail_begin();
	return err;
}

static int pass(int from, int to, size_t len)
{
	int err = whole(send(from, bytes, len, MSG_NOSIGNAL), len);

	return err != 0 ? err : whole(recv(to, bytes, len, MSG_WAITALL), len);
}

static int tcp_of(int family)
{
	struct connection c;
	int err = dial(&c, family);

	if (err == 0)
		err = pass(c.client, c.server, 20000);
	if (err == 0)
		err = pass(c.server, c.client, 20000);
	hang_up(&c);
	return err;
}

static int run_tcp(void)
{
	return tcp_of(AF_INET);
}

static int run_tcp6(void)
{
	return tcp_of(AF_INET6);
}

/* By the program's own pages; the loopback makes copies. */
static int run_tcp_lent(void)
{
	struct connection c;
	int err = dialled(&c, AF_INET), on = 1;

	if (err == 0)
		err = fail_done(setsockopt(c.client, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	if (err == 0)
		err = whole(send(c.client, bytes, 20000, MSG_NOSIGNAL | MSG_ZEROCOPY), 20000);
	if (err == 0)
		err = whole(recv(c.server, bytes, 20000, MSG_WAITALL), 20000);
	while (err == 0 && recv(c.client, bytes, sizeof(bytes), MSG_ERRQUEUE) >= 0)
		continue;
	hang_up(&c);
	return err;
}

/* The server ends first, in order: TIME-WAIT. */
static int run_tcp_rest(void)
{
	struct linger off = { 0, 0 };
	struct connection c;
	int err = dialled(&c, AF_INET);

	if (err == 0)
		err = fail_done(setsockopt(c.server, SOL_SOCKET, SO_LINGER, &off, sizeof(off)));
	if (err == 0)
		err = pass(c.client, c.server, 100);
	if (err == 0)
		err = fail_done(shutdown(c.server, SHUT_WR));
	if (err == 0)
		err = whole(recv(c.client, bytes, 1, 0), 0);
	hang_up(&c);
	return err;
}

static int run_tcp_refused(void)
{
	union name a;
	int gone = bound(AF_INET, SOCK_STREAM, &a), fd, err;

	if (gone < 0)
		return gone;
	close(gone);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, &a.sa, NAME_LEN(&a)) == 0 ? -EISCONN : -errno;
	close(fd);
	return err == -ECONNREFUSED ? 0 : err;
}

static int run_tcp_urgent(void)
{
	struct connection c;
	int err = dialled(&c, AF_INET);
	struct pollfd p = { .fd = c.server, .events = POLLPRI };

	if (err == 0)
		err = whole(send(c.client, bytes, 3, MSG_OOB), 3);
	if (err == 0)
		err = poll(&p, 1, -1) == 1 ? whole(recv(c.server, bytes, 1, MSG_OOB), 1) : -EIO;
	hang_up(&c);
	return err;
}

static int run_tcp_values(void)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	char name[16] = "reno";
	struct connection c;
	int err = dialled(&c, AF_INET6), size = 200000;

	if (err == 0)
		err = fail_done(setsockopt(c.client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	if (err == 0)
		err = fail_done(setsockopt(c.client, IPPROTO_TCP, TCP_CONGESTION, name, 4));
	if (err == 0)
		err = fail_done(getsockopt(c.client, IPPROTO_TCP, TCP_INFO, &info, &len));
	hang_up(&c);
	return err;
}

static int run_tcp_sendfile(void)
{
	int file = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600), err;
	struct connection c;

	if (file < 0)
		return -errno;
	err = whole(pwrite(file, bytes, 50000, 0), 50000);
	if (err == 0) {
		off_t at = 0;

		err = dialled(&c, AF_INET);
		if (err == 0)
			err = whole(sendfile(c.client, file, &at, 50000), 50000);
		if (err == 0)
			err = whole(recv(c.server, bytes, 50000, MSG_WAITALL), 50000);
		hang_up(&c);
	}
	close(file);
	return err;
}

static int run_tcp_splice(void)
{
	struct connection c;
	int fds[2], err = fail_done(pipe2(fds, O_CLOEXEC));

	if (err != 0)
		return err;
	err = dialled(&c, AF_INET);
	if (err == 0)
		err = whole(send(c.server, bytes, 9000, 0), 9000);
	for (ssize_t n, got = 0, sent = 0; err == 0 && sent < 9000;) {
		if (got == sent)
			got += n = splice(c.client, NULL, fds[1], NULL, 9000, 0);
		else
			sent += n = splice(fds[0], NULL, c.client, NULL, (size_t)(got - sent), 0);
		err = n > 0 ? 0 : n == 0 ? -EIO : -errno;
	}
	if (err == 0)
		err = whole(recv(c.server, bytes, 9000, MSG_WAITALL), 9000);
	hang_up(&c);
	close(fds[0]), close(fds[1]);
	return err;
}

/* ---- datagrams ---- */

/*
 * A packet that was lost is waited for in vain, for a while. Not by poll(): that also ends for what
 * the queue of errors tells (POLLERR), and a recv() after it would wait for ever.
 */
static int receive(int fd, size_t len)
{
	struct timeval most = { 0, 100000 };
	int err = fail_done(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)));
	ssize_t n;

	if (err != 0)
		return err;
	do
		n = recv(fd, bytes, sizeof(bytes), 0);
	while (n < 0 && errno == EAGAIN && fail_is_to_come());
	return n < 0 && errno == EAGAIN ? -ENOMEM : whole(n, len);
}

static int udp_of(int family)
{
	union name a;
	int s = bound(family, SOCK_DGRAM, &a), err;

	if (s < 0)
		return s;
	err = fail_done(connect(s, &a.sa, NAME_LEN(&a)));
	if (err == 0)
		err = whole(send(s, bytes, 9000, 0), 9000);
	if (err == 0)
		err = receive(s, 9000);
	close(s);
	return err;
}

static int run_udp(void)
{
	return udp_of(AF_INET);
}

static int run_udp6(void)
{
	return udp_of(AF_INET6);
}

/* Above the loopback's MTU: fragments. */
static int run_udp_fragments(void)
{
	union name a;
	int s = bound(AF_INET, SOCK_DGRAM, &a), err, off = IP_PMTUDISC_DONT, size = 400000;

	if (s < 0)
		return s;
	err = fail_done(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	if (err == 0)
		err = fail_done(setsockopt(s, IPPROTO_IP, IP_MTU_DISCOVER, &off, sizeof(off)));
	if (err == 0)
		err = whole(sendto(s, bytes, 65507, 0, &a.sa, NAME_LEN(&a)), 65507);
	if (err == 0)
		err = receive(s, 65507);
	close(s);
	return err;
}

static int run_udp_segments(void)
{
	union name a;
	int s = bound(AF_INET, SOCK_DGRAM, &a), err, segment = 1000;

	if (s < 0)
		return s;
	err = fail_done(setsockopt(s, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)));
	if (err == 0)
		err = whole(sendto(s, bytes, 5000, 0, &a.sa, NAME_LEN(&a)), 5000);
	for (int i = 0; i < 5 && err == 0; i++)
		err = receive(s, 1000);
	close(s);
	return err;
}

/* Nobody is there: ICMP says so, in the queue of errors. */
static int run_udp_error(void)
{
	char control[256];
	struct iovec v = { bytes, 100 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	union name a;
	int gone = bound(AF_INET, SOCK_DGRAM, &a), s, err, on = 1;
	struct pollfd p = { 0 };

	if (gone < 0)
		return gone;
	close(gone);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	err = fail_done(setsockopt(s, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)));
	if (err == 0)
		err = whole(sendto(s, bytes, 10, 0, &a.sa, NAME_LEN(&a)), 10);
	p.fd = s;
	while (err == 0 && poll(&p, 1, 100) == 0 && fail_is_to_come())
		continue;
	if (err == 0)
		err = p.revents == 0 ? -ENOMEM : whole(recvmsg(s, &m, MSG_ERRQUEUE), 10);
	close(s);
	return err;
}

static int run_groups(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct ip_mreq v4 = { .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };
	struct ipv6_mreq v6 = { .ipv6mr_interface = 1 };
	union name a = { .v4 = { .sin_family = AF_INET } };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	int s6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	inet_pton(AF_INET, "239.1.2.3", &v4.imr_multiaddr);
	inet_pton(AF_INET6, "ff05::1234", &v6.ipv6mr_multiaddr);
	err = s < 0 || s6 < 0 ? -errno : fail_done(bind(s, &a.sa, sizeof(a.v4)));
	if (err == 0)
		err = fail_done(getsockname(s, &a.sa, &len));
	if (err == 0)
		err = fail_done(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4)));
	if (err == 0)
		err = fail_done(setsockopt(s6, IPPROTO_IPV6, IPV6_JOIN_GROUP, &v6, sizeof(v6)));
	if (err == 0)
		err = fail_done(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &v4.imr_interface, 4));
	to.sin_addr = v4.imr_multiaddr;
	to.sin_port = a.v4.sin_port;
	if (err == 0)
		err = whole(sendto(s, bytes, 50, 0, (struct sockaddr *)&to, sizeof(to)), 50);
	if (err == 0)
		err = receive(s, 50);
	if (s >= 0)
		close(s);
	if (s6 >= 0)
		close(s6);
	return err;
}

static int run_group_sources(void)
{
	struct ip_mreq_source r = { .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (s < 0)
		return -errno;
	inet_pton(AF_INET, "239.1.2.4", &r.imr_multiaddr);
	inet_pton(AF_INET, "127.0.0.2", &r.imr_sourceaddr);
	err = fail_done(setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &r, sizeof(r)));
	if (err == 0)
		err = fail_done(
			setsockopt(s, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, &r, sizeof(r)));
	close(s);
	return err;
}

static int run_filter(void)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, 0xffffffff) };
	struct sock_fprog p = { 1, all };
	union name a;
	int s = bound(AF_INET, SOCK_DGRAM, &a), err;

	if (s < 0)
		return s;
	err = fail_done(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)));
	if (err == 0)
		err = whole(sendto(s, bytes, 100, 0, &a.sa, NAME_LEN(&a)), 100);
	if (err == 0)
		err = receive(s, 100);
	close(s);
	return err;
}

static int run_cork(void)
{
	union name a;
	int s = bound(AF_INET, SOCK_DGRAM, &a), err;

	if (s < 0)
		return s;
	err = whole(sendto(s, bytes, 3000, MSG_MORE, &a.sa, NAME_LEN(&a)), 3000);
	if (err == 0)
		err = whole(sendto(s, bytes, 9000, 0, &a.sa, NAME_LEN(&a)), 9000);
	if (err == 0)
		err = receive(s, 12000);
	close(s);
	return err;
}

/* What is told of packets that went is lost when there is no memory for it. */
static int run_told(void)
{
	int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, on = 1;
	union name a;
	int s = bound(AF_INET, SOCK_DGRAM, &a), err;

	if (s < 0)
		return s;
	err = fail_done(setsockopt(s, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps)));
	if (err == 0)
		err = fail_done(setsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	if (err == 0)
		err = whole(sendto(s, bytes, 3000, MSG_ZEROCOPY, &a.sa, NAME_LEN(&a)), 3000);
	if (err == 0)
		err = receive(s, 3000);
	while (recv(s, bytes, sizeof(bytes), MSG_ERRQUEUE) >= 0)
		continue;
	close(s);
	return err;
}

/* An echo and its answer, which the stack itself makes. */
static int run_raw(void)
{
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = 7 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), err;

	if (s < 0)
		return -errno;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	echo.checksum = (uint16_t) ~(htons(ICMP_ECHO << 8) + 7);
	err = whole(sendto(s, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)),
		    sizeof(echo));
	for (int i = 0; i < 2 && err == 0; i++) /* it hears the question too */
		err = receive(s, 20 + sizeof(echo));
	close(s);
	return err;
}

static int run_ping(void)
{
	struct icmphdr echo = { .type = ICMP_ECHO };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP), err;

	if (s < 0)
		return errno == EACCES ? 0 : -errno; /* as net.ipv4.ping_group_range has it */
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	err = whole(sendto(s, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)),
		    sizeof(echo));
	if (err == 0)
		err = receive(s, sizeof(echo));
	close(s);
	return err;
}

static int run_reports(void)
{
	static const char *const names[] = { "/proc/net/tcp", "/proc/net/udp6", "/proc/net/dev" };
	union name a;
	int s = bound(AF_INET, SOCK_DGRAM, &a), err = s < 0 ? s : 0;

	for (int i = 0; i < 3 && err == 0; i++) {
		int fd = open(names[i], O_RDONLY | O_CLOEXEC);

		err = fd < 0 || read(fd, bytes, sizeof(bytes)) < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	if (s >= 0)
		close(s);
	return err;
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ } \
	}

/*
 * With no memory for a FIN it is a reset. A lost packet of the end of a connection leaves its other
 * end, for a while.
 */
#define TCP_ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ }, \
		.lingers = true \
	}
#define DIALLED_ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ }, \
		.lingers = true, .begins = true \
	}

static const struct fail_op ops[] = {
	TCP_ROW(tcp, ENOBUFS),
	TCP_ROW(tcp6, ENOBUFS),
	DIALLED_ROW(tcp_lent, ENOBUFS),
	DIALLED_ROW(tcp_rest, ENOBUFS, ECONNRESET),
	TCP_ROW(tcp_refused, ENOBUFS),
	DIALLED_ROW(tcp_urgent, ENOBUFS),
	DIALLED_ROW(tcp_values, ENOBUFS),
	DIALLED_ROW(tcp_sendfile, ENOBUFS),
	DIALLED_ROW(tcp_splice, ENOBUFS),
	ROW(udp, ENOBUFS),
	ROW(udp6, ENOBUFS),
	ROW(udp_fragments, ENOBUFS),
	ROW(udp_segments, ENOBUFS),
	ROW(udp_error, ENOBUFS, EAGAIN),
	ROW(groups, ENOBUFS, ENODEV),
	ROW(group_sources, ENOBUFS, ENODEV),
	ROW(filter, ENOBUFS),
	ROW(cork, ENOBUFS, EDESTADDRREQ),
	ROW(told, ENOBUFS),
	ROW(raw, ENOBUFS),
	ROW(ping, ENOBUFS),
	ROW(reports, ENOBUFS),
};

int main(int argc, char **argv)
{
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
