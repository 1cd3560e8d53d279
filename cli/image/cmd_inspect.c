/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull inspect`: an image's account (pack/image/inspect.h) as text or JSON, its root file system
 * as a file for erofs-utils, and whether it is signed by a key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "pack/image/inspect.h"

struct inspect_options {
	bool json, files, quiet;
	const char *verify, *root, *name;
};

static int set_json(void *context, const char *value)
{
	(void)value;
	((struct inspect_options *)context)->json = true;
	return 0;
}

static int set_files(void *context, const char *value)
{
	(void)value;
	((struct inspect_options *)context)->files = true;
	return 0;
}

static int set_quiet(void *context, const char *value)
{
	(void)value;
	((struct inspect_options *)context)->quiet = true;
	return 0;
}

static int set_verify(void *context, const char *value)
{
	((struct inspect_options *)context)->verify = value;
	return 0;
}

static int set_name(void *context, const char *value)
{
	((struct inspect_options *)context)->name = value;
	return 0;
}

static int set_root(void *context, const char *value)
{
	((struct inspect_options *)context)->root = value;
	return 0;
}

static const struct option_row options[] = {
	{ 0, "json", ARGUMENT_NONE, NULL, "print it as JSON", set_json },
	{ 0, "files", ARGUMENT_NONE, NULL, "list every file of the root", set_files },
	{ 0, "verify", ARGUMENT_NEEDED, "PUBKEY",
	  "fail unless this ed25519 key (PEM) has signed it", set_verify },
	{ 0, "root", ARGUMENT_NEEDED, "FILE",
	  "write the root file system there: for fsck.erofs,\ndump.erofs, mount", set_root },
	{ 0, "name", ARGUMENT_NEEDED, "NAME", NULL, set_name }, /* of the image, in messages */
	{ 'q', "quiet", ARGUMENT_NONE, NULL, "print nothing: the exit status says it", set_quiet },
	{ 0 },
};

/* ---- as text ---- */

static void print_size(const char *label, json_int_t bytes)
{
	if (bytes < 10 << 10)
		printf("%-10s %lld bytes", label, (long long)bytes);
	else
		printf("%-10s %.1f KiB", label, (double)bytes / 1024);
}

static json_int_t number(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

static const char *word(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "";
}

/* A word as a shell takes it, with nothing in it that a terminal would act upon. */
static void print_word(const char *value)
{
	bool plain = *value != '\0';

	for (const char *c = value; *c; c++)
		plain = plain && strchr("|&;<>()$`\\\"' \t\n*?[#~%{}", *c) == NULL;
	putchar(' ');
	if (!plain)
		putchar('\'');
	for (; *value; value++) {
		if (*value == '\'')
			printf("'\\''");
		else if ((unsigned char)*value < 0x20 || *value == 0x7f)
			printf("\\x%02x", (unsigned char)*value);
		else
			putchar(*value);
	}
	if (!plain)
		putchar('\'');
}

static void print_words(const char *label, const json_t *list)
{
	printf("%-10s", label);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		if (json_is_string(item))
			print_word(json_string_value(item));
		else
			printf(" %lld", (long long)json_integer_value(item));
	}
	putchar('\n');
}

static void print_kernel(const json_t *kernel)
{
	print_size("kernel", number(kernel, "bytes"));
	if (json_is_true(json_object_get(kernel, "minimal")))
		printf(", minimal: %zu calls, %zu parts",
		       json_array_size(json_object_get(kernel, "calls")),
		       json_array_size(json_object_get(kernel, "parts")));
	printf("\n%-10s %s\n", "", word(kernel, "sha256"));
	if (json_object_get(kernel, "calls")) {
		print_words("calls", json_object_get(kernel, "calls"));
		print_words("parts", json_object_get(kernel, "parts"));
	}
}

static void print_files(const json_t *root)
{
	const json_t *files = json_object_get(root, "files");

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);

		printf("  %7s %5lld:%-5lld %10lld", word(file, "mode"),
		       (long long)number(file, "uid"), (long long)number(file, "gid"),
		       (long long)number(file, "bytes"));
		print_word(word(file, "path"));
		if (json_object_get(file, "target")) {
			printf(" ->");
			print_word(word(file, "target"));
		}
		putchar('\n');
	}
}

static void print_launch(const json_t *launch)
{
	const json_t *user = json_object_get(launch, "user");

	print_words("runs", json_object_get(launch, "args"));
	printf("%-10s %s\n", "program", word(launch, "program"));
	print_words("env", json_object_get(launch, "env"));
	printf("%-10s %s, uid %lld, gid %lld, host name %s\n", "in", word(launch, "cwd"),
	       (long long)number(user, "uid"), (long long)number(user, "gid"),
	       word(launch, "hostname"));
}

static void print_disk(const json_t *disk)
{
	if (!json_is_object(disk))
		return;
	printf("%-10s%s%s\n", "boots by",
	       json_is_true(json_object_get(disk, "bios")) ? " BIOS" : "",
	       json_is_true(json_object_get(disk, "uefi")) ? " UEFI" : "");
	print_size("packed", number(disk, "package_bytes"));
	printf(" by %s, from %.1f KiB\n", word(disk, "compression"),
	       (double)number(disk, "image_bytes") / 1024);
}

static void print_account(const json_t *json)
{
	const json_t *root = json_object_get(json, "root"), *built = json_object_get(json, "built");
	const json_t *signature = json_object_get(json, "signature");

	print_size(word(json, "kind"), number(json, "bytes"));
	printf("\n%-10s %s\n", "", word(json, "sha256"));
	print_disk(json_object_get(json, "disk"));
	print_kernel(json_object_get(json, "kernel"));
	if (json_is_object(root)) {
		print_size("root", number(root, "bytes"));
		printf(", %s, %lld entries\n", word(root, "format"),
		       (long long)number(root, "entries"));
		print_files(root);
	}
	print_launch(json_object_get(json, "launch"));
	if (number(json, "memory_bytes"))
		printf("%-10s %lld MiB\n", "memory", (long long)number(json, "memory_bytes") >> 20);
	if (number(json, "cpus"))
		printf("%-10s %lld\n", "cpus", (long long)number(json, "cpus"));
	if (json_is_true(json_object_get(json, "patched")))
		printf("%-10s %lld of %lld call sites, ahead of time\n", "patched",
		       (long long)number(built, "sites_patched"),
		       (long long)number(built, "sites"));
	if (json_is_string(json_object_get(json, "run")))
		printf("%-10s %s\n", "options", word(json, "run"));
	if (json_is_object(signature))
		printf("%-10s %s, by the key %s\n", "signature", word(signature, "algorithm"),
		       word(signature, "public_key"));
	else
		printf("%-10s none\n", "signature");
}

/* ---- the command ---- */

static int write_root(const struct inspection *in, const char *path)
{
	uint64_t len, at = 0;
	const char *bytes = image_file_section(&in->image, IMAGE_ROOT, &len);
	int fd;

	if (!bytes) {
		message_print("inspect: %s has no root file system: its files are in the launch "
			      "record",
			      in->path);
		return 1;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	while (fd >= 0 && at < len) {
		ssize_t n = write(fd, bytes + at, len - at);

		if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (uint64_t)n : 0;
	}
	if (fd < 0 || at < len || close(fd) < 0) {
		message_print("inspect: --root %s: %s", path, strerror(errno));
		return 1;
	}
	return 0;
}

static int account(const struct inspection *in, struct arena *arena,
		   const struct inspect_options *o)
{
	struct failure failure;
	json_t *json = inspect_json(in, arena, o->files, &failure);

	if (!json) {
		message_print("inspect: %s", failure.text);
		return 1;
	}
	if (o->json)
		json_dumpf(json, stdout, JSON_INDENT(2));
	if (o->json)
		putchar('\n');
	else if (!o->quiet)
		print_account(json);
	json_decref(json);
	return 0;
}

static int run(int argc, char **argv)
{
	static struct inspect_options o;
	struct arena arena = { NULL };
	struct inspection in;
	struct failure failure;
	int rest, err = options_parse(&cmd_inspect, argc, argv, &o, &rest);

	if (err)
		return err;
	if (rest + 1 != argc) {
		message_print("inspect: which image? Try: hull inspect IMAGE");
		return EXIT_USAGE;
	}
	if (inspect_open(&in, argv[rest], o.name, &failure) ||
	    (o.verify && inspect_verify(&in, o.verify, &failure))) {
		message_print("inspect: %s", failure.text);
		return 1;
	}
	err = account(&in, &arena, &o);
	if (!err && o.verify && !o.json && !o.quiet)
		printf("%-10s by %s: it holds\n", "verified", o.verify);
	if (!err && o.root)
		err = write_root(&in, o.root);
	arena_fini(&arena);
	return err;
}

const struct command cmd_inspect = {
	.name = "inspect",
	.arguments = "[OPTION...] IMAGE",
	.summary = "Say what is inside an image, and verify it.",
	.options = options,
	.run = run,
};
