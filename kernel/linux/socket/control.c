/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ancillary data (cmsg(3), unix(7)): SCM_RIGHTS, SCM_CREDENTIALS and SCM_PIDFD between a program's
 * buffer and struct socket_message.
 */
#include <asm/fcntl.h>
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/net_tstamp.h>
#include <linux/udp.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/fd.h"
#include "linux/socket/sockets.h"
#include "linux/task/pidfd.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "net/address.h"

#define CONTROL_MAX  (128 * 1024ul) /* as /proc/sys/net/core/optmem_max */
#define CONTROL_STEP 8ul            /* headers and data are aligned so */
#define HEADER       sizeof(struct user_control)
#define OVERFLOW_ID  65534u

/* ---- in ---- */

/* More files for m; those that it has stay first. */
static int add_rights(struct socket_message *m, const int *fds, unsigned nr)
{
	unsigned had = m->rights != NULL ? m->rights->nr : 0;
	struct socket_rights *now;
	int err = 0;

	if (nr == 0)
		return 0;
	if (had + nr > SCM_RIGHTS_MAX)
		return -EINVAL;
	now = socket_rights_new(had + nr);
	if (now == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < had; i++)
		now->files[i] = m->rights->files[i];
	kmem_free(m->rights);
	m->rights = now;
	for (unsigned i = 0; i < nr && err == 0; i++)
		err = fd_get_any(fds[i], &now->files[had + i]);
	return err;
}

/* Who it says it is must be who it is, but for those who may lie. */
static int check_cred(const struct socket_cred *c)
{
	const struct cred *me = cred_current();

	if (c->pid != process_current()->pid && !cred_has_cap(me, CAP_SYS_ADMIN))
		return -EPERM;
	if (c->uid != me->uid && c->uid != me->euid && c->uid != me->suid &&
	    !cred_has_cap(me, CAP_SETUID))
		return -EPERM;
	if (c->gid != me->gid && c->gid != me->egid && c->gid != me->sgid &&
	    !cred_has_cap(me, CAP_SETGID))
		return -EPERM;
	return 0;
}

static int add_cred(struct socket_message *m, const void *data, size_t len)
{
	struct process *p;
	int err;

	if (len != sizeof(m->cred))
		return -EINVAL;
	memcpy(&m->cred, data, sizeof(m->cred));
	err = check_cred(&m->cred);
	if (err != 0)
		return err;
	p = process_find(m->cred.pid);
	if (p == NULL)
		return -ESRCH;
	m->birth = (uint64_t)p->start_ns;
	process_put(p);
	m->has_cred = true;
	return 0;
}

/* A number for the wire, of `least` to 255. -1, which IPv6 has, means what the socket says. */
static int read_number(int *plus_1, const void *data, size_t len, int least)
{
	int value;

	if (len != sizeof(value))
		return -EINVAL;
	memcpy(&value, data, sizeof(value));
	if (value < least || value > 255)
		return -EINVAL;
	*plus_1 = value + 1;
	return 0;
}

static int read_info4(struct socket_way *w, const void *data, size_t len)
{
	struct in_pktinfo info;

	if (len != sizeof(info))
		return -EINVAL;
	memcpy(&info, data, sizeof(info));
	inet_ip_from_v4(w->from, info.ipi_spec_dst.s_addr);
	w->has_from = info.ipi_spec_dst.s_addr != 0;
	w->dev_index = (unsigned)info.ipi_ifindex;
	return 0;
}

static int read_info6(struct socket_way *w, const void *data, size_t len)
{
	struct in6_pktinfo info;

	if (len < sizeof(info))
		return -EINVAL;
	memcpy(&info, data, sizeof(info));
	memcpy(w->from, &info.ipi6_addr, sizeof(w->from));
	w->has_from = !inet_ip_is_any(w->from);
	w->dev_index = (unsigned)info.ipi6_ifindex;
	return 0;
}

static int read_ip(struct socket_way *w, int type, const void *data, size_t len)
{
	switch (type) {
	case IP_TTL:
		return read_number(&w->hops_plus_1, data, len, 1);
	case IP_TOS:
		if (len == 1) {
			w->class_plus_1 = *(const uint8_t *)data + 1;
			return 0;
		}
		return read_number(&w->class_plus_1, data, len, 0);
	case IP_PKTINFO:
		return read_info4(w, data, len);
	default:
		return -EINVAL;
	}
}

static int read_ipv6(struct socket_way *w, int type, const void *data, size_t len)
{
	switch (type) {
	case IPV6_HOPLIMIT:
		return read_number(&w->hops_plus_1, data, len, -1);
	case IPV6_TCLASS:
		return read_number(&w->class_plus_1, data, len, -1);
	case IPV6_PKTINFO:
		return read_info6(w, data, len);
	default:
		return -EINVAL;
	}
}

static int read_udp(struct socket_way *w, int type, const void *data, size_t len)
{
	if (type != UDP_SEGMENT || len != sizeof(w->segment))
		return -EINVAL;
	memcpy(&w->segment, data, sizeof(w->segment));
	w->has_segment = true;
	return 0;
}

static int read_stamping(struct socket_way *w, const void *data, size_t len)
{
	uint32_t bits;

	if (len != sizeof(bits))
		return -EINVAL;
	memcpy(&bits, data, sizeof(bits));
	if ((bits & ~(uint32_t)SOF_TIMESTAMPING_TX_RECORD_MASK) != 0)
		return -EINVAL;
	if (w != NULL) {
		w->stamping = bits;
		w->has_stamping = true;
	}
	return 0;
}

static int read_one(struct socket_message *m, const struct user_control *c)
{
	const void *data = c + 1;
	size_t len = c->len - HEADER;

	if (c->level == IPPROTO_IP)
		return m->way != NULL ? read_ip(m->way, c->type, data, len) : 0;
	if (c->level == IPPROTO_IPV6)
		return m->way != NULL ? read_ipv6(m->way, c->type, data, len) : 0;
	if (c->level == IPPROTO_UDP)
		return m->way != NULL ? read_udp(m->way, c->type, data, len) : 0;
	if (c->level != SOL_SOCKET)
		return 0;
	if (c->type == SO_TIMESTAMPING_OLD)
		return read_stamping(m->way, data, len);
	if (c->type == SCM_RIGHTS)
		return add_rights(m, data, (unsigned)min(len / sizeof(int), (size_t)UINT16_MAX));
	return c->type == SCM_CREDENTIALS ? add_cred(m, data, len) : -EINVAL;
}

static int read_all(struct socket_message *m, const char *buf, size_t len)
{
	for (size_t at = 0; len - at >= HEADER;) {
		const struct user_control *c = (const void *)(buf + at);
		int err;

		if (c->len < HEADER || c->len > len - at)
			return -EINVAL;
		err = read_one(m, c);
		if (err != 0)
			return err;
		at += min(align_up(c->len, CONTROL_STEP), len - at);
	}
	return 0;
}

int socket_control_read(struct socket_message *m, uaddr_t control, size_t len)
{
	char *buf;
	int err;

	if (len > CONTROL_MAX)
		return -ENOBUFS;
	if (control == 0 || len == 0)
		return 0;
	buf = kmem_alloc(len);
	if (buf == NULL)
		return -ENOBUFS;
	err = user_read(buf, control, len);
	if (err == 0)
		err = read_all(m, buf, len);
	kmem_free(buf);
	return err;
}

/* ---- out ---- */

struct sink {
	uaddr_t at;
	size_t left;
	struct socket_message *m;
};

static void advance(struct sink *to, size_t len)
{
	size_t n = min(align_up(len, CONTROL_STEP), to->left);

	to->at += n;
	to->left -= n;
}

static void write_cred(struct sink *to)
{
	struct {
		struct user_control header;
		struct socket_cred cred;
	} PACKED c = { { HEADER + sizeof(struct socket_cred), SOL_SOCKET, SCM_CREDENTIALS },
		       to->m->cred };

	if (c.cred.uid == UINT32_MAX)
		c.cred.uid = c.cred.gid = OVERFLOW_ID;
	if (to->left < HEADER) {
		to->m->out_flags |= MSG_CTRUNC;
		return;
	}
	if (to->left < sizeof(c)) {
		to->m->out_flags |= MSG_CTRUNC;
		c.header.len = to->left;
	}
	if (user_write(to->at, &c, c.header.len) == 0)
		advance(to, c.header.len);
}

/* SCM_PIDFD: a descriptor of the sender, or why there is none. */
static void write_pidfd(struct sink *to)
{
	struct {
		struct user_control header;
		int fd;
	} PACKED c = { { HEADER + sizeof(int), SOL_SOCKET, SCM_PIDFD }, -1 };

	if (to->left < sizeof(c)) {
		to->m->out_flags |= MSG_CTRUNC;
		return;
	}
	c.fd = pidfd_of(to->m->cred.pid, to->m->birth);
	if (user_write(to->at, &c, sizeof(c)) == 0)
		advance(to, sizeof(c));
	else if (c.fd >= 0)
		(void)fd_close(c.fd);
}

static void write_note(struct sink *to, unsigned i)
{
	const struct socket_notes *n = to->m->notes;
	struct user_control c = { HEADER + n->all[i].len, n->all[i].level, n->all[i].type };

	if (to->left < HEADER) {
		to->m->out_flags |= MSG_CTRUNC;
		return;
	}
	if (to->left < c.len) {
		to->m->out_flags |= MSG_CTRUNC;
		c.len = to->left;
	}
	if (user_write_struct(to->at, &c) == 0 &&
	    user_write(to->at + HEADER, n->all[i].data, c.len - HEADER) == 0)
		advance(to, c.len);
}

/* Installs the files that there is room and a descriptor for. How many. */
static unsigned install_files(struct sink *to, struct socket_rights *r, unsigned nr)
{
	bool close_on_exec = (to->m->flags & MSG_CMSG_CLOEXEC) != 0;
	unsigned i;

	for (i = 0; i < nr; i++) {
		int fd = fd_reserve();

		if (fd < 0)
			break;
		if (user_write_struct(to->at + HEADER + i * sizeof(int), &fd) != 0) {
			fd_cancel(fd);
			break;
		}
		fd_fill(fd, r->files[i], close_on_exec);
		r->files[i] = NULL;
	}
	return i;
}

static void write_rights(struct sink *to)
{
	struct socket_rights *r = to->m->rights;
	size_t room = to->left <= HEADER ? 0 : (to->left - HEADER) / sizeof(int);
	unsigned nr = install_files(to, r, (unsigned)min((size_t)r->nr, room));

	if (nr > 0) {
		struct user_control c = { HEADER + nr * sizeof(int), SOL_SOCKET, SCM_RIGHTS };

		if (user_write_struct(to->at, &c) == 0)
			advance(to, c.len);
	}
	if (nr < r->nr)
		to->m->out_flags |= MSG_CTRUNC;
}

void socket_control_write(struct socket_message *m, uaddr_t control, size_t *len)
{
	struct sink to = { control, control == 0 ? 0 : *len, m };

	if (control == 0 && (m->has_cred || m->has_pidfd || m->rights != NULL))
		m->out_flags |= MSG_CTRUNC;
	else if (m->has_cred)
		write_cred(&to);
	for (unsigned i = 0; control != 0 && m->notes != NULL && i < m->notes->nr; i++)
		write_note(&to, i);
	if (control != 0 && m->rights != NULL)
		write_rights(&to);
	if (control != 0 && m->has_pidfd && m->cred.pid != 0)
		write_pidfd(&to);
	socket_rights_free(m->rights);
	m->rights = NULL;
	*len = control == 0 ? 0 : *len - to.left;
}
