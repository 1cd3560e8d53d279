/* SPDX-License-Identifier: BSD-2-Clause */
/* absent.c: what stands in for tcp_settings and tcp_counters. */
#pragma once
#include "net/tcp/tcp.h"

struct tcp_settings *tcp_absent_settings(struct net *net);
struct tcp_counters *tcp_absent_counters(struct net *net);
