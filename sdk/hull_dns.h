/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An authoritative DNS server (RFC 1034, 1035, 2181, 2308, 4592, 6891, 7766, 8482) on the loop of
 * hull.h.
 *
 *	struct hull_dns_zones *zones = hull_dns_zones_new();
 *
 *	hull_dns_load(zones, "example.org", text, len, &error);
 *	hull_dns_finish(zones, &error);
 *	hull_dns_listen(&(struct hull_dns_config){ .zones = zones, .local.port = 53 }, &server);
 *
 * Zones are made of master files (RFC 1035 §5), and are not changed any more once a server has
 * them: then answering only reads, and any thread may. An answer is one look in a table of names,
 * and its records are copied from there as they go out.
 *
 * A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT by their names; other types as RFC 3597 writes them
 * (TYPE257 \# 5 0001020304). $ORIGIN and $TTL; not $INCLUDE, for files are the program's.
 * No DNSSEC, no transfers (REFUSED), no updates (NOTIMP).
 */
#pragma once
#include <hull.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hull_dns_zones;
struct hull_dns_server;

/* What is wrong with a file. */
struct hull_dns_error {
	unsigned line;    /* 0: of the zone as a whole */
	const char *text; /* a constant */
};

struct hull_dns_zones *hull_dns_zones_new(void); /* NULL: no memory */
void hull_dns_zones_free(struct hull_dns_zones *z);
/* A master file's text; origin: what names without a last dot are below. -EINVAL: *error says what;
 * -ENOMEM. After an error the zones are good for hull_dns_zones_free only. */
int hull_dns_load(struct hull_dns_zones *z, const char *origin, const char *text, size_t len,
		  struct hull_dns_error *error);
/* After the last load: looks the whole over. -EINVAL: a zone without SOA or NS, or a CNAME beside
 * other records. */
int hull_dns_finish(struct hull_dns_zones *z, struct hull_dns_error *error);

/*
 * The answer to the query: how long it is; 0: there is none to give (no query, or not even a
 * header). `room` bytes are there for it; most: bytes of an answer that may be sent without TC:
 * 512 by UDP (EDNS in the query raises it to 1,232), 65,535 by TCP. room is at least 512.
 */
struct hull_dns_query {
	const void *data;
	size_t len;
	bool by_tcp;
};
size_t hull_dns_answer(const struct hull_dns_zones *z, const struct hull_dns_query *query, void *to,
		       size_t room);

struct hull_dns_config {
	const struct hull_dns_zones *zones; /* stay as long as the server */
	struct hull_address local;          /* UDP and TCP */
	bool reuse_port;
	unsigned most_connections; /* by TCP; 0: 1,000 */
	hull_ns idle_timeout;      /* of a connection by TCP; 0: 10 s */
};

/* As hull_udp_open and hull_tcp_listen; -EINVAL: hull_dns_finish was not called, or refused. */
int hull_dns_listen(const struct hull_dns_config *config, struct hull_dns_server **out);
/* UDP alone: who asks by TCP is refused, against RFC 7766. For the smallest images: a program that
 * has no other connections is linked without code for them, and its kernel without TCP. */
int hull_dns_listen_udp(const struct hull_dns_config *config, struct hull_dns_server **out);
void hull_dns_close(struct hull_dns_server *s);
struct hull_address hull_dns_local(const struct hull_dns_server *s);

struct hull_dns_counts {
	uint64_t queries, answers, truncated, by_tcp;
};
struct hull_dns_counts hull_dns_counts(const struct hull_dns_server *s);

#ifdef __cplusplus
}
#endif
