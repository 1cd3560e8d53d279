/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a seeded generator through one TCP connection, compared at the other end one by one.
 *
 *	net_stream listen PORT [CONNECTIONS]
 *	net_stream push|pull ADDRESS PORT BYTES [SEED]
 *
 * The client says in a first message which way the bytes go. Whoever received them answers by one
 * byte when all were right; so the client's time is that of the whole transfer, without the
 * handshake. Each prints what its tcp_info says. Congestion is CUBIC's matter at both ends,
 * whatever the host's default is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define RIGHT 'y'

struct wish {
	uint64_t bytes, seed, pull;
};

static void fail(const char *what)
{
	fprintf(stderr, "net_stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void fill(uint64_t *words, size_t nr, uint64_t *state) /* splitmix64 */
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t z = *state += 0x9e3779b97f4a7c15ull;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
		words[i] = z ^ (z >> 31);
	}
}

static void use_cubic(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0)
		fail("cubic");
}

static void send_all(int fd, const void *bytes, size_t len)
{
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(fd, (const char *)bytes + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0)
			fail("send");
		sent += (size_t)n;
	}
}

static void receive_all(int fd, void *bytes, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = recv(fd, (char *)bytes + got, len - got, 0);

		if (n < 0)
			fail("recv");
		if (n == 0) {
			fprintf(stderr, "net_stream: the connection ended too early\n");
			exit(1);
		}
		got += (size_t)n;
	}
}

static void send_stream(int fd, const struct wish *w)
{
	static uint64_t words[CHUNK / 8];
	uint64_t state = w->seed;
	char answer;

	for (uint64_t at = 0; at < w->bytes; at += CHUNK) {
		fill(words, CHUNK / 8, &state);
		send_all(fd, words, w->bytes - at < CHUNK ? w->bytes - at : CHUNK);
	}
	receive_all(fd, &answer, 1);
	if (answer != RIGHT) {
		fprintf(stderr, "net_stream: the other end received something else\n");
		exit(1);
	}
}

static void receive_stream(int fd, const struct wish *w)
{
	static uint64_t words[CHUNK / 8], expected[CHUNK / 8];
	uint64_t state = w->seed;
	char answer = RIGHT;

	for (uint64_t at = 0; at < w->bytes; at += CHUNK) {
		size_t len = w->bytes - at < CHUNK ? w->bytes - at : CHUNK;

		fill(expected, CHUNK / 8, &state);
		receive_all(fd, words, len);
		if (memcmp(words, expected, len) == 0)
			continue;
		fprintf(stderr, "net_stream: the bytes from %llu on are wrong\n",
			(unsigned long long)at);
		exit(1);
	}
	send_all(fd, &answer, 1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void transfer(int fd, const struct wish *w, bool sends)
{
	double start = seconds();
	struct tcp_info info = { .tcpi_rtt = 0 };
	socklen_t len = sizeof(info);

	if (sends)
		send_stream(fd, w);
	else
		receive_stream(fd, w);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		fail("TCP_INFO");
	printf("{\"bytes\": %llu, \"seconds\": %.6f, \"sends\": %d, \"retransmits\": %u, "
	       "\"rtt_us\": %u, \"mss\": %u, \"cwnd\": %u, \"reordering\": %u}\n",
	       (unsigned long long)w->bytes, seconds() - start, sends, info.tcpi_total_retrans,
	       info.tcpi_rtt, info.tcpi_snd_mss, info.tcpi_snd_cwnd, info.tcpi_reordering);
	fflush(stdout);
}

static int do_listen(const char *port, int connections)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)atoi(port)) };
	int one = 1, listener = socket(AF_INET6, SOCK_STREAM, 0), fd;
	struct wish w;

	use_cubic(listener);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 5) != 0)
		fail("listen");
	printf("listening\n");
	fflush(stdout);
	while (connections-- > 0) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			fail("accept");
		receive_all(fd, &w, sizeof(w));
		transfer(fd, &w, w.pull);
		close(fd);
	}
	return 0;
}

static int do_connect(const char *host, const char *port, const struct wish *w)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *found;
	int error = getaddrinfo(host, port, &hints, &found), fd;

	if (error != 0) {
		fprintf(stderr, "net_stream: %s: %s\n", host, gai_strerror(error));
		return 1;
	}
	fd = socket(found->ai_family, SOCK_STREAM, 0);
	use_cubic(fd);
	if (connect(fd, found->ai_addr, found->ai_addrlen) != 0)
		fail("connect");
	freeaddrinfo(found);
	send_all(fd, w, sizeof(*w));
	transfer(fd, w, !w->pull);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct wish w = { .seed = 1 };

	if (argc >= 3 && strcmp(argv[1], "listen") == 0)
		return do_listen(argv[2], argc > 3 ? atoi(argv[3]) : 1);
	if (argc < 5 || (strcmp(argv[1], "push") != 0 && strcmp(argv[1], "pull") != 0)) {
		fprintf(stderr, "usage: net_stream listen PORT [CONNECTIONS]\n"
				"       net_stream push|pull ADDRESS PORT BYTES [SEED]\n");
		return 2;
	}
	w.pull = strcmp(argv[1], "pull") == 0;
	w.bytes = strtoull(argv[4], NULL, 0);
	if (argc > 5)
		w.seed = strtoull(argv[5], NULL, 0);
	return do_connect(argv[2], argv[3], &w);
}
