/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log on its way to standard error. Lines that begin with "hull: " are meant for the
 * user and are shown unless --quiet; the others only with --verbose. The last part of it all is
 * kept, for when the guest dies of an error of its own.
 */
#pragma once
#include <stddef.h>

enum guest_log_level { GUEST_LOG_NONE, GUEST_LOG_USER, GUEST_LOG_ALL };

struct guest_log {
	enum guest_log_level level;
	char line[512]; /* the line that is coming in; longer ones are cut up */
	size_t line_len;
	char kept[16384]; /* a ring */
	size_t kept_len;  /* all that ever went into it */
};

void guest_log_write(struct guest_log *log, const char *bytes, size_t len);
/* Prints what was kept, if it was not shown as it came. */
void guest_log_dump(struct guest_log *log);
