/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-table entries, for mmu*.c only. Intel SDM 3A §4.5, table 4-15 on. */
#pragma once
#include "lib/types.h"

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_UNCACHED (1ull << 4)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_LARGE    (1ull << 7)
#define PTE_USED     (1ull << 9) /* ours: maps something, though perhaps PROT_NONE */
#define PTE_NX       (1ull << 63)
#define PTE_ADDRESS  0x000ffffffffff000ull
#define PTE_TABLE \
	(PTE_USED | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED) /* an entry for a table */

extern uint64_t mmu_kernel_root[]; /* the lower half is empty, the upper one is in every root */

uint64_t pte_make(paddr_t pa, unsigned prot);
uint64_t *pte_walk_make(uint64_t *root, vaddr_t va, unsigned level);
uint64_t *pte_find(uint64_t *root, vaddr_t va, unsigned *level);

/* Tables by the level of their entries (0: of 4 KiB pages): empty when new. */
#define PTE_ROOT_LEVEL 3
#define PTE_LEVELS     4
uint64_t *pte_table_new(unsigned level); /* NULL: no memory */
void pte_table_free(uint64_t *table, unsigned level);
uint64_t *pte_root_new(void); /* with the kernel's half in it */
void pte_root_free(uint64_t *root);
