/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sender of frames that nobody asked for, as fast as it is told: flood.c sends them, make_*.c
 * make them, one function a kind. Frames are right in their lengths and checksums, but for the
 * kind `mix`, which changes bytes of any other kind's. Everything that varies comes from a
 * seeded generator.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FRAME_MAX 1514u

struct packet {
	uint8_t bytes[FRAME_MAX];
	unsigned len;
	unsigned network, transport; /* where headers begin */
	bool v6;
};

struct target {
	uint8_t mac[6], our_mac[6];
	uint8_t to[16], from[16]; /* four bytes of IPv4 */
	bool v6;
	uint16_t to_port, from_port; /* of a connection that there is */
	/* What the connection was seen to expect and to send: by kinds that watch. */
	uint32_t expects, sends;
	bool is_seen;
};

extern struct target target;

uint32_t any(void); /* of the generator */
static inline uint32_t below(uint32_t n)
{
	return any() % n;
}

/* ---- packet.c ---- */

void packet_link(struct packet *p, const uint8_t to[6], unsigned type);
void packet_put(struct packet *p, const void *bytes, unsigned len);
void packet_put8(struct packet *p, unsigned v);
void packet_put16(struct packet *p, unsigned v);
void packet_put32(struct packet *p, uint32_t v);
void packet_zero(struct packet *p, unsigned len);
void packet_noise(struct packet *p, unsigned len);
/* From `from`, or somebody made up where that is NULL; to the target's address, or `to`. */
void packet_ip(struct packet *p, const uint8_t *from, const uint8_t *to, unsigned protocol);
void packet_end_ip(struct packet *p); /* lengths and sums of what was put behind packet_ip */
/* The transport's checksum, at so many bytes from its header. */
void packet_sum(struct packet *p, unsigned at, unsigned protocol);
void packet_make_up(uint8_t ip[16]);   /* an address far away */
void packet_neighbour(uint8_t ip[16]); /* an address of the target's own net */

struct kind {
	const char *name;
	void (*make)(struct packet *p);
	bool watches; /* wants target.expects */
};
/* Each ends with a kind that has no name. */
extern const struct kind kinds_tcp[], kinds_ip[], kinds_link[];
