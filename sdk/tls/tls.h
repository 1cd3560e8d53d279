/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS, inside. hull_tls.h is what programs see. */
#pragma once
#include <hull_tls.h>

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

struct hull_tls_context {
	mbedtls_ssl_config config;
	mbedtls_x509_crt certificate, authorities;
	mbedtls_pk_context key;
	mbedtls_ssl_ticket_context tickets;
};
