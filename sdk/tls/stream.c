/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream: mbedTLS between a connection and who uses it. Its records are read out of what the
 * connection's `received` shows; it holds partial ones itself. What was deciphered lies in `plain`
 * until the sink is done with it, so that the sink gets bytes again that it has left, as from
 * hull_tcp.
 *
 * No callback runs inside of a call: what the sink has left, and is to see again after a resume,
 * comes by a timer that is due at once.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_MAX  (64u * 1024) /* bytes that the sink may leave */
#define RECORD_MAX 16384u       /* bytes in a record: RFC 5246 §6.2.1 */

struct hull_tls {
	mbedtls_ssl_context ssl;
	struct hull_tcp *tcp;
	const struct hull_sink *sink;
	void (*connected)(void *user);
	void *user;
	const uint8_t *in; /* what the connection shows now */
	size_t in_len;
	bool is_open;   /* the handshake is done */
	bool is_paused; /* the sink wants nothing */
	bool is_over;   /* the sink is told nothing but `closed` */
	bool has_ended; /* the peer's end came, and was told */
	bool is_whole;  /* by its own word: close_notify */
	int error;      /* that ends it; 0: the connection's */
	uint8_t *plain; /* PLAIN_MAX + RECORD_MAX bytes, while there are some */
	size_t plain_len;
	struct hull_timer again;
};

/* ---- below: the connection ---- */

static int bio_send(void *user, const unsigned char *bytes, size_t len)
{
	struct hull_tls *t = user;

	return hull_tcp_send(t->tcp, bytes, len) == 0 ? (int)len : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int bio_receive(void *user, unsigned char *to, size_t len)
{
	struct hull_tls *t = user;

	len = len < t->in_len ? len : t->in_len;
	if (len == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(to, t->in, len);
	t->in += len;
	t->in_len -= len;
	return (int)len;
}

static bool wants_more(int err)
{
	return err == MBEDTLS_ERR_SSL_WANT_READ || err == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* The alert, if there is one to send, is with the connection already. */
static void fail(struct hull_tls *t, int error)
{
	t->error = error;
	t->is_over = true;
	hull_tcp_close(t->tcp);
}

/* ---- bytes that come ---- */

static void shake_hands(struct hull_tls *t)
{
	int err = mbedtls_ssl_handshake(&t->ssl);

	if (err == 0) {
		t->is_open = true;
		if (t->connected != NULL)
			t->connected(t->user);
	} else if (!wants_more(err)) {
		fail(t, err == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED ? EKEYREJECTED : EPROTO);
	}
}

static void tell_end(struct hull_tls *t)
{
	if (t->has_ended || t->is_over)
		return;
	t->has_ended = true;
	t->sink->ended(t->user);
}

/* Shows what is deciphered; false: the sink is not done with all of it, and wants no more now. */
static void show(struct hull_tls *t)
{
	size_t n;

	if (t->plain_len == 0 || t->is_paused || t->is_over)
		return;
	n = t->sink->received(t->user, t->plain, t->plain_len);
	t->plain_len -= n;
	memmove(t->plain, t->plain + n, t->plain_len);
}

/* A record's worth of bytes. False: there are none, or it is over. */
static bool decipher(struct hull_tls *t)
{
	int n;

	if (t->plain == NULL)
		t->plain = malloc(PLAIN_MAX + RECORD_MAX);
	if (t->plain == NULL) {
		fail(t, ENOMEM);
		return false;
	}
	if (t->plain_len > PLAIN_MAX) {
		fail(t, EMSGSIZE);
		return false;
	}
	n = mbedtls_ssl_read(&t->ssl, t->plain + t->plain_len, RECORD_MAX);
	if (n > 0) {
		t->plain_len += (size_t)n;
		return true;
	}
	if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		t->is_whole = true;
	if (n == 0 || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		tell_end(t);
	else if (!wants_more(n))
		fail(t, EPROTO);
	return false;
}

static void work(struct hull_tls *t)
{
	if (!t->is_open && !t->is_over)
		shake_hands(t);
	show(t);
	while (t->is_open && !t->is_over && !t->has_ended && !t->is_paused && decipher(t))
		show(t);
	if (t->plain_len == 0) { /* a connection that waits has no room */
		free(t->plain);
		t->plain = NULL;
	}
}

static size_t received(struct hull_tcp *c, const void *data, size_t len)
{
	struct hull_tls *t = hull_tcp_user(c);
	size_t left;

	t->in = data;
	t->in_len = len;
	work(t);
	left = t->in_len;
	t->in = NULL;
	t->in_len = 0;
	return t->is_over || t->has_ended ? len : len - left;
}

static void again(struct hull_timer *timer, void *user)
{
	(void)timer;
	work(user);
}

static void connected(struct hull_tcp *c)
{
	work(hull_tcp_user(c));
}

/* Without a close_notify: who counts bytes, as HTTP does, sees whether some are missing. */
static void ended(struct hull_tcp *c)
{
	struct hull_tls *t = hull_tcp_user(c);

	if (t->is_open)
		tell_end(t);
	else
		fail(t, ECONNRESET);
}

static void drained(struct hull_tcp *c)
{
	struct hull_tls *t = hull_tcp_user(c);

	if (t->is_open && !t->is_over)
		t->sink->drained(t->user);
}

static void closed(struct hull_tcp *c, int error)
{
	struct hull_tls *t = hull_tcp_user(c);

	hull_timer_stop(&t->again);
	t->sink->closed(t->user, t->error != 0 ? t->error : error);
	mbedtls_ssl_free(&t->ssl);
	free(t->plain);
	free(t);
}

static const struct hull_tcp_events events = { connected, received, ended, drained, closed };

/* ---- above: the calls ---- */

static struct hull_tls *new_stream(struct hull_tls_context *x, const struct hull_sink *sink,
				   void *user)
{
	struct hull_tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->sink = sink;
	t->user = user;
	hull_timer_init(&t->again, again, t);
	mbedtls_ssl_init(&t->ssl);
	if (mbedtls_ssl_setup(&t->ssl, &x->config) != 0) {
		mbedtls_ssl_free(&t->ssl);
		free(t);
		return NULL;
	}
	mbedtls_ssl_set_bio(&t->ssl, t, bio_send, bio_receive, NULL);
	return t;
}

static int tls_open(void *context, struct hull_tcp *c, const struct hull_sink *sink, void *user,
		    void **stream)
{
	struct hull_tls *t = new_stream(context, sink, user);

	if (t == NULL)
		return -ENOMEM;
	t->tcp = c;
	hull_tcp_set_user(c, t);
	hull_tcp_set_events(c, &events);
	*stream = t;
	return 0;
}

int hull_tls_connect(const struct hull_tls_connect_config *config, struct hull_tls **out)
{
	struct hull_tls *t = new_stream(config->context, config->sink, config->user);
	struct hull_connect_config tcp = { .remote = config->remote, .events = &events, .user = t };
	int err = -ENOMEM;

	if (t == NULL)
		return err;
	t->connected = config->connected;
	if (config->name == NULL || mbedtls_ssl_set_hostname(&t->ssl, config->name) == 0)
		err = hull_tcp_connect(&tcp, &t->tcp);
	if (err != 0) {
		mbedtls_ssl_free(&t->ssl);
		free(t);
		return err;
	}
	*out = t;
	return 0;
}

static int tls_send(void *stream, const void *data, size_t len)
{
	struct hull_tls *t = stream;
	const uint8_t *bytes = data;
	int n;

	if (t->is_over || !t->is_open)
		return t->is_over ? -EPIPE : -EAGAIN;
	/* Records make it longer: by less than a part in a hundred. */
	if (len > HULL_TCP_UNSENT / 2 || hull_tcp_unsent(t->tcp) > HULL_TCP_UNSENT / 2 - len)
		return -EAGAIN;
	while (len > 0) {
		n = mbedtls_ssl_write(&t->ssl, bytes, len);
		if (n <= 0) {
			fail(t, EPIPE);
			return -EPIPE;
		}
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t tls_unsent(const void *stream)
{
	const struct hull_tls *t = stream;

	return hull_tcp_unsent(t->tcp);
}

static void tls_pause(void *stream)
{
	struct hull_tls *t = stream;

	t->is_paused = true;
	hull_tcp_pause(t->tcp);
}

static void tls_resume(void *stream)
{
	struct hull_tls *t = stream;

	t->is_paused = false;
	hull_tcp_resume(t->tcp);
	/* What mbedTLS has, or we: the connection may have nothing to show any more. */
	if (!t->is_over)
		hull_timer_start(&t->again, 0, 0);
}

static void say_end(struct hull_tls *t)
{
	if (t->is_open && !t->is_over)
		(void)mbedtls_ssl_close_notify(&t->ssl);
}

static void tls_finish(void *stream)
{
	struct hull_tls *t = stream;

	say_end(t);
	hull_tcp_finish(t->tcp);
}

static void tls_close(void *stream)
{
	struct hull_tls *t = stream;

	say_end(t);
	t->is_over = true;
	hull_tcp_close(t->tcp);
}

static void tls_abort(void *stream)
{
	struct hull_tls *t = stream;

	t->is_over = true;
	hull_tcp_abort(t->tcp);
}

const struct hull_transport hull_tls_transport = {
	tls_open, tls_send, tls_unsent, tls_pause, tls_resume, tls_finish, tls_close, tls_abort,
};

/* ---- what it is like ---- */

const char *hull_tls_version(const struct hull_tls *t)
{
	return mbedtls_ssl_get_version(&t->ssl);
}

const char *hull_tls_cipher(const struct hull_tls *t)
{
	return mbedtls_ssl_get_ciphersuite(&t->ssl);
}

bool hull_tls_is_whole(const struct hull_tls *t)
{
	return t->is_whole;
}

const char *hull_tls_alpn(const struct hull_tls *t)
{
	return mbedtls_ssl_get_alpn_protocol(&t->ssl);
}
