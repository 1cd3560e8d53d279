/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pack/rewrite has to know of x86-64 instructions: how to move one, what fills a gap, and how
 * to write jumps. Intel SDM 2A §2.2.1.6 (RIP-relative addressing), 2B "NOP", table 4-12.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUMP_SIZE       5 /* e9 rel32 */
#define SHORT_JUMP_SIZE 2 /* eb rel8 */
#define SYSCALL_SIZE    2
#define GAP_MAX         64 /* bytes: functions and loops are aligned to no more */

/* No-operations of len_bytes in all. */
void code_fill(uint8_t *at, size_t len_bytes);

/*
 * Copies one instruction from address `from` to address `to`, so that it does the same there.
 * False: it cannot be, as it jumps, marks a place, or its operand is out of reach. `len_bytes` must
 * be the instruction's.
 */
bool code_move(uint8_t *out, const uint8_t *instruction, unsigned len_bytes, uint64_t from,
	       uint64_t to);

/*
 * The gap that follows the code at `code` of size_bytes, which lies at `address`: the straight line
 * from there goes to a `ret` or `jmp`, and what stands behind is fill up to an aligned place. *at
 * is the gap's offset; returns its length, 0: none.
 */
size_t code_gap_after(const uint8_t *code, size_t size_bytes, uint64_t address, size_t *at);

/* Does the straight line from `code` on look at arithmetic flags before it sets them? */
bool code_uses_flags(const uint8_t *code, size_t size_bytes);

/* e9, from address `from` to `to`. False: out of reach. */
bool code_jump(uint8_t out[JUMP_SIZE], uint64_t from, uint64_t to);
bool code_short_jump(uint8_t out[SHORT_JUMP_SIZE], uint64_t from, uint64_t to);
/* The rel32 of an instruction that ends at `end`. */
bool code_distance(uint64_t end, uint64_t to, int32_t *out);
