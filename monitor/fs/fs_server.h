/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the virtio-fs server (fs.h has the theory).
 *
 * An inode record lives as long as the guest's lookups, open handles and known children refer to
 * it. Its O_PATH descriptor is a cache: when the budget is used up the least recently used one is
 * closed, and opened again below its parent by name, where it must prove to be the same file
 * (else ESTALE). Records without a name any more (unlinked by the guest) are pinned: their
 * descriptor stays.
 *
 * Node ids and handles carry a serial number, so that a stale one is recognised (ESTALE, EBADF).
 */
#pragma once
#include <dirent.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "lib/compiler.h"
#include "lib/list.h"

#define FS_MAX_IO      (1u << 20)  /* bytes of one READ or WRITE */
#define FS_MAX_ARGS    (96u << 10) /* of any other request: an xattr and its name */
#define FS_MAX_INODES  (1u << 20)
#define FS_MAX_DEVICES 64
#define FS_HASH_SIZE   4096

struct fs_inode {
	struct fs_inode *hash_next;
	struct list lru;         /* on server->lru while fd >= 0 and not pinned */
	struct fs_inode *parent; /* counted; NULL for the root */
	char *name;              /* below parent */
	uint64_t id;             /* serial << 32 | slot + 1 */
	uint64_t nr_lookups;     /* that the guest has not forgotten */
	unsigned nr_refs;        /* lookups > 0, children, handles */
	dev_t dev;
	ino_t ino;
	mode_t type; /* S_IFMT bits */
	int fd;      /* O_PATH, or -1: open it again */
	bool pinned; /* fd must not be closed */
	bool barred; /* root of a kernel interface's file system: shown empty */
};

struct fs_handle {
	struct fs_inode *inode; /* counted; NULL: free slot */
	uint32_t serial;
	int fd; /* of a file; a directory's belongs to dir */
	bool writable;
	DIR *dir;
	struct dirent *pending; /* read but not yet delivered */
	uint64_t next_offset;   /* where the directory stream stands */
};

struct fs_server {
	bool read_only;
	bool is_root;             /* what is made is given to the guest's user */
	bool no_opendir;          /* directories are read without being opened, through */
	uint64_t stream;          /* this handle, which may be stale */
	uint64_t timeout_s;       /* how long the guest may keep names and attributes */
	int proc_fd;              /* /proc/self/fd */
	struct fs_inode **inodes; /* by slot; root is slot 0 */
	unsigned nr_slots, nr_inodes;
	unsigned first_free; /* no free slot below it */
	uint32_t serial;
	struct fs_inode *hash[FS_HASH_SIZE];
	struct list lru; /* least recently used first */
	unsigned nr_inode_fds, nr_pinned, max_inode_fds;
	struct fs_handle *handles;
	unsigned nr_handle_slots, nr_handles, max_handles;
	/* seen, the root's first: their indices make inode numbers unique */
	dev_t devices[FS_MAX_DEVICES];
	unsigned nr_devices;
	struct iovec *iov; /* scratch: a part of in or out */
	char args[FS_MAX_ARGS + 8] ALIGNED(8);
	char reply[FS_MAX_ARGS] ALIGNED(8); /* scratch of the operations */
};

struct fs_found {
	struct fs_inode *inode;
	struct stat st;
};

/* One request being answered. */
struct fs_request {
	struct fs_server *server;
	struct fuse_in_header header;
	const char *args; /* args_len bytes, copied, and a NUL */
	size_t args_len;
	const struct iovec *in, *out;
	unsigned nr_in, nr_out;
	size_t in_bytes, out_bytes; /* in_bytes: header.len, checked */
	struct fs_inode *inode;     /* of header.nodeid */
	size_t reply_len;           /* bytes behind the header that stand in `out` already */
};

/* An operation returns 0, with its reply in place (fs_request_reply), or -errno for the guest. */
typedef int fs_operation(struct fs_request *request);

/* fs_inode.c */
struct fs_inode *fs_inode_find(struct fs_server *server, uint64_t id);
/*
 * An open O_PATH descriptor of the inode, owned by it: valid until the next call of this. Or
 * -errno.
 */
int fs_inode_fd(struct fs_server *server, struct fs_inode *inode) MUST_CHECK;
/* Both at once; they may be the same. */
int fs_inode_fd_pair(struct fs_server *server, struct fs_inode *a, struct fs_inode *b, int fds[2])
	MUST_CHECK;
/*
 * The inode `name` below `parent`, with one lookup more. `with_fd`: open it now (its descriptor
 * keeps the file reachable though the name goes); else only its attributes are read.
 */
int fs_inode_lookup(struct fs_server *server, struct fs_inode *parent, const char *name,
		    bool with_fd, struct fs_found *out) MUST_CHECK;
void fs_inode_forget(struct fs_server *server, struct fs_inode *inode, uint64_t nr_lookups);
void fs_inode_get(struct fs_inode *inode);
void fs_inode_put(struct fs_server *server, struct fs_inode *inode);
/*
 * The name is about to go: keep the file itself reachable. Does nothing if the guest has not
 * seen it.
 */
void fs_inode_pin(struct fs_server *server, struct fs_inode *parent, const char *name);
/* After a rename: if the file is known, it is found by its new name from now on. */
void fs_inode_moved(struct fs_server *server, struct fs_inode *parent, const char *name);
int fs_inode_stat(struct fs_server *server, struct fs_inode *inode, struct stat *st) MUST_CHECK;
/* Opens the file for use with open(2)'s flags: only regular files and directories. fd or -errno. */
int fs_inode_open(struct fs_server *server, struct fs_inode *inode, int flags) MUST_CHECK;
int fs_inode_init_root(struct fs_server *server, int fd) MUST_CHECK;
void fs_inode_fini_all(struct fs_server *server);
uint64_t fs_inode_number(struct fs_server *server, dev_t dev, ino_t ino);

/* fs_handle.c */
struct fs_handle *fs_handle_find(struct fs_server *server, uint64_t fh);
/* The slot takes fd, or dir, over if it succeeds. */
int fs_handle_new(struct fs_server *server, struct fs_inode *inode, uint64_t *fh,
		  struct fs_handle **out) MUST_CHECK;
void fs_handle_free(struct fs_server *server, struct fs_handle *handle);

/* fs_request.c: what operations use to read arguments and to reply */
/* The fixed-size argument structure at the head, or NULL when the request is too short. */
const void *fs_request_struct(const struct fs_request *request, size_t len);
/* The string at args + *offset; moves *offset past its NUL; NULL if it does not end. */
const char *fs_request_string(const struct fs_request *request, size_t *offset);
/* Like it, a name of one component; or -errno. */
int fs_request_name(const struct fs_request *request, size_t *offset, const char **out) MUST_CHECK;
int fs_request_reply(struct fs_request *request, const void *data, size_t len) MUST_CHECK;
/*
 * The part [offset, offset + len) of a scatter list, in server->iov; returns the number of
 * pieces.
 */
unsigned fs_request_slice(struct fs_server *server, const struct iovec *from, unsigned nr_from,
			  size_t offset, size_t *len);

/* fs_attr.c */
void fs_attr_fill(struct fs_server *server, struct fuse_attr *attr, const struct stat *st);
void fs_attr_fill_entry(struct fs_server *server, struct fuse_entry_out *entry,
			const struct fs_found *found);

/* The operations, by file */
fs_operation fs_op_lookup, fs_op_mknod, fs_op_mkdir, fs_op_unlink, fs_op_rmdir, fs_op_rename,
	fs_op_rename2, fs_op_link, fs_op_symlink, fs_op_readlink; /* fs_name.c */
fs_operation fs_op_getattr, fs_op_setattr, fs_op_statfs, fs_op_getxattr, fs_op_listxattr,
	fs_op_setxattr, fs_op_removexattr; /* fs_attr.c, fs_xattr.c */
fs_operation fs_op_open, fs_op_create, fs_op_read, fs_op_write, fs_op_release, fs_op_flush,
	fs_op_fsync, fs_op_lseek, fs_op_fallocate, fs_op_copy_file_range; /* fs_file.c */
fs_operation fs_op_opendir, fs_op_readdir, fs_op_readdirplus, fs_op_releasedir,
	fs_op_fsyncdir; /* fs_dir.c */
