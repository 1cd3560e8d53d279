/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single objects out of the kernel's archive, for ld takes from an archive by symbols only. The
 * format is ar(5) with GNU's long names: a header of 60 bytes of text, the member, a byte to an
 * even offset; names are offsets into the member "//", where each ends with "/\n". The names are
 * paths, as `ar P` keeps them.
 */
#define _GNU_SOURCE 1
#include <ar.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/link/plan.h"

struct members {
	const char *path, *bytes;
	size_t size;
	const char *names; /* the member "//" */
	size_t names_bytes;
};

struct member {
	const char *name, *bytes;
	size_t name_len, size;
};

/* A number of text in a field that has no NUL. */
static size_t number(const char *field, size_t len)
{
	size_t value = 0;

	for (size_t i = 0; i < len && field[i] >= '0' && field[i] <= '9'; i++)
		value = value * 10 + (size_t)(field[i] - '0');
	return value;
}

static void name_member(const struct members *m, const struct ar_hdr *head, struct member *out)
{
	size_t at = number(head->ar_name + 1, sizeof(head->ar_name) - 1);
	const char *end;

	out->name = head->ar_name;
	out->name_len = sizeof(head->ar_name);
	if (head->ar_name[0] == '/' && head->ar_name[1] >= '0' && head->ar_name[1] <= '9' &&
	    at < m->names_bytes) {
		out->name = m->names + at;
		out->name_len = m->names_bytes - at;
	}
	end = memchr(out->name + 1, out->name[0] == '/' ? ' ' : '\n', out->name_len - 1);
	if (end)
		out->name_len = (size_t)(end - out->name);
	while (out->name_len > 1 && strchr(" /", out->name[out->name_len - 1]))
		out->name_len--;
}

/* The member at *at, which moves behind it; false: no more. */
static bool next_member(const struct members *m, size_t *at, struct member *out)
{
	const struct ar_hdr *head = (const struct ar_hdr *)(m->bytes + *at);

	if (*at > m->size || m->size - *at < sizeof(*head))
		return false;
	out->bytes = (const char *)(head + 1);
	out->size = number(head->ar_size, sizeof(head->ar_size));
	if (out->size > m->size - *at - sizeof(*head))
		return false;
	name_member(m, head, out);
	*at += sizeof(*head) + out->size + (out->size & 1);
	return true;
}

static void find_names(struct members *m)
{
	struct member member;
	size_t at = SARMAG;

	while (!m->names && next_member(m, &at, &member)) {
		if (memcmp(member.bytes - sizeof(struct ar_hdr), "// ", 3) == 0) {
			m->names = member.bytes;
			m->names_bytes = member.size;
		}
	}
}

struct members *members_open(const char *path, struct arena *arena, struct failure *failure)
{
	struct members *m = arena_alloc(arena, sizeof(*m));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *bytes = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (bytes == MAP_FAILED) {
		failure_set(failure, "cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	*m = (struct members){ .path = path, .bytes = bytes, .size = (size_t)st.st_size };
	if (m->size < SARMAG || memcmp(bytes, ARMAG, SARMAG) != 0) {
		failure_set(failure, "%s is not an archive of objects", path);
		members_close(m);
		return NULL;
	}
	find_names(m);
	return m;
}

void members_close(struct members *m)
{
	munmap((void *)m->bytes, m->size);
}

static int write_member(const struct member *member, const char *to, struct failure *failure)
{
	FILE *file = fopen(to, "we");
	bool written = file && fwrite(member->bytes, 1, member->size, file) == member->size;

	if (file && fclose(file) != 0)
		written = false;
	return written ? 0 : failure_set(failure, "cannot write %s: %s", to, strerror(errno));
}

int members_extract(struct members *m, const char *name, const char *to, struct failure *failure)
{
	struct member member;
	size_t at = SARMAG, len = strlen(name);

	while (next_member(m, &at, &member)) {
		if (member.name_len == len + 2 && memcmp(member.name, name, len) == 0 &&
		    memcmp(member.name + len, ".o", 2) == 0)
			return write_member(&member, to, failure);
	}
	return failure_set(failure, "%s has no %s; was it made by another version of Hull?",
			   m->path, name);
}
