/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding out the TSC's rate and the time of day, from whoever knows it best. */
#pragma once

struct boot_info;

/* Calls clock_init(). */
void wall_init(const struct boot_info *info);
