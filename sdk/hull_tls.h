/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS 1.2 (RFC 5246) over connections of hull.h, by mbedTLS: link with libhull-tls.a, -lmbedtls,
 * -lmbedx509 and -lmbedcrypto.
 *
 * A server over TLS is one of hull_http.h with hull_tls_transport and a context:
 *
 *	hull_tls_context_new(&(struct hull_tls_config){ .certificate = "cert.pem",
 *							.key = "key.pem" }, &context, &why);
 *	config.transport = &hull_tls_transport;
 *	config.transport_context = context;
 *
 * A stream tells of bytes as hull_tcp does, and nothing before the handshake is done; what is sent
 * until then is refused by -EAGAIN. Its `closed` says, besides what ends connections:
 *	EKEYREJECTED	nobody who is trusted vouches for the peer's certificate, or it is not for
 *			the name, or not of this day
 *	EPROTO		the peer's bytes are no TLS, or the two agree on nothing
 *	ECONNRESET	the peer ended the connection before the handshake was done
 * The kernel's generator (hull_random) is the only source of randomness.
 */
#pragma once
#include <hull.h>
#include <hull_transport.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hull_tls_context; /* what many streams share: certificates, settings, tickets' keys */
struct hull_tls;         /* a stream */

struct hull_tls_config {
	bool is_client;
	/* Paths, PEM or DER. A server needs both; a client may have them. */
	const char *certificate; /* ours; those that vouch for it follow it in the file */
	const char *key;
	const char *authorities; /* whom we trust with the peer; a client needs them, or: */
	bool trusts_anyone;      /* the peer's certificate is not looked at */
	const char *const *alpn; /* names, the best first, NULL last (RFC 7301); stay; or NULL */
	bool no_tickets;         /* no sessions are resumed (RFC 5077) */
};

/* -EINVAL: a file cannot be read or used: *why says which (a constant); -ENOMEM. */
int hull_tls_context_new(const struct hull_tls_config *config, struct hull_tls_context **out,
			 const char **why);
void hull_tls_context_free(struct hull_tls_context *x); /* when no stream has it any more */

/* Its context is a struct hull_tls_context; its streams are struct hull_tls. */
extern const struct hull_transport hull_tls_transport;

struct hull_tls_connect_config {
	struct hull_tls_context *context;
	struct hull_address remote;
	/* A DNS name that the certificate must be for; the server is told it. NULL: any will do. */
	const char *name;
	void (*connected)(void *user); /* the handshake is done */
	const struct hull_sink *sink;
	void *user;
};
/* As hull_tcp_connect. hull_tls_transport has what is done with the stream. */
int hull_tls_connect(const struct hull_tls_connect_config *config, struct hull_tls **out);

/* Once the handshake is done: "TLSv1.2"; the ciphersuite's name; the protocol, or NULL. */
const char *hull_tls_version(const struct hull_tls *t);
const char *hull_tls_cipher(const struct hull_tls *t);
const char *hull_tls_alpn(const struct hull_tls *t);
/* In `ended` and `closed`: the peer said its end itself. Else the connection was cut, maybe by
 * somebody between, and bytes may be missing (RFC 5246 §7.2.1). */
bool hull_tls_is_whole(const struct hull_tls *t);

#ifdef __cplusplus
}
#endif
