/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The closure of a program: the file itself, its loader (PT_INTERP), and each library that the
 * loader would load before main, in its order (breadth first, the symbol search order), by its
 * rules: ld.so(8) for glibc (RPATH unless there is a RUNPATH, LD_LIBRARY_PATH, RUNPATH,
 * ld.so.cache, the default folders; $ORIGIN, $LIB, $PLATFORM), its ldso/dynlink.c for musl
 * (LD_LIBRARY_PATH, rpath of the wanter and of its wanters, /etc/ld-musl-x86_64.path or
 * /lib:/usr/local/lib:/usr/lib). ld.so.conf is read where there is no cache.
 *
 * Variants for certain CPUs (glibc-hwcaps folders) are passed over: an image runs on other CPUs
 * too.
 *
 * `root` makes another folder the root directory: each path, symbolic links with it, is resolved
 * inside (openat2 RESOLVE_IN_ROOT), so that an unpacked image's libraries are found and never the
 * host's. What is missing does not end the search: it is listed with who wanted it, once.
 */
#pragma once
#include "scan/elf/elf_file.h"

struct closure_options {
	const char *root; /* NULL: "/" */
	const char *const
		*also; /* libraries that the program will dlopen: names or paths; ends with NULL */
	const char *library_path; /* LD_LIBRARY_PATH; NULL: none */
	/* as `also`, but not missing when they are not there: names that code gives to dlopen */
	const char *const *opened;
};

struct closure_object {
	struct elf_file *file;
	char *name; /* what it was asked for by: "libc.so.6"; the program's own path for object 0 */
	char *path; /* where it was found, in the root: "/lib/x86_64-linux-gnu/libc.so.6" */
	char *real_path; /* where that leads, links followed, in the root */
	char *host_path; /* the same on the host */
	int wanted_by;   /* index of the first that needs it; -1: the program, or `also` */
	bool is_interpreter;
	bool is_also;   /* only reached through `also`, or `opened` */
	bool is_opened; /* through `opened` alone */
};

struct closure_missing {
	char *name;
	int wanted_by; /* index of an object; -1: `also` */
};

struct closure {
	struct closure_object
		*objects; /* [0] is the program; then in the order of the symbols' search */
	unsigned nr_objects;
	struct closure_missing *missing;
	unsigned nr_missing;
	bool is_musl;
};

/*
 * 0, with what is missing in closure->missing; -ENOENT, -ENOEXEC, ... when the program itself
 * cannot be read. `program` is a path in the root. options may be NULL. The caller frees it.
 */
int closure_find(struct closure **closure, const char *program,
		 const struct closure_options *options, struct scan_error *error);
void closure_free(struct closure *closure);
