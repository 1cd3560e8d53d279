/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random things said to sockets, from a seed: the kernel must answer every one, and nothing may be
 * left over.
 *
 *	fuzz_sockets [--seed N] [--first K] [--count M] [--seconds S] [--check]
 *
 * A round is one number; with the seed it decides what the round's processes do, so that
 * `--seed N --first K --count 1` repeats round K. Between rounds the network is put back (tidy.c),
 * and with --check the system's counters are printed now and then: the caller judges whether
 * something leaks. A panic ends the VM with a status of its own, and the last round printed is the
 * one. Runs only where it may do harm: in Hull.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "../fuzz_clean.h"
#include "fuzz.h"

#define PROCESSES 2
#define STEPS     600
#define GUARD_S   60
#define WAKE_MS   100
#define PAGE      4096u

static uint64_t state;
static uint8_t *arenas[NR_PLACES]; /* each ends at a page without access */

uint64_t next_random(void) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

unsigned below(unsigned n)
{
	return n == 0 ? 0 : (unsigned)(next_random() % n);
}

bool one_in(unsigned n)
{
	return below(n) == 0;
}

uint32_t some_number(void)
{
	static const uint32_t borders[] = { 0,          UINT32_MAX, INT32_MAX,  0x80000000,
					    0xffff,     0x10000,    0x7f000001, 0x0100007f,
					    0x0200000a, 0xe0000001, 0x010000e0, 0xffffffc0 };

	switch (below(8)) {
	case 0:
		return (uint32_t)next_random();
	case 1:
	case 2:
		return borders[below(LENGTH(borders))];
	case 3:
		return 1u << below(32);
	case 4:
		return below(70000);
	default:
		return below(5);
	}
}

void *place(unsigned which, unsigned len)
{
	return arenas[which] + ROOM - len;
}

void *filled_place(unsigned which, unsigned len)
{
	uint8_t *at = place(which, len);

	for (unsigned i = 0; i < len; i += 4) {
		uint32_t x = some_number();

		memcpy(at + i, &x, len - i < 4 ? len - i : 4);
	}
	return at;
}

unsigned some_length(void)
{
	static const uint16_t lengths[] = { 4,  4,  4,  4,  4,  4,  8,   8,   12, 16,
					    20, 28, 32, 36, 40, 44, 128, 136, 264 };

	return one_in(8) ? below(300) : lengths[below(LENGTH(lengths))];
}

int some_socket(void)
{
	return sockets[below(SOCKETS)];
}

void close_descriptor(int fd)
{
	for (unsigned i = 0; i < SOCKETS; i++)
		if (sockets[i] == fd)
			return;
	if (fd > 2)
		close(fd);
}

static void make_places(void)
{
	for (unsigned i = 0; i < NR_PLACES; i++) {
		arenas[i] = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (arenas[i] == MAP_FAILED || mprotect(arenas[i] + ROOM, PAGE, PROT_NONE) != 0)
			_exit(2);
	}
}

static void step(void)
{
	switch (below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		fuzz_options();
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		fuzz_messages();
		break;
	case 9:
	case 10:
		fuzz_netlink();
		break;
	case 11:
	case 12:
		fuzz_control();
		break;
	case 13:
		if (one_in(4))
			close_one_and_open();
		break;
	default:
		name_sockets();
	}
}

/* What blocks, since a socket was made to, is interrupted; but a round has its end. */
static void wake(int number)
{
	static unsigned nr;

	(void)number;
	if (++nr > GUARD_S * 1000 / WAKE_MS)
		_exit(14);
}

static void start_waking(void)
{
	const struct sigaction action = { .sa_handler = wake };
	const struct itimerval often = { { 0, WAKE_MS * 1000 }, { 0, WAKE_MS * 1000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static _Noreturn void process(uint64_t first)
{
	state = first;
	start_waking();
	make_places();
	open_sockets();
	for (unsigned i = 0; i < STEPS; i++)
		step();
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Each ends by itself. */
static bool run_round(uint64_t seed, long round)
{
	pid_t pids[PROCESSES];
	int status, bad = 0;

	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			process((seed * 1000003 + (uint64_t)round * 8 + (uint64_t)i) *
				0x2545f4914f6cdd1dull);
	}
	for (int i = 0; i < PROCESSES; i++) {
		if (pids[i] < 0)
			continue;
		while (waitpid(pids[i], &status, 0) != pids[i])
			if (errno != EINTR)
				return false;
		if (status != 0) {
			printf("round %ld: a process ends with status %#x\n", round, status);
			bad = 1;
		}
	}
	return bad == 0;
}

/* New connections and datagrams of both families still work. */
static bool works(int family, int type)
{
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in at4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr *at = family == AF_INET ? (void *)&at4 : (void *)&at6;
	socklen_t len = family == AF_INET ? sizeof(at4) : sizeof(at6);
	const struct timeval guard = { .tv_sec = GUARD_S };
	int server = socket(family, type, 0), client = socket(family, type, 0), got = server;
	char byte = 0;
	bool fine;

	setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
	fine = bind(server, at, len) == 0 && getsockname(server, at, &len) == 0 &&
	       (type != SOCK_STREAM || listen(server, 1) == 0) && connect(client, at, len) == 0;
	if (fine && type == SOCK_STREAM)
		got = accept(server, NULL, NULL);
	fine = fine && send(client, "x", 1, 0) == 1 && recv(got, &byte, 1, 0) == 1 && byte == 'x';
	if (!fine)
		printf("family %d, type %d: %s\n", family, type, strerror(errno));
	close(server);
	close(client);
	if (got >= 0 && got != server)
		close(got);
	return fine;
}

static bool all_works(void)
{
	return works(AF_INET, SOCK_STREAM) && works(AF_INET, SOCK_DGRAM) &&
	       works(AF_INET6, SOCK_STREAM) && works(AF_INET6, SOCK_DGRAM);
}

static long option(int argc, char **argv, const char *name, long otherwise)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return i + 1 < argc && argv[i + 1][0] != '-' ? atol(argv[i + 1]) : 1;
	return otherwise;
}

static void refuse_elsewhere(void)
{
	struct utsname name;

	if (uname(&name) != 0 || strstr(name.version, "Hull") == NULL) {
		fprintf(stderr, "fuzz_sockets: runs in Hull only\n");
		exit(2);
	}
}

static void write_setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		printf("%s: %s\n", path, strerror(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	long first = option(argc, argv, "--first", 0), round = first;
	long count = option(argc, argv, "--count", 1 << 30);
	double end = now() + (double)option(argc, argv, "--seconds", 1 << 30);
	uint64_t seed = (uint64_t)option(argc, argv, "--seed", 1);
	bool check = option(argc, argv, "--check", 0) != 0;

	refuse_elsewhere();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN); /* FIOASYNC and an owner that may be anybody */
	/* Connections that are over leave nothing for a minute: counters are compared. */
	write_setting("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
	if (!tidy())
		return 3;
	for (; round < first + count && now() < end; round++) {
		if (check && (round - first) % 16 == 0)
			print_counters(round - first);
		printf("round %ld\n", round);
		if (!run_round(seed, round) || !tidy() || !all_works())
			return 3;
	}
	if (check)
		print_counters(round - first);
	printf("%ld rounds, %ld calls\n", round - first, (round - first) * PROCESSES * STEPS);
	return 0;
}
