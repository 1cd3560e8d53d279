/* SPDX-License-Identifier: BSD-2-Clause */
/* native.c's half for connections. */
#include "native/native.h"

const struct hull_stream_backend *const hull_stream_backends[] = { &hull_native_streams };
