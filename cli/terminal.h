/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's terminal while a guest has it: raw, because the line discipline is the guest's, and
 * cooked at every way out: as it was before, or as the program left it. All of these may be called
 * by a signal handler.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/hull/launch.h"

/* Notes the modes of the terminal `fd`; terminal_raw() and terminal_restore() do nothing before. */
void terminal_init(int fd);
/* Raw, unless we are in the background. */
void terminal_raw(void);
void terminal_restore(void);
/*
 * The program has left it in these modes, which terminal_restore() sets from now on; but it is the
 * user's to type at: what was left without lines (no ICANON) is as it was before.
 */
void terminal_leave_in(const struct launch_terminal *modes);
/* As they are, or of the one in raw mode as they were. False: fd is no terminal. */
bool terminal_modes(int fd, struct launch_terminal *out);
bool terminal_is_raw(void);
/* False: the size is not known. */
bool terminal_size(int fd, uint32_t *columns, uint32_t *rows);
