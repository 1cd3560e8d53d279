/* SPDX-License-Identifier: BSD-2-Clause */
/* The sites of one file (sites.h): each door's run of instructions, from its function's body. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/code/body.h"
#include "scan/sites.h"

/* Addresses that control may come to: targets of branches and calls, and all that is pointed to. */
struct targets {
	uint32_t *addresses;
	size_t nr;
};

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int collect_targets(const struct code *code, struct targets *targets)
{
	targets->addresses =
		malloc((code->nr_refs + code->nr_pointers + 1ull) * sizeof(*targets->addresses));
	if (!targets->addresses)
		return -ENOMEM;
	for (uint32_t i = 0; i < code->nr_refs; i++) {
		if (code->refs[i].kind <= CODE_TAKEN)
			targets->addresses[targets->nr++] = code->refs[i].to;
	}
	for (uint32_t i = 0; i < code->nr_pointers; i++) {
		const struct elf_reloc *pointer = &code->pointers[i];

		if (pointer->type == R_X86_64_RELATIVE || pointer->type == R_X86_64_IRELATIVE)
			targets->addresses[targets->nr++] = (uint32_t)pointer->addend;
	}
	qsort(targets->addresses, targets->nr, sizeof(*targets->addresses), compare);
	return 0;
}

static bool is_target(const struct targets *targets, const struct op *op)
{
	return op->is_target || bsearch(&op->address, targets->addresses, targets->nr,
					sizeof(*targets->addresses), compare);
}

/*
 * Landing pads are entered by the unwinder: they begin after a transfer of control or after a call,
 * where no branch leads. Such an instruction begins a run anyway; only one after a call that falls
 * through, too, could be one: both are targets then.
 */
static bool begins_run(const struct body *body, uint32_t op)
{
	const struct op *before = &body->ops[op ? op - 1 : 0];

	return op == 0 || before->is_branch || before->ends || before->kind == OP_SYSCALL ||
	       before->address + before->len_bytes != body->ops[op].address;
}

static void set_instruction(struct scan_instruction *instruction, const struct body *body,
			    uint32_t index, const struct targets *targets)
{
	const struct op *op = &body->ops[index];

	*instruction = (struct scan_instruction){
		.address = op->address,
		.len_bytes = op->len_bytes,
		.is_target = index == 0 || is_target(targets, op) || begins_run(body, index),
		.is_rip_relative = op->is_rip_relative,
		.reads_rsp = op->wants_stack,
		.writes_rsp = op->writes >> BODY_RSP & 1,
	};
}

static void set_run(struct scan_syscall_site *site, const struct body *body, uint32_t last,
		    const struct targets *targets)
{
	uint32_t first = last;

	while (last - first + 1 < SCAN_RUN_MAX && !begins_run(body, first))
		first--;
	for (uint32_t i = first; i <= last; i++)
		set_instruction(&site->run[site->nr_run++], body, i, targets);
}

/* Is there an indirect jump whose table was not found? Two jumps that share one look so, too. */
static bool has_open_jump(const struct body *body)
{
	return body->nr_indirect_jumps > body->nr_tables;
}

/* The constant that the run itself puts in EAX. */
static int run_number(const struct body *body, uint32_t door)
{
	for (uint32_t i = door; !begins_run(body, i) && !body->ops[i].is_target;) {
		const struct op *op = &body->ops[--i];

		if (!(op->writes & 1u << BODY_RAX))
			continue;
		return op->kind == OP_SET && op->imm >= 0 && op->imm <= INT32_MAX ? (int)op->imm
										  : -1;
	}
	return -1;
}

static int fill_site(struct scan_syscall_site *site, const struct code *code,
		     const struct code_door *door, const struct targets *targets)
{
	struct body *body;
	uint32_t op;
	int err = body_new(&body, code, door->function);

	if (err)
		return err == -E2BIG ? 0 : err;
	op = body_op_at(body, door->address);
	if (op != CODE_NONE) {
		site->address = door->address;
		site->function = body->function->start;
		site->maybe_target = has_open_jump(body);
		site->number = run_number(body, op);
		set_run(site, body, op, targets);
	}
	body_free(body);
	return 0;
}

static int fill(struct scan_sites *sites, const struct code *code)
{
	struct targets targets = { 0 };
	int err = collect_targets(code, &targets);

	sites->sites = calloc(code->nr_doors + 1ull, sizeof(*sites->sites));
	if (!sites->sites)
		err = -ENOMEM;
	for (uint32_t i = 0; i < code->nr_doors && err == 0; i++) {
		struct scan_syscall_site *site = &sites->sites[sites->nr_sites];

		if (code->doors[i].door != SCAN_SYSCALL)
			continue;
		err = fill_site(site, code, &code->doors[i], &targets);
		sites->nr_sites += site->nr_run > 0;
	}
	free(targets.addresses);
	return err;
}

int scan_sites_find(struct scan_sites **result, const struct elf_file *file,
		    struct scan_error *error)
{
	struct scan_sites *sites = calloc(1, sizeof(*sites));
	struct code *code = NULL;
	int err = sites ? code_new(&code, file) : -ENOMEM;

	if (err == 0)
		err = fill(sites, code);
	code_free(code);
	if (err) {
		scan_error_set(error, "%s: not enough memory to analyse it", file->path);
		scan_sites_free(sites);
	} else {
		*result = sites;
	}
	return err;
}

void scan_sites_free(struct scan_sites *sites)
{
	if (!sites)
		return;
	free(sites->sites);
	free(sites);
}
