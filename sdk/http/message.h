/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1.1 messages as they come (RFC 9110, RFC 9112): the head of a request, read in place, and
 * the chunked coding of a body. Pure: bytes in, facts out; no connection, no clock, no allocation.
 *
 * A head is looked at when it is whole. Until then only its lines are counted, and no byte twice,
 * so that a peer that sends byte after byte costs no more than one that sends at once. What is
 * found are places in the head, so that it may be moved.
 *
 * Two readers of one message must not differ on where it ends (RFC 9112 §11.2). So, where the RFC
 * leaves a choice, this reader refuses:
 *	- a line that ends with LF alone, a CR without LF (§2.2), a folded line (§5.2)
 *	- space before a field's colon (§5.1), bytes in names and values that are not theirs
 *	- Content-Length twice, even the same, or not all digits; Content-Length and
 *	  Transfer-Encoding together (§6.3); Transfer-Encoding in HTTP/1.0, or not "chunked" alone
 *	- no Host, or two of them, or one that is no host (§3.2)
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FIELDS_MAX 64u
#define HTTP_LINE_MAX   8000u /* bytes of a request line: RFC 9112 §3 */
#define HTTP_BLANK_MAX  16u   /* bytes of empty lines before one: §2.2 */
#define HTTP_CHUNK_LINE 1024u /* bytes of a chunk's size with its extensions */

struct http_slice {
	uint32_t at, len; /* in the head */
};

struct http_field {
	struct http_slice name, value;
};

struct http_head {
	struct http_slice method, path, query; /* path: "*" with OPTIONS; query without the "?" */
	uint8_t minor;                         /* of HTTP/1.x */
	bool keeps_alive, is_chunked, has_length, expects_continue, has_host;
	uint64_t length; /* Content-Length */
	unsigned nr_fields;
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* Where the search for the head's end is. All zero at first. */
struct http_scan {
	size_t start; /* of the request line */
	size_t line;  /* of the line at hand */
	size_t at;    /* looked at up to here */
};

/*
 * The head at the front of `bytes`, which have grown since the last call, or are the same. Returns
 * how many bytes it takes; 0: it is not whole yet; or the negative status that refuses it: -400,
 * -414, -417, -431, -501, -505.
 */
int hull_http_read_head(const char *bytes, size_t len, size_t most, struct http_scan *scan,
			struct http_head *out);

/* The value of the first field of that name (any case); NULL: there is none. */
const struct http_field *hull_http_find_field(const struct http_head *h, const char *bytes,
					      const char *name);

/* RFC 9112 §7.1. */
struct http_chunks {
	enum {
		HTTP_CHUNK_SIZE,
		HTTP_CHUNK_DATA,
		HTTP_CHUNK_END,
		HTTP_CHUNK_TRAILER,
		HTTP_CHUNK_DONE
	} state;
	uint64_t left;   /* bytes of the chunk */
	size_t trailers; /* bytes of them so far */
};
/*
 * One step: *used bytes are done with, and *data of length *data_len among them are the body's.
 * 0; nothing used: more bytes are needed; -400, -431. At HTTP_CHUNK_DONE there is no more.
 */
int hull_http_read_chunks(struct http_chunks *k, const char *bytes, size_t len, size_t *used,
			  struct http_slice *data);

/* %XX are read (RFC 3986 §2.1), and "+" as a space if that is wanted: a form's. How many bytes `to`
 * has then, without a NUL, which follows them; -EINVAL: a % that is wrong, or a NUL; -ENOSPC. */
int hull_http_decode(const char *from, size_t len, bool plus_is_space, char *to, size_t room);
