/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs every KTEST before the program would start, prints TAP, and ends the VM. */
#include "ktest.h"

#include <abi/hull/ports.h>

#include "core/platform.h"
#include "core/start.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/hash.h"
#include "lib/string.h"

LINKER_SET(ktests, struct ktest);

static bool failed;
static uint64_t seed;

static void say(const char *line, int len)
{
	platform_debug_write(line, (size_t)len);
}

void ktest_say(const char *line)
{
	say(line, (int)strlen(line));
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

/* On the stack of the next one: only now is its own free, on a CPU that may have stood still. */
static void gone(struct thread *t)
{
	thread_discard(t);
	atomic_add(&ktest_finished, 1);
}

void ktest_finish(void)
{
	thread_exit(gone);
}

int ktest_join(unsigned nr)
{
	return ktest_wait(atomic_load(&ktest_finished) == nr) ? 0 : -ETIMEDOUT;
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
