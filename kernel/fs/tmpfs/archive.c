/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking a cpio archive (newc) below a directory: an initial file tree. Directories, files,
 * links, device nodes and hard links (entries with one inode number, of which one has the bytes)
 * are made with the archive's owners, modes and times; directories that no entry names are made as
 * they are needed.
 */
#include "fs/tmpfs/archive.h"

#include <asm/fcntl.h>
#include <linux/stat.h>

#include "fs/vfs.h"
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

struct seen { /* a file with several names, by its number in the archive */
	struct list link;
	uint32_t ino;
	struct path path; /* counted */
};

struct unpacking {
	const struct path *root;
	struct list seen;
};

static int make_parents(const struct unpacking *u, const char *name)
{
	char *copy = kmem_string(name), *slash;
	int err = copy == NULL ? -ENOMEM : 0;

	for (slash = copy; err == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		err = vfs_mkdir(u->root, copy, 0755);
		if (err == -EEXIST)
			err = 0;
		*slash = '/';
	}
	kmem_free(copy);
	return err;
}

static int write_data(struct file *f, const struct cpio_entry *e)
{
	struct uio u;
	ssize_t n = 1;

	uio_init_kernel(&u, (void *)e->data, e->size_bytes);
	while (u.left > 0 && n > 0)
		n = vfs_write(f, &u, NULL);
	return n < 0 ? (int)n : u.left > 0 ? -EIO : 0;
}

static int make_file(const struct unpacking *u, const struct cpio_entry *e, const char *name)
{
	struct file *f;
	int err = vfs_open(u->root, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, 0, &f);

	if (err != 0)
		return err;
	err = write_data(f, e);
	file_put(f);
	return err;
}

static int make_link(const struct unpacking *u, const struct cpio_entry *e, const char *name)
{
	char *target = kmem_alloc(e->size_bytes + 1);
	int err;

	if (target == NULL)
		return -ENOMEM;
	memcpy(target, e->data, e->size_bytes);
	err = vfs_symlink(target, u->root, name);
	kmem_free(target);
	return err;
}

static int make_entry(const struct unpacking *u, const struct cpio_entry *e, const char *name)
{
	int err;

	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		err = vfs_mkdir(u->root, name, 0755);
		return err == -EEXIST ? 0 : err;
	case S_IFREG:
		return make_file(u, e, name);
	case S_IFLNK:
		return make_link(u, e, name);
	default:
		return vfs_mknod(u->root, name, e->mode, dev_make(e->rdev_major, e->rdev_minor));
	}
}

static struct seen *find_seen(const struct unpacking *u, uint32_t ino)
{
	struct seen *s;

	list_foreach(&u->seen, s, link) {
		if (s->ino == ino)
			return s;
	}
	return NULL;
}

/* A further name of a file that is there already. The entry with the bytes may come last. */
static int make_hard_link(const struct unpacking *u, const struct cpio_entry *e, const char *name,
			  const struct seen *s)
{
	int err = vfs_link(&s->path, u->root, name);

	return err == 0 && e->size_bytes > 0 ? make_file(u, e, name) : err;
}

static int remember(struct unpacking *u, const struct cpio_entry *e, const struct path *p)
{
	struct seen *s = kmem_new(struct seen);

	if (s == NULL)
		return -ENOMEM;
	s->ino = e->ino;
	s->path = *p;
	path_get(&s->path);
	list_append(&u->seen, &s->link);
	return 0;
}

static int set_attributes(const struct path *p, const struct cpio_entry *e)
{
	struct attr_change c = {
		.valid = ATTR_UID | ATTR_GID | ATTR_MTIME,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = { e->mtime, 0 },
	};
	int err = vfs_setattr(p, &c);

	if (err != 0 || S_ISLNK(e->mode))
		return err;
	c = (struct attr_change){ .valid = ATTR_MODE, .mode = e->mode & 07777 };
	return vfs_setattr(p, &c);
}

static int unpack_entry(struct unpacking *u, const struct cpio_entry *e)
{
	bool shared = S_ISREG(e->mode) && e->nlink > 1;
	const struct seen *s = shared ? find_seen(u, e->ino) : NULL;
	const char *name = e->name;
	struct path p;
	int err;

	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	if (*name == '\0' || strcmp(name, ".") == 0)
		return 0;
	err = make_parents(u, name);
	if (err == 0)
		err = s != NULL ? make_hard_link(u, e, name, s) : make_entry(u, e, name);
	if (err == 0)
		err = vfs_lookup(u->root, name, LOOKUP_NOFOLLOW | LOOKUP_IN_ROOT, &p);
	if (err != 0)
		return err;
	if (shared && s == NULL)
		err = remember(u, e, &p);
	if (err == 0)
		err = set_attributes(&p, e);
	path_put(&p);
	return err;
}

int cpio_unpack(const struct path *root, const void *archive, size_t len)
{
	struct unpacking u = { .root = root };
	struct cpio_reader r;
	struct cpio_entry e;
	struct seen *s;
	int more;

	list_init(&u.seen);
	cpio_reader_init(&r, archive, len);
	while ((more = cpio_reader_next(&r, &e)) == 1) {
		int err = unpack_entry(&u, &e);

		if (err != 0) {
			more = err;
			break;
		}
	}
	while ((s = list_first(&u.seen, struct seen, link)) != NULL) {
		list_remove(&s->link);
		path_put(&s->path);
		kmem_free(s);
	}
	return more;
}
