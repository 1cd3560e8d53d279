/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory policies (set_mempolicy(2), mbind(2), move_pages(2)...) on a machine of one node: every
 * valid one comes to the same, and a task's or a range's is kept for whoever asks. A page that is
 * there is on node 0.
 */
#include <linux/capability.h>
#include <linux/mempolicy.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "linux/sys.h"
#include "linux/task/credentials.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include "mm/vmspace.h"

#define ALL_NODES           1ull /* node 0 */
#define NODES_MAX           (PAGE_SIZE * 8)
#define WEIGHTED_INTERLEAVE 6 /* newer than the headers */
#define NODE_FLAGS          (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)
#define MODE_FLAGS          (NODE_FLAGS | MPOL_F_NUMA_BALANCING)

struct nodes {
	uint64_t low; /* nodes 0 to 63 */
	bool others;  /* any above */
};

/* A mask of maxnode - 1 bits. */
static int read_nodes(struct nodes *out, uaddr_t mask, unsigned long maxnode)
{
	unsigned long nr = maxnode - 1;
	uint64_t word;

	*out = (struct nodes){ 0, false };
	if (mask == 0 || nr == 0)
		return 0;
	if (nr > NODES_MAX)
		return -EINVAL;
	for (unsigned long at = 0; at < nr; at += 64) {
		if (user_read_struct(&word, mask + at / 8) != 0)
			return -EFAULT;
		if (nr - at < 64)
			word &= (1ull << (nr - at)) - 1;
		if (at == 0)
			out->low = word;
		else
			out->others |= word != 0;
	}
	return 0;
}

/* set_mempolicy(2), "ERRORS". */
static int make_policy(struct vm_policy *p, int mode, const struct nodes *n)
{
	int flags = mode & (int)MODE_FLAGS, kind = mode & ~(int)MODE_FLAGS;
	bool empty = n->low == 0 && !n->others;

	if (kind < MPOL_DEFAULT || kind > WEIGHTED_INTERLEAVE ||
	    (flags & (int)NODE_FLAGS) == (int)NODE_FLAGS ||
	    ((flags & MPOL_F_NUMA_BALANCING) != 0 && kind != MPOL_BIND))
		return -EINVAL;
	if (kind == MPOL_DEFAULT) {
		*p = (struct vm_policy){ MPOL_DEFAULT, 0 };
		return empty ? 0 : -EINVAL;
	}
	if (kind == MPOL_PREFERRED && empty)
		kind = MPOL_LOCAL;
	if (kind == MPOL_LOCAL) {
		*p = (struct vm_policy){ MPOL_LOCAL, 0 };
		return !empty || (flags & (int)NODE_FLAGS) != 0 ? -EINVAL : 0;
	}
	/* Relative nodes are counted among those that there are. */
	if (empty || ((flags & MPOL_F_RELATIVE_NODES) == 0 && (n->low & ALL_NODES) == 0))
		return -EINVAL;
	*p = (struct vm_policy){
		.mode = kind | flags,
		.nodes = (flags & (int)NODE_FLAGS) != 0 ? n->low : n->low & ALL_NODES,
	};
	return 0;
}

static int read_policy(struct vm_policy *p, int mode, uaddr_t mask, unsigned long maxnode)
{
	struct nodes n;
	int err = read_nodes(&n, mask, maxnode);

	return err != 0 ? err : make_policy(p, mode, &n);
}

long sys_set_mempolicy(int mode, uaddr_t nodemask, unsigned long maxnode)
{
	struct vm_policy p;
	int err = read_policy(&p, mode, nodemask, maxnode);

	if (err == 0)
		task_current()->mempolicy = p;
	return err;
}

/* As many bits as fit into whole words of maxnode - 1; the rest of the mask is cleared. */
static int write_nodes(uaddr_t mask, unsigned long maxnode, uint64_t nodes)
{
	size_t len = align_up(maxnode - 1, 64) / 8;

	if (len > PAGE_SIZE)
		return -EINVAL;
	if (user_write(mask, &nodes, min(len, sizeof(nodes))) != 0)
		return -EFAULT;
	return len <= sizeof(nodes) ? 0 : user_zero(mask + sizeof(nodes), len - sizeof(nodes));
}

static int policy_at(uaddr_t addr, struct vm_policy *out)
{
	struct vmspace *vs = vmspace_current();
	const struct vm_area *a;

	scoped_mutex(&vs->lock);
	a = vmspace_area_at(vs, addr);
	if (a == NULL)
		return -EFAULT;
	*out = a->policy;
	return 0;
}

/* What get_mempolicy(2) tells without MPOL_F_MEMS_ALLOWED. */
static int find_policy(uaddr_t addr, unsigned long flags, struct vm_policy *out)
{
	const struct vm_policy *own = &task_current()->mempolicy;
	bool by_address = (flags & MPOL_F_ADDR) != 0;
	int err = by_address ? policy_at(addr, out) : addr != 0 ? -EINVAL : 0;

	if (err != 0)
		return err;
	if (!by_address)
		*out = *own;
	if ((flags & MPOL_F_NODE) == 0)
		return 0;
	if (!by_address && (own->mode & ~(int)MODE_FLAGS) != MPOL_INTERLEAVE)
		return -EINVAL;
	out->mode = 0; /* the node's number */
	return 0;
}

long sys_get_mempolicy(uaddr_t mode, uaddr_t nodemask, unsigned long maxnode, uaddr_t addr,
		       unsigned long flags)
{
	struct vm_policy p = { 0, ALL_NODES };
	int err = 0;

	if ((flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) != 0 ||
	    (nodemask != 0 && maxnode < 1))
		return -EINVAL;
	if ((flags & MPOL_F_MEMS_ALLOWED) == 0)
		err = find_policy(addr, flags, &p);
	else if (flags != MPOL_F_MEMS_ALLOWED)
		err = -EINVAL;
	if (err != 0)
		return err;
	if (mode != 0 && user_write_struct(mode, &p.mode) != 0)
		return -EFAULT;
	return nodemask == 0 ? 0 : write_nodes(nodemask, maxnode, p.nodes);
}

long sys_mbind(uaddr_t addr, size_t len, int mode, uaddr_t nodemask, unsigned long maxnode,
	       unsigned flags)
{
	struct vm_policy p;
	int err = read_policy(&p, mode, nodemask, maxnode);
	uaddr_t end = addr + align_up(len, PAGE_SIZE);

	if (err != 0)
		return err;
	if ((flags & ~(unsigned)MPOL_MF_VALID) != 0 || !is_aligned(addr, PAGE_SIZE) || end < addr)
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) != 0 && !cred_has_cap(cred_current(), CAP_SYS_NICE))
		return -EPERM;
	return end == addr ? 0 : vmspace_set_policy(vmspace_current(), addr, end, &p);
}

/* -ENOENT: none in the range has a policy. */
static int check_refinable(uaddr_t start, uaddr_t end)
{
	struct vmspace *vs = vmspace_current();
	int err = -ENOENT;

	scoped_mutex(&vs->lock);
	for (struct vm_area *a = vmspace_area_first(vs); a != NULL && a->start < end;
	     a = vmspace_area_next(a)) {
		int kind = a->policy.mode & ~(int)MODE_FLAGS;

		if (a->end <= start || kind == MPOL_DEFAULT)
			continue;
		if (kind != MPOL_BIND && kind != MPOL_PREFERRED_MANY)
			return -EOPNOTSUPP;
		err = 0;
	}
	return err;
}

/* It refines the policies of a range; those of most kinds cannot be. */
long sys_set_mempolicy_home_node(uaddr_t addr, size_t len, unsigned long node, unsigned long flags)
{
	if (!is_aligned(addr, PAGE_SIZE) || flags != 0 || node != 0 ||
	    addr + align_up(len, PAGE_SIZE) < addr)
		return -EINVAL;
	return len == 0 ? 0 : check_refinable(addr, addr + align_up(len, PAGE_SIZE));
}

/* ---- another process's memory ---- */

/* Its address space, counted. -ESRCH, -EPERM. */
static int find_space(int pid, struct vmspace **out)
{
	struct task *t = pid == 0 ? task_get(task_current()) : task_find(pid);
	int err = 0;

	if (t == NULL)
		return -ESRCH;
	if (!task_may_access(t))
		err = -EPERM;
	else
		*out = process_vmspace(t->process);
	task_put(t);
	return err == 0 && *out == NULL ? -EINVAL : err;
}

long sys_migrate_pages(int pid, unsigned long maxnode, uaddr_t old, uaddr_t new)
{
	struct nodes from, to;
	struct vmspace *vs;
	int err = read_nodes(&from, old, maxnode);

	if (err == 0)
		err = read_nodes(&to, new, maxnode);
	if (err == 0)
		err = find_space(pid, &vs);
	if (err != 0)
		return err;
	vmspace_put(vs);
	if (((to.low & ~ALL_NODES) != 0 || to.others) &&
	    !cred_has_cap(cred_current(), CAP_SYS_NICE))
		return -EPERM;
	return (to.low & ALL_NODES) == 0 ? -EINVAL : 0;
}

/* The node of a page, or why it has none. */
static int node_of(struct vmspace *vs, uaddr_t addr)
{
	struct mmu_entry entry;

	scoped_mutex(&vs->lock);
	if (vmspace_area_at(vs, addr) == NULL)
		return -EFAULT;
	return mmu_lookup(&vs->mmu, align_down(addr, PAGE_SIZE), &entry) ? 0 : -ENOENT;
}

struct page_move {
	uaddr_t pages, nodes, status; /* arrays; nodes may be 0: only asks */
};

static int move_page(struct vmspace *vs, const struct page_move *m, unsigned long i)
{
	uaddr_t addr;
	int node = 0, state;

	if (user_read_struct(&addr, m->pages + i * sizeof(addr)) != 0 ||
	    (m->nodes != 0 && user_read_struct(&node, m->nodes + i * sizeof(node)) != 0))
		return -EFAULT;
	if (node != 0)
		return -ENODEV;
	state = node_of(vs, addr);
	return user_write_struct(m->status + i * sizeof(state), &state);
}

long sys_move_pages(int pid, unsigned long nr, uaddr_t pages, uaddr_t nodes, uaddr_t status,
		    int flags)
{
	const struct page_move m = { pages, nodes, status };
	struct vmspace *vs;
	int err;

	if ((flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0)
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) != 0 && !cred_has_cap(cred_current(), CAP_SYS_NICE))
		return -EPERM;
	err = find_space(pid, &vs);
	if (err != 0)
		return err;
	for (unsigned long i = 0; i < nr && err == 0; i++) {
		err = move_page(vs, &m, i);
		if (err == 0 && thread_has_signal(thread_current()))
			err = -ERESTARTSYS;
	}
	vmspace_put(vs);
	return err;
}
