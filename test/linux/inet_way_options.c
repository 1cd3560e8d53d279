/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options about the way that packets go (ip(7), ipv6(7), RFC 5014), what sockets tell of their
 * memory and limits (socket(7)), and those of tcp(7) that are taken but bounded, or refused.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <poll.h>

#include "check.h"

/* Newer than some headers. */
#define UNICAST_IF4 50 /* IP_UNICAST_IF */
#define UNICAST_IF6 76 /* IPV6_UNICAST_IF */
#define PREFERENCES 72 /* IPV6_ADDR_PREFERENCES */
#define MEMINFO     55 /* SO_MEMINFO */
#define NET_COOKIE  71 /* SO_NETNS_COOKIE */
#define BUF_LOCK    72 /* SO_BUF_LOCK: 1 what is sent, 2 what is received */
#define PROTOCOL    52 /* IP_PROTOCOL */

enum { TMP = 1, PUBLIC = 2, DEFAULT = 0x100, HOME = 0x400, COA = 4, CGA = 8, NONCGA = 0x800 };

static int get(int s, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK_EQ(getsockopt(s, level, name, &value, &len), 0);
	CHECK_EQ(len, sizeof(value));
	return value;
}

static int set(int s, int level, int name, int value)
{
	return setsockopt(s, level, name, &value, sizeof(value));
}

/* Two of UDP on the loopback of one family, the first connected to the second. */
static void pair(int family, int s[2])
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	struct sockaddr *a = family == AF_INET ? (struct sockaddr *)&a4 : (struct sockaddr *)&a6;
	socklen_t len = family == AF_INET ? sizeof(a4) : sizeof(a6);

	a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2; i++)
		s[i] = socket(family, SOCK_DGRAM, 0);
	CHECK_EQ(bind(s[1], a, len), 0);
	CHECK_EQ(getsockname(s[1], a, &len), 0);
	CHECK_EQ(connect(s[0], a, len), 0);
}

static void unicast_device(int family)
{
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, s[2];
	int name = family == AF_INET ? UNICAST_IF4 : UNICAST_IF6;
	unsigned lo = if_nametoindex("lo");
	char c;

	pair(family, s);
	CHECK_EQ(get(s[0], level, name), 0);
	CHECK_EQ(set(s[0], level, name, (int)htonl(lo)), 0);
	CHECK_EQ(get(s[0], level, name), htonl(lo));
	CHECK_EQ(send(s[0], "x", 1, 0), 1);
	CHECK_EQ(recv(s[1], &c, 1, 0), 1);
	CHECK_ERR(set(s[0], level, name, (int)htonl(54321)), EADDRNOTAVAIL);
	CHECK_ERR(setsockopt(s[0], level, name, "", 1), EINVAL);
	CHECK_EQ(set(s[0], level, name, 0), 0);
	CHECK_EQ(get(s[0], level, name), 0);
	close(s[0]);
	close(s[1]);
}

static void preferences(void)
{
	int s = socket(AF_INET6, SOCK_DGRAM, 0);

	CHECK_EQ(get(s, IPPROTO_IPV6, PREFERENCES), DEFAULT | HOME);
	CHECK_EQ(set(s, IPPROTO_IPV6, PREFERENCES, TMP), 0);
	CHECK_EQ(get(s, IPPROTO_IPV6, PREFERENCES), TMP | HOME);
	CHECK_EQ(set(s, IPPROTO_IPV6, PREFERENCES, COA), 0);
	CHECK_EQ(get(s, IPPROTO_IPV6, PREFERENCES), DEFAULT | COA);
	CHECK_EQ(set(s, IPPROTO_IPV6, PREFERENCES, PUBLIC | HOME | CGA), 0);
	CHECK_EQ(get(s, IPPROTO_IPV6, PREFERENCES), PUBLIC | HOME);
	CHECK_EQ(set(s, IPPROTO_IPV6, PREFERENCES, 0), 0);
	CHECK_EQ(get(s, IPPROTO_IPV6, PREFERENCES), DEFAULT | HOME);
	CHECK_ERR(set(s, IPPROTO_IPV6, PREFERENCES, PUBLIC | TMP), EINVAL);
	CHECK_ERR(set(s, IPPROTO_IPV6, PREFERENCES, HOME | COA), EINVAL);
	CHECK_ERR(set(s, IPPROTO_IPV6, PREFERENCES, CGA | NONCGA), EINVAL);
	CHECK_EQ(set(s, IPPROTO_IPV6, PREFERENCES, DEFAULT), 0);
	CHECK_EQ(get(s, IPPROTO_IPV6, PREFERENCES), DEFAULT | HOME);
	close(s);
}

static void mtu6(void)
{
	static char out[5000], in[6000];
	struct ip6_mtuinfo info;
	socklen_t len = sizeof(info);
	int s[2], alone = socket(AF_INET6, SOCK_DGRAM, 0);

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	pair(AF_INET6, s);
	CHECK_ERR(set(s[0], IPPROTO_IPV6, IPV6_MTU, 1279), EINVAL);
	CHECK_ERR(set(s[0], IPPROTO_IPV6, IPV6_MTU, -1), EINVAL);
	CHECK_EQ(set(s[0], IPPROTO_IPV6, IPV6_MTU, 1280), 0);
	/* The path's is told, not what was set; a long datagram goes in pieces and comes whole. */
	CHECK(get(s[0], IPPROTO_IPV6, IPV6_MTU) >= 1280);
	CHECK_EQ(send(s[0], out, sizeof(out), 0), sizeof(out));
	CHECK_EQ(recv(s[1], in, sizeof(in), 0), sizeof(out));
	CHECK(memcmp(in, out, sizeof(out)) == 0);
	CHECK_EQ(set(s[0], IPPROTO_IPV6, IPV6_MTU, 0), 0);
	CHECK_EQ(send(s[0], out, sizeof(out), 0), sizeof(out));
	CHECK_EQ(recv(s[1], in, sizeof(in), 0), sizeof(out));
	CHECK_EQ(getsockopt(s[0], IPPROTO_IPV6, IPV6_PATHMTU, &info, &len), 0);
	CHECK_EQ(len, sizeof(info));
	CHECK_EQ(info.ip6m_mtu, get(s[0], IPPROTO_IPV6, IPV6_MTU));
	CHECK_ERR(getsockopt(alone, IPPROTO_IPV6, IPV6_PATHMTU, &info, &len), ENOTCONN);
	len = 4;
	CHECK_ERR(getsockopt(s[0], IPPROTO_IPV6, IPV6_PATHMTU, &info, &len), EINVAL);
	close(alone);
	close(s[0]);
	close(s[1]);
}

/* It may be bound to what is not ours; that is for administrators. */
static void transparent(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
	int s = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);

	CHECK_EQ(get(s, IPPROTO_IP, IP_TRANSPARENT), 0);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, sizeof(a)), EADDRNOTAVAIL);
	if (geteuid() != 0) {
		CHECK_ERR(set(s, IPPROTO_IP, IP_TRANSPARENT, 1), EPERM);
		close(s);
		close(six);
		return;
	}
	CHECK_EQ(set(s, IPPROTO_IP, IP_TRANSPARENT, 1), 0);
	CHECK_EQ(get(s, IPPROTO_IP, IP_TRANSPARENT), 1);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(set(six, IPPROTO_IPV6, IPV6_TRANSPARENT, 1), 0);
	CHECK_EQ(get(six, IPPROTO_IPV6, IPV6_TRANSPARENT), 1);
	CHECK_EQ(seteuid(65534), 0);
	CHECK_ERR(set(s, IPPROTO_IP, IP_TRANSPARENT, 1), EPERM);
	CHECK_EQ(set(s, IPPROTO_IP, IP_TRANSPARENT, 0), 0);
	CHECK_EQ(seteuid(0), 0);
	close(s);
	close(six);
}

static void memory(void)
{
	unsigned all[9];
	socklen_t len = sizeof(all);
	unsigned long long cookie;
	int s[2];

	pair(AF_INET, s);
	CHECK_EQ(send(s[0], "hello", 5, 0), 5);
	CHECK_EQ(poll(&(struct pollfd){ .fd = s[1], .events = POLLIN }, 1, -1), 1);
	CHECK_EQ(getsockopt(s[1], SOL_SOCKET, MEMINFO, all, &len), 0);
	CHECK_EQ(len, sizeof(all));
	CHECK(all[0] > 0);
	CHECK_EQ(all[1], get(s[1], SOL_SOCKET, SO_RCVBUF));
	CHECK_EQ(all[3], get(s[1], SOL_SOCKET, SO_SNDBUF));
	CHECK_EQ(all[8], 0);
	CHECK_EQ(get(s[0], SOL_SOCKET, BUF_LOCK), 0);
	CHECK_EQ(set(s[0], SOL_SOCKET, SO_SNDBUF, 10000), 0);
	CHECK_EQ(get(s[0], SOL_SOCKET, BUF_LOCK), 1);
	CHECK_EQ(set(s[0], SOL_SOCKET, SO_RCVBUF, 10000), 0);
	CHECK_EQ(get(s[0], SOL_SOCKET, BUF_LOCK), 3);
	CHECK_EQ(set(s[0], SOL_SOCKET, BUF_LOCK, 2), 0);
	CHECK_EQ(get(s[0], SOL_SOCKET, BUF_LOCK), 2);
	CHECK_ERR(set(s[0], SOL_SOCKET, BUF_LOCK, 4), EINVAL);
	len = sizeof(cookie);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, NET_COOKIE, &cookie, &len), 0);
	len = 4;
	CHECK_ERR(getsockopt(s[0], SOL_SOCKET, NET_COOKIE, &cookie, &len), EINVAL);
	CHECK_ERR(set(s[0], SOL_SOCKET, SO_PASSCRED, 1), EOPNOTSUPP);
	close(s[0]);
	close(s[1]);
}

static void tcp_bounds(void)
{
	bool is_root = geteuid() == 0;
	static const int deferred[][2] = { { 1, 1 }, { 2, 3 }, { 8, 15 }, { 255, 367 }, { -1, 0 } };
	int s = socket(AF_INET, SOCK_STREAM, 0), zero = 0, max = get(s, IPPROTO_TCP, TCP_LINGER2);
	char name[16];
	socklen_t len = sizeof(name);

	for (int i = 0; i < 5; i++) {
		CHECK_EQ(set(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, deferred[i][0]), 0);
		CHECK_EQ(get(s, IPPROTO_TCP, TCP_DEFER_ACCEPT), deferred[i][1]);
	}
	CHECK_EQ(set(s, IPPROTO_TCP, TCP_LINGER2, 5000), 0);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_LINGER2), 120);
	CHECK_EQ(set(s, IPPROTO_TCP, TCP_LINGER2, 0), 0);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_LINGER2), max);
	CHECK_EQ(set(s, IPPROTO_TCP, TCP_WINDOW_CLAMP, 7), 0);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_WINDOW_CLAMP), 1152);
	CHECK_EQ(set(s, IPPROTO_IP, IP_TOS, 255), 0);
	CHECK_EQ(get(s, IPPROTO_IP, IP_TOS), 252); /* ECN is TCP's own */
	CHECK_ERR(set(s, IPPROTO_IP, IP_MULTICAST_TTL, 1), EINVAL);
	/* No protocol of that name lies above it; programs go on without. */
	CHECK_ERR(setsockopt(s, IPPROTO_TCP, TCP_ULP, "none", 4), ENOENT);
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_ULP, name, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_REPAIR), 0);
	CHECK_ERR(set(s, IPPROTO_TCP, TCP_REPAIR_QUEUE, 1), EPERM);
	CHECK_ERR(set(s, IPPROTO_TCP, TCP_QUEUE_SEQ, 1), EINVAL);
	len = sizeof(zero);
	CHECK_ERR(getsockopt(s, IPPROTO_TCP, TCP_QUEUE_SEQ, &zero, &len), EINVAL);
	CHECK_EQ(set(s, IPPROTO_TCP, TCP_THIN_DUPACK, 1), 0);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_THIN_DUPACK), 0);
	CHECK_EQ(is_root ? seteuid(65534) : 0, 0);
	CHECK_ERR(set(s, IPPROTO_TCP, TCP_REPAIR, 1), EPERM);
	CHECK_EQ(is_root ? seteuid(0) : 0, 0);
	close(s);
}

/* What there is no name for in the manual: as Linux does it. */
static void oddities(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), six = socket(AF_INET6, SOCK_STREAM, 0);
	int dgram6 = socket(AF_INET6, SOCK_DGRAM, 0);
	char room[8];

	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(get(s, IPPROTO_IP, PROTOCOL), ntohs(a.sin_port)); /* not the protocol */
	CHECK(raw >= 0 || geteuid() != 0);
	if (raw >= 0)
		CHECK_EQ(get(raw, IPPROTO_IP, PROTOCOL), IPPROTO_UDP);
	CHECK_EQ(get(s, IPPROTO_IP, IP_HDRINCL), 0);
	len = sizeof(room);
	CHECK_EQ(getsockopt(t, IPPROTO_IP, IP_PKTOPTIONS, room, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_ERR(getsockopt(s, IPPROTO_IP, IP_PKTOPTIONS, room, &len), ENOPROTOOPT);
	len = sizeof(room);
	CHECK_ERR(getsockopt(six, IPPROTO_IPV6, IPV6_ADDRFORM, room, &len), ENOTCONN);
	CHECK_ERR(set(six, IPPROTO_IPV6, IPV6_MULTICAST_IF, 54321), ENOPROTOOPT);
	CHECK_ERR(set(dgram6, IPPROTO_IPV6, IPV6_MULTICAST_IF, 54321), ENODEV);
	/* By number also to one that may come. */
	CHECK_EQ(set(s, SOL_SOCKET, 62, 54321), 0);
	CHECK_EQ(get(s, SOL_SOCKET, 62), 54321);
	close(s);
	close(t);
	close(raw);
	close(six);
	close(dgram6);
}

int main(void)
{
	unicast_device(AF_INET);
	unicast_device(AF_INET6);
	preferences();
	mtu6();
	transparent();
	memory();
	tcp_bounds();
	oddities();
	return check_done();
}
