/* SPDX-License-Identifier: BSD-2-Clause */
/* One file's names come and go in several directories at once (link(2), unlink(2), rename(2)): its
 * count of links is right all the time. */
#include <fcntl.h>
#include <pthread.h>
#include "check.h"

#define THREADS 4
#define ROUNDS  1500
#define BURSTS  60
#define BURST   64

static atomic_int nr_wrong;
static pthread_barrier_t burst;

static void must(int result)
{
	if (result != 0)
		atomic_fetch_add(&nr_wrong, 1);
}

/* A name in a directory of its own is made, moved, replaced and removed. */
static void *worker(void *arg)
{
	char dir[20], a[30], b[30];

	snprintf(dir, sizeof(dir), "dir%ld", (long)arg);
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	must(mkdir(dir, 0700));
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open(b, O_WRONLY | O_CREAT, 0600);

		must(fd < 0);
		close(fd);
		must(link("file", a));
		must(rename(b, a)); /* the file loses this name, which leads to the other now */
		must(link("file", b));
		must(unlink(b));
		must(unlink(a));
	}
	return NULL;
}

/* The whole changes hands, written meanwhile. */
static void *exchanger(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("file", O_WRONLY);

		must(fd < 0);
		must(write(fd, "text", 4) != 4);
		must(fchmod(fd, i % 2 ? 0600 : 0640));
		close(fd);
	}
	return arg;
}

/*
 * Names of the one file alone, many at a time: half of the threads give them up by renaming other
 * files over them, the others by making and removing names, all of them at the same moment.
 */
static void *name_loser(void *arg)
{
	char dir[20], a[40], b[40];
	bool renames = (long)arg % 2 == 0;

	snprintf(dir, sizeof(dir), "lose%ld", (long)arg);
	must(mkdir(dir, 0700));
	for (int i = 0; i < BURSTS; i++) {
		for (int k = 0; k < BURST; k++) {
			snprintf(a, sizeof(a), "%s/a%d", dir, k);
			snprintf(b, sizeof(b), "%s/b%d", dir, k);
			must(link("file", a));
			if (renames)
				must(mknod(b, S_IFREG | 0600, 0));
		}
		pthread_barrier_wait(&burst);
		for (int k = 0; k < BURST; k++) {
			snprintf(a, sizeof(a), "%s/a%d", dir, k);
			snprintf(b, sizeof(b), "%s/b%d", dir, k);
			must(renames ? rename(b, a) : link("file", b));
		}
		pthread_barrier_wait(&burst);
		for (int k = 0; k < BURST; k++) {
			snprintf(a, sizeof(a), "%s/a%d", dir, k);
			snprintf(b, sizeof(b), "%s/b%d", dir, k);
			must(unlink(a));
			if (!renames)
				must(unlink(b));
		}
	}
	return NULL;
}

static void all_together(void *(*fn)(void *), int nr)
{
	pthread_t threads[THREADS + 1];

	for (long i = 0; i < nr; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, fn, (void *)i), 0);
	for (int i = 0; i < nr; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
	pthread_t threads[THREADS + 1];
	struct stat st;
	int fd;

	scratch_enter();
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, worker, (void *)i), 0);
	CHECK_EQ(pthread_create(&threads[THREADS], NULL, exchanger, NULL), 0);
	for (int i = 0; i <= THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(pthread_barrier_init(&burst, NULL, THREADS), 0);
	all_together(name_loser, THREADS);
	CHECK_EQ(atomic_load(&nr_wrong), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(unlink("file"), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	return check_done();
}
