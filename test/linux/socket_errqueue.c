/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recvmsg(2) with MSG_ERRQUEUE: what is told of packets that were sent. Errors that are found here
 * (IP_RECVERR), when a packet went (SO_TIMESTAMPING), memory that is free again (MSG_ZEROCOPY).
 */
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "inet.h"

struct told {
	ssize_t len;
	int flags;
	socklen_t name_len;
	bool has_error, has_stamp;
	struct sock_extended_err error;
	int offender; /* its family */
	struct timespec stamp[3];
};

static char got[4096], bytes[4096];

static struct told receive(int s, int flags)
{
	static char control[512];
	union in_name name;
	struct iovec v = { got, sizeof(got) };
	struct msghdr m = { .msg_name = &name,
			    .msg_namelen = sizeof(name),
			    .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct told t = { .len = recvmsg(s, &m, flags) };

	if (t.len < 0)
		return t;
	t.flags = m.msg_flags;
	t.name_len = m.msg_namelen;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
			t.has_error = true;
			memcpy(&t.error, CMSG_DATA(c), sizeof(t.error));
			t.offender =
				SO_EE_OFFENDER((struct sock_extended_err *)CMSG_DATA(c))->sa_family;
		}
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING) {
			t.has_stamp = true;
			memcpy(t.stamp, CMSG_DATA(c), sizeof(t.stamp));
		}
	}
	return t;
}

/* The datagram that was sent. */
static struct told arrived(int s)
{
	in_wait_readable(s);
	return receive(s, 0);
}

/* What is in the queue, once there is something. */
static struct told next(int s)
{
	struct pollfd p = { .fd = s, .events = 0 };

	CHECK_EQ(poll(&p, 1, 240000), 1);
	CHECK((p.revents & POLLERR) != 0);
	return receive(s, MSG_ERRQUEUE);
}

static int set(int s, int level, int name, int value)
{
	return setsockopt(s, level, name, &value, sizeof(value));
}

static int get(int s, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK_EQ(getsockopt(s, SOL_SOCKET, name, &value, &len), 0);
	return value;
}

static bool is_recent(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return t->tv_sec <= now.tv_sec && t->tv_sec > now.tv_sec - 100;
}

/* ---- stamps ---- */

static void options(void)
{
	int s = in_to_itself(AF_INET, SOCK_DGRAM),
	    all = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

	CHECK_EQ(get(s, SO_TIMESTAMPING), 0);
	CHECK_EQ(set(s, SOL_SOCKET, SO_TIMESTAMPING, all), 0);
	CHECK_EQ(get(s, SO_TIMESTAMPING), all);
	CHECK_ERR(set(s, SOL_SOCKET, SO_TIMESTAMPING, 1 << 30), EINVAL);
	CHECK_EQ(set(s, SOL_SOCKET, SO_TIMESTAMPING, 0), 0);
	CHECK_EQ(get(s, SO_ZEROCOPY), 0);
	CHECK_ERR(set(s, SOL_SOCKET, SO_ZEROCOPY, 2), EINVAL);
	CHECK_EQ(set(s, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	CHECK_EQ(get(s, SO_ZEROCOPY), 1);
	CHECK_EQ(receive(s, MSG_ERRQUEUE).len, -1);
	CHECK_EQ(errno, EAGAIN);
	close(s);
}

static void received(int family)
{
	int s = in_to_itself(family, SOCK_DGRAM);
	struct told t;

	CHECK_EQ(set(s, SOL_SOCKET, SO_TIMESTAMPING,
		     SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE),
		 0);
	do { /* Linux turns its stamps on a moment later */
		CHECK_EQ(send(s, "abc", 3, 0), 3);
		t = arrived(s);
		CHECK_EQ(t.len, 3);
	} while (!t.has_stamp || t.stamp[0].tv_sec == 0);
	CHECK(is_recent(&t.stamp[0]));
	CHECK_EQ(t.stamp[1].tv_sec | t.stamp[2].tv_sec | t.stamp[2].tv_nsec, 0);
	close(s);
}

static void sent(int family)
{
	int s = in_to_itself(family, SOCK_DGRAM);
	struct told t;

	CHECK_EQ(set(s, SOL_SOCKET, SO_TIMESTAMPING,
		     SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
			     SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY),
		 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(send(s, "abc", 3, 0), 3);
		t = next(s);
		CHECK_EQ(t.len, 0);
		CHECK((t.flags & MSG_ERRQUEUE) != 0);
		CHECK(t.has_stamp && is_recent(&t.stamp[0]));
		CHECK(t.has_error);
		CHECK_EQ(t.error.ee_errno, ENOMSG);
		CHECK_EQ(t.error.ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
		CHECK_EQ(t.error.ee_info, SCM_TSTAMP_SND);
		CHECK_EQ(t.error.ee_data, i);
		CHECK_EQ(arrived(s).len, 3); /* it is no error of the socket's */
	}
	close(s);
}

/* The packet comes with it. */
static void sent_whole(void)
{
	int s = in_to_itself(AF_INET, SOCK_DGRAM);
	struct told t;

	CHECK_EQ(set(s, SOL_SOCKET, SO_TIMESTAMPING,
		     SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE),
		 0);
	CHECK_EQ(send(s, "the packet", 10, 0), 10);
	t = next(s);
	CHECK(t.len >= 20 + 8 + 10);
	CHECK_EQ(memcmp(got + t.len - 10, "the packet", 10), 0);
	CHECK_EQ(t.error.ee_data, 0);
	close(s);
}

/* ---- memory that was lent ---- */

/* Linux's loopback has a queue for each CPU: what is sent on one goes, and is told of, in order. */
static void stay_on_this_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void lent(int family)
{
	int s = in_to_itself(family, SOCK_DGRAM);
	struct told t;

	CHECK_EQ(send(s, bytes, 100, MSG_ZEROCOPY), 100); /* nobody asked for it: nothing said */
	CHECK_EQ(receive(s, MSG_ERRQUEUE).len, -1);
	CHECK_EQ(set(s, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send(s, bytes, 1000, MSG_ZEROCOPY), 1000);
	CHECK_EQ(arrived(s).len, 100);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(arrived(s).len, 1000);
	t = next(s);
	CHECK_EQ(t.len, 0);
	CHECK(t.has_error);
	CHECK_EQ(t.error.ee_errno, 0);
	CHECK_EQ(t.error.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	CHECK_EQ(t.error.ee_code, SO_EE_CODE_ZEROCOPY_COPIED); /* as by any loopback */
	CHECK_EQ(t.error.ee_info, 0);
	CHECK_EQ(t.error.ee_data, 2);
	CHECK_EQ(t.name_len, 0);
	CHECK_EQ(t.offender, 0);
	CHECK_EQ(receive(s, MSG_ERRQUEUE).len, -1);
	close(s);
}

static void lent_stream(void)
{
	int fds[2];
	struct told t;

	in_pair(fds);
	CHECK_EQ(set(fds[0], SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	CHECK_EQ(send(fds[0], bytes, sizeof(bytes), MSG_ZEROCOPY), sizeof(bytes));
	CHECK_EQ(recv(fds[1], got, sizeof(got), MSG_WAITALL), sizeof(got));
	t = next(fds[0]);
	CHECK_EQ(t.len, 0);
	CHECK_EQ(t.error.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	CHECK_EQ(t.error.ee_info, 0);
	CHECK_EQ(t.error.ee_data, 0);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1); /* it is no error of the socket's */
	CHECK_EQ(recv(fds[1], got, 1, 0), 1);
	close(fds[0]), close(fds[1]);
}

/* ---- errors that are found here ---- */

/* More than the loopback's MTU of 65,536, which IPv6's longest datagram is. */
static void too_long(void)
{
	static char huge[65500];
	int s = in_to_itself(AF_INET6, SOCK_DGRAM);
	struct told t;

	CHECK_EQ(set(s, SOL_SOCKET, SO_SNDBUF, 200000), 0);
	CHECK_EQ(set(s, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO), 0);
	CHECK_ERR(send(s, huge, sizeof(huge), 0), EMSGSIZE);
	CHECK_EQ(receive(s, MSG_ERRQUEUE).len, -1);
	CHECK_EQ(set(s, IPPROTO_IPV6, IPV6_RECVERR, 1), 0);
	CHECK_ERR(send(s, huge, sizeof(huge), 0), EMSGSIZE);
	t = next(s);
	CHECK_EQ(t.len, 0);
	CHECK_EQ(t.error.ee_errno, EMSGSIZE);
	CHECK_EQ(t.error.ee_origin, SO_EE_ORIGIN_LOCAL);
	CHECK_EQ(t.error.ee_info, 65536);
	CHECK_EQ(t.name_len, sizeof(struct sockaddr_in6));
	CHECK_EQ(t.offender, AF_UNSPEC);
	CHECK_EQ(send(s, huge, 100, 0), 100); /* it was told once, by the call itself */
	CHECK_EQ(arrived(s).len, 100);
	close(s);
}

int main(void)
{
	options();
	received(AF_INET);
	received(AF_INET6);
	sent(AF_INET);
	sent(AF_INET6);
	sent_whole();
	stay_on_this_cpu();
	lent(AF_INET);
	lent(AF_INET6);
	lent_stream();
	too_long();
	return check_done();
}
