/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who the program runs as. Names mean what the guest's own /etc/passwd and /etc/group (passwd(5),
 * group(5)) say, not the host's name services; numbers need no entry. A user given by name or
 * number gets the groups that list it, unless a group is given too.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/run/run.h"
#include "pack/fs/erofs_find.h"

/* Of a root that is in memory here; links in it are not followed. NULL: it is not there. */
static FILE *open_packed(const struct guest_files *files, const char *path)
{
	char *text = NULL;
	FILE *file = NULL;
	size_t len = 0;

	if (files->image_root)
		text = erofs_find_file(files->image_root, files->image_root_len, path, &len);
	else if (files->archive)
		text = guest_files_copy_archived(files, path, &len);
	if (text && len)
		file = fmemopen(NULL, len, "w+");
	if (file && (fwrite(text, 1, len, file) != len || fseek(file, 0, SEEK_SET) != 0)) {
		fclose(file);
		file = NULL;
	}
	free(text);
	return file;
}

static FILE *open_guest(const struct guest_files *files, const char *path)
{
	FILE *file = NULL;
	char name[32];
	struct stat st;
	int fd = guest_files_open(files, path);

	if (fd == -ENOTSUP)
		return open_packed(files, path);
	if (fd < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) /* no fifo, in which we would wait */
		file = fopen(name, "re");
	close(fd);
	return file;
}

static bool parse_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || n >= UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* Splits NAME:PASSWORD:ID:REST in place; false if the line is none. */
static bool split(char *line, char **name, uint32_t *id, char **rest)
{
	char *id_text;

	line[strcspn(line, "\n")] = '\0';
	*name = strsep(&line, ":");
	strsep(&line, ":");
	id_text = strsep(&line, ":");
	*rest = line ? line : (char *)"";
	return id_text && parse_number(id_text, id);
}

/* Fills uid and the primary gid; *name is the user's name, empty when it has none. */
static bool find_user(const struct guest_files *files, const char *user, struct identity *out,
		      char name[256])
{
	FILE *file = open_guest(files, "/etc/passwd");
	bool is_number = parse_number(user, &out->uid), found = false;
	size_t capacity = 0;
	char *line = NULL;

	out->gid = 0;
	name[0] = '\0';
	while (file && !found && getline(&line, &capacity, file) >= 0) {
		char *entry, *rest;
		uint32_t uid, gid;

		if (!split(line, &entry, &uid, &rest) || !parse_number(strsep(&rest, ":"), &gid))
			continue;
		if (is_number ? uid != out->uid : strcmp(entry, user) != 0)
			continue;
		found = true;
		out->uid = uid;
		out->gid = gid;
		snprintf(name, 256, "%s", entry);
	}
	free(line);
	if (file)
		fclose(file);
	return found || is_number;
}

static bool is_member(char *members, const char *name)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

/*
 * The groups that list `member` are added; the group called `group` is *gid. True if it was
 * found.
 */
static bool read_groups(const struct guest_files *files, const char *group, const char *member,
			struct identity *out)
{
	FILE *file = open_guest(files, "/etc/group");
	size_t capacity = 0;
	bool found = false;
	char *line = NULL;

	while (file && getline(&line, &capacity, file) >= 0) {
		char *entry, *members;
		uint32_t gid;

		if (!split(line, &entry, &gid, &members))
			continue;
		if (group && strcmp(entry, group) == 0) {
			out->gid = gid;
			found = true;
		}
		if (member && member[0] && out->nr_groups < MAX_GROUPS &&
		    is_member(members, member))
			out->groups[out->nr_groups++] = gid;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static int get_caller(struct identity *out)
{
	int n = getgroups(MAX_GROUPS, (gid_t *)out->groups);

	out->uid = geteuid();
	out->gid = getegid();
	out->nr_groups = n > 0 ? (uint32_t)n : 0;
	return 0;
}

int identity_get(const char *user, const struct guest_files *files, struct identity *out)
{
	char user_name[256], name[256];
	const char *group;

	*out = (struct identity){ 0 };
	if (!user)
		return get_caller(out);
	group = strchr(user, ':');
	snprintf(user_name, sizeof(user_name), "%.*s", (int)strcspn(user, ":"), user);
	if (!find_user(files, user_name, out, name)) {
		message_print("-u %s: the guest's /etc/passwd has no user '%s'; "
			      "a number always works",
			      user, user_name);
		return EXIT_USAGE;
	}
	if (!group) {
		read_groups(files, NULL, name, out);
		return 0;
	}
	if (!parse_number(group + 1, &out->gid) && !read_groups(files, group + 1, NULL, out)) {
		message_print("-u %s: the guest's /etc/group has no group '%s'; "
			      "a number always works",
			      user, group + 1);
		return EXIT_USAGE;
	}
	return 0;
}
