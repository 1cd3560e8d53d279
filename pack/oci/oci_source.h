/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of a container image's transport, by their names in it: of a folder as they are, of a
 * tar unpacked into one file without a name, which also takes the contents of the layers.
 */
#pragma once
#include "pack/tree/tree.h"

struct oci_blob {
	const char *name;
	struct content content;
};

struct oci_source {
	struct arena *arena;
	const char *path;
	bool is_folder;
	int spool; /* a file without a name */
	uint64_t spool_end;
	struct oci_blob *blobs;
	size_t nr_blobs, capacity;
};

int oci_source_open(struct oci_source *source, struct arena *arena, const char *path,
		    struct failure *failure);
/* One file of it. 1: there is none of that name. 0 or -1. */
int oci_source_find(struct oci_source *source, const char *name, struct content *content,
		    struct failure *failure);
/* A whole small file, with a zero behind it; NULL: failure. */
char *oci_source_read(struct oci_source *source, const struct content *content, const char *name,
		      struct failure *failure);
/* A descriptor's blob ("sha256:HEX"), whose digest is right. */
int oci_source_blob(struct oci_source *source, const char *digest, struct content *content,
		    struct failure *failure);
/* Writes bytes behind the spool's end. 0 or -1. */
int oci_source_spool(struct oci_source *source, const void *bytes, size_t len,
		     struct failure *failure);

/* libarchive over a content: a tar, compressed or not. */
struct archive;
struct oci_reader {
	struct archive *archive;
	int fd;
	bool close_fd;
	uint64_t at, end;
	char buffer[64 << 10];
};
int oci_reader_open(struct oci_reader *reader, const struct content *content, const char *name,
		    struct failure *failure);
void oci_reader_close(struct oci_reader *reader);
/* The entry's bytes to the spool. */
int oci_reader_spool(struct oci_reader *reader, struct oci_source *source, struct content *content,
		     struct failure *failure);
