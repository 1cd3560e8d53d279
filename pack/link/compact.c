/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's file without gaps. ld keeps a segment's offset in the file congruent to its address
 * by the largest alignment of anything in it (gABI 4.1 ch. 5 "Base Address"), and the kernel's are
 * page aligned: up to three pages of zeros. Nobody maps this file, whoever boots it copies: so a
 * segment comes right behind the one before, says that its alignment is that of a cache line, and
 * what is behind the last one, which is sections' names and headers, goes.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack/link/plan.h"

#define ALIGNMENT 64u
#define PHDRS_MAX 16

struct file {
	uint8_t *bytes;
	size_t len;
};

static int read_file(const char *path, struct file *out)
{
	FILE *file = fopen(path, "re");
	long len = -1;

	if (!file)
		return -1;
	if (fseek(file, 0, SEEK_END) == 0)
		len = ftell(file);
	rewind(file);
	out->bytes = len > 0 ? malloc((size_t)len) : NULL;
	out->len = (size_t)len;
	if (out->bytes && fread(out->bytes, 1, out->len, file) != out->len) {
		free(out->bytes);
		out->bytes = NULL;
	}
	fclose(file);
	return out->bytes ? 0 : -1;
}

static bool lies_in(const struct file *file, uint64_t at, uint64_t len)
{
	return at <= file->len && len <= file->len - at;
}

/* Its program headers, if they are what ld makes of kernel.lds: segments in the file's order. */
static bool read_headers(const struct file *file, Elf64_Ehdr *header, Elf64_Phdr *segments)
{
	uint64_t end;

	if (file->len < sizeof(*header))
		return false;
	memcpy(header, file->bytes, sizeof(*header));
	end = header->e_phoff + header->e_phnum * sizeof(*segments);
	if (header->e_phnum > PHDRS_MAX || header->e_phoff != sizeof(*header) || end > file->len)
		return false;
	memcpy(segments, file->bytes + header->e_phoff, header->e_phnum * sizeof(*segments));
	for (unsigned i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *p = &segments[i];

		if (!lies_in(file, p->p_offset, p->p_filesz))
			return false;
		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_offset < end || p->p_vaddr % ALIGNMENT != 0)
			return false;
		end = p->p_offset + p->p_filesz;
	}
	return true;
}

/* Where a byte of the old file is in the new one. */
static uint64_t moved(const Elf64_Phdr *before, const Elf64_Phdr *after, unsigned nr, uint64_t at)
{
	for (unsigned i = 0; i < nr; i++)
		if (before[i].p_type == PT_LOAD && at >= before[i].p_offset &&
		    at - before[i].p_offset < before[i].p_filesz)
			return after[i].p_offset + (at - before[i].p_offset);
	return at;
}

/* In place, for everything moves towards the beginning. Sets file->len. */
static void move_segments(struct file *file, Elf64_Ehdr *header, const Elf64_Phdr *before)
{
	Elf64_Phdr after[PHDRS_MAX];
	unsigned nr = header->e_phnum;
	uint64_t end = header->e_phoff + nr * sizeof(*after), at;

	memcpy(after, before, nr * sizeof(*after));
	for (unsigned i = 0; i < nr; i++) {
		if (before[i].p_type != PT_LOAD)
			continue;
		at = (end + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
		memmove(file->bytes + at, file->bytes + before[i].p_offset, before[i].p_filesz);
		memset(file->bytes + end, 0, at - end);
		after[i].p_offset = at;
		after[i].p_align = ALIGNMENT;
		end = at + before[i].p_filesz;
	}
	for (unsigned i = 0; i < nr; i++)
		if (before[i].p_type == PT_NOTE)
			after[i].p_offset = moved(before, after, nr, before[i].p_offset);
	header->e_shoff = 0;
	header->e_shnum = header->e_shstrndx = 0;
	memcpy(file->bytes, header, sizeof(*header));
	memcpy(file->bytes + header->e_phoff, after, nr * sizeof(*after));
	file->len = end;
}

static int write_file(const char *path, const struct file *file)
{
	FILE *out = fopen(path, "we");
	bool good;

	if (!out)
		return -1;
	good = fwrite(file->bytes, 1, file->len, out) == file->len;
	return fclose(out) == 0 && good ? 0 : -1;
}

int compact_file(const char *from, const char *to, struct failure *failure)
{
	Elf64_Phdr segments[PHDRS_MAX];
	Elf64_Ehdr header;
	struct file file;
	int result = 0;

	if (read_file(from, &file) != 0)
		return failure_set(failure, "cannot read %s: %s", from, strerror(errno));
	if (!read_headers(&file, &header, segments)) {
		result = failure_set(failure,
				     "%s: ld has made another file than hull-kernel.lds asks for: "
				     "its segments are not in order; is that file the one that "
				     "`make` puts beside hull-kernel.a?",
				     from);
	} else {
		move_segments(&file, &header, segments);
		if (write_file(to, &file) != 0)
			result = failure_set(failure, "cannot write %s: %s", to, strerror(errno));
	}
	free(file.bytes);
	return result;
}
