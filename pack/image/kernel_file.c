/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a kernel's ELF file (kernel_file.h; gABI 4.1). */
#include <string.h>

#include "abi/hull/boot.h"
#include "pack/image/kernel_file.h"

#define OWNER     IMAGE_NOTE_OWNER
#define OWNER_LEN sizeof(OWNER)

Elf64_Phdr kernel_file_segment(const struct kernel_file *kernel, unsigned i)
{
	Elf64_Phdr segment;

	memcpy(&segment, kernel->bytes + kernel->header.e_phoff + i * sizeof(segment),
	       sizeof(segment));
	return segment;
}

static void take_note(struct kernel_file *kernel, const Elf64_Nhdr *note, uint64_t at)
{
	const uint8_t *bytes = kernel->bytes + at;

	if (note->n_type == IMAGE_NOTE_SLOT && note->n_descsz >= sizeof(kernel->slot)) {
		kernel->slot_at = at;
		memcpy(&kernel->slot, bytes, sizeof(kernel->slot));
	} else if (note->n_type == IMAGE_NOTE_CALLS) {
		kernel->calls = bytes;
		kernel->calls_len = note->n_descsz & ~1ul;
	} else if (note->n_type == IMAGE_NOTE_PARTS && note->n_descsz &&
		   bytes[note->n_descsz - 1] == 0) {
		kernel->parts = (const char *)bytes;
		kernel->parts_len = note->n_descsz;
	}
}

/* The notes of a segment that lies in the file. */
static void read_notes(struct kernel_file *kernel, const Elf64_Phdr *segment)
{
	uint64_t at = segment->p_offset, end = at + segment->p_filesz;
	Elf64_Nhdr note;

	while (end - at >= sizeof(note)) {
		uint64_t name, desc;

		memcpy(&note, kernel->bytes + at, sizeof(note));
		name = ((uint64_t)note.n_namesz + 3) & ~3ull;
		desc = ((uint64_t)note.n_descsz + 3) & ~3ull;
		at += sizeof(note);
		if (name + desc > end - at)
			return;
		if (note.n_namesz == OWNER_LEN && memcmp(kernel->bytes + at, OWNER, OWNER_LEN) == 0)
			take_note(kernel, &note, at + name);
		at += name + desc;
	}
}

static int check_segments(struct kernel_file *kernel, const char *name, struct failure *failure)
{
	for (unsigned i = 0; i < kernel->header.e_phnum; i++) {
		Elf64_Phdr segment = kernel_file_segment(kernel, i);

		if (segment.p_type != PT_LOAD && segment.p_type != PT_NOTE)
			continue;
		if (segment.p_offset > kernel->len ||
		    segment.p_filesz > kernel->len - segment.p_offset)
			return failure_set(
				failure,
				"%s: the image is damaged: it is cut short: it has %zu bytes, and "
				"its segment %u ends at %llu; build it again, or copy it again",
				name, kernel->len, i,
				(unsigned long long)(segment.p_offset + segment.p_filesz));
		if (segment.p_type == PT_NOTE)
			read_notes(kernel, &segment);
	}
	return 0;
}

/* The segment that is the payload's, or else is to be; the end of the others. */
static void find_spare(struct kernel_file *kernel)
{
	for (unsigned i = 0; i < kernel->header.e_phnum; i++) {
		Elf64_Phdr segment = kernel_file_segment(kernel, i);
		bool is_payload = segment.p_type == PT_LOAD && kernel->slot.payload_bytes &&
				  segment.p_paddr == kernel->slot.payload;

		if (is_payload || (segment.p_type == PT_NULL && !kernel->has_spare)) {
			kernel->spare_at = kernel->header.e_phoff + i * sizeof(segment);
			kernel->has_spare = true;
		} else if ((segment.p_type == PT_LOAD || segment.p_type == PT_NOTE) &&
			   segment.p_offset + segment.p_filesz > kernel->end) {
			kernel->end = segment.p_offset + segment.p_filesz;
		}
	}
}

bool kernel_file_is_one(const Elf64_Ehdr *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == EM_X86_64 &&
	       header->e_type == ET_EXEC && header->e_entry >= KERNEL_BASE;
}

int kernel_file_read(struct kernel_file *kernel, const char *name, const void *bytes, size_t len,
		     struct failure *failure)
{
	*kernel = (struct kernel_file){ .bytes = bytes, .len = len };
	if (len < sizeof(kernel->header) || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return failure_set(failure, "%s: it is no image of Hull's: it is no ELF file",
				   name);
	memcpy(&kernel->header, bytes, sizeof(kernel->header));
	if (kernel->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    kernel->header.e_machine != EM_X86_64 ||
	    kernel->header.e_phentsize != sizeof(Elf64_Phdr) || kernel->header.e_phoff > len ||
	    kernel->header.e_phnum > (len - kernel->header.e_phoff) / sizeof(Elf64_Phdr))
		return failure_set(failure,
				   "%s: it is no image of Hull's, or its ELF header is "
				   "damaged",
				   name);
	kernel->end = kernel->header.e_phoff + kernel->header.e_phnum * sizeof(Elf64_Phdr);
	if (check_segments(kernel, name, failure))
		return -1;
	if (!kernel->slot_at || kernel->slot.version != IMAGE_SLOT_VERSION)
		return failure_set(failure,
				   "%s: it is neither an image nor a kernel of this hull's", name);
	find_spare(kernel);
	if (!kernel->has_spare)
		return failure_set(failure, "%s: the kernel has no program header to spare", name);
	return 0;
}
