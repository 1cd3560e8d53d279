/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While something is there that an ended build must not leave behind, what would end it waits:
 * SIGINT, SIGTERM and SIGHUP. The tools that it runs meanwhile inherit that.
 */
#pragma once
#include <signal.h>

void signals_hold(sigset_t *before);
void signals_release(const sigset_t *before);
