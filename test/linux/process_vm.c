/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process_vm_readv(2) and process_vm_writev(2) on the process itself: vectors, partial copies,
 * errors.
 */
#include <sys/mman.h>
#include <sys/uio.h>
#include "check.h"

int main(void)
{
	char from[] = "0123456789", a[4] = "", b[8] = "";
	struct iovec local[2] = { { a, 3 }, { b, 5 } }, remote = { from, 8 };
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(process_vm_readv(getpid(), local, 2, &remote, 1, 0), 8);
	CHECK_STR(a, "012");
	CHECK_STR(b, "34567");
	memcpy(a, "abc", 3);
	CHECK_EQ(process_vm_writev(getpid(), local, 1, &remote, 1, 0), 3);
	CHECK_STR(from, "abc3456789");
	munmap(page + 4096, 4096);
	remote.iov_base = page + 4096 - 2, remote.iov_len = 5;
	CHECK_EQ(process_vm_readv(getpid(), &local[1], 1, &remote, 1, 0), 2);
	remote.iov_base = page + 4096;
	CHECK_ERR(process_vm_readv(getpid(), local, 1, &remote, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(getpid(), local, 1, &remote, 1, 1), EINVAL);
	CHECK_ERR(process_vm_readv(0x3ffffff, local, 1, &remote, 1, 0), ESRCH);
	CHECK_ERR(process_vm_readv(getpid(), (void *)8, 1, &remote, 1, 0), EFAULT);
	return check_done();
}
