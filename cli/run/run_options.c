/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `hull run`: one function each, and the table. They check form, not whether
 * files exist.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/run/run.h"
#include "launch/cpu_count.h"
#include "launch/memory_size.h"

static int set_rootfs(void *context, const char *value)
{
	struct run_options *options = context;

	options->rootfs = value;
	return 0;
}

/* Cuts HOST:GUEST[:MODE] up in place; NULL if it is well-formed, else what is wrong. */
static const char *parse_volume(char *text, struct volume *volume)
{
	char *guest = strchr(text, ':'), *mode;

	if (!guest || guest == text || guest[1] != '/')
		return "write HOST:GUEST or HOST:GUEST:ro, GUEST an absolute path";
	*guest++ = '\0';
	mode = strchr(guest, ':');
	if (mode)
		*mode++ = '\0';
	if (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		return "the mode is ro or rw";
	while (guest[1] && guest[strlen(guest) - 1] == '/')
		guest[strlen(guest) - 1] = '\0';
	*volume = (struct volume){
		.host = text,
		.guest = guest,
		.read_only = mode && strcmp(mode, "ro") == 0,
	};
	return NULL;
}

static int set_volume(void *context, const char *value)
{
	struct run_options *options = context;
	const char *wrong;
	char *text;

	if (options->nr_volumes == VM_MAX_SHARES - 1) {
		message_print("-v: at most %d directories can be mounted", VM_MAX_SHARES - 1);
		return EXIT_USAGE;
	}
	text = strdup(value);
	if (!text)
		abort();
	wrong = parse_volume(text, &options->volumes[options->nr_volumes]);
	if (wrong) {
		message_print("-v %s: %s", value, wrong);
		free(text);
		return EXIT_USAGE;
	}
	options->nr_volumes++;
	return 0;
}

static int set_user(void *context, const char *value)
{
	((struct run_options *)context)->user = value;
	return 0;
}

static int set_memory(void *context, const char *value)
{
	struct run_options *options = context;

	if (!memory_size_parse(value, &options->memory_bytes)) {
		message_print("-m %s: write a size such as 64M or 2G", value);
		return EXIT_USAGE;
	}
	if (options->memory_bytes == 0) {
		message_print("-m %s: at least 1M", value);
		return EXIT_USAGE;
	}
	return 0;
}

static int set_cpus(void *context, const char *value)
{
	struct run_options *options = context;

	if (!cpu_count_parse(value, &options->nr_cpus)) {
		message_print("-c %s: write a number of CPUs from 1 to %d", value, CPU_COUNT_MAX);
		return EXIT_USAGE;
	}
	return 0;
}

static int set_env(void *context, const char *value)
{
	struct run_options *options = context;
	char **env;

	if (!value[0] || value[0] == '=') {
		message_print("-e %s: write NAME=VALUE, or NAME to take yours", value);
		return EXIT_USAGE;
	}
	env = reallocarray(options->env, options->nr_env + 2, sizeof(*env));
	if (!env)
		abort();
	options->env = env;
	env[options->nr_env++] = (char *)value;
	env[options->nr_env] = NULL;
	return 0;
}

static int set_clear_env(void *context, const char *value)
{
	(void)value;
	((struct run_options *)context)->clear_env = true;
	return 0;
}

static int set_cwd(void *context, const char *value)
{
	((struct run_options *)context)->cwd = value;
	return 0;
}

static int set_accel(void *context, const char *value)
{
	struct run_options *options = context;

	if (strcmp(value, "auto") == 0) {
		options->accel = ACCEL_AUTO;
	} else if (strcmp(value, "kvm") == 0) {
		options->accel = ACCEL_KVM;
	} else if (strcmp(value, "tcg") == 0) {
		options->accel = ACCEL_TCG;
	} else {
		message_print("--accel %s: it is auto, kvm or tcg", value);
		return EXIT_USAGE;
	}
	return 0;
}

static int set_machine(void *context, const char *value)
{
	if (strcmp(value, "microvm") != 0 && strcmp(value, "q35") != 0) {
		message_print("--machine %s: it is microvm or q35", value);
		return EXIT_USAGE;
	}
	((struct run_options *)context)->machine = value;
	return 0;
}

static int set_kernel(void *context, const char *value)
{
	((struct run_options *)context)->kernel = value;
	return 0;
}

static int set_signature(void *context, const char *value)
{
	((struct run_options *)context)->signature_key = value;
	return 0;
}

static int set_strace(void *context, const char *value)
{
	struct run_options *options = context;

	options->strace = true;
	options->strace_file = value;
	return 0;
}

static int set_follow_forks(void *context, const char *value)
{
	struct run_options *options = context;

	(void)value;
	options->follow_forks = true;
	return 0;
}

/* As for containers. Standard input is the program's in any case. */
static int set_interactive(void *context, const char *value)
{
	(void)context;
	(void)value;
	return 0;
}

static int set_tty(void *context, const char *value)
{
	(void)context;
	(void)value;
	if (isatty(STDIN_FILENO))
		return 0;
	message_print("-t: standard input is not a terminal");
	return EXIT_USAGE;
}

static int set_no_patch(void *context, const char *value)
{
	(void)value;
	((struct run_options *)context)->no_patch = true;
	return 0;
}

static int set_quiet(void *context, const char *value)
{
	(void)value;
	((struct run_options *)context)->quiet = true;
	return 0;
}

static int set_verbose(void *context, const char *value)
{
	(void)value;
	((struct run_options *)context)->verbose = true;
	return 0;
}

static int set_timings(void *context, const char *value)
{
	(void)value;
	((struct run_options *)context)->timings = true;
	return 0;
}

const struct option_row run_option_rows[] = {
	{ 0, "rootfs", ARGUMENT_NEEDED, "DIR|FILE",
	  "the program's root: a directory, or an erofs or cpio file\n"
	  "(default: the host's files, read-only)",
	  set_rootfs },
	{ 'v', "volume", ARGUMENT_NEEDED, "HOST:GUEST[:ro]", "show a host directory at GUEST",
	  set_volume },
	{ 'u', "user", ARGUMENT_NEEDED, "USER[:GROUP]",
	  "run as this user of the guest (default: you)", set_user },
	{ 'm', "memory", ARGUMENT_NEEDED, "SIZE", "the most memory it may use, such as 64M or 2G",
	  set_memory },
	{ 'c', "cpus", ARGUMENT_NEEDED, "N", "how many CPUs it has, 1 to 64 (default: 1)",
	  set_cpus },
	{ 'e', "env", ARGUMENT_NEEDED, "NAME[=VALUE]",
	  "set a variable (default: your whole environment)", set_env },
	{ 0, "env-clear", ARGUMENT_NONE, NULL, "start from an empty environment", set_clear_env },
	{ 'i', "interactive", ARGUMENT_NONE, NULL,
	  "accepted: the program always has your standard input", set_interactive },
	{ 't', "tty", ARGUMENT_NONE, NULL, "insist on a terminal (default: one if you have one)",
	  set_tty },
	{ 'w', "workdir", ARGUMENT_NEEDED, "DIR", "the working directory (default: yours)",
	  set_cwd },
	{ 0, "net", ARGUMENT_NEEDED, "user|tap=NAME|fd=N|none",
	  "a network interface; several make several. With\n,mac=XX:XX:XX:XX:XX:XX and ,mtu=N; "
	  "user with ,host=off",
	  run_net_set },
	{ 'p', "publish", ARGUMENT_NEEDED, "[ADDR:]HOST:GUEST[/udp]",
	  "lead a port of the host's to one of the program's\n(with --net user, which it implies)",
	  run_net_set_port },
	{ 0, "ip", ARGUMENT_NEEDED, "ADDR/BITS[,GATEWAY]",
	  "an address for the --net before it (default: by DHCP)", run_net_set_address },
	{ 0, "dns", ARGUMENT_NEEDED, "ADDR", "a name server (default: what DHCP says)",
	  run_net_set_nameserver },
	{ 0, "hostname", ARGUMENT_NEEDED, "NAME", "the guest's name (default: the host's)",
	  run_net_set_hostname },
	{ 0, "pcap", ARGUMENT_NEEDED, "FILE", "write what crosses the interfaces there, as pcapng",
	  run_net_set_capture },
	{ 0, "accel", ARGUMENT_NEEDED, "auto|kvm|tcg",
	  "how to run the virtual machine; tcg is QEMU, slow,\nfor hosts without KVM", set_accel },
	{ 0, "require-signature", ARGUMENT_NEEDED, "PUBKEY",
	  "run an image only if this ed25519 key (PEM) signed it", set_signature },
	{ 0, "strace", ARGUMENT_OPTIONAL, "FILE",
	  "print every system call, to standard error or FILE", set_strace },
	{ 'f', "follow-forks", ARGUMENT_NONE, NULL,
	  "with --strace: those of its child processes too", set_follow_forks },
	{ 0, "no-patch", ARGUMENT_NONE, NULL, "never rewrite system-call instructions",
	  set_no_patch },
	{ 'q', "quiet", ARGUMENT_NONE, NULL, "say nothing about how the program died", set_quiet },
	{ 0, "verbose", ARGUMENT_NONE, NULL, "show the kernel's log", set_verbose },
	{ 0, "timings", ARGUMENT_NONE, NULL, NULL, set_timings },
	{ 0, "kernel", ARGUMENT_NEEDED, "FILE", NULL, set_kernel },
	{ 0, "machine", ARGUMENT_NEEDED, "microvm|q35", NULL, set_machine },
	{ 0 },
};
