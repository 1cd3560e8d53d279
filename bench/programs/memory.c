/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual memory: first touch of a fresh page, mmap and munmap, mprotect, reading a mapped file.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "measure.h"

#define PAGE  4096ul
#define PAGES 2048

static int file;

static void touch_fresh(void)
{
	char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		exit(1);
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		p[i * PAGE] = 1;
	munmap(p, PAGES * PAGE);
}

static void touch_large(void)
{
	char *p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	for (size_t i = 0; i < 4 << 20; i += PAGE)
		p[i] = 1;
	munmap(p, 4 << 20);
}

static void map_unmap(void)
{
	munmap(mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 16 * PAGE);
}

static void protect(void)
{
	static char *p;

	if (!p) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*p = 1;
	}
	mprotect(p, PAGE, PROT_READ);
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
}

static void read_mapped_file(void)
{
	volatile char sum = 0;
	char *p = mmap(NULL, 256 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);

	for (size_t i = 0; i < 256; i++)
		sum = (char)(sum + p[i * PAGE]);
	munmap(p, 256 * PAGE);
}

int main(void)
{
	char name[] = "/tmp/hull-bench-XXXXXX";

	file = mkstemp(name);
	unlink(name);
	for (int i = 0; i < 256; i++) {
		static char block[PAGE];

		if (write(file, block, PAGE) != PAGE)
			return 1;
	}
	printf("page-fault %.0f ns\n", measure_best_ns(touch_fresh, 5) / PAGES);
	printf("page-touch-large %.0f ns\n", measure_best_ns(touch_large, 5) / 1024);
	printf("mmap-munmap %.0f ns\n", measure_best_ns(map_unmap, 2000));
	printf("mprotect %.0f ns\n", measure_best_ns(protect, 1000) / 2);
	printf("file-page-mapped %.0f ns\n", measure_best_ns(read_mapped_file, 20) / 256);
	return 0;
}
