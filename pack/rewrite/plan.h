/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be done to one file's sites: for each, how many bytes before its `syscall` go to a
 * stub, by which jump, and the stubs' code. Nothing is written yet: addresses of stubs follow from
 * the address at which they will begin.
 *
 * Only instructions right before the `syscall` are moved, as few as make room. None of them but the
 * first may be a place that control comes to from elsewhere, for there would be the middle of a
 * jump. The `syscall` itself may be one: it stays.
 */
#pragma once
#include "pack/rewrite/code.h"
#include "pack/rewrite/gaps.h"
#include "pack/rewrite/rewrite.h"
#include "scan/elf/elf_file.h"
#include "scan/sites.h"

/* Bytes to be put at an address of the file. */
struct change {
	uint64_t address;
	unsigned len_bytes;
	uint8_t bytes[GAP_MAX];
};

struct plan {
	const struct elf_file *file;
	uint64_t stubs; /* address of the first */
	struct gaps gaps;
	struct change *changes;
	size_t nr_changes;
	uint8_t *code; /* the stubs */
	size_t code_bytes;
	struct rewritten *counts; /* nr_sites, nr_rewritten, nr_refused */
};

/* Of the stubs of nr_sites sites, at the most. */
size_t plan_stubs_max(unsigned nr_sites);

/* Fills in the rest of *plan, of which file, stubs and counts are set. -1: no memory. */
int plan_make(struct plan *plan, const struct scan_sites *sites);
void plan_fini(struct plan *plan);
