/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of programs, and a look at the arguments (start.h). */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/config/start.h"
#include "pack/tree/presets.h"

#define MAX_WORDS 4

/* Names may have a version behind: python3.11. */
static const struct known {
	const char *name;
	const char *presets[MAX_WORDS], *args[MAX_WORDS]; /* args: if none are given */
	const char *port;                                 /* HOST:GUEST */
	const char *folder;                               /* of its modules, where it is started */
} all_known[] = {
	{ .name = "python3", .presets = { "python3" } },
	{ .name = "python", .presets = { "python3" } },
	{ .name = "perl", .presets = { "perl" } },
	{ .name = "ruby", .presets = { "ruby" } },
	{ .name = "node", .presets = { "node" }, .folder = "node_modules" },
	{ .name = "nodejs", .presets = { "node" }, .folder = "node_modules" },
	{ .name = "java", .presets = { "java" } },
	{ .name = "sh", .presets = { "shell" } },
	{ .name = "dash", .presets = { "shell" } },
	{ .name = "bash", .presets = { "shell", "terminfo" } },
	{ .name = "curl", .presets = { "ca-certificates" } },
	{ .name = "wget", .presets = { "ca-certificates" } },
	{ .name = "nginx",
	  .presets = { "nginx" },
	  .args = { "-g", "daemon off;" },
	  .port = "8080:80" },
	/* Without a password it answers to its own machine alone, which is nobody here. */
	{ .name = "redis-server", .args = { "--protected-mode", "no" }, .port = "6379:6379" },
	{ .name = "memcached", .args = { "-u", "root" }, .port = "11211:11211" },
	{ .name = "dnsmasq", .args = { "--keep-in-foreground" }, .port = "5353:53/udp" },
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct known *find_known(const char *program)
{
	const char *base = base_of(program);

	for (size_t i = 0; i < sizeof(all_known) / sizeof(all_known[0]); i++) {
		size_t len = strlen(all_known[i].name);

		if (strncmp(base, all_known[i].name, len) == 0 &&
		    strspn(base + len, "0123456789.") == strlen(base + len))
			return &all_known[i];
	}
	return NULL;
}

/* Of a script "#!/usr/bin/env NAME" or "#!/usr/bin/NAME"; NULL: it is none. */
static const char *interpreter_of(struct arena *arena, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[256], *word, *save;
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 3 || memcmp(head, "#!", 2) != 0)
		return NULL;
	head[n] = '\0';
	head[strcspn(head, "\n")] = '\0';
	word = strtok_r(head + 2, " \t", &save);
	while (word && (strcmp(base_of(word), "env") == 0 || word[0] == '-'))
		word = strtok_r(NULL, " \t", &save);
	return word ? arena_string(arena, word) : NULL;
}

static void add_words(struct arena *arena, struct strings *to, const char *const words[MAX_WORDS])
{
	for (unsigned i = 0; i < MAX_WORDS && words[i]; i++)
		strings_add(arena, to, words[i]);
}

static bool has(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->nr; i++) {
		if (strcmp(list->at[i], text) == 0)
			return true;
	}
	return false;
}

/* Relative and going down only: it has the same place below /app. */
static bool is_below_here(const char *path)
{
	const char *part = path;

	if (!path[0] || path[0] == '/' || path[0] == '-' || strcmp(path, ".") == 0)
		return false;
	while (part && !(strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))) {
		part = strchr(part, '/');
		part = part ? part + 1 : NULL;
	}
	return !part;
}

/* In the language of files: a name with signs that mean something there is left to people. */
static bool is_plain(const char *path)
{
	return !strpbrk(path, "*?[\\:");
}

static void add_file(struct start *start, struct arena *arena, const char *path)
{
	const char *rule;
	struct stat st;

	while (strncmp(path, "./", 2) == 0)
		path += 2;
	rule = path;
	if (!is_plain(path) || stat(path, &st) < 0)
		return;
	if (is_below_here(path) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		rule = arena_printf(arena, "%s:/app/%s", path, path);
		start->cwd = "/app";
	} else if (path[0] != '/' || !S_ISREG(st.st_mode)) {
		return;
	}
	if (!has(&start->files, rule))
		strings_add(arena, &start->files, rule);
}

void start_guess(struct start *start, struct arena *arena, const char *program, char **args)
{
	const char *interpreter = strchr(program, '/') ? interpreter_of(arena, program) : NULL;
	const struct known *known = find_known(interpreter ? interpreter : program);
	bool given = args[0] != NULL;

	*start = (struct start){ .cwd = NULL };
	for (; *args; args++) {
		strings_add(arena, &start->args, *args);
		add_file(start, arena, *args);
	}
	if (!known)
		return;
	for (unsigned i = 0; i < MAX_WORDS && known->presets[i]; i++) {
		if (presets_are_here(known->presets[i]))
			strings_add(arena, &start->presets, known->presets[i]);
	}
	if (!given)
		add_words(arena, &start->args, known->args);
	if (known->port)
		strings_add(arena, &start->ports, known->port);
	if (known->folder && start->cwd)
		add_file(start, arena, known->folder);
}
