/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel's ELF file, as far as images are concerned: its program headers, the note with the
 * slot (abi/hull/image.h), and the notes of a minimal kernel. Bytes from anywhere: everything is
 * checked.
 */
#pragma once
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/hull/image.h"
#include "pack/failure.h"

struct kernel_file {
	const uint8_t *bytes;
	size_t len;
	Elf64_Ehdr header;
	uint64_t slot_at; /* in the file */
	struct image_slot slot;
	uint64_t spare_at; /* in the file: the program header to spare, or the payload's */
	bool has_spare;
	uint64_t end; /* of what is loaded, in the file: without the payload, if it has one */
	/* IMAGE_NOTE_CALLS, IMAGE_NOTE_PARTS; NULL: it is no minimal kernel */
	const uint8_t *calls;
	size_t calls_len;
	const char *parts;
	size_t parts_len;
};

/* A file that begins so is a kernel, and no program for Linux. */
bool kernel_file_is_one(const Elf64_Ehdr *header);
/* 0, or -1 and what is wrong: "NAME: ...". */
int kernel_file_read(struct kernel_file *kernel, const char *name, const void *bytes, size_t len,
		     struct failure *failure);
/* Program header i. */
Elf64_Phdr kernel_file_segment(const struct kernel_file *kernel, unsigned i);
