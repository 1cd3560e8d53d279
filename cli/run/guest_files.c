/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's files seen from the host, so that "not found" and "cannot be run" are said before a
 * virtual machine is made. A path belongs to the deepest volume whose mount point is a prefix of
 * it, else to the root; inside, it is walked with openat2(RESOLVE_IN_ROOT), as the guest will
 * walk it. A link that leads from one of them into another cannot be followed here: then the
 * guest decides.
 *
 * The search for a program is the shell's (POSIX XCU 2.9.1.4): a name with a slash is a path;
 * else the first executable regular file along PATH, and 126 if there were only unexecutable
 * ones.
 */
#define _GNU_SOURCE 1
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/run/run.h"
#include "lib/cpio.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * Absolute, without "." and empty components; ".." takes the one before it away. 0 or
 * -ENAMETOOLONG.
 */
static int normalize(const char *cwd, const char *path, char out[PATH_MAX])
{
	char whole[2 * PATH_MAX];
	size_t len = 0;
	char *save, *part;

	if (snprintf(whole, sizeof(whole), "%s/%s", path[0] == '/' ? "" : cwd, path) >= PATH_MAX)
		return -ENAMETOOLONG;
	for (part = strtok_r(whole, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (len > 0 && out[--len] != '/')
				;
			continue;
		}
		len += (size_t)sprintf(out + len, "/%s", part);
	}
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 0 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || !path[len]);
}

/* The guest's own file systems. */
static bool is_inside_guest(const char *path)
{
	return is_below(path, "/proc") || is_below(path, "/sys") || is_below(path, "/dev");
}

static int open_below(const char *dir, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir_fd < 0)
		return -errno;
	while (*path == '/')
		path++;
	fd = (int)syscall(SYS_openat2, dir_fd, *path ? path : ".", &how, sizeof(how));
	/* openat2(2): with ".." in the path, a rename anywhere may cause EAGAIN; the guest
	 * decides. */
	if (fd < 0)
		fd = errno == EAGAIN ? -ENOTSUP : -errno;
	close(dir_fd);
	return fd;
}

int guest_files_open(const struct guest_files *files, const char *path)
{
	const struct volume *volume = NULL;
	char whole[PATH_MAX];
	int err = normalize(files->cwd, path, whole);

	if (err)
		return err;
	if (is_inside_guest(whole))
		return -ENOTSUP;
	for (unsigned i = 0; i < files->nr_volumes; i++) {
		const struct volume *v = &files->volumes[i];

		if (is_below(whole, v->guest) &&
		    (!volume || strlen(v->guest) >= strlen(volume->guest)))
			volume = v;
	}
	if (volume)
		return open_below(volume->host, whole + strlen(volume->guest));
	if (!files->root_dir)
		return -ENOTSUP;
	/* by the name as given: ".." after a link is not what it looks like */
	if (path[0] == '/')
		return open_below(files->root_dir, path);
	snprintf(whole, sizeof(whole), "%s/%s", files->cwd, path); /* normalize: it fits */
	return open_below(files->root_dir, whole);
}

/* Whether the kernel could run what begins with these bytes; NULL or why not. */
static const char *check_format(int path_fd)
{
	char name[32];
	Elf64_Ehdr header;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL; /* executable but not readable for us: the guest will see */
	n = read(fd, &header, sizeof(header));
	close(fd);
	if (n >= 2 && memcmp(&header, "#!", 2) == 0)
		return NULL;
	if (n < (ssize_t)sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return "it is neither an ELF program nor a script with '#!'";
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
		return "it is an ELF file, but not for 64-bit x86";
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return "it is an ELF file, but not a program";
	return NULL;
}

/*
 * 0: run it. -ENOENT and -ENOTDIR: not there. -EACCES, -EISDIR, -ENOEXEC (with *why): not to be
 * run.
 */
static int check_program(const struct guest_files *files, const char *path, const char **why)
{
	struct stat st;
	int fd = guest_files_open(files, path), err = 0;

	if (fd == -ENOTSUP)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		err = -EACCES;
	*why = err ? NULL : check_format(fd);
	close(fd);
	return *why ? -ENOEXEC : err;
}

static int explain(const char *name, int err, const char *why)
{
	if (err == -ENOENT || err == -ENOTDIR) {
		message_print("%s: %s", name, strerror(-err));
		return EXIT_NOT_FOUND;
	}
	message_print("%s: cannot run it: %s", name, why ? why : strerror(-err));
	return EXIT_CANNOT_RUN;
}

static bool find_archived(const struct guest_files *files, const char *path,
			  struct cpio_entry *entry)
{
	struct cpio_reader reader;

	cpio_reader_init(&reader, files->archive, files->archive_len);
	while (cpio_reader_next(&reader, entry) == 1) {
		const char *name = entry->name;

		name += strncmp(name, "./", 2) == 0 ? 2 : 0;
		name += name[0] == '/';
		if (strcmp(name, path + 1) == 0)
			return true;
	}
	return false;
}

char *guest_files_copy_archived(const struct guest_files *files, const char *path, size_t *len)
{
	struct cpio_entry entry;
	char *text;

	if (!find_archived(files, path, &entry) || !S_ISREG(entry.mode))
		return NULL;
	text = malloc(entry.size_bytes + 1);
	if (text)
		memcpy(text, entry.data, entry.size_bytes);
	*len = entry.size_bytes;
	return text;
}

/* As check_program for a file found by PATH: what cannot be known counts as not there. */
static int check_candidate(const struct guest_files *files, const char *path, const char **why)
{
	int fd = guest_files_open(files, path);
	struct cpio_entry entry;

	if (fd == -ENOTSUP)
		return files->archive && find_archived(files, path, &entry) ? 0 : -ENOENT;
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : check_program(files, path, why);
}

int guest_files_find_program(const struct guest_files *files, const char *name,
			     const char *search_path, char path[PATH_MAX])
{
	const char *at = search_path ? search_path : DEFAULT_PATH, *why = NULL;
	int err, worst = -ENOENT;

	if (strchr(name, '/')) {
		if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
			return explain(name, -ENAMETOOLONG, NULL);
		err = check_program(files, name, &why);
		return err ? explain(name, err, why) : 0;
	}
	while (name[0]) {
		size_t len = strcspn(at, ":");
		const char *reason = NULL;

		if (snprintf(path, PATH_MAX, "%.*s/%s", len ? (int)len : 1, len ? at : ".", name) <
		    PATH_MAX) {
			err = check_candidate(files, path, &reason);
			if (!err)
				return 0;
			if (err == -EACCES || err == -ENOEXEC) {
				worst = err;
				why = reason;
			}
		}
		if (!at[len])
			break;
		at += len + 1;
	}
	if (worst != -ENOENT)
		return explain(name, worst, why);
	message_print("%s: command not found", name);
	return EXIT_NOT_FOUND;
}
