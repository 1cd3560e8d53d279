/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device asks of the monitor, for tests that drive it themselves: its workers have no
 * threads, and the VM never ends.
 */
#pragma once

extern unsigned nr_fails;     /* calls of vm_fail */
extern int no_worker_kick_fd; /* what a notification writes to; -1: nothing */
