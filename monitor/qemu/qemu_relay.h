/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes between QEMU's sockets and our descriptors: one socket a port, one thread a direction, so
 * that one that has to wait holds up nobody else and the pipe's own back-pressure works.
 * Descriptors keep their flags.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "monitor/monitor.h"

struct relay {
	int from, to;     /* to -1: `take` gets the bytes */
	int wake_fd;      /* eventfd; readable: stop. -1: until the end */
	bool from_socket; /* an output; else `to` is the socket */
	void (*take)(struct relay *relay, const char *bytes, size_t len);
	const struct vm_config *config;
	pthread_t thread;
	struct control_message partial; /* of the control port */
	size_t partial_len;
};

/* 0 or -Exxx. */
int relay_start(struct relay *relay);
/* For an output: until its socket's end. For an input, after its wake_fd was written. */
void relay_join(struct relay *relay);

/*
 * For relay->take: the control port's messages to config->on_control; the log to config->on_log;
 * none.
 */
void relay_take_control(struct relay *relay, const char *bytes, size_t len);
void relay_take_log(struct relay *relay, const char *bytes, size_t len);
void relay_take_nothing(struct relay *relay, const char *bytes, size_t len);
