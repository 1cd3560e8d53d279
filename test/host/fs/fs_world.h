/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/fs in an ordinary process: a machine with a tmpfs on "/", and short ways to use files by
 * name. What fails in a helper that does not return an error ends the test.
 */
#pragma once
#include "fs/vfs.h"

void world_start(void);                      /* a cmocka test's first act; "/" is empty each time */
void world_user(uint32_t uid, uint32_t gid); /* who acts from now on; 0: root with everything */
uint64_t world_free_pages(void);

int world_write(const char *name, const char *text); /* creates or replaces */
int world_append(const char *name, const char *text);
bool world_reads(const char *name, const char *text);      /* the file holds exactly that */
struct file *world_open(const char *name, unsigned flags); /* must succeed */
ssize_t world_file_write(struct file *f, const void *data, size_t len);
ssize_t world_file_read(struct file *f, void *buf, size_t size);
bool world_exists(const char *name);
int world_stat(const char *name, struct statx *out); /* of a link itself */
struct path world_path(const char *name);            /* must succeed; counted */
/* The directory's names in its order, ' ' after each, without dots. */
const char *world_list(const char *name);
