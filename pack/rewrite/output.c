/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing the file with its new segment: output.h. */
#include <stdlib.h>
#include <string.h>

#include "pack/rewrite/output.h"

#define PAGE     4096u
#define HOLE_MAX (1u << 20) /* fill, so that offsets in file and memory agree */
#define NR_NEW   2          /* program headers, and section headers */
#define CODE_PAD 64         /* so that the kernel can look at the last stub as at any */

static const char note_name[] = ".note.hull", code_name[] = ".hull";

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* ---- where ---- */

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The end of all that the file's headers speak of. */
static uint64_t end_of_content(const struct elf_file *file, const Elf64_Ehdr *h)
{
	uint64_t end = max_u64(sizeof(*h), h->e_phoff + (uint64_t)h->e_phnum * h->e_phentsize);

	for (unsigned i = 0; i < file->nr_segments; i++)
		end = max_u64(end, file->segments[i].offset + file->segments[i].filesz);
	if (!file->has_sections)
		return end;
	end = max_u64(end, h->e_shoff + (uint64_t)h->e_shnum * h->e_shentsize);
	for (unsigned i = 0; i < file->nr_sections; i++) {
		if (file->sections[i].type != SHT_NOBITS)
			end = max_u64(end, file->sections[i].offset + file->sections[i].size);
	}
	return end;
}

int output_place(struct output *out, const struct elf_file *file, struct failure *failure)
{
	uint64_t end, bias, offset, address;

	*out = (struct output){ .file = file };
	memcpy(&out->header, file->bytes, sizeof(out->header));
	end = end_of_content(file, &out->header);
	if (end < file->len_bytes)
		return failure_set(failure,
				   "%s: %llu bytes follow the program in its file, from %#llx on, "
				   "which it may look for at the file's end (a self-extracting "
				   "archive?): it is not rewritten",
				   file->path, (unsigned long long)(file->len_bytes - end),
				   (unsigned long long)end);
	if (out->header.e_phnum > PN_XNUM - 1 - NR_NEW)
		return failure_set(failure, "%s: no room for program headers: it has %u",
				   file->path, out->header.e_phnum);
	offset = round_up(file->len_bytes, PAGE);
	address = round_up(file->high, PAGE);
	bias = file->segments[0].vaddr - file->segments[0].offset;
	if (bias % PAGE == 0 && address <= offset + bias + HOLE_MAX) {
		address = max_u64(address, offset + bias);
		offset = address - bias;
	}
	out->offset = offset;
	out->address = address;
	out->code = address + sizeof(struct door_elf_note) +
		    (out->header.e_phnum + (uint64_t)NR_NEW) * sizeof(Elf64_Phdr);
	out->code = round_up(out->code, 64);
	return 0;
}

/* ---- the segment ---- */

static uint64_t segment_size(const struct output *out, const struct output_code *code)
{
	return out->code - out->address + code->len_bytes + CODE_PAD;
}

static uint64_t phdrs_at(void)
{
	return sizeof(struct door_elf_note);
}

static void write_note(uint8_t *at, const struct door_note *door)
{
	struct door_elf_note note = {
		.namesz = sizeof(DOOR_NOTE_OWNER),
		.descsz = sizeof(note.door),
		.type = DOOR_NOTE_REWRITTEN,
		.owner = DOOR_NOTE_OWNER,
		.door = *door,
	};

	memcpy(at, &note, sizeof(note));
}

static void write_phdrs(const struct output *out, uint64_t size, uint8_t *at)
{
	const Elf64_Ehdr *h = &out->header;
	uint64_t table_size = (h->e_phnum + (uint64_t)NR_NEW) * sizeof(Elf64_Phdr);
	Elf64_Phdr p, load = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = out->offset,
		.p_vaddr = out->address,
		.p_paddr = out->address,
		.p_filesz = size,
		.p_memsz = size,
		.p_align = PAGE,
	};

	for (unsigned i = 0; i < h->e_phnum; i++) {
		memcpy(&p, out->file->bytes + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_PHDR) {
			p.p_offset = out->offset + phdrs_at();
			p.p_vaddr = p.p_paddr = out->address + phdrs_at();
			p.p_filesz = p.p_memsz = table_size;
		}
		memcpy(at + i * sizeof(p), &p, sizeof(p));
	}
	memcpy(at + h->e_phnum * sizeof(p), &load, sizeof(load));
	p = load;
	p.p_type = PT_NOTE;
	p.p_flags = PF_R;
	p.p_filesz = p.p_memsz = sizeof(struct door_elf_note);
	p.p_align = 4;
	memcpy(at + (h->e_phnum + 1u) * sizeof(p), &p, sizeof(p));
}

/* ---- sections ---- */

/* Bytes of names and headers behind the segment; 0: the file has none, or not in the usual way. */
static uint64_t sections_size(const struct output *out, uint64_t *names_size)
{
	const struct elf_file *file = out->file;
	const Elf64_Ehdr *h = &out->header;

	*names_size = 0;
	if (!file->has_sections || h->e_shnum == 0 || h->e_shnum != file->nr_sections ||
	    h->e_shnum >= SHN_LORESERVE - NR_NEW || h->e_shstrndx == SHN_UNDEF ||
	    h->e_shstrndx >= h->e_shnum || h->e_shentsize != sizeof(Elf64_Shdr) ||
	    file->sections[h->e_shstrndx].type != SHT_STRTAB)
		return 0;
	*names_size = file->sections[h->e_shstrndx].size + sizeof(note_name) + sizeof(code_name);
	return round_up(*names_size, 8) + (h->e_shnum + (uint64_t)NR_NEW) * sizeof(Elf64_Shdr);
}

static Elf64_Shdr new_section(uint32_t type, uint64_t flags, uint64_t align)
{
	return (Elf64_Shdr){ .sh_type = type,
			     .sh_flags = SHF_ALLOC | flags,
			     .sh_addralign = align };
}

/* At `at`, which is the offset `offset` of the file. */
static void write_sections(const struct output *out, const struct output_code *code, uint8_t *at,
			   uint64_t offset)
{
	const Elf64_Ehdr *h = &out->header;
	const struct elf_section *names = &out->file->sections[h->e_shstrndx];
	Elf64_Shdr s, note = new_section(SHT_NOTE, 0, 4);
	Elf64_Shdr stubs = new_section(SHT_PROGBITS, SHF_EXECINSTR, 64);
	uint64_t names_size;
	uint8_t *headers;

	sections_size(out, &names_size);
	headers = at + round_up(names_size, 8);
	memcpy(at, out->file->bytes + names->offset, names->size);
	memcpy(at + names->size, note_name, sizeof(note_name));
	memcpy(at + names->size + sizeof(note_name), code_name, sizeof(code_name));
	for (unsigned i = 0; i < h->e_shnum; i++) {
		memcpy(&s, out->file->bytes + h->e_shoff + i * sizeof(s), sizeof(s));
		if (i == h->e_shstrndx) {
			s.sh_offset = offset;
			s.sh_size = names_size;
		}
		memcpy(headers + i * sizeof(s), &s, sizeof(s));
	}
	note.sh_name = (Elf64_Word)names->size;
	note.sh_addr = out->address;
	note.sh_offset = out->offset;
	note.sh_size = sizeof(struct door_elf_note);
	stubs.sh_name = (Elf64_Word)(names->size + sizeof(note_name));
	stubs.sh_addr = out->code;
	stubs.sh_offset = out->offset + (out->code - out->address);
	stubs.sh_size = code->len_bytes;
	memcpy(headers + h->e_shnum * sizeof(s), &note, sizeof(s));
	memcpy(headers + (h->e_shnum + 1u) * sizeof(s), &stubs, sizeof(s));
}

/* ---- the whole ---- */

int output_write(const struct output *out, const struct output_code *code, uint8_t **bytes,
		 size_t *len_bytes)
{
	uint64_t size = segment_size(out, code), names_size;
	uint64_t sections = round_up(out->offset + size, 8);
	uint64_t sections_bytes = sections_size(out, &names_size);
	uint64_t total = sections_bytes ? sections + sections_bytes : out->offset + size;
	uint8_t *at = calloc(1, total);
	Elf64_Ehdr h = out->header;

	if (!at)
		return -1;
	memcpy(at, out->file->bytes, out->file->len_bytes);
	write_note(at + out->offset, &code->note);
	write_phdrs(out, size, at + out->offset + phdrs_at());
	memcpy(at + out->offset + (out->code - out->address), code->bytes, code->len_bytes);
	h.e_entry = code->entry;
	h.e_phoff = out->offset + phdrs_at();
	h.e_phnum = (Elf64_Half)(h.e_phnum + NR_NEW);
	if (sections_bytes) {
		write_sections(out, code, at + sections, sections);
		h.e_shoff = sections + round_up(names_size, 8);
		h.e_shnum = (Elf64_Half)(h.e_shnum + NR_NEW);
	}
	memcpy(at, &h, sizeof(h));
	*bytes = at;
	*len_bytes = total;
	return 0;
}
