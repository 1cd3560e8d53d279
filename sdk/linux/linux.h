/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend over sockets and epoll. */
#pragma once
#include "core/core.h"

extern const struct hull_backend hull_linux;
extern const struct hull_stream_backend hull_linux_streams;
extern const struct hull_group_backend hull_linux_groups;
