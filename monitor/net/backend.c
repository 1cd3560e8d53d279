/* SPDX-License-Identifier: BSD-2-Clause */
/* Which backend an interface gets, and the list of what its thread waits for. */
#include "monitor/net/backend.h"
#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 16u

int net_poll_add(struct net_poll *poll, int fd, short events)
{
	if (poll->nr == poll->capacity) {
		unsigned capacity = poll->capacity > 0 ? poll->capacity * 2 : FIRST_CAPACITY;
		struct pollfd *fds = reallocarray(poll->fds, capacity, sizeof(*fds));

		if (fds == NULL)
			return -1;
		poll->fds = fds;
		poll->capacity = capacity;
	}
	poll->fds[poll->nr] = (struct pollfd){ .fd = fd, .events = events };
	return (int)poll->nr++;
}

void net_poll_limit(struct net_poll *poll, int timeout_ms)
{
	if (timeout_ms >= 0 && (poll->timeout_ms < 0 || timeout_ms < poll->timeout_ms))
		poll->timeout_ms = timeout_ms;
}

void net_poll_fini(struct net_poll *poll)
{
	free(poll->fds);
	*poll = (struct net_poll){ .timeout_ms = -1 };
}

struct net_backend *net_backend_new(const struct vm_net *net, int *error, char message[512])
{
	*error = -EINVAL;
	switch (net->kind) {
	case VM_NET_USER:
		return net_user_new(net, error, message);
	case VM_NET_TAP:
		return net_tap_new(net, error, message);
	case VM_NET_FD:
		return net_frames_new(net, error, message);
	}
	return NULL;
}
