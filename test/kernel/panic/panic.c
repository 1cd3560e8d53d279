/* SPDX-License-Identifier: BSD-2-Clause */
/* An image that panics in place of running a program: what a panic prints and how the VM ends. */
#include "core/log.h"
#include "core/panic.h"
#include "core/start.h"

static NOINLINE void panic_on_request(void)
{
	log_info("about to panic");
	panic("asked for by the %s image", "panic");
}

START_HOOK(panic_hook) = { panic_on_request };
