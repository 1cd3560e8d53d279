/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount(2) and umount2(2): only what they refuse, for Linux is the oracle and must stay as it was.
 */
#include <sys/mount.h>
#include "check.h"

int main(void)
{
	scratch_enter();
	CHECK_EQ(mkdir("dir", 0700), 0);
	if (geteuid() != 0) {
		CHECK_ERR(mount("none", "dir", "tmpfs", 0, NULL), EPERM);
		CHECK_ERR(umount2("dir", 0), EPERM);
		return check_done();
	}
	CHECK_ERR(mount("none", "nowhere", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERR(mount("none", "dir", "no-such-fs", 0, NULL), ENODEV);
	CHECK_ERR(mount("none", "dir", (char *)1, 0, NULL), EFAULT);
	CHECK_ERR(umount2("dir", 0), EINVAL);
	CHECK_ERR(umount2("nowhere", 0), ENOENT);
	CHECK_ERR(umount2((char *)1, 0), EFAULT);
	CHECK_ERR(umount2("dir", 0x8000), EINVAL);
	return check_done();
}
