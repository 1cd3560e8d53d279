/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ruby: require "a/b" is a/b.rb or a/b.so in the folders of $LOAD_PATH, require_relative beside
 * the text. The interpreter requires rubygems and its fellows by itself, and opens the tables of
 * encodings (enc/).
 */
#define _GNU_SOURCE 1
#include <string.h>

#include "cli/image/modules/graph.h"
#include "cli/image/scan/output.h"

static bool ends_with(const char *name, size_t len, const char *suffix)
{
	return len > 3 && memcmp(name + len - 3, suffix, 3) == 0;
}

static void resolve(struct graph *graph, const char *name)
{
	size_t len = strlen(name);
	bool only_library = ends_with(name, len, ".so"), only_text = ends_with(name, len, ".rb");
	bool found = false;

	if (only_library || only_text)
		len -= 3;
	for (unsigned d = 0; d < graph->dirs.nr && !found; d++) {
		const char *dir = graph->dirs.words[d];

		if (!only_library)
			found = graph_add_text(graph, "%s/%.*s.rb", dir, (int)len, name);
		if (!only_text && !found)
			found = graph_add_library(graph, "%s/%.*s.so", dir, (int)len, name);
	}
}

/* A constant after require: "name" or 'name', in parentheses or not. */
static void read_name(struct graph *graph, const char *path, const char *at)
{
	bool relative = strncmp(at, "_relative", 9) == 0;
	size_t len;

	at += relative ? 9 : 0;
	at += strspn(at, " \t(");
	if (*at != '"' && *at != '\'')
		return;
	len = strcspn(++at, "\"'\n#");
	if (at[len] != '"' && at[len] != '\'')
		return;
	if (relative)
		graph_add_text(graph, "%.*s%.*s.rb", (int)(path_name(path) - path), path, (int)len,
			       at);
	else
		graph_import(graph, at, len);
}

static void read_text(struct graph *graph, const char *path, char *text)
{
	for (const char *at = text; (at = strstr(at, "require"));) {
		at += strlen("require");
		read_name(graph, path, at);
	}
	/* autoload :Name, "path" */
	for (const char *at = text; (at = strstr(at, "autoload"));) {
		at += strlen("autoload");
		at += strcspn(at, ",\n");
		if (*at == ',')
			read_name(graph, path, at + 1);
	}
}

static void add_encoding(struct graph *graph, const char *path)
{
	graph_add_library(graph, "%s", path);
}

static void begin(struct graph *graph)
{
	static const char *const own[] = { "rubygems",         "monitor",         "rbconfig",
					   "did_you_mean",     "error_highlight", "syntax_suggest",
					   "enc/trans/transdb" };
	static const char *const dirs[] = {
		"/usr/local/lib/site_ruby",
		"/usr/local/lib/x86_64-linux-gnu/site_ruby",
		"/usr/lib/ruby/vendor_ruby",
		"/usr/lib/x86_64-linux-gnu/ruby/vendor_ruby/*",
		"/usr/lib/ruby/[0-9]*",
		"/usr/lib/x86_64-linux-gnu/ruby/[0-9]*",
		"/usr/local/lib/ruby/[0-9]*",
		"/usr/local/lib/ruby/[0-9]*/x86_64-linux*",
		"/usr/share/rubygems-integration/*/gems/*/lib",
		"/var/lib/gems/*/gems/*/lib",
		"/usr/local/lib/ruby/gems/*/gems/*/lib",
		"/usr/local/bundle/gems/*/lib",
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		graph_add_dir(graph, "%s", dirs[i]);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		graph_import(graph, own[i], strlen(own[i]));
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		char enc[512];

		if (snprintf(enc, sizeof(enc), "%s/enc", graph->dirs.words[d]) < (int)sizeof(enc))
			graph_each_file(graph, enc, "*.so", add_encoding);
	}
}

const struct language language_ruby = {
	.interpreter = "ruby",
	.begin = begin,
	.read = read_text,
	.resolve = resolve,
	.extensions = "*.so",
};
