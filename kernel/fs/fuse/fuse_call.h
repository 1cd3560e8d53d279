/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the FUSE client: one request and its answer, and what a mounted instance and an inode
 * hold.
 *
 *	c = fuse_call_new(fs, FUSE_LOOKUP, nodeid, name_len + 1);
 *	fuse_call_string(c, name, name_len);
 *	err = fuse_call_send(c, sizeof(c->reply.entry));
 *	... c->reply.entry ...
 *	kmem_free(c);
 *
 * A call is one piece of kernel memory, so that the transport can hand it to the host as it is.
 * What the host answers is bytes from outside: fuse_call_send checks the header and the length, the
 * user of a field checks the field, once.
 *
 * Nodes. A host inode is one struct fuse_inode, found by its node id in fs->nodes, so that hard
 * links share one page cache. The table counts nothing: an inode that is on its way out (count 0)
 * is replaced. The host counts look-ups per node; FORGET gives them back when the inode goes.
 *
 * Handles. READ and WRITE need an open handle. Each inode has at most two, one to read and one to
 * write, shared by all its open files. A read handle that nobody uses stays open (and so the next
 * open(2) costs no round trip) until HANDLES_IDLE_MAX others are idle too; a write handle is closed
 * at once.
 *
 * Locks: handle_lock (a mutex) is taken by pagers, with vmspace.lock held maybe, and never takes
 * inode.lock.
 */
#pragma once
#include <linux/fuse.h>

#include "core/sync/mutex.h"
#include "fs/fuse/fuse.h"
#include "fs/vfs.h"
#include "lib/list.h"
#include "lib/tree.h"

/* attributes valid this long: the host's files do not change */
#define FUSE_LONG_LIVED_S 60

struct fuse_fs {
	struct fuse_transport *transport; /* [I] */
	struct superblock *sb;            /* [I] */
	unsigned max_pages;               /* [I] of a READ or WRITE */
	/* [I] names and attributes stay: misses are cached, links too */
	bool long_lived;
	uint64_t unique; /* [a] the last request's number: the file system's own time */
	/* [a] the host said ENOSYS */
	bool no_xattr, no_flush, no_lseek, no_opendir;
	struct spinlock lock;
	struct tree nodes; /* [lock] struct fuse_inode by nodeid */
	/* [lock] inodes whose read handle nobody uses, oldest first */
	struct list idle;
	unsigned nr_idle; /* [lock] */
	struct list kept; /* [lock] see fuse_kept.c */
	size_t kept_bytes;
	unsigned nr_listed, nr_useful; /* [lock] names, and look-ups of such */
};

struct fuse_handle {
	uint64_t fh;
	unsigned users;
	bool valid;
};
enum fuse_handle_kind { FUSE_READER, FUSE_WRITER };

struct fuse_inode {
	struct inode inode;                 /* first: vfs frees it */
	uint64_t nodeid;                    /* [I] */
	struct tree_node node;              /* [fs.lock] */
	bool in_table;                      /* [fs.lock] */
	uint64_t nr_lookups;                /* [fs.lock] what the host counts */
	nsec_t attr_expires, entry_expires; /* [a] */
	/* [fs.lock] the time when we changed size or times last: what the host answers to requests
	 * from before may be older than that */
	uint64_t changed_at;
	uint64_t parent_nodeid; /* [fs.lock] where it was looked up last, and */
	char *name;             /* [fs.lock] as what, owned; NULL: not kept */
	struct mutex handle_lock;
	struct fuse_handle handles[2]; /* [handle_lock] by enum fuse_handle_kind */
	struct list idle_link;         /* [fs.lock] */
	/* [a] those that differ are under way */
	unsigned writes_begun, writes_ended;
	struct list kept; /* [fs.lock] a directory's, see fuse_kept.c */
	bool is_listed;   /* [fs.lock] */
	char *link_text;  /* [inode.lock] a symbolic link's, NULL: not read yet */
};

struct fuse_created {
	struct fuse_entry_out entry;
	struct fuse_open_out open;
};

union fuse_reply {
	struct fuse_init_out init;
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	struct fuse_created created;
	struct fuse_write_out write;
	struct fuse_statfs_out statfs;
	struct fuse_getxattr_out xattr;
	struct fuse_lseek_out lseek;
};

struct fuse_call {
	struct fuse_request r;
	struct fuse_fs *fs;
	struct fuse_vec out[2]; /* header and reply; fuse_call_data replaces the second */
	struct fuse_out_header header;
	union fuse_reply reply;
	uint64_t unique;  /* its number: when it was made */
	size_t reply_len; /* bytes behind the header that came */
	size_t in_len, in_room;
	char in[] ALIGNED(8); /* struct fuse_in_header, arguments, names */
};

static inline struct fuse_fs *fuse_fs_of(const struct superblock *sb)
{
	return sb->fs_private;
}

static inline struct fuse_inode *fuse_inode_of(struct inode *inode)
{
	return container_of(inode, struct fuse_inode, inode);
}

/* fuse_call.c. arg_bytes: room for arguments and names. NULL = no memory. Freed by kmem_free. */
struct fuse_call *fuse_call_new(struct fuse_fs *fs, uint32_t opcode, uint64_t nodeid,
				size_t arg_bytes);
void *fuse_call_args(struct fuse_call *c, size_t len); /* zeroed; before any string */
void fuse_call_string(struct fuse_call *c, const char *s, size_t len); /* a NUL is added */
/* More to send, behind the arguments: direct-map memory that outlives the call. */
void fuse_call_payload(struct fuse_call *c, void *data, size_t len);
/* The reply goes to `data` and not to c->reply. */
void fuse_call_data(struct fuse_call *c, void *data, size_t len);
/* The reply has at least min_len bytes. 0 or -errno, the host's or -EIO for an answer that cannot
 * be. */
MUST_CHECK int fuse_call_send(struct fuse_call *c, size_t min_len);
/* As fuse_call_send, for a READ into pages: out[0] is the header's (c->out[0]), the rest are pages.
 * */
MUST_CHECK int fuse_call_send_vecs(struct fuse_call *c, const struct fuse_vec *out,
				   unsigned nr_out);
/* Nobody waits for FORGET. */
void fuse_forget(struct fuse_fs *fs, uint64_t nodeid, uint64_t nr_lookups);
/* One look-up of each. */
void fuse_forget_many(struct fuse_fs *fs, const struct fuse_forget_one *ids, unsigned nr);
struct fuse_transport *fuse_transport_find(const char *tag);

/* fuse.c: nodes and attributes. */
/* The inode of an entry the host answered to request `unique` (0: long ago), counted. Takes the
 * look-up that came with it, also on failure. */
MUST_CHECK int fuse_inode_get(struct fuse_fs *fs, const struct fuse_entry_out *e, uint64_t unique,
			      struct inode **out);
/* Remembers under which name it was found, where names do not last. */
void fuse_inode_set_name(struct fuse_inode *node, uint64_t parent_nodeid, const char *name,
			 size_t len);
/* Its attributes changed on the host by our doing: what is under way or known is out of date. */
void fuse_inode_expire(struct inode *inode);
/* A write of ours up to `end` has ended (inode.lock held). */
void fuse_inode_written_locked(struct inode *inode, uint64_t end);
nsec_t fuse_expiry(uint64_t sec, uint32_t nsec);
int fuse_getattr(struct inode *inode);
int fuse_setattr(struct inode *inode, const struct attr_change *c);

/* fuse_kept.c */
/* A record of a listing, with `head` bytes before its struct fuse_dirent, and its size; NULL: it
 * cannot be. */
const struct fuse_dirent *fuse_record_check(const char *data, size_t left, size_t head,
					    size_t *size);
bool fuse_kept_wanted(struct fuse_fs *fs);                  /* is READDIRPLUS worth it? */
void fuse_kept_listed(struct fuse_inode *dir, unsigned nr); /* so many names were */
/* A name of dir was looked up and is there: it would have been useful. */
void fuse_kept_missed(struct fuse_inode *dir);
/* Takes the look-ups in. */
void fuse_kept_add(struct fuse_inode *dir, const char *data, size_t len);
/* The entry of that name, its look-up with it. */
bool fuse_kept_take(struct fuse_inode *dir, const char *name, size_t len,
		    struct fuse_entry_out *out);
void fuse_kept_drop(struct fuse_inode *dir);

/* fuse_dir.c, fuse_file.c, fuse_xattr.c */
extern const struct inode_ops fuse_dir_inode_ops;
extern const struct file_ops fuse_dir_fops;
extern const struct inode_ops fuse_file_inode_ops; /* regular files and special ones */
extern const struct file_ops fuse_file_fops;
extern const struct pager fuse_pager;
extern const struct inode_ops fuse_link_inode_ops;
/* A handle that came with CREATE; takes it in. */
void fuse_handle_adopt(struct fuse_inode *node, uint64_t fh);
void fuse_handles_close(struct fuse_inode *node); /* the inode goes */
bool fuse_handle_peek(struct fuse_inode *node, enum fuse_handle_kind kind, uint64_t *fh);
bool fuse_revalidate(struct inode *inode);
ssize_t fuse_xattr_get(struct inode *inode, const char *name, void *buf, size_t size);
int fuse_xattr_set(struct inode *inode, const char *name, const void *v, size_t size, int flags);
ssize_t fuse_xattr_list(struct inode *inode, char *buf, size_t size);
int fuse_xattr_remove(struct inode *inode, const char *name);
