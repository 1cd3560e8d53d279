/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends frames of one kind, or of all, by a packet socket of a network namespace that a test has
 * made.
 *
 *	flood DEVICE KIND RATE SECONDS to=ADDRESS mac=MAC [from=ADDRESS] [port=N]
 *		[from_port=N] [seed=N]
 *
 * KIND: flood.h; `all` takes turns, `mix` changes some bytes of most. RATE: frames a second;
 * when this machine is slower, fewer are sent, and the line that it prints at the end says how
 * many. DEVICE is a tap: what is sent there reaches nobody but who holds its other end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/net/flood/flood.h"

#define BATCH        32u
#define TCP_WORDS_AT 12u
#define ROUND_KINDS  32u

struct target target = { .to_port = 7000, .from_port = 7000 };
static uint64_t state = 1;

static void fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint32_t any(void) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)(z ^ (z >> 31));
}

/* ---- kinds ---- */

static const struct kind *kinds[ROUND_KINDS];
static unsigned nr_kinds;
static bool mixes, watches;

static void add_kinds(const struct kind *list, const char *name)
{
	bool every = strcmp(name, "all") == 0 || strcmp(name, "mix") == 0;

	for (; list->name != NULL; list++) {
		if (!every && strcmp(list->name, name) != 0)
			continue;
		if (strcmp(list->name, "router") == 0 && !target.v6)
			continue;
		kinds[nr_kinds++] = list;
		watches = watches || list->watches;
	}
}

static void choose_kinds(const char *name)
{
	mixes = strcmp(name, "mix") == 0;
	add_kinds(kinds_tcp, name);
	add_kinds(kinds_ip, name);
	add_kinds(kinds_link, name);
	if (nr_kinds == 0) {
		errno = EINVAL;
		fail(name);
	}
}

/* Sums stay right at times: what they guard is looked at then. */
static void change(struct packet *p)
{
	for (unsigned n = below(4); n > 0; n--) {
		unsigned at = below(8) == 0 ? below(p->len)
					    : 12 + below(80 < p->len ? 68 : p->len - 12);

		p->bytes[at] = (uint8_t)(below(2) == 0 ? any() : p->bytes[at] ^ (1u << below(8)));
	}
	if (below(8) == 0)
		p->len = 14 + below(p->len - 13);
	if (below(8) == 0)
		packet_noise(p, below(100));
	if (below(2) == 0 && !p->v6 && p->len > 40) {
		unsigned before = p->len;

		packet_end_ip(p);
		p->len = before;
	}
}

/* ARP has nothing against a station that takes another's address: what follows would be no news. */
static bool takes_our_address(const struct packet *p)
{
	return !p->v6 && p->len >= 42 && p->bytes[12] == 8 && p->bytes[13] == 6 &&
	       memcmp(p->bytes + 28, target.from, 4) == 0;
}

static void make(struct packet *p)
{
	do {
		p->len = 0;
		kinds[nr_kinds == 1 ? 0 : below(nr_kinds)]->make(p);
		if (mixes && below(8) != 0 && p->len > 14)
			change(p);
	} while (takes_our_address(p));
}

/* ---- the device ---- */

static int device_index;

/* What is sent by another device could reach somebody. */
static void check_is_tap(int fd, const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (char *)&info };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		fail(name);
	if (strcmp(info.driver, "tun") == 0)
		return;
	fprintf(stderr, "flood: %s is no tap: it would be sent to somebody\n", name);
	exit(2);
}

static int open_device(const char *name)
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_PACKET, SOCK_RAW, watches ? htons(ETH_P_ALL) : 0), size = 1 << 22;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		fail(name);
	memcpy(target.our_mac, request.ifr_hwaddr.sa_data, 6);
	check_is_tap(fd, name);
	if (ioctl(fd, SIOCGIFINDEX, &request) != 0)
		fail(name);
	device_index = request.ifr_ifindex;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0)
		fail("SO_SNDBUF");
	return fd;
}

static uint32_t read32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What the target says on the connection: where it is. */
static void watch(int fd)
{
	uint8_t frame[128];
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	unsigned tcp = target.v6 ? 54 : 34;
	ssize_t n;

	while ((n = recvfrom(fd, frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len)) > 0) {
		if (from.sll_pkttype == PACKET_OUTGOING || n < (ssize_t)(tcp + 20) ||
		    frame[target.v6 ? 20 : 23] != IPPROTO_TCP ||
		    (frame[tcp] << 8 | frame[tcp + 1]) != target.to_port ||
		    (frame[tcp + 2] << 8 | frame[tcp + 3]) != target.from_port)
			continue;
		target.sends = read32(frame + tcp + 4);
		target.expects = read32(frame + tcp + 8);
		target.is_seen = true;
	}
}

/* How many went. A device whose queue is full takes the rest later, or never. */
static unsigned send_batch(int fd, unsigned nr)
{
	static struct packet packets[BATCH];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = device_index };
	int sent;

	for (unsigned i = 0; i < nr; i++) {
		make(&packets[i]);
		parts[i] = (struct iovec){ packets[i].bytes, packets[i].len };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &to,
						       .msg_namelen = sizeof(to),
						       .msg_iov = &parts[i],
						       .msg_iovlen = 1 };
	}
	sent = sendmmsg(fd, messages, nr, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != ENETDOWN)
		fail("send");
	return sent < 0 ? 0 : (unsigned)sent;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What was missed while this machine had no time is not made up for, beyond a tenth of a second. */
static uint64_t run(int fd, double rate, double end_after)
{
	double begun = seconds(), now = begun, allowed = 0, last = begun;
	uint64_t sent = 0;

	while (now - begun < end_after) {
		allowed += (now - last) * rate;
		last = now;
		if (allowed > rate / 10)
			allowed = rate / 10;
		if (watches)
			watch(fd);
		for (; allowed >= 1; allowed -= BATCH)
			sent += send_batch(fd, allowed < BATCH ? (unsigned)allowed : BATCH);
		if (allowed < 0)
			allowed = 0;
		usleep(rate >= 10000 ? 500 : 2000);
		now = seconds();
	}
	return sent;
}

/* ---- words ---- */

static bool parse_ip(const char *text, uint8_t ip[16])
{
	memset(ip, 0, 16);
	if (inet_pton(AF_INET, text, ip) == 1)
		return true;
	target.v6 = true;
	return inet_pton(AF_INET6, text, ip) == 1;
}

static bool parse_mac(const char *text)
{
	uint8_t *m = target.mac;

	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &m[0], &m[1], &m[2], &m[3], &m[4],
		      &m[5]) == 6;
}

static bool parse_word(const char *word)
{
	if (strncmp(word, "to=", 3) == 0)
		return parse_ip(word + 3, target.to);
	if (strncmp(word, "from=", 5) == 0)
		return parse_ip(word + 5, target.from);
	if (strncmp(word, "mac=", 4) == 0)
		return parse_mac(word + 4);
	if (strncmp(word, "seed=", 5) == 0)
		state = strtoull(word + 5, NULL, 0);
	else if (strncmp(word, "port=", 5) == 0)
		target.to_port = (uint16_t)atoi(word + 5);
	else if (strncmp(word, "from_port=", 10) == 0)
		target.from_port = (uint16_t)atoi(word + 10);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	double begun, rate = argc > 4 ? atof(argv[3]) : 0, length = argc > 4 ? atof(argv[4]) : 0;
	uint64_t sent;
	int fd;

	for (int i = 5; i < argc; i++)
		if (!parse_word(argv[i]))
			rate = 0;
	if (rate <= 0 || length <= 0) {
		fprintf(stderr,
			"flood DEVICE KIND RATE SECONDS to=ADDRESS ...: its head says more\n");
		return 2;
	}
	choose_kinds(argv[2]);
	fd = open_device(argv[1]);
	begun = seconds();
	sent = run(fd, rate, length);
	printf("{\"sent\": %llu, \"rate\": %.0f}\n", (unsigned long long)sent,
	       (double)sent / (seconds() - begun));
	return 0;
}
