/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network of the test's own, in which there is lo alone, up: on the host a network namespace; a
 * Hull guest has no other, and no namespaces either. Who may make none on the host has the host's,
 * which is only looked at.
 */
#pragma once
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "check.h"

static inline void netspace_raise_lo(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCGIFFLAGS, &r) == 0) {
		r.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &r);
	}
	close(fd);
}

/* Is there CAP_SYS_ADMIN? */
static inline bool netspace_is_admin(void)
{
	unsigned long long caps = 0;
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "CapEff: %llx", &caps);
	if (f != NULL)
		fclose(f);
	return (caps >> 21 & 1) != 0;
}

/* Is it our own, to be changed? Hull refuses even those who may. */
static inline bool netspace_enter(void)
{
	if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return errno == EPERM && netspace_is_admin();
	netspace_raise_lo();
	return true;
}
