/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the programs of the command line to subjects (the interpreters of scripts, execve(2)), and
 * the scan of each.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/image/modules/modules.h"
#include "cli/image/scan/root.h"
#include "cli/image/scan/subject.h"

#define MAX_INTERPRETERS 5 /* one script's, one inside the other (execve(2)) */
#define FIRST_LINE_BYTES 256

struct finding {
	struct subjects *subjects;
	const struct scan_request *request;
};

bool word_list_add(struct word_list *list, const char *word)
{
	char *copy = strdup(word);
	char **words = copy ? realloc(list->words, (list->nr + 2) * sizeof(*words)) : NULL;

	if (!words) {
		free(copy);
		return false;
	}
	list->words = words;
	words[list->nr++] = copy;
	words[list->nr] = NULL;
	return true;
}

bool word_list_has(const struct word_list *list, const char *word)
{
	for (unsigned i = 0; i < list->nr; i++) {
		if (strcmp(list->words[i], word) == 0)
			return true;
	}
	return false;
}

void word_list_fini(struct word_list *list)
{
	for (unsigned i = 0; i < list->nr; i++)
		free(list->words[i]);
	free(list->words);
	*list = (struct word_list){ 0 };
}

static int no_memory(void)
{
	message_print("scan: out of memory");
	return EXIT_HULL;
}

/* A subject for the ELF file of this path. script may be NULL. */
static int add_subject(struct finding *finding, const char *path, const char *script)
{
	struct subjects *subjects = finding->subjects;
	struct subject *at = realloc(subjects->at, (subjects->nr + 1) * sizeof(*at)), *new;

	if (!at)
		return no_memory();
	subjects->at = at;
	new = &at[subjects->nr++];
	*new = (struct subject){ .path = strdup(path), .script = script ? strdup(script) : NULL };
	return new->path && (!script || new->script) ? 0 : no_memory();
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What env runs: the first word of its argument that is no option and no variable (env(1), -S). */
static char *program_of_env(char *argument)
{
	char *rest = argument, *word;

	while (rest && (word = strsep(&rest, " \t"))) {
		if (*word && *word != '-' && !strchr(word, '='))
			return word;
	}
	return NULL;
}

static int add_program(struct finding *finding, const char *name, const char *script, int depth);

/* line: what follows "#!" in the file `path`, which is changed. */
static int add_interpreter(struct finding *finding, const char *path, char *line, int depth)
{
	char *interpreter, *argument;
	int err;

	line[strcspn(line, "\n")] = '\0';
	line += strspn(line, " \t");
	argument = line + strcspn(line, " \t");
	if (*argument)
		*argument++ = '\0';
	interpreter = line;
	if (!*interpreter || depth >= MAX_INTERPRETERS) {
		message_print("%s: its line #! names no interpreter that ends in a program", path);
		return EXIT_CANNOT_RUN;
	}
	if (strcmp(base_name(interpreter), "env") != 0)
		return add_program(finding, interpreter, path, depth + 1);
	err = add_subject(finding, interpreter, NULL);
	interpreter = program_of_env(argument);
	if (err || !interpreter)
		return err;
	return add_program(finding, interpreter, path, depth + 1);
}

/* A file that says nothing of itself is a script if an interpreter stands before it. */
static int add_plain_script(struct finding *finding, const char *path)
{
	struct subjects *subjects = finding->subjects;
	struct subject *last = subjects->nr ? &subjects->at[subjects->nr - 1] : NULL;

	if (last && !last->script && modules_known(base_name(last->path))) {
		last->script = strdup(path);
		return last->script ? 0 : no_memory();
	}
	message_print("%s: neither an ELF file nor a script that begins with #!; "
		      "name its interpreter before it",
		      path);
	return EXIT_CANNOT_RUN;
}

static int add_file(struct finding *finding, const char *path, const char *script, int depth)
{
	char *bytes;
	size_t len;
	int err = root_read(finding->request->root, path, FIRST_LINE_BYTES, &bytes, &len);

	if (err) {
		message_print("%s: %s", path, strerror(-err));
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	}
	if (len >= 4 && memcmp(bytes, "\177ELF", 4) == 0)
		err = add_subject(finding, path, script);
	else if (len >= 2 && memcmp(bytes, "#!", 2) == 0)
		err = add_interpreter(finding, path, bytes + 2, depth);
	else
		err = add_plain_script(finding, path);
	free(bytes);
	return err;
}

static int add_program(struct finding *finding, const char *name, const char *script, int depth)
{
	char *path;
	int err = root_find_program(finding->request->root, name, &path);

	if (err == -ENOENT) {
		message_print("%s: not found in PATH%s", name,
			      script ? ", and a script needs it" : "");
		return EXIT_NOT_FOUND;
	}
	if (err)
		return no_memory();
	err = add_file(finding, path, script, depth);
	free(path);
	return err;
}

/* The libraries of the command line and the modules of the script, in one list. */
static int scan_with(struct subjects *subjects, struct subject *subject,
		     const struct scan_request *request, const char **also)
{
	struct scan_options options = {
		.closure = { .root = request->root,
			     .also = also,
			     .library_path = request->library_path },
		.whole_data = request->whole_data,
	};
	struct scan_error error;
	int err;

	for (unsigned i = 0; i < request->also.nr; i++)
		*also++ = request->also.words[i];
	for (unsigned i = 0; i < subject->modules.nr; i++)
		*also++ = subject->modules.words[i];
	*also = NULL;
	err = scan_program(subjects->scan, subject->path, &options, &subject->answer, &error);
	if (!err)
		return 0;
	message_print("%s", error.text);
	return err == -ENOMEM ? EXIT_HULL : EXIT_CANNOT_RUN;
}

static int scan_subject(struct subjects *subjects, struct subject *subject,
			const struct scan_request *request)
{
	const char **also;
	int err = 0;

	if (subject->script || request->all_modules)
		err = modules_find(subject, request);
	if (err) {
		message_print("%s: %s", subject->script, strerror(-err));
		return err == -ENOMEM ? EXIT_HULL : EXIT_CANNOT_RUN;
	}
	also = calloc(request->also.nr + subject->modules.nr + 1, sizeof(*also));
	if (!also)
		return no_memory();
	err = scan_with(subjects, subject, request, also);
	free(also);
	return err;
}

int subjects_scan(struct subjects *subjects, char *const *programs,
		  const struct scan_request *request)
{
	struct finding finding = { subjects, request };
	int err = 0;

	for (int i = 0; programs[i] && !err; i++)
		err = add_program(&finding, programs[i], NULL, 0);
	if (!err && scan_new(&subjects->scan))
		err = no_memory();
	for (unsigned i = 0; i < subjects->nr && !err; i++)
		err = scan_subject(subjects, &subjects->at[i], request);
	return err;
}

void subjects_fini(struct subjects *subjects)
{
	for (unsigned i = 0; i < subjects->nr; i++) {
		struct subject *subject = &subjects->at[i];

		scan_answer_free(subject->answer);
		word_list_fini(&subject->modules);
		word_list_fini(&subject->notes);
		free(subject->path);
		free(subject->script);
	}
	free(subjects->at);
	scan_free(subjects->scan);
	*subjects = (struct subjects){ 0 };
}

void subject_calls(const struct subject *subject, struct call_set *set)
{
	for (unsigned i = 0; i < subject->answer->nr_calls; i++)
		call_set_add(set, CALL_X86_64, subject->answer->calls[i].number);
}

void subjects_calls(const struct subjects *subjects, struct call_set *set)
{
	for (unsigned i = 0; i < subjects->nr; i++)
		subject_calls(&subjects->at[i], set);
}

void subjects_naive(const struct subjects *subjects, struct call_set *set)
{
	for (unsigned i = 0; i < subjects->nr; i++) {
		for (unsigned j = 0; j < subjects->at[i].answer->nr_naive; j++)
			call_set_add(set, CALL_X86_64, subjects->at[i].answer->naive[j]);
	}
}

unsigned subjects_unresolved(const struct subjects *subjects)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < subjects->nr; i++)
		nr += subjects->at[i].answer->nr_unknown_sites;
	return nr;
}

static void explain_missing(const struct closure *closure)
{
	for (unsigned i = 0; i < closure->nr_missing; i++) {
		const struct closure_missing *missing = &closure->missing[i];

		if (missing->wanted_by < 0)
			message_print("%s: there is no such library, though --also names it",
				      missing->name);
		else
			message_print(
				"%s: not found, and %s needs it: its calls are not in the answer; "
				"install it, or see --library-path",
				missing->name, closure->objects[missing->wanted_by].path);
	}
}

bool subjects_explain_missing(const struct subjects *subjects)
{
	bool is_any = false;

	for (unsigned i = 0; i < subjects->nr; i++) {
		explain_missing(subjects->at[i].answer->closure);
		is_any |= subjects->at[i].answer->closure->nr_missing != 0;
	}
	return is_any;
}
