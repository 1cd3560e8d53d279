/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads images (image_file.h; the format is abi/hull/image.h).
 *
 * The checksums are looked at whole, though that reads the file: with the processor's instruction
 * it is 0.2 ms a MiB that has to be read from the disk anyway, and a damaged image does not begin
 * to run.
 */
#include <string.h>

#include "lib/crc32c.h"
#include "pack/image/image_file.h"

static int damaged(const char *name, const char *what, struct failure *failure)
{
	return failure_set(failure,
			   "%s: the image is damaged: %s; build it again, or copy it again", name,
			   what);
}

/* ---- checksums ---- */

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(const uint8_t *at,
								     uint64_t len)
{
	uint64_t crc = CRC32C_INIT, word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	for (; len > 0; len--)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, *at++);
	return (uint32_t)crc;
}

static uint32_t checksum(const uint8_t *at, uint64_t len)
{
	return ~(__builtin_cpu_supports("sse4.2") ? crc_by_instruction(at, len)
						  : crc32c(CRC32C_INIT, at, len));
}

/* ---- structure ---- */

static int check_header(struct image_file *image, const char *name, struct failure *failure)
{
	const uint8_t *payload = image->kernel.bytes + image->payload_at;
	struct image_header *header = &image->header, copy;
	size_t table;
	uint32_t crc;

	if (image->kernel.slot.payload_bytes < sizeof(*header))
		return damaged(name, "its payload is too short", failure);
	memcpy(header, payload, sizeof(*header));
	if (header->magic != IMAGE_MAGIC)
		return damaged(name, "its payload has no header", failure);
	if (header->version != IMAGE_VERSION)
		return failure_set(failure,
				   "%s: the image is of version %u, and this hull reads version %d",
				   name, header->version, IMAGE_VERSION);
	table = header->nr_sections * sizeof(struct image_section);
	if (header->nr_sections > IMAGE_MAX_SECTIONS ||
	    header->payload_bytes != image->kernel.slot.payload_bytes ||
	    table > header->payload_bytes - sizeof(*header))
		return damaged(name, "its header is wrong", failure);
	memcpy(image->sections, payload + sizeof(*header), table);
	copy = *header;
	copy.header_crc = 0;
	crc = crc32c(crc32c(CRC32C_INIT, &copy, sizeof(copy)), image->sections, table);
	return ~crc == header->header_crc
		       ? 0
		       : damaged(name, "its header's checksum is wrong", failure);
}

static int check_section(const struct image_file *image, const struct image_section *section,
			 const char *name, struct failure *failure)
{
	if (section->offset > image->header.payload_bytes ||
	    section->size_bytes > image->header.payload_bytes - section->offset ||
	    section->offset % 8 != 0)
		return damaged(name, "a part of it lies outside of it", failure);
	if (section->kind == IMAGE_ROOT && (image->payload_at + section->offset) % IMAGE_PAGE != 0)
		return damaged(name, "its root is not page aligned", failure);
	return 0;
}

int image_file_read(struct image_file *image, const char *name, const void *bytes, size_t len,
		    struct failure *failure)
{
	Elf64_Phdr segment;
	int err;

	*image = (struct image_file){ .payload_at = 0 };
	err = kernel_file_read(&image->kernel, name, bytes, len, failure);
	if (err)
		return err;
	if (image->kernel.slot.payload_bytes == 0)
		return failure_set(failure, "%s: it is a kernel alone, with no program in it",
				   name);
	memcpy(&segment, image->kernel.bytes + image->kernel.spare_at, sizeof(segment));
	if (segment.p_type != PT_LOAD)
		return damaged(name, "its payload is missing", failure);
	if (segment.p_filesz != image->kernel.slot.payload_bytes)
		return damaged(name, "its payload is not as long as its kernel says", failure);
	if (segment.p_offset % IMAGE_LINE != 0)
		return damaged(name, "its payload is not aligned", failure);
	image->payload_at = segment.p_offset;
	err = check_header(image, name, failure);
	for (unsigned i = 0; !err && i < image->header.nr_sections; i++)
		err = check_section(image, &image->sections[i], name, failure);
	return err;
}

/* ---- contents ---- */

const char *image_file_section_name(const struct image_section *section)
{
	static const char *const names[] = {
		[IMAGE_LAUNCH] = "the launch record", [IMAGE_ROOT] = "the root",
		[IMAGE_FACTS] = "the facts",          [IMAGE_CALLS] = "the calls",
		[IMAGE_SIGNATURE] = "the signature",  [IMAGE_RUN] = "the options",
	};
	const size_t nr = sizeof(names) / sizeof(names[0]);

	return section->kind < nr && names[section->kind] ? names[section->kind] : "a section";
}

int image_file_check(const struct image_file *image, const char *name, struct failure *failure)
{
	const uint8_t *bytes = image->kernel.bytes;

	if (image->header.kernel_crc &&
	    checksum(bytes, image->payload_at) != image->header.kernel_crc)
		return damaged(name, "its kernel's checksum is wrong", failure);
	for (unsigned i = 0; i < image->header.nr_sections; i++) {
		const struct image_section *section = &image->sections[i];

		if (section->kind != IMAGE_SIGNATURE &&
		    checksum(bytes + image->payload_at + section->offset, section->size_bytes) !=
			    section->crc)
			return failure_set(failure,
					   "%s: the image is damaged: %s is not what was written "
					   "(its checksum differs); build it again, or copy it "
					   "again",
					   name, image_file_section_name(section));
	}
	return 0;
}

const void *image_file_section(const struct image_file *image, enum image_section_kind kind,
			       uint64_t *len)
{
	for (unsigned i = 0; i < image->header.nr_sections; i++) {
		const struct image_section *section = &image->sections[i];

		if (section->kind != (uint32_t)kind)
			continue;
		*len = section->size_bytes;
		return image->kernel.bytes + image->payload_at + section->offset;
	}
	return NULL;
}
