/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A leaf of the fault image: a program makes one allocation of its own fail, by Linux's interface
 * (Documentation/fault-injection, /proc/<tid>/fail-nth). Writing n makes the n-th allocation from
 * then on of that thread fail, pages and objects alike; reading gives 0 once it has failed, and
 * otherwise how many are still to come. The file's own allocations count too: whoever reads it may
 * get ENOMEM himself.
 *
 * One thread at a time. An armed thread that forks has a child that is not armed. /proc/allocations
 * shows what there is now, for whoever looks for leaks, and /proc/objects who asked for it.
 */
#include "arch/program.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/mutex.h"
#include "core/sync/spinlock.h"
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define DEPTH 24

static struct spinlock lock;
static int armed_tid;    /* [lock to write] 0: nobody has written here */
static unsigned to_come; /* [lock] 0: it has failed */

/* Where the allocation that fails is asked for: one line of the log, innermost first. */
static void tell(void)
{
	char where[64];
	uintptr_t *frame = __builtin_frame_address(0);

	for (unsigned i = 0; i < DEPTH && frame != NULL && frame[1] != 0; i++) {
		symbol_describe(frame[1], where, sizeof(where));
		log_info("fail-nth: %u %s", i, where);
		if (frame[0] <= (uintptr_t)frame || frame[0] - (uintptr_t)frame > KSTACK_SIZE)
			break;
		frame = (uintptr_t *)frame[0];
	}
}

static bool must_fail(void)
{
	struct task *self = thread_current()->task;
	bool now = false;

	if (self == NULL || self->tid != READ_ONCE(armed_tid))
		return false;
	spin_lock(&lock);
	if (self->tid == armed_tid && to_come > 0)
		now = --to_come == 0;
	spin_unlock(&lock);
	if (now)
		tell();
	return now;
}

static int show_fail_nth(struct text_buffer *b, int tid)
{
	unsigned left = 0;

	spin_lock(&lock);
	if (tid == armed_tid)
		left = to_come;
	spin_unlock(&lock);
	text_print(b, "%u\n", left);
	return 0;
}

static int number_of(const char *text, size_t len, unsigned *out)
{
	unsigned n = 0;
	size_t i = 0;

	for (; i < len && text[i] >= '0' && text[i] <= '9' && n < 1000000; i++)
		n = n * 10 + (unsigned)(text[i] - '0');
	if (i == 0 || (i < len && text[i] != '\n'))
		return -EINVAL;
	*out = n;
	return 0;
}

static bool is_alive(int tid)
{
	struct task *t = task_find(tid);

	if (t != NULL)
		task_put(t);
	return t != NULL;
}

static int store_fail_nth(const char *text, size_t len, int tid)
{
	unsigned n = 0;
	int err = number_of(text, len, &n);
	bool other_is_alive = is_alive(READ_ONCE(armed_tid));

	if (err != 0)
		return err;
	kmem_fail_choose(must_fail);
	scoped_spin(&lock);
	if (armed_tid != tid && to_come > 0 && other_is_alive)
		return -EBUSY;
	armed_tid = tid;
	to_come = n;
	return 0;
}
PROC_FILE(fail_nth) = {
	.path = "PID/fail-nth", .mode = 0644, .show = show_fail_nth, .store = store_fail_nth
};

static int show_allocations(struct text_buffer *b, int pid)
{
	struct page_stats s;

	(void)pid;
	page_stats_get(&s);
	text_print(b, "%zu %llu %llu %llu\n", kmem_nr_objects(), (unsigned long long)s.cached,
		   (unsigned long long)s.tables, (unsigned long long)s.anonymous);
	return 0;
}
PROC_FILE(allocations) = { .path = "allocations", .mode = 0444, .show = show_allocations };

/* ---- /proc/objects: how many objects of whom ---- */

#define CALLERS_MAX 1024u

static struct mutex callers_lock = MUTEX_INIT(callers_lock);
static struct caller {
	const void *code;
	size_t nr;
} callers[CALLERS_MAX];   /* [callers_lock] */
static size_t nr_callers; /* [callers_lock] */

static void count_caller(const void *code, size_t size, void *arg)
{
	size_t i = 0;

	while (i < nr_callers && callers[i].code != code)
		i++;
	if (i == CALLERS_MAX)
		return;
	if (i == nr_callers)
		callers[nr_callers++] = (struct caller){ code, 0 };
	callers[i].nr++;
}

static int show_objects(struct text_buffer *b, int pid)
{
	char where[64];

	(void)pid;
	scoped_mutex(&callers_lock);
	nr_callers = 0;
	kmem_visit(count_caller, NULL);
	for (size_t i = 0; i < nr_callers; i++) {
		symbol_describe((uintptr_t)callers[i].code, where, sizeof(where));
		text_print(b, "%s %zu\n", callers[i].code != NULL ? where : "pages", callers[i].nr);
	}
	return 0;
}
PROC_FILE(objects) = { .path = "objects", .mode = 0444, .show = show_objects };
