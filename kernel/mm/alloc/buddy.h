/* SPDX-License-Identifier: BSD-2-Clause */
/* Between early.c and page.c: giving the allocator its memory. */
#pragma once
#include "mm/alloc/page.h"

/* 4 GiB: few free blocks at boot, so few of their heads in the page array are touched. */
#define PAGE_MAX_ORDER 20

/* Pages from `fresh_from` on that were never handed out are known to be zero. */
void buddy_init(pfn_t fresh_from);
void buddy_add_ram(pfn_t first, pfn_t end);
