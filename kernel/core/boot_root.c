/* SPDX-License-Identifier: BSD-2-Clause */
/* Filled by kernel_main(), or from the launch record (linux/exec/launch.c). */
#include "core/boot_root.h"

const void *boot_root;
uint64_t boot_root_bytes;
