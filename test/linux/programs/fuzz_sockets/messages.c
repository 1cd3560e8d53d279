/* SPDX-License-Identifier: BSD-2-Clause */
/* sendmsg(2) and recvmsg(2) and their kin, with control messages of every kind. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fuzz.h"

#define CONTROL_MAX 512u

static const struct {
	int level;
	unsigned char type, len;
} controls[] = {
	{ SOL_SOCKET, 1, 4 },    { SOL_SOCKET, 1, 16 },   { SOL_SOCKET, 2, 12 },
	{ SOL_SOCKET, 29, 16 },  { SOL_SOCKET, 36, 4 },   { SOL_SOCKET, 37, 4 },
	{ SOL_SOCKET, 61, 8 },   { SOL_SOCKET, 4, 4 },    { IPPROTO_IP, 1, 4 },
	{ IPPROTO_IP, 2, 4 },    { IPPROTO_IP, 7, 8 },    { IPPROTO_IP, 8, 12 },
	{ IPPROTO_IPV6, 2, 20 }, { IPPROTO_IPV6, 11, 4 }, { IPPROTO_IPV6, 50, 20 },
	{ IPPROTO_IPV6, 52, 4 }, { IPPROTO_IPV6, 54, 8 }, { IPPROTO_IPV6, 57, 24 },
	{ IPPROTO_IPV6, 59, 8 }, { IPPROTO_IPV6, 62, 4 }, { IPPROTO_IPV6, 67, 4 },
	{ IPPROTO_UDP, 103, 2 }, { IPPROTO_UDP, 104, 4 },
};

static unsigned put_controls(uint8_t *to, unsigned room)
{
	unsigned at = 0;

	for (unsigned nr = below(4); nr > 0; nr--) {
		unsigned row = below(LENGTH(controls)), len = controls[row].len;
		struct cmsghdr h = { .cmsg_level = controls[row].level,
				     .cmsg_type = controls[row].type };

		len = one_in(16) ? below(64) : len;
		if (at + CMSG_SPACE(len) > room)
			break;
		h.cmsg_len = one_in(32) ? some_number() : CMSG_LEN(len);
		memset(to + at, 0, CMSG_SPACE(len));
		memcpy(to + at, &h, sizeof(h));
		for (unsigned i = 0; i + 4 <= len; i += 4) {
			uint32_t x = controls[row].level == SOL_SOCKET && controls[row].type == 1
					     ? (uint32_t)some_socket()
					     : some_number();

			memcpy(to + at + CMSG_LEN(0) + i, &x, 4);
		}
		at += (unsigned)CMSG_SPACE(len);
	}
	return one_in(32) ? below(at + 1) : at;
}

static int some_flags(void)
{
	static const int flags[] = {
		0,        0,           MSG_OOB, MSG_PEEK,     MSG_DONTROUTE, MSG_TRUNC,
		MSG_MORE, MSG_CONFIRM, MSG_EOR, MSG_ERRQUEUE, MSG_ZEROCOPY,  MSG_FASTOPEN
	};
	int f = flags[below(LENGTH(flags))] | flags[below(LENGTH(flags))];

	return one_in(32) ? (int)some_number() | MSG_DONTWAIT : f | MSG_DONTWAIT | MSG_NOSIGNAL;
}

static unsigned some_size(void)
{
	return one_in(8) ? below(60000) : one_in(2) ? below(3000) : below(100);
}

static void make_message(struct msghdr *m, struct iovec *pieces, bool out)
{
	unsigned len = some_size(), cut = below(len + 1);
	uint8_t *control = place(2, CONTROL_MAX), *bytes = place(3, len);

	if (out && len >= 64)
		memset(bytes, (int)below(256), 64);
	memset(m, 0, sizeof(*m));
	pieces[0] = (struct iovec){ bytes, cut };
	pieces[1] = (struct iovec){ bytes + cut, len - cut };
	m->msg_iov = pieces;
	m->msg_iovlen = 1 + below(2);
	if (!one_in(3)) {
		m->msg_control = control;
		m->msg_controllen = out ? put_controls(control, CONTROL_MAX) : below(CONTROL_MAX);
	}
	if (one_in(2)) {
		m->msg_name = place(1, sizeof(struct sockaddr_storage));
		m->msg_namelen = out ? make_address(m->msg_name, sizeof(struct sockaddr_storage))
				     : below(140);
	}
}

/* Descriptors that come are closed. */
static void drop_rights(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (unsigned i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close_descriptor(fd);
		}
	}
}

void fuzz_messages(void)
{
	struct iovec pieces[2][2];
	struct mmsghdr m[2] = { 0 };
	struct timespec now = { 0, 0 };
	int fd = some_socket(), got;

	switch (below(8)) {
	case 0:
	case 1:
	case 2:
		make_message(&m[0].msg_hdr, pieces[0], true);
		sendmsg(fd, &m[0].msg_hdr, some_flags());
		break;
	case 3:
		make_message(&m[0].msg_hdr, pieces[0], true);
		m[1] = m[0];
		sendmmsg(fd, m, 2, some_flags());
		break;
	case 4:
		make_message(&m[0].msg_hdr, pieces[0], false);
		m[1] = m[0];
		got = recvmmsg(fd, m, 2, some_flags() | MSG_DONTWAIT, &now);
		for (int i = 0; i < got; i++)
			drop_rights(&m[i].msg_hdr);
		break;
	case 5:
		shutdown(fd, (int)below(4));
		break;
	default:
		make_message(&m[0].msg_hdr, pieces[0], false);
		if (recvmsg(fd, &m[0].msg_hdr, some_flags()) >= 0)
			drop_rights(&m[0].msg_hdr);
	}
}
