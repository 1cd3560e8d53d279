/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: names, directories, reading and writing, mounts, locks, what watches
 * files. With FAIL_DIR in the environment below that directory (a volume, a tmpfs), else below the
 * usual scratch directory, which in Hull is the overlay's.
 */
#include <dirent.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "fail.h"

#define LEN (48 * 1024)

static char bytes[LEN];
static int home = -1; /* the scratch directory */

/* A part is all that there was memory for. */
static int whole(ssize_t n, size_t len)
{
	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOMEM;
}

static int make_file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), err;

	if (fd < 0)
		return -errno;
	err = whole(write(fd, bytes, LEN), LEN);
	close(fd);
	return err;
}

static int ignore(int err, int error)
{
	return err == -error ? 0 : err;
}

static int prepare_files(void)
{
	int err = make_file("first");

	home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (err == 0)
		err = make_file("second");
	if (err == 0)
		err = ignore(fail_done(mkdir("folder", 0755)), EEXIST);
	(void)unlink("linked"), (void)unlink("symbolic"), (void)unlink("renamed");
	(void)unlink("created"), (void)rmdir("made"), (void)unlink("node"), (void)unlink("fifo");
	return err;
}

/* ---- names ---- */

static int run_create(void)
{
	int fd = open("created", O_RDWR | O_CREAT, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return fail_done(unlink("created"));
}

static int run_open(void)
{
	int fd = open("folder/../first", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fail_done(close(fd));
}

static int run_open_temporary(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	return fd >= 0 ? fail_done(close(fd)) : ignore(-errno, EOPNOTSUPP);
}

static int run_lookup_host(void)
{
	struct stat st;
	int fd = open("/usr/include/stdio.h", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ignore(-errno, ENOENT);
	if (read(fd, bytes, 4096) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	close(fd);
	return ignore(fail_done(stat("/usr/include/no-such-header.h", &st)), ENOENT);
}

static int run_mkdir(void)
{
	int err = ignore(fail_done(mkdir("made", 0755)), EEXIST);

	return err != 0 ? err : fail_done(rmdir("made"));
}

static int run_link(void)
{
	int err = ignore(fail_done(link("first", "linked")), EEXIST);

	return err != 0 ? err : fail_done(unlink("linked"));
}

static int run_symlink(void)
{
	char text[100];
	int err = ignore(fail_done(symlink("first", "symbolic")), EEXIST);
	int fd;

	if (err == 0 && readlink("symbolic", text, sizeof(text)) != 5)
		err = -errno;
	if (err == 0) {
		fd = open("symbolic", O_RDONLY);
		err = fd < 0 ? -errno : fail_done(close(fd));
	}
	return err != 0 ? err : fail_done(unlink("symbolic"));
}

static int run_rename(void)
{
	int err = ignore(fail_done(rename("first", "renamed")), ENOENT);

	return err != 0 ? err : fail_done(rename("renamed", "first"));
}

static int run_rename_over(void)
{
	int err = make_file("over");

	return err != 0 ? err : fail_done(rename("over", "folder/over"));
}

static int run_exchange(void)
{
	return fail_done((int)syscall(SYS_renameat2, AT_FDCWD, "first", AT_FDCWD, "second",
				      2 /* RENAME_EXCHANGE */));
}

static int run_mknod(void)
{
	int err = ignore(fail_done(mkfifo("fifo", 0600)), EEXIST), fd = -1;

	if (err == 0) {
		fd = open("fifo", O_RDWR | O_NONBLOCK);
		err = fd < 0 ? -errno : fail_done((int)write(fd, "text", 4));
	}
	if (fd >= 0)
		close(fd);
	return err != 0 ? err : fail_done(unlink("fifo"));
}

static int run_getdents(void)
{
	char buf[4096];
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;

	if (fd < 0)
		return -errno;
	do {
		n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
	} while (n > 0);
	if (n < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fail_done(close(fd));
}

static int run_getcwd(void)
{
	char buf[4096];
	int err = fail_done(fchdir(home));

	if (err == 0)
		err = fail_done(chdir("folder"));
	if (err == 0 && syscall(SYS_getcwd, buf, sizeof(buf)) < 0)
		err = -errno;
	return err != 0 ? err : fail_done(chdir(".."));
}

/* ---- attributes ---- */

static int run_attributes(void)
{
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
	struct statfs fs;
	int err = fail_done(chmod("first", 0640));

	if (err == 0)
		err = fail_done(utimensat(AT_FDCWD, "first", times, 0));
	if (err == 0)
		err = fail_done(chown("first", getuid(), getgid()));
	if (err == 0)
		err = fail_done(statfs("first", &fs));
	return err != 0 ? err : fail_done(access("first", R_OK));
}

static int run_xattr(void)
{
	char value[200] = "value", list[400];
	int err = fail_done(setxattr("first", "user.name", value, sizeof(value), 0));

	if (err == -EOPNOTSUPP)
		return 0;
	if (err == 0 && getxattr("first", "user.name", value, sizeof(value)) < 0)
		err = -errno;
	if (err == 0 && listxattr("first", list, sizeof(list)) < 0)
		err = -errno;
	return err != 0 ? err : fail_done(removexattr("first", "user.name"));
}

static int run_truncate(void)
{
	int err = fail_done(truncate("first", 5000)), fd;

	if (err == 0)
		err = fail_done(truncate("first", LEN));
	if (err != 0)
		return err;
	fd = open("first", O_RDWR);
	if (fd < 0)
		return -errno;
	err = ignore(fail_done(fallocate(fd, 0, LEN, 8192)), EOPNOTSUPP);
	if (err == 0)
		err = ignore(fail_done(fallocate(fd, 3 /* PUNCH_HOLE | KEEP_SIZE */, 4096, 4096)),
			     EOPNOTSUPP);
	close(fd);
	return err;
}

/* ---- contents ---- */

static int run_write(void)
{
	int fd = open("created", O_RDWR | O_CREAT | O_TRUNC, 0644), err;

	if (fd < 0)
		return -errno;
	err = whole(write(fd, bytes, LEN), LEN);
	if (err == 0)
		err = fail_done(fsync(fd));
	if (err == 0)
		err = whole(pread(fd, bytes, LEN, 0), LEN);
	if (close(fd) != 0 && err == 0)
		err = -errno;
	return err != 0 ? err : fail_done(unlink("created"));
}

static int run_write_copied(void)
{
	int fd = open("first", O_RDWR | O_APPEND), err;
	struct iovec v[20];

	if (fd < 0)
		return -errno;
	for (int i = 0; i < 20; i++)
		v[i] = (struct iovec){ bytes + i * 100, 100 };
	err = whole(writev(fd, v, 20), 2000);
	if (err == 0)
		err = whole(preadv(fd, v, 20, 0), 2000);
	if (err == 0)
		err = fail_done(ftruncate(fd, LEN));
	close(fd);
	return err;
}

static int run_read_uncached(void)
{
	int fd = open("first", O_RDWR), err;

	if (fd < 0)
		return -errno;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	err = whole(read(fd, bytes, LEN), LEN);
	close(fd);
	return err;
}

static int run_sendfile(void)
{
	int from = open("first", O_RDONLY), to = open("second", O_RDWR), err = 0;
	off_t at = 0, to_at = 0;

	if (from < 0 || to < 0)
		err = -errno;
	if (err == 0)
		err = whole(sendfile(to, from, &at, 8192), 8192);
	at = 0;
	if (err == 0)
		err = whole(copy_file_range(from, &at, to, &to_at, 8192, 0), 8192);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return err;
}

static int run_memfd(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	err = whole(write(fd, bytes, LEN), LEN);
	if (err == 0)
		err = fail_done(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	close(fd);
	return err;
}

/* ---- descriptors ---- */

static int run_many_fds(void)
{
	int fd = open("first", O_RDONLY), err = fd < 0 ? -errno : 0;

	if (err == 0)
		err = fail_done(dup2(fd, 900));
	if (err == 0)
		err = fail_done(fcntl(fd, F_DUPFD, 300));
	close(900), close(300);
	if (fd >= 0)
		close(fd);
	return err;
}

static int run_unshare(void)
{
	return fail_done((int)syscall(SYS_unshare, 0x400 | 0x200 /* CLONE_FILES | CLONE_FS */));
}

/* ---- locks, watches ---- */

static int run_locks(void)
{
	int fd = open("first", O_RDWR), err;
	struct flock lock = { .l_type = F_WRLCK, .l_start = 0, .l_len = 100 };
	struct flock hole = { .l_type = F_UNLCK, .l_start = 40, .l_len = 10 };

	if (fd < 0)
		return -errno;
	err = fail_done(flock(fd, LOCK_EX));
	if (err == 0)
		err = fail_done(fcntl(fd, F_SETLK, &lock));
	if (err == 0)
		err = fail_done(fcntl(fd, F_SETLK, &hole));
	if (err == 0)
		err = fail_done(fcntl(fd, F_GETLK, &lock));
	close(fd);
	return err;
}

static int run_ofd_locks(void)
{
	int fd = open("first", O_RDWR), err;
	struct flock lock = { .l_type = F_RDLCK, .l_start = 10, .l_len = 100 };

	if (fd < 0)
		return -errno;
	err = fail_done(fcntl(fd, F_OFD_SETLKW, &lock));
	lock = (struct flock){ .l_type = F_WRLCK, .l_start = 50, .l_len = 10 };
	if (err == 0)
		err = fail_done(fcntl(fd, F_OFD_SETLK, &lock));
	close(fd);
	return err;
}

static int run_inotify(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), err, created;
	char buf[4096];

	if (fd < 0)
		return -errno;
	err = fail_done(inotify_add_watch(fd, "folder", IN_ALL_EVENTS));
	if (err == 0) {
		created = open("folder/seen", O_RDWR | O_CREAT, 0600);
		err = created < 0 ? -errno : fail_done(close(created));
	}
	if (err == 0)
		err = fail_done(unlink("folder/seen"));
	if (err == 0 && read(fd, buf, sizeof(buf)) < 0 && errno != EAGAIN)
		err = -errno;
	close(fd);
	return err;
}

/* ---- mounts ---- */

/* Only where things may be made to fail: Linux is the oracle, and must stay as it was. */
static int run_mount(void)
{
	int err = ignore(fail_done(mkdir("point", 0755)), EEXIST);

	if (!fail_is_there())
		return 0;
	if (err == 0)
		err = fail_done(mount("none", "point", "tmpfs", 0, "size=1m"));
	if (err != 0)
		return err;
	err = make_file("point/inside");
	if (umount2("point", MNT_DETACH) != 0 && err == 0) {
		err = -errno;
		(void)umount2("point", MNT_DETACH);
	}
	return err;
}

static int run_proc(void)
{
	static const char *const files[] = { "/proc/self/maps",      "/proc/self/status",
					     "/proc/self/mountinfo", "/proc/stat",
					     "/proc/self/fd/0",      "/proc/meminfo" };
	char buf[8192];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

		if (fd < 0)
			return -errno;
		err = strstr(files[i], "fd/") != NULL || read(fd, buf, sizeof(buf)) >= 0 ? 0
											 : -errno;
		close(fd);
		if (err != 0)
			return err;
	}
	return 0;
}

#define ROW(function, ...) \
	{ \
		.name = #function, .run = run_##function, .prepare = prepare_files, .errors = { \
			__VA_ARGS__ \
		} \
	}

static const struct fail_op ops[] = {
	ROW(create, ENOSPC),
	ROW(open, 0),
	ROW(open_temporary, ENOSPC),
	ROW(lookup_host, 0),
	ROW(mkdir, ENOSPC),
	ROW(link, ENOSPC),
	ROW(symlink, ENOSPC),
	ROW(rename, ENOSPC),
	ROW(rename_over, ENOSPC),
	ROW(exchange, ENOSPC),
	ROW(mknod, ENOSPC),
	ROW(getdents, 0),
	ROW(getcwd, 0),
	ROW(attributes, 0),
	ROW(xattr, ENOSPC),
	ROW(truncate, ENOSPC),
	ROW(write, ENOSPC, EIO),
	ROW(write_copied, ENOSPC),
	ROW(read_uncached, EIO),
	ROW(sendfile, EIO, ENOSPC),
	ROW(memfd, ENOSPC),
	ROW(many_fds, 0),
	ROW(unshare, 0),
	ROW(locks, ENOLCK),
	ROW(ofd_locks, ENOLCK),
	ROW(inotify, ENOSPC),
	ROW(mount, ENOSPC),
	ROW(proc, 0),
};

int main(int argc, char **argv)
{
	if (getenv("FAIL_DIR") != NULL)
		setenv("TMPDIR", getenv("FAIL_DIR"), 1);
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
