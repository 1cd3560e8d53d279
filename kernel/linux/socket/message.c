/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending and receiving: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2).
 * A stream that meets its end raises SIGPIPE, unless MSG_NOSIGNAL says no.
 */
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/uio.h>

#include "core/sched/thread.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "linux/event/polling.h"
#include "linux/file/rw.h"
#include "linux/socket/sockets.h"
#include "linux/sys.h"
#include "mm/user.h"

#define RW_MAX          0x7ffff000ul /* most bytes that one call moves */
#define MESSAGES_MAX    1024u        /* of one sendmmsg or recvmmsg */
#define MESSAGE_SIZE    64           /* struct mmsghdr: a user_message, then the length */
#define MESSAGE_LEN_AT  sizeof(struct user_message)
#define FLAGS_ALWAYS    (MSG_CMSG_CLOEXEC)
#define FLAGS_NOT_GIVEN MSG_CMSG_COMPAT

/* O_NONBLOCK counts as MSG_DONTWAIT. */
static unsigned flags_of(const struct file *f, unsigned flags)
{
	return (READ_ONCE(f->flags) & O_NONBLOCK) != 0 ? flags | MSG_DONTWAIT : flags;
}

ssize_t socket_send(struct file *f, struct socket *s, struct socket_message *m)
{
	ssize_t n;

	m->flags = flags_of(f, m->flags);
	if (m->name != NULL && m->name->len == 0)
		m->name = NULL;
	n = s->ops->send == NULL ? -EOPNOTSUPP : s->ops->send(s, m);
	if (n == -EPIPE && (m->flags & MSG_NOSIGNAL) == 0 && (s->traits & SOCKET_QUIET_PIPE) == 0)
		signal_raise(SIGPIPE);
	return n;
}

ssize_t socket_receive(struct file *f, struct socket *s, struct socket_message *m)
{
	m->flags = flags_of(f, m->flags);
	return s->ops->receive == NULL ? -EOPNOTSUPP : s->ops->receive(s, m);
}

/* ---- one buffer ---- */

long sys_sendto(int fd, uaddr_t buf, size_t len, unsigned flags, uaddr_t address, int address_len)
{
	struct socket_message m = { .flags = flags };
	struct socket_address a;
	struct socket *s;
	struct file *f;
	struct uio u;
	long n;

	if (!user_range_ok(buf, len))
		return -EFAULT;
	n = socket_fd_get(fd, &f, &s);
	if (n != 0)
		return n;
	uio_init_user(&u, buf, min(len, RW_MAX));
	m.data = &u;
	if (address != 0) {
		n = socket_address_read(&a, address, address_len);
		m.name = &a;
	}
	if (n == 0)
		n = socket_send(f, s, &m);
	file_put(f);
	return n;
}

long sys_recvfrom(int fd, uaddr_t buf, size_t len, unsigned flags, uaddr_t address, uaddr_t len_at)
{
	struct socket_message m = { .flags = flags };
	struct socket_address a = { 0 };
	struct socket *s;
	struct file *f;
	struct uio u;
	long n;

	if (!user_range_ok(buf, len))
		return -EFAULT;
	n = socket_fd_get(fd, &f, &s);
	if (n != 0)
		return n;
	uio_init_user(&u, buf, min(len, RW_MAX));
	m.data = &u;
	m.name = address != 0 ? &a : NULL;
	n = socket_receive(f, s, &m);
	socket_rights_free(m.rights);
	if (n >= 0 && address != 0) {
		int err = socket_address_write(&a, address, len_at);

		n = err != 0 ? err : n;
	}
	file_put(f);
	return n;
}

/* ---- struct msghdr ---- */

int socket_call_begin(struct socket_call *c, uaddr_t from, unsigned flags)
{
	int err;

	if (user_read_struct(&c->user, from) != 0)
		return -EFAULT;
	if (c->user.name == 0)
		c->user.name_len = 0;
	if (c->user.name_len < 0)
		return -EINVAL;
	if (c->user.nr_iov > UIO_MAXIOV)
		return -EMSGSIZE;
	err = uio_vecs_get(c->user.iov, c->user.nr_iov, c->room, &c->vecs);
	if (err != 0)
		return err;
	uio_init_vecs(&c->data, c->vecs, (unsigned)c->user.nr_iov, true);
	c->m = (struct socket_message){ .data = &c->data, .flags = flags };
	c->address.len = 0;
	return 0;
}

void socket_call_end(struct socket_call *c)
{
	socket_rights_free(c->m.rights);
	uio_vecs_put(c->room, c->vecs);
}

int socket_call_read(struct socket_call *c, const struct socket *s)
{
	int err = 0;

	if (c->user.name != 0) {
		err = socket_address_read(&c->address, c->user.name,
					  min(c->user.name_len, (int)sizeof(c->address.bytes)));
		c->m.name = &c->address;
	}
	if (err != 0)
		return err;
	if (c->user.control_len > INT32_MAX)
		return -ENOBUFS;
	if (s->family->family != AF_UNIX && s->type != SOCK_STREAM) {
		c->way = (struct socket_way){ 0 };
		c->m.way = &c->way;
	}
	return socket_control_read(&c->m, c->user.control, c->user.control_len);
}

static ssize_t send_message(struct file *f, struct socket *s, uaddr_t from, unsigned flags)
{
	struct socket_call c;
	ssize_t n = socket_call_begin(&c, from, flags);

	if (n != 0)
		return n;
	n = socket_call_read(&c, s);
	if (n == 0)
		n = socket_send(f, s, &c.m);
	socket_call_end(&c);
	return n;
}

/* What recvmsg changes in the program's header: at `to`. */
int socket_call_write(struct socket_call *c, uaddr_t to)
{
	size_t control_len = c->user.control_len;
	unsigned flags;
	int err = 0;

	socket_control_write(&c->m, c->user.control, &control_len);
	if (c->user.name != 0)
		err = socket_address_write(&c->address, c->user.name,
					   to + offsetof(struct user_message, name_len));
	flags = (c->m.out_flags | (c->m.flags & FLAGS_ALWAYS)) & ~FLAGS_NOT_GIVEN;
	if (err == 0)
		err = user_write_struct(to + offsetof(struct user_message, flags), &flags);
	if (err == 0)
		err = user_write_struct(to + offsetof(struct user_message, control_len),
					&control_len);
	return err;
}

void socket_call_expect(struct socket_call *c)
{
	c->m.name = c->user.name != 0 ? &c->address : NULL;
	c->notes.nr = 0;
	c->m.notes = c->user.control != 0 ? &c->notes : NULL;
}

static ssize_t receive_message(struct file *f, struct socket *s, uaddr_t to, unsigned flags)
{
	struct socket_call c;
	ssize_t n = socket_call_begin(&c, to, flags);
	int err;

	if (n != 0)
		return n;
	socket_call_expect(&c);
	n = socket_receive(f, s, &c.m);
	if (n >= 0) {
		err = socket_call_write(&c, to);
		n = err != 0 ? err : n;
	}
	socket_call_end(&c);
	return n;
}

static long one_message(int fd, uaddr_t at, unsigned flags,
			ssize_t (*fn)(struct file *f, struct socket *s, uaddr_t at, unsigned flags))
{
	struct socket *s;
	struct file *f;
	long n = socket_fd_get(fd, &f, &s);

	if (n != 0)
		return n;
	n = fn(f, s, at, flags & ~MSG_CMSG_COMPAT);
	file_put(f);
	return n;
}

long sys_sendmsg(int fd, uaddr_t message, unsigned flags)
{
	return one_message(fd, message, flags, send_message);
}

long sys_recvmsg(int fd, uaddr_t message, unsigned flags)
{
	return one_message(fd, message, flags, receive_message);
}

/* ---- many at once ---- */

/* The i'th of an array of struct mmsghdr was moved: its length. */
static int write_length(uaddr_t messages, unsigned i, ssize_t n)
{
	unsigned len = (unsigned)n;

	return user_write_struct(messages + i * MESSAGE_SIZE + MESSAGE_LEN_AT, &len);
}

static long send_many(struct file *f, struct socket *s, uaddr_t messages, unsigned nr,
		      unsigned flags)
{
	unsigned i;
	ssize_t n = 0;

	for (i = 0; i < nr; i++) {
		n = send_message(f, s, messages + i * MESSAGE_SIZE, flags);
		if (n >= 0)
			n = write_length(messages, i, n);
		if (n != 0 || thread_has_signal(thread_current()))
			break;
	}
	if (n == 0 && i < nr)
		i++;
	return i > 0 ? (long)i : n;
}

long sys_sendmmsg(int fd, uaddr_t messages, unsigned nr, unsigned flags)
{
	struct socket *s;
	struct file *f;
	long n = socket_fd_get(fd, &f, &s);

	if (n != 0)
		return n;
	n = send_many(f, s, messages, min(nr, MESSAGES_MAX), flags & ~MSG_CMSG_COMPAT);
	file_put(f);
	return n;
}

static long receive_many(struct file *f, struct socket *s, uaddr_t messages, unsigned nr,
			 const struct socket_message *how, nsec_t deadline)
{
	unsigned i, flags = how->flags & ~MSG_WAITFORONE;
	ssize_t n = 0;

	for (i = 0; i < nr; i++) {
		n = receive_message(f, s, messages + i * MESSAGE_SIZE, flags);
		if (n >= 0)
			n = write_length(messages, i, n);
		if (n != 0)
			break;
		if ((how->flags & MSG_WAITFORONE) != 0)
			flags |= MSG_DONTWAIT;
		if (deadline != NSEC_NEVER && clock_monotonic() >= deadline)
			break;
	}
	if (n == 0 && i < nr)
		i++;
	if (i == 0)
		return n;
	if (n < 0 && n != -EAGAIN && n != -EFAULT && n != -ERESTARTSYS && n != -EINTR)
		atomic_store(&s->error, (int)-n); /* the next call reports it (recvmmsg(2)) */
	return (long)i;
}

/* What is left of the time, for the program. */
static int write_left(uaddr_t timeout, nsec_t deadline)
{
	nsec_t left = max(deadline - clock_monotonic(), (nsec_t)0);
	struct {
		int64_t sec, nsec;
	} t = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

	return user_write_struct(timeout, &t);
}

long sys_recvmmsg(int fd, uaddr_t messages, unsigned nr, unsigned flags, uaddr_t timeout)
{
	struct socket_message how = { .flags = flags & ~MSG_CMSG_COMPAT };
	nsec_t deadline = NSEC_NEVER;
	struct socket *s;
	struct file *f;
	long n = 0;

	if (timeout != 0)
		n = poll_deadline_user(timeout, &deadline);
	if (n == 0)
		n = socket_fd_get(fd, &f, &s);
	if (n != 0)
		return n;
	n = socket_take_error(s);
	if (n == 0)
		n = receive_many(f, s, messages, min(nr, MESSAGES_MAX), &how, deadline);
	file_put(f);
	if (n > 0 && timeout != 0 && deadline != NSEC_NEVER && write_left(timeout, deadline) != 0)
		return -EFAULT;
	return n;
}
