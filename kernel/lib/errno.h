/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's error numbers, and the four that never reach a program: what a signal does to a
 * sleeping call. */
#pragma once
#include <asm/errno.h>

#define ERESTARTSYS           512 /* restart if the handler has SA_RESTART, else EINTR */
#define ERESTARTNOINTR        513 /* restart always */
#define ERESTARTNOHAND        514 /* restart only if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* go on by restart_syscall(2) if no handler ran, else EINTR */
