/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a frame on its way: impair.c has the theory. */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/net/path/impair.h"

#define ETHERNET_HEADER 14
#define IP6_HEADER      40
#define NS_IN_MS        1e6

enum draw { /* what each frame draws numbers for, in this order */
	    DRAW_LOSS,
	    DRAW_DUPLICATE,
	    DRAW_CORRUPT,
	    DRAW_WHICH_BIT,
	    DRAW_REORDER,
	    DRAW_JITTER,
	    NR_DRAWS
};

/* splitmix64, as 0 <= x < 1 */
static double draw(struct way *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static void seed(struct way *w)
{
	w->random = (uint64_t)w->bad.seed * 1000003u + w->stream;
	for (unsigned i = 0; i < 4; i++)
		draw(w);
}

void way_init(struct way *w, struct way *back, unsigned stream)
{
	memset(w, 0, sizeof(*w));
	w->back = back;
	w->stream = stream;
	w->bad.seed = 1;
	seed(w);
}

bool way_set(struct way *w, const char *text)
{
	struct impairment *bad = &w->bad;
	const struct {
		const char *name;
		double *value;
	} keys[] = {
		{ "loss", &bad->loss },         { "duplicate", &bad->duplicate },
		{ "corrupt", &bad->corrupt },   { "burst", &bad->burst },
		{ "reorder", &bad->reorder },   { "hold", &bad->hold },
		{ "delay", &bad->delay },       { "jitter", &bad->jitter },
		{ "rate", &bad->rate },         { "queue", &bad->queue },
		{ "mtu", &bad->mtu },           { "icmp", &bad->icmp },
		{ "fragment", &bad->fragment }, { "seed", &bad->seed },
	};
	const char *value = strchr(text, '=');
	char *end;

	for (size_t i = 0; value && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].name) != (size_t)(value - text) ||
		    strncmp(keys[i].name, text, (size_t)(value - text)) != 0)
			continue;
		*keys[i].value = strtod(value + 1, &end);
		seed(w);
		return end != value + 1 && *end == '\0' && *keys[i].value >= 0;
	}
	return false;
}

static bool is_lost(struct way *w, double number)
{
	double loss = w->bad.loss / 100, length = w->bad.burst;

	if (length <= 1)
		return number < loss;
	if (w->is_losing)
		w->is_losing = number >= 1 / length;
	else
		w->is_losing = number < loss / (length * (1 - loss));
	return w->is_losing;
}

/* When the line has sent it; -1: the queue is full. */
static int64_t departure(struct way *w, size_t len, int64_t now_ns)
{
	int64_t *oldest;

	if (w->bad.rate <= 0)
		return now_ns;
	if (w->bad.queue < 1)
		w->bad.queue = 1000;
	if (!w->departures)
		w->departures = calloc((size_t)w->bad.queue, sizeof(int64_t));
	if (!w->departures)
		impair_fail("no memory", "a queue");
	oldest = &w->departures[w->next_departure];
	if (*oldest > now_ns)
		return -1;
	w->next_departure = (w->next_departure + 1) % (size_t)w->bad.queue;
	if (w->free_at_ns < now_ns)
		w->free_at_ns = now_ns;
	w->free_at_ns += (int64_t)((double)len * 8e3 / w->bad.rate);
	return *oldest = w->free_at_ns;
}

/* ARP (RFC 826), neighbour and router discovery (RFC 4861). Hosts ask three times, then nobody is
 * there: it is what comes after that is measured. */
static bool is_of_neighbours(const uint8_t *bytes, size_t len)
{
	const uint8_t *type = bytes + ETHERNET_HEADER - 2, *ip6 = bytes + ETHERNET_HEADER;

	if (len < ETHERNET_HEADER)
		return false;
	if (type[0] == 0x08 && type[1] == 0x06)
		return true;
	return type[0] == 0x86 && type[1] == 0xdd && len > ETHERNET_HEADER + IP6_HEADER &&
	       ip6[6] == IPPROTO_ICMPV6 && ip6[IP6_HEADER] >= ND_ROUTER_SOLICIT &&
	       ip6[IP6_HEADER] <= ND_REDIRECT;
}

static void send_on(struct way *w, uint8_t *bytes, size_t len, int64_t now_ns)
{
	double numbers[NR_DRAWS];
	int64_t due_ns;

	if (is_of_neighbours(bytes, len)) {
		way_deliver_at(w, bytes, len, now_ns + (int64_t)(w->bad.delay * NS_IN_MS));
		return;
	}
	for (unsigned i = 0; i < NR_DRAWS; i++)
		numbers[i] = draw(w);
	if (is_lost(w, numbers[DRAW_LOSS])) {
		w->counts.lost++;
		return;
	}
	due_ns = departure(w, len, now_ns);
	if (due_ns < 0) {
		w->counts.overflowed++;
		return;
	}
	due_ns += (int64_t)((w->bad.delay + w->bad.jitter * numbers[DRAW_JITTER]) * NS_IN_MS);
	if (numbers[DRAW_CORRUPT] * 100 < w->bad.corrupt && len > ETHERNET_HEADER) {
		size_t bit =
			(size_t)((double)(len - ETHERNET_HEADER) * 8 * numbers[DRAW_WHICH_BIT]);

		bytes[ETHERNET_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
		w->counts.corrupted++;
	}
	if (numbers[DRAW_REORDER] * 100 < w->bad.reorder) {
		due_ns += (int64_t)(w->bad.hold * NS_IN_MS);
		w->counts.reordered++;
	} else {
		due_ns = due_ns > w->last_due_ns ? due_ns : w->last_due_ns;
		w->last_due_ns = due_ns;
	}
	way_deliver_at(w, bytes, len, due_ns);
	if (numbers[DRAW_DUPLICATE] * 100 < w->bad.duplicate) {
		way_deliver_at(w, bytes, len, due_ns);
		w->counts.duplicated++;
	}
}

static void drop_or_fragment(struct way *w, const uint8_t *bytes, size_t len, int64_t now_ns)
{
	static uint8_t part[FRAME_MAX], answer[FRAME_MAX];
	size_t mtu = (size_t)w->bad.mtu, at = 0, part_len;

	while (w->bad.fragment > 0 && (part_len = ip_fragment(bytes, len, mtu, &at, part)) > 0)
		send_on(w, part, part_len, now_ns);
	if (at > 0) {
		w->counts.fragmented++;
		return;
	}
	w->counts.too_big++;
	if (w->bad.icmp > 0) {
		part_len = ip_too_big_answer(bytes, len, mtu, answer);
		if (part_len > 0)
			way_deliver_at(w->back, answer, part_len, now_ns);
	}
}

void way_take(struct way *w, uint8_t *bytes, size_t len, int64_t now_ns)
{
	if (w->bad.mtu > 0 && ip_is_too_big(bytes, len, (size_t)w->bad.mtu))
		drop_or_fragment(w, bytes, len, now_ns);
	else
		send_on(w, bytes, len, now_ns);
}
