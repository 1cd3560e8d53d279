/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounting what the launch record says, in its order; targets that are missing are made. The root
 * of an image is erofs in memory with a tmpfs over it: the same overlay as over the host's files.
 */
#include "linux/exec/launch_mount.h"

#include "core/boot_root.h"
#include "core/log.h"
#include "fs/tmpfs/archive.h"
#include "fs/vfs.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

/* mkdir -p. */
static int make_directories(const char *target)
{
	char *path = kmem_string(target);
	struct path found;
	int err = path == NULL ? -ENOMEM : vfs_lookup(NULL, path, 0, &found);

	if (err == 0)
		path_put(&found);
	if (err != -ENOENT) {
		kmem_free(path);
		return err;
	}
	for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		err = vfs_mkdir(NULL, path, 0755);
		if (slash == NULL || (err != 0 && err != -EEXIST))
			break;
		*slash = '/';
	}
	kmem_free(path);
	return err == -EEXIST ? 0 : err;
}

static uint64_t size_limit(const struct launch_mount *m)
{
	struct page_stats s;

	if (m->size_limit_bytes != 0)
		return m->size_limit_bytes;
	page_stats_get(&s);
	return s.total / 2 * PAGE_SIZE;
}

static const char *fs_of(const struct launch_mount *m)
{
	switch (m->type) {
	case LAUNCH_MOUNT_VIRTIOFS:
		return "virtiofs";
	case LAUNCH_MOUNT_OVERLAY:
		return "overlay";
	case LAUNCH_MOUNT_EROFS:
		return m->flags & LAUNCH_MOUNT_RDONLY ? "erofs" : "overlay";
	case LAUNCH_MOUNT_TMPFS:
	case LAUNCH_MOUNT_CPIO:
		return "tmpfs";
	case LAUNCH_MOUNT_PROC:
		return "proc";
	case LAUNCH_MOUNT_SYSFS:
		return "sysfs";
	case LAUNCH_MOUNT_DEVTMPFS:
		return "devtmpfs";
	default:
		return NULL;
	}
}

/* `flags` of the mount count once its files are there: it begins writable. */
static int unpack_archive(const struct launch_record *r, const char *target, unsigned flags)
{
	struct path root;
	int err = vfs_lookup(NULL, target, LOOKUP_DIRECTORY, &root);

	if (err != 0)
		return err;
	err = cpio_unpack(&root, r->archive, r->archive_len);
	(void)atomic_or(&root.mnt->flags, flags);
	path_put(&root);
	return err;
}

/* Terminals made in here, if this kernel has them: where devtmpfs has a directory for them. */
static int mount_devpts(const char *dev)
{
	char target[160];
	int err;

	if ((size_t)fmt(target, sizeof(target), "%s/pts", dev) >= sizeof(target))
		return -ENAMETOOLONG;
	err = vfs_mount("devpts", "devpts", target, 0, "gid=5,mode=620,ptmxmode=666");
	return err == -ENODEV ? 0 : err;
}

static int mount_one(const struct launch_record *r, const struct launch_mount_entry *e)
{
	const char *fs = fs_of(e->mount);
	unsigned flags = (e->mount->flags & LAUNCH_MOUNT_RDONLY) != 0 ? SB_RDONLY : 0;
	bool has_archive = e->mount->type == LAUNCH_MOUNT_CPIO && r->archive != NULL;
	char options[160] = "";
	int err = fs == NULL ? -EINVAL : e == r->mounts ? 0 : make_directories(e->target);

	if (err != 0)
		return err;
	if (e->mount->type == LAUNCH_MOUNT_OVERLAY)
		fmt(options, sizeof(options), "lowerfs=virtiofs:%s,size=%lu", e->source,
		    (unsigned long)size_limit(e->mount));
	else if (e->mount->type == LAUNCH_MOUNT_EROFS && flags == 0)
		fmt(options, sizeof(options), "lowerfs=erofs:root,size=%lu",
		    (unsigned long)size_limit(e->mount));
	else if (e->mount->type == LAUNCH_MOUNT_TMPFS || e->mount->type == LAUNCH_MOUNT_CPIO)
		fmt(options, sizeof(options), "size=%lu", (unsigned long)size_limit(e->mount));
	err = vfs_mount(fs, e->source[0] != '\0' ? e->source : fs, e->target,
			has_archive ? 0 : flags, options);
	if (err == 0 && has_archive)
		err = unpack_archive(r, e->target, flags);
	if (err == 0 && e->mount->type == LAUNCH_MOUNT_DEVTMPFS)
		err = mount_devpts(e->target);
	return err;
}

/* The root that came inside the record, where the machine brought none. */
static void use_root(const struct launch_record *r)
{
	if (boot_root != NULL || r->root == NULL)
		return;
	boot_root = r->root;
	boot_root_bytes = r->root_len;
}

/* A minimal kernel is without those of its own file systems that its program cannot reach. */
static bool may_be_left_out(uint32_t type)
{
	return type == LAUNCH_MOUNT_PROC || type == LAUNCH_MOUNT_SYSFS ||
	       type == LAUNCH_MOUNT_DEVTMPFS || type == LAUNCH_MOUNT_TMPFS;
}

int launch_mount_all(const struct launch_record *r, const char **failed)
{
	int err = 0;

	use_root(r);
	for (unsigned i = 0; err == 0 && i < r->nr_mounts; i++) {
		*failed = r->mounts[i].target;
		err = mount_one(r, &r->mounts[i]);
		if (err == -ENODEV && i != 0 && may_be_left_out(r->mounts[i].mount->type)) {
			log_info("%s is not mounted: not in this kernel", *failed);
			err = 0;
		}
	}
	return err;
}
