/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of local sockets: files, abstract names, autobind, errors (unix(7), bind(2)). */
#include "sockets.h"

static int new_socket(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	if (fd < 0) {
		printf("FAIL socket: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

/* The length that getsockname gives; the name is in *a. */
static int name_of(int fd, struct sockaddr_un *a)
{
	socklen_t len = sizeof(*a);

	memset(a, 'x', sizeof(*a));
	return getsockname(fd, (struct sockaddr *)a, &len) == 0 ? (int)len : -1;
}

static void test_files(void)
{
	int s = new_socket(SOCK_STREAM), t;
	struct sockaddr_un a;
	struct stat st;

	CHECK_EQ(name_of(s, &a), 2);
	CHECK_EQ(a.sun_family, AF_UNIX);
	umask(022);
	CHECK_EQ(un_bind(s, "name"), 0);
	CHECK_EQ(name_of(s, &a), UN_PATH + 5);
	CHECK_STR(a.sun_path, "name");
	CHECK_EQ(lstat("name", &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0755);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_ERR(un_bind(s, "other"), EINVAL);
	CHECK_ERR(access("other", F_OK), ENOENT);
	t = new_socket(SOCK_DGRAM);
	CHECK_ERR(un_bind(t, "name"), EADDRINUSE);
	CHECK_ERR(un_bind(t, "no/such"), ENOENT);
	CHECK_ERR(un_bind(t, "name/below"), ENOTDIR);
	CHECK_ERR(un_bind(t, "."), EADDRINUSE);
	CHECK_ERR(un_bind(t, "slash/"), ENOENT);
	CHECK_EQ(symlink("dangling-to", "link"), 0);
	CHECK_ERR(un_bind(t, "link"), EADDRINUSE);
	CHECK_ERR(open("name", O_RDWR), ENXIO);
	CHECK_EQ(rename("name", "renamed"), 0);
	CHECK_EQ(listen(s, 5), 0);
	close(t);
	t = new_socket(SOCK_STREAM);
	CHECK_ERR(un_connect(t, "name"), ENOENT);
	CHECK_EQ(un_connect(t, "renamed"), 0);
	CHECK_EQ(name_of(s, &a), UN_PATH + 5);
	CHECK_STR(a.sun_path, "name");
	close(t);
	t = new_socket(SOCK_STREAM);
	CHECK_EQ(symlink("renamed", "to-it"), 0);
	CHECK_EQ(un_connect(t, "to-it"), 0);
	close(t);
	t = new_socket(SOCK_STREAM);
	CHECK_EQ(link("renamed", "hard"), 0);
	CHECK_EQ(un_connect(t, "hard"), 0);
	close(t);
	close(s);
	CHECK_EQ(access("renamed", F_OK), 0); /* the name stays */
	t = new_socket(SOCK_STREAM);
	CHECK_ERR(un_connect(t, "renamed"), ECONNREFUSED);
	CHECK_ERR(un_bind(t, "renamed"), EADDRINUSE);
	CHECK_EQ(unlink("renamed"), 0);
	CHECK_EQ(un_bind(t, "renamed"), 0);
	close(t);
	CHECK_ERR(un_connect(new_socket(SOCK_STREAM), "."), ECONNREFUSED);
}

/* A name that was removed while it is bound: the socket is out of reach, the name is free. */
static void test_removed(void)
{
	int a = un_listener(SOCK_STREAM, "gone", 1), b, c = new_socket(SOCK_STREAM);

	CHECK_EQ(unlink("gone"), 0);
	CHECK_ERR(un_connect(c, "gone"), ENOENT);
	b = un_listener(SOCK_STREAM, "gone", 1);
	CHECK_EQ(un_connect(c, "gone"), 0);
	CHECK_EQ(poll_now(b), POLLIN);
	CHECK_EQ(poll_now(a), 0);
	close(a);
	close(b);
	close(c);
	unlink("gone");
}

static void test_mknod(void)
{
	int c = new_socket(SOCK_STREAM);
	struct stat st;

	CHECK_EQ(mknod("made", S_IFSOCK | 0600, 0), 0);
	CHECK_EQ(stat("made", &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_ERR(un_connect(c, "made"), ECONNREFUSED);
	CHECK_ERR(un_bind(c, "made"), EADDRINUSE);
	close(c);
}

static void test_lengths(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char room[200] = { 0 };
	int s = new_socket(SOCK_DGRAM);

	memset(a.sun_path, 'n', sizeof(a.sun_path)); /* no NUL at all */
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(name_of(s, (void *)room), UN_PATH + 109);
	room[UN_PATH + 108] = 0;
	CHECK_EQ(access(room + UN_PATH, F_OK), 0);
	close(s);
	s = new_socket(SOCK_DGRAM);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, sizeof(a) + 1), EINVAL);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, 1), EINVAL);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, 0), EINVAL);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, (socklen_t)-1), EINVAL);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, 129), EINVAL);
	CHECK_ERR(bind(s, (struct sockaddr *)8, sizeof(a)), EFAULT);
	CHECK_ERR(connect(s, (struct sockaddr *)&a, 2), EINVAL);
	CHECK_ERR(connect(s, (struct sockaddr *)&a, 1), EINVAL);
	CHECK_ERR(connect(s, (struct sockaddr *)8, sizeof(a)), EFAULT);
	CHECK_ERR(bind(0, (struct sockaddr *)&a, sizeof(a)), ENOTSOCK);
	CHECK_ERR(bind(-1, (struct sockaddr *)&a, sizeof(a)), EBADF);
	a.sun_family = AF_INET;
	CHECK_ERR(bind(s, (struct sockaddr *)&a, sizeof(a)), EINVAL);
	CHECK_ERR(connect(s, (struct sockaddr *)&a, sizeof(a)), EINVAL);
	a.sun_family = AF_UNIX;
	memset(a.sun_path, 0, sizeof(a.sun_path));
	strcpy(a.sun_path, "cut");
	CHECK_EQ(bind(s, (struct sockaddr *)&a, UN_PATH + 2), 0);
	CHECK_EQ(name_of(s, (void *)room), UN_PATH + 3);
	CHECK_EQ(access("cu", F_OK), 0);
	close(s);
}

static void test_get(void)
{
	int s = new_socket(SOCK_STREAM);
	struct sockaddr_un a;
	socklen_t len;

	CHECK_EQ(un_bind(s, "abcdef"), 0);
	memset(&a, 'x', sizeof(a));
	len = 5;
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(len, UN_PATH + 7);
	CHECK(memcmp(a.sun_path, "abcx", 4) == 0);
	len = 0;
	CHECK_EQ(getsockname(s, NULL, &len), 0);
	CHECK_EQ(len, UN_PATH + 7);
	len = (socklen_t)-1;
	CHECK_ERR(getsockname(s, (struct sockaddr *)&a, &len), EINVAL);
	len = 20;
	CHECK_ERR(getsockname(s, (struct sockaddr *)8, &len), EFAULT);
	CHECK_ERR(getsockname(s, (struct sockaddr *)&a, (void *)8), EFAULT);
	CHECK_ERR(getpeername(s, (struct sockaddr *)&a, &len), ENOTCONN);
	CHECK_ERR(getsockname(0, (struct sockaddr *)&a, &len), ENOTSOCK);
	CHECK_ERR(getpeername(-1, (struct sockaddr *)&a, &len), EBADF);
	close(s);
}

static void test_peer_names(void)
{
	int l = un_listener(SOCK_STREAM, "lsn", 2), c = new_socket(SOCK_STREAM), a, p[2];
	struct sockaddr_un n;
	socklen_t len = sizeof(n);

	CHECK_EQ(un_bind(c, "client"), 0);
	CHECK_EQ(un_connect(c, "lsn"), 0);
	a = accept(l, (struct sockaddr *)&n, &len);
	CHECK_EQ(len, UN_PATH + 7);
	CHECK_STR(n.sun_path, "client");
	CHECK_EQ(name_of(a, &n), UN_PATH + 4);
	CHECK_STR(n.sun_path, "lsn");
	len = sizeof(n);
	CHECK_EQ(getpeername(c, (struct sockaddr *)&n, &len), 0);
	CHECK_STR(n.sun_path, "lsn");
	close(l);
	close(c);
	len = sizeof(n);
	CHECK_EQ(getpeername(a, (struct sockaddr *)&n, &len), 0);
	CHECK_STR(n.sun_path, "client");
	close(a);
	pair_open(SOCK_STREAM, p);
	CHECK_EQ(name_of(p[0], &n), 2);
	len = sizeof(n);
	CHECK_EQ(getpeername(p[0], (struct sockaddr *)&n, &len), 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(un_bind(p[0], "late"), 0);
	len = sizeof(n);
	CHECK_EQ(getpeername(p[1], (struct sockaddr *)&n, &len), 0);
	CHECK_STR(n.sun_path, "late");
	CHECK_ERR(listen(p[0], 1), EINVAL);
	pair_close(p);
}

static void test_abstract(void)
{
	int s = new_socket(SOCK_STREAM), t = new_socket(SOCK_STREAM), d = new_socket(SOCK_DGRAM);
	socklen_t len;
	struct sockaddr_un a = un_abstract("one", &len), got;

	CHECK_ERR(connect(t, (struct sockaddr *)&a, len), ECONNREFUSED);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(name_of(s, &got), len);
	CHECK(memcmp(&got, &a, len) == 0);
	CHECK_ERR(bind(t, (struct sockaddr *)&a, len), EADDRINUSE);
	CHECK_ERR(bind(s, (struct sockaddr *)&a, len), EINVAL);
	CHECK_EQ(bind(d, (struct sockaddr *)&a, len), 0); /* another type, another name */
	CHECK_ERR(connect(t, (struct sockaddr *)&a, len), ECONNREFUSED);
	CHECK_EQ(listen(s, 1), 0);
	CHECK_EQ(connect(t, (struct sockaddr *)&a, len), 0);
	close(t);
	t = new_socket(SOCK_STREAM);
	CHECK_ERR(connect(t, (struct sockaddr *)&a, len + 1), ECONNREFUSED);
	CHECK_ERR(connect(t, (struct sockaddr *)&a, len - 1), ECONNREFUSED);
	/* NULs within count. */
	CHECK_EQ(bind(t, (struct sockaddr *)&a, len + 1), 0);
	close(t);
	close(s);
	t = new_socket(SOCK_STREAM);
	CHECK_ERR(connect(t, (struct sockaddr *)&a, len), ECONNREFUSED);
	CHECK_EQ(bind(t, (struct sockaddr *)&a, len), 0);
	close(t);
	close(d);
}

static void test_autobind(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }, n, m;
	int s = new_socket(SOCK_DGRAM), t = new_socket(SOCK_DGRAM), on = 1, p[2];
	char c;

	CHECK_EQ(bind(s, (struct sockaddr *)&a, 2), 0);
	CHECK_EQ(name_of(s, &n), UN_PATH + 6);
	CHECK_EQ(n.sun_path[0], 0);
	CHECK_EQ(strspn(n.sun_path + 1, "0123456789abcdef"), 5);
	CHECK_EQ(bind(t, (struct sockaddr *)&a, 2), 0);
	CHECK_EQ(name_of(t, &m), UN_PATH + 6);
	CHECK(memcmp(&n, &m, UN_PATH + 6) != 0);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, 2), 0);
	CHECK_EQ(sendto(t, "x", 1, 0, (struct sockaddr *)&n, UN_PATH + 6), 1);
	CHECK_EQ(recv(s, &c, 1, 0), 1);
	close(s);
	close(t);
	/* SO_PASSCRED gives a sender a name. */
	pair_open(SOCK_DGRAM, p);
	CHECK_EQ(setsockopt(p[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	CHECK_EQ(name_of(p[0], &n), 2);
	CHECK_EQ(send(p[0], "x", 1, 0), 1);
	CHECK_EQ(name_of(p[0], &n), UN_PATH + 6);
	pair_close(p);
}

static int child_unprivileged(void *arg)
{
	const char *path = arg;
	int s = new_socket(SOCK_STREAM);

	if (getuid() == 0 && (setresgid(1234, 1234, 1234) != 0 || setresuid(1234, 1234, 1234) != 0))
		return 1;
	return un_connect(s, path) == 0 ? 0 : errno;
}

static int child_binds(void *arg)
{
	if (getuid() == 0 && setresuid(1234, 1234, 1234) != 0)
		return 1;
	return un_bind(new_socket(SOCK_STREAM), arg) == 0 ? 0 : errno;
}

static void test_permission(void)
{
	int l = un_listener(SOCK_STREAM, "perm", 10);

	chmod(".", 0755);
	CHECK_EQ(chmod("perm", 0555), 0);
	CHECK_EQ(in_child(child_unprivileged, "perm"), EACCES);
	CHECK_EQ(chmod("perm", 0222), 0);
	CHECK_EQ(in_child(child_unprivileged, "perm"), 0);
	close(l);
	CHECK_EQ(mkdir("closed", 0555), 0);
	CHECK_EQ(in_child(child_binds, "closed/x"), EACCES);
}

/* As the library's /dev/log clients do it: another process, an abstract name. */
static int child_connects(void *arg)
{
	struct sockaddr_un *a = arg;
	int s = new_socket(SOCK_STREAM);
	socklen_t len = UN_PATH + 1 + strlen(a->sun_path + 1);

	return connect(s, arg, len) == 0 && write(s, "hi", 2) == 2 ? 0 : errno;
}

static void test_processes(void)
{
	int l = new_socket(SOCK_STREAM), a;
	socklen_t len;
	struct sockaddr_un n = un_abstract("served", &len);
	char buf[8];

	CHECK_EQ(bind(l, (struct sockaddr *)&n, len), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(in_child(child_connects, &n), 0);
	a = accept(l, NULL, NULL);
	CHECK_EQ(read(a, buf, 8), 2);
	CHECK_EQ(read(a, buf, 8), 0);
	close(a);
	close(l);
}

static int count_lines(const char *needle)
{
	FILE *f = fopen("/proc/net/unix", "r");
	char line[512];
	int n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, needle) != NULL;
	if (f != NULL)
		fclose(f);
	return n;
}

static void test_proc(void)
{
	char path[200], link[64], text[64];
	int l = un_listener(SOCK_STREAM, "in-proc", 1);
	ssize_t n;
	struct stat st;

	CHECK_EQ(count_lines("RefCount Protocol Flags    Type St Inode Path"), 1);
	CHECK_EQ(count_lines(" in-proc\n"), 1);
	fstat(l, &st);
	snprintf(path, sizeof(path), " 00010000 0001 01 %5lu in-proc", (unsigned long)st.st_ino);
	CHECK_EQ(count_lines(path), 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", l);
	n = readlink(link, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	snprintf(path, sizeof(path), "socket:[%lu]", (unsigned long)st.st_ino);
	CHECK_STR(text, path);
	CHECK_ERR(open(link, O_RDWR), ENXIO);
	close(l);
	CHECK_EQ(count_lines(" in-proc\n"), 0);
}

int main(void)
{
	scratch_enter();
	un_enter_space();
	test_files();
	test_removed();
	test_mknod();
	test_lengths();
	test_get();
	test_peer_names();
	test_abstract();
	test_autobind();
	test_permission();
	test_processes();
	test_proc();
	return check_done();
}
