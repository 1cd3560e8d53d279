/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's FUSE client (fs/fuse*.c) against the monitor's server (monitor/fs_*.c), with a vfs
 * and a page cache of a few lines between test and client. First the operations, on a real
 * directory; then the same with answers that were tampered with: any result is right but a crash, a
 * hang or a leak.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/fcntl.h>

#include "core/log.h"
#include "core/time/timer.h"
#include "fs/attr.h"
#include "fs/fuse/fuse_call.h"
#include "fs/object_file.h"
#include "fs/openfile.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"
#include "monitor/fs/fs.h"

#define TAMPERED_ROUNDS 4000

/* ---- what the client asks of the kernel ---- */

static struct cred cred;
static struct fs_server *server;
static bool tamper;
static unsigned nr_calls, nr_forgets;
static nsec_t now = 1000;

const struct cred *cred_current(void)
{
	return &cred;
}

nsec_t clock_monotonic(void)
{
	return now;
}

void log_print(enum log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

void spin_lock(struct spinlock *l)
{
	assert_int_equal(l->held, 0);
	l->held = 1;
}

void spin_unlock(struct spinlock *l)
{
	assert_int_equal(l->held, 1);
	l->held = 0;
}

void mutex_init(struct mutex *m)
{
	memset(m, 0, sizeof(*m));
}

void mutex_lock(struct mutex *m)
{
	assert_true(m->owner == 0); /* one thread: a second lock is a deadlock */
	m->owner = (uintptr_t)m;
}

void mutex_unlock(struct mutex *m)
{
	assert_true(m->owner != 0);
	m->owner = 0;
}

void *kmem_alloc(size_t size)
{
	return calloc(1, size);
}

void *kmem_alloc_array(size_t size, size_t n)
{
	return calloc(n, size);
}

void kmem_free(void *p)
{
	free(p);
}

char *kmem_string(const char *s)
{
	return strdup(s);
}

size_t string_copy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

/* A struct page's address is the memory itself. */
struct page *page_alloc(unsigned order, unsigned flags)
{
	(void)flags;
	return aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
}

void page_free(struct page *p, unsigned order)
{
	(void)order;
	free(p);
}

void page_get(struct page *p)
{
	(void)p;
}

void page_put(struct page *p)
{
	(void)p;
}

void *page_to_ptr(const struct page *p)
{
	return (void *)(uintptr_t)p;
}

/* Buffers are the kernel's here: what is asked of user memory fails. */
int user_read(void *dst, uaddr_t src, size_t len)
{
	(void)dst;
	(void)src;
	(void)len;
	return -EFAULT;
}

int user_compare_exchange_u32(uaddr_t addr, uint32_t expected, uint32_t desired, uint32_t *old)
{
	(void)addr;
	(void)expected;
	(void)desired;
	*old = 0;
	return 0;
}

int user_write(uaddr_t dst, const void *src, size_t len)
{
	(void)dst;
	(void)src;
	(void)len;
	return -EFAULT;
}

struct vmspace *vmspace_current(void)
{
	return NULL;
}

int vmspace_page(struct vmspace *vs, uaddr_t addr, unsigned access, struct page **out)
{
	(void)vs;
	(void)addr;
	(void)access;
	(void)out;
	return -EFAULT;
}

size_t user_read_some(void *dst, uaddr_t src, size_t len)
{
	(void)dst;
	(void)src;
	(void)len;
	return 0;
}

size_t user_write_some(uaddr_t dst, const void *src, size_t len)
{
	(void)dst;
	(void)src;
	(void)len;
	return 0;
}

bool user_range_ok(uaddr_t addr, size_t len)
{
	(void)addr;
	(void)len;
	return false;
}

size_t arch_user_zero(void *dst, size_t len)
{
	(void)dst;
	return len;
}

/* ---- a small vfs: counts, a superblock, one cached page for each file ---- */

static unsigned nr_inodes, nr_invalidated;
static struct inode *cached_inode;
static struct page *cached_page;

struct inode *inode_new(struct superblock *sb, uint32_t mode)
{
	struct inode *inode = sb->ops->inode_alloc(sb);

	ref_init(&inode->ref);
	inode->sb = sb;
	inode->mode = mode;
	mutex_init(&inode->lock);
	nr_inodes++;
	return inode;
}

bool inode_try_get(struct inode *inode)
{
	if (inode->ref.count == 0)
		return false;
	ref_get(&inode->ref);
	return true;
}

void inode_put(struct inode *inode)
{
	if (!ref_put(&inode->ref))
		return;
	nr_inodes--;
	inode->sb->ops->inode_free(inode);
	free(inode);
}

void inode_set_fields(struct inode *inode, const struct attr_change *c)
{
	if ((c->valid & ATTR_SIZE) != 0)
		inode->size = c->size;
}

uint64_t inode_object_size(struct vm_object *o)
{
	return container_of(o, struct inode, object)->size;
}

struct superblock *superblock_new(const char *type_name, const struct superblock_ops *ops,
				  unsigned flags)
{
	struct superblock *sb = calloc(1, sizeof(*sb));

	sb->type_name = type_name;
	sb->ops = ops;
	sb->flags = flags;
	return sb;
}

static struct inode *root;

int superblock_set_root(struct superblock *sb, struct inode *inode)
{
	(void)sb;
	root = inode;
	return 0;
}

void object_truncate(struct vm_object *o, uint64_t start, uint64_t end)
{
	(void)o;
	assert_true(start <= end);
}

void object_invalidate(struct vm_object *o)
{
	(void)o;
	nr_invalidated++;
}

int object_flush(struct vm_object *o, uint64_t start, uint64_t end)
{
	(void)o;
	(void)start;
	(void)end;
	return 0;
}

struct page *object_page_cached(struct vm_object *o, uint64_t idx)
{
	return container_of(o, struct inode, object) == cached_inode && idx == 0 ? cached_page
										 : NULL;
}

const struct file_ops vfs_object_fops;

int64_t file_seek_plain(const struct file *f, int64_t offset, int whence)
{
	(void)f;
	(void)whence;
	return offset;
}

int file_object_mmap(struct file *f, struct vm_area *area)
{
	(void)f;
	(void)area;
	return 0;
}

int file_write_begin_locked(struct file *f, struct uio *u, int64_t *pos)
{
	(void)u;
	if ((f->flags & O_APPEND) != 0)
		*pos = (int64_t)f->inode->size;
	return 0;
}

void file_changed_locked(struct inode *inode, uint64_t end)
{
	if (end > inode->size)
		inode->size = end;
}

/* ---- the transport: the server is called; its answers may be tampered with ---- */

static unsigned to_iov(struct iovec *iov, const struct fuse_vec *v, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		iov[i] = (struct iovec){ v[i].ptr, v[i].len };
	return nr;
}

static void damage(struct fuse_request *r)
{
	unsigned which = (unsigned)rand() % r->nr_out;
	size_t len = r->out[which].len;

	switch (rand() % 6) {
	case 0:
		r->out_len = (size_t)rand() % (r->out_len + 64);
		break;
	case 1:
		r->err = -ENOTCONN;
		break;
	default:
		for (int i = rand() % 4; i >= 0 && len > 0; i--)
			((char *)r->out[which].ptr)[(size_t)rand() % min(len, 256ul)] =
				(char)rand();
	}
}

static int call(struct fuse_transport *t, struct fuse_request *r)
{
	struct iovec in[4], out[FUSE_VECS_MAX];
	ssize_t n;

	(void)t;
	nr_calls++;
	n = fs_server_handle(server, in, to_iov(in, r->in, r->nr_in), out,
			     to_iov(out, r->out, r->nr_out));
	assert_true(n >= 0);
	r->out_len = (size_t)n;
	r->err = 0;
	if (tamper && rand() % 3 == 0)
		damage(r);
	return r->err;
}

static void post(struct fuse_transport *t, struct fuse_request *r)
{
	struct iovec in[4];

	(void)t;
	nr_forgets++;
	assert_int_equal(fs_server_handle(server, in, to_iov(in, r->in, r->nr_in), NULL, 0), 0);
	free(r);
}

static struct fuse_transport transport = {
	.tag = "test",
	.call = call,
	.post = post,
	.max_pages = 128,
};

LINKER_SET(fs_types, struct fs_type);

/* ---- the tests ---- */

static char dir[64];
static struct superblock *sb;

static void host_write(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void host_expect(const char *name, const char *text)
{
	char path[256], buf[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	assert_string_equal(buf, text);
}

static void start(bool read_only)
{
	strcpy(dir, "/tmp/fuse_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	host_write("a", "hello");
	host_write("b", "world");
	server = fs_server_new(dir, read_only);
	assert_non_null(server);
	tamper = false;
	assert_int_equal(__start_set_fs_types[0].mount("test", "", 0, &sb), 0);
	assert_true(S_ISDIR(root->mode));
}

static void stop(void)
{
	char command[128];

	tamper = false;
	inode_put(root);
	assert_int_equal(nr_inodes, 0);
	sb->ops->unmount(sb);
	free(sb);
	fs_server_free(server);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

static int lookup(const char *name, struct inode **out)
{
	return root->ops->lookup(root, name, strlen(name), out);
}

static int open_file(struct inode *inode, unsigned flags, struct file *f)
{
	memset(f, 0, sizeof(*f));
	f->inode = inode;
	f->flags = flags;
	f->traits = (flags & O_ACCMODE) == O_RDONLY ? FILE_READ : FILE_READ | FILE_WRITE;
	return inode->ops->open != NULL ? inode->ops->open(inode, f) : 0;
}

static ssize_t write_file(struct file *f, char *text, int64_t pos)
{
	struct uio u;

	uio_init_kernel(&u, text, strlen(text));
	return f->inode->fops->write(f, &u, &pos);
}

static void looks_up(void **state)
{
	struct inode *a, *again;

	(void)state;
	start(true);
	assert_int_equal(lookup("a", &a), 0);
	assert_true(S_ISREG(a->mode));
	assert_int_equal(a->size, 5);
	assert_int_equal(lookup("a", &again), 0);
	assert_ptr_equal(a, again);
	assert_int_equal(lookup("none", &again), -ENOENT);
	assert_true(root->ops->revalidate_missing(root, "none", 4));
	assert_int_equal(root->ops->create(root, "new", 3, 0644, &again), -EROFS);
	inode_put(a);
	inode_put(a);
	assert_int_equal(nr_forgets > 0, 1);
	stop();
}

static void reads_pages(void **state)
{
	struct page *pages[3];
	struct inode *a;
	struct file f;
	unsigned before;

	(void)state;
	start(true);
	for (unsigned i = 0; i < 3; i++) {
		pages[i] = page_alloc(0, 0);
		memset(pages[i], 0xff, PAGE_SIZE);
	}
	assert_int_equal(lookup("a", &a), 0);
	assert_int_equal(open_file(a, O_RDONLY, &f), 0);
	before = nr_calls;
	assert_int_equal(fuse_pager.fill(&a->object, 0, pages, 3), 0);
	assert_int_equal(nr_calls, before + 1);
	assert_memory_equal(pages[0], "hello\0\0", 7);
	assert_int_equal(((char *)pages[2])[PAGE_SIZE - 1], 0);
	a->fops->release(&f);
	before = nr_calls;
	assert_int_equal(open_file(a, O_RDONLY, &f), 0); /* the handle was kept */
	assert_int_equal(nr_calls, before);
	a->fops->release(&f);
	inode_put(a);
	for (unsigned i = 0; i < 3; i++)
		page_free(pages[i], 0);
	stop();
}

static void writes_through(void **state)
{
	const struct attr_change shorter = { .valid = ATTR_SIZE, .size = 4 };
	struct inode *n;
	struct file f;

	(void)state;
	start(false);
	assert_int_equal(root->ops->create(root, "new", 3, 0644, &n), 0);
	assert_int_equal(open_file(n, O_RDWR, &f), 0);
	cached_inode = n;
	cached_page = page_alloc(0, 0);
	memset(cached_page, 0, PAGE_SIZE);
	assert_int_equal(write_file(&f, (char *)"0123456789", 0), 10);
	assert_int_equal(write_file(&f, (char *)"xy", 4), 2);
	f.flags |= O_APPEND;
	assert_int_equal(write_file(&f, (char *)"end", 0), 3);
	host_expect("new", "0123xy6789end");
	assert_memory_equal(cached_page, "0123xy6789end", 13);
	assert_int_equal(n->size, 13);
	assert_int_equal(f.inode->fops->flush(&f), 0);
	assert_int_equal(f.inode->fops->sync(&f, 0, INT64_MAX, false), 0);
	assert_int_equal(n->ops->setattr(n, &shorter), 0);
	host_expect("new", "0123");
	f.inode->fops->release(&f);
	inode_put(n);
	page_free(cached_page, 0);
	cached_inode = NULL;
	stop();
}

static void changes_names(void **state)
{
	struct inode *d, *a, *s, *found;
	char buf[64];

	(void)state;
	start(false);
	assert_int_equal(root->ops->mkdir(root, "d", 1, 0755, &d), 0);
	assert_int_equal(lookup("a", &a), 0);
	assert_int_equal(root->ops->link(d, "hard", 4, a), 0);
	assert_int_equal(root->ops->rename(root, "a", 1, d, "moved", 5, 0), 0);
	assert_int_equal(lookup("a", &found), -ENOENT);
	assert_int_equal(d->ops->lookup(d, "hard", 4, &found), 0);
	assert_ptr_equal(found, a);
	assert_int_equal(a->nlink, 2);
	inode_put(found);
	assert_int_equal(root->ops->symlink(root, "s", 1, "d/hard", &s), 0);
	assert_int_equal(s->ops->readlink(s, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "d/hard", 6);
	assert_int_equal(root->ops->rmdir(root, "d", 1, d), -ENOTEMPTY);
	assert_int_equal(d->ops->unlink(d, "hard", 4, a), 0);
	assert_int_equal(d->ops->unlink(d, "moved", 5, a), 0);
	assert_int_equal(a->nlink, 0);
	assert_int_equal(root->ops->rmdir(root, "d", 1, d), 0);
	inode_put(a);
	inode_put(s);
	inode_put(d);
	stop();
}

/* A name whose time is over is looked up again; the host may have put another file there. */
static void revalidates(void **state)
{
	char from[96], to[96];
	struct inode *a;

	(void)state;
	start(false);
	assert_int_equal(lookup("a", &a), 0);
	assert_false(root->ops->revalidate_missing(root, "x", 1));
	assert_true(a->ops->revalidate(a));
	now += 5 * NSEC_PER_SEC;
	assert_true(a->ops->revalidate(a));
	host_write("c", "other");
	snprintf(from, sizeof(from), "%s/c", dir);
	snprintf(to, sizeof(to), "%s/a", dir);
	assert_int_equal(rename(from, to), 0);
	now += 5 * NSEC_PER_SEC;
	assert_false(a->ops->revalidate(a));
	inode_put(a);
	stop();
}

struct names {
	struct dir_sink sink;
	unsigned nr, limit;
};

static bool emit(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned type,
		 int64_t next_pos)
{
	struct names *n = container_of(s, struct names, sink);

	(void)ino;
	(void)type;
	(void)next_pos;
	assert_true(len > 0 && len <= NAME_LEN_MAX);
	assert_null(memchr(name, '/', len));
	if (n->nr == n->limit)
		return false;
	n->nr++;
	return true;
}

static unsigned list(unsigned step, unsigned most)
{
	struct names n = { { emit }, 0, 0 };
	int64_t pos = 0;
	struct file f;
	unsigned before;

	assert_int_equal(open_file(root, O_RDONLY, &f), 0);
	do {
		before = n.nr;
		n.limit += step;
		if (root->fops->readdir(&f, &n.sink, &pos) != 0)
			break;
	} while (n.nr != before && n.nr < most);
	root->fops->release(&f);
	return n.nr;
}

static void lists(void **state)
{
	char name[32];

	(void)state;
	start(true);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "file-with-a-long-name-%u", i);
		host_write(name, "");
	}
	assert_int_equal(list(UINT32_MAX / 2, UINT32_MAX), 2004);
	assert_int_equal(list(7, UINT32_MAX), 2004);
	stop();
}

static void keeps_attributes(void **state)
{
	const struct attr_change private = { .valid = ATTR_MODE, .mode = 0600 };
	struct inode *a;
	char buf[16];

	(void)state;
	start(false);
	assert_int_equal(lookup("a", &a), 0);
	assert_int_equal(a->ops->setattr(a, &private), 0);
	assert_int_equal(a->mode, S_IFREG | 0600);
	if (a->ops->xattr_set(a, "user.x", "value", 5, 0) == 0) {
		assert_int_equal(a->ops->xattr_get(a, "user.x", NULL, 0), 5);
		assert_int_equal(a->ops->xattr_get(a, "user.x", buf, sizeof(buf)), 5);
		assert_memory_equal(buf, "value", 5);
		assert_int_equal(a->ops->xattr_list(a, buf, sizeof(buf)), 7);
		assert_int_equal(a->ops->xattr_remove(a, "user.x"), 0);
	}
	inode_put(a);
	stop();
}

static void try_file(struct inode *inode, struct page **pages)
{
	struct file f;
	char buf[64];

	(void)inode->ops->getattr(inode);
	(void)inode->ops->revalidate(inode);
	(void)inode->ops->xattr_get(inode, "user.x", buf, sizeof(buf));
	if (S_ISLNK(inode->mode))
		(void)inode->ops->readlink(inode, buf, sizeof(buf));
	if (!S_ISREG(inode->mode) || open_file(inode, O_RDWR, &f) != 0)
		return;
	(void)fuse_pager.fill(&inode->object, (uint64_t)rand() % 4, pages, 2);
	(void)write_file(&f, (char *)"bytes", rand() % 100);
	(void)!f.inode->fops->sync(&f, 0, INT64_MAX, true);
	f.inode->fops->release(&f);
}

/* What the host's answers make the server forget or keep is not counted here: only that we live. */
static void survives_tampering(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "s" };
	struct page *pages[2] = { page_alloc(0, 0), page_alloc(0, 0) };
	struct statfs_info info;

	(void)state;
	start(false);
	tamper = true;
	for (unsigned i = 0; i < TAMPERED_ROUNDS; i++) {
		const char *name = names[(unsigned)rand() % ARRAY_SIZE(names)];
		struct inode *inode = NULL;
		int err;

		now += rand() % NSEC_PER_SEC;
		switch (rand() % 8) {
		case 0:
			err = root->ops->create(root, name, 1, 0644, &inode);
			break;
		case 1:
			err = root->ops->symlink(root, name, 1, "target", &inode);
			break;
		case 2:
			(void)list(5, 100);
			(void)sb->ops->statfs(sb, &info);
			err = -ENOENT;
			break;
		default:
			err = lookup(name, &inode);
		}
		if (err != 0)
			continue;
		try_file(inode, pages);
		if (rand() % 2 == 0)
			(void)root->ops->unlink(root, name, 1, inode);
		inode_put(inode);
	}
	page_free(pages[0], 0);
	page_free(pages[1], 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_up),         cmocka_unit_test(reads_pages),
		cmocka_unit_test(writes_through),   cmocka_unit_test(changes_names),
		cmocka_unit_test(revalidates),      cmocka_unit_test(lists),
		cmocka_unit_test(keeps_attributes), cmocka_unit_test(survives_tampering),
	};

	srand(1);
	fuse_transport_register(&transport);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
