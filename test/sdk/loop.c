/* SPDX-License-Identifier: BSD-2-Clause */
/* What does not need the network: timers, posts, work, interrupts, addresses, files, entropy. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* ---- timers ---- */

#define TIMERS 1000u
static struct hull_timer timers[TIMERS];
static hull_ns due[TIMERS];
static unsigned nr_fired, nr_stopped, last_fired;

static void fired(struct hull_timer *t, void *user)
{
	unsigned i = (unsigned)(t - timers);

	CHECK(user == &due[i]);
	CHECK(!hull_timer_is_set(t));
	CHECK(i % 7 != 3);
	CHECK(hull_now() >= due[i]);
	/* In the order of their times, those of one time as they were started. */
	CHECK(nr_fired == 0 || due[last_fired] < due[i] ||
	      (due[last_fired] == due[i] && last_fired < i));
	last_fired = i;
	nr_fired++;
}

static int start_timers(void *user)
{
	nr_fired = nr_stopped = 0;
	for (unsigned i = 0; i < TIMERS; i++) {
		hull_ns delay = i * 7919u % 50 * HULL_MILLISECOND;

		due[i] = hull_now() + delay;
		hull_timer_init(&timers[i], fired, &due[i]);
		hull_timer_start(&timers[i], HULL_SECOND, 0);
		hull_timer_start(&timers[i], delay, 0);
	}
	for (unsigned i = 3; i < TIMERS; i += 7, nr_stopped++)
		hull_timer_stop(&timers[i]);
	hull_timer_stop(&timers[3]);
	return 0;
}

static int start_after_timers(void *user)
{
	CHECK_EQUAL(nr_fired + nr_stopped, TIMERS);
	return 0;
}

static struct hull_timer ticker, other;
static hull_ns started_at;
static unsigned nr_ticks;

/* The second takes two periods and a half: the third comes late, and one is left out. */
static void tick(struct hull_timer *t, void *user)
{
	const hull_ns period = 20 * HULL_MILLISECOND;

	CHECK(hull_now() >= started_at + ++nr_ticks * period);
	CHECK(hull_timer_is_set(t));
	if (nr_ticks == 2)
		usleep(50000);
	if (nr_ticks == 3)
		nr_ticks++;
	if (nr_ticks == 7)
		hull_timer_stop(t);
}

/* One callback sets and stops the other's timer, which was due as well. */
static void prevent(struct hull_timer *t, void *user)
{
	hull_timer_stop(user);
}

static void never(struct hull_timer *t, void *user)
{
	CHECK(false);
}

static int start_period(void *user)
{
	static struct hull_timer preventer;

	nr_ticks = 0;
	started_at = hull_now();
	hull_timer_init(&ticker, tick, NULL);
	hull_timer_start(&ticker, 20 * HULL_MILLISECOND, 20 * HULL_MILLISECOND);
	hull_timer_init(&preventer, prevent, &other);
	hull_timer_init(&other, never, NULL);
	hull_timer_start(&preventer, HULL_MILLISECOND, 0);
	hull_timer_start(&other, HULL_MILLISECOND, 0);
	return 0;
}

/* ---- posts and work ---- */

#define POSTS        500u
#define POST_THREADS 4u
static pthread_t threads[POST_THREADS];
static unsigned nr_posts, nr_done;
static unsigned squares[100];

static void posted(void *user)
{
	nr_posts++;
}

static void *post_many(void *user)
{
	for (unsigned i = 0; i < POSTS; i++)
		CHECK_EQUAL(hull_post(user, posted, NULL), 0);
	return NULL;
}

static void square(void *user)
{
	unsigned *n = user;

	*n = *n * *n;
}

static void squared(void *user)
{
	unsigned *n = user;
	unsigned i = (unsigned)(n - squares);

	CHECK_EQUAL(*n, i * i);
	nr_done++;
}

static int start_work(void *user)
{
	nr_done = 0;
	for (unsigned i = 0; i < 100; i++) {
		squares[i] = i;
		CHECK_EQUAL(hull_work(square, squared, &squares[i]), 0);
	}
	return 0;
}

/* A loop must run until hull_post has returned, which may be after the callback. */
static void end_threads(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

static void await_posts(struct hull_timer *t, void *user)
{
	if (nr_posts < POST_THREADS * POSTS)
		return;
	end_threads(POST_THREADS);
	hull_timer_stop(t);
}

static int start_posts(void *user)
{
	CHECK_EQUAL(nr_done, 100);
	nr_posts = 0;
	for (unsigned i = 0; i < POST_THREADS; i++)
		CHECK_EQUAL(pthread_create(&threads[i], NULL, post_many, hull_loop_here()), 0);
	hull_timer_init(&ticker, await_posts, NULL);
	hull_timer_start(&ticker, HULL_MILLISECOND, HULL_MILLISECOND);
	return 0;
}

/* A post wakes a loop that sleeps for long. */
static void stop_it(void *user)
{
	end_threads(1);
	hull_stop(0);
}

static void *post_late(void *user)
{
	usleep(20000);
	CHECK_EQUAL(hull_post(user, stop_it, NULL), 0);
	return NULL;
}

static int start_wake(void *user)
{
	hull_timer_init(&other, never, NULL);
	hull_timer_start(&other, 3600 * HULL_SECOND, 0);
	CHECK_EQUAL(pthread_create(&threads[0], NULL, post_late, hull_loop_here()), 0);
	return 0;
}

/* A loop on a thread of its own, while this one waits for it. */
static int inner_start(void *user)
{
	hull_stop(42);
	return 0;
}

static void run_inner(void *user)
{
	*(int *)user = hull_loop_run(inner_start, NULL);
}

static void inner_done(void *user)
{
	CHECK_EQUAL(*(int *)user, 42);
}

static int start_inner(void *user)
{
	static int result;

	return hull_work(run_inner, inner_done, &result);
}

/* ---- interrupts ---- */

static unsigned nr_interrupts;

static void interrupted(int signo, void *user)
{
	CHECK_EQUAL(signo, SIGUSR1);
	CHECK(user == &nr_interrupts);
	if (++nr_interrupts == 1)
		CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
	else
		hull_stop(0);
}

static void *kill_late(void *user)
{
	usleep(20000);
	kill(getpid(), SIGUSR1);
	return NULL;
}

static int start_interrupt(void *user)
{
	static pthread_t thread;

	CHECK_EQUAL(hull_on_interrupt(SIGKILL, interrupted, NULL), -EINVAL);
	CHECK_EQUAL(hull_on_interrupt(0, interrupted, NULL), -EINVAL);
	CHECK_EQUAL(hull_on_interrupt(65, interrupted, NULL), -EINVAL);
	CHECK_EQUAL(hull_on_interrupt(SIGUSR1, interrupted, &nr_interrupts), 0);
	hull_timer_init(&other, never, NULL);
	hull_timer_start(&other, 3600 * HULL_SECOND, 0);
	CHECK_EQUAL(pthread_create(&thread, NULL, kill_late, NULL), 0);
	pthread_detach(thread);
	return 0;
}

/* ---- addresses ---- */

static const struct {
	const char *text, *shown; /* NULL: refused */
} addresses[] = {
	{ "192.0.2.1:53", "192.0.2.1:53" },
	{ "192.0.2.1", "192.0.2.1:9" },
	{ "[2001:db8::1]:53", "[2001:db8::1]:53" },
	{ "2001:db8:0:0:0:0:0:1", "[2001:db8::1]:9" },
	{ "[2001:db8::1]", "[2001:db8::1]:9" },
	{ "fe80::1%3", "[fe80::1%3]:9" },
	{ "[fe80::1%3]:80", "[fe80::1%3]:80" },
	{ "*:53", "[::]:53" },
	{ ":53", "[::]:53" },
	{ "*:0", "::" },
	{ "0.0.0.0:53", "0.0.0.0:53" },
	{ "::ffff:192.0.2.1", "192.0.2.1:9" },
	{ "192.0.2.1:65536", NULL },
	{ "192.0.2.1:-1", NULL },
	{ "192.0.2.1:", NULL },
	{ "192.0.2.1:5x", NULL },
	{ "192.0.2", NULL },
	{ "[2001:db8::1", NULL },
	{ "2001:db8::g", NULL },
	{ "fe80::1%x", NULL },
	{ "example.org", NULL },
	{ "1234567890123456789012345678901234567890123456789012345678901234567890", NULL },
};

static int start_addresses(void *user)
{
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char text[HULL_ADDRESS_TEXT];
		struct hull_address a;
		int err = hull_address_parse(addresses[i].text, 9, &a);

		CHECK_EQUAL(err, addresses[i].shown == NULL ? -EINVAL : 0);
		if (err == 0 && strcmp(hull_address_text(&a, text), addresses[i].shown) != 0) {
			fprintf(stderr, "%s: %s\n", addresses[i].text, text);
			nr_wrong++;
		}
	}
	return 0;
}

/* ---- files, entropy, interfaces ---- */

static int start_files(void *user)
{
	static uint8_t bytes[100000], back[100000];
	char path[] = "/tmp/hull-sdk-XXXXXX";
	int fd = mkstemp(path);
	void *all;
	size_t len;

	CHECK(fd >= 0);
	fill(bytes, sizeof(bytes), 1);
	CHECK_EQUAL(hull_file_write(path, bytes, sizeof(bytes)), 0);
	CHECK_EQUAL(hull_file_read(path, &all, &len), 0);
	CHECK_EQUAL(len, sizeof(bytes));
	CHECK(memcmp(all, bytes, len) == 0 && ((char *)all)[len] == '\0');
	free(all);
	close(fd);
	fd = open(path, O_RDWR);
	CHECK_EQUAL(hull_read_at(fd, back, 500, sizeof(bytes) - 100), 100);
	CHECK(memcmp(back, bytes + sizeof(bytes) - 100, 100) == 0);
	CHECK_EQUAL(hull_write_at(fd, "end", 3, 200000), 3);
	CHECK_EQUAL(hull_read_at(fd, back, sizeof(back), 199990), 13);
	CHECK_EQUAL(hull_read_at(-1, back, 1, 0), -EBADF);
	close(fd);
	unlink(path);
	CHECK_EQUAL(hull_file_read(path, &all, &len), -ENOENT);
	CHECK_EQUAL(hull_file_write("/nonexistent/file", "", 0), -ENOENT);
	CHECK_EQUAL(hull_file_read("/proc/self/status", &all, &len), 0);
	CHECK(len > 100 && strstr(all, "Pid:") != NULL);
	free(all);
	hull_random(bytes, 1000);
	hull_random(back, 1000);
	CHECK(memcmp(bytes, back, 1000) != 0);
	return 0;
}

static unsigned nr_network;

static void network(bool is_up, void *user)
{
	nr_network++;
	CHECK_EQUAL(hull_on_network(NULL, NULL), 0);
	hull_stop(0);
}

static int start_interfaces(void *user)
{
	static struct hull_interface all[16];
	struct hull_address loopback;
	int nr = hull_interfaces(all, 16);
	bool found = false;

	CHECK_EQUAL(hull_address_parse("127.0.0.1:0", 0, &loopback), 0);
	CHECK(nr > 0);
	for (int i = 0; i < nr && i < 16; i++) {
		if (!all[i].is_loopback)
			continue;
		CHECK(strcmp(all[i].name, "lo") == 0 && all[i].is_up && all[i].mtu == 65536);
		for (unsigned n = 0; n < all[i].nr_addresses; n++)
			found |= hull_address_equal(&all[i].addresses[n], &loopback);
	}
	CHECK(found);
	CHECK_EQUAL(hull_interfaces(NULL, 0) >= 0, 1);
	hull_timer_init(&other, never, NULL);
	hull_timer_start(&other, 3600 * HULL_SECOND, 0);
	return hull_on_network(network, NULL);
}

/* ---- ends ---- */

static int start_nothing(void *user)
{
	CHECK_EQUAL(nr_network, 1);
	return 0;
}

static const struct test_case cases[] = {
	{ "timers", start_timers },
	{ "after the timers", start_after_timers },
	{ "a period", start_period },
	{ "work", start_work },
	{ "posts", start_posts },
	{ "a wake", start_wake },
	{ "a loop on a thread", start_inner },
	{ "an interrupt", start_interrupt },
	{ "addresses", start_addresses },
	{ "files", start_files },
	{ "interfaces", start_interfaces },
	{ "nothing", start_nothing },
};

int main(int argc, char **argv)
{
	return run_cases(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
