/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of IPv4 that come in pieces are put together before libslirp sees them: its own code for
 * that (4.7) writes anywhere when the last piece comes first, and the pieces are the guest's.
 *
 * A guest sends the pieces of a packet in their order, for nothing is between it and us that would
 * change it. So each packet is a buffer that grows at its end; a piece that does not continue one
 * is lost, and with it its packet. Pieces of NR_REASSEMBLED packets may alternate; a further one
 * takes the place of the one that began first.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define NR_REASSEMBLED       8u
#define REASSEMBLY_FRAME_MAX (14u + 65535u)

struct reassembly { /* all zero: empty */
	struct {
		size_t len; /* of the frame so far; 0: free */
		uint8_t frame[REASSEMBLY_FRAME_MAX];
	} packets[NR_REASSEMBLED];
	unsigned next; /* to be taken by a new packet */
};

/* An Ethernet frame of *len bytes. The frame that is to be handed on: this one, or a whole packet,
 * until the next call, with its length in *len. NULL: none, yet. */
const uint8_t *reassembly_add(struct reassembly *r, const uint8_t *frame, size_t *len);
