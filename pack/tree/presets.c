/* SPDX-License-Identifier: BSD-2-Clause */
/* The presets (presets.h). Where Debian keeps these files: its policy and its packages' lists. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "pack/tree/presets.h"

#define MAX_PATTERNS 10

struct preset {
	const char *name, *what;
	const char *patterns[MAX_PATTERNS], *exclude[MAX_PATTERNS];
};

static const struct preset presets[] = {
	{ "python3",
	  "Debian's Python and its standard library",
	  { "/usr/bin/python3", "/usr/bin/python3.[0-9]*[0-9]", "/usr/lib/python3.*",
	    "/etc/python3*" },
	  { "test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip",
	    "config-3.*", "pydoc_data" } },
	{ "perl",
	  "Debian's perl and its modules",
	  { "/usr/bin/perl", "/usr/lib/x86_64-linux-gnu/perl*", "/usr/share/perl*", "/etc/perl" },
	  { "*.pod", "unicore/lib" } },
	{ "ruby",
	  "Debian's Ruby and its standard library",
	  { "/usr/bin/ruby", "/usr/bin/ruby[0-9]*", "/usr/lib/ruby",
	    "/usr/lib/x86_64-linux-gnu/ruby", "/usr/share/ruby*",
	    "/usr/share/rubygems-integration" },
	  { "*.ri", "ri" } },
	{ "node",
	  "what Debian's node has outside of its file",
	  { "/usr/share/nodejs" },
	  { "*.d.ts", "*.map" } },
	{ "java",
	  "Debian's Java",
	  { "/usr/lib/jvm/java-*-openjdk-amd64", "/usr/lib/jvm/openjdk-*", "/etc/java-*-openjdk" },
	  { "src.zip", "jmods", "man", "ct.sym" } },
	{ "nginx",
	  "the host's sites and configuration of nginx, and its folders",
	  { "/etc/nginx", "/usr/share/nginx", "/usr/lib/nginx", "/var/www/html", "/var/lib/nginx",
	    "/var/log/nginx" },
	  { "/var/lib/nginx/*", "/var/log/nginx/*" } },
	{ "ca-certificates",
	  "what TLS clients trust",
	  { "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/openssl.cnf",
	    "/usr/lib/ssl/openssl.cnf", "/usr/lib/ssl/certs/ca-certificates.crt" },
	  { NULL } },
	{ "timezones",
	  "all time zones, and the host's",
	  { "/usr/share/zoneinfo", "/etc/localtime" },
	  { "posix", "right", "posixrules" } },
	{ "services",
	  "names of ports and protocols",
	  { "/etc/services", "/etc/protocols" },
	  { NULL } },
	{ "terminfo",
	  "descriptions of terminals",
	  { "/lib/terminfo", "/usr/share/terminfo", "/etc/terminfo" },
	  { NULL } },
	{ "locales",
	  "glibc's compiled locales",
	  { "/usr/lib/locale/locale-archive", "/usr/lib/locale/C.utf8" },
	  { NULL } },
	{ "gconv",
	  "glibc's conversions between character sets",
	  { "/usr/lib/x86_64-linux-gnu/gconv" },
	  { NULL } },
	{ "shell",
	  "sh and the small programs that scripts use",
	  { "/bin/sh", "/bin/dash", "/bin/cat", "/bin/ls", "/bin/echo", "/bin/sleep",
	    "/usr/bin/env", "/usr/bin/test" },
	  { NULL } },
};

const char *presets_name(unsigned i, const char **what)
{
	if (i >= sizeof(presets) / sizeof(presets[0]))
		return NULL;
	*what = presets[i].what;
	return presets[i].name;
}

static const struct preset *find(const char *name)
{
	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	}
	return NULL;
}

static int unknown(const char *name, const struct host_files *files, const struct place *place,
		   struct failure *failure)
{
	const char *list = "";

	for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		list = arena_printf(files->arena, "%s%s%s", list, *list ? ", " : "",
				    presets[i].name);
	return failure_set(failure, "%sthere is no preset '%s'; there are: %s",
			   place_text(files->arena, place), name, list);
}

static bool matches_something(const char *pattern)
{
	glob_t found;
	bool some = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0;

	globfree(&found);
	return some;
}

bool presets_are_here(const char *name)
{
	const struct preset *preset = find(name);

	for (unsigned i = 0; preset && i < MAX_PATTERNS && preset->patterns[i]; i++) {
		if (matches_something(preset->patterns[i]))
			return true;
	}
	return false;
}

int presets_add(struct host_files *files, const char *name, const struct place *place,
		struct failure *failure)
{
	const struct preset *preset = find(name);
	struct file_rule rule = { .place = *place };
	unsigned nr = 0;

	if (!preset)
		return unknown(name, files, place, failure);
	for (unsigned i = 0; i < MAX_PATTERNS && preset->exclude[i]; i++)
		strings_add(files->arena, &rule.exclude, preset->exclude[i]);
	for (unsigned i = 0; i < MAX_PATTERNS && preset->patterns[i]; i++) {
		if (!matches_something(preset->patterns[i]))
			continue;
		nr++;
		rule.from = preset->patterns[i];
		if (host_files_add_rule(files, &rule, failure))
			return -1;
	}
	if (nr)
		return 0;
	return failure_set(failure, "%sthe preset '%s': nothing of it is on this host; install it",
			   place_text(files->arena, place), name);
}
