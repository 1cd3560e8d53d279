/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's numbers for sockets that its user headers do not carry: socket(2), send(2), cmsg(3). */
#pragma once
#include <asm/socket.h>

enum {
	AF_UNSPEC = 0,
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	AF_NETLINK = 16,
	AF_PACKET = 17,
	AF_MAX = 46
};

#define SOL_PACKET  263
#define SOL_NETLINK 270

enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_RDM = 4, SOCK_SEQPACKET = 5 };
#define SOCK_TYPE_MASK 15
#define SOCK_TYPE_MAX  11

enum { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 };

#define MSG_OOB          0x1u
#define MSG_PEEK         0x2u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_EOR          0x80u
#define MSG_WAITALL      0x100u
#define MSG_ERRQUEUE     0x2000u
#define MSG_MORE         0x8000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_ZEROCOPY     0x4000000u
#define MSG_FASTOPEN     0x20000000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT  0x80000000u

enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };
#define SCM_RIGHTS_MAX 253
