/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graph of a script's modules. A language (python.c, perl.c, lua.c, ruby.c) says where modules
 * lie, which names a text imports, and which file a name is; the graph reads each file once, from
 * the script on, until nothing new comes. Imports count wherever they stand in a text, in
 * functions that may never run too; names that are made at run time are not seen, which the
 * language notes.
 *
 * Memory that is short is remembered in `failed` and told at the end, so that adding needs no
 * checks.
 */
#pragma once
#include "cli/image/scan/subject.h"

struct graph {
	const struct language *language;
	struct subject *subject; /* its modules and notes are filled */
	const char *root;
	const char *interpreter; /* the file name of its program, links followed: "python3.11" */
	char version[16];        /* what digits and dots follow the name: "3.11" */
	struct word_list dirs;   /* where modules lie, in the order in which they are looked for */
	struct word_list files;  /* texts, in the order of their finding */
	void *seen;              /* names and files, of search.h */
	const char *library;     /* the bytes of the extension module that is read */
	size_t library_len_bytes;
	bool failed;
};

struct language {
	const char *interpreter; /* what the file name begins with */
	/* Adds dirs, and imports what the interpreter imports by itself. */
	void (*begin)(struct graph *graph);
	/* Imports what the text, which may be changed, names. */
	void (*read)(struct graph *graph, const char *path, char *text);
	/* Imports what the extension module in graph->library may import; NULL: nothing. */
	void (*read_library)(struct graph *graph);
	/* Adds the file or files of a name, if there are any. */
	void (*resolve)(struct graph *graph, const char *name);
	/* Adds every extension module of the dirs. */
	const char *extensions; /* a pattern of their names: "*.so" */
};

extern const struct language language_python, language_perl, language_lua, language_ruby;

/* Path names are made as printf does. A * in a component of a dir stands for all that are there. */
void graph_add_dir(struct graph *graph, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void graph_import(struct graph *graph, const char *name, size_t len);
/* A text to be read, or a library; false: there is no such file. */
bool graph_add_text(struct graph *graph, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool graph_add_library(struct graph *graph, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Calls found() with the path of each file of a folder whose name matches (fnmatch(3)). */
void graph_each_file(struct graph *graph, const char *dir, const char *pattern,
		     void (*found)(struct graph *graph, const char *path));
void graph_note(struct graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
