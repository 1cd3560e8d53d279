/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Very many connections, served and made on one thread by epoll(7).
 *
 *	net_load serve PORT
 *		PORT, TCP and UDP, echoes; PORT+1 sends the file that is named in a line; PORT+2
 *		never reads, but asks each second whether its peer is still there: a reset may be
 *		lost, and is not sent again; PORT+3 sends for ever
 *	net_load hold ADDRESS PORT COUNT
 *		opens so many, uses each; uses each again for every line of its input
 *	net_load churn ADDRESS PORT COUNT WHO
 *		opens, uses and closes so many; WHO closes first: client, server, or reset
 *	net_load stall ADDRESS PORT COUNT
 *		opens so many, sends what they take, reads nothing
 *	net_load stream ADDRESS PORT
 *		echoes of numbered bytes on one connection, until its input ends
 *
 * A client prints a line of JSON when it has done what it was told, and ends with 1 when an answer
 * was wrong or a connection failed.
 *
 * A message is MESSAGE bytes that are unlike all others'; its first byte says who closes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE       64u
#define EVENTS        512
#define AT_ONCE       256u
#define CHUNK         65536u
#define FDS_MAX       (1u << 20)
#define PAUSE_MS      10
#define SERVER_CLOSES 's'
#define CLIENT_CLOSES 'c'

enum kind { FREE, LISTENER, ECHO, FILES, NO_READER, SOURCE, DATAGRAMS, CLIENT };

struct connection {           /* by its descriptor */
	uint8_t kind, serves; /* serves: what a listener's children are */
	uint8_t got, first;   /* bytes of a message; the first of them */
	bool connected;
	uint32_t number;
	char *rest; /* what an echo could not send yet */
	uint32_t rest_len;
};

static struct connection *all;
static int epoll;
static char chunk[CHUNK];

static void fail(const char *what)
{
	fprintf(stderr, "net_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void watch(int fd, unsigned events, bool is_new)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) != 0)
		fail("epoll_ctl");
}

static void forget(int fd)
{
	free(all[fd].rest);
	memset(&all[fd], 0, sizeof(all[fd]));
	close(fd);
}

static void set_up(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		fail("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		fail("setrlimit");
	all = calloc(FDS_MAX, sizeof(*all));
	epoll = epoll_create1(0);
	if (all == NULL || epoll < 0)
		fail("set up");
}

/* ---- the server ---- */

static int open_listener(unsigned port, int type, enum kind kind)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    (type == SOCK_STREAM && listen(fd, 4096) != 0))
		fail("listen");
	all[fd].kind = type == SOCK_STREAM ? LISTENER : DATAGRAMS;
	all[fd].serves = kind;
	watch(fd, EPOLLIN, true);
	return fd;
}

/* Connections that it accepts have it from it. */
static void keep_alive(int listener)
{
	int one = 1;

	if (setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) != 0 ||
	    setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one)) != 0 ||
	    setsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one)) != 0)
		fail("keep alive");
}

static void accept_all(int listener)
{
	static const unsigned wanted[] = {
		[ECHO] = EPOLLIN, [FILES] = EPOLLIN, [SOURCE] = EPOLLOUT
	};
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		all[fd].kind = all[listener].serves;
		watch(fd, wanted[all[fd].kind], true);
	}
	if (errno != EAGAIN && errno != ECONNABORTED && errno != EMFILE && errno != ENFILE &&
	    errno != ENOMEM && errno != ENOBUFS)
		fail("accept");
}

static void echo_datagrams(int fd)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(fd, chunk, CHUNK, 0, (struct sockaddr *)&from, &len)) >= 0)
		(void)!sendto(fd, chunk, (size_t)n, 0, (struct sockaddr *)&from, len);
}

static void send_file(int fd)
{
	char path[256];
	ssize_t n = recv(fd, path, sizeof(path) - 1, 0);
	int file;

	if (n > 0) {
		path[strcspn((path[n] = '\0', path), "\n")] = '\0';
		fcntl(fd, F_SETFL, 0); /* it waits: whoever asks reads */
		file = open(path, O_RDONLY);
		while (file >= 0 && (n = read(file, chunk, CHUNK)) > 0)
			if (send(fd, chunk, (size_t)n, MSG_NOSIGNAL) != n)
				break;
		if (file >= 0)
			close(file);
	}
	forget(fd);
}

/* How much of it goes; the rest is kept, and nothing is read until it is gone. */
static bool echo_bytes(int fd, const char *bytes, uint32_t len)
{
	struct connection *c = &all[fd];
	ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
	char *rest = NULL;

	if (n < 0 && errno != EAGAIN)
		return false;
	n = n < 0 ? 0 : n;
	if ((uint32_t)n < len) {
		rest = malloc(len - (uint32_t)n);
		if (rest == NULL)
			return false;
		memcpy(rest, bytes + n, len - (uint32_t)n);
	}
	if (rest != NULL || c->rest != NULL)
		watch(fd, rest != NULL ? EPOLLOUT : EPOLLIN, false);
	free(c->rest);
	c->rest = rest;
	c->rest_len = len - (uint32_t)n;
	return true;
}

static void echo(int fd)
{
	struct connection *c = &all[fd];
	ssize_t n;

	if (c->rest != NULL) {
		if (!echo_bytes(fd, c->rest, c->rest_len))
			forget(fd);
		return;
	}
	n = recv(fd, chunk, CHUNK, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || !echo_bytes(fd, chunk, (uint32_t)n)) {
		forget(fd);
		return;
	}
	if (c->got == 0)
		c->first = (uint8_t)chunk[0];
	c->got = (uint8_t)((c->got + n) % MESSAGE);
	if (c->first == SERVER_CLOSES && c->got == 0)
		forget(fd);
}

static void send_for_ever(int fd)
{
	memset(chunk, 'x', CHUNK);
	if (send(fd, chunk, CHUNK, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		forget(fd);
}

static _Noreturn void serve(unsigned port)
{
	struct epoll_event events[EVENTS];

	(void)open_listener(port, SOCK_STREAM, ECHO);
	(void)open_listener(port, SOCK_DGRAM, FREE);
	(void)open_listener(port + 1, SOCK_STREAM, FILES);
	keep_alive(open_listener(port + 2, SOCK_STREAM, NO_READER));
	(void)open_listener(port + 3, SOCK_STREAM, SOURCE);
	for (;;) {
		int nr = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < nr; i++) {
			static void (*const handlers[])(int) = {
				[LISTENER] = accept_all,
				[ECHO] = echo,
				[FILES] = send_file,
				[SOURCE] = send_for_ever,
				[DATAGRAMS] = echo_datagrams,
				[NO_READER] = forget, /* only its end is told */
			};
			int fd = events[i].data.fd;

			if (handlers[all[fd].kind] != NULL)
				handlers[all[fd].kind](fd);
		}
	}
}

/* ---- clients ---- */

static struct sockaddr_storage there;
static socklen_t there_len;

static void parse_address(const char *text, const char *port)
{
	struct sockaddr_in *v4 = (void *)&there;
	struct sockaddr_in6 *v6 = (void *)&there;
	uint16_t number = htons((uint16_t)atoi(port));

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		there_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		there_len = sizeof(*v6);
	} else {
		errno = EINVAL;
		fail(text);
	}
}

static void make_message(char *m, char first, uint32_t number)
{
	uint64_t z = number + 1;

	for (unsigned i = 0; i < MESSAGE; i++) {
		z = z * 6364136223846793005u + 1442695040888963407u;
		m[i] = (char)(z >> 56);
	}
	m[0] = first;
}

/* -1: each port is a connection's that is over, and not for long enough. */
static int try_to_start(uint32_t number)
{
	int fd = socket(there.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("socket");
	if (connect(fd, (struct sockaddr *)&there, there_len) != 0 && errno != EINPROGRESS) {
		if (errno != EADDRNOTAVAIL)
			fail("connect");
		close(fd);
		return -1;
	}
	all[fd] = (struct connection){ .kind = CLIENT, .number = number };
	watch(fd, EPOLLOUT, true);
	return fd;
}

static int start(uint32_t number)
{
	int fd = try_to_start(number);

	if (fd < 0)
		fail("connect");
	return fd;
}

/* Connected: the message goes. */
static void ask(int fd, char first)
{
	char message[MESSAGE];
	socklen_t len = sizeof(errno);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &len) != 0 || errno != 0)
		fail("connect");
	make_message(message, first, all[fd].number);
	if (send(fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		fail("send");
	all[fd].connected = true;
	watch(fd, EPOLLIN, false);
}

/* True: the whole answer is here, and right. */
static bool answered(int fd, char first)
{
	char message[MESSAGE], got[MESSAGE];
	struct connection *c = &all[fd];
	ssize_t n = recv(fd, got, MESSAGE - c->got, 0);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		errno = n == 0 ? ECONNRESET : errno;
		fail("answer");
	}
	make_message(message, first, c->number);
	if (memcmp(message + c->got, got, (size_t)n) != 0) {
		errno = EBADMSG;
		fail("answer");
	}
	c->got = (uint8_t)((c->got + n) % MESSAGE);
	return c->got == 0;
}

static void report(const char *what, uint32_t nr, double since)
{
	double took = seconds() - since;

	printf("{\"%s\": %u, \"seconds\": %.3f, \"rate\": %.0f}\n", what, nr, took, nr / took);
	fflush(stdout);
}

/* ---- hold ---- */

/* Until `count` answers have come; those that begin are started here. */
static void hold_round(int *fds, uint32_t count, bool begin)
{
	struct epoll_event events[EVENTS];
	uint32_t nr_started = 0, nr_done = 0;

	while (nr_done < count) {
		for (; nr_started < count && nr_started - nr_done < AT_ONCE; nr_started++) {
			if (begin)
				fds[nr_started] = start(nr_started);
			else
				ask(fds[nr_started], CLIENT_CLOSES);
		}
		int nr = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < nr; i++) {
			int fd = events[i].data.fd;

			if (!all[fd].connected)
				ask(fd, CLIENT_CLOSES);
			else
				nr_done += answered(fd, CLIENT_CLOSES);
		}
	}
}

static int hold(uint32_t count)
{
	int *fds = calloc(count, sizeof(*fds));
	double since = seconds();
	char line[16];

	if (fds == NULL)
		fail("hold");
	hold_round(fds, count, true);
	report("opened", count, since);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		since = seconds();
		hold_round(fds, count, false);
		report("used", count, since);
	}
	for (uint32_t i = 0; i < count; i++)
		forget(fds[i]);
	free(fds);
	return 0;
}

/* ---- churn ---- */

static void close_by_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) != 0)
		fail("SO_LINGER");
}

/* True: it is over. The server's FIN comes behind the answer. */
static bool churn_one(int fd, char first, bool reset)
{
	char end;

	if (!all[fd].connected) {
		ask(fd, first);
		return false;
	}
	if (all[fd].kind == CLIENT) {
		if (!answered(fd, first))
			return false;
		all[fd].kind = FREE; /* the answer is here */
	}
	if (first == SERVER_CLOSES) {
		ssize_t n = recv(fd, &end, 1, 0);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n != 0)
			fail("the server's end");
	}
	if (reset)
		close_by_reset(fd);
	forget(fd);
	return true;
}

static int churn(uint32_t count, const char *who)
{
	char first = strcmp(who, "server") == 0 ? SERVER_CLOSES : CLIENT_CLOSES;
	bool reset = strcmp(who, "reset") == 0;
	struct epoll_event events[EVENTS];
	uint32_t nr_started = 0, nr_done = 0;
	double since = seconds();

	while (nr_done < count) {
		while (nr_started < count && nr_started - nr_done < AT_ONCE &&
		       try_to_start(nr_started) >= 0)
			nr_started++;
		int nr = epoll_wait(epoll, events, EVENTS, nr_started > nr_done ? -1 : PAUSE_MS);

		for (int i = 0; i < nr; i++)
			nr_done += churn_one(events[i].data.fd, first, reset);
	}
	report("closed", count, since);
	return 0;
}

/* ---- stall, stream ---- */

static void wait_for_end(void)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin) != NULL)
		;
}

/* This end is not what is to be filled. */
static void bound_buffers(int fd)
{
	int bytes = 32768;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) != 0)
		fail("SO_SNDBUF");
}

static int stall(uint32_t count)
{
	struct epoll_event events[EVENTS];
	double since = seconds();
	uint64_t taken = 0;
	uint32_t nr_connected = 0;
	int nr;

	for (uint32_t i = 0; i < count; i++)
		bound_buffers(start(i));
	while (nr_connected < count) {
		nr = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < nr; i++) {
			int fd = events[i].data.fd;
			ssize_t n;

			while ((n = send(fd, chunk, CHUNK, MSG_NOSIGNAL)) > 0)
				taken += (uint64_t)n;
			if (n < 0 && errno != EAGAIN)
				fail("send");
			nr_connected += !all[fd].connected;
			all[fd].connected = true;
			watch(fd, 0, false);
		}
	}
	report("stalled", count, since);
	wait_for_end();
	for (int fd = 0; fd < (int)FDS_MAX; fd++)
		if (all[fd].kind == CLIENT)
			close_by_reset(fd);
	printf("{\"taken\": %llu}\n", (unsigned long long)taken);
	return 0;
}

static bool input_has_ended(void)
{
	char c;

	return read(STDIN_FILENO, &c, 1) == 0;
}

/* Both families have it at the same place. */
static unsigned local_port(int fd)
{
	struct sockaddr_in6 us;
	socklen_t len = sizeof(us);

	if (getsockname(fd, (struct sockaddr *)&us, &len) != 0)
		fail("getsockname");
	return ntohs(us.sin6_port);
}

static void send_message(int fd, uint32_t number)
{
	char message[MESSAGE];

	all[fd].number = number;
	make_message(message, CLIENT_CLOSES, number);
	if (send(fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		fail("send");
}

static int stream(void)
{
	int fd = socket(there.ss_family, SOCK_STREAM, 0);
	double since = seconds(), longest = 0, begun;
	uint32_t nr = 0;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&there, there_len) != 0)
		fail("connect");
	printf("{\"port\": %u}\n", local_port(fd));
	fflush(stdout);
	do {
		begun = seconds();
		send_message(fd, nr++);
		while (!answered(fd, CLIENT_CLOSES))
			;
		longest = seconds() - begun > longest ? seconds() - begun : longest;
		usleep(1000);
	} while (!input_has_ended());
	printf("{\"echoes\": %u, \"seconds\": %.3f, \"longest\": %.3f}\n", nr, seconds() - since,
	       longest);
	return 0;
}

int main(int argc, char **argv)
{
	set_up();
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve((unsigned)atoi(argv[2]));
	if (argc >= 4)
		parse_address(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "stream") == 0)
		return stream();
	if (argc == 5 && strcmp(argv[1], "hold") == 0)
		return hold((uint32_t)atoi(argv[4]));
	if (argc == 5 && strcmp(argv[1], "stall") == 0)
		return stall((uint32_t)atoi(argv[4]));
	if (argc == 6 && strcmp(argv[1], "churn") == 0)
		return churn((uint32_t)atoi(argv[4]), argv[5]);
	fprintf(stderr, "net_load serve|hold|churn|stall|stream ...: its head says how\n");
	return 2;
}
