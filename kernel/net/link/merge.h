/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of one connection that came together go up as one: much is done once for all. */
#pragma once
#include "lib/list.h"

/* Frames of Ethernet in the order of their arrival; some take others into themselves. Each
 * connection's keep their order. Any context. */
void merge_burst(struct list *burst);
