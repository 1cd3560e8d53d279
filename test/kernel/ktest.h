/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests that run inside the kernel, in the guest. KTEST(name) { ... } is one test; KCHECK stops it
 * at the first thing that is wrong. Results go to the debug port as TAP; a failure prints the
 * command that repeats it.
 */
#pragma once
#include "core/log.h"
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
/* Threads of a test: set ktest_finished to 0, each one ends with ktest_finish(), and ktest_join
 * waits for that many: 0 or -ETIMEDOUT after five seconds. */
extern unsigned ktest_finished;
void ktest_finish(void);
int ktest_join(unsigned nr);
uint64_t ktest_random(void); /* seeded: the same in every run */

#define KCHECK(cond) \
	do { \
		if (!(cond)) { \
			ktest_failed(__FILE__, __LINE__, #cond); \
			return; \
		} \
	} while (0)
