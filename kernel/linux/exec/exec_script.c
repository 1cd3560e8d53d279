/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `#!` lines (execve(2), "Interpreter scripts"): the interpreter, then at most one argument, which
 * is the rest of the line with its white space. Only the first 255 bytes count; an interpreter's
 * name that is cut off there is refused, an argument is shortened.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/exec/exec.h"
#include "mm/alloc/kmem.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && is_blank(*s))
		s++;
	return s;
}

static const char *skip_word(const char *s, const char *end)
{
	while (s < end && !is_blank(*s) && *s != '\0')
		s++;
	return s;
}

/* The line's end; NULL: it has none and the interpreter's name may be cut off. */
static const char *line_end(const char *line, size_t len)
{
	const char *end = memchr(line, '\n', len), *last = line + len;

	if (end != NULL)
		return end;
	if (len == EXEC_HEAD_BYTES - 2 && skip_word(skip_blanks(line, last), last) == last)
		return NULL;
	return line + strnlen(line, len);
}

static char *copy_range(const char *from, const char *to)
{
	char *s = kmem_alloc((size_t)(to - from) + 1);

	if (s != NULL)
		memcpy(s, from, (size_t)(to - from));
	return s;
}

static int add_prefix(struct exec *x, char *s)
{
	if (s == NULL)
		return -ENOMEM;
	x->prefix[x->nr_prefix++] = s;
	return 0;
}

/* Makes x about the interpreter: its path, its file. */
static int enter(struct exec *x, char *interpreter)
{
	struct file *f;
	int err = exec_open(NULL, interpreter, 0, &f);

	if (err != 0)
		return err;
	file_put(x->file);
	x->file = f;
	kmem_free(x->path);
	x->path = kmem_string(interpreter);
	return x->path == NULL ? -ENOMEM : 1;
}

int exec_script(struct exec *x)
{
	const char *line = x->head + 2, *end, *name, *name_end, *arg;
	int err;

	if (x->head_len < 2 || x->head[0] != '#' || x->head[1] != '!')
		return 0;
	end = line_end(line, x->head_len - 2);
	if (end == NULL)
		return -ENOEXEC;
	while (end > line && is_blank(end[-1]))
		end--;
	name = skip_blanks(line, end);
	name_end = skip_word(name, end);
	arg = skip_blanks(name_end, end);
	if (name == name_end)
		return -ENOEXEC;
	if (x->name_is_hidden)
		return -ENOENT;
	if (x->nr_prefix + 3 > EXEC_PREFIX_MAX)
		return -ELOOP;
	err = x->nr_prefix == 0 ? add_prefix(x, kmem_string(x->name)) : 0;
	if (err == 0 && arg < end)
		err = add_prefix(x, copy_range(arg, end));
	if (err == 0)
		err = add_prefix(x, copy_range(name, name_end));
	return err != 0 ? err : enter(x, x->prefix[x->nr_prefix - 1]);
}
