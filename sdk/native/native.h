/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend over Hull's native door. */
#pragma once
#include "core/core.h"

extern const struct hull_backend hull_native;
extern const struct hull_stream_backend hull_native_streams;
extern const struct hull_group_backend hull_native_groups;
