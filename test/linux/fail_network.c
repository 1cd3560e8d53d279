/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: the network's settings (netlink(7), rtnetlink(7)), frames
 * (packet(7)), connections that nobody waits for, and what sockets of datagrams can be asked for
 * (ip(7), ipv6(7)). In a network of the test's own.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>

#include "fail.h"
#include "netlink.h"
#include "netspace.h"

#define CLIENTS 8

static char bytes[64 * 1024];

static int whole(ssize_t n, size_t len)
{
	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOMEM;
}

/* ---- netlink ---- */

/* An answer that could not be made does not come. */
static int netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	return fd < 0 ? -errno : fd;
}

static void see_nothing(const struct nlmsghdr *h, void *arg)
{
	(void)h, (void)arg;
}

static int dump(int protocol, int type, size_t len)
{
	struct nl_request r;
	int fd = netlink(protocol), parts;
	char *family;

	if (fd < 0)
		return fd;
	family = nl_begin(&r, type, NLM_F_DUMP, len);
	if (type == SOCK_DIAG_BY_FAMILY) {
		struct inet_diag_req_v2 *q = (void *)family;

		q->sdiag_protocol = IPPROTO_UDP;
		q->idiag_states = ~0u;
		*family = AF_INET;
	}
	parts = nl_dump(fd, &r, see_nothing, NULL);
	close(fd);
	return parts < 0 ? parts : 0;
}

static int run_dumps(void)
{
	int err = dump(NETLINK_ROUTE, RTM_GETLINK, sizeof(struct ifinfomsg));

	if (err == 0)
		err = dump(NETLINK_ROUTE, RTM_GETADDR, sizeof(struct ifaddrmsg));
	if (err == 0)
		err = dump(NETLINK_ROUTE, RTM_GETROUTE, sizeof(struct rtmsg));
	return err;
}

static int run_diag(void)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct sockaddr_in a = { .sin_family = AF_INET };

	if (s < 0)
		return -errno;
	err = fail_done(bind(s, (struct sockaddr *)&a, sizeof(a)));
	if (err == 0)
		err = dump(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, sizeof(struct inet_diag_req_v2));
	close(s);
	return err;
}

static int answer(int result)
{
	return result > 0 ? -ENOMEM : result;
}

static int change_address(int fd, int type, int family)
{
	const int flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nl_request r;
	struct ifaddrmsg *a = nl_begin(&r, type, flags, sizeof(*a));
	char ip[16];

	a->ifa_family = (unsigned char)family;
	a->ifa_prefixlen = family == AF_INET ? 24 : 64;
	a->ifa_index = 1;
	inet_pton(family, family == AF_INET ? "10.7.7.1" : "fd00:7::1", ip);
	nl_put(&r, IFA_LOCAL, ip, family == AF_INET ? 4 : 16);
	return answer(nl_ask(fd, &r));
}

/* What another round has left goes first; whoever listens hears it. */
static int address_of(int family)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK,
				   .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int fd = netlink(NETLINK_ROUTE), listener = netlink(NETLINK_ROUTE), err = fd;

	if (fd >= 0 && listener >= 0) {
		(void)change_address(fd, RTM_DELADDR, family);
		err = fail_done(bind(listener, (struct sockaddr *)&all, sizeof(all)));
	}
	if (fd >= 0 && listener < 0)
		err = listener;
	if (err >= 0)
		err = change_address(fd, RTM_NEWADDR, family);
	if (err == 0)
		err = change_address(fd, RTM_DELADDR, family);
	if (fd >= 0)
		close(fd);
	if (listener >= 0)
		close(listener);
	return err;
}

static int run_address(void)
{
	return address_of(AF_INET);
}

static int run_address6(void)
{
	return address_of(AF_INET6);
}

static int change_route(int fd, int what, int family)
{
	const int flags = what == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nl_request r;
	struct rtmsg *t = nl_begin(&r, what, flags, sizeof(*t));
	char to[16];

	t->rtm_family = (unsigned char)family;
	t->rtm_dst_len = 16;
	t->rtm_table = RT_TABLE_MAIN;
	t->rtm_protocol = RTPROT_BOOT;
	t->rtm_type = RTN_UNICAST;
	inet_pton(family, family == AF_INET ? "10.99.0.0" : "fd99::", to);
	nl_put(&r, RTA_DST, to, family == AF_INET ? 4 : 16);
	nl_put_u32(&r, RTA_OIF, 1);
	return answer(nl_ask(fd, &r));
}

static int route_of(int family)
{
	int fd = netlink(NETLINK_ROUTE), err;

	if (fd < 0)
		return fd;
	(void)change_route(fd, RTM_DELROUTE, family);
	err = change_route(fd, RTM_NEWROUTE, family);
	if (err == 0)
		err = change_route(fd, RTM_DELROUTE, family);
	close(fd);
	return err;
}

static int run_route(void)
{
	return route_of(AF_INET);
}

static int run_route6(void)
{
	return route_of(AF_INET6);
}

/* ---- datagrams ---- */

static int bound(int family, struct sockaddr_in6 *a)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in *v4 = (void *)a;
	socklen_t len = family == AF_INET ? sizeof(*v4) : sizeof(*a);

	*a = (struct sockaddr_in6){ .sin6_family = (sa_family_t)family };
	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a->sin6_addr = in6addr_loopback;
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)a, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)a, &len) == 0)
		return fd;
	int err = -errno;

	close(fd);
	return err;
}

/* A packet that was lost is waited for in vain, for a while. */
static int await_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, 100) == 0 && fail_is_to_come())
		continue;
	return p.revents != 0 ? 0 : -ENOMEM;
}

static int receive(int fd, size_t len)
{
	int err = await_readable(fd);

	return err != 0 ? err : whole(recv(fd, bytes, sizeof(bytes), 0), len);
}

static int set(int fd, int level, int name, int value)
{
	return fail_done(setsockopt(fd, level, name, &value, sizeof(value)));
}

/* Everything that can be told of a datagram, and told with one. */
static int run_options6(void)
{
	static const int names[] = { IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
				     IPV6_RECVERR, IPV6_V6ONLY };
	char control[256] = { 0 };
	struct iovec v = { bytes, 40 };
	struct sockaddr_in6 a;
	struct msghdr m = { .msg_name = &a,
			    .msg_namelen = sizeof(a),
			    .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control };
	struct cmsghdr *c;
	int s = bound(AF_INET6, &a), err = 0, hops = 9;

	if (s < 0)
		return s;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) - 1 && err == 0; i++)
		err = set(s, IPPROTO_IPV6, names[i], 1);
	if (err == 0)
		err = set(s, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
	m.msg_controllen = CMSG_SPACE(sizeof(hops));
	c = (struct cmsghdr *)(void *)control;
	*c = (struct cmsghdr){ CMSG_LEN(sizeof(hops)), IPPROTO_IPV6, IPV6_HOPLIMIT };
	memcpy(CMSG_DATA(c), &hops, sizeof(hops));
	if (err == 0)
		err = whole(sendmsg(s, &m, 0), 40);
	m.msg_controllen = sizeof(control);
	if (err == 0)
		err = await_readable(s);
	if (err == 0)
		err = whole(recvmsg(s, &m, 0), 40);
	close(s);
	return err;
}

/* Above the loopback's MTU. */
static int run_fragments6(void)
{
	struct sockaddr_in6 a;
	int s = bound(AF_INET6, &a), err;

	if (s < 0)
		return s;
	err = set(s, SOL_SOCKET, SO_RCVBUF, 400000);
	if (err == 0)
		err = set(s, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	if (err == 0)
		err = whole(sendto(s, bytes, 65527, 0, (struct sockaddr *)&a, sizeof(a)), 65527);
	if (err == 0)
		err = receive(s, 65527);
	close(s);
	return err;
}

static int join(int s, int family)
{
	struct group_source_req g = { .gsr_interface = 1 };
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	char ip[16];

	g.gsr_group.ss_family = g.gsr_source.ss_family = (sa_family_t)family;
	for (int i = 0; i < 3; i++) {
		if (family == AF_INET) {
			inet_pton(AF_INET, "232.1.2.3", ip);
			memcpy(&((struct sockaddr_in *)&g.gsr_group)->sin_addr, ip, 4);
			inet_pton(AF_INET, "10.0.0.1", ip);
			ip[3] = (char)(ip[3] + i);
			memcpy(&((struct sockaddr_in *)&g.gsr_source)->sin_addr, ip, 4);
		} else {
			inet_pton(AF_INET6, "ff35::1234", ip);
			memcpy(&((struct sockaddr_in6 *)&g.gsr_group)->sin6_addr, ip, 16);
			inet_pton(AF_INET6, "fd00::1", ip);
			ip[15] = (char)(ip[15] + i);
			memcpy(&((struct sockaddr_in6 *)&g.gsr_source)->sin6_addr, ip, 16);
		}
		if (setsockopt(s, level, MCAST_JOIN_SOURCE_GROUP, &g, sizeof(g)) != 0)
			return -errno;
	}
	return fail_done(setsockopt(s, level, MCAST_LEAVE_SOURCE_GROUP, &g, sizeof(g)));
}

static int run_sources(void)
{
	struct sockaddr_in6 a;
	int s = bound(AF_INET, &a), s6, err;

	if (s < 0)
		return s;
	err = join(s, AF_INET);
	close(s);
	s6 = err == 0 ? bound(AF_INET6, &a) : err;
	if (s6 < 0)
		return s6;
	err = join(s6, AF_INET6);
	close(s6);
	return err;
}

/* ---- frames ---- */

/* The filter, if any, comes first: there are frames of what was done before (IGMP's reports). */
static int frames(int type, const struct sock_fprog *filter)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = 1 };
	int fd = socket(AF_PACKET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if ((filter == NULL ||
	     setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) == 0) &&
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	int err = -errno;

	close(fd);
	return err;
}

static int send_udp(void)
{
	struct sockaddr_in6 a;
	int s = bound(AF_INET, &a), err;

	if (s < 0)
		return s;
	err = whole(sendto(s, bytes, 100, 0, (struct sockaddr *)&a, sizeof(struct sockaddr_in)),
		    100);
	close(s);
	return err;
}

static int run_frames(void)
{
	struct sock_filter udp[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9 /* protocol */),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { 4, udp };
	struct packet_mreq member = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = 1,
				  .sll_halen = 6 };
	int fd = frames(SOCK_DGRAM, &program), err;

	if (fd < 0)
		return fd;
	err = fail_done(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member, sizeof(member)));
	if (err == 0)
		err = send_udp();
	if (err == 0)
		err = receive(fd, 128);
	if (err == 0)
		err = whole(sendto(fd, bytes, 60, 0, (struct sockaddr *)&to, sizeof(to)), 60);
	close(fd);
	return err;
}

static int run_frame_ring(void)
{
	struct tpacket_req ring = {
		.tp_block_size = 16384, .tp_block_nr = 4, .tp_frame_size = 2048, .tp_frame_nr = 32
	};
	struct tpacket2_hdr *h;
	int fd = frames(SOCK_RAW, NULL), err;
	char *p;

	if (fd < 0)
		return fd;
	err = set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	if (err == 0)
		err = fail_done(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)));
	if (err == 0) {
		p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = p == MAP_FAILED ? -errno : send_udp();
		h = (void *)p;
		while (err == 0 &&
		       !(((volatile struct tpacket2_hdr *)h)->tp_status & TP_STATUS_USER) &&
		       fail_is_to_come())
			child_pause_ms(1);
		if (err == 0 && !(h->tp_status & TP_STATUS_USER))
			err = -ENOMEM;
		if (p != MAP_FAILED)
			munmap(p, 65536);
	}
	close(fd);
	return err;
}

/* ---- connections, of which some are lost: nobody waits for them ---- */

static int run_many_connections(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	int clients[CLIENTS], servers[CLIENTS];
	socklen_t len = sizeof(a);

	if (listener < 0)
		return -errno;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	err = fail_done(bind(listener, (struct sockaddr *)&a, sizeof(a)));
	if (err == 0)
		err = fail_done(getsockname(listener, (struct sockaddr *)&a, &len));
	if (err == 0)
		err = fail_done(listen(listener, CLIENTS / 2));
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (err == 0 && clients[i] < 0)
			err = -errno;
		if (clients[i] >= 0 && connect(clients[i], (struct sockaddr *)&a, len) != 0 &&
		    errno != EINPROGRESS && err == 0)
			err = -errno;
	}
	for (int i = 0; i < CLIENTS; i++)
		servers[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	for (int i = 0; i < CLIENTS; i++) {
		if (clients[i] >= 0)
			close(clients[i]);
		if (servers[i] >= 0)
			close(servers[i]);
	}
	close(listener);
	return err;
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .errors = { __VA_ARGS__ } \
	}

static const struct fail_op ops[] = {
	ROW(dumps, ENOBUFS, EAGAIN, EIO),
	ROW(diag, ENOBUFS, EAGAIN, EIO),
	ROW(address, ENOBUFS, EAGAIN, EEXIST, EADDRNOTAVAIL),
	ROW(address6, ENOBUFS, EAGAIN, EEXIST, EADDRNOTAVAIL),
	ROW(route, ENOBUFS, EAGAIN, EEXIST, ESRCH),
	ROW(route6, ENOBUFS, EAGAIN, EEXIST, ESRCH),
	ROW(options6, ENOBUFS, EAGAIN),
	/* what has come of a datagram is kept for half a minute: RFC 8200 §4.5 says a whole one */
	{ .name = "fragments6",
	  .run = run_fragments6,
	  .errors = { ENOBUFS, EAGAIN },
	  .lingers = true },
	ROW(sources, ENOBUFS, EAGAIN),
	ROW(frames, ENOBUFS, EAGAIN),
	ROW(frame_ring, ENOBUFS),
	{ .name = "many_connections",
	  .run = run_many_connections,
	  .errors = { ENOBUFS, ECONNREFUSED },
	  .lingers = true },
};

int main(int argc, char **argv)
{
	scratch_enter();
	if (netspace_enter())
		fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	else
		CHECK_EQ(errno, EPERM);
	return check_done();
}
