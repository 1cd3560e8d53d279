/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS messages (RFC 1035 §4): reading one that came, writing one. A message from outside is read
 * once, from the front, by a reader that never leaves it; names are followed through compression
 * pointers, which must go backwards, so that no message makes a loop.
 *
 * Names are kept in wire form, uncompressed and in lower case: labels with their lengths, a zero
 * last.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 255u /* bytes of a name in wire form */
#define DNS_HEADER   12u
#define DNS_UDP_MAX  512u  /* bytes of a message by UDP, without EDNS */
#define DNS_EDNS_MAX 1232u /* with it, as we say: RFC 9715 */

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_ANY = 255,
};
enum dns_class { DNS_CLASS_IN = 1, DNS_CLASS_ANY = 255 };
enum dns_rcode {
	DNS_RCODE_OK = 0,
	DNS_RCODE_FORMAT = 1,
	DNS_RCODE_SERVER = 2,
	DNS_RCODE_NO_NAME = 3,
	DNS_RCODE_NOT_IMPLEMENTED = 4,
	DNS_RCODE_REFUSED = 5,
};
enum dns_flags {
	DNS_ANSWER = 0x8000,
	DNS_AUTHORITATIVE = 0x0400,
	DNS_TRUNCATED = 0x0200,
	DNS_RECURSION_DESIRED = 0x0100,
	DNS_RECURSION_AVAILABLE = 0x0080,
	DNS_OPCODE = 0x7800,
	DNS_RCODE = 0x000f,
};

struct dns_name {
	uint8_t len; /* of bytes, the last zero too */
	uint8_t bytes[DNS_NAME_MAX];
};

struct dns_header {
	uint16_t id, flags; /* enum dns_flags */
	uint16_t nr_questions, nr_answers, nr_authorities, nr_additional;
};

struct dns_question {
	struct dns_name name;
	uint16_t type, class;
};

struct dns_record {
	struct dns_name name;
	uint16_t type, class;
	uint32_t ttl;
	size_t data_at; /* in the message: its data may have names with pointers */
	uint16_t data_len;
};

/* "example.org" or "example.org."; "." is the root. -EINVAL. */
int hull_dns_name_parse(const char *text, struct dns_name *out);
/* With dots between, a backslash before odd characters; the root is ".". Returns text. */
#define DNS_TEXT_MAX 1024
char *hull_dns_name_text(const struct dns_name *n, char text[DNS_TEXT_MAX]);
bool hull_dns_name_equal(const struct dns_name *a, const struct dns_name *b);

struct dns_reader {
	const uint8_t *bytes;
	size_t len, at;
};
/* False: the message is no sound one; `at` is anywhere then. */
bool hull_dns_read_header(struct dns_reader *r, struct dns_header *out);
bool hull_dns_read_question(struct dns_reader *r, struct dns_question *out);
bool hull_dns_read_record(struct dns_reader *r, struct dns_record *out);
bool hull_dns_read_name(struct dns_reader *r, struct dns_name *out);

/* Writes as long as there is room: is_full tells that something was left out. */
struct dns_writer {
	uint8_t *bytes;
	size_t room, len;
	bool is_full;
};
void hull_dns_write_header(struct dns_writer *w, const struct dns_header *h); /* first */
void hull_dns_write_question(struct dns_writer *w, const struct dns_question *q);
void hull_dns_write_name(struct dns_writer *w, const struct dns_name *n);
void hull_dns_write_bytes(struct dns_writer *w, const void *bytes, size_t len);
void hull_dns_write_u16(struct dns_writer *w, uint16_t x);
void hull_dns_write_u32(struct dns_writer *w, uint32_t x);
/* OPT of RFC 6891 §6.1.2: how long a message by UDP may be. */
void hull_dns_write_edns(struct dns_writer *w, uint16_t udp_max);
