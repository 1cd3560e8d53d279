/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ChaCha20 block function (RFC 8439 §2.3, with the original's 64-bit counter and 64-bit
 * nonce).
 */
#pragma once
#include "lib/types.h"

void chacha20_block(const uint32_t key[8], uint64_t counter, uint64_t nonce, uint8_t out[64]);
