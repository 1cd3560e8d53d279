/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's terminal while a guest has it: raw, because the line discipline is the guest's, and
 * as it was before at every way out. All of these may be called by a signal handler.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Notes the modes of the terminal `fd`; terminal_raw() and terminal_restore() do nothing before. */
void terminal_init(int fd);
/* Raw, unless we are in the background. */
void terminal_raw(void);
void terminal_restore(void);
bool terminal_is_raw(void);
/* False: the size is not known. */
bool terminal_size(int fd, uint32_t *columns, uint32_t *rows);
