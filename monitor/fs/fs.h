/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-fs server: it answers FUSE requests (linux/fuse.h, protocol 7.36) of an untrusted
 * guest about one host directory. It knows nothing of rings and VMs: a device, or a test, hands
 * it one request at a time as two scatter lists.
 *
 * Confinement. A guest names files by node id and one component at a time. Every inode is an
 * O_PATH descriptor, found below its parent with O_NOFOLLOW; a name holds no '/', no NUL, and is
 * neither "." nor ".."; symbolic links are only ever read, never followed. So nothing outside the
 * directory can be named. Kernel interfaces mounted below it (proc, sysfs, cgroups, ...) look
 * like empty directories. Devices, fifos and sockets are shown but never opened. The rights are
 * those of the calling process.
 *
 * Not thread safe: one server is called by one thread at a time. The process's umask must be 0 for
 * modes to be exact (fs_server_new sets it), and SIGXFSZ must be ignored.
 *
 * System calls that a filter must allow: openat close newfstatat statx fstatfs preadv
 * pwritev readv writev read write pread64 getdents64 lseek ftruncate fallocate copy_file_range
 * fsync fdatasync readlinkat symlinkat mknodat mkdirat unlinkat renameat2 linkat fchmodat
 * fchownat fchown utimensat fcntl getxattr setxattr listxattr removexattr, and what malloc needs
 * (brk mmap munmap mremap madvise).
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fs_server;

/* NULL with errno set: the directory cannot be opened, or there is no /proc or no memory. */
struct fs_server *fs_server_new(const char *host_dir, bool read_only);
void fs_server_free(struct fs_server *server);

/*
 * One FUSE request: `in` is what the guest lets us read, `out` what it lets us write. Returns the
 * bytes written to `out` (0 for requests without a reply), or -errno if the request is malformed
 * to a degree that it cannot be answered. The guest may change `in` at any time: it is copied
 * once.
 */
ssize_t fs_server_handle(struct fs_server *server, const struct iovec *in, unsigned nr_in,
			 const struct iovec *out, unsigned nr_out);
