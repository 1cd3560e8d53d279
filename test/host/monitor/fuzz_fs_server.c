/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A libFuzzer target for the virtio-fs server. The input is a sequence of requests, each a byte
 * of length and so many bytes: opcode, node, handle and arguments as they come; node ids and
 * handles are first turned into ones that exist, so that the fuzzer gets past their check. Inputs
 * of an odd length meet a read-only server.
 *
 *	clang -fsanitize=fuzzer,address,undefined -Iinclude -Ikernel -I. \
 *		test/host/monitor/fuzz_fs_server.c monitor/fs/fs_*.c -o fuzz && ./fuzz -max_len=4096
 */
#define _GNU_SOURCE 1
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/fs/fs.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static char dir[] = "/tmp/fuzz_fs_server.XXXXXX";
static uint64_t last_node = 1, last_handle;

static void remove_dir(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		perror(dir);
}

static struct fs_server *new_server(bool read_only)
{
	static int made;
	char path[64];

	if (!made) {
		made = 1;
		if (!mkdtemp(dir))
			abort();
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/a", dir);
	mkdir(path, 0700);
	return fs_server_new(dir, read_only);
}

/* Notes the node or handle that the reply brought. */
static void learn(uint32_t opcode, const char *out, ssize_t n)
{
	const size_t head = sizeof(struct fuse_out_header);

	if (n >= (ssize_t)(head + sizeof(struct fuse_entry_out)) &&
	    (opcode == FUSE_LOOKUP || opcode == FUSE_MKDIR || opcode == FUSE_CREATE ||
	     opcode == FUSE_MKNOD || opcode == FUSE_SYMLINK))
		memcpy(&last_node, out + head, sizeof(last_node));
	if (n == (ssize_t)(head + sizeof(struct fuse_open_out)))
		memcpy(&last_handle, out + head, sizeof(last_handle));
}

static void request(struct fs_server *server, const unsigned char *data, size_t len)
{
	struct fuse_in_header header = { .opcode = data[0] % 54 };
	static char args[256], out[8192];
	struct iovec in[2] = { { &header, sizeof(header) }, { args, len - 1 } };
	struct iovec to[2] = { { out, 20 }, { out + 20, sizeof(out) - 20 } };

	memcpy(args, data + 1, len - 1);
	if (len > 8 && args[0] == 'h')
		memcpy(args, &last_handle, sizeof(last_handle));
	header.nodeid = len > 1 && args[len - 2] & 1 ? last_node : 1;
	header.len = (uint32_t)(sizeof(header) + len - 1);
	learn(header.opcode, out, fs_server_handle(server, in, 2, to, 2));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct fs_server *server = new_server(size % 2 == 1);

	last_node = 1;
	last_handle = 0;
	while (server && size > 1) {
		size_t len = data[0];

		if (len == 0 || len > size - 1)
			break;
		request(server, data + 1, len);
		data += 1 + len;
		size -= 1 + len;
	}
	fs_server_free(server);
	return 0;
}
