/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests that run inside the kernel, in the guest. KTEST(name) { ... } is one test; KCHECK stops it
 * at the first thing that is wrong. Results go to the debug port as TAP; a failure prints the
 * command that repeats it.
 */
#pragma once
#include "arch/cpu.h"
#include "core/log.h"
#include "core/sched/thread.h"
#include "core/time/timer.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct ktest {
	const char *name;
	void (*run)(void);
};

#define KTEST(id) \
	static void ktest_##id(void); \
	LINKER_SET_ITEM(ktests, struct ktest) ktest_item_##id = { #id, ktest_##id }; \
	static void ktest_##id(void)

void ktest_failed(const char *file, int line, const char *what);
void ktest_say(const char *line); /* a comment among the results: # and a newline are its own */
/* Threads of a test: set ktest_finished to 0, each one ends by ktest_finish(), and ktest_join waits
 * until so many are gone and have given everything back: 0, or -ETIMEDOUT after a minute. */
extern unsigned ktest_finished;
NORETURN void ktest_finish(void);
int ktest_join(unsigned nr);
uint64_t ktest_random(void); /* seeded: the same in every run */

/* Waits for what another thread, CPU or timer does: a host may keep any CPU from running for long.
 * False: it has not come after a minute. */
#define ktest_wait(cond) KTEST_UNTIL(cond, thread_sleep_until(clock_monotonic() + 1000000))
#define ktest_spin(cond) KTEST_UNTIL(cond, cpu_relax()) /* without a timer of its own */
#define KTEST_UNTIL(cond, pause) \
	({ \
		nsec_t ktest_end_ = clock_monotonic() + 60 * NSEC_PER_SEC; \
		bool ktest_came_; \
		while (!(ktest_came_ = (cond)) && clock_monotonic() < ktest_end_) \
			pause; \
		ktest_came_; \
	})

#define KCHECK(cond) \
	do { \
		if (!(cond)) { \
			ktest_failed(__FILE__, __LINE__, #cond); \
			return; \
		} \
	} while (0)
