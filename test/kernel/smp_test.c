/* SPDX-License-Identifier: BSD-2-Clause */
/* Several CPUs: calls, migration, stealing, TLB shootdown, timers and allocators. With one CPU the
 * same tests run, and those that need another one have nothing to do. */
#include "arch/mmu.h"
#include "core/smp/cpu.h"
#include "core/sync/lockcheck.h"
#include "core/sync/mutex.h"
#include "ktest.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define MS     1000000ll
#define ROUNDS 200u

/* Starts fn(arg) on CPU `id` only. */
static bool start_on(unsigned id, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_new("smp", fn, arg);

	if (t == NULL)
		return false;
	t->affinity = 1ull << id;
	thread_start(t);
	return true;
}

static unsigned cpu_id_now(void)
{
	unsigned id;

	preempt_disable();
	id = cpu_this()->id;
	preempt_enable();
	return id;
}

/* ---- calls ---- */

static void note_cpu(void *mask)
{
	atomic_or((uint64_t *)mask, cpu_bit(cpu_this()));
}

KTEST(call_runs_on_every_cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t ran = 0;

		cpu_call(~0ull, note_cpu, &ran);
		KCHECK(ran == atomic_load(&cpus_online));
	}
}

KTEST(call_reaches_only_the_mask)
{
	for (unsigned id = 0; id < nr_cpus; id++) {
		uint64_t ran = 0;

		cpu_call(1ull << id, note_cpu, &ran);
		KCHECK(ran == 1ull << id);
	}
}

static void add_one(void *count)
{
	atomic_add((unsigned *)count, 1);
}

static void call_all_often(void *count)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		cpu_call(~0ull, add_one, count);
	ktest_finish();
}

/* All CPUs call all CPUs at the same time: none waits for ever. */
KTEST(calls_cross)
{
	unsigned count = 0;

	ktest_finished = 0;
	for (unsigned id = 0; id < nr_cpus; id++)
		KCHECK(start_on(id, call_all_often, &count));
	KCHECK(ktest_join(nr_cpus) == 0);
	KCHECK(count == nr_cpus * nr_cpus * ROUNDS);
}

/* ---- threads and CPUs ---- */

KTEST(thread_moves_where_it_is_told)
{
	struct thread *self = thread_current();

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned id = (unsigned)(ktest_random() % nr_cpus);

		KCHECK(thread_set_affinity(self, 1ull << id) == 0);
		KCHECK(cpu_id_now() == id);
	}
	KCHECK(thread_set_affinity(self, 1ull << 63) == (nr_cpus == 64 ? 0 : -EINVAL));
	KCHECK(thread_set_affinity(self, ~0ull) == 0);
}

static bool stop; /* [a] */

static void run_until_stopped(void *mask)
{
	while (!READ_ONCE(stop))
		atomic_or((uint64_t *)mask, 1ull << cpu_id_now());
	ktest_finish();
}

static bool all_were_seen(const uint64_t *seen)
{
	return READ_ONCE(*seen) == (1ull << nr_cpus) - 1;
}

/* A few turns on each CPU. */
static bool move_on(struct thread *t, unsigned turn)
{
	return thread_set_affinity(t, 1ull << turn / 4 % nr_cpus) == 0;
}

/* A thread that runs is moved from outside. */
KTEST(running_thread_is_moved)
{
	uint64_t seen = 0;
	struct thread *t;
	unsigned turn = 0;

	WRITE_ONCE(stop, false);
	ktest_finished = 0;
	t = thread_new("moved", run_until_stopped, &seen);
	KCHECK(t != NULL);
	thread_start(t);
	for (unsigned i = 0; i < 40; i++) {
		KCHECK(thread_set_affinity(t, 1ull << i % nr_cpus) == 0);
		thread_sleep_until(clock_monotonic() + MS / 2);
	}
	(void)ktest_wait(all_were_seen(&seen) || !move_on(t, turn++));
	WRITE_ONCE(stop, true);
	KCHECK(ktest_join(1) == 0);
	KCHECK(all_were_seen(&seen));
}

/* More threads than CPUs, all started here: each CPU gets some. */
KTEST(idle_cpus_take_threads)
{
	uint64_t seen = 0;
	bool all;

	WRITE_ONCE(stop, false);
	ktest_finished = 0;
	for (unsigned i = 0; i < 2 * nr_cpus; i++) {
		struct thread *t = thread_new("many", run_until_stopped, &seen);

		KCHECK(t != NULL);
		thread_start(t);
	}
	all = ktest_wait(all_were_seen(&seen));
	WRITE_ONCE(stop, true);
	KCHECK(ktest_join(2 * nr_cpus) == 0);
	KCHECK(all);
}

struct sharer {
	nsec_t ran; /* [a] */
};

static void share(void *arg)
{
	struct sharer *s = arg;

	while (!READ_ONCE(stop))
		WRITE_ONCE(s->ran, thread_cpu_time(thread_current()));
	ktest_finish();
}

/* Each is within a tenth of its part. */
static bool shares_are_equal(const struct sharer *s, unsigned nr)
{
	nsec_t sum = 0, part;
	bool equal = true;

	for (unsigned i = 0; i < nr; i++)
		sum += READ_ONCE(s[i].ran);
	part = sum / nr;
	for (unsigned i = 0; i < nr; i++)
		equal &= s[i].ran * 10 > part * 9 && s[i].ran * 10 < part * 11;
	return equal;
}

/* One thread more than there are CPUs: none has a CPU for itself for ever. */
KTEST(threads_share_uneven_cpus)
{
	nsec_t end = clock_monotonic() + 60 * NSEC_PER_SEC;
	static struct sharer sharers[CPUS_MAX + 1];
	bool equal = false;

	memset(sharers, 0, sizeof(sharers));
	WRITE_ONCE(stop, false);
	ktest_finished = 0;
	for (unsigned i = 0; i <= nr_cpus; i++) {
		struct thread *t = thread_new("share", share, &sharers[i]);

		KCHECK(t != NULL);
		thread_start(t);
	}
	while (!equal && clock_monotonic() < end) {
		thread_sleep_until(clock_monotonic() + 500 * MS);
		equal = shares_are_equal(sharers, nr_cpus + 1);
	}
	WRITE_ONCE(stop, true);
	KCHECK(ktest_join(nr_cpus + 1) == 0);
	KCHECK(equal);
}

/* ---- waking and locks ---- */

struct table {
	struct mutex lock;
	struct waitq wq;
	unsigned turn, rounds, count;
};

static void take_turns(void *arg)
{
	struct table *t = arg;
	unsigned me = cpu_id_now();

	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)wait_event(&t->wq, READ_ONCE(t->turn) == me, WAIT_UNINTERRUPTIBLE,
				 NSEC_NEVER);
		WRITE_ONCE(t->turn, (me + 1) % nr_cpus);
		waitq_wake_all(&t->wq, 0);
	}
	for (unsigned i = 0; i < 10 * ROUNDS; i++) {
		scoped_mutex(&t->lock);
		t->count++;
	}
	ktest_finish();
}

/* No wake-up from one CPU to another is lost, and a mutex excludes. */
KTEST(cpus_take_turns)
{
	static struct table t = { .lock = MUTEX_INIT(t.lock), .wq = WAITQ_INIT(t.wq) };

	t.turn = t.count = 0;
	ktest_finished = 0;
	for (unsigned id = 0; id < nr_cpus; id++)
		KCHECK(start_on(id, take_turns, &t));
	KCHECK(ktest_join(nr_cpus) == 0);
	KCHECK(t.count == nr_cpus * 10 * ROUNDS);
}

/* ---- spinlocks held for long ---- */

#define LONG_ROUNDS 50u

struct shared_count {
	struct spinlock lock, outer[CPUS_MAX];
	unsigned count, inside; /* [lock] */
	bool two_inside;        /* [lock] */
};

/* Longer than a waiter spins; it holds another lock meanwhile, and its timer rings. */
static void count_slowly(void *arg)
{
	struct shared_count *s = arg;
	struct spinlock *own = &s->outer[cpu_id_now()];

	for (unsigned i = 0; i < LONG_ROUNDS; i++) {
		thread_sleep_until(clock_monotonic() + MS / 10);
		scoped_spin(own);
		scoped_spin(&s->lock);
		s->two_inside |= s->inside++ != 0;
		clock_delay(MS / 5);
		s->inside--;
		s->count++;
	}
	ktest_finish();
}

/* Who waits halts, and is kicked; nothing else comes in meanwhile, and nothing of it is lost. */
KTEST(spinlocks_held_for_long)
{
	static struct shared_count s;

	memset(&s, 0, sizeof(s));
	ktest_finished = 0;
	for (unsigned id = 0; id < nr_cpus; id++)
		KCHECK(start_on(id, count_slowly, &s));
	KCHECK(ktest_join(nr_cpus) == 0);
	KCHECK(s.count == nr_cpus * LONG_ROUNDS && !s.two_inside);
}

/* ---- shootdown ---- */

struct reader {
	struct vmspace *vs;
	uaddr_t at;
	unsigned command, answer; /* [a] 0: nothing asked, nothing answered */
	uint8_t byte;
	int err;
};

enum { READ = 1, WRITE, LEAVE };

/* Keeps the space loaded, and its TLB warm. */
static void serve(void *arg)
{
	struct reader *r = arg;
	unsigned command;

	sched_switch_space(r->vs);
	do {
		while ((command = atomic_exchange(&r->command, 0)) == 0)
			thread_yield();
		r->byte = 0;
		if (command == READ)
			r->err = user_read(&r->byte, r->at, 1);
		else if (command == WRITE)
			r->err = user_write(r->at, &r->byte, 1);
		atomic_store(&r->answer, command);
	} while (command != LEAVE);
	sched_switch_space(NULL);
	ktest_finish();
}

static void ask(struct reader *r, unsigned command)
{
	atomic_store(&r->answer, 0);
	atomic_store(&r->command, command);
	while (atomic_load(&r->answer) != command)
		thread_yield();
}

static int map(struct vmspace *vs, uaddr_t at, uint8_t fill)
{
	struct vm_map m = {
		.addr = at,
		.len = PAGE_SIZE,
		.prot = MMU_READ | MMU_WRITE,
		.flags = VM_MAP_FIXED,
	};
	struct page *p;
	uaddr_t out;
	int err = vmspace_map(vs, &m, &out);

	if (err == 0)
		err = vmspace_page(vs, at, MMU_WRITE, &p);
	if (err != 0)
		return err;
	memset(page_to_ptr(p), fill, PAGE_SIZE);
	page_put(p);
	return 0;
}

/* What one CPU unmaps, replaces or protects, another that used it at once sees so. */
static void shoot(struct reader *r)
{
	for (unsigned i = 1; i < 100; i++) {
		KCHECK(map(r->vs, r->at, (uint8_t)i) == 0);
		ask(r, READ);
		KCHECK(r->err == 0 && r->byte == i);
		ask(r, WRITE);
		KCHECK(r->err == 0);
		KCHECK(vmspace_protect(r->vs, r->at, PAGE_SIZE, MMU_READ) == 0);
		ask(r, WRITE);
		KCHECK(r->err == -EFAULT);
		KCHECK(map(r->vs, r->at, (uint8_t)(i + 100)) == 0);
		ask(r, READ);
		KCHECK(r->err == 0 && r->byte == i + 100);
		KCHECK(vmspace_unmap(r->vs, r->at, PAGE_SIZE) == 0);
		ask(r, READ);
		KCHECK(r->err == -EFAULT);
	}
}

KTEST(shootdown_reaches_other_cpus)
{
	struct reader r = { .vs = vmspace_new(), .at = 0x10000000 };

	KCHECK(r.vs != NULL);
	r.vs->mmap_base = 0x7f0000000000;
	ktest_finished = 0;
	KCHECK(thread_set_affinity(thread_current(), 1) == 0);
	KCHECK(start_on(nr_cpus - 1, serve, &r));
	shoot(&r);
	ask(&r, LEAVE);
	KCHECK(ktest_join(1) == 0);
	vmspace_put(r.vs);
	KCHECK(thread_set_affinity(thread_current(), ~0ull) == 0);
}

/* A space that goes while another CPU, which runs no program, still has its tables loaded. */
KTEST(loaded_space_goes)
{
	for (unsigned i = 0; i < 50; i++) {
		struct reader r = { .vs = vmspace_new(), .at = 0x10000000 };

		KCHECK(r.vs != NULL);
		ktest_finished = 0;
		KCHECK(start_on(i % nr_cpus, serve, &r));
		ask(&r, READ);
		ask(&r, LEAVE);
		KCHECK(ktest_join(1) == 0);
		vmspace_put(r.vs);
	}
}

/* ---- timers ---- */

/* More than an interrupt takes, even of a CPU that others use as well. */
#define TICK_NS (MS / 2)

struct ticker {
	struct timer timer;
	unsigned ticks; /* [a] */
};

static void tick(struct timer *timer)
{
	struct ticker *t = container_of(timer, struct ticker, timer);

	atomic_add(&t->ticks, 1);
	timer_arm(timer, clock_monotonic() + TICK_NS);
}

static void arm_here(void *arg)
{
	struct ticker *t = arg;

	timer_arm(&t->timer, clock_monotonic());
	while (atomic_load(&t->ticks) == 0)
		thread_yield();
	ktest_finish();
}

/* A timer that arms itself again and again is cancelled from another CPU. */
KTEST(timer_is_cancelled_from_elsewhere)
{
	for (unsigned i = 0; i < 40; i++) {
		struct ticker t = { .ticks = 0 };
		unsigned ticks;

		timer_init(&t.timer, tick);
		ktest_finished = 0;
		KCHECK(start_on(i % nr_cpus, arm_here, &t));
		KCHECK(ktest_join(1) == 0);
		timer_cancel(&t.timer);
		ticks = atomic_load(&t.ticks);
		clock_delay(4 * TICK_NS);
		KCHECK(atomic_load(&t.ticks) == ticks);
	}
}

/* ---- allocators ---- */

#define SHELF 64u

static void *shelf[SHELF]; /* [a] objects that any CPU may free */

static void *make_object(unsigned i)
{
	return i % 2 == 0 ? kmem_alloc(1 + ktest_random() % 1500)
			  : page_alloc(i % 4 == 1 ? 0 : 1, 0);
}

static void give_object(unsigned i, void *object)
{
	if (object == NULL)
		return;
	if (i % 2 == 0)
		kmem_free(object);
	else
		page_free(object, i % 4 == 1 ? 0 : 1);
}

static void churn(void *arg)
{
	unsigned i = cpu_id_now();

	for (unsigned round = 0; round < 20 * ROUNDS; round++, i = (i + 7) % SHELF)
		give_object(i, atomic_exchange(&shelf[i], make_object(i)));
	ktest_finish();
}

/* What one CPU allocates another frees; nothing is lost. */
KTEST(allocators_serve_all_cpus)
{
	size_t objects = kmem_nr_objects();

	ktest_finished = 0;
	for (unsigned id = 0; id < nr_cpus; id++)
		KCHECK(start_on(id, churn, NULL));
	KCHECK(ktest_join(nr_cpus) == 0);
	for (unsigned i = 0; i < SHELF; i++)
		give_object(i, atomic_exchange(&shelf[i], NULL));
	KCHECK(kmem_nr_objects() <= objects);
}

/* ---- the lock checker ---- */

#ifdef DEBUG
static struct spinlock lock_a, lock_b;
static struct mutex mutex_a = MUTEX_INIT(mutex_a);

static void in_order(struct spinlock *first, struct spinlock *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

KTEST(lock_order_is_checked)
{
	unsigned before = lockcheck_expect(true);

	in_order(&lock_a, &lock_b);
	in_order(&lock_a, &lock_b);
	KCHECK(lockcheck_expect(true) == before);
	in_order(&lock_b, &lock_a);
	KCHECK(lockcheck_expect(true) == before + 1);
	spin_lock(&lock_a);
	(void)mutex_try_lock(&mutex_a);
	lock_assert_none_spinning();
	spin_unlock(&lock_a);
	mutex_unlock(&mutex_a);
	KCHECK(lockcheck_expect(false) == before + 2);
}
#endif
