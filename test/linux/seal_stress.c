/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * F_SEAL_WRITE (fcntl(2)) while another thread maps the file: a file that is sealed has no mapping
 * that may be written, whenever that one was begun. A mapping that is moved meanwhile (mremap(2))
 * is one all the time.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include "check.h"

#define ROUNDS 400
#define LEN    (256 * 4096ul)

static int file;
static char *place, *other_place;
static void *mapped;
static pthread_barrier_t both;
static atomic_bool begun, done;

/* The mapping that goes costs time between the look at the file's seals and the new one. */
static void *mapper(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		for (size_t at = 0; at < LEN; at += 4096)
			place[at] = 1;
		pthread_barrier_wait(&both);
		atomic_store(&begun, true);
		mapped = mmap(place, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
		atomic_store(&done, true);
		pthread_barrier_wait(&both);
		if (mmap(place, LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			return place;
	}
	return unused;
}

static void *mover(void *unused)
{
	char *from = place, *to = other_place;

	for (int i = 0; i < ROUNDS; i++) {
		char *next = from;

		pthread_barrier_wait(&both);
		atomic_store(&begun, true);
		if (mremap(from, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
			return place;
		atomic_store(&done, true);
		pthread_barrier_wait(&both);
		from = to;
		to = next;
	}
	return unused;
}

/* Until the other has done what it has begun; at first a little later each time. */
static bool seal(int round)
{
	bool sealed = false;

	pthread_barrier_wait(&both);
	while (!atomic_load(&begun))
		sched_yield();
	for (volatile int i = 0; i < round % 40 * 100; i++)
		;
	while (!sealed && !atomic_load(&done))
		sealed = fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == 0;
	sealed = sealed || fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == 0;
	pthread_barrier_wait(&both);
	atomic_store(&begun, false);
	atomic_store(&done, false);
	return sealed;
}

static void *reserve(void)
{
	return mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int new_file(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING);

	return fd >= 0 && ftruncate(fd, LEN) == 0 ? fd : -1;
}

static void test_map(void)
{
	int nr_both = 0, nr_neither = 0;
	pthread_t thread;
	void *result;

	place = reserve();
	CHECK_EQ(pthread_create(&thread, NULL, mapper, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		bool sealed;

		file = new_file();
		sealed = seal(i);
		nr_both += sealed && mapped != MAP_FAILED;
		nr_neither += !sealed && mapped == MAP_FAILED;
		close(file);
	}
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK(result == NULL);
	CHECK_EQ(nr_both, 0);
	CHECK_EQ(nr_neither, 0);
}

static void test_move(void)
{
	pthread_t thread;
	int nr_sealed = 0;
	void *result;

	place = reserve();
	other_place = reserve();
	file = new_file();
	CHECK(mmap(place, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == place);
	for (size_t at = 0; at < LEN; at += 4096)
		place[at] = 1;
	CHECK_EQ(pthread_create(&thread, NULL, mover, NULL), 0);
	for (int i = 0; i < ROUNDS; i++)
		nr_sealed += seal(i);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK(result == NULL);
	CHECK_EQ(nr_sealed, 0);
	munmap(place, LEN);
	munmap(other_place, LEN);
	CHECK_EQ(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
	close(file);
}

int main(void)
{
	CHECK_EQ(pthread_barrier_init(&both, NULL, 2), 0);
	test_map();
	test_move();
	return check_done();
}
