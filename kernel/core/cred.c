/* SPDX-License-Identifier: BSD-2-Clause */
/* Credentials: counted, copied to be changed. */
#include "core/cred.h"

#include "core/sched/thread.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

#define ALL_CAPS ((1ull << 41) - 1) /* CAP_CHOWN .. CAP_CHECKPOINT_RESTORE */

struct cred cred_kernel = {
	.ref = { 1 },
	.cap_permitted = ALL_CAPS,
	.cap_effective = ALL_CAPS,
	.cap_bounding = ALL_CAPS,
};

struct cred *cred_copy(const struct cred *c)
{
	struct cred *copy = kmem_new(struct cred);

	if (copy == NULL)
		return NULL;
	*copy = *c;
	ref_init(&copy->ref);
	if (c->nr_groups > 0) {
		copy->groups = kmem_new_array(uint32_t, c->nr_groups);
		if (copy->groups == NULL) {
			kmem_free(copy);
			return NULL;
		}
		memcpy(copy->groups, c->groups, c->nr_groups * sizeof(uint32_t));
	}
	return copy;
}

/* Shell sort: there may be 65,536 of them. */
static void sort(uint32_t *g, uint32_t nr)
{
	for (uint32_t gap = nr / 2; gap > 0; gap /= 2) {
		for (uint32_t i = gap; i < nr; i++) {
			uint32_t value = g[i], at = i;

			for (; at >= gap && g[at - gap] > value; at -= gap)
				g[at] = g[at - gap];
			g[at] = value;
		}
	}
}

void cred_take_groups(struct cred *c, uint32_t *groups, uint32_t nr)
{
	kmem_free(c->groups);
	sort(groups, nr);
	c->groups = groups;
	c->nr_groups = nr;
}

struct cred *cred_get(struct cred *c)
{
	ref_get(&c->ref);
	return c;
}

void cred_put(struct cred *c)
{
	if (c == NULL || !ref_put(&c->ref))
		return;
	kmem_free(c->groups);
	kmem_free(c);
}

const struct cred *cred_current(void)
{
	const struct cred *c = thread_current()->cred;

	return c == NULL ? &cred_kernel : c;
}

bool cred_has_cap(const struct cred *c, int cap)
{
	return c->cap_effective >> cap & 1;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	uint32_t low = 0, high = c->nr_groups;

	if (c->fsgid == gid)
		return true;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (c->groups[middle] == gid)
			return true;
		if (c->groups[middle] < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
