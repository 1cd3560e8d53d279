/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Echoes by the SDK, both ends in one program: what a datagram there and back, or a request and its
 * answer on a connection, costs by the native door and by sockets (HULL_BACKEND). Many are under
 * way, as with a server that is busy. CPU time is the process's, the kernel's part with it.
 */
#include <hull.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS      5
#define CONNECTIONS 32u

static unsigned nr_echoes, nr_sent, nr_wanted, window, size;
static uint8_t bytes[16384];
static double best_wall, best_cpu;
static double wall_began, cpu_began;
static struct hull_udp *server, *client;
static struct hull_listener *listener;
static unsigned nr_open;

static double wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void begin(void)
{
	nr_echoes = nr_sent = 0;
	wall_began = wall_ns();
	cpu_began = cpu_ns();
}

static void end(void)
{
	double wall = (wall_ns() - wall_began) / nr_wanted,
	       cpu = (cpu_ns() - cpu_began) / nr_wanted;

	best_wall = best_wall == 0 || wall < best_wall ? wall : best_wall;
	best_cpu = best_cpu == 0 || cpu < best_cpu ? cpu : best_cpu;
}

/* ---- UDP ---- */

static void echo(struct hull_udp *u, const struct hull_datagram *d)
{
	hull_udp_reply(u, d, d->data, d->len);
}

static void answered(struct hull_udp *u, const struct hull_datagram *d)
{
	struct hull_address to = d->from;

	if (++nr_echoes == nr_wanted) {
		end();
		hull_udp_close(server);
		hull_udp_close(client);
	} else if (nr_sent < nr_wanted) {
		nr_sent++;
		hull_udp_send(u, &to, bytes, size);
	}
}

static int start_udp(void *user)
{
	struct hull_udp_config s = { .received = echo }, c = { .received = answered };
	struct hull_address to;

	hull_address_parse("127.0.0.1:0", 0, &s.local);
	c.local = s.local;
	if (hull_udp_open(&s, &server) != 0 || hull_udp_open(&c, &client) != 0)
		return 1;
	to = hull_udp_local(server);
	begin();
	for (nr_sent = 0; nr_sent < window; nr_sent++)
		hull_udp_send(client, &to, bytes, size);
	return 0;
}

/* ---- TCP ---- */

static size_t echo_bytes(struct hull_tcp *c, const void *data, size_t len)
{
	hull_tcp_send(c, data, len);
	return len;
}

static size_t answer_bytes(struct hull_tcp *c, const void *data, size_t len)
{
	if (len < size)
		return 0;
	if (++nr_echoes == nr_wanted)
		end();
	if (nr_sent++ < nr_wanted)
		hull_tcp_send(c, bytes, size);
	else
		hull_tcp_close(c);
	return size;
}

static void ask(struct hull_tcp *c)
{
	if (++nr_open == CONNECTIONS)
		begin();
	hull_tcp_send(c, bytes, size);
}

static void gone(struct hull_tcp *c, int error)
{
	if (--nr_open == 0)
		hull_listener_close(listener);
}

static int start_tcp(void *user)
{
	static const struct hull_tcp_events s = { .received = echo_bytes };
	static const struct hull_tcp_events c = {
		.connected = ask,
		.received = answer_bytes,
		.closed = gone,
	};
	struct hull_listen_config l = { .events = &s };
	struct hull_connect_config k = { .events = &c };
	struct hull_tcp *t;

	nr_open = 0;
	hull_address_parse("127.0.0.1:0", 0, &l.local);
	if (hull_tcp_listen(&l, &listener) != 0)
		return 1;
	k.remote = hull_listener_local(listener);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		if (hull_tcp_connect(&k, &t) != 0)
			return 1;
	}
	return 0;
}

static void measure(const char *name, int (*start)(void *user), unsigned bytes_each, unsigned n)
{
	best_wall = best_cpu = 0;
	size = bytes_each;
	window = 32;
	nr_wanted = n;
	for (int i = 0; i < ROUNDS; i++) {
		if (hull_loop_run(start, NULL) != 0)
			exit(1);
	}
	printf("%s %.0f ns\n%s-cpu %.0f ns\n", name, best_wall, name, best_cpu);
	fflush(stdout);
}

/* ---- a peer outside: the client's side alone ---- */

static struct hull_address remote;

static int start_udp_client(void *user)
{
	const struct hull_udp_config c = { .received = answered };

	if (hull_udp_open(&c, &client) != 0)
		return 1;
	server = client;
	begin();
	for (nr_sent = 0; nr_sent < window; nr_sent++)
		hull_udp_send(client, &remote, bytes, size);
	return 0;
}

static void client_gone(struct hull_tcp *c, int error)
{
	if (error != 0)
		hull_stop(1);
}

static int start_tcp_client(void *user)
{
	static const struct hull_tcp_events c = {
		.connected = ask,
		.received = answer_bytes,
		.closed = client_gone,
	};
	const struct hull_connect_config k = { .events = &c, .remote = remote };
	struct hull_tcp *t;

	nr_open = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		if (hull_tcp_connect(&k, &t) != 0)
			return 1;
	}
	return 0;
}

/* client ADDRESS:PORT udp|tcp BYTES REQUESTS: one round, nanoseconds a request. */
static int run_client(char **argv)
{
	bool udp = strcmp(argv[3], "udp") == 0;
	int status;

	if (hull_address_parse(argv[2], 7, &remote) != 0)
		return 2;
	size = (unsigned)atoi(argv[4]);
	nr_wanted = (unsigned)atoi(argv[5]);
	window = 32;
	status = hull_loop_run(udp ? start_udp_client : start_tcp_client, NULL);
	printf("%.0f\n", best_wall);
	return status;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;

	if (argc > 5 && strcmp(argv[1], "client") == 0)
		return run_client(argv);
	measure("udp-echo-64", start_udp, 64, n);
	measure("udp-echo-1400", start_udp, 1400, n);
	measure("tcp-echo-64", start_tcp, 64, n);
	measure("tcp-echo-4096", start_tcp, 4096, n / 2);
	return 0;
}
