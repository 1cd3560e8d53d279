/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names on a FUSE file system: look-up, making, removing, renaming, links, and the listing of
 * directories.
 *
 * A directory is listed through a handle of the open file's own, made at the first getdents,
 * unless the host needs none. Where names last, an answer with room for one more record is the
 * last, and the entries that come with the names are kept (fuse_kept.c). The host sends a buffer of
 * records (struct fuse_dirent); each is checked when it is reached: its name fits the buffer, is
 * not empty and holds neither '/' nor NUL. A record that cannot be ends the listing with -EIO.
 * Positions are the host's own.
 */
#include <linux/fcntl.h>

#include "core/time/timer.h"
#include "fs/fuse/fuse_call.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define LIST_BYTES (8 * PAGE_SIZE) /* a listing's buffer */
#define LIST_ORDER 3
/* in either form */
#define RECORD_MAX \
	(sizeof(struct fuse_entry_out) + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + NAME_LEN_MAX))

static uint64_t nodeid_of(struct inode *inode)
{
	return fuse_inode_of(inode)->nodeid;
}

/* Sends c, whose answer is an entry called `name`, and frees it. */
static int send_entry(struct fuse_call *c, struct inode *dir, const char *name, size_t len,
		      struct inode **out)
{
	struct fuse_fs *fs = fuse_fs_of(dir->sb);
	int err = fuse_call_send(c, sizeof(c->reply.entry));

	if (err == 0)
		err = fuse_inode_get(fs, &c->reply.entry, c->unique, out);
	if (err == 0)
		fuse_inode_set_name(fuse_inode_of(*out), nodeid_of(dir), name, len);
	kmem_free(c);
	return err;
}

/* A call about a name in dir, with `args` bytes of arguments (*out) before it. */
static struct fuse_call *name_call(struct inode *dir, uint32_t opcode, size_t args,
				   size_t name_room, void **out)
{
	struct fuse_call *c = fuse_call_new(fuse_fs_of(dir->sb), opcode, nodeid_of(dir),
					    args + name_room);

	if (c != NULL && args > 0)
		*out = fuse_call_args(c, args);
	return c;
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct fuse_entry_out kept;
	struct fuse_call *c;
	int err;

	if (fuse_kept_take(fuse_inode_of(dir), name, len, &kept))
		return fuse_inode_get(fuse_fs_of(dir->sb), &kept, 0, out);
	c = name_call(dir, FUSE_LOOKUP, 0, len + 1, NULL);
	if (c == NULL)
		return -ENOMEM;
	fuse_call_string(c, name, len);
	err = send_entry(c, dir, name, len, out);
	if (err == 0)
		fuse_kept_missed(fuse_inode_of(dir));
	return err;
}

/* Looks the inode up again under the name it had. A name that leads elsewhere now is stale. */
static bool is_still_there(struct fuse_inode *node)
{
	struct fuse_fs *fs = fuse_fs_of(node->inode.sb);
	struct fuse_call *c = NULL;
	struct inode *found = NULL;
	uint64_t parent;
	size_t len = 0;
	char name[NAME_LEN_MAX + 1];

	spin_lock(&fs->lock);
	parent = node->parent_nodeid;
	if (node->name != NULL)
		len = string_copy(name, node->name, sizeof(name));
	spin_unlock(&fs->lock);
	if (len > 0)
		c = fuse_call_new(fs, FUSE_LOOKUP, parent, len + 1);
	if (c == NULL)
		return false;
	fuse_call_string(c, name, len);
	if (fuse_call_send(c, sizeof(c->reply.entry)) == 0 &&
	    fuse_inode_get(fs, &c->reply.entry, c->unique, &found) != 0)
		found = NULL;
	kmem_free(c);
	if (found != NULL)
		inode_put(found);
	return found == &node->inode;
}

bool fuse_revalidate(struct inode *inode)
{
	struct fuse_inode *node = fuse_inode_of(inode);

	return clock_monotonic() < atomic_load(&node->entry_expires) || is_still_there(node);
}

static bool revalidate_missing(struct inode *dir, const char *name, size_t len)
{
	(void)name;
	(void)len;
	return fuse_fs_of(dir->sb)->long_lived;
}

static int create(struct inode *dir, const char *name, size_t len, uint32_t mode,
		  struct inode **out)
{
	struct fuse_fs *fs = fuse_fs_of(dir->sb);
	struct fuse_create_in *in = NULL;
	struct fuse_call *c = name_call(dir, FUSE_CREATE, sizeof(*in), len + 1, (void **)&in);
	int err;

	if (c == NULL)
		return -ENOMEM;
	in->flags = O_RDWR | O_CREAT | O_EXCL;
	in->mode = S_IFREG | mode;
	fuse_call_string(c, name, len);
	err = fuse_call_send(c, sizeof(c->reply.created));
	if (err == 0)
		err = fuse_inode_get(fs, &c->reply.created.entry, c->unique, out);
	if (err == 0) {
		fuse_handle_adopt(fuse_inode_of(*out), c->reply.created.open.fh);
		fuse_inode_set_name(fuse_inode_of(*out), nodeid_of(dir), name, len);
		fuse_inode_expire(dir);
	}
	kmem_free(c);
	return err;
}

static int mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **out)
{
	struct fuse_mkdir_in *in = NULL;
	struct fuse_call *c = name_call(dir, FUSE_MKDIR, sizeof(*in), len + 1, (void **)&in);

	if (c == NULL)
		return -ENOMEM;
	in->mode = mode;
	fuse_call_string(c, name, len);
	fuse_inode_expire(dir);
	return send_entry(c, dir, name, len, out);
}

static uint32_t encode_rdev(uint64_t rdev)
{
	uint32_t minor = dev_minor(rdev);

	return (minor & 0xff) | dev_major(rdev) << 8 | (minor & ~0xffu) << 12;
}

static int mknod(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		 struct inode **out)
{
	struct fuse_mknod_in *in = NULL;
	struct fuse_call *c = name_call(dir, FUSE_MKNOD, sizeof(*in), len + 1, (void **)&in);

	if (c == NULL)
		return -ENOMEM;
	in->mode = mode;
	in->rdev = encode_rdev(rdev);
	fuse_call_string(c, name, len);
	fuse_inode_expire(dir);
	return send_entry(c, dir, name, len, out);
}

static int symlink(struct inode *dir, const char *name, size_t len, const char *target,
		   struct inode **out)
{
	size_t target_len = strlen(target);
	struct fuse_call *c = name_call(dir, FUSE_SYMLINK, 0, len + target_len + 2, NULL);

	if (c == NULL)
		return -ENOMEM;
	fuse_call_string(c, name, len);
	fuse_call_string(c, target, target_len);
	fuse_inode_expire(dir);
	return send_entry(c, dir, name, len, out);
}

static int link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	struct fuse_link_in *in = NULL;
	struct fuse_call *c = name_call(dir, FUSE_LINK, sizeof(*in), len + 1, (void **)&in);
	struct inode *found = NULL;
	int err;

	if (c == NULL)
		return -ENOMEM;
	in->oldnodeid = nodeid_of(target);
	fuse_call_string(c, name, len);
	fuse_inode_expire(dir);
	err = send_entry(c, dir, name, len, &found);
	if (err != 0)
		return err;
	fuse_inode_expire(target);
	err = found == target ? 0 : -EIO;
	inode_put(found);
	return err;
}

static int remove(struct inode *dir, uint32_t opcode, const char *name, size_t len,
		  struct inode *victim)
{
	struct fuse_call *c = name_call(dir, opcode, 0, len + 1, NULL);
	int err;

	if (c == NULL)
		return -ENOMEM;
	fuse_call_string(c, name, len);
	err = fuse_call_send(c, 0);
	kmem_free(c);
	if (err != 0)
		return err;
	if (victim->nlink > 0)
		victim->nlink = opcode == FUSE_RMDIR ? 0 : victim->nlink - 1;
	fuse_inode_expire(dir);
	if (victim->nlink > 0)
		fuse_inode_expire(victim);
	return 0;
}

static int unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove(dir, FUSE_UNLINK, name, len, victim);
}

static int rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove(dir, FUSE_RMDIR, name, len, victim);
}

static int rename(struct inode *dir, const char *name, size_t len, struct inode *new_dir,
		  const char *new_name, size_t new_len, unsigned flags)
{
	struct fuse_rename2_in *in = NULL;
	/* RENAME's arguments are RENAME2's first eight bytes. */
	size_t args = flags != 0 ? sizeof(*in) : sizeof(struct fuse_rename_in);
	struct fuse_call *c = name_call(dir, flags != 0 ? FUSE_RENAME2 : FUSE_RENAME, args,
					len + new_len + 2, (void **)&in);
	int err;

	if (c == NULL)
		return -ENOMEM;
	in->newdir = nodeid_of(new_dir);
	if (flags != 0)
		in->flags = flags;
	fuse_call_string(c, name, len);
	fuse_call_string(c, new_name, new_len);
	err = fuse_call_send(c, 0);
	kmem_free(c);
	fuse_inode_expire(dir);
	fuse_inode_expire(new_dir);
	return err == -ENOSYS ? -EINVAL : err;
}

/* An open directory: a handle and the records that were fetched last. */
struct listing {
	uint64_t fh;
	bool is_open; /* fh is to be released */
	bool is_last; /* nothing comes behind these records */
	struct page *pages;
	char *buf;
	size_t head;      /* bytes of a record before its struct fuse_dirent */
	size_t len, at;   /* bytes there, and where the next record begins */
	int64_t next_pos; /* of that record; -1: none */
};

/* FUSE_OPENDIR. A host that says ENOSYS lets directories be read without. */
static int listing_open(struct inode *dir, struct listing *l)
{
	struct fuse_fs *fs = fuse_fs_of(dir->sb);
	struct fuse_open_in *in = NULL;
	struct fuse_call *c;
	int err;

	if (READ_ONCE(fs->no_opendir))
		return 0;
	c = name_call(dir, FUSE_OPENDIR, sizeof(*in), 0, (void **)&in);
	if (c == NULL)
		return -ENOMEM;
	in->flags = O_RDONLY | O_DIRECTORY;
	err = fuse_call_send(c, sizeof(c->reply.open));
	l->is_open = err == 0;
	l->fh = err == 0 ? c->reply.open.fh : 0;
	if (err == -ENOSYS)
		WRITE_ONCE(fs->no_opendir, true);
	kmem_free(c);
	return err == -ENOSYS ? 0 : err;
}

static int listing_new(struct inode *dir, struct listing **out)
{
	struct listing *l = kmem_new(struct listing);
	int err = -ENOMEM;

	if (l != NULL)
		l->pages = page_alloc(LIST_ORDER, 0);
	if (l != NULL && l->pages != NULL)
		err = listing_open(dir, l);
	if (err == 0) {
		l->buf = page_to_ptr(l->pages);
		l->next_pos = -1;
		*out = l;
	} else if (l != NULL) {
		if (l->pages != NULL)
			page_free(l->pages, LIST_ORDER);
		kmem_free(l);
	}
	return err;
}

static void listing_free(struct inode *dir, struct listing *l)
{
	struct fuse_release_in *in = NULL;
	struct fuse_call *c = NULL;

	if (l->is_open)
		c = name_call(dir, FUSE_RELEASEDIR, sizeof(*in), 0, (void **)&in);
	if (c != NULL) {
		in->fh = l->fh;
		(void)!fuse_call_send(c, 0);
	}
	kmem_free(c);
	page_free(l->pages, LIST_ORDER);
	kmem_free(l);
}

/* f's own. fsync(2) has no lock that getdents has: of two that make one, one remains. */
static int listing_of(struct file *f, struct listing **out)
{
	void *none = NULL;
	struct listing *l;
	int err;

	*out = atomic_load(&f->private);
	if (*out != NULL)
		return 0;
	err = listing_new(f->inode, &l);
	if (err != 0)
		return err;
	*out = l;
	if (!atomic_compare_exchange(&f->private, &none, (void *)l)) {
		*out = none;
		listing_free(f->inode, l);
	}
	return 0;
}

/* What was fetched is counted, and kept if attributes came with it. */
static void note_fetched(struct fuse_inode *dir, const struct listing *l)
{
	unsigned nr = 0;
	size_t size;

	for (size_t at = 0; at < l->len; at += size, nr++) {
		if (fuse_record_check(l->buf + at, l->len - at, l->head, &size) == NULL)
			break;
	}
	fuse_kept_listed(dir, nr);
	if (l->head > 0 && l->len > 0)
		fuse_kept_add(dir, l->buf, l->len);
}

/* The records from pos on. 0 bytes is the end. */
static int fetch(struct inode *dir, struct listing *l, int64_t pos)
{
	bool plus = fuse_kept_wanted(fuse_fs_of(dir->sb));
	struct fuse_read_in *in = NULL;
	struct fuse_call *c = name_call(dir, plus ? FUSE_READDIRPLUS : FUSE_READDIR, sizeof(*in), 0,
					(void **)&in);
	int err;

	if (c == NULL)
		return -ENOMEM;
	in->fh = l->fh;
	in->offset = (uint64_t)pos;
	in->size = LIST_BYTES;
	fuse_call_data(c, l->buf, LIST_BYTES);
	err = fuse_call_send(c, 0);
	l->len = err == 0 ? c->reply_len : 0;
	l->is_last = fuse_fs_of(dir->sb)->long_lived && l->len + RECORD_MAX <= LIST_BYTES;
	l->head = plus ? offsetof(struct fuse_direntplus, dirent) : 0;
	l->at = 0;
	l->next_pos = err == 0 ? pos : -1;
	kmem_free(c);
	if (pos == 0)
		fuse_kept_drop(fuse_inode_of(dir));
	if (fuse_fs_of(dir->sb)->long_lived)
		note_fetched(fuse_inode_of(dir), l);
	return err;
}

static int list(struct inode *dir, struct listing *l, struct dir_sink *s, int64_t *pos)
{
	const struct fuse_dirent *d;
	size_t size = 0;
	int err;

	for (;;) {
		if (l->next_pos == *pos && l->at >= l->len && l->is_last)
			return 0;
		if (l->next_pos != *pos || l->at >= l->len) {
			err = fetch(dir, l, *pos);
			if (err != 0 || l->len == 0)
				return err;
		}
		d = fuse_record_check(l->buf + l->at, l->len - l->at, l->head, &size);
		if (d == NULL)
			return -EIO;
		if (!s->emit(s, d->name, d->namelen, d->ino, d->type, (int64_t)d->off))
			return 0;
		l->at += size;
		l->next_pos = *pos = (int64_t)d->off;
	}
}

static int readdir(struct file *f, struct dir_sink *s, int64_t *pos)
{
	struct listing *l = NULL;
	int err = listing_of(f, &l);

	return err != 0 ? err : list(f->inode, l, s, pos);
}

static void release(struct file *f)
{
	if (f->private != NULL)
		listing_free(f->inode, f->private);
}

static int sync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	struct fuse_fsync_in *in = NULL;
	struct fuse_call *c;
	struct listing *l = NULL;
	int err;

	(void)start;
	(void)end;
	err = listing_of(f, &l);
	c = err == 0 ? name_call(f->inode, FUSE_FSYNCDIR, sizeof(*in), 0, (void **)&in) : NULL;
	if (c == NULL)
		return err != 0 ? err : -ENOMEM;
	in->fh = l->fh;
	in->fsync_flags = data_only ? FUSE_FSYNC_FDATASYNC : 0;
	err = fuse_call_send(c, 0);
	kmem_free(c);
	return err == -ENOSYS ? 0 : err;
}

static int fetch_link(struct fuse_inode *node, char **out)
{
	struct fuse_call *c = fuse_call_new(fuse_fs_of(node->inode.sb), FUSE_READLINK, node->nodeid,
					    0);
	char *text = kmem_alloc(PATH_LEN_MAX + 1);
	int err = -ENOMEM;

	if (c != NULL && text != NULL) {
		fuse_call_data(c, text, PATH_LEN_MAX);
		err = fuse_call_send(c, 1);
	}
	if (err == 0)
		*out = kmem_string(text); /* as much memory as it needs */
	kmem_free(text);
	kmem_free(c);
	return err == 0 && *out == NULL ? -ENOMEM : err;
}

/* A link's text, once read, is kept where the host's files do not change. */
static ssize_t readlink(struct inode *inode, char *buf, size_t size)
{
	struct fuse_inode *node = fuse_inode_of(inode);
	size_t len;
	int err = 0;

	scoped_mutex(&inode->lock);
	if (node->link_text == NULL)
		err = fetch_link(node, &node->link_text);
	if (err != 0)
		return err;
	len = min(strlen(node->link_text), size);
	memcpy(buf, node->link_text, len);
	if (!fuse_fs_of(inode->sb)->long_lived) {
		kmem_free(node->link_text);
		node->link_text = NULL;
	}
	return (ssize_t)len;
}

const struct file_ops fuse_dir_fops = {
	.readdir = readdir,
	.release = release,
	.sync = sync,
};

const struct inode_ops fuse_dir_inode_ops = {
	.lookup = lookup,
	.create = create,
	.mkdir = mkdir,
	.mknod = mknod,
	.symlink = symlink,
	.link = link,
	.unlink = unlink,
	.rmdir = rmdir,
	.rename = rename,
	.getattr = fuse_getattr,
	.setattr = fuse_setattr,
	.revalidate = fuse_revalidate,
	.revalidate_missing = revalidate_missing,
	.xattr_get = fuse_xattr_get,
	.xattr_set = fuse_xattr_set,
	.xattr_list = fuse_xattr_list,
	.xattr_remove = fuse_xattr_remove,
};

const struct inode_ops fuse_link_inode_ops = {
	.readlink = readlink,
	.getattr = fuse_getattr,
	.setattr = fuse_setattr,
	.revalidate = fuse_revalidate,
	.xattr_get = fuse_xattr_get,
	.xattr_set = fuse_xattr_set,
	.xattr_list = fuse_xattr_list,
	.xattr_remove = fuse_xattr_remove,
};
