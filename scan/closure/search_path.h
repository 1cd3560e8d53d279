/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths inside a root directory and the lists of folders that a loader looks through. A root is a
 * folder that takes the place of "/": symbolic links are followed inside of it.
 */
#pragma once
#include "scan/elf/elf_file.h"

struct search_root {
	int fd;     /* O_PATH */
	char *path; /* its real path on the host, "" for "/" */
};

int search_root_open(struct search_root *root, const char *path, struct scan_error *error);
void search_root_close(struct search_root *root);
/* Where a path in the root leads, on the host: an allocated string; NULL: nowhere (errno). */
char *search_resolve_or_null(const struct search_root *root, const char *path);
/* The whole of a text or data file in the root, with a 0 after it; NULL: none. */
char *search_read_or_null(const struct search_root *root, const char *path, size_t *len_bytes);

struct search_folders {
	char **paths;
	unsigned nr;
};
int search_folder_add(struct search_folders *folders, const char *path, size_t len);
/* Adds each of a list parted by any of `parting`. */
int search_folders_add(struct search_folders *folders, const char *list, const char *parting);
/* Adds the folders of /etc/ld.so.conf, with its includes. */
int search_folders_add_conf(struct search_folders *folders, const struct search_root *root,
			    const char *conf, unsigned depth);
void search_folders_fini(struct search_folders *folders);

/* The path that /etc/ld.so.cache has for a library, in the bytes of the cache; NULL: none. */
const char *search_cache_find(const char *cache, size_t len_bytes, const char *name);
