/* SPDX-License-Identifier: BSD-2-Clause */
/* By what the server is asked: udp_and_tcp.c, or udp.c for the smallest images. */
#pragma once
#include <hull_dns.h>

int serve(const struct hull_dns_config *config, struct hull_dns_server **out);
