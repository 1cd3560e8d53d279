/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the network device send and take: frames to the router, and its answers. */
#pragma once
#include "below.h"

#define PATIENCE_MS 20000u
#define FRAME_LINK  14u /* bytes of the headers */
#define FRAME_IP    20u

extern const uint8_t frame_own[4], frame_router[4];
extern uint8_t frame_router_mac[ETHERNET_ADDRESS_LEN]; /* after frame_ask_for_router */

/* With its link header and room for so many bytes behind it. NULL = no memory. */
struct netbuf *frame_new(unsigned linear, const uint8_t *to, uint16_t type);
struct netbuf *frame_new_arp(void);
bool frame_is_arp_reply(struct netbuf *b);
/* An IPv4 header to the router, with `len` bytes to come. */
void frame_put_ip(struct netbuf *b, uint8_t protocol, uint32_t len);
/* The next one that is it; others (the router's advertisements) are passed over. NULL: none. */
struct netbuf *frame_receive(bool (*is_it)(struct netbuf *));
bool frame_ask_for_router(void);
