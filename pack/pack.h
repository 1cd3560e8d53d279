/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack: from hull.yaml or a command line to one image.
 *
 *	build.c		the order of it all; the steps that are a build's own stand beside it
 *	config/		what is wanted: hull.yaml, before which the command line goes
 *	tree/		the files of the image, in memory: names, rights, where the bytes are.
 *			Filled with the program, its interpreter and libraries (tree/program.h),
 *			files of the host (tree/host_files.h), known sets of them
 *			(tree/presets.h), what every system has (tree/etc_files.h), and by
 *	oci/		a container image's layers
 *	rewrite/	system calls of the ELF files in it, patched ahead of time (patch.h)
 *	link/		a kernel with only what the program uses (kernel.h)
 *	fs/		the tree as a file system: EROFS, or a cpio archive
 *	image/		kernel, launch record (record.h) and root as one ELF file: written, signed,
 *			read back
 *	disk/		that file as a disk or an ISO, with a loader
 *
 * The same input gives the same bytes: names are in the order of their bytes, times are the
 * image's one (SOURCE_DATE_EPOCH, or 0) but where a container image brings its own, nothing of
 * the host's name, user or folders goes in. Everything a build holds is in one arena (arena.h).
 */
#pragma once
#include "pack/config/config.h"

struct pack_report {
	const char *output;
	uint64_t kernel_bytes, root_bytes, record_bytes;
	uint64_t whole_bytes;   /* of the image's ELF file */
	uint64_t disk_bytes;    /* of the disk that it became; 0: none */
	uint64_t program_bytes; /* of the program's own file */
	uint64_t file_bytes;    /* of all regular files */
	unsigned nr_files;      /* of any kind */
	unsigned nr_sites, nr_patched, nr_patched_files;
	bool is_minimal;
	struct strings calls, parts; /* of a minimal kernel: names */
	struct strings notes;        /* what the user should know, a line each */
};

/* Builds config->output. 0, or -1 and why; then there is no file. */
int pack_build(struct config *config, struct arena *arena, struct pack_report *report,
	       struct failure *failure);
