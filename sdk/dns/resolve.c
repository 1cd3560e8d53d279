/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stub resolver (RFC 1034 §5.3.1) over hull_udp, the same on both backends. A query asks for A
 * and AAAA at once from a socket of its own, whose port the system chooses, with ids nobody knows;
 * an answer counts if it comes from the server that was asked, with the id and the question (RFC
 * 5452 §9.1). The servers are asked one after the other, twice around or as often as the file says.
 * An answer that did not fit is asked for by TCP. What nobody knows is asked for with the next
 * domain of the search list (search.h); servers that do not answer end the search.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "dns/search.h"

#define CHAIN_MAX  16u /* CNAMEs that are followed */
#define NR_KINDS   2u
#define QUERY_MAX  (DNS_HEADER + DNS_NAME_MAX + 4 + 11)
#define STREAM_MAX (2u + 65535u)

struct half { /* of a query: A or AAAA */
	uint16_t type, id;
	bool is_done;
	int error; /* positive; 0: it was answered, maybe with nothing */
	struct hull_tcp *stream;
};

struct hull_query {
	hull_resolved_fn *fn;
	void *user;
	uint16_t port;
	struct dns_search search;
	struct dns_name name;    /* that is asked for now */
	int error;               /* of those before; 0: there was none */
	struct hull_udp *socket; /* NULL: there is none yet */
	struct hull_timer timer;
	struct dns_config config;
	unsigned nr_tries;
	struct half halves[NR_KINDS];
	struct hull_address found[NR_KINDS][HULL_RESOLVE_MAX];
	unsigned nr_found[NR_KINDS];
};

/* ---- the end ---- */

static void end_stream(struct half *h)
{
	struct hull_tcp *c = h->stream;

	if (c == NULL)
		return;
	h->stream = NULL;
	hull_tcp_set_user(c, NULL);
	hull_tcp_abort(c);
}

void hull_query_cancel(struct hull_query *q)
{
	hull_timer_stop(&q->timer);
	if (q->socket != NULL)
		hull_udp_close(q->socket);
	for (unsigned i = 0; i < NR_KINDS; i++)
		end_stream(&q->halves[i]);
	free(q);
}

static int error_of(const struct hull_query *q)
{
	/* One that answers is enough; of two errors the first one's. */
	for (unsigned i = 0; i < NR_KINDS; i++) {
		if (q->halves[i].error == 0)
			return ENOENT;
	}
	return q->halves[0].error;
}

static void tell(struct hull_query *q, int error)
{
	struct hull_address all[HULL_RESOLVE_MAX];
	hull_resolved_fn *fn = q->fn;
	void *user = q->user;
	unsigned nr = 0;

	for (unsigned kind = 0; kind < NR_KINDS; kind++) {
		for (unsigned i = 0; i < q->nr_found[kind] && nr < HULL_RESOLVE_MAX; i++)
			all[nr++] = q->found[kind][i];
	}
	hull_query_cancel(q);
	fn(user, nr > 0 ? 0 : error, all, nr);
}

/* The next name, from the first server on. False: there are no more. */
static bool begin_name(struct hull_query *q)
{
	if (!hull_dns_search_next(&q->search, &q->config, &q->name))
		return false;
	q->nr_tries = 0;
	for (unsigned i = 0; i < NR_KINDS; i++) {
		q->halves[i].is_done = false;
		q->halves[i].error = 0;
		q->nr_found[i] = 0;
	}
	hull_timer_start(&q->timer, 0, 0);
	return true;
}

/* Both halves are done. */
static void finish(struct hull_query *q)
{
	int error = error_of(q);

	if (q->nr_found[0] == 0 && q->nr_found[1] == 0 && (error == ENOENT || error == EIO)) {
		/* A server's failure leaves open whether there is such a name. */
		q->error = q->error == EIO ? EIO : error;
		error = q->error;
		if (begin_name(q))
			return;
	}
	tell(q, error);
}

static void add(struct hull_query *q, unsigned kind, const uint8_t *bytes)
{
	struct hull_address *a;

	if (q->nr_found[kind] == HULL_RESOLVE_MAX)
		return;
	a = &q->found[kind][q->nr_found[kind]++];
	*a = (struct hull_address){ .port = q->port };
	memcpy(a->ip, hull_v4_prefix, sizeof(hull_v4_prefix));
	memcpy(a->ip + (kind == 0 ? 12 : 0), bytes, kind == 0 ? 4 : 16);
}

/* ---- answers ---- */

/* The records of `name` in the answer. 1: it is another name for *name, which is that now; 0: no;
 * -1: the message is not sound. */
static int read_answers(struct hull_query *q, unsigned kind, struct dns_reader r, unsigned nr,
			struct dns_name *name)
{
	const size_t len = kind == 0 ? 4 : 16;
	struct dns_record record;

	for (; nr > 0; nr--) {
		if (!hull_dns_read_record(&r, &record))
			return -1;
		if (record.class != DNS_CLASS_IN || !hull_dns_name_equal(&record.name, name))
			continue;
		if (record.type == q->halves[kind].type && record.data_len == len)
			add(q, kind, r.bytes + record.data_at);
		if (record.type == DNS_TYPE_CNAME) {
			r.at = record.data_at;
			return hull_dns_read_name(&r, name) ? 1 : -1;
		}
	}
	return 0;
}

static int error_of_code(unsigned rcode)
{
	return rcode == DNS_RCODE_OK ? 0 : rcode == DNS_RCODE_NO_NAME ? ENOENT : EIO;
}

static int half_of(const struct hull_query *q, const struct dns_header *h,
		   const struct dns_question *question)
{
	for (unsigned i = 0; i < NR_KINDS; i++) {
		if (q->halves[i].id == h->id && q->halves[i].type == question->type &&
		    question->class == DNS_CLASS_IN &&
		    hull_dns_name_equal(&question->name, &q->name))
			return (int)i;
	}
	return -1;
}

static void half_done(struct hull_query *q, struct half *h, int error)
{
	h->is_done = true;
	h->error = error;
	end_stream(h);
	if (q->halves[0].is_done && q->halves[1].is_done)
		finish(q);
}

static void ask_by_stream(struct hull_query *q, struct half *h);

static void answered(struct hull_query *q, const uint8_t *bytes, size_t len, bool by_stream)
{
	struct dns_reader r = { .bytes = bytes, .len = len };
	struct dns_name name = q->name;
	struct dns_question question;
	struct dns_header header;
	int kind, more = 1;

	if (!hull_dns_read_header(&r, &header) || (header.flags & DNS_ANSWER) == 0 ||
	    header.nr_questions != 1 || !hull_dns_read_question(&r, &question))
		return;
	kind = half_of(q, &header, &question);
	if (kind < 0 || q->halves[kind].is_done)
		return;
	if ((header.flags & DNS_TRUNCATED) != 0 && !by_stream) {
		ask_by_stream(q, &q->halves[kind]);
		return;
	}
	q->nr_found[kind] = 0;
	for (unsigned n = 0; n < CHAIN_MAX && more > 0; n++)
		more = read_answers(q, (unsigned)kind, r, header.nr_answers, &name);
	half_done(q, &q->halves[kind], more != 0 ? EIO : error_of_code(header.flags & DNS_RCODE));
}

static const struct hull_address *server_of(const struct hull_query *q)
{
	return &q->config.servers[(q->nr_tries - 1) % q->config.nr_servers];
}

static void received(struct hull_udp *u, const struct hull_datagram *d)
{
	struct hull_query *q = hull_udp_user(u);

	if (q->nr_tries > 0 && hull_address_equal(&d->from, server_of(q)))
		answered(q, d->data, d->len, false);
}

/* ---- questions ---- */

static size_t write_question(const struct hull_query *q, const struct half *h, uint8_t *to)
{
	const struct dns_header header = {
		.id = h->id,
		.flags = DNS_RECURSION_DESIRED,
		.nr_questions = 1,
		.nr_additional = 1,
	};
	const struct dns_question question = { q->name, h->type, DNS_CLASS_IN };
	struct dns_writer w = { .bytes = to, .room = QUERY_MAX };

	hull_dns_write_header(&w, &header);
	hull_dns_write_question(&w, &question);
	hull_dns_write_edns(&w, DNS_EDNS_MAX);
	return w.len;
}

/* The next server; after the last round it is over. */
static void try_next(struct hull_timer *t, void *user)
{
	struct hull_query *q = user;
	uint8_t bytes[QUERY_MAX];

	(void)t;
	if (q->nr_tries == q->config.attempts * q->config.nr_servers) {
		for (unsigned i = 0; i < NR_KINDS; i++) {
			if (!q->halves[i].is_done)
				q->halves[i].error = q->nr_tries == 0 ? ENETUNREACH : ETIMEDOUT;
		}
		finish(q);
		return;
	}
	q->nr_tries++;
	for (unsigned i = 0; i < NR_KINDS; i++) {
		if (q->halves[i].is_done)
			continue;
		end_stream(&q->halves[i]);
		hull_random(&q->halves[i].id, sizeof(q->halves[i].id));
		(void)hull_udp_send(q->socket, server_of(q), bytes,
				    write_question(q, &q->halves[i], bytes));
	}
	hull_timer_start(&q->timer, q->config.timeout, 0);
}

/* Nobody listens there, or it cannot be reached: no need to wait for it. */
static void failed(struct hull_udp *u, const struct hull_address *to, int error)
{
	struct hull_query *q = hull_udp_user(u);

	(void)error;
	if (q->nr_tries > 0 && hull_address_equal(to, server_of(q)))
		hull_timer_start(&q->timer, 0, 0);
}

/* ---- by TCP: RFC 7766 ---- */

static size_t stream_received(struct hull_tcp *c, const void *data, size_t len)
{
	struct hull_query *q = hull_tcp_user(c);
	const uint8_t *bytes = data;
	size_t wanted;

	if (q == NULL || len < 2)
		return q == NULL ? len : 0;
	wanted = (size_t)bytes[0] << 8 | bytes[1];
	if (len - 2 < wanted)
		return 0;
	answered(q, bytes + 2, wanted, true);
	return len;
}

/* Without an answer: the timer asks the next server. */
static void stream_closed(struct hull_tcp *c, int error)
{
	struct hull_query *q = hull_tcp_user(c);

	(void)error;
	for (unsigned i = 0; q != NULL && i < NR_KINDS; i++) {
		if (q->halves[i].stream == c)
			q->halves[i].stream = NULL;
	}
}

static void ask_by_stream(struct hull_query *q, struct half *h)
{
	static const struct hull_tcp_events events = {
		.received = stream_received,
		.closed = stream_closed,
	};
	const struct hull_connect_config config = {
		.remote = *server_of(q),
		.hold_limit = STREAM_MAX,
		.events = &events,
		.user = q,
	};
	uint8_t bytes[2 + QUERY_MAX];
	size_t len = write_question(q, h, bytes + 2);

	if (h->stream != NULL || hull_tcp_connect(&config, &h->stream) != 0)
		return;
	bytes[0] = (uint8_t)(len >> 8);
	bytes[1] = (uint8_t)len;
	(void)hull_tcp_send(h->stream, bytes, 2 + len);
	hull_timer_start(&q->timer, q->config.timeout, 0);
}

/* ---- the beginning ---- */

/* What is known without asking is told by the loop, too. */
static void tell_known(struct hull_timer *t, void *user)
{
	(void)t;
	tell(user, 0);
}

static bool is_known(struct hull_query *q, const char *name)
{
	struct hull_address one, all[HULL_RESOLVE_MAX];
	unsigned nr = 1;

	if (hull_address_parse(name, 0, &one) == 0 && !hull_address_is_any(&one))
		all[0] = one;
	else
		nr = hull_dns_hosts_find(name, all, HULL_RESOLVE_MAX);
	for (unsigned i = 0; i < nr; i++) {
		unsigned kind = hull_address_is_v4(&all[i]) ? 0 : 1;

		add(q, kind, all[i].ip + (kind == 0 ? 12 : 0));
		q->found[kind][q->nr_found[kind] - 1].interface = all[i].interface;
	}
	return nr > 0;
}

static int open_socket(struct hull_query *q)
{
	const struct hull_udp_config config = {
		.received = received,
		.failed = failed,
		.user = q,
	};

	hull_dns_config_read(&q->config);
	return hull_udp_open(&config, &q->socket);
}

int hull_resolve(const char *name, uint16_t port, hull_resolved_fn *fn, void *user,
		 struct hull_query **out)
{
	struct hull_query *q = calloc(1, sizeof(*q));
	struct dns_name given;
	bool known;
	int err = 0;

	if (q == NULL)
		return -ENOMEM;
	q->fn = fn;
	q->user = user;
	q->port = port;
	q->halves[0].type = DNS_TYPE_A;
	q->halves[1].type = DNS_TYPE_AAAA;
	known = is_known(q, name);
	if (!known)
		err = hull_dns_name_parse(name, &given);
	if (!known && err == 0)
		err = open_socket(q);
	if (err != 0) {
		free(q);
		return err;
	}
	hull_timer_init(&q->timer, known ? tell_known : try_next, q);
	if (known) {
		hull_timer_start(&q->timer, 0, 0);
	} else {
		hull_dns_search_begin(&q->search, name, &given);
		(void)begin_name(q); /* there is one: the name as it is */
	}
	*out = q;
	return 0;
}
