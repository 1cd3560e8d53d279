/* SPDX-License-Identifier: BSD-2-Clause */
/* A program with its interpreter and libraries, put into the tree (program.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack/tree/program.h"
#include "scan/closure/closure.h"

#define MAX_INTERPRETERS 4 /* a script's interpreter may be one: as the kernel has it */

#define DEFAULT_SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Folders that an image has as the host has them. */
static bool is_system_path(const char *path)
{
	static const char *const folders[] = {
		"/usr/",    "/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/",
		"/libx32/", "/opt/", "/etc/",  "/srv/", "/var/",
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (strncmp(path, folders[i], strlen(folders[i])) == 0)
			return true;
	}
	return false;
}

/* The first executable of that name along a search path of the host's; NULL: none. */
static const char *find_on_host(struct arena *arena, const char *name)
{
	const char *search = getenv("PATH"), *end;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? name : NULL;
	if (!search)
		search = DEFAULT_SEARCH;
	for (; *search; search = end + (*end == ':')) {
		char *path;

		end = search + strcspn(search, ":");
		path = arena_printf(arena, "%.*s/%s", (int)(end - search), search, name);
		if (path[0] == '/' && access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

/* Where a library goes. */
static int add_object(struct host_files *files, const struct closure_object *object,
		      struct failure *failure)
{
	const char *name = strrchr(object->path, '/');

	name = object->name && !strchr(object->name, '/') ? object->name : name + 1;
	if (is_system_path(object->path))
		return host_files_add(files, object->path, failure);
	return host_files_add_at(files, object->host_path,
				 arena_printf(files->arena, "/usr/lib/%s", name), failure);
}

/* By the path that the program says, which cannot be another; the file may also be a library. */
static int add_loader(struct host_files *files, const char *path, struct failure *failure)
{
	if (is_system_path(path))
		return host_files_add(files, path, failure);
	return host_files_add_at(files, path, path, failure);
}

/* Folders that every loader looks into without being told. */
static bool is_default_folder(const char *path)
{
	static const char *const folders[] = {
		"/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu",
		"/lib",
		"/usr/lib",
	};
	size_t len = (size_t)(strrchr(path, '/') - path);

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (strlen(folders[i]) == len && memcmp(path, folders[i], len) == 0)
			return true;
	}
	return false;
}

/* What the host's loader finds by its cache, the image's finds by a link: it has no cache. */
static int link_object(struct host_files *files, const struct closure_object *object,
		       struct failure *failure)
{
	const char *path;
	struct node *node;

	if (object->is_interpreter || !object->name || strchr(object->name, '/') ||
	    !is_system_path(object->path) || is_default_folder(object->path))
		return 0;
	path = arena_printf(files->arena, "/usr/lib/%s", object->name);
	if (tree_find(files->tree, path, false))
		return 0;
	node = tree_add(files->tree, path, S_IFLNK | 0777, failure);
	if (node)
		node->target = arena_string(files->arena, object->path);
	return node ? 0 : -1;
}

static int say_missing(const struct closure *closure, const char *program, struct failure *failure)
{
	const struct closure_missing *missing = &closure->missing[0];
	const char *wanted_by = missing->wanted_by >= 0 ? closure->objects[missing->wanted_by].path
							: "libraries";
	char more[64] = "";

	if (closure->nr_missing > 1)
		snprintf(more, sizeof(more), " (and %u more)", closure->nr_missing - 1);
	return failure_set(failure,
			   "%s: the library %s%s, wanted by %s, is not found; install it, or name "
			   "its folder with --library-path",
			   program, missing->name, more, wanted_by);
}

/* What bringing a program with all that it needs takes along. */
struct bringing {
	struct host_files *files;
	const struct config *config;
	struct program *program; /* NULL: libraries of other files are brought */
	struct strings *notes;   /* NULL: a library that is missing is a failure */
	unsigned depth;          /* of scripts */
	struct failure *failure;
};

static int take_closure(struct bringing *b, const struct closure *closure)
{
	const char *loader = closure->objects[0].file->interp;

	if (loader && add_loader(b->files, loader, b->failure))
		return -1;
	for (unsigned i = 1; i < closure->nr_objects; i++) {
		if (add_object(b->files, &closure->objects[i], b->failure) ||
		    link_object(b->files, &closure->objects[i], b->failure))
			return -1;
	}
	if (b->program && loader)
		b->program->is_dynamic = true;
	return 0;
}

/*
 * glibc unwinds the stack of a thread that ends before its function returns by a library that it
 * opens then (sysdeps/nptl/unwind-forcedunwind.c, debug/backtrace.c); the process aborts without.
 */
static bool makes_unwind(const struct elf_symbol *symbol)
{
	static const char *const names[] = { "pthread_cancel", "pthread_exit", "thrd_exit",
					     "backtrace" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !symbol->defined; i++) {
		if (strcmp(symbol->name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool unwinds(const struct closure *closure)
{
	for (unsigned i = 0; i < closure->nr_objects && !closure->is_musl; i++) {
		const struct elf_file *file = closure->objects[i].file;

		for (unsigned n = 0; n < file->nr_dynsyms; n++) {
			if (makes_unwind(&file->dynsyms[n]))
				return true;
		}
	}
	return false;
}

/* The closure, with what its libraries are known to open. */
static int find_closure(struct closure **closure, const char *host, struct closure_options *options,
			struct scan_error *error)
{
	static const char *const unwinder[] = { "libgcc_s.so.1", NULL };
	int err = closure_find(closure, host, options, error);

	if (err || !unwinds(*closure))
		return err;
	closure_free(*closure);
	options->opened = unwinder;
	return closure_find(closure, host, options, error);
}

/* An ELF file's interpreter and libraries. */
static int add_closure(struct bringing *b, const char *host)
{
	const struct strings *libraries = &b->config->libraries;
	const char **also = arena_alloc(b->files->arena, (libraries->nr + 1) * sizeof(*also));
	struct closure_options options = {
		.library_path = b->config->library_path,
		.also = also,
	};
	struct scan_error error = { "" };
	struct closure *closure;
	int err;

	if (libraries->nr)
		memcpy(also, libraries->at, libraries->nr * sizeof(*also));
	if (find_closure(&closure, host, &options, &error))
		return failure_set(b->failure, "%s", error.text);
	err = closure->nr_missing ? say_missing(closure, host, b->failure) : 0;
	if (err && b->notes) {
		strings_add(b->files->arena, b->notes,
			    arena_string(b->files->arena, b->failure->text));
		err = 0;
	}
	if (!err)
		err = take_closure(b, closure);
	closure_free(closure);
	return err;
}

/* The first bytes of a file; how many, or -1. */
static ssize_t read_head(const char *path, char *head, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, head, len);

	if (fd >= 0)
		close(fd);
	return n;
}

static int add_executable(struct bringing *b, const char *host);

/* "#!/usr/bin/env NAME": env and what it would find. */
static int add_by_env(struct bringing *b, char *name)
{
	const char *path;

	if (strncmp(name, "-S", 2) == 0)
		name += 2 + strspn(name + 2, " \t");
	name[strcspn(name, " \t")] = '\0';
	if (!*name || strchr(name, '='))
		return 0;
	path = find_on_host(b->files->arena, name);
	if (!path)
		return failure_set(b->failure, "the script's interpreter %s is not found", name);
	return host_files_add(b->files, path, b->failure) ? -1 : add_executable(b, path);
}

static int add_interpreter(struct bringing *b, const char *host, char *line)
{
	char *name = line + 2 + strspn(line + 2, " \t"), *rest;
	const char *base;

	name[strcspn(name, "\n")] = '\0';
	rest = name + strcspn(name, " \t");
	if (*rest)
		*rest++ = '\0';
	rest += strspn(rest, " \t");
	if (access(name, X_OK) < 0)
		return failure_set(b->failure, "%s: its interpreter %s: %s", host, name,
				   strerror(errno));
	if (host_files_add(b->files, name, b->failure) || add_executable(b, name))
		return -1;
	base = strrchr(name, '/');
	return base && strcmp(base, "/env") == 0 ? add_by_env(b, rest) : 0;
}

/* What a program that is in the tree by now needs. */
static int add_executable(struct bringing *b, const char *host)
{
	char head[256];
	ssize_t n = read_head(host, head, sizeof(head) - 1);

	if (n < 0)
		return failure_set(b->failure, "%s: %s", host, strerror(errno));
	head[n] = '\0';
	if (n >= 4 && memcmp(head, "\177ELF", 4) == 0) {
		strings_add(b->files->arena, &b->program->executables,
			    arena_string(b->files->arena, host));
		return add_closure(b, host);
	}
	if (n < 2 || memcmp(head, "#!", 2) != 0)
		return failure_set(b->failure,
				   "%s: it is neither an ELF program nor a script with #!", host);
	b->program->is_script = true;
	if (++b->depth > MAX_INTERPRETERS)
		return failure_set(b->failure,
				   "%s: scripts whose interpreters are scripts: more than %d", host,
				   MAX_INTERPRETERS);
	return add_interpreter(b, host, head);
}

static int add_from_host(struct host_files *files, struct program *program, struct failure *failure)
{
	char real[PATH_MAX];
	const char *base;

	if (!realpath(program->host, real))
		return failure_set(failure, "%s: %s", program->host, strerror(errno));
	if (program->host[0] == '/' && is_system_path(program->host)) {
		program->path = program->host;
		return host_files_add(files, program->host, failure);
	}
	if (is_system_path(real)) {
		program->path = arena_string(files->arena, real);
		return host_files_add(files, real, failure);
	}
	base = strrchr(program->host, '/');
	program->path = arena_printf(files->arena, "/app/%s", base ? base + 1 : program->host);
	return host_files_add_at(files, real, program->path, failure);
}

int program_add(struct host_files *files, const struct config *config, struct program *program,
		struct failure *failure)
{
	const char *place = place_text(files->arena, &config->program_place);
	struct bringing bringing;

	*program = (struct program){ .host = find_on_host(files->arena, config->program) };
	if (!program->host && errno == EACCES)
		return failure_set(failure, "%s%s: it cannot be executed", place, config->program);
	if (!program->host)
		return failure_set(failure, "%s%s: the program is not found%s", place,
				   config->program,
				   strchr(config->program, '/') ? "" : " along PATH");
	if (add_from_host(files, program, failure))
		return -1;
	bringing = (struct bringing){
		.files = files,
		.config = config,
		.program = program,
		.failure = failure,
	};
	return add_executable(&bringing, program->host);
}

/* Of the files that a build was given by folders, those that are ELF files. */
static int add_of_node(struct bringing *b, const struct node *node)
{
	char head[18];

	if (!S_ISREG(node->mode) || !node->content.path || node->same_as)
		return 0;
	if (read_head(node->content.path, head, sizeof(head)) != sizeof(head) ||
	    memcmp(head, "\177ELF\2\1", 6) != 0 || head[16] < 2 || head[16] > 3)
		return 0;
	return add_closure(b, node->content.path);
}

static void collect_files(struct host_files *files, struct node *node, struct node ***all,
			  size_t *counts)
{
	for (size_t i = 0; i < node->nr_entries; i++)
		collect_files(files, node->entries[i], all, counts);
	if (!S_ISREG(node->mode))
		return;
	*all = arena_grow(files->arena, *all, counts[0], &counts[1], sizeof(**all));
	(*all)[counts[0]++] = node;
}

int program_add_libraries(struct host_files *files, const struct config *config,
			  struct strings *notes, struct failure *failure)
{
	struct bringing bringing = {
		.files = files,
		.config = config,
		.notes = notes,
		.failure = failure,
	};
	struct node **all = NULL; /* the tree changes meanwhile */
	size_t counts[2] = { 0, 0 };

	collect_files(files, files->tree->root, &all, counts);
	for (size_t i = 0; i < counts[0]; i++) {
		if (add_of_node(&bringing, all[i]))
			return -1;
	}
	return 0;
}

const char *program_find(const struct host_files *files, const char *name, const char *search)
{
	const char *end;

	if (strchr(name, '/'))
		return tree_find(files->tree, name, true) ? name : NULL;
	if (!search)
		search = DEFAULT_SEARCH;
	for (; *search; search = end + (*end == ':')) {
		char *path;

		end = search + strcspn(search, ":");
		path = arena_printf(files->arena, "%.*s/%s", (int)(end - search), search, name);
		if (tree_find(files->tree, path, true))
			return path;
	}
	return NULL;
}
