/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contents of generated files. An open file keeps the text it made; reading at position 0 makes it
 * anew, so that a program may keep /proc/stat open and read it again and again. What a show
 * function prints goes into a buffer that grows; what is written is handed to the store function in
 * one piece.
 */
#include "fs/proc/gentree_file.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define STORE_MAX 4096u /* as Linux: a page */

struct gen_text { /* f->private */
	struct mutex lock;
	bool filled;             /* [lock] */
	struct text_buffer text; /* [lock] */
};

int gen_open(struct inode *inode, struct file *f)
{
	const struct proc_file *file = gen_inode_of(inode)->at.node->file;
	struct gen_text *g;

	if ((f->traits & FILE_WRITE) && file->store == NULL)
		return -EACCES;
	g = kmem_new(struct gen_text);
	if (g == NULL)
		return -ENOMEM;
	mutex_init(&g->lock);
	f->private = g;
	return 0;
}

static void release(struct file *f)
{
	struct gen_text *g = f->private;

	kmem_free(g->text.data);
	kmem_free(g);
}

static int fill(struct gen_text *g, const struct gen_place *at)
{
	int err;

	if (at->node->file->show == NULL)
		return -EINVAL;
	g->text.len = 0;
	g->text.err = 0;
	g->text.nr = at->nr;
	err = at->node->file->show(&g->text, at->id);
	if (err == 0)
		err = g->text.err;
	g->filled = err == 0;
	return err;
}

static ssize_t read(struct file *f, struct uio *u, int64_t *pos)
{
	struct gen_text *g = f->private;
	size_t len, n;
	int err = 0;

	scoped_mutex(&g->lock);
	if (!g->filled || *pos == 0)
		err = fill(g, &gen_inode_of(f->inode)->at);
	if (err != 0)
		return err;
	if (*pos < 0 || (uint64_t)*pos >= g->text.len)
		return 0;
	len = min(g->text.len - (size_t)*pos, u->left);
	n = uio_copy_to(u, g->text.data + *pos, len);
	*pos += (int64_t)n;
	return n == 0 && len > 0 ? -EFAULT : (ssize_t)n;
}

static ssize_t write(struct file *f, struct uio *u, int64_t *pos)
{
	const struct gen_place *at = &gen_inode_of(f->inode)->at;
	size_t len = u->left;
	char *text;
	int err;

	if (at->node->file->store == NULL)
		return -EINVAL;
	if (len >= STORE_MAX)
		return -EINVAL;
	text = kmem_alloc(len + 1);
	if (text == NULL)
		return -ENOMEM;
	err = uio_copy_from(u, text, len) == len ? 0 : -EFAULT;
	if (err == 0)
		err = at->node->file->store(text, len, at->id);
	kmem_free(text);
	if (err != 0)
		return err;
	*pos += (int64_t)len;
	return (ssize_t)len;
}

const struct file_ops gen_fops = {
	.read = read,
	.write = write,
	.release = release,
};

/* The text of a link, in a buffer of PATH_LEN_MAX bytes; *text points at it. */
static int link_text(const struct gen_place *at, char *buf, char **text)
{
	const struct proc_file *file = at->node->file;
	struct path p;
	int err;

	*text = buf;
	if (file->link_text != NULL)
		return file->link_text(at->id, at->nr, buf, PATH_LEN_MAX);
	if (file->link == NULL)
		return -EINVAL;
	err = file->link(at->id, at->nr, &p);
	if (err != 0)
		return err;
	err = path_name(&p, buf, PATH_LEN_MAX, text);
	path_put(&p);
	return err;
}

ssize_t gen_link_text(const struct gen_place *at, char *buf, size_t size)
{
	char *room = kmem_alloc(PATH_LEN_MAX), *text;
	ssize_t len;

	if (room == NULL)
		return -ENOMEM;
	len = link_text(at, room, &text);
	if (len >= 0) {
		len = (ssize_t)min(strlen(text), size);
		memcpy(buf, text, (size_t)len);
	}
	kmem_free(room);
	return len;
}
