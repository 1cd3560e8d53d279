/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries that came with the listing of a directory (READDIRPLUS) and that nobody has looked up
 * yet. Each answer of the host is kept as it came, at its directory, and serves the next look-ups
 * there without a round trip. The host counts a look-up for each entry: one that is used hands it
 * to its inode, the others are given back together when the answer goes: when it is a minute old
 * and seen, when KEPT_BYTES_MAX of others were used since, when its directory is listed again, or
 * goes itself.
 *
 * Only where names last (fs->long_lived); elsewhere a name could have changed since.
 *
 * Attributes cost the host 3 us for each name and a look-up 5 when requests come one after another,
 * so it is asked for them only when enough of the names that were listed so far were looked up
 * afterwards.
 */
#include "core/time/timer.h"
#include "fs/fuse/fuse_call.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define KEPT_BYTES_MAX (1u << 20)
#define USEFUL_PART    4u    /* one look-up in so many names is worth it */
#define COUNTED_MAX    4096u /* names listed; then older ones count half */

struct fuse_kept {
	struct list link;     /* [fs.lock] all, least recently used first */
	struct list dir_link; /* [fs.lock] the directory's */
	nsec_t expires;
	unsigned nr;            /* [fs.lock] entries that were not used */
	size_t len;             /* of the records that were checked */
	char data[] ALIGNED(8); /* struct fuse_direntplus; nodeid 0: none, or used */
};

const struct fuse_dirent *fuse_record_check(const char *data, size_t left, size_t head,
					    size_t *size)
{
	const struct fuse_dirent *d = (const struct fuse_dirent *)(const void *)(data + head);

	if (left < head + FUSE_NAME_OFFSET || d->namelen == 0 || d->namelen > NAME_LEN_MAX)
		return NULL;
	*size = head + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + d->namelen);
	if (*size > left || d->off > INT64_MAX || memchr(d->name, 0, d->namelen) != NULL ||
	    memchr(d->name, '/', d->namelen) != NULL)
		return NULL;
	return d;
}

/* The record at *at, and *at behind it; NULL at the end. */
static struct fuse_direntplus *next_record(struct fuse_kept *k, size_t *at)
{
	struct fuse_direntplus *p = (struct fuse_direntplus *)(void *)(k->data + *at);

	if (*at >= k->len)
		return NULL;
	*at += FUSE_DIRENTPLUS_SIZE(p);
	return p;
}

/* Checks the records that came, once: up to the first that cannot be. */
static void check_records(struct fuse_kept *k, size_t len)
{
	const size_t head = offsetof(struct fuse_direntplus, dirent);
	size_t size;

	while (k->len < len) {
		if (fuse_record_check(k->data + k->len, len - k->len, head, &size) == NULL)
			return;
		k->len += size;
	}
}

static void detach_locked(struct fuse_fs *fs, struct fuse_kept *k, struct list *dropped)
{
	list_remove(&k->link);
	list_remove(&k->dir_link);
	fs->kept_bytes -= k->len;
	list_append(dropped, &k->link);
}

/* Gives back what was not used. */
static void drop_all(struct fuse_fs *fs, struct list *dropped)
{
	struct fuse_kept *k;

	while ((k = list_first(dropped, struct fuse_kept, link)) != NULL) {
		struct fuse_forget_one *ids = kmem_new_array(struct fuse_forget_one, k->nr);
		struct fuse_direntplus *p;
		unsigned nr = 0;
		size_t at = 0;

		list_remove(&k->link);
		while (ids != NULL && nr < k->nr && (p = next_record(k, &at)) != NULL) {
			if (p->entry_out.nodeid != 0)
				ids[nr++] = (struct fuse_forget_one){ p->entry_out.nodeid, 1 };
		}
		if (nr > 0)
			fuse_forget_many(fs, ids, nr);
		kmem_free(ids);
		kmem_free(k);
	}
}

void fuse_kept_drop(struct fuse_inode *dir)
{
	struct fuse_fs *fs = fuse_fs_of(dir->inode.sb);
	struct list dropped = LIST_INIT(dropped);
	struct fuse_kept *k;

	spin_lock(&fs->lock);
	while ((k = list_first(&dir->kept, struct fuse_kept, dir_link)) != NULL)
		detach_locked(fs, k, &dropped);
	spin_unlock(&fs->lock);
	drop_all(fs, &dropped);
}

bool fuse_kept_wanted(struct fuse_fs *fs)
{
	scoped_spin(&fs->lock);
	return fs->long_lived && fs->nr_useful * USEFUL_PART > fs->nr_listed;
}

static void count_listed_locked(struct fuse_fs *fs, unsigned nr)
{
	fs->nr_listed += nr;
	if (fs->nr_listed < COUNTED_MAX)
		return;
	fs->nr_listed /= 2;
	fs->nr_useful /= 2;
}

void fuse_kept_listed(struct fuse_inode *dir, unsigned nr)
{
	struct fuse_fs *fs = fuse_fs_of(dir->inode.sb);

	scoped_spin(&fs->lock);
	dir->is_listed = true;
	count_listed_locked(fs, nr);
}

void fuse_kept_missed(struct fuse_inode *dir)
{
	struct fuse_fs *fs = fuse_fs_of(dir->inode.sb);

	scoped_spin(&fs->lock);
	fs->nr_useful += dir->is_listed;
}

/* Without memory all the same: the look-ups that came are given back. */
static void give_back(struct fuse_fs *fs, const char *data, size_t len)
{
	const size_t head = offsetof(struct fuse_direntplus, dirent);
	struct fuse_entry_out e;
	size_t size;

	for (size_t at = 0; at < len; at += size) {
		if (fuse_record_check(data + at, len - at, head, &size) == NULL)
			return;
		memcpy(&e, data + at, sizeof(e));
		fuse_forget(fs, e.nodeid, e.nodeid != 0);
	}
}

void fuse_kept_add(struct fuse_inode *dir, const char *data, size_t len)
{
	struct fuse_fs *fs = fuse_fs_of(dir->inode.sb);
	struct fuse_kept *k = kmem_alloc(sizeof(*k) + len);
	struct list dropped = LIST_INIT(dropped);
	struct fuse_direntplus *p;
	size_t at = 0;

	if (k == NULL) {
		give_back(fs, data, len);
		return;
	}
	memcpy(k->data, data, len);
	check_records(k, len);
	k->expires = clock_monotonic() + FUSE_LONG_LIVED_S * NSEC_PER_SEC;
	while ((p = next_record(k, &at)) != NULL)
		k->nr += p->entry_out.nodeid != 0;
	spin_lock(&fs->lock);
	list_append(&fs->kept, &k->link);
	list_append(&dir->kept, &k->dir_link);
	fs->kept_bytes += k->len;
	while (fs->kept_bytes > KEPT_BYTES_MAX)
		detach_locked(fs, list_first(&fs->kept, struct fuse_kept, link), &dropped);
	spin_unlock(&fs->lock);
	drop_all(fs, &dropped);
}

static bool take_locked(struct fuse_kept *k, const char *name, size_t len,
			struct fuse_entry_out *out)
{
	struct fuse_direntplus *p;
	size_t at = 0;

	while ((p = next_record(k, &at)) != NULL) {
		if (p->entry_out.nodeid == 0 || p->dirent.namelen != len ||
		    memcmp(p->dirent.name, name, len) != 0)
			continue;
		*out = p->entry_out;
		p->entry_out.nodeid = 0;
		k->nr--;
		return true;
	}
	return false;
}

bool fuse_kept_take(struct fuse_inode *dir, const char *name, size_t len,
		    struct fuse_entry_out *out)
{
	struct fuse_fs *fs = fuse_fs_of(dir->inode.sb);
	struct list dropped = LIST_INIT(dropped);
	nsec_t now = clock_monotonic();
	struct fuse_kept *k;
	bool found = false;

	spin_lock(&fs->lock);
	list_foreach_safe(&dir->kept, k, dir_link) {
		if (now >= k->expires) {
			detach_locked(fs, k, &dropped);
			continue;
		}
		found = take_locked(k, name, len, out);
		if (!found)
			continue;
		fs->nr_useful++;
		list_remove(&k->link);
		list_append(&fs->kept, &k->link);
		if (k->nr == 0)
			detach_locked(fs, k, &dropped);
		break;
	}
	spin_unlock(&fs->lock);
	drop_all(fs, &dropped);
	return found;
}
