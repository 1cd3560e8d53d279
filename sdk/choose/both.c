/* SPDX-License-Identifier: BSD-2-Clause */
/* The native door where there is one, else sockets: one binary for both. */
#include "linux/linux.h"
#include "native/native.h"

const struct hull_backend *const hull_backends[] = { &hull_native, &hull_linux, NULL };
