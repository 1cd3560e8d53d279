/* SPDX-License-Identifier: BSD-2-Clause */
/* What streams share: certificates, keys and settings. */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>

#define TICKET_LIFETIME 86400u /* seconds; its keys change as often */

static int random_bytes(void *user, unsigned char *to, size_t len)
{
	(void)user;
	hull_random(to, len);
	return 0;
}

static const char *load_own(const struct hull_tls_config *c, struct hull_tls_context *x)
{
	if (c->certificate == NULL && c->key == NULL && c->is_client)
		return NULL;
	if (c->certificate == NULL || c->key == NULL)
		return "a certificate and its key are needed";
	if (mbedtls_x509_crt_parse_file(&x->certificate, c->certificate) != 0)
		return "the certificate's file cannot be read, or is none";
	if (mbedtls_pk_parse_keyfile(&x->key, c->key, NULL) != 0)
		return "the key's file cannot be read, or is none without a password";
	if (mbedtls_pk_check_pair(&x->certificate.pk, &x->key) != 0)
		return "the key is not the certificate's";
	if (mbedtls_ssl_conf_own_cert(&x->config, &x->certificate, &x->key) != 0)
		return "";
	return NULL;
}

static const char *load_authorities(const struct hull_tls_config *c, struct hull_tls_context *x)
{
	bool verifies = !c->trusts_anyone && (c->is_client || c->authorities != NULL);

	mbedtls_ssl_conf_authmode(&x->config,
				  verifies ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
	if (!verifies)
		return NULL;
	if (c->authorities == NULL)
		return "a client needs authorities that it trusts";
	if (mbedtls_x509_crt_parse_file(&x->authorities, c->authorities) != 0)
		return "the authorities' file cannot be read, or has no certificates";
	mbedtls_ssl_conf_ca_chain(&x->config, &x->authorities, NULL);
	return NULL;
}

/* NULL: all is well; "": no memory. */
static const char *set_up(const struct hull_tls_config *c, struct hull_tls_context *x)
{
	int side = c->is_client ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER;
	const char *why;

	if (mbedtls_ssl_config_defaults(&x->config, side, MBEDTLS_SSL_TRANSPORT_STREAM,
					MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		return "";
	/* RFC 8996: no 1.0, no 1.1. */
	mbedtls_ssl_conf_min_version(&x->config, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_rng(&x->config, random_bytes, NULL);
	why = load_own(c, x);
	if (why == NULL)
		why = load_authorities(c, x);
	if (why != NULL)
		return why;
	if (c->alpn != NULL &&
	    mbedtls_ssl_conf_alpn_protocols(&x->config, (const char **)(uintptr_t)c->alpn) != 0)
		return "a protocol's name is wrong";
	if (c->is_client || c->no_tickets)
		return NULL;
	if (mbedtls_ssl_ticket_setup(&x->tickets, random_bytes, NULL, MBEDTLS_CIPHER_AES_256_GCM,
				     TICKET_LIFETIME) != 0)
		return "";
	mbedtls_ssl_conf_session_tickets_cb(&x->config, mbedtls_ssl_ticket_write,
					    mbedtls_ssl_ticket_parse, &x->tickets);
	return NULL;
}

int hull_tls_context_new(const struct hull_tls_config *config, struct hull_tls_context **out,
			 const char **why)
{
	struct hull_tls_context *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return -ENOMEM;
	mbedtls_ssl_config_init(&x->config);
	mbedtls_x509_crt_init(&x->certificate);
	mbedtls_x509_crt_init(&x->authorities);
	mbedtls_pk_init(&x->key);
	mbedtls_ssl_ticket_init(&x->tickets);
	*why = set_up(config, x);
	if (*why == NULL) {
		*out = x;
		return 0;
	}
	hull_tls_context_free(x);
	return **why == '\0' ? -ENOMEM : -EINVAL;
}

void hull_tls_context_free(struct hull_tls_context *x)
{
	mbedtls_ssl_ticket_free(&x->tickets);
	mbedtls_ssl_config_free(&x->config);
	mbedtls_x509_crt_free(&x->certificate);
	mbedtls_x509_crt_free(&x->authorities);
	mbedtls_pk_free(&x->key);
	free(x);
}
