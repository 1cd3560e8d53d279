/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device threads (worker.h). Every signal is blocked in them: the caller's handlers run on the
 * vCPU's thread, and a broken pipe is an error code here.
 */
#define _GNU_SOURCE
#include "monitor/device/worker.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "monitor/device/device.h"

#define FALLBACK_TSC_KHZ 2000000u
#define GAP_US           200u /* between two looks: somebody else ran */
#define MODEST_SLEEPS    64u
#define LOOKS_PER_YIELD  16u /* some 3 us */

int worker_init(struct worker *worker, struct vm *vm)
{
	worker->vm = vm;
	worker->kick_fd = eventfd(0, EFD_CLOEXEC);
	if (worker->kick_fd < 0)
		return vm_fail(vm, errno, "eventfd: %s", strerror(errno));
	return 0;
}

void worker_drain(struct worker *worker)
{
	uint64_t count;

	while (read(worker->kick_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		continue;
}

void worker_adopt(struct worker *worker, struct device *device)
{
	device->kick_fd = worker->kick_fd;
	worker->devices[worker->nr_devices++] = device;
}

void worker_adopt_part(struct worker *worker, struct device_part *part)
{
	part->kick_fd = worker->kick_fd;
	worker->part = part;
}

bool worker_serve(struct worker *worker)
{
	bool served = false;

	for (unsigned i = 0; i < worker->nr_devices; i++)
		served |= device_serve(worker->devices[i]);
	if (worker->part != NULL)
		served |= device_part_serve(worker->part);
	return served;
}

static bool arm(struct worker *worker)
{
	bool more = false;

	for (unsigned i = 0; i < worker->nr_devices; i++)
		more |= device_arm(worker->devices[i]);
	if (worker->part != NULL)
		more |= device_part_arm(worker->part);
	return more;
}

static uint64_t to_ticks(const struct worker *worker, unsigned us)
{
	uint64_t khz = worker->vm->tsc_khz != 0 ? worker->vm->tsc_khz : FALLBACK_TSC_KHZ;

	return khz * us / 1000;
}

static void set_look(struct worker *worker)
{
	unsigned nr_vcpus = max(worker->vm->config->nr_cpus, 1u), nr_cpus;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || CPU_COUNT(&cpus) < 2)
		return;
	nr_cpus = (unsigned)CPU_COUNT(&cpus);
	worker->nr_spare_cpus = nr_cpus > nr_vcpus ? nr_cpus - nr_vcpus : 0;
	worker->look_least = to_ticks(worker, WORKER_LOOK_US);
	worker->look_long = to_ticks(worker, WORKER_LOOK_LONG_US);
}

/* Looks at the rings for `ticks`; whoever waits for this CPU goes first. True: there was work. */
static bool look_for_work(struct worker *worker, uint64_t ticks, bool yields)
{
	uint64_t begin = __builtin_ia32_rdtsc(), before = begin, now = begin;

	for (unsigned i = 1; now - begin < ticks && !vm_is_stopping(worker->vm); i++) {
		if (worker_serve(worker))
			return true;
		__builtin_ia32_pause();
		if (yields && i % LOOKS_PER_YIELD == 0)
			sched_yield();
		now = __builtin_ia32_rdtsc();
		if (now - before > to_ticks(worker, GAP_US)) {
			worker->nr_modest = MODEST_SLEEPS;
			return false;
		}
		before = now;
	}
	return false;
}

static bool look(struct worker *worker)
{
	unsigned *nr_lookers = &worker->vm->nr_lookers;
	bool found = look_for_work(worker, worker->look_least, false);

	if (found || worker->look_more < worker->look_least || worker->nr_modest > 0)
		return found;
	if (__atomic_fetch_add(nr_lookers, 1, __ATOMIC_RELAXED) < worker->nr_spare_cpus)
		found = look_for_work(worker, worker->look_more, true);
	__atomic_fetch_sub(nr_lookers, 1, __ATOMIC_RELAXED);
	if (!found)
		worker->look_more /= 2;
	return found;
}

static void sleep_until_kicked(struct worker *worker)
{
	uint64_t begin = __builtin_ia32_rdtsc();

	if (worker->sleep != NULL)
		worker->sleep(worker);
	else
		worker_drain(worker);
	if (__builtin_ia32_rdtsc() - begin < worker->look_long)
		worker->look_more = min(max(worker->look_more * 2, worker->look_least),
					worker->look_long);
	else
		worker->look_more /= 2;
	if (worker->nr_modest > 0)
		worker->nr_modest--;
}

static void loop(struct worker *worker)
{
	while (!vm_is_stopping(worker->vm)) {
		if (worker_serve(worker) || look(worker))
			continue;
		if (!arm(worker))
			sleep_until_kicked(worker);
	}
}

static void *run(void *argument)
{
	struct worker *worker = argument;
	int error;

	set_look(worker);
	error = confine_thread(worker->confinement);
	if (error != 0) {
		vm_fail(worker->vm, -error, "confining a device thread: %s", strerror(-error));
		return NULL;
	}
	loop(worker);
	if (worker->finish != NULL)
		worker->finish(worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return vm_fail(worker->vm, error, "a device thread: %s", strerror(error));
	worker->started = true;
	return 0;
}

void worker_wake(struct worker *worker)
{
	const uint64_t one = 1;
	ssize_t written = write(worker->kick_fd, &one, sizeof(one));

	(void)written; /* full: it is awake already */
}

void worker_join(struct worker *worker)
{
	if (!worker->started)
		return;
	worker_wake(worker);
	pthread_join(worker->thread, NULL);
	worker->started = false;
}

void worker_fini(struct worker *worker)
{
	if (worker->kick_fd >= 0)
		close(worker->kick_fd);
	worker->kick_fd = -1;
}
