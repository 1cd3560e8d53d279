/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file for x86-64 (gABI 4.1, psABI 1.0), mapped and checked.
 *
 * The bytes come from anywhere, so everything is checked once, when the file is opened: what is an
 * offset, a size or an index in the file's headers, dynamic section, symbol tables and relocations
 * is either found good or the file is refused with a message. After that a reader goes through the
 * accessors, which give NULL for what lies outside. Section headers are a courtesy: a file whose
 * sections are missing or wrong is read by its program headers alone (has_sections is false).
 *
 * The mapping is private: a file that changes while it is read gives odd answers, never a fault
 * unless it is cut short (SIGBUS), so files up to ELF_FILE_COPY_BYTES are copied instead.
 */
#pragma once
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/hull/door.h"

#define ELF_FILE_COPY_BYTES (4u << 20)
#define ELF_FILE_MAX_VADDR \
	0xffffffffull /* of what is loaded: code reaches 2 GiB, so nothing is larger */

/* What went wrong, for the user: what, on what, why. Filled when a function returns an error. */
struct scan_error {
	char text[512];
};

struct elf_segment {
	uint64_t vaddr, filesz, memsz, offset;
	bool readable, writable, executable;
};

struct elf_section {
	const char *name;
	uint32_t type;
	uint64_t flags, vaddr, offset, size, entsize;
	uint32_t link, info;
};

struct elf_symbol {
	const char *name;
	uint64_t value, size;
	uint8_t type, binding, visibility;
	bool defined;
	/* of a dynamic symbol; NULL: none. hidden: foo@VERSION, not foo@@VERSION */
	const char *version;
	bool hidden;
};

struct elf_reloc {
	uint64_t address;
	uint32_t type;   /* R_X86_64_* */
	uint32_t symbol; /* index of dynsym; 0: none */
	int64_t addend;
};

struct elf_file {
	char *path; /* as it was opened */
	dev_t device;
	ino_t inode;
	const uint8_t *bytes;
	size_t len_bytes;
	bool mapped; /* or on the heap */

	uint16_t type; /* ET_EXEC or ET_DYN */
	uint64_t entry;
	uint16_t machine;
	struct elf_segment *segments; /* PT_LOAD, by address */
	unsigned nr_segments;
	uint64_t low, high; /* the addresses that they cover */
	bool has_sections;
	struct elf_section *sections;
	unsigned nr_sections;

	const char *interp; /* PT_INTERP; NULL: none */
	bool is_dynamic;
	const char *soname, *rpath, *runpath; /* NULL: none */
	const char **needed;
	unsigned nr_needed;
	bool bind_now, symbolic;
	uint64_t init, fini; /* DT_INIT, DT_FINI; 0: none */
	/* DT_PREINIT_ARRAY, DT_INIT_ARRAY, DT_FINI_ARRAY: addresses and sizes in bytes */
	struct {
		uint64_t vaddr, size;
	} arrays[3];
	struct elf_symbol *dynsyms; /* [0] is the null symbol */
	unsigned nr_dynsyms;
	struct elf_symbol *symtab; /* .symtab; empty when stripped */
	unsigned nr_symtab;
	struct elf_reloc *relocs; /* RELA, JMPREL and RELR together, by address */
	unsigned nr_relocs;
	uint64_t eh_frame_hdr;          /* PT_GNU_EH_FRAME; 0: none */
	uint64_t tls_vaddr, tls_filesz; /* PT_TLS: the template of thread-local storage */
};

/* 0; -ENOENT..., -ENOEXEC when it is no ELF file for x86-64 or is broken. The caller closes it. */
int elf_file_open(struct elf_file **file, const char *path, struct scan_error *error);
/* The same of bytes in memory, which are copied; `path` is for messages. */
int elf_file_read(struct elf_file **file, const char *path, const void *bytes, size_t len_bytes,
		  struct scan_error *error);
void elf_file_close(struct elf_file *file);

/* The bytes of the file that are loaded at vaddr; NULL when not all of them are in it. */
const uint8_t *elf_file_at(const struct elf_file *file, uint64_t vaddr, uint64_t len_bytes);
/* The bytes from vaddr to the end of what its segment has in the file; 0: none. */
uint64_t elf_file_left(const struct elf_file *file, uint64_t vaddr);
const struct elf_segment *elf_file_segment(const struct elf_file *file, uint64_t vaddr);
/* A string that ends inside its segment; NULL when there is none. */
const char *elf_file_string(const struct elf_file *file, uint64_t vaddr);
const struct elf_section *elf_file_section(const struct elf_file *file, const char *name);
bool elf_file_is_code(const struct elf_file *file, uint64_t vaddr);
/* Were its system calls patched ahead of time? Then what its note says. */
bool elf_file_is_rewritten(const struct elf_file *file, struct door_note *out);

void scan_error_set(struct scan_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
