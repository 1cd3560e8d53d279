/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who listens on a port, for a message: /proc/net has the socket's inode, and one of the
 * descriptors in /proc leads to it, if it is ours to see (proc(5)).
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "monitor/net/backend.h"

#define STATE_LISTENS 0x0a /* TCP_LISTEN; UDP sockets that are not connected have 7 */
#define STATE_UDP     0x07

/* The inode of the socket that is bound to the port, 0: none. */
static unsigned long find_inode(const char *path, const struct vm_forward *forward)
{
	unsigned port, state, wanted = forward->is_udp ? STATE_UDP : STATE_LISTENS;
	unsigned long inode, found = 0;
	FILE *file = fopen(path, "re");
	char line[512];

	while (file != NULL && found == 0 && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu",
			   &port, &state, &inode) == 3 &&
		    port == forward->host_port && state == wanted)
			found = inode;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

static bool has_socket(const char *pid, const char *wanted)
{
	char path[PATH_MAX], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static void read_name(const char *pid, char *name, size_t size)
{
	char path[PATH_MAX], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file != NULL && fgets(text, sizeof(text), file) != NULL)
		text[strcspn(text, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
	snprintf(name, size, "%s (%s)", text[0] != '\0' ? text : "process", pid);
}

void net_port_owner(const struct vm_forward *forward, char *name, size_t size)
{
	unsigned long inode = find_inode(forward->is_udp ? "/proc/net/udp" : "/proc/net/tcp",
					 forward);
	struct dirent *entry;
	char wanted[64];
	DIR *dir;

	name[0] = '\0';
	if (inode == 0)
		inode = find_inode(forward->is_udp ? "/proc/net/udp6" : "/proc/net/tcp6", forward);
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	dir = inode != 0 ? opendir("/proc") : NULL;
	while (dir != NULL && name[0] == '\0' && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    has_socket(entry->d_name, wanted))
			read_name(entry->d_name, name, size);
	if (dir != NULL)
		closedir(dir);
}
