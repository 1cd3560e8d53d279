/* SPDX-License-Identifier: BSD-2-Clause */
/* The native door alone: for images that have no room for sockets (libhull-native.a). */
#include "native/native.h"

const struct hull_backend *const hull_backends[] = { &hull_native, NULL };
