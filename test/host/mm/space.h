/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of address spaces share: a space for each test, and a program's accesses to it. */
#pragma once
#include "test/host/cmocka_all.h"
#include "test/host/machine.h"

#define SPACE_BASE 0x100000000ull /* top of the mmap area */
#define RW         (MMU_READ | MMU_WRITE)
#define P          PAGE_SIZE

extern struct vmspace *vs; /* of the test that runs */

int space_start(void **state);     /* group set-up: the machine */
int space_set_up(void **state);    /* each test's: an empty space */
int space_tear_down(void **state); /* nothing may have been lost */
uaddr_t map_at(uaddr_t addr, size_t len, unsigned prot, unsigned flags);
uaddr_t map_rw(size_t len);
uaddr_t map_file(struct machine_file *f, size_t len, unsigned prot, unsigned flags);
uint8_t load(uaddr_t at);             /* must succeed */
void store(uaddr_t at, uint8_t byte); /* must succeed */
int try_load(uaddr_t at);
unsigned nr_areas(void);

#define SPACE_PAGES      16384
#define SPACE_TEST(name) cmocka_unit_test_setup_teardown(name, space_set_up, space_tear_down)
