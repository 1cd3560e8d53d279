/* SPDX-License-Identifier: BSD-2-Clause */
/* The script's side of the wire: what is sent is compared with its lines, what comes in is made. */
#include <linux/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/wire/checksum.h"
#include "test/net/play.h"
#include "test/net/world.h"

/* ---- segments out ---- */

void play_on_sent(struct wire_net *n, struct netbuf *b, const struct ip_header_values *v)
{
	struct play_sent *s = calloc(1, sizeof(*s));
	unsigned idx;

	(void)n;
	s->at = world_now;
	s->b = b;
	play_take_apart(s, v);
	idx = (unsigned)(s->to - PLAY_PEER_PORT);
	if (idx < PLAY_PEERS) {
		if ((s->flags & TCP_SYN) != 0) {
			play.peers[idx].ours = s->seq;
			play.peers[idx].has_ours = true;
		}
		play.peers[idx].local_port = s->from;
		if (s->options.has_timestamps)
			play.peers[idx].last_ts = s->options.ts;
		if (s->options.cookie_len > 0) {
			play.peers[idx].cookie_len = s->options.cookie_len;
			memcpy(play.peers[idx].cookie, s->options.cookie, s->options.cookie_len);
		}
	}
	list_append(&play.sent, &s->link);
}

static void free_sent(struct play_sent *s)
{
	list_remove(&s->link);
	netbuf_free(s->b);
	free(s);
}

void play_drain(void)
{
	while (!list_is_empty(&play.sent))
		free_sent(list_first(&play.sent, struct play_sent, link));
}

static const char *describe(const struct play_sent *s)
{
	static char text[512];
	const struct play_peer *p = &play.peers[(unsigned)(s->to - PLAY_PEER_PORT) % PLAY_PEERS];
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
		if (o->sacks[i].seq - play_peer()->base != w->sacks[i].seq ||
		    o->sacks[i].end - play_peer()->base != w->sacks[i].end)
			return "a SACK block";
	if ((w->has_fastopen && !o->has_fastopen) || (w->no_fastopen && o->has_fastopen))
		return "fo";
	if (w->has_fastopen && !w->any_fastopen && o->cookie_len != w->cookie_len)
		return "the cookie";
	return NULL;
}

static const char *wrong_payload(const struct play_sent *s)
{
	uint32_t at = s->seq - play_peer()->ours - ((s->flags & TCP_SYN) == 0);

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

	if (s->to != PLAY_PEER_PORT + play.peer_idx)
		return "the peer";
	if (((w->flags ^ s->flags) & ~(unsigned)TCP_PSH) != 0)
		return "the flags";
	if (s->seq - play_peer()->ours != w->seq && (s->flags & TCP_RST) == 0)
		return "seq";
	if ((s->flags & TCP_RST) != 0 && play_peer()->has_ours &&
	    s->seq - play_peer()->ours != w->seq)
		return "seq of the reset";
	if (s->b->len != w->len)
		return "the length";
	if (w->has_ack && s->ack - play_peer()->base != w->ack)
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

void play_expect(char *text)
{
	struct play_sent *s = list_first(&play.sent, struct play_sent, link);
	struct play_segment w;
	const char *wrong = play_parse_segment(text, &w);

	if (wrong != NULL) {
		play_fail("%s", wrong);
		return;
	}
	if (s == NULL) {
		play_fail("nothing is sent");
		return;
	}
	wrong = wrong_field(&w, s);
	if (wrong != NULL)
		play_fail("%s is not it: %s", wrong, describe(s));
	else if (s->at < world_now - play.tolerance - PLAY_TOLERANCE)
		play_fail("it is too early: %s", describe(s));
	free_sent(s);
}

void play_expect_nothing(void)
{
	struct play_sent *s = list_first(&play.sent, struct play_sent, link);

	if (s != NULL)
		play_fail("not expected: %s", describe(s));
}

/* ---- segments in ---- */

static struct netbuf *build(const struct play_segment *w, const struct ip_info *info)
{
	struct netbuf *b = netbuf_new(w->len < 1900 ? w->len + 60 : 60);
	uint8_t options[60], byte;
	unsigned options_len = play_put_options(options, &w->options, play_peer()->ours);
	uint32_t at = w->seq - ((w->flags & TCP_SYN) == 0);
	struct tcp_header *h = netbuf_put(b, TCP_HEADER);
	struct be16 sum;

	*h = (struct tcp_header){
		.from = be16_of((uint16_t)(PLAY_PEER_PORT + play.peer_idx)),
		.to = be16_of(play_peer()->local_port),
		.seq = be32_of(play_peer()->base + w->seq),
		.ack = be32_of(w->has_ack ? play_peer()->ours + w->ack : 0),
		.words = (uint8_t)((TCP_HEADER + options_len) / 4 << 4),
		.flags = w->flags,
		.window = be16_of((uint16_t)play_peer()->window),
		.urgent = be16_of(w->urgent >= 0 ? (uint16_t)w->urgent : 0),
	};
	memcpy(netbuf_put(b, options_len), options, options_len);
	for (uint32_t i = 0; i < w->len; i++) {
		byte = play_byte(false, at + i);
		if (netbuf_append(b, &byte, 1) != 0)
			abort();
	}
	sum = checksum_finish(
		checksum_join(checksum_pseudo(info->from, info->to, IPPROTO_TCP, b->len),
			      netbuf_sum(b, 0, b->len)));
	((struct tcp_header *)b->data)->checksum = w->bad_sum ? be16_of(0xdead) : sum;
	return b;
}

void play_inject(char *text)
{
	struct ip_info info = { .protocol = IPPROTO_TCP, .v4 = !play.v6, .dev_index = 1 };
	struct inet_address us, them;
	struct play_segment w;
	const char *wrong = play_parse_segment(text, &w);

	play_expect_nothing();
	if (wrong != NULL) {
		play_fail("%s", wrong);
		return;
	}
	if (w.has_window)
		play_peer()->window = w.window;
	if (w.options.last_echo)
		w.options.echo = play_peer()->last_ts;
	if (w.options.last_cookie) {
		w.options.cookie_len = play_peer()->cookie_len;
		memcpy(w.options.cookie, play_peer()->cookie, sizeof(w.options.cookie));
	}
	play_address(&us, 1, 0);
	play_address(&them, 2, 0);
	memcpy(info.from, them.ip, 16);
	memcpy(info.to, us.ip, 16);
	info.traffic_class = w.ce ? 3 : w.ect ? 2 : 0;
	wire_receive(&play.wire, build(&w, &info), &info);
}

void play_icmp(const char *what, const char *rest)
{
	struct ip_error e = { .protocol = IPPROTO_TCP, .v4 = !play.v6, .is_fatal = true };
	struct inet_address us, them;
	struct tcp_header h = { .words = 0x50 };
	unsigned mtu = 0, seq = 0;

	if (strcmp(what, "toobig") == 0) {
		if (sscanf(rest, "%u seq %u", &mtu, &seq) < 1)
			play_fail("no MTU");
		e.mtu = mtu;
		e.error = EMSGSIZE;
	} else {
		e.error = strcmp(what, "refused") == 0 ? ECONNREFUSED : EHOSTUNREACH;
		if (sscanf(rest, " seq %u", &seq) != 1)
			seq = 0;
	}
	play_address(&us, 1, 0);
	play_address(&them, 2, 0);
	memcpy(e.from, us.ip, 16);
	memcpy(e.to, them.ip, 16);
	h.from = be16_of(play_peer()->local_port);
	h.to = be16_of((uint16_t)(PLAY_PEER_PORT + play.peer_idx));
	h.seq = be32_of(play_peer()->ours + seq);
	e.payload = (const uint8_t *)&h;
	e.payload_len = sizeof(h);
	play_expect_nothing();
	tcp_error(&play.wire.net, &e);
}
