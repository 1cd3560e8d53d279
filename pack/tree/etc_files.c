/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of /etc that an image needs, and who its user is by them (etc_files.h). */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack/tree/content.h"
#include "pack/tree/etc_files.h"

#define MAX_TEXT (1u << 20) /* of a passwd file */

static int add_text(struct tree *tree, const char *path, const char *text, struct failure *failure)
{
	struct node *node;

	if (tree_find(tree, path, true))
		return 0;
	node = tree_add(tree, path, S_IFREG | 0644, failure);
	if (!node)
		return -1;
	tree_set_text(node, text);
	return 0;
}

static int add_folders(struct tree *tree, struct failure *failure)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} folders[] = {
		{ "/tmp", 01777 }, { "/root", 0700 }, { "/proc", 0755 },
		{ "/sys", 0755 },  { "/dev", 0755 },  { "/run", 0755 },
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (tree_find(tree, folders[i].path, true))
			continue;
		if (!tree_add(tree, folders[i].path, S_IFDIR | folders[i].mode, failure))
			return -1;
	}
	return 0;
}

/* Names of the host's that the image's user has: "NAME[:GROUP]", not numbers. */
static const char *host_line(struct arena *arena, const char *file, const char *name, size_t len)
{
	FILE *in = fopen(file, "re");
	char line[1024];
	const char *found = "";

	while (in && fgets(line, sizeof(line), in)) {
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			found = arena_string(arena, line);
			break;
		}
	}
	if (in)
		fclose(in);
	return found;
}

/* Of Debian's base-passwd, what programs look for; the numbers are fixed (Debian Policy §9.2). */
static const char base_users[] = "\nroot:x:0:0:root:/root:/bin/sh\n"
				 "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
				 "bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
				 "sys:x:3:3:sys:/dev:/usr/sbin/nologin\n"
				 "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n"
				 "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
				 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
static const char base_groups[] = "\nroot:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\n"
				  "tty:x:5:\nmail:x:8:\nwww-data:x:33:\nnogroup:x:65534:\n";

/* The list, with the host's line of a name that is not in it. */
static const char *with_name(struct arena *arena, const char *list, const char *host_file,
			     const char *name)
{
	if (!*name || strstr(list, arena_printf(arena, "\n%s:", name)))
		return list + 1;
	return arena_printf(arena, "%s%s", list + 1,
			    host_line(arena, host_file, name, strlen(name)));
}

int etc_files_add(struct tree *tree, const struct config *config, bool files,
		  struct failure *failure)
{
	const char *user = config->user ? config->user : "", *group = strchr(user, ':');

	if (add_folders(tree, failure))
		return -1;
	if (!files)
		return 0;
	user = arena_copy(tree->arena, user, group ? (size_t)(group - user) : strlen(user));
	group = group ? group + 1 : user;
	if (add_text(tree, "/etc/passwd", with_name(tree->arena, base_users, "/etc/passwd", user),
		     failure) ||
	    add_text(tree, "/etc/group", with_name(tree->arena, base_groups, "/etc/group", group),
		     failure) ||
	    add_text(tree, "/etc/nsswitch.conf",
		     "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
		     "protocols: files\n",
		     failure))
		return -1;
	return add_text(tree, "/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n", failure);
}

/* ---- who is that? ---- */

/* The text of a file of the image; "" if there is none. */
static const char *read_text(struct tree *tree, const char *path)
{
	struct node *node = tree_find(tree, path, true);
	char *text;

	node = node ? tree_inode(node) : NULL;
	if (!node || !S_ISREG(node->mode) || node->content.size_bytes > MAX_TEXT)
		return "";
	text = arena_alloc(tree->arena, node->content.size_bytes + 1);
	return content_read(&node->content, text, node->content.size_bytes, 0) < 0 ? "" : text;
}

/* Of the line whose field at[0] is the key, field at[1]; NULL: no such line. */
static const char *find_field(struct tree *tree, const char *text, const char *key,
			      const unsigned at[2])
{
	while (*text) {
		size_t line = strcspn(text, "\n");
		char *copy = arena_copy(tree->arena, text, line), *field[7] = { NULL };
		unsigned nr = 0;

		while (nr < 7 && (field[nr] = strsep(&copy, ":")) != NULL)
			nr++;
		if (at[0] < nr && at[1] < nr && strcmp(field[at[0]], key) == 0)
			return field[at[1]];
		text += line + (text[line] == '\n');
	}
	return NULL;
}

static bool is_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*out = (uint32_t)n;
	return text[0] >= '0' && text[0] <= '9' && !*end && n < UINT32_MAX;
}

int etc_files_identity(struct tree *tree, const struct config *config,
		       struct identity_facts *identity, struct failure *failure)
{
	static const unsigned name_to_uid[] = { 0, 2 }, uid_to_gid[] = { 2, 3 },
			      uid_to_home[] = { 2, 5 };
	const char *passwd = read_text(tree, "/etc/passwd"), *home, *number;
	char *user, *group, uid[16];

	*identity = (struct identity_facts){ .home = "/root" };
	if (!config->user || !config->user[0])
		return 0;
	user = arena_string(tree->arena, config->user);
	group = strchr(user, ':');
	if (group)
		*group++ = '\0';
	number = find_field(tree, passwd, user, name_to_uid);
	if (!is_number(number ? number : user, &identity->uid))
		return failure_set(failure,
				   "%sthe user '%s' is not in the image's /etc/passwd; add it "
				   "there, or give a number",
				   place_text(tree->arena, &config->user_place), user);
	snprintf(uid, sizeof(uid), "%u", identity->uid);
	number = find_field(tree, passwd, uid, uid_to_gid);
	if (number)
		is_number(number, &identity->gid);
	home = find_field(tree, passwd, uid, uid_to_home);
	identity->home = home ? home : identity->uid ? "/" : "/root";
	if (!group)
		return 0;
	number = find_field(tree, read_text(tree, "/etc/group"), group, name_to_uid);
	if (!is_number(number ? number : group, &identity->gid))
		return failure_set(failure, "%sthe group '%s' is not in the image's /etc/group",
				   place_text(tree->arena, &config->user_place), group);
	return 0;
}
