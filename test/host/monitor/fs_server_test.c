/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-fs server (monitor/fs/fs.h) against a directory made for each test: what each
 * operation does, that nothing outside the directory can be reached, and that malformed requests do
 * no harm. Run under ASan and UBSan.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/fs/fs.h"

struct fixture {
	char dir[64], secret[64];
	struct fs_server *server;
	char out[70000]; /* the last reply */
	size_t out_len;  /* behind its header */
};

static const void *body(const struct fixture *f)
{
	return f->out + sizeof(struct fuse_out_header);
}

/* Sends a request with up to two pieces of arguments; returns its error, 0 or -errno. */
static int call(struct fixture *f, uint32_t opcode, uint64_t nodeid, const void *a, size_t a_len,
		const void *b, size_t b_len)
{
	struct fuse_in_header header = {
		.len = (uint32_t)(sizeof(header) + a_len + b_len),
		.opcode = opcode,
		.unique = 7,
		.nodeid = nodeid,
		.uid = getuid(),
		.gid = getgid(),
	};
	struct fuse_out_header reply;
	struct iovec in[3] = {
		{ &header, sizeof(header) },
		{ (void *)a, a_len },
		{ (void *)b, b_len },
	};
	/* the reply in two pieces, broken where no structure is */
	struct iovec out[2] = { { f->out, 33 }, { f->out + 33, sizeof(f->out) - 33 } };
	ssize_t n = fs_server_handle(f->server, in, 3, out, 2);

	if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET) {
		assert_int_equal(n, 0);
		return 0;
	}
	assert_true(n >= (ssize_t)sizeof(reply));
	memcpy(&reply, f->out, sizeof(reply));
	assert_int_equal(reply.len, n);
	assert_int_equal(reply.unique, 7);
	f->out_len = (size_t)n - sizeof(reply);
	return reply.error;
}

static int call_name(struct fixture *f, uint32_t opcode, uint64_t nodeid, const char *name)
{
	return call(f, opcode, nodeid, name, strlen(name) + 1, NULL, 0);
}

static uint64_t lookup(struct fixture *f, uint64_t parent, const char *name)
{
	struct fuse_entry_out entry;

	assert_int_equal(call_name(f, FUSE_LOOKUP, parent, name), 0);
	memcpy(&entry, body(f), sizeof(entry));
	return entry.nodeid;
}

static uint64_t open_node(struct fixture *f, uint32_t opcode, uint64_t nodeid, uint32_t flags)
{
	struct fuse_open_in in = { .flags = flags };
	struct fuse_open_out out;

	assert_int_equal(call(f, opcode, nodeid, &in, sizeof(in), NULL, 0), 0);
	memcpy(&out, body(f), sizeof(out));
	return out.fh;
}

static void start(struct fixture *f, bool read_only)
{
	struct fuse_init_in in = { .major = 7, .minor = 36, .max_readahead = 65536, .flags = ~0u };

	fs_server_free(f->server);
	f->server = fs_server_new(f->dir, read_only);
	assert_non_null(f->server);
	assert_int_equal(call(f, FUSE_INIT, 0, &in, sizeof(in), NULL, 0), 0);
	assert_int_equal(((const struct fuse_init_out *)body(f))->major, 7);
	assert_int_equal(((const struct fuse_init_out *)body(f))->max_write, 1 << 20);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[160];

	strcpy(f->dir, "/tmp/fs_server_test.XXXXXX");
	strcpy(f->secret, "/tmp/fs_server_secret.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_non_null(mkdtemp(f->secret));
	write_file(f->secret, "secret", "not for guests");
	write_file(f->dir, "file", "hello world");
	snprintf(path, sizeof(path), "%s/sub", f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file(path, "inner", "inside");
	snprintf(path, sizeof(path), "%s/escape", f->dir);
	assert_int_equal(symlink(f->secret, path), 0);
	snprintf(path, sizeof(path), "%s/fifo", f->dir);
	assert_int_equal(mkfifo(path, 0644), 0);
	start(f, false);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[256];

	fs_server_free(f->server);
	snprintf(command, sizeof(command), "rm -rf %s %s", f->dir, f->secret);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static int read_at(struct fixture *f, uint64_t node, uint64_t fh, uint64_t offset, uint32_t size)
{
	struct fuse_read_in in = { .fh = fh, .offset = offset, .size = size };

	return call(f, FUSE_READ, node, &in, sizeof(in), NULL, 0);
}

static void test_reads_a_file(void **state)
{
	struct fixture *f = *state;
	uint64_t node = lookup(f, 1, "file"), fh = open_node(f, FUSE_OPEN, node, O_RDONLY);
	struct fuse_release_in release = { .fh = fh };

	assert_int_equal(read_at(f, node, fh, 6, 100), 0);
	assert_int_equal(f->out_len, 5);
	assert_memory_equal(body(f), "world", 5);
	assert_int_equal(read_at(f, node, fh, 100, 100), 0);
	assert_int_equal(f->out_len, 0);
	assert_int_equal(call(f, FUSE_RELEASE, node, &release, sizeof(release), NULL, 0), 0);
	assert_int_equal(read_at(f, node, fh, 0, 1), -EBADF);
}

static void test_creates_and_writes(void **state)
{
	struct fixture *f = *state;
	struct fuse_create_in create = { .flags = O_WRONLY | O_CREAT, .mode = S_IFREG | 0640 };
	struct fuse_write_in write = { .size = 3, .offset = 2 };
	struct fuse_setattr_in set = { .valid = FATTR_SIZE | FATTR_MODE, .size = 4, .mode = 0600 };
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} made;
	struct fuse_attr_out attr;
	uint64_t node;

	assert_int_equal(call(f, FUSE_CREATE, 1, &create, sizeof(create), "new", 4), 0);
	memcpy(&made, body(f), sizeof(made));
	assert_int_equal(made.entry.attr.mode, S_IFREG | 0640);
	write.fh = made.open.fh;
	node = made.entry.nodeid;
	assert_int_equal(call(f, FUSE_WRITE, node, &write, sizeof(write), "abc", 3), 0);
	assert_int_equal(call(f, FUSE_SETATTR, made.entry.nodeid, &set, sizeof(set), NULL, 0), 0);
	memcpy(&attr, body(f), sizeof(attr));
	assert_int_equal(attr.attr.size, 4);
	assert_int_equal(attr.attr.mode, S_IFREG | 0600);
	assert_int_equal(read_at(f, made.entry.nodeid, made.open.fh, 0, 10), 0);
	assert_memory_equal(body(f), "\0\0ab", 4);
	/* a write that claims more than it brings */
	write.size = 4000;
	assert_int_equal(call(f, FUSE_WRITE, node, &write, sizeof(write), "abc", 3), -EINVAL);
	create.flags |= O_EXCL;
	assert_int_equal(call(f, FUSE_CREATE, 1, &create, sizeof(create), "new", 4), -EEXIST);
}

static void test_unlinked_file_stays_readable(void **state)
{
	struct fixture *f = *state;
	uint64_t node = lookup(f, 1, "file"), fh;

	assert_int_equal(call_name(f, FUSE_UNLINK, 1, "file"), 0);
	assert_int_equal(call_name(f, FUSE_LOOKUP, 1, "file"), -ENOENT);
	fh = open_node(f, FUSE_OPEN, node, O_RDONLY);
	assert_int_equal(read_at(f, node, fh, 0, 5), 0);
	assert_memory_equal(body(f), "hello", 5);
}

static void test_renames(void **state)
{
	struct fixture *f = *state;
	uint64_t sub = lookup(f, 1, "sub"), file = lookup(f, 1, "file");
	struct fuse_rename2_in in = { .newdir = sub, .flags = RENAME_NOREPLACE };

	assert_int_equal(call(f, FUSE_RENAME2, 1, &in, sizeof(in), "file\0inner", 11), -EEXIST);
	assert_int_equal(call(f, FUSE_RENAME2, 1, &in, sizeof(in), "file\0moved", 11), 0);
	assert_int_equal(lookup(f, sub, "moved"), file);
	in.flags = 4; /* RENAME_WHITEOUT */
	assert_int_equal(call(f, FUSE_RENAME2, 1, &in, sizeof(in), "sub\0sub2", 9), -EINVAL);
	/* the second name is missing */
	in.flags = 0;
	assert_int_equal(call(f, FUSE_RENAME2, 1, &in, sizeof(in), "sub", 4), -EINVAL);
}

static void test_links_and_directories(void **state)
{
	struct fixture *f = *state;
	struct fuse_link_in link_in = { .oldnodeid = lookup(f, 1, "file") };
	struct fuse_mkdir_in mkdir_in = { .mode = 0777, .umask = 022 };
	struct fuse_entry_out entry;

	assert_int_equal(call(f, FUSE_LINK, 1, &link_in, sizeof(link_in), "hard", 5), 0);
	memcpy(&entry, body(f), sizeof(entry));
	assert_int_equal(entry.nodeid, link_in.oldnodeid);
	assert_int_equal(entry.attr.nlink, 2);
	assert_int_equal(call(f, FUSE_SYMLINK, 1, "soft\0../target", 15, NULL, 0), 0);
	assert_int_equal(call(f, FUSE_READLINK, lookup(f, 1, "soft"), NULL, 0, NULL, 0), 0);
	assert_int_equal(f->out_len, 9);
	assert_memory_equal(body(f), "../target", 9);
	assert_int_equal(call(f, FUSE_MKDIR, 1, &mkdir_in, sizeof(mkdir_in), "d", 2), 0);
	memcpy(&entry, body(f), sizeof(entry));
	assert_int_equal(entry.attr.mode, S_IFDIR | 0755);
	assert_int_equal(call_name(f, FUSE_UNLINK, 1, "d"), -EISDIR);
	assert_int_equal(call_name(f, FUSE_RMDIR, 1, "sub"), -ENOTEMPTY);
	assert_int_equal(call_name(f, FUSE_RMDIR, 1, "d"), 0);
}

/* Reads a directory in replies of `size` bytes; returns the number of entries but "." and "..". */
static unsigned list(struct fixture *f, uint64_t node, uint32_t opcode, uint32_t size)
{
	struct fuse_read_in in = { .fh = open_node(f, FUSE_OPENDIR, node, 0), .size = size };
	size_t head = opcode == FUSE_READDIRPLUS ? sizeof(struct fuse_entry_out) : 0;
	unsigned nr = 0;

	do {
		assert_int_equal(call(f, opcode, node, &in, sizeof(in), NULL, 0), 0);
		for (size_t at = 0; at < f->out_len;) {
			const char *record = (const char *)body(f) + at;
			struct fuse_dirent dirent;
			uint64_t nodeid = 1;

			memcpy(&dirent, record + head, FUSE_NAME_OFFSET);
			if (head)
				memcpy(&nodeid, record, sizeof(nodeid));
			if (record[head + FUSE_NAME_OFFSET] != '.') {
				assert_int_not_equal(nodeid, 0);
				nr++;
			}
			in.offset = dirent.off;
			at += head + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + dirent.namelen);
		}
	} while (f->out_len);
	return nr;
}

static void test_lists_directories(void **state)
{
	struct fixture *f = *state;
	char name[32];

	assert_int_equal(list(f, 1, FUSE_READDIR, 4096), 4);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "entry%d", i);
		write_file(f->dir, name, "x");
	}
	assert_int_equal(list(f, 1, FUSE_READDIR, 100), 304);
	assert_int_equal(list(f, 1, FUSE_READDIRPLUS, 700), 304);
	assert_int_equal(list(f, 1, FUSE_READDIRPLUS, 65536), 304);
}

static void test_names_cannot_escape(void **state)
{
	static const char *const names[] = {
		"..", ".", "", "../etc", "sub/inner", "/etc", "sub/..",
	};
	struct fixture *f = *state;
	struct fuse_mkdir_in in = { .mode = 0777 };
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(call_name(f, FUSE_LOOKUP, 1, names[i]), -EINVAL);
		assert_int_equal(call_name(f, FUSE_UNLINK, 1, names[i]), -EINVAL);
		assert_int_equal(
			call(f, FUSE_MKDIR, 1, &in, sizeof(in), names[i], strlen(names[i]) + 1),
			-EINVAL);
	}
	/* no NUL at the end */
	assert_int_equal(call(f, FUSE_LOOKUP, 1, "file", 4, NULL, 0), -EINVAL);
	/* a link is a link: nothing below it, and it is not opened */
	assert_int_equal(call_name(f, FUSE_LOOKUP, lookup(f, 1, "escape"), "secret"), -ENOTDIR);
	{
		struct fuse_open_in open_in = { .flags = O_RDONLY };

		assert_int_equal(call(f, FUSE_OPEN, lookup(f, 1, "escape"), &open_in,
				      sizeof(open_in), NULL, 0),
				 -ELOOP);
		assert_int_equal(call(f, FUSE_OPEN, lookup(f, 1, "fifo"), &open_in, sizeof(open_in),
				      NULL, 0),
				 -ENXIO);
	}
	assert_int_equal(stat(f->secret, &st), 0);
}

static void test_swapped_directory_cannot_escape(void **state)
{
	struct fixture *f = *state;
	uint64_t sub = lookup(f, 1, "sub");
	char from[128], to[128];

	/* the host replaces the directory by a link: the guest goes on seeing the directory */
	snprintf(from, sizeof(from), "%s/sub", f->dir);
	snprintf(to, sizeof(to), "%s/old", f->dir);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink(f->secret, from), 0);
	assert_int_equal(call_name(f, FUSE_LOOKUP, sub, "secret"), -ENOENT);
	assert_int_equal(call_name(f, FUSE_LOOKUP, sub, "inner"), 0);
}

static void test_kernel_interfaces_look_empty(void **state)
{
	struct fixture *f = *state;
	struct fs_server *own = f->server;
	uint64_t proc;

	f->server = fs_server_new("/", true);
	assert_non_null(f->server);
	proc = lookup(f, 1, "proc");
	assert_int_equal(call_name(f, FUSE_LOOKUP, proc, "self"), -ENOENT);
	assert_int_equal(call_name(f, FUSE_LOOKUP, proc, "version"), -ENOENT);
	assert_int_equal(list(f, proc, FUSE_READDIR, 4096), 0);
	fs_server_free(f->server);
	f->server = own;
}

static void test_read_only(void **state)
{
	struct fixture *f = *state;
	struct fuse_mkdir_in mkdir_in = { .mode = 0777 };
	struct fuse_setattr_in set = { .valid = FATTR_MODE, .mode = 0600 };
	struct fuse_open_in open_in = { .flags = O_RDWR };
	uint64_t node;

	start(f, true);
	node = lookup(f, 1, "file");
	assert_int_equal(((const struct fuse_entry_out *)body(f))->attr_valid, 3600);
	assert_int_equal(call(f, FUSE_MKDIR, 1, &mkdir_in, sizeof(mkdir_in), "d", 2), -EROFS);
	assert_int_equal(call_name(f, FUSE_UNLINK, 1, "file"), -EROFS);
	assert_int_equal(call(f, FUSE_SETATTR, node, &set, sizeof(set), NULL, 0), -EROFS);
	assert_int_equal(call(f, FUSE_OPEN, node, &open_in, sizeof(open_in), NULL, 0), -EROFS);
	open_in.flags = O_RDONLY | O_TRUNC;
	assert_int_not_equal(call(f, FUSE_OPEN, node, &open_in, sizeof(open_in), NULL, 0), 0);
	open_node(f, FUSE_OPEN, node, O_RDONLY);
}

static void test_forgets(void **state)
{
	struct fixture *f = *state;
	uint64_t node = lookup(f, 1, "file");
	struct fuse_forget_in forget = { .nlookup = 1 };
	struct fuse_getattr_in getattr = { 0 };
	struct {
		struct fuse_batch_forget_in head;
		struct fuse_forget_one one[2];
	} batch = {
		.head = { .count = 2 },
	};

	assert_int_equal(lookup(f, 1, "file"), node);
	call(f, FUSE_FORGET, node, &forget, sizeof(forget), NULL, 0);
	assert_int_equal(call(f, FUSE_GETATTR, node, &getattr, sizeof(getattr), NULL, 0), 0);
	batch.one[0] = (struct fuse_forget_one){ node, UINT64_MAX };
	batch.one[1] = (struct fuse_forget_one){ 1, UINT64_MAX };
	call(f, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch), NULL, 0);
	assert_int_equal(call(f, FUSE_GETATTR, node, &getattr, sizeof(getattr), NULL, 0), -ESTALE);
	assert_int_equal(call(f, FUSE_GETATTR, 1, &getattr, sizeof(getattr), NULL, 0), 0);
	/* more entries than there are, and ones never looked up */
	batch.head.count = 0xffffffff;
	call(f, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch), NULL, 0);
	call(f, FUSE_FORGET, node, &forget, sizeof(forget), NULL, 0);
}

static void test_many_files_on_few_descriptors(void **state)
{
	struct fixture *f = *state;
	struct fuse_getattr_in getattr = { 0 };
	struct rlimit limit, few;
	uint64_t nodes[200];
	char name[32];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = (struct rlimit){ 64, limit.rlim_max };
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		write_file(f->dir, name, "x");
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		nodes[i] = lookup(f, 1, name);
	}
	for (int i = 0; i < 200; i++)
		assert_int_equal(
			call(f, FUSE_GETATTR, nodes[i], &getattr, sizeof(getattr), NULL, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_user_attributes_only(void **state)
{
	struct fixture *f = *state;
	struct {
		uint32_t size, flags;
		char rest[32];
	} set = { .size = 5 };
	uint64_t node = lookup(f, 1, "file");
	struct fuse_getxattr_in get = { .size = 100 };
	int err;

	memcpy(set.rest, "security.x\0value", 16);
	assert_int_equal(call(f, FUSE_SETXATTR, node, &set, 8 + 16, NULL, 0), -EOPNOTSUPP);
	memcpy(set.rest, "user.x\0value", 12);
	err = call(f, FUSE_SETXATTR, node, &set, 8 + 12, NULL, 0);
	if (err == -EOPNOTSUPP)
		return; /* this /tmp has none */
	assert_int_equal(err, 0);
	assert_int_equal(call(f, FUSE_GETXATTR, node, &get, sizeof(get), "user.x", 7), 0);
	assert_memory_equal(body(f), "value", 5);
	assert_int_equal(call(f, FUSE_LISTXATTR, node, &get, sizeof(get), NULL, 0), 0);
	assert_memory_equal(body(f), "user.x", 7);
	set.size = 4000;
	assert_int_equal(call(f, FUSE_SETXATTR, node, &set, 8 + 12, NULL, 0), -EINVAL);
	assert_int_equal(call_name(f, FUSE_REMOVEXATTR, node, "user.x"), 0);
	assert_int_equal(call(f, FUSE_GETXATTR, node, &get, sizeof(get), "user.x", 7), -ENODATA);
}

static void test_malformed_headers(void **state)
{
	struct fixture *f = *state;
	struct fuse_in_header header = {
		.len = sizeof(header),
		.opcode = FUSE_GETATTR,
		.nodeid = 1,
	};
	struct iovec in = { &header, sizeof(header) }, out = { f->out, sizeof(f->out) };

	in.iov_len = 39;
	assert_int_equal(fs_server_handle(f->server, &in, 1, &out, 1), -EINVAL);
	assert_int_equal(fs_server_handle(f->server, NULL, 0, &out, 1), -EINVAL);
	in.iov_len = sizeof(header);
	header.len = 39;
	assert_int_equal(fs_server_handle(f->server, &in, 1, &out, 1), -EINVAL);
	header.len = 41;
	assert_int_equal(fs_server_handle(f->server, &in, 1, &out, 1), -EINVAL);
	header.len = sizeof(header);
	out.iov_len = 15;
	assert_int_equal(fs_server_handle(f->server, &in, 1, &out, 1), -EINVAL);
	/* room for the header only: an error, not an overrun */
	out.iov_len = 16;
	assert_int_equal(fs_server_handle(f->server, &in, 1, &out, 1), 16);
	assert_int_equal(((struct fuse_out_header *)f->out)->error, -EINVAL);
	assert_int_equal(call(f, 4242, 1, NULL, 0, NULL, 0), -ENOSYS);
	assert_int_equal(call(f, FUSE_GETLK, 1, NULL, 0, NULL, 0), -ENOSYS);
}

/* Every operation with every short length, random bytes and random node ids and handles. */
static void test_random_requests(void **state)
{
	static char args[4096];
	struct fixture *f = *state;
	uint64_t known[4] = { 1, lookup(f, 1, "sub"), lookup(f, 1, "file"), 0 };

	srand(1);
	known[3] = open_node(f, FUSE_OPEN, known[2], O_RDWR);
	for (int i = 0; i < 60000; i++) {
		uint32_t opcode = (uint32_t)rand() % 56;
		size_t len = (size_t)rand() % (i % 8 ? 96 : sizeof(args));

		for (size_t at = 0; at + 4 <= len; at += 4) {
			uint32_t word = rand() % 3 ? (uint32_t)rand() % 3 : (uint32_t)rand();

			memcpy(args + at, &word, 4);
		}
		if (len >= 8 && rand() % 2)
			memcpy(args, &known[rand() % 4], 8);
		if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET ||
		    opcode == FUSE_INTERRUPT)
			continue;
		call(f, opcode, rand() % 8 ? known[rand() % 4] : (uint64_t)rand(), args, len, NULL,
		     0);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reads_a_file),
		TEST(test_creates_and_writes),
		TEST(test_unlinked_file_stays_readable),
		TEST(test_renames),
		TEST(test_links_and_directories),
		TEST(test_lists_directories),
		TEST(test_names_cannot_escape),
		TEST(test_swapped_directory_cannot_escape),
		TEST(test_kernel_interfaces_look_empty),
		TEST(test_read_only),
		TEST(test_forgets),
		TEST(test_many_files_on_few_descriptors),
		TEST(test_user_attributes_only),
		TEST(test_malformed_headers),
		TEST(test_random_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
