/* SPDX-License-Identifier: BSD-2-Clause */
/* A file written once, through a buffer (sink.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/crc32c.h"
#include "pack/sink.h"

#define BUFFER_BYTES ((size_t)256 << 10)

struct sink {
	int fd;
	uint64_t at; /* bytes taken */
	size_t held; /* of these, in the buffer */
	uint32_t crc;
	EVP_MD_CTX *hash; /* of the section; NULL: no memory */
	bool failed;
	struct failure failure;
	char buffer[BUFFER_BYTES], input[BUFFER_BYTES];
};

struct sink *sink_new(int fd)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return NULL;
	sink->fd = fd;
	sink->hash = EVP_MD_CTX_new();
	return sink;
}

void sink_free(struct sink *sink)
{
	EVP_MD_CTX_free(sink->hash);
	free(sink);
}

void sink_fail(struct sink *sink, const char *format, ...)
{
	va_list args;

	if (sink->failed)
		return;
	sink->failed = true;
	va_start(args, format);
	vsnprintf(sink->failure.text, sizeof(sink->failure.text), format, args);
	va_end(args);
}

static void write_out(struct sink *sink)
{
	const char *from = sink->buffer;

	while (sink->held && !sink->failed) {
		ssize_t n = write(sink->fd, from, sink->held);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			sink_fail(sink, "writing failed after %llu bytes: %s%s",
				  (unsigned long long)(sink->at - sink->held),
				  strerror(n < 0 ? errno : ENOSPC),
				  errno == ENOSPC ? "; free some space there, or write elsewhere "
						    "(-o)"
						  : "");
			return;
		}
		from += n;
		sink->held -= (size_t)n;
	}
	sink->held = 0;
}

void sink_write(struct sink *sink, const void *bytes, size_t len)
{
	const char *from = bytes;

	sink->crc = crc32c(sink->crc, bytes, len);
	if (sink->hash && len)
		EVP_DigestUpdate(sink->hash, bytes, len);
	while (len && !sink->failed) {
		size_t part = BUFFER_BYTES - sink->held < len ? BUFFER_BYTES - sink->held : len;

		memcpy(sink->buffer + sink->held, from, part);
		sink->held += part;
		sink->at += part;
		from += part;
		len -= part;
		if (sink->held == BUFFER_BYTES)
			write_out(sink);
	}
}

void sink_zeros(struct sink *sink, uint64_t len)
{
	static const char zeros[4096];

	for (; len; len -= len < sizeof(zeros) ? len : sizeof(zeros))
		sink_write(sink, zeros, len < sizeof(zeros) ? len : sizeof(zeros));
}

/* From a file at an offset. */
static void copy_file(struct sink *sink, int fd, const struct content *content)
{
	const char *name = content->path ? content->path : "the unpacked layers";
	uint64_t offset = content->path ? 0 : content->offset, left = content->size_bytes;

	while (left && !sink->failed) {
		size_t part = left < BUFFER_BYTES ? left : BUFFER_BYTES;
		ssize_t n = pread(fd, sink->input, part, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			sink_fail(sink, "%s: %s", name,
				  n < 0 ? strerror(errno)
					: "it became shorter while it was read; try again");
			return;
		}
		sink_write(sink, sink->input, (size_t)n);
		offset += (uint64_t)n;
		left -= (uint64_t)n;
	}
}

void sink_content(struct sink *sink, const struct content *content)
{
	int fd;

	if (content->bytes) {
		sink_write(sink, content->bytes, content->size_bytes);
		return;
	}
	if (!content->path) {
		copy_file(sink, content->fd, content);
		return;
	}
	fd = open(content->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		sink_fail(sink, "%s: %s", content->path, strerror(errno));
		return;
	}
	copy_file(sink, fd, content);
	close(fd);
}

uint64_t sink_at(const struct sink *sink)
{
	return sink->at;
}

void sink_section_begin(struct sink *sink)
{
	sink->crc = CRC32C_INIT;
	if (!sink->hash || EVP_DigestInit_ex(sink->hash, EVP_sha256(), NULL) != 1)
		sink_fail(sink, "SHA-256 cannot be had from libcrypto");
}

void sink_section_end(struct sink *sink, uint32_t *crc, uint8_t sha256[32])
{
	*crc = ~sink->crc;
	memset(sha256, 0, 32);
	if (sink->hash && !sink->failed)
		EVP_DigestFinal_ex(sink->hash, sha256, NULL);
}

bool sink_failed(struct sink *sink, struct failure *failure)
{
	write_out(sink);
	if (sink->failed)
		*failure = sink->failure;
	return sink->failed;
}
