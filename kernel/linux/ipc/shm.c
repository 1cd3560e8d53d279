/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V shared memory (shmget(2), shmat(2), shmctl(2)). A segment is a nameless file in memory;
 * shmat(2) maps it through an open file of its own, whose operations tell this file when a mapping
 * goes. How many mappings there are is asked of the memory object, which lists them: fork(2),
 * munmap(2) and exit need no further book-keeping. A segment that was removed lives on until its
 * last mapping is gone.
 */
#include <asm/shmbuf.h>
#include <linux/capability.h>
#include <linux/fcntl.h>

#include "core/cred.h"
#include "fs/object_file.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/ipc/ipc.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"

/* <linux/shm.h>, which wants the C library's headers. */
#define SHM_HUGETLB   04000
#define SHM_NORESERVE 010000
#define SHM_RDONLY    010000
#define SHM_RND       020000
#define SHM_REMAP     040000
#define SHM_EXEC      0100000
#define SHM_DEST      01000 /* in the mode: removed, to go with the last mapping */
#define SHM_LOCKED    02000
#define SHM_LOCK      11
#define SHM_UNLOCK    12
#define SHM_STAT      13
#define SHM_INFO      14
#define SHM_STAT_ANY  15
#define SHM_LIMIT     (UINT64_MAX - (1ul << 24))

struct shm_info {
	int used_ids;
	uint64_t shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

struct segment {
	struct ipc_object ipc;       /* first */
	struct file *file;           /* [I] counted: holds the bytes */
	size_t size;                 /* [I] bytes */
	int64_t atime, dtime, ctime; /* [table.lock] seconds */
	int cpid, lpid;              /* [table.lock] */
	unsigned nr_attaching;       /* [table.lock] shmat(2) under way */
};

static struct ipc_table table = { .lock = MUTEX_INIT(table.lock) };
static unsigned limit_segments = 4096;  /* [a] */
static uint64_t limit_size = SHM_LIMIT; /* [a] bytes of one segment */
static uint64_t limit_all = SHM_LIMIT;  /* [a] pages of all */
static uint64_t nr_pages_all;           /* [table.lock] */

static const struct ipc_kind kind;
static const struct file_ops shm_ops;

static struct segment *segment_of(struct ipc_object *o)
{
	return container_of(o, struct segment, ipc);
}

static uint64_t pages_of(const struct segment *s)
{
	return align_up(s->size, PAGE_SIZE) / PAGE_SIZE;
}

static unsigned nr_attached(const struct segment *s)
{
	struct vm_object *o = &s->file->inode->object;
	struct vm_area *a;
	unsigned nr = 0;

	scoped_spin(&o->lock);
	list_foreach(&o->areas, a, object_link)
		nr++;
	return nr;
}

/* ---- making and freeing ---- */

static int make(const struct ipc_request *r, struct ipc_object **out)
{
	uint64_t pages = r->size / PAGE_SIZE + (r->size % PAGE_SIZE != 0);
	struct segment *s;
	char name[16];
	int err;

	if (r->size == 0 || r->size > limit_size)
		return -EINVAL;
	if (nr_pages_all + pages > limit_all)
		return -ENOSPC;
	if ((r->flags & SHM_HUGETLB) != 0)
		return -ENOMEM; /* no pages are set aside for it */
	if (pages > page_nr_total() && (r->flags & SHM_NORESERVE) == 0)
		return -ENOMEM;
	s = kmem_new(struct segment);
	if (s == NULL)
		return -ENOMEM;
	fmt(name, sizeof(name), "SYSV%08x", (unsigned)r->key);
	err = vfs_nameless_file(name, &s->file);
	if (err != 0) {
		kmem_free(s);
		return err;
	}
	s->size = r->size;
	s->file->inode->size = r->size;
	s->ctime = ipc_now();
	s->cpid = process_current()->pid;
	nr_pages_all += pages;
	*out = &s->ipc;
	return 0;
}

static void free(struct ipc_object *o)
{
	struct segment *s = segment_of(o);

	file_put(s->file);
	kmem_free(s);
}

static bool suits(const struct ipc_object *o, const struct ipc_request *r)
{
	return r->size <= container_of(o, const struct segment, ipc)->size;
}

long sys_shmget(int key, size_t size, int flags)
{
	const struct ipc_request r = { key, flags, size };

	return ipc_get(&kind, &r);
}

/* With the lock held. True: it left the table, whose count the caller puts. */
static bool destroy_if_unused(struct segment *s)
{
	if (s->ipc.removed || (s->ipc.mode & SHM_DEST) == 0 || s->nr_attaching > 0 ||
	    nr_attached(s) > 0)
		return false;
	nr_pages_all -= pages_of(s);
	ipc_remove(&s->ipc);
	return true;
}

/* ---- mappings ---- */

/* file_ops.unmapped: one of the file's mappings is gone. */
static void unmapped(struct file *f)
{
	struct segment *s = f->private;
	bool gone;

	mutex_lock(&table.lock);
	s->dtime = ipc_now();
	s->lpid = process_current()->pid;
	gone = destroy_if_unused(s);
	mutex_unlock(&table.lock);
	if (gone)
		ipc_object_put(&s->ipc);
}

static void release(struct file *f)
{
	struct segment *s = f->private;

	ipc_object_put(&s->ipc);
}

static const struct file_ops shm_ops = {
	.mmap = file_object_mmap,
	.unmapped = unmapped,
	.release = release,
};

/* A file of this attach's own over the segment's bytes: it says whether they may be written. */
static int open_segment(struct segment *s, int flags, struct file **out)
{
	unsigned mode = (flags & SHM_RDONLY) != 0 ? O_RDONLY : O_RDWR;
	int err = file_new_inode(s->file->inode, mode, out);

	if (err != 0)
		return err;
	(*out)->ops = &shm_ops;
	(*out)->private = s;
	(*out)->path = s->file->path;
	path_get(&(*out)->path);
	ipc_object_get(&s->ipc);
	return 0;
}

static int begin_attach(int id, int flags, struct segment **out)
{
	unsigned wanted = (flags & SHM_RDONLY) != 0 ? IPC_READ : IPC_READ | IPC_WRITE;
	struct ipc_object *o;
	int err;

	if ((flags & SHM_EXEC) != 0)
		wanted |= IPC_EXEC;
	scoped_mutex(&table.lock);
	err = ipc_find(&kind, id, &o);
	if (err != 0)
		return err;
	if (!ipc_may(o, wanted))
		return -EACCES;
	*out = segment_of(o);
	(*out)->nr_attaching++;
	ipc_object_get(o);
	return 0;
}

/* Takes begin_attach's count. */
static void end_attach(struct segment *s, bool attached)
{
	bool gone;

	mutex_lock(&table.lock);
	s->nr_attaching--;
	if (attached) {
		s->atime = ipc_now();
		s->lpid = process_current()->pid;
	}
	gone = destroy_if_unused(s);
	mutex_unlock(&table.lock);
	if (gone)
		ipc_object_put(&s->ipc);
	ipc_object_put(&s->ipc);
}

static int map(struct segment *s, uaddr_t addr, int flags, uaddr_t *at)
{
	struct vm_map m = {
		.addr = addr,
		.len = s->size,
		.prot = MMU_READ,
		.flags = VM_SHARED,
	};
	int err = open_segment(s, flags, &m.file);

	if (err != 0)
		return err;
	if ((flags & SHM_RDONLY) == 0)
		m.prot |= MMU_WRITE;
	if ((flags & SHM_EXEC) != 0)
		m.prot |= MMU_EXEC;
	if (addr != 0)
		m.flags |= (flags & SHM_REMAP) != 0 ? VM_MAP_FIXED : VM_MAP_NOREPLACE;
	err = vmspace_map(vmspace_current(), &m, at);
	file_put(m.file);
	return err == -EEXIST ? -EINVAL : err;
}

long sys_shmat(int id, uaddr_t addr, int flags)
{
	struct segment *s;
	uaddr_t at;
	int err;

	if (id < 0)
		return -EINVAL;
	if (addr != 0 && !is_aligned(addr, PAGE_SIZE)) {
		if ((flags & SHM_RND) == 0)
			return -EINVAL;
		addr = align_down(addr, PAGE_SIZE);
	}
	if (addr == 0 && (flags & SHM_REMAP) != 0)
		return -EINVAL;
	err = begin_attach(id, flags, &s);
	if (err != 0)
		return err;
	err = map(s, addr, flags, &at);
	end_attach(s, err == 0);
	return err != 0 ? err : (long)at;
}

/* The next piece of an attach at addr: of `f`, or of any segment while f is NULL. */
static bool find_piece(struct vmspace *vs, uaddr_t addr, struct file **f, struct vm_map *out)
{
	scoped_mutex(&vs->lock);
	struct vm_area *a = vmspace_area_first(vs);

	for (; a != NULL; a = vmspace_area_next(a)) {
		if (a->start < addr || a->file == NULL || a->file->ops != &shm_ops ||
		    a->start - addr != a->object_idx * PAGE_SIZE || (*f != NULL && a->file != *f))
			continue;
		if (*f == NULL)
			*f = file_get(a->file);
		*out = (struct vm_map){ .addr = a->start, .len = a->end - a->start };
		return true;
	}
	return false;
}

/* What is left of the attach goes, though munmap or mprotect cut it up. */
long sys_shmdt(uaddr_t addr)
{
	struct vmspace *vs = vmspace_current();
	struct file *f = NULL;
	struct vm_map piece;
	int err = 0;

	if (!is_aligned(addr, PAGE_SIZE) || !find_piece(vs, addr, &f, &piece))
		return -EINVAL;
	do {
		err = vmspace_unmap(vs, piece.addr, piece.len);
	} while (err == 0 && find_piece(vs, addr, &f, &piece));
	file_put(f);
	return err;
}

/* ---- control ---- */

static long info(uaddr_t buf)
{
	const struct shminfo64 out = {
		.shmmax = limit_size,
		.shmmin = 1,
		.shmmni = limit_segments,
		.shmseg = limit_segments,
		.shmall = limit_all,
	};
	int highest;

	mutex_lock(&table.lock);
	highest = ipc_highest(&kind);
	mutex_unlock(&table.lock);
	return user_write_struct(buf, &out) != 0 ? -EFAULT : highest;
}

static long usage(uaddr_t buf)
{
	struct shm_info out = { .used_ids = 0 };
	int highest;

	mutex_lock(&table.lock);
	highest = ipc_highest(&kind);
	out.used_ids = (int)table.nr_used;
	out.shm_tot = nr_pages_all;
	for (unsigned i = 0; i < table.nr_slots; i++)
		if (table.slots[i] != NULL)
			out.shm_rss += segment_of(table.slots[i])->file->inode->object.nr_pages;
	mutex_unlock(&table.lock);
	return user_write_struct(buf, &out) != 0 ? -EFAULT : highest;
}

static long stat(int id, int cmd, uaddr_t buf)
{
	struct shmid64_ds out = { .shm_segsz = 0 };
	struct ipc_object *o;
	struct segment *s;
	int err;

	mutex_lock(&table.lock);
	err = ipc_find_stat(&kind, id, cmd != IPC_STAT, cmd == SHM_STAT_ANY, &o);
	if (err == 0) {
		s = segment_of(o);
		ipc_fill_perm(o, &out.shm_perm);
		out.shm_segsz = s->size;
		out.shm_atime = s->atime;
		out.shm_dtime = s->dtime;
		out.shm_ctime = s->ctime;
		out.shm_cpid = s->cpid;
		out.shm_lpid = s->lpid;
		out.shm_nattch = nr_attached(s) + s->nr_attaching;
		err = cmd == IPC_STAT ? 0 : o->id;
	}
	mutex_unlock(&table.lock);
	return err < 0 ? err : user_write_struct(buf, &out) != 0 ? -EFAULT : err;
}

static long set(int id, uaddr_t buf)
{
	struct shmid64_ds in;
	struct ipc_object *o;
	int err;

	if (user_read_struct(&in, buf) != 0)
		return -EFAULT;
	scoped_mutex(&table.lock);
	err = ipc_find_to_control(&kind, id, &o);
	if (err == 0)
		err = ipc_set_perm(o, &in.shm_perm);
	if (err == 0)
		segment_of(o)->ctime = ipc_now();
	return err;
}

static long remove(int id)
{
	struct ipc_object *o;
	bool gone = false;
	int err;

	mutex_lock(&table.lock);
	err = ipc_find_to_control(&kind, id, &o);
	if (err == 0) {
		o->mode |= SHM_DEST;
		o->key = IPC_PRIVATE;
		gone = destroy_if_unused(segment_of(o));
	}
	mutex_unlock(&table.lock);
	if (gone)
		ipc_object_put(o);
	return err;
}

/* Nothing is ever swapped out: only the mark is kept. */
static long lock(int id, bool on)
{
	const struct cred *c = cred_current();
	struct ipc_object *o;
	int err;

	scoped_mutex(&table.lock);
	err = ipc_find(&kind, id, &o);
	if (err != 0)
		return err;
	if (!cred_has_cap(c, CAP_IPC_LOCK) &&
	    ((c->euid != o->uid && c->euid != o->cuid) ||
	     (on && process_limit(process_current(), RLIMIT_MEMLOCK) == 0)))
		return -EPERM;
	o->mode = on ? o->mode | SHM_LOCKED : o->mode & ~(uint32_t)SHM_LOCKED;
	return 0;
}

long sys_shmctl(int id, int cmd, uaddr_t buf)
{
	if (cmd < 0 || id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return info(buf);
	case SHM_INFO:
		return usage(buf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return stat(id, cmd, buf);
	case IPC_SET:
		return set(id, buf);
	case IPC_RMID:
		return remove(id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return lock(id, cmd == SHM_LOCK);
	default:
		return -EINVAL;
	}
}

/* ---- procfs ---- */

static void show(struct text_buffer *b, struct ipc_object *o)
{
	struct segment *s = segment_of(o);

	text_print(b,
		   "%10d %10d  %4o %21lu %5u %5u  %5u %5u %5u %5u %5u %10llu %10llu %10llu "
		   "%21lu %21lu\n",
		   o->key, o->id, o->mode, s->size, (unsigned)s->cpid, (unsigned)s->lpid,
		   nr_attached(s), o->uid, o->gid, o->cuid, o->cgid, (unsigned long long)s->atime,
		   (unsigned long long)s->dtime, (unsigned long long)s->ctime,
		   s->file->inode->object.nr_pages * PAGE_SIZE, 0ul);
}

static const struct ipc_kind kind = {
	.table = &table,
	.limit = &limit_segments,
	.make = make,
	.suits = suits,
	.free = free,
	.show = show,
	.header =
		"       key      shmid perms                  size  cpid  lpid nattch   uid   gid "
		" cuid  cgid      atime      dtime      ctime                   rss             "
		"     swap\n",
};

static int show_all(struct text_buffer *b, int pid)
{
	return ipc_show(&kind, b);
}
PROC_FILE(sysvipc_shm) = { .path = "sysvipc/shm", .mode = 0444, .show = show_all };

static int show_limit(struct text_buffer *b, uint64_t limit)
{
	text_print(b, "%llu\n", (unsigned long long)limit);
	return 0;
}

static int parse_limit(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
		if (__builtin_mul_overflow(value, 10ul, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
			return -EINVAL;
	if (i == 0)
		return -EINVAL;
	atomic_store(out, value);
	return 0;
}

static int show_shmmax(struct text_buffer *b, int pid)
{
	return show_limit(b, limit_size);
}
static int store_shmmax(const char *text, size_t len, int pid)
{
	return parse_limit(text, len, &limit_size);
}
PROC_FILE(shmmax) = {
	.path = "sys/kernel/shmmax", .mode = 0644, .show = show_shmmax, .store = store_shmmax
};

static int show_shmall(struct text_buffer *b, int pid)
{
	return show_limit(b, limit_all);
}
static int store_shmall(const char *text, size_t len, int pid)
{
	return parse_limit(text, len, &limit_all);
}
PROC_FILE(shmall) = {
	.path = "sys/kernel/shmall", .mode = 0644, .show = show_shmall, .store = store_shmall
};

static int show_shmmni(struct text_buffer *b, int pid)
{
	return show_limit(b, limit_segments);
}
static int store_shmmni(const char *text, size_t len, int pid)
{
	return ipc_parse(text, len, &limit_segments, 1, IPC_INDEX_MAX);
}
PROC_FILE(shmmni) = {
	.path = "sys/kernel/shmmni", .mode = 0644, .show = show_shmmni, .store = store_shmmni
};
