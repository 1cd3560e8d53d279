/* SPDX-License-Identifier: BSD-2-Clause */
/* Between body.c and the decoder of single instructions. */
#pragma once
#include <Zydis/Zydis.h>

#include "scan/code/body.h"

/* Fills an op; `target` is where a relative branch goes, 0 otherwise. false: no instruction. */
bool body_decode(const ZydisDecoder *decoder, const uint8_t *bytes, uint64_t len_bytes,
		 struct op *op, uint64_t *target);
