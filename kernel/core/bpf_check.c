/* SPDX-License-Identifier: BSD-2-Clause */
/* The check of BPF programs, with the memory that it works in. */
#include "core/bpf_check.h"

#include "lib/errno.h"
#include "mm/alloc/kmem.h"

int bpf_check(const struct sock_filter *program, unsigned nr)
{
	uint16_t *scratch = kmem_new_array(uint16_t, nr);
	bool valid;

	if (scratch == NULL)
		return -ENOMEM;
	valid = bpf_is_valid(program, nr, scratch);
	kmem_free(scratch);
	return valid ? 0 : -EINVAL;
}
