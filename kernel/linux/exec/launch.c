/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the launch record to the first instruction of the program, and from its end to the end of
 * the VM.
 *
 * The thread that the kernel starts last becomes PID 1: file systems are mounted, the streams
 * become descriptors 0 to 2, credentials and limits are set, the program is loaded by exec's own
 * code. When PID 1 ends, the host is told its status, all output is drained, and the VM is switched
 * off.
 */
#include "linux/exec/launch.h"

#include <linux/fcntl.h>

#include "abi/hull/control.h"
#include "abi/hull/ports.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/program.h"
#include "core/cred.h"
#include "core/log.h"
#include "core/platform.h"
#include "core/program.h"
#include "core/random.h"
#include "core/thread.h"
#include "fs/tmpfs/archive.h"
#include "fs/tty/port.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/errors.h"
#include "linux/exec/exec.h"
#include "linux/hooks.h"
#include "linux/exec/launch_record.h"
#include "linux/signal/signals.h"
#include "linux/strace/strace.h"
#include "linux/system.h"
#include "linux/task/task.h"
#include "mm/kmem.h"
#include "mm/page.h"

#define STATUS_NOT_FOUND  127
#define STATUS_CANNOT_RUN 126

bool launch_is_verbose;
static struct launch_record record;  /* [I] after program_launch began */
static struct port *output_ports[5]; /* [I] to drain at the end */
static unsigned nr_output_ports;
static bool marks_main; /* [I] LAUNCH_MARK_MAIN */

/* ---- the end ---- */

static NORETURN void end_vm(uint32_t status, uint32_t sig)
{
	control_send_terminal();
	control_send(CONTROL_EXITED, status, sig, 0);
	for (unsigned i = 0; i < nr_output_ports; i++)
		output_ports[i]->ops->drain(output_ports[i]);
	platform->end(VM_END_OFF);
	cpu_stop();
}

void launch_program_ended(int wait_status)
{
	int sig = wait_status & 0x7f;

	vfs_sync();
	end_vm(sig != 0 ? 128 + (uint32_t)sig : (uint32_t)wait_status >> 8 & 0xff, (uint32_t)sig);
}

void launch_about_to_enter(void)
{
	uint64_t now = cpu_cycles();

	if (marks_main)
		control_send(CONTROL_MAIN, 0, (uint32_t)now, (uint32_t)(now >> 32));
	marks_main = false;
}

/* The machine or the record cannot be used: there is no program to give a status. */
static NORETURN void cannot_start(const char *what, const char *why)
{
	log_user("cannot start: %s: %s", what, why);
	platform->end(VM_END_NO_START);
	cpu_stop();
}

static void must(int err, const char *what)
{
	if (err != 0)
		cannot_start(what, error_text(-err));
}

/* ---- mounts ---- */

/* mkdir -p. */
static int make_directories(const char *target)
{
	char *path = kmem_string(target);
	struct path found;
	int err = path == NULL ? -ENOMEM : vfs_lookup(NULL, path, 0, &found);

	if (err == 0)
		path_put(&found);
	if (err != -ENOENT) {
		kmem_free(path);
		return err;
	}
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		err = vfs_mkdir(NULL, path, 0755);
		if (slash == NULL || (err != 0 && err != -EEXIST))
			break;
		*slash = '/';
	}
	kmem_free(path);
	return err == -EEXIST ? 0 : err;
}

static uint64_t size_limit(const struct launch_mount *m)
{
	struct page_stats s;

	if (m->size_limit_bytes != 0)
		return m->size_limit_bytes;
	page_stats_get(&s);
	return s.total / 2 * PAGE_SIZE;
}

static const char *fs_of(uint32_t type)
{
	switch (type) {
	case LAUNCH_MOUNT_VIRTIOFS:
		return "virtiofs";
	case LAUNCH_MOUNT_OVERLAY:
		return "overlay";
	case LAUNCH_MOUNT_TMPFS:
	case LAUNCH_MOUNT_CPIO:
		return "tmpfs";
	case LAUNCH_MOUNT_PROC:
		return "proc";
	case LAUNCH_MOUNT_SYSFS:
		return "sysfs";
	case LAUNCH_MOUNT_DEVTMPFS:
		return "devtmpfs";
	default:
		return NULL;
	}
}

static int unpack_archive(const char *target)
{
	struct path root;
	int err = vfs_lookup(NULL, target, LOOKUP_DIRECTORY, &root);

	if (err != 0)
		return err;
	err = cpio_unpack(&root, record.archive, record.archive_len);
	path_put(&root);
	return err;
}

/* Terminals made in here: where devtmpfs has a directory for them. */
static int mount_devpts(const char *dev)
{
	char target[160];

	if ((size_t)fmt(target, sizeof(target), "%s/pts", dev) >= sizeof(target))
		return -ENAMETOOLONG;
	return vfs_mount("devpts", "devpts", target, 0, "gid=5,mode=620,ptmxmode=666");
}

static int mount_one(const struct launch_mount_entry *e, bool is_root)
{
	const char *fs = fs_of(e->mount->type);
	unsigned flags = (e->mount->flags & LAUNCH_MOUNT_RDONLY) != 0 ? SB_RDONLY : 0;
	char options[160] = "";
	int err = fs == NULL ? -EINVAL : is_root ? 0 : make_directories(e->target);

	if (err != 0)
		return err;
	if (e->mount->type == LAUNCH_MOUNT_OVERLAY)
		fmt(options, sizeof(options), "lowerfs=virtiofs:%s,size=%lu", e->source,
		    (unsigned long)size_limit(e->mount));
	else if (e->mount->type == LAUNCH_MOUNT_TMPFS || e->mount->type == LAUNCH_MOUNT_CPIO)
		fmt(options, sizeof(options), "size=%lu", (unsigned long)size_limit(e->mount));
	err = vfs_mount(fs, e->source[0] != '\0' ? e->source : fs, e->target, flags, options);
	if (err == 0 && e->mount->type == LAUNCH_MOUNT_CPIO && record.archive != NULL)
		err = unpack_archive(e->target);
	if (err == 0 && e->mount->type == LAUNCH_MOUNT_DEVTMPFS)
		err = mount_devpts(e->target);
	return err;
}

static void mount_all(void)
{
	for (unsigned i = 0; i < record.nr_mounts; i++) {
		const struct launch_mount_entry *e = &record.mounts[i];
		int err = mount_one(e, i == 0);

		if (err != 0)
			cannot_start(e->target, error_text(-err));
	}
}

/* ---- ports and streams ---- */

static struct port *find_output(uint32_t nr)
{
	struct port *p = nr == 0 ? NULL : port_find(nr);
	unsigned i = 0;

	while (i < nr_output_ports && output_ports[i] != p)
		i++;
	if (p != NULL && i == nr_output_ports && i < ARRAY_SIZE(output_ports))
		output_ports[nr_output_ports++] = p;
	return p;
}

static void start_ports(void)
{
	const struct launch_ports *ports = record.ports;
	struct port *control = find_output(ports->control), *tty = find_output(ports->tty);
	struct port *strace = find_output(ports->strace);

	if (control == NULL)
		cannot_start("the console device", "it has no control port");
	control_start(control);
	if (tty != NULL)
		must(tty_init_console(tty, ports->columns, ports->rows, record.terminal),
		     "the terminal");
	if ((record.options & LAUNCH_TTY_PLAIN) != 0)
		tty_set_plain();
	if (strace != NULL && (record.options & LAUNCH_STRACE) != 0)
		strace_start(strace, (record.options & LAUNCH_STRACE_FORKS) != 0);
}

static int open_stream(const struct launch_stream *s, struct file **out)
{
	unsigned mode = s->fd == 0 ? O_RDONLY : O_WRONLY;
	struct port *p;

	switch (s->kind) {
	case STREAM_NULL:
		return vfs_open(NULL, "/dev/null", O_RDWR, 0, 0, out);
	case STREAM_TTY:
		return tty_console_file_new(O_RDWR, out);
	case STREAM_PIPE:
		p = s->fd == 0 ? port_find(s->port) : find_output(s->port);
		return p == NULL ? -ENXIO : stream_file_new(p, mode, out);
	default:
		return -EINVAL;
	}
}

static void open_streams(void)
{
	static const char *const names[] = { "standard input", "standard output",
					     "standard error" };
	struct file *f;

	for (int fd = 0; fd < 3; fd++) {
		if (record.streams[fd] == NULL)
			continue;
		must(open_stream(record.streams[fd], &f), names[fd]);
		if (fd_install_at(f, fd, false) < 0)
			cannot_start(names[fd], error_text(ENOMEM));
	}
}

/* ---- PID 1 ---- */

static void become_first_task(void)
{
	struct thread *self = thread_current();
	struct task *t = process_new(NULL);

	must(t == NULL ? -ENOMEM : 0, "the first process");
	self->cred = cred_get(&cred_kernel);
	t->fds = fd_table_new();
	self->context.fpu = fpu_new();
	must(t->fds == NULL || self->context.fpu == NULL ? -ENOMEM : 0, "the first process");
	task_attach(t, self);
	task_publish_first(t);
}

static void apply_limits(struct process *p)
{
	for (unsigned i = 0; i < record.nr_rlimits; i++) {
		const struct launch_rlimit *l = record.rlimits[i];

		if (l->resource < RLIM_NLIMITS && l->soft <= l->hard)
			p->limits[l->resource] = (struct rlimit_pair){ l->soft, l->hard };
	}
	p->limits[RLIMIT_NOFILE].hard = min(p->limits[RLIMIT_NOFILE].hard, (uint64_t)FD_TABLE_MAX);
	p->limits[RLIMIT_NOFILE].soft = min(p->limits[RLIMIT_NOFILE].soft,
					    p->limits[RLIMIT_NOFILE].hard);
}

static int apply_cred(void)
{
	const struct launch_cred *from = record.cred;
	struct thread *self = thread_current();
	uint32_t *groups;
	struct cred *c;

	if (from == NULL)
		return 0;
	c = cred_copy(&cred_kernel);
	if (c == NULL || from->nr_groups > CRED_GROUPS_MAX)
		return -ENOMEM;
	c->uid = c->euid = c->suid = c->fsuid = from->uid;
	c->gid = c->egid = c->sgid = c->fsgid = from->gid;
	if (from->uid != 0)
		c->cap_permitted = c->cap_effective = 0;
	if (from->nr_groups != 0) {
		groups = kmem_new_array(uint32_t, from->nr_groups);
		if (groups == NULL)
			return -ENOMEM;
		memcpy(groups, from->groups, from->nr_groups * sizeof(uint32_t));
		cred_take_groups(c, groups, from->nr_groups);
	}
	cred_put(self->cred);
	self->cred = c;
	process_current()->uid = c->uid;
	return 0;
}

/* A program keeps what its caller ignores and blocks (execve(2)): nohup works. */
static void apply_signals(struct process *p)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (int sig = 1; sig <= NSIG_MAX; sig++) {
		if ((record.signals.ignored & SIGNAL_BIT(sig) & ~SIGNAL_UNBLOCKABLE) != 0)
			signal_action_set(p->actions, sig, &ignore);
	}
	signal_mask_set(record.signals.blocked & ~SIGNAL_UNBLOCKABLE);
}

static void apply_cwd(void)
{
	struct path p;
	int err = vfs_lookup(NULL, record.cwd, LOOKUP_DIRECTORY, &p);

	if (err == 0) {
		err = vfs_chdir(&p);
		path_put(&p);
	}
	if (err != 0) {
		log_user("cannot enter %s: %s", record.cwd, error_text(-err));
		end_vm(STATUS_CANNOT_RUN, 0);
	}
}

/* ---- the program ---- */

static int read_strings(struct exec *x)
{
	const char *s;
	size_t at = 0;
	int err = 0;

	while (err == 0 && (s = launch_record_string(&record, LAUNCH_ARG, &at)) != NULL)
		err = exec_strings_add(&x->args, s);
	at = 0;
	while (err == 0 && (s = launch_record_string(&record, LAUNCH_ENV, &at)) != NULL)
		err = exec_strings_add(&x->env, s);
	if (err == 0 && x->args.nr == 0)
		err = exec_strings_add(&x->args, record.program);
	x->name = kmem_string(record.program);
	x->path = kmem_string(record.program);
	return x->name == NULL || x->path == NULL ? -ENOMEM : err;
}

static const char *reason(const struct exec *x, int err)
{
	if (err == -ENOENT && x->nr_prefix != 0)
		return "its interpreter is not there";
	if (err == -ENOENT && x->file != NULL)
		return "its program interpreter (dynamic linker) is not there";
	if (err == -ENOEXEC)
		return "not a program for this machine (" PROGRAM_ELF_MACHINE_NAME ")";
	return error_text(-err);
}

static NORETURN void cannot_run(const struct exec *x, int err)
{
	if (err == -ENOENT && x->nr_prefix != 0)
		log_user("cannot run %s: %s: %s", record.program, x->prefix[x->nr_prefix - 1],
			 reason(x, err));
	else
		log_user("cannot run %s: %s", record.program, reason(x, err));
	end_vm(err == -ENOENT && x->file == NULL ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, 0);
}

static void load_program(void)
{
	struct exec *x = kmem_new(struct exec);
	int err;

	must(x == NULL ? -ENOMEM : 0, "the program");
	err = read_strings(x);
	if (err == 0)
		err = exec_prepare(x, NULL, 0);
	if (err == 0)
		err = exec_commit(x);
	if (err != 0)
		cannot_run(x, err);
	exec_fini(x);
	kmem_free(x);
}

void program_launch(const void *launch_record, size_t len)
{
	const char *why;

	if (launch_record_read(&record, launch_record, len, &why) != 0)
		cannot_start("the launch record", why);
	launch_is_verbose = (record.options & LAUNCH_VERBOSE) != 0;
	log_set_verbose(launch_is_verbose);
	door_enabled = (record.options & LAUNCH_NO_PATCH) == 0;
	marks_main = (record.options & LAUNCH_MARK_MAIN) != 0;
	random_add(record.seed, record.seed_len);
	if (record.hostname != NULL)
		system_hostname_set(record.hostname);
	hooks_install();
	become_first_task();
	mount_all();
	start_ports();
	apply_limits(process_current());
	apply_signals(process_current());
	open_streams();
	must(apply_cred(), "the user");
	atomic_store(&thread_current()->fs_view->umask, record.umask);
	apply_cwd();
	load_program();
	launch_about_to_enter();
	trap_enter_program();
}
