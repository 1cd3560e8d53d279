/* SPDX-License-Identifier: BSD-2-Clause */
/* socket(7): SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER, of UDP's and raw sockets. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "child.h"
#include "inet.h"

#define NR(program) ((unsigned short)(sizeof(program) / sizeof((program)[0])))
#define LOAD_B(at)  BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define LOAD_H(at)  BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define LOAD_W(at)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define EQUAL(k)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1)
#define RETURN(k)   BPF_STMT(BPF_RET | BPF_K, k)

static int attach_some(int fd, struct sock_filter *program, unsigned short nr)
{
	struct sock_fprog p = { nr, program };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}
#define attach(fd, program) attach_some(fd, program, NR(program))

static char buf[4096];

/* When it returns, the datagram has arrived or was thrown away. */
static ssize_t send_through(int s, const void *bytes, size_t len)
{
	ssize_t n = send(s, bytes, len, 0);

	in_settle();
	return n;
}

static void by_payload(int family)
{
	struct sock_filter program[] = { LOAD_B(8), EQUAL('a'), RETURN(0xffffffff), RETURN(0) };
	int s = in_to_itself(family, SOCK_DGRAM);

	CHECK_EQ(send_through(s, "before", 6), 6);
	CHECK_EQ(attach(s, program), 0);
	CHECK_EQ(send_through(s, "abc", 3), 3);
	CHECK_EQ(send_through(s, "xyz", 3), 3);
	CHECK_EQ(send_through(s, "", 0), 0); /* there is no such byte */
	CHECK_EQ(send_through(s, "a", 1), 1);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 6);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 3);
	CHECK_EQ(memcmp(buf, "abc", 3), 0);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 1);
	CHECK_ERR(recv(s, buf, sizeof(buf), 0), EAGAIN);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, sizeof(int)), 0);
	CHECK_EQ(send_through(s, "xyz", 3), 3);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 3);
	close(s);
}

/* The number says how much is kept; the header is always. */
static void shortened(void)
{
	struct sock_filter some[] = { RETURN(8 + 3) }, few[] = { RETURN(2) };
	int s = in_to_itself(AF_INET, SOCK_DGRAM);

	CHECK_EQ(attach(s, some), 0);
	CHECK_EQ(send_through(s, "abcdefgh", 8), 8);
	CHECK_EQ(recv(s, buf, sizeof(buf), MSG_TRUNC), 3);
	CHECK_EQ(memcmp(buf, "abc", 3), 0);
	CHECK_EQ(attach(s, few), 0);
	CHECK_EQ(send_through(s, "abcdefgh", 8), 8);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 0);
	close(s);
}

static bool passes_some(int family, struct sock_filter *program, unsigned short nr)
{
	int s = in_to_itself(family, SOCK_DGRAM);
	bool passed;

	CHECK_EQ(attach_some(s, program, nr), 0);
	CHECK_EQ(send_through(s, "abcdefgh", 8), 8);
	passed = recv(s, buf, sizeof(buf), 0) == 8;
	close(s);
	return passed;
}
#define passes(family, ...) \
	({ \
		struct sock_filter passes_program[] = { __VA_ARGS__, RETURN(~0u), RETURN(0) }; \
		passes_some(family, passes_program, NR(passes_program)); \
	})

static void what_is_known(void)
{
	unsigned lo = if_nametoindex("lo");

	CHECK(lo > 0);
	CHECK(passes(AF_INET, LOAD_W(SKF_AD_OFF + SKF_AD_IFINDEX), EQUAL(lo)));
	CHECK(passes(AF_INET, LOAD_W(SKF_AD_OFF + SKF_AD_PROTOCOL), EQUAL(0x0800)));
	CHECK(passes(AF_INET6, LOAD_W(SKF_AD_OFF + SKF_AD_PROTOCOL), EQUAL(0x86dd)));
	CHECK(passes(AF_INET, LOAD_W(SKF_AD_OFF + SKF_AD_PKTTYPE), EQUAL(0)));
	CHECK(passes(AF_INET, LOAD_W(SKF_AD_OFF + SKF_AD_HATYPE), EQUAL(772)));
	CHECK(passes(AF_INET, LOAD_W(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT), EQUAL(0)));
	CHECK(passes(AF_INET, LOAD_W(SKF_AD_OFF + SKF_AD_MARK), EQUAL(0)));
	CHECK(passes(AF_INET, LOAD_B(SKF_NET_OFF + 9), EQUAL(IPPROTO_UDP)));
	CHECK(passes(AF_INET, LOAD_W(SKF_NET_OFF + 12), EQUAL(INADDR_LOOPBACK)));
	CHECK(passes(AF_INET, LOAD_H(SKF_NET_OFF + 24), EQUAL(16)));
	CHECK(passes(AF_INET, LOAD_B(SKF_NET_OFF + 28), EQUAL('a')));
	CHECK(passes(AF_INET6, LOAD_B(SKF_NET_OFF + 6), EQUAL(IPPROTO_UDP)));
	CHECK(passes(AF_INET, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), EQUAL(16)));
	CHECK(passes(AF_INET, LOAD_H(4), EQUAL(16)));
	CHECK(passes(AF_INET, BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 3),
		     BPF_STMT(BPF_LD | BPF_B | BPF_IND, 8), EQUAL('d')));
	CHECK(passes(AF_INET, LOAD_W(12), EQUAL(0x65666768)));
	CHECK(!passes(AF_INET, LOAD_W(13), EQUAL(0x65666768)));
	CHECK(!passes(AF_INET, LOAD_B(16), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 1)));
	CHECK(!passes(AF_INET, LOAD_B(0x7fffffff), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 1)));
}

static void errors(void)
{
	struct sock_filter good[] = { RETURN(~0u) }, bad[] = { LOAD_B(0) }, back[2];
	struct sock_fprog p = { 1, good };
	int s = in_to_itself(AF_INET, SOCK_DGRAM), on = 1, off = 0;
	socklen_t len;

	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on)), ENOENT);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, 8), EINVAL);
	CHECK_ERR(attach_some(s, good, 0), EINVAL);
	CHECK_ERR(attach_some(s, good, 4097), EINVAL);
	CHECK_ERR(attach(s, bad), EINVAL); /* it does not end */
	CHECK_ERR(attach_some(s, (struct sock_filter *)8, 1), EFAULT);
	CHECK_ERR(attach_some(s, NULL, 1), EINVAL);
	len = 2;
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, back, &len), 0);
	CHECK_EQ(len, 0);
	CHECK_EQ(attach(s, good), 0);
	len = 2;
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, back, &len), 0);
	CHECK_EQ(len, 1);
	CHECK_EQ(memcmp(back, good, sizeof(good)), 0);
	len = 0;
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_GET_FILTER, NULL, &len), 0);
	CHECK_EQ(len, 1);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)), 0);
	CHECK_ERR(attach(s, good), EPERM);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on)), EPERM);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof(off)), EPERM);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)), 0);
	close(s);
}

/* Raw sockets of IPv4 see the IP header first. */
static void raw(void)
{
	struct sock_filter answers[] = { LOAD_B(9),   EQUAL(IPPROTO_ICMP),
					 LOAD_B(20),  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
					 RETURN(~0u), RETURN(0) };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = 77 };
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (s < 0)
		return; /* not for everybody */
	answers[1].jf = 3;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	echo.checksum = (uint16_t) ~(htons(ICMP_ECHO << 8) + 77);
	CHECK_EQ(attach(s, answers), 0);
	CHECK_EQ(sendto(s, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)),
		 sizeof(echo));
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 28); /* not the question */
	CHECK_EQ(buf[20], ICMP_ECHOREPLY);
	in_settle();
	CHECK_ERR(recv(s, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	close(s);
}

/* Each of several that are sent at once is looked at. */
static void segments(void)
{
	struct sock_filter program[] = { LOAD_B(8), EQUAL('b'), RETURN(~0u), RETURN(0) };
	int s = in_to_itself(AF_INET, SOCK_DGRAM), size = 4;

	CHECK_EQ(setsockopt(s, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	CHECK_EQ(attach(s, program), 0);
	CHECK_EQ(send_through(s, "a111b222a333b4", 14), 14);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 4);
	CHECK_EQ(memcmp(buf, "b222", 4), 0);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), 2);
	CHECK_ERR(recv(s, buf, sizeof(buf), 0), EAGAIN);
	close(s);
}

int main(void)
{
	by_payload(AF_INET);
	by_payload(AF_INET6);
	shortened();
	what_is_known();
	errors();
	raw();
	segments();
	return check_done();
}
