/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of Ethernet, in and out. */
#pragma once
#include "net/netbuf.h"
#include "net/wire/link.h"

struct netdev;

/* Takes b: data is at the Ethernet header. */
void ethernet_input(struct netdev *d, struct netbuf *b);
/* Puts the header in front of b, and sends it. Takes b. */
void ethernet_send(struct netdev *d, struct netbuf *b, const uint8_t to[ETHERNET_ADDRESS_LEN],
		   uint16_t type);
