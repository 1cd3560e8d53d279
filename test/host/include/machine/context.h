/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tests' machine switches no threads. */
#pragma once

struct context {
	void *fpu;
};
