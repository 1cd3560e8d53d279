/* SPDX-License-Identifier: BSD-2-Clause */
/* Translation of guest-physical ranges; the arithmetic cannot overflow for any input. */
#include "monitor/guest_memory.h"
#include <stddef.h>

void *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t len_bytes)
{
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct guest_region *r = &memory->regions[i];

		if (gpa < r->gpa || gpa - r->gpa >= r->size_bytes)
			continue;
		if (len_bytes > r->size_bytes - (gpa - r->gpa))
			return NULL;
		return r->host + (gpa - r->gpa);
	}
	return NULL;
}
