/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lua: require "a.b" looks for a/b.lua, a/b/init.lua and a/b.so, or for the all-in-one library
 * a.so (lua.org/manual/5.4, 6.3), in the folders of Debian's luaconf.h and beside the script.
 */
#define _GNU_SOURCE 1
#include <string.h>

#include "cli/image/modules/graph.h"

#define MAX_NAME 200

static void resolve(struct graph *graph, const char *name)
{
	char stem[MAX_NAME + 1];
	size_t i;

	for (i = 0; name[i] && i < MAX_NAME; i++)
		stem[i] = name[i] == '.' ? '/' : name[i];
	stem[i] = '\0';
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		const char *dir = graph->dirs.words[d];

		if (graph_add_text(graph, "%s/%s.lua", dir, stem) ||
		    graph_add_text(graph, "%s/%s/init.lua", dir, stem))
			return;
	}
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (graph_add_library(graph, "%s/%s.so", graph->dirs.words[d], stem))
			return;
	}
	stem[strcspn(stem, "/")] = '\0';
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (graph_add_library(graph, "%s/%s.so", graph->dirs.words[d], stem))
			return;
	}
}

/* require "name", require("name"), require 'name', require[[name]] */
static void read_text(struct graph *graph, const char *path, char *text)
{
	for (const char *at = text; (at = strstr(at, "require"));) {
		size_t len;

		at += strlen("require");
		at += strspn(at, " \t\r\n(");
		if (*at != '"' && *at != '\'' && *at != '[')
			continue;
		at += *at == '[' ? strspn(at, "[=") : 1;
		len = strcspn(at, "\"']\n");
		if (at[len] != '\n')
			graph_import(graph, at, len);
	}
	if (strstr(text, "loadlib"))
		graph_note(graph, "%s uses package.loadlib: name what it loads by --also", path);
}

static void begin(struct graph *graph)
{
	const char *v = graph->version[0] ? graph->version : "5.1"; /* LuaJIT has 5.1's */

	graph_add_dir(graph, "/usr/local/share/lua/%s", v);
	graph_add_dir(graph, "/usr/local/lib/lua/%s", v);
	graph_add_dir(graph, "/usr/share/lua/%s", v);
	graph_add_dir(graph, "/usr/lib/x86_64-linux-gnu/lua/%s", v);
	graph_add_dir(graph, "/usr/lib/lua/%s", v);
}

const struct language language_lua = {
	.interpreter = "lua",
	.begin = begin,
	.read = read_text,
	.resolve = resolve,
	.extensions = "*.so",
};
