/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing the kernel's own records to a port: unlike a program's write, no signal interrupts it. */
#pragma once
#include "lib/types.h"

struct port;

/* All of it, or until the host closes the port. Thread context. */
void port_out(struct port *p, const void *bytes, size_t len);
