/* SPDX-License-Identifier: BSD-2-Clause */
/* setsockopt(2), getsockopt(2): values in and out of user memory. */
#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/socket/sockets.h"
#include "linux/sys.h"
#include "linux/task/pidfd.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define VALUE_INLINE 128u
#define SET_MAX      16384u                 /* MCAST_MSFILTER has up to 8 KiB */
#define VALUE_MAX    (CRED_GROUPS_MAX * 4u) /* SO_PEERGROUPS */

static int set(struct socket *s, const struct socket_option *o)
{
	if (o->level == SOL_SOCKET)
		return socket_set_option(s, o);
	/* The family's own levels. AF_UNIX has none. */
	return s->family->family == AF_UNIX || s->ops->set_option == NULL
		       ? -EOPNOTSUPP
		       : s->ops->set_option(s, o);
}

/* SO_PEERPIDFD: a new descriptor of the process that SO_PEERCRED names. */
static int get_pidfd(struct socket *s, struct socket_option *o)
{
	struct socket_peer p = socket_peer_get(s);
	int fd;

	if (p.cred != NULL)
		cred_put(p.cred);
	if (p.pid == 0)
		return -ENODATA;
	fd = pidfd_of(p.pid, p.birth);
	if (fd < 0)
		return fd;
	o->len = min(o->len, (unsigned)sizeof(fd));
	memcpy(o->value, &fd, o->len);
	return 0;
}

static int get(struct socket *s, struct socket_option *o)
{
	if (o->level == SOL_SOCKET && o->name == SO_PEERPIDFD)
		return get_pidfd(s, o);
	if (o->level == SOL_SOCKET)
		return socket_get_option(s, o);
	return s->family->family == AF_UNIX || s->ops->get_option == NULL
		       ? -EOPNOTSUPP
		       : s->ops->get_option(s, o);
}

/* A long one counts as far as it can be read: few options look at that much. */
static int read_value(struct socket_option *o)
{
	size_t got;

	if (o->len <= VALUE_INLINE)
		return user_read(o->value, o->user_value, o->len);
	got = user_read_some(o->value, o->user_value, o->len);
	o->len = (unsigned)got;
	return got == 0 ? -EFAULT : 0;
}

static int set_from(struct socket *s, struct socket_option *o)
{
	char room[VALUE_INLINE] ALIGNED(8) = { 0 };
	char *buf = o->len <= sizeof(room) ? room : kmem_alloc(o->len);
	int err;

	if (buf == NULL)
		return -ENOMEM;
	o->value = buf;
	err = read_value(o);
	if (err == 0)
		err = set(s, o);
	if (buf != room)
		kmem_free(buf);
	return err;
}

long sys_setsockopt(int fd, int level, int name, uaddr_t value, int len)
{
	struct socket_option o = { .level = level, .name = name, .user_value = value };
	struct socket *s;
	struct file *f;
	int err;

	if (len < 0)
		return -EINVAL;
	err = socket_fd_get(fd, &f, &s);
	if (err != 0)
		return err;
	o.len = min((unsigned)len, SET_MAX);
	err = set_from(s, &o);
	file_put(f);
	return err;
}

/* A value may be longer than the room for it: the length tells. */
static int write_value(const struct socket_option *o, unsigned room, uaddr_t value, uaddr_t len_at)
{
	int len = (int)(o->told != 0 ? o->told : o->len);
	int err = user_write(value, o->value, min(o->len, room));

	if (err == 0)
		err = user_write_struct(len_at, &len);
	if (err != 0 && o->level == SOL_SOCKET && o->name == SO_PEERPIDFD && o->len == sizeof(int))
		(void)fd_close(*(int *)o->value);
	return err != 0 ? -EFAULT : 0;
}

static int get_into(struct socket *s, struct socket_option *o, uaddr_t value, uaddr_t len_at)
{
	char room[VALUE_INLINE] ALIGNED(8) = { 0 };
	char *buf = o->len <= sizeof(room) ? room : kmem_alloc(o->len);
	unsigned asked = o->len;
	int err, len;

	if (buf == NULL)
		return -ENOMEM;
	o->value = buf;
	if (o->level != SOL_SOCKET) /* a few say there what they ask for */
		IGNORE_RESULT(user_read(buf, value, o->len));
	err = get(s, o);
	len = (int)o->len;
	if (err == 0)
		err = write_value(o, asked, value, len_at);
	else if (err == -ERANGE && user_write_struct(len_at, &len) != 0)
		err = -EFAULT;
	if (buf != room)
		kmem_free(buf);
	return err;
}

long sys_getsockopt(int fd, int level, int name, uaddr_t value, uaddr_t len_at)
{
	struct socket_option o = { .level = level, .name = name, .user_value = value };
	struct socket *s;
	struct file *f;
	int len, err = socket_fd_get(fd, &f, &s);

	if (err != 0)
		return err;
	if (user_read_struct(&len, len_at) != 0)
		err = -EFAULT;
	else if (len < 0)
		err = -EINVAL;
	if (err == 0) {
		o.len = min((unsigned)len, VALUE_MAX);
		err = get_into(s, &o, value, len_at);
	}
	file_put(f);
	return err;
}
