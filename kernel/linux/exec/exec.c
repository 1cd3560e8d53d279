/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve(2), execveat(2): the order of things. exec.h has the theory.
 */
#include "linux/exec/exec.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/personality.h>
#include <linux/securebits.h>
#include <linux/stat.h>

#include "arch/context.h"
#include "arch/program.h"
#include "core/cred.h"
#include "core/program.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/time/posix_timer.h"
#include "linux/signal/signals.h"
#include "linux/sys.h"
#include "linux/futex/futexes.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "linux/uring/exit.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define R_OK 4
#define X_OK 1

/* ---- files ---- */

ssize_t exec_read(struct file *f, void *buf, size_t len, int64_t pos)
{
	struct uio u;

	uio_init_kernel(&u, buf, len);
	return vfs_read(f, &u, &pos);
}

static int check_executable(const struct path *p)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if ((inode->mode & S_IFMT) != S_IFREG || (p->mnt->flags & SB_NOEXEC) != 0)
		return -EACCES;
	err = inode_permission(inode, X_OK);
	if (err != 0)
		return err;
	return atomic_load(&inode->writers.count) != 0 ? -ETXTBSY : 0;
}

int exec_open(const struct path *at, const char *name, unsigned lookup, struct file **out)
{
	struct path p;
	int err = vfs_lookup(at, name, lookup, &p);

	if (err != 0)
		return err;
	if ((lookup & LOOKUP_NOFOLLOW) != 0 && (p.dentry->inode->mode & S_IFMT) == S_IFLNK)
		err = -ELOOP;
	if (err == 0)
		err = check_executable(&p);
	if (err == 0)
		err = vfs_open_path(&p, O_RDONLY, out);
	path_put(&p);
	return err;
}

/* ---- preparing ---- */

static int read_head(struct exec *x)
{
	ssize_t n;

	memset(x->head, 0, sizeof(x->head));
	n = exec_read(x->file, x->head, sizeof(x->head), 0);
	if (n < 0)
		return (int)n;
	x->head_len = (size_t)n;
	return 0;
}

static int prepare_interpreter(struct exec *x)
{
	char head[sizeof(Elf64_Ehdr)], *name;
	struct file *f;
	ssize_t n;
	int err = elf_image_interpreter(&x->program, &name);

	if (err != 0 || name == NULL)
		return err;
	err = exec_open(NULL, name, 0, &f);
	kmem_free(name);
	if (err != 0)
		return err;
	n = exec_read(f, head, sizeof(head), 0);
	if (n < 0)
		err = (int)n;
	else if (n < (ssize_t)sizeof(head))
		err = -EIO;
	else
		err = elf_image_read(&x->interpreter, f, head, sizeof(head));
	file_put(f);
	x->has_interpreter = err == 0;
	return err == -ENOEXEC ? -ELIBBAD : err;
}

static int find_program(struct exec *x, const struct path *at, unsigned flags)
{
	unsigned lookup = ((flags & AT_EMPTY_PATH) != 0 ? LOOKUP_EMPTY : 0) |
			  ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? LOOKUP_NOFOLLOW : 0);
	int err = exec_open(at, x->path, lookup, &x->file), more = 1;

	if (err != 0)
		return err;
	for (int depth = 0; more == 1; depth++) {
		if (depth > EXEC_SCRIPT_DEPTH)
			return -ELOOP;
		err = read_head(x);
		if (err != 0)
			return err;
		more = exec_script(x);
		if (more < 0)
			return more;
	}
	err = elf_image_read(&x->program, x->file, x->head, x->head_len);
	if (err == 0)
		err = prepare_interpreter(x);
	if (err == 0)
		x->stack_is_executable = elf_image_wants_executable_stack(&x->program);
	return err;
}

void exec_fini(struct exec *x)
{
	if (x->space != NULL)
		vmspace_put(x->space);
	if (x->cred != NULL)
		cred_put(x->cred);
	if (x->file != NULL)
		file_put(x->file);
	elf_image_fini(&x->program);
	elf_image_fini(&x->interpreter);
	exec_strings_fini(&x->args);
	exec_strings_fini(&x->env);
	for (unsigned i = 0; i < x->nr_prefix; i++)
		kmem_free(x->prefix[i]);
	kmem_free(x->name);
	kmem_free(x->path);
}

/* ---- credentials: credentials(7), capabilities(7) "Transformation of capabilities" ---- */

/* With the lock: a file that changes hands loses its set-user-ID bit at the same moment. */
static void apply_set_id(const struct exec *x, struct cred *c)
{
	struct inode *inode = x->file->inode;

	if (READ_ONCE(task_current()->no_new_privs) || (x->file->path.mnt->flags & SB_NOSUID) != 0)
		return;
	scoped_mutex(&inode->lock);
	if ((inode->mode & S_ISUID) != 0)
		c->euid = inode->uid;
	if ((inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = inode->gid;
}

static void apply_capabilities(struct cred *c)
{
	bool root = (c->securebits & SECBIT_NOROOT) == 0 && (c->euid == 0 || c->uid == 0);

	if (root) {
		c->cap_permitted = c->cap_bounding | c->cap_inheritable;
		c->cap_effective = c->euid == 0 ? c->cap_permitted : 0;
		c->cap_ambient = 0;
	} else {
		c->cap_permitted = c->cap_effective = c->cap_ambient;
	}
}

static int make_cred(struct exec *x)
{
	struct cred *c = cred_copy(cred_current());

	if (c == NULL)
		return -ENOMEM;
	apply_set_id(x, c);
	apply_capabilities(c);
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->securebits &= ~(unsigned)SECBIT_KEEP_CAPS;
	x->cred = c;
	return 0;
}

/*
 * Before the memory: who takes hold of the new one, and is asked for his right to it then, is asked
 * with these. True: the new one may be looked at.
 */
static bool switch_cred(struct exec *x)
{
	struct thread *self = thread_current();
	struct cred *old = self->cred, *c = x->cred;
	bool dumpable = c->uid == c->euid && c->gid == c->egid;

	if (!dumpable)
		WRITE_ONCE(process_current()->dumpable, false);
	spin_lock(&task_lock);
	self->cred = c;
	spin_unlock(&task_lock);
	x->cred = NULL;
	cred_put(old);
	return dumpable;
}

/* ---- preparing: the space and its stack ---- */

static int make_space(struct exec *x)
{
	struct process *p = process_current();

	x->space = vmspace_new();
	if (x->space == NULL)
		return -ENOMEM;
	x->is_random = (READ_ONCE(p->personality) & ADDR_NO_RANDOMIZE) == 0;
	exec_layout_choose(x, process_limit(p, RLIMIT_STACK));
	x->space->exe = file_get(x->program.file);
	process_limits_apply(p, x->space);
	return exec_stack_map(x, x->space);
}

int exec_prepare(struct exec *x, const struct path *at, unsigned flags)
{
	int err = find_program(x, at, flags);

	if (err == 0)
		err = make_space(x);
	return err != 0 ? err : make_cred(x);
}

/* ---- committing ---- */

static void switch_space(struct task *self, struct exec *x)
{
	struct vmspace *old = self->thread->vmspace;

	spin_lock(&task_lock);
	sched_switch_space(x->space);
	spin_unlock(&task_lock);
	x->space = NULL;
	if (old == NULL)
		return;
	if (!task_return_memory(self))
		process_usage_keep(self->process, old);
	vmspace_put(old);
}

/* What does not survive an exec (execve(2), "Effect on process attributes"). */
static void reset_task(struct task *self, const struct exec *x)
{
	const char *base = strrchr(x->path, '/');
	struct process *p = self->process;

	self->clear_child_tid = self->robust_list = self->rseq = 0;
	self->thread->preempt_work = 0;
	self->restart.fn = NULL;
	signal_exec_reset(self);
	posix_timer_delete_all(p);
	fd_table_close_on_exec(self->fds);
	context_set_tls(self->thread, 0);
	fpu_reset();
	WRITE_ONCE(p->did_exec, true);
	WRITE_ONCE(p->exit_signal, SIGCHLD);
	p->membarriers = 0;
	/* A script is known by its own name. */
	if (x->nr_prefix != 0)
		base = strrchr(x->name, '/');
	string_copy(self->thread->name,
		    base != NULL        ? base + 1
		    : x->nr_prefix != 0 ? x->name
					: x->path,
		    sizeof(self->thread->name));
}

static void note_name(struct process *p, const struct exec *x)
{
	char *name = kmem_string(x->path), *old;

	spin_lock(&task_lock);
	old = p->exe_name;
	p->exe_name = name;
	spin_unlock(&task_lock);
	kmem_free(old);
}

static int map_all(struct exec *x, struct vmspace *vs, uaddr_t *sp)
{
	int err = elf_image_map(&x->program, vs, x->has_interpreter ? x->pie_base : 0,
				&x->program_place);

	if (err == 0 && x->has_interpreter)
		err = elf_image_map(&x->interpreter, vs, 0, &x->interpreter_place);
	if (err == 0)
		err = exec_vdso_map(vs);
	if (err != 0)
		return err;
	vs->code_start = x->program_place.code_start;
	vs->code_end = x->program_place.code_end;
	vs->data_start = x->program_place.data_start;
	vs->data_end = x->program_place.data_end;
	exec_brk_choose(x, vs);
	return exec_stack_fill(x, vs, sp);
}

int exec_commit(struct exec *x)
{
	struct task *self = task_current();
	bool dumpable;
	uaddr_t sp;
	int err;

	if (self->thread->vmspace != NULL)
		task_leave_memory(self);
	futex_task_exec(self);
	dumpable = switch_cred(x);
	switch_space(self, x);
	WRITE_ONCE(process_current()->dumpable, dumpable);
	/* Before there are arguments for /proc to show: beside them stands the new name. */
	reset_task(self, x);
	note_name(self->process, x);
	err = map_all(x, self->thread->vmspace, &sp);
	if (err != 0)
		return err;
	frame_init(thread_frame(self->thread),
		   x->has_interpreter ? x->interpreter_place.entry : x->program_place.entry, sp);
	return 0;
}

/* ---- the calls ---- */

static int read_name(struct exec *x, uaddr_t path, bool may_be_empty)
{
	char *name = kmem_alloc(PATH_LEN_MAX);
	ssize_t len;

	if (name == NULL)
		return -ENOMEM;
	x->path = name;
	len = user_string(name, path, PATH_LEN_MAX);
	if (len < 0)
		return (int)len;
	if (len == 0 && !may_be_empty)
		return -ENOENT;
	x->name = kmem_string(name);
	return x->name == NULL ? -ENOMEM : 0;
}

/* execveat(2): the name by which a script's interpreter opens it again. */
static int name_by_descriptor(struct exec *x, int dirfd)
{
	size_t size = strlen(x->path) + 32;
	char *name;

	if (x->path[0] == '/' || dirfd == AT_FDCWD)
		return 0;
	name = kmem_alloc(size);
	if (name == NULL)
		return -ENOMEM;
	if (x->path[0] == '\0')
		fmt(name, size, "/dev/fd/%d", dirfd);
	else
		fmt(name, size, "/dev/fd/%d/%s", dirfd, x->path);
	kmem_free(x->name);
	x->name = name;
	x->name_is_hidden = fd_flags_get(dirfd) == FD_CLOEXEC;
	return 0;
}

static int read_strings(struct exec *x, uaddr_t argv, uaddr_t envp)
{
	int err = exec_strings_read(&x->args, argv);

	if (err == 0)
		err = exec_strings_read(&x->env, envp);
	/* As Linux: no argv at all becomes one empty string. */
	if (err == 0 && x->args.nr == 0)
		err = exec_strings_add(&x->args, "");
	return err;
}

/* Past the point of no return an error has nobody to go to. */
static int commit_or_die(struct exec *x)
{
	int err = fd_table_unshare();

	if (err == 0)
		err = process_become_single();
	if (err == 0)
		uring_task_exit();
	if (err != 0)
		return err;
	err = signal_actions_unshare(process_current());
	if (err == 0)
		err = exec_commit(x);
	if (err == -ENOMEM)
		program_no_memory();
	else if (err != 0)
		process_kill(process_current(), WAIT_STATUS_SIGNAL(SIGSEGV));
	return 0;
}

static int run(struct exec *x, const struct path *at, unsigned flags, uaddr_t argv, uaddr_t envp)
{
	struct task *self = task_current();
	int err;

	if (self->exceeds_nproc && task_has_too_many_peers(cred_current()->uid))
		return -EAGAIN;
	self->exceeds_nproc = false;
	err = read_strings(x, argv, envp);
	if (err == 0)
		err = exec_prepare(x, at, flags);
	return err != 0 ? err : commit_or_die(x);
}

long sys_execve(uaddr_t path, uaddr_t argv, uaddr_t envp)
{
	struct exec *x = kmem_new(struct exec);
	long err = -ENOMEM;

	if (x == NULL)
		return err;
	err = read_name(x, path, false);
	if (err == 0)
		err = run(x, NULL, 0, argv, envp);
	exec_fini(x);
	kmem_free(x);
	return err;
}

static long execute_at(struct exec *x, int dirfd, uaddr_t argv, uaddr_t envp, unsigned flags)
{
	struct file *dir = NULL;
	long err = name_by_descriptor(x, dirfd);

	if (err == 0 && x->path[0] != '/' && dirfd != AT_FDCWD)
		err = fd_get_any(dirfd, &dir);
	if (err == 0)
		err = run(x, dir == NULL ? NULL : &dir->path, flags, argv, envp);
	if (dir != NULL)
		file_put(dir);
	return err;
}

long sys_execveat(int dirfd, uaddr_t path, uaddr_t argv, uaddr_t envp, int flags)
{
	struct exec *x;
	long err;

	if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0)
		return -EINVAL;
	x = kmem_new(struct exec);
	if (x == NULL)
		return -ENOMEM;
	err = read_name(x, path, (flags & AT_EMPTY_PATH) != 0);
	if (err == 0)
		err = execute_at(x, dirfd, argv, envp, (unsigned)flags);
	exec_fini(x);
	kmem_free(x);
	return err;
}
