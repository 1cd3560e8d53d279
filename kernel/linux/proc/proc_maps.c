/* SPDX-License-Identifier: BSD-2-Clause */
/* An address space and the mounts as text: /proc/<pid>/maps, smaps, mounts, mountinfo (proc(5)). */
#include "linux/proc/proc_maps.h"

#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/proc/proc_task.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/vmspace.h"

static uint64_t pages_of(const struct vm_area *a)
{
	return (a->end - a->start) / PAGE_SIZE;
}

static uint64_t resident_pages(struct vmspace *vs, const struct vm_area *a)
{
	struct mmu_entry e;
	vaddr_t va = a->start;
	uint64_t n = 0;

	while (va < a->end && mmu_next(&vs->mmu, &va, a->end, &e)) {
		uint64_t size = e.level == MMU_2M ? HUGE_SIZE : PAGE_SIZE;

		n += size / PAGE_SIZE;
		va += size;
	}
	return n;
}

void proc_memory_get(struct vmspace *vs, struct proc_memory *out)
{
	*out = (struct proc_memory){ 0 };
	scoped_mutex(&vs->lock);
	for (struct vm_area *a = vmspace_area_first(vs); a != NULL; a = vmspace_area_next(a)) {
		uint64_t n = pages_of(a);

		if ((a->flags & VM_STACK) != 0)
			out->stack_pages += n;
		else if ((a->prot & MMU_EXEC) != 0 && a->start >= vs->code_start &&
			 a->start < vs->code_end)
			out->code_pages += n;
		else if ((a->prot & MMU_EXEC) != 0 && a->file != NULL)
			out->library_pages += n;
		else if ((a->prot & MMU_WRITE) != 0 && (a->flags & VM_SHARED) == 0)
			out->data_pages += n;
		if (a->file != NULL)
			out->file_pages += resident_pages(vs, a);
		if ((a->flags & VM_LOCKED) != 0)
			out->locked_pages += n;
	}
}

/* The name column: the file's path, or what kind of memory it is. */
static const char *area_name(const struct vm_area *a, char *buf, size_t size)
{
	char *name;

	if (a->name != NULL)
		return a->name;
	if (a->file == NULL)
		return "";
	if (a->file->path.dentry == NULL)
		return "/dev/zero (deleted)";
	return path_name(&a->file->path, buf, size, &name) == 0 ? name : "";
}

static void show_area(struct text_buffer *b, const struct vm_area *a, char *buf)
{
	const struct inode *inode = a->file == NULL ? NULL : a->file->inode;
	uint64_t dev = inode == NULL || inode->sb == NULL ? 0 : inode->sb->dev;
	const char *name = area_name(a, buf, PATH_LEN_MAX);
	size_t start = b->len, width;

	text_print(b, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu", (unsigned long long)a->start,
		   (unsigned long long)a->end, (a->prot & MMU_READ) != 0 ? 'r' : '-',
		   (a->prot & MMU_WRITE) != 0 ? 'w' : '-', (a->prot & MMU_EXEC) != 0 ? 'x' : '-',
		   (a->flags & VM_SHARED) != 0 ? 's' : 'p',
		   inode == NULL ? 0 : (unsigned long long)(a->object_idx * PAGE_SIZE),
		   (unsigned)(dev >> 32), (unsigned)dev,
		   inode == NULL ? 0 : (unsigned long long)inode->ino);
	width = b->len - start;
	if (name[0] != '\0')
		text_print(b, "%*s%s", width < 73 ? (int)(73 - width) : 1, "", name);
	text_print(b, "\n");
}

static void show_area_sizes(struct text_buffer *b, struct vmspace *vs, const struct vm_area *a)
{
	unsigned long long size = pages_of(a) * 4, rss = resident_pages(vs, a) * 4;
	bool shared = a->file != NULL && (a->prot & MMU_WRITE) == 0;

	text_print(b,
		   "Size:           %8llu kB\nKernelPageSize: %8u kB\nMMUPageSize:    %8u kB\n"
		   "Rss:            %8llu kB\nPss:            %8llu kB\nShared_Clean:   %8llu kB\n"
		   "Shared_Dirty:   %8u kB\nPrivate_Clean:  %8u kB\nPrivate_Dirty:  %8llu kB\n"
		   "Referenced:     %8llu kB\nAnonymous:      %8llu kB\nSwap:           %8u kB\n",
		   size, 4, 4, rss, rss, shared ? rss : 0, 0, 0, shared ? 0 : rss, rss,
		   a->file == NULL ? rss : 0, 0);
}

static int show_areas(struct text_buffer *b, int pid, bool sizes)
{
	char *buf = kmem_alloc(PATH_LEN_MAX);
	struct vmspace *vs;
	int err = buf == NULL ? -ENOMEM : proc_space_get_private(pid, &vs);

	if (err == 0) {
		mutex_lock(&vs->lock);
		for (struct vm_area *a = vmspace_area_first(vs); a != NULL;
		     a = vmspace_area_next(a)) {
			show_area(b, a, buf);
			if (sizes)
				show_area_sizes(b, vs, a);
		}
		mutex_unlock(&vs->lock);
		vmspace_put(vs);
	}
	kmem_free(buf);
	return err;
}

static int show_maps(struct text_buffer *b, int pid)
{
	return show_areas(b, pid, false);
}
PROC_FILE(maps) = { .path = "PID/maps", .mode = 0444, .show = show_maps };

static int show_smaps(struct text_buffer *b, int pid)
{
	return show_areas(b, pid, true);
}
PROC_FILE(smaps) = { .path = "PID/smaps", .mode = 0444, .show = show_smaps };

/* ---- mounts ---- */

/* Blanks and the like are octal in mount tables (getmntent(3)). */
static void print_escaped(struct text_buffer *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
			text_print(b, "\\%03o", (unsigned char)*s);
		else
			text_append(b, s, 1);
	}
}

static void print_flags(struct text_buffer *b, unsigned flags)
{
	text_print(b, "%s%s%s%s,relatime", (flags & SB_RDONLY) != 0 ? "ro" : "rw",
		   (flags & SB_NOSUID) != 0 ? ",nosuid" : "",
		   (flags & SB_NODEV) != 0 ? ",nodev" : "",
		   (flags & SB_NOEXEC) != 0 ? ",noexec" : "");
}

static const char *source_of(const struct mount *m)
{
	return m->source == NULL || m->source[0] == '\0' ? m->sb->type_name : m->source;
}

static int print_mount(struct mount *m, const char *mountpoint, void *arg)
{
	struct text_buffer *b = arg;

	print_escaped(b, source_of(m));
	text_print(b, " ");
	print_escaped(b, mountpoint);
	text_print(b, " %s ", m->sb->type_name);
	print_flags(b, m->flags | m->sb->flags);
	text_print(b, " 0 0\n");
	return b->err;
}

static int show_mounts(struct text_buffer *b, int pid)
{
	return vfs_mounts_foreach(print_mount, b);
}
PROC_FILE(pid_mounts) = { .path = "PID/mounts", .mode = 0444, .show = show_mounts };

static int print_mountinfo(struct mount *m, const char *mountpoint, void *arg)
{
	struct text_buffer *b = arg;

	text_print(b, "%u %u %u:%u / ", m->id, m->parent == NULL ? 0 : m->parent->id,
		   (unsigned)(m->sb->dev >> 32), (unsigned)m->sb->dev);
	print_escaped(b, mountpoint);
	text_print(b, " ");
	print_flags(b, m->flags);
	text_print(b, " - %s ", m->sb->type_name);
	print_escaped(b, source_of(m));
	text_print(b, " %s\n", (m->sb->flags & SB_RDONLY) != 0 ? "ro" : "rw");
	return b->err;
}

static int show_mountinfo(struct text_buffer *b, int pid)
{
	return vfs_mounts_foreach(print_mountinfo, b);
}
PROC_FILE(mountinfo) = { .path = "PID/mountinfo", .mode = 0444, .show = show_mountinfo };
