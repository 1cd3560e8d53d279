/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that say names: resolv.conf(5), hosts(5), hostname(5). They are ordinary files that
 * take the place of what the root shows, in memory: a program may read, change or replace them as
 * any others. Each is written beside its place and renamed, so that nobody reads half of one. A
 * host's own file system (a volume at /etc, or at one of them) is never written to: who mounted it
 * wants what is there.
 */
#include <linux/fcntl.h>

#include "core/log.h"
#include "core/uio.h"
#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/errors.h"
#include "linux/network/network.h"
#include "mm/alloc/kmem.h"

#define FOLDER   "/etc"
#define READ_MAX (64u << 10) /* of a hosts file that is there */

/* ---- a file ---- */

/* Does it belong to this machine alone? */
static bool is_in_memory(const struct path *p)
{
	const char *type = p->mnt->sb->type_name;

	return strcmp(type, "overlay") == 0 || strcmp(type, "tmpfs") == 0;
}

/* The folder, which is made if it is missing. */
static int find_folder(struct path *out)
{
	int err = vfs_mkdir(NULL, FOLDER, 0755);

	if (err != 0 && err != -EEXIST)
		return err;
	err = vfs_lookup(NULL, FOLDER, LOOKUP_DIRECTORY, out);
	if (err != 0)
		return err;
	if (!is_in_memory(out)) {
		path_put(out);
		return -EROFS;
	}
	return 0;
}

/* Is something of the user's mounted there? */
static bool is_mounted_over(const struct path *folder, const char *name)
{
	struct path p;
	bool other;

	if (vfs_lookup(folder, name, LOOKUP_NOFOLLOW, &p) != 0)
		return false;
	other = p.mnt != folder->mnt;
	path_put(&p);
	return other;
}

static int write_all(struct file *f, const struct text_buffer *text)
{
	struct uio u;
	ssize_t n;

	uio_init_kernel(&u, text->data, text->len);
	n = vfs_write(f, &u, NULL);
	return n < 0 ? (int)n : (size_t)n == text->len ? 0 : -ENOSPC;
}

static int write_new(const struct path *folder, const char *name, const struct text_buffer *text)
{
	struct file *f;
	int err = vfs_open(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0644, LOOKUP_NOFOLLOW, &f);

	if (err != 0)
		return err;
	err = write_all(f, text);
	file_put(f);
	return err;
}

static int replace(const struct path *folder, const char *name, const struct text_buffer *text)
{
	char new[32];
	int err;

	if (is_mounted_over(folder, name))
		return 0;
	(void)fmt(new, sizeof(new), ".%s.hull", name);
	err = write_new(folder, new, text);
	if (err == 0)
		err = vfs_rename(folder, new, folder, name, 0);
	return err;
}

/* Takes the text. */
static void write_file(const struct path *folder, const char *name, struct text_buffer *text)
{
	int err = text->err;

	if (err == 0 && text->len > 0)
		err = replace(folder, name, text);
	if (err != 0)
		log_warn("%s/%s is not written: %s", FOLDER, name, error_text(-err));
	kmem_free(text->data);
}

/* As much of it as there is; of none, nothing. */
static void read_file(const struct path *folder, const char *name, struct text_buffer *text)
{
	char *room = kmem_alloc(READ_MAX);
	struct file *f;
	struct uio u;
	ssize_t n;

	if (room == NULL)
		text->err = -ENOMEM;
	if (room == NULL || vfs_open(folder, name, O_RDONLY, 0, 0, &f) != 0) {
		kmem_free(room);
		return;
	}
	uio_init_kernel(&u, room, READ_MAX);
	n = vfs_read(f, &u, NULL);
	if (n > 0)
		text_append(text, room, (size_t)n);
	file_put(f);
	kmem_free(room);
}

/* ---- what they say ---- */

/* Without a server there is nothing to say: the root's file may know one. */
static void write_resolv_conf(const struct path *folder, const struct names *n)
{
	struct text_buffer text = { .data = NULL };

	for (unsigned i = 0; i < n->nr_servers; i++)
		text_print(&text, "nameserver %s\n", n->servers[i]);
	if (n->nr_servers > 0 && n->search[0] != '\0')
		text_print(&text, "search %s\n", n->search);
	write_file(folder, "resolv.conf", &text);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool has_word(const struct text_buffer *text, const char *word)
{
	size_t len = strlen(word), begin = 0;

	for (size_t at = 0; at <= text->len; at++) {
		if (at < text->len && !is_space(text->data[at]))
			continue;
		if (at - begin == len && memcmp(text->data + begin, word, len) == 0)
			return true;
		begin = at + 1;
	}
	return false;
}

/* 127.0.1.1: the address that the name always has, whatever the network does (as Debian does). */
static void write_hosts(const struct path *folder, const char *name)
{
	struct text_buffer text = { .data = NULL };

	read_file(folder, "hosts", &text);
	if (text.err == 0 && text.len == 0)
		text_print(&text, "127.0.0.1\tlocalhost\n"
				  "::1\tlocalhost ip6-localhost ip6-loopback\n");
	if (text.err == 0 && has_word(&text, name)) {
		kmem_free(text.data);
		return;
	}
	if (text.len > 0 && text.data[text.len - 1] != '\n')
		text_print(&text, "\n");
	text_print(&text, "127.0.1.1\t%s\n", name);
	write_file(folder, "hosts", &text);
}

static void write_hostname(const struct path *folder, const char *name)
{
	struct text_buffer text = { .data = NULL };

	text_print(&text, "%s\n", name);
	write_file(folder, "hostname", &text);
}

void name_files_write(const struct names *n)
{
	struct path folder;
	int err = find_folder(&folder);

	if (err == -EROFS)
		return;
	if (err != 0) {
		log_warn("%s: %s: the network's names are not written", FOLDER, error_text(-err));
		return;
	}
	write_resolv_conf(&folder, n);
	if (n->host_name[0] != '\0') {
		write_hosts(&folder, n->host_name);
		write_hostname(&folder, n->host_name);
	}
	path_put(&folder);
}
