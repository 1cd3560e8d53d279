/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The payload of an image (abi/hull/image.h), from the slot in this kernel's note. It came with the
 * kernel's file, but the file may be cut short or damaged: the header's checksum, every bound, and
 * the launch record's checksum are looked at before anything is believed. The root is the file
 * system's to check (fs/erofs).
 */
#include "boot/payload.h"

#include "abi/hull/boot.h"
#include "abi/hull/image.h"
#include "arch/mmu.h"
#include "lib/crc32c.h"

/* Another program wrote it into the file: it is no constant to the compiler. */
extern const volatile struct image_slot image_slot;

static const char *check_header(const struct image_header *h, uint64_t len)
{
	struct image_header copy;
	size_t table;

	if (len < sizeof(*h) || h->magic != IMAGE_MAGIC)
		return "hull: the image is damaged: it has no header\n";
	if (h->version != IMAGE_VERSION)
		return "hull: the image and its kernel are not of one version\n";
	if (h->nr_sections > IMAGE_MAX_SECTIONS || h->payload_bytes != len)
		return "hull: the image is damaged: its header is wrong\n";
	table = h->nr_sections * sizeof(struct image_section);
	if (table > len - sizeof(*h))
		return "hull: the image is damaged: its header is cut short\n";
	copy = *h;
	copy.header_crc = 0;
	if (~crc32c(crc32c(CRC32C_INIT, &copy, sizeof(copy)), h + 1, table) != h->header_crc)
		return "hull: the image is damaged: its header's checksum is wrong\n";
	return NULL;
}

static const char *use_launch(struct boot_info *info, uint64_t payload,
			      const struct image_section *s)
{
	if (info->launch_bytes != 0)
		return NULL;
	info->launch = payload + s->offset;
	info->launch_bytes = s->size_bytes;
	if (~crc32c(CRC32C_INIT, paddr_to_ptr(info->launch), s->size_bytes) != s->crc)
		return "hull: the image is damaged: its launch record's checksum is wrong\n";
	return NULL;
}

static const char *use_section(struct boot_info *info, uint64_t payload, uint64_t len,
			       const struct image_section *s)
{
	unsigned alignment = s->kind == IMAGE_ROOT ? IMAGE_PAGE : 8;

	if (s->offset > len || s->size_bytes > len - s->offset || s->offset % alignment != 0)
		return "hull: the image is damaged: a section lies outside of it\n";
	if (s->kind == IMAGE_LAUNCH)
		return use_launch(info, payload, s);
	if (s->kind == IMAGE_ROOT) {
		info->root = payload + s->offset;
		info->root_bytes = s->size_bytes;
	}
	return NULL;
}

/* The loader put a launch record of its own over it: it did not look. */
static bool is_overwritten(const struct boot_info *info, uint64_t base, uint64_t len)
{
	return info->launch_bytes != 0 && info->launch < base + len &&
	       base < info->launch + info->launch_bytes;
}

static bool is_ram(const struct boot_info *info, uint64_t base, uint64_t len)
{
	for (unsigned i = 0; i < info->nr_memory; i++) {
		const struct boot_memory *m = &info->memory[i];

		if (m->type == BOOT_MEMORY_RAM && base >= m->base && len <= m->size_bytes &&
		    base - m->base <= m->size_bytes - len)
			return true;
	}
	return false;
}

const char *payload_find(struct boot_info *info, uint64_t limit)
{
	uint64_t base = image_slot.payload, len = image_slot.payload_bytes;
	const struct image_header *h = paddr_to_ptr(base);
	const struct image_section *s = (const struct image_section *)(h + 1);
	const char *wrong;

	if (len == 0)
		return NULL;
	if (base % IMAGE_PAGE != 0 || base < image_slot.first_free || base > limit ||
	    len > limit - base || info->nr_memory == BOOT_MAX_MEMORY || !is_ram(info, base, len) ||
	    is_overwritten(info, base, len))
		return "hull: the image does not fit into memory; give the machine more\n";
	wrong = check_header(h, len);
	for (uint32_t i = 0; wrong == NULL && i < h->nr_sections; i++)
		wrong = use_section(info, base, len, &s[i]);
	info->memory[info->nr_memory++] = (struct boot_memory){
		.base = base,
		.size_bytes = len,
		.type = BOOT_MEMORY_RESERVED,
	};
	return wrong;
}
