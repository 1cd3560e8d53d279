/* SPDX-License-Identifier: BSD-2-Clause */
/* Advice of the network's: advice.h. */
#include "net/ip/advice.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "net/netdev.h"

#define LABEL_MAX 63u

void net_advise(struct netdev *d, enum advice_source source, const struct net_advice *a)
{
	struct net_adviser *to = atomic_load(&d->net->adviser);

	if (to != NULL)
		to->advised(to, d, source, a);
}

/* What may be in a name that is written to a file of names: RFC 1123 §2.1, and '_'. */
static bool is_fine(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* A label behind what is in `to`, which has `n` characters; how many then, 0: it is none. */
static unsigned add_label(const uint8_t *label, char to[ADVICE_NAME_MAX], unsigned n, bool first)
{
	unsigned len = label[0];

	if (len > LABEL_MAX || n + len + 2 > ADVICE_NAME_MAX)
		return 0;
	if (n > 0)
		to[n++] = first ? ' ' : '.';
	for (unsigned i = 0; i < len; i++) {
		if (!is_fine(label[1 + i]))
			return 0;
		to[n++] = (char)label[1 + i];
	}
	return n;
}

bool advice_add_name(const uint8_t *bytes, unsigned len, unsigned *at, char names[ADVICE_NAME_MAX])
{
	unsigned was = (unsigned)strlen(names), n = was;
	bool first = true;

	while (*at < len && bytes[*at] != 0) {
		n = *at + 1 + bytes[*at] <= len ? add_label(bytes + *at, names, n, first) : 0;
		if (n == 0) {
			memset(names + was, 0, ADVICE_NAME_MAX - was);
			return false;
		}
		*at += 1u + bytes[*at];
		first = false;
	}
	if (*at == len || first) {
		memset(names + was, 0, ADVICE_NAME_MAX - was);
		return false;
	}
	*at += 1;
	names[n] = '\0';
	return true;
}
