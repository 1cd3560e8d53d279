/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V message queues (msgget(2), msgop(2), msgctl(2)). A message is copied in before the lock
 * is taken and out after it was released. Who has to wait sleeps on the queue's `readable` or
 * `writable` and tries again; the queue stays while it is counted, and says that it was removed.
 */
#include <linux/capability.h>
#include <linux/msg.h>

#include "core/cred.h"
#include "core/sync/waitq.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/ipc/ipc.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

struct message {
	struct list link; /* [table.lock] */
	long type;
	size_t len;
	uint8_t text[];
};

struct queue {
	struct ipc_object ipc;       /* first */
	struct list messages;        /* [table.lock] oldest first */
	unsigned long nr, nr_bytes;  /* [table.lock] */
	unsigned long max_bytes;     /* [table.lock] */
	int64_t stime, rtime, ctime; /* [table.lock] seconds */
	int send_pid, receive_pid;   /* [table.lock] */
	struct waitq readable, writable;
};

/* What a msgrcv(2) asks for. */
struct wish {
	long type;
	size_t size;
	int flags;
	struct message *copy; /* MSG_COPY: room for one */
};

static struct ipc_table table = { .lock = MUTEX_INIT(table.lock) };
static unsigned limit_queues = 32000; /* [a] msgmni */
static unsigned limit_message = 8192; /* [a] msgmax: bytes of one message */
static unsigned limit_queue = 16384;  /* [a] msgmnb: bytes of a queue */

static const struct ipc_kind kind;

static struct queue *queue_of(struct ipc_object *o)
{
	return container_of(o, struct queue, ipc);
}

/* ---- making and freeing ---- */

static int make(const struct ipc_request *r, struct ipc_object **out)
{
	struct queue *q = kmem_new(struct queue);

	if (q == NULL)
		return -ENOMEM;
	q->max_bytes = limit_queue;
	q->ctime = ipc_now();
	list_init(&q->messages);
	waitq_init(&q->readable);
	waitq_init(&q->writable);
	*out = &q->ipc;
	return 0;
}

static bool suits(const struct ipc_object *o, const struct ipc_request *r)
{
	return true;
}

static void free(struct ipc_object *o)
{
	struct queue *q = queue_of(o);
	struct message *m;

	while ((m = list_first(&q->messages, struct message, link)) != NULL) {
		list_remove(&m->link);
		kmem_free(m);
	}
	kmem_free(q);
}

long sys_msgget(int key, int flags)
{
	const struct ipc_request r = { key, flags, 0 };

	return ipc_get(&kind, &r);
}

static int queue_get(int id, struct queue **out)
{
	struct ipc_object *o;
	int err;

	scoped_mutex(&table.lock);
	err = ipc_find(&kind, id, &o);
	if (err != 0)
		return err;
	ipc_object_get(o);
	*out = queue_of(o);
	return 0;
}

/* ---- sending ---- */

/* Takes the message over when it returns 0. -EAGAIN: the queue is full. */
static int try_send(struct queue *q, struct message *m)
{
	scoped_mutex(&table.lock);
	if (q->ipc.removed)
		return -EIDRM;
	if (!ipc_may(&q->ipc, IPC_WRITE))
		return -EACCES;
	if (q->nr_bytes + m->len > q->max_bytes || q->nr + 1 > q->max_bytes)
		return -EAGAIN;
	list_append(&q->messages, &m->link);
	q->nr++;
	q->nr_bytes += m->len;
	q->stime = ipc_now();
	q->send_pid = process_current()->pid;
	return 0;
}

static int send(struct queue *q, struct message *m, bool wait)
{
	int err = try_send(q, m), wait_err = 0;

	if (err == -EAGAIN && wait)
		wait_err = wait_event(&q->writable, (err = try_send(q, m)) != -EAGAIN,
				      WAIT_INTERRUPTIBLE, NSEC_NEVER);
	if (err == 0)
		waitq_wake_all(&q->readable, 0);
	return wait_err != 0 ? -ERESTARTNOHAND : err;
}

static struct message *message_new(size_t len)
{
	struct message *m = kmem_alloc(sizeof(*m) + len);

	if (m != NULL) {
		list_init(&m->link);
		m->len = len;
	}
	return m;
}

long sys_msgsnd(int id, uaddr_t from, size_t size, int flags)
{
	struct message *m;
	struct queue *q;
	long type;
	int err;

	if (user_read_struct(&type, from) != 0)
		return -EFAULT;
	if (size > limit_message || id < 0 || type < 1)
		return -EINVAL;
	m = message_new(size);
	if (m == NULL)
		return -ENOMEM;
	m->type = type;
	err = user_read(m->text, from + sizeof(type), size);
	if (err == 0)
		err = queue_get(id, &q);
	if (err == 0) {
		err = send(q, m, (flags & IPC_NOWAIT) == 0);
		ipc_object_put(&q->ipc);
	}
	if (err != 0)
		kmem_free(m);
	return err;
}

/* ---- receiving ---- */

/* msgop(2): which message a type stands for. With the lock held. */
static struct message *find(const struct queue *q, const struct wish *w)
{
	struct message *m, *best = NULL;
	long nth = 0;

	list_foreach(&q->messages, m, link) {
		if ((w->flags & MSG_COPY) != 0) {
			if (nth++ == w->type)
				return m;
		} else if (w->type == 0 ||
			   (w->type > 0 &&
			    (m->type == w->type) != ((w->flags & MSG_EXCEPT) != 0))) {
			return m;
		} else if (w->type < 0 &&
			   m->type <= (w->type == INT64_MIN ? INT64_MAX : -w->type) &&
			   (best == NULL || m->type < best->type)) {
			best = m;
		}
	}
	return best;
}

static void copy_message(struct message *to, const struct message *from)
{
	to->type = from->type;
	to->len = min(to->len, from->len);
	memcpy(to->text, from->text, to->len);
}

/* -EAGAIN: there is none. The message is the caller's then, or w->copy. */
static int try_receive(struct queue *q, const struct wish *w, struct message **out)
{
	struct message *m;

	scoped_mutex(&table.lock);
	if (q->ipc.removed)
		return -EIDRM;
	if (!ipc_may(&q->ipc, IPC_READ))
		return -EACCES;
	m = find(q, w);
	if (m == NULL)
		return -EAGAIN;
	if (m->len > w->size && (w->flags & MSG_NOERROR) == 0)
		return -E2BIG;
	if (w->copy != NULL) {
		copy_message(w->copy, m);
		*out = w->copy;
		return 0;
	}
	list_remove(&m->link);
	q->nr--;
	q->nr_bytes -= m->len;
	q->rtime = ipc_now();
	q->receive_pid = process_current()->pid;
	*out = m;
	return 0;
}

static int receive(struct queue *q, const struct wish *w, struct message **out)
{
	int err = try_receive(q, w, out), wait_err = 0;

	if (err == -EAGAIN && (w->flags & IPC_NOWAIT) != 0)
		return -ENOMSG;
	if (err == -EAGAIN)
		wait_err = wait_event(&q->readable, (err = try_receive(q, w, out)) != -EAGAIN,
				      WAIT_INTERRUPTIBLE, NSEC_NEVER);
	if (err == 0)
		waitq_wake_all(&q->writable, 0);
	return wait_err != 0 ? -ERESTARTNOHAND : err;
}

static long copy_out(uaddr_t to, const struct message *m, size_t size)
{
	size_t len = min(size, m->len);

	if (user_write_struct(to, &m->type) != 0 ||
	    user_write(to + sizeof(m->type), m->text, len) != 0)
		return -EFAULT;
	return (long)len;
}

long sys_msgrcv(int id, uaddr_t to, size_t size, long type, int flags)
{
	struct wish w = { .type = type, .size = size, .flags = flags };
	struct message *m = NULL;
	struct queue *q;
	long n;

	if (id < 0 || (long)size < 0)
		return -EINVAL;
	if ((flags & MSG_COPY) != 0) {
		if ((flags & MSG_EXCEPT) != 0 || (flags & IPC_NOWAIT) == 0)
			return -EINVAL;
		w.copy = message_new(min(size, (size_t)limit_message));
		if (w.copy == NULL)
			return -ENOMEM;
	}
	n = queue_get(id, &q);
	if (n == 0) {
		n = receive(q, &w, &m);
		ipc_object_put(&q->ipc);
	}
	if (n == 0)
		n = copy_out(to, m, size);
	if (m != w.copy)
		kmem_free(m);
	kmem_free(w.copy);
	return n;
}

/* ---- control ---- */

static long info(int cmd, uaddr_t buf)
{
	struct msginfo out = {
		.msgpool = MSGPOOL,
		.msgmap = MSGMAP,
		.msgmax = (int)limit_message,
		.msgmnb = (int)limit_queue,
		.msgmni = (int)limit_queues,
		.msgssz = MSGSSZ,
		.msgtql = MSGTQL,
		.msgseg = MSGSEG,
	};
	int highest;

	mutex_lock(&table.lock);
	highest = ipc_highest(&kind);
	if (cmd == MSG_INFO) {
		out.msgpool = (int)table.nr_used;
		out.msgmap = out.msgtql = 0;
		for (unsigned i = 0; i < table.nr_slots; i++) {
			if (table.slots[i] == NULL)
				continue;
			out.msgmap += (int)queue_of(table.slots[i])->nr;
			out.msgtql += (int)queue_of(table.slots[i])->nr_bytes;
		}
	}
	mutex_unlock(&table.lock);
	return user_write_struct(buf, &out) != 0 ? -EFAULT : highest;
}

static void fill_stat(struct queue *q, struct msqid64_ds *out)
{
	ipc_fill_perm(&q->ipc, &out->msg_perm);
	out->msg_stime = q->stime;
	out->msg_rtime = q->rtime;
	out->msg_ctime = q->ctime;
	out->msg_cbytes = q->nr_bytes;
	out->msg_qnum = q->nr;
	out->msg_qbytes = q->max_bytes;
	out->msg_lspid = q->send_pid;
	out->msg_lrpid = q->receive_pid;
}

static long stat(int id, int cmd, uaddr_t buf)
{
	struct msqid64_ds out = { .msg_qnum = 0 };
	struct ipc_object *o;
	int err;

	mutex_lock(&table.lock);
	err = ipc_find_stat(&kind, id, cmd != IPC_STAT, cmd == MSG_STAT_ANY, &o);
	if (err == 0) {
		fill_stat(queue_of(o), &out);
		err = cmd == IPC_STAT ? 0 : o->id;
	}
	mutex_unlock(&table.lock);
	return err < 0 ? err : user_write_struct(buf, &out) != 0 ? -EFAULT : err;
}

static int set_locked(struct queue *q, const struct msqid64_ds *in)
{
	int err;

	if (!ipc_may_control(&q->ipc))
		return -EPERM;
	if (in->msg_qbytes > limit_queue && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		return -EPERM;
	err = ipc_set_perm(&q->ipc, &in->msg_perm);
	if (err != 0)
		return err;
	q->max_bytes = in->msg_qbytes;
	q->ctime = ipc_now();
	return 0;
}

/* Whoever waits looks again: there may be more room, or less permission. */
static long set(int id, uaddr_t buf)
{
	struct msqid64_ds in;
	struct queue *q;
	long err;

	if (user_read_struct(&in, buf) != 0)
		return -EFAULT;
	err = queue_get(id, &q);
	if (err != 0)
		return err;
	mutex_lock(&table.lock);
	err = q->ipc.removed ? -EIDRM : set_locked(q, &in);
	mutex_unlock(&table.lock);
	waitq_wake_all(&q->readable, 0);
	waitq_wake_all(&q->writable, 0);
	ipc_object_put(&q->ipc);
	return err;
}

static long remove(int id)
{
	struct ipc_object *o;
	int err;

	mutex_lock(&table.lock);
	err = ipc_find_to_control(&kind, id, &o);
	if (err == 0)
		ipc_remove(o);
	mutex_unlock(&table.lock);
	if (err != 0)
		return err;
	waitq_wake_all(&queue_of(o)->readable, 0);
	waitq_wake_all(&queue_of(o)->writable, 0);
	ipc_object_put(o);
	return 0;
}

long sys_msgctl(int id, int cmd, uaddr_t buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return info(cmd, buf);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return stat(id, cmd, buf);
	case IPC_SET:
		return set(id, buf);
	case IPC_RMID:
		return remove(id);
	default:
		return -EINVAL;
	}
}

/* ---- procfs ---- */

static void show(struct text_buffer *b, struct ipc_object *o)
{
	const struct queue *q = queue_of(o);

	text_print(b, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10llu %10llu %10llu\n",
		   o->key, o->id, o->mode, q->nr_bytes, q->nr, (unsigned)q->send_pid,
		   (unsigned)q->receive_pid, o->uid, o->gid, o->cuid, o->cgid,
		   (unsigned long long)q->stime, (unsigned long long)q->rtime,
		   (unsigned long long)q->ctime);
}

static const struct ipc_kind kind = {
	.table = &table,
	.limit = &limit_queues,
	.make = make,
	.suits = suits,
	.free = free,
	.show = show,
	.header =
		"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid "
		" cgid      stime      rtime      ctime\n",
};

static int show_all(struct text_buffer *b, int pid)
{
	return ipc_show(&kind, b);
}
PROC_FILE(sysvipc_msg) = { .path = "sysvipc/msg", .mode = 0444, .show = show_all };

#define LIMIT(name, variable, most) \
	static int show_##name(struct text_buffer *b, int pid) \
	{ \
		text_print(b, "%u\n", variable); \
		return 0; \
	} \
	static int store_##name(const char *text, size_t len, int pid) \
	{ \
		return ipc_parse(text, len, &(variable), 1, most); \
	} \
	PROC_FILE(name) = { .path = "sys/kernel/" #name, \
			    .mode = 0644, \
			    .show = show_##name, \
			    .store = store_##name }

LIMIT(msgmni, limit_queues, IPC_INDEX_MAX);
LIMIT(msgmax, limit_message, INT32_MAX);
LIMIT(msgmnb, limit_queue, INT32_MAX);
