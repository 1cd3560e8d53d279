/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory: the only way to it. The space is shared, but a program's pointer may be wrong, not
 * yet paged in or read-only: every access goes through arch's copy loop, whose faults land in
 * vmspace_fault() and, failing that, in its fixup. Thread context, no spinlock held.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

MUST_CHECK int user_read(void *dst, uaddr_t src, size_t len); /* 0 or -EFAULT */
MUST_CHECK int user_write(uaddr_t dst, const void *src, size_t len);
/* How many bytes could be copied before a fault. */
MUST_CHECK size_t user_read_some(void *dst, uaddr_t src, size_t len);
MUST_CHECK size_t user_write_some(uaddr_t dst, const void *src, size_t len);
MUST_CHECK int user_zero(uaddr_t dst, size_t len);
/* The string's length without its NUL; -EFAULT; -ENAMETOOLONG when size bytes hold no NUL. */
MUST_CHECK ssize_t user_string(char *dst, uaddr_t src, size_t size);
/* Atomic, for futex: *old = what was there. -EFAULT. */
MUST_CHECK int user_compare_exchange_u32(uaddr_t addr, uint32_t expected, uint32_t desired,
					 uint32_t *old);
MUST_CHECK int user_read_u32(uint32_t *out, uaddr_t addr);
bool user_range_ok(uaddr_t addr, size_t len);

#define user_read_struct(dst, src)  user_read((dst), (src), sizeof(*(dst)))
#define user_write_struct(dst, src) user_write((dst), (src), sizeof(*(src)))

/* arch: both return the bytes NOT copied. */
size_t arch_user_copy(void *dst, const void *src, size_t len);
size_t arch_user_zero(void *dst, size_t len);
/* arch: 0 or -EFAULT. */
int arch_user_compare_exchange_u32(uint32_t *p, uint32_t expected, uint32_t desired, uint32_t *old);
/*
 * Told by the page-fault entry for any fault whose PC is in the program or has a fixup: see
 * vmspace_fault.
 */
