/* SPDX-License-Identifier: BSD-2-Clause */
/* udp(7): UDP_SEGMENT and UDP_GRO: many datagrams by one call, out and in. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "inet.h"

static char bytes[4000], got[65536];

static int set(int s, int name, int value)
{
	return setsockopt(s, SOL_UDP, name, &value, sizeof(value));
}

static int get(int s, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CHECK_EQ(getsockopt(s, SOL_UDP, name, &value, &len), 0);
	return value;
}

/* How long it was, and what size its datagrams had; 0: it was one. */
static ssize_t receive(int s, int flags, int *segment)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { got, sizeof(got) };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	in_settle();
	n = recvmsg(s, &m, flags);
	c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
	*segment = 0;
	if (c != NULL && c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
		memcpy(segment, CMSG_DATA(c), sizeof(*segment));
	return n;
}

static void options(void)
{
	int s = in_to_itself(AF_INET, SOCK_DGRAM);

	CHECK_EQ(get(s, UDP_GRO), 0);
	CHECK_EQ(set(s, UDP_GRO, 5), 0);
	CHECK_EQ(get(s, UDP_GRO), 1);
	CHECK_EQ(set(s, UDP_GRO, 0), 0);
	CHECK_EQ(get(s, UDP_GRO), 0);
	CHECK_ERR(set(s, UDP_SEGMENT, -1), EINVAL);
	CHECK_ERR(set(s, UDP_SEGMENT, 65536), EINVAL);
	CHECK_EQ(set(s, UDP_SEGMENT, 1000), 0);
	CHECK_EQ(get(s, UDP_SEGMENT), 1000);
	close(s);
}

static void together(int family)
{
	int s = in_to_itself(family, SOCK_DGRAM), segment;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i / 7);
	CHECK_EQ(set(s, UDP_SEGMENT, 1000), 0);
	CHECK_EQ(set(s, UDP_GRO, 1), 0);
	CHECK_EQ(send(s, bytes, 3500, 0), 3500);
	CHECK_EQ(receive(s, MSG_PEEK, &segment), 3500);
	CHECK_EQ(segment, 1000);
	CHECK_EQ(receive(s, 0, &segment), 3500);
	CHECK_EQ(segment, 1000);
	CHECK_EQ(memcmp(got, bytes, 3500), 0);
	CHECK_EQ(send(s, bytes, 1000, 0), 1000); /* one is not many */
	CHECK_EQ(receive(s, 0, &segment), 1000);
	CHECK_EQ(segment, 0);
	CHECK_EQ(send(s, bytes, 10, 0), 10);
	CHECK_EQ(receive(s, 0, &segment), 10);
	CHECK_EQ(segment, 0);
	close(s);
}

static void apart(void)
{
	int s = in_to_itself(AF_INET, SOCK_DGRAM), segment;

	CHECK_EQ(set(s, UDP_SEGMENT, 1000), 0);
	CHECK_EQ(send(s, bytes, 2500, 0), 2500);
	for (int i = 0; i < 3; i++) {
		ssize_t len = i < 2 ? 1000 : 500;

		CHECK_EQ(receive(s, 0, &segment), len);
		CHECK_EQ(segment, 0);
		CHECK_EQ(memcmp(got, bytes + i * 1000, (size_t)len), 0);
	}
	CHECK_ERR(receive(s, 0, &segment), EAGAIN);
	close(s);
}

int main(void)
{
	options();
	together(AF_INET);
	together(AF_INET6);
	apart();
	return check_done();
}
