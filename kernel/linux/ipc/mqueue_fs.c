/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system of message queues: a tmpfs with one directory, whose regular files are queues
 * (mq_overview(7), "Mounting the message queue filesystem"). There is one instance; each mount
 * shows it. Reading a queue's file tells its state. /proc/sys/fs/mqueue has the limits.
 */
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/magic.h>

#include "core/cred.h"
#include "fs/mount.h"
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/ipc/ipc.h"
#include "linux/ipc/mqueue.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"

#define FILE_SIZE       80 /* st_size of a queue, as Linux has it */
#define MAX_NR_ROOT     65536u
#define MAX_LEN_ROOT    (16u << 20)
#define MESSAGE_CHARGE  48 /* what Linux counts for a message, and for a priority in use */
#define PRIORITY_CHARGE 48

struct mq_inode {
	struct tmpfs_inode tmpfs; /* first */
	struct mqueue queue;
	bool is_queue; /* [I] not the root */
};

/* [a] /proc/sys/fs/mqueue */
static unsigned limit_queues = 256, limit_nr = 10, limit_len = 8192;
static unsigned default_nr = 10, default_len = 8192;

static struct mutex init_lock = MUTEX_INIT(init_lock);
static struct mutex open_lock = MUTEX_INIT(open_lock); /* held by mqueue_open(): open_attr */
static struct mutex list_lock = MUTEX_INIT(list_lock);
static const struct mq_attr *open_attr;        /* [open_lock] of the queue being made */
static struct list queues = LIST_INIT(queues); /* [list_lock] by all_link */
static unsigned nr_queues;                     /* [list_lock] */
static struct inode_ops mq_ops;                /* [I] after the first mount */
static struct mount *home;                     /* [init_lock to write] */

static struct mq_inode *inode_of(struct inode *inode)
{
	return container_of(tmpfs_inode_of(inode), struct mq_inode, tmpfs);
}

struct mqueue *mqueue_of(const struct file *f)
{
	return f->ops == &mqueue_fops ? &inode_of(f->inode)->queue : NULL;
}

/* ---- making a queue ---- */

static int check_attr(const struct mq_attr *a)
{
	bool may = cred_has_cap(cred_current(), CAP_SYS_RESOURCE);
	long max_nr = may ? MAX_NR_ROOT : limit_nr, max_len = may ? MAX_LEN_ROOT : limit_len;

	if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0 || a->mq_maxmsg > max_nr ||
	    a->mq_msgsize > max_len)
		return -EINVAL;
	return 0;
}

/* mq_overview(7): what a queue counts against RLIMIT_MSGQUEUE. */
static uint64_t charge_of(const struct mq_attr *a)
{
	uint64_t nr = (uint64_t)a->mq_maxmsg;

	return nr * MESSAGE_CHARGE + min(nr, (uint64_t)MQ_PRIO_MAX) * PRIORITY_CHARGE +
	       nr * (uint64_t)a->mq_msgsize;
}

/* Enters q into the list of all, if the user's limit allows. */
static int charge(struct mqueue *q)
{
	uint64_t sum = q->charge, limit = process_limit(process_current(), RLIMIT_MSGQUEUE);
	struct mqueue *other;

	scoped_mutex(&list_lock);
	list_foreach(&queues, other, all_link)
		sum += other->owner == q->owner ? other->charge : 0;
	if (sum > limit)
		return -EMFILE;
	nr_queues++;
	list_append(&queues, &q->all_link);
	return 0;
}

static int queue_init(struct mqueue *q, const struct mq_attr *a)
{
	mutex_init(&q->lock);
	list_init(&q->messages);
	waitq_init(&q->readable);
	waitq_init(&q->writable);
	q->max_nr = a->mq_maxmsg;
	q->max_len = a->mq_msgsize;
	q->owner = cred_current()->uid;
	q->charge = charge_of(a);
	return charge(q);
}

static int check_count(void)
{
	scoped_mutex(&list_lock);
	return nr_queues >= limit_queues && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE)
		       ? -ENOSPC
		       : 0;
}

static int create(struct inode *dir, const char *name, size_t len, uint32_t mode,
		  struct inode **out)
{
	struct mq_attr a = { .mq_maxmsg = min(default_nr, limit_nr),
			     .mq_msgsize = min(default_len, limit_len) };
	int err = check_count();

	if (err == 0 && mutex_is_mine(&open_lock) && open_attr != NULL) {
		a = *open_attr;
		err = check_attr(&a);
	}
	if (err == 0)
		err = tmpfs_create(dir, name, len, mode, out);
	if (err != 0)
		return err;
	err = queue_init(&inode_of(*out)->queue, &a);
	if (err != 0) {
		if (tmpfs_ops.unlink(dir, name, len, *out) == 0)
			inode_put(*out);
		return err;
	}
	inode_of(*out)->is_queue = true;
	(*out)->size = FILE_SIZE;
	return 0;
}

/* O_TRUNC and truncate(2) mean nothing here. */
static int setattr(struct inode *inode, const struct attr_change *c)
{
	struct attr_change rest = *c;

	rest.valid &= ~(unsigned)ATTR_SIZE;
	return tmpfs_setattr(inode, &rest);
}

static struct inode *inode_alloc(struct superblock *sb)
{
	struct mq_inode *m = kmem_new(struct mq_inode);

	if (m == NULL)
		return NULL;
	tmpfs_inode_setup(&m->tmpfs.inode);
	list_init(&m->queue.all_link);
	return &m->tmpfs.inode;
}

static void inode_free(struct inode *inode)
{
	struct mqueue *q = &inode_of(inode)->queue;
	struct mq_message *m;

	tmpfs_inode_free(inode);
	if (!inode_of(inode)->is_queue)
		return;
	mutex_lock(&list_lock);
	list_remove(&q->all_link);
	nr_queues--;
	mutex_unlock(&list_lock);
	while ((m = list_first(&q->messages, struct mq_message, link)) != NULL) {
		list_remove(&m->link);
		kmem_free(m);
	}
	if (q->notify != NULL)
		process_put(q->notify);
}

/* ---- open queues ---- */

static ssize_t read(struct file *f, struct uio *u, int64_t *pos)
{
	struct mqueue *q = mqueue_of(f);
	char text[FILE_SIZE + 1];
	size_t len;

	mutex_lock(&q->lock);
	len = (size_t)fmt(
		text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		q->nr_bytes, q->notify != NULL ? q->event.sigev_notify : 0,
		q->notify != NULL && q->event.sigev_notify == SIGEV_SIGNAL ? q->event.sigev_signo
									   : 0,
		q->notify != NULL ? q->notify->pid : 0);
	mutex_unlock(&q->lock);
	if ((uint64_t)*pos >= len)
		return 0;
	len -= (size_t)*pos;
	len = uio_copy_to(u, text + *pos, min(len, u->left));
	*pos += (int64_t)len;
	return len == 0 && u->left > 0 ? -EFAULT : (ssize_t)len;
}

static unsigned poll(struct file *f, struct poll_table *t)
{
	struct mqueue *q = mqueue_of(f);
	long nr;

	poll_add(t, &q->readable);
	poll_add(t, &q->writable);
	nr = READ_ONCE(q->nr);
	return (nr > 0 ? EPOLLIN | EPOLLRDNORM : 0u) |
	       (nr < q->max_nr ? EPOLLOUT | EPOLLWRNORM : 0u);
}

struct process *mqueue_drop_notify(struct mqueue *q)
{
	struct process *p = q->notify;

	q->notify = NULL;
	return p;
}

/* mq_notify(3): a process that closes any descriptor of the queue is not told any more. */
static int flush(struct file *f)
{
	struct mqueue *q = mqueue_of(f);
	struct process *p = NULL;

	mutex_lock(&q->lock);
	if (q->notify == process_current())
		p = mqueue_drop_notify(q);
	mutex_unlock(&q->lock);
	if (p != NULL)
		process_put(p);
	return 0;
}

const struct file_ops mqueue_fops = { .read = read, .poll = poll, .flush = flush };

/* ---- the one instance ---- */

static const struct superblock_ops sb_ops = {
	.inode_alloc = inode_alloc,
	.inode_free = inode_free,
	.statfs = tmpfs_statfs,
	.unmount = tmpfs_unmount,
	.drop_unused = true,
};

static void fill_ops(void)
{
	mq_ops = tmpfs_ops;
	mq_ops.create = create;
	mq_ops.setattr = setattr;
	mq_ops.mkdir = NULL;
	mq_ops.mknod = NULL;
	mq_ops.symlink = NULL;
	mq_ops.link = NULL;
	mq_ops.rename = NULL;
	mq_ops.tmpfile = NULL;
}

static struct superblock *make_superblock(void)
{
	struct superblock *sb = superblock_new("mqueue", &sb_ops, SB_NODEV | SB_NOEXEC | SB_NOSUID);
	struct tmpfs_sb *t = kmem_new(struct tmpfs_sb);
	struct inode *root = NULL;

	if (sb == NULL || t == NULL) {
		kmem_free(t);
		if (sb != NULL)
			superblock_put(sb);
		return NULL;
	}
	sb->fs_private = t;
	fill_ops();
	t->fs_magic = 0x19800202; /* MQUEUE_MAGIC */
	t->ops = &mq_ops;
	t->fops = &mqueue_fops;
	t->dir_fops = &tmpfs_dir_fops;
	root = tmpfs_inode_new(sb, NULL, S_IFDIR | 01777);
	if (root != NULL)
		root->uid = root->gid = 0;
	if (root == NULL || superblock_set_root(sb, root) != 0) {
		superblock_put(sb);
		return NULL;
	}
	return sb;
}

static struct mount *get_home(void)
{
	struct superblock *sb;

	if (atomic_load(&home) != NULL)
		return home;
	scoped_mutex(&init_lock);
	sb = home == NULL ? make_superblock() : NULL;
	if (sb != NULL)
		atomic_store(&home, mount_new(sb, "mqueue", 0));
	return home;
}

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	struct mount *m = get_home();

	if (m == NULL)
		return -ENOMEM;
	ref_get(&m->sb->ref);
	*out = m->sb;
	return 0;
}
FS_TYPE(mqueue_type) = { .name = "mqueue", .mount = mount };

int mqueue_open(const char *name, unsigned flags, uint32_t mode, const struct mq_attr *attr,
		struct file **out)
{
	struct mount *m = get_home();
	struct path root;
	int err;

	if (m == NULL)
		return -ENOMEM;
	root = (struct path){ m, m->root };
	scoped_mutex(&open_lock);
	open_attr = attr;
	err = vfs_open(&root, name, flags, mode, 0, out);
	open_attr = NULL;
	return err;
}

int mqueue_unlink(const char *name)
{
	struct mount *m = get_home();
	struct path root;

	if (m == NULL)
		return -ENOMEM;
	root = (struct path){ m, m->root };
	return vfs_unlink(&root, name);
}

/* ---- limits ---- */

static int store(const char *text, size_t len, unsigned *limit, unsigned least, unsigned most)
{
	unsigned value;
	int err = ipc_parse(text, len, &value, 1, most);

	if (err != 0 || value < least)
		return -EINVAL;
	atomic_store(limit, value);
	return 0;
}

#define LIMIT(name, variable, least, most) \
	static int show_##name(struct text_buffer *b, int pid) \
	{ \
		text_print(b, "%u\n", variable); \
		return 0; \
	} \
	static int store_##name(const char *text, size_t len, int pid) \
	{ \
		return store(text, len, &(variable), least, most); \
	} \
	PROC_FILE(name) = { .path = "sys/fs/mqueue/" #name, \
			    .mode = 0644, \
			    .show = show_##name, \
			    .store = store_##name }

LIMIT(queues_max, limit_queues, 0, INT32_MAX);
LIMIT(msg_max, limit_nr, 1, MAX_NR_ROOT);
LIMIT(msgsize_max, limit_len, 128, MAX_LEN_ROOT);
LIMIT(msg_default, default_nr, 1, MAX_NR_ROOT);
LIMIT(msgsize_default, default_len, 128, MAX_LEN_ROOT);
