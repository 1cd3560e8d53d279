/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTPS: the server of hull_http.h over TLS.
 *
 *	tls ADDRESS:PORT CERTIFICATE KEY	files, PEM
 */
#include <hull_http.h>
#include <hull_tls.h>

#include <signal.h>
#include <string.h>

static void hello(struct hull_http_request *r, void *user)
{
	static const char text[] = "Hello, nobody else can read this.\n";

	hull_http_respond_static(r, 200, "text/plain", text, sizeof(text) - 1);
}

static void echo(struct hull_http_request *r, void *user)
{
	struct hull_bytes body = hull_http_body(r);

	hull_http_respond(r, 200, "application/octet-stream", body.data, body.len);
}

static void stop(int signo, void *user)
{
	hull_stop(0);
}

int hull_start(int argc, char **argv)
{
	static const char *const protocols[] = { "http/1.1", NULL };
	struct hull_tls_config tls = { .alpn = protocols };
	struct hull_http_config config = { .transport = &hull_tls_transport };
	struct hull_tls_context *context;
	struct hull_http_server *server;
	char text[HULL_ADDRESS_TEXT];
	struct hull_address local;
	const char *why = "there is no memory";
	int err;

	if (argc != 4 || hull_address_parse(argv[1], 8443, &config.local) != 0) {
		hull_log("usage: tls ADDRESS:PORT CERTIFICATE KEY");
		return 2;
	}
	tls.certificate = argv[2];
	tls.key = argv[3];
	if (hull_tls_context_new(&tls, &context, &why) != 0) {
		hull_log("tls: %s, %s: %s", argv[2], argv[3], why);
		return 1;
	}
	config.transport_context = context;
	err = hull_http_listen(&config, &server);
	if (err == 0)
		err = hull_http_route(server, "GET", "/", hello, NULL);
	if (err == 0)
		err = hull_http_route(server, "POST", "/echo", echo, NULL);
	if (err != 0) {
		hull_log("tls: %s: %s", argv[1], strerror(-err));
		return 1;
	}
	hull_on_interrupt(SIGTERM, stop, NULL);
	hull_on_interrupt(SIGINT, stop, NULL);
	local = hull_http_local(server);
	hull_log("serving on %s (%s)", hull_address_text(&local, text), hull_backend());
	return 0;
}
