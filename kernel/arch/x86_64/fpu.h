/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of an XSAVE area that is always there: the legacy region and the header. Intel SDM 1
 * §13.4. */
#pragma once
#include "lib/types.h"

#define XFEATURE_LEGACY 3ull /* x87 and SSE */

struct fpu_area {
	uint16_t fcw, fsw, ftw, fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t registers[432];
	uint8_t software[48]; /* not the processor's: signal frames describe themselves here */
	uint64_t xstate_bv, xcomp_bv;
	uint8_t reserved[48];
};
_Static_assert(sizeof(struct fpu_area) == 576, "XSAVE's fixed part");
