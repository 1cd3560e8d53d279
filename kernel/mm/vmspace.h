/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space: an ordered set of areas over objects, and page tables that are a cache of it,
 * except for private pages, which exist in the tables only (each mapping holds a page count; a
 * private page with count 1 may be written in place, a shared one is copied).
 *
 * `lock` (a mutex) guards the areas and the tables. It is held across fills during a fault: file
 * operations therefore never touch user memory while they hold a lock that a pager takes.
 */
#pragma once
#include "arch/mmu.h"
#include "core/file.h"
#include "core/sync/mutex.h"
#include "lib/atomic.h"
#include "lib/tree.h"
#include "mm/object/object.h"

enum vm_flags {
	VM_SHARED = 1 << 0,    /* MAP_SHARED: writes go to the object */
	VM_GROWSDOWN = 1 << 1, /* a stack */
	/* mprotect may allow it (a file opened for reading and mapped shared: not) */
	VM_MAY_WRITE = 1 << 2,
	VM_LOCKED = 1 << 3,
	VM_NORESERVE = 1 << 4,
	VM_DONTFORK = 1 << 5,
	VM_WIPEONFORK = 1 << 6,
	VM_DONTDUMP = 1 << 7,
	VM_NOHUGE = 1 << 8,
	VM_HUGE = 1 << 9, /* MADV_HUGEPAGE */
	/* the kernel's own pages (vdso, window): no change by the program but munmap */
	VM_SPECIAL = 1 << 10,
	VM_RANDOM = 1 << 11, /* no read-ahead */
	VM_STACK = 1 << 12,  /* the main stack: limited by RLIMIT_STACK */
	/* a program's or library's segment: its file does not change meanwhile */
	VM_PROGRAM = 1 << 13,
	VM_WRITER = 1 << 14, /* counted in object->nr_writers until the area is freed */
};

/* mbind(2)'s, in its numbers. The default is all 0. */
struct vm_policy {
	int mode;       /* MPOL_*, with its flags */
	uint64_t nodes; /* a bit each */
};

struct vm_area {
	struct tree_node node;       /* [vs.lock] by start */
	struct vmspace *vmspace;     /* [I] */
	uaddr_t start, end;          /* [vs.lock] page aligned, end exclusive */
	unsigned prot;               /* [vs.lock] enum mmu_prot; 0 = PROT_NONE */
	unsigned flags;              /* [vs.lock] enum vm_flags */
	struct vm_object *object;    /* [I] counted; NULL: private anonymous */
	uint64_t object_idx;         /* [vs.lock] page index that `start` maps */
	struct file *file;           /* [I] counted; for its name; may be NULL */
	struct list object_link;     /* [object.lock] */
	struct vm_policy policy;     /* [vs.lock] */
	const char *name;            /* [I] "[heap]", "[stack]", "[vdso]"; or NULL */
	struct page **special_pages; /* [I] VM_SPECIAL: (end - start) / PAGE_SIZE of them, owned */
	uaddr_t ahead_next;          /* [vs.lock] where the last fault's mapping ended */
	unsigned ahead_pages;        /* [vs.lock] and how much it mapped */
	unsigned nr_faults;          /* [vs.lock] on pages that were not there */
	uint64_t zap_pass; /* [object.lock] the last pass of object_truncate() that saw it */
};

struct vmspace {
	struct ref ref;
	struct mutex lock;
	struct mmu_space mmu;     /* [lock] */
	struct tree areas;        /* [lock] */
	struct vm_area *last_hit; /* [lock] */
	uaddr_t mmap_base;        /* [I after exec] top of the mmap area; searched downwards */
	uaddr_t brk_start, brk;   /* [lock] */
	uaddr_t stack_top;        /* [I after exec] */
	uaddr_t arg_start, arg_end, env_start, env_end; /* [I after exec] for procfs */
	uaddr_t code_start, code_end, data_start, data_end;
	struct file *exe;                 /* [lock] counted; /proc/self/exe */
	uint64_t auxv[64];                /* [I after exec] for /proc/self/auxv */
	size_t auxv_len;                  /* bytes */
	uint64_t nr_pages, nr_pages_peak; /* [lock] resident */
	uint64_t nr_mapped;               /* [lock] pages of all areas */
	unsigned flags_of_new;            /* [lock; a to read] VM_LOCKED or 0: mlockall(2) */
	unsigned nr_areas;                /* [lock] */
	uaddr_t search_top; /* [lock] no hole above it is larger than search_hole (a hint) */
	size_t search_hole; /* [lock] */
	uint64_t limit_as, limit_data, limit_stack; /* [a] bytes: rlimits, kept current by linux/ */
	uint64_t nr_minor_faults, nr_major_faults;  /* [a] */
	uint64_t id;             /* [I] never used twice: names private futexes */
	struct door_table *door; /* arch/program.h's patched sites, or NULL */
	struct native *native;   /* [a] core/program.h's, or NULL; a fork's child has none */
	uaddr_t vdso;            /* [I after exec] */
};

struct vmspace *vmspace_new(void); /* empty; NULL = no memory */
struct vmspace *vmspace_get(struct vmspace *vs);
void vmspace_put(struct vmspace *vs); /* the last one unmaps everything; thread context */
struct vmspace *vmspace_current(void);

enum vm_map_flags {                         /* beside enum vm_flags in vm_map.flags' upper half */
		    VM_MAP_FIXED = 1 << 16, /* at addr, replacing what is there */
		    VM_MAP_NOREPLACE = 1 << 17, /* at addr, -EEXIST if something is there */
		    VM_MAP_POPULATE = 1 << 18,
		    VM_MAP_32BIT = 1 << 19,
};

struct vm_map {
	uaddr_t addr; /* a hint, unless fixed */
	size_t len;
	unsigned prot, flags;     /* enum mmu_prot; enum vm_flags | enum vm_map_flags */
	struct file *file;        /* mapped by file->ops->mmap; or NULL */
	struct vm_object *object; /* alternatively; a reference is taken */
	uint64_t offset;          /* bytes, page aligned */
	const char *name;
};
/* 0 and the address; -EINVAL, -ENOMEM, -EEXIST, -EACCES, -ENODEV... as mmap(2). */
MUST_CHECK int vmspace_map(struct vmspace *vs, const struct vm_map *m, uaddr_t *out);
/* Pages of the kernel's own (vDSO, patch window), mapped at or near addr. Takes the pages in. */
MUST_CHECK int vmspace_map_special(struct vmspace *vs, const struct vm_map *m, struct page **pages,
				   uaddr_t *out);
MUST_CHECK int vmspace_unmap(struct vmspace *vs, uaddr_t addr, size_t len);
/* -EFAULT: a hole, or past the end; -ENOMEM. Bounds are whole pages. */
MUST_CHECK int vmspace_set_policy(struct vmspace *vs, uaddr_t start, uaddr_t end,
				  const struct vm_policy *p);
MUST_CHECK int vmspace_protect(struct vmspace *vs, uaddr_t addr, size_t len, unsigned prot);
MUST_CHECK int vmspace_remap(struct vmspace *vs, uaddr_t old, size_t old_len, size_t new_len,
			     unsigned mremap_flags,
			     uaddr_t *inout_addr); /* MREMAP_* of linux/mman.h */
MUST_CHECK int vmspace_advise(struct vmspace *vs, uaddr_t addr, size_t len,
			      int advice); /* MADV_* */
MUST_CHECK int vmspace_sync(struct vmspace *vs, uaddr_t addr, size_t len, unsigned ms_flags);
MUST_CHECK int vmspace_mincore(struct vmspace *vs, uaddr_t addr, size_t len, uint8_t *kernel_vec);
MUST_CHECK int vmspace_lock_pages(struct vmspace *vs, uaddr_t addr, size_t len, bool on);
MUST_CHECK int vmspace_lock_on_fault(struct vmspace *vs, uaddr_t start, uaddr_t end); /* pages */
void vmspace_lock_all(struct vmspace *vs, bool now, bool later); /* mlockall(2) */
void vmspace_unlock_all(struct vmspace *vs);
uint64_t vmspace_nr_locked(struct vmspace *vs, uaddr_t start, uaddr_t end);
uaddr_t vmspace_brk(struct vmspace *vs,
		    uaddr_t new_brk); /* as the system call: the break afterwards */
/* For fork: copy-on-write both sides. NULL = no memory. */
struct vmspace *vmspace_fork(struct vmspace *vs);
/* A page fault of a program or of a user copy. 0 = try again; -EFAULT nothing there, -EACCES not
 * allowed, -EIO/-ENXIO past the end of the file or unreadable (SIGBUS), -ENOMEM. Thread context. */
MUST_CHECK int vmspace_fault(struct vmspace *vs, uaddr_t addr, unsigned access);
/* Make [addr, addr+len) present for access (one lock, batched). As vmspace_fault. */
MUST_CHECK int vmspace_populate(struct vmspace *vs, uaddr_t addr, size_t len, unsigned access);
/* The page under addr, counted, after a fault for `access`: futex keys, patching, process_vm_*. */
MUST_CHECK int vmspace_page(struct vmspace *vs, uaddr_t addr, unsigned access, struct page **out);
/* Changes `len` bytes of code at addr, in a private copy of the page (system-call patching): other
 * CPUs execute the old or the new. -EAGAIN: not mapped executable, or writable as well. */
MUST_CHECK int vmspace_patch(struct vmspace *vs, uaddr_t addr, const void *bytes, size_t len);
/* Walk, with vs->lock held. */
/* Pages of objects that are mapped, here or elsewhere: of those objects whose first area is here,
 * so that the sum over all address spaces counts each page once. */
uint64_t vmspace_nr_object_pages(struct vmspace *vs);
struct vm_area *vmspace_area_first(struct vmspace *vs);
struct vm_area *vmspace_area_next(struct vm_area *a);
struct vm_area *vmspace_area_at(struct vmspace *vs, uaddr_t addr); /* containing addr, or NULL */
