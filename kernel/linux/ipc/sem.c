/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V semaphores (semget(2), semop(2), semctl(2)). All operations of one semop(2) happen, or
 * none. A call that has to wait stands in the set's list of requests; whoever changes a value tries
 * them in order, does for the sleeper what has become possible, and wakes it with the result. The
 * sleeper takes the lock once more before its request, which is on its stack, goes away.
 *
 * SEM_UNDO: an undo says what the end of a task gives back to one set. Undos hang on their set and
 * on the list of the tasks that share them (sem_undo.h). The table's lock guards all of it.
 */
#include <asm/sembuf.h>
#include <linux/sem.h>

#include "core/sched/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/ipc/ipc.h"
#include "linux/ipc/sem_undo.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "linux/time/clock.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"

#define OPS_INLINE 8
#define PENDING    1 /* a request's result while it has none */

struct semaphore {
	int value, pid;
};

struct sem_set {
	struct ipc_object ipc; /* first */
	unsigned nr_sems;      /* [I] */
	int64_t otime, ctime;  /* [table.lock] seconds */
	struct list requests;  /* [table.lock] in the order of their coming */
	struct list undos;     /* [table.lock] by set_link */
	struct semaphore sems[];
};

struct undo {
	struct list set_link, owner_link; /* [table.lock] */
	struct sem_set *set;              /* [I] not counted: the set's end frees it */
	short adjust[];                   /* [table.lock] for each semaphore */
};

struct sem_undo_list {
	struct ref ref;
	struct list undos; /* [table.lock] by owner_link */
};

struct request {
	struct list link; /* [table.lock] */
	const struct sembuf *ops;
	unsigned nr_ops, blocking; /* blocking: the operation that it waits for */
	struct undo *undo;         /* or NULL */
	int pid;
	int result; /* [table.lock to write; a to read] */
	struct waitq wq;
};

static struct ipc_table table = { .lock = MUTEX_INIT(table.lock) };
/* [a] as /proc/sys/kernel/sem has them */
static struct {
	unsigned per_set, all, ops, sets;
} limits = { SEMMSL, SEMMNS, SEMOPM, SEMMNI };
static unsigned nr_sems_all; /* [table.lock] */

static const struct ipc_kind kind;

static struct sem_set *set_of(struct ipc_object *o)
{
	return container_of(o, struct sem_set, ipc);
}

/* ---- making and freeing ---- */

static int make(const struct ipc_request *r, struct ipc_object **out)
{
	struct sem_set *s;

	if (r->size == 0)
		return -EINVAL;
	if (nr_sems_all + r->size > limits.all)
		return -ENOSPC;
	s = kmem_alloc(sizeof(*s) + r->size * sizeof(s->sems[0]));
	if (s == NULL)
		return -ENOMEM;
	s->nr_sems = (unsigned)r->size;
	s->ctime = ipc_now();
	list_init(&s->requests);
	list_init(&s->undos);
	nr_sems_all += s->nr_sems;
	*out = &s->ipc;
	return 0;
}

static bool suits(const struct ipc_object *o, const struct ipc_request *r)
{
	return r->size <= container_of(o, const struct sem_set, ipc)->nr_sems;
}

static void free(struct ipc_object *o)
{
	kmem_free(set_of(o));
}

long sys_semget(int key, int nr_sems, int flags)
{
	const struct ipc_request r = { key, flags, (size_t)nr_sems };

	if (nr_sems < 0 || (unsigned)nr_sems > limits.per_set)
		return -EINVAL;
	return ipc_get(&kind, &r);
}

/* ---- operations, with the lock held ---- */

static int apply_one(struct sem_set *s, const struct request *r, const struct sembuf *op)
{
	struct semaphore *sem = &s->sems[op->sem_num];
	int value = sem->value + op->sem_op, adjust;

	if ((op->sem_op == 0 && sem->value != 0) || value < 0)
		return (op->sem_flg & IPC_NOWAIT) != 0 ? -EAGAIN : PENDING;
	if (value > SEMVMX)
		return -ERANGE;
	if ((op->sem_flg & SEM_UNDO) != 0) {
		adjust = r->undo->adjust[op->sem_num] - op->sem_op;
		if (adjust < -SEMAEM - 1 || adjust > SEMAEM)
			return -ERANGE;
		r->undo->adjust[op->sem_num] = (short)adjust;
	}
	sem->value = value;
	return 0;
}

static void take_back(struct sem_set *s, const struct request *r, const struct sembuf *op)
{
	s->sems[op->sem_num].value -= op->sem_op;
	if ((op->sem_flg & SEM_UNDO) != 0)
		r->undo->adjust[op->sem_num] += op->sem_op;
}

/* All or nothing: 0, an error, or PENDING. */
static int apply(struct sem_set *s, struct request *r)
{
	for (unsigned i = 0; i < r->nr_ops; i++) {
		int err = apply_one(s, r, &r->ops[i]);

		if (err == 0)
			continue;
		r->blocking = i;
		while (i-- > 0)
			take_back(s, r, &r->ops[i]);
		return err;
	}
	for (unsigned i = 0; i < r->nr_ops; i++)
		s->sems[r->ops[i].sem_num].pid = r->pid;
	s->otime = ipc_now();
	return 0;
}

static bool alters(const struct sembuf *ops, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (ops[i].sem_op != 0)
			return true;
	return false;
}

static void finish(struct request *r, int result)
{
	list_remove(&r->link);
	atomic_store(&r->result, result);
	waitq_wake_all(&r->wq, 0);
}

/* A value changed: who can go on? Those who change one themselves make it start anew. */
static void settle(struct sem_set *s)
{
	bool again;

	do {
		struct request *r;

		again = false;
		list_foreach_safe(&s->requests, r, link) {
			int result = apply(s, r);

			if (result == PENDING)
				continue;
			finish(r, result);
			again = result == 0 && alters(r->ops, r->nr_ops);
			if (again)
				break;
		}
	} while (again);
}

/* ---- undos, with the lock held ---- */

static void undo_free(struct undo *u)
{
	list_remove(&u->set_link);
	list_remove(&u->owner_link);
	kmem_free(u);
}

static struct sem_undo_list *list_of(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	if (l != NULL)
		return l;
	l = kmem_new(struct sem_undo_list);
	if (l != NULL) {
		ref_init(&l->ref);
		list_init(&l->undos);
		t->sem_undo = l;
	}
	return l;
}

static struct undo *undo_for(struct sem_set *s)
{
	struct sem_undo_list *l = list_of(task_current());
	struct undo *u;

	if (l == NULL)
		return NULL;
	list_foreach(&l->undos, u, owner_link)
		if (u->set == s)
			return u;
	u = kmem_alloc(sizeof(*u) + s->nr_sems * sizeof(u->adjust[0]));
	if (u == NULL)
		return NULL;
	u->set = s;
	list_append(&s->undos, &u->set_link);
	list_append(&l->undos, &u->owner_link);
	return u;
}

static int clamp_value(int value)
{
	return value < 0 ? 0 : min(value, SEMVMX);
}

static void undo_apply(struct undo *u)
{
	struct sem_set *s = u->set;

	for (unsigned i = 0; i < s->nr_sems; i++) {
		if (u->adjust[i] == 0)
			continue;
		s->sems[i].value = clamp_value(s->sems[i].value + u->adjust[i]);
		s->sems[i].pid = process_current()->pid;
	}
	s->otime = ipc_now();
	undo_free(u);
	settle(s);
}

bool sem_undo_clone(struct task *t, bool share)
{
	t->sem_undo = NULL;
	if (!share)
		return true;
	scoped_mutex(&table.lock);
	struct sem_undo_list *l = list_of(task_current());

	if (l == NULL)
		return false;
	ref_get(&l->ref);
	t->sem_undo = l;
	return true;
}

void sem_undo_exit(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;
	struct undo *u;

	t->sem_undo = NULL;
	if (l == NULL || !ref_put(&l->ref))
		return;
	mutex_lock(&table.lock);
	while ((u = list_first(&l->undos, struct undo, owner_link)) != NULL)
		undo_apply(u);
	mutex_unlock(&table.lock);
	kmem_free(l);
}

/* ---- semop ---- */

static int check_ops(const struct sem_set *s, const struct request *r)
{
	for (unsigned i = 0; i < r->nr_ops; i++)
		if (r->ops[i].sem_num >= s->nr_sems)
			return -EFBIG;
	return ipc_may(&s->ipc, alters(r->ops, r->nr_ops) ? IPC_WRITE : IPC_READ) ? 0 : -EACCES;
}

static bool wants_undo(const struct request *r)
{
	for (unsigned i = 0; i < r->nr_ops; i++)
		if ((r->ops[i].sem_flg & SEM_UNDO) != 0)
			return true;
	return false;
}

/* PENDING: r is in the set's list now, and the set is counted through *out. */
static int start(int id, struct request *r, struct sem_set **out)
{
	struct ipc_object *o;
	struct sem_set *s;
	int err;

	scoped_mutex(&table.lock);
	err = ipc_find(&kind, id, &o);
	if (err != 0)
		return err;
	s = set_of(o);
	err = check_ops(s, r);
	if (err != 0)
		return err;
	if (wants_undo(r)) {
		r->undo = undo_for(s);
		if (r->undo == NULL)
			return -ENOMEM;
	}
	err = apply(s, r);
	if (err == 0 && alters(r->ops, r->nr_ops))
		settle(s);
	if (err == PENDING) {
		list_append(&s->requests, &r->link);
		ipc_object_get(o);
		*out = s;
	}
	return err;
}

/* The lock is taken in any case: whoever ended the request has let go of it then. */
static int wait(struct sem_set *s, struct request *r, nsec_t deadline)
{
	int err = wait_event(&r->wq, atomic_load(&r->result) != PENDING, WAIT_INTERRUPTIBLE,
			     deadline);

	mutex_lock(&table.lock);
	if (r->result == PENDING) {
		list_remove(&r->link);
		r->result = err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	mutex_unlock(&table.lock);
	ipc_object_put(&s->ipc);
	return r->result;
}

static int operate(int id, const struct sembuf *ops, unsigned nr, nsec_t deadline)
{
	struct request r = {
		.ops = ops,
		.nr_ops = nr,
		.pid = process_current()->pid,
		.result = PENDING,
	};
	struct sem_set *s = NULL;
	int err;

	list_init(&r.link);
	waitq_init(&r.wq);
	err = start(id, &r, &s);
	return err == PENDING ? wait(s, &r, deadline) : err;
}

long sys_semtimedop(int id, uaddr_t uops, unsigned nr, uaddr_t timeout)
{
	struct sembuf room[OPS_INLINE], *ops = room;
	nsec_t deadline = NSEC_NEVER;
	int err = 0;

	if (timeout != 0)
		err = clock_read_timeout(timeout, &deadline);
	if (err == 0 && (nr < 1 || nr > limits.ops))
		err = nr < 1 ? -EINVAL : -E2BIG;
	if (err != 0)
		return err;
	if (nr > OPS_INLINE)
		ops = kmem_new_array(struct sembuf, nr);
	if (ops == NULL)
		return -ENOMEM;
	err = user_read(ops, uops, nr * sizeof(*ops));
	if (err == 0)
		err = id < 0 ? -EINVAL : operate(id, ops, nr, deadline);
	if (ops != room)
		kmem_free(ops);
	return err;
}

long sys_semop(int id, uaddr_t ops, unsigned nr)
{
	return sys_semtimedop(id, ops, nr, 0);
}

/* ---- control ---- */

static long info(int cmd, uaddr_t buf)
{
	struct seminfo out = {
		.semmap = SEMMAP,
		.semmni = (int)limits.sets,
		.semmns = (int)limits.all,
		.semmnu = SEMMNU,
		.semmsl = (int)limits.per_set,
		.semopm = (int)limits.ops,
		.semume = SEMUME,
		.semusz = SEMUSZ,
		.semvmx = SEMVMX,
		.semaem = SEMAEM,
	};
	int highest;

	mutex_lock(&table.lock);
	highest = ipc_highest(&kind);
	if (cmd == SEM_INFO) {
		out.semusz = (int)table.nr_used;
		out.semaem = (int)nr_sems_all;
	}
	mutex_unlock(&table.lock);
	return user_write_struct(buf, &out) != 0 ? -EFAULT : highest;
}

static long stat(int id, int cmd, uaddr_t buf)
{
	struct semid64_ds out = { .sem_nsems = 0 };
	struct ipc_object *o;
	int err;

	mutex_lock(&table.lock);
	err = ipc_find_stat(&kind, id, cmd != IPC_STAT, cmd == SEM_STAT_ANY, &o);
	if (err == 0) {
		ipc_fill_perm(o, &out.sem_perm);
		out.sem_otime = set_of(o)->otime;
		out.sem_ctime = set_of(o)->ctime;
		out.sem_nsems = set_of(o)->nr_sems;
		err = cmd == IPC_STAT ? 0 : o->id;
	}
	mutex_unlock(&table.lock);
	return err < 0 ? err : user_write_struct(buf, &out) != 0 ? -EFAULT : err;
}

static int count_waiters(const struct sem_set *s, unsigned num, bool for_zero)
{
	struct request *r;
	int n = 0;

	list_foreach(&s->requests, r, link) {
		const struct sembuf *op = &r->ops[r->blocking];

		n += op->sem_num == num && (op->sem_op == 0) == for_zero;
	}
	return n;
}

/* The set for a command that reads or changes values. With the lock held. */
static int find_for(int id, unsigned wanted, struct sem_set **out)
{
	struct ipc_object *o;
	int err = ipc_find(&kind, id, &o);

	if (err != 0)
		return err;
	*out = set_of(o);
	return ipc_may(o, wanted) ? 0 : -EACCES;
}

static long get_one(int id, int num, int cmd)
{
	struct sem_set *s;
	int err;

	scoped_mutex(&table.lock);
	err = find_for(id, IPC_READ, &s);
	if (err != 0)
		return err;
	if (num < 0 || (unsigned)num >= s->nr_sems)
		return -EINVAL;
	switch (cmd) {
	case GETVAL:
		return s->sems[num].value;
	case GETPID:
		return s->sems[num].pid;
	default:
		return count_waiters(s, (unsigned)num, cmd == GETZCNT);
	}
}

/* A value set by hand is nobody's to undo. */
static void set_value(struct sem_set *s, unsigned num, int value)
{
	struct undo *u;

	list_foreach(&s->undos, u, set_link)
		u->adjust[num] = 0;
	s->sems[num].value = value;
	s->sems[num].pid = process_current()->pid;
}

static long set_one(int id, int num, int value)
{
	struct sem_set *s;
	int err;

	if (value < 0 || value > SEMVMX)
		return -ERANGE;
	scoped_mutex(&table.lock);
	err = find_for(id, IPC_WRITE, &s);
	if (err == 0 && (num < 0 || (unsigned)num >= s->nr_sems))
		err = -EINVAL;
	if (err != 0)
		return err;
	set_value(s, (unsigned)num, value);
	s->ctime = ipc_now();
	settle(s);
	return 0;
}

/* The set, counted: its size is known, and the lock is not held while the values are copied. */
static int get_for(int id, unsigned wanted, struct sem_set **out)
{
	int err;

	scoped_mutex(&table.lock);
	err = find_for(id, wanted, out);
	if (err == 0)
		ipc_object_get(&(*out)->ipc);
	return err;
}

static long store_values(struct sem_set *s, const uint16_t *values)
{
	scoped_mutex(&table.lock);
	if (s->ipc.removed)
		return -EIDRM;
	for (unsigned i = 0; i < s->nr_sems; i++)
		if (values[i] > SEMVMX)
			return -ERANGE;
	for (unsigned i = 0; i < s->nr_sems; i++)
		set_value(s, i, values[i]);
	s->ctime = ipc_now();
	settle(s);
	return 0;
}

static void load_values(struct sem_set *s, uint16_t *values)
{
	scoped_mutex(&table.lock);
	for (unsigned i = 0; i < s->nr_sems; i++)
		values[i] = (uint16_t)s->sems[i].value;
}

static long all_values(int id, int cmd, uaddr_t buf)
{
	struct sem_set *s;
	uint16_t *values;
	long err = get_for(id, cmd == GETALL ? IPC_READ : IPC_WRITE, &s);

	if (err != 0)
		return err;
	values = kmem_new_array(uint16_t, s->nr_sems);
	err = values == NULL ? -ENOMEM : 0;
	if (err == 0 && cmd == GETALL) {
		load_values(s, values);
		err = user_write(buf, values, s->nr_sems * sizeof(*values));
	} else if (err == 0) {
		err = user_read(values, buf, s->nr_sems * sizeof(*values));
		if (err == 0)
			err = store_values(s, values);
	}
	kmem_free(values);
	ipc_object_put(&s->ipc);
	return err;
}

static long set(int id, uaddr_t buf)
{
	struct semid64_ds in;
	struct ipc_object *o;
	int err;

	if (user_read_struct(&in, buf) != 0)
		return -EFAULT;
	scoped_mutex(&table.lock);
	err = ipc_find_to_control(&kind, id, &o);
	if (err == 0)
		err = ipc_set_perm(o, &in.sem_perm);
	if (err == 0)
		set_of(o)->ctime = ipc_now();
	return err;
}

/* Everybody who waits is told, and nothing is left to undo. */
static void empty(struct sem_set *s)
{
	struct request *r;
	struct undo *u;

	while ((r = list_first(&s->requests, struct request, link)) != NULL)
		finish(r, -EIDRM);
	while ((u = list_first(&s->undos, struct undo, set_link)) != NULL)
		undo_free(u);
	nr_sems_all -= s->nr_sems;
}

static long remove(int id)
{
	struct ipc_object *o;
	int err;

	mutex_lock(&table.lock);
	err = ipc_find_to_control(&kind, id, &o);
	if (err == 0) {
		ipc_remove(o);
		empty(set_of(o));
	}
	mutex_unlock(&table.lock);
	if (err == 0)
		ipc_object_put(o);
	return err;
}

long sys_semctl(int id, int num, int cmd, unsigned long arg)
{
	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return info(cmd, arg);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return stat(id, cmd, arg);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return get_one(id, num, cmd);
	case SETVAL:
		return set_one(id, num, (int)arg);
	case GETALL:
	case SETALL:
		return all_values(id, cmd, arg);
	case IPC_SET:
		return set(id, arg);
	case IPC_RMID:
		return remove(id);
	default:
		return -EINVAL;
	}
}

/* ---- procfs ---- */

static void show(struct text_buffer *b, struct ipc_object *o)
{
	const struct sem_set *s = set_of(o);

	text_print(b, "%10d %10d  %4o %10u %5u %5u %5u %5u %10llu %10llu\n", o->key, o->id, o->mode,
		   s->nr_sems, o->uid, o->gid, o->cuid, o->cgid, (unsigned long long)s->otime,
		   (unsigned long long)s->ctime);
}

static const struct ipc_kind kind = {
	.table = &table,
	.limit = &limits.sets,
	.make = make,
	.suits = suits,
	.free = free,
	.show = show,
	.header = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
		  "ctime\n",
};

static int show_all(struct text_buffer *b, int pid)
{
	return ipc_show(&kind, b);
}
PROC_FILE(sysvipc_sem) = { .path = "sysvipc/sem", .mode = 0444, .show = show_all };

static int show_limits(struct text_buffer *b, int pid)
{
	text_print(b, "%u\t%u\t%u\t%u\n", limits.per_set, limits.all, limits.ops, limits.sets);
	return 0;
}

static int store_limits(const char *text, size_t len, int pid)
{
	unsigned values[4] = { limits.per_set, limits.all, limits.ops, limits.sets };
	int err = ipc_parse(text, len, values, ARRAY_SIZE(values), INT32_MAX);

	if (err != 0)
		return err;
	if (values[3] > IPC_INDEX_MAX)
		return -ERANGE;
	limits.per_set = values[0];
	limits.all = values[1];
	limits.ops = values[2];
	limits.sets = values[3];
	return 0;
}
PROC_FILE(sem_limits) = {
	.path = "sys/kernel/sem", .mode = 0644, .show = show_limits, .store = store_limits
};
