/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one file's code is and refers to, without regard to any program: made once per file.
 *
 * Functions. Starts and ends come from .eh_frame (each stripped library has it), symbols, Go's
 * pclntab; what is called, jumped to or taken the address of and lies in none of those begins a
 * function of its own, which ends at the first transfer of control that no branch leads past, or at
 * the next start. All the code of a function counts when the function is reached: landing pads and
 * the cases of switches are reached in ways that are not worth a proof.
 *
 * References. Each instruction's direct target, RIP-relative operand and, in programs that are
 * linked to fixed addresses, each immediate and displacement in the range of the file. A call of a
 * PLT entry (any piece of code that is `jmp *slot(%rip)`) is a reference to the slot.
 *
 * Pieces of data. A piece begins where a sized symbol begins or ends, where a section begins, and
 * in stripped files at an address that is referred to and aligned to 32 bytes: compilers align each
 * aggregate of 32 bytes and more so (gcc and clang, x86-64). Smaller objects stay with their
 * neighbours. An address inside of a piece stands for the whole piece.
 *
 * Pointers. The relocations; in files linked to fixed addresses every aligned word of data whose
 * value lies in the file. Addresses fit 32 bits (ELF_FILE_MAX_VADDR).
 */
#pragma once
#include "scan/elf/elf_file.h"
#include "scan/scan.h"

enum code_ref_kind {
	CODE_CALL,      /* to code, returns here */
	CODE_JUMP,      /* to code of another function, or by a jump table */
	CODE_TAKEN,     /* the address of code */
	CODE_SLOT_CALL, /* call or jump through a pointer at this address */
	CODE_LOAD,      /* 8 bytes there are read, or read and written */
	CODE_STORE,     /* 8 bytes there are written */
	CODE_LOAD_WIDE, /* up to 64 */
	CODE_DATA,      /* the address of data */
};

struct code_ref {
	uint32_t from, to;
	uint8_t kind;
};

struct code_function {
	uint32_t start, end;
	uint32_t first_ref, nr_refs;
	const char *name;       /* NULL: none known */
	bool has_indirect_jump; /* one whose targets are not all known to be inside */
	bool is_guess;          /* found by a reference alone */
};

struct code_door {
	uint32_t address, function; /* function: index */
	enum scan_door door;
};

struct code {
	const struct elf_file *file;
	struct code_function *functions; /* by start; they do not overlap */
	uint32_t nr_functions;
	struct code_ref *refs; /* a function's are together, by address; jump tables' last */
	uint32_t nr_refs;
	struct code_door *doors; /* by address */
	uint32_t nr_doors;
	struct elf_reloc *pointers; /* by address */
	uint32_t nr_pointers;
	uint32_t *splits; /* where pieces of data begin, sorted */
	uint32_t nr_splits;
	uint32_t *by_name; /* hash table of defined dynamic symbols: indices of dynsyms, 0: free */
	uint32_t nr_by_name; /* a power of two */
	uint64_t code_bytes;
	bool is_go; /* it has a pclntab */
};

/* 0, -ENOMEM. The file must outlive it. */
int code_new(struct code **code, const struct elf_file *file);
void code_free(struct code *code);

#define CODE_NONE 0xffffffffu
/* The function that an address lies in; CODE_NONE: in none. */
uint32_t code_function_at(const struct code *code, uint64_t vaddr);
/* Is it code by the sections, or by the segments where there are none? */
bool code_contains(const struct elf_file *file, uint64_t vaddr);
/* The slot that `jmp *slot(%rip)` at vaddr goes through; 0: no such instruction. */
uint64_t code_thunk_slot(const struct elf_file *file, uint64_t vaddr);
/* First pointer at or above vaddr. */
uint32_t code_pointer_from(const struct code *code, uint64_t vaddr);
/* The piece of data that holds vaddr: its bounds. */
void code_piece(const struct code *code, uint64_t vaddr, uint32_t *start, uint32_t *end);
/* A symbol's or pclntab's name for a function; NULL: none. */
const char *code_name_at(const struct code *code, uint64_t vaddr);
/* Next definition of a dynamic symbol by name, from *at on (start with 0); 0: no more. */
uint32_t code_find_symbol(const struct code *code, const char *name, uint32_t *at);
