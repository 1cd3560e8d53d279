/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of a build (pack.h). */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack/build.h"
#include "pack/fs/cpio.h"
#include "pack/disk/disk.h"
#include "pack/tree/etc_files.h"
#include "pack/facts.h"
#include "pack/kernel.h"
#include "pack/tree/links.h"
#include "pack/oci/oci.h"
#include "pack/output.h"
#include "pack/patch.h"
#include "pack/tree/presets.h"
#include "pack/tree/python_times.h"
#include "pack/record.h"
#include "pack/image/sign.h"
#include "pack/verify.h"

static int add_rules(struct build *build, struct failure *failure)
{
	const struct config *config = build->config;

	for (size_t i = 0; i < config->nr_files; i++) {
		if (host_files_add_rule(&build->files, &config->files[i], failure))
			return -1;
	}
	return 0;
}

static int add_presets(struct build *build, struct failure *failure)
{
	const struct strings *presets = &build->config->presets;

	for (size_t i = 0; i < presets->nr; i++) {
		if (presets_add(&build->files, presets->at[i], &build->config->presets_place,
				failure))
			return -1;
	}
	return 0;
}

/* The host's program; without one, the container image's. */
static int add_program(struct build *build, struct failure *failure)
{
	const struct config *config = build->config;
	const char *path;

	if (!config->oci)
		return program_add(&build->files, config, &build->program, failure);
	path = program_find(&build->files, config->program, oci_search_path(config));
	if (!path)
		return failure_set(failure, "%s%s: the program is not in the container image",
				   place_text(build->arena, &config->program_place),
				   config->program);
	build->program.path = path;
	return 0;
}

/* Everything that is in the image. */
static int fill_tree(struct build *build, struct failure *failure)
{
	struct config *config = build->config;

	tree_init(&build->tree, build->arena);
	build->files = (struct host_files){
		.arena = build->arena,
		.tree = &build->tree,
		.exclude = &config->exclude,
	};
	if ((config->oci && oci_add(&build->tree, config, failure)) ||
	    add_presets(build, failure) || add_rules(build, failure) ||
	    add_program(build, failure) ||
	    program_add_libraries(&build->files, config, &build->report->notes, failure))
		return -1;
	python_times_keep(&build->tree);
	if (!config->oci)
		links_note(&build->tree, &build->report->notes);
	return etc_files_add(&build->tree, config,
			     !config->no_etc && !config->oci && config->format == FORMAT_EROFS,
			     failure);
}

static void count_files(struct pack_report *report, struct node *node)
{
	report->nr_files++;
	if (S_ISREG(node->mode) && !node->same_as)
		report->file_bytes += node->content.size_bytes;
	for (size_t i = 0; i < node->nr_entries; i++)
		count_files(report, node->entries[i]);
}

/* Before anything is patched. */
static void note_files(struct build *build)
{
	struct node *program = tree_find(&build->tree, build->program.path, true);

	count_files(build->report, build->tree.root);
	if (program)
		build->report->program_bytes = tree_inode(program)->content.size_bytes;
}

static int patch_files(struct build *build, struct failure *failure)
{
	struct patch_count count = { .notes = &build->report->notes };

	if (build->config->no_patch)
		return 0;
	if (patch_tree(&build->tree, &count, failure))
		return -1;
	build->report->nr_sites = count.nr_sites;
	build->report->nr_patched = count.nr_patched;
	build->report->nr_patched_files = count.nr_files;
	if (count.nr_patched)
		build->image.flags |= IMAGE_PATCHED;
	return 0;
}

/* argv[0]: a name as it was given; of a path, the one that leads there in the image. */
static const char *name_of(const struct build *build)
{
	const char *given = build->config->program;

	return strchr(given, '/') ? build->program.path : given;
}

static int make_record(struct build *build, struct failure *failure)
{
	const struct config *config = build->config;
	struct identity_facts identity;
	struct record_facts facts = {
		.program = build->program.path,
		.name = name_of(build),
	};

	if (etc_files_identity(&build->tree, config, &identity, failure))
		return -1;
	facts.uid = identity.uid;
	facts.gid = identity.gid;
	facts.home = identity.home;
	facts.no_proc = !kernel_has_part(build, "proc");
	facts.no_dev = !kernel_has_part(build, "dev");
	if (config->format == FORMAT_CPIO &&
	    cpio_make(&build->tree, config->time, &facts.archive, &facts.archive_len, failure))
		return -1;
	build->image.launch = &build->launch;
	return record_write(&build->launch, config, &facts, failure);
}

static int make_root(struct build *build, struct failure *failure)
{
	if (build->config->format == FORMAT_CPIO)
		return 0;
	if (erofs_plan(&build->root, &build->tree, build->config->time, failure))
		return -1;
	build->image.root = &build->root;
	return 0;
}

/* The image's ELF file, signed if it is to be. */
static int write_elf(struct build *build, int fd, struct failure *failure)
{
	const struct config *config = build->config;
	struct pack_report *report = build->report;
	struct image_sizes sizes;
	int err;

	build->image.memory_bytes = config->memory_bytes;
	build->image.nr_cpus = config->nr_cpus;
	build->image.is_signed = config->sign != NULL;
	err = image_write(fd, &build->image, &sizes, failure);
	if (!err && config->sign)
		err = sign_file(fd, sizes.signature_at, config->sign, failure);
	report->kernel_bytes = sizes.kernel;
	report->root_bytes = sizes.root;
	report->record_bytes = sizes.record;
	report->whole_bytes = sizes.whole;
	if (!err && config->verify)
		err = verify_image(build, fd, failure);
	return err;
}

/* From the ELF file in `elf_fd` to a disk in `fd`. */
static int write_disk(struct build *build, int elf_fd, int fd, struct failure *failure)
{
	const struct config *config = build->config;
	uint64_t len = build->report->whole_bytes;
	struct disk_options options = {
		.form = config->target == TARGET_ISO ? DISK_FORM_ISO : DISK_FORM_RAW,
		.by_bios = config->firmware != FIRMWARE_UEFI,
		.by_uefi = config->firmware != FIRMWARE_BIOS,
		.compression = (enum disk_compression)config->compression,
	};
	struct disk_bytes disk = { NULL, 0 };
	struct sink *sink;
	void *elf = mmap(NULL, len, PROT_READ, MAP_PRIVATE, elf_fd, 0);
	int err;

	if (elf == MAP_FAILED)
		return failure_set(failure, "the image cannot be read back: %s", strerror(errno));
	err = disk_make(elf, len, &options, &disk, failure);
	munmap(elf, len);
	if (err)
		return err;
	build->report->disk_bytes = disk.len;
	sink = sink_new(fd);
	if (!sink)
		err = failure_set(failure, "there is no memory to write the disk");
	if (sink) {
		sink_write(sink, disk.at, disk.len);
		err = sink_failed(sink, failure) ? -1 : 0;
		sink_free(sink);
	}
	free(disk.at);
	return err;
}

static int write_output(struct build *build, int fd, struct failure *failure)
{
	int elf, err;

	if (build->config->target == TARGET_ELF)
		return write_elf(build, fd, failure);
	elf = memfd_create("hull-image", MFD_CLOEXEC);
	if (elf < 0)
		return failure_set(failure, "there is no memory for the image: %s",
				   strerror(errno));
	err = write_elf(build, elf, failure);
	if (!err)
		err = write_disk(build, elf, fd, failure);
	close(elf);
	return err;
}

static int write_image(struct build *build, struct failure *failure)
{
	struct output output;
	struct failure why;

	if (output_open(&output, build->arena, build->config->output, failure))
		return -1;
	if (write_output(build, output.fd, &why)) {
		output_discard(&output);
		return failure_set(failure, "%s: %s", build->config->output, why.text);
	}
	/* An ELF image is a program, as far as `hull run` goes: it may be executed. */
	return output_finish(&output, build->arena,
			     build->config->target == TARGET_ELF ? 0777 : 0666, failure);
}

int pack_build(struct config *config, struct arena *arena, struct pack_report *report,
	       struct failure *failure)
{
	struct build build = { .config = config, .arena = arena, .report = report };
	int err;

	*report = (struct pack_report){ .output = config->output };
	if (config->wrong_time)
		return failure_set(failure, "SOURCE_DATE_EPOCH: '%s' is no number of seconds",
				   config->wrong_time);
	err = config->sign ? sign_check_key(config->sign, failure) : 0;
	if (!err)
		err = fill_tree(&build, failure);
	if (!err) {
		note_files(&build);
		err = kernel_make(&build, failure);
	}
	if (!err)
		err = patch_files(&build, failure);
	if (!err)
		err = make_record(&build, failure);
	if (!err)
		err = facts_make(&build, failure);
	if (!err)
		err = make_root(&build, failure);
	if (!err)
		err = write_image(&build, failure);
	launch_fini(&build.launch);
	return err;
}
