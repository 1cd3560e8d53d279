/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs for fuzz_packets.c by a seed, where there is no libFuzzer: records of each kind, with
 * bodies that are examples of the right thing with some bytes changed, pieces taken out or put in,
 * or noise.
 *
 *	test-net-packets [SEED [ROUNDS [DIR]]]
 *
 * With DIR the inputs are written there, for libFuzzer to begin with.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/compiler.h"
#include "test/net/fuzz_packets.h"

#define RECORDS_MAX  24u
#define ROUNDS_USUAL 3000ul

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state;

static unsigned below(unsigned n) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (unsigned)((z ^ (z >> 31)) % n);
}

#define EXAMPLE(kind, bytes) \
	{ \
		kind, sizeof(bytes) - 1, bytes \
	}
#define ZERO16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define OUR6   "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

#define IA6 \
	"\0\3\0\x28\0\0\0\2\0\0\0\x14\0\0\0\x28\0\5\0\x18\x20\1\x0d\xb8\0\5" \
	"\0\0\0\0\0\0\0\0\0\x77\0\0\0\x3c\0\0\0\x78"

static const struct {
	unsigned kind, len;
	const char *bytes;
} examples[] = {
	/* ARP: a question for us, an answer */
	EXAMPLE(PACKET_ETHERNET,
		"\0\0\1\x08\0\6\4\0\1\2\0\0\0\0\x99\x0a\0\0\x09\0\0\0\0\0\0\x0a\0\0\1"),
	EXAMPLE(PACKET_ETHERNET,
		"\0\0\1\x08\0\6\4\0\2\2\0\0\0\0\x99\x0a\0\0\x09\2\0\0\0\0\1\x0a\0\0\1"),
	EXAMPLE(PACKET_ETHERNET, "\1\0\0\x08\0\x45\0\0\x14"),
	/* IPv4: a ping, a datagram, a segment, pieces, IGMP queries */
	EXAMPLE(PACKET_IP4, "\0\1\0\0\x08\0\0\0\0\1\0\1abcdefgh"),
	EXAMPLE(PACKET_IP4, "\0\x11\0\0\0\x07\x07\xd0\0\x0c\0\0data"),
	EXAMPLE(PACKET_IP4, "\0\x06\x40\0\0\x07\0\x50\0\0\0\1\0\0\0\2\x50\x10\x10\0\0\0\0\0data"),
	EXAMPLE(PACKET_IP4, "\0\x06\x40\0\0\x07\0\x50\0\0\0\5\0\0\0\2\x50\x18\x10\0\0\0\0\0more"),
	EXAMPLE(PACKET_IP4, "\x10\x11\x20\0\0\x07\x07\xd0\0\x18\0\0firstone"),
	EXAMPLE(PACKET_IP4, "\x10\x11\0\2sndpiece"),
	EXAMPLE(PACKET_IP4, "\1\2\0\0\x11\x64\0\0\xef\1\1\1"),
	EXAMPLE(PACKET_IP4, "\1\2\0\0\x11\x8f\0\0\0\0\0\0\2\x7d\0\0"),
	EXAMPLE(PACKET_IP4_OPTIONS, "\3\x07\x07\x04\0\0\0\0\1\x94\4\0\0data"),
	/* IPv6: options, a routing header, pieces, all in a chain */
	EXAMPLE(PACKET_IP6, "\0\x3c\x40\x11\0\1\4\0\0\0\0\0\x07\x07\xd0\0\x0c\0\0data"),
	EXAMPLE(PACKET_IP6, "\0\x2b\x40\x3a\0\0\0\0\0\0\0\x80\0\0\0\0\1\0\1"),
	EXAMPLE(PACKET_IP6, "\0\x2c\x40\x11\0\0\1\0\0\0\1\0\x07\x07\xd0\0\x18\0\0firstone"),
	EXAMPLE(PACKET_IP6, "\0\x2c\x40\x11\0\0\x10\0\0\0\1sndpiece"),
	EXAMPLE(PACKET_IP6,
		"\0\0\x40\x3c\0\5\2\0\0\1\0\x2b\0\1\4\0\0\0\0\x2c\0\0\0\0\0\0\0\x3a\0\0\0\0\0\0\1"),
	/* ICMPv6: a ping, solicitations, advertisements, a router's, an MLD query */
	EXAMPLE(PACKET_ICMP6, "\0\0\x80\0\0\0\0\1\0\1abcdefgh"),
	EXAMPLE(PACKET_ICMP6, "\2\1\x87\0\0\0\0\0\0\0" OUR6 "\1\1\2\0\0\0\0\x99"),
	EXAMPLE(PACKET_ICMP6, "\x22\1\x87\0\0\0\0\0\0\0" OUR6),
	EXAMPLE(PACKET_ICMP6, "\1\1\x88\0\0\0\x20\0\0\0" OUR6 "\2\1\2\0\0\0\0\x99"),
	EXAMPLE(PACKET_ICMP6,
		"\1\1\x86\0\0\0\x40\x80\7\x08\0\0\0\0\0\0\0\0"
		"\1\1\2\0\0\0\0\x99\5\1\0\0\0\0\5\x78"
		"\3\4\x40\xc0\0\1\0\0\0\0\1\0\0\0\0\0\x20\1\x0d\xb8\0\5\0\0\0\0\0\0\0\0\0\0"
		"\x19\3\0\0\0\0\1\0\x20\1\x0d\xb8\0\5\0\0\0\0\0\0\0\0\0\x53"
		"\x1f\3\0\0\0\0\1\0\3lan\4home\0\1x\0\0\0\0"),
	EXAMPLE(PACKET_ICMP6, "\1\0\x82\0\0\0\x27\x10\0\0" ZERO16),
	EXAMPLE(PACKET_ICMP6, "\1\0\x82\0\0\0\x27\x10\0\0" ZERO16 "\2\x7d\0\0"),
	/* DHCP: an offer, an acknowledgement with everything, a refusal */
	EXAMPLE(PACKET_DHCP, "\x35\1\2\x36\4\x0a\0\0\xfe\x33\4\0\0\0\x3c\1\4\xff\xff\xff\0\xff"),
	EXAMPLE(PACKET_DHCP,
		"\x35\1\5\x36\4\x0a\0\0\xfe\x33\4\0\0\0\x3c\1\4\xff\xff\xff\0\3\4\x0a\x09\0\xfe"
		"\6\x08\x0a\0\0\x35\x08\x08\x08\x08\x0f\x05local\x0c\3box\x1a\2\5\xdc"
		"\x79\x0b\x08\x0a\0\0\0\0\0\x0a\x09\0\1\x77\6\4home\0\x34\1\3\xff"),
	EXAMPLE(PACKET_DHCP, "\x35\1\6\x36\4\x0a\0\0\xfe\xff"),
	/* Errors about a datagram, a segment, behind extension headers */
	EXAMPLE(PACKET_QUOTE, "\1\3\3\0\x11\x07\xd0\0\7\0\x08\0\0pay"),
	EXAMPLE(PACKET_QUOTE, "\1\3\4\5\6\0\x50\0\7\0\0\0\1\0\0\0\2\x50\x10"),
	EXAMPLE(PACKET_QUOTE, "\0\2\0\5\x11\x07\xd0\0\7\0\x08\0\0payload"),
	EXAMPLE(PACKET_QUOTE, "\0\1\4\0\x2c\x11\0\0\1\0\0\0\1\x07\xd0\0\7\0\x08\0\0"),
	/* DHCPv6: an advertisement, a reply with everything, that there is nothing */
	EXAMPLE(PACKET_DHCP6, "\2" IA6),
	EXAMPLE(PACKET_DHCP6, "\7" IA6 "\0\x17\0\x10" OUR6 "\0\x18\0\x0d\3lan\4home\0\1x\0"),
	EXAMPLE(PACKET_DHCP6, "\7\0\x0d\0\6\0\2none"),
	EXAMPLE(PACKET_TIME, "\x0a\0"),
	EXAMPLE(PACKET_TIME, "\x20\0"),
	EXAMPLE(PACKET_TIME, "\xff\xff"),
};

static unsigned mutate(uint8_t *body, unsigned len, unsigned room)
{
	unsigned nr = below(4) == 0 ? 0 : below(5), at;

	for (unsigned i = 0; i < nr && len > 0; i++) {
		at = below(len);
		switch (below(6)) {
		case 0:
			body[at] = (uint8_t)below(256);
			break;
		case 1:
			body[at] ^= (uint8_t)(1u << below(8));
			break;
		case 2:
			body[at] = below(2) == 0 ? 0 : 0xff;
			break;
		case 3: /* cut short */
			len = at + 1;
			break;
		case 4: /* a piece twice */
			if (len + len - at > room)
				break;
			memmove(body + len, body + at, len - at);
			len += len - at;
			break;
		default: /* longer, with noise */
			for (unsigned n = below(64); n > 0 && len < room; n--)
				body[len++] = (uint8_t)below(256);
			break;
		}
	}
	return len;
}

static unsigned put_record(uint8_t *out)
{
	unsigned i = below(ARRAY_SIZE(examples)), len = examples[i].len;

	out[0] = (uint8_t)examples[i].kind;
	memcpy(out + 3, examples[i].bytes, len);
	len = mutate(out + 3, len, 1000);
	if (below(4) == 0) { /* with the one before: a number that gives the same kind */
		unsigned kind = out[0] + PACKET_WITH_LAST;

		while (kind % NR_PACKET_KINDS != out[0])
			kind++;
		out[0] = (uint8_t)kind;
	}
	out[1] = (uint8_t)(len >> 8);
	out[2] = (uint8_t)len;
	return 3 + len;
}

static void save(const char *dir, unsigned long number, const uint8_t *input, unsigned len)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%lu", dir, number);
	f = fopen(path, "w");
	if (f == NULL || fwrite(input, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : ROUNDS_USUAL;
	static uint8_t input[RECORDS_MAX * 1100];

	for (unsigned long i = 0; i < rounds; i++) {
		unsigned nr = 1 + below(RECORDS_MAX), len = 0;

		state = seed << 32 | i;
		for (unsigned n = 0; n < nr; n++)
			len += put_record(input + len);
		if (argc > 3)
			save(argv[3], i, input, len);
		else
			LLVMFuzzerTestOneInput(input, len);
	}
	printf("ok 1 - %lu rounds of seed %lu\n1..1\n", rounds, seed);
	return 0;
}
