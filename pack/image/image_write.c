/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes an image's ELF file (image_write.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "abi/hull/boot.h"
#include "abi/hull/image.h"
#include "lib/crc32c.h"
#include "pack/image/image_write.h"
#include "pack/image/kernel_file.h"

#define MAX_SECTIONS 8

/* A section before it is written. */
struct piece {
	enum image_section_kind kind;
	const void *bytes; /* NULL: the root */
	uint64_t len;
};

struct layout {
	struct piece pieces[MAX_SECTIONS];
	struct image_section sections[MAX_SECTIONS];
	unsigned nr;
	uint64_t payload_at, payload_bytes; /* in the file */
	uint64_t alignment;                 /* there: a root is mapped by pages */
	uint32_t kernel_crc;
};

static uint64_t align(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static void add_piece(struct layout *layout, enum image_section_kind kind, const void *bytes,
		      uint64_t len)
{
	if (len)
		layout->pieces[layout->nr++] = (struct piece){ kind, bytes, len };
}

static void place(struct layout *layout, const struct image_parts *parts)
{
	static const struct image_signature empty = { .algorithm = IMAGE_ED25519 };
	uint64_t at;

	add_piece(layout, IMAGE_LAUNCH, parts->launch->bytes, parts->launch->len);
	add_piece(layout, IMAGE_FACTS, parts->facts, parts->facts ? strlen(parts->facts) : 0);
	add_piece(layout, IMAGE_CALLS, parts->calls, parts->nr_calls * sizeof(*parts->calls));
	add_piece(layout, IMAGE_RUN, parts->run, parts->run ? strlen(parts->run) : 0);
	if (parts->is_signed)
		add_piece(layout, IMAGE_SIGNATURE, &empty, sizeof(empty));
	if (parts->root)
		add_piece(layout, IMAGE_ROOT, NULL, (uint64_t)parts->root->blocks * EROFS_BLOCK);
	at = sizeof(struct image_header) + layout->nr * sizeof(struct image_section);
	for (unsigned i = 0; i < layout->nr; i++) {
		const struct piece *piece = &layout->pieces[i];

		at = align(at, piece->kind == IMAGE_ROOT ? IMAGE_PAGE : 8);
		layout->sections[i] = (struct image_section){
			.kind = piece->kind,
			.offset = at,
			.size_bytes = piece->len,
		};
		at += piece->len;
	}
	layout->payload_bytes = at;
}

/* The kernel's bytes with slot and program header filled in. */
static void write_kernel(struct sink *sink, const struct kernel_file *kernel,
			 const struct layout *layout, struct arena *arena)
{
	uint8_t *copy = (uint8_t *)arena_copy(arena, kernel->bytes, kernel->end);
	struct image_slot slot = kernel->slot;
	Elf64_Ehdr header = kernel->header;
	Elf64_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_offset = layout->payload_at,
		.p_align = layout->alignment,
		.p_filesz = layout->payload_bytes,
		.p_memsz = layout->payload_bytes,
	};

	slot.payload = align(slot.first_free, IMAGE_PAGE);
	slot.payload_bytes = layout->payload_bytes;
	segment.p_paddr = slot.payload;
	segment.p_vaddr = KERNEL_BASE + slot.payload;
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	memcpy(copy, &header, sizeof(header));
	memcpy(copy + kernel->spare_at, &segment, sizeof(segment));
	memcpy(copy + kernel->slot_at, &slot, sizeof(slot));
	sink_write(sink, copy, kernel->end);
	sink_zeros(sink, layout->payload_at - kernel->end);
}

static void write_pieces(struct sink *sink, struct layout *layout, const struct image_parts *parts)
{
	for (unsigned i = 0; i < layout->nr; i++) {
		const struct piece *piece = &layout->pieces[i];
		struct image_section *section = &layout->sections[i];

		sink_zeros(sink, layout->payload_at + section->offset - sink_at(sink));
		sink_section_begin(sink);
		if (piece->bytes)
			sink_write(sink, piece->bytes, piece->len);
		else
			erofs_write(parts->root, sink);
		sink_section_end(sink, &section->crc, section->sha256);
		if (piece->kind != IMAGE_SIGNATURE)
			continue;
		section->crc = 0;
		memset(section->sha256, 0, sizeof(section->sha256));
	}
}

/* Only now are the hashes known. */
static int write_header(int fd, const struct layout *layout, const struct image_parts *parts,
			struct failure *failure)
{
	struct {
		struct image_header header;
		struct image_section sections[MAX_SECTIONS];
	} out = {
		.header = {
			.magic = IMAGE_MAGIC,
			.version = IMAGE_VERSION,
			.nr_sections = layout->nr,
			.payload_bytes = layout->payload_bytes,
			.flags = parts->flags,
			.memory_bytes = parts->memory_bytes,
			.nr_cpus = parts->nr_cpus,
			.kernel_crc = layout->kernel_crc,
		},
	};
	size_t len = sizeof(out.header) + layout->nr * sizeof(*out.sections);

	memcpy(out.sections, layout->sections, layout->nr * sizeof(*out.sections));
	out.header.header_crc = ~crc32c(CRC32C_INIT, &out, len);
	if (pwrite(fd, &out, len, (off_t)layout->payload_at) != (ssize_t)len)
		return failure_set(failure, "writing the image's header failed: %s",
				   strerror(errno));
	return 0;
}

static void note_sizes(const struct layout *layout, const struct kernel_file *kernel,
		       struct image_sizes *sizes)
{
	*sizes = (struct image_sizes){
		.kernel = kernel->end,
		.whole = layout->payload_at + layout->payload_bytes,
	};
	for (unsigned i = 0; i < layout->nr; i++) {
		const struct image_section *section = &layout->sections[i];

		if (section->kind == IMAGE_ROOT)
			sizes->root = section->size_bytes;
		else if (section->kind == IMAGE_LAUNCH)
			sizes->record = section->size_bytes;
		else if (section->kind == IMAGE_SIGNATURE)
			sizes->signature_at = layout->payload_at + section->offset;
	}
}

int image_write(int fd, const struct image_parts *parts, struct image_sizes *sizes,
		struct failure *failure)
{
	struct layout layout = { .nr = 0 };
	struct arena arena = { NULL };
	struct kernel_file kernel;
	struct sink *sink;
	uint8_t hash[32]; /* of the kernel: not kept */
	int err = kernel_file_read(&kernel, parts->kernel_name, parts->kernel, parts->kernel_len,
				   failure);

	if (err)
		return err;
	place(&layout, parts);
	layout.alignment = parts->root ? IMAGE_PAGE : IMAGE_LINE;
	layout.payload_at = align(kernel.end, layout.alignment);
	if (kernel.slot.first_free > IMAGE_END_MAX ||
	    layout.payload_bytes > IMAGE_END_MAX - kernel.slot.first_free - IMAGE_PAGE)
		return failure_set(failure,
				   "the files are %llu MiB, and an image holds at most %llu: leave "
				   "some out (exclude), or give them as a volume",
				   (unsigned long long)layout.payload_bytes >> 20,
				   (unsigned long long)IMAGE_END_MAX >> 20);
	sink = sink_new(fd);
	if (!sink)
		return failure_set(failure, "there is no memory to write the image");
	sink_section_begin(sink);
	write_kernel(sink, &kernel, &layout, &arena);
	sink_section_end(sink, &layout.kernel_crc, hash);
	sink_zeros(sink, sizeof(struct image_header) + layout.nr * sizeof(struct image_section));
	write_pieces(sink, &layout, parts);
	err = sink_failed(sink, failure) ? -1 : write_header(fd, &layout, parts, failure);
	note_sizes(&layout, &kernel, sizes);
	sink_free(sink);
	arena_fini(&arena);
	return err;
}
