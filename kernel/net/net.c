/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack's birth, and its deferred work (net.h). Each CPU has a list of work. Whoever enters the
 * stack there runs it, with preemption off, so that nobody waits for a thread that was switched
 * away from in the middle. One at a time runs a list: a net_run() within a net_run() does nothing,
 * since the outer one comes to what was left. A thread may have gone to another CPU between
 * net_later() and net_run(): the lists of others are looked at as well. What is more than
 * NET_RUN_MAX is gone on with by the thread `net`, between which others may run.
 */
#include "net/net.h"

#include "core/random.h"
#include "core/sched/thread.h"
#include "core/smp/cpu.h"
#include "core/sync/mutex.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/counters.h"
#include "net/endpoint.h"
#include "net/ip/ip.h"
#include "net/link/loopback.h"
#include "net/tcp/tcp.h"

struct cpu_work {
	struct spinlock lock;
	struct list work; /* [lock] struct net_work; all zero before the first one */
	bool running;     /* [lock] somebody takes from it */
};

static struct cpu_work of_cpus[CPUS_MAX];
static uint64_t cpus_with_work; /* [a] bits: whose list is not empty; changed under its lock */
static struct waitq leftovers = WAITQ_INIT(leftovers);
static bool has_leftovers; /* [a] */

/* ---- deferred work ---- */

void net_work_init(struct net_work *w, void (*fn)(struct net_work *))
{
	list_init(&w->link);
	w->pending = false;
	w->fn = fn;
}

void net_later(struct net_work *w)
{
	struct cpu_work *c;
	unsigned id;

	if (atomic_exchange(&w->pending, true))
		return;
	preempt_disable();
	id = cpu_this()->id;
	c = &of_cpus[id];
	spin_lock(&c->lock);
	if (c->work.next == NULL)
		list_init(&c->work);
	list_append(&c->work, &w->link);
	(void)atomic_or(&cpus_with_work, 1ull << id);
	spin_unlock(&c->lock);
	preempt_enable();
}

static bool begin(struct cpu_work *c)
{
	if (READ_ONCE(c->running))
		return false; /* who runs it looks once more before it ends */
	scoped_spin(&c->lock);
	if (c->running || c->work.next == NULL || list_is_empty(&c->work))
		return false;
	c->running = true;
	return true;
}

/* The next one; or NULL, and the list is nobody's. */
static struct net_work *take(struct cpu_work *c, bool enough)
{
	struct net_work *w;

	scoped_spin(&c->lock);
	if (enough || list_is_empty(&c->work)) {
		c->running = false;
		return NULL;
	}
	w = list_first(&c->work, struct net_work, link);
	list_remove(&w->link);
	if (list_is_empty(&c->work))
		(void)atomic_and(&cpus_with_work, ~(1ull << (c - of_cpus)));
	/* From here on it may be asked for again, and be on any CPU's list. */
	atomic_store(&w->pending, false);
	return w;
}

/* Is there more? */
static bool run_list(struct cpu_work *c)
{
	struct net_work *w;
	unsigned nr = 0;

	if (!begin(c))
		return false;
	while ((w = take(c, nr == NET_RUN_MAX)) != NULL) {
		w->fn(w);
		nr++;
	}
	return nr == NET_RUN_MAX;
}

void net_run(void)
{
	uint64_t left = atomic_load(&cpus_with_work);
	bool more = false;

	if (left == 0)
		return;
	preempt_disable();
	for (; left != 0; left &= left - 1)
		more |= run_list(&of_cpus[__builtin_ctzll(left)]);
	preempt_enable();
	if (!more)
		return;
	atomic_store(&has_leftovers, true);
	waitq_wake_all(&leftovers, 0);
}

static void run_leftovers(void *arg)
{
	for (;;) {
		(void)wait_event(&leftovers, atomic_exchange(&has_leftovers, false),
				 WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		for (unsigned i = 0; i < READ_ONCE(nr_cpus); i++) {
			preempt_disable();
			if (run_list(&of_cpus[i]))
				atomic_store(&has_leftovers, true);
			preempt_enable();
		}
	}
}

/* ---- changes ---- */

static void tell(struct net_work *w)
{
	struct net_listener *l = container_of(w, struct net_listener, work);

	l->changed(l, atomic_exchange(&l->what, 0u));
}

void net_listen(struct net *net, struct net_listener *l)
{
	net_work_init(&l->work, tell);
	l->what = 0;
	scoped_spin(&net->lock);
	list_append(&net->on_change, &l->link);
}

void net_changed(struct net *net, unsigned what)
{
	struct net_listener *l;

	(void)atomic_add(&net->generation, 1);
	scoped_spin(&net->lock);
	list_foreach(&net->on_change, l, link) {
		(void)atomic_or(&l->what, what);
		net_later(&l->work);
	}
}

/* ---- birth ---- */

int net_init(struct net *net)
{
	int err;

	list_init(&net->devices);
	list_init(&net->routes);
	list_init(&net->on_change);
	neighbour_table_init(net);
	neighbour_alarm_init(net);
	waitq_init(&net->sent_wq);
	net->generation = 1;
	net->settings = (struct net_settings)NET_SETTINGS_DEFAULT;
	random_get(net->secret, sizeof(net->secret));
	err = net_counters_init(net);
	if (err == 0)
		err = endpoint_table_new(net, false, &net->tcp);
	if (err == 0)
		err = endpoint_table_new(net, true, &net->udp);
	if (err == 0)
		err = endpoint_table_new(net, true, &net->raw);
	if (err == 0)
		err = endpoint_table_new(net, true, &net->ping);
	if (err == 0)
		err = tcp_stack_new(net);
	if (err == 0)
		err = ip_init(net);
	if (err == 0)
		err = loopback_init(net);
	if (err != 0)
		net_fini(net);
	return err;
}

void net_fini(struct net *net)
{
	neighbour_forget_net(net);
	ip_fini(net);
	loopback_fini(net);
	tcp_stack_free(net);
	endpoint_table_free(net->ping);
	endpoint_table_free(net->raw);
	endpoint_table_free(net->udp);
	endpoint_table_free(net->tcp);
	net_counters_fini(net);
}

static struct net *make(void)
{
	struct thread *worker = thread_new("net", run_leftovers, NULL);
	struct net *net = kmem_new(struct net);

	if (worker != NULL && net != NULL && net_init(net) == 0) {
		thread_start(worker);
		return net;
	}
	if (worker != NULL)
		thread_discard(worker);
	kmem_free(net);
	return NULL;
}

static struct mutex machine_lock = MUTEX_INIT(machine_lock);
static struct net *machine; /* [a; machine_lock to write] */

struct net *net_machine_get(void)
{
	if (atomic_load(&machine) != NULL)
		return machine;
	scoped_mutex(&machine_lock);
	if (machine == NULL)
		atomic_store(&machine, make());
	return machine;
}

/* ---- the end ---- */

#define FINISH_NS  (30 * NSEC_PER_SEC)
#define SILENCE_NS (5 * NSEC_PER_SEC) /* a peer that says nothing is waited for so long */

static bool is_all_sent(struct net *net)
{
	return atomic_load(&net->nr_unsent) == 0 && atomic_load(&net->waiting_bytes) == 0;
}

void net_finish_wake(struct net *net)
{
	if (is_all_sent(net))
		waitq_wake_all(&net->sent_wq, 0);
}

void net_finish(void)
{
	struct net *net = atomic_load(&machine);
	nsec_t start = clock_monotonic(), last = start + FINISH_NS, until;

	if (net == NULL)
		return;
	do {
		until = min(max(start, atomic_load(&net->unsent_heard_at)) + SILENCE_NS, last);
	} while (until > clock_monotonic() &&
		 wait_event(&net->sent_wq, is_all_sent(net), WAIT_UNINTERRUPTIBLE, until) != 0);
}
