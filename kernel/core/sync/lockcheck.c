/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What DEBUG builds know about locks.
 *
 * A lock of the image is a class by itself; mutexes in allocated memory are of one class if the
 * same function initialised them, spinlocks if they were given the same name. Taking a lock of
 * class B while one of A is held is remembered as an edge from A to B. An edge that closes a
 * circle is a deadlock that only needs the right moment: that is reported when the order is first
 * seen, not when it happens. Two locks of one class are let through, since nobody knows their
 * order here (inodes go by address), and so are wait queues in allocated memory, which nest by
 * epoll.
 *
 * What a CPU holds is in held_spins (interrupts are off as long as that is not empty), what a
 * thread holds in its `held_mutexes`. The tables have a lock of their own, a plain flag, that is
 * innermost and only taken with interrupts off: every spinlock needs it.
 */
#include "core/sync/lockcheck.h"

#ifdef DEBUG
#include "arch/cpu.h"
#include "core/panic.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/mutex.h"
#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define CLASSES_MAX  512
#define WORDS        (CLASSES_MAX / 64)
#define NAME_MAX     48
#define HELD_MAX     16
#define DEADLOCK_SEC 20 /* a busy host may not run a VM's CPU for long */
#define IMAGE_BASE   0xffffffff80000000ul

static struct class
{
	char name[NAME_MAX];
	uint64_t after[WORDS];  /* classes that were taken while this one was held */
} classes[CLASSES_MAX];         /* [table_busy] 0 is none */
static unsigned nr_classes = 1; /* [table_busy] */
static unsigned table_busy;     /* [a] */

static struct held {
	struct spinlock *locks[HELD_MAX];
	unsigned nr;
} held_spins[CPUS_MAX]; /* [o] that CPU, interrupts off */

static struct thread *expecting; /* [a] a test that provokes reports */
static unsigned nr_expected;     /* [a] */

static void table_lock(void)
{
	while (atomic_exchange(&table_busy, 1) != 0)
		cpu_relax();
}

static void table_unlock(void)
{
	atomic_store(&table_busy, 0);
}

/* True: the test wanted it, go on. */
static bool is_expected(void)
{
	if (atomic_load(&expecting) != thread_current())
		return false;
	atomic_add(&nr_expected, 1);
	return true;
}

unsigned lockcheck_expect(bool on)
{
	atomic_store(&expecting, on ? thread_current() : NULL);
	return atomic_load(&nr_expected);
}

/* ---- classes ---- */

/* The class of that name, made if need be; 0: there are too many. */
static uint16_t class_named(const char *name)
{
	bool irqs_were_on = cpu_irq_save();
	unsigned i;

	table_lock();
	for (i = 1; i < nr_classes && strcmp(classes[i].name, name) != 0; i++)
		;
	if (i == nr_classes && i < CLASSES_MAX) {
		string_copy(classes[i].name, name, NAME_MAX);
		nr_classes++;
	}
	table_unlock();
	cpu_irq_restore(irqs_were_on);
	return i < CLASSES_MAX ? (uint16_t)i : 0;
}

void lockcheck_spin_init(struct spinlock *l, const char *class)
{
	l->class = class_named(class);
}

void lockcheck_mutex_init(struct mutex *m, const void *from)
{
	char name[NAME_MAX], *plus;

	symbol_describe((uintptr_t)from, name, sizeof(name));
	plus = memchr(name, '+', sizeof(name));
	if (plus != NULL)
		*plus = '\0';
	m->class = class_named(name);
}

static uint16_t class_of(const void *lock, uint16_t *cached)
{
	char name[NAME_MAX];

	if (*cached == 0 && (uintptr_t)lock >= IMAGE_BASE) {
		fmt(name, sizeof(name), "the lock at %p", (void *)lock);
		*cached = class_named(name);
	}
	return *cached;
}

static bool has_edge(unsigned from, unsigned to)
{
	return classes[from].after[to / 64] >> to % 64 & 1;
}

/* Is there a way from one class to another? With the table locked. */
static bool leads_to(unsigned from, unsigned to)
{
	static uint16_t stack[CLASSES_MAX];
	static uint64_t seen[WORDS];
	unsigned nr = 0, at;

	memset(seen, 0, sizeof(seen));
	stack[nr++] = (uint16_t)from;
	while (nr > 0) {
		at = stack[--nr];
		if (at == to)
			return true;
		for (unsigned i = 1; i < nr_classes; i++) {
			if (!has_edge(at, i) || (seen[i / 64] >> i % 64 & 1))
				continue;
			seen[i / 64] |= 1ull << i % 64;
			stack[nr++] = (uint16_t)i;
		}
	}
	return false;
}

static void note_order(unsigned held, unsigned wanted, const void *from)
{
	char at[NAME_MAX];
	bool inverted;

	if (held == 0 || wanted == 0 || held == wanted || has_edge(held, wanted))
		return;
	table_lock();
	inverted = leads_to(wanted, held);
	if (!inverted)
		classes[held].after[wanted / 64] |= 1ull << wanted % 64;
	table_unlock();
	if (!inverted || is_expected())
		return;
	symbol_describe((uintptr_t)from, at, sizeof(at));
	panic("lock order: %s is taken with %s held, in %s; elsewhere it is the other way round",
	      classes[wanted].name, classes[held].name, at);
}

static void note_all(unsigned wanted, const void *from)
{
	struct cpu *cpu = cpu_this();
	const struct held *h = &held_spins[cpu->id];
	struct thread *t = thread_current();

	for (unsigned i = 0; i < h->nr; i++)
		note_order(h->locks[i]->class, wanted, from);
	for (unsigned i = 0; !cpu->in_irq && i < t->nr_held_mutexes; i++)
		note_order(t->held_mutexes[i]->class, wanted, from);
}

/* ---- spinlocks: interrupts are off in all of these ---- */

void lockcheck_spin_wants(struct spinlock *l, const void *from)
{
	uint16_t class = class_of(l, &l->class);

	if (READ_ONCE(l->held) != 0 && READ_ONCE(l->owner_plus_1) == cpu_this()->id + 1)
		panic("spinlock %s is taken twice by CPU %u, first in %p", classes[class].name,
		      cpu_this()->id, (void *)l->taken_at);
	note_all(class, from);
}

void lockcheck_spin_waits(struct spinlock *l, uint64_t since_cycles)
{
	unsigned khz = clock_tsc_khz();

	if (khz == 0 || cpu_cycles() - since_cycles < (uint64_t)khz * 1000 * DEADLOCK_SEC)
		return;
	panic("deadlock: spinlock %s is held by CPU %u since %p", classes[l->class].name,
	      l->owner_plus_1 - 1u, (void *)l->taken_at);
}

void lockcheck_spin_has(struct spinlock *l, const void *from)
{
	struct held *h = &held_spins[cpu_this()->id];

	l->owner_plus_1 = (uint16_t)(cpu_this()->id + 1);
	l->taken_at = from;
	if (h->nr == HELD_MAX)
		panic("too many spinlocks are held");
	h->locks[h->nr++] = l;
}

void lockcheck_spin_gives(struct spinlock *l)
{
	struct held *h = &held_spins[cpu_this()->id];
	unsigned i = h->nr;

	while (i > 0 && h->locks[i - 1] != l)
		i--;
	if (i == 0)
		panic("spinlock %s is released by a CPU that does not hold it",
		      classes[l->class].name);
	for (h->nr--; i <= h->nr; i++)
		h->locks[i - 1] = h->locks[i];
	l->owner_plus_1 = 0;
}

void lock_assert_none_spinning(void)
{
	const struct held *h;

	if (cpu_irqs_are_on())
		return;
	h = &held_spins[cpu_this()->id];
	if (h->nr > 0 && !is_expected())
		panic("a sleep or a wait for other CPUs with spinlock %s held, taken in %p",
		      classes[h->locks[h->nr - 1]->class].name,
		      (void *)h->locks[h->nr - 1]->taken_at);
}

/* ---- mutexes ---- */

void lockcheck_mutex_wants(struct mutex *m, const void *from)
{
	bool irqs_were_on;

	lock_assert_none_spinning();
	irqs_were_on = cpu_irq_save();
	note_all(class_of(m, &m->class), from);
	cpu_irq_restore(irqs_were_on);
}

void lockcheck_mutex_has(struct mutex *m, const void *from)
{
	struct thread *t = thread_current();

	class_of(m, &m->class);
	if (t->nr_held_mutexes == ARRAY_SIZE(t->held_mutexes))
		panic("thread %s holds too many mutexes", t->name);
	t->held_mutexes[t->nr_held_mutexes++] = m;
}

void lockcheck_mutex_gives(struct mutex *m)
{
	struct thread *t = thread_current();
	unsigned i = t->nr_held_mutexes;

	while (i > 0 && t->held_mutexes[i - 1] != m)
		i--;
	if (i == 0)
		panic("mutex %s is released by a thread that does not hold it",
		      classes[m->class].name);
	for (t->nr_held_mutexes--; i <= t->nr_held_mutexes; i++)
		t->held_mutexes[i - 1] = t->held_mutexes[i];
}
#endif
