/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every `syscall` instruction of one file with the straight run of instructions before it, for
 * those who change them (ahead-of-time patching). All functions count, reached or not.
 *
 * run[] is in order of address and ends with the `syscall` itself; each instruction follows the one
 * before without a gap, and none but the last transfers control. The run begins where its function
 * or the instruction after a transfer of control begins, or SCAN_RUN_MAX instructions before. Where
 * something may jump to an instruction, is_target is set: direct jumps and calls of the whole file,
 * jump tables, addresses taken by code or in data, landing pads. If the function has an indirect
 * jump whose table was not found, maybe_target is set for the whole run: any instruction may be
 * entered.
 */
#pragma once
#include "scan/elf/elf_file.h"

#define SCAN_RUN_MAX 12

struct scan_instruction {
	uint64_t address;
	uint8_t len_bytes;
	bool is_target;             /* control may come here from elsewhere */
	bool is_rip_relative;       /* a memory operand relative to RIP */
	bool reads_rsp, writes_rsp; /* rsp as an operand, or a push or pop */
};

struct scan_syscall_site {
	uint64_t address;
	uint64_t function; /* its function's start */
	struct scan_instruction run[SCAN_RUN_MAX];
	unsigned nr_run; /* >= 1 */
	bool maybe_target;
	int number; /* the constant that EAX has by the run alone; -1: not known */
};

struct scan_sites {
	struct scan_syscall_site *sites; /* by address */
	unsigned nr_sites;
};

int scan_sites_find(struct scan_sites **sites, const struct elf_file *file,
		    struct scan_error *error);
void scan_sites_free(struct scan_sites *sites);
