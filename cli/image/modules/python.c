/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python: modules are packages, sources and extension modules (*.so) in the folders of sys.path
 * (docs.python.org: "The import system", "site"). A statement `import` or `from` counts at the
 * beginning of a logical line or after ':' and ';', and so does import_module("name"); in a text's
 * strings too, which only makes the answer larger.
 *
 * The interpreter imports site and encodings by itself, and of encodings any module by its name at
 * run time. Lines of *.pth files are folders, or imports (site). An extension module imports by C
 * calls: the names of others in lib-dynload that stand in its bytes count.
 */
#define _GNU_SOURCE 1
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/image/modules/graph.h"
#include "cli/image/scan/output.h"
#include "cli/image/scan/root.h"

#define BLANKS     " \t\\\r\n" /* a backslash continues a line */
#define MAX_DOTTED 200

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t name_len(const char *at)
{
	size_t len = 0;

	while (is_name(at[len]))
		len++;
	return len;
}

/* The length of a dotted name. */
static size_t dotted_len(const char *at)
{
	size_t len = 0;

	while (is_name(at[len]) || at[len] == '.')
		len++;
	return len;
}

/* Of dir/stem: a package, an extension module or a source, in Python's order. */
static bool add_file(struct graph *graph, const char *dir, const char *stem)
{
	const char *v = graph->version;
	size_t major = strcspn(v, ".");
	const char *minor = v[major] ? v + major + 1 : "";
	bool is_package = graph_add_text(graph, "%s/%s/__init__.py", dir, stem);

	return is_package ||
	       graph_add_library(graph, "%s/%s.cpython-%.*s%s-x86_64-linux-gnu.so", dir, stem,
				 (int)major, v, minor) ||
	       graph_add_library(graph, "%s/%s.abi3.so", dir, stem) ||
	       graph_add_library(graph, "%s/%s.so", dir, stem) ||
	       graph_add_text(graph, "%s/%s.py", dir, stem);
}

static void add_encoding(struct graph *graph, const char *path)
{
	graph_add_text(graph, "%s", path);
}

static void resolve(struct graph *graph, const char *name)
{
	char stem[MAX_DOTTED + 1];
	const char *dot = strrchr(name, '.');
	size_t i;

	if (dot) /* a.b.c imports a.b first */
		graph_import(graph, name, (size_t)(dot - name));
	for (i = 0; name[i] && i < MAX_DOTTED; i++)
		stem[i] = name[i] == '.' ? '/' : name[i];
	stem[i] = '\0';
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (add_file(graph, graph->dirs.words[d], stem))
			break;
	}
	if (strcmp(name, "encodings") != 0)
		return;
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		char dir[512];

		if (snprintf(dir, sizeof(dir), "%s/encodings", graph->dirs.words[d]) <
		    (int)sizeof(dir))
			graph_each_file(graph, dir, "*.py", add_encoding);
	}
}

/* The name of the package that a file belongs to, without the file's own: "" if there is none. */
static void package_of(const struct graph *graph, const char *path, char package[MAX_DOTTED + 1])
{
	size_t best = 0, len;
	const char *end = strrchr(path, '/');

	package[0] = '\0';
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		len = strlen(graph->dirs.words[d]);
		if (len > best && strncmp(path, graph->dirs.words[d], len) == 0 && path[len] == '/')
			best = len;
	}
	if (!best || path + best >= end || (size_t)(end - path) - best - 1 > MAX_DOTTED)
		return;
	len = (size_t)(end - path) - best - 1;
	memcpy(package, path + best + 1, len);
	package[len] = '\0';
	for (char *slash = package; (slash = strchr(slash, '/'));)
		*slash = '.';
}

/* Blanks, and the end of a line after a backslash. */
static const char *skip_blanks(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r");
		if (at[0] != '\\')
			return at;
		at += 1 + strspn(at + 1, "\r");
		at += *at == '\n';
	}
}

static bool is_word(const char *at, const char *word)
{
	size_t len = strlen(word);

	return strncmp(at, word, len) == 0 && !is_name(at[len]);
}

/* import a.b as c, d */
static const char *read_import(struct graph *graph, const char *at)
{
	for (;;) {
		size_t len;

		at = skip_blanks(at);
		len = dotted_len(at);
		if (!len)
			return at;
		graph_import(graph, at, len);
		at = skip_blanks(at + len);
		if (is_word(at, "as"))
			at = skip_blanks(at + 2);
		at = skip_blanks(at + name_len(at));
		if (*at != ',')
			return at;
		at++;
		at += strspn(at, BLANKS);
	}
}

/* The names after `from package import`: each may be a module of the package. */
static const char *read_names(struct graph *graph, const char *at, const char *package)
{
	bool in_parens;

	at = skip_blanks(at);
	in_parens = *at == '(';
	at += in_parens;
	for (;;) {
		char name[2 * MAX_DOTTED + 2];
		size_t len;

		at = in_parens ? at + strspn(at, BLANKS ",") : skip_blanks(at);
		if (*at == ',') {
			at++;
			continue;
		}
		if (in_parens && *at == '#') {
			at += strcspn(at, "\n");
			continue;
		}
		len = name_len(at);
		if (!len || len > MAX_DOTTED)
			return at;
		if (len != 2 || memcmp(at, "as", 2) != 0) {
			int total = snprintf(name, sizeof(name), "%s%s%.*s", package,
					     *package ? "." : "", (int)len, at);
			graph_import(graph, name, (size_t)total);
		}
		at += len;
	}
}

/* from ..package import names: each dot after the first is one package up. */
static const char *read_from(struct graph *graph, const char *path, const char *at)
{
	char package[2 * MAX_DOTTED + 2] = "";
	size_t dots, len;

	at = skip_blanks(at);
	dots = strspn(at, ".");
	at = skip_blanks(at + dots);
	len = is_word(at, "import") ? 0 : dotted_len(at);
	if (len > MAX_DOTTED)
		return at;
	if (dots)
		package_of(graph, path, package);
	for (size_t i = 1; i < dots; i++) {
		char *dot = strrchr(package, '.');

		*(dot ? dot : package) = '\0';
	}
	snprintf(package + strlen(package), MAX_DOTTED + 2, "%s%.*s", *package && len ? "." : "",
		 (int)len, at);
	at = skip_blanks(at + len);
	if (!is_word(at, "import"))
		return at;
	graph_import(graph, package, strlen(package));
	return read_names(graph, at + 6, package);
}

/* __import__("name") and import_module("name"); one whose name is not constant is noted. */
static void read_calls(struct graph *graph, const char *path, const char *text, const char *call)
{
	for (const char *at = text; (at = strstr(at, call));) {
		size_t len;

		at += strlen(call);
		at += strspn(at, BLANKS);
		if (*at != '"' && *at != '\'') {
			if (graph->subject->script && graph->files.words[0] == path)
				graph_note(graph,
					   "%s imports modules whose names are made at run time: "
					   "they are not in; --also or --all-modules",
					   path);
			continue;
		}
		len = dotted_len(at + 1);
		if (at[1 + len] == *at)
			graph_import(graph, at + 1, len);
	}
}

static void read_text(struct graph *graph, const char *path, char *text)
{
	const char *at = text;

	while (*at) {
		at += strspn(at, " \t\r\n;:");
		if (is_word(at, "import"))
			at = read_import(graph, at + 6);
		else if (is_word(at, "from"))
			at = read_from(graph, path, at + 4);
		at += strcspn(at, "\n;:");
	}
	read_calls(graph, path, text, "__import__(");
	read_calls(graph, path, text, "import_module(");
}

/* Folders of a *.pth file; its imports are read as of any text. */
static void add_pth(struct graph *graph, const char *path)
{
	char *text, *line, *rest;
	size_t len;

	if (root_read(graph->root, path, 1 << 16, &text, &len))
		return;
	for (rest = text; (line = strsep(&rest, "\r\n"));) {
		if (!*line || *line == '#' || strncmp(line, "import", 6) == 0)
			continue;
		if (*line == '/')
			graph_add_dir(graph, "%s", line);
		else
			graph_add_dir(graph, "%.*s/%s", (int)(path_name(path) - path - 1), path,
				      line);
	}
	free(text);
	graph_add_text(graph, "%s", path);
}

/* By the interpreter's prefix: /usr, /usr/local, a virtual environment. */
static void add_prefix(struct graph *graph, const char *program)
{
	const char *bin = strrchr(program, '/'), *v = graph->version;
	int len;

	if (!bin || bin == program)
		return;
	bin = memrchr(program, '/', (size_t)(bin - program));
	if (!bin)
		return;
	len = (int)(bin - program);
	graph_add_dir(graph, "%.*s/lib/python%s", len, program, v);
	graph_add_dir(graph, "%.*s/lib/python%s/lib-dynload", len, program, v);
	graph_add_dir(graph, "%.*s/lib/python%s/site-packages", len, program, v);
	graph_add_dir(graph, "%.*s/local/lib/python%s/dist-packages", len, program, v);
	graph_add_dir(graph, "%.*s/lib/python%s/dist-packages", len, program, v);
	graph_add_dir(graph, "%.*s/lib/python3/dist-packages", len, program);
}

static void import_extension(struct graph *graph, const char *path)
{
	const char *name = path_name(path);
	size_t len = strcspn(name, ".");
	char quoted[MAX_DOTTED + 3] =
		""; /* the name between two zeros, as a string stands in a file */

	if (len > MAX_DOTTED)
		return;
	memcpy(quoted + 1, name, len);
	if (memmem(graph->library, graph->library_len_bytes, quoted, len + 2))
		graph_import(graph, name, len);
}

/* Names of other extension modules among the strings of one. */
static void read_library(struct graph *graph)
{
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (strstr(graph->dirs.words[d], "/lib-dynload"))
			graph_each_file(graph, graph->dirs.words[d], "*.so", import_extension);
	}
}

static void begin(struct graph *graph)
{
	static const char *const own[] = { "site",  "encodings",     "io",
					   "os",    "codecs",        "zipimport",
					   "runpy", "sitecustomize", "usercustomize" };
	unsigned nr_dirs;

	add_prefix(graph, graph->subject->path);
	add_prefix(graph, "/usr/bin/python");
	add_prefix(graph, "/usr/local/bin/python");
	nr_dirs = graph->dirs.nr;
	for (unsigned d = 0; d < nr_dirs; d++) {
		if (strstr(graph->dirs.words[d], "-packages"))
			graph_each_file(graph, graph->dirs.words[d], "*.pth", add_pth);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		graph_import(graph, own[i], strlen(own[i]));
}

const struct language language_python = {
	.interpreter = "python3",
	.begin = begin,
	.read = read_text,
	.read_library = read_library,
	.resolve = resolve,
	.extensions = "*.so",
};
