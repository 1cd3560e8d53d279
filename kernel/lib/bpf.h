/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classic BPF programs (filters of system calls and sockets): the check that makes one safe to run,
 * and the interpreter. Instructions are Linux's struct sock_filter; the machine has an accumulator,
 * an index register and 16 words of memory, and looks at its data through a function of the
 * caller's, which decides what there is and in what byte order (seccomp(2) "Filters";
 * S. McCanne, V. Jacobson: The BSD Packet Filter, 1993, §3).
 *
 * A checked program ends: its jumps go forward only, and its last instruction returns.
 */
#pragma once
#include <linux/filter.h>

#include "lib/compiler.h"
#include "lib/types.h"

struct bpf_data {
	/* `size` (1, 2 or 4) bytes at an offset; false: there are none, and the program returns 0.
	 * Offsets from SKF_AD_OFF up are the user's own meanings. */
	bool (*load)(const struct bpf_data *d, uint32_t offset, unsigned size, uint32_t *value);
	const void *bytes;
	uint32_t len; /* what BPF_LEN loads */
};

/* `scratch` has a word for each of the nr instructions. False: not a valid program. */
bool bpf_is_valid(const struct sock_filter *program, unsigned nr, uint16_t *scratch);
/* Runs a valid program. */
uint32_t bpf_run(const struct sock_filter *program, const struct bpf_data *d);
