/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives the vfs the functions that it calls in the personality. Once, before the first file is
 * opened. */
#pragma once

void hooks_install(void);
