/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. What is made here lives as long as the process. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/run/run_image.h"

/* The strings of one kind, NULL-terminated, with room for `more`. NULL: no memory. */
static char **strings_of(const struct launch_record *record, uint32_t kind, unsigned more,
			 unsigned *nr)
{
	const char *string;
	char **list;
	size_t at = 0;

	*nr = 0;
	while (launch_record_string(record, kind, &at) != NULL)
		++*nr;
	list = calloc(*nr + more + 1u, sizeof(*list));
	at = 0;
	for (unsigned i = 0; list != NULL && i < *nr; i++) {
		string = launch_record_string(record, kind, &at);
		list[i] = (char *)string; /* only read */
	}
	return list;
}

/* ---- the command line ---- */

/* The image's own options as an argument vector, argv[0] included. */
static char **own_options(const struct guest_image *image, int *argc)
{
	char *text = strndup(image->run, image->run_len), *save = NULL, *line;
	char **argv;

	if (text == NULL || memchr(image->run, '\0', image->run_len) != NULL)
		return NULL;
	argv = calloc(image->run_len + 2, sizeof(*argv));
	if (argv == NULL)
		return NULL;
	argv[(*argc)++] = (char *)"run";
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		argv[(*argc)++] = line;
	return argv;
}

static int apply_own(const struct guest_image *image, struct run_options *options)
{
	int argc = 0, rest, err;
	char **argv = own_options(image, &argc);

	err = argv ? options_parse(&cmd_run, argc, argv, options, &rest) : EXIT_HULL;
	if (err || rest != argc)
		message_print("%s: the image's own options cannot be used", image->path);
	return err || rest != argc ? EXIT_CANNOT_RUN : 0;
}

static int set_arguments(const struct guest_image *image, int argc, char **argv,
			 struct run_options *options)
{
	unsigned nr;
	char **list = strings_of(&image->record, LAUNCH_ARG, (unsigned)argc + 1, &nr);

	if (list == NULL)
		return EXIT_HULL;
	if (nr == 0)
		list[nr++] = (char *)image->record.program;
	if (argc > 0) {
		memcpy(list + 1, argv, (size_t)argc * sizeof(*argv));
		nr = (unsigned)argc + 1;
		list[nr] = NULL;
	}
	options->argv = list;
	options->argc = (int)nr;
	return 0;
}

int run_image_options(const struct guest_image *image, int argc, char **argv,
		      struct run_options *options)
{
	int rest, err = 0;

	if (image->run != NULL) {
		err = apply_own(image, options);
		if (err == 0)
			err = options_parse(&cmd_run, argc, argv, options, &rest);
	} else {
		err = options_parse(&cmd_run, argc, argv, options, &rest);
	}
	return err ? err : set_arguments(image, argc - rest - 1, argv + rest + 1, options);
}

/* ---- the plan ---- */

static int plan_env(struct run_plan *plan)
{
	unsigned nr;

	plan->own_env = strings_of(&plan->image->record, LAUNCH_ENV, 0, &nr);
	return plan->own_env ? 0 : EXIT_HULL;
}

static int plan_cwd(struct run_plan *plan)
{
	const char *given = plan->options->cwd, *own = plan->image->record.cwd;
	int len;

	if (given && given[0] != '/')
		len = snprintf(plan->cwd, sizeof(plan->cwd), "%s/%s", strcmp(own, "/") ? own : "",
			       given);
	else
		len = snprintf(plan->cwd, sizeof(plan->cwd), "%s", given ? given : own);
	plan->files.cwd = plan->cwd;
	if (len < (int)sizeof(plan->cwd))
		return 0;
	message_print("-w %s: %s", given ? given : own, strerror(ENAMETOOLONG));
	return EXIT_USAGE;
}

static int plan_identity(struct run_plan *plan)
{
	const struct launch_cred *cred = plan->image->record.cred;
	struct identity *out = &plan->identity;

	if (plan->options->user)
		return identity_get(plan->options->user, &plan->files, out);
	*out = (struct identity){ .uid = 0 };
	if (cred == NULL)
		return 0;
	out->uid = cred->uid;
	out->gid = cred->gid;
	out->nr_groups = cred->nr_groups < MAX_GROUPS ? cred->nr_groups : MAX_GROUPS;
	memcpy(out->groups, cred->groups, out->nr_groups * sizeof(*out->groups));
	return 0;
}

static int plan_kernel(struct run_plan *plan)
{
	const struct guest_image *image = plan->image;

	if (plan->options->kernel) {
		if (!(image->file.header.flags & IMAGE_PATCHED))
			return 0;
		message_print("--kernel: the programs in %s are patched for its own kernel",
			      image->path);
		return EXIT_USAGE;
	}
	plan->config.kernel = image->bytes;
	plan->config.kernel_bytes = image->len;
	plan->config.payload_offset = image->file.payload_at;
	return 0;
}

static void plan_root(struct run_plan *plan)
{
	const struct guest_image *image = plan->image;

	plan->config.root = (struct vm_root){
		.fd = image->fd,
		.offset = image->root,
		.bytes = image->root_bytes,
	};
	if (image->root) {
		plan->files.image_root = image->bytes + image->root;
		plan->files.image_root_len = image->root_bytes;
	}
	plan->files.archive = image->record.archive;
	plan->files.archive_len = image->record.archive_len;
}

int run_image_plan(struct run_plan *plan)
{
	const struct guest_image *image = plan->image;
	int err;

	if (plan->options->rootfs) {
		message_print("--rootfs: %s is an image, and has a root of its own", image->path);
		return EXIT_USAGE;
	}
	if (plan->options->memory_bytes == 0 && image->file.header.memory_bytes != 0)
		plan->config.memory_bytes = image->file.header.memory_bytes;
	if (plan->options->nr_cpus == 0 && image->file.header.nr_cpus != 0)
		plan->config.nr_cpus = image->file.header.nr_cpus;
	plan->umask = image->record.umask;
	snprintf(plan->program, sizeof(plan->program), "%s", image->record.program);
	plan_root(plan);
	err = plan_env(plan);
	if (!err)
		err = plan_cwd(plan);
	if (!err)
		err = plan_identity(plan);
	return err ? err : plan_kernel(plan);
}

/* ---- the record ---- */

void run_image_record(struct run_plan *plan)
{
	const struct launch_record *record = &plan->image->record;

	for (unsigned i = 0; i < record->nr_mounts; i++)
		launch_add_mount(&plan->launch, record->mounts[i].mount, record->mounts[i].source,
				 record->mounts[i].target);
	if (record->archive)
		launch_add(&plan->launch, LAUNCH_CPIO, record->archive, record->archive_len);
}
