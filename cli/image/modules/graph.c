/* SPDX-License-Identifier: BSD-2-Clause */
/* The graph of a script's modules: what is common to the languages. */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/image/modules/graph.h"
#include "cli/image/modules/modules.h"
#include "cli/image/scan/output.h"
#include "cli/image/scan/root.h"

#define MAX_TEXT_BYTES (16u << 20)
#define MAX_TEXTS      20000
#define MAX_NAME       200

static const struct language *const languages[] = {
	&language_python,
	&language_perl,
	&language_lua,
	&language_ruby,
};

static const struct language *language_of(const char *file_name)
{
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
		const char *name = languages[i]->interpreter;

		if (strncmp(file_name, name, strlen(name)) == 0)
			return languages[i];
	}
	return NULL;
}

bool modules_known(const char *file_name)
{
	return language_of(file_name) != NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Whether a name or a path comes for the first time. */
static bool is_new(struct graph *graph, const char *word)
{
	char *copy;

	if (tfind(word, &graph->seen, compare))
		return false;
	copy = strdup(word);
	if (copy && tsearch(copy, &graph->seen, compare))
		return true;
	free(copy);
	graph->failed = true;
	return false;
}

/*
 * Takes "//", "/./" and "/name/.." out of a path, so that a file has one name however many texts
 * lead to it by "..".
 */
static void simplify_path(char *path)
{
	bool is_absolute = *path == '/';
	char *to = path;

	for (const char *from = path; *from;) {
		size_t len = strcspn(from + 1, "/") +
			     1; /* of one component, with what is before it */
		char *last = to > path ? memrchr(path, '/', (size_t)(to - path)) : NULL;

		if (*from == '/' && (len == 1 || (len == 2 && from[1] == '.'))) {
			from += len;
			continue;
		}
		if (last && to[-1] != '.' && len == 3 && memcmp(from, "/..", 3) == 0) {
			to = last;
			from += len;
			continue;
		}
		memmove(to, from, len);
		to += len;
		from += len;
	}
	if (to == path && is_absolute)
		*to++ = '/';
	*to = '\0';
}

static bool make_path(char path[PATH_MAX], const char *format, va_list args)
{
	int len = vsnprintf(path, PATH_MAX, format, args);

	if (len < 0 || len >= PATH_MAX)
		return false;
	simplify_path(path);
	return true;
}

static bool find_file(const struct graph *graph, char path[PATH_MAX], const char *format,
		      va_list args)
{
	return make_path(path, format, args) && root_has_file(graph->root, path);
}

bool graph_add_text(struct graph *graph, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	bool is_there;

	va_start(args, format);
	is_there = find_file(graph, path, format, args);
	va_end(args);
	if (!is_there)
		return false;
	if (graph->files.nr < MAX_TEXTS && is_new(graph, path) &&
	    !word_list_add(&graph->files, path))
		graph->failed = true;
	return true;
}

bool graph_add_library(struct graph *graph, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	bool is_there;

	va_start(args, format);
	is_there = find_file(graph, path, format, args);
	va_end(args);
	if (!is_there)
		return false;
	if (is_new(graph, path) && !word_list_add(&graph->subject->modules, path))
		graph->failed = true;
	return true;
}

void graph_note(struct graph *graph, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!word_list_has(&graph->subject->notes, text) &&
	    !word_list_add(&graph->subject->notes, text))
		graph->failed = true;
}

void graph_import(struct graph *graph, const char *name, size_t len)
{
	char whole[MAX_NAME + 2];

	if (!len || len > MAX_NAME)
		return;
	/* A name's mark keeps it apart from the paths among what was seen. */
	snprintf(whole, sizeof(whole), ":%.*s", (int)len, name);
	if (is_new(graph, whole))
		graph->language->resolve(graph, whole + 1);
}

/* What a folder holds, in an order that does not depend on the file system. */
static int list_dir(const struct graph *graph, const char *dir, struct dirent ***entries)
{
	int fd = root_open(graph->root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY), nr;

	if (fd < 0)
		return 0;
	nr = scandirat(fd, ".", entries, NULL, alphasort);
	close(fd);
	return nr;
}

static void free_entries(struct dirent **entries, int nr)
{
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	if (nr >= 0)
		free(entries);
}

void graph_each_file(struct graph *graph, const char *dir, const char *pattern,
		     void (*found)(struct graph *graph, const char *path))
{
	struct dirent **entries = NULL;
	int nr = list_dir(graph, dir, &entries);

	for (int i = 0; i < nr; i++) {
		char path[PATH_MAX];

		if (fnmatch(pattern, entries[i]->d_name, FNM_PERIOD) == 0 &&
		    snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name) < PATH_MAX)
			found(graph, path);
	}
	free_entries(entries, nr);
}

static void expand_dir(struct graph *graph, const char *pattern);

/* pattern: a path up to the component with the *, whose length is given, and what follows it. */
static void expand_component(struct graph *graph, const char *pattern, size_t dir_len,
			     const char *rest)
{
	char dir[PATH_MAX], name[NAME_MAX + 1], path[PATH_MAX];
	struct dirent **entries = NULL;
	int nr;

	snprintf(dir, sizeof(dir), "%.*s", (int)dir_len, pattern);
	snprintf(name, sizeof(name), "%.*s", (int)(rest - pattern - dir_len - 1),
		 pattern + dir_len + 1);
	nr = list_dir(graph, dir, &entries);
	for (int i = 0; i < nr; i++) {
		if (fnmatch(name, entries[i]->d_name, FNM_PERIOD) == 0 &&
		    snprintf(path, sizeof(path), "%s/%s%s", dir, entries[i]->d_name, rest) <
			    PATH_MAX)
			expand_dir(graph, path);
	}
	free_entries(entries, nr);
}

/* Recursion ends: each turn has one * less. */
static void expand_dir(struct graph *graph, const char *pattern)
{
	const char *star = strchr(pattern, '*'), *slash = star;
	int fd;

	if (star) {
		while (slash > pattern && *slash != '/')
			slash--;
		expand_component(graph, pattern, (size_t)(slash - pattern),
				 star + strcspn(star, "/"));
		return;
	}
	fd = root_open(graph->root, pattern, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return;
	close(fd);
	if (!word_list_has(&graph->dirs, pattern) && !word_list_add(&graph->dirs, pattern))
		graph->failed = true;
}

void graph_add_dir(struct graph *graph, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	bool fits;

	va_start(args, format);
	fits = make_path(path, format, args);
	va_end(args);
	if (fits)
		expand_dir(graph, path);
}

static void read_text(struct graph *graph, const char *path)
{
	char *text;
	size_t len;
	int err = root_read(graph->root, path, MAX_TEXT_BYTES, &text, &len);

	if (err) {
		graph_note(graph, "%s cannot be read (%s): what it imports is not in", path,
			   strerror(-err));
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			text[i] = '\n';
	}
	graph->language->read(graph, path, text);
	free(text);
}

static void read_library(struct graph *graph, const char *path)
{
	char *bytes;

	if (!graph->language->read_library ||
	    root_read(graph->root, path, MAX_TEXT_BYTES, &bytes, &graph->library_len_bytes))
		return; /* the scan will say why */
	graph->library = bytes;
	graph->language->read_library(graph);
	graph->library = NULL;
	free(bytes);
}

/* Each may bring more of both. */
static void read_all(struct graph *graph)
{
	const struct word_list *files = &graph->files, *libraries = &graph->subject->modules;
	unsigned file = 0, library = 0;

	while (!graph->failed && (file < files->nr || library < libraries->nr)) {
		if (file < files->nr)
			read_text(graph, files->words[file++]);
		else
			read_library(graph, libraries->words[library++]);
	}
}

static void add_extension(struct graph *graph, const char *path)
{
	graph_add_library(graph, "%s", path);
}

/* The folder of the script comes first, as the interpreters have it. */
static int add_script(struct graph *graph, const char *script)
{
	const char *name = path_name(script);
	char *bytes;
	size_t len;
	int err = root_read(graph->root, script, 1, &bytes, &len);

	if (err)
		return err;
	free(bytes);
	if (name == script)
		graph_add_dir(graph, ".");
	else
		graph_add_dir(graph, "%.*s", (int)(name - script), script);
	graph_add_text(graph, "%s", script);
	return 0;
}

static int explore(struct graph *graph, bool all)
{
	const char *script = graph->subject->script;
	int err = script ? add_script(graph, script) : 0;

	if (err)
		return err;
	graph->language->begin(graph);
	read_all(graph);
	if (graph->files.nr >= MAX_TEXTS)
		graph_note(graph, "more than %d files are imported: the rest is not in", MAX_TEXTS);
	for (unsigned i = 0; all && i < graph->dirs.nr; i++)
		graph_each_file(graph, graph->dirs.words[i], graph->language->extensions,
				add_extension);
	return graph->failed ? -ENOMEM : 0;
}

/* The file that a program's links lead to, as a path of the host's; "" when it cannot be told. */
static void follow_links(const char *root, const char *path, char target[PATH_MAX])
{
	int fd = root_open(root, path, O_PATH);
	char link[64];
	ssize_t len = -1;

	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, target, PATH_MAX - 1);
		close(fd);
	}
	target[len > 0 ? len : 0] = '\0';
}

int modules_find(struct subject *subject, const struct scan_request *request)
{
	struct graph graph = { .subject = subject, .root = request->root };
	char target[PATH_MAX];
	const char *digits;
	int err;

	follow_links(request->root, subject->path, target);
	graph.interpreter = path_name(target);
	graph.language = language_of(graph.interpreter);
	if (!graph.language)
		return 0;
	digits = graph.interpreter + strcspn(graph.interpreter, "0123456789");
	snprintf(graph.version, sizeof(graph.version), "%.*s", (int)strspn(digits, "0123456789."),
		 digits);
	err = explore(&graph, request->all_modules);
	word_list_fini(&graph.dirs);
	word_list_fini(&graph.files);
	tdestroy(graph.seen, free);
	return err;
}
