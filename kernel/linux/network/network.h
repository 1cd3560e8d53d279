/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network that the launch record asks for, beside the program's start:
 *
 *	interfaces.c	the interfaces come up, with their addresses or DHCP; the program waits for
 *			what comes at once
 *	names.c		what DHCP, routers and the command line say of names: the host's name
 *	name_files.c	and /etc/resolv.conf, /etc/hosts, /etc/hostname
 *
 * Without an interface, a name and a name server in the record nothing of it happens.
 *
 * Advice comes in any context; the files are written by a thread of their own, as root, whenever
 * something has changed. The first program finds them written.
 */
#pragma once
#include "core/sync/waitq.h"
#include "lib/launch_record.h"
#include "net/address.h"
#include "net/ip/advice.h"
#include "net/netdev.h"

#define NETWORKS_MAX        8u /* interfaces that are configured */
#define NAMESERVERS_MAX     8u
#define NAMESERVER_TEXT_MAX (INET_TEXT_MAX + NETDEV_NAME_MAX) /* with %eth0 */

/* Something of an interface or of the names has changed: who waits looks again. */
extern struct waitq network_changed;

/* The record's names first; net is NULL if there is no interface. -ENOMEM. Thread context, before
 * an interface is up. */
MUST_CHECK int names_start(const struct launch_record *r, struct net *net);
/* Are the files written as of now? */
bool names_are_written(void);

/* ---- name_files.c ---- */

struct names {
	char servers[NAMESERVERS_MAX][NAMESERVER_TEXT_MAX];
	unsigned nr_servers;
	char search[ADVICE_NAME_MAX];
	char host_name[ADVICE_NAME_MAX]; /* empty: the files have the right one */
};
/* Thread context, as root. What cannot be written is logged. */
void name_files_write(const struct names *n);
