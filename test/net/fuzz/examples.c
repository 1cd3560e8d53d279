/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sound hosts send, one record each: where inputs of packets.c begin. Some that follow each
 * other are a story, such as a connection from its beginning to its end.
 */
#include <string.h>

#include "lib/compiler.h"
#include "test/net/fuzz/packets.h"

#define EXAMPLE(kind, bytes) \
	{ \
		kind, sizeof(bytes) - 1, bytes \
	}
#define ZERO16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define OUR6   "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"

#define OF_SYN    "\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7"
#define OF_WISH   "\x22\2\1\1"
#define OF_COOKIE "\x22\x0a\1\2\3\4\5\6\7\x08\1\1\1\1\1\1"
#define OF_SACK   "\1\1\5\x0a\0\0\5\xa8\0\0\x0b\x50"
#define OF_SACKS  "\1\1\5\x12\0\0\x0b\x50\0\0\x10\xf8\0\0\5\xa8\0\0\x0b\x50"
#define OF_TIME   "\1\1\x08\x0a\0\0\0\2\0\0\0\0"

#define IA6 \
	"\0\3\0\x28\0\0\0\2\0\0\0\x14\0\0\0\x28\0\5\0\x18\x20\1\x0d\xb8\0\5" \
	"\0\0\0\0\0\0\0\0\0\x77\0\0\0\x3c\0\0\0\x78"

const struct packet_example packet_examples[] = {
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
	/* A connection that a program makes: SACKs, D-SACKs, out of order, urgent, TIME-WAIT */
	EXAMPLE(PACKET_CALL, "\x04\x02\x00\x00"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x12\x00\x00\x00\x00\xff\xff\x05\x00\x00" OF_SYN),
	EXAMPLE(PACKET_CALL, "\x07\x02\x40\x00"),
	EXAMPLE(PACKET_TIME, "\x03\0"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x38\x00\xff\xff\x06\x00\x00" OF_TIME OF_SACK),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x38\x00\xff\xff\x08\x00\x00" OF_TIME OF_SACKS),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x38\x00\xff\xff\x08\x00\x00" OF_TIME OF_SACKS),
	EXAMPLE(PACKET_TIME, "\x02\0"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x00\x00\xff\xff\x06\x00\x00" OF_TIME OF_SACK),
	EXAMPLE(PACKET_CALL, "\x07\x02\x80\x00"),
	EXAMPLE(PACKET_TIME, "\x20\0"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_SEGMENT,
		"\x08\x18\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME "some bytes of data"),
	EXAMPLE(PACKET_SEGMENT,
		"\x08\x18\x00\x40\x00\x00\xff\xff\x03\x00\x00" OF_TIME "out of order"),
	EXAMPLE(PACKET_SEGMENT,
		"\x08\x18\xff\xf0\x00\x00\xff\xff\x03\x00\x00" OF_TIME "once more, some bytes"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x38\x00\x00\x00\x00\xff\xff\x03\x00\x05" OF_TIME "urgent"),
	EXAMPLE(PACKET_CALL, "\x05\x02\x10\x00"),
	EXAMPLE(PACKET_CALL, "\x02\x02\x07\xff"),
	EXAMPLE(PACKET_CALL, "\x07\x22\x01\x00"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x00\x00\x00\x00\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_TIME, "\x20\0"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x50\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_CALL, "\x01\x02\x00\x02"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x10\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_SEGMENT, "\x08\x11\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_SEGMENT, "\x08\x18\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME "late"),
	EXAMPLE(PACKET_SEGMENT, "\x08\x02\x70\x00\x00\x00\xff\xff\x05\x00\x00" OF_SYN),
	EXAMPLE(PACKET_SEGMENT, "\x08\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	/* A listener's, of IPv6 and by fast open, which the program ends */
	EXAMPLE(PACKET_SEGMENT, "\x0d\xc2\x00\x00\x00\x00\xff\xff\x05\x00\x00" OF_SYN),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x10\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_SEGMENT,
		"\x0d\x18\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME "a question"),
	EXAMPLE(PACKET_CALL, "\x04\x01\x00\x00"),
	EXAMPLE(PACKET_CALL, "\x05\x02\x00\x40"),
	EXAMPLE(PACKET_CALL, "\x07\x02\x02\x00"),
	EXAMPLE(PACKET_CALL, "\x00\x02\x00\x00"),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x10\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x11\x00\x00\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_TIME, "\x60\0"),
	EXAMPLE(PACKET_SEGMENT, "\x0a\x02\x00\x00\x00\x00\xff\xff\x01\x00\x00" OF_WISH),
	EXAMPLE(PACKET_SEGMENT, "\x0a\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	EXAMPLE(PACKET_SEGMENT, "\x0a\x02\x00\x00\x00\x00\xff\xff\x04\x00\x00" OF_COOKIE "early"),
	EXAMPLE(PACKET_CALL, "\x04\x00\x00\x00"),
	EXAMPLE(PACKET_SEGMENT, "\x0a\x11\x00\x00\x00\x00\xff\xff\x00\x00\x00"),
	EXAMPLE(PACKET_CALL, "\x05\x02\x00\x10"),
	EXAMPLE(PACKET_CALL, "\x00\x02\x00\x01"),
	/* Fast open of the program's: a cookie comes, and is used */
	EXAMPLE(PACKET_CALL, "\x06\x04\x00\x03"),
	EXAMPLE(PACKET_SEGMENT, "\x0b\x12\x00\x00\x00\x00\xff\xff\x09\x00\x00" OF_SYN OF_COOKIE),
	EXAMPLE(PACKET_CALL, "\x00\x04\x00\x01"),
	EXAMPLE(PACKET_TIME, "\x02\0"),
	EXAMPLE(PACKET_CALL, "\x06\x04\x00\x03"),
	EXAMPLE(PACKET_CALL, "\x06\x04\x01\x00"),
	EXAMPLE(PACKET_SEGMENT, "\x0b\x12\x00\x00\x00\x00\xff\xff\x05\x00\x00" OF_SYN),
	EXAMPLE(PACKET_CALL, "\x03\x04\x00\x00"),
	/* Both ends connect; both close */
	EXAMPLE(PACKET_CALL, "\x05\x05\x00\x01"),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x02\x00\x00\x00\x00\xff\xff\x05\x00\x00" OF_SYN),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x12\xff\xff\x00\x00\xff\xff\x05\x00\x00" OF_SYN),
	EXAMPLE(PACKET_CALL, "\x01\x05\x00\x02"),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x11\x00\x00\x00\x01\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_SEGMENT, "\x0d\x10\x00\x01\x00\x00\xff\xff\x03\x00\x00" OF_TIME),
	EXAMPLE(PACKET_TIME, "\x0a\0"),
	EXAMPLE(PACKET_TIME, "\x20\0"),
	EXAMPLE(PACKET_TIME, "\xff\xff"),
};

const unsigned nr_packet_examples = ARRAY_SIZE(packet_examples);

size_t packet_example_put(uint8_t *to, unsigned number)
{
	const struct packet_example *e = &packet_examples[number];

	to[0] = (uint8_t)e->kind;
	to[1] = (uint8_t)(e->len >> 8);
	to[2] = (uint8_t)e->len;
	memcpy(to + PACKET_RECORD, e->bytes, e->len);
	return PACKET_RECORD + e->len;
}

size_t packet_record_len(const uint8_t *data, size_t size)
{
	size_t len;

	if (size < PACKET_RECORD)
		return 0;
	len = (unsigned)(data[1] << 8 | data[2]) % PACKET_BODY_MAX;
	return PACKET_RECORD + (len < size - PACKET_RECORD ? len : size - PACKET_RECORD);
}

uint8_t packet_with_last(uint8_t kind)
{
	unsigned other = kind + PACKET_WITH_LAST;

	while (other % NR_PACKET_KINDS != kind)
		other++;
	return (uint8_t)other;
}
