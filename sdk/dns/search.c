/* SPDX-License-Identifier: BSD-2-Clause */
/* What a name may stand for: resolv.conf(5), `search` and `ndots`. */
#include "dns/search.h"

#include <string.h>

void hull_dns_search_begin(struct dns_search *s, const char *text, const struct dns_name *name)
{
	size_t len = strlen(text);

	*s = (struct dns_search){ .is_whole = len > 0 && text[len - 1] == '.', .name = *name };
	for (size_t i = 0; i < len; i++)
		s->nr_dots += text[i] == '.';
}

/* Both in wire form: the name's last zero makes room for the domain. False: it is too long. */
static bool append(const struct dns_name *name, const struct dns_name *domain, struct dns_name *out)
{
	size_t front = name->len - 1u;

	if (front + domain->len > DNS_NAME_MAX)
		return false;
	memcpy(out->bytes, name->bytes, front);
	memcpy(out->bytes + front, domain->bytes, domain->len);
	out->len = (uint8_t)(front + domain->len);
	return true;
}

bool hull_dns_search_next(struct dns_search *s, const struct dns_config *c, struct dns_name *out)
{
	unsigned nr_domains = s->is_whole ? 0 : c->nr_domains;
	unsigned as_it_is = s->nr_dots >= c->nr_dots ? 0 : nr_domains;

	while (s->next <= nr_domains) {
		unsigned n = s->next++;

		if (n == as_it_is) {
			*out = s->name;
			return true;
		}
		if (append(&s->name, &c->domains[n - (n > as_it_is)], out))
			return true;
	}
	return false;
}
