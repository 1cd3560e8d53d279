/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the command line to everything that the monitor needs: environment, working directory,
 * root, program, user, shares and ports. Each step says what is wrong and ends the command;
 * nothing is undone, because the process ends with it.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/disk/erofs.h"
#include "cli/command.h"
#include "cli/run/run.h"
#include "cli/run/run_image.h"

#define DEFAULT_MEMORY (1ull << 30)

extern char **environ;

/*
 * Memory is committed as it is touched: the default bounds a runaway program, not an ordinary
 * one.
 */
static uint64_t choose_memory(void)
{
	uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t half = physical / 2 & ~(uint64_t)((1 << 20) - 1);

	return half < DEFAULT_MEMORY ? half : DEFAULT_MEMORY;
}

/* Puts a "NAME=value" in; one of the same name goes. */
static void set_variable(char **env, unsigned *nr, char *variable)
{
	size_t name_len = strcspn(variable, "=") + 1;

	for (unsigned i = 0; i < *nr; i++) {
		if (strncmp(env[i], variable, name_len) == 0) {
			env[i] = variable;
			return;
		}
	}
	env[(*nr)++] = variable;
}

static int make_env(struct run_plan *plan)
{
	const struct run_options *options = plan->options;
	unsigned nr = 0, nr_own = 0;

	while (plan->own_env[nr_own])
		nr_own++;
	plan->env = calloc(nr_own + options->nr_env + 1, sizeof(*plan->env));
	if (!plan->env)
		return EXIT_HULL;
	if (!options->clear_env) {
		memcpy(plan->env, plan->own_env, nr_own * sizeof(*plan->env));
		nr = nr_own;
	}
	for (unsigned i = 0; i < options->nr_env; i++) {
		const char *value = NULL;
		char *variable = options->env[i];

		if (!strchr(variable, '=')) {
			value = getenv(variable);
			if (!value)
				continue; /* not set here: not set there */
			if (asprintf(&variable, "%s=%s", options->env[i], value) < 0)
				return EXIT_HULL;
		}
		set_variable(plan->env, &nr, variable);
	}
	return 0;
}

static bool is_erofs(int fd)
{
	struct erofs_super super;

	return pread(fd, &super, sizeof(super), EROFS_SUPER_OFFSET) == sizeof(super) &&
	       super.magic == EROFS_MAGIC;
}

static int make_archive(struct run_plan *plan, const char *path, int fd, size_t len)
{
	const char *bytes = len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;

	if (bytes == MAP_FAILED || len < 6 ||
	    (memcmp(bytes, "070701", 6) != 0 && memcmp(bytes, "070702", 6) != 0)) {
		message_print("--rootfs %s: it is neither a directory, nor an erofs file system "
			      "(mkfs.erofs FILE DIR), nor a cpio archive of the \"newc\" format "
			      "(find . | cpio -o -H newc)",
			      path);
		return EXIT_USAGE;
	}
	plan->files.archive = bytes;
	plan->files.archive_len = len;
	return 0;
}

static int make_root(struct run_plan *plan)
{
	const char *path = plan->options->rootfs ? plan->options->rootfs : "/";
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		message_print("--rootfs %s: %s", path, strerror(errno));
		return EXIT_USAGE;
	}
	if (S_ISDIR(st.st_mode)) {
		plan->files.root_dir = path;
	} else if (is_erofs(fd)) {
		plan->config.root = (struct vm_root){ fd, 0, (uint64_t)st.st_size };
		return 0;
	} else {
		err = make_archive(plan, path, fd, (size_t)st.st_size);
	}
	close(fd);
	return err;
}

static int make_cwd(struct run_plan *plan)
{
	const char *given = plan->options->cwd;
	char own[PATH_MAX] = "/";
	struct stat st;
	int fd;

	if (!plan->options->rootfs && !getcwd(own, sizeof(own)))
		strcpy(own, "/"); /* it was removed, or is above a chroot */
	plan->files.cwd = own[0] == '/' ? own : "/";
	if (!given || given[0] == '/')
		snprintf(plan->cwd, sizeof(plan->cwd), "%s", given ? given : plan->files.cwd);
	else if (snprintf(plan->cwd, sizeof(plan->cwd), "%s/%s", plan->files.cwd, given) >=
		 (int)sizeof(plan->cwd))
		given = NULL;
	plan->files.cwd = plan->cwd;
	if (!given)
		return 0;
	fd = guest_files_open(&plan->files, plan->cwd);
	if (fd == -ENOTSUP)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
		message_print("-w %s: %s", given, strerror(fd < 0 ? -fd : ENOTDIR));
		return EXIT_USAGE;
	}
	close(fd);
	return 0;
}

static int check_volume(const struct volume *volume)
{
	struct stat st;

	if (stat(volume->host, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	message_print("-v %s:%s: %s", volume->host, volume->guest,
		      errno == 0 || S_ISREG(st.st_mode) ? "only directories can be mounted"
							: strerror(errno));
	return EXIT_USAGE;
}

static int make_shares(struct run_plan *plan)
{
	static char tags[VM_MAX_SHARES][16];
	unsigned nr = 0;

	if (plan->files.root_dir)
		plan->shares[nr++] = (struct vm_share){ "root", plan->files.root_dir, true };
	for (unsigned i = 0; i < plan->options->nr_volumes; i++) {
		const struct volume *volume = &plan->options->volumes[i];
		int err;

		errno = 0;
		err = check_volume(volume);
		if (err)
			return err;
		snprintf(tags[i], sizeof(tags[i]), "v%u", i);
		plan->shares[nr++] = (struct vm_share){ tags[i], volume->host, volume->read_only };
	}
	plan->config.shares = plan->shares;
	plan->config.nr_shares = nr;
	return 0;
}

static int strace_fd(const struct run_options *options)
{
	int fd;

	if (!options->strace_file)
		return STDERR_FILENO;
	fd = open(options->strace_file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		message_print("--strace=%s: %s", options->strace_file, strerror(errno));
	return fd;
}

static int make_ports(struct run_plan *plan)
{
	const struct streams *streams = &plan->streams;
	struct vm_port *ports = plan->ports;
	unsigned nr = 0;

	if (streams->tty_input || streams->tty_fd >= 0)
		ports[nr++] = (struct vm_port){
			PORT_TTY,
			streams->tty_input ? STDIN_FILENO : -1,
			streams->tty_fd,
			true,
		};
	if (plan->options->strace) {
		int fd = strace_fd(plan->options);

		if (fd < 0)
			return EXIT_USAGE;
		ports[nr++] = (struct vm_port){ PORT_STRACE, -1, fd, false };
	}
	if (streams->kind[0] == STREAM_IS_BYTES)
		ports[nr++] = (struct vm_port){ PORT_STDIN, STDIN_FILENO, -1, false };
	if (streams->kind[1] == STREAM_IS_BYTES)
		ports[nr++] = (struct vm_port){ PORT_STDOUT, -1, STDOUT_FILENO, false };
	if (streams->kind[2] == STREAM_IS_BYTES && !streams->stderr_is_stdout)
		ports[nr++] = (struct vm_port){ PORT_STDERR, -1, STDERR_FILENO, false };
	plan->config.ports = ports;
	plan->config.nr_ports = nr;
	plan->config.control_port = PORT_CONTROL;
	plan->config.control_in_fd = -1;
	return 0;
}

/* --kernel FILE: the whole file, for as long as the process lives. */
static int read_kernel(struct run_plan *plan)
{
	const char *path = plan->options->kernel;
	struct stat st;
	int fd;

	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
		message_print("--kernel %s: %s", path, fd < 0 ? strerror(errno) : "it is empty");
		return EXIT_USAGE;
	}
	plan->config.kernel = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	plan->config.kernel_bytes = (size_t)st.st_size;
	close(fd);
	if (plan->config.kernel != MAP_FAILED)
		return 0;
	message_print("--kernel %s: %s", path, strerror(errno));
	return EXIT_USAGE;
}

/* The first 64 signals cannot all be asked for: the C library keeps two for itself. */
static void add_signals(struct run_plan *plan)
{
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int n = 1; n <= 64; n++) {
		struct sigaction action;

		if (sigaction(n, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			plan->signals_ignored |= 1ull << (n - 1);
		if (sigismember(&blocked, n) == 1)
			plan->signals_blocked |= 1ull << (n - 1);
	}
}

/* Before anything raises or clears them for its own needs. */
static void note_limits(struct run_plan *plan)
{
	static const uint32_t resources[] = {
		RLIMIT_CPU,  RLIMIT_FSIZE,  RLIMIT_DATA, RLIMIT_STACK,
		RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_AS,   RLIMIT_MEMLOCK,
	};
	struct rlimit limit;

	for (unsigned i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		if (getrlimit(resources[i], &limit) == 0)
			plan->rlimits[plan->nr_rlimits++] = (struct rlimit_row){
				resources[i],
				limit.rlim_cur,
				limit.rlim_max,
			};
	}
	add_signals(plan);
	plan->umask = umask(0);
	umask(plan->umask);
}

static const char *search_path(char **env)
{
	for (; *env; env++) {
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	}
	return NULL;
}

/* Where it is, as whom, and what it is run from. */
static int make_program(struct run_plan *plan)
{
	const struct run_options *options = plan->options;
	int err = make_cwd(plan);

	if (!err)
		err = identity_get(options->user, &plan->files, &plan->identity);
	if (!err)
		err = guest_files_find_program(&plan->files, options->argv[0],
					       search_path(plan->env), plan->program);
	return err;
}

int run_plan_make(struct run_plan *plan)
{
	const struct run_options *options = plan->options;
	int err;

	note_limits(plan);
	plan->own_env = environ;
	plan->files.volumes = options->volumes;
	plan->files.nr_volumes = options->nr_volumes;
	plan->config.memory_bytes = options->memory_bytes ? options->memory_bytes : choose_memory();
	plan->config.nr_cpus = options->nr_cpus ? options->nr_cpus : 1;
	err = plan->image ? run_image_plan(plan) : make_root(plan);
	if (!err)
		err = make_env(plan);
	if (!err)
		err = make_shares(plan);
	if (!err && !plan->image)
		err = make_program(plan);
	if (!err)
		err = read_kernel(plan);
	if (!err)
		err = run_net_plan(plan);
	return err ? err : make_ports(plan);
}
