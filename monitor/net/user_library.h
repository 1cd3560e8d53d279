/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libslirp, loaded when an interface asks for it: with its own libraries it takes half a
 * millisecond of a start, and most programs have no network.
 */
#pragma once
#include <slirp/libslirp.h>

struct user_library { /* as <slirp/libslirp.h> declares them */
	Slirp *(*make)(const SlirpConfig *config, const SlirpCb *callbacks, void *opaque);
	void (*cleanup)(Slirp *slirp);
	void (*pollfds_fill)(Slirp *slirp, uint32_t *timeout, SlirpAddPollCb add, void *opaque);
	void (*pollfds_poll)(Slirp *slirp, int error, SlirpGetREventsCb get, void *opaque);
	void (*input)(Slirp *slirp, const uint8_t *frame, int len);
	int (*add_forward)(Slirp *slirp, const struct sockaddr *host, socklen_t host_len,
			   const struct sockaddr *guest, socklen_t guest_len, int flags);
};

/* 0, or -ENOENT and a message. Before confinement. */
int user_library_load(struct user_library *library, char message[512]);
