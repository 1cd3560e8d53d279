/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perl: `use A::B`, `require A::B`, `use parent qw(A B)` and `use base` name A/B.pm in the folders
 * of @INC (perlvar(1)); a module with C code has auto/A/B/B.so beside it (XSLoader(3perl)). Some
 * modules the interpreter loads by itself, as an operator or a layer needs them.
 */
#define _GNU_SOURCE 1
#include <string.h>

#include "cli/image/modules/graph.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define MAX_NAME   200

static void resolve(struct graph *graph, const char *name)
{
	char stem[MAX_NAME + 1];
	const char *last;
	size_t len = 0;

	for (; *name && len < MAX_NAME; name++) {
		if (name[0] == ':' && name[1] == ':')
			name++;
		stem[len++] = *name == ':' ? '/' : *name;
	}
	stem[len] = '\0';
	last = strrchr(stem, '/') ? strrchr(stem, '/') + 1 : stem;
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (graph_add_text(graph, "%s/%s.pm", graph->dirs.words[d], stem))
			break;
	}
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (graph_add_library(graph, "%s/auto/%s/%s.so", graph->dirs.words[d], stem, last))
			break;
	}
}

/* Names of a list: 'A::B', "A::B" or qw(A::B C::D), to the end of the statement. */
static void read_list(struct graph *graph, const char *at)
{
	size_t end = strcspn(at, ";");

	while (end) {
		size_t len = strspn(at, NAME_CHARS ":");

		if (len > end)
			len = end;
		graph_import(graph, at, len);
		if (!len)
			len = 1;
		at += len;
		end -= len;
	}
}

static void read_require(struct graph *graph, const char *at)
{
	const char *name;
	size_t len;

	at += strspn(at, " \t");
	len = strspn(at, NAME_CHARS ":");
	if (len) {
		name = at;
		graph_import(graph, name, len);
		at += len;
		if ((len == 6 && memcmp(name, "parent", 6) == 0) ||
		    (len == 4 && (memcmp(name, "base", 4) == 0 || memcmp(name, "open", 4) == 0)))
			read_list(graph, at);
		return;
	}
	if (*at != '"' && *at != '\'')
		return;
	len = strcspn(++at, "\"'\n;");
	for (unsigned d = 0; d < graph->dirs.nr; d++) {
		if (graph_add_text(graph, "%s/%.*s", graph->dirs.words[d], (int)len, at))
			return;
	}
}

/* Not after `=` at the beginning of a line, up to "=cut": that is documentation (perlpod(1)). */
static void read_text(struct graph *graph, const char *path, char *text)
{
	bool in_pod = false;
	char *line;

	(void)path;
	while ((line = strsep(&text, "\n"))) {
		if (line[0] == '=' && strspn(line + 1, NAME_CHARS))
			in_pod = strncmp(line, "=cut", 4) != 0;
		if (strcmp(line, "__END__") == 0)
			break;
		if (in_pod)
			continue;
		for (const char *at = line; *at; at++) {
			if (at > line && strchr(NAME_CHARS "$@%&>", at[-1]))
				continue;
			if (strncmp(at, "use ", 4) == 0)
				read_require(graph, at + 4);
			else if (strncmp(at, "require ", 8) == 0)
				read_require(graph, at + 8);
		}
	}
}

static void begin(struct graph *graph)
{
	static const char *const own[] = {
		"PerlIO::scalar",          "PerlIO::encoding", "PerlIO::via", "File::Glob",
		"Tie::Hash::NamedCapture", "attributes",       "mro",         "re"
	};
	static const char *const dirs[] = { "/etc/perl",
					    "/usr/local/lib/*/perl/*",
					    "/usr/local/share/perl/*",
					    "/usr/lib/*/perl5/*",
					    "/usr/share/perl5",
					    "/usr/lib/*/perl-base",
					    "/usr/lib/*/perl/*",
					    "/usr/share/perl/*",
					    "/usr/local/lib/perl5/*",
					    "/usr/local/lib/perl5/*/*" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		graph_add_dir(graph, "%s", dirs[i]);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		graph_import(graph, own[i], strlen(own[i]));
}

const struct language language_perl = {
	.interpreter = "perl",
	.begin = begin,
	.read = read_text,
	.resolve = resolve,
	.extensions = "*.so",
};
