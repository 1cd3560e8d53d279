/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a protocol over a stream of bytes needs below itself: plain TCP, or TLS over it
 * (hull_tls.h). The server of hull_http.h takes one of these.
 *
 * A transport makes a stream of an accepted connection, which is its own from then on. What happens
 * to the stream is told to the sink, as struct hull_tcp_events has it: `closed` comes always, once,
 * and last. The calls are hull_tcp_*'s, with their errors and contexts.
 */
#pragma once
#include <hull.h>

/* None may be NULL. */
struct hull_sink {
	size_t (*received)(void *user, const void *data, size_t len);
	void (*ended)(void *user);
	void (*drained)(void *user);
	void (*closed)(void *user, int error);
};

struct hull_transport {
	/* 0 and a stream, or a negative errno: the connection is the caller's still. */
	int (*open)(void *context, struct hull_tcp *c, const struct hull_sink *sink, void *user,
		    void **stream);
	int (*send)(void *stream, const void *data, size_t len);
	size_t (*unsent)(const void *stream);
	void (*pause)(void *stream);
	void (*resume)(void *stream);
	void (*finish)(void *stream);
	void (*close)(void *stream);
	void (*abort)(void *stream);
};
