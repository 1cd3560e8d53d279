/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF loader (System V ABI, chapter 5; Linux's fs/binfmt_elf.c decides doubtful cases).
 *
 * A file is read by its headers only; every offset and size is checked before it is used, and a
 * segment's pages come in by page faults. A segment that is longer in memory than in the file is
 * zeroed to the end of its page and continued by anonymous memory.
 */
#include "arch/program.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/exec/exec.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define PHDRS_MAX_BYTES 65536

/* ---- headers ---- */

static int check_header(const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	if (h->e_machine != program_elf_machine || h->e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	if (h->e_phnum == 0 || (size_t)h->e_phnum * sizeof(Elf64_Phdr) > PHDRS_MAX_BYTES)
		return -ENOEXEC;
	return 0;
}

int elf_image_read(struct elf_image *e, struct file *f, const void *head, size_t len)
{
	size_t size;
	int err;

	if (len < sizeof(e->header))
		return -ENOEXEC;
	memcpy(&e->header, head, sizeof(e->header));
	err = check_header(&e->header);
	if (err != 0)
		return err;
	size = (size_t)e->header.e_phnum * sizeof(Elf64_Phdr);
	if (e->header.e_phoff > INT64_MAX - size)
		return -ENOEXEC;
	e->phdrs = kmem_alloc(size);
	if (e->phdrs == NULL)
		return -ENOMEM;
	if (exec_read(f, e->phdrs, size, (int64_t)e->header.e_phoff) != (ssize_t)size) {
		kmem_free(e->phdrs);
		e->phdrs = NULL;
		return -ENOEXEC;
	}
	e->file = file_get(f);
	return 0;
}

void elf_image_fini(struct elf_image *e)
{
	if (e->file != NULL)
		file_put(e->file);
	kmem_free(e->phdrs);
	*e = (struct elf_image){ .file = NULL };
}

static const Elf64_Phdr *find_phdr(const struct elf_image *e, uint32_t type)
{
	for (unsigned i = 0; i < e->header.e_phnum; i++) {
		if (e->phdrs[i].p_type == type)
			return &e->phdrs[i];
	}
	return NULL;
}

int elf_image_interpreter(const struct elf_image *e, char **out)
{
	const Elf64_Phdr *p = find_phdr(e, PT_INTERP);
	char *name;
	ssize_t n;

	*out = NULL;
	if (p == NULL)
		return 0;
	if (p->p_filesz < 2 || p->p_filesz > PATH_LEN_MAX || p->p_offset > INT64_MAX - p->p_filesz)
		return -ENOEXEC;
	name = kmem_alloc(p->p_filesz);
	if (name == NULL)
		return -ENOMEM;
	n = exec_read(e->file, name, p->p_filesz, (int64_t)p->p_offset);
	if (n != (ssize_t)p->p_filesz || name[n - 1] != '\0') {
		kmem_free(name);
		return n < 0 ? (int)n : n != (ssize_t)p->p_filesz ? -EIO : -ENOEXEC;
	}
	*out = name;
	return 0;
}

bool elf_image_wants_executable_stack(const struct elf_image *e)
{
	const Elf64_Phdr *p = find_phdr(e, PT_GNU_STACK);

	return p != NULL && (p->p_flags & PF_X) != 0;
}

/* ---- mapping ---- */

static unsigned prot_of(const Elf64_Phdr *p)
{
	return ((p->p_flags & PF_R) != 0 ? MMU_READ : 0) |
	       ((p->p_flags & PF_W) != 0 ? MMU_WRITE : 0) |
	       ((p->p_flags & PF_X) != 0 ? MMU_EXEC : 0);
}

/* Bytes from the first segment to the end of the last; 0: there is none, or they make no sense. */
static uint64_t total_size(const struct elf_image *e, uint64_t *first, uint64_t *alignment)
{
	uint64_t low = UINT64_MAX, high = 0;

	*alignment = PAGE_SIZE;
	for (unsigned i = 0; i < e->header.e_phnum; i++) {
		const Elf64_Phdr *p = &e->phdrs[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_vaddr > USER_TOP || p->p_memsz > USER_TOP)
			return 0;
		low = min(low, align_down(p->p_vaddr, PAGE_SIZE));
		high = max(high, p->p_vaddr + p->p_memsz);
		if ((p->p_align & (p->p_align - 1)) == 0 && p->p_align <= USER_TOP)
			*alignment = max(*alignment, (uint64_t)p->p_align);
	}
	*first = low;
	return high > low ? align_up(high, PAGE_SIZE) - low : 0;
}

/* Where the whole image fits. Nobody else maps anything before the segments are: it is left
 * free. */
static int find_room(struct vmspace *vs, uint64_t size, uint64_t alignment, uaddr_t *base)
{
	struct vm_map m = {
		.addr = align_down(*base, alignment),
		.len = size,
		.flags = VM_NORESERVE | (*base != 0 ? VM_MAP_NOREPLACE : 0),
	};
	uaddr_t at;
	int err;

	if (alignment > PAGE_SIZE)
		m.len += alignment;
	err = vmspace_map(vs, &m, &at);
	if (err != 0)
		return err;
	*base = align_up(at, alignment);
	return vmspace_unmap(vs, at, m.len);
}

static int map_file_part(const struct elf_image *e, struct vmspace *vs, const Elf64_Phdr *p,
			 uaddr_t addr, unsigned how)
{
	uint64_t skew = addr & (PAGE_SIZE - 1);
	struct vm_map m = {
		.addr = addr - skew,
		.len = align_up(p->p_filesz + skew, PAGE_SIZE),
		.prot = prot_of(p),
		.flags = VM_MAY_WRITE | VM_PROGRAM | how,
		.file = e->file,
		.offset = p->p_offset - skew,
	};
	uaddr_t at;

	if (p->p_offset < skew || !is_aligned(m.offset, PAGE_SIZE))
		return -EINVAL;
	return vmspace_map(vs, &m, &at);
}

/* What is zero: the rest of the last file page, and whole pages behind it. */
static int map_zero_part(struct vmspace *vs, const Elf64_Phdr *p, uaddr_t addr, unsigned how)
{
	uaddr_t zero = addr + p->p_filesz, end = align_up(addr + p->p_memsz, PAGE_SIZE);
	uaddr_t first_page = p->p_filesz == 0 ? align_down(addr, PAGE_SIZE)
					      : align_up(zero, PAGE_SIZE);
	struct vm_map m = {
		.addr = first_page,
		.len = end - first_page,
		.prot = prot_of(p),
		.flags = VM_MAY_WRITE | how,
	};
	uaddr_t at;

	if (p->p_filesz != 0 && first_page > zero && (p->p_flags & PF_W) != 0 &&
	    (vmspace_populate(vs, zero, 1, MMU_WRITE) != 0 ||
	     user_zero(zero, first_page - zero) != 0))
		return -EFAULT;
	return end > first_page ? vmspace_map(vs, &m, &at) : 0;
}

static int map_segment(const struct elf_image *e, struct vmspace *vs, const Elf64_Phdr *p,
		       uaddr_t bias, unsigned how)
{
	uaddr_t addr = p->p_vaddr + bias;
	int err = 0;

	if (p->p_filesz > p->p_memsz || addr >= USER_TOP || p->p_memsz > USER_TOP - addr ||
	    p->p_offset > INT64_MAX - p->p_filesz)
		return -EINVAL;
	if (p->p_filesz != 0)
		err = map_file_part(e, vs, p, addr, how);
	if (err == 0 && p->p_memsz > p->p_filesz)
		err = map_zero_part(vs, p, addr, how);
	return err;
}

static void note_segment(struct elf_place *out, const struct elf_image *e, const Elf64_Phdr *p)
{
	uaddr_t addr = p->p_vaddr + out->bias, end = addr + p->p_filesz;
	uint64_t phoff = e->header.e_phoff;

	if (phoff >= p->p_offset && phoff < p->p_offset + p->p_filesz)
		out->phdrs = phoff - p->p_offset + addr;
	if (out->code_start == 0 || addr < out->code_start)
		out->code_start = addr;
	if ((p->p_flags & PF_X) != 0)
		out->code_end = max(out->code_end, end);
	out->data_start = max(out->data_start, addr);
	out->data_end = max(out->data_end, end);
	out->end = max(out->end, align_up(addr + p->p_memsz, PAGE_SIZE));
}

int elf_image_map(const struct elf_image *e, struct vmspace *vs, uaddr_t base,
		  struct elf_place *out)
{
	uint64_t first, alignment, size = total_size(e, &first, &alignment);
	unsigned how = e->header.e_type == ET_EXEC ? VM_MAP_NOREPLACE : VM_MAP_FIXED;
	int err = size == 0 ? -EINVAL : 0;

	*out = (struct elf_place){ .bias = 0 };
	if (err == 0 && e->header.e_type == ET_DYN) {
		err = find_room(vs, size, alignment, &base);
		out->bias = base - first;
	}
	for (unsigned i = 0; i < e->header.e_phnum && err == 0; i++) {
		const Elf64_Phdr *p = &e->phdrs[i];

		if (p->p_type != PT_LOAD)
			continue;
		err = map_segment(e, vs, p, out->bias, how);
		how = VM_MAP_FIXED; /* segments of one file may share a page */
		note_segment(out, e, p);
	}
	out->entry = e->header.e_entry + out->bias;
	if (err == 0 && out->entry >= USER_TOP)
		err = -EINVAL;
	return err;
}
