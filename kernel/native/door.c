/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of the native door, and the loops of an address space. An operation whose file is not
 * linked in answers ENOSYS, as with system calls, so that an image may leave TCP out.
 */
#include "arch/trap.h"
#include "core/program.h"
#include "core/sched/thread.h"
#include "core/sync/mutex.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/user.h"
#include "mm/vmspace.h"
#include "native/native.h"
#include "net/net.h"

#define OPS_AT_ONCE 16u

struct native {
	struct spinlock lock;
	struct native_loop *loops[NATIVE_LOOPS_MAX]; /* [lock] counted; NULL: free */
};

/* ---- loops by number ---- */

static struct native *of_current(void)
{
	return atomic_load(&vmspace_current()->native);
}

/* Several threads may come at once: one's is taken. */
static struct native *make_native(void)
{
	struct native *fresh = kmem_new(struct native), *none = NULL;

	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange(&vmspace_current()->native, &none, fresh))
		return fresh;
	kmem_free(fresh);
	return none;
}

static int enter(struct native *n, struct native_loop *l)
{
	scoped_spin(&n->lock);
	for (int i = 0; i < NATIVE_LOOPS_MAX; i++) {
		if (n->loops[i] != NULL)
			continue;
		n->loops[i] = l;
		return i;
	}
	return -EMFILE;
}

/* Counted, or NULL. */
static struct native_loop *find(struct native *n, unsigned long number)
{
	struct native_loop *l;

	if (n == NULL || number >= NATIVE_LOOPS_MAX)
		return NULL;
	scoped_spin(&n->lock);
	l = n->loops[number];
	if (l != NULL)
		ref_get(&l->ref);
	return l;
}

static struct native_loop *take(struct native *n, unsigned long number)
{
	struct native_loop *l;

	scoped_spin(&n->lock);
	l = n->loops[number];
	n->loops[number] = NULL;
	return l;
}

void program_native_free(struct native *n)
{
	for (unsigned i = 0; i < NATIVE_LOOPS_MAX; i++) {
		struct native_loop *l = take(n, i);

		if (l == NULL)
			continue;
		native_loop_close(l);
		native_loop_put(l);
	}
	kmem_free(n);
}

/* ---- operations ---- */

OPTIONAL(native_op_udp);
OPTIONAL(native_op_listen);
OPTIONAL(native_op_connect);
OPTIONAL(native_op_send_to);
OPTIONAL(native_op_send);
OPTIONAL(native_op_consume);
OPTIONAL(native_op_finish);
OPTIONAL(native_op_watch);
OPTIONAL(native_op_interfaces);
OPTIONAL(native_op_join);
OPTIONAL(native_op_leave);

static native_op_fn *const op_table[] = {
	[NATIVE_OP_UDP] = native_op_udp,         [NATIVE_OP_LISTEN] = native_op_listen,
	[NATIVE_OP_CONNECT] = native_op_connect, [NATIVE_OP_ADOPT] = native_op_adopt,
	[NATIVE_OP_SEND_TO] = native_op_send_to, [NATIVE_OP_SEND] = native_op_send,
	[NATIVE_OP_CONSUME] = native_op_consume, [NATIVE_OP_FINISH] = native_op_finish,
	[NATIVE_OP_CLOSE] = native_op_close,     [NATIVE_OP_KEEP] = native_op_keep,
	[NATIVE_OP_RELEASE] = native_op_release, [NATIVE_OP_LOCAL] = native_op_local,
	[NATIVE_OP_WATCH] = native_op_watch,     [NATIVE_OP_INTERFACES] = native_op_interfaces,
	[NATIVE_OP_JOIN] = native_op_join,       [NATIVE_OP_LEAVE] = native_op_leave,
};

static int do_op(struct native_loop *l, struct native_op *op)
{
	native_op_fn *fn = NULL;

	if (op->kind == 0 || op->kind >= ARRAY_SIZE(op_table))
		return -EINVAL;
	fn = op_table[op->kind];
	return fn == NULL ? -ENOSYS : fn(l, op);
}

/* One that has something to say is written back. */
static int do_and_tell(struct native_loop *l, struct native_op *op, uaddr_t at)
{
	op->result = do_op(l, op);
	if (op->kind == NATIVE_OP_LOCAL)
		return user_write_struct(at, op);
	if (op->result == 0)
		return 0;
	return user_write_struct(at + offsetof(struct native_op, result), &op->result);
}

static int do_ops(struct native_loop *l, uaddr_t at, uint32_t nr)
{
	struct native_op some[OPS_AT_ONCE];
	uint32_t n;
	int err = 0;

	for (; nr > 0 && err == 0; nr -= n) {
		n = min(nr, OPS_AT_ONCE);
		err = user_read(some, at, n * sizeof(some[0]));
		for (uint32_t i = 0; i < n && err == 0; i++) {
			err = do_and_tell(l, &some[i], at);
			at += sizeof(some[0]);
		}
	}
	net_run();
	return err;
}

/* ---- the calls ---- */

static long call_open(const struct trap_frame *f)
{
	struct native *n = of_current();
	struct native_loop *l = NULL;
	int number, err;

	if (frame_arg(f, 0) != NATIVE_VERSION)
		return -EINVAL;
	if (n == NULL)
		n = make_native();
	err = n == NULL ? -ENOMEM : native_loop_new(&l);
	if (err != 0)
		return err;
	number = enter(n, l);
	if (number < 0)
		native_loop_put(l);
	return number;
}

static long tell_all(struct native_loop *l, struct native_batch *out, nsec_t deadline)
{
	int err = 0;

	for (;;) {
		native_loop_tell(l, out);
		if (out->nr > 0 || out->error != 0 || atomic_exchange(&l->is_woken, false))
			break;
		if (err != 0 || deadline == 0)
			break;
		err = wait_event(&l->wq, native_loop_has_news(l), WAIT_INTERRUPTIBLE, deadline);
		if (err == -ERESTARTSYS)
			return -EINTR;
	}
	return out->error != 0 ? out->error : (long)out->nr;
}

static long turn(struct native_loop *l, const struct trap_frame *f)
{
	int64_t deadline = (int64_t)frame_arg(f, 5);
	struct native_batch out = {
		.loop = l,
		.to = frame_arg(f, 3),
		.max = (uint32_t)frame_arg(f, 4),
	};
	int err;

	err = do_ops(l, frame_arg(f, 1), (uint32_t)frame_arg(f, 2));
	if (err != 0 || out.max == 0)
		return err;
	native_loop_give_back(l);
	return tell_all(l, &out, deadline < 0 ? NSEC_NEVER : (nsec_t)deadline);
}

static bool are_counts_right(const struct trap_frame *f)
{
	unsigned long nr_ops = frame_arg(f, 2), max = frame_arg(f, 4);

	return nr_ops <= NATIVE_OPS_MAX &&
	       (max == 0 || (max >= NATIVE_EVENTS_MIN && max <= NATIVE_EVENTS_MAX));
}

static long call_turn(const struct trap_frame *f)
{
	struct native_loop *l = find(of_current(), frame_arg(f, 0));
	long result = -EINVAL;

	if (l == NULL)
		return -EBADF;
	if (are_counts_right(f)) {
		result = -EBUSY;
		if (!atomic_exchange(&l->in_turn, true)) {
			result = turn(l, f);
			atomic_store(&l->in_turn, false);
		}
	}
	native_loop_put(l);
	return result;
}

static long call_wake(const struct trap_frame *f)
{
	struct native_loop *l = find(of_current(), frame_arg(f, 0));

	if (l == NULL)
		return -EBADF;
	atomic_store(&l->is_woken, true);
	native_loop_wake(l);
	native_loop_put(l);
	return 0;
}

/* Nobody enters its turn any more: in_turn stays. */
static long call_close(const struct trap_frame *f)
{
	struct native_loop *l = find(of_current(), frame_arg(f, 0));

	if (l == NULL)
		return -EBADF;
	if (atomic_exchange(&l->in_turn, true)) {
		native_loop_put(l);
		return -EBUSY;
	}
	if (take(of_current(), frame_arg(f, 0)) == l)
		native_loop_put(l);
	native_loop_close(l);
	native_loop_put(l);
	return 0;
}

static long call_tcp(const struct trap_frame *f)
{
	return native_op_listen != NULL ? 0 : -ENOSYS;
}

static long call_groups(const struct trap_frame *f)
{
	return native_op_join != NULL ? 0 : -ENOSYS;
}

static long (*const calls[NATIVE_NR_CALLS])(const struct trap_frame *) = {
	[NATIVE_CALL_OPEN - NATIVE_CALL_FIRST] = call_open,
	[NATIVE_CALL_TURN - NATIVE_CALL_FIRST] = call_turn,
	[NATIVE_CALL_WAKE - NATIVE_CALL_FIRST] = call_wake,
	[NATIVE_CALL_CLOSE - NATIVE_CALL_FIRST] = call_close,
	[NATIVE_CALL_TCP - NATIVE_CALL_FIRST] = call_tcp,
	[NATIVE_CALL_GROUPS - NATIVE_CALL_FIRST] = call_groups,
};

long program_native_call(const struct trap_frame *f, unsigned long nr)
{
	unsigned long idx = nr - NATIVE_CALL_FIRST;

	return idx < NATIVE_NR_CALLS ? calls[idx](f) : -ENOSYS;
}
