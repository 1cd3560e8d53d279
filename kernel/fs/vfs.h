/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual file system: names to inodes to open files.
 *
 *	superblock	one mounted instance of a file system; owns its inodes
 *	inode		a file, whatever it is called; embeds the page cache of its bytes
 *	dentry		a name in a directory, positive or negative; the cache is their tree
 *	mount		a superblock's root seen at a path
 *	fs_view		what a process sees: root, working directory, umask
 *
 * Ownership: inode_get/put, dentry and mount through path_get/path_put, superblock by its mounts.
 * The dentry cache keeps unused dentries (and so their inodes) until memory is short. Locks:
 * inode->lock (a mutex) serialises changes to a directory's entries, and writes and truncation of a
 * file; a parent is taken before its child, two directories in address order (rename also takes the
 * superblock's rename_lock). A write copies from user memory under it (so appends are atomic):
 * therefore nothing takes an inode's lock while it holds a vmspace's, and no pager takes one at
 * all. A stacked file system's inode comes before the inode below it.
 *
 * Every vfs_* call runs in thread context with the current thread's cred and fs_view, checks
 * permission as path_resolution(7) has it, and returns 0 or -Exxx. `at` is where a relative name
 * starts (NULL: the working directory); names are kernel strings of less than PATH_MAX bytes.
 */
#pragma once
#include <linux/stat.h>

#include "core/cred.h"
#include "core/file.h"
#include "core/sync/mutex.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/object/object.h"

#define NAME_LEN_MAX 255
#define PATH_LEN_MAX 4096

/* Device numbers inside the kernel; statx has the halves, the old stat calls pack them their
 * way. */
static inline uint64_t dev_make(uint32_t major, uint32_t minor)
{
	return (uint64_t)major << 32 | minor;
}

static inline uint32_t dev_major(uint64_t dev)
{
	return dev >> 32;
}

static inline uint32_t dev_minor(uint64_t dev)
{
	return (uint32_t)dev;
}

struct attr_change;
struct timestamp {
	int64_t sec;
	uint32_t nsec;
};

struct inode {
	struct ref ref;
	struct superblock *sb;       /* [I] counted by being in it */
	uint64_t ino;                /* [I] */
	const struct inode_ops *ops; /* [I] never NULL */
	const struct file_ops *fops; /* [I] for opening; may be NULL */
	struct mutex lock;
	uint32_t mode;                               /* [lock] S_IF* and permissions */
	uint32_t uid, gid, nlink;                    /* [lock] */
	uint64_t size;                               /* [lock to write; atomic to read] bytes */
	uint64_t blocks;                             /* [lock] of 512 bytes */
	uint32_t blksize;                            /* [I] */
	uint64_t rdev;                               /* [I] dev_make() */
	struct timestamp atime, mtime, ctime, btime; /* [lock] */
	struct vm_object object;  /* the bytes; unused unless a regular file or symlink */
	void *fs_private;         /* the file system's */
	struct list sb_link;      /* [sb.lock] */
	struct pipe *pipe;        /* [lock] of a FIFO (fs/pipe/pipe.h) */
	struct file_locks *locks; /* [linux's own] freed by the hook vfs_inode_release */
	struct list watches;      /* [linux's own] inotify */
	struct ref writers;       /* open for writing: count; ETXTBSY uses it */
};

/*
 * `dir->lock` is held where a dir is given (unlink, rmdir and link: the other inode's too), and
 * inode->lock in setattr, xattr_set and xattr_remove; in the rest no lock is. A NULL entry is
 * -EPERM or as said. The file system itself keeps times, nlink and size right. create, mkdir...
 * start from inode_new() + inode_init_owner().
 */
struct inode_ops {
	int (*lookup)(struct inode *dir, const char *name, size_t len,
		      struct inode **out); /* -ENOENT */
	int (*create)(struct inode *dir, const char *name, size_t len, uint32_t mode,
		      struct inode **out);
	int (*mkdir)(struct inode *dir, const char *name, size_t len, uint32_t mode,
		     struct inode **out);
	int (*mknod)(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		     struct inode **out);
	int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target,
		       struct inode **out);
	int (*link)(struct inode *dir, const char *name, size_t len, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, size_t len, struct inode *victim);
	int (*rmdir)(struct inode *dir, const char *name, size_t len, struct inode *victim);
	int (*rename)(struct inode *dir, const char *name, size_t len, struct inode *new_dir,
		      const char *new_name, size_t new_len,
		      unsigned flags); /* RENAME_*; target checked already */
	int (*tmpfile)(struct inode *dir, uint32_t mode, struct inode **out); /* -EOPNOTSUPP */
	ssize_t (*readlink)(struct inode *inode, char *buf, size_t size);     /* no NUL; -EINVAL */
	/* procfs: a link that leads to a path with no name to walk. Counted *out. */
	int (*follow)(struct inode *inode, struct path *out);
	int (*getattr)(struct inode *inode); /* refresh the fields; NULL: they are right */
	int (*setattr)(struct inode *inode, const struct attr_change *c); /* NULL: fields only */
	int (*open)(struct inode *inode, struct file *f); /* may change f->ops, set f->private */
	bool (*revalidate)(struct inode *inode); /* is a cached name still right? NULL: always */
	/* Is a name that was not there still missing? NULL: always, or if revalidate is there,
	 * never. */
	bool (*revalidate_missing)(struct inode *dir, const char *name, size_t len);
	ssize_t (*xattr_get)(struct inode *inode, const char *name, void *buf,
			     size_t size); /* size 0: asks */
	int (*xattr_set)(struct inode *inode, const char *name, const void *v, size_t size,
			 int flags);
	ssize_t (*xattr_list)(struct inode *inode, char *buf, size_t size);
	int (*xattr_remove)(struct inode *inode, const char *name);
	bool dynamic_dir; /* names come and go by themselves (procfs): do not cache lookups */
};

enum attr_valid {
	ATTR_MODE = 1,
	ATTR_UID = 2,
	ATTR_GID = 4,
	ATTR_SIZE = 8,
	ATTR_ATIME = 16,
	ATTR_MTIME = 32,
	ATTR_CTIME = 64,
	ATTR_TIMES_NOW = 128,
	/* both times are "now": write permission is enough.
				 * vfs_setattr takes it away: no file system sees it */
};
struct attr_change {
	unsigned valid;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timestamp atime, mtime, ctime;
};

struct statfs_info {
	uint64_t type, block_size, blocks, blocks_free, blocks_avail, files, files_free, name_max;
	uint64_t flags, fsid;
};

struct superblock {
	const char *type_name; /* [I] "tmpfs" */
	uint64_t dev;          /* [I] st_dev; vfs gives it */
	struct spinlock lock;
	struct list inodes; /* [lock] */
	struct mutex rename_lock;
	const struct superblock_ops *ops; /* [I] */
	struct dentry *root;              /* [I] */
	unsigned flags;                   /* [I] SB_* */
	uint64_t next_ino;                /* [a] for those who invent numbers */
	void *fs_private;
	struct ref ref; /* mounts and open files' paths */
};
enum superblock_flags { SB_RDONLY = 1, SB_NOSUID = 2, SB_NODEV = 4, SB_NOEXEC = 8 };

struct superblock_ops {
	/* Zeroed memory that begins with the struct inode; NULL: kmem_new(struct inode). */
	struct inode *(*inode_alloc)(struct superblock *sb);
	/* The last count is gone (nlink says if it is deleted): let go of what the file system
	 * keeps there. May be NULL. The vfs calls object_fini before and kmem_free(inode) after
	 * it, always. */
	void (*inode_free)(struct inode *inode);
	int (*statfs)(struct superblock *sb, struct statfs_info *out);
	int (*sync)(struct superblock *sb);
	void (*unmount)(struct superblock *sb);
	bool drop_unused; /* do not cache inodes without users */
};

/* A kind of file system. `source` and `options` are as mount(2) has them; kernel strings, may be
 * "". */
struct fs_type {
	const char *name;
	int (*mount)(const char *source, const char *options, unsigned sb_flags,
		     struct superblock **out);
	bool needs_device; /* not "nodev" in /proc/filesystems */
};
#define FS_TYPE(name) LINKER_SET_ITEM(fs_types, struct fs_type) name
const struct fs_type *fs_type_find(const char *name);

struct mount {
	struct ref ref;
	struct superblock *sb;     /* [I] counted */
	struct dentry *root;       /* [I] counted */
	struct mount *parent;      /* [mount lock] NULL: the first */
	struct dentry *mountpoint; /* [mount lock] in parent */
	unsigned flags;            /* [a] SB_RDONLY...: of this mount */
	char *source;              /* [I] for /proc/mounts */
	struct list link;          /* [mount lock] all mounts, in order */
	unsigned id;
};

struct dentry {
	struct ref ref;
	struct dentry *parent;                                 /* [dcache lock] itself at a root */
	struct inode *inode;                                   /* [I] counted; NULL: negative */
	struct superblock *sb;                                 /* [I] */
	struct list hash_link, child_link, children, lru_link; /* [dcache lock] */
	uint64_t hash;                /* [dcache lock] of parent and name */
	bool is_mountpoint, unhashed; /* [dcache lock] */
	unsigned name_len;            /* [dcache lock] */
	char *name;                   /* [dcache lock] owned, NUL-terminated */
};

struct fs_view {
	struct ref ref;
	struct spinlock lock;
	struct path root, cwd; /* [lock] counted */
	uint32_t umask;        /* [a] */
};
struct fs_view *fs_view_copy(const struct fs_view *v); /* NULL = no memory */
void fs_view_get(struct fs_view *v);
void fs_view_put(struct fs_view *v);
struct fs_view *fs_view_new(const struct path *root);

/* Inodes, for file systems. inode_new gives count 1, linked into sb, ctime etc. = now. */
struct inode *inode_new(struct superblock *sb, uint32_t mode);
void inode_get(struct inode *inode);
void inode_put(struct inode *inode);
bool inode_try_get(
	struct inode *inode); /* false: the last count is gone (for tables of one's own) */
void inode_init_owner(struct inode *inode,
		      const struct inode *dir); /* uid, gid; S_ISGID from dir */
/* What a setattr does to the fields, and to object and size by ATTR_SIZE. inode->lock is held. */
void inode_set_fields(struct inode *inode, const struct attr_change *c);
uint64_t inode_object_size(struct vm_object *o); /* a pager's .size for embedded objects */
/* Opens an inode that has no name here (a stacked file system's lower file). No permission
 * checks. */
MUST_CHECK int file_new_inode(struct inode *inode, unsigned open_flags, struct file **out);
/* exec: nobody may write the file while it runs. -ETXTBSY: it is open for writing. */
MUST_CHECK int file_deny_write(struct file *f);
void file_allow_write(struct file *f);
struct superblock *superblock_new(const char *type_name, const struct superblock_ops *ops,
				  unsigned flags);
int superblock_set_root(struct superblock *sb,
			struct inode *root); /* takes the inode in, also when it fails */
void superblock_put(struct superblock *sb);  /* a mount that failed puts what superblock_new gave */
struct timestamp timestamp_now(void);
extern const struct file_ops
	vfs_object_fops; /* read, write, mmap, seek through inode->object and size */
extern const struct file_ops vfs_dir_fops; /* for fs that only fill .readdir */
/* Anonymous files (pipe ends, eventfd, memfd): an inode with no name; f->path.dentry is NULL. */
MUST_CHECK int file_new_anonymous(const struct file_ops *ops, uint32_t mode, unsigned flags,
				  void *private, struct file **out);
long vfs_nr_files(void); /* open ones, of all processes and the kernel */
/* The path that /proc/self/fd/N leads to, counted: a nameless one for anonymous files. -ENOMEM. */
MUST_CHECK int file_path_get(struct file *f, struct path *out);
/* Of a tmpfs of its own: memfd_create, shared anonymous files. flags: MFD_*. */
MUST_CHECK int vfs_memory_file(const char *name, unsigned flags, struct file **out);
/* The same for a file that no program opened (System V shared memory). */
MUST_CHECK int vfs_nameless_file(const char *shown_as, struct file **out);
/* fcntl(F_ADD_SEALS, F_GET_SEALS): F_SEAL_*. -EINVAL: not a memory file; -EPERM, -EBUSY as
 * fcntl(2). */
MUST_CHECK int vfs_seals_add(struct file *f, unsigned seals);
int vfs_seals_get(struct file *f);

enum lookup_flags {
	LOOKUP_NOFOLLOW = 1,  /* do not follow a last symbolic link */
	LOOKUP_DIRECTORY = 2, /* -ENOTDIR if it is none */
	LOOKUP_EMPTY = 4,     /* "" is `at` itself (AT_EMPTY_PATH) */
	LOOKUP_NO_SYMLINKS = 8,
	LOOKUP_NO_MAGICLINKS = 16,
	LOOKUP_BENEATH = 32,
	LOOKUP_IN_ROOT = 64,
	LOOKUP_NO_XDEV = 128, /* openat2(2)'s RESOLVE_* */
};
MUST_CHECK int vfs_lookup(const struct path *at, const char *name, unsigned flags,
			  struct path *out);
void path_get(const struct path *p);
void path_put(const struct path *p);
/* The path's name from the current root: into the end of buf, *out points at it. " (deleted)" is
 * added for unlinked ones; -ENAMETOOLONG. */
MUST_CHECK int path_name(const struct path *p, char *buf, size_t size, char **out);

/* Its name was removed (of a root and of procfs's dentries that is never so, though no look-up
 * finds them). */
bool path_is_deleted(const struct path *p);

/* open_flags: O_*; mode: for O_CREAT, before umask. lookup: more LOOKUP_* flags. */
MUST_CHECK int vfs_open(const struct path *at, const char *name, unsigned open_flags, uint32_t mode,
			unsigned lookup, struct file **out);
MUST_CHECK int vfs_open_path(const struct path *p, unsigned open_flags,
			     struct file **out);                               /* an existing one */
MUST_CHECK int vfs_access(const struct path *p, unsigned mask, bool real_ids); /* R_OK W_OK X_OK */
MUST_CHECK int inode_permission(struct inode *inode, unsigned mask); /* MAY_* = R/W/X_OK */
MUST_CHECK int vfs_getattr(const struct path *p,
			   struct statx *out); /* fills all basic fields, stx_mnt_id, btime */
MUST_CHECK int vfs_file_getattr(struct file *f, struct statx *out);
MUST_CHECK int vfs_setattr(const struct path *p,
			   const struct attr_change *c); /* checks ownership, clears setuid */
MUST_CHECK int vfs_truncate(const struct path *p, uint64_t size);
MUST_CHECK int vfs_file_truncate(struct file *f, uint64_t size);
MUST_CHECK int vfs_mkdir(const struct path *at, const char *name, uint32_t mode);
MUST_CHECK int vfs_mknod(const struct path *at, const char *name, uint32_t mode, uint64_t rdev);
MUST_CHECK int vfs_symlink(const char *target, const struct path *at, const char *name);
MUST_CHECK int vfs_link(const struct path *target, const struct path *at, const char *name);
MUST_CHECK int vfs_unlink(const struct path *at, const char *name);
MUST_CHECK int vfs_rmdir(const struct path *at, const char *name);
MUST_CHECK int vfs_rename(const struct path *at, const char *name, const struct path *new_at,
			  const char *new_name, unsigned flags);
ssize_t vfs_readlink(const struct path *p, char *buf, size_t size);
MUST_CHECK int vfs_statfs(const struct path *p, struct statfs_info *out);
MUST_CHECK int vfs_chdir(const struct path *p); /* checks search permission */
MUST_CHECK int vfs_chroot(const struct path *p);
ssize_t vfs_xattr_get(const struct path *p, const char *name, void *buf, size_t size);
MUST_CHECK int vfs_xattr_set(const struct path *p, const char *name, const void *v, size_t size,
			     int flags);
ssize_t vfs_xattr_list(const struct path *p, char *buf, size_t size);
MUST_CHECK int vfs_xattr_remove(const struct path *p, const char *name);
MUST_CHECK int vfs_mount(const char *fs, const char *source, const char *target, unsigned sb_flags,
			 const char *options);
MUST_CHECK int vfs_unmount(const struct path *p, unsigned flags); /* umount2(2) */
void vfs_sync(void);
/* Calls fn for each mount in order until it returns non-zero. */
int vfs_mounts_foreach(int (*fn)(struct mount *m, const char *mountpoint, void *arg), void *arg);

/* Reads and writes on an open file, with its checks (mode, RLIMIT_FSIZE is linux's). pos NULL:
 * the file's. */
ssize_t vfs_read(struct file *f, struct uio *u, int64_t *pos);
ssize_t vfs_write(struct file *f, struct uio *u, int64_t *pos);
int64_t vfs_seek(struct file *f, int64_t offset, int whence);
int vfs_readdir(struct file *f, struct dir_sink *s);
/* "." and "..", at positions 0 and 1, for a directory's readdir. False: the sink is full. */
bool vfs_emit_dots(struct file *f, struct dir_sink *s, int64_t *pos);
unsigned vfs_poll(struct file *f, struct poll_table *t);
MUST_CHECK int vfs_fsync(struct file *f, int64_t start, int64_t end, bool data_only);
MUST_CHECK int vfs_allocate(struct file *f, int mode, int64_t offset, int64_t len);

/* Character devices: rdev -> how to open. */
struct chrdev {
	uint32_t major, minor, nr_minors;
	const char *name; /* node made in devtmpfs: "null"; NULL: none */
	uint32_t mode;    /* of that node */
	int (*open)(struct inode *inode, struct file *f); /* sets f->ops, f->private */
};
#define CHRDEV(name) LINKER_SET_ITEM(chrdevs, struct chrdev) name

/* inotify's and dnotify's hook, set by linux/: told of what happened to `inode` in `dir` (either
 * may be NULL). */
extern void (*vfs_notify)(struct inode *dir, struct inode *inode, const char *name,
			  uint32_t in_mask, uint32_t cookie);
/* Record locks' hooks, set by linux/: a descriptor is closed (and once more with f->ref.count 0,
 * when f goes and f->locks_owner is set); an inode goes away. */
extern void (*vfs_locks_release)(struct file *f);
extern void (*vfs_inode_release)(struct inode *inode);
/* SIGIO's hook, set by linux/: as the next one, when f->owner is set. */
extern void (*vfs_owner_release)(struct file *f);
/* epoll's hook, set by linux/: file_put() calls it before ops->release when f->watchers is not
 * empty. */
extern void (*vfs_watchers_release)(struct file *f);
