/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is written from its beginning to its end, with checksum and hash of a section of it
 * taken on the way. Errors are remembered: the first is told by sink_failed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack/failure.h"
#include "pack/tree/tree.h"

struct sink;

/* The descriptor stays the caller's. */
struct sink *sink_new(int fd);
void sink_free(struct sink *sink);
void sink_write(struct sink *sink, const void *bytes, size_t len);
void sink_zeros(struct sink *sink, uint64_t len);
/* A file's bytes, all of them: one that has become shorter is an error that names it. */
void sink_content(struct sink *sink, const struct content *content);
void sink_fail(struct sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t sink_at(const struct sink *sink);
/* A section begins here; its checksum (CRC-32C) and SHA-256 when it ends. */
void sink_section_begin(struct sink *sink);
void sink_section_end(struct sink *sink, uint32_t *crc, uint8_t sha256[32]);
/* Writes what is still held. False: all is well. */
bool sink_failed(struct sink *sink, struct failure *failure);
