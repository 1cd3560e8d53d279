/* SPDX-License-Identifier: BSD-2-Clause */
/* The server: UDP, where an answer is written to where it is sent from. */
#include "dns/server.h"

#include <errno.h>
#include <stdlib.h>

void hull_dns_count(struct hull_dns_server *s, const uint8_t *answer, size_t len)
{
	s->counts.queries++;
	s->counts.answers += len > 0;
	s->counts.truncated += len > 0 && (answer[2] & (DNS_TRUNCATED >> 8)) != 0;
}

static void received(struct hull_udp *u, const struct hull_datagram *d)
{
	struct hull_dns_server *s = hull_udp_user(u);
	uint8_t *answer = hull_room(DNS_EDNS_MAX);
	const struct hull_dns_query query = { d->data, d->len, false };
	size_t len = hull_dns_answer(s->config.zones, &query, answer, DNS_EDNS_MAX);

	hull_dns_count(s, answer, len);
	if (len > 0) /* what cannot be sent is lost, as datagrams are */
		(void)hull_udp_reply(u, d, answer, len);
}

int hull_dns_begin(struct hull_dns_server *s, const struct hull_dns_config *config)
{
	const struct hull_udp_config udp = { .local = config->local,
					     .reuse_port = config->reuse_port,
					     .receive_limit = 1 << 20,
					     .received = received,
					     .user = s };
	int err;

	if (!config->zones->is_finished)
		return -EINVAL;
	s->config = *config;
	err = hull_udp_open(&udp, &s->udp);
	if (err == 0)
		s->local = hull_udp_local(s->udp);
	return err;
}

static void free_server(struct hull_dns_server *s)
{
	free(s);
}

int hull_dns_listen_udp(const struct hull_dns_config *config, struct hull_dns_server **out)
{
	struct hull_dns_server *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -ENOMEM;
	s->close = free_server;
	err = hull_dns_begin(s, config);
	if (err != 0) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void hull_dns_close(struct hull_dns_server *s)
{
	hull_udp_close(s->udp);
	s->close(s);
}

struct hull_address hull_dns_local(const struct hull_dns_server *s)
{
	return s->local;
}

struct hull_dns_counts hull_dns_counts(const struct hull_dns_server *s)
{
	return s->counts;
}
