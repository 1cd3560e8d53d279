/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs every KTEST before the program would start, prints TAP, and ends the VM. */
#include "ktest.h"

#include <abi/hull/ports.h>

#include "core/platform.h"
#include "core/start.h"
#include "core/sync/waitq.h"
#include "core/time/timer.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/hash.h"

LINKER_SET(ktests, struct ktest);

static bool failed;
static uint64_t seed;

static void say(const char *line, int len)
{
	platform_debug_write(line, (size_t)len);
}

void ktest_failed(const char *file, int line, const char *what)
{
	char text[300];

	failed = true;
	say(text,
	    fmt(text, sizeof(text), "# %s:%d: %s\n# repeat: test/kernel/run\n", file, line, what));
}

uint64_t ktest_random(void)
{
	return hash_u64(++seed);
}

unsigned ktest_finished;
static struct waitq finished_wq = WAITQ_INIT(finished_wq);

void ktest_finish(void)
{
	atomic_add(&ktest_finished, 1);
	waitq_wake_all(&finished_wq, 0);
}

int ktest_join(unsigned nr)
{
	return wait_event(&finished_wq, atomic_load(&ktest_finished) == nr, WAIT_UNINTERRUPTIBLE,
			  clock_monotonic() + 60 * NSEC_PER_SEC);
}

static void run_all(void)
{
	char text[120];
	int nr = 0;

	LINKER_SET_FOREACH(ktests, t) {
		failed = false;
		seed = 1;
		t->run();
		say(text, fmt(text, sizeof(text), "%s %d - %s\n", failed ? "not ok" : "ok", ++nr,
			      t->name));
	}
	say(text, fmt(text, sizeof(text), "1..%d\n", nr));
	platform->end(VM_END_OFF);
}

START_HOOK(ktest_hook) = { run_all };
