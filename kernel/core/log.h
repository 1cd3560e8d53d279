/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log: a ring in memory, copied to the platform's debug port when it is verbose. Lines
 * for the user ("hull: ...") go to the port always. Any context.
 */
#pragma once
#include "lib/compiler.h"
#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

PRINTF(2, 3)
void log_print(enum log_level level, const char *format, ...); /* one line, no newline */
PRINTF(1, 2) void log_user(const char *format, ...);           /* "hull: " is put before it */
void log_set_verbose(bool on);
/* Copies the ring's newest bytes (syslog(2)). Returns the count. */
size_t log_read(char *buf, size_t len);
/* For a panic: the ring's newest bytes to the debug port; takes no lock. */
void log_dump_last(size_t len);

#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)
