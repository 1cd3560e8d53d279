/* SPDX-License-Identifier: BSD-2-Clause */
/* `hull init`: writes a hull.yaml (pack/config/init.h), never over one that is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "pack/config/init.h"

struct init_options {
	const char *file;
};

static int set_file(void *context, const char *value)
{
	((struct init_options *)context)->file = value;
	return 0;
}

static const struct option_row options[] = {
	{ 'f', "file", ARGUMENT_NEEDED, "FILE",
	  "write there; - is standard output\n"
	  "(default: hull.yaml)",
	  set_file },
	{ 0 },
};

static int write_file(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0) {
		message_print("init: %s: %s%s", path, strerror(errno),
			      errno == EEXIST ? "; it is left as it is: name another by -f" : "");
		return 1;
	}
	if (write(fd, text, len) == (ssize_t)len && close(fd) == 0)
		return 0;
	message_print("init: %s: %s", path, strerror(errno));
	unlink(path);
	return 1;
}

static int run(int argc, char **argv)
{
	static struct init_options o = { .file = "hull.yaml" };
	struct arena arena = { NULL };
	int rest, err = options_parse(&cmd_init, argc, argv, &o, &rest);
	const char *text;

	if (err)
		return err;
	text = init_text(&arena, argv[rest], argv + rest + (rest < argc));
	if (strcmp(o.file, "-") == 0)
		err = fputs(text, stdout) < 0 || fflush(stdout) != 0;
	else
		err = write_file(o.file, text);
	if (!err && strcmp(o.file, "-") != 0)
		printf("%s is written; 'hull build' makes an image of it\n", o.file);
	arena_fini(&arena);
	return err;
}

const struct command cmd_init = {
	.name = "init",
	.arguments = "[OPTION...] [PROGRAM [ARGUMENT...]]",
	.summary = "Write a hull.yaml for a program.",
	.options = options,
	.run = run,
};
