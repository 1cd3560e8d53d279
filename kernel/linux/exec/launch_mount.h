/* SPDX-License-Identifier: BSD-2-Clause */
/* The file systems that the launch record names. */
#pragma once
#include "lib/launch_record.h"

/* Mounts them all, in order. 0, or -errno and *failed is the target of the one that cannot be. */
MUST_CHECK int launch_mount_all(const struct launch_record *r, const char **failed);
