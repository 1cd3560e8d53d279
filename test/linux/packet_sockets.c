/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET (packet(7)) on lo: what is seen of frames that come and go, filters, statistics,
 * memberships, frames of our own, and the ring of TPACKET_V2. In a network of the test's own.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/mman.h>
#include "child.h"
#include "inet.h"
#include "netspace.h"

#define PORT 7788
#define LINK 14 /* bytes of the link header */

struct frame {
	char bytes[2048];
	ssize_t len;
	int flags;
	struct sockaddr_ll from;
	struct tpacket_auxdata aux;
	bool has_aux;
};

static int packet_socket(int type, int protocol)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons((unsigned short)protocol),
				 .sll_ifindex = 1 };
	int fd = socket(AF_PACKET, type, 0);

	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

/* A datagram to ourselves; it is taken again. Who listens to IPv4 gets the frame a little later. */
static void send_udp(const char *text)
{
	struct sockaddr_in a = in_address("127.0.0.1", PORT);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[64];

	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK_EQ(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&a, sizeof(a)), strlen(text));
	CHECK_EQ(recv(fd, buf, sizeof(buf), 0), strlen(text));
	close(fd);
}

/* What is there already. */
static bool receive(int fd, struct frame *f, size_t room)
{
	char control[256] __attribute__((aligned(8)));
	struct iovec v = { f->bytes, room };
	struct msghdr m = { &f->from, sizeof(f->from), &v, 1, control, sizeof(control), 0 };

	f->has_aux = false;
	f->len = recvmsg(fd, &m, MSG_DONTWAIT);
	f->flags = m.msg_flags;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); f->len >= 0 && c != NULL;
	     c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			memcpy(&f->aux, CMSG_DATA(c), sizeof(f->aux));
			f->has_aux = true;
		}
	}
	return f->len >= 0;
}

/* What comes for certain. */
static bool arrives(int fd, struct frame *f, size_t room)
{
	in_wait_readable(fd);
	return receive(fd, f, room);
}

/* Of IPv4's UDP, the text behind the headers. */
static bool has_text(const struct frame *f, size_t link, const char *text)
{
	size_t at = link + 20 + 8;

	return f->len >= (ssize_t)(at + strlen(text)) &&
	       memcmp(f->bytes + at, text, strlen(text)) == 0;
}

static void test_making(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = 9999 };
	socklen_t len = sizeof(a);
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	CHECK_ERR(socket(AF_PACKET, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(bind(fd, (struct sockaddr *)&a, sizeof(a)), ENODEV);
	CHECK_ERR(bind(fd, (struct sockaddr *)&a, 8), EINVAL);
	a.sll_ifindex = 1;
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	CHECK_EQ(len, 18);
	CHECK_EQ(a.sll_family, AF_PACKET);
	CHECK_EQ(a.sll_ifindex, 1);
	CHECK_EQ(ntohs(a.sll_protocol), ETH_P_ALL);
	CHECK_EQ(a.sll_hatype, 772);
	CHECK_EQ(a.sll_halen, 6);
	CHECK_ERR(getpeername(fd, (struct sockaddr *)&a, &len), EOPNOTSUPP);
	CHECK_ERR(connect(fd, (struct sockaddr *)&a, sizeof(a)), EOPNOTSUPP);
	CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
	close(fd);
}

static int as_nobody(void *arg)
{
	(void)arg;
	if (setuid(65534) != 0)
		return 9;
	return socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM ? 0 : 1;
}

/* Who listens to everything sees what goes and what comes, who to IPv4 what comes. */
static void test_both_ways(void)
{
	int all = packet_socket(SOCK_RAW, ETH_P_ALL), ip = packet_socket(SOCK_RAW, ETH_P_IP);
	struct frame f;

	send_udp("both ways");
	CHECK(arrives(all, &f, sizeof(f.bytes)) && has_text(&f, LINK, "both ways"));
	CHECK_EQ(f.from.sll_pkttype, PACKET_OUTGOING);
	CHECK(arrives(all, &f, sizeof(f.bytes)) && has_text(&f, LINK, "both ways"));
	CHECK_EQ(f.from.sll_pkttype, PACKET_HOST);
	CHECK_EQ(f.from.sll_ifindex, 1);
	CHECK_EQ(f.from.sll_hatype, 772);
	CHECK_EQ(f.from.sll_halen, 6);
	CHECK_EQ(ntohs(f.from.sll_protocol), ETH_P_IP);
	CHECK_EQ(f.len, LINK + 20 + 8 + 9);
	CHECK_EQ(f.bytes[12], 8);
	CHECK_EQ(f.bytes[13], 0);
	CHECK(!receive(all, &f, sizeof(f.bytes)) && errno == EAGAIN);
	CHECK(arrives(ip, &f, sizeof(f.bytes)) && has_text(&f, LINK, "both ways"));
	CHECK_EQ(f.from.sll_pkttype, PACKET_HOST);
	CHECK(!receive(ip, &f, sizeof(f.bytes)));
	close(all);
	close(ip);
}

/* Without the link header; MSG_TRUNC; what is told beside it. */
static void test_datagrams(void)
{
	int fd = packet_socket(SOCK_DGRAM, ETH_P_IP), on = 1;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct frame f;

	CHECK(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0);
	CHECK(poll(&p, 1, 0) == 0);
	send_udp("bare");
	CHECK_EQ(poll_soon(fd, POLLIN), POLLIN);
	CHECK_EQ(recv(fd, f.bytes, 10, MSG_PEEK | MSG_TRUNC), 20 + 8 + 4);
	CHECK_EQ(recv(fd, f.bytes, 10, MSG_TRUNC), 20 + 8 + 4);
	send_udp("bare");
	CHECK(arrives(fd, &f, 24));
	CHECK_EQ(f.len, 24);
	CHECK_EQ(f.flags, MSG_TRUNC);
	CHECK_EQ(f.bytes[0], 0x45);
	CHECK(f.has_aux);
	CHECK_EQ(f.aux.tp_len, 20 + 8 + 4);
	CHECK_EQ(f.aux.tp_snaplen, 20 + 8 + 4);
	CHECK((f.aux.tp_status & TP_STATUS_USER) != 0);
	close(fd);
}

static void test_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, LINK + 20 + 2), /* the port it goes to */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PORT, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 44),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	int fd = packet_socket(SOCK_RAW, ETH_P_ALL), on = 1;
	struct frame f;

	CHECK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0);
	send_udp("filtered");
	CHECK(arrives(fd, &f, sizeof(f.bytes)));
	CHECK_EQ(f.len, 44);
	CHECK_EQ(f.from.sll_pkttype, PACKET_HOST);
	CHECK(!receive(fd, &f, sizeof(f.bytes)));
	CHECK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0);
	CHECK_EQ(stats.tp_packets, 1);
	CHECK_EQ(stats.tp_drops, 0);
	CHECK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0);
	CHECK_EQ(stats.tp_packets, 0);
	code[5].code = BPF_JMP | BPF_JA; /* it would run over the end */
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), EINVAL);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on)) == 0);
	CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on)), ENOENT);
	close(fd);
}

/* A full queue loses frames and counts them. */
static void test_drops(void)
{
	int fd = packet_socket(SOCK_RAW, ETH_P_IP), small = 1;
	unsigned nr_packets = 0, nr_drops = 0;
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
	for (int i = 0; i < 40; i++)
		send_udp("too much");
	while (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0) {
		nr_packets += stats.tp_packets; /* since the last look */
		nr_drops += stats.tp_drops;
		if (nr_packets >= 40)
			break;
		usleep(1000);
	}
	CHECK_EQ(nr_packets, 40);
	CHECK(nr_drops > 20 && nr_drops < 40);
	close(fd);
}

/* Its checksum is wrong: it is seen, and nobody answers. */
static size_t make_packet(char *to, const char *text)
{
	size_t len = 28 + strlen(text);
	static const unsigned char head[28] = { 0x45, 0,   0, 0, 0, 0,   0, 0, 64, 17,   0,
						0,    127, 0, 0, 1, 127, 0, 0, 1,  0x30, 0x39 };

	memcpy(to, head, sizeof(head));
	memcpy(to + 28, text, strlen(text));
	to[3] = (char)len;
	to[22] = (char)(PORT >> 8);
	to[23] = (char)(PORT & 255);
	to[25] = (char)(8 + strlen(text));
	return len;
}

static void test_sending(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = 1,
				 .sll_halen = 6 };
	int raw = packet_socket(SOCK_RAW, ETH_P_ALL), bare = packet_socket(SOCK_DGRAM, ETH_P_IP);
	char buf[128] = { 0 };
	struct frame f;
	size_t len;

	buf[12] = 8;
	len = LINK + make_packet(buf + LINK, "whole");
	CHECK_EQ(send(raw, buf, len, 0), len);
	/* Its own frame it sees when it comes back, not when it goes. */
	CHECK(arrives(raw, &f, sizeof(f.bytes)) && has_text(&f, LINK, "whole"));
	CHECK_EQ(f.from.sll_pkttype, PACKET_HOST);
	CHECK(!receive(raw, &f, sizeof(f.bytes)));
	CHECK(arrives(bare, &f, sizeof(f.bytes)) && has_text(&f, 0, "whole"));
	len = make_packet(buf, "bare");
	CHECK_EQ(sendto(bare, buf, len, 0, (struct sockaddr *)&a, sizeof(a)), len);
	CHECK(arrives(raw, &f, sizeof(f.bytes)) && has_text(&f, LINK, "bare"));
	CHECK_EQ(f.from.sll_pkttype, PACKET_OUTGOING);
	CHECK(arrives(raw, &f, sizeof(f.bytes)) && has_text(&f, LINK, "bare"));
	CHECK_EQ(f.from.sll_pkttype, PACKET_HOST);
	CHECK_ERR(send(raw, buf, 5, 0), EINVAL);
	a.sll_ifindex = 9999;
	CHECK_ERR(sendto(bare, buf, len, 0, (struct sockaddr *)&a, sizeof(a)), ENXIO);
	a.sll_ifindex = 1;
	CHECK_ERR(sendto(bare, buf, len, 0, (struct sockaddr *)&a, 8), EINVAL);
	close(raw);
	close(bare);
}

static void test_memberships(void)
{
	struct packet_mreq q = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };
	int fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	CHECK(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, sizeof(q)) == 0);
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &q, sizeof(q)) == 0);
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &q, sizeof(q)) == 0);
	q.mr_ifindex = 9999;
	CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, sizeof(q)), ENODEV);
	CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, 4), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_PACKET, 999, &q, sizeof(q)), ENOPROTOOPT);
	close(fd);
}

#define FRAME  2048u
#define FRAMES 8u

/* The frame at `at`, once it is ours; it is given back. */
static bool take_from_ring(char *ring, unsigned at, const char *text)
{
	volatile struct tpacket2_hdr *h = (void *)(ring + at * FRAME);
	struct frame f = { .len = 0 };

	if ((h->tp_status & TP_STATUS_USER) == 0)
		return false;
	f.len = (ssize_t)h->tp_snaplen;
	memcpy(f.bytes, (char *)h + h->tp_mac, h->tp_snaplen);
	CHECK_EQ(h->tp_net - h->tp_mac, LINK);
	CHECK_EQ(h->tp_len, h->tp_snaplen);
	CHECK(h->tp_sec > 1000000000);
	h->tp_status = TP_STATUS_KERNEL;
	return has_text(&f, LINK, text);
}

static void test_ring(void)
{
	struct tpacket_req q = { 4096, FRAMES / 2, FRAME, FRAMES };
	int fd = packet_socket(SOCK_RAW, ETH_P_IP), version = TPACKET_V2;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(version);
	char *ring;

	CHECK(getsockopt(fd, SOL_PACKET, PACKET_HDRLEN, &version, &len) == 0);
	CHECK_EQ(version, sizeof(struct tpacket2_hdr));
	version = TPACKET_V2;
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) == 0);
	q.tp_frame_nr--;
	CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)), EINVAL);
	q.tp_frame_nr++;
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)) == 0);
	ring = mmap(NULL, FRAME * FRAMES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!CHECK(ring != MAP_FAILED))
		return;
	CHECK(poll(&p, 1, 0) == 0);
	for (unsigned i = 0; i < 3 * FRAMES / 2; i++) {
		send_udp("in the ring");
		CHECK_EQ(poll_soon(fd, POLLIN), POLLIN);
		CHECK(take_from_ring(ring, i % FRAMES, "in the ring"));
	}
	CHECK(poll(&p, 1, 0) == 0);
	memset(&q, 0, sizeof(q));
	CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)), EBUSY);
	munmap(ring, FRAME * FRAMES);
	CHECK(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)) == 0);
	close(fd);
}

int main(void)
{
	if (geteuid() == 0)
		CHECK_EQ(child_run(as_nobody, NULL), 0);
	if (!netspace_enter())
		return check_done();
	test_making();
	test_both_ways();
	test_datagrams();
	test_filter();
	test_drops();
	test_sending();
	test_memberships();
	test_ring();
	return check_done();
}
