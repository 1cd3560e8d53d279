/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The link itself: the table, one link, the functions' names from it if they are wanted, a second
 * link with them, and the file without symbols. All in a folder of its own beside the result, which
 * goes with it; the result is renamed into place.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/link/plan.h"

#define ARGV_MAX 2048

struct job {
	const struct link_request *request;
	const struct plan *plan;
	struct arena *arena;
	struct failure *failure;
	const char *folder; /* of what is made on the way */
	struct members *members;
};

struct argv {
	const char *at[ARGV_MAX + 1];
	unsigned nr;
};

static void add(struct argv *argv, const char *word)
{
	if (argv->nr < ARGV_MAX)
		argv->at[argv->nr++] = word;
}

static const char *archive_of(const struct link_request *request)
{
	return request->is_small ? "hull-kernel-small.a" : "hull-kernel.a";
}

static char *made(const struct job *job, const char *name)
{
	return arena_printf(job->arena, "%s/%s", job->folder, name);
}

static char *given(const struct job *job, const char *name)
{
	return arena_printf(job->arena, "%s/%s", job->request->folder, name);
}

/* ---- assembly ---- */

/* name.S by one of the two writers (kernel NULL: the table), and name.o from it. */
static int assemble(const struct job *job, const char *name, const char *kernel)
{
	char *source = made(job, arena_printf(job->arena, "%s.S", name));
	char *object = made(job, arena_printf(job->arena, "%s.o", name));
	const char *const argv[] = { "as", "--64", "-o", object, source, NULL };
	FILE *file = fopen(source, "we");
	int result = 0;

	if (!file)
		return failure_set(job->failure, "cannot write %s: %s", source, strerror(errno));
	if (kernel)
		result = symbols_write(file, kernel, job->failure);
	else
		table_write(file, job->plan);
	if (fclose(file) != 0 && result == 0)
		result = failure_set(job->failure, "cannot write %s: %s", source, strerror(errno));
	return result != 0 ? result : tool_run(argv, job->failure);
}

/* ---- ld ---- */

/* The next name of a list, NULL behind the last; moves *list behind it. */
static const char *next_name(const struct job *job, const char **list)
{
	const char *name = *list ? *list + strspn(*list, " ") : "";
	size_t len = strcspn(name, " ");

	*list = name + len;
	return len == 0 ? NULL : arena_copy(job->arena, name, len);
}

/* The files that nothing names come out of the archive one by one. */
static int add_files(const struct job *job, struct argv *argv, const char *list)
{
	const char *name, *last;
	char *object;

	while ((name = next_name(job, &list))) {
		last = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
		object = made(job, arena_printf(job->arena, "%u-%s.o", argv->nr, last));
		if (members_extract(job->members, arena_printf(job->arena, "kernel/%s", name),
				    object, job->failure) != 0)
			return -1;
		add(argv, object);
	}
	return 0;
}

static void add_stand_ins(const struct job *job, struct argv *argv, const char *list)
{
	const char *name, *by;

	while ((name = next_name(job, &list))) {
		by = strchr(name, '=') ? strchr(name, '=') + 1 : "without_nothing";
		add(argv, arena_printf(job->arena, "--undefined=%s", by));
		add(argv, arena_printf(job->arena, "--defsym=%.*s=%s", (int)strcspn(name, "="),
				       name, by));
	}
}

static bool has_part(const struct plan *plan, const char *name)
{
	for (unsigned i = 0; i < nr_part_rows; i++)
		if (plan->parts[i] && strcmp(part_rows[i].name, name) == 0)
			return true;
	return false;
}

static int add_parts(const struct job *job, struct argv *argv)
{
	for (unsigned i = 0; i < nr_part_rows; i++) {
		const struct part *part = &part_rows[i];

		if (!job->plan->parts[i] && (!part->within || has_part(job->plan, part->within)))
			add_stand_ins(job, argv, part->without);
		else if (!job->plan->parts[i])
			continue;
		else if (add_files(job, argv, part->files) != 0)
			return -1;
	}
	return 0;
}

static int link_once(const struct job *job, const char *out, const char *names)
{
	const struct link_request *request = job->request;
	struct argv argv = { 0 };

	add(&argv, "ld");
	add(&argv, "-nostdlib");
	add(&argv, "-static");
	add(&argv, "-znoexecstack");
	add(&argv, "--gc-sections");
	add(&argv, "--build-id=none");
	add(&argv, "-zmax-page-size=4096");
	add(&argv, "-O2"); /* strings that end alike are one */
	add(&argv, "-T");
	add(&argv, given(job, "hull-kernel.lds"));
	add(&argv, "-o");
	add(&argv, out);
	if (request->map && names)
		add(&argv, arena_printf(job->arena, "-Map=%s", request->map));
	if (!job->plan->is_whole && add_parts(job, &argv) != 0)
		return -1;
	for (const char *const *input = request->inputs; input && *input; input++)
		add(&argv, *input);
	add(&argv, made(job, "table.o"));
	if (names && names[0] != '\0')
		add(&argv, names);
	add(&argv, job->plan->is_whole ? "--whole-archive" : "--no-whole-archive");
	add(&argv, given(job, archive_of(request)));
	if (argv.nr == ARGV_MAX)
		return failure_set(job->failure, "too many files for one link");
	argv.at[argv.nr] = NULL;
	return tool_run(argv.at, job->failure);
}

static int link_all(const struct job *job, char *linked)
{
	char *first = made(job, "first.elf");

	if (assemble(job, "table", NULL) != 0)
		return -1;
	if (!has_part(job->plan, "symbols"))
		return link_once(job, linked, "");
	if (link_once(job, first, NULL) != 0 || assemble(job, "symbols", first) != 0)
		return -1;
	return link_once(job, linked, made(job, "symbols.o"));
}

static int move(const struct job *job, const char *from, const char *to)
{
	if (rename(from, to) == 0)
		return 0;
	return failure_set(job->failure, "cannot write %s: %s", to, strerror(errno));
}

static int make_kernel(const struct job *job)
{
	char *linked = made(job, "linked.elf"), *stripped = made(job, "stripped.elf");
	char *compact = made(job, "kernel.elf");
	const char *const strip[] = { "objcopy", "--strip-all", linked, stripped, NULL };

	if (link_all(job, linked) != 0 || tool_run(strip, job->failure) != 0 ||
	    compact_file(stripped, compact, job->failure) != 0)
		return -1;
	if (job->request->debug && move(job, linked, job->request->debug) != 0)
		return -1;
	return move(job, compact, job->request->out);
}

/* ---- the whole ---- */

static int check_inputs(const struct link_request *request, struct failure *failure)
{
	const char *const names[] = { archive_of(request), "hull-kernel.lds" };
	char path[4096];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", request->folder, names[i]);
		if (access(path, R_OK) != 0)
			return failure_set(failure,
					   "cannot read %s: %s; a minimal kernel is linked "
					   "from it, and `make` puts it beside hull-image",
					   path, strerror(errno));
	}
	return 0;
}

static void remove_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." are not files */
	if (dir)
		closedir(dir);
	rmdir(folder);
}

static void describe(const struct plan *plan, const char *path, struct arena *arena,
		     struct link_kernel *out)
{
	struct stat st;

	*out = (struct link_kernel){ 0 };
	for (unsigned nr = 0; nr < LINK_CALLS_MAX; nr++)
		if (plan->calls[nr])
			strings_add(arena, &out->calls, link_call_name(nr));
	for (unsigned i = 0; i < nr_part_rows; i++)
		if (plan->parts[i])
			strings_add(arena, &out->parts, part_rows[i].name);
	out->bytes = stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

int link_kernel(const struct link_request *request, struct arena *arena, struct link_kernel *out,
		struct failure *failure)
{
	char *folder = arena_printf(arena, "%s.link.XXXXXX", request->out);
	char *archive = arena_printf(arena, "%s/%s", request->folder, archive_of(request));
	struct plan plan;
	struct job job = { request, &plan, arena, failure, folder, NULL };
	int result;

	if (link_plan_make(&plan, request, failure) != 0 || check_inputs(request, failure) != 0)
		return -1;
	job.members = members_open(archive, arena, failure);
	if (!job.members)
		return -1;
	if (mkdtemp(folder))
		result = make_kernel(&job);
	else
		result = failure_set(failure, "cannot write beside %s: %s", request->out,
				     strerror(errno));
	members_close(job.members);
	remove_folder(folder);
	if (result == 0)
		describe(&plan, request->out, arena, out);
	return result;
}
