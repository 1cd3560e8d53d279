/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and connecting sockets: socket(2), socketpair(2), bind(2), listen(2), accept(2),
 * connect(2), getsockname(2), getpeername(2), shutdown(2).
 */
#include <linux/fcntl.h>
#include <linux/net.h>
#include <linux/stat.h>

#include "fs/vfs.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/socket/sockets.h"
#include "linux/sys.h"
#include "mm/user.h"
#include "net/settings.h"

#define TYPE_FLAGS (O_CLOEXEC | O_NONBLOCK) /* SOCK_CLOEXEC, SOCK_NONBLOCK */

int socket_fd_get(int fd, struct file **f, struct socket **s)
{
	int err = fd_get(fd, f);

	if (err != 0)
		return err;
	*s = socket_of_file(*f);
	if (*s != NULL)
		return 0;
	file_put(*f);
	return -ENOTSOCK;
}

int socket_address_read(struct socket_address *a, uaddr_t from, int len)
{
	if (len < 0 || (size_t)len > sizeof(a->bytes))
		return -EINVAL;
	*a = (struct socket_address){ .len = (unsigned)len };
	return user_read(a->bytes, from, a->len);
}

int socket_address_write(const struct socket_address *a, uaddr_t to, uaddr_t len_at)
{
	int room, len = (int)a->len;

	if (user_read_struct(&room, len_at) != 0)
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (user_write(to, a->bytes, (size_t)min(room, len)) != 0)
		return -EFAULT;
	return user_write_struct(len_at, &len);
}

/* ---- new descriptors ---- */

/* Takes the socket over, on failure too. */
static int file_new_socket(struct socket *s, unsigned flags, struct file **out)
{
	int err = file_new_anonymous(&socket_fops, S_IFSOCK | 0777, O_RDWR | (flags & O_NONBLOCK),
				     s, out);

	if (err != 0) {
		socket_close(s);
		return err;
	}
	s->ino = (*out)->inode->ino;
	if ((s->traits & SOCKET_QUIET_PIPE) != 0)
		(*out)->traits |= FILE_QUIET_PIPE;
	return 0;
}

static int create(int family, int type, int protocol, struct socket **out)
{
	if (family < 0 || family >= AF_MAX)
		return -EAFNOSUPPORT;
	if ((type & ~SOCK_TYPE_MASK & ~TYPE_FLAGS) != 0 || (type & SOCK_TYPE_MASK) >= SOCK_TYPE_MAX)
		return -EINVAL;
	return socket_create(family, type & SOCK_TYPE_MASK, protocol, out);
}

long sys_socket(int family, int type, int protocol)
{
	struct socket *s;
	struct file *f;
	int err = create(family, type, protocol, &s);

	if (err == 0)
		err = file_new_socket(s, (unsigned)type, &f);
	return err != 0 ? err : fd_install(f, (unsigned)type & O_CLOEXEC, 0);
}

/* Two sockets, connected, as files. */
static int pair_new(int family, int type, int protocol, struct file *files[2])
{
	struct socket *a, *b;
	int err = create(family, type, protocol, &a);

	if (err != 0)
		return err;
	err = create(family, type, protocol, &b);
	if (err != 0)
		goto err_close_a;
	err = a->ops->pair == NULL ? -EOPNOTSUPP : a->ops->pair(a, b);
	if (err == 0)
		err = file_new_socket(a, (unsigned)type, &files[0]);
	else
		socket_close(a);
	if (err != 0) {
		socket_close(b);
		return err;
	}
	err = file_new_socket(b, (unsigned)type, &files[1]);
	if (err != 0)
		file_put(files[0]);
	return err;

err_close_a:
	socket_close(a);
	return err;
}

long sys_socketpair(int family, int type, int protocol, uaddr_t fds_at)
{
	struct file *files[2];
	int fds[2], err = fd_reserve();

	if (err < 0)
		return err;
	fds[0] = err;
	fds[1] = fd_reserve();
	if (fds[1] < 0) {
		fd_cancel(fds[0]);
		return fds[1];
	}
	err = user_write(fds_at, fds, sizeof(fds));
	if (err == 0)
		err = pair_new(family, type, protocol, files);
	for (int i = 0; i < 2; i++) {
		if (err == 0)
			fd_fill(fds[i], files[i], ((unsigned)type & O_CLOEXEC) != 0);
		else
			fd_cancel(fds[i]);
	}
	return err;
}

/* ---- names ---- */

long sys_bind(int fd, uaddr_t address, int len)
{
	struct socket_address a;
	struct socket *s;
	struct file *f;
	int err = socket_fd_get(fd, &f, &s);

	if (err != 0)
		return err;
	err = socket_address_read(&a, address, len);
	if (err == 0)
		err = s->ops->bind == NULL ? -EOPNOTSUPP
					   : s->ops->bind(s, &a, f->inode->mode & 0777);
	file_put(f);
	return err;
}

static long get_name(int fd, uaddr_t address, uaddr_t len_at, enum socket_name of)
{
	struct socket_address a = { 0 };
	struct socket *s;
	struct file *f;
	int err = socket_fd_get(fd, &f, &s);

	if (err != 0)
		return err;
	err = s->ops->get_name(s, of, &a);
	if (err == 0)
		err = socket_address_write(&a, address, len_at);
	file_put(f);
	return err;
}

long sys_getsockname(int fd, uaddr_t address, uaddr_t len_at)
{
	return get_name(fd, address, len_at, SOCKET_OWN_NAME);
}

long sys_getpeername(int fd, uaddr_t address, uaddr_t len_at)
{
	return get_name(fd, address, len_at, SOCKET_PEER_NAME);
}

/* ---- connections ---- */

long sys_listen(int fd, int backlog)
{
	struct socket *s;
	struct file *f;
	int err = socket_fd_get(fd, &f, &s);

	if (err != 0)
		return err;
	err = s->ops->listen == NULL ? -EOPNOTSUPP
				     : s->ops->listen(s, min((unsigned)backlog,
							     READ_ONCE(socket_settings.somaxconn)));
	file_put(f);
	return err;
}

static bool is_nonblock(const struct file *f)
{
	return (READ_ONCE(f->flags) & O_NONBLOCK) != 0;
}

long sys_connect(int fd, uaddr_t address, int len)
{
	struct socket_address a;
	struct socket *s;
	struct file *f;
	int err = socket_fd_get(fd, &f, &s);

	if (err != 0)
		return err;
	err = socket_address_read(&a, address, len);
	if (err == 0)
		err = s->ops->connect == NULL ? -EOPNOTSUPP
					      : s->ops->connect(s, &a, is_nonblock(f));
	file_put(f);
	return err;
}

static int accept_socket(struct socket *s, bool nonblock, unsigned flags, struct file **out)
{
	struct socket *connection;
	int err = s->ops->accept == NULL ? -EOPNOTSUPP : s->ops->accept(s, nonblock, &connection);

	return err != 0 ? err : file_new_socket(connection, flags, out);
}

/* Who connected: an accepted socket whose peer has gone has no name to tell. */
static int write_peer(struct file *connection, uaddr_t address, uaddr_t len_at)
{
	struct socket *s = socket_of_file(connection);
	struct socket_address a = { 0 };

	if (address == 0)
		return 0;
	if (s->ops->get_name(s, SOCKET_ACCEPTED_NAME, &a) != 0)
		return -ECONNABORTED;
	return socket_address_write(&a, address, len_at);
}

/* The descriptor is reserved first: with none free, the connection stays where it is. */
static int accept_as(struct socket *s, bool nonblock, unsigned flags, const uaddr_t name[2])
{
	struct file *connection;
	int fd = fd_reserve(), err;

	if (fd < 0)
		return fd;
	err = accept_socket(s, nonblock, flags, &connection);
	if (err == 0) {
		err = write_peer(connection, name[0], name[1]);
		if (err != 0)
			file_put(connection);
	}
	if (err != 0) {
		fd_cancel(fd);
		return err;
	}
	fd_fill(fd, connection, (flags & O_CLOEXEC) != 0);
	return fd;
}

long socket_accept_file(struct file *f, int flags, uaddr_t address, uaddr_t len_at, bool nonblock)
{
	const uaddr_t name[2] = { address, len_at };

	return (flags & ~TYPE_FLAGS) != 0
		       ? -EINVAL
		       : accept_as(socket_of_file(f), nonblock, (unsigned)flags, name);
}

long sys_accept4(int fd, uaddr_t address, uaddr_t len_at, int flags)
{
	struct socket *s;
	struct file *f;
	long err;

	if ((flags & ~TYPE_FLAGS) != 0)
		return -EINVAL;
	err = socket_fd_get(fd, &f, &s);
	if (err != 0)
		return err;
	err = socket_accept_file(f, flags, address, len_at, is_nonblock(f));
	file_put(f);
	return err;
}

long sys_accept(int fd, uaddr_t address, uaddr_t len_at)
{
	return sys_accept4(fd, address, len_at, 0);
}

int socket_shutdown(struct socket *s, int how)
{
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	return s->ops->shutdown == NULL ? -EOPNOTSUPP : s->ops->shutdown(s, how);
}

long sys_shutdown(int fd, int how)
{
	struct socket *s;
	struct file *f;
	int err = socket_fd_get(fd, &f, &s);

	if (err != 0)
		return err;
	err = socket_shutdown(s, how);
	file_put(f);
	return err;
}
