/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FUSE, the client: mounting, nodes, attributes. fuse_call.h has the theory.
 *
 * How long the host's words hold. Every entry and attribute comes with a time. Where the root's is
 * long (a read-only share), names, misses and links are kept for good. Elsewhere a name is looked
 * up again when its time is over, under the name that it was found by last, and pages are dropped
 * when size or time of change are not what they were.
 */
#include <linux/magic.h>

#include "core/log.h"
#include "core/time/timer.h"
#include "fs/attr.h"
#include "fs/fuse/fuse_call.h"
#include "fs/object_file.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define INIT_MINOR     31
#define INIT_MINOR_MIN 23 /* below, INIT's answer and others have other shapes */
#define MAX_READAHEAD  (1u << 20)
#define SECONDS_MAX    100000000ull /* longer is for ever */
#define PAGES_DEFAULT  32u          /* of hosts without FUSE_MAX_PAGES */

nsec_t fuse_expiry(uint64_t sec, uint32_t nsec)
{
	if (sec > SECONDS_MAX)
		return NSEC_NEVER;
	return clock_monotonic() + (nsec_t)sec * NSEC_PER_SEC + nsec % NSEC_PER_SEC;
}

static void note_change_locked(struct fuse_inode *node)
{
	node->changed_at = atomic_load(&fuse_fs_of(node->inode.sb)->unique);
	atomic_store(&node->attr_expires, 0);
}

void fuse_inode_expire(struct inode *inode)
{
	scoped_spin(&fuse_fs_of(inode->sb)->lock);
	note_change_locked(fuse_inode_of(inode));
}

void fuse_inode_written_locked(struct inode *inode, uint64_t end)
{
	scoped_spin(&fuse_fs_of(inode->sb)->lock);
	file_changed_locked(inode, end);
	note_change_locked(fuse_inode_of(inode));
}

/* The kernel's 32-bit form: major in bits 8 to 19. */
static uint64_t decode_rdev(uint32_t rdev)
{
	return dev_make(rdev >> 8 & 0xfff, (rdev & 0xff) | (rdev >> 12 & 0xfff00));
}

static bool is_same_time(struct timestamp a, struct timestamp b)
{
	return a.sec == b.sec && a.nsec == b.nsec;
}

static struct timestamp to_time(uint64_t sec, uint32_t nsec)
{
	return (struct timestamp){ (int64_t)sec, nsec < NSEC_PER_SEC ? nsec : 0 };
}

static bool is_outdated_locked(const struct fuse_inode *node, uint64_t unique)
{
	return unique <= node->changed_at ||
	       atomic_load(&node->writes_begun) != atomic_load(&node->writes_ended);
}

static void take_attr_locked(struct inode *inode, const struct fuse_attr *a)
{
	inode->mode = a->mode & (S_IFMT | 07777);
	inode->uid = a->uid;
	inode->gid = a->gid;
	inode->nlink = a->nlink;
	inode->blocks = a->blocks;
	inode->atime = to_time(a->atime, a->atimensec);
	inode->ctime = to_time(a->ctime, a->ctimensec);
	inode->mtime = to_time(a->mtime, a->mtimensec);
	atomic_store(&inode->size, a->size);
}

/*
 * What the host said, for the time that it said, in answer to request `unique`. Nothing happens if
 * we have changed the file since, or do now: the answer may be older. -ESTALE: another type.
 */
static int update(struct fuse_inode *node, const struct fuse_attr *a, nsec_t expires,
		  uint64_t unique)
{
	struct fuse_fs *fs = fuse_fs_of(node->inode.sb);
	struct inode *inode = &node->inode;
	uint64_t old_size;
	bool changed;

	if ((a->mode & S_IFMT) != (inode->mode & S_IFMT) || a->size > INT64_MAX)
		return -ESTALE;
	spin_lock(&fs->lock);
	old_size = inode->size;
	changed = old_size != a->size ||
		  !is_same_time(inode->mtime, to_time(a->mtime, a->mtimensec));
	if (is_outdated_locked(node, unique)) {
		spin_unlock(&fs->lock);
		return 0;
	}
	take_attr_locked(inode, a);
	atomic_store(&node->attr_expires, expires);
	spin_unlock(&fs->lock);
	if (changed && S_ISREG(inode->mode)) {
		if (a->size < old_size)
			object_truncate(&inode->object, a->size, align_up(old_size, PAGE_SIZE));
		object_invalidate(&inode->object);
	}
	return 0;
}

static void set_operations(struct inode *inode)
{
	inode->ops = &fuse_file_inode_ops;
	if (S_ISREG(inode->mode)) {
		inode->fops = &fuse_file_fops;
		inode->object.pager = &fuse_pager;
	} else if (S_ISDIR(inode->mode)) {
		inode->ops = &fuse_dir_inode_ops;
		inode->fops = &fuse_dir_fops;
	} else if (S_ISLNK(inode->mode)) {
		inode->ops = &fuse_link_inode_ops;
	}
}

/* The node of that id and where it hangs in the table, or where it would. */
static struct fuse_inode *find_locked(struct fuse_fs *fs, uint64_t nodeid,
				      struct tree_node **parent, struct tree_node ***slot)
{
	*parent = NULL;
	*slot = &fs->nodes.root;
	while (**slot != NULL) {
		struct fuse_inode *node = tree_entry(**slot, struct fuse_inode, node);

		if (node->nodeid == nodeid)
			return node;
		*parent = **slot;
		*slot = nodeid < node->nodeid ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

static void remove_locked(struct fuse_fs *fs, struct fuse_inode *node)
{
	if (!node->in_table)
		return;
	tree_remove(&fs->nodes, &node->node);
	node->in_table = false;
}

/* Counted, with one look-up more; NULL: unknown. One that is on its way out makes room. */
static struct fuse_inode *find_node(struct fuse_fs *fs, uint64_t nodeid)
{
	struct tree_node *parent, **slot;
	struct fuse_inode *node;

	scoped_spin(&fs->lock);
	node = find_locked(fs, nodeid, &parent, &slot);
	if (node == NULL)
		return NULL;
	if (!inode_try_get(&node->inode)) {
		remove_locked(fs, node);
		return NULL;
	}
	node->nr_lookups++;
	return node;
}

/* Puts a new node into the table. False: someone else was faster. */
static bool insert_node(struct fuse_fs *fs, struct fuse_inode *node)
{
	struct tree_node *parent, **slot;
	struct fuse_inode *old;

	scoped_spin(&fs->lock);
	old = find_locked(fs, node->nodeid, &parent, &slot);
	if (old != NULL && atomic_load(&old->inode.ref.count) > 0)
		return false;
	if (old != NULL) {
		remove_locked(fs, old);
		find_locked(fs, node->nodeid, &parent, &slot);
	}
	tree_insert(&fs->nodes, parent, slot, &node->node);
	node->in_table = true;
	node->nr_lookups = 1;
	return true;
}

static struct fuse_inode *new_node(struct fuse_fs *fs, uint64_t nodeid, const struct fuse_attr *a)
{
	struct inode *inode = inode_new(fs->sb, a->mode & (S_IFMT | 07777));
	struct fuse_inode *node;

	if (inode == NULL)
		return NULL;
	node = fuse_inode_of(inode);
	node->nodeid = nodeid;
	inode->ino = a->ino;
	inode->rdev = decode_rdev(a->rdev);
	inode->blksize = a->blksize >= 512 && a->blksize <= MAX_READAHEAD ? a->blksize : PAGE_SIZE;
	inode->btime = (struct timestamp){ 0, 0 };
	set_operations(inode);
	return node;
}

int fuse_inode_get(struct fuse_fs *fs, const struct fuse_entry_out *e, uint64_t unique,
		   struct inode **out)
{
	nsec_t attr_expires = fuse_expiry(e->attr_valid, e->attr_valid_nsec);
	struct fuse_inode *node;
	int err;

	if (e->nodeid == 0)
		return -ENOENT;
	if (e->nodeid == FUSE_ROOT_ID || e->attr.size > INT64_MAX)
		return -EIO;
	for (;;) {
		node = find_node(fs, e->nodeid);
		if (node != NULL)
			break;
		node = new_node(fs, e->nodeid, &e->attr);
		if (node == NULL) {
			fuse_forget(fs, e->nodeid, 1);
			return -ENOMEM;
		}
		if (insert_node(fs, node))
			break;
		inode_put(&node->inode);
	}
	err = update(node, &e->attr, attr_expires, unique);
	if (err != 0) {
		inode_put(&node->inode);
		return err;
	}
	atomic_store(&node->entry_expires, fuse_expiry(e->entry_valid, e->entry_valid_nsec));
	*out = &node->inode;
	return 0;
}

void fuse_inode_set_name(struct fuse_inode *node, uint64_t parent_nodeid, const char *name,
			 size_t len)
{
	struct fuse_fs *fs = fuse_fs_of(node->inode.sb);
	char *copy, *old;

	if (fs->long_lived)
		return;
	copy = kmem_alloc(len + 1);
	if (copy != NULL)
		memcpy(copy, name, len);
	spin_lock(&fs->lock);
	old = node->name;
	node->name = copy;
	node->parent_nodeid = parent_nodeid;
	spin_unlock(&fs->lock);
	kmem_free(old);
}

/* FUSE_GETATTR, whatever is known already. */
static int fetch_attr(struct fuse_inode *node)
{
	struct fuse_fs *fs = fuse_fs_of(node->inode.sb);
	struct fuse_call *c = fuse_call_new(fs, FUSE_GETATTR, node->nodeid,
					    sizeof(struct fuse_getattr_in));
	int err;

	if (c == NULL)
		return -ENOMEM;
	(void)fuse_call_args(c, sizeof(struct fuse_getattr_in));
	err = fuse_call_send(c, sizeof(c->reply.attr));
	if (err == 0)
		err = update(node, &c->reply.attr.attr,
			     fuse_expiry(c->reply.attr.attr_valid, c->reply.attr.attr_valid_nsec),
			     c->unique);
	kmem_free(c);
	return err;
}

int fuse_getattr(struct inode *inode)
{
	struct fuse_inode *node = fuse_inode_of(inode);

	return clock_monotonic() < atomic_load(&node->attr_expires) ? 0 : fetch_attr(node);
}

/* ATTR_* and FATTR_* are the same numbers, but for the time of change: the host keeps that itself.
 * */
static void fill_setattr(struct fuse_setattr_in *in, const struct attr_change *c)
{
	in->valid = c->valid & ~(unsigned)ATTR_CTIME;
	in->size = c->size;
	in->mode = c->mode;
	in->uid = c->uid;
	in->gid = c->gid;
	in->atime = (uint64_t)c->atime.sec;
	in->atimensec = c->atime.nsec;
	in->mtime = (uint64_t)c->mtime.sec;
	in->mtimensec = c->mtime.nsec;
}

int fuse_setattr(struct inode *inode, const struct attr_change *change)
{
	struct fuse_inode *node = fuse_inode_of(inode);
	struct fuse_setattr_in *in;
	struct fuse_call *c;
	int err;

	if ((change->valid & ~(unsigned)ATTR_CTIME) == 0)
		return 0;
	c = fuse_call_new(fuse_fs_of(inode->sb), FUSE_SETATTR, node->nodeid, sizeof(*in));
	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	fill_setattr(in, change);
	if ((change->valid & ATTR_SIZE) != 0 && fuse_handle_peek(node, FUSE_WRITER, &in->fh))
		in->valid |= FATTR_FH;
	err = fuse_call_send(c, sizeof(c->reply.attr));
	if (err == 0) {
		fuse_inode_expire(inode); /* answers from before this change are outdated */
		inode_set_fields(inode, change);
		err = update(node, &c->reply.attr.attr,
			     fuse_expiry(c->reply.attr.attr_valid, c->reply.attr.attr_valid_nsec),
			     UINT64_MAX);
	}
	kmem_free(c);
	return err;
}

static struct inode *inode_alloc(struct superblock *sb)
{
	struct fuse_inode *node = kmem_new(struct fuse_inode);

	(void)sb;
	if (node == NULL)
		return NULL;
	mutex_init(&node->handle_lock);
	list_init(&node->idle_link);
	list_init(&node->kept);
	return &node->inode;
}

static void inode_free(struct inode *inode)
{
	struct fuse_fs *fs = fuse_fs_of(inode->sb);
	struct fuse_inode *node = fuse_inode_of(inode);

	spin_lock(&fs->lock);
	remove_locked(fs, node);
	spin_unlock(&fs->lock);
	fuse_handles_close(node);
	fuse_kept_drop(node);
	fuse_forget(fs, node->nodeid, node->nr_lookups);
	kmem_free(node->name);
	kmem_free(node->link_text);
}

static int statfs(struct superblock *sb, struct statfs_info *out)
{
	struct fuse_call *c = fuse_call_new(fuse_fs_of(sb), FUSE_STATFS, FUSE_ROOT_ID, 0);
	const struct fuse_kstatfs *st;
	int err;

	if (c == NULL)
		return -ENOMEM;
	err = fuse_call_send(c, sizeof(c->reply.statfs));
	st = &c->reply.statfs.st;
	if (err == 0) {
		out->type = FUSE_SUPER_MAGIC;
		out->block_size = st->frsize != 0 ? st->frsize : st->bsize;
		out->blocks = st->blocks;
		out->blocks_free = st->bfree;
		out->blocks_avail = st->bavail;
		out->files = st->files;
		out->files_free = st->ffree;
		out->name_max = st->namelen;
	}
	kmem_free(c);
	return err;
}

static void unmount(struct superblock *sb)
{
	struct fuse_fs *fs = fuse_fs_of(sb);
	struct fuse_call *c = fuse_call_new(fs, FUSE_DESTROY, 0, 0);

	if (c != NULL)
		(void)!fuse_call_send(c, 0);
	kmem_free(c);
	kmem_free(fs);
	sb->fs_private = NULL;
}

static const struct superblock_ops super_ops = {
	.inode_alloc = inode_alloc,
	.inode_free = inode_free,
	.statfs = statfs,
	.unmount = unmount,
};

/* FUSE_INIT: what both sides can do. */
static int negotiate(struct fuse_fs *fs)
{
	struct fuse_call *c = fuse_call_new(fs, FUSE_INIT, 0, sizeof(struct fuse_init_in));
	struct fuse_init_in *in;
	unsigned pages = PAGES_DEFAULT;
	int err;

	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	in->major = FUSE_KERNEL_VERSION;
	in->minor = INIT_MINOR;
	in->max_readahead = MAX_READAHEAD;
	in->flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
		    FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT;
	err = fuse_call_send(c, FUSE_COMPAT_22_INIT_OUT_SIZE);
	if (err == 0 &&
	    (c->reply.init.major != FUSE_KERNEL_VERSION || c->reply.init.minor < INIT_MINOR_MIN)) {
		log_error("fuse %s: protocol %u.%u is not spoken", fs->transport->tag,
			  c->reply.init.major, c->reply.init.minor);
		err = -EPROTO;
	}
	if (err == 0 && c->reply_len >= sizeof(c->reply.init) &&
	    (c->reply.init.flags & FUSE_MAX_PAGES) != 0)
		pages = c->reply.init.max_pages;
	pages = min(pages, (unsigned)FUSE_VECS_MAX - 2);
	fs->max_pages = max(min(pages, fs->transport->max_pages), 1u);
	kmem_free(c);
	return err;
}

static int get_root(struct fuse_fs *fs)
{
	struct fuse_call *c = fuse_call_new(fs, FUSE_GETATTR, FUSE_ROOT_ID,
					    sizeof(struct fuse_getattr_in));
	struct fuse_inode *root = NULL;
	int err;

	if (c == NULL)
		return -ENOMEM;
	(void)fuse_call_args(c, sizeof(struct fuse_getattr_in));
	err = fuse_call_send(c, sizeof(c->reply.attr));
	if (err == 0 && !S_ISDIR(c->reply.attr.attr.mode))
		err = -EIO;
	if (err == 0) {
		fs->long_lived = c->reply.attr.attr_valid >= FUSE_LONG_LIVED_S;
		root = new_node(fs, FUSE_ROOT_ID, &c->reply.attr.attr);
		err = root == NULL ? -ENOMEM
				   : update(root, &c->reply.attr.attr,
					    fuse_expiry(c->reply.attr.attr_valid,
							c->reply.attr.attr_valid_nsec),
					    c->unique);
	}
	kmem_free(c);
	if (err == 0)
		return superblock_set_root(fs->sb, &root->inode); /* takes the root in */
	if (root != NULL)
		inode_put(&root->inode);
	return err;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	struct fuse_transport *t = fuse_transport_find(source);
	struct fuse_fs *fs;
	int err = -ENOMEM;

	(void)options;
	if (t == NULL)
		return -ENODEV;
	fs = kmem_new(struct fuse_fs);
	if (fs == NULL)
		return -ENOMEM;
	fs->transport = t;
	list_init(&fs->idle);
	list_init(&fs->kept);
	fs->sb = superblock_new("virtiofs", &super_ops, sb_flags);
	if (fs->sb == NULL)
		goto err_free;
	fs->sb->fs_private = fs;
	err = negotiate(fs);
	if (err == 0)
		err = get_root(fs);
	if (err != 0)
		goto err_free_sb;
	*out = fs->sb;
	return 0;
err_free_sb:
	kmem_free(fs->sb);
err_free:
	kmem_free(fs);
	return err;
}

FS_TYPE(fuse_type) = { "virtiofs", mount, false };
