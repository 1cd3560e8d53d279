/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull build`: hull.yaml and then the options into one struct config (pack/config/config.h), the
 * build, and what it made in a few lines. What can be said in hull.yaml too goes through the same
 * setters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "pack/link/link.h"
#include "pack/pack.h"
#include "pack/tree/presets.h"
#include "pack/config/yaml.h"

#define DEFAULT_FILE "hull.yaml"

struct build_options {
	struct config config;
	struct arena *arena;
	const char *file; /* -f */
	bool quiet;
	struct failure failure;
};

static int told(struct build_options *o, int err, const char *option)
{
	if (!err)
		return 0;
	message_print("%s: %s", option, o->failure.text);
	return EXIT_USAGE;
}

#define TEXT_OPTION(id) \
	static int set_##id(void *context, const char *value) \
	{ \
		((struct build_options *)context)->config.id = value; \
		return 0; \
	}
#define FLAG_OPTION(id) \
	static int set_##id(void *context, const char *value) \
	{ \
		(void)value; \
		((struct build_options *)context)->config.id = true; \
		return 0; \
	}
#define VALUE_OPTION(id, name) \
	static int set_##id(void *context, const char *value) \
	{ \
		struct build_options *o = context; \
\
		return told(o, config_set_##id(&o->config, value, &o->failure), name); \
	}
#define LIST_OPTION(id, setter, name) \
	static int set_##id(void *context, const char *value) \
	{ \
		struct build_options *o = context; \
\
		return told(o, setter(&o->config, o->arena, value, &o->failure), name); \
	}
#define STRINGS_OPTION(id) \
	static int set_##id(void *context, const char *value) \
	{ \
		struct build_options *o = context; \
\
		strings_add(o->arena, &o->config.id, value); \
		return 0; \
	}

TEXT_OPTION(output)
TEXT_OPTION(cwd)
TEXT_OPTION(user)
TEXT_OPTION(hostname)
TEXT_OPTION(oci)
TEXT_OPTION(library_path)
TEXT_OPTION(kernel)
TEXT_OPTION(sign)
FLAG_OPTION(minimal)
FLAG_OPTION(read_only)
FLAG_OPTION(no_patch)
FLAG_OPTION(no_network)
FLAG_OPTION(no_etc)
VALUE_OPTION(memory, "-m")
VALUE_OPTION(cpus, "-c")
VALUE_OPTION(verify_seconds, "--verify-seconds")
VALUE_OPTION(target, "--target")
VALUE_OPTION(firmware, "--firmware")
VALUE_OPTION(format, "--format")
VALUE_OPTION(compression, "--compression")
LIST_OPTION(env, config_add_env, "-e")
LIST_OPTION(volume, config_add_volume, "-v")
LIST_OPTION(publish, config_add_publish, "-p")
LIST_OPTION(nameserver, config_add_nameserver, "--dns")
STRINGS_OPTION(exclude)
STRINGS_OPTION(presets)
STRINGS_OPTION(libraries)

/* Asked for help, nothing is built. */
static int set_parts(void *context, const char *value)
{
	struct build_options *o = context;
	const char *name, *what;

	if (strcmp(value, "help") != 0) {
		strings_add(o->arena, &o->config.parts, value);
		return 0;
	}
	for (unsigned i = 0; (name = link_part_name(i, &what)); i++)
		printf("%-16s%s\n", name, what);
	exit(0);
}

static int set_file(void *context, const char *value)
{
	((struct build_options *)context)->file = value;
	return 0;
}

static int set_quiet(void *context, const char *value)
{
	(void)value;
	((struct build_options *)context)->quiet = true;
	return 0;
}

static int add_file(void *context, const char *value)
{
	struct build_options *o = context;

	config_split_file(config_add_file(&o->config, o->arena), o->arena, value);
	return 0;
}

static int set_address(void *context, const char *value)
{
	struct build_options *o = context;

	return told(o, config_add_address(&o->config, value, &o->failure), "--ip");
}

static int set_calls(void *context, const char *value)
{
	struct build_options *o = context;

	o->config.minimal = o->config.has_calls = true;
	strings_add(o->arena, &o->config.calls, value);
	return 0;
}

static int set_verify(void *context, const char *value)
{
	struct build_options *o = context;

	o->config.verify = true;
	if (value)
		o->config.verify_command = value;
	return 0;
}

/* clang-format off */
static const struct option_row options[] = {
	{ 'f', "file", ARGUMENT_NEEDED, "FILE",
	  "what to build (default: hull.yaml, if no PROGRAM is given)", set_file },
	{ 'o', "output", ARGUMENT_NEEDED, "FILE",
	  "the image (default: PROGRAM.img, .disk or .iso)", set_output },
	{ 0, "target", ARGUMENT_NEEDED, "elf|disk|iso",
	  "an ELF file for hull run and PVH machines\n(default), a raw disk, or an ISO",
	  set_target },
	{ 0, "firmware", ARGUMENT_NEEDED, "both|bios|uefi",
	  "how disk or ISO boot (default: both)", set_firmware },
	{ 0, "compression", ARGUMENT_NEEDED, "lz4|lzma|none",
	  "of disk or ISO: fast (default), or a quarter smaller", set_compression },
	{ 0, "files", ARGUMENT_NEEDED, "FROM[:TO]",
	  "files and folders too: a pattern, and where\nthey go (default: the same path)",
	  add_file },
	{ 0, "exclude", ARGUMENT_NEEDED, "PATTERN", "leave out files of this name or path",
	  set_exclude },
	{ 0, "preset", ARGUMENT_NEEDED, "NAME",
	  "a known set of files: python3, shell, ...", set_presets },
	{ 0, "also", ARGUMENT_NEEDED, "LIBRARY", "a library that the program loads by dlopen",
	  set_libraries },
	{ 0, "library-path", ARGUMENT_NEEDED, "DIR[:DIR]", "look for libraries here first",
	  set_library_path },
	{ 0, "oci", ARGUMENT_NEEDED, "TAR|DIR", "the root is a container image's", set_oci },
	{ 0, "no-etc", ARGUMENT_NONE, NULL, "make up no /etc/passwd, group, hosts, nsswitch.conf",
	  set_no_etc },
	{ 'e', "env", ARGUMENT_NEEDED, "NAME[=VALUE]", "set a variable", set_env },
	{ 'w', "workdir", ARGUMENT_NEEDED, "DIR", "the working directory (default: /)", set_cwd },
	{ 'u', "user", ARGUMENT_NEEDED, "USER[:GROUP]",
	  "run as this user (default: root)", set_user },
	{ 0, "hostname", ARGUMENT_NEEDED, "NAME", "the machine's name (default: DHCP's)",
	  set_hostname },
	{ 0, "read-only", ARGUMENT_NONE, NULL, "no layer in memory for what is written",
	  set_read_only },
	{ 0, "no-net", ARGUMENT_NONE, NULL, "leave network interfaces alone", set_no_network },
	{ 0, "ip", ARGUMENT_NEEDED, "ADDR/BITS[,GATEWAY]",
	  "the first interface's address (default: by DHCP)", set_address },
	{ 0, "dns", ARGUMENT_NEEDED, "ADDR", "a name server (default: what DHCP says)",
	  set_nameserver },
	{ 'p', "publish", ARGUMENT_NEEDED, "[ADDR:]HOST:GUEST[/udp]",
	  "what hull run IMAGE does by -p", set_publish },
	{ 'v', "volume", ARGUMENT_NEEDED, "HOST:GUEST[:ro]",
	  "what hull run IMAGE does by -v", set_volume },
	{ 'm', "memory", ARGUMENT_NEEDED, "SIZE", "what hull run IMAGE gives it", set_memory },
	{ 'c', "cpus", ARGUMENT_NEEDED, "N", "how many CPUs hull run IMAGE gives it", set_cpus },
	{ 0, "minimal", ARGUMENT_NONE, NULL,
	  "link a kernel with only the calls that hull scan finds", set_minimal },
	{ 0, "calls", ARGUMENT_NEEDED, "LIST|@FILE", "with only these: read,write,...", set_calls },
	{ 0, "parts", ARGUMENT_NEEDED, "+PART,-PART",
	  "more, or less, of the kernel; help: a list", set_parts },
	{ 0, "verify", ARGUMENT_OPTIONAL, "ARGUMENTS",
	  "run the image, and fail if it fails, or misses a call", set_verify },
	{ 0, "verify-seconds", ARGUMENT_NEEDED, "N",
	  "how long that may take (default: 120)", set_verify_seconds },
	{ 0, "no-patch", ARGUMENT_NONE, NULL, "leave system-call instructions alone",
	  set_no_patch },
	{ 0, "format", ARGUMENT_NEEDED, "erofs|cpio",
	  "the root: a file system, or an archive that is\nunpacked at start (for the tiniest)",
	  set_format },
	{ 0, "sign", ARGUMENT_NEEDED, "KEY", "sign it by an ed25519 key (PEM)", set_sign },
	{ 0, "kernel", ARGUMENT_NEEDED, "FILE", NULL, set_kernel },
	{ 'q', "quiet", ARGUMENT_NONE, NULL, "say nothing but errors", set_quiet },
	{ 0 },
};
/* clang-format on */

/* ---- what was made ---- */

static void print_size(const char *label, uint64_t bytes)
{
	if (bytes < 1 << 20)
		printf("  %-9s %8.1f KiB", label, (double)bytes / 1024);
	else
		printf("  %-9s %8.2f MiB", label, (double)bytes / (1 << 20));
}

static void print_report(const struct pack_report *report)
{
	print_size("kernel", report->kernel_bytes);
	if (report->is_minimal)
		printf("  %zu calls, %zu parts\n", report->calls.nr, report->parts.nr);
	else
		printf("  every call and part\n");
	print_size("program", report->program_bytes);
	printf("\n");
	print_size("files", report->file_bytes);
	printf("  in %u entries; as they are packed: %.1f KiB\n", report->nr_files,
	       (double)report->root_bytes / 1024);
	if (report->nr_sites)
		printf("  %-9s %u of %u call sites in %u files, ahead of time\n", "patched",
		       report->nr_patched, report->nr_sites, report->nr_patched_files);
	print_size("image", report->whole_bytes);
	if (report->disk_bytes) {
		printf("\n");
		print_size("disk", report->disk_bytes);
	}
	printf("  %s\n", report->output);
	for (size_t i = 0; i < report->notes.nr; i++)
		printf("  note: %s\n", report->notes.at[i]);
}

/* ---- the command ---- */

static int usage(const char *text)
{
	message_print("build: %s", text);
	fprintf(stderr, "Try 'hull build --help'.\n");
	return EXIT_USAGE;
}

static void default_output(struct build_options *o)
{
	static const char *const suffixes[] = { "img", "disk", "iso" };
	const char *program = o->config.program ? o->config.program : o->config.oci;
	const char *base = strrchr(program, '/');

	base = base ? base + 1 : program;
	if (!o->config.output)
		o->config.output = arena_printf(o->arena, "%s.%s", *base ? base : "hull",
						suffixes[o->config.target]);
}

/* hull.yaml first, the command line on top: the options are read twice, first for -f alone. */
static int read_config(struct build_options *o, int argc, char **argv)
{
	int rest, err = options_parse(&cmd_build, argc, argv, o, &rest);
	const char *file = o->file;

	if (err)
		return err;
	if (!file && rest >= argc && !o->config.oci) {
		if (access(DEFAULT_FILE, F_OK) != 0)
			return usage("which program? Give one, or write a hull.yaml: hull init");
		file = DEFAULT_FILE;
	}
	if (file) {
		config_init(&o->config);
		if (yaml_read(&o->config, o->arena, file, &o->failure)) {
			message_print("build: %s", o->failure.text);
			return 1;
		}
		err = options_parse(&cmd_build, argc, argv, o, &rest);
	}
	if (rest < argc) {
		o->config.program = argv[rest];
		o->config.program_place = (struct place){ .file = NULL };
		o->config.args = (struct strings){ .nr = 0 };
		o->config.has_args = true;
	}
	for (int i = rest + 1; i < argc; i++)
		strings_add(o->arena, &o->config.args, argv[i]);
	if (!err && !o->config.program && !o->config.oci)
		return usage("hull.yaml names no program: add 'program: PATH'");
	return err;
}

static int run(int argc, char **argv)
{
	static struct build_options o;
	struct arena arena = { NULL };
	struct pack_report report;
	int err;

	o.arena = &arena;
	config_init(&o.config);
	err = read_config(&o, argc, argv);
	if (err)
		return err;
	default_output(&o);
	err = pack_build(&o.config, &arena, &report, &o.failure);
	if (err)
		message_print("build: %s", o.failure.text);
	else if (!o.quiet)
		print_report(&report);
	arena_fini(&arena);
	return err ? 1 : 0;
}

const struct command cmd_build = {
	.name = "build",
	.arguments = "[OPTION...] [PROGRAM [ARGUMENT...]]",
	.summary = "Make an image of a program that boots by itself.",
	.options = options,
	.run = run,
};
