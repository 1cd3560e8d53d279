/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on sockets. A transfer that MSG_WAITALL wants whole goes on where it stopped when the
 * socket is ready again; no signal is raised for a broken pipe.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/in.h>

#include "core/sched/thread.h"
#include "lib/errno.h"
#include "linux/file/fd.h"
#include "linux/socket/sockets.h"
#include "linux/sys.h"
#include "linux/uring/ops.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define RW_MAX     0x7ffff000ul /* most bytes that one call moves */
#define SEND_PRIO  (IORING_RECVSEND_POLL_FIRST | IORING_RECVSEND_FIXED_BUF)
#define RECV_PRIO  (IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT)
#define TYPE_FLAGS ((unsigned)(O_CLOEXEC | O_NONBLOCK)) /* SOCK_CLOEXEC, SOCK_NONBLOCK */

static struct socket *socket_of(const struct request *r)
{
	return socket_of_file(r->file);
}

static bool selects(const struct request *r)
{
	return (r->sqe.flags & IOSQE_BUFFER_SELECT) != 0;
}

static bool must_poll_first(struct request *r)
{
	bool first = (r->sqe.ioprio & IORING_RECVSEND_POLL_FIRST) != 0 && !r->polled_first;

	r->polled_first = true;
	return first;
}

static unsigned flags_of(const struct request *r)
{
	return r->sqe.msg_flags | MSG_NOSIGNAL | (r->may_wait ? 0 : MSG_DONTWAIT);
}

static bool is_zero_copy(const struct request *r)
{
	return r->sqe.opcode == IORING_OP_SEND_ZC || r->sqe.opcode == IORING_OP_SENDMSG_ZC;
}

/* What sqe.ioprio of a send may say. */
static unsigned send_prio(const struct request *r)
{
	return is_zero_copy(r) ? SEND_PRIO | IORING_SEND_ZC_REPORT_USAGE : SEND_PRIO;
}

/*
 * n bytes were moved, or -errno. Of what is wanted whole and can come in pieces, the rest is
 * waited for: -EAGAIN.
 */
static long count_bytes(struct request *r, long n, size_t left)
{
	bool whole = (r->sqe.msg_flags & MSG_WAITALL) != 0 && socket_of(r)->type == SOCK_STREAM;

	if (n > 0)
		r->done += (size_t)n;
	if (n > 0 && whole && left != 0 && !r->nowait)
		return -EAGAIN;
	if (n == -EAGAIN && r->done != 0 && whole && !r->nowait)
		return -EAGAIN;
	r->failed = n < 0 || ((r->sqe.msg_flags & MSG_WAITALL) != 0 && left != 0);
	return r->done != 0 ? (long)r->done : n;
}

/* ---- send ---- */

int prepare_send(struct request *r)
{
	struct socket_address *a;

	r->nowait = (r->sqe.msg_flags & MSG_DONTWAIT) != 0;
	if ((r->sqe.ioprio & ~send_prio(r)) != 0)
		return -EINVAL;
	if (!user_range_ok(r->sqe.addr, r->sqe.len))
		return -EFAULT;
	uio_init_user(&r->data, r->sqe.addr, min((size_t)r->sqe.len, RW_MAX));
	if (r->sqe.addr2 == 0 || r->sqe.addr_len == 0)
		return 0;
	a = kmem_new(struct socket_address);
	if (a == NULL)
		return -ENOMEM;
	r->extra = a;
	return socket_address_read(a, r->sqe.addr2, r->sqe.addr_len);
}

long issue_send(struct request *r)
{
	struct socket_message m = { .data = &r->data, .flags = flags_of(r), .name = r->extra };
	long n;

	if (must_poll_first(r))
		return -EAGAIN;
	n = socket_send(r->file, socket_of(r), &m);
	return count_bytes(r, n, r->data.left);
}

/* ---- receive ---- */

int prepare_receive(struct request *r)
{
	bool many = (r->sqe.ioprio & IORING_RECV_MULTISHOT) != 0;

	r->nowait = (r->sqe.msg_flags & MSG_DONTWAIT) != 0;
	r->is_multishot = many;
	if ((r->sqe.ioprio & ~RECV_PRIO) != 0 || r->sqe.off != 0 || r->sqe.splice_fd_in != 0)
		return -EINVAL;
	if (many && (!selects(r) || (r->sqe.msg_flags & MSG_WAITALL) != 0))
		return -EINVAL;
	if (selects(r))
		return 0;
	if (!user_range_ok(r->sqe.addr, r->sqe.len))
		return -EFAULT;
	uio_init_user(&r->data, r->sqe.addr, min((size_t)r->sqe.len, RW_MAX));
	return 0;
}

/* Is there more to come at once? */
static uint32_t more_flag(const struct request *r)
{
	unsigned events = socket_of(r)->ops->poll(socket_of(r), NULL);

	return (events & (EPOLLIN | EPOLLRDHUP)) == EPOLLIN ? IORING_CQE_F_SOCK_NONEMPTY : 0;
}

static int choose_for_data(struct request *r, size_t want)
{
	int err;

	if (!selects(r) || r->buffer.chosen)
		return 0;
	err = buffer_choose(r, want);
	if (err == 0)
		uio_init_user(&r->data, r->buffer.base, r->buffer.len);
	return err;
}

/* A result of a request that may have many: it is told and the next awaited. */
static long next_or_end(struct request *r, long n)
{
	if (n > 0)
		r->cqe_flags = more_flag(r);
	else
		buffer_give_back(r);
	if (!r->is_multishot || n <= 0)
		return n;
	r->done = 0;
	return request_post_more(r, n) ? ISSUE_AGAIN : -ENOMEM;
}

long issue_receive(struct request *r)
{
	struct socket_message m = { .data = &r->data, .flags = flags_of(r) };
	long n;

	if (must_poll_first(r))
		return -EAGAIN;
	n = choose_for_data(r, r->sqe.len);
	if (n != 0)
		return n;
	n = socket_receive(r->file, socket_of(r), &m);
	socket_rights_free(m.rights); /* nobody asked for them */
	n = count_bytes(r, n, r->data.left);
	return next_or_end(r, n);
}

/* ---- whole messages ---- */

/* One of many: room for a name is kept though the header says no place for it. */
static int prepare_whole(const struct request *r, struct socket_call *c)
{
	uaddr_t at = r->sqe.addr + offsetof(struct user_message, name_len);

	if (user_read_struct(&c->user.name_len, at) != 0)
		return -EFAULT;
	return c->user.name_len < 0 ? -EINVAL : 0;
}

int prepare_message(struct request *r)
{
	bool sends = r->sqe.opcode != IORING_OP_RECVMSG;
	struct socket_call *c;
	int err;

	r->nowait = (r->sqe.msg_flags & MSG_DONTWAIT) != 0;
	r->is_multishot = !sends && (r->sqe.ioprio & IORING_RECV_MULTISHOT) != 0;
	if ((r->sqe.ioprio & ~(sends ? send_prio(r) : RECV_PRIO)) != 0 || r->sqe.off != 0 ||
	    r->sqe.splice_fd_in != 0)
		return -EINVAL;
	if (r->is_multishot && (!selects(r) || (r->sqe.msg_flags & MSG_WAITALL) != 0))
		return -EINVAL;
	c = kmem_new(struct socket_call);
	if (c == NULL)
		return -ENOMEM;
	r->extra = c;
	err = socket_call_begin(c, r->sqe.addr, r->sqe.msg_flags & ~MSG_CMSG_COMPAT);
	if (err != 0) {
		c->vecs = c->room;
		return err;
	}
	if (selects(r) && c->user.nr_iov > 1)
		return -EINVAL;
	if (!sends)
		socket_call_expect(c);
	return r->is_multishot ? prepare_whole(r, c) : 0;
}

void clean_message(struct request *r)
{
	if (r->extra != NULL)
		socket_call_end(r->extra);
}

long issue_send_message(struct request *r)
{
	struct socket_call *c = r->extra;
	long n = r->is_read ? 0 : socket_call_read(c, socket_of(r));

	r->is_read = true;
	if (n != 0)
		return n;
	if (must_poll_first(r))
		return -EAGAIN;
	c->m.flags = flags_of(r) & ~MSG_CMSG_COMPAT;
	n = socket_send(r->file, socket_of(r), &c->m);
	return count_bytes(r, n, c->data.left);
}

/*
 * One of many goes whole into a chosen buffer: a header, then room for name and control as the
 * program's header has it, then the bytes.
 */
static long receive_whole(struct request *r)
{
	struct socket_call *c = r->extra;
	struct io_uring_recvmsg_out out = { .namelen = 0 };
	uaddr_t name = r->buffer.base + sizeof(out), control = name + (unsigned)c->user.name_len;
	size_t head = sizeof(out) + (unsigned)c->user.name_len + c->user.control_len;
	size_t control_len = c->user.control_len;
	long n;

	if (c->user.control_len > INT32_MAX || head > r->buffer.len)
		return -EFAULT;
	uio_init_user(&c->data, r->buffer.base + head, r->buffer.len - head);
	c->notes.nr = 0;
	c->m.notes = c->user.control_len != 0 ? &c->notes : NULL;
	c->m.name = c->user.name_len != 0 ? &c->address : NULL;
	c->m.rights = NULL;
	n = socket_receive(r->file, socket_of(r), &c->m);
	if (n < 0)
		return n;
	socket_control_write(&c->m, control, &control_len);
	if (c->user.name_len != 0) {
		out.namelen = c->address.len;
		if (user_write(name, c->address.bytes,
			       min((size_t)c->address.len, (size_t)c->user.name_len)) != 0)
			return -EFAULT;
	}
	out.controllen = (uint32_t)control_len;
	out.payloadlen = (uint32_t)n;
	out.flags = c->m.out_flags & ~MSG_CMSG_COMPAT;
	if (user_write_struct(r->buffer.base, &out) != 0)
		return -EFAULT;
	if (n == 0 && socket_of(r)->type == SOCK_STREAM)
		return 0;
	return (long)head + n;
}

static long receive_parts(struct request *r)
{
	struct socket_call *c = r->extra;
	long n;
	int err;

	if (selects(r))
		uio_init_user(&c->data, r->buffer.base, r->buffer.len);
	n = socket_receive(r->file, socket_of(r), &c->m);
	n = count_bytes(r, n, c->data.left);
	if (n < 0)
		return n;
	err = socket_call_write(c, r->sqe.addr);
	return err != 0 ? err : n;
}

long issue_receive_message(struct request *r)
{
	struct socket_call *c = r->extra;
	long n = 0;

	if (must_poll_first(r))
		return -EAGAIN;
	if (selects(r) && !r->buffer.chosen)
		n = buffer_choose(r, r->is_multishot || c->user.nr_iov == 0 ? 0 : c->vecs[0].len);
	if (n != 0)
		return n;
	c->m.flags = flags_of(r) & ~MSG_CMSG_COMPAT;
	if (!r->is_multishot)
		return next_or_end(r, receive_parts(r));
	return next_or_end(r, receive_whole(r));
}

/* ---- sends with a notice that the memory may be used again ---- */

/*
 * The bytes are copied, which the notice tells who asks (IORING_SEND_ZC_REPORT_USAGE), as it does
 * of any loopback: it follows the result at once.
 */
static int check_zero_copy(struct request *r)
{
	if (r->sqe.__pad2[0] != 0 || r->sqe.addr3 != 0 ||
	    (r->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) != 0)
		return -EINVAL;
	r->sqe.msg_flags &= ~MSG_ZEROCOPY;
	return 0;
}

int prepare_send_zero_copy(struct request *r)
{
	int err = check_zero_copy(r);

	if (err == 0 && (r->sqe.ioprio & IORING_RECVSEND_FIXED_BUF) != 0)
		err = buffer_fixed_check(r->ring, r->sqe.buf_index, r->sqe.addr, r->sqe.len);
	return err != 0 ? err : prepare_send(r);
}

int prepare_message_zero_copy(struct request *r)
{
	int err = check_zero_copy(r);

	return err != 0 ? err : prepare_message(r);
}

static bool supports_zero_copy(const struct socket *s)
{
	int family = s->family->family;

	return (family == AF_INET || family == AF_INET6) &&
	       (s->type == SOCK_STREAM || s->protocol == IPPROTO_UDP);
}

long issue_send_zero_copy(struct request *r)
{
	long n = -EOPNOTSUPP;

	if (supports_zero_copy(socket_of(r)))
		n = r->sqe.opcode == IORING_OP_SEND_ZC ? issue_send(r) : issue_send_message(r);
	if (n == -EAGAIN)
		return n;
	r->failed |= n < 0;
	if (!request_post_more(r, n))
		return n;
	r->cqe_flags = IORING_CQE_F_NOTIF;
	return (r->sqe.ioprio & IORING_SEND_ZC_REPORT_USAGE) != 0 ? IORING_NOTIF_USAGE_ZC_COPIED
								  : 0;
}

/* ---- connections ---- */

int prepare_accept(struct request *r)
{
	unsigned flags = r->sqe.accept_flags;

	r->is_multishot = (r->sqe.ioprio & IORING_ACCEPT_MULTISHOT) != 0;
	if (r->sqe.len != 0 || r->sqe.buf_index != 0 || (flags & ~TYPE_FLAGS) != 0 ||
	    (r->sqe.ioprio & ~IORING_ACCEPT_MULTISHOT) != 0)
		return -EINVAL;
	if (r->sqe.file_index != 0 && (flags & O_CLOEXEC) != 0)
		return -EINVAL;
	if (r->is_multishot && r->sqe.file_index != 0 &&
	    r->sqe.file_index != IORING_FILE_INDEX_ALLOC)
		return -EINVAL;
	return 0;
}

long issue_accept(struct request *r)
{
	long fd = socket_accept_file(r->file, (int)r->sqe.accept_flags, r->sqe.addr, r->sqe.addr2,
				     !r->may_wait);

	fd = fd_to_slot(r, fd, r->sqe.file_index);
	if (!r->is_multishot || fd < 0)
		return fd;
	return request_post_more(r, fd) ? ISSUE_AGAIN : -ENOMEM;
}

int prepare_connect(struct request *r)
{
	struct socket_address *a;

	if (r->sqe.len != 0 || r->sqe.buf_index != 0 || r->sqe.rw_flags != 0 ||
	    r->sqe.splice_fd_in != 0)
		return -EINVAL;
	a = kmem_new(struct socket_address);
	if (a == NULL)
		return -ENOMEM;
	r->extra = a;
	return socket_address_read(a, r->sqe.addr, (int)r->sqe.addr2);
}

/* A second call tells the outcome of the first, which began it. r->done: it has begun. */
long issue_connect(struct request *r)
{
	struct socket *s = socket_of(r);
	long err = s->ops->connect == NULL ? -EOPNOTSUPP
					   : s->ops->connect(s, r->extra, !r->may_wait);

	if (err == -EISCONN && r->done != 0)
		return 0;
	if (err == -EINPROGRESS || (err == -EALREADY && r->done != 0)) {
		r->done = 1;
		return -EAGAIN;
	}
	return err;
}

int prepare_shutdown(struct request *r)
{
	if (r->sqe.off != 0 || r->sqe.addr != 0 || r->sqe.rw_flags != 0 || r->sqe.buf_index != 0 ||
	    r->sqe.splice_fd_in != 0)
		return -EINVAL;
	return 0;
}

long issue_shutdown(struct request *r)
{
	return socket_shutdown(socket_of(r), (int)r->sqe.len);
}

int prepare_socket(struct request *r)
{
	if (r->sqe.addr != 0 || r->sqe.rw_flags != 0 || r->sqe.buf_index != 0)
		return -EINVAL;
	if (r->sqe.file_index != 0 && (r->sqe.off & O_CLOEXEC) != 0)
		return -EINVAL;
	return 0;
}

long issue_socket(struct request *r)
{
	long fd = sys_socket(r->sqe.fd, (int)r->sqe.off, (int)r->sqe.len);

	return fd_to_slot(r, fd, r->sqe.file_index);
}
