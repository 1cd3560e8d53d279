/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watching taps for QEMU: qemu_link.h. Of QMP two commands are spoken; what it answers is read and
 * thrown away: a QEMU that refuses leaves the link up, as it was.
 */
#define _GNU_SOURCE 1
#include "monitor/qemu/qemu_link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/net/tap_link.h"

struct qemu_link {
	/* [I] immutable once started  [t] the thread's */
	int qmp_fd, stop_fd;               /* [I] -1: none */
	struct tap_link taps[VM_MAX_NETS]; /* [t] */
	bool is_watched[VM_MAX_NETS];      /* [I] */
	bool is_up[VM_MAX_NETS];           /* [t] as QEMU was told */
	pthread_t thread;
	bool has_thread;
};

static void say(const struct qemu_link *link, const char *text)
{
	/* It is gone, or does not listen: there is nobody to tell. */
	(void)!send(link->qmp_fd, text, strlen(text), MSG_NOSIGNAL);
}

static void tell_changes(struct qemu_link *link)
{
	char text[128];

	for (unsigned i = 0; i < VM_MAX_NETS; i++) {
		if (!link->is_watched[i] || link->taps[i].is_up == link->is_up[i])
			continue;
		link->is_up[i] = link->taps[i].is_up;
		snprintf(
			text, sizeof(text),
			"{\"execute\":\"set_link\",\"arguments\":{\"name\":\"net%u\",\"up\":%s}}\n",
			i, link->is_up[i] ? "true" : "false");
		say(link, text);
	}
}

/* False: it is over. */
static bool wait_for_changes(struct qemu_link *link)
{
	struct pollfd fds[2 + VM_MAX_NETS] = {
		{ .fd = link->stop_fd, .events = POLLIN },
		{ .fd = link->qmp_fd, .events = POLLIN },
	};
	char answers[512];

	for (unsigned i = 0; i < VM_MAX_NETS; i++) {
		int fd = link->is_watched[i] ? link->taps[i].fd : -1;

		fds[2 + i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	if (poll(fds, 2 + VM_MAX_NETS, -1) < 0)
		return errno == EINTR;
	if (fds[0].revents != 0)
		return false;
	if (fds[1].revents != 0 && read(link->qmp_fd, answers, sizeof(answers)) <= 0)
		return false;
	for (unsigned i = 0; i < VM_MAX_NETS; i++) {
		if (fds[2 + i].revents != 0)
			tap_link_read(&link->taps[i]);
	}
	return true;
}

static void *run(void *argument)
{
	struct qemu_link *link = argument;

	say(link, "{\"execute\":\"qmp_capabilities\"}\n");
	do {
		tell_changes(link);
	} while (wait_for_changes(link));
	return NULL;
}

struct qemu_link *qemu_link_new(const struct vm_config *config)
{
	struct qemu_link *link = calloc(1, sizeof(*link));
	unsigned nr = 0;

	if (!link)
		return NULL;
	link->qmp_fd = -1;
	link->stop_fd = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < config->nr_nets && i < VM_MAX_NETS; i++) {
		if (config->nets[i].kind != VM_NET_TAP)
			continue;
		tap_link_init(&link->taps[i], config->nets[i].tap);
		link->is_watched[i] = link->is_up[i] = true;
		nr++;
	}
	if (nr > 0 && link->stop_fd >= 0)
		return link;
	qemu_link_stop(link);
	return NULL;
}

int qemu_link_start(struct qemu_link *link, int qmp_fd)
{
	sigset_t all, before;
	int error;

	link->qmp_fd = qmp_fd;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&link->thread, NULL, run, link);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	link->has_thread = error == 0;
	return -error;
}

void qemu_link_stop(struct qemu_link *link)
{
	const uint64_t one = 1;

	if (!link)
		return;
	if (link->has_thread) {
		(void)!write(link->stop_fd, &one, sizeof(one)); /* an eventfd at 0 takes it */
		pthread_join(link->thread, NULL);
	}
	for (unsigned i = 0; i < VM_MAX_NETS; i++) {
		if (link->is_watched[i])
			tap_link_fini(&link->taps[i]);
	}
	if (link->stop_fd >= 0)
		close(link->stop_fd);
	if (link->qmp_fd >= 0)
		close(link->qmp_fd);
	free(link);
}
