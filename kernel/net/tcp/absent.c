/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in for TCP in a kernel without it (pack/link/parts.def, "tcp"): counts that stay zero
 * and settings that nobody follows, for those who show or inherit them. Nothing refers to these but
 * through those names.
 */
#include "net/tcp/absent.h"

static struct tcp_settings settings;
static struct tcp_counters counters;

struct tcp_settings *tcp_absent_settings(struct net *net)
{
	return &settings;
}

struct tcp_counters *tcp_absent_counters(struct net *net)
{
	return &counters;
}
