/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw sockets of both families, and ICMP's echo on the loopback (raw(7), icmp(7)). */
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include "inet.h"

#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif
#ifndef SOL_RAW
#define SOL_RAW 255
#endif

#define PROTOCOL 253 /* RFC 3692: for experiments */

static ssize_t send_to4(int fd, const void *data, size_t len, const char *ip)
{
	struct sockaddr_in a = in_address(ip, 0);

	return sendto(fd, data, len, 0, (struct sockaddr *)&a, sizeof(a));
}

static void test_errors(void)
{
	int s = socket(AF_INET, SOCK_RAW, PROTOCOL);

	CHECK_ERR(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET6, SOCK_RAW, 0), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	CHECK(s >= 0);
	CHECK_EQ(get_int(s, SOL_SOCKET, SO_TYPE), SOCK_RAW);
	CHECK_EQ(get_int(s, SOL_SOCKET, SO_PROTOCOL), PROTOCOL);
	CHECK_ERR(send(s, "x", 1, 0), EDESTADDRREQ);
	CHECK_ERR(listen(s, 1), EOPNOTSUPP);
	CHECK_ERR(in_bind(s, "192.0.2.1", 0), EADDRNOTAVAIL);
	close(s);
}

/* What comes has its IP header; what is sent gets one. */
static void test_header(void)
{
	int a = socket(AF_INET, SOCK_RAW, PROTOCOL), b = socket(AF_INET, SOCK_RAW, PROTOCOL);
	unsigned char buf[128];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct ip h;

	CHECK_EQ(in_bind(a, "127.0.0.3", 0), 0);
	CHECK_EQ(send_to4(b, "elsewhere", 9, "127.0.0.4"), 9);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 29); /* the sender hears all */
	CHECK_EQ(send_to4(b, "hello", 5, "127.0.0.3"), 5);
	CHECK_EQ(recvfrom(a, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 25);
	memcpy(&h, buf, sizeof(h));
	CHECK_EQ(h.ip_v, 4);
	CHECK_EQ(h.ip_hl, 5);
	CHECK_EQ(ntohs(h.ip_len), 25);
	CHECK_EQ(h.ip_p, PROTOCOL);
	CHECK_EQ(h.ip_ttl, 64);
	CHECK_EQ(h.ip_dst.s_addr, inet_addr("127.0.0.3"));
	CHECK(memcmp(buf + 20, "hello", 5) == 0);
	CHECK_EQ(from.sin_addr.s_addr, inet_addr("127.0.0.1"));
	CHECK_EQ(from.sin_port, 0);
	CHECK_EQ(in_connect(b, "127.0.0.3", 0), 0);
	CHECK_EQ(set_int(b, IPPROTO_IP, IP_TTL, 9), 0);
	CHECK_EQ(send(b, "again", 5, 0), 5);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 25);
	CHECK_EQ(buf[8], 9);
	close(a);
	close(b);
}

static void test_own_header(void)
{
	int a = socket(AF_INET, SOCK_RAW, PROTOCOL), b = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct ip h = { .ip_hl = 5, .ip_v = 4, .ip_ttl = 7, .ip_p = PROTOCOL };
	unsigned char packet[24] = { 0 }, buf[64];

	CHECK_EQ(get_int(b, IPPROTO_IP, IP_HDRINCL), 1);
	CHECK_EQ(get_int(a, IPPROTO_IP, IP_HDRINCL), 0);
	h.ip_dst.s_addr = inet_addr("127.0.0.1");
	memcpy(packet, &h, sizeof(h));
	memcpy(packet + 20, "data", 4);
	CHECK_EQ(send_to4(b, packet, sizeof(packet), "127.0.0.1"), 24);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 24);
	memcpy(&h, buf, sizeof(h));
	CHECK_EQ(h.ip_ttl, 7);
	CHECK_EQ(ntohs(h.ip_len), 24);
	CHECK_EQ(h.ip_src.s_addr, inet_addr("127.0.0.1"));
	CHECK(memcmp(buf + 20, "data", 4) == 0);
	CHECK_ERR(send_to4(b, packet, 10, "127.0.0.1"), EINVAL);
	close(a);
	close(b);
}

static unsigned sum_of(const void *data, size_t len)
{
	const unsigned char *p = data;
	unsigned long sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* An echo by a raw socket; the filter keeps the echo itself away. */
static void test_echo_raw(void)
{
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct icmphdr h = { .type = ICMP_ECHO, .un.echo = { htons(77), htons(1) } };
	unsigned filter = ~(1u << ICMP_ECHOREPLY);
	unsigned char buf[64];

	CHECK_EQ(setsockopt(s, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)), 0);
	CHECK_EQ(get_int(s, SOL_RAW, ICMP_FILTER), (int)filter);
	h.checksum = htons((unsigned short)sum_of(&h, sizeof(h)));
	CHECK_EQ(send_to4(s, &h, sizeof(h), "127.0.0.1"), sizeof(h));
	CHECK_EQ(poll_soon(s, POLLIN), POLLIN);
	CHECK_EQ(recv(s, buf, sizeof(buf), MSG_DONTWAIT), 28);
	CHECK_EQ(buf[20], ICMP_ECHOREPLY);
	CHECK_EQ(ntohs(((struct icmphdr *)(void *)(buf + 20))->un.echo.id), 77);
	in_settle();
	CHECK_ERR(recv(s, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	close(s);
}

static void test_echo_raw6(void)
{
	int s = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	struct icmp6_hdr h = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct sockaddr_in6 to = in6_address("::1", 0);
	struct icmp6_filter filter;
	unsigned char buf[64];

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	CHECK_EQ(setsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)), 0);
	CHECK_EQ(sendto(s, &h, sizeof(h), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(h));
	CHECK_EQ(poll_soon(s, POLLIN), POLLIN);
	CHECK_EQ(recv(s, buf, sizeof(buf), MSG_DONTWAIT), 8); /* no IP header */
	CHECK_EQ(buf[0], ICMP6_ECHO_REPLY);
	to = in6_address("::1", IPPROTO_UDP);
	CHECK_ERR(sendto(s, &h, sizeof(h), 0, (struct sockaddr *)&to, sizeof(to)), EINVAL);
	close(s);
}

/* Without rights; only where the system lets us. */
static void test_ping(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), other;
	struct icmphdr h = { .type = ICMP_ECHO, .un.echo = { 0, htons(5) } };
	unsigned char buf[64];
	struct icmphdr got;

	if (s < 0)
		return;
	other = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	CHECK_EQ(in_bind(other, "127.0.0.1", 0), 0);
	CHECK_EQ(send_to4(s, &h, sizeof(h), "127.0.0.1"), sizeof(h));
	CHECK_EQ(poll_soon(s, POLLIN), POLLIN);
	CHECK_EQ(recv(s, buf, sizeof(buf), 0), sizeof(h));
	memcpy(&got, buf, sizeof(got));
	CHECK_EQ(got.type, ICMP_ECHOREPLY);
	CHECK_EQ(ntohs(got.un.echo.id), in_port(s));
	CHECK_EQ(ntohs(got.un.echo.sequence), 5);
	CHECK_EQ(poll_now(other) & POLLIN, 0);
	h.type = ICMP_ECHOREPLY;
	CHECK_ERR(send_to4(s, &h, sizeof(h), "127.0.0.1"), EINVAL);
	CHECK_ERR(send_to4(s, &h, 4, "127.0.0.1"), EINVAL);
	close(s);
	close(other);
}

/* A raw socket of UDP sees datagrams beside those that they are for. */
static void test_beside(void)
{
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), a = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to;
	unsigned char buf[64];
	struct udphdr h;

	CHECK_EQ(in_bind(a, "127.0.0.9", 0), 0);
	CHECK_EQ(in_bind(raw, "127.0.0.9", 0), 0);
	to = in_address("127.0.0.9", in_port(a));
	CHECK_EQ(sendto(a, "both", 4, 0, (struct sockaddr *)&to, sizeof(to)), 4);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 4);
	CHECK_EQ(recv(raw, buf, sizeof(buf), 0), 32);
	memcpy(&h, buf + 20, sizeof(h));
	CHECK_EQ(ntohs(h.uh_dport), in_port(a));
	CHECK(memcmp(buf + 28, "both", 4) == 0);
	close(raw);
	close(a);
}

int main(void)
{
	if (geteuid() != 0) {
		CHECK_ERR(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
		return check_done();
	}
	test_errors();
	test_header();
	test_own_header();
	test_echo_raw();
	test_echo_raw6();
	test_ping();
	test_beside();
	return check_done();
}
