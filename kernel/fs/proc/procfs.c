/* SPDX-License-Identifier: BSD-2-Clause */
/* procfs (proc(5)): the tree of the set proc_files, with a directory for each process. */
#include <linux/magic.h>

#include "fs/proc/gentree.h"

LINKER_SET(proc_files, struct proc_file);

static struct gentree tree = {
	.lock = MUTEX_INIT(tree.lock),
	.files = __start_set_proc_files,
	.files_end = __stop_set_proc_files,
	.processes = &proc_processes,
	.interfaces = &proc_interfaces,
	.type_name = "proc",
	.magic = PROC_SUPER_MAGIC,
};

static int mount(const char *source, const char *options, unsigned sb_flags,
		 struct superblock **out)
{
	return gentree_mount(&tree, sb_flags, out);
}

FS_TYPE(proc_type) = { .name = "proc", .mount = mount };
