/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounds of functions by .eh_frame (LSB core 5.0, "Exception Frames"; DWARF 4 §7.6 for the
 * pointers' encodings): each frame description entry gives a start and a size. Found through
 * PT_GNU_EH_FRAME, in static programs without one by the section. The table ends at the first thing
 * that is not understood: what follows counts as not described.
 */
#include <errno.h>
#include <string.h>

#include "scan/code/code_build.h"

enum {
	ENCODING_OMIT = 0xff,
	ENCODING_PCREL = 0x10,
	/* Not the file's: entries of this CIE are of a signal's return. Such a one begins a byte
	 * early, as unwinders look for the address before that at which a frame goes on. */
	ENCODING_SIGNAL = 0x80,
};

/* Bytes with their address. good turns false at the first read past the end. */
struct cursor {
	const uint8_t *bytes;
	uint64_t vaddr, left;
	bool good;
};

static uint64_t take(struct cursor *cursor, unsigned size)
{
	uint64_t value = 0;

	if (cursor->left < size) {
		cursor->good = false;
		cursor->left = 0;
		return 0;
	}
	memcpy(&value, cursor->bytes, size);
	cursor->bytes += size;
	cursor->vaddr += size;
	cursor->left -= size;
	return value;
}

static uint64_t take_leb(struct cursor *cursor)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;

	do {
		byte = take(cursor, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && cursor->good);
	return value;
}

/* A pointer of DWARF's exception header encoding, or with plain set the size alone. */
static uint64_t take_encoded(struct cursor *cursor, uint8_t encoding, bool plain)
{
	const uint64_t place = cursor->vaddr;
	uint64_t value;

	switch (encoding & 0x0f) {
	case 0x00: /* absptr */
	case 0x04: /* udata8 */
	case 0x0c: /* sdata8 */
		value = take(cursor, 8);
		break;
	case 0x03: /* udata4 */
		value = take(cursor, 4);
		break;
	case 0x0b: /* sdata4 */
		value = take(cursor, 4);
		value = plain ? value : (uint64_t)(int64_t)(int32_t)value;
		break;
	default:
		cursor->good = false;
		return 0;
	}
	if (plain || (encoding & 0x70) == 0)
		return value;
	if ((encoding & 0x70) != ENCODING_PCREL)
		cursor->good = false;
	return value + place;
}

/* The encoding of the pointers in the entries of a CIE; ENCODING_OMIT: not understood. */
static uint8_t cie_encoding(struct cursor cie)
{
	uint8_t version = (uint8_t)take(&cie, 1), encoding = 0;
	const char *augmentation = (const char *)cie.bytes;
	bool is_signal = false;

	while (take(&cie, 1) != 0 && cie.good)
		;
	if (!cie.good || (version != 1 && version != 3))
		return ENCODING_OMIT;
	take_leb(&cie);
	take_leb(&cie);
	if (version == 1)
		take(&cie, 1);
	else
		take_leb(&cie);
	if (augmentation[0] == 'z')
		take_leb(&cie);
	else if (augmentation[0])
		return ENCODING_OMIT;
	for (const char *at = augmentation; *at && cie.good; at++) {
		if (*at == 'R')
			encoding = (uint8_t)take(&cie, 1);
		else if (*at == 'P')
			take_encoded(&cie, (uint8_t)take(&cie, 1) & 0x0f, true);
		else if (*at == 'L')
			take(&cie, 1);
		else if (*at == 'S')
			is_signal = true;
		else if (*at != 'z' && *at != 'B')
			return ENCODING_OMIT;
	}
	if (!cie.good || encoding & ENCODING_SIGNAL)
		return ENCODING_OMIT;
	return is_signal ? encoding | ENCODING_SIGNAL : encoding;
}

static int add_fde(const struct elf_file *file, struct cursor fde, uint8_t encoding,
		   struct code_starts *starts)
{
	const uint64_t early = encoding & ENCODING_SIGNAL ? 1 : 0;
	const uint64_t start = take_encoded(&fde, encoding, false) + early;
	const uint64_t size = take_encoded(&fde, encoding, true) - early;

	if (!fde.good || !size || size == UINT64_MAX || !code_contains(file, start) ||
	    size > ELF_FILE_MAX_VADDR - start)
		return 0;
	return code_starts_add(starts, &(struct code_start){ .start = (uint32_t)start,
							     .end = (uint32_t)(start + size),
							     .is_exact = true });
}

/* An entry's body follows the 4 bytes of its id; the CIE lies that many bytes before the id. */
static uint8_t encoding_of(const struct elf_file *file, uint64_t id_vaddr, uint64_t id)
{
	const uint64_t vaddr = id_vaddr - id;
	struct cursor cie = { elf_file_at(file, vaddr, 8), vaddr, 0, true };
	uint64_t length;

	if (!cie.bytes)
		return ENCODING_OMIT;
	cie.left = 8;
	length = take(&cie, 4);
	if (take(&cie, 4) != 0 || length < 4 || !elf_file_at(file, vaddr + 4, length))
		return ENCODING_OMIT;
	cie.left = length - 4;
	return cie_encoding(cie);
}

static int read_frames(const struct elf_file *file, struct cursor frames,
		       struct code_starts *starts)
{
	uint64_t last_cie = 0;
	uint8_t encoding = ENCODING_OMIT;
	int err = 0;

	while (frames.good && frames.left >= 4 && err == 0) {
		const uint64_t length = take(&frames, 4);
		const uint64_t id_vaddr = frames.vaddr;
		struct cursor entry = frames;
		uint64_t id;

		if (length == 0)
			continue; /* an end mark between the parts of several object files */
		if (length < 4 || length > frames.left)
			break;
		entry.left = length;
		id = take(&entry, 4);
		if (id && (id_vaddr - id != last_cie || encoding == ENCODING_OMIT)) {
			last_cie = id_vaddr - id;
			encoding = encoding_of(file, id_vaddr, id);
		}
		if (id && encoding != ENCODING_OMIT)
			err = add_fde(file, entry, encoding, starts);
		frames.bytes += length;
		frames.vaddr += length;
		frames.left -= length;
	}
	return err;
}

int code_starts_unwind(const struct elf_file *file, struct code_starts *starts)
{
	const struct elf_section *section = elf_file_section(file, ".eh_frame");
	struct cursor header = { NULL, file->eh_frame_hdr, 0, true };
	struct cursor frames = { 0 };

	if (section) {
		frames.vaddr = section->vaddr;
	} else if (file->eh_frame_hdr) {
		header.left = elf_file_left(file, header.vaddr);
		header.bytes = elf_file_at(file, header.vaddr, header.left);
		if (!header.bytes || take(&header, 1) != 1)
			return 0;
		frames.vaddr = take(&header, 1);
		take(&header, 2);
		frames.vaddr = take_encoded(&header, (uint8_t)frames.vaddr, false);
		if (!header.good)
			return 0;
	}
	frames.left = elf_file_left(file, frames.vaddr);
	if (section && section->size < frames.left)
		frames.left = section->size;
	frames.bytes = frames.vaddr ? elf_file_at(file, frames.vaddr, frames.left) : NULL;
	frames.good = frames.bytes != NULL;
	return frames.good ? read_frames(file, frames, starts) : 0;
}
