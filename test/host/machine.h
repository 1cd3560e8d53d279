/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine in an ordinary process, so that kernel/mm runs under the sanitizers: RAM is an arena
 * at DIRECT_MAP_BASE, page tables are a tree of entries, a program's accesses are the calls below.
 * It is strict: mapping what is mapped, and freeing a page before the flush that forgets it, ends
 * the test.
 */
#pragma once
#include "mm/vmspace.h"

/* Fresh RAM of that many pages, page_init() done. */
void machine_start(size_t nr_pages);
/* As a program would: fault, try again. 0 or what vmspace_fault said. */
int machine_load(struct vmspace *vs, uaddr_t addr, uint8_t *out);
int machine_store(struct vmspace *vs, uaddr_t addr, uint8_t value);
int machine_execute(struct vmspace *vs, uaddr_t addr);
/* The address space that user_read() and its kin look at. */
void machine_use(struct vmspace *vs);

struct machine_counts {
	uint64_t faults, flushes, tables;
};
extern struct machine_counts machine_counts;

/*
 * A file with a pager of `nr_pages` pages, whose byte at i is i / PAGE_SIZE + i % 251, or what was
 * flushed.
 */
struct machine_file;
struct machine_file *machine_file_new(size_t nr_pages, bool writable);
void machine_file_free(struct machine_file *m);
struct file *machine_file_get(struct machine_file *m); /* not counted */
struct vm_object *machine_file_object(struct machine_file *m);
uint8_t *machine_file_bytes(struct machine_file *m); /* the store */
void machine_file_resize(struct machine_file *m, uint64_t size);
unsigned machine_file_fills(const struct machine_file *m); /* calls of the pager */
unsigned machine_file_refs(const struct machine_file *m);
