/* SPDX-License-Identifier: BSD-2-Clause */
/* both.c's half for multicast groups. */
#include "linux/linux.h"
#include "native/native.h"

const struct hull_group_backend *const hull_group_backends[] = {
	&hull_native_groups,
	&hull_linux_groups,
};
