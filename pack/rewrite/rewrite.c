/* SPDX-License-Identifier: BSD-2-Clause */
/* From a file's bytes to those of the rewritten file: rewrite.h. */
#include <stdlib.h>
#include <string.h>

#include "pack/rewrite/code.h"
#include "pack/rewrite/entry_check.h"
#include "pack/rewrite/output.h"
#include "pack/rewrite/plan.h"
#include "pack/rewrite/rewrite.h"

#define STUBS_ALIGN 64u

const char *rewrite_refusal_text(enum rewrite_refusal why)
{
	static const char *const texts[REWRITE_NR_REFUSALS] = {
		[REWRITE_SIGRETURN] = "the return from a signal, which debuggers know by its bytes",
		[REWRITE_NO_ROOM] = "no room for a jump before it or nearby",
		[REWRITE_ENTERED] = "the instructions before it may be jumped to",
		[REWRITE_FLAGS] = "the flags are looked at after it",
		[REWRITE_IMMOVABLE] = "the instruction before it cannot be moved",
		[REWRITE_RELOCATED] = "the loader changes its bytes",
		[REWRITE_TOO_FAR] = "too far from the file's end for a jump",
	};

	return texts[why];
}

static uint64_t check_size(void)
{
	return (uint64_t)(entry_check_end - entry_check_code);
}

static uint64_t stubs_offset(void)
{
	return (check_size() + STUBS_ALIGN - 1) & ~(uint64_t)(STUBS_ALIGN - 1);
}

/* The check, at `at`, goes on at the file's entry. */
static bool write_check(uint8_t *code, uint64_t at, uint64_t entry)
{
	size_t jump = (size_t)(entry_check_jump - entry_check_code);

	memcpy(code, entry_check_code, check_size());
	return code_jump(code + jump, at + jump, entry);
}

/* The output's bytes of a change; not NULL, as plan.c found the instruction there. */
static void apply_changes(const struct plan *plan, uint8_t *bytes)
{
	for (size_t i = 0; i < plan->nr_changes; i++) {
		const struct change *c = &plan->changes[i];
		const uint8_t *at = elf_file_at(plan->file, c->address, c->len_bytes);

		if (at)
			memcpy(bytes + (at - plan->file->bytes), c->bytes, c->len_bytes);
	}
}

static int no_memory(const struct elf_file *file, struct failure *failure)
{
	return failure_set(failure, "%s: not enough memory to rewrite it", file->path);
}

static int write_out(const struct output *place, const struct plan *plan, struct rewritten *out,
		     struct failure *failure)
{
	const struct elf_file *file = plan->file;
	size_t len = stubs_offset() + plan->code_bytes;
	uint8_t *bytes = calloc(1, len);
	struct output_code code = {
		.bytes = bytes,
		.len_bytes = len,
		.entry = file->entry,
		.note = { .version = DOOR_VERSION,
			  .nr_sites = out->nr_sites,
			  .nr_rewritten = out->nr_rewritten,
			  .entry = file->entry },
	};
	int err;

	if (!bytes)
		return no_memory(file, failure);
	memcpy(bytes + stubs_offset(), plan->code, plan->code_bytes);
	if (file->entry != 0 && elf_file_is_code(file, file->entry) &&
	    write_check(bytes, place->code, file->entry))
		code.entry = place->code;
	err = output_write(place, &code, &out->bytes, &out->len_bytes);
	free(bytes);
	if (err)
		return no_memory(file, failure);
	apply_changes(plan, out->bytes);
	out->outcome = REWRITE_DONE;
	return 0;
}

static int rewrite_sites(const struct elf_file *file, const struct scan_sites *sites,
			 struct rewritten *out, struct failure *failure)
{
	struct output place;
	struct plan plan = { .file = file, .counts = out };
	int err = output_place(&place, file, failure);

	if (err)
		return err;
	plan.stubs = place.code + stubs_offset();
	if (plan_make(&plan, sites))
		err = no_memory(file, failure);
	else if (out->nr_rewritten > 0)
		err = write_out(&place, &plan, out, failure);
	plan_fini(&plan);
	return err;
}

static int rewrite_file(const struct elf_file *file, struct rewritten *out, struct failure *failure)
{
	struct scan_error error = { .text = "" };
	struct scan_sites *sites;
	struct door_note note;
	int err;

	if (elf_file_is_rewritten(file, &note)) {
		out->outcome = REWRITE_ALREADY;
		out->nr_sites = note.nr_sites;
		out->nr_rewritten = note.nr_rewritten;
		return 0;
	}
	if (scan_sites_find(&sites, file, &error))
		return failure_set(failure, "%s", error.text);
	err = sites->nr_sites > 0 ? rewrite_sites(file, sites, out, failure) : 0;
	scan_sites_free(sites);
	return err;
}

int rewrite_bytes(struct rewritten *out, const char *path, const void *bytes, size_t len_bytes,
		  struct failure *failure)
{
	struct scan_error error = { .text = "" };
	struct elf_file *file;
	int err;

	*out = (struct rewritten){ .outcome = REWRITE_NO_SITES };
	if (elf_file_read(&file, path, bytes, len_bytes, &error))
		return failure_set(failure, "%s", error.text);
	err = rewrite_file(file, out, failure);
	elf_file_close(file);
	return err;
}

void rewritten_fini(struct rewritten *r)
{
	free(r->bytes);
	r->bytes = NULL;
}
