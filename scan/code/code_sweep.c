/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweep over a file's code: makes functions of the starts, decodes each function from its start
 * to its end in one line and writes down what its instructions refer to. Only lengths, opcodes and
 * the raw fields are decoded here (Intel SDM 2A, chapter 2, appendix A), which is quick enough for
 * files of 100 MB; operands are looked at by scan/value, of few functions.
 *
 * Bytes that are no instruction are passed over one at a time: hand-written assembly has tables
 * between its functions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "scan/code/code_build.h"
#include "scan/lower_bound.h"

#define MAX_ROUNDS 32

struct sweeper {
	struct code *code;
	ZydisDecoder decoder;
	struct code_refs refs;
	size_t room_functions, room_doors;
};

/* One decoded instruction and what became of control after it. */
struct step {
	const ZydisDecodedInstruction *insn;
	uint64_t vaddr, next;
};

int code_refs_add(struct code_refs *refs, const struct code_ref *ref)
{
	if (refs->nr == refs->room) {
		const size_t room = refs->room ? refs->room * 2 : 4096;
		struct code_ref *new = realloc(refs->refs, room * sizeof(*new));

		if (!new)
			return -ENOMEM;
		refs->refs = new;
		refs->room = room;
	}
	refs->refs[refs->nr++] = *ref;
	return 0;
}

static int add_ref(struct sweeper *sweeper, uint64_t from, uint64_t to, enum code_ref_kind kind)
{
	return code_refs_add(&sweeper->refs, &(struct code_ref){ .from = (uint32_t)from,
								 .to = (uint32_t)to,
								 .kind = (uint8_t)kind });
}

static int add_door(struct sweeper *sweeper, uint64_t vaddr, enum scan_door door)
{
	struct code *code = sweeper->code;

	if (code->nr_doors == sweeper->room_doors) {
		const size_t room = sweeper->room_doors ? sweeper->room_doors * 2 : 256;
		struct code_door *doors = realloc(code->doors, room * sizeof(*doors));

		if (!doors)
			return -ENOMEM;
		code->doors = doors;
		sweeper->room_doors = room;
	}
	code->doors[code->nr_doors++] = (struct code_door){ .address = (uint32_t)vaddr,
							    .door = door };
	return 0;
}

static bool is_rip_relative(const ZydisDecodedInstruction *insn)
{
	return insn->raw.modrm.offset && insn->raw.modrm.mod == 0 && insn->raw.modrm.rm == 5 &&
	       insn->raw.disp.size == 32;
}

static bool is_legacy(const ZydisDecodedInstruction *insn, ZydisOpcodeMap map, uint8_t opcode)
{
	return insn->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && insn->opcode_map == map &&
	       insn->opcode == opcode;
}

/* May the memory operand be more than 8 bytes? SDM 2A, appendix A, tables. */
static bool is_wide(const ZydisDecodedInstruction *insn)
{
	if (insn->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return true;
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return false;
	if (insn->opcode_map != ZYDIS_OPCODE_MAP_0F)
		return true;
	return !((insn->opcode >= 0x40 && insn->opcode < 0x50) ||
		 (insn->opcode >= 0x80 && insn->opcode < 0xc2 && insn->opcode != 0xae));
}

static bool is_lea(const ZydisDecodedInstruction *insn)
{
	return is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0x8d);
}

/* mov to memory: what was there is not looked at. */
static bool is_store(const ZydisDecodedInstruction *insn)
{
	return is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0x89) ||
	       is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0xc7);
}

/* FF /2 and FF /4: call and jump through memory or a register. */
static bool is_indirect(const ZydisDecodedInstruction *insn)
{
	return is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0xff) &&
	       (insn->raw.modrm.reg == 2 || insn->raw.modrm.reg == 4);
}

static int add_memory(struct sweeper *sweeper, const struct step *step, uint64_t to)
{
	const struct elf_file *file = sweeper->code->file;

	if (is_indirect(step->insn))
		return add_ref(sweeper, step->vaddr, to, CODE_SLOT_CALL);
	if (is_lea(step->insn)) {
		if (code_contains(file, to))
			return add_ref(sweeper, step->vaddr, to, CODE_TAKEN);
		return add_ref(sweeper, step->vaddr, to, CODE_DATA);
	}
	if (is_store(step->insn))
		return add_ref(sweeper, step->vaddr, to, CODE_STORE);
	return add_ref(sweeper, step->vaddr, to, is_wide(step->insn) ? CODE_LOAD_WIDE : CODE_LOAD);
}

/* A number in a file that is linked to fixed addresses: is it an address? */
static int add_number(struct sweeper *sweeper, const struct step *step, uint64_t number)
{
	const struct elf_file *file = sweeper->code->file;

	if (file->type != ET_EXEC || number < file->low || number > file->high)
		return 0;
	return add_ref(sweeper, step->vaddr, number,
		       code_contains(file, number) ? CODE_TAKEN : CODE_DATA);
}

static int add_operands(struct sweeper *sweeper, const struct step *step)
{
	const ZydisDecodedInstruction *insn = step->insn;
	const uint64_t disp = (uint64_t)insn->raw.disp.value;
	int err = 0;

	if (is_rip_relative(insn)) {
		if (elf_file_segment(sweeper->code->file, step->next + disp))
			err = add_memory(sweeper, step, step->next + disp);
	} else if (insn->raw.disp.size >= 32) {
		err = add_number(sweeper, step, disp);
	}
	for (unsigned i = 0; i < 2 && err == 0; i++) {
		if (insn->raw.imm[i].size >= 32 && !insn->raw.imm[i].is_relative)
			err = add_number(sweeper, step,
					 insn->raw.imm[i].size == 32
						 ? (uint32_t)insn->raw.imm[i].value.u
						 : insn->raw.imm[i].value.u);
	}
	return err;
}

static int add_doors(struct sweeper *sweeper, const struct step *step)
{
	const ZydisDecodedInstruction *insn = step->insn;

	if (is_legacy(insn, ZYDIS_OPCODE_MAP_0F, 0x05))
		return add_door(sweeper, step->vaddr, SCAN_SYSCALL);
	if (is_legacy(insn, ZYDIS_OPCODE_MAP_0F, 0x34))
		return add_door(sweeper, step->vaddr, SCAN_SYSENTER);
	if (is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0xcd) && insn->raw.imm[0].value.u == 0x80)
		return add_door(sweeper, step->vaddr, SCAN_INT80);
	return 0;
}

static int add_branch(struct sweeper *sweeper, const struct step *step, uint64_t to)
{
	const bool is_call = is_legacy(step->insn, ZYDIS_OPCODE_MAP_DEFAULT, 0xe8);
	const uint64_t slot = code_thunk_slot(sweeper->code->file, to);

	if (slot)
		return add_ref(sweeper, step->vaddr, slot, CODE_SLOT_CALL);
	if (!code_contains(sweeper->code->file, to))
		return 0;
	return add_ref(sweeper, step->vaddr, to, is_call ? CODE_CALL : CODE_JUMP);
}

/* Control never goes on to the next instruction: ret, jmp, hlt, ud2. */
static bool is_end(const ZydisDecodedInstruction *insn)
{
	if (insn->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_0F)
		return insn->opcode == 0x0b;
	if (insn->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return false;
	switch (insn->opcode) {
	case 0xc2:
	case 0xc3:
	case 0xe9:
	case 0xeb:
	case 0xf4:
		return true;
	case 0xff:
		return insn->raw.modrm.reg == 4;
	}
	return false;
}

static bool is_padding(const ZydisDecodedInstruction *insn)
{
	return is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0x90) ||
	       is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0xcc) ||
	       is_legacy(insn, ZYDIS_OPCODE_MAP_0F, 0x1f);
}

/* What a sweep of one function remembers from instruction to instruction. */
struct sweep {
	struct code_function *function;
	uint64_t furthest; /* branch target inside of the function */
	uint64_t last;     /* the address of the last instruction */
	bool is_stopped;   /* the last instruction that is no padding ended control, or is a call */
};

static int look_at(struct sweeper *sweeper, struct sweep *sweep, const struct step *step)
{
	const ZydisDecodedInstruction *insn = step->insn;
	struct code_function *function = sweep->function;
	const bool is_branch = insn->raw.imm[0].is_relative;
	const uint64_t to = step->next + (uint64_t)insn->raw.imm[0].value.s;
	const bool is_call = is_legacy(insn, ZYDIS_OPCODE_MAP_DEFAULT, 0xe8);
	int err = add_doors(sweeper, step);

	if (err)
		return err;
	if (!is_padding(insn))
		sweep->is_stopped = is_end(insn) || is_call || is_indirect(insn);
	if (is_indirect(insn) && insn->raw.modrm.reg == 4 && !is_rip_relative(insn))
		function->has_indirect_jump = true;
	if (!is_branch)
		return add_operands(sweeper, step);
	if (is_call || to < function->start || to >= function->end)
		return add_branch(sweeper, step, to);
	if (to > sweep->furthest)
		sweep->furthest = to;
	return 0;
}

/* Decodes [start, end); a guessed function's end is set where it is found to end. */
static int sweep_function(struct sweeper *sweeper, struct code_function *function)
{
	const uint8_t *bytes = elf_file_at(sweeper->code->file, function->start,
					   function->end - function->start);
	struct sweep sweep = { .function = function, .is_stopped = true };
	ZydisDecodedInstruction insn;
	uint64_t at = function->start;
	int err = 0;

	function->first_ref = (uint32_t)sweeper->refs.nr;
	while (bytes && at < function->end && err == 0) {
		const struct step step = { &insn, at, 0 };
		struct step now = step;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&sweeper->decoder, NULL,
								bytes + (at - function->start),
								function->end - at, &insn))) {
			at++;
			continue;
		}
		now.next = at + insn.length;
		err = look_at(sweeper, &sweep, &now);
		sweep.last = at;
		at = now.next;
		if (function->is_guess && is_end(&insn) && at > sweep.furthest &&
		    !function->has_indirect_jump)
			function->end = (uint32_t)at;
	}
	if (err == 0 && !sweep.is_stopped && code_contains(sweeper->code->file, function->end))
		err = add_ref(sweeper, sweep.last, function->end, CODE_JUMP);
	function->nr_refs = (uint32_t)sweeper->refs.nr - function->first_ref;
	return err;
}

static int by_start(const void *a, const void *b)
{
	const struct code_start *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->is_exact != y->is_exact)
		return x->is_exact ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static int functions_by_start(const void *a, const void *b)
{
	const struct code_function *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Of several names of one function: the one with the fewest underscores before it. */
static bool is_better_name(const char *name, const char *than)
{
	return !than || strspn(name, "_") < strspn(than, "_");
}

static int add_function(struct sweeper *sweeper, const struct code_function *function)
{
	struct code *code = sweeper->code;

	if (code->nr_functions == sweeper->room_functions) {
		const size_t room = sweeper->room_functions ? sweeper->room_functions * 2 : 1024;
		struct code_function *new = realloc(code->functions, room * sizeof(*new));

		if (!new)
			return -ENOMEM;
		code->functions = new;
		sweeper->room_functions = room;
	}
	code->functions[code->nr_functions++] = *function;
	return 0;
}

/* Where code that holds vaddr ends at the latest. */
static uint32_t code_end(const struct elf_file *file, uint64_t vaddr)
{
	for (unsigned i = 0; i < file->nr_sections; i++) {
		const struct elf_section *section = &file->sections[i];

		if ((section->flags & SHF_EXECINSTR) && vaddr >= section->vaddr &&
		    vaddr - section->vaddr < section->size)
			return (uint32_t)(section->vaddr + section->size);
	}
	return (uint32_t)(vaddr + elf_file_left(file, vaddr));
}

/* One function a start, labels inside of functions dropped. */
static int make_functions(struct sweeper *sweeper, const struct code_starts *starts)
{
	struct code *code = sweeper->code;
	bool is_exact = false;
	int err = 0;

	for (size_t i = 0; i < starts->nr && err == 0; i++) {
		const struct code_start *start = &starts->starts[i];
		struct code_function *last = code->nr_functions
						     ? &code->functions[code->nr_functions - 1]
						     : NULL;

		if (last && start->start == last->start) {
			if (start->name && is_better_name(start->name, last->name))
				last->name = start->name;
			if (last->end == 0)
				last->end = start->end;
			continue;
		}
		if (last && start->start < last->end && (is_exact || !start->is_exact))
			continue;
		if (last && start->start < last->end)
			last->end = start->start;
		is_exact = start->is_exact;
		err = add_function(sweeper, &(struct code_function){ .start = start->start,
								     .end = start->end,
								     .name = start->name });
	}
	return err;
}

/* Gives each function whose end is not known or too far the next start as its end. */
static void bound_functions(struct code *code)
{
	for (uint32_t i = 0; i < code->nr_functions; i++) {
		struct code_function *function = &code->functions[i];
		uint32_t limit = code_end(code->file, function->start);

		if (i + 1 < code->nr_functions && code->functions[i + 1].start < limit)
			limit = code->functions[i + 1].start;
		if (function->end == 0) {
			function->is_guess = true;
			function->end = limit;
		}
		if (function->end > limit)
			function->end = limit;
	}
}

/* The first start that is above vaddr among the sorted functions [0, nr). */
static uint32_t next_start(const struct code *code, uint32_t nr, uint64_t vaddr)
{
	const size_t at = LOWER_BOUND(code->functions, nr, .start, vaddr + 1);

	return at < nr ? code->functions[at].start : CODE_NONE;
}

static int compare_u32(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sweeps a function from each address that is in no function yet. */
static int sweep_new(struct sweeper *sweeper, uint32_t *addresses, size_t nr)
{
	struct code *code = sweeper->code;
	const uint32_t nr_before = code->nr_functions;
	uint32_t done = 0;
	int err = 0;

	if (nr)
		qsort(addresses, nr, sizeof(*addresses), compare_u32);
	for (size_t i = 0; i < nr && err == 0; i++) {
		struct code_function function = { .start = addresses[i], .is_guess = true };
		uint32_t limit = code_end(code->file, addresses[i]);
		const uint32_t next = next_start(code, nr_before, addresses[i]);

		if (addresses[i] < done)
			continue;
		function.end = next < limit ? next : limit;
		err = sweep_function(sweeper, &function);
		done = function.end;
		if (err == 0)
			err = add_function(sweeper, &function);
	}
	if (code->nr_functions)
		qsort(code->functions, code->nr_functions, sizeof(*code->functions),
		      functions_by_start);
	return err;
}

static bool starts_function(const struct code *code, uint64_t vaddr)
{
	return code_contains(code->file, vaddr) && code_function_at(code, vaddr) == CODE_NONE;
}

/* Code addresses in no function: of the references from `first` on, and of all pointers. */
static int collect_new(const struct sweeper *sweeper, size_t first, uint32_t **addresses,
		       size_t *nr)
{
	const struct code *code = sweeper->code;
	const size_t room = sweeper->refs.nr - first + code->nr_pointers;

	*nr = 0;
	*addresses = malloc((room + 1) * sizeof(**addresses));
	if (!*addresses)
		return -ENOMEM;
	for (size_t i = first; i < sweeper->refs.nr; i++) {
		const struct code_ref *ref = &sweeper->refs.refs[i];

		if (ref->kind <= CODE_TAKEN && starts_function(code, ref->to))
			(*addresses)[(*nr)++] = ref->to;
	}
	for (uint32_t i = 0; i < code->nr_pointers && first == 0; i++) {
		const struct elf_reloc *pointer = &code->pointers[i];

		if ((pointer->type == R_X86_64_RELATIVE || pointer->type == R_X86_64_IRELATIVE) &&
		    starts_function(code, (uint64_t)pointer->addend))
			(*addresses)[(*nr)++] = (uint32_t)pointer->addend;
	}
	return 0;
}

static int sweep_rounds(struct sweeper *sweeper)
{
	size_t first = 0, nr = 1;
	int err = 0;

	for (unsigned round = 0; round < MAX_ROUNDS && nr && err == 0; round++) {
		const size_t seen = sweeper->refs.nr;
		uint32_t *addresses;

		err = collect_new(sweeper, first, &addresses, &nr);
		if (err)
			return err;
		first = seen;
		err = sweep_new(sweeper, addresses, nr);
		free(addresses);
	}
	return err;
}

/*
 * A signal's trampoline has its frame description begin one byte early, for unwinders that look up
 * the address before a return address (glibc, sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c):
 * whose second byte is referred to, starts there.
 */
static int correct_starts(struct sweeper *sweeper)
{
	struct code *code = sweeper->code;
	const size_t nr = sweeper->refs.nr;
	int err = 0;

	for (size_t i = 0; i < nr && err == 0; i++) {
		const struct code_ref *ref = &sweeper->refs.refs[i];
		const uint32_t at = ref->kind <= CODE_TAKEN ? code_function_at(code, ref->to)
							    : CODE_NONE;
		struct code_function *function = at == CODE_NONE ? NULL : &code->functions[at];

		if (!function || ref->to != function->start + 1 || ref->to == function->end)
			continue;
		function->start = ref->to;
		err = sweep_function(sweeper, function);
	}
	return err;
}

static int doors_by_address(const void *a, const void *b)
{
	const struct code_door *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void place_doors(struct code *code)
{
	uint32_t nr = 0;

	if (code->nr_doors)
		qsort(code->doors, code->nr_doors, sizeof(*code->doors), doors_by_address);
	for (uint32_t i = 0; i < code->nr_doors; i++) {
		code->doors[i].function = code_function_at(code, code->doors[i].address);
		if (code->doors[i].function != CODE_NONE &&
		    (nr == 0 || code->doors[nr - 1].address != code->doors[i].address))
			code->doors[nr++] = code->doors[i];
	}
	code->nr_doors = nr;
}

int code_sweep(struct code *code, const struct code_starts *starts)
{
	struct sweeper sweeper = { .code = code };
	int err;

	if (starts->nr)
		qsort(starts->starts, starts->nr, sizeof(*starts->starts), by_start);
	ZydisDecoderInit(&sweeper.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	/* lengths, opcodes and raw fields only: no mnemonics, no operands */
	ZydisDecoderEnableMode(&sweeper.decoder, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
	err = make_functions(&sweeper, starts);
	if (err == 0)
		bound_functions(code);
	for (uint32_t i = 0; i < code->nr_functions && err == 0; i++)
		err = sweep_function(&sweeper, &code->functions[i]);
	if (err == 0)
		err = sweep_rounds(&sweeper);
	if (err == 0)
		err = correct_starts(&sweeper);
	code->refs = sweeper.refs.refs;
	code->nr_refs = (uint32_t)sweeper.refs.nr;
	if (err == 0)
		place_doors(code);
	for (uint32_t i = 0; i < code->nr_functions; i++)
		code->code_bytes += code->functions[i].end - code->functions[i].start;
	return err;
}
