/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's start and end as seen by the host: what launch.c keeps of the launch record, and
 * the control channel (abi/hull/control.h).
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

struct port;
struct process;

/* PID 1 is gone: tells the host, waits until all output is taken, ends the VM. */
NORETURN void launch_program_ended(int wait_status);
/* Before the first instruction of the first program. */
void launch_about_to_enter(void);
/* Kernel text about the program goes with more detail when set (LAUNCH_VERBOSE). */
extern bool launch_is_verbose;

/*
 * What goes on beside the program's start: it is begun when the file systems are there, and done
 * before the program's first instruction; and what is still to be done when the program has ended,
 * or NULL. For leaves; in no order.
 */
struct launch_record;
struct launch_stage {
	void (*begin)(const struct launch_record *r);
	void (*finish)(void);
	void (*end)(void);
};
#define LAUNCH_STAGE(name) LINKER_SET_ITEM(launch_stages, struct launch_stage) name

/* ---- control.c ---- */
void control_start(struct port *p);
void control_send(uint32_t kind, uint32_t a, uint32_t b, uint32_t c);
void control_send_terminal(void); /* the modes that the console is left in, if there is one */
void control_drain(void);
