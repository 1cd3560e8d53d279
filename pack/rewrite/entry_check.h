/* SPDX-License-Identifier: BSD-2-Clause */
/* The code that a rewritten file begins with, wherever it is put: entry_check.c. */
#pragma once
#include <stdint.h>

/* At entry_check_jump is the jump, e9 rel32, to the file's own entry point: rel32 is to be set. */
extern const uint8_t entry_check_code[], entry_check_jump[], entry_check_end[];
