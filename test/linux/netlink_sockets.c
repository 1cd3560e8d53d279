/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_NETLINK as sockets: protocols, ports, groups, options, peeking, errors (netlink(7)). */
#include <netinet/in.h>
#include <poll.h>
#include "child.h"
#include "netlink.h"

static int nl_socket(int protocol)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
}

static struct sockaddr_nl name_of(int fd)
{
	struct sockaddr_nl a = { 0 };
	socklen_t len = sizeof(a);

	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	CHECK_EQ(len, sizeof(a));
	return a;
}

static void test_making(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), value;
	socklen_t len = sizeof(value);

	CHECK(fd >= 0);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len) == 0);
	CHECK_EQ(value, AF_NETLINK);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) == 0);
	CHECK_EQ(value, SOCK_DGRAM);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len) == 0);
	CHECK_EQ(value, NETLINK_ROUTE);
	close(fd);
	CHECK_ERR(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_NETLINK, SOCK_SEQPACKET, NETLINK_ROUTE), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, 32), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_NETLINK, SOCK_RAW, -1), EPROTONOSUPPORT);
}

static void test_ports(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK }, a, b;
	int one = nl_socket(NETLINK_ROUTE), two = nl_socket(NETLINK_ROUTE);

	CHECK_EQ(name_of(one).nl_pid, 0);
	CHECK_EQ(name_of(one).nl_family, AF_NETLINK);
	CHECK(bind(one, (struct sockaddr *)&any, sizeof(any)) == 0);
	CHECK(bind(two, (struct sockaddr *)&any, sizeof(any)) == 0);
	a = name_of(one);
	b = name_of(two);
	CHECK_EQ(a.nl_pid, getpid());
	CHECK((int)b.nl_pid < 0); /* any other, which is no process's */
	CHECK_ERR(bind(one, (struct sockaddr *)&any, sizeof(any)), EINVAL);
	CHECK(bind(one, (struct sockaddr *)&a, sizeof(a)) == 0);
	any.nl_pid = b.nl_pid;
	CHECK_ERR(bind(one, (struct sockaddr *)&any, sizeof(any)), EINVAL);
	close(one);
	one = nl_socket(NETLINK_ROUTE);
	CHECK_ERR(bind(one, (struct sockaddr *)&any, sizeof(any)), EADDRINUSE);
	any.nl_pid = 1u << 30 | (unsigned)getpid(); /* nobody else's, as it is no process's */
	CHECK(bind(one, (struct sockaddr *)&any, sizeof(any)) == 0);
	CHECK_EQ(name_of(one).nl_pid, any.nl_pid);
	CHECK_ERR(bind(one, (struct sockaddr *)&any, sizeof(any) - 1), EINVAL);
	any.nl_family = AF_INET;
	CHECK_ERR(bind(one, (struct sockaddr *)&any, sizeof(any)), EINVAL);
	CHECK_ERR(listen(one, 1), EOPNOTSUPP);
	CHECK_ERR(accept(one, NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(shutdown(one, SHUT_RDWR), EOPNOTSUPP);
	close(one);
	close(two);
}

static void test_groups(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = nl_socket(NETLINK_ROUTE), group = RTNLGRP_IPV4_ROUTE;
	unsigned words[8] = { 0 };
	socklen_t len = sizeof(words);

	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK_EQ(name_of(fd).nl_groups, RTMGRP_LINK);
	CHECK(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0);
	CHECK_EQ(name_of(fd).nl_groups, RTMGRP_LINK | RTMGRP_IPV4_ROUTE);
	CHECK(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &len) == 0);
	CHECK_EQ(words[0], RTMGRP_LINK | RTMGRP_IPV4_ROUTE);
	CHECK(len >= 4 && len % 4 == 0);
	CHECK(setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)) == 0);
	CHECK_EQ(name_of(fd).nl_groups, RTMGRP_LINK);
	group = 0;
	CHECK_ERR(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)),
		  EINVAL);
	group = 10000;
	CHECK_ERR(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)),
		  EINVAL);
	close(fd);
}

static void test_options(void)
{
	static const int names[] = { NETLINK_PKTINFO,    NETLINK_BROADCAST_ERROR,
				     NETLINK_NO_ENOBUFS, NETLINK_CAP_ACK,
				     NETLINK_EXT_ACK,    NETLINK_GET_STRICT_CHK };
	int fd = nl_socket(NETLINK_ROUTE), on = 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int value = 7;
		socklen_t len = sizeof(value);

		CHECK(getsockopt(fd, SOL_NETLINK, names[i], &value, &len) == 0);
		CHECK_EQ(value, 0);
		CHECK(setsockopt(fd, SOL_NETLINK, names[i], &on, sizeof(on)) == 0);
		CHECK(getsockopt(fd, SOL_NETLINK, names[i], &value, &len) == 0);
		CHECK_EQ(value, 1);
		CHECK_EQ(len, sizeof(value));
		len = 1;
		CHECK_ERR(getsockopt(fd, SOL_NETLINK, names[i], &value, &len), EINVAL);
	}
	CHECK_ERR(setsockopt(fd, SOL_NETLINK, 999, &on, sizeof(on)), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, 1, &on, sizeof(on)), ENOPROTOOPT);
	close(fd);
}

static void ask_for_links(int fd)
{
	struct nl_request r;

	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	CHECK(nl_send(fd, &r) > 0);
}

/* Sizes told by MSG_TRUNC, and what a short buffer loses. */
static void test_peek(void)
{
	char buf[NL_ROOM], small[16];
	struct iovec v = { small, sizeof(small) };
	struct sockaddr_nl from;
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &v, .msg_iovlen = 1
	};
	struct pollfd p = { .events = POLLIN | POLLOUT };
	int fd = nl_socket(NETLINK_ROUTE);
	ssize_t whole;

	p.fd = fd;
	CHECK(poll(&p, 1, 0) == 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_ERR(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	ask_for_links(fd);
	CHECK(poll(&p, 1, 0) == 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
	whole = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
	CHECK(whole > 100);
	CHECK_EQ(recv(fd, small, sizeof(small), MSG_PEEK), sizeof(small));
	CHECK_EQ(recvmsg(fd, &m, 0), sizeof(small));
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(m.msg_namelen, sizeof(from));
	CHECK_EQ(from.nl_pid, 0);
	CHECK_EQ(from.nl_groups, 0);
	CHECK_EQ(((struct nlmsghdr *)small)->nlmsg_type, RTM_NEWLINK);
	CHECK_EQ(((struct nlmsghdr *)small)->nlmsg_flags, NLM_F_MULTI);
	close(fd);
}

/* Two programs by their ports, and the errors of sending. */
static void test_between(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK }, from;
	int a = nl_socket(NETLINK_USERSOCK), b = nl_socket(NETLINK_USERSOCK);
	socklen_t len = sizeof(from);
	char buf[16];

	CHECK(bind(a, (struct sockaddr *)&to, sizeof(to)) == 0);
	CHECK(bind(b, (struct sockaddr *)&to, sizeof(to)) == 0);
	to = name_of(b);
	CHECK_EQ(sendto(a, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	CHECK_EQ(recvfrom(b, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &len), 5);
	CHECK_EQ(from.nl_pid, name_of(a).nl_pid);
	CHECK(connect(a, (struct sockaddr *)&to, sizeof(to)) == 0);
	len = sizeof(from);
	CHECK(getpeername(a, (struct sockaddr *)&from, &len) == 0);
	CHECK_EQ(from.nl_pid, to.nl_pid);
	CHECK_EQ(send(a, "again", 5, 0), 5);
	CHECK_EQ(recv(b, buf, sizeof(buf), MSG_DONTWAIT), 5);
	close(b);
	CHECK_ERR(send(a, "nobody", 6, 0), ECONNREFUSED);
	CHECK_ERR(send(a, "x", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(recv(a, buf, 1, MSG_OOB), EOPNOTSUPP);
	to.nl_family = AF_UNIX;
	CHECK_ERR(sendto(a, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), EINVAL);
	close(a);
}

/* Requests that cannot be, and how errors and acknowledgements look. */
static void test_errors(void)
{
	struct nl_request r;
	struct ifinfomsg *i;
	char buf[NL_ROOM];
	struct nlmsghdr *h = (void *)buf;
	struct nlmsgerr *e = NLMSG_DATA(h);
	int fd = nl_socket(NETLINK_ROUTE), on = 1;

	nl_begin(&r, RTM_MAX + 4, 0, sizeof(struct rtgenmsg));
	CHECK_EQ(nl_ask(fd, &r), -EOPNOTSUPP);
	nl_begin(&r, NLMSG_NOOP, 0, 0);
	CHECK_EQ(nl_ask(fd, &r), 0);
	i = nl_begin(&r, RTM_GETLINK, 0, sizeof(*i));
	i->ifi_index = 0x7fffffff;
	nl_send(fd, &r);
	CHECK_EQ(recv(fd, buf, sizeof(buf), 0), NLMSG_LENGTH(sizeof(*e) + sizeof(*i)));
	CHECK_EQ(h->nlmsg_type, NLMSG_ERROR);
	CHECK_EQ(h->nlmsg_flags, 0);
	CHECK_EQ(h->nlmsg_seq, 77);
	CHECK_EQ(e->error, -ENODEV);
	CHECK(memcmp(&e->msg, &r, r.header.nlmsg_len) == 0);
	CHECK(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) == 0);
	nl_send(fd, &r);
	CHECK_EQ(recv(fd, buf, sizeof(buf), 0), NLMSG_LENGTH(sizeof(*e)));
	CHECK_EQ(h->nlmsg_flags, NLM_F_CAPPED);
	nl_begin(&r, RTM_GETLINK, 0, sizeof(*i));
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
	nl_begin(&r, RTM_NEWLINK, 0, sizeof(*i) - 4);
	CHECK_EQ(nl_ask(fd, &r), geteuid() == 0 ? -EINVAL : -EPERM);
	/* No request: nothing is answered. What is not whole is passed over. */
	nl_begin(&r, RTM_GETLINK, 0, sizeof(*i));
	r.header.nlmsg_flags = 0;
	nl_send(fd, &r);
	CHECK_ERR(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(fd, "abc", 3, 0), 3);
	CHECK_ERR(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	close(fd);
}

static int as_nobody(void *arg)
{
	(void)arg;
	int fd = nl_socket(NETLINK_ROUTE), group = RTNLGRP_LINK;
	struct nl_request r;

	if (setuid(65534) != 0)
		return 9;
	nl_begin(&r, RTM_NEWADDR, 0, 8);
	if (nl_ask(fd, &r) != -EPERM)
		return 1;
	nl_begin(&r, RTM_DELROUTE, 0, sizeof(struct rtmsg));
	if (nl_ask(fd, &r) != -EPERM)
		return 2;
	/* Everybody may look, and hear of changes. */
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		return 3;
	ask_for_links(fd);
	return 0;
}

int main(void)
{
	test_making();
	test_ports();
	test_groups();
	test_options();
	test_peek();
	test_between();
	test_errors();
	if (geteuid() == 0)
		CHECK_EQ(child_run(as_nobody, NULL), 0);
	return check_done();
}
