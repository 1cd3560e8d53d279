/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the links under /proc/<pid> lead: exe, cwd, root and fd/<n>; and fdinfo/<n> (proc(5)). */
#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/proc/proc_task.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/vmspace.h"

static int link_exe(int pid, int nr, struct path *out)
{
	struct vmspace *vs;
	int err = proc_space_get_private(pid, &vs);

	if (err != 0)
		return err;
	mutex_lock(&vs->lock);
	if (vs->exe == NULL || vs->exe->path.dentry == NULL) {
		err = -ENOENT;
	} else {
		*out = vs->exe->path;
		path_get(out);
	}
	mutex_unlock(&vs->lock);
	vmspace_put(vs);
	return err;
}
PROC_FILE(exe) = { .path = "PID/exe", .mode = S_IFLNK | 0777, .link = link_exe };

static int link_view(int pid, bool root, struct path *out)
{
	struct fs_view *view;
	struct task *t;
	int err = proc_check_access(pid);

	if (err != 0)
		return err;
	t = proc_task(pid);
	if (t == NULL)
		return -ESRCH;
	view = task_fs_view(t);
	task_put(t);
	if (view == NULL)
		return -ESRCH;
	spin_lock(&view->lock);
	*out = root ? view->root : view->cwd;
	path_get(out);
	spin_unlock(&view->lock);
	fs_view_put(view);
	return 0;
}

static int link_cwd(int pid, int nr, struct path *out)
{
	return link_view(pid, false, out);
}
PROC_FILE(cwd) = { .path = "PID/cwd", .mode = S_IFLNK | 0777, .link = link_cwd };

static int link_root(int pid, int nr, struct path *out)
{
	return link_view(pid, true, out);
}
PROC_FILE(root) = { .path = "PID/root", .mode = S_IFLNK | 0777, .link = link_root };

static int get_file(int pid, int fd, struct file **out)
{
	int err = proc_check_access(pid);
	struct fd_table *fds;

	if (err != 0)
		return err;
	fds = proc_fd_table(pid);
	if (fds == NULL)
		return -ESRCH;
	*out = fd_table_file(fds, fd);
	fd_table_put(fds);
	return *out == NULL ? -ENOENT : 0;
}

static int link_fd(int pid, int nr, struct path *out)
{
	struct file *f;
	int err = get_file(pid, nr, &f);

	if (err != 0)
		return err;
	err = file_path_get(f, out);
	file_put(f);
	return err;
}

static int link_fd_text(int pid, int nr, char *buf, size_t size)
{
	struct file *f;
	char *name;
	int err = get_file(pid, nr, &f);

	if (err != 0)
		return err;
	if (f->ops->describe != NULL) {
		f->ops->describe(f, buf, size);
	} else if (f->path.dentry == NULL) {
		fmt(buf, size, "anon_inode:[%llu]", (unsigned long long)f->inode->ino);
	} else {
		err = path_name(&f->path, buf, size, &name);
		if (err == 0)
			memmove(buf, name, strlen(name) + 1);
	}
	file_put(f);
	return err;
}
PROC_FILE(fd) = {
	.path = "PID/fd/NR", .mode = S_IFLNK | 0700, .link = link_fd, .link_text = link_fd_text
};

static int show_fdinfo(struct text_buffer *b, int pid)
{
	char *more = kmem_alloc(PAGE_SIZE);
	struct file *f;
	int err = get_file(pid, b->nr, &f);

	if (err == 0) {
		text_print(b, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%llu\n",
			   (long long)f->pos, f->flags, f->path.mnt == NULL ? 0 : f->path.mnt->id,
			   (unsigned long long)f->inode->ino);
		if (f->ops->fdinfo != NULL && more != NULL) {
			f->ops->fdinfo(f, more, PAGE_SIZE);
			text_print(b, "%s", more);
		}
		file_put(f);
	}
	kmem_free(more);
	return err;
}
PROC_FILE(fdinfo) = { .path = "PID/fdinfo/NR", .mode = 0444, .show = show_fdinfo };
