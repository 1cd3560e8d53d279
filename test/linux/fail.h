/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations whose every allocation in the kernel fails once. /proc/thread-self/fail-nth, Linux's
 * own interface (Documentation/fault-injection), makes the n-th allocation of a thread fail. For
 * n = 1, 2, ... a child does the operation, until it is through before the n-th. It may succeed, or
 * fail with ENOMEM or an error that its table allows; done again without a failure it must succeed.
 * A child may also die where its own memory could not be had. Many rounds must not add to what the
 * kernel holds (/proc/allocations).
 *
 * A kernel without the file, the host's among them, does each operation once.
 */
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "child.h"

#define FAIL_MOST     2000 /* allocations of one operation */
#define FAIL_ROUNDS   3
#define FAIL_SLACK    2   /* objects and pages that come and go by themselves */
#define FAIL_LINGER_S 70  /* TIME-WAIT takes 60 */
#define FAIL_SETTLES  200 /* looks, of 60 ms each, before something counts as a leak */

struct fail_op {
	const char *name;
	int (*run)(void);     /* 0 or -errno; may be run again in the same process */
	int (*prepare)(void); /* with nothing failing; NULL: nothing to do */
	int errors[6];        /* that it may give instead of ENOMEM */
	bool lingers;  /* something stays for a minute by design: FAIL_LONG looks for leaks */
	bool begins;   /* calls fail_begin() where its allocations start to count */
	bool executes; /* becomes this program again, which calls fail_executed() */
};

#define FAIL_EXECUTED_FAILED 40
#define FAIL_EXECUTED_NONE   41

static struct fail_result {
	int prepared, result, again;
	bool fired;
} * fail_result; /* shared with the children */

static int fail_fd = -1;
static bool fail_is_armed;
static unsigned fail_n_to_begin; /* 0: it has begun */

static inline bool fail_is_there(void)
{
	return access("/proc/thread-self/fail-nth", W_OK) == 0;
}

static inline void fail_arm(unsigned n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	fail_is_armed = fail_fd >= 0 && pwrite(fail_fd, text, (size_t)len, 0) == len;
}

/* True: the allocation has failed. Reading and writing the file allocates too. */
static inline bool fail_disarm(void)
{
	char text[16] = "1";
	bool fired = fail_is_armed && pread(fail_fd, text, sizeof(text) - 1, 0) > 0 &&
		     atoi(text) == 0;

	for (int i = 0; i < 3 && fail_is_armed; i++)
		fail_is_armed = pwrite(fail_fd, "0", 1, 0) != 1;
	return fired;
}

/*
 * For who waits for what a failure may have lost: is it worth while to wait on? This look's own
 * allocation may be the one that fails.
 */
static inline bool fail_is_to_come(void)
{
	char text[16] = "1";

	return !fail_is_armed || pread(fail_fd, text, sizeof(text) - 1, 0) <= 0 || atoi(text) != 0;
}

/* What an operation has done up to here does not count. */
static inline void fail_begin(void)
{
	if (fail_n_to_begin > 0)
		fail_arm(fail_n_to_begin);
	fail_n_to_begin = 0;
}

static inline int fail_done(int result)
{
	return result < 0 ? -errno : 0;
}

static const struct fail_op *fail_op_now;
static unsigned fail_n_now;

static int fail_child(void *unused)
{
	const struct fail_op *op = fail_op_now;
	volatile char stack[32 * 1024];

	(void)unused;
	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	fail_result->prepared = op->prepare != NULL ? op->prepare() : 0;
	if (fail_result->prepared != 0)
		return 0;
	fail_n_to_begin = fail_n_now;
	if (!op->begins)
		fail_begin();
	fail_result->result = op->run();
	fail_n_to_begin = 0;
	fail_result->fired = fail_disarm();
	if (fail_result->result != 0)
		fail_result->again = op->run();
	return 0;
}

/* What main() of a program that an operation has started returns. */
static inline int fail_executed(void)
{
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	fail_is_armed = fail_fd >= 0;
	return fail_disarm() ? FAIL_EXECUTED_FAILED : FAIL_EXECUTED_NONE;
}

static inline bool fail_is_allowed(const struct fail_op *op, int result)
{
	if (result == 0 || result == -ENOMEM)
		return true;
	for (size_t i = 0; i < sizeof(op->errors) / sizeof(op->errors[0]); i++)
		if (op->errors[i] != 0 && result == -op->errors[i])
			return true;
	return false;
}

/* One child; false: there are no more to fail, or something is wrong and has been said. */
static inline bool fail_once(const struct fail_op *op, unsigned n)
{
	struct fail_result *r = fail_result;
	char text[200];
	int status;

	*r = (struct fail_result){ 0 };
	fail_op_now = op;
	fail_n_now = n;
	status = child_run(fail_child, NULL);
	if (status == 1000 + SIGKILL && n > 0)
		return true; /* a page of its own was the one that failed */
	if (op->executes && status >= FAIL_EXECUTED_FAILED)
		return status != FAIL_EXECUTED_NONE; /* the loader's failures are signals, or 127 */
	if (status == 0 && r->prepared == 0 && r->again == 0 &&
	    (r->fired ? fail_is_allowed(op, r->result) : r->result == 0))
		return r->fired;
	if (status == 0 && !r->fired && (r->result == -EPERM || r->prepared == -EPERM))
		return false; /* not for everybody */
	snprintf(text, sizeof(text),
		 "%s, allocation %u: status %d, prepared %d, result %d, again %d, fired %d",
		 op->name, n, status, r->prepared, r->result, r->again, r->fired);
	CHECK_STR(text, "right");
	return false;
}

static inline unsigned fail_round(const struct fail_op *op)
{
	unsigned n = fail_is_there() ? 1 : 0;

	while (fail_once(op, n) && n < FAIL_MOST)
		n++;
	return n;
}

struct fail_count {
	long objects, cached, tables, anonymous;
};

static inline struct fail_count fail_count_now(void)
{
	struct fail_count c = { 0 };
	FILE *f = fopen("/proc/allocations", "r");

	if (f == NULL)
		return c;
	if (fscanf(f, "%ld %ld %ld %ld", &c.objects, &c.cached, &c.tables, &c.anonymous) != 4)
		c.objects = -1;
	fclose(f);
	return c;
}

static inline long fail_least(long a, long b)
{
	return a < b ? a : b;
}

/* Local sockets that were sent to themselves stay until one is closed, as on Linux. */
static inline void fail_collect(void)
{
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (s >= 0)
		close(s);
}

/* Without caches. The last child was waited for, but may just be giving things back. */
static inline struct fail_count fail_count(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	struct fail_count least = fail_count_now(), now;

	for (int i = 0; i < 5; i++) {
		child_pause_ms(2);
		fail_collect();
		if (fd >= 0)
			(void)!write(fd, "3", 1);
		now = fail_count_now();
		least.objects = fail_least(least.objects, now.objects);
		least.tables = fail_least(least.tables, now.tables);
		least.anonymous = fail_least(least.anonymous, now.anonymous);
	}
	if (fd >= 0)
		close(fd);
	return least;
}

static inline bool fail_is_meant(const struct fail_op *op, const char *only)
{
	return only == NULL || strncmp(op->name, only, strlen(only)) == 0;
}

static inline bool fail_has_grown(const struct fail_count *before, const struct fail_count *now)
{
	return now->objects - before->objects > FAIL_SLACK ||
	       now->tables - before->tables > FAIL_SLACK ||
	       now->anonymous - before->anonymous > FAIL_SLACK;
}

/* Who has asked for what is there: /proc/objects, of a kernel with DEBUG. */
static inline void fail_show_objects(void)
{
	char line[200];
	FILE *f = fopen("/proc/objects", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		printf("# %s", line);
	if (f != NULL)
		fclose(f);
}

static inline void fail_compare(const char *name, const struct fail_count *before,
				const struct fail_count *after)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "%s, %d rounds: %ld objects, %ld tables, %ld anonymous pages more", name,
		 FAIL_ROUNDS, after->objects - before->objects, after->tables - before->tables,
		 after->anonymous - before->anonymous);
	if (!fail_has_grown(before, after))
		return;
	CHECK_STR(text, "no leak");
	fail_show_objects();
}

/* What is there now, when that is no more than before; otherwise what stays there for long. */
static inline struct fail_count fail_settled(const struct fail_count *before)
{
	struct fail_count now = fail_count();

	for (int i = 0; i < FAIL_SETTLES && fail_has_grown(before, &now); i++) {
		child_pause_ms(50);
		now = fail_count();
	}
	return now;
}

/* After a first round, which has left what stays. */
static inline void fail_leaks(const struct fail_op *op)
{
	struct fail_count before = fail_count(), after;

	for (int i = 0; i < FAIL_ROUNDS; i++)
		(void)fail_round(op);
	after = fail_settled(&before);
	fail_compare(op->name, &before, &after);
}

/* The same for those that linger, together: what the first rounds have left has to go first. */
static inline void fail_leaks_late(const struct fail_op *ops, size_t nr, const char *only)
{
	struct fail_count before, after;

	child_pause_ms(FAIL_LINGER_S * 1000);
	before = fail_count();
	for (size_t i = 0; i < nr; i++)
		for (int k = 0; k < FAIL_ROUNDS && ops[i].lingers && fail_is_meant(&ops[i], only);
		     k++)
			(void)fail_round(&ops[i]);
	child_pause_ms(FAIL_LINGER_S * 1000);
	after = fail_count();
	fail_compare("those that linger", &before, &after);
}

/* All of a table, or those whose names begin with the program's first argument. */
static inline void fail_all(const struct fail_op *ops, size_t nr, const char *only)
{
	bool is_late = false;

	fail_result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!CHECK(fail_result != MAP_FAILED))
		return;
	(void)fail_round(&ops[0]); /* what comes once comes now */
	for (int i = 0; i < 2; i++)
		(void)fail_count(); /* by the 8th time its calls are patched: copies of pages */
	for (size_t i = 0; i < nr; i++) {
		int before = atomic_load(&check_nr_failed);
		unsigned n;
		char text[100];

		if (!fail_is_meant(&ops[i], only))
			continue;
		n = fail_round(&ops[i]);
		if (n > 0 && !ops[i].lingers && atomic_load(&check_nr_failed) == before)
			fail_leaks(&ops[i]);
		is_late |= ops[i].lingers;
		snprintf(text, sizeof(text), "%s: %u allocations", ops[i].name, n);
		check_report(n < FAIL_MOST, __FILE__, __LINE__, text);
	}
	if (is_late && fail_is_there() && getenv("FAIL_LONG") != NULL)
		fail_leaks_late(ops, nr, only);
}
