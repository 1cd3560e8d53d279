/* SPDX-License-Identifier: BSD-2-Clause */
/* Scalars with a meaning. Everything else keeps its struct. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t; /* guest-physical address */
typedef uint64_t vaddr_t; /* kernel virtual address, as a number */
typedef uint64_t
	uaddr_t;        /* address in the program's half: only user_read() and its kin look there */
typedef uint64_t pfn_t; /* paddr >> PAGE_SHIFT */
typedef int64_t nsec_t; /* nanoseconds: a span, or a time of CLOCK_MONOTONIC */

typedef long ssize_t;

#define PAGE_SHIFT   12
#define PAGE_SIZE    4096ul
#define HUGE_SHIFT   21
#define HUGE_SIZE    (1ul << HUGE_SHIFT)
#define NSEC_PER_SEC 1000000000ll
#define NSEC_NEVER   INT64_MAX /* a deadline that does not come */
