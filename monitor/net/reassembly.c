/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 791 §3.2, for pieces in their order: reassembly.h. */
#include "monitor/net/reassembly.h"
#include <stdbool.h>
#include <string.h>

#define IP            14u /* where the packet begins in a frame */
#define HEADER_MIN    20u
#define MORE          0x2000u
#define OFFSET        0x1fffu
#define PACKET_MAX    65535u
#define AT_LENGTH     2u /* fields of the header */
#define AT_IDENTIFIER 4u
#define AT_FRAGMENT   6u
#define AT_PROTOCOL   9u
#define AT_CHECKSUM   10u
#define AT_ADDRESSES  12u

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071; 0 over a header with its checksum. */
static unsigned checksum(const uint8_t *header, unsigned len)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += get16(header + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static unsigned header_len(const uint8_t *ip)
{
	return (ip[0] & 15u) * 4;
}

/* Its header is sound, and all of it is there. */
static bool is_sound(const uint8_t *ip, size_t len)
{
	unsigned header = header_len(ip);

	return ip[0] >> 4 == 4 && header >= HEADER_MIN && get16(ip + AT_LENGTH) > header &&
	       get16(ip + AT_LENGTH) <= len && checksum(ip, header) == 0;
}

static bool is_same_packet(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a + AT_IDENTIFIER, b + AT_IDENTIFIER, 2) == 0 &&
	       a[AT_PROTOCOL] == b[AT_PROTOCOL] &&
	       memcmp(a + AT_ADDRESSES, b + AT_ADDRESSES, 8) == 0;
}

/* NR_REASSEMBLED: it is new. */
static unsigned find(const struct reassembly *r, const uint8_t *ip)
{
	unsigned i = 0;

	while (i < NR_REASSEMBLED &&
	       (r->packets[i].len == 0 || !is_same_packet(r->packets[i].frame + IP, ip)))
		i++;
	return i;
}

static void begin(struct reassembly *r, unsigned i, const uint8_t *frame)
{
	if (i == NR_REASSEMBLED) {
		i = r->next;
		r->next = (r->next + 1) % NR_REASSEMBLED;
	}
	r->packets[i].len = IP + get16(frame + IP + AT_LENGTH);
	memcpy(r->packets[i].frame, frame, r->packets[i].len);
}

/* False: it does not continue the packet, which is lost. */
static bool append(struct reassembly *r, unsigned i, const uint8_t *ip)
{
	uint8_t *whole = r->packets[i].frame;
	unsigned header = header_len(ip), payload = get16(ip + AT_LENGTH) - header;
	size_t end = IP + header_len(whole + IP) + (get16(ip + AT_FRAGMENT) & OFFSET) * 8;

	if (end != r->packets[i].len || end + payload > IP + PACKET_MAX) {
		r->packets[i].len = 0;
		return false;
	}
	memcpy(whole + end, ip + header, payload);
	r->packets[i].len += payload;
	return true;
}

static const uint8_t *finish(struct reassembly *r, unsigned i, size_t *len)
{
	uint8_t *frame = r->packets[i].frame, *ip = frame + IP;

	*len = r->packets[i].len;
	r->packets[i].len = 0;
	put16(ip + AT_LENGTH, (unsigned)(*len - IP));
	put16(ip + AT_FRAGMENT, 0);
	put16(ip + AT_CHECKSUM, 0);
	put16(ip + AT_CHECKSUM, checksum(ip, header_len(ip)));
	return frame;
}

const uint8_t *reassembly_add(struct reassembly *r, const uint8_t *frame, size_t *len)
{
	const uint8_t *ip = frame + IP;
	unsigned field, i;

	if (*len < IP + HEADER_MIN || frame[12] != 8 || frame[13] != 0)
		return frame;
	field = get16(ip + AT_FRAGMENT);
	if ((field & (MORE | OFFSET)) == 0)
		return frame;
	if (!is_sound(ip, *len - IP))
		return NULL;
	i = find(r, ip);
	if ((field & OFFSET) == 0)
		begin(r, i, frame);
	else if (i < NR_REASSEMBLED && append(r, i, ip) && (field & MORE) == 0)
		return finish(r, i, len);
	return NULL;
}
