/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filters of ss(8): INET_DIAG_REQ_BYTECODE of <linux/inet_diag.h>. An operation either holds,
 * and the next one follows `yes` bytes on, or does not, `no` bytes on; a socket fits if the program
 * ends exactly behind its last byte.
 */
#pragma once
#include "lib/types.h"

struct inet_report;

/* Ends every program: each step goes forward, onto an operation or behind the last. */
bool diag_filter_is_valid(const void *program, unsigned len);
bool diag_filter_run(const void *program, unsigned len, const struct inet_report *r);
