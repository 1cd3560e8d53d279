/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Door 2 of a system call: a hot site, an instruction of 5 bytes that can be moved and `syscall`,
 * becomes one 7-byte jump through memory.
 *
 *	b8 nr nr nr nr 0f 05	before: mov $nr,%eax
 *	4c 8b 4c 24 08 0f 05	or: mov 8(%rsp),%r9, as in libc's syscall()
 *	ff 24 25 xx xx 0f 05	after: jmp *0x050fxxxx, a slot in a window at 0x050f0000
 *	40 ff 25 xx xx 0f 05	or: jmp *(site end + 0x050fxxxx), where that window is occupied
 *
 * The last two bytes stay a `syscall`: a thread stopped between the two instructions, a restarted
 * call and a jump straight to it all still work. The slot points to the site's stub, which does the
 * moved instruction, loads RCX as `syscall` would have and enters the kernel; the program's stack
 * is not touched.
 *
 *	31 c0 0f 05		before: xor %eax,%eax, for read(2)
 *	eb xx 0f 05		after: a short jump to a gap nearby (door_pad.h), where there is
 *	e9 xx xx xx xx		a jump to a relay: a page mapped near the site, read-only and
 *				executable, of jumps to stubs
 *
 * Windows are pages mapped read-only into the process, each with room for 512 sites, made when
 * needed; stubs are kernel pages, mapped executable and read-only near the kernel's text. Both are
 * written through the direct map, so no mapping is ever writable and executable. A table is freed
 * with its address space. Whoever holds `busy` changes it; another thread's trap just counts on.
 *
 * A forked space shares its parent's windows and stubs, which stay as they are as long as anybody
 * uses them; sites that it patches itself go to pages of its own.
 */
#include "arch/mmu.h"
#include "arch/program.h"
#include "arch/trap.h"
#include "arch/x86_64/door_pad.h"
#include "arch/x86_64/machine.h"
#include "core/sched/thread.h"
#include "core/sync/spinlock.h"
#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define HOT_TRAPS        8
#define NR_SITES         256 /* counters; a site that shares one starts anew */
#define WINDOWS_MAX      32
#define STUB_PAGES_MAX   64
#define STUB_SIZE        32
#define STUB_RETURN      7 /* the return address in it */
#define STUBS_PER_PAGE   (PAGE_SIZE / STUB_SIZE)
#define SLOTS_PER_WINDOW (PAGE_SIZE / sizeof(uint64_t))

#define SITE_SIZE     7
#define SITE_MOV      0xb8
#define SYSCALL_BYTE0 0x0f
#define SYSCALL_BYTE1 0x05
#define REACH_BASE    0x050f0000ul /* addresses, or distances, whose last bytes are 0f 05 */
#define REACH_SIZE    0x10000ul
#define SIGRETURN     15 /* unwinders recognise it by its bytes */

#define MOVED_SIZE 5 /* of the instruction before a syscall */
#define RELAY_SIZE 16
#define RELAYS     (PAGE_SIZE / RELAY_SIZE)
#define RELAY_FAR  (1ul << 30) /* a jump reaches twice as far */
#define PADS_MAX   16

#define AREA_PAGES 16384u
#define SPARES_MAX 16u

struct site {
	uint32_t tag;   /* low half of the address after the syscall */
	uint32_t traps; /* HOT_TRAPS + 1: refused */
};

struct window {
	uaddr_t base;
	struct page *page; /* counted; NULL: of a parent, full */
	unsigned used;     /* slots */
};

/*
 * A page of stubs, of the space that writes it and of those forked from it. Some that nobody uses
 * stay mapped for the next space: unmapping one interrupts every CPU.
 */
struct stub_page {
	struct ref ref;
	struct page *page;      /* [I] counted */
	unsigned at;            /* [I] page number in DOOR_STUB_AREA */
	struct stub_page *next; /* [stub_area_lock] of the spare ones */
};

struct door_table {
	uint32_t busy;                                /* [a] */
	struct site sites[NR_SITES];                  /* [a] hints: races cost a recount */
	struct window windows[WINDOWS_MAX];           /* [busy] */
	unsigned nr_windows;                          /* [busy] */
	struct stub_page *stub_pages[STUB_PAGES_MAX]; /* [busy to write] counted, set once */
	unsigned nr_stubs;                            /* [busy] */
	struct window relays;                         /* [busy] the page of them; page NULL: none */
	struct door_pad pads[PADS_MAX];               /* [busy] what is left of those in use */
	unsigned nr_pads;                             /* [busy] */
};

static struct door_stats stats;                      /* [a] */
static uint64_t stub_area[BITMAP_WORDS(AREA_PAGES)]; /* [stub_area_lock] */
static struct stub_page *spare_pages;                /* [stub_area_lock] */
static unsigned nr_spare_pages;                      /* [stub_area_lock] */
static struct spinlock stub_area_lock;

void door_stats_get(struct door_stats *out)
{
	*out = stats;
}

/* ---- stubs ---- */

static unsigned area_take(void)
{
	size_t at;

	scoped_spin(&stub_area_lock);
	at = bitmap_find_clear(stub_area, AREA_PAGES, 0);
	if (at < AREA_PAGES)
		bitmap_set(stub_area, at);
	return (unsigned)at;
}

static void area_give(unsigned at)
{
	scoped_spin(&stub_area_lock);
	bitmap_clear(stub_area, at);
}

static vaddr_t area_address(unsigned at)
{
	return DOOR_STUB_AREA + at * PAGE_SIZE;
}

static struct stub_page *spare_take(void)
{
	struct stub_page *s;

	scoped_spin(&stub_area_lock);
	s = spare_pages;
	if (!s)
		return NULL;
	spare_pages = s->next;
	nr_spare_pages--;
	return s;
}

/* False: there are enough. */
static bool spare_give(struct stub_page *s)
{
	scoped_spin(&stub_area_lock);
	if (nr_spare_pages == SPARES_MAX)
		return false;
	s->next = spare_pages;
	spare_pages = s;
	nr_spare_pages++;
	return true;
}

static struct stub_page *stub_page_make(void)
{
	struct stub_page *s = kmem_new(struct stub_page);
	struct page *p = page_alloc(0, PAGE_ALLOC_ZERO);
	unsigned at;

	if (!s || !p)
		goto err_free;
	at = area_take();
	if (at == AREA_PAGES)
		goto err_free;
	if (mmu_kernel_map(area_address(at), page_to_paddr(p), PAGE_SIZE, MMU_READ | MMU_EXEC))
		goto err_give_area;
	s->page = p;
	s->at = at;
	return s;

err_give_area:
	area_give(at);
err_free:
	if (p)
		page_put(p);
	kmem_free(s);
	return NULL;
}

static struct stub_page *stub_page_new(void)
{
	struct stub_page *s = spare_take();

	if (!s)
		s = stub_page_make();
	if (s)
		ref_init(&s->ref);
	return s;
}

static void stub_page_put(struct stub_page *s)
{
	if (!ref_put(&s->ref) || spare_give(s))
		return;
	mmu_kernel_unmap(area_address(s->at), PAGE_SIZE);
	area_give(s->at);
	page_put(s->page);
	kmem_free(s);
}

/* Writes the next stub, which begins with a moved instruction; it is taken only when nr_stubs goes
 * up. */
static int write_stub(struct door_table *t, const uint8_t *moved, uaddr_t ret, vaddr_t *out)
{
	unsigned i = t->nr_stubs / STUBS_PER_PAGE, at = t->nr_stubs % STUBS_PER_PAGE * STUB_SIZE;
	uint8_t *s;
	int32_t jump;

	if (i == STUB_PAGES_MAX)
		return -ENOSPC;
	if (!t->stub_pages[i])
		atomic_store(&t->stub_pages[i], stub_page_new());
	if (!t->stub_pages[i])
		return -ENOMEM;
	s = (uint8_t *)page_to_ptr(t->stub_pages[i]->page) + at;
	*out = area_address(t->stub_pages[i]->at) + at;
	memcpy(s, moved, MOVED_SIZE);
	s[5] = 0x48, s[6] = 0xb9; /* movabs $ret, %rcx */
	memcpy(s + STUB_RETURN, &ret, 8);
	s[15] = 0xe9; /* jmp syscall_entry_patched */
	jump = (int32_t)((vaddr_t)syscall_entry_patched - (*out + 20));
	memcpy(s + 16, &jump, 4);
	return 0;
}

/* ---- windows ---- */

/* Maps a window page at exactly `base`. NULL: not free, or no memory. */
static struct window *add_window(struct door_table *t, uaddr_t base)
{
	struct vm_map m = {
		.addr = base,
		.len = PAGE_SIZE,
		.prot = MMU_READ,
		.flags = VM_MAP_NOREPLACE,
		.name = "[hull]",
	};
	struct page *p;
	uaddr_t at;

	if (t->nr_windows == WINDOWS_MAX || base >= USER_TOP - PAGE_SIZE)
		return NULL;
	p = page_alloc(0, PAGE_ALLOC_ZERO);
	if (!p)
		return NULL;
	page_get(p); /* the program may unmap it: its own count, and this one */
	if (vmspace_map_special(thread_current()->vmspace, &m, &p, &at)) {
		page_put(p);
		page_put(p);
		return NULL;
	}
	t->windows[t->nr_windows] = (struct window){ .base = base, .page = p };
	atomic_add(&t->nr_windows, 1);
	return &t->windows[t->nr_windows - 1];
}

/* A window with a free slot whose address lies in [from, from + REACH_SIZE). */
static struct window *find_window(struct door_table *t, uaddr_t from)
{
	for (unsigned i = 0; i < t->nr_windows; i++) {
		struct window *w = &t->windows[i];
		uaddr_t slot = w->base + w->used * sizeof(uint64_t);

		if (w->used < SLOTS_PER_WINDOW && slot >= from && slot < from + REACH_SIZE)
			return w;
	}
	return NULL;
}

static struct window *absolute_window(struct door_table *t)
{
	struct window *w = find_window(t, REACH_BASE);

	for (uaddr_t at = REACH_BASE; !w && at < REACH_BASE + REACH_SIZE; at += PAGE_SIZE) {
		bool ours = false;

		for (unsigned i = 0; i < t->nr_windows; i++)
			ours |= t->windows[i].base == at;
		if (!ours)
			return add_window(t, at);
	}
	return w;
}

static struct window *relative_window(struct door_table *t, uaddr_t site_end)
{
	uaddr_t from = site_end + REACH_BASE;
	struct window *w = find_window(t, from);

	return w ? w : add_window(t, align_down(from + REACH_SIZE / 2, PAGE_SIZE));
}

/* ---- sites ---- */

/* mov $nr, %eax; or mov 8(%rsp), %r9, by which libc's syscall() loads its last argument. */
static bool is_movable(const uint8_t *code, unsigned long nr)
{
	static const uint8_t load_r9[MOVED_SIZE] = { 0x4c, 0x8b, 0x4c, 0x24, 0x08 };
	uint32_t immediate;

	memcpy(&immediate, code + 1, 4);
	return (code[0] == SITE_MOV && immediate == nr) || memcmp(code, load_r9, MOVED_SIZE) == 0;
}

static int patch_long(struct door_table *t, uaddr_t site_end, uint8_t *code)
{
	struct window *w;
	vaddr_t stub;
	uint64_t *slots;
	uint32_t reach;
	int err = write_stub(t, code, site_end, &stub);

	if (err)
		return err;
	w = absolute_window(t);
	if (w) {
		memcpy(code, (const uint8_t[]){ 0xff, 0x24, 0x25 }, 3);
		reach = (uint32_t)(w->base + w->used * sizeof(uint64_t));
	} else {
		w = relative_window(t, site_end);
		if (!w)
			return -ENOSPC;
		memcpy(code, (const uint8_t[]){ 0x40, 0xff, 0x25 }, 3);
		reach = (uint32_t)(w->base + w->used * sizeof(uint64_t) - site_end);
	}
	memcpy(code + 3, &reach, 4);
	slots = page_to_ptr(w->page);
	atomic_store(&slots[w->used], stub);
	err = vmspace_patch(thread_current()->vmspace, site_end - SITE_SIZE, code, SITE_SIZE);
	if (err)
		return err;
	w->used++;
	t->nr_stubs++;
	return 0;
}

/* ---- read(2)'s sites ---- */

/* The page of relays, which a jump at `from` must reach. */
static int find_relays(struct door_table *t, uaddr_t from)
{
	struct vm_map m = {
		.addr = align_down(from, PAGE_SIZE),
		.len = PAGE_SIZE,
		.prot = MMU_READ | MMU_EXEC,
		.name = "[hull]",
	};
	struct page *p;
	uaddr_t at;

	if (!t->relays.page) {
		p = page_alloc(0, PAGE_ALLOC_ZERO);
		if (!p)
			return -ENOMEM;
		page_get(p); /* as add_window() */
		if (vmspace_map_special(thread_current()->vmspace, &m, &p, &at)) {
			page_put(p);
			page_put(p);
			return -ENOMEM;
		}
		t->relays = (struct window){ .base = at, .page = p };
	}
	if (t->relays.used == RELAYS || t->relays.base - from + RELAY_FAR > 2 * RELAY_FAR)
		return -ENOSPC;
	return 0;
}

/* A gap with room for one more jump that `site` reaches. */
static struct door_pad *find_pad(struct door_table *t, uaddr_t site)
{
	struct door_pad found;
	uint8_t rel;

	for (unsigned i = 0; i < t->nr_pads; i++) {
		struct door_pad *p = &t->pads[i];

		if (p->len >= DOOR_PAD_JUMP && door_pad_reach(site, p->at, &rel))
			return p;
	}
	if (t->nr_pads == PADS_MAX || !door_pad_find(site, &found))
		return NULL;
	t->pads[t->nr_pads] = found;
	return &t->pads[t->nr_pads++];
}

/* jmp *2(%rip), to the stub, whose address follows. */
static const uint8_t relay_jump[8] = { 0xff, 0x25, 0x02, 0x00, 0x00, 0x00, 0x0f, 0x0b };

/* Returns where. */
static uaddr_t write_relay(struct door_table *t, vaddr_t stub)
{
	unsigned at = t->relays.used * RELAY_SIZE;
	uint8_t *relay = (uint8_t *)page_to_ptr(t->relays.page) + at;

	memcpy(relay, relay_jump, sizeof(relay_jump));
	memcpy(relay + sizeof(relay_jump), &stub, sizeof(stub));
	return t->relays.base + at;
}

/* The stub's return address; 0: it is none of the table's. */
static uaddr_t read_stub(struct door_table *t, vaddr_t stub)
{
	struct stub_page *s;
	uaddr_t ret = 0;

	for (unsigned i = 0; i < STUB_PAGES_MAX; i++) {
		s = atomic_load(&t->stub_pages[i]);
		if (!s)
			break;
		if (stub - area_address(s->at) >= PAGE_SIZE || stub % STUB_SIZE != 0)
			continue;
		memcpy(&ret, (uint8_t *)page_to_ptr(s->page) + stub % PAGE_SIZE + STUB_RETURN,
		       sizeof(ret));
		return ret;
	}
	return 0;
}

uaddr_t door_site_of_relay(uaddr_t relay)
{
	struct door_table *t = atomic_load(&thread_current()->vmspace->door);
	uint8_t code[RELAY_SIZE];
	vaddr_t stub;
	uaddr_t ret;

	if (!t || relay % RELAY_SIZE != 0 || user_read(code, relay, sizeof(code)) ||
	    memcmp(code, relay_jump, sizeof(relay_jump)) != 0)
		return 0;
	memcpy(&stub, code + sizeof(relay_jump), sizeof(stub));
	ret = read_stub(t, stub);
	return ret ? ret - 2 - DOOR_XOR_SIZE : 0;
}

static int patch_short(struct door_table *t, uaddr_t site)
{
	static const uint8_t moved[MOVED_SIZE] = { SITE_MOV, 0, 0, 0, 0 };
	struct vmspace *vs = thread_current()->vmspace;
	struct door_pad *pad = find_pad(t, site);
	uint8_t far_jump[DOOR_PAD_JUMP] = { 0xe9 }, jump[DOOR_XOR_SIZE] = { 0xeb };
	vaddr_t stub;
	uint32_t reach;
	int err;

	if (!pad || !door_pad_reach(site, pad->at, &jump[1]))
		return -EINVAL;
	err = find_relays(t, site);
	if (err == 0)
		err = write_stub(t, moved, site + DOOR_XOR_SIZE + 2, &stub);
	if (err)
		return err;
	reach = (uint32_t)(write_relay(t, stub) - (pad->at + DOOR_PAD_JUMP));
	memcpy(far_jump + 1, &reach, sizeof(reach));
	err = vmspace_patch(vs, pad->at, far_jump, DOOR_PAD_JUMP);
	if (err)
		return err;
	/* All of it is used now, whatever becomes of the site. */
	pad->at += DOOR_PAD_JUMP;
	pad->len -= DOOR_PAD_JUMP;
	t->relays.used++;
	t->nr_stubs++;
	return vmspace_patch(vs, site, jump, DOOR_XOR_SIZE);
}

/* ---- any site ---- */

static int patch(struct door_table *t, uaddr_t site_end, unsigned long nr)
{
	uaddr_t site = site_end - SITE_SIZE;
	uint8_t code[SITE_SIZE];

	if (nr == SIGRETURN || site >> PAGE_SHIFT != (site_end - 1) >> PAGE_SHIFT ||
	    user_read(code, site, SITE_SIZE))
		return -EINVAL;
	if (code[5] != SYSCALL_BYTE0 || code[6] != SYSCALL_BYTE1)
		return -EINVAL;
	if (is_movable(code, nr))
		return patch_long(t, site_end, code);
	if (nr == 0 && code[3] == 0x31 && code[4] == 0xc0)
		return patch_short(t, site_end - DOOR_XOR_SIZE - 2);
	return -EINVAL;
}

/* The table of vs, made at the first trap. NULL = no memory. */
static struct door_table *table_of(struct vmspace *vs)
{
	struct door_table *t = atomic_load(&vs->door), *none = NULL;

	if (t)
		return t;
	t = kmem_new(struct door_table);
	if (t && !atomic_compare_exchange(&vs->door, &none, t)) {
		kmem_free(t);
		return none;
	}
	return t;
}

static NOINLINE void try_patch(struct door_table *t, struct site *s, struct trap_frame *f)
{
	if (atomic_exchange(&t->busy, 1))
		return;
	s->traps = HOT_TRAPS + 1; /* not again, whatever comes of it */
	if (patch(t, f->rip, frame_syscall_nr(f)))
		atomic_add(&stats.refused_sites, 1);
	else
		atomic_add(&stats.patched_sites, 1);
	atomic_store(&t->busy, 0);
}

void door_trapped(struct trap_frame *f)
{
	struct vmspace *vs = thread_current()->vmspace;
	struct door_table *t;
	struct site *s;

	if (!door_enabled || f->vector != TRAP_SYSCALL_SLOW || !vs)
		return;
	stats.trapped++;
	t = table_of(vs);
	if (!t)
		return;
	s = &t->sites[(f->rip ^ f->rip >> 8) % NR_SITES];
	if (s->tag != (uint32_t)f->rip)
		*s = (struct site){ .tag = (uint32_t)f->rip };
	if (s->traps > HOT_TRAPS || ++s->traps < HOT_TRAPS)
		return;
	try_patch(t, s, f);
}

/*
 * Called when the child has its copy of the parent's pages: whatever was patched in them by then is
 * in the parent's table. A patch that goes on meanwhile is at worst shared in vain.
 */
struct door_table *door_table_fork(const struct door_table *parent)
{
	struct door_table *t = kmem_new(struct door_table);
	unsigned nr = atomic_load(&parent->nr_windows);

	if (!t)
		return NULL;
	for (unsigned i = 0; i < STUB_PAGES_MAX; i++) {
		t->stub_pages[i] = atomic_load(&parent->stub_pages[i]);
		if (!t->stub_pages[i])
			break;
		ref_get(&t->stub_pages[i]->ref);
		t->nr_stubs += STUBS_PER_PAGE;
	}
	for (unsigned i = 0; i < nr; i++)
		t->windows[i] = (struct window){ parent->windows[i].base, NULL, SLOTS_PER_WINDOW };
	t->nr_windows = nr;
	return t;
}

void door_table_free(struct door_table *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < STUB_PAGES_MAX && t->stub_pages[i]; i++)
		stub_page_put(t->stub_pages[i]);
	for (unsigned i = 0; i < t->nr_windows; i++) {
		if (t->windows[i].page)
			page_put(t->windows[i].page);
	}
	if (t->relays.page)
		page_put(t->relays.page);
	kmem_free(t);
}
