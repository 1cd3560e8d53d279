/* SPDX-License-Identifier: BSD-2-Clause */
/* By UDP and TCP, as RFC 7766 has it. */
#include "serve.h"

int serve(const struct hull_dns_config *config, struct hull_dns_server **out)
{
	return hull_dns_listen(config, out);
}
