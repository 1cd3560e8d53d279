/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens an ELF file: the header, the program headers and, as far as they are good, the sections
 * (gABI 4.1, chapters 4 and 5). Every structure is copied out of the file before it is looked at,
 * so nothing depends on alignment.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan/elf/elf_file.h"
#include "scan/elf/elf_parse.h"

void scan_error_set(struct scan_error *error, const char *format, ...)
{
	va_list arguments;

	if (!error)
		return;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
}

int elf_refuse(const struct elf_file *file, struct scan_error *error, const char *why)
{
	scan_error_set(error, "%s: %s", file->path, why);
	return -ENOEXEC;
}

static bool in_file(const struct elf_file *file, uint64_t offset, uint64_t len_bytes)
{
	return offset <= file->len_bytes && len_bytes <= file->len_bytes - offset;
}

const struct elf_segment *elf_file_segment(const struct elf_file *file, uint64_t vaddr)
{
	for (unsigned i = 0; i < file->nr_segments; i++) {
		const struct elf_segment *segment = &file->segments[i];

		if (vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->memsz)
			return segment;
	}
	return NULL;
}

uint64_t elf_file_left(const struct elf_file *file, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);

	if (!segment || vaddr - segment->vaddr >= segment->filesz)
		return 0;
	return segment->filesz - (vaddr - segment->vaddr);
}

const uint8_t *elf_file_at(const struct elf_file *file, uint64_t vaddr, uint64_t len_bytes)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);

	if (!segment || len_bytes > elf_file_left(file, vaddr))
		return NULL;
	return file->bytes + segment->offset + (vaddr - segment->vaddr);
}

const char *elf_file_string(const struct elf_file *file, uint64_t vaddr)
{
	const uint64_t left = elf_file_left(file, vaddr);
	const uint8_t *bytes = left ? elf_file_at(file, vaddr, left) : NULL;

	return bytes && memchr(bytes, 0, left) ? (const char *)bytes : NULL;
}

bool elf_file_is_code(const struct elf_file *file, uint64_t vaddr)
{
	const struct elf_segment *segment = elf_file_segment(file, vaddr);

	return segment && segment->executable && vaddr - segment->vaddr < segment->filesz;
}

bool elf_file_is_rewritten(const struct elf_file *file, struct door_note *out)
{
	const struct elf_segment *last = &file->segments[file->nr_segments - 1];
	const uint8_t *at = elf_file_at(file, last->vaddr, sizeof(struct door_elf_note));
	struct door_elf_note note;

	if (!at)
		return false;
	memcpy(&note, at, sizeof(note));
	*out = note.door;
	return note.type == DOOR_NOTE_REWRITTEN && note.namesz == sizeof(DOOR_NOTE_OWNER) &&
	       note.descsz == sizeof(note.door) &&
	       memcmp(note.owner, DOOR_NOTE_OWNER, sizeof(DOOR_NOTE_OWNER)) == 0;
}

const struct elf_section *elf_file_section(const struct elf_file *file, const char *name)
{
	for (unsigned i = 0; i < file->nr_sections; i++) {
		if (strcmp(file->sections[i].name, name) == 0)
			return &file->sections[i];
	}
	return NULL;
}

static int check_header(struct elf_file *file, const Elf64_Ehdr *header, struct scan_error *error)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return elf_refuse(file, error, "not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return elf_refuse(file, error, "an ELF file, but not for x86-64");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return elf_refuse(file, error, "an ELF file, but neither a program nor a library");
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0)
		return elf_refuse(file, error, "has no program headers");
	if (!in_file(file, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr)))
		return elf_refuse(file, error,
				  "is cut short: its program headers lie outside of it");
	file->type = header->e_type;
	file->machine = header->e_machine;
	file->entry = header->e_entry;
	return 0;
}

static int add_segment(struct elf_file *file, const Elf64_Phdr *phdr, struct scan_error *error)
{
	struct elf_segment *segment = &file->segments[file->nr_segments];

	if (phdr->p_filesz > phdr->p_memsz || !in_file(file, phdr->p_offset, phdr->p_filesz))
		return elf_refuse(file, error, "is cut short: a segment lies outside of it");
	if (phdr->p_vaddr > ELF_FILE_MAX_VADDR ||
	    phdr->p_memsz > ELF_FILE_MAX_VADDR - phdr->p_vaddr)
		return elf_refuse(file, error, "a segment lies above 4 GiB");
	if (phdr->p_memsz == 0)
		return 0;
	if (file->nr_segments && phdr->p_vaddr < file->high)
		return elf_refuse(file, error, "its segments overlap or are out of order");
	*segment = (struct elf_segment){
		.vaddr = phdr->p_vaddr,
		.filesz = phdr->p_filesz,
		.memsz = phdr->p_memsz,
		.offset = phdr->p_offset,
		.readable = phdr->p_flags & PF_R,
		.writable = phdr->p_flags & PF_W,
		.executable = phdr->p_flags & PF_X,
	};
	if (file->nr_segments++ == 0)
		file->low = phdr->p_vaddr;
	file->high = phdr->p_vaddr + phdr->p_memsz;
	return 0;
}

static int read_interp(struct elf_file *file, const Elf64_Phdr *phdr, struct scan_error *error)
{
	if (!in_file(file, phdr->p_offset, phdr->p_filesz) || phdr->p_filesz == 0 ||
	    !memchr(file->bytes + phdr->p_offset, 0, phdr->p_filesz))
		return elf_refuse(file, error, "the name of its loader (PT_INTERP) is broken");
	file->interp = (const char *)file->bytes + phdr->p_offset;
	return 0;
}

static int read_program_headers(struct elf_file *file, const Elf64_Ehdr *header,
				struct scan_error *error)
{
	Elf64_Phdr phdr;
	int err = 0;

	file->segments = calloc(header->e_phnum, sizeof(*file->segments));
	if (!file->segments)
		return -ENOMEM;
	for (unsigned i = 0; i < header->e_phnum && err == 0; i++) {
		memcpy(&phdr, file->bytes + header->e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_LOAD)
			err = add_segment(file, &phdr, error);
		else if (phdr.p_type == PT_INTERP)
			err = read_interp(file, &phdr, error);
		else if (phdr.p_type == PT_GNU_EH_FRAME)
			file->eh_frame_hdr = phdr.p_vaddr;
		else if (phdr.p_type == PT_DYNAMIC)
			file->is_dynamic = true;
		else if (phdr.p_type == PT_TLS) {
			file->tls_vaddr = phdr.p_vaddr;
			file->tls_filesz = phdr.p_filesz;
		}
	}
	if (err == 0 && file->nr_segments == 0)
		err = elf_refuse(file, error, "has no segment to load");
	return err;
}

/* The names' section, or false: then there are no sections. */
static bool section_names(const struct elf_file *file, const Elf64_Ehdr *header, Elf64_Shdr *names)
{
	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
	    header->e_shstrndx >= header->e_shnum)
		return false;
	if (!in_file(file, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr)))
		return false;
	memcpy(names, file->bytes + header->e_shoff + header->e_shstrndx * sizeof(*names),
	       sizeof(*names));
	return names->sh_type != SHT_NOBITS && names->sh_size > 0 &&
	       in_file(file, names->sh_offset, names->sh_size) &&
	       file->bytes[names->sh_offset + names->sh_size - 1] == 0;
}

static int read_sections(struct elf_file *file, const Elf64_Ehdr *header)
{
	Elf64_Shdr names, shdr;

	if (!section_names(file, header, &names))
		return 0;
	file->sections = calloc(header->e_shnum, sizeof(*file->sections));
	if (!file->sections)
		return -ENOMEM;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		struct elf_section *section = &file->sections[i];

		memcpy(&shdr, file->bytes + header->e_shoff + i * sizeof(shdr), sizeof(shdr));
		if (shdr.sh_name >= names.sh_size ||
		    (shdr.sh_type != SHT_NOBITS && !in_file(file, shdr.sh_offset, shdr.sh_size)))
			return 0; /* nr_sections stays 0: none is believed */
		*section = (struct elf_section){
			.name = (const char *)file->bytes + names.sh_offset + shdr.sh_name,
			.type = shdr.sh_type,
			.flags = shdr.sh_flags,
			.vaddr = shdr.sh_addr,
			.offset = shdr.sh_offset,
			.size = shdr.sh_size,
			.entsize = shdr.sh_entsize,
			.link = shdr.sh_link,
			.info = shdr.sh_info,
		};
	}
	file->nr_sections = header->e_shnum;
	file->has_sections = true;
	return 0;
}

static int parse(struct elf_file *file, struct scan_error *error)
{
	Elf64_Ehdr header;
	int err;

	if (file->len_bytes < sizeof(header))
		return elf_refuse(file, error, "not an ELF file");
	memcpy(&header, file->bytes, sizeof(header));
	err = check_header(file, &header, error);
	if (err == 0)
		err = read_program_headers(file, &header, error);
	if (err == 0)
		err = read_sections(file, &header);
	if (err == 0 && file->is_dynamic)
		err = elf_dynamic_read(file, error);
	if (err == 0)
		err = elf_relocs_read(file, error);
	if (err == 0)
		err = elf_symtab_read(file, error);
	if (err == -ENOMEM)
		scan_error_set(error, "%s: not enough memory", file->path);
	return err;
}

static struct elf_file *file_new(const char *path)
{
	struct elf_file *file = calloc(1, sizeof(*file));

	if (file)
		file->path = strdup(path);
	if (file && !file->path) {
		free(file);
		file = NULL;
	}
	return file;
}

static int finish(struct elf_file *file, struct elf_file **result, struct scan_error *error)
{
	const int err = parse(file, error);

	if (err)
		elf_file_close(file);
	else
		*result = file;
	return err;
}

int elf_file_read(struct elf_file **file, const char *path, const void *bytes, size_t len_bytes,
		  struct scan_error *error)
{
	struct elf_file *new = file_new(path);
	uint8_t *copy = malloc(len_bytes ? len_bytes : 1);

	if (!new || !copy) {
		free(copy);
		elf_file_close(new);
		scan_error_set(error, "%s: not enough memory", path);
		return -ENOMEM;
	}
	memcpy(copy, bytes, len_bytes);
	new->bytes = copy;
	new->len_bytes = len_bytes;
	return finish(new, file, error);
}

static int load(struct elf_file *file, int fd, const struct stat *stat)
{
	uint8_t *bytes;
	size_t got = 0;

	file->device = stat->st_dev;
	file->inode = stat->st_ino;
	file->len_bytes = (size_t)stat->st_size;
	if (file->len_bytes > ELF_FILE_COPY_BYTES) {
		bytes = mmap(NULL, file->len_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes == MAP_FAILED)
			return -errno;
		file->mapped = true;
		file->bytes = bytes;
		return 0;
	}
	bytes = malloc(file->len_bytes + 1);
	if (!bytes)
		return -ENOMEM;
	file->bytes = bytes;
	while (got < file->len_bytes) {
		const ssize_t n = pread(fd, bytes + got, file->len_bytes - got, (off_t)got);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	file->len_bytes = got;
	return 0;
}

int elf_file_open(struct elf_file **file, const char *path, struct scan_error *error)
{
	struct elf_file *new = file_new(path);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat stat;
	int err = 0;

	if (!new)
		err = -ENOMEM;
	else if (fd < 0 || fstat(fd, &stat) < 0)
		err = -errno;
	else if (!S_ISREG(stat.st_mode))
		err = S_ISDIR(stat.st_mode) ? -EISDIR : -EINVAL;
	else
		err = load(new, fd, &stat);
	if (fd >= 0)
		close(fd);
	if (err == 0)
		return finish(new, file, error);
	scan_error_set(error, "%s: %s", path,
		       err == -EINVAL ? "not a regular file" : strerror(-err));
	elf_file_close(new);
	return err;
}

void elf_file_close(struct elf_file *file)
{
	if (!file)
		return;
	if (file->mapped)
		munmap((void *)file->bytes, file->len_bytes);
	else
		free((void *)file->bytes);
	free(file->path);
	free(file->segments);
	free(file->sections);
	free(file->needed);
	free(file->dynsyms);
	free(file->symtab);
	free(file->relocs);
	free(file);
}
