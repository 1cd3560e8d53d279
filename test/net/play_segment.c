/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments as scripts write them: play.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/net/play.h"

static const char letters[] = "FSRP.UEW"; /* by the bits of enum tcp_flags */

uint8_t play_byte(bool ours, uint32_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251 + (ours ? 13 : 0));
}

static bool parse_flags(const char *text, uint8_t *out)
{
	for (*out = 0; *text != '\0'; text++) {
		const char *at = strchr(letters, *text);

		if (at == NULL)
			return false;
		*out |= (uint8_t)(1u << (at - letters));
	}
	return true;
}

static void parse_cookie(struct play_options *o, const char *text)
{
	unsigned byte;

	o->has_fastopen = true;
	o->any_fastopen = text != NULL && strcmp(text, "*") == 0;
	o->last_cookie = text != NULL && strcmp(text, "last") == 0;
	if (text == NULL || o->any_fastopen || o->last_cookie)
		return;
	while (o->cookie_len < sizeof(o->cookie) && sscanf(text, "%2x", &byte) == 1) {
		o->cookie[o->cookie_len++] = (uint8_t)byte;
		text += strlen(text) > 1 ? 2 : 1;
	}
}

static void parse_sacks(struct play_options *o, char *save)
{
	char *text;

	o->has_sack = true;
	while ((text = strtok_r(NULL, " ", &save)) != NULL && o->nr_sacks < PLAY_BLOCKS) {
		struct tcp_range *r = &o->sacks[o->nr_sacks++];

		if (sscanf(text, "%u:%u", &r->seq, &r->end) != 2)
			o->nr_sacks--;
	}
}

static void parse_timestamps(struct play_options *o, char *save)
{
	const char *value = strtok_r(NULL, " ", &save), *echo = strtok_r(NULL, " ", &save);

	o->has_ts = true;
	o->any_ts = value != NULL && strcmp(value, "*") == 0;
	o->ts = value != NULL ? (uint32_t)strtoul(value, NULL, 0) : 0;
	o->last_echo = echo == NULL || strcmp(echo, "last") == 0;
	o->echo = o->last_echo ? 0 : (uint32_t)strtoul(echo, NULL, 0);
}

static bool parse_option(struct play_options *o, char *text)
{
	char *save, *name = strtok_r(text, " ", &save);

	if (name == NULL || strcmp(name, "nop") == 0)
		return true;
	if (strcmp(name, "mss") == 0)
		o->mss = atoi(strtok_r(NULL, " ", &save));
	else if (strcmp(name, "wscale") == 0)
		o->scale = atoi(strtok_r(NULL, " ", &save));
	else if (strcmp(name, "sackOK") == 0)
		o->sack_ok = true;
	else if (strcmp(name, "ts") == 0)
		parse_timestamps(o, save);
	else if (strcmp(name, "sack") == 0)
		parse_sacks(o, save);
	else if (strcmp(name, "fo") == 0)
		parse_cookie(o, strtok_r(NULL, " ", &save));
	else if (strcmp(name, "nots") == 0)
		o->no_ts = true;
	else if (strcmp(name, "nosack") == 0)
		o->no_sack = true;
	else if (strcmp(name, "nofo") == 0)
		o->no_fastopen = true;
	else
		return false;
	return true;
}

static const char *parse_options(struct play_options *o, char *text)
{
	char *save, *end = strchr(text, '>');

	if (end == NULL)
		return "options without an end";
	*end = '\0';
	for (char *t = strtok_r(text, ",", &save); t != NULL; t = strtok_r(NULL, ",", &save))
		if (!parse_option(o, t))
			return "an unknown option";
	return NULL;
}

static const char *parse_words(char *text, struct play_segment *s)
{
	char *save, *word;

	for (word = strtok_r(text, " \t", &save); word != NULL;
	     word = strtok_r(NULL, " \t", &save)) {
		bool takes = strcmp(word, "ack") == 0 || strcmp(word, "win") == 0 ||
			     strcmp(word, "urg") == 0;
		const char *value = takes ? strtok_r(NULL, " \t", &save) : NULL;
		uint32_t n = value != NULL ? (uint32_t)strtoul(value, NULL, 0) : 0;

		if (takes && value == NULL)
			return "a number is missing";
		if (strcmp(word, "ack") == 0)
			s->has_ack = true, s->ack = n;
		else if (strcmp(word, "win") == 0)
			s->has_window = true, s->window = n;
		else if (strcmp(word, "urg") == 0)
			s->urgent = (int)n;
		else if (strcmp(word, "ce") == 0)
			s->ce = true;
		else if (strcmp(word, "ect") == 0)
			s->ect = true;
		else if (strcmp(word, "badsum") == 0)
			s->bad_sum = true;
		else
			return "an unknown word";
	}
	return NULL;
}

const char *play_parse_segment(char *text, struct play_segment *s)
{
	char flags[16], *options = strchr(text, '<');
	const char *wrong = NULL;
	uint32_t end;
	int used = 0;

	memset(s, 0, sizeof(*s));
	s->urgent = s->options.mss = s->options.scale = -1;
	if (options != NULL) {
		*options++ = '\0';
		s->has_options = true;
		wrong = parse_options(&s->options, options);
	}
	if (wrong != NULL)
		return wrong;
	if (sscanf(text, " %15s %u:%u(%u)%n", flags, &s->seq, &end, &s->len, &used) != 4)
		return "not a segment";
	if (!parse_flags(flags, &s->flags))
		return "unknown flags";
	if (end - s->seq != s->len)
		return "end and length disagree";
	return parse_words(text + used, s);
}

/* ---- options on the wire ---- */

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	struct be32 x = be32_of(value);

	memcpy(at, &x, sizeof(x));
	return at + sizeof(x);
}

unsigned play_put_options(uint8_t *to, const struct play_options *o, uint32_t base)
{
	uint8_t *at = to;

	if (o->mss >= 0)
		at = put32(at, 0x02040000u | (uint32_t)o->mss);
	if (o->sack_ok)
		*at++ = 4, *at++ = 2;
	if (o->has_ts) {
		*at++ = 8, *at++ = 10;
		at = put32(put32(at, o->ts), o->echo);
	}
	if (o->scale >= 0)
		*at++ = 3, *at++ = 3, *at++ = (uint8_t)o->scale;
	if (o->has_sack && o->nr_sacks > 0) {
		*at++ = 5, *at++ = (uint8_t)(2 + 8 * o->nr_sacks);
		for (unsigned i = 0; i < o->nr_sacks; i++)
			at = put32(put32(at, base + o->sacks[i].seq), base + o->sacks[i].end);
	}
	if (o->has_fastopen) {
		*at++ = 34, *at++ = (uint8_t)(2 + o->cookie_len);
		memcpy(at, o->cookie, o->cookie_len);
		at += o->cookie_len;
	}
	while ((at - to) % 4 != 0)
		*at++ = 1;
	return (unsigned)(at - to);
}

void play_take_apart(struct play_sent *s, const struct ip_header_values *v)
{
	const struct tcp_header *h = (const struct tcp_header *)s->b->data;
	unsigned header = (h->words >> 4) * 4u;

	s->from = be16_get(h->from);
	s->to = be16_get(h->to);
	s->flags = h->flags;
	s->seq = be32_get(h->seq);
	s->ack = be32_get(h->ack);
	s->window = be16_get(h->window);
	s->urgent = be16_get(h->urgent);
	s->traffic_class = v->traffic_class;
	tcp_options_parse(&s->options, (const uint8_t *)(h + 1), header - TCP_HEADER,
			  (h->flags & TCP_SYN) != 0);
	netbuf_pull(s->b, header);
}
