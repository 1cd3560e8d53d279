/* SPDX-License-Identifier: BSD-2-Clause */
/* both.c's half for connections. */
#include "linux/linux.h"
#include "native/native.h"

const struct hull_stream_backend *const hull_stream_backends[] = {
	&hull_native_streams,
	&hull_linux_streams,
};
