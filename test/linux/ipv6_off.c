/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/sys/net/ipv6/conf: IPv6 is taken off an interface and comes back (ip-sysctl of Linux).
 * Sockets that are there stay; their packets do not.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <poll.h>

#include "check.h"
#include "netspace.h"

#define CONF "/proc/sys/net/ipv6/conf/"

static int written(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return (int)n;
}

static int number_in(const char *path)
{
	FILE *f = fopen(path, "r");
	int n = -1;

	if (f != NULL && fscanf(f, "%d", &n) != 1)
		n = -2;
	if (f != NULL)
		fclose(f);
	return n;
}

static bool is_shown(void)
{
	FILE *f = fopen("/proc/net/if_inet6", "r");
	char line[128];
	bool found = false;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		found |= strncmp(line, "00000000000000000000000000000001 ", 33) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

static struct sockaddr_in6 loopback(in_port_t port)
{
	return (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_addr = in6addr_loopback,
				      .sin6_port = port };
}

static int bound(in_port_t *port)
{
	int s = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 a = loopback(0);
	socklen_t len = sizeof(a);

	if (bind(s, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(s);
		return -1;
	}
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	*port = a.sin6_port;
	return s;
}

static ssize_t sent(in_port_t port)
{
	int s = socket(AF_INET6, SOCK_DGRAM, 0), err;
	struct sockaddr_in6 a = loopback(port);
	ssize_t n = sendto(s, "x", 1, 0, (struct sockaddr *)&a, sizeof(a));

	err = errno;
	close(s);
	errno = err;
	return n;
}

static void off_and_on(const char *file, const char *other)
{
	in_port_t port = 0, unused;
	char c;
	int s = bound(&port);

	CHECK(s >= 0);
	CHECK_EQ(sent(port), 1);
	CHECK_EQ(poll(&(struct pollfd){ .fd = s, .events = POLLIN }, 1, -1), 1);
	CHECK_EQ(recv(s, &c, 1, 0), 1);
	CHECK_EQ(written(file, "1\n"), 2);
	CHECK_EQ(number_in(file), 1);
	CHECK_EQ(number_in(other), 1);
	CHECK(!is_shown());
	CHECK_ERR(bound(&unused), EADDRNOTAVAIL);
	CHECK_ERR(sent(port), EADDRNOTAVAIL);
	CHECK_ERR(recv(s, &c, 1, 0), EAGAIN);
	CHECK_EQ(written(file, "1"), 1); /* it is already */
	CHECK_EQ(written(file, "0\n"), 2);
	CHECK_EQ(number_in(file), 0);
	CHECK(is_shown());
	CHECK_EQ(sent(port), 1);
	CHECK_EQ(poll(&(struct pollfd){ .fd = s, .events = POLLIN }, 1, -1), 1);
	CHECK_EQ(recv(s, &c, 1, 0), 1);
	CHECK_ERR(written(file, "x"), EINVAL);
	CHECK_EQ(number_in(file), 0);
	close(s);
}

int main(void)
{
	if (!netspace_enter())
		return check_done();
	CHECK_EQ(number_in(CONF "lo/disable_ipv6"), 0);
	off_and_on(CONF "lo/disable_ipv6", CONF "lo/disable_ipv6");
	off_and_on(CONF "all/disable_ipv6", CONF "lo/disable_ipv6");
	CHECK_EQ(written(CONF "default/disable_ipv6", "1\n"), 2);
	CHECK_EQ(number_in(CONF "default/disable_ipv6"), 1);
	CHECK_EQ(number_in(CONF "lo/disable_ipv6"), 0);
	return check_done();
}
