/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The closure, found as ld.so(8) finds it: breadth first over DT_NEEDED. A library that is there
 * under the same name, the same DT_SONAME or the same inode is taken once.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scan/closure/closure.h"
#include "scan/closure/search_path.h"

#define MAX_OBJECTS 4096

struct finder {
	struct closure *closure;
	const struct closure_options *options;
	struct search_root root;
	struct search_folders defaults; /* of the loader, after the cache */
	char *cache;                    /* ld.so.cache; NULL: none */
	size_t cache_bytes;
	struct scan_error *error;
};

static int find_loaded(const struct closure *closure, const char *name)
{
	for (unsigned i = 0; i < closure->nr_objects; i++) {
		const struct closure_object *object = &closure->objects[i];

		if (strcmp(object->name, name) == 0 ||
		    (object->file->soname && strcmp(object->file->soname, name) == 0))
			return (int)i;
	}
	return -1;
}

static int find_inode(const struct closure *closure, const struct elf_file *file)
{
	for (unsigned i = 0; i < closure->nr_objects; i++) {
		const struct elf_file *other = closure->objects[i].file;

		if (other->device == file->device && other->inode == file->inode)
			return (int)i;
	}
	return -1;
}

static void object_fini(struct closure_object *object)
{
	elf_file_close(object->file);
	free(object->name);
	free(object->path);
	free(object->real_path);
	free(object->host_path);
}

/* Takes the object in; -ENOMEM frees it. */
static int add_object(struct closure *closure, struct closure_object *object)
{
	struct closure_object *objects;

	if (!object->name || !object->path || !object->real_path || !object->host_path)
		goto err_free;
	objects = realloc(closure->objects, (closure->nr_objects + 1) * sizeof(*objects));
	if (!objects)
		goto err_free;
	closure->objects = objects;
	objects[closure->nr_objects++] = *object;
	return 0;

err_free:
	object_fini(object);
	return -ENOMEM;
}

/* Opens `path` of the root as one more object: 0, or why not. */
static int load(struct finder *finder, const char *path, const struct closure_object *how)
{
	struct closure_object object = *how;
	int err;

	object.host_path = search_resolve_or_null(&finder->root, path);
	if (!object.host_path) {
		scan_error_set(finder->error, "%s: %s", path, strerror(errno));
		return -errno;
	}
	err = elf_file_open(&object.file, object.host_path, finder->error);
	if (err) {
		free(object.host_path);
		return err;
	}
	if (find_inode(finder->closure, object.file) >= 0) {
		free(object.host_path);
		elf_file_close(object.file);
		return 0;
	}
	object.name = strdup(how->name);
	object.path = strdup(path);
	object.real_path = strdup(object.host_path + strlen(finder->root.path));
	return add_object(finder->closure, &object);
}

static int add_missing(struct closure *closure, const char *name, int wanted_by)
{
	struct closure_missing *missing;

	for (unsigned i = 0; i < closure->nr_missing; i++) {
		if (strcmp(closure->missing[i].name, name) == 0)
			return 0;
	}
	missing = realloc(closure->missing, (closure->nr_missing + 1) * sizeof(*missing));
	if (!missing)
		return -ENOMEM;
	closure->missing = missing;
	missing[closure->nr_missing] = (struct closure_missing){ .name = strdup(name),
								 .wanted_by = wanted_by };
	if (!missing[closure->nr_missing].name)
		return -ENOMEM;
	closure->nr_missing++;
	return 0;
}

/* The value of a token of ld.so(8) at `text`, and the token's length; NULL: it is none. */
static const char *token_value(const char *text, const char *origin, size_t *len)
{
	const struct {
		const char *name, *value;
	} tokens[] = { { "$ORIGIN", origin },
		       { "${ORIGIN}", origin },
		       { "$LIB", "lib/x86_64-linux-gnu" },
		       { "${LIB}", "lib/x86_64-linux-gnu" },
		       { "$PLATFORM", "x86_64" },
		       { "${PLATFORM}", "x86_64" } };

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		*len = strlen(tokens[i].name);
		if (strncmp(text, tokens[i].name, *len) == 0)
			return tokens[i].value;
	}
	return NULL;
}

/* A folder of a search path with its tokens replaced; false: it does not fit. */
static bool expand(char *out, size_t room, const char *text, const char *owner)
{
	char owner_path[PATH_MAX];
	const char *origin;
	char *end;
	size_t at = 0;

	snprintf(owner_path, sizeof(owner_path), "%s", owner);
	end = strrchr(owner_path, '/');
	if (end)
		end[end == owner_path] = 0;
	origin = owner_path;
	while (*text && at + 1 < room) {
		size_t len;
		const char *value = *text == '$' ? token_value(text, origin, &len) : NULL;

		if (!value) {
			out[at++] = *text++;
			continue;
		}
		at += (size_t)snprintf(out + at, room - at, "%s", value);
		text += len;
	}
	if (at >= room || *text)
		return false;
	out[at] = 0;
	return true;
}

/* Tries name in each folder of a list; `owner` is whose $ORIGIN it is. 0: loaded. */
static int try_list(struct finder *finder, const char *list, const char *owner,
		    const struct closure_object *how)
{
	struct search_folders folders = { 0 };
	char folder[PATH_MAX], path[2 * PATH_MAX];
	int err = list ? search_folders_add(&folders, list, ":;") : 0;
	int found = -ENOENT;

	for (unsigned i = 0; i < folders.nr && err == 0 && found; i++) {
		if (!expand(folder, sizeof(folder), folders.paths[i], owner))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, how->name);
		found = load(finder, path, how);
		err = found == -ENOMEM ? found : 0;
	}
	search_folders_fini(&folders);
	return err ? err : found;
}

/* RPATH of the wanter, of whoever wanted that, ..., of the program. */
static int try_rpaths(struct finder *finder, int wanter, const struct closure_object *how)
{
	const struct closure *closure = finder->closure;
	int found = -ENOENT;

	if (wanter < 0 || (closure->objects[wanter].file->runpath && !closure->is_musl))
		return -ENOENT;
	for (int at = wanter; at >= 0 && found == -ENOENT; at = closure->objects[at].wanted_by) {
		const struct closure_object *object = &closure->objects[at];
		const char *list = object->file->rpath;

		if (object->file->runpath)
			list = closure->is_musl ? object->file->runpath : NULL;
		found = try_list(finder, list, object->real_path, how);
	}
	return found;
}

static int try_defaults(struct finder *finder, const struct closure_object *how)
{
	const char *cached = finder->cache ? search_cache_find(finder->cache, finder->cache_bytes,
							       how->name)
					   : NULL;
	char path[2 * PATH_MAX];
	int found = cached ? load(finder, cached, how) : -ENOENT;

	for (unsigned i = 0; i < finder->defaults.nr && found && found != -ENOMEM; i++) {
		snprintf(path, sizeof(path), "%s/%s", finder->defaults.paths[i], how->name);
		found = load(finder, path, how);
	}
	return found;
}

static int search(struct finder *finder, int wanter, const struct closure_object *how)
{
	const struct closure *closure = finder->closure;
	const char *library_path = finder->options->library_path;
	const struct closure_object *object;
	int found;

	if (closure->is_musl) {
		found = try_list(finder, library_path, "", how);
		if (found == -ENOENT)
			found = try_rpaths(finder, wanter, how);
		return found == 0 || found == -ENOMEM ? found : try_defaults(finder, how);
	}
	found = try_rpaths(finder, wanter, how);
	if (found && found != -ENOMEM)
		found = try_list(finder, library_path, "", how);
	object = wanter < 0 ? NULL : &closure->objects[wanter];
	if (found && found != -ENOMEM && object)
		found = try_list(finder, object->file->runpath, object->real_path, how);
	return found == 0 || found == -ENOMEM ? found : try_defaults(finder, how);
}

/* The loader has its place where a library needs it by name; else it is last. */
static int add_interpreter(struct finder *finder)
{
	struct closure *closure = finder->closure;
	const char *interp = closure->objects[0].file->interp;
	const struct closure_object how = { .name = (char *)interp, .is_interpreter = true };
	struct elf_file *file;
	char *host;
	int at, err;

	if (!interp)
		return 0;
	host = search_resolve_or_null(&finder->root, interp);
	if (!host || elf_file_open(&file, host, finder->error) != 0) {
		free(host);
		return add_missing(closure, interp, 0);
	}
	free(host);
	at = find_inode(closure, file);
	elf_file_close(file);
	if (at >= 0) {
		closure->objects[at].is_interpreter = true;
		return 0;
	}
	err = load(finder, interp, &how);
	return err == -ENOMEM || err == 0 ? err : add_missing(closure, interp, 0);
}

enum why { NEEDED, ALSO, OPENED };

/* musl's loader is its C library, under these names too (ldso/dynlink.c, load_library). */
static bool is_musl_own(const char *name)
{
	static const char *const own[] = { "libc.",  "libpthread.", "librt.",  "libm.",
					   "libdl.", "libutil.",    "libxnet." };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strncmp(name, own[i], strlen(own[i])) == 0)
			return true;
	}
	return false;
}

static int want(struct finder *finder, const char *name, int wanter, enum why why)
{
	const struct closure_object how = { .name = (char *)name,
					    .wanted_by = wanter,
					    .is_also = why != NEEDED,
					    .is_opened = why == OPENED };
	const char *interp = finder->closure->objects[0].file->interp;
	char path[PATH_MAX];
	int found;

	if (find_loaded(finder->closure, name) >= 0 ||
	    (finder->closure->is_musl && is_musl_own(name)))
		return 0;
	/* the loader is loaded already, under the name that the program has for it */
	if (interp && strcmp(name, basename(interp)) == 0)
		return add_interpreter(finder);
	if (!strchr(name, '/'))
		found = search(finder, wanter, &how);
	else
		found = expand(path, sizeof(path), name,
			       wanter < 0 ? "/" : finder->closure->objects[wanter].real_path)
				? load(finder, path, &how)
				: -ENOENT;
	if (found == 0 || found == -ENOMEM)
		return found;
	return why == OPENED ? 0 : add_missing(finder->closure, name, wanter);
}

/* All that the objects from `first` on need, breadth first. */
static int want_needed(struct finder *finder, unsigned first, enum why why)
{
	struct closure *closure = finder->closure;
	int err = 0;

	for (unsigned i = first; i < closure->nr_objects && err == 0; i++) {
		const struct elf_file *file = closure->objects[i].file;

		for (unsigned n = 0; n < file->nr_needed && err == 0; n++)
			err = closure->nr_objects < MAX_OBJECTS
				      ? want(finder, file->needed[n], (int)i, why)
				      : -E2BIG;
	}
	return err;
}

static int prepare_defaults(struct finder *finder)
{
	static const char glibc[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:"
				    "/usr/lib64:/lib:/usr/lib";
	size_t len;
	char *text;
	int err = 0;

	if (finder->closure->is_musl) {
		text = search_read_or_null(&finder->root, "/etc/ld-musl-x86_64.path", &len);
		err = search_folders_add(&finder->defaults,
					 text ? text : "/lib:/usr/local/lib:/usr/lib", ":\n");
		free(text);
		return err;
	}
	finder->cache = search_read_or_null(&finder->root, "/etc/ld.so.cache",
					    &finder->cache_bytes);
	if (!finder->cache)
		err = search_folders_add_conf(&finder->defaults, &finder->root, "/etc/ld.so.conf",
					      0);
	return err ? err : search_folders_add(&finder->defaults, glibc, ":");
}

/* The program's path in the root: a relative one is from the folder we are in. */
static int load_program(struct finder *finder, const char *program)
{
	const struct closure_object how = { .name = (char *)program, .wanted_by = -1 };
	char folder[PATH_MAX], path[2 * PATH_MAX];

	if (program[0] == '/' || finder->root.path[0] || !getcwd(folder, sizeof(folder)))
		return load(finder, program, &how);
	snprintf(path, sizeof(path), "%s/%s", folder, program);
	return load(finder, path, &how);
}

static int want_list(struct finder *finder, const char *const *names, enum why why)
{
	const unsigned first = finder->closure->nr_objects;
	int err = 0;

	for (; names && *names && err == 0; names++)
		err = want(finder, *names, -1, why);
	return err ? err : want_needed(finder, first, why);
}

static int find(struct finder *finder, const char *program)
{
	struct closure *closure = finder->closure;
	int err = load_program(finder, program);

	if (err)
		return err;
	closure->is_musl = closure->objects[0].file->interp &&
			   strstr(closure->objects[0].file->interp, "/ld-musl-");
	err = prepare_defaults(finder);
	if (err == 0)
		err = want_needed(finder, 0, NEEDED);
	if (err == 0)
		err = add_interpreter(finder);
	if (err == 0)
		err = want_list(finder, finder->options->also, ALSO);
	return err ? err : want_list(finder, finder->options->opened, OPENED);
}

int closure_find(struct closure **closure, const char *program,
		 const struct closure_options *options, struct scan_error *error)
{
	const struct closure_options none = { 0 };
	struct finder finder = { .options = options ? options : &none, .error = error };
	int err;

	finder.closure = calloc(1, sizeof(*finder.closure));
	if (!finder.closure) {
		scan_error_set(error, "%s: not enough memory", program);
		return -ENOMEM;
	}
	err = search_root_open(&finder.root, finder.options->root ? finder.options->root : "/",
			       error);
	if (err == 0) {
		err = find(&finder, program);
		search_root_close(&finder.root);
	}
	search_folders_fini(&finder.defaults);
	free(finder.cache);
	if (err) {
		closure_free(finder.closure);
		return err;
	}
	*closure = finder.closure;
	return 0;
}

void closure_free(struct closure *closure)
{
	if (!closure)
		return;
	for (unsigned i = 0; i < closure->nr_objects; i++)
		object_fini(&closure->objects[i]);
	for (unsigned i = 0; i < closure->nr_missing; i++)
		free(closure->missing[i].name);
	free(closure->objects);
	free(closure->missing);
	free(closure);
}
