/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instructions move, and where to: plan.h. */
#include <stdlib.h>
#include <string.h>

#include "abi/hull/door.h"
#include "pack/rewrite/code.h"
#include "pack/rewrite/plan.h"

#define STUB_MAX \
	(DOOR_MOVED_MAX + DOOR_STUB_LEA_SIZE + DOOR_STUB_JMP_SIZE + \
	 sizeof(struct door_stub_tail) + DOOR_STUB_ALIGN)
#define CHANGES_MAX  2 /* of one site: itself, and the jump in a gap */
#define NR_SIGRETURN 15
#define BEHIND       256 /* bytes behind a site in which a gap is looked for */

_Static_assert(sizeof(((struct change *)0)->bytes) >= DOOR_MOVED_MAX, "a change holds a run");

size_t plan_stubs_max(unsigned nr_sites)
{
	return nr_sites * STUB_MAX;
}

/* The instructions [first, nr_run - 1) of a site are to be moved. */
struct run {
	const struct scan_syscall_site *site;
	unsigned first;
	unsigned size_bytes;
	enum rewrite_refusal why; /* it does not begin earlier */
};

static bool is_relocated(const struct elf_file *file, uint64_t from, uint64_t to)
{
	unsigned low = 0, high = file->nr_relocs;

	while (low < high) { /* the first whose 8 bytes end behind `from` */
		unsigned middle = low + (high - low) / 2;

		if (file->relocs[middle].address + 8 <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low < file->nr_relocs && file->relocs[low].address < to;
}

static bool is_movable(const struct plan *p, const struct scan_instruction *i)
{
	const uint8_t *bytes = elf_file_at(p->file, i->address, i->len_bytes);
	uint8_t copy[16];

	return bytes && i->len_bytes <= sizeof(copy) &&
	       code_move(copy, bytes, i->len_bytes, i->address, i->address);
}

/* One instruction more. False: why it cannot be. */
static bool extend(const struct plan *p, struct run *run)
{
	const struct scan_syscall_site *s = run->site;

	run->why = REWRITE_NO_ROOM;
	if (run->first == 0)
		return false;
	run->why = REWRITE_ENTERED;
	if (run->first < s->nr_run - 1 && (s->maybe_target || s->run[run->first].is_target))
		return false;
	run->why = REWRITE_IMMOVABLE;
	if (!is_movable(p, &s->run[run->first - 1]))
		return false;
	run->first--;
	run->size_bytes += s->run[run->first].len_bytes;
	return true;
}

/* The file's bytes where the run begins, up to the end of the `syscall`. */
static const uint8_t *run_bytes(const struct plan *p, const struct run *run)
{
	uint64_t address = run->site->address - run->size_bytes;

	return elf_file_at(p->file, address, run->size_bytes + SYSCALL_SIZE);
}

/* Copies the run to where the stub begins. */
static bool move_run(const struct plan *p, const struct run *run, uint8_t *out, uint64_t to)
{
	const struct scan_syscall_site *s = run->site;
	const uint8_t *bytes = run_bytes(p, run);
	unsigned at = 0;

	if (!bytes)
		return false;
	for (unsigned i = run->first; i + 1 < s->nr_run; i++) {
		unsigned len = s->run[i].len_bytes;

		if (at + len > run->size_bytes ||
		    !code_move(out + at, bytes + at, len, s->run[i].address, to + at))
			return false;
		at += len;
	}
	return at == run->size_bytes;
}

/* The stub behind its moved instructions. */
static bool finish_stub(struct plan *p, const struct run *run, uint64_t stub)
{
	uint64_t back = run->site->address + SYSCALL_SIZE;
	uint8_t *out = p->code + (stub - p->stubs) + run->size_bytes;
	uint32_t lea = DOOR_STUB_LEA, jmp = DOOR_STUB_JMP, slot = (uint32_t)DOOR_SLOT;
	struct door_stub_tail tail = { .moved_size = (uint8_t)run->size_bytes,
				       .run_size = (uint8_t)run->size_bytes };
	int32_t distance;

	if (!code_distance(stub + run->size_bytes + DOOR_STUB_LEA_SIZE, back, &distance))
		return false;
	memcpy(out, &lea, 3);
	memcpy(out + 3, &distance, 4);
	memcpy(out + 7, &jmp, 3);
	memcpy(out + 10, &slot, 4);
	memcpy(out + 14, &tail, sizeof(tail));
	return true;
}

/* A jump, and fill up to len_bytes. */
static void add_change(struct plan *p, uint64_t address, unsigned len_bytes, const uint8_t *jump,
		       unsigned jump_bytes)
{
	struct change *c = &p->changes[p->nr_changes++];

	*c = (struct change){ .address = address, .len_bytes = len_bytes };
	memcpy(c->bytes, jump, jump_bytes);
	code_fill(c->bytes + jump_bytes, len_bytes - jump_bytes);
}

/* The site jumps to `gap`, and the gap to the stub. */
static bool jump_by_gap(struct plan *p, const struct run *run, struct gap *gap, uint64_t stub)
{
	uint64_t address = run->site->address - run->size_bytes;
	uint8_t near_jump[SHORT_JUMP_SIZE], far_jump[JUMP_SIZE];

	if (!code_short_jump(near_jump, address, gap->address) ||
	    !code_jump(far_jump, gap->address, stub))
		return false;
	add_change(p, address, run->size_bytes, near_jump, sizeof(near_jump));
	add_change(p, gap->address, (unsigned)gap->len_bytes, far_jump, sizeof(far_jump));
	gap->address += JUMP_SIZE;
	gap->len_bytes -= JUMP_SIZE;
	return true;
}

static bool jump_directly(struct plan *p, const struct run *run, uint64_t stub)
{
	uint64_t address = run->site->address - run->size_bytes;
	uint8_t jump[JUMP_SIZE];

	if (!code_jump(jump, address, stub))
		return false;
	add_change(p, address, run->size_bytes, jump, sizeof(jump));
	return true;
}

/*
 * How much of the site moves: as little as has room for a jump, or else all that may be, if a gap
 * is near for it.
 */
static struct gap *choose_run(struct plan *p, struct run *run)
{
	struct gap *gap;

	while (run->size_bytes < JUMP_SIZE && extend(p, run))
		;
	if (run->size_bytes >= JUMP_SIZE)
		return NULL;
	for (; run->size_bytes >= SHORT_JUMP_SIZE; run->first++) {
		gap = gaps_find(&p->gaps, run->site->address - run->size_bytes);
		if (gap)
			return gap;
		run->size_bytes -= run->site->run[run->first].len_bytes;
	}
	return NULL;
}

static bool uses_flags(const struct plan *p, const struct scan_syscall_site *s)
{
	uint64_t left = elf_file_left(p->file, s->address + SYSCALL_SIZE);
	const uint8_t *code = elf_file_at(p->file, s->address + SYSCALL_SIZE, left);

	return code && code_uses_flags(code, left < BEHIND ? left : BEHIND);
}

/* REWRITE_NR_REFUSALS: it is in the plan. */
static enum rewrite_refusal plan_site(struct plan *p, const struct scan_syscall_site *s)
{
	struct run run = { .site = s, .first = s->nr_run - 1 };
	uint64_t stub = p->stubs + p->code_bytes;
	struct gap *gap;
	bool done;

	if (s->number == NR_SIGRETURN)
		return REWRITE_SIGRETURN;
	if (uses_flags(p, s))
		return REWRITE_FLAGS;
	gap = choose_run(p, &run);
	if (!gap && run.size_bytes < JUMP_SIZE)
		return run.why;
	if (is_relocated(p->file, s->address - run.size_bytes, s->address + SYSCALL_SIZE))
		return REWRITE_RELOCATED;
	if (!move_run(p, &run, p->code + p->code_bytes, stub))
		return REWRITE_IMMOVABLE;
	if (!finish_stub(p, &run, stub))
		return REWRITE_TOO_FAR;
	done = gap ? jump_by_gap(p, &run, gap, stub) : jump_directly(p, &run, stub);
	if (!done)
		return REWRITE_TOO_FAR;
	p->code_bytes += run.size_bytes + DOOR_STUB_LEA_SIZE + DOOR_STUB_JMP_SIZE +
			 sizeof(struct door_stub_tail);
	p->code_bytes = (p->code_bytes + DOOR_STUB_ALIGN - 1) & ~(size_t)(DOOR_STUB_ALIGN - 1);
	return REWRITE_NR_REFUSALS;
}

static bool find_gaps(struct plan *p, const struct scan_sites *sites)
{
	for (unsigned i = 0; i < sites->nr_sites; i++) {
		uint64_t address = sites->sites[i].address;
		uint64_t left = elf_file_left(p->file, address);
		uint64_t size = left < BEHIND ? left : BEHIND;
		const uint8_t *code = elf_file_at(p->file, address, size);
		size_t at, len = code ? code_gap_after(code, size, address, &at) : 0;

		if (len >= JUMP_SIZE && !is_relocated(p->file, address + at, address + at + len) &&
		    !gaps_add(&p->gaps, address + at, len))
			return false;
	}
	return true;
}

int plan_make(struct plan *p, const struct scan_sites *sites)
{
	enum rewrite_refusal why;

	p->nr_changes = p->code_bytes = 0;
	p->gaps = (struct gaps){ .gaps = NULL };
	p->changes = calloc((size_t)sites->nr_sites * CHANGES_MAX + 1, sizeof(*p->changes));
	p->code = calloc(1, plan_stubs_max(sites->nr_sites) + 1);
	if (!p->changes || !p->code || !find_gaps(p, sites))
		return -1;
	for (unsigned i = 0; i < sites->nr_sites; i++) {
		why = plan_site(p, &sites->sites[i]);
		if (why == REWRITE_NR_REFUSALS)
			p->counts->nr_rewritten++;
		else
			p->counts->nr_refused[why]++;
	}
	p->counts->nr_sites = sites->nr_sites;
	return 0;
}

void plan_fini(struct plan *p)
{
	gaps_fini(&p->gaps);
	free(p->changes);
	free(p->code);
}
