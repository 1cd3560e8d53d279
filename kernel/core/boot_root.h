/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system that the machine was started with, in memory (abi/hull/boot.h): set once before
 * the first mount, page aligned, never written. NULL: there is none.
 */
#pragma once
#include "lib/types.h"

extern const void *boot_root;
extern uint64_t boot_root_bytes;
