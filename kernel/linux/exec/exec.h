/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a program (execve(2), elf(5)).
 *
 * exec_prepare() finds the file, follows `#!` lines, reads and checks the ELF headers of program
 * and interpreter, makes the new address space with its stack and the new credentials: everything
 * that can fail with an error to the caller. exec_commit() then ends
 * the other threads, makes the new address space current and fills it; what fails there has no
 * program to return to, and the process is killed. Between the two nothing of the old program has
 * changed.
 *
 * Files: exec.c the order of things; exec_args.c argv and environment; exec_script.c `#!`;
 * exec_elf.c loading; exec_stack.c the layout of the space and the first stack.
 */
#pragma once
#include <linux/elf.h>

#include "core/file.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct cred;
struct vmspace;
struct task;
struct trap_frame;

#define EXEC_HEAD_BYTES   256 /* of the file: for magic numbers and `#!` (BINPRM_BUF_SIZE) */
#define EXEC_SCRIPT_DEPTH 5
#define EXEC_STRING_MAX   (32 * PAGE_SIZE)
#define EXEC_PREFIX_MAX   (2 * (EXEC_SCRIPT_DEPTH + 1) + 1)

/* A list of strings, one after the other, each with its NUL. */
struct exec_strings {
	char *data; /* owned */
	size_t len, size;
	unsigned nr;
};

/* A checked ELF file. */
struct elf_image {
	struct file *file; /* counted */
	Elf64_Ehdr header;
	Elf64_Phdr *phdrs; /* owned, header.e_phnum of them */
};

/* Where it was mapped. */
struct elf_place {
	uaddr_t bias, entry, phdrs; /* phdrs: 0 if no segment holds them */
	uaddr_t code_start, code_end, data_start, data_end;
	uaddr_t end; /* of the highest segment, page aligned: where brk may begin */
};

struct exec {
	struct file *file; /* counted: what is loaded; a script's interpreter in the end */
	char *name;        /* owned: AT_EXECFN, what exec was given */
	char *path;        /* owned: of the file that is loaded */
	struct exec_strings args, env;
	char *prefix
		[EXEC_PREFIX_MAX]; /* owned: what `#!` puts in the place of argv[0], last first */
	unsigned nr_prefix;
	char head[EXEC_HEAD_BYTES];
	size_t head_len;
	uaddr_t pie_base;
	bool name_is_hidden; /* a script could not open its name again (O_CLOEXEC descriptor) */
	bool has_interpreter, stack_is_executable, is_random;
	struct vmspace *space; /* counted: the new one, current once it is filled */
	struct cred *cred;     /* counted: of the new program */
	struct elf_image program, interpreter;
	struct elf_place program_place, interpreter_place;
};

/* `flags`: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. Takes x->args, x->env and x->name as the caller
 * filled them. */
MUST_CHECK int exec_prepare(struct exec *x, const struct path *at, unsigned flags);
/* On success the thread's frame (thread_frame()) is the new program's. On failure the process
 * must die. */
MUST_CHECK int exec_commit(struct exec *x);
void exec_fini(struct exec *x);

/* ---- exec.c, for its own files ---- */
MUST_CHECK int exec_open(const struct path *at, const char *name, unsigned lookup,
			 struct file **out);
ssize_t exec_read(struct file *f, void *buf, size_t len, int64_t pos);

/* ---- exec_args.c ---- */
MUST_CHECK int exec_strings_add(struct exec_strings *s, const char *string); /* -ENOMEM, -E2BIG */
MUST_CHECK int exec_strings_read(struct exec_strings *s,
				 uaddr_t vector); /* char *vector[], NULL-terminated */
void exec_strings_fini(struct exec_strings *s);
size_t exec_args_limit(void); /* bytes of strings and pointers in all */

/* ---- exec_script.c ---- */
/* 1: x->head was a `#!` line and x is now about its interpreter; 0: it is not; -errno. */
int exec_script(struct exec *x);

/* ---- exec_elf.c ---- */
MUST_CHECK int elf_image_read(struct elf_image *e, struct file *f, const void *head, size_t len);
void elf_image_fini(struct elf_image *e);
/* The interpreter's path (kmem). *out NULL: none. */
MUST_CHECK int elf_image_interpreter(const struct elf_image *e, char **out);
bool elf_image_wants_executable_stack(const struct elf_image *e);
/* Into the current address space, at `base` (0: anywhere in the mmap area) unless it is not
 * relocatable. */
MUST_CHECK int elf_image_map(const struct elf_image *e, struct vmspace *vs, uaddr_t base,
			     struct elf_place *out);

/* ---- exec_stack.c ---- */
void exec_layout_choose(struct exec *x, uint64_t stack_limit);
MUST_CHECK int exec_stack_map(const struct exec *x, struct vmspace *vs);
MUST_CHECK int exec_stack_fill(const struct exec *x, struct vmspace *vs, uaddr_t *sp);
MUST_CHECK int exec_vdso_map(struct vmspace *vs);
void exec_brk_choose(const struct exec *x, struct vmspace *vs);
