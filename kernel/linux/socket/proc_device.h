/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of /proc/net that show interfaces share. */
#pragma once
#include "fs/proc/proc.h"
#include "net/netdev.h"

/* Interfaces do not go away. NULL: there is none of that number. */
struct netdev *proc_device_at(struct net *net, unsigned index);
/* The 32 digits that Linux shows an IPv6 address as. */
void proc_print_ip6(struct text_buffer *b, const uint8_t ip[16]);
