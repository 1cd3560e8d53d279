/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system calls itself (uname(2)). The release is the Linux version whose behaviour is
 * followed. */
#pragma once

#define SYSTEM_NAME_MAX 64

extern const char system_release[]; /* "6.1.0-hull" */
extern const char system_version[]; /* "#1 SMP PREEMPT Hull 0.1" */
void system_hostname_get(char out[SYSTEM_NAME_MAX + 1]);
void system_hostname_set(const char *name); /* cut at SYSTEM_NAME_MAX */
