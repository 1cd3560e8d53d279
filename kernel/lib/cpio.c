/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "newc" archives (cpio(5)): a header of six magic bytes and thirteen fields of eight hexadecimal
 * digits, the name with its NUL, padding to four bytes, the data, padding again. The entry
 * "TRAILER!!!" ends an archive; zeros may follow it, and then another archive (initramfs images
 * are concatenations).
 */
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/string.h"

#define HEADER_LEN 110
#define NR_FIELDS  13

enum field {
	INO,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	FILESIZE,
	DEV_MAJOR,
	DEV_MINOR,
	RDEV_MAJOR,
	RDEV_MINOR,
	NAMESIZE,
	CHECK
};

void cpio_reader_init(struct cpio_reader *r, const void *archive, size_t len)
{
	r->at = archive;
	r->end = r->at + len;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_fields(const char *at, uint32_t fields[NR_FIELDS])
{
	int digit;

	for (int i = 0; i < NR_FIELDS; i++) {
		fields[i] = 0;
		for (int k = 0; k < 8; k++) {
			digit = hex_digit(*at++);
			if (digit < 0)
				return -EINVAL;
			fields[i] = fields[i] << 4 | (uint32_t)digit;
		}
	}
	return 0;
}

static bool is_magic(const char *at)
{
	return memcmp(at, "070701", 6) == 0 || memcmp(at, "070702", 6) == 0;
}

static size_t bytes_left(const struct cpio_reader *r)
{
	return (size_t)(r->end - r->at);
}

/* Past `len` bytes and their padding; an archive may lack the padding after its last entry. */
static void advance(struct cpio_reader *r, uint64_t len)
{
	uint64_t padded = (len + 3) & ~3ull;

	r->at += padded < bytes_left(r) ? padded : bytes_left(r);
}

/* After a trailer: on to another archive's magic, over zeros. False: nothing follows. */
static bool next_archive(struct cpio_reader *r)
{
	while (r->at < r->end && *r->at == '\0')
		r->at++;
	return bytes_left(r) >= HEADER_LEN && is_magic(r->at);
}

static int read_entry(struct cpio_reader *r, struct cpio_entry *out)
{
	uint32_t f[NR_FIELDS];
	size_t name_len;

	if (bytes_left(r) < HEADER_LEN || !is_magic(r->at) || read_fields(r->at + 6, f) != 0)
		return -EINVAL;
	name_len = f[NAMESIZE];
	if (name_len == 0 || name_len > bytes_left(r) - HEADER_LEN)
		return -EINVAL;
	out->name = r->at + HEADER_LEN;
	if (memchr(out->name, '\0', name_len) != out->name + name_len - 1)
		return -EINVAL;
	advance(r, HEADER_LEN + name_len);
	if (f[FILESIZE] > bytes_left(r))
		return -EINVAL;
	out->data = r->at;
	out->size_bytes = f[FILESIZE];
	advance(r, f[FILESIZE]);
	out->ino = f[INO];
	out->mode = f[MODE];
	out->uid = f[UID];
	out->gid = f[GID];
	out->nlink = f[NLINK];
	out->mtime = f[MTIME];
	out->rdev_major = f[RDEV_MAJOR];
	out->rdev_minor = f[RDEV_MINOR];
	return 1;
}

int cpio_reader_next(struct cpio_reader *r, struct cpio_entry *out)
{
	int err;

	for (;;) {
		err = read_entry(r, out);
		if (err < 0 || strcmp(out->name, "TRAILER!!!") != 0)
			return err;
		if (!next_archive(r))
			return 0;
	}
}
