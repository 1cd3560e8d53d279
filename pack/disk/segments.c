/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF's program headers and two notes: the PVH entry (abi/boot/pvh.h), the slot
 * (abi/hull/image.h). */
#include "pack/disk/segments.h"

#include <elf.h>
#include <string.h>

#include "abi/boot/pvh.h"
#include "abi/hull/boot.h"
#include "abi/hull/image.h"
#include "lib/compiler.h"

#define HEADERS_MAX 64

struct file {
	const uint8_t *bytes;
	size_t len;
	const Elf64_Ehdr *header;
	struct failure *failure;
};

struct note {
	const char *owner;
	uint32_t type;
	size_t min_bytes;
};

static bool lies_in(uint64_t offset, uint64_t bytes, uint64_t len)
{
	return offset <= len && bytes <= len - offset;
}

static int open_file(struct file *f)
{
	const Elf64_Ehdr *h = f->header;

	if (f->len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64)
		return failure_set(f->failure, "the image is not an ELF file for x86-64");
	if (f->len > IMAGE_END_MAX)
		return failure_set(f->failure, "the image is larger than %u MiB",
				   (unsigned)(IMAGE_END_MAX >> 20));
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum > HEADERS_MAX ||
	    h->e_phoff % sizeof(uint64_t) != 0 ||
	    !lies_in(h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr), f->len))
		return failure_set(f->failure, "the image's program headers are damaged");
	return 0;
}

static const Elf64_Phdr *headers(const struct file *f)
{
	return (const Elf64_Phdr *)(f->bytes + f->header->e_phoff);
}

/* The note's descriptor, as an offset in the file; 0: it is not there. */
static uint64_t find_in(const struct file *f, const Elf64_Phdr *p, const struct note *wanted)
{
	size_t owner_bytes = strlen(wanted->owner) + 1;
	uint64_t at = p->p_offset, end = p->p_offset + p->p_filesz;

	while (end - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name = at + sizeof(note), descriptor, next;

		memcpy(&note, f->bytes + at, sizeof(note));
		descriptor = name + align_up((uint64_t)note.n_namesz, 4);
		next = descriptor + align_up((uint64_t)note.n_descsz, 4);
		if (next > end)
			return 0;
		if (note.n_namesz == owner_bytes && note.n_type == wanted->type &&
		    note.n_descsz >= wanted->min_bytes &&
		    memcmp(f->bytes + name, wanted->owner, owner_bytes) == 0)
			return descriptor;
		at = next;
	}
	return 0;
}

static uint64_t find_note(const struct file *f, const struct note *wanted)
{
	const Elf64_Phdr *p = headers(f);

	for (unsigned i = 0; i < f->header->e_phnum; i++) {
		uint64_t found = 0;

		if (p[i].p_type == PT_NOTE && lies_in(p[i].p_offset, p[i].p_filesz, f->len))
			found = find_in(f, &p[i], wanted);
		if (found)
			return found;
	}
	return 0;
}

static int add_segment(struct segments *s, const struct file *f, const Elf64_Phdr *p)
{
	const struct segment *before = s->nr > 0 ? &s->of[s->nr - 1] : NULL;
	uint64_t memory = align_up(p->p_memsz, (uint64_t)IMAGE_PAGE);

	if (!lies_in(p->p_offset, p->p_filesz, f->len) || p->p_filesz > p->p_memsz ||
	    p->p_memsz > IMAGE_END_MAX || p->p_paddr < KERNEL_LOAD_PADDR ||
	    p->p_paddr % IMAGE_PAGE != 0 || !lies_in(p->p_paddr, memory, IMAGE_END_MAX))
		return failure_set(f->failure,
				   "the image's segment at %#llx (%llu bytes) is damaged: it does "
				   "not lie in the file or in memory",
				   (unsigned long long)p->p_paddr, (unsigned long long)p->p_filesz);
	if (before && (p->p_paddr < before->address + before->memory_bytes ||
		       p->p_offset < before->file_offset + before->plain_bytes))
		return failure_set(f->failure, "the image's segments are not in order");
	if (s->nr == ARRAY_SIZE(s->of))
		return failure_set(f->failure, "the image has more than %zu segments",
				   ARRAY_SIZE(s->of));
	s->of[s->nr++] = (struct segment){
		.file_offset = (uint32_t)p->p_offset,
		.plain_bytes = (uint32_t)p->p_filesz,
		.address = (uint32_t)p->p_paddr,
		.memory_bytes = (uint32_t)memory,
		.is_code = p->p_flags & PF_X,
	};
	return 0;
}

/* Where in memory a place in the file goes; 0: nowhere. */
static uint32_t address_of(const struct segments *s, uint64_t offset, uint64_t bytes)
{
	for (unsigned i = 0; i < s->nr; i++) {
		const struct segment *of = &s->of[i];

		if (offset >= of->file_offset &&
		    lies_in(offset - of->file_offset, bytes, of->plain_bytes))
			return of->address + (uint32_t)(offset - of->file_offset);
	}
	return 0;
}

static int find_entry(struct segments *s, const struct file *f)
{
	const struct note pvh = { "Xen", PVH_NOTE_PHYS32_ENTRY, sizeof(uint32_t) };
	uint64_t at = find_note(f, &pvh);

	if (!at)
		return failure_set(f->failure, "the file has no PVH entry: it is not an image of "
					       "Hull's");
	memcpy(&s->entry, f->bytes + at, sizeof(s->entry));
	if (s->entry < s->memory_begin || s->entry >= s->memory_end)
		return failure_set(f->failure, "the image's PVH entry at %#x is not in its memory",
				   s->entry);
	return 0;
}

/* A kernel alone has no payload, and may have no slot. */
static void find_payload(struct segments *s, const struct file *f)
{
	const struct note note = { IMAGE_NOTE_OWNER, IMAGE_NOTE_SLOT, sizeof(struct image_slot) };
	uint64_t at = find_note(f, &note);
	struct image_slot slot;

	if (!at)
		return;
	memcpy(&slot, f->bytes + at, sizeof(slot));
	s->slot = address_of(s, at, sizeof(slot));
	if (s->slot && slot.payload && s->of[s->nr - 1].address == slot.payload)
		s->of[s->nr - 1].is_payload = true;
}

int segments_find(const void *image, size_t len, struct segments *segments, struct failure *failure)
{
	struct file f = { .bytes = image, .len = len, .header = image, .failure = failure };
	const Elf64_Phdr *p;
	const struct segment *last;

	memset(segments, 0, sizeof(*segments));
	if (open_file(&f) != 0)
		return -1;
	p = headers(&f);
	for (unsigned i = 0; i < f.header->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_memsz > 0 &&
		    add_segment(segments, &f, &p[i]) != 0)
			return -1;
	if (segments->nr == 0)
		return failure_set(failure, "the image has no segments");
	find_payload(segments, &f);
	last = &segments->of[segments->nr - 1];
	if (last->is_payload && segments->nr > 1)
		last--;
	segments->memory_begin = segments->of[0].address;
	segments->memory_end = last->address + last->memory_bytes;
	return find_entry(segments, &f);
}
