/* SPDX-License-Identifier: BSD-2-Clause */
/* udp(7): MSG_MORE and UDP_CORK: several calls make one datagram. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "inet.h"

static char got[70000], bytes[70000];

static int to_itself(struct sockaddr_in *a)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(s, (struct sockaddr *)a, sizeof(*a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)a, &len), 0);
	return s;
}

static int cork(int s, int on)
{
	return setsockopt(s, SOL_UDP, UDP_CORK, &on, sizeof(on));
}

static void more(void)
{
	struct sockaddr_in a;
	int s = to_itself(&a), n;

	CHECK_ERR(send(s, "x", 1, MSG_MORE), EDESTADDRREQ);
	CHECK_EQ(sendto(s, "ab", 2, MSG_MORE, (struct sockaddr *)&a, sizeof(a)), 2);
	in_settle();
	CHECK_ERR(recv(s, got, sizeof(got), 0), EAGAIN);
	CHECK_EQ(ioctl(s, SIOCOUTQ, &n), 0);
	CHECK(n > 0);
	CHECK_EQ(send(s, "", 0, MSG_MORE), 0); /* the first has said where to */
	CHECK_EQ(send(s, "cde", 3, MSG_MORE), 3);
	CHECK_EQ(send(s, "f", 1, 0), 1);
	in_wait_readable(s);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 6);
	CHECK_EQ(memcmp(got, "abcdef", 6), 0);
	CHECK_EQ(ioctl(s, SIOCOUTQ, &n), 0);
	CHECK_EQ(n, 0);
	in_settle();
	CHECK_ERR(recv(s, got, sizeof(got), 0), EAGAIN);
	CHECK_ERR(send(s, "x", 1, 0), EDESTADDRREQ);
	close(s);
}

static void corked(void)
{
	struct sockaddr_in a;
	int s = to_itself(&a), on = -1;
	socklen_t len = sizeof(on);

	CHECK_EQ(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockopt(s, SOL_UDP, UDP_CORK, &on, &len), 0);
	CHECK_EQ(on, 0);
	CHECK_EQ(cork(s, 1), 0);
	CHECK_EQ(getsockopt(s, SOL_UDP, UDP_CORK, &on, &len), 0);
	CHECK_EQ(on, 1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i / 3);
	for (size_t i = 0; i < 20; i++)
		CHECK_EQ(send(s, bytes + i * 1000, 1000, 0), 1000);
	in_settle();
	CHECK_ERR(recv(s, got, sizeof(got), 0), EAGAIN);
	CHECK_EQ(cork(s, 0), 0);
	in_wait_readable(s);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 20000);
	CHECK_EQ(memcmp(got, bytes, 20000), 0);
	CHECK_EQ(cork(s, 0), 0);
	in_settle();
	CHECK_ERR(recv(s, got, sizeof(got), 0), EAGAIN);
	CHECK_EQ(send(s, "x", 1, 0), 1);
	in_wait_readable(s);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 1);
	close(s);
}

/* What becomes too long is lost; what is left at the end is, too. */
static void lost(void)
{
	struct sockaddr_in a;
	int s = to_itself(&a);

	CHECK_EQ(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(send(s, bytes, 60000, MSG_MORE), 60000);
	CHECK_ERR(send(s, bytes, 6000, MSG_MORE), EMSGSIZE);
	CHECK_EQ(send(s, "new", 3, 0), 3);
	in_wait_readable(s);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 3);
	CHECK_EQ(send(s, "never", 5, MSG_MORE), 5);
	CHECK_EQ(close(s), 0);
}

static void raw(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = 78 };
	int s = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);

	if (s < 0)
		return; /* not for everybody */
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	echo.checksum = (uint16_t) ~(htons(ICMP_ECHO << 8) + 78);
	CHECK_EQ(sendto(s, &echo, 4, MSG_MORE, (struct sockaddr *)&to, sizeof(to)), 4);
	in_settle();
	CHECK_ERR(recv(s, got, sizeof(got), 0), EAGAIN);
	CHECK_EQ(sendto(s, (char *)&echo + 4, 4, 0, (struct sockaddr *)&to, sizeof(to)), 4);
	in_wait_readable(s);
	CHECK_EQ(recv(s, got, sizeof(got), 0), 28);
	CHECK_EQ(memcmp(got + 20, &echo, sizeof(echo)), 0);
	close(s);
}

int main(void)
{
	more();
	corked();
	lost();
	raw();
	return check_done();
}
