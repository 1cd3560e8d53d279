/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends from memory that it lends (MSG_ZEROCOPY), and does what is unkind to it:
 *
 *	net_lend ADDRESS PORT MEGABYTES [unmap] [fork] [exit] [udp]
 *
 * Byte i is i % 4096 + i / 4096 % 251. A block is used again when the kernel says so; with unmap
 * each is a mapping of its own that goes right after the send, with fork a child writes over its
 * copy while the parent's is lent, with exit it ends without hearing of any. With udp the blocks
 * are datagrams. Prints how many calls were told of, of how many, and how many were copied.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 16

static struct {
	bool unmap, fork, exit, udp;
} how;
static uint32_t nr_calls, nr_told,
	nr_copied; /* ranges come in order: tests are of one connection */
static size_t block;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int connected(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int s = socket(AF_INET, how.udp ? SOCK_DGRAM : SOCK_STREAM, 0), on = 1;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		die(address);
	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) != 0)
		die("socket");
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	return s;
}

/* What the queue of errors has; false: nothing. */
static bool hear(int s)
{
	char control[256];
	struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct sock_extended_err e;

	if (recvmsg(s, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
		if (errno != EAGAIN)
			die("recvmsg");
		return false;
	}
	memcpy(&e, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(e));
	if (e.ee_origin != SO_EE_ORIGIN_ZEROCOPY || e.ee_errno != 0 || e.ee_info != nr_told) {
		fprintf(stderr, "told of %u to %u, error %u, origin %u, after %u\n", e.ee_info,
			e.ee_data, e.ee_errno, e.ee_origin, nr_told);
		exit(1);
	}
	nr_told = e.ee_data + 1;
	if (e.ee_code == SO_EE_CODE_ZEROCOPY_COPIED)
		nr_copied += e.ee_data - e.ee_info + 1;
	return true;
}

/* Until so many calls were told of. */
static void wait_told(int s, uint32_t nr)
{
	struct pollfd p = { .fd = s };

	while (hear(s) || (int32_t)(nr - nr_told) > 0) {
		if ((int32_t)(nr - nr_told) > 0 && poll(&p, 1, -1) != 1)
			die("poll");
	}
}

static void fill(uint8_t *at, uint64_t first)
{
	for (uint64_t i = first; i < first + block; i++)
		*at++ = (uint8_t)(i % 4096 + i / 4096 % 251);
}

static void *map(void)
{
	void *p = mmap(NULL, block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* A child that has the memory as well, and changes it. */
static pid_t scribble(uint8_t *at)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child == 0) {
		memset(at, 0xaa, block);
		_exit(0);
	}
	return child;
}

/* The calls that a block took; each is counted. */
static void send_block(int s, const uint8_t *at)
{
	for (size_t done = 0; done < block;) {
		ssize_t n = send(s, at + done, block - done, MSG_ZEROCOPY);

		if (n < 0 && errno == ENOBUFS) { /* too much is lent: until some of it is back */
			wait_told(s, nr_told + 1);
			continue;
		}
		if (n < 0)
			die("send");
		done += (size_t)n;
		nr_calls++;
	}
}

static void send_all(int s, uint64_t bytes)
{
	uint32_t last_call[BLOCKS] = { 0 };
	uint8_t *blocks[BLOCKS] = { NULL };

	for (uint64_t i = 0; i < bytes / block; i++) {
		unsigned n = (unsigned)(i % BLOCKS);
		pid_t child;

		if (how.unmap || blocks[n] == NULL)
			blocks[n] = map();
		else
			wait_told(s, last_call[n]);
		fill(blocks[n], i * block);
		child = how.fork ? scribble(blocks[n]) : 0;
		send_block(s, blocks[n]);
		last_call[n] = nr_calls;
		if (how.fork && waitpid(child, NULL, 0) != child)
			die("waitpid");
		if (how.unmap && munmap(blocks[n], block) != 0)
			die("munmap");
	}
}

int main(int argc, char **argv)
{
	int s;

	if (argc < 4)
		return 2;
	for (int i = 4; i < argc; i++) {
		how.unmap |= strcmp(argv[i], "unmap") == 0;
		how.fork |= strcmp(argv[i], "fork") == 0;
		how.exit |= strcmp(argv[i], "exit") == 0;
		how.udp |= strcmp(argv[i], "udp") == 0;
	}
	block = how.udp ? 32768 : 262144;
	s = connected(argv[1], argv[2]);
	send_all(s, strtoull(argv[3], NULL, 0) << 20);
	if (how.exit)
		return 0;
	wait_told(s, nr_calls);
	printf("%u of %u, %u copied\n", nr_told, nr_calls, nr_copied);
	return 0;
}
