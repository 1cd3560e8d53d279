/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sockets there are, for /proc/net and sock_diag(7). A family that keeps a list has a function
 * which writes an entry for each socket under the list's lock; whoever shows them takes a snapshot.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

/* Fills as many as there is room for. How many there are. */
typedef unsigned socket_report_fn(void *to, unsigned room);

/* All entries, for kmem_free, and how many; NULL: no memory. Thread context, no lock. */
MUST_CHECK void *socket_snapshot(socket_report_fn *report, size_t entry_bytes, unsigned *nr);
