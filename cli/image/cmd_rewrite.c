/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull rewrite`: patches the system calls of programs and libraries ahead of time, file by file
 * (pack/rewrite/rewrite.h), and says how many of how many. The result replaces what had its name at
 * once or not at all.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "pack/output.h"
#include "pack/rewrite/rewrite.h"

struct request {
	const char *output;
	bool quiet;
	const char **files;
	int nr_files;
};

static int set_output(void *context, const char *value)
{
	((struct request *)context)->output = value;
	return 0;
}

static int set_quiet(void *context, const char *value)
{
	(void)value;
	((struct request *)context)->quiet = true;
	return 0;
}

static const struct option_row option_rows[] = {
	{ 'o', "output", ARGUMENT_NEEDED, "PATH",
	  "the file to write; a directory, for files that keep their names", set_output },
	{ 'q', "quiet", ARGUMENT_NONE, NULL, "do not say what was done", set_quiet },
	{ .name = NULL },
};

/* ---- files ---- */

/* The whole file; NULL after a message, and *err the exit status. */
static uint8_t *read_file(const char *path, struct stat *st, int *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = NULL;
	ssize_t n = 0;
	off_t at = 0;

	*err = fd < 0 && errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	if (fd < 0 || fstat(fd, st) < 0) {
		message_print("%s: %s", path, strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		message_print("%s: not a regular file", path);
	} else {
		bytes = malloc((size_t)st->st_size + 1);
		while (bytes && (n = read(fd, bytes + at, (size_t)(st->st_size - at))) > 0)
			at += n;
		if (!bytes || n < 0 || at < st->st_size) {
			message_print("%s: cannot be read: %s", path,
				      n < 0 || !bytes ? strerror(errno) : "it became shorter");
			free(bytes);
			bytes = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return bytes;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, bytes + at, len - at);

		if (n < 0)
			return -1;
		at += (size_t)n;
	}
	return 0;
}

/* It has its name when it is whole. */
static int write_file(const char *path, const uint8_t *bytes, size_t len, mode_t mode)
{
	struct arena arena = { NULL };
	struct failure failure;
	struct output output;
	int err = output_open(&output, &arena, path, &failure);

	if (!err && write_all(output.fd, bytes, len) < 0) {
		err = failure_set(&failure, "-o %s: %s", path, strerror(errno));
		output_discard(&output);
	}
	if (!err)
		err = output_finish(&output, &arena, mode & 07777, &failure);
	if (err)
		message_print("rewrite: %s", failure.text);
	arena_fini(&arena);
	return err ? EXIT_HULL : 0;
}

/* Where the result goes. */
static int output_path(const struct request *r, const char *file, char path[PATH_MAX])
{
	const char *name = strrchr(file, '/');
	struct stat to, from;
	int n;

	if (stat(r->output, &to) == 0 && S_ISDIR(to.st_mode))
		n = snprintf(path, PATH_MAX, "%s/%s", r->output, name ? name + 1 : file);
	else
		n = snprintf(path, PATH_MAX, "%s", r->output);
	if (n >= PATH_MAX) {
		message_print("%s: %s", r->output, strerror(ENAMETOOLONG));
		return EXIT_HULL;
	}
	if (stat(path, &to) == 0 && stat(file, &from) == 0 && to.st_dev == from.st_dev &&
	    to.st_ino == from.st_ino) {
		message_print("%s: this is the file itself, which would run on Linux no more; "
			      "choose another name for -o",
			      path);
		return EXIT_USAGE;
	}
	return 0;
}

/* ---- the command ---- */

static void report(const char *path, const struct rewritten *r)
{
	if (r->outcome == REWRITE_ALREADY) {
		printf("%s: rewritten before: %u of %u system-call sites; unchanged\n", path,
		       r->nr_rewritten, r->nr_sites);
		return;
	}
	if (r->nr_sites == 0) {
		printf("%s: no system-call sites: its libraries have them; unchanged\n", path);
		return;
	}
	printf("%s: %u of %u system-call sites rewritten%s\n", path, r->nr_rewritten, r->nr_sites,
	       r->outcome == REWRITE_NO_SITES ? "; unchanged" : "");
	for (int why = 0; why < REWRITE_NR_REFUSALS; why++) {
		if (r->nr_refused[why])
			printf("%8u left: %s\n", r->nr_refused[why],
			       rewrite_refusal_text((enum rewrite_refusal)why));
	}
}

static int rewrite_one(const struct request *request, const char *file)
{
	char path[PATH_MAX];
	struct failure failure;
	struct rewritten r;
	struct stat st;
	uint8_t *bytes;
	int err = output_path(request, file, path);

	if (err)
		return err;
	bytes = read_file(file, &st, &err);
	if (!bytes)
		return err;
	if (rewrite_bytes(&r, file, bytes, (size_t)st.st_size, &failure)) {
		message_print("%s", failure.text);
		err = EXIT_CANNOT_RUN;
	} else if (r.bytes) {
		err = write_file(path, r.bytes, r.len_bytes, st.st_mode);
	} else {
		err = write_file(path, bytes, (size_t)st.st_size, st.st_mode);
	}
	if (!err && !request->quiet)
		report(path, &r);
	rewritten_fini(&r);
	free(bytes);
	return err;
}

/* Options may also follow a file. */
static int parse(struct request *r, int argc, char **argv)
{
	int at = 0, rest, err;

	while (argc > 0) {
		err = options_parse(&cmd_rewrite, argc, argv, r, &rest);
		if (err)
			return err;
		at = rest;
		if (at < argc)
			r->files[r->nr_files++] = argv[at];
		argc -= at;
		argv += at;
	}
	return 0;
}

static int check(const struct request *r)
{
	struct stat st;

	if (r->nr_files == 0) {
		message_print("rewrite: which file? See 'hull rewrite --help'");
		return EXIT_USAGE;
	}
	if (!r->output) {
		message_print("rewrite: -o PATH is missing: where the rewritten file goes");
		return EXIT_USAGE;
	}
	if (r->nr_files > 1 && (stat(r->output, &st) < 0 || !S_ISDIR(st.st_mode))) {
		message_print("%s: not a directory, which -o must name for several files",
			      r->output);
		return EXIT_USAGE;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct request request = { .files = calloc((size_t)argc, sizeof(char *)) };
	int err = request.files ? parse(&request, argc, argv) : EXIT_HULL;

	if (!err)
		err = check(&request);
	for (int i = 0; i < request.nr_files && !err; i++)
		err = rewrite_one(&request, request.files[i]);
	free(request.files);
	return err;
}

const struct command cmd_rewrite = {
	.name = "rewrite",
	.arguments = "FILE... -o PATH",
	.summary = "Patch a program's system calls ahead of time.",
	.options = option_rows,
	.run = run,
};
