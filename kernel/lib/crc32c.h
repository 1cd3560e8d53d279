/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32C, Castagnoli's polynomial (RFC 3720 §12.1), bit-reflected. */
#pragma once
#include "lib/types.h"

#define CRC32C_INIT (~0u)

/* The checksum so far, with these bytes behind it; the caller inverts the last one where the format
 * wants that. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
