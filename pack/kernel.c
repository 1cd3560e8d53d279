/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses or links the kernel (kernel.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <abi/hull/native.h>

#include "pack/tree/content.h"
#include "pack/kernel.h"
#include "pack/link/link.h"
#include "pack/mentions.h"
#include "pack/signals.h"
#include "pack/tree/unpack.h"
#include "scan/scan.h"

#define MAX_INTERPRETERS 4
#define HEAD_BYTES       255

static bool has_call(const struct build *build, unsigned number)
{
	for (size_t i = 0; i < build->image.nr_calls; i++) {
		if (build->image.calls[i] == number)
			return true;
	}
	return false;
}

static bool opens_no_files(const struct build *build)
{
	return build->config->minimal && !has_call(build, SYS_open) &&
	       !has_call(build, SYS_openat) && !has_call(build, SYS_openat2);
}

bool kernel_has_part(const struct build *build, const char *name)
{
	const struct strings *parts = &build->report->parts;

	for (size_t i = 0; i < parts->nr; i++) {
		if (strcmp(parts->at[i], name) == 0)
			return true;
	}
	return !build->report->is_minimal;
}

/* ---- which calls ---- */

/* --calls, several of which add up. */
static int listed_calls(struct build *build, struct failure *failure)
{
	const char *text = "";
	uint16_t *calls;

	for (size_t i = 0; i < build->config->calls.nr; i++)
		text = arena_printf(build->arena, "%s%s%s", text, *text ? "," : "",
				    build->config->calls.at[i]);
	if (link_calls_read(text, build->arena, &calls, &build->image.nr_calls, failure))
		return -1;
	build->image.calls = calls;
	return 0;
}

/* Shared libraries of the tree: a program may open any that it brings. */
static void add_modules(struct build *build, const struct node *node, struct strings *also)
{
	for (size_t i = 0; i < node->nr_entries; i++)
		add_modules(build, node->entries[i], also);
	if (S_ISREG(node->mode) && node->content.path && strstr(node->name, ".so"))
		strings_add(build->arena, also, node->content.path);
}

static void take_answer(struct build *build, const struct scan_answer *answer)
{
	uint16_t *calls = arena_alloc(build->arena,
				      (build->image.nr_calls + answer->nr_calls) * sizeof(*calls));
	size_t nr = build->image.nr_calls;

	if (nr)
		memcpy(calls, build->image.calls, build->image.nr_calls * sizeof(*calls));
	for (unsigned i = 0; i < answer->nr_calls; i++) {
		if (!has_call(build, answer->calls[i].number))
			calls[nr++] = (uint16_t)answer->calls[i].number;
	}
	build->image.calls = calls;
	build->image.nr_calls = nr;
}

static void take_notes(struct build *build, const struct scan_answer *answer)
{
	struct strings *notes = &build->report->notes;

	for (unsigned i = 0; i < answer->nr_sites; i++) {
		const struct scan_site *site = &answer->sites[i];

		if (!site->unknown)
			continue;
		strings_add(
			build->arena, notes,
			arena_printf(build->arena,
				     "%s: the system call at 0x%llx (%s) is not known: %s; if the "
				     "kernel lacks it, name it by --calls",
				     site->file, (unsigned long long)site->address,
				     site->function ? site->function : "no symbol", site->unknown));
	}
	for (unsigned i = 0; i < answer->nr_notes; i++)
		strings_add(build->arena, notes, arena_string(build->arena, answer->notes[i].text));
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* A container image's programs: the one that starts, and if that is a script, its interpreter. */
static int programs_inside(struct build *build, struct strings *programs, struct failure *failure)
{
	const char *path = build->program.path;

	for (unsigned depth = 0; depth < MAX_INTERPRETERS; depth++) {
		struct node *node = tree_find(&build->tree, path, true);
		char *head = arena_alloc(build->arena, HEAD_BYTES + 1), *name;

		if (!node || content_read(&tree_inode(node)->content, head, HEAD_BYTES, 0) < 4)
			return failure_set(failure,
					   "--minimal: %s cannot be read in the container "
					   "image",
					   path);
		if (memcmp(head, "#!", 2) != 0) {
			strings_add(build->arena, programs, path);
			return 0;
		}
		build->program.is_script = true;
		name = head + 2 + strspn(head + 2, " \t");
		name[strcspn(name, " \t\n")] = '\0';
		path = name;
	}
	return failure_set(failure, "--minimal: the interpreters of %s are scripts themselves",
			   build->program.path);
}

static int scan_all(struct build *build, const struct strings *programs,
		    const struct scan_options *options, struct failure *failure)
{
	struct scan_error error = { "" };
	struct scan_answer *answer;
	struct scan *scan;
	int err = 0;

	if (scan_new(&scan))
		return failure_set(failure, "there is no memory to scan the program");
	for (size_t i = 0; i < programs->nr && !err; i++) {
		err = scan_program(scan, programs->at[i], options, &answer, &error);
		if (err)
			break;
		take_answer(build, answer);
		take_notes(build, answer);
		if (options->closure.root && answer->closure->objects[0].file->interp)
			build->program.is_dynamic = true;
		scan_answer_free(answer);
	}
	scan_free(scan);
	if (err)
		return failure_set(failure, "--minimal: %s", error.text);
	qsort((uint16_t *)build->image.calls, build->image.nr_calls, sizeof(uint16_t), by_number);
	return 0;
}

/* From an unpacked copy of a container image's programs. */
static int scan_inside(struct build *build, struct scan_options *options, struct failure *failure)
{
	struct strings programs = { .nr = 0 };
	sigset_t before;
	int err = -1;

	signals_hold(&before);
	options->closure.root = unpack_programs(&build->tree, failure);
	if (options->closure.root) {
		err = programs_inside(build, &programs, failure);
		if (!err)
			err = scan_all(build, &programs, options, failure);
		unpack_remove(options->closure.root);
	}
	signals_release(&before);
	return err;
}

static int scanned_calls(struct build *build, struct failure *failure)
{
	struct strings also = build->config->libraries;
	struct scan_options options = { .closure = {
						.library_path = build->config->library_path } };

	if (!build->config->oci)
		add_modules(build, build->tree.root, &also);
	strings_add(build->arena, &also, NULL);
	options.closure.also = also.at;
	return build->config->oci ? scan_inside(build, &options, failure)
				  : scan_all(build, &build->program.executables, &options, failure);
}

/* ---- what for ---- */

/* An archive is asked for where size is all: then what the program may do without is left out. */
static bool is_tiniest(const struct build *build)
{
	return build->config->format == FORMAT_CPIO;
}

static unsigned comforts_of(const struct build *build, unsigned mentions)
{
	unsigned facts = LINK_REPORT;

	if (!build->config->no_patch)
		facts |= LINK_PATCH;
	if (has_call(build, SYS_ioctl))
		facts |= LINK_TTY;
	if (has_call(build, SYS_clock_gettime) || has_call(build, SYS_gettimeofday) ||
	    has_call(build, SYS_time) || has_call(build, SYS_getcpu))
		facts |= LINK_CLOCKS;
	if (!opens_no_files(build) && mentions & MENTIONS_PROC)
		facts |= LINK_PROC;
	if (!opens_no_files(build) && mentions & MENTIONS_DEV)
		facts |= LINK_DEV;
	return facts;
}

static bool has_static_address(const struct config *config, unsigned family)
{
	for (unsigned i = 0; i < config->nr_addresses; i++) {
		if (config->addresses[i].family == family)
			return true;
	}
	return false;
}

static unsigned network_of(const struct build *build, unsigned mentions)
{
	const struct config *config = build->config;
	unsigned facts = LINK_NETWORK;

	if (config->no_network ||
	    (!has_call(build, SYS_socket) && !has_call(build, NATIVE_CALL_OPEN)))
		return 0;
	if (!has_static_address(config, 4))
		facts |= LINK_DHCP;
	if (!has_static_address(config, 6))
		facts |= LINK_AUTO6;
	if (!opens_no_files(build) && mentions & MENTIONS_NAMES)
		facts |= LINK_NAMES;
	return facts;
}

static unsigned facts_of(const struct build *build)
{
	const struct config *config = build->config;
	unsigned facts = LINK_BOOT_PVH | LINK_CONSOLE_UART, mentions = mentions_find(build);

	facts |= config->target == TARGET_ELF ? LINK_BOOT_DIRECT : LINK_PC;
	facts |= config->format == FORMAT_CPIO ? LINK_ROOT_CPIO : LINK_ROOT_EROFS;
	if (config->nr_cpus > 1)
		facts |= LINK_CPUS;
	if (config->volumes.nr)
		facts |= LINK_HOST_FILES;
	facts |= network_of(build, mentions);
	if (build->program.is_script)
		facts |= LINK_SCRIPT;
	if (!config->read_only && config->format == FORMAT_EROFS)
		facts |= LINK_LAYER;
	return is_tiniest(build) ? facts : facts | comforts_of(build, mentions);
}

static const char *parts_text(const struct build *build)
{
	const char *text = NULL;

	for (size_t i = 0; i < build->config->parts.nr; i++)
		text = text ? arena_printf(build->arena, "%s,%s", text, build->config->parts.at[i])
			    : build->config->parts.at[i];
	return text;
}

/* ---- the linker ---- */

static int link_in(struct build *build, const char *folder, struct failure *failure)
{
	const char *out = arena_printf(build->arena, "%s/kernel.elf", folder);
	struct link_request request = {
		.calls = build->image.calls,
		.nr_calls = build->image.nr_calls,
		.facts = facts_of(build),
		.is_small = is_tiniest(build),
		.parts = parts_text(build),
		.out = out,
	};
	struct link_kernel kernel = { .bytes = 0 };
	int err;

	request.folder = own_files_folder(build->arena, "hull-kernel.a", failure);
	if (!request.folder)
		return -1;
	err = link_kernel(&request, build->arena, &kernel, failure);
	if (!err)
		err = own_files_map(out, &build->image.kernel, &build->image.kernel_len, failure);
	unlink(out);
	build->report->is_minimal = true;
	build->report->calls = kernel.calls;
	build->report->parts = kernel.parts;
	build->image.kernel_name = "the minimal kernel";
	return err;
}

static int link_minimal(struct build *build, struct failure *failure)
{
	const char *temporary = getenv("TMPDIR");
	char *folder = arena_printf(build->arena, "%s/hull-link-XXXXXX",
				    temporary && *temporary ? temporary : "/tmp");
	sigset_t before;
	int err;

	signals_hold(&before);
	if (mkdtemp(folder)) {
		err = link_in(build, folder, failure);
		rmdir(folder);
	} else {
		err = failure_set(failure, "%s: %s", folder, strerror(errno));
	}
	signals_release(&before);
	return err;
}

int kernel_make(struct build *build, struct failure *failure)
{
	const char *path = build->config->kernel;
	int err;

	if (build->config->minimal && !path) {
		err = build->config->has_calls ? listed_calls(build, failure)
					       : scanned_calls(build, failure);
		return err ? err : link_minimal(build, failure);
	}
	if (!path)
		path = own_files_find(build->arena, "hull-kernel.elf", failure);
	if (!path)
		return -1;
	build->image.kernel_name = path;
	return own_files_map(path, &build->image.kernel, &build->image.kernel_len, failure);
}
