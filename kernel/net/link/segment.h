/* SPDX-License-Identifier: BSD-2-Clause */
/* Large segments cut for devices that cannot do it, and checksums for those that do not sum. */
#pragma once
#include "lib/compiler.h"
#include "lib/list.h"
#include "net/netbuf.h"

/* Takes b, a whole frame with network and transport set, and appends what becomes of it to `out`:
 * without gso_size, and without NETBUF_SUM_WANTED unless the device sums. -ENOBUFS: nothing was
 * appended. */
MUST_CHECK int segment_cut(struct netbuf *b, bool device_sums, struct list *out);
