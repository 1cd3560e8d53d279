/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory policies on a machine of one node: set_mempolicy(2), get_mempolicy(2), mbind(2),
 * migrate_pages(2), move_pages(2), set_mempolicy_home_node(2).
 */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "child.h"

#define HOME_NODE 450

static const unsigned long node_0[2] = { 1 }, node_1[2] = { 2 }, none[2];

static long set(int mode, const unsigned long *nodes, unsigned long maxnode)
{
	return syscall(SYS_set_mempolicy, mode, nodes, maxnode);
}

static int mode_now(unsigned long *nodes)
{
	unsigned long mask[2] = { 77, 77 };
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, mask, 128, NULL, 0) != 0)
		return -1;
	*nodes = mask[0];
	return mode;
}

static void check_mode(int mode, const unsigned long *mask, int expected_mode,
		       unsigned long expected_nodes)
{
	unsigned long nodes;

	CHECK_EQ(set(mode, mask, 64), 0);
	CHECK_EQ(mode_now(&nodes), expected_mode);
	CHECK_EQ(nodes, expected_nodes);
}

static int mode_of_child(void *unused)
{
	unsigned long nodes;

	(void)unused;
	return mode_now(&nodes);
}

static void test_set(void)
{
	unsigned long nodes;

	CHECK_EQ(mode_now(&nodes), MPOL_DEFAULT);
	check_mode(MPOL_PREFERRED, node_0, MPOL_PREFERRED, 1);
	check_mode(MPOL_PREFERRED, none, MPOL_LOCAL, 0);
	check_mode(MPOL_PREFERRED, NULL, MPOL_LOCAL, 0);
	check_mode(MPOL_INTERLEAVE, node_0, MPOL_INTERLEAVE, 1);
	check_mode(MPOL_LOCAL, NULL, MPOL_LOCAL, 0);
	check_mode(MPOL_PREFERRED_MANY, node_0, MPOL_PREFERRED_MANY, 1);
	check_mode(MPOL_BIND | MPOL_F_STATIC_NODES, node_0, MPOL_BIND | MPOL_F_STATIC_NODES, 1);
	check_mode(MPOL_BIND | MPOL_F_NUMA_BALANCING, node_0, MPOL_BIND | MPOL_F_NUMA_BALANCING, 1);
	check_mode(MPOL_BIND | MPOL_F_RELATIVE_NODES, node_1, MPOL_BIND | MPOL_F_RELATIVE_NODES, 2);
	check_mode(MPOL_BIND, node_0, MPOL_BIND, 1);
	CHECK_EQ(child_run(mode_of_child, NULL), MPOL_BIND); /* inherited */
	check_mode(MPOL_DEFAULT, NULL, MPOL_DEFAULT, 0);
	CHECK_ERR(set(MPOL_DEFAULT, node_0, 64), EINVAL);
	CHECK_ERR(set(MPOL_BIND, none, 64), EINVAL);
	CHECK_ERR(set(MPOL_BIND, node_1, 64), EINVAL);
	CHECK_ERR(set(MPOL_BIND, NULL, 0), EINVAL);
	CHECK_ERR(set(MPOL_BIND, node_0, 1), EINVAL); /* the last bit does not count */
	CHECK_EQ(set(MPOL_BIND, node_0, 2), 0);
	CHECK_ERR(set(MPOL_BIND, node_0, 1 << 20), EINVAL);
	CHECK_ERR(set(MPOL_BIND, (void *)1, 64), EFAULT);
	CHECK_ERR(set(MPOL_LOCAL, node_0, 64), EINVAL);
	CHECK_ERR(set(MPOL_PREFERRED | MPOL_F_NUMA_BALANCING, node_0, 64), EINVAL);
	CHECK_ERR(set(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, node_0, 64), EINVAL);
	CHECK_ERR(set(99, node_0, 64), EINVAL);
	CHECK_ERR(set(-1, node_0, 64), EINVAL);
	CHECK_EQ(set(MPOL_DEFAULT, none, 64), 0);
}

static void test_get(char *memory)
{
	unsigned long mask[2] = { 77, 77 };
	int mode = -1;

	CHECK_EQ(syscall(SYS_get_mempolicy, NULL, mask, 128, NULL, MPOL_F_MEMS_ALLOWED), 0);
	CHECK(mask[0] == 1 && mask[1] == 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, memory, MPOL_F_ADDR), 0);
	CHECK_EQ(mode, MPOL_DEFAULT);
	*memory = 1;
	CHECK_EQ(syscall(SYS_get_mempolicy, &mode, NULL, 0, memory, MPOL_F_ADDR | MPOL_F_NODE), 0);
	CHECK_EQ(mode, 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0), 0);
	CHECK_ERR(syscall(SYS_get_mempolicy, NULL, mask, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, memory, 0), EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, 4096, MPOL_F_ADDR), EFAULT);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, MPOL_F_NODE), EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, &mode, mask, 128, memory,
			  MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR),
		  EINVAL);
	CHECK_ERR(syscall(SYS_get_mempolicy, 1, NULL, 0, NULL, 0), EFAULT);
	CHECK_ERR(syscall(SYS_get_mempolicy, NULL, 1, 64, NULL, MPOL_F_MEMS_ALLOWED), EFAULT);
}

static void test_mbind(char *memory)
{
	CHECK_EQ(syscall(SYS_mbind, memory, 4096, MPOL_BIND, node_0, 64, 0), 0);
	CHECK_EQ(syscall(SYS_mbind, memory, 1, MPOL_BIND, node_0, 64, MPOL_MF_STRICT), 0);
	CHECK_EQ(syscall(SYS_mbind, memory, 4096, MPOL_BIND, node_0, 64, MPOL_MF_MOVE), 0);
	CHECK_EQ(syscall(SYS_mbind, memory, 0, MPOL_BIND, node_0, 64, 0), 0);
	CHECK_EQ(syscall(SYS_mbind, memory, 4096, MPOL_DEFAULT, NULL, 0, 0), 0);
	CHECK_ERR(syscall(SYS_mbind, memory, 4096, MPOL_BIND, node_1, 64, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, memory, 4096, MPOL_BIND, NULL, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, memory, 4096, 99, node_0, 64, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, memory, 4096, MPOL_BIND, node_0, 64, 8), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, memory + 1, 4096, MPOL_BIND, node_0, 64, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mbind, 16384, 4096, MPOL_BIND, node_0, 64, 0), EFAULT);
	CHECK_ERR(syscall(SYS_mbind, memory, 4096, MPOL_BIND, 1, 64, 0), EFAULT);
	CHECK_ERR(syscall(HOME_NODE, memory, 4096, 0, 0), ENOENT);
	CHECK_EQ(syscall(HOME_NODE, memory, 0, 0, 0), 0);
	CHECK_ERR(syscall(HOME_NODE, memory, 4096, 1, 0), EINVAL);
	CHECK_ERR(syscall(HOME_NODE, memory, 4096, 0, 1), EINVAL);
	CHECK_ERR(syscall(HOME_NODE, memory + 1, 4096, 0, 0), EINVAL);
}

/* ---- per range ---- */

static int mode_at(const char *page)
{
	int mode = -1;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0, page, MPOL_F_ADDR) == 0 ? mode : -1;
}

static int bind_pages(char *page, size_t nr, int mode, const unsigned long *nodes)
{
	return (int)syscall(SYS_mbind, page, nr * 4096, mode, nodes, 128, 0);
}

static int sees_range(void *page)
{
	return mode_at(page);
}

static void test_ranges(void)
{
	char *m = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long mask[2] = { 77, 77 };

	CHECK_EQ(bind_pages(m + 2 * 4096, 3, MPOL_BIND, node_0), 0);
	CHECK_EQ(mode_at(m + 4096), MPOL_DEFAULT);
	for (int i = 2; i < 5; i++)
		CHECK_EQ(mode_at(m + i * 4096), MPOL_BIND);
	CHECK_EQ(mode_at(m + 5 * 4096), MPOL_DEFAULT);
	CHECK_EQ(bind_pages(m + 3 * 4096, 1, MPOL_INTERLEAVE, node_0), 0);
	CHECK_EQ(mode_at(m + 2 * 4096), MPOL_BIND);
	CHECK_EQ(mode_at(m + 3 * 4096), MPOL_INTERLEAVE);
	CHECK_EQ(mode_at(m + 4 * 4096), MPOL_BIND);
	CHECK_EQ(bind_pages(m + 3 * 4096, 1, MPOL_PREFERRED, none), 0);
	CHECK_EQ(mode_at(m + 3 * 4096), MPOL_LOCAL);
	CHECK_EQ(bind_pages(m + 3 * 4096, 1, MPOL_BIND | MPOL_F_RELATIVE_NODES, node_1), 0);
	CHECK_EQ(syscall(SYS_get_mempolicy, NULL, mask, 128, m + 3 * 4096, MPOL_F_ADDR), 0);
	CHECK_EQ(mask[0], 2);
	CHECK_EQ(child_run(sees_range, m + 2 * 4096), MPOL_BIND);

	CHECK_EQ(set(MPOL_BIND, node_0, 64), 0);
	CHECK_EQ(mode_at(m), MPOL_DEFAULT); /* the range's, not the task's */
	CHECK_EQ(set(MPOL_DEFAULT, none, 64), 0);

	CHECK_EQ(munmap(m + 8 * 4096, 4096), 0);
	CHECK_ERR(bind_pages(m + 7 * 4096, 3, MPOL_BIND, node_0), EFAULT);
	CHECK_EQ(mode_at(m + 7 * 4096), MPOL_DEFAULT);
	CHECK_ERR(bind_pages(m + 8 * 4096, 2, MPOL_BIND, node_0), EFAULT);
	CHECK_EQ(bind_pages(m + 7 * 4096, 3, MPOL_DEFAULT, NULL), 0);
	CHECK_ERR(bind_pages(m + 8 * 4096, 1, MPOL_DEFAULT, NULL), EFAULT);

	CHECK_EQ(syscall(HOME_NODE, m + 2 * 4096, 4096, 0, 0), 0);
	CHECK_EQ(bind_pages(m + 5 * 4096, 1, MPOL_INTERLEAVE, node_0), 0);
	CHECK_ERR(syscall(HOME_NODE, m + 5 * 4096, 4096, 0, 0), EOPNOTSUPP);
	CHECK_ERR(syscall(HOME_NODE, m + 14 * 4096, 4096, 0, 0), ENOENT);

	CHECK_EQ(bind_pages(m + 10 * 4096, 4, MPOL_BIND, node_0), 0);
	m = mremap(m + 10 * 4096, 4 * 4096, 64 * 4096, MREMAP_MAYMOVE);
	CHECK_EQ(mode_at(m), MPOL_BIND);
	CHECK_EQ(mode_at(m + 63 * 4096), MPOL_BIND);
	munmap(m, 64 * 4096);
}

static int move_parents(void *memory)
{
	void *pages[1] = { memory };
	int status[1] = { 99 };

	if (setgid(2000) || setuid(2000))
		return 77;
	if (syscall(SYS_move_pages, getppid(), 1, pages, NULL, status, 0) == 0)
		return 1;
	return errno;
}

static void test_move(char *memory)
{
	void *pages[2] = { memory, (void *)16384 };
	int nodes[2] = { 0, 0 }, status[2] = { 9, 9 };

	CHECK_EQ(syscall(SYS_move_pages, 0, 2, pages, NULL, status, 0), 0);
	CHECK(status[0] == 0 && status[1] == -EFAULT);
	status[0] = status[1] = 9;
	CHECK_EQ(syscall(SYS_move_pages, getpid(), 2, pages, nodes, status, MPOL_MF_MOVE), 0);
	CHECK(status[0] == 0 && status[1] == -EFAULT);
	madvise(memory, 1 << 20, MADV_DONTNEED);
	CHECK_EQ(syscall(SYS_move_pages, 0, 1, pages, NULL, status, 0), 0);
	CHECK_EQ(status[0], -ENOENT); /* not there */
	*memory = 1;
	nodes[0] = 1;
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE), ENODEV);
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, pages, nodes, status, 1), EINVAL);
	CHECK_ERR(syscall(SYS_move_pages, 0x3ffffff, 1, pages, NULL, status, 0), ESRCH);
	CHECK_EQ(syscall(SYS_move_pages, 0, 0, pages, NULL, status, 0), 0);
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, 1, NULL, status, 0), EFAULT);
	CHECK_ERR(syscall(SYS_move_pages, 0, 1, pages, NULL, 1, 0), EFAULT);
	if (geteuid() == 0)
		CHECK_EQ(child_run(move_parents, memory), EPERM);
	CHECK_EQ(syscall(SYS_migrate_pages, 0, 64, node_0, node_0), 0);
	CHECK_EQ(syscall(SYS_migrate_pages, getpid(), 64, node_1, node_0), 0);
	CHECK_ERR(syscall(SYS_migrate_pages, 0, 64, node_0, none), EINVAL);
	CHECK_ERR(syscall(SYS_migrate_pages, 0x3ffffff, 64, node_0, node_0), ESRCH);
	CHECK_ERR(syscall(SYS_migrate_pages, 0, 64, 1, node_0), EFAULT);
}

int main(void)
{
	char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	test_set();
	test_get(memory);
	test_mbind(memory);
	test_ranges();
	test_move(memory);
	return check_done();
}
