/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP with buffers of every size (socket(7): SO_RCVBUF, SO_SNDBUF, RFC 9293 §3.8.6.2): whatever
 * they are, and however much is written and read at a time, all bytes arrive, in order, and the
 * connection does not wait for its timers each time: all of it would take hours then.
 */
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include "check.h"
#include "inet.h"

#define MOST (1u << 17)

static uint8_t out[MOST], in[MOST];

struct way {
	int receive_buffer, send_buffer; /* 0: as it is by itself */
	unsigned block, bite;            /* written, read at a time */
	bool late;                       /* SO_SNDBUF is set when it is connected */
};

struct pair {
	int from, to;
};

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

static void set_buffer(int fd, int which, int bytes)
{
	if (bytes != 0 && setsockopt(fd, SOL_SOCKET, which, &bytes, sizeof(bytes)) != 0)
		CHECK_EQ(errno, 0);
}

static bool open_pair(const struct way *w, struct pair *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	bool good;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->from = socket(AF_INET, SOCK_STREAM, 0);
	set_buffer(listener, SO_RCVBUF, w->receive_buffer);
	if (!w->late)
		set_buffer(p->from, SO_SNDBUF, w->send_buffer);
	good = bind(listener, (struct sockaddr *)&a, len) == 0 &&
	       getsockname(listener, (struct sockaddr *)&a, &len) == 0 &&
	       listen(listener, 1) == 0 && connect(p->from, (struct sockaddr *)&a, len) == 0;
	p->to = accept(listener, NULL, NULL);
	close(listener);
	if (w->late)
		set_buffer(p->from, SO_SNDBUF, w->send_buffer);
	return good && p->to >= 0;
}

static bool send_some(int fd, size_t total, unsigned block, size_t *sent)
{
	size_t n = total - *sent < block ? total - *sent : block;
	ssize_t done;

	for (size_t i = 0; i < n; i++)
		out[i] = byte_at(*sent + i);
	done = send(fd, out, n, MSG_DONTWAIT);
	if (done < 0)
		return errno == EAGAIN;
	*sent += (size_t)done;
	return true;
}

static bool receive_some(int fd, unsigned bite, size_t *got)
{
	ssize_t n = recv(fd, in, bite, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	for (ssize_t i = 0; i < n; i++)
		if (in[i] != byte_at(*got + (size_t)i))
			return false;
	*got += (size_t)n;
	return true;
}

/* Both ends by one thread. */
static bool transfer(const struct pair *p, const struct way *w, size_t total)
{
	size_t sent = 0, got = 0;

	while (got < total) {
		struct pollfd fds[2] = { { p->from, sent < total ? POLLOUT : 0, 0 },
					 { p->to, POLLIN, 0 } };

		if (poll(fds, 2, -1) <= 0)
			return false;
		if ((fds[0].revents & POLLOUT) != 0 && !send_some(p->from, total, w->block, &sent))
			return false;
		if ((fds[1].revents & POLLIN) != 0 && !receive_some(p->to, w->bite, &got))
			return false;
	}
	return true;
}

static void test_way(const struct way *w)
{
	unsigned least = w->block < w->bite ? w->block : w->bite;
	size_t total = least < 100 ? 1000 : 30000;
	struct pair p;
	char text[160];
	bool good = open_pair(w, &p) && transfer(&p, w, total);

	snprintf(text, sizeof(text), "SO_RCVBUF %d, SO_SNDBUF %d%s, %u written, %u read at a time",
		 w->receive_buffer, w->send_buffer, w->late ? ", set late" : "", w->block, w->bite);
	check_report(good, __FILE__, __LINE__, text);
	close(p.from);
	close(p.to);
}

static const int receive_buffers[] = { 0, 1, 1024, 2048, 4000, 8192, 20000, 65536 };
static const int send_buffers[] = { 0, 1, 1024, 2304, 8192, 65536 };
static const unsigned blocks[] = { 1, 100, 536, 1460, 5000, 8205, 65536 };

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void test_blocks(int receive_buffer, int send_buffer, bool late)
{
	for (size_t b = 0; b < LENGTH(blocks); b++) {
		struct way w = { .receive_buffer = receive_buffer,
				 .send_buffer = send_buffer,
				 .block = blocks[b],
				 .bite = MOST,
				 .late = late };

		test_way(&w);
	}
}

static void test_sizes(void)
{
	for (size_t s = 0; s < LENGTH(send_buffers); s++) {
		for (size_t r = 0; r < LENGTH(receive_buffers); r++)
			test_blocks(receive_buffers[r], send_buffers[s], false);
		test_blocks(0, send_buffers[s], true);
	}
}

static void test_bites(void)
{
	static const unsigned bites[] = { 1, 7, 100, 577, 3000 };

	for (size_t r = 0; r < LENGTH(receive_buffers); r++)
		for (size_t b = 0; b < LENGTH(bites); b++) {
			struct way w = { .receive_buffer = receive_buffers[r],
					 .block = 8205,
					 .bite = bites[b] };

			test_way(&w);
		}
}

int main(void)
{
	test_sizes();
	test_bites();
	return check_done();
}
