/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of /proc/sys/net: one number or several, read and written as text (proc(5), sysctl(8)).
 * A file that can be set changes the stack's own number: nothing else is kept. What cannot be
 * set has no store, and opening it to write gives EACCES.
 */
#pragma once
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "net/net.h"

/* A number in the stack: of 1, 4 or 8 bytes, between two bounds. */
struct sysctl_number {
	void *at; /* NULL: there is no memory for a stack */
	unsigned size;
	int64_t least, most;
	int64_t unit; /* the text is in so many of the number's */
};
/* `nr` of them, with tabs between. Store: -EINVAL if one of them is no number, or out of bounds;
 * as on Linux, fewer than there are change those. */
int sysctl_show(struct text_buffer *b, const struct sysctl_number *n, unsigned nr);
int sysctl_store(const struct sysctl_number *n, unsigned nr, const char *text, size_t len);

/* What `of` is, with no stack NULL: for objects in struct net. */
#define SYSCTL_AT(of) \
	({ \
		struct net *net = net_machine_get(); \
		net == NULL ? NULL : (void *)&(of); \
	})

/* A file of one number: an expression in terms of `net`, its bounds. */
#define SYSCTL(name, where, type, of, least, most) \
	static struct sysctl_number name##_number(void) \
	{ \
		return (struct sysctl_number){ SYSCTL_AT(of), sizeof(type), least, most, 1 }; \
	} \
	static int show_##name(struct text_buffer *b, int id) \
	{ \
		struct sysctl_number n = name##_number(); \
\
		return sysctl_show(b, &n, 1); \
	} \
	static int store_##name(const char *text, size_t len, int id) \
	{ \
		struct sysctl_number n = name##_number(); \
\
		return sysctl_store(&n, 1, text, len); \
	} \
	PROC_FILE(name) = { \
		.path = "sys/net/" where, .mode = 0644, .show = show_##name, .store = store_##name \
	}

/* A file of a number or text that is what it is. */
#define SYSCTL_FIXED(name, where, text) \
	static int show_##name(struct text_buffer *b, int id) \
	{ \
		text_print(b, "%s\n", text); \
		return 0; \
	} \
	PROC_FILE(name) = { .path = "sys/net/" where, .mode = 0444, .show = show_##name }
