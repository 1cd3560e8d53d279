/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One FUSE request from its scatter lists to its reply: the header is checked, the arguments are
 * copied once, the operation is called, and the reply's header is written last. The body of a
 * WRITE stays where it is, and READ fills the guest's buffers directly; everything else goes
 * through copies.
 *
 * Every request is looked up in one table, which also says which of them change something: on a
 * read-only server those are answered with EROFS before their operation is called.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/fs/fs.h"
#include "monitor/fs/fs_server.h"

#define MAX_READAHEAD       FS_MAX_IO
#define PROTOCOL_MINOR      36
#define TIMEOUT_READ_ONLY_S 3600
#define TIMEOUT_WRITABLE_S  1

static size_t iov_bytes(const struct iovec *iov, unsigned nr)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < nr; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

static size_t copy_from(const struct iovec *iov, unsigned nr, size_t offset, void *to, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < nr && done < len; i++) {
		size_t n;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		n = min(iov[i].iov_len - offset, len - done);
		memcpy((char *)to + done, (char *)iov[i].iov_base + offset, n);
		done += n;
		offset = 0;
	}
	return done;
}

static size_t copy_to(const struct iovec *iov, unsigned nr, size_t offset, const void *from,
		      size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < nr && done < len; i++) {
		size_t n;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		n = min(iov[i].iov_len - offset, len - done);
		memcpy((char *)iov[i].iov_base + offset, (const char *)from + done, n);
		done += n;
		offset = 0;
	}
	return done;
}

unsigned fs_request_slice(struct fs_server *server, const struct iovec *from, unsigned nr_from,
			  size_t offset, size_t *len)
{
	size_t want = *len, done = 0;
	unsigned nr = 0;

	for (unsigned i = 0; i < nr_from && done < want && nr < IOV_MAX; i++) {
		size_t n;

		if (offset >= from[i].iov_len) {
			offset -= from[i].iov_len;
			continue;
		}
		n = min(from[i].iov_len - offset, want - done);
		server->iov[nr].iov_base = (char *)from[i].iov_base + offset;
		server->iov[nr++].iov_len = n;
		done += n;
		offset = 0;
	}
	*len = done;
	return nr;
}

const void *fs_request_struct(const struct fs_request *request, size_t len)
{
	return request->args_len < len ? NULL : request->args;
}

const char *fs_request_string(const struct fs_request *request, size_t *offset)
{
	const char *s = request->args + *offset;
	size_t len;

	if (*offset >= request->args_len)
		return NULL;
	len = strnlen(s, request->args_len - *offset);
	if (len == request->args_len - *offset)
		return NULL;
	*offset += len + 1;
	return s;
}

int fs_request_name(const struct fs_request *request, size_t *offset, const char **out)
{
	const char *name = fs_request_string(request, offset);

	if (!name || !name[0] || strchr(name, '/') || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	*out = name;
	return 0;
}

int fs_request_reply(struct fs_request *request, const void *data, size_t len)
{
	if (request->out_bytes < sizeof(struct fuse_out_header) + len)
		return -EINVAL;
	copy_to(request->out, request->nr_out, sizeof(struct fuse_out_header), data, len);
	request->reply_len = len;
	return 0;
}

static int op_init(struct fs_request *request)
{
	const struct fuse_init_in *in = fs_request_struct(request, 16);
	const uint32_t wanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES |
				FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_PARALLEL_DIROPS |
				FUSE_MAX_PAGES;
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = PROTOCOL_MINOR,
		.max_background = 64,
		.congestion_threshold = 48,
		.max_write = FS_MAX_IO,
		.time_gran = 1,
		.max_pages = FS_MAX_IO / 4096,
	};

	if (!in)
		return -EINVAL;
	out.flags = in->flags & wanted;
	if (request->server->read_only)
		out.flags |= in->flags & (FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT);
	request->server->no_opendir = (out.flags & FUSE_NO_OPENDIR_SUPPORT) != 0;
	out.max_readahead = min(in->max_readahead, MAX_READAHEAD);
	if (in->major < FUSE_KERNEL_VERSION || (in->major == FUSE_KERNEL_VERSION && in->minor < 27))
		return -EPROTO;
	return fs_request_reply(request, &out, sizeof(out));
}

static int op_forget(struct fs_request *request)
{
	const struct fuse_forget_in *in = fs_request_struct(request, sizeof(*in));

	if (in)
		fs_inode_forget(request->server, request->inode, in->nlookup);
	return 0;
}

static int op_batch_forget(struct fs_request *request)
{
	const struct fuse_batch_forget_in *in = fs_request_struct(request, sizeof(*in));
	const struct fuse_forget_one *one;

	if (!in || in->count > (request->args_len - sizeof(*in)) / sizeof(*one))
		return 0;
	one = (const struct fuse_forget_one *)(in + 1);
	for (uint32_t i = 0; i < in->count; i++) {
		struct fs_inode *inode = fs_inode_find(request->server, one[i].nodeid);

		if (inode)
			fs_inode_forget(request->server, inode, one[i].nlookup);
	}
	return 0;
}

static int op_nothing(struct fs_request *request)
{
	(void)request;
	return 0;
}

enum { WRITES = 1, NO_REPLY = 2, NO_INODE = 4 };

static const struct {
	fs_operation *run;
	unsigned flags;
} operations[] = {
	[FUSE_LOOKUP] = { fs_op_lookup, 0 },
	[FUSE_FORGET] = { op_forget, NO_REPLY },
	[FUSE_GETATTR] = { fs_op_getattr, 0 },
	[FUSE_SETATTR] = { fs_op_setattr, WRITES },
	[FUSE_READLINK] = { fs_op_readlink, 0 },
	[FUSE_SYMLINK] = { fs_op_symlink, WRITES },
	[FUSE_MKNOD] = { fs_op_mknod, WRITES },
	[FUSE_MKDIR] = { fs_op_mkdir, WRITES },
	[FUSE_UNLINK] = { fs_op_unlink, WRITES },
	[FUSE_RMDIR] = { fs_op_rmdir, WRITES },
	[FUSE_RENAME] = { fs_op_rename, WRITES },
	[FUSE_LINK] = { fs_op_link, WRITES },
	[FUSE_OPEN] = { fs_op_open, 0 },
	[FUSE_READ] = { fs_op_read, 0 },
	[FUSE_WRITE] = { fs_op_write, WRITES },
	[FUSE_STATFS] = { fs_op_statfs, 0 },
	[FUSE_RELEASE] = { fs_op_release, 0 },
	[FUSE_FSYNC] = { fs_op_fsync, 0 },
	[FUSE_SETXATTR] = { fs_op_setxattr, WRITES },
	[FUSE_GETXATTR] = { fs_op_getxattr, 0 },
	[FUSE_LISTXATTR] = { fs_op_listxattr, 0 },
	[FUSE_REMOVEXATTR] = { fs_op_removexattr, WRITES },
	[FUSE_FLUSH] = { fs_op_flush, 0 },
	[FUSE_INIT] = { op_init, NO_INODE },
	[FUSE_OPENDIR] = { fs_op_opendir, 0 },
	[FUSE_READDIR] = { fs_op_readdir, 0 },
	[FUSE_RELEASEDIR] = { fs_op_releasedir, 0 },
	[FUSE_FSYNCDIR] = { fs_op_fsyncdir, 0 },
	[FUSE_CREATE] = { fs_op_create, WRITES },
	[FUSE_INTERRUPT] = { op_nothing, NO_REPLY | NO_INODE },
	[FUSE_DESTROY] = { op_nothing, NO_INODE },
	[FUSE_BATCH_FORGET] = { op_batch_forget, NO_REPLY | NO_INODE },
	[FUSE_FALLOCATE] = { fs_op_fallocate, WRITES },
	[FUSE_READDIRPLUS] = { fs_op_readdirplus, 0 },
	[FUSE_RENAME2] = { fs_op_rename2, WRITES },
	[FUSE_LSEEK] = { fs_op_lseek, 0 },
	[FUSE_COPY_FILE_RANGE] = { fs_op_copy_file_range, WRITES },
};

static int run_operation(struct fs_request *request, unsigned flags)
{
	struct fs_server *server = request->server;
	size_t len = request->in_bytes - sizeof(request->header);

	if (request->header.opcode == FUSE_WRITE)
		len = min(len, sizeof(struct fuse_write_in));
	if (len > FS_MAX_ARGS)
		return -E2BIG;
	copy_from(request->in, request->nr_in, sizeof(request->header), server->args, len);
	server->args[len] = '\0';
	request->args = server->args;
	request->args_len = len;
	if (!(flags & NO_INODE)) {
		request->inode = fs_inode_find(server, request->header.nodeid);
		if (!request->inode)
			return -ESTALE;
	}
	if ((flags & WRITES) && server->read_only)
		return -EROFS;
	return operations[request->header.opcode].run(request);
}

static ssize_t send_header(struct fs_request *request, int err)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + (err ? 0 : request->reply_len)),
		.error = err,
		.unique = request->header.unique,
	};

	copy_to(request->out, request->nr_out, 0, &header, sizeof(header));
	return header.len;
}

ssize_t fs_server_handle(struct fs_server *server, const struct iovec *in, unsigned nr_in,
			 const struct iovec *out, unsigned nr_out)
{
	struct fs_request request = {
		.server = server,
		.in = in,
		.nr_in = nr_in,
		.out = out,
		.nr_out = nr_out,
	};
	size_t in_bytes = iov_bytes(in, nr_in);
	unsigned flags = 0;
	int err = -ENOSYS;

	request.out_bytes = iov_bytes(out, nr_out);
	if (copy_from(in, nr_in, 0, &request.header, sizeof(request.header)) <
	    sizeof(request.header))
		return -EINVAL;
	request.in_bytes = request.header.len;
	if (request.in_bytes < sizeof(request.header) || request.in_bytes > in_bytes)
		return -EINVAL;
	if (request.header.opcode < ARRAY_SIZE(operations))
		flags = operations[request.header.opcode].flags;
	if (!(flags & NO_REPLY) && request.out_bytes < sizeof(struct fuse_out_header))
		return -EINVAL;
	if (request.header.opcode < ARRAY_SIZE(operations) && operations[request.header.opcode].run)
		err = run_operation(&request, flags);
	if (flags & NO_REPLY)
		return 0;
	return send_header(&request, err);
}

/* As many descriptors as we may have; shares of it go to inodes and to open files. */
static void set_budget(struct fs_server *server)
{
	struct rlimit limit = { 1024, 1024 };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { limit.rlim_max, limit.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	server->max_inode_fds = (unsigned)min(limit.rlim_cur / 4, 1ul << 16);
	server->max_handles = (unsigned)min(limit.rlim_cur / 4, 1ul << 16);
}

struct fs_server *fs_server_new(const char *host_dir, bool read_only)
{
	struct fs_server *server = calloc(1, sizeof(*server));
	int fd, err;

	if (!server)
		return NULL;
	server->read_only = read_only;
	server->is_root = geteuid() == 0;
	server->timeout_s = read_only ? TIMEOUT_READ_ONLY_S : TIMEOUT_WRITABLE_S;
	list_init(&server->lru);
	set_budget(server);
	umask(0);
	server->iov = calloc(IOV_MAX, sizeof(*server->iov));
	server->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = open(host_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = !server->iov                    ? -ENOMEM
	      : server->proc_fd < 0 || fd < 0 ? -errno
					      : fs_inode_init_root(server, fd);
	if (!err)
		return server;
	if (fd >= 0)
		close(fd);
	if (server->proc_fd >= 0)
		close(server->proc_fd);
	free(server->iov);
	free(server);
	errno = -err;
	return NULL;
}

void fs_server_free(struct fs_server *server)
{
	if (!server)
		return;
	for (unsigned i = 0; i < server->nr_handle_slots; i++) {
		if (server->handles[i].inode)
			fs_handle_free(server, &server->handles[i]);
	}
	fs_inode_fini_all(server);
	close(server->proc_fd);
	free(server->handles);
	free(server->iov);
	free(server);
}
