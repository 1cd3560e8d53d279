/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages on the console device's control port (launch.h says which port it is): fixed 16-byte
 * records, both ways. A reader ignores kinds that it does not know.
 */
#pragma once
#include <stdint.h>

enum control_kind {
	/* guest to host */
	CONTROL_EXITED = 1,  /* PID 1 ended; a = exit status 0..255, b = signal number or 0 */
	CONTROL_STOPPED = 2, /* every thread of PID 1 is stopped by job control; a = signal */
	/* about to enter the program for the first time; b:c = TSC, low and high */
	CONTROL_MAIN = 3,
	CONTROL_TAKEN = 4, /* the kernel has taken a CONTROL_SIGNAL; a = its signal */
	/* before CONTROL_EXITED: the modes that the tty is left in; b, c = words a and a + 1 of
	 * struct launch_terminal (launch.h), upwards from 0 */
	CONTROL_TERMINAL = 5,
	/* host to guest */
	CONTROL_WINSIZE = 16, /* a = columns, b = rows of the tty */
	/* a = signal number for PID 1 (hull run got SIGTERM, SIGHUP, SIGINT, ...) */
	CONTROL_SIGNAL = 17,
	CONTROL_CONTINUE = 18, /* hull run got SIGCONT after CONTROL_STOPPED */
};

struct control_message {
	uint32_t kind;
	uint32_t a, b, c;
};
