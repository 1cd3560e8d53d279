/* SPDX-License-Identifier: BSD-2-Clause */
/* A run's plan as a launch record (abi/hull/launch.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/run/run.h"
#include "cli/run/run_image.h"
#include "cli/terminal.h"

#define ROOT_ALIGNMENT 4096u

static void add_mount(struct run_plan *plan, enum launch_mount_type type, const char *source,
		      const char *target)
{
	struct launch_mount mount = { .type = type };

	launch_add_mount(&plan->launch, &mount, source, target);
}

static void add_root(struct run_plan *plan)
{
	if (plan->files.root_dir)
		add_mount(plan, LAUNCH_MOUNT_OVERLAY, "root", "/");
	else if (plan->config.root.bytes)
		add_mount(plan, LAUNCH_MOUNT_EROFS, "", "/");
	else
		add_mount(plan, LAUNCH_MOUNT_CPIO, "", "/");
	add_mount(plan, LAUNCH_MOUNT_PROC, "proc", "/proc");
	add_mount(plan, LAUNCH_MOUNT_SYSFS, "sysfs", "/sys");
	add_mount(plan, LAUNCH_MOUNT_DEVTMPFS, "devtmpfs", "/dev");
	add_mount(plan, LAUNCH_MOUNT_TMPFS, "tmpfs", "/dev/shm");
	if (plan->files.archive)
		launch_add(&plan->launch, LAUNCH_CPIO, plan->files.archive,
			   plan->files.archive_len);
}

static void add_mounts(struct run_plan *plan)
{
	if (plan->image)
		run_image_record(plan);
	else
		add_root(plan);
	for (unsigned i = 0; i < plan->options->nr_volumes; i++) {
		unsigned share = i + (plan->files.root_dir ? 1 : 0);
		struct launch_mount mount = {
			.type = LAUNCH_MOUNT_VIRTIOFS,
			.flags = plan->options->volumes[i].read_only ? LAUNCH_MOUNT_RDONLY : 0,
		};

		launch_add_mount(&plan->launch, &mount, plan->shares[share].tag,
				 plan->options->volumes[i].guest);
	}
}

/* The record lies page aligned in the guest: so does what is at a multiple of a page in it. */
static int embed_root(struct run_plan *plan)
{
	const struct vm_root *root = &plan->config.root;
	const void *bytes;
	size_t at, fill;

	if (!plan->embeds_root || root->bytes == 0)
		return 0;
	bytes = mmap(NULL, root->bytes, PROT_READ, MAP_PRIVATE, root->fd, (off_t)root->offset);
	if (bytes == MAP_FAILED)
		return -errno;
	at = plan->launch.len + 2 * sizeof(struct launch_item);
	fill = ROOT_ALIGNMENT - at % ROOT_ALIGNMENT;
	launch_add(&plan->launch, LAUNCH_FILL, NULL, fill);
	launch_add(&plan->launch, LAUNCH_EROFS, bytes, root->bytes);
	munmap((void *)bytes, root->bytes);
	return 0;
}

static void add_streams(struct run_plan *plan)
{
	const struct streams *streams = &plan->streams;

	for (uint32_t fd = 0; fd < 3; fd++) {
		struct launch_stream stream = { .fd = fd };

		switch (streams->kind[fd]) {
		case STREAM_IS_CLOSED:
			continue;
		case STREAM_IS_NULL:
			stream.kind = STREAM_NULL;
			break;
		case STREAM_IS_TTY:
			stream.kind = STREAM_TTY;
			break;
		case STREAM_IS_BYTES:
			stream.kind = STREAM_PIPE;
			stream.port = fd == 2 && streams->stderr_is_stdout ? PORT_STDOUT
									   : PORT_STDIN + fd;
			break;
		}
		launch_add(&plan->launch, LAUNCH_STREAM, &stream, sizeof(stream));
	}
}

static void add_ports(struct run_plan *plan)
{
	const struct streams *streams = &plan->streams;
	struct launch_ports ports = {
		.control = PORT_CONTROL,
		.strace = plan->options->strace ? PORT_STRACE : 0,
	};
	struct launch_terminal modes;
	struct winsize size;

	if (streams->tty_input || streams->tty_fd >= 0) {
		ports.tty = PORT_TTY;
		int fd = streams->tty_input ? STDIN_FILENO : streams->tty_fd;

		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ports.columns = size.ws_col;
			ports.rows = size.ws_row;
		}
		if (terminal_modes(fd, &modes))
			launch_add(&plan->launch, LAUNCH_TERMINAL, &modes, sizeof(modes));
	}
	launch_add(&plan->launch, LAUNCH_PORTS, &ports, sizeof(ports));
}

static void add_options(struct run_plan *plan)
{
	const struct run_options *options = plan->options;
	struct launch_options out = {
		.flags = (options->no_patch ? LAUNCH_NO_PATCH : 0) |
			 (options->strace ? LAUNCH_STRACE : 0) |
			 (options->follow_forks ? LAUNCH_STRACE_FORKS : 0) |
			 (options->verbose ? LAUNCH_VERBOSE : 0) |
			 (options->timings ? LAUNCH_MARK_MAIN : 0) |
			 (!plan->streams.tty_input ? LAUNCH_TTY_PLAIN : 0) |
			 (options->net.hostname ? LAUNCH_NAME_IS_GIVEN : 0),
	};

	launch_add(&plan->launch, LAUNCH_OPTIONS, &out, sizeof(out));
}

static void add_machine(struct run_plan *plan, uint32_t tsc_khz)
{
	struct launch_clock launch_clock = { .tsc_khz = tsc_khz };
	char hostname[256] = "hull", seed[64];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	launch_clock.wall_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	launch_add(&plan->launch, LAUNCH_CLOCK, &launch_clock, sizeof(launch_clock));
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		launch_add(&plan->launch, LAUNCH_SEED, seed, sizeof(seed));
	gethostname(hostname, sizeof(hostname) - 1);
	if (plan->image && plan->image->record.hostname)
		snprintf(hostname, sizeof(hostname), "%s", plan->image->record.hostname);
	launch_add_string(&plan->launch, LAUNCH_HOSTNAME,
			  plan->options->net.hostname ? plan->options->net.hostname : hostname);
}

static void add_signals(struct run_plan *plan)
{
	struct launch_signals out = {
		.ignored = plan->signals_ignored,
		.blocked = plan->signals_blocked,
	};

	launch_add(&plan->launch, LAUNCH_SIGNALS, &out, sizeof(out));
}

int run_record_write(struct run_plan *plan, uint32_t tsc_khz)
{
	struct launch *launch = &plan->launch;
	const struct identity *identity = &plan->identity;
	int err;

	launch_fini(launch);
	launch_add_string(launch, LAUNCH_PROGRAM, plan->program);
	for (int i = 0; i < plan->options->argc; i++)
		launch_add_string(launch, LAUNCH_ARG, plan->options->argv[i]);
	for (char **variable = plan->env; *variable; variable++)
		launch_add_string(launch, LAUNCH_ENV, *variable);
	launch_add_string(launch, LAUNCH_CWD, plan->cwd);
	launch_add_cred(launch, identity->uid, identity->gid, identity->groups,
			identity->nr_groups);
	launch_add(launch, LAUNCH_UMASK, &plan->umask, sizeof(plan->umask));
	add_signals(plan);
	for (unsigned i = 0; i < plan->nr_rlimits; i++) {
		struct launch_rlimit limit = {
			.resource = plan->rlimits[i].resource,
			.soft = plan->rlimits[i].soft,
			.hard = plan->rlimits[i].hard,
		};

		launch_add(launch, LAUNCH_RLIMIT, &limit, sizeof(limit));
	}
	add_mounts(plan);
	add_streams(plan);
	add_ports(plan);
	add_options(plan);
	add_machine(plan, tsc_khz);
	run_net_record(plan);
	err = embed_root(plan);
	if (launch_end(launch) != 0)
		err = -ENOMEM;
	plan->config.launch = launch->bytes;
	plan->config.launch_bytes = launch->len;
	return err;
}
