/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in for functions of parts that are not in this kernel (pack/link/parts.def): without
 * the part, the linker gives their names these addresses. Each takes any arguments and looks at
 * none.
 */
#include "lib/errno.h"
#include "lib/types.h"

long without_nothing(void); /* 0, NULL, false: there is nothing of it */
long without_refused(void); /* -ENOSYS: it cannot be done here */
long without_true(void);
long without_terminal(void);             /* -ENOTTY: no such device control */
long without_protocol(void);             /* -EPROTONOSUPPORT: sockets of a transport */
const char *without_error_text(int err); /* for what often goes wrong at the start */

long without_nothing(void)
{
	return 0;
}

long without_refused(void)
{
	return -ENOSYS;
}

long without_true(void)
{
	return true;
}

long without_terminal(void)
{
	return -ENOTTY;
}

long without_protocol(void)
{
	return -EPROTONOSUPPORT;
}

const char *without_error_text(int err)
{
	switch (err) {
	case ENOENT:
		return "No such file or directory";
	case EACCES:
		return "Permission denied";
	case ENOMEM:
		return "Cannot allocate memory";
	case EROFS:
		return "Read-only file system";
	case ENXIO:
	case ENODEV:
		return "No such device, or not in this kernel";
	default:
		return "an error";
	}
}
