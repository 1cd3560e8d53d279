/* SPDX-License-Identifier: BSD-2-Clause */
/* dlopen(3) of libslirp: of version 4.6 or later, which forwards ports of both address families. */
#include "monitor/net/user_library.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libslirp.so.0"

static int find(void *handle, const char *name, void *function)
{
	void *address = dlsym(handle, name);

	memcpy(function, &address, sizeof(address)); /* a pointer to a function, as POSIX has it */
	return address != NULL ? 0 : -ENOENT;
}

/* It stays loaded for as long as the process lives. */
int user_library_load(struct user_library *library, char message[512])
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (handle != NULL && find(handle, "slirp_new", &library->make) == 0 &&
	    find(handle, "slirp_cleanup", &library->cleanup) == 0 &&
	    find(handle, "slirp_pollfds_fill", &library->pollfds_fill) == 0 &&
	    find(handle, "slirp_pollfds_poll", &library->pollfds_poll) == 0 &&
	    find(handle, "slirp_input", &library->input) == 0 &&
	    find(handle, "slirp_add_hostxfwd", &library->add_forward) == 0)
		return 0;
	snprintf(message, 512,
		 "the user network needs libslirp: %s; install it by: apt-get install libslirp0",
		 handle == NULL ? dlerror() : "the one here is older than 4.6");
	return -ENOENT;
}
