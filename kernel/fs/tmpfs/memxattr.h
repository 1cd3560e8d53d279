/* SPDX-License-Identifier: BSD-2-Clause */
/* Extended attributes in memory (xattr(7)). Guarded by the owning inode's lock. */
#pragma once
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct memxattrs {
	struct list entries;
};

void memxattr_init(struct memxattrs *x);
void memxattr_fini(struct memxattrs *x);
ssize_t memxattr_get(const struct memxattrs *x, const char *name, void *buf, size_t size);
MUST_CHECK int memxattr_set(struct memxattrs *x, const char *name, const void *value, size_t size,
			    int flags);
ssize_t memxattr_list(const struct memxattrs *x, char *buf, size_t size);
MUST_CHECK int memxattr_remove(struct memxattrs *x, const char *name);
