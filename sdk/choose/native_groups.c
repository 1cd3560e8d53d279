/* SPDX-License-Identifier: BSD-2-Clause */
/* native.c's half for multicast groups. */
#include "native/native.h"

const struct hull_group_backend *const hull_group_backends[] = { &hull_native_groups };
