/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a container image's blobs come from (oci_source.h). */
#define _GNU_SOURCE 1
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/oci/oci_source.h"

#define MAX_JSON ((uint64_t)16 << 20)

/* ---- libarchive over a part of a file ---- */

static ssize_t read_more(struct archive *archive, void *context, const void **bytes)
{
	struct oci_reader *reader = context;
	uint64_t left = reader->end - reader->at;
	ssize_t n;

	*bytes = reader->buffer;
	n = pread(reader->fd, reader->buffer,
		  left < sizeof(reader->buffer) ? left : sizeof(reader->buffer), (off_t)reader->at);
	if (n < 0)
		archive_set_error(archive, errno, "%s", strerror(errno));
	else
		reader->at += (uint64_t)n;
	return n;
}

int oci_reader_open(struct oci_reader *reader, const struct content *content, const char *name,
		    struct failure *failure)
{
	uint64_t offset = content->path ? 0 : content->offset;

	reader->close_fd = content->path != NULL;
	reader->fd = content->path ? open(content->path, O_RDONLY | O_CLOEXEC) : content->fd;
	reader->at = offset;
	reader->end = offset + content->size_bytes;
	reader->archive = archive_read_new();
	if (reader->fd < 0 || !reader->archive)
		return failure_set(failure, "%s: %s", name, strerror(errno));
	archive_read_support_filter_all(reader->archive);
	archive_read_support_format_tar(reader->archive);
	archive_read_support_format_empty(reader->archive);
	if (archive_read_open(reader->archive, reader, NULL, read_more, NULL) == ARCHIVE_OK)
		return 0;
	failure_set(failure, "%s: it is no tar: %s", name, archive_error_string(reader->archive));
	oci_reader_close(reader);
	return -1;
}

void oci_reader_close(struct oci_reader *reader)
{
	if (reader->archive)
		archive_read_free(reader->archive);
	reader->archive = NULL;
	if (reader->close_fd && reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
}

int oci_source_spool(struct oci_source *source, const void *bytes, size_t len,
		     struct failure *failure)
{
	const char *from = bytes;

	while (len) {
		ssize_t n = pwrite(source->spool, from, len, (off_t)source->spool_end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failure_set(failure,
					   "unpacking %s: %s; TMPDIR says where it is unpacked",
					   source->path, strerror(n < 0 ? errno : ENOSPC));
		source->spool_end += (uint64_t)n;
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Blocks may be left out, where a file has holes. */
int oci_reader_spool(struct oci_reader *reader, struct oci_source *source, struct content *content,
		     struct failure *failure)
{
	uint64_t start = source->spool_end;
	const void *bytes;
	size_t len;
	la_int64_t at;
	int status;

	while ((status = archive_read_data_block(reader->archive, &bytes, &len, &at)) ==
	       ARCHIVE_OK) {
		source->spool_end = start + (uint64_t)at;
		if (oci_source_spool(source, bytes, len, failure))
			return -1;
	}
	if (status != ARCHIVE_EOF)
		return failure_set(failure, "%s: the archive is damaged: %s", source->path,
				   archive_error_string(reader->archive));
	*content = (struct content){
		.fd = source->spool,
		.offset = start,
		.size_bytes = source->spool_end - start,
	};
	return 0;
}

/* ---- the transport ---- */

static int open_spool(struct oci_source *source, struct failure *failure)
{
	const char *folder = getenv("TMPDIR");

	if (!folder || !*folder)
		folder = "/tmp";
	source->spool = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (source->spool < 0) {
		char *name = arena_printf(source->arena, "%s/hull-build-XXXXXX", folder);

		source->spool = mkostemp(name, O_CLOEXEC);
		if (source->spool >= 0)
			unlink(name);
	}
	if (source->spool >= 0)
		return 0;
	return failure_set(failure, "%s: no file to unpack into: %s; name another folder by TMPDIR",
			   folder, strerror(errno));
}

static const char *plain_name(struct arena *arena, const char *name)
{
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	return arena_string(arena, name);
}

static int take_entry(struct oci_source *source, struct oci_reader *reader,
		      struct archive_entry *entry, struct failure *failure)
{
	struct oci_blob blob = { .name = archive_entry_pathname(entry) };

	if (!blob.name || archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	blob.name = plain_name(source->arena, blob.name);
	if (oci_reader_spool(reader, source, &blob.content, failure))
		return -1;
	source->blobs = arena_grow(source->arena, source->blobs, source->nr_blobs,
				   &source->capacity, sizeof(blob));
	source->blobs[source->nr_blobs++] = blob;
	return 0;
}

static int unpack(struct oci_source *source, uint64_t len, struct failure *failure)
{
	struct content content = { .path = source->path, .size_bytes = len };
	struct oci_reader *reader = arena_alloc(source->arena, sizeof(*reader));
	struct archive_entry *entry;
	int err, status;

	err = oci_reader_open(reader, &content, source->path, failure);
	if (err)
		return err;
	while (!err &&
	       (status = archive_read_next_header(reader->archive, &entry)) != ARCHIVE_EOF) {
		if (status < ARCHIVE_WARN)
			err = failure_set(failure, "%s: the archive is damaged: %s", source->path,
					  archive_error_string(reader->archive));
		else
			err = take_entry(source, reader, entry, failure);
	}
	oci_reader_close(reader);
	return err;
}

int oci_source_open(struct oci_source *source, struct arena *arena, const char *path,
		    struct failure *failure)
{
	struct stat st;

	*source = (struct oci_source){ .arena = arena, .path = path, .spool = -1 };
	if (stat(path, &st) < 0)
		return failure_set(failure, "%s: %s", path, strerror(errno));
	source->is_folder = S_ISDIR(st.st_mode);
	if (open_spool(source, failure))
		return -1;
	return source->is_folder ? 0 : unpack(source, (uint64_t)st.st_size, failure);
}

int oci_source_find(struct oci_source *source, const char *name, struct content *content,
		    struct failure *failure)
{
	struct stat st;

	if (strstr(name, "..") || name[0] == '/')
		return failure_set(failure, "%s: it names the file '%s'", source->path, name);
	if (source->is_folder) {
		*content = (struct content){
			.path = arena_printf(source->arena, "%s/%s", source->path, name),
			.fd = -1,
		};
		if (stat(content->path, &st) < 0 || !S_ISREG(st.st_mode))
			return 1;
		content->size_bytes = (uint64_t)st.st_size;
		return 0;
	}
	for (size_t i = 0; i < source->nr_blobs; i++) {
		if (strcmp(source->blobs[i].name, name) != 0)
			continue;
		*content = source->blobs[i].content;
		return 0;
	}
	return 1;
}

char *oci_source_read(struct oci_source *source, const struct content *content, const char *name,
		      struct failure *failure)
{
	int fd = content->path ? open(content->path, O_RDONLY | O_CLOEXEC) : content->fd;
	ssize_t n = -1;
	char *text;

	if (content->size_bytes > MAX_JSON) {
		failure_set(failure, "%s: %s is too large", source->path, name);
		return NULL;
	}
	text = arena_alloc(source->arena, content->size_bytes + 1);
	if (fd >= 0)
		n = pread(fd, text, content->size_bytes,
			  content->path ? 0 : (off_t)content->offset);
	if (content->path && fd >= 0)
		close(fd);
	if (n == (ssize_t)content->size_bytes)
		return text;
	failure_set(failure, "%s: %s cannot be read", source->path, name);
	return NULL;
}

static int check_digest(struct oci_source *source, const struct content *content,
			const char *digest, struct failure *failure)
{
	int fd = content->path ? open(content->path, O_RDONLY | O_CLOEXEC) : content->fd;
	uint64_t at = content->path ? 0 : content->offset, end = at + content->size_bytes;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t part[16384], out[32] = { 0 };
	char hex[65];
	ssize_t n = 1;

	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	while (fd >= 0 && at < end && n > 0) {
		n = pread(fd, part, end - at < sizeof(part) ? end - at : sizeof(part), (off_t)at);
		if (n > 0)
			EVP_DigestUpdate(hash, part, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	EVP_DigestFinal_ex(hash, out, NULL);
	EVP_MD_CTX_free(hash);
	if (content->path && fd >= 0)
		close(fd);
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", out[i]);
	if (strcmp(hex, digest) == 0)
		return 0;
	return failure_set(failure, "%s: the blob %s is damaged: its SHA-256 is %s", source->path,
			   digest, hex);
}

int oci_source_blob(struct oci_source *source, const char *digest, struct content *content,
		    struct failure *failure)
{
	const char *hex = strncmp(digest, "sha256:", 7) == 0 ? digest + 7 : NULL;
	int err;

	if (!hex || strspn(hex, "0123456789abcdef") != 64 || hex[64])
		return failure_set(failure, "%s: '%.80s' is no SHA-256 digest", source->path,
				   digest);
	err = oci_source_find(source, arena_printf(source->arena, "blobs/sha256/%s", hex), content,
			      failure);
	if (err > 0)
		return failure_set(failure, "%s: the blob %s is missing", source->path, digest);
	return err ? err : check_digest(source, content, hex, failure);
}
