/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular files on a FUSE file system: handles, pages, reads and writes.
 *
 * Reads come from the page cache, which the pager fills with large READs straight into its pages.
 * Writes go through: exactly the bytes that the program wrote are sent (another writer on the host
 * may own the bytes beside them), and copied into those pages that are cached. A fill that overlaps
 * a write is done again (writes_begun), so that it does not bring old bytes back. Pages that a
 * shared mapping made dirty are written whole, as far as the file's size goes.
 */
#include <linux/fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#include "core/cred.h"
#include "fs/attr.h"
#include "fs/fuse/fuse_call.h"
#include "fs/object_file.h"
#include "fs/openfile.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define HANDLES_IDLE_MAX 128u
#define READAHEAD_PAGES  128
#define BOUNCE_ORDER     4 /* 64 KiB */
/* a file that is written all the time is read as it was at some time */
#define REFILLS_MAX      8

static struct fuse_fs *fs_of(const struct fuse_inode *node)
{
	return fuse_fs_of(node->inode.sb);
}

static int open_handle(struct fuse_inode *node, uint32_t flags, uint64_t *fh)
{
	struct fuse_call *c = fuse_call_new(fs_of(node), FUSE_OPEN, node->nodeid,
					    sizeof(struct fuse_open_in));
	struct fuse_open_in *in;
	int err;

	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	in->flags = flags;
	err = fuse_call_send(c, sizeof(c->reply.open));
	*fh = c->reply.open.fh;
	kmem_free(c);
	return err;
}

static void close_handle(struct fuse_inode *node, struct fuse_handle *h)
{
	struct fuse_call *c;
	struct fuse_release_in *in;

	if (!h->valid)
		return;
	h->valid = false;
	c = fuse_call_new(fs_of(node), FUSE_RELEASE, node->nodeid, sizeof(*in));
	if (c == NULL)
		return; /* the host keeps a handle that nobody uses */
	in = fuse_call_args(c, sizeof(*in));
	in->fh = h->fh;
	(void)!fuse_call_send(c, 0);
	kmem_free(c);
}

static void leave_idle(struct fuse_inode *node)
{
	struct fuse_fs *fs = fs_of(node);

	scoped_spin(&fs->lock);
	if (list_is_empty(&node->idle_link))
		return;
	list_remove(&node->idle_link);
	fs->nr_idle--;
}

/* The longest idle inode when there are too many, counted, or NULL. */
static struct fuse_inode *enter_idle(struct fuse_inode *node)
{
	struct fuse_fs *fs = fs_of(node);
	struct fuse_inode *oldest;

	scoped_spin(&fs->lock);
	if (list_is_empty(&node->idle_link)) {
		list_append(&fs->idle, &node->idle_link);
		fs->nr_idle++;
	}
	if (fs->nr_idle <= HANDLES_IDLE_MAX)
		return NULL;
	oldest = list_first(&fs->idle, struct fuse_inode, idle_link);
	if (oldest == node || !inode_try_get(&oldest->inode))
		return NULL;
	list_remove(&oldest->idle_link);
	fs->nr_idle--;
	return oldest;
}

/* Opens it on the host unless it is open. flags: O_RDONLY, or how a writer was opened. */
static int handle_get(struct fuse_inode *node, enum fuse_handle_kind kind, uint32_t flags,
		      uint64_t *fh)
{
	struct fuse_handle *h = &node->handles[kind];
	int err = 0;

	scoped_mutex(&node->handle_lock);
	if (!h->valid) {
		err = open_handle(node, flags, &h->fh);
		h->valid = err == 0;
	}
	if (err != 0)
		return err;
	if (h->users++ == 0 && kind == FUSE_READER)
		leave_idle(node);
	*fh = h->fh;
	return 0;
}

static void close_if_idle(struct fuse_inode *node)
{
	scoped_mutex(&node->handle_lock);
	if (node->handles[FUSE_READER].users == 0)
		close_handle(node, &node->handles[FUSE_READER]);
}

static void handle_put(struct fuse_inode *node, enum fuse_handle_kind kind)
{
	struct fuse_handle *h = &node->handles[kind];
	struct fuse_inode *oldest = NULL;

	mutex_lock(&node->handle_lock);
	if (--h->users == 0 && kind == FUSE_WRITER)
		close_handle(node, h);
	else if (h->users == 0)
		oldest = enter_idle(node);
	mutex_unlock(&node->handle_lock);
	if (oldest == NULL)
		return;
	close_if_idle(oldest);
	inode_put(&oldest->inode);
}

void fuse_handle_adopt(struct fuse_inode *node, uint64_t fh)
{
	struct fuse_handle *h = &node->handles[FUSE_WRITER], extra = { fh, 0, true };

	scoped_mutex(&node->handle_lock);
	if (h->valid)
		close_handle(node, &extra);
	else
		*h = extra;
}

bool fuse_handle_peek(struct fuse_inode *node, enum fuse_handle_kind kind, uint64_t *fh)
{
	scoped_mutex(&node->handle_lock);
	*fh = node->handles[kind].fh;
	return node->handles[kind].valid;
}

void fuse_handles_close(struct fuse_inode *node)
{
	leave_idle(node);
	close_handle(node, &node->handles[FUSE_READER]);
	close_handle(node, &node->handles[FUSE_WRITER]);
}

/* One READ into pages; *got: bytes that came. */
static int read_pages(struct fuse_inode *node, uint64_t idx, struct page **pages, unsigned nr,
		      size_t *got)
{
	struct fuse_call *c = fuse_call_new(fs_of(node), FUSE_READ, node->nodeid,
					    sizeof(struct fuse_read_in));
	struct fuse_vec *out = kmem_new_array(struct fuse_vec, nr + 1);
	struct fuse_read_in *in;
	int err = -ENOMEM;

	if (c != NULL && out != NULL) {
		in = fuse_call_args(c, sizeof(*in));
		in->offset = idx << PAGE_SHIFT;
		in->size = (uint32_t)(nr * PAGE_SIZE);
		out[0] = c->out[0];
		for (unsigned i = 0; i < nr; i++)
			out[i + 1] = (struct fuse_vec){ page_to_ptr(pages[i]), PAGE_SIZE };
		err = handle_get(node, FUSE_READER, O_RDONLY, &in->fh);
	}
	if (err == 0) {
		err = fuse_call_send_vecs(c, out, nr + 1);
		handle_put(node, FUSE_READER);
		*got = c->reply_len;
	}
	kmem_free(out);
	kmem_free(c);
	return err;
}

static void zero_from(struct page **pages, unsigned nr, size_t from)
{
	for (size_t i = from / PAGE_SIZE; i < nr; i++) {
		size_t at = i == from / PAGE_SIZE ? from % PAGE_SIZE : 0;

		memset((char *)page_to_ptr(pages[i]) + at, 0, PAGE_SIZE - at);
	}
}

static int fill_once(struct fuse_inode *node, uint64_t idx, struct page **pages, unsigned nr)
{
	const unsigned most = fs_of(node)->max_pages;
	int err = 0;

	for (unsigned done = 0; err == 0 && done < nr; done += min(nr - done, most)) {
		unsigned n = min(nr - done, most);
		size_t got = 0;

		err = read_pages(node, idx + done, pages + done, n, &got);
		if (err == 0)
			zero_from(pages + done, n, got);
	}
	return err;
}

static int fill(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	struct fuse_inode *node = fuse_inode_of(container_of(o, struct inode, object));
	int err;

	for (unsigned i = 0; i < REFILLS_MAX; i++) {
		unsigned ended = atomic_load(&node->writes_ended);

		err = fill_once(node, idx, pages, nr);
		if (err != 0 || ended == atomic_load(&node->writes_begun))
			break;
	}
	/* A program knows these of read(2); what else the host says is a failed read. */
	return err == -ENOMEM || err == 0 ? err : -EIO;
}

/* WRITE of len bytes of contiguous memory; *done: bytes that the host took. */
static int write_bytes(struct fuse_inode *node, void *data, size_t len, uint64_t pos, size_t *done)
{
	struct fuse_call *c = fuse_call_new(fs_of(node), FUSE_WRITE, node->nodeid,
					    sizeof(struct fuse_write_in));
	struct fuse_write_in *in;
	int err;

	*done = 0;
	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	in->offset = pos;
	in->size = (uint32_t)len;
	fuse_call_payload(c, data, len);
	err = handle_get(node, FUSE_WRITER, O_RDWR, &in->fh);
	if (err == 0) {
		err = fuse_call_send(c, sizeof(c->reply.write));
		handle_put(node, FUSE_WRITER);
	}
	if (err == 0 && c->reply.write.size > len)
		err = -EIO;
	if (err == 0)
		*done = c->reply.write.size;
	kmem_free(c);
	return err;
}

static int write_all(struct fuse_inode *node, char *data, size_t len, uint64_t pos)
{
	size_t done = 0, n;
	int err = 0;

	while (err == 0 && done < len) {
		err = write_bytes(node, data + done, len - done, pos + done, &n);
		if (err == 0 && n == 0)
			err = -EIO;
		done += n;
	}
	return err;
}

/* Dirty pages of shared mappings. The bytes past the file's end are nobody's. */
static int flush(struct vm_object *o, uint64_t idx, struct page **pages, unsigned nr)
{
	struct fuse_inode *node = fuse_inode_of(container_of(o, struct inode, object));
	int err = 0;

	atomic_add(&node->writes_begun, 1);
	for (unsigned i = 0; i < nr && err == 0; i++) {
		uint64_t pos = (idx + i) << PAGE_SHIFT, size = atomic_load(&node->inode.size);

		if (pos < size)
			err = write_all(node, page_to_ptr(pages[i]), min(size - pos, PAGE_SIZE),
					pos);
	}
	fuse_inode_expire(&node->inode);
	atomic_add(&node->writes_ended, 1);
	return err;
}

const struct pager fuse_pager = {
	.fill = fill,
	.flush = flush,
	.size = inode_object_size,
	.readahead_pages = READAHEAD_PAGES,
};

/* What was written, into those pages that are cached. */
static void update_cache(struct inode *inode, const char *from, size_t len, uint64_t pos)
{
	while (len > 0) {
		size_t at = pos % PAGE_SIZE, n = min(len, PAGE_SIZE - at);
		struct page *page = object_page_cached(&inode->object, pos >> PAGE_SHIFT);

		if (page != NULL) {
			memcpy((char *)page_to_ptr(page) + at, from, n);
			page_put(page);
		}
		from += n;
		len -= n;
		pos += n;
	}
}

/* inode->lock is held. *pos moves on. */
static ssize_t write_chunk_locked(struct file *f, char *data, size_t len, int64_t *pos)
{
	struct fuse_inode *node = fuse_inode_of(f->inode);
	size_t done;
	int err;

	atomic_add(&node->writes_begun, 1);
	err = write_bytes(node, data, len, (uint64_t)*pos, &done);
	update_cache(f->inode, data, done, (uint64_t)*pos);
	if (err == 0) {
		*pos += (int64_t)done;
		fuse_inode_written_locked(f->inode, (uint64_t)*pos);
	}
	atomic_add(&node->writes_ended, 1);
	return err != 0 ? err : (ssize_t)done;
}

/* From user memory to the bounce buffer without a lock, from there to the host with inode->lock. */
static ssize_t write_bounced(struct file *f, struct uio *u, int64_t *pos, char *bounce, size_t size)
{
	ssize_t done = 0, n = 0;

	while (u->left > 0) {
		size_t copied = uio_copy_from(u, bounce, min(u->left, size));

		if (copied == 0)
			return done > 0 ? done : -EFAULT;
		mutex_lock(&f->inode->lock);
		if ((f->flags & O_APPEND) != 0)
			*pos = (int64_t)f->inode->size;
		n = write_chunk_locked(f, bounce, copied, pos);
		mutex_unlock(&f->inode->lock);
		if (n > 0)
			done += n;
		if (n < (ssize_t)copied)
			break;
	}
	return done > 0 ? done : n;
}

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	unsigned order = u->left > PAGE_SIZE ? BOUNCE_ORDER : 0;
	struct page *bounce;
	ssize_t n;
	int err;

	if (u->left == 0)
		return 0;
	mutex_lock(&f->inode->lock);
	err = (f->flags & O_APPEND) != 0 ? fuse_getattr(f->inode) : 0;
	if (err == 0)
		err = file_write_begin_locked(f, u, pos);
	mutex_unlock(&f->inode->lock);
	if (err != 0)
		return err;
	bounce = page_alloc(order, 0);
	if (bounce == NULL && order > 0) {
		order = 0;
		bounce = page_alloc(0, 0);
	}
	if (bounce == NULL)
		return -ENOMEM;
	n = write_bounced(f, u, pos, page_to_ptr(bounce), PAGE_SIZE << order);
	page_free(bounce, order);
	return n;
}

static ssize_t read(struct file *f, struct uio *u, int64_t *pos)
{
	int err = fuse_getattr(f->inode);

	return err != 0 ? err : vfs_object_fops.read(f, u, pos);
}

static int64_t seek(struct file *f, int64_t offset, int whence)
{
	struct fuse_inode *node = fuse_inode_of(f->inode);
	struct fuse_fs *fs = fs_of(node);
	struct fuse_lseek_in *in;
	struct fuse_call *c;
	int64_t found = fuse_getattr(f->inode);

	if (found != 0)
		return found;
	if ((whence != SEEK_DATA && whence != SEEK_HOLE) || fs->no_lseek)
		return file_seek_plain(f, offset, whence);
	if (offset < 0 || (uint64_t)offset >= f->inode->size)
		return -ENXIO;
	c = fuse_call_new(fs, FUSE_LSEEK, node->nodeid, sizeof(*in));
	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	in->offset = (uint64_t)offset;
	in->whence = (uint32_t)whence;
	found = handle_get(node, FUSE_READER, O_RDONLY, &in->fh);
	if (found == 0) {
		found = fuse_call_send(c, sizeof(c->reply.lseek));
		handle_put(node, FUSE_READER);
	}
	if (found == 0)
		found = c->reply.lseek.offset <= INT64_MAX ? (int64_t)c->reply.lseek.offset : -EIO;
	kmem_free(c);
	if (found != -ENOSYS)
		return found;
	fs->no_lseek = true;
	return file_seek_plain(f, offset, whence);
}

static int sync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	struct fuse_inode *node = fuse_inode_of(f->inode);
	enum fuse_handle_kind kind = (f->traits & FILE_WRITE) != 0 ? FUSE_WRITER : FUSE_READER;
	struct fuse_call *c;
	struct fuse_fsync_in *in;
	int err = object_flush(&f->inode->object, (uint64_t)start, (uint64_t)end);

	if (err != 0)
		return err;
	c = fuse_call_new(fs_of(node), FUSE_FSYNC, node->nodeid, sizeof(*in));
	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	in->fsync_flags = data_only ? FUSE_FSYNC_FDATASYNC : 0;
	(void)fuse_handle_peek(node, kind, &in->fh); /* f itself keeps it open */
	err = fuse_call_send(c, 0);
	kmem_free(c);
	return err == -ENOSYS ? 0 : err;
}

static int allocate(struct file *f, int mode, int64_t offset, int64_t len)
{
	struct fuse_inode *node = fuse_inode_of(f->inode);
	struct fuse_call *c = fuse_call_new(fs_of(node), FUSE_FALLOCATE, node->nodeid,
					    sizeof(struct fuse_fallocate_in));
	struct fuse_fallocate_in *in;
	int err;

	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	in->offset = (uint64_t)offset;
	in->length = (uint64_t)len;
	in->mode = (uint32_t)mode;
	(void)fuse_handle_peek(node, FUSE_WRITER, &in->fh);
	mutex_lock(&f->inode->lock);
	err = object_flush(&f->inode->object, (uint64_t)offset, (uint64_t)(offset + len));
	if (err == 0)
		err = fuse_call_send(c, 0);
	if (err == 0 && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0)
		object_truncate(&f->inode->object, (uint64_t)offset, (uint64_t)(offset + len));
	if (err == 0)
		fuse_inode_written_locked(
			f->inode, (mode & FALLOC_FL_KEEP_SIZE) != 0 ? 0 : (uint64_t)(offset + len));
	mutex_unlock(&f->inode->lock);
	kmem_free(c);
	return err == -ENOSYS ? -EOPNOTSUPP : err;
}

/* close(2) of a writer: errors of the host's late writes come out here. */
static int flush_file(struct file *f)
{
	struct fuse_inode *node = fuse_inode_of(f->inode);
	struct fuse_fs *fs = fs_of(node);
	struct fuse_flush_in *in;
	struct fuse_call *c;
	int err;

	if ((f->traits & FILE_WRITE) == 0)
		return 0;
	err = object_flush(&f->inode->object, 0, UINT64_MAX);
	if (err != 0 || fs->no_flush)
		return err;
	c = fuse_call_new(fs, FUSE_FLUSH, node->nodeid, sizeof(*in));
	if (c == NULL)
		return -ENOMEM;
	in = fuse_call_args(c, sizeof(*in));
	(void)fuse_handle_peek(node, FUSE_WRITER, &in->fh);
	err = fuse_call_send(c, 0);
	kmem_free(c);
	fs->no_flush |= err == -ENOSYS;
	return err == -ENOSYS ? 0 : err;
}

static void release(struct file *f)
{
	struct fuse_inode *node = fuse_inode_of(f->inode);

	if ((f->traits & FILE_WRITE) != 0)
		handle_put(node, FUSE_WRITER);
	else
		handle_put(node, FUSE_READER);
}

/* The host says now whether we may: later there is nobody to tell. */
static int open(struct inode *inode, struct file *f)
{
	bool writes = (f->traits & FILE_WRITE) != 0;
	uint64_t fh;
	int err;

	if (!S_ISREG(inode->mode))
		return 0;
	err = fuse_getattr(inode);
	if (err != 0)
		return err;
	return handle_get(fuse_inode_of(inode), writes ? FUSE_WRITER : FUSE_READER,
			  f->flags & O_ACCMODE, &fh);
}

const struct file_ops fuse_file_fops = {
	.read = read,
	.write = write,
	.seek = seek,
	.mmap = file_object_mmap,
	.sync = sync,
	.allocate = allocate,
	.flush = flush_file,
	.release = release,
};

const struct inode_ops fuse_file_inode_ops = {
	.open = open,
	.getattr = fuse_getattr,
	.setattr = fuse_setattr,
	.revalidate = fuse_revalidate,
	.xattr_get = fuse_xattr_get,
	.xattr_set = fuse_xattr_set,
	.xattr_list = fuse_xattr_list,
	.xattr_remove = fuse_xattr_remove,
};
