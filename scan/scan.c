/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The analysis of one program from its files to the answer (scan.h), and what is kept from one
 * program to the next: the code of each file, by device and inode, with the ELF file that it was
 * made of. A file that was written to since (its size or time of change differ) is read again.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scan/answer.h"

struct kept {
	struct elf_file *file;
	struct code *code;
	struct stat stat;
	uint16_t *naive; /* numbers at its sites, looked at alone */
	size_t nr_naive;
};

#define MAX_OPENED 256

/* What one program's analysis is repeated with: it may open libraries by names that it holds. */
struct round {
	const char *program;
	const struct scan_options *options;
	const char *opened[MAX_OPENED + 1]; /* ends with NULL */
	unsigned nr_opened;
};

struct scan {
	struct kept *kept;
	size_t nr_kept;
};

int scan_new(struct scan **scan)
{
	*scan = calloc(1, sizeof(**scan));
	return *scan ? 0 : -ENOMEM;
}

void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	for (size_t i = 0; i < scan->nr_kept; i++) {
		code_free(scan->kept[i].code);
		elf_file_close(scan->kept[i].file);
		free(scan->kept[i].naive);
	}
	free(scan->kept);
	free(scan);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The numbers are in stubs then, and nothing leads from them to a call. */
static int refuse_rewritten(const struct elf_file *file, struct scan_error *error)
{
	struct door_note note;

	if (!elf_file_is_rewritten(file, &note))
		return 0;
	scan_error_set(error, "%s: 'hull rewrite' has patched its system calls; scan the original",
		       file->path);
	return -ENOEXEC;
}

/* Reads a file that is not kept yet. It is opened anew: what is kept outlives the closure. */
static int keep(struct scan *scan, const char *path, const struct stat *stat,
		struct scan_error *error)
{
	struct kept *kept = realloc(scan->kept, (scan->nr_kept + 1) * sizeof(*kept));
	struct kept new = { .stat = *stat };
	int err;

	if (!kept)
		return -ENOMEM;
	scan->kept = kept;
	err = elf_file_open(&new.file, path, error);
	if (err)
		return err;
	err = refuse_rewritten(new.file, error);
	if (err == 0)
		err = code_new(&new.code, new.file);
	if (err == 0)
		err = answer_naive(new.code, &new.naive, &new.nr_naive);
	if (err) {
		code_free(new.code);
		elf_file_close(new.file);
		return err;
	}
	kept[scan->nr_kept++] = new;
	return 0;
}

static int find(struct scan *scan, const char *path, size_t *index, struct scan_error *error)
{
	struct stat now;
	int err;

	if (stat(path, &now) < 0) {
		scan_error_set(error, "%s: %s", path, strerror(errno));
		return -errno;
	}
	for (size_t i = scan->nr_kept; i-- > 0;) {
		if (is_same(&scan->kept[i].stat, &now)) {
			*index = i;
			return 0;
		}
	}
	err = keep(scan, path, &now, error);
	*index = scan->nr_kept - 1;
	if (err == -ENOMEM)
		scan_error_set(error, "%s: not enough memory to analyse it", path);
	return err;
}

static int set_modules(struct scan *scan, const struct closure *closure, struct reach *reach,
		       struct scan_answer *answer, struct scan_error *error)
{
	size_t index = 0;
	int err = 0;

	reach->nr_modules = closure->nr_objects;
	reach->modules = calloc(closure->nr_objects, sizeof(*reach->modules));
	if (!reach->modules)
		return -ENOMEM;
	for (unsigned i = 0; i < closure->nr_objects && err == 0; i++) {
		const struct closure_object *object = &closure->objects[i];

		err = find(scan, object->host_path, &index, error);
		if (err)
			return err;
		reach->modules[i].object = object;
		reach->modules[i].file = scan->kept[index].file;
		reach->modules[i].code = scan->kept[index].code;
		for (size_t n = 0; n < scan->kept[index].nr_naive; n++)
			answer->naive[scan->kept[index].naive[n]] = 1;
	}
	return 0;
}

/* Names that no earlier round looked for. They lie in the files' bytes, which are kept. */
static bool add_opened(struct round *round, const struct reach *reach)
{
	bool is_new = false;

	for (size_t i = 0; i < reach->nr_opened && round->nr_opened < MAX_OPENED; i++) {
		unsigned n = 0;

		while (n < round->nr_opened && strcmp(round->opened[n], reach->opened[i]) != 0)
			n++;
		if (n == round->nr_opened) {
			round->opened[round->nr_opened++] = reach->opened[i];
			is_new = true;
		}
	}
	return is_new;
}

/* One closure and what is reached in it. 1: it opens libraries that nobody looked for yet. */
static int run_round(struct scan *scan, struct round *round, struct scan_answer *answer,
		     struct scan_error *error)
{
	struct closure_options options = round->options->closure;
	struct reach reach = { .whole_data = round->options->whole_data };
	struct values *values = NULL;
	int err;

	options.opened = round->opened;
	err = closure_find(&answer->closure, round->program, &options, error);
	if (err == 0)
		err = set_modules(scan, answer->closure, &reach, answer, error);
	if (err == 0)
		err = reach_run(&reach);
	if (err == 0 && add_opened(round, &reach))
		err = 1;
	if (err == 0)
		err = values_new(&values, &reach);
	if (err == 0)
		err = answer_fill(answer, values);
	values_free(values);
	reach_fini(&reach);
	return err;
}

/* Rounds until no new name of a library comes up; MAX_OPENED bounds them. */
static int analyse(struct scan *scan, struct round *round, struct scan_answer **result,
		   struct scan_error *error)
{
	int err = 1;

	while (err == 1) {
		struct scan_answer *answer = calloc(1, sizeof(*answer));

		if (!answer)
			return -ENOMEM;
		err = run_round(scan, round, answer, error);
		if (err)
			scan_answer_free(answer);
		else
			*result = answer;
	}
	return err;
}

int scan_program(struct scan *scan, const char *program, const struct scan_options *options,
		 struct scan_answer **answer, struct scan_error *error)
{
	const struct scan_options none = { 0 };
	struct round round = { .program = program, .options = options ? options : &none };

	scan_error_set(error, "%s: not enough memory", program);
	return analyse(scan, &round, answer, error);
}
