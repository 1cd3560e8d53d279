/* SPDX-License-Identifier: BSD-2-Clause */
/* sysfs (sysfs(5)): the tree of the set sysfs_files. Nothing in it comes or goes. */
#include <linux/magic.h>

#include "fs/proc/gentree.h"

LINKER_SET(sysfs_files, struct proc_file);

static struct gentree tree = {
	.lock = MUTEX_INIT(tree.lock),
	.files = __start_set_sysfs_files,
	.files_end = __stop_set_sysfs_files,
	.interfaces = &proc_interfaces,
	.type_name = "sysfs",
	.magic = SYSFS_MAGIC,
};

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	return gentree_mount(&tree, sb_flags, out);
}

FS_TYPE(sysfs_type) = { .name = "sysfs", .mount = mount };
