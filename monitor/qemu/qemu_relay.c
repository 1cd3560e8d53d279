/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A relay's thread. Input that ends is told to QEMU by shutting down our sending side (QEMU then
 * closes the port, after it has read what is queued); output that breaks, by shutting down both.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/compiler.h"
#include "monitor/qemu/qemu_relay.h"

/* False: `from` has ended, or we are to stop. */
static bool wait_readable(const struct relay *relay)
{
	struct pollfd polls[2] = {
		{ .fd = relay->from, .events = POLLIN },
		{ .fd = relay->wake_fd, .events = POLLIN },
	};

	while (poll(polls, 2, -1) < 0) {
		if (errno != EINTR)
			return false;
	}
	return !polls[1].revents;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			poll(&wait, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void *run(void *arg)
{
	struct relay *relay = arg;
	char buffer[65536];
	ssize_t n;

	while (wait_readable(relay)) {
		n = read(relay->from, buffer, sizeof(buffer));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if (relay->take)
			relay->take(relay, buffer, (size_t)n);
		else if (write_all(relay->to, buffer, (size_t)n) < 0)
			break;
	}
	if (relay->from_socket)
		shutdown(relay->from, SHUT_RDWR);
	else
		shutdown(relay->to, SHUT_WR);
	return NULL;
}

int relay_start(struct relay *relay)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&relay->thread, NULL, run, relay);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

void relay_join(struct relay *relay)
{
	struct timespec deadline;

	if (relay->from_socket) {
		pthread_join(relay->thread, NULL);
		return;
	}
	/* a reader that lost a race for its byte sleeps in read(2): it ends with the process */
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec++;
	pthread_timedjoin_np(relay->thread, NULL, &deadline);
}

void relay_take_control(struct relay *relay, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = min(len, sizeof(relay->partial) - relay->partial_len);

		memcpy((char *)&relay->partial + relay->partial_len, bytes, n);
		relay->partial_len += n;
		bytes += n;
		len -= n;
		if (relay->partial_len < sizeof(relay->partial))
			return;
		relay->partial_len = 0;
		if (relay->config->on_control)
			relay->config->on_control(relay->config->context, &relay->partial);
	}
}

void relay_take_log(struct relay *relay, const char *bytes, size_t len)
{
	if (relay->config->on_log)
		relay->config->on_log(relay->config->context, bytes, len);
}

void relay_take_nothing(struct relay *relay, const char *bytes, size_t len)
{
	(void)relay;
	(void)bytes;
	(void)len;
}
