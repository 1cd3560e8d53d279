/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user network under its thread's confinement, in a network namespace of its own: ARP, UDP and
 * TCP to the host, TCP from a forwarded port, pings and DNS that lead nowhere. The guest is here: a
 * TCP that sends one segment at a time. A call that the filter does not permit ends the child with
 * SIGSYS.
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>
#include "monitor/confine.h"
#include "monitor/net/backend.h"
#include "monitor/net/iov.h"

#define PATIENCE_S     60
#define ECHO_PORT      7000
#define FORWARDED_PORT 8000
#define GUEST_PORT     80
#define LINK           14u
#define IP             20u
#define STATUS_SKIPPED 77

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

static struct net_backend *backend;
static struct net_poll polls = { .timeout_ms = -1 };
static uint8_t frame[VIRTIO_NET_HEADER_BYTES + NET_FRAME_MAX + 1];
static uint8_t *const ether = frame + VIRTIO_NET_HEADER_BYTES;
static size_t frame_len; /* of ether */
static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 1 };
static uint8_t router_mac[6];
static const char *doing = "starting";

#define NEED(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "# line %d: %s: %s\n", __LINE__, doing, #cond); \
			_exit(1); \
		} \
	} while (0)

/* ---- frames ---- */

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint32_t add_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return sum;
}

static unsigned end_sum(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void transmit(size_t len)
{
	struct iovec iov = { frame, VIRTIO_NET_HEADER_BYTES + len };

	memset(frame, 0, VIRTIO_NET_HEADER_BYTES);
	NEED(backend->ops->send(backend, &iov, 1) == 0);
}

static void send_arp(unsigned operation, const uint8_t *to)
{
	static const uint8_t fixed[] = { 0, 1, 8, 0, 6, 4, 0 };

	memset(ether, 0, 60);
	memset(ether, 0xff, 6);
	memcpy(ether + 6, own_mac, 6);
	put16(ether + 12, 0x0806);
	memcpy(ether + LINK, fixed, sizeof(fixed));
	ether[LINK + 7] = (uint8_t)operation;
	memcpy(ether + LINK + 8, own_mac, 6);
	put32(ether + LINK + 14, 0x0a00020f);
	memcpy(ether + LINK + 18, to, 6);
	put32(ether + LINK + 24, 0x0a000202);
	transmit(60);
}

/* The next frame; the router's own questions are answered. */
static void receive(void)
{
	struct iovec iov = { frame, sizeof(frame) };
	time_t until = time(NULL) + PATIENCE_S;
	ssize_t len;

	for (;;) {
		while ((len = backend->ops->receive(backend, &iov, 1)) == -EAGAIN) {
			NEED(time(NULL) < until);
			polls.nr = 0;
			polls.timeout_ms = 1000;
			backend->ops->before_poll(backend, &polls, true);
			NEED(poll(polls.fds, polls.nr, polls.timeout_ms) >= 0);
			backend->ops->after_poll(backend, &polls);
		}
		frame_len = (size_t)len - VIRTIO_NET_HEADER_BYTES;
		if (get16(ether + 12) != 0x0806)
			return;
		memcpy(router_mac, ether + LINK + 8, 6);
		if (ether[LINK + 7] == 2)
			return;
		send_arp(2, router_mac);
	}
}

/* `len` bytes of a transport's segment are at LINK + IP; its sum goes to `sum_at` of it. */
static void send_ip(unsigned protocol, uint32_t to, size_t len, size_t sum_at)
{
	uint8_t *ip = ether + LINK, *segment = ip + IP;

	memcpy(ether, router_mac, 6);
	memcpy(ether + 6, own_mac, 6);
	put16(ether + 12, 0x0800);
	memset(ip, 0, IP);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP + len));
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, 0x0a00020f);
	put32(ip + 16, to);
	put16(ip + 10, end_sum(add_sum(0, ip, IP)));
	put16(segment + sum_at, 0);
	put16(segment + sum_at,
	      end_sum(add_sum(
		      protocol == IPPROTO_ICMP ? 0 : add_sum(protocol + (uint32_t)len, ip + 12, 8),
		      segment, len)));
	transmit(LINK + IP + len);
}

/* The next packet of the protocol: its segment, and how long it is. */
static const uint8_t *receive_ip(unsigned protocol, size_t *len)
{
	do {
		receive();
	} while (get16(ether + 12) != 0x0800 || ether[LINK + 9] != protocol);
	*len = get16(ether + LINK + 2) - IP;
	return ether + LINK + IP;
}

/* ---- UDP ---- */

static void send_udp(uint32_t to, unsigned port, const char *text)
{
	uint8_t *udp = ether + LINK + IP;
	size_t len = 8 + strlen(text);

	put16(udp, 4444);
	put16(udp + 2, port);
	put16(udp + 4, (unsigned)len);
	memcpy(udp + 8, text, strlen(text));
	send_ip(IPPROTO_UDP, to, len, 6);
}

static void try_udp(void)
{
	const uint8_t *udp;
	size_t len;

	doing = "udp";
	send_udp(0x0a000202, ECHO_PORT, "hello");
	udp = receive_ip(IPPROTO_UDP, &len);
	NEED(get16(udp) == ECHO_PORT && get16(udp + 2) == 4444);
	NEED(len == 13 && memcmp(udp + 8, "hello", 5) == 0);
}

/* A piece of the datagram, which has no checksum. */
static void send_piece(const uint8_t *datagram, unsigned from, unsigned len, bool more)
{
	uint8_t *ip = ether + LINK;

	memcpy(ether, router_mac, 6);
	memcpy(ether + 6, own_mac, 6);
	put16(ether + 12, 0x0800);
	memset(ip, 0, IP);
	ip[0] = 0x45;
	put16(ip + 2, IP + len);
	put16(ip + 4, 77);
	put16(ip + 6, (more ? 0x2000u : 0) | from / 8);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	put32(ip + 12, 0x0a00020f);
	put32(ip + 16, 0x0a000202);
	put16(ip + 10, end_sum(add_sum(0, ip, IP)));
	memcpy(ip + IP, datagram + from, len);
	transmit(LINK + IP + len);
}

/* The last one before the others is lost, and does no harm. */
static void try_pieces(void)
{
	uint8_t datagram[8 + 1000];
	const uint8_t *udp;
	size_t len;

	doing = "pieces";
	memset(datagram, 'p', sizeof(datagram));
	put16(datagram, 4444);
	put16(datagram + 2, ECHO_PORT);
	put16(datagram + 4, sizeof(datagram));
	put16(datagram + 6, 0);
	send_piece(datagram, 800, sizeof(datagram) - 800, false);
	send_piece(datagram, 0, 400, true);
	send_piece(datagram, 400, 400, true);
	send_piece(datagram, 800, sizeof(datagram) - 800, false);
	udp = receive_ip(IPPROTO_UDP, &len);
	NEED(len == sizeof(datagram) && memcmp(udp + 8, datagram + 8, len - 8) == 0);
}

/* ---- TCP ---- */

struct tcp {
	uint32_t to, sent, got; /* sequence numbers */
	unsigned own_port, port;
};

static void send_segment(struct tcp *t, unsigned flags, const void *data, size_t len)
{
	uint8_t *tcp = ether + LINK + IP;

	memset(tcp, 0, 20);
	put16(tcp, t->own_port);
	put16(tcp + 2, t->port);
	put32(tcp + 4, t->sent);
	put32(tcp + 8, t->got);
	tcp[12] = 5 << 4;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 65535);
	memcpy(tcp + 20, data, len);
	send_ip(IPPROTO_TCP, t->to, 20 + len, 16);
	t->sent += (uint32_t)len + ((flags & (SYN | FIN)) != 0);
}

/* The next one with any of `flags`, or with data: its flags. The data is copied, and counted. */
static unsigned receive_segment(struct tcp *t, unsigned flags, char *data, size_t *data_len)
{
	const uint8_t *tcp;
	size_t len, head;

	do {
		tcp = receive_ip(IPPROTO_TCP, &len);
		head = (size_t)(tcp[12] >> 4) * 4;
	} while ((tcp[13] & flags) == 0 && len == head);
	*data_len = len - head;
	memcpy(data, tcp + head, *data_len);
	if ((tcp[13] & SYN) != 0) {
		t->port = get16(tcp);
		t->to = get32(ether + LINK + 12);
		t->got = get32(tcp + 4);
	}
	t->got += (uint32_t)*data_len + ((tcp[13] & (SYN | FIN)) != 0);
	return tcp[13];
}

static void try_tcp_out(void)
{
	struct tcp t = { .to = 0x0a000202, .own_port = 5555, .port = ECHO_PORT, .sent = 1000 };
	char data[70000];
	size_t len;

	doing = "tcp to the host";
	send_segment(&t, SYN, "", 0);
	NEED(receive_segment(&t, SYN, data, &len) == (SYN | ACK));
	send_segment(&t, ACK, "", 0);
	send_segment(&t, ACK | PSH, "some bytes", 10);
	receive_segment(&t, 0, data, &len);
	NEED(len == 10 && memcmp(data, "some bytes", 10) == 0);
	send_segment(&t, ACK | FIN, "", 0);
	NEED((receive_segment(&t, FIN, data, &len) & FIN) != 0);
	send_segment(&t, ACK, "", 0);
}

static void try_tcp_in(void)
{
	struct tcp t = { .own_port = GUEST_PORT, .sent = 5000 };
	char data[70000];
	size_t len;

	doing = "tcp from a forwarded port";
	NEED((receive_segment(&t, SYN, data, &len) & ACK) == 0);
	send_segment(&t, SYN | ACK, "", 0);
	receive_segment(&t, 0, data, &len);
	NEED(len == 8 && memcmp(data, "question", 8) == 0);
	send_segment(&t, ACK | PSH, "answer", 6);
	send_segment(&t, ACK | FIN, "", 0);
	while ((receive_segment(&t, FIN, data, &len) & FIN) == 0)
		continue;
	send_segment(&t, ACK, "", 0);
}

/* What leads nowhere: that it does no harm is all. */
static void try_others(void)
{
	static const char query[] = "\0\1\1\0\0\1\0\0\0\0\0\0\4test\0\0\1\0\1";
	uint8_t *segment = ether + LINK + IP;

	doing = "dns and pings";
	put16(segment, 4445);
	put16(segment + 2, 53);
	put16(segment + 4, 8 + sizeof(query));
	memcpy(segment + 8, query, sizeof(query));
	send_ip(IPPROTO_UDP, 0x0a000203, 8 + sizeof(query), 6);
	memset(segment, 0, 64);
	segment[0] = 8;
	send_ip(IPPROTO_ICMP, 0x7f000001, 64, 2);
	memset(segment, 0, 64);
	segment[0] = 8;
	send_ip(IPPROTO_ICMP, 0xc0000201, 64, 2); /* 192.0.2.1: nobody's */
	send_udp(0xc0000201, 9, "nobody");
	try_udp();
}

/* ---- the host ---- */

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int bound(int type)
{
	struct sockaddr_in address = loopback(ECHO_PORT);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	NEED(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void echo_udp(int fd)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	char data[2000];
	ssize_t len;

	while ((len = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len)) >=
	       0)
		NEED(sendto(fd, data, (size_t)len, 0, (struct sockaddr *)&from, from_len) == len);
	_exit(0);
}

static void echo_tcp(int fd)
{
	char data[2000];
	ssize_t len;
	int in;

	while ((in = accept(fd, NULL, NULL)) >= 0) {
		while ((len = read(in, data, sizeof(data))) > 0)
			NEED(write(in, data, (size_t)len) == len);
		close(in);
	}
	_exit(0);
}

/* The one who comes by the forwarded port. */
static void ask(int unused)
{
	struct sockaddr_in address = loopback(FORWARDED_PORT);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char data[100];

	(void)unused;
	doing = "asking";
	NEED(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	NEED(write(fd, "question", 8) == 8);
	NEED(read(fd, data, sizeof(data)) == 6 && memcmp(data, "answer", 6) == 0);
	NEED(read(fd, data, sizeof(data)) == 0);
	_exit(0);
}

static bool enter_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && close(fd) == 0;
}

/* A process that ends with this one. */
static void begin(void (*serve)(int), int fd)
{
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve(fd);
}

static void run_guest(void)
{
	const struct vm_forward forward = { .host_port = FORWARDED_PORT, .guest_port = GUEST_PORT };
	struct vm_net config = { .kind = VM_NET_USER, .forwards = &forward, .nr_forwards = 1 };
	char message[512];
	int error, tcp;

	memcpy(config.mac, own_mac, sizeof(own_mac));
	backend = net_backend_new(&config, &error, message);
	NEED(backend != NULL);
	NEED(net_backend_new(&config, &error, message) == NULL && error == -EADDRINUSE);
	NEED(strstr(message, "TCP port 8000 of 0.0.0.0") != NULL);
	tcp = bound(SOCK_STREAM);
	NEED(listen(tcp, 5) == 0);
	begin(echo_udp, bound(SOCK_DGRAM));
	begin(echo_tcp, tcp);
	begin(ask, -1);
	NEED(confine_thread(CONFINE_SOCKETS) == 0);
	doing = "arp";
	send_arp(1, router_mac);
	receive();
	NEED(ether[LINK + 7] == 2);
	try_tcp_in();
	try_udp();
	try_pieces();
	try_tcp_out();
	try_others();
	backend->ops->flush(backend);
	_exit(0);
}

static void test_user_network(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!enter_namespace())
			_exit(STATUS_SKIPPED);
		run_guest();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED)
		skip();
	assert_false(WIFSIGNALED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_user_network) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
