/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layout of a new address space, and the stack that a program starts on.
 *
 * Layout and randomness are Linux's for x86-64: stack below 0x7ffffffff000 with 22 random bits of
 * pages, mmap area below a gap for the stack with 28, PIE from 0x555555554000 up with 28, brk
 * behind the program with 13.
 *
 * Stack, from high to low: 8 zero bytes; file name; environment; arguments; platform name; 16
 * random bytes; auxiliary vector; envp[]; argv[]; argc, to which the stack pointer points, 16-byte
 * aligned.
 */
#include <linux/auxvec.h>
#include <linux/personality.h>

#include "abi/hull/door.h"
#include "arch/mmu.h"
#include "arch/program.h"
#include "core/cred.h"
#include "core/random.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/exec/exec.h"
#include "linux/sched/rseq_area.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"
#include <asm/auxvec.h>

#define PIE_BASE           0x555555554000ull
#define STACK_RANDOM_PAGES (1ull << 22)
#define MMAP_RANDOM_PAGES  (1ull << 28)
#define BRK_RANDOM_PAGES   (1ull << 13)
#define GAP_MIN            (128ull << 20)
#define GAP_MAX            (USER_TOP / 6 * 5)
#define STACK_GUARD        (256 * PAGE_SIZE)
#define STACK_FIRST        (132 * 1024ul)  /* mapped at the start; the rest grows */
#define STACK_FILLED       (2 * PAGE_SIZE) /* below the strings: pointers, the first frames */
#define CLOCK_TICKS        100

/* AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN, which older UAPI headers have not. */
#define AUX_RSEQ_FEATURE_SIZE 27
#define AUX_RSEQ_ALIGN        28

static const char platform_name[] = PROGRAM_ELF_MACHINE_NAME;

static uint64_t random_pages(uint64_t nr, bool random)
{
	return random ? random_u64() % nr * PAGE_SIZE : 0;
}

void exec_layout_choose(struct exec *x, uint64_t stack_limit)
{
	bool random = x->is_random;
	uint64_t gap = min(stack_limit, (uint64_t)GAP_MAX) + STACK_GUARD;

	if (random)
		gap += STACK_RANDOM_PAGES * PAGE_SIZE;
	gap = max(min(gap, (uint64_t)GAP_MAX), (uint64_t)GAP_MIN);
	x->space->stack_top = USER_TOP - random_pages(STACK_RANDOM_PAGES, random);
	x->space->mmap_base = align_down(USER_TOP - gap - random_pages(MMAP_RANDOM_PAGES, random),
					 PAGE_SIZE);
	x->pie_base = PIE_BASE + random_pages(MMAP_RANDOM_PAGES, random);
}

void exec_brk_choose(const struct exec *x, struct vmspace *vs)
{
	uaddr_t start = x->program_place.end;

	/* A static PIE lies in the mmap area, where brk would soon meet a mapping. */
	if (!x->has_interpreter && x->program.header.e_type == ET_DYN)
		start = PIE_BASE;
	vs->brk_start = vs->brk = start + random_pages(BRK_RANDOM_PAGES, x->is_random);
}

/* ---- the vDSO ---- */

static struct page *time_page; /* [I after the first exec] struct vdso_time */

static bool make_time_page(void)
{
	if (time_page != NULL)
		return true;
	time_page = page_alloc(0, PAGE_ALLOC_ZERO);
	if (time_page == NULL)
		return false;
	clock_attach_vdso(page_to_ptr(time_page));
	return true;
}

/* One page of data, then the image: see arch/program.h. */
int exec_vdso_map(struct vmspace *vs)
{
	unsigned nr = (unsigned)((vdso_image_end - vdso_image + PAGE_SIZE - 1) / PAGE_SIZE);
	struct page *pages[8];
	struct vm_map m = { .flags = VM_SPECIAL, .prot = MMU_READ, .name = "[vvar]" };
	uaddr_t at;
	int err;

	if (nr + 1 > ARRAY_SIZE(pages) || !make_time_page())
		return -ENOMEM;
	/* Both go to one place, so that they stay neighbours: room is found for all first. */
	m.len = (nr + 1) * PAGE_SIZE;
	err = vmspace_map(vs, &(struct vm_map){ .len = m.len, .flags = VM_NORESERVE }, &at);
	if (err == 0)
		err = vmspace_unmap(vs, at, m.len);
	if (err != 0)
		return err;
	m.addr = at;
	m.len = PAGE_SIZE;
	m.flags |= VM_MAP_NOREPLACE;
	page_get(time_page);
	err = vmspace_map_special(vs, &m, &time_page, &at);
	if (err != 0) {
		page_put(time_page);
		return err;
	}
	for (unsigned i = 0; i < nr; i++) {
		pages[i] = paddr_to_page(ptr_to_paddr(vdso_image + i * PAGE_SIZE));
		page_get(
			pages[i]); /* the kernel's own: reserved, so a count too many is harmless */
	}
	m.addr = at + PAGE_SIZE;
	m.len = nr * PAGE_SIZE;
	m.prot = MMU_READ | MMU_EXEC;
	m.name = "[vdso]";
	return vmspace_map_special(vs, &m, pages, &vs->vdso);
}

/* ---- the stack ---- */

static size_t prefix_bytes(const struct exec *x)
{
	size_t len = 0;

	for (unsigned i = 0; i < x->nr_prefix; i++)
		len += strlen(x->prefix[i]) + 1;
	return len;
}

/* argv[0] as the caller gave it: a script's line takes its place. */
static size_t skipped_bytes(const struct exec *x)
{
	return x->nr_prefix != 0 && x->args.nr != 0 ? strlen(x->args.data) + 1 : 0;
}

static size_t nr_args(const struct exec *x)
{
	return x->args.nr + x->nr_prefix - (x->nr_prefix != 0 && x->args.nr != 0 ? 1 : 0);
}

int exec_stack_map(const struct exec *x, struct vmspace *vs)
{
	size_t strings = prefix_bytes(x) + x->args.len + x->env.len + strlen(x->name) + 1;
	size_t pointers = (nr_args(x) + x->env.nr + 64) * sizeof(uaddr_t);
	size_t len = align_up(strings + pointers, PAGE_SIZE) + STACK_FIRST;
	struct vm_map m = {
		.addr = vs->stack_top - len,
		.len = len,
		.prot = MMU_READ | MMU_WRITE | (x->stack_is_executable ? MMU_EXEC : 0),
		.flags = VM_MAY_WRITE | VM_GROWSDOWN | VM_STACK | VM_MAP_NOREPLACE,
		.name = "[stack]",
	};
	uaddr_t at;

	if (strings + pointers > exec_args_limit() || len - STACK_FIRST > vs->limit_stack)
		return -E2BIG;
	return vmspace_map(vs, &m, &at);
}

struct stack_strings {
	uaddr_t args, env, name, platform, random;
};

static int put(uaddr_t *at, const void *bytes, size_t len)
{
	int err = user_write(*at, bytes, len);

	*at += len;
	return err;
}

static int write_strings(const struct exec *x, struct vmspace *vs, struct stack_strings *s)
{
	uaddr_t top = vs->stack_top;
	size_t skip = skipped_bytes(x), name_len = strlen(x->name) + 1;
	uaddr_t at = top - sizeof(uint64_t) - name_len - x->env.len - (x->args.len - skip) -
		     prefix_bytes(x);
	uint64_t random[2] = { random_u64(), random_u64() };
	/* All that is written here, and a page for the program, without a trap. */
	uaddr_t low = align_down(at, PAGE_SIZE) - STACK_FILLED;
	int err = vmspace_populate(vs, low, top - low, MMU_WRITE);

	s->args = at;
	for (unsigned i = x->nr_prefix; i-- > 0 && err == 0;)
		err = put(&at, x->prefix[i], strlen(x->prefix[i]) + 1);
	if (err == 0)
		err = put(&at, x->args.data + skip, x->args.len - skip);
	s->env = at;
	if (err == 0)
		err = put(&at, x->env.data, x->env.len);
	s->name = at;
	if (err == 0)
		err = put(&at, x->name, name_len);
	s->platform = align_down(s->args, 16) - align_up(sizeof(platform_name), 16);
	s->random = s->platform - sizeof(random);
	if (err == 0)
		err = user_write(s->platform, platform_name, sizeof(platform_name));
	return err != 0 ? err : user_write(s->random, random, sizeof(random));
}

/* Fills pairs in Linux's order. Returns the number of words. */
static size_t fill_auxv(const struct exec *x, const struct vmspace *vs,
			const struct stack_strings *s, uint64_t *v)
{
	const struct cred *c = cred_current();
	const uint64_t pairs[][2] = {
		{ AT_SYSINFO_EHDR, vs->vdso },
		{ AT_MINSIGSTKSZ, program_minsigstksz() },
		{ AT_HWCAP, program_hwcap() },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_CLKTCK, CLOCK_TICKS },
		{ AT_PHDR, x->program_place.phdrs },
		{ AT_PHENT, sizeof(Elf64_Phdr) },
		{ AT_PHNUM, x->program.header.e_phnum },
		{ AT_BASE, x->interpreter_place.bias },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, x->program_place.entry },
		{ AT_UID, c->uid },
		{ AT_EUID, c->euid },
		{ AT_GID, c->gid },
		{ AT_EGID, c->egid },
		{ AT_SECURE, c->uid != c->euid || c->gid != c->egid },
		{ AT_RANDOM, s->random },
		{ AT_HWCAP2, program_hwcap2() },
		{ AT_EXECFN, s->name },
		{ AT_PLATFORM, s->platform },
		{ AUX_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_SIZE },
		{ AUX_RSEQ_ALIGN, RSEQ_AREA_ALIGN },
		{ AT_HULL, DOOR_VERSION },
		{ AT_NULL, 0 },
	};

	_Static_assert(sizeof(pairs) <= sizeof(vs->auxv), "auxv fits");
	memcpy(v, pairs, sizeof(pairs));
	return sizeof(pairs) / sizeof(uint64_t);
}

/* Pointers to nr strings that follow one another in user memory from `at` on; they are ours: no
 * fault. */
static int fill_pointers(uint64_t *v, uaddr_t at, uaddr_t end, size_t nr)
{
	char *copy = kmem_alloc(end - at + 1);
	size_t offset = 0;

	if (copy == NULL)
		return -ENOMEM;
	if (user_read(copy, at, end - at) != 0) {
		kmem_free(copy);
		return -EFAULT;
	}
	for (size_t i = 0; i < nr; i++) {
		v[i] = at + offset;
		offset += strnlen(copy + offset, end - at - offset) + 1;
	}
	v[nr] = 0;
	kmem_free(copy);
	return 0;
}

int exec_stack_fill(const struct exec *x, struct vmspace *vs, uaddr_t *sp)
{
	size_t argc = nr_args(x), envc = x->env.nr, nr_auxv, nr_words;
	struct stack_strings s;
	uint64_t *words;
	int err = write_strings(x, vs, &s);

	if (err != 0)
		return err;
	words = kmem_new_array(uint64_t, 3 + argc + envc + ARRAY_SIZE(vs->auxv));
	if (words == NULL)
		return -ENOMEM;
	words[0] = argc;
	err = fill_pointers(words + 1, s.args, s.env, argc);
	if (err == 0)
		err = fill_pointers(words + 2 + argc, s.env, s.name, envc);
	nr_auxv = fill_auxv(x, vs, &s, words + 3 + argc + envc);
	nr_words = 3 + argc + envc + nr_auxv;
	*sp = align_down(s.random - nr_words * sizeof(*words), 16);
	if (err == 0)
		err = user_write(*sp, words, nr_words * sizeof(*words));
	vs->arg_start = s.args;
	vs->arg_end = vs->env_start = s.env;
	vs->env_end = s.name;
	memcpy(vs->auxv, words + 3 + argc + envc, nr_auxv * sizeof(*words));
	vs->auxv_len = nr_auxv * sizeof(*words);
	kmem_free(words);
	return err;
}
