/* SPDX-License-Identifier: BSD-2-Clause */
/* By UDP alone: neither the program nor its kernel has TCP. */
#include "serve.h"

int serve(const struct hull_dns_config *config, struct hull_dns_server **out)
{
	return hull_dns_listen_udp(config, out);
}
