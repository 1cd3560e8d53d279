/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program of an image and what it needs to start: its interpreter, the libraries that the
 * loader would load (scan/closure/closure.h), and for a script the program that its first line
 * names, with the same. A program or library that lies where the image has its own (/usr, /lib,
 * /opt, ...) keeps its path; one from anywhere else goes to /app, or /usr/lib, so that an image
 * does not depend on the folder that it was built in.
 */
#pragma once
#include "pack/config/config.h"
#include "pack/tree/host_files.h"

struct program {
	const char *host;           /* the file here; NULL: it is the container image's */
	const char *path;           /* in the image: what is executed */
	struct strings executables; /* ELF programs here: it, or a script's interpreters */
	bool is_dynamic;            /* one of these has an interpreter (ld.so) */
	bool is_script;
};

/* Finds the program by config->program: a path, or a name along PATH; and brings what it needs. */
int program_add(struct host_files *files, const struct config *config, struct program *program,
		struct failure *failure);
/*
 * The libraries of every ELF file that is in the tree by now. What is missing there is a note
 * only: a folder may hold modules that nobody loads.
 */
int program_add_libraries(struct host_files *files, const struct config *config,
			  struct strings *notes, struct failure *failure);
/* The path of a program that the tree has: by itself, or along PATH. NULL: it is not there. */
const char *program_find(const struct host_files *files, const char *name, const char *search);
