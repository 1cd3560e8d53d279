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
#include "core/sched/thread.h"
#include "fs/tmpfs/null.h"
#include "fs/tty/port.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/errors.h"
#include "linux/exec/exec.h"
#include "linux/hooks.h"
#include "linux/exec/launch_mount.h"
#include "linux/signal/signals.h"
#include "linux/strace/strace.h"
#include "linux/system.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define STATUS_NOT_FOUND  127
#define STATUS_CANNOT_RUN 126

LINKER_SET(launch_stages, struct launch_stage);
bool launch_is_verbose;
static struct launch_record record;  /* [I] after program_launch began */
static struct port *output_ports[5]; /* [I] to drain at the end */
static unsigned nr_output_ports;
static bool marks_main; /* [I] LAUNCH_MARK_MAIN */

/* ---- the end ---- */

/* There is no one to pass it on to: whoever looks at the console is told. */
static void say_status(uint32_t status, uint32_t sig)
{
	if (sig != 0)
		log_user("the program was killed by signal %u", sig);
	else if (status != 0)
		log_user("the program ended with status %u", status);
}

static NORETURN void end_vm(uint32_t status, uint32_t sig)
{
	control_send_terminal();
	control_send(CONTROL_EXITED, status, sig, 0);
	for (unsigned i = 0; i < nr_output_ports; i++)
		output_ports[i]->ops->drain(output_ports[i]);
	if (record.ports->control == 0)
		say_status(status, sig);
	platform->end(VM_END_OFF);
	cpu_stop();
}

void launch_program_ended(int wait_status)
{
	int sig = wait_status & 0x7f;

	LINKER_SET_FOREACH(launch_stages, stage)
		if (stage->end != NULL)
			stage->end();
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

/* ---- ports and streams ---- */

static struct port *note_output(struct port *p)
{
	unsigned i = 0;

	while (i < nr_output_ports && output_ports[i] != p)
		i++;
	if (p != NULL && i == nr_output_ports && i < ARRAY_SIZE(output_ports))
		output_ports[nr_output_ports++] = p;
	return p;
}

static struct port *find_output(uint32_t nr)
{
	return note_output(nr == 0 ? NULL : port_find(nr));
}

static bool wants_console(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (record.streams[fd] != NULL && record.streams[fd]->kind == STREAM_CONSOLE)
			return true;
	}
	return false;
}

static void start_ports(void)
{
	const struct launch_ports *ports = record.ports;
	struct port *control = find_output(ports->control), *tty = find_output(ports->tty);
	struct port *strace = find_output(ports->strace);

	if (control != NULL)
		control_start(control);
	else if (ports->control != 0)
		cannot_start("the console device", "it has no control port");
	if (wants_console())
		tty = note_output(port_console());
	if (tty != NULL)
		must(tty_init_console(tty, ports->columns, ports->rows, record.terminal),
		     "the terminal");
	if ((record.options & LAUNCH_TTY_PLAIN) != 0)
		tty_set_plain();
	if (strace != NULL && (record.options & LAUNCH_STRACE) != 0)
		strace_start(strace, (record.options & LAUNCH_STRACE_FORKS) != 0);
}

/* A minimal kernel may have no /dev. */
static int open_null(struct file **out)
{
	int err = vfs_open(NULL, "/dev/null", O_RDWR, 0, 0, out);

	return err == -ENOENT || err == -ENXIO ? null_file_new(out) : err;
}

static int open_stream(const struct launch_stream *s, struct file **out)
{
	unsigned mode = s->fd == 0 ? O_RDONLY : O_WRONLY;
	struct port *p;
	int err;

	switch (s->kind) {
	case STREAM_NULL:
		return open_null(out);
	case STREAM_CONSOLE:
		err = tty_console_file_new(O_RDWR, out);
		return err != -ENXIO ? err : open_null(out);
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
	int err;

	if (launch_record_read(&record, launch_record, len, &why) != 0)
		cannot_start("the launch record", why);
	launch_is_verbose = (record.options & LAUNCH_VERBOSE) != 0;
	log_set_verbose(launch_is_verbose);
	if ((record.options & LAUNCH_NO_PATCH) != 0)
		door_disable();
	marks_main = (record.options & LAUNCH_MARK_MAIN) != 0;
	random_add(record.seed, record.seed_len);
	if (record.hostname != NULL)
		system_hostname_set(record.hostname);
	hooks_install();
	become_first_task();
	err = launch_mount_all(&record, &why);
	if (err != 0)
		cannot_start(why, error_text(-err));
	LINKER_SET_FOREACH(launch_stages, stage)
		stage->begin(&record);
	start_ports();
	apply_limits(process_current());
	apply_signals(process_current());
	open_streams();
	must(apply_cred(), "the user");
	atomic_store(&thread_current()->fs_view->umask, record.umask);
	apply_cwd();
	load_program();
	LINKER_SET_FOREACH(launch_stages, stage)
		stage->finish();
	launch_about_to_enter();
	trap_enter_program();
}
