/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of socket calls for fuzz_syscalls.c that mean something: addresses that several
 * processes of a round bind and connect to, and messages with buffers, descriptors and
 * credentials. Each is made from one random number.
 */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MESSAGE_SIZE 1024 /* room that message_put() needs */
#define FIRST_PORT   7000

/* A path, an abstract name, 127.0.0.1, ::1 or nothing. Needs a struct sockaddr_storage of room. */
static inline void address_put(void *at, uint64_t random)
{
	static const char *const paths[] = { "socket", "d0/f", "d1/socket",
					     "/dev/shm/fuzz/socket" };
	struct sockaddr_un *local = at;
	struct sockaddr_in *in = at;
	struct sockaddr_in6 *in6 = at;
	uint16_t port = htons((uint16_t)(FIRST_PORT + (random >> 8) % 3));

	memset(at, 0, sizeof(struct sockaddr_storage));
	switch (random % 8) {
	case 0:
	case 1:
		local->sun_family = AF_UNIX;
		strcpy(local->sun_path, paths[(random >> 8) % 4]);
		break;
	case 2:
	case 3: /* abstract */
		local->sun_family = AF_UNIX;
		local->sun_path[1] = (char)('a' + (random >> 8) % 4);
		break;
	case 4:
	case 5:
		in->sin_family = AF_INET;
		in->sin_port = port;
		in->sin_addr.s_addr = htonl((random >> 16) % 4 ? INADDR_LOOPBACK : INADDR_ANY);
		break;
	case 6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		in6->sin6_addr.s6_addr[15] = 1;
		break;
	default:
		break; /* AF_UNSPEC */
	}
}

static inline long address_length(uint64_t random)
{
	static const unsigned char lengths[] = { 2,
						 3,
						 4,
						 sizeof(struct sockaddr_in),
						 sizeof(struct sockaddr_in),
						 sizeof(struct sockaddr_in6),
						 sizeof(struct sockaddr_un),
						 sizeof(struct sockaddr_storage) };

	return lengths[random % sizeof(lengths)];
}

/* Descriptors, those of sockets among them, or credentials that may be true. */
static inline size_t control_put(struct cmsghdr *control, uint64_t random)
{
	int *fds = (int *)CMSG_DATA(control);
	size_t nr_fds = 1 + random % 4;

	control->cmsg_level = SOL_SOCKET;
	if (random % 8 == 7) {
		control->cmsg_type = SCM_CREDENTIALS;
		control->cmsg_len = CMSG_LEN(3 * sizeof(int));
		memset(fds, 0, 3 * sizeof(int));
		return CMSG_SPACE(3 * sizeof(int));
	}
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
	for (size_t i = 0; i < nr_fds; i++)
		fds[i] = (int)(random >> (8 + 8 * i)) & 15;
	return CMSG_SPACE(nr_fds * sizeof(int));
}

/* To be sent, or to be filled. */
static inline void message_put(char *at, uint64_t random)
{
	struct msghdr *m = (struct msghdr *)at;
	struct iovec *buffers = (struct iovec *)(at + 64);
	struct cmsghdr *control = (struct cmsghdr *)(at + 128);

	memset(at, 0, MESSAGE_SIZE);
	buffers[0] = (struct iovec){ at + 512, random >> 40 & 127 };
	buffers[1] = (struct iovec){ at + 640, random >> 48 & 255 };
	m->msg_iov = buffers;
	m->msg_iovlen = random >> 56 & 1 ? 1 : 2;
	if (random % 4 != 0) {
		m->msg_control = control;
		m->msg_controllen = control_put(control, random >> 4);
	}
	if (random >> 57 & 1) {
		m->msg_name = at + 256;
		m->msg_namelen = (socklen_t)address_length(random >> 3);
		address_put(m->msg_name, random >> 2);
	}
}
