/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports and addresses: bind's rules, SO_REUSEADDR, SO_REUSEPORT, privileged ports (ip(7)). */
#include <sys/prctl.h>
#include "inet.h"

static int new (int type)
{
	return socket(AF_INET, type, 0);
}

static void test_addresses(int type)
{
	int s = new (type);
	struct sockaddr_in a = in_address("127.0.0.1", 0);

	CHECK_ERR(bind(s, (struct sockaddr *)&a, 8), EINVAL);
	a.sin_family = AF_UNIX;
	CHECK_ERR(bind(s, (struct sockaddr *)&a, sizeof(a)), EAFNOSUPPORT);
	a.sin_family = AF_UNSPEC;
	CHECK_ERR(bind(s, (struct sockaddr *)&a, sizeof(a)), EAFNOSUPPORT);
	CHECK_ERR(in_bind(s, "192.0.2.1", 0), EADDRNOTAVAIL);
	CHECK_ERR(in_bind(s, "8.8.8.8", 0), EADDRNOTAVAIL);
	CHECK_EQ(in_bind(s, "127.1.2.3", 0), 0);
	CHECK(in_port(s) > 0);
	CHECK_ERR(in_bind(s, "127.0.0.1", 0), EINVAL);
	close(s);
	s = new (type);
	a.sin_addr.s_addr = INADDR_ANY;
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0); /* AF_UNSPEC's wildcard */
	close(s);
}

/* Whether b can have a's port: with these options, at these addresses. */
static int second_bind(int type, int option, const char *ip_a, const char *ip_b)
{
	int a = new (type), b = new (type), err = 0;

	if (option != 0) {
		set_int(a, SOL_SOCKET, option, 1);
		set_int(b, SOL_SOCKET, option, 1);
	}
	if (in_bind(a, ip_a, 0) != 0)
		err = -1;
	else if (in_bind(b, ip_b, in_port(a)) != 0)
		err = errno;
	close(a);
	close(b);
	return err;
}

static void test_sharing(int type)
{
	CHECK_EQ(second_bind(type, 0, "127.0.0.1", "127.0.0.1"), EADDRINUSE);
	CHECK_EQ(second_bind(type, 0, "127.0.0.1", "127.0.0.2"), 0);
	CHECK_EQ(second_bind(type, 0, "0.0.0.0", "127.0.0.1"), EADDRINUSE);
	CHECK_EQ(second_bind(type, 0, "127.0.0.1", "0.0.0.0"), EADDRINUSE);
	CHECK_EQ(second_bind(type, SO_REUSEADDR, "127.0.0.1", "127.0.0.1"), 0);
	CHECK_EQ(second_bind(type, SO_REUSEADDR, "0.0.0.0", "127.0.0.1"), 0);
	CHECK_EQ(second_bind(type, SO_REUSEPORT, "127.0.0.1", "127.0.0.1"), 0);
	CHECK_EQ(second_bind(type, SO_REUSEPORT, "0.0.0.0", "127.0.0.1"), 0);
}

static void test_one_sided(void)
{
	int a = new (SOCK_STREAM), b = new (SOCK_STREAM);

	CHECK_EQ(in_bind(a, "127.0.0.1", 0), 0);
	set_int(b, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_ERR(in_bind(b, "127.0.0.1", in_port(a)), EADDRINUSE);
	set_int(b, SOL_SOCKET, SO_REUSEPORT, 1);
	CHECK_ERR(in_bind(b, "127.0.0.1", in_port(a)), EADDRINUSE);
	close(a);
	close(b);
	/* The protocols have ports of their own. */
	a = new (SOCK_STREAM);
	b = new (SOCK_DGRAM);
	CHECK_EQ(in_bind(a, "127.0.0.1", 0), 0);
	CHECK_EQ(in_bind(b, "127.0.0.1", in_port(a)), 0);
	close(a);
	close(b);
}

static void test_listening(void)
{
	int a = new (SOCK_STREAM), b = new (SOCK_STREAM), c = new (SOCK_STREAM);
	struct pollfd p[2];

	set_int(a, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(b, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(c, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_EQ(in_bind(a, "127.0.0.1", 0), 0);
	CHECK_EQ(in_bind(b, "127.0.0.1", in_port(a)), 0);
	CHECK_EQ(listen(a, 1), 0);
	CHECK_ERR(listen(b, 1), EADDRINUSE);
	CHECK_ERR(in_bind(c, "127.0.0.1", in_port(a)), EADDRINUSE);
	close(a);
	CHECK_EQ(listen(b, 1), 0);
	close(b);
	close(c);
	a = new (SOCK_STREAM);
	b = new (SOCK_STREAM);
	set_int(a, SOL_SOCKET, SO_REUSEPORT, 1);
	set_int(b, SOL_SOCKET, SO_REUSEPORT, 1);
	CHECK_EQ(in_bind(a, "127.0.0.1", 0), 0);
	CHECK_EQ(listen(a, 8), 0);
	CHECK_EQ(in_bind(b, "127.0.0.1", in_port(a)), 0);
	CHECK_EQ(listen(b, 8), 0);
	c = new (SOCK_STREAM);
	CHECK_EQ(in_connect(c, "127.0.0.1", in_port(a)), 0);
	p[0] = (struct pollfd){ a, POLLIN, 0 };
	p[1] = (struct pollfd){ b, POLLIN, 0 };
	CHECK_EQ(poll(p, 2, -1), 1); /* one of them has it */
	CHECK_EQ(poll_now(a) == POLLIN, poll_now(b) != POLLIN);
	close(a);
	close(b);
	close(c);
}

/* The address that fits best is meant. */
static void test_specific(void)
{
	int any = new (SOCK_STREAM), one = new (SOCK_STREAM), c = new (SOCK_STREAM), d;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	set_int(any, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(one, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_EQ(in_bind(any, "0.0.0.0", 0), 0);
	CHECK_EQ(in_bind(one, "127.0.0.7", in_port(any)), 0);
	CHECK_EQ(listen(one, 4), 0);
	CHECK_ERR(listen(any, 4), EADDRINUSE);
	CHECK_EQ(in_connect(c, "127.0.0.7", in_port(any)), 0);
	CHECK_EQ(poll_soon(one, POLLIN), POLLIN);
	d = accept(one, 0, 0);
	CHECK_EQ(getsockname(d, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(a.sin_addr.s_addr, inet_addr("127.0.0.7"));
	CHECK_EQ(getsockname(c, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(a.sin_addr.s_addr, inet_addr("127.0.0.1"));
	close(c);
	c = new (SOCK_STREAM);
	CHECK_ERR(in_connect(c, "127.0.0.8", in_port(any)), ECONNREFUSED);
	close(c);
	close(d);
	close(any);
	close(one);
}

/* connect from a port that was chosen; twice to the same place is one too many. */
static void test_bound_connect(void)
{
	int l = in_listener("127.0.0.1", 8), a = new (SOCK_STREAM), b = new (SOCK_STREAM);
	struct sockaddr_in n;
	socklen_t len = sizeof(n);

	set_int(a, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(b, SOL_SOCKET, SO_REUSEADDR, 1);
	CHECK_EQ(in_bind(a, "127.0.0.9", 0), 0);
	CHECK_EQ(in_bind(b, "127.0.0.9", in_port(a)), 0);
	CHECK_EQ(in_connect(a, "127.0.0.1", in_port(l)), 0);
	CHECK_ERR(in_connect(b, "127.0.0.1", in_port(l)), EADDRNOTAVAIL);
	CHECK_EQ(getpeername(a, (struct sockaddr *)&n, &len), 0);
	CHECK_EQ(n.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	close(a);
	close(b);
	a = new (SOCK_STREAM);
	CHECK_EQ(in_connect(a, "0.0.0.0", in_port(l)), 0); /* means the loopback */
	CHECK_EQ(getpeername(a, (struct sockaddr *)&n, &len), 0);
	CHECK_EQ(n.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	close(a);
	close(l);
}

static int try_privileged(void *arg)
{
	int s = new (SOCK_STREAM);

	(void)arg;
	if (setresuid(65534, 65534, 65534) != 0)
		return 2;
	return in_bind(s, "127.0.0.1", 871) == -1 && errno == EACCES ? 0 : 1;
}

static void test_privileged(void)
{
	if (geteuid() != 0)
		return;
	CHECK_EQ(in_child(try_privileged, NULL), 0);
}

static void test_proc(void)
{
	int l = in_listener("127.0.0.1", 8), found = 0, low = 0, high = 0;
	char line[256], want[64];
	FILE *f = fopen("/proc/net/tcp", "r");

	snprintf(want, sizeof(want), " 0100007F:%04X 00000000:0000 0A ", in_port(l));
	CHECK(f != NULL && fgets(line, sizeof(line), f) != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		found += strstr(line, want) != NULL;
	fclose(f);
	CHECK_EQ(found, 1);
	close(l);
	f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
	CHECK(f != NULL && fscanf(f, "%d %d", &low, &high) == 2);
	fclose(f);
	l = in_listener("127.0.0.1", 8);
	CHECK(in_port(l) >= low && in_port(l) <= high);
	close(l);
}

int main(void)
{
	test_addresses(SOCK_STREAM);
	test_addresses(SOCK_DGRAM);
	test_sharing(SOCK_STREAM);
	test_sharing(SOCK_DGRAM);
	test_one_sided();
	test_listening();
	test_specific();
	test_bound_connect();
	test_privileged();
	test_proc();
	return check_done();
}
