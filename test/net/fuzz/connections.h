/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's part of packets.c: a host with listeners and programs that use connections, and a peer
 * whose segments are about right, since the numbers that the host sent last are known.
 */
#pragma once
#include "test/net/cable.h"
#include "test/net/frame.h"

void connections_start(struct host *h, unsigned settings); /* enum packet_setting */
/* A frame that the host sends. */
void connections_look(const uint8_t *frame, uint32_t len);
/* body: connection, flags, offsets of the two numbers, window, words of options, urgent pointer,
 * then options and payload. */
void connections_segment(struct frame *f, const uint8_t *body, unsigned len);
/* body: what, which program, how much. */
void connections_call(const uint8_t *body, unsigned len);
void connections_end(void);   /* the programs end */
void connections_check(void); /* long afterwards: nothing of theirs is left */
