/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an overlay's directories: own entries, then those of the lower that no own entry shadows.
 * The lower's names are taken in once for each open directory (and again after a rewind), since its
 * positions are its own affair: ours are LOWER_POS plus the record's place in that list, which stay
 * valid.
 */
#include <asm/fcntl.h>
#include <linux/stat.h>

#include "fs/openfile.h"
#include "fs/overlay/overlay.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define LOWER_POS (1ll << 62)

#define CHUNK_SIZE 4096u
#define CHUNK_ROOM (CHUNK_SIZE - offsetof(struct chunk, data))

struct lower_record {
	uint64_t ino;
	uint16_t size; /* of the whole record, aligned to 8 */
	uint8_t len, type;
	char name[];
};

struct chunk { /* records back to back; a large directory needs no large block */
	struct list link;
	size_t start; /* the sum of the lengths before it */
	size_t len;
	char data[];
};

struct lower_list {           /* f->private of an open directory */
	struct dir_sink sink; /* fills it */
	struct list chunks;   /* owned */
	size_t len;           /* of all records */
	size_t nr;            /* names seen */
	int err;
};

static bool is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* Room for a record, or NULL. */
static struct lower_record *new_record(struct lower_list *l, size_t size)
{
	struct chunk *c = list_last(&l->chunks, struct chunk, link);
	struct lower_record *r;

	if (c == NULL || c->len + size > CHUNK_ROOM) {
		c = kmem_alloc(CHUNK_SIZE);
		if (c == NULL) {
			l->err = -ENOMEM;
			return NULL;
		}
		c->start = l->len;
		list_append(&l->chunks, &c->link);
	}
	r = (struct lower_record *)(c->data + c->len);
	r->size = (uint16_t)size;
	c->len += size;
	l->len += size;
	return r;
}

static bool take_in(struct dir_sink *s, const char *name, size_t len, uint64_t ino,
		    unsigned dt_type, int64_t next_pos)
{
	struct lower_list *l = container_of(s, struct lower_list, sink);
	struct lower_record *r;

	l->nr++;
	if (is_dots(name, len) || len > NAME_LEN_MAX)
		return true;
	r = new_record(l, align_up(sizeof(*r) + len, 8));
	if (r == NULL)
		return false;
	r->ino = ino;
	r->len = (uint8_t)len;
	r->type = (uint8_t)dt_type;
	memcpy(r->name, name, len);
	return true;
}

/* Reads the lower directory from its start to its end. */
static int fill(struct lower_list *l, struct inode *lower)
{
	struct file *real;
	int64_t pos = 0;
	size_t before;
	int err = file_new_inode(lower, O_RDONLY | O_DIRECTORY, &real);

	if (err != 0)
		return err;
	l->err = real->ops->readdir == NULL ? -ENOTDIR : 0;
	do {
		before = l->nr;
		err = l->err != 0 ? l->err : real->ops->readdir(real, &l->sink, &pos);
	} while (err == 0 && l->err == 0 && l->nr != before);
	file_put(real);
	return err != 0 ? err : l->err;
}

static void free_list(struct lower_list *l)
{
	struct chunk *c;

	if (l == NULL)
		return;
	while ((c = list_first(&l->chunks, struct chunk, link)) != NULL) {
		list_remove(&c->link);
		kmem_free(c);
	}
	kmem_free(l);
}

static int new_list(struct inode *lower, struct lower_list **out)
{
	struct lower_list *l = kmem_new(struct lower_list);
	int err;

	if (l == NULL)
		return -ENOMEM;
	l->sink.emit = take_in;
	list_init(&l->chunks);
	err = fill(l, lower);
	if (err != 0) {
		free_list(l);
		return err;
	}
	*out = l;
	return 0;
}

/* Emits one chunk's names from *pos on. False: the sink is full. */
static bool emit_chunk(const struct memdir *own, const struct chunk *c, struct dir_sink *s,
		       int64_t *pos)
{
	size_t from = (size_t)(*pos - LOWER_POS), at = 0;

	while (at < c->len) {
		const struct lower_record *r = (const struct lower_record *)(c->data + at);
		int64_t next = LOWER_POS + (int64_t)(c->start + at + r->size);

		if (c->start + at >= from) {
			if (memdir_find(own, r->name, r->len) == NULL &&
			    !s->emit(s, r->name, r->len, r->ino, r->type, next))
				return false;
			*pos = next;
		}
		at += r->size;
	}
	return true;
}

/* Emits the lower's names from *pos on. dir->lock is held. */
static void emit_lower(struct inode *dir, const struct lower_list *l, struct dir_sink *s,
		       int64_t *pos)
{
	const struct chunk *c;

	list_foreach(&l->chunks, c, link) {
		if ((int64_t)(c->start + c->len) > *pos - LOWER_POS &&
		    !emit_chunk(&tmpfs_inode_of(dir)->dir, c, s, pos))
			return;
	}
}

static int readdir(struct file *f, struct dir_sink *s, int64_t *pos)
{
	struct inode *lower = overlay_inode_of(f->inode)->lower;
	struct lower_list *l = f->private;

	if (*pos == 0) {
		free_list(l);
		f->private = NULL;
	}
	if (!vfs_emit_dots(f, s, pos))
		return 0;
	if (*pos < LOWER_POS) {
		scoped_mutex(&f->inode->lock);
		if (!memdir_emit(&tmpfs_inode_of(f->inode)->dir, s, pos))
			return 0;
		*pos = LOWER_POS;
	}
	if (lower == NULL)
		return 0;
	if (f->private == NULL) {
		int err = new_list(lower, &l);

		if (err != 0)
			return err;
		f->private = l;
	}
	scoped_mutex(&f->inode->lock);
	emit_lower(f->inode, f->private, s, pos);
	return 0;
}

static void release(struct file *f)
{
	free_list(f->private);
}

const struct file_ops overlay_dir_fops = { .readdir = readdir, .release = release };

static bool refuse(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned dt_type,
		   int64_t next_pos)
{
	return false;
}

int overlay_check_empty(struct inode *dir)
{
	struct inode *lower = overlay_inode_of(dir)->lower;
	struct dir_sink sink = { .emit = refuse };
	int64_t pos = LOWER_POS;
	struct lower_list *l;
	int err;

	if (!memdir_is_empty(&tmpfs_inode_of(dir)->dir))
		return -ENOTEMPTY;
	if (lower == NULL)
		return 0;
	err = new_list(lower, &l);
	if (err != 0)
		return err;
	emit_lower(dir, l, &sink, &pos);
	err = pos - LOWER_POS < (int64_t)l->len ? -ENOTEMPTY : 0;
	free_list(l);
	return err;
}
