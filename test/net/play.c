/* SPDX-License-Identifier: BSD-2-Clause */
/* Plays scripts: play.h. One TAP line a case; a failure says the line and what was seen. */
#include "test/net/play.h"

#include <ctype.h>
#include <linux/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/kmem.h"
#include "net/wire/checksum.h"
#include "test/net/world.h"

#define LOCAL_PORT 80
#define PEER_PORT  9000 /* of peer 0; the others follow */
#define PEERS      64
#define USERS      64
#define TOLERANCE  (2 * TCP_MS)
#define LINE_MAX_  512

struct user {
	struct tcp tcp;
	unsigned refs;
	bool closed; /* by the script */
	unsigned news;
	uint32_t sent, received; /* offsets of the streams */
};

struct peer {
	uint32_t base, ours; /* sequence numbers of the SYNs */
	bool has_ours;
	uint16_t local_port;
	uint32_t window, last_ts;
	uint8_t cookie[16];
	unsigned cookie_len;
};

static struct wire_net wire;
static struct list sent;           /* struct play_sent that no line has expected yet */
static struct user *users[USERS];  /* in the order of their coming; still counted by the script */
static unsigned nr_users, current;
static struct peer peers[PEERS];
static unsigned peer_idx;
static bool v6, has_world;
static nsec_t tolerance;
static char why[1024];
static const char *file_name;
static unsigned line_number, nr_cases, nr_failed, failed_line;
static char case_name[LINE_MAX_];

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *format, ...)
{
	va_list args;

	if (failed_line != 0)
		return;
	failed_line = line_number;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
}

/* ---- the user ---- */

static struct user *user_of(struct tcp *t)
{
	return container_of(t, struct user, tcp);
}

static void changed(struct tcp *t, unsigned news)
{
	user_of(t)->news |= news;
}

static void get(struct tcp *t)
{
	user_of(t)->refs++;
}

static void put(struct tcp *t)
{
	struct user *u = user_of(t);

	if (--u->refs > 0)
		return;
	tcp_fini(t);
	kmem_free(u);
}

static struct tcp *child(struct tcp *listener);
static const struct tcp_events events = { changed, child, get, put };

static struct user *user_new(void)
{
	struct user *u = kmem_alloc(sizeof(*u));

	if (u == NULL)
		return NULL;
	u->refs = 1;
	tcp_init(&u->tcp, &wire.net, &events, v6);
	return u;
}

static struct tcp *child(struct tcp *listener)
{
	struct user *u = user_new();

	(void)listener;
	return u == NULL ? NULL : &u->tcp;
}

static struct user *add_user(struct user *u)
{
	if (nr_users == USERS)
		abort();
	users[nr_users] = u;
	current = nr_users++;
	return u;
}

/* The one that the script speaks of; made when there is none. */
static struct user *user(void)
{
	return nr_users == 0 ? add_user(user_new()) : users[current];
}

/* ---- addresses ---- */

static void address(struct inet_address *a, unsigned host, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (v6) {
		a->ip[0] = 0xfd;
		a->ip[15] = (uint8_t)host;
	} else {
		memcpy(a->ip, inet_any4, 16);
		a->ip[12] = 10;
		a->ip[15] = (uint8_t)host;
	}
	a->port = port;
}

static struct peer *peer(void)
{
	return &peers[peer_idx];
}

/* ---- segments out ---- */

static void on_sent(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v)
{
	struct play_sent *s = calloc(1, sizeof(*s));
	unsigned idx;

	(void)n;
	s->at = world_now;
	s->b = b;
	play_take_apart(s, v);
	idx = (unsigned)(s->to - PEER_PORT);
	if (idx < PEERS) {
		if ((s->flags & TCP_SYN) != 0) {
			peers[idx].ours = s->seq;
			peers[idx].has_ours = true;
		}
		peers[idx].local_port = s->from;
		if (s->options.has_timestamps)
			peers[idx].last_ts = s->options.ts;
		if (s->options.cookie_len > 0) {
			peers[idx].cookie_len = s->options.cookie_len;
			memcpy(peers[idx].cookie, s->options.cookie, s->options.cookie_len);
		}
	}
	list_append(&sent, &s->link);
}

static void free_sent(struct play_sent *s)
{
	list_remove(&s->link);
	netbuf_free(s->b);
	free(s);
}

static const char *describe(const struct play_sent *s)
{
	static char text[512];
	const struct peer *p = &peers[(unsigned)(s->to - PEER_PORT) % PEERS];
	char flags[9], *f = flags;
	int n;

	for (unsigned i = 0; i < 8; i++)
		if ((s->flags & 1u << i) != 0)
			*f++ = "FSRP.UEW"[i];
	*f = '\0';
	n = snprintf(text, sizeof(text), "+%.6f > %s %u:%u(%u) ack %u win %u",
		     (double)(s->at - 3600 * NSEC_PER_SEC) / 1e9, flags, s->seq - p->ours,
		     s->seq - p->ours + s->b->len, s->b->len, s->ack - p->base, s->window);
	if (s->options.has_timestamps)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " ts %u %u", s->options.ts,
			      s->options.ts_echo);
	for (unsigned i = 0; i < s->options.nr_sacks; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " sack %u:%u",
			      s->options.sacks[i].seq - p->base, s->options.sacks[i].end - p->base);
	if (s->options.mss != 0)
		snprintf(text + n, sizeof(text) - (size_t)n, " mss %u wscale %d sackOK %d ecn %u",
			 s->options.mss, s->options.has_scale ? s->options.scale : -1,
			 s->options.sack_ok, s->traffic_class & 3u);
	return text;
}

static const char *wrong_options(const struct play_options *w, const struct tcp_options *o)
{
	if (w->mss >= 0 && o->mss != w->mss)
		return "mss";
	if (w->scale >= 0 && (!o->has_scale || o->scale != w->scale))
		return "wscale";
	if (w->sack_ok && !o->sack_ok)
		return "sackOK";
	if ((w->has_ts && !o->has_timestamps) || (w->no_ts && o->has_timestamps))
		return "ts";
	if (w->has_ts && !w->last_echo && o->ts_echo != w->echo)
		return "the echoed timestamp";
	if ((w->has_sack && o->nr_sacks != w->nr_sacks) || (w->no_sack && o->nr_sacks > 0))
		return "the number of SACK blocks";
	for (unsigned i = 0; i < w->nr_sacks; i++)
		if (o->sacks[i].seq - peer()->base != w->sacks[i].seq ||
		    o->sacks[i].end - peer()->base != w->sacks[i].end)
			return "a SACK block";
	if ((w->has_fastopen && !o->has_fastopen) || (w->no_fastopen && o->has_fastopen))
		return "fo";
	if (w->has_fastopen && !w->any_fastopen && o->cookie_len != w->cookie_len)
		return "the cookie";
	return NULL;
}

static const char *wrong_payload(const struct play_sent *s)
{
	uint32_t at = s->seq - peer()->ours - ((s->flags & TCP_SYN) == 0);

	for (uint32_t i = 0; i < s->b->len; i++) {
		uint8_t byte;

		netbuf_copy_out(s->b, i, &byte, 1);
		if (byte != play_byte(true, at + i))
			return "the payload";
	}
	return NULL;
}

static const char *wrong_field(const struct play_segment *w, const struct play_sent *s)
{
	unsigned ecn = s->traffic_class & 3u;

	if (s->to != PEER_PORT + peer_idx)
		return "the peer";
	if (((w->flags ^ s->flags) & ~(unsigned)TCP_PSH) != 0)
		return "the flags";
	if (s->seq - peer()->ours != w->seq && (s->flags & TCP_RST) == 0)
		return "seq";
	if ((s->flags & TCP_RST) != 0 && peer()->has_ours && s->seq - peer()->ours != w->seq)
		return "seq of the reset";
	if (s->b->len != w->len)
		return "the length";
	if (w->has_ack && s->ack - peer()->base != w->ack)
		return "ack";
	if (w->has_window && s->window != w->window)
		return "win";
	if (w->urgent >= 0 && s->urgent != w->urgent)
		return "urg";
	if ((w->ect && ecn != 2) || (w->ce && ecn != 3))
		return "ECN";
	if (w->has_options && wrong_options(&w->options, &s->options) != NULL)
		return wrong_options(&w->options, &s->options);
	return wrong_payload(s);
}

static void expect(char *text)
{
	struct play_sent *s = list_first(&sent, struct play_sent, link);
	struct play_segment w;
	const char *wrong = play_parse_segment(text, &w);

	if (wrong != NULL) {
		fail("%s", wrong);
		return;
	}
	if (s == NULL) {
		fail("nothing is sent");
		return;
	}
	wrong = wrong_field(&w, s);
	if (wrong != NULL)
		fail("%s is not it: %s", wrong, describe(s));
	else if (s->at < world_now - tolerance - TOLERANCE)
		fail("it is too early: %s", describe(s));
	free_sent(s);
}

static void expect_nothing(void)
{
	struct play_sent *s = list_first(&sent, struct play_sent, link);

	if (s != NULL)
		fail("not expected: %s", describe(s));
}

/* ---- segments in ---- */

static struct netbuf *build(const struct play_segment *w, const struct ip_info *info)
{
	struct netbuf *b = netbuf_new(w->len < 1900 ? w->len + 60 : 60);
	uint8_t options[60], byte;
	unsigned options_len = play_put_options(options, &w->options, peer()->ours);
	uint32_t at = w->seq - ((w->flags & TCP_SYN) == 0);
	struct tcp_header *h = netbuf_put(b, TCP_HEADER);
	struct be16 sum;

	*h = (struct tcp_header){
		.from = be16_of((uint16_t)(PEER_PORT + peer_idx)),
		.to = be16_of(peer()->local_port),
		.seq = be32_of(peer()->base + w->seq),
		.ack = be32_of(w->has_ack ? peer()->ours + w->ack : 0),
		.words = (uint8_t)((TCP_HEADER + options_len) / 4 << 4),
		.flags = w->flags,
		.window = be16_of((uint16_t)peer()->window),
		.urgent = be16_of(w->urgent >= 0 ? (uint16_t)w->urgent : 0),
	};
	memcpy(netbuf_put(b, options_len), options, options_len);
	for (uint32_t i = 0; i < w->len; i++) {
		byte = play_byte(false, at + i);
		if (netbuf_append(b, &byte, 1) != 0)
			abort();
	}
	sum = checksum_finish(checksum_pseudo(info->from, info->to, IPPROTO_TCP, b->len) +
			      netbuf_sum(b, 0, b->len));
	((struct tcp_header *)b->data)->checksum = w->bad_sum ? be16_of(0xdead) : sum;
	return b;
}

static void inject(char *text)
{
	struct ip_info info = { .protocol = IPPROTO_TCP, .v4 = !v6, .dev_index = 1 };
	struct inet_address us, them;
	struct play_segment w;
	const char *wrong = play_parse_segment(text, &w);
	unsigned rate = 0;

	expect_nothing();
	if (wrong != NULL) {
		fail("%s", wrong);
		return;
	}
	(void)rate;
	if (w.has_window)
		peer()->window = w.window;
	if (w.options.last_echo)
		w.options.echo = peer()->last_ts;
	if (w.options.last_cookie) {
		w.options.cookie_len = peer()->cookie_len;
		memcpy(w.options.cookie, peer()->cookie, sizeof(w.options.cookie));
	}
	address(&us, 1, 0);
	address(&them, 2, 0);
	memcpy(info.from, them.ip, 16);
	memcpy(info.to, us.ip, 16);
	info.traffic_class = w.ce ? 3 : w.ect ? 2 : 0;
	wire_receive(&wire, build(&w, &info), &info);
}

static void icmp(char *what, const char *rest)
{
	struct ip_error e = { .protocol = IPPROTO_TCP, .v4 = !v6, .is_fatal = true };
	struct inet_address us, them;
	struct tcp_header h = { .words = 0x50 };
	unsigned mtu = 0, seq = 0;

	if (strcmp(what, "toobig") == 0) {
		if (sscanf(rest, "%u seq %u", &mtu, &seq) < 1)
			fail("no MTU");
		e.mtu = mtu;
		e.error = EMSGSIZE;
	} else {
		e.error = strcmp(what, "refused") == 0 ? ECONNREFUSED : EHOSTUNREACH;
		if (sscanf(rest, " seq %u", &seq) != 1)
			seq = 0;
	}
	address(&us, 1, 0);
	address(&them, 2, 0);
	memcpy(e.from, us.ip, 16);
	memcpy(e.to, them.ip, 16);
	h.from = be16_of(peer()->local_port);
	h.to = be16_of((uint16_t)(PEER_PORT + peer_idx));
	h.seq = be32_of(peer()->ours + seq);
	e.payload = (const uint8_t *)&h;
	e.payload_len = sizeof(h);
	expect_nothing();
	tcp_error(&wire.net, &e);
}

/* ---- calls ---- */

static void want(int err, int wanted, const char *what)
{
	if (err != wanted)
		fail("%s gives %d (%s), not %d", what, err, strerror(-err), wanted);
}

static int error_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = {
		{ "ECONNREFUSED", ECONNREFUSED }, { "ECONNRESET", ECONNRESET },
		{ "ETIMEDOUT", ETIMEDOUT },	  { "EPIPE", EPIPE },
		{ "EHOSTUNREACH", EHOSTUNREACH }, { "ENOTCONN", ENOTCONN },
		{ "EINVAL", EINVAL },		  { "EAGAIN", EAGAIN },
		{ "EALREADY", EALREADY },	  { "EISCONN", EISCONN },
		{ "ENETUNREACH", ENETUNREACH },	  { "ENOENT", ENOENT },
		{ "0", 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	fail("an unknown error %s", name);
	return -1;
}

static int wanted_error(const char *rest)
{
	const char *at = strchr(rest, '=');
	char name[32];

	if (at == NULL || sscanf(at, "= %31s", name) != 1)
		return 0;
	return -error_number(name);
}

static void do_listen(const char *rest)
{
	struct inet_address a;
	struct user *u = user();

	address(&a, 1, LOCAL_PORT);
	if (u->tcp.endpoint.local.port == 0)
		want(endpoint_bind(&u->tcp.endpoint, &a), 0, "bind");
	want(tcp_listen(&u->tcp, (unsigned)(*rest != '\0' ? atoi(rest) : 10)), 0, "listen");
	for (unsigned i = 0; i < PEERS; i++)
		peers[i].local_port = LOCAL_PORT;
}

static void do_connect(const char *rest)
{
	struct inet_address to;

	address(&to, 2, (uint16_t)(PEER_PORT + peer_idx));
	want(tcp_connect(&user()->tcp, &to, NULL), wanted_error(rest), "connect");
}

static void do_accept(const char *rest)
{
	struct tcp *t = NULL;

	for (unsigned i = 0; i < nr_users && t == NULL; i++)
		if (!users[i]->closed && tcp_state(&users[i]->tcp) == TCP_STATE_LISTEN)
			t = tcp_accept(&users[i]->tcp);
	if (t == NULL) {
		if (strstr(rest, "none") == NULL)
			fail("there is nothing to accept");
		return;
	}
	add_user(user_of(t));
	if (strstr(rest, "none") != NULL)
		fail("there is a connection");
}

static void do_write(const char *rest)
{
	struct user *u = user();
	unsigned n = (unsigned)atoi(rest), flags = 0;
	int wanted = wanted_error(rest);

	flags |= strstr(rest, "more") != NULL ? TCP_SEND_MORE : 0;
	flags |= strstr(rest, "urgent") != NULL ? TCP_SEND_URGENT : 0;
	flags |= strstr(rest, "alone") != NULL ? TCP_SEND_ALONE : 0;
	while (n > 0) {
		struct netbuf *b = netbuf_new(0);
		unsigned len = n > 65536 ? 65536 : n;

		n -= len;
		if (b == NULL) {
			fail("no memory");
			return;
		}
		for (unsigned i = 0; i < len; i++) {
			uint8_t byte = play_byte(true, u->sent + i);

			if (netbuf_append(b, &byte, 1) != 0)
				abort();
		}
		want(tcp_send(&u->tcp, b, flags | (n > 0 ? TCP_SEND_MORE : 0)), wanted, "write");
		u->sent += wanted == 0 ? len : 0;
	}
}

static void do_read(const char *rest)
{
	struct user *u = user();
	uint32_t n = (uint32_t)atoi(rest), offset, done = 0;
	struct netbuf *b = tcp_first(&u->tcp, &offset);

	if (tcp_readable(&u->tcp) < n) {
		fail("there are %u to read", tcp_readable(&u->tcp));
		return;
	}
	for (; done < n && b != NULL; b = tcp_next(&u->tcp, b), offset = 0) {
		for (; offset < b->len && done < n; offset++, done++) {
			uint8_t byte;

			netbuf_copy_out(b, offset, &byte, 1);
			if (byte != play_byte(false, u->received + done)) {
				fail("byte %u of the stream is wrong", u->received + done);
				return;
			}
		}
	}
	u->received += done;
	tcp_consumed(&u->tcp, done);
}

static void do_urgent(const char *rest)
{
	uint8_t byte = 0;
	int wanted = wanted_error(rest), got = tcp_urgent(&user()->tcp, strstr(rest, "peek") != NULL,
							  &byte);
	unsigned offset;

	if (wanted == 0)
		wanted = 1;
	want(got, wanted, "urgent");
	if (got == 1 && sscanf(rest, "%u", &offset) == 1 && byte != play_byte(false, offset))
		fail("the urgent byte is another one");
}

static void do_end(const char *what)
{
	struct user *u = user();

	if (strcmp(what, "close") == 0)
		tcp_close(&u->tcp);
	else
		tcp_abort(&u->tcp);
	u->closed = true;
	put(&u->tcp);
	nr_users--;
	memmove(&users[current], &users[current + 1], (nr_users - current) * sizeof(users[0]));
	current = nr_users > 0 ? nr_users - 1 : 0;
}

static void do_shutdown(const char *rest)
{
	bool receive = strstr(rest, "rd") == rest, send = strstr(rest, "wr") != NULL;

	want(tcp_shutdown(&user()->tcp, receive, send), wanted_error(rest), "shutdown");
}

/* ---- numbers ---- */

struct number {
	const char *name;
	size_t at;
	unsigned size;
};

#define WISH(field)    { #field, offsetof(struct tcp_wishes, field), \
			 sizeof(((struct tcp_wishes *)NULL)->field) }
#define SETTING(field) { #field, offsetof(struct tcp_settings, field), \
			 sizeof(((struct tcp_settings *)NULL)->field) }
#define FIELD(field)   { #field, offsetof(struct tcp, field), \
			 sizeof(((struct tcp *)NULL)->field) }
#define COUNT(field)   { #field, offsetof(struct tcp_counters, field), 8 }

static const struct number wishes[] = {
	WISH(no_delay), WISH(cork), WISH(keepalive), WISH(out_of_band_inline), WISH(no_quick_ack),
	WISH(fastopen_connect), WISH(keep_idle_s), WISH(keep_interval_s), WISH(keep_count),
	WISH(user_timeout_ms), WISH(defer_accept_s), WISH(syn_retries), WISH(max_segment),
	WISH(window_clamp), WISH(not_sent_low), WISH(linger2_s), WISH(fastopen_queue),
	WISH(traffic_class), WISH(hops),
};

static const struct number settings[] = {
	SETTING(rmem[0]), SETTING(rmem[1]), SETTING(rmem[2]), SETTING(wmem[0]), SETTING(wmem[1]),
	SETTING(wmem[2]), SETTING(syn_retries), SETTING(synack_retries), SETTING(retries2),
	SETTING(orphan_retries), SETTING(fin_timeout_s), SETTING(max_syn_backlog),
	SETTING(max_orphans), SETTING(max_tw_buckets), SETTING(fastopen), SETTING(base_mss),
	SETTING(challenge_ack_limit), SETTING(syncookies), SETTING(timestamps), SETTING(sack),
	SETTING(dsack), SETTING(window_scaling), SETTING(ecn), SETTING(mtu_probing),
	SETTING(moderate_rcvbuf), SETTING(slow_start_after_idle), SETTING(recovery_frto),
	SETTING(abort_on_overflow), SETTING(tlp), SETTING(min_rto_ms), SETTING(rfc1337),
};

static const struct number fields[] = {
	FIELD(cwnd), FIELD(ssthresh), FIELD(mss), FIELD(mood), FIELD(lost_bytes), FIELD(sacked),
	FIELD(retrans), FIELD(in_bytes), FIELD(nr_pending), FIELD(nr_requests), FIELD(peer_mss),
	FIELD(has_timestamps), FIELD(has_sack), FIELD(has_scale), FIELD(has_ecn), FIELD(retries),
	FIELD(receive_limit), FIELD(send_limit), FIELD(nr_retrans), FIELD(nr_dsacks),
	FIELD(rack_mult), FIELD(reordering_seen), FIELD(nr_blocks), FIELD(snd.window),
	FIELD(snd.scale), FIELD(rcv.scale), FIELD(rcv.window), FIELD(bytes_acked), FIELD(backoff),
	FIELD(bytes_received), FIELD(soft_error), FIELD(got_fin), FIELD(syn_data_acked),
	FIELD(is_interactive), FIELD(srtt), FIELD(rto), FIELD(out_charge), FIELD(in_charge),
};

static const struct number counters[] = {
	COUNT(active_opens), COUNT(passive_opens), COUNT(attempt_fails), COUNT(estab_resets),
	COUNT(curr_estab), COUNT(retrans_segs), COUNT(in_errs), COUNT(out_rsts),
	COUNT(syncookies_sent), COUNT(syncookies_recv), COUNT(syncookies_failed),
	COUNT(listen_overflows), COUNT(listen_drops), COUNT(time_wait), COUNT(paws_rejected),
	COUNT(timeouts), COUNT(loss_probes), COUNT(fast_retransmits), COUNT(spurious_rtos),
	COUNT(challenge_acks), COUNT(out_of_order_queued), COUNT(rcv_pruned), COUNT(orphans),
	COUNT(fastopen_active), COUNT(fastopen_passive),
};

static const struct number *find_number(const struct number *of, unsigned nr, const char *name)
{
	for (unsigned i = 0; i < nr; i++)
		if (strcmp(of[i].name, name) == 0)
			return &of[i];
	return NULL;
}

static void set_number(const struct number *of, unsigned nr, void *base, const char *rest)
{
	const struct number *n;
	char name[64];
	long value;

	if (sscanf(rest, "%63s %ld", name, &value) != 2 ||
	    (n = find_number(of, nr, name)) == NULL) {
		fail("no such number");
		return;
	}
	memcpy((char *)base + n->at, &value, n->size);
}

static void change_wish(struct tcp_wishes *w, void *arg)
{
	set_number(wishes, ARRAY_SIZE(wishes), w, arg);
}

static long special_number(const char *name, bool *known)
{
	struct tcp *t = &user()->tcp;

	*known = true;
	if (strcmp(name, "flight") == 0)
		return tcp_flight(t);
	if (strcmp(name, "readable") == 0)
		return tcp_readable(t);
	if (strcmp(name, "unacked") == 0)
		return tcp_unacked(t);
	if (strcmp(name, "notsent") == 0)
		return tcp_not_sent(t);
	if (strcmp(name, "room") == 0)
		return tcp_room(t);
	if (strcmp(name, "writable") == 0)
		return tcp_is_writable(t);
	if (strcmp(name, "atmark") == 0)
		return tcp_is_at_mark(t);
	if (strcmp(name, "rest") == 0)
		return wire.net.tcp_stack->nr_rest;
	if (strcmp(name, "memory") == 0)
		return (long)wire.net.tcp_stack->memory;
	if (strcmp(name, "srtt_ms") == 0)
		return t->srtt / TCP_MS;
	if (strcmp(name, "rto_ms") == 0)
		return t->rto / TCP_MS;
	*known = false;
	return 0;
}

static void check_number(const char *rest)
{
	const struct number *n;
	char name[64], relation[4] = "=";
	long value = 0, wanted;
	bool known, right;

	if (sscanf(rest, "%63s %3[<>=] %ld", name, relation, &wanted) != 3 &&
	    sscanf(rest, "%63s %ld", name, &wanted) != 2) {
		fail("not a number");
		return;
	}
	value = special_number(name, &known);
	if (!known && (n = find_number(fields, ARRAY_SIZE(fields), name)) != NULL) {
		memcpy(&value, (char *)&user()->tcp + n->at, n->size);
	} else if (!known && (n = find_number(counters, ARRAY_SIZE(counters), name)) != NULL) {
		memcpy(&value, (char *)tcp_counters(&wire.net) + n->at, n->size);
	} else if (!known) {
		fail("no number %s", name);
	}
	right = *relation == '<' ? value < wanted : *relation == '>' ? value > wanted
								     : value == wanted;
	if (!right)
		fail("%s is %ld", name, value);
}

static void check_state(const char *rest)
{
	static const char *const names[] = { "?",	     "ESTABLISHED", "SYN_SENT", "SYN_RECEIVED",
					     "FIN_WAIT_1",  "FIN_WAIT_2",  "TIME_WAIT", "CLOSED",
					     "CLOSE_WAIT",  "LAST_ACK",	   "LISTEN",	"CLOSING" };
	const char *is = names[tcp_state(&user()->tcp)];

	if (strncmp(is, rest, strlen(is)) != 0)
		fail("the state is %s", is);
}

static void check_news(const char *rest)
{
	static const char *const names[] = { "readable", "writable", "connected", "urgent",
					     "pending",	 "ended",    "all" };
	struct user *u = user();
	unsigned wanted = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(rest, names[i]) != NULL)
			wanted |= 1u << i;
	if ((u->news & wanted) != wanted)
		fail("the news are %#x", u->news);
	u->news = 0;
}

/* ---- cases ---- */

static void start_world(void)
{
	world_start(0x48756c6c ^ line_number);
	memset(&wire, 0, sizeof(wire));
	memset(peers, 0, sizeof(peers));
	wire.sent = on_sent;
	list_init(&sent);
	nr_users = current = peer_idx = 0;
	v6 = false;
	tolerance = 0;
	failed_line = 0;
	wire_init(&wire);
	peer_idx = 1;
	for (unsigned i = 0; i < PEERS; i++) {
		peers[i].base = 0xfffffc00u + i * 0x1000u; /* numbers wrap soon */
		peers[i].window = 65535;
	}
	has_world = true;
}

static void end_world(void)
{
	size_t left;

	world_fail_rate(0);
	expect_nothing();
	while (nr_users > 0) {
		current = nr_users - 1;
		do_end("abort");
	}
	world_advance(world_now + 300 * NSEC_PER_SEC);
	while (!list_is_empty(&sent))
		free_sent(list_first(&sent, struct play_sent, link));
	if (wire.net.tcp_stack->memory != 0)
		fail("%lu bytes are still charged", wire.net.tcp_stack->memory);
	if (wire.net.tcp_stack->counters.orphans != 0)
		fail("%lu orphans are left", wire.net.tcp_stack->counters.orphans);
	if (wire.net.tcp_stack->counters.curr_estab != 0)
		fail("%lu are established", wire.net.tcp_stack->counters.curr_estab);
	wire_fini(&wire);
	left = world_nr_objects();
	if (left != 0)
		fail("%zu allocations are left", left);
	has_world = false;
	nr_cases++;
	if (failed_line != 0) {
		nr_failed++;
		printf("not ok %u - %s\n# %s:%u: %s\n", nr_cases, case_name, file_name,
		       failed_line, why);
	} else {
		printf("ok %u - %s\n", nr_cases, case_name);
	}
	if (left != 0)
		exit(1);
}

static bool word(char **rest, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(*rest, name, len) != 0 || (isalnum((unsigned char)(*rest)[len])))
		return false;
	*rest += len;
	while (isspace((unsigned char)**rest))
		(*rest)++;
	return true;
}

static bool act_on_world(char *rest)
{
	if (word(&rest, "ipv6"))
		v6 = true;
	else if (word(&rest, "mtu"))
		wire_mtu(&wire, (uint32_t)atoi(rest));
	else if (word(&rest, "gso"))
		wire.keep_gso = true;
	else if (word(&rest, "route"))
		wire.route_error = -error_number(rest);
	else if (word(&rest, "set"))
		set_number(settings, ARRAY_SIZE(settings), tcp_settings(&wire.net), rest);
	else if (word(&rest, "fail"))
		world_fail_rate((unsigned)atoi(rest));
	else if (word(&rest, "peer"))
		peer_idx = (unsigned)atoi(rest) % PEERS;
	else if (word(&rest, "use"))
		current = (unsigned)atoi(rest) % (nr_users > 0 ? nr_users : 1);
	else if (word(&rest, "wait"))
		expect_nothing();
	else
		return false;
	return true;
}

static bool check(char *rest)
{
	if (word(&rest, "is"))
		check_number(rest);
	else if (word(&rest, "state"))
		check_state(rest);
	else if (word(&rest, "error"))
		want(tcp_take_error(&user()->tcp), error_number(rest), "error");
	else if (word(&rest, "news"))
		check_news(rest);
	else if (word(&rest, "nonews"))
		want((int)user()->news, 0, "news");
	else if (word(&rest, "eof"))
		want(tcp_is_at_end(&user()->tcp), 1, "eof");
	else
		return false;
	return true;
}

static bool call(char *rest)
{
	if (word(&rest, "listen"))
		do_listen(rest);
	else if (word(&rest, "connect"))
		do_connect(rest);
	else if (word(&rest, "socket"))
		add_user(user_new());
	else if (word(&rest, "accept"))
		do_accept(rest);
	else if (word(&rest, "write"))
		do_write(rest);
	else if (word(&rest, "read"))
		do_read(rest);
	else if (word(&rest, "urgent"))
		do_urgent(rest);
	else if (word(&rest, "passmark"))
		tcp_pass_mark(&user()->tcp);
	else if (word(&rest, "close"))
		do_end("close");
	else if (word(&rest, "abort"))
		do_end("abort");
	else if (word(&rest, "disconnect"))
		tcp_disconnect(&user()->tcp);
	else if (word(&rest, "shutdown"))
		do_shutdown(rest);
	else if (word(&rest, "push"))
		tcp_push(&user()->tcp);
	else if (word(&rest, "quickack"))
		tcp_set_quick_ack(&user()->tcp, atoi(rest) != 0);
	else if (word(&rest, "rcvbuf"))
		tcp_set_receive_limit(&user()->tcp, (uint32_t)atoi(rest));
	else if (word(&rest, "sndbuf"))
		tcp_set_send_limit(&user()->tcp, (uint32_t)atoi(rest));
	else if (word(&rest, "congestion"))
		want(tcp_set_congestion(&user()->tcp, strtok(rest, " ")), 0, "congestion");
	else if (word(&rest, "wish"))
		tcp_wish(&user()->tcp, change_wish, rest);
	else
		return false;
	return true;
}

static void act(char *rest)
{
	if (*rest == '>') {
		expect(rest + 1);
	} else if (*rest == '<') {
		inject(rest + 1);
	} else if (word(&rest, "drain")) {
		while (!list_is_empty(&sent))
			free_sent(list_first(&sent, struct play_sent, link));
	} else if (word(&rest, "icmp")) {
		char *what = strtok(rest, " ");

		icmp(what, what + strlen(what) + 1);
	} else if (!act_on_world(rest) && !check(rest) && !call(rest)) {
		fail("what is that?");
	}
}

/* A segment that is expected after so much time must not be sent before. */
static void pass_time(nsec_t in, bool for_segment)
{
	nsec_t at = world_now + in, slack = tolerance + TOLERANCE;

	if (!for_segment) {
		world_advance(at);
		return;
	}
	if (in > slack) {
		world_advance(at - slack);
		expect_nothing();
	}
	while (list_is_empty(&sent) && world_step(at + slack))
		;
}

static void play_line(char *line)
{
	char *end = line + strlen(line);

	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	end[1] = '\0'; /* strtok looks behind it */
	while (isspace((unsigned char)*line))
		line++;
	if (*line == '\0' || *line == '#')
		return;
	if (word(&line, "case")) {
		if (has_world)
			end_world();
		snprintf(case_name, sizeof(case_name), "%s", line);
		start_world();
		return;
	}
	if (failed_line != 0)
		return;
	tolerance = 0;
	if (*line == '+') {
		nsec_t in = (nsec_t)(strtod(line + 1, &line) * 1e9);

		if (*line == '~')
			tolerance = (nsec_t)(strtod(line + 1, &line) * 1e9);
		while (isspace((unsigned char)*line))
			line++;
		pass_time(in, *line == '>');
	}
	act(line);
}

static void play_file(const char *name)
{
	char line[LINE_MAX_ + 2];
	FILE *f = fopen(name, "r");

	if (f == NULL) {
		perror(name);
		exit(2);
	}
	file_name = name;
	line_number = 0;
	while (fgets(line, LINE_MAX_, f) != NULL) {
		char *hash = strchr(line, '#');

		line_number++;
		if (hash != NULL)
			*hash = '\0';
		play_line(line);
	}
	fclose(f);
	if (has_world)
		end_world();
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: test-net-play SCRIPT...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		play_file(argv[i]);
	printf("1..%u\n", nr_cases);
	return nr_failed == 0 ? 0 : 1;
}
