/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image: the kernel's ELF file and, in one more segment, everything that it is to run.
 *
 * The kernel is linked with a program header of type PT_NULL to spare, and with a note that holds
 * the slot: an owner "Hull", type IMAGE_NOTE_SLOT, whose descriptor is a struct image_slot in the
 * kernel's read-only data. Whoever makes an image appends the payload to the file, aligned to 4096
 * if there is a root in it and else to 64, turns the spare header into a PT_LOAD (flags R, that
 * p_align, p_filesz = p_memsz = the payload's size) and fills in the slot:
 *
 *	p_paddr		page aligned, at or above slot.first_free, the end at most IMAGE_END_MAX
 *	p_vaddr		KERNEL_BASE + p_paddr (abi/hull/boot.h); nothing runs by it
 *	slot		payload = p_paddr, payload_bytes = p_filesz
 *
 * So any loader that puts an ELF file's segments where they say loads an image. `hull run` does
 * not: it maps the root from the file, and passes a launch record of its own (boot_info.root).
 *
 *	payload:	struct image_header, nr_sections struct image_section, then the sections
 *
 * A section begins at a multiple of 8 of the payload; a root at a multiple of 4096. Offsets are
 * from the payload's beginning. Unknown kinds are skipped. Of each kind there is at most one.
 *
 * Who checks what. The kernel checks header_crc, every bound, and the crc of the launch record: a
 * damaged image ends with a message. Of the root it checks the file system's own checksum and every
 * field that it uses. `hull run` also compares every section's crc and the kernel's, `hull inspect`
 * the hashes, for there the file has come from somewhere. A signature covers the file's bytes, with
 * its own section's as zeros.
 *
 * Checksums are CRC-32C (RFC 3720 §12.1), from ~0 and inverted at the end. Little-endian.
 */
#pragma once
#include <stdint.h>

#define IMAGE_NOTE_OWNER "Hull"
enum image_note_type {
	IMAGE_NOTE_SLOT = 1,  /* struct image_slot */
	IMAGE_NOTE_CALLS = 2, /* of a minimal kernel: uint16_t numbers of the calls that it has */
	IMAGE_NOTE_PARTS = 3, /* and strings, each NUL-terminated: the parts that it has */
};

#define IMAGE_SLOT_VERSION 1

struct __attribute__((packed, aligned(4))) image_slot { /* notes are aligned to 4 */
	uint32_t version;
	uint32_t padding;
	uint64_t first_free;             /* physical: the kernel ends here, page aligned */
	uint64_t payload, payload_bytes; /* physical; 0: this is a kernel alone */
};

#define IMAGE_MAGIC        0x65676d496c6c7548ull /* "HullImge" */
#define IMAGE_VERSION      1
#define IMAGE_MAX_SECTIONS 64
#define IMAGE_PAGE         4096u
#define IMAGE_LINE         64u /* what a payload without a root is aligned to in the file */
#define IMAGE_END_MAX      0x7f000000ull /* physical; p_vaddr does not wrap */

struct image_header {
	uint64_t magic;
	uint32_t version;
	uint32_t nr_sections;
	uint64_t payload_bytes;
	uint32_t header_crc;   /* of this structure, with 0 here, and of the sections' array */
	uint32_t flags;        /* enum image_flags */
	uint64_t memory_bytes; /* RAM that the program is to have: -m's default; 0: nothing said */
	uint32_t nr_cpus;      /* -c's default; 0: nothing said */
	uint32_t kernel_crc;   /* of the file's bytes before the payload; 0: nothing said */
};

enum image_flags {
	IMAGE_PATCHED = 1 << 0, /* call sites lead into this very kernel */
};

enum image_section_kind {
	IMAGE_LAUNCH = 1,    /* a launch record (abi/hull/launch.h) */
	IMAGE_ROOT = 2,      /* an erofs file system: what LAUNCH_MOUNT_EROFS mounts */
	IMAGE_FACTS = 3,     /* text, JSON: how it was built; for `hull inspect` */
	IMAGE_CALLS = 4,     /* uint16_t: the calls that scan found the program to need */
	IMAGE_SIGNATURE = 5, /* struct image_signature */
	/* text: options of `hull run` that are not the guest's (-p, -v, --net), an argument a line:
	 * "-p\n8080:80\n" */
	IMAGE_RUN = 6,
};

struct image_section {
	uint32_t kind; /* enum image_section_kind */
	uint32_t crc;
	uint64_t offset, size_bytes;
	uint8_t sha256[32]; /* of a signature: zeros, as is its crc */
};

enum image_signature_algorithm { IMAGE_ED25519 = 1 };

struct image_signature {
	uint32_t algorithm; /* enum image_signature_algorithm */
	uint32_t padding;
	uint8_t public_key[32]; /* whose; a hint, never what it is verified by */
	uint8_t signature[64];  /* over SHA-256 of the file, this whole structure taken as zeros */
};
