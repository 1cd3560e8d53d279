/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_INET6 on the loopback: both protocols, mapped addresses, IPV6_V6ONLY, options (ipv6(7)). */
#include "inet.h"

static void test_stream(void)
{
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET6, SOCK_STREAM, 0), d;
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	char buf[8];

	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(len, sizeof(a));
	CHECK_EQ(a.sin6_family, AF_INET6);
	CHECK_EQ(get_int(l, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	CHECK_EQ(in6_bind(l, "::1", 0), 0);
	CHECK_EQ(listen(l, 4), 0);
	CHECK_EQ(in6_connect(c, "::1", in_port(l)), 0);
	d = accept(l, (struct sockaddr *)&a, &len);
	CHECK(d >= 0);
	CHECK_EQ(len, sizeof(a));
	CHECK(IN6_IS_ADDR_LOOPBACK(&a.sin6_addr));
	CHECK_EQ(ntohs(a.sin6_port), in_port(c));
	CHECK_EQ(write(c, "six", 3), 3);
	CHECK_EQ(read(d, buf, 8), 3);
	close(c);
	close(d);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(in6_connect(c, "::", in_port(l)), 0);
	close(c);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", in_port(l)), ECONNREFUSED);
	close(c);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", in_port(l)), EINVAL);
	CHECK_ERR(in6_bind(c, "2001:db8::1", 0), EADDRNOTAVAIL);
	CHECK_ERR(in_bind(c, "127.0.0.1", 0), EINVAL);
	close(c);
	close(l);
}

/* A wildcard of IPv6 hears IPv4, unless it must not. */
static void test_dual(void)
{
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), d;
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);
	char text[64];

	CHECK_EQ(get_int(l, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	CHECK_EQ(in6_bind(l, "::", 0), 0);
	CHECK_ERR(set_int(l, IPPROTO_IPV6, IPV6_V6ONLY, 1), EINVAL);
	CHECK_EQ(listen(l, 4), 0);
	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	d = accept(l, (struct sockaddr *)&a, &len);
	CHECK_EQ(a.sin6_family, AF_INET6);
	CHECK_STR(inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof(text)), "::ffff:127.0.0.1");
	CHECK_EQ(getsockname(d, (struct sockaddr *)&a, &len), 0);
	CHECK_STR(inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof(text)), "::ffff:127.0.0.1");
	close(d);
	close(c);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(in_bind(c, "127.0.0.1", in_port(l)), EADDRINUSE);
	CHECK_ERR(in_bind(c, "0.0.0.0", in_port(l)), EADDRINUSE);
	close(c);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(in6_connect(c, "::ffff:127.0.0.1", in_port(l)), 0);
	close(c);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(set_int(c, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	CHECK_ERR(in6_connect(c, "::ffff:127.0.0.1", in_port(l)), ENETUNREACH);
	CHECK_ERR(in6_bind(c, "::ffff:127.0.0.1", 0), EINVAL);
	close(c);
	close(l);
}

static void test_only_v6(void)
{
	int l = socket(AF_INET6, SOCK_STREAM, 0), m = socket(AF_INET, SOCK_STREAM, 0), c;

	CHECK_EQ(set_int(l, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	CHECK_EQ(get_int(l, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	CHECK_EQ(in6_bind(l, "::", 0), 0);
	CHECK_EQ(in_bind(m, "0.0.0.0", in_port(l)), 0);
	CHECK_EQ(listen(l, 4), 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(in_connect(c, "127.0.0.1", in_port(l)), ECONNREFUSED);
	CHECK_EQ(listen(m, 4), 0);
	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(l)), 0);
	CHECK_EQ(poll_soon(m, POLLIN), POLLIN);
	CHECK_EQ(poll_now(l), 0);
	close(c);
	close(l);
	close(m);
}

static void test_datagrams(void)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0);
	int c = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in6 to, from;
	struct sockaddr_in to4;
	socklen_t len = sizeof(from);
	char buf[16], text[64];

	CHECK_EQ(in6_bind(a, "::", 0), 0);
	to = in6_address("::1", in_port(a));
	CHECK_EQ(sendto(b, "one", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	CHECK_EQ(recvfrom(a, buf, 16, 0, (struct sockaddr *)&from, &len), 3);
	CHECK_EQ(len, sizeof(from));
	CHECK(IN6_IS_ADDR_LOOPBACK(&from.sin6_addr));
	to4 = in_address("127.0.0.1", in_port(a));
	CHECK_EQ(sendto(c, "four", 4, 0, (struct sockaddr *)&to4, sizeof(to4)), 4);
	CHECK_EQ(recvfrom(a, buf, 16, 0, (struct sockaddr *)&from, &len), 4);
	CHECK_STR(inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)), "::ffff:127.0.0.1");
	CHECK_EQ(sendto(b, "mixed", 5, 0, (struct sockaddr *)&to4, sizeof(to4)), 5);
	CHECK_EQ(recv(a, buf, 16, 0), 5);
	CHECK_EQ(in6_connect(b, "::1", in_port(a)), 0);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(recv(a, buf, 16, 0), 1);
	close(a);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(poll_soon(b, POLLIN) & POLLERR, POLLERR);
	CHECK_EQ(socket_error(b), ECONNREFUSED);
	close(b);
	close(c);
}

static void test_options(void)
{
	int s = socket(AF_INET6, SOCK_STREAM, 0), v4 = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(get_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 64);
	CHECK_EQ(set_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 12), 0);
	CHECK_EQ(get_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 12);
	CHECK_EQ(set_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1), 0);
	CHECK_EQ(get_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 64);
	CHECK_ERR(set_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256), EINVAL);
	CHECK_EQ(set_int(s, IPPROTO_IPV6, IPV6_TCLASS, 32), 0);
	CHECK_EQ(get_int(s, IPPROTO_IPV6, IPV6_TCLASS), 32);
	CHECK_ERR(set_int(v4, IPPROTO_IPV6, IPV6_V6ONLY, 1), ENOPROTOOPT);
	CHECK_EQ(get_int(v4, IPPROTO_IP, IP_TTL), 64);
	CHECK_EQ(set_int(v4, IPPROTO_IP, IP_TTL, 3), 0);
	CHECK_EQ(get_int(v4, IPPROTO_IP, IP_TTL), 3);
	CHECK_ERR(set_int(v4, IPPROTO_IP, IP_TTL, 0), EINVAL);
	CHECK_EQ(get_int(v4, IPPROTO_TCP, TCP_NODELAY), 0);
	CHECK_EQ(set_int(v4, IPPROTO_TCP, TCP_NODELAY, 7), 0);
	CHECK_EQ(get_int(v4, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(get_int(v4, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	CHECK_EQ(set_int(v4, IPPROTO_TCP, TCP_KEEPIDLE, 10), 0);
	CHECK_EQ(get_int(v4, IPPROTO_TCP, TCP_KEEPIDLE), 10);
	CHECK_ERR(set_int(v4, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
	CHECK_EQ(get_int(v4, IPPROTO_TCP, TCP_KEEPINTVL), 75);
	CHECK_EQ(get_int(v4, IPPROTO_TCP, TCP_KEEPCNT), 9);
	CHECK_ERR(set_int(v4, IPPROTO_TCP, TCP_KEEPCNT, 128), EINVAL);
	CHECK_ERR(set_int(v4, IPPROTO_TCP, 999, 1), ENOPROTOOPT);
	CHECK_ERR(get_int(v4, 12345, 1), EOPNOTSUPP);
	close(s);
	close(v4);
}

int main(void)
{
	int probe = socket(AF_INET6, SOCK_STREAM, 0);

	if (probe < 0 || in6_bind(probe, "::1", 0) != 0)
		return check_done(); /* a machine without IPv6 */
	close(probe);
	test_stream();
	test_dual();
	test_only_v6();
	test_datagrams();
	test_options();
	return check_done();
}
