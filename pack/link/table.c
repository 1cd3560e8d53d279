/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assembly that makes a kernel what it is: the table of calls (kernel/linux/syscall.h), and the
 * notes from which `hull inspect` reads calls and parts (abi/hull/image.h). Parts are named to ld
 * itself.
 */
#include <abi/hull/image.h>

#include "pack/link/plan.h"

static void write_calls(FILE *out, const struct plan *plan)
{
	unsigned end = LINK_TABLE_MAX;

	while (end > 0 && !plan->calls[end - 1])
		end--;
	fprintf(out,
		"\t.section .rodata.syscall_table, \"a\"\n"
		"\t.globl syscall_table_nr, syscall_table\n"
		"\t.balign 4\nsyscall_table_nr:\n\t.long %u\nsyscall_table:\n",
		end);
	for (unsigned nr = 0; nr < end; nr++) {
		if (plan->calls[nr])
			fprintf(out, "\t.reloc ., R_X86_64_32S, sys_%s\n", link_call_name(nr));
		fprintf(out, "\t.long 0\n");
	}
}

static void begin_note(FILE *out, int type)
{
	fprintf(out, "\t.long 2f - 1f, 4f - 3f, %d\n1:\t.asciz \"%s\"\n2:\t.balign 4\n3:\n", type,
		IMAGE_NOTE_OWNER);
}

static void write_notes(FILE *out, const struct plan *plan)
{
	fprintf(out, "\t.section .note.hull, \"a\", @note\n\t.balign 4\n");
	begin_note(out, IMAGE_NOTE_CALLS);
	for (unsigned nr = 0; nr < LINK_CALLS_MAX; nr++)
		if (plan->calls[nr])
			fprintf(out, "\t.short %u\n", nr);
	fprintf(out, "4:\t.balign 4\n");
	begin_note(out, IMAGE_NOTE_PARTS);
	for (unsigned i = 0; i < nr_part_rows; i++)
		if (plan->parts[i])
			fprintf(out, "\t.asciz \"%s\"\n", part_rows[i].name);
	fprintf(out, "4:\t.balign 4\n");
}

void table_write(FILE *out, const struct plan *plan)
{
	write_calls(out, plan);
	if (!plan->is_whole)
		write_notes(out, plan);
	fprintf(out, "\t.section .note.GNU-stack, \"\", @progbits\n");
}
