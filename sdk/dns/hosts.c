/* SPDX-License-Identifier: BSD-2-Clause */
/* /etc/hosts and /etc/resolv.conf, by words of lines. */
#include "dns/hosts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHITE " \t\r"

/* The line's end is cut; the next line, or NULL. */
static char *cut_line(char *line)
{
	char *end = strchr(line, '\n');

	if (end != NULL)
		*end++ = '\0';
	line[strcspn(line, "#;")] = '\0';
	return end;
}

static bool has_word(char *words, const char *wanted)
{
	char *rest;

	for (char *w = strtok_r(words, WHITE, &rest); w != NULL; w = strtok_r(NULL, WHITE, &rest)) {
		if (strcasecmp(w, wanted) == 0)
			return true;
	}
	return false;
}

static unsigned find_in(char *text, const char *name, struct hull_address *out, unsigned max)
{
	unsigned nr = 0;
	char *next, *rest;

	for (char *line = text; line != NULL && nr < max; line = next) {
		next = cut_line(line);
		char *address = strtok_r(line, WHITE, &rest);

		if (address != NULL && has_word(rest, name) &&
		    hull_address_parse(address, 0, &out[nr]) == 0)
			nr++;
	}
	return nr;
}

unsigned hull_dns_hosts_find(const char *name, struct hull_address *out, unsigned max)
{
	unsigned nr = 0;
	void *text;
	size_t len;

	if (hull_file_read("/etc/hosts", &text, &len) == 0) {
		nr = find_in(text, name, out, max);
		free(text);
	}
	if (nr == 0 && strcasecmp(name, "localhost") == 0 && max >= 2) {
		(void)hull_address_parse("127.0.0.1", 0, &out[nr++]);
		(void)hull_address_parse("::1", 0, &out[nr++]);
	}
	return nr;
}

/* ---- resolv.conf ---- */

#define DOTS_MAX     15u /* resolv.conf(5) */
#define ATTEMPTS_MAX 5u
#define TIMEOUT_MAX  30u

static void add_server(struct dns_config *c, char *words)
{
	const char *word = strtok_r(words, WHITE, &words);

	if (word != NULL && c->nr_servers < DNS_SERVERS_MAX &&
	    hull_address_parse(word, 53, &c->servers[c->nr_servers]) == 0)
		c->nr_servers++;
}

/* The last line with any counts. */
static void set_domains(struct dns_config *c, char *words, unsigned most)
{
	char *rest;

	c->nr_domains = 0;
	for (char *w = strtok_r(words, WHITE, &rest); w != NULL && c->nr_domains < most;
	     w = strtok_r(NULL, WHITE, &rest)) {
		if (hull_dns_name_parse(w, &c->domains[c->nr_domains]) == 0)
			c->nr_domains++;
	}
}

/* "name:5". False: it is another option, or no number. */
static bool read_option(const char *word, const char *name, unsigned most, unsigned *out)
{
	size_t len = strlen(name);
	unsigned long n;
	char *end;

	if (strncmp(word, name, len) != 0 || word[len] < '0' || word[len] > '9')
		return false;
	n = strtoul(word + len, &end, 10);
	*out = n > most ? most : (unsigned)n;
	return *end == '\0';
}

static void set_options(struct dns_config *c, char *words)
{
	unsigned n;
	char *rest;

	for (char *w = strtok_r(words, WHITE, &rest); w != NULL; w = strtok_r(NULL, WHITE, &rest)) {
		if (read_option(w, "ndots:", DOTS_MAX, &n))
			c->nr_dots = n;
		else if (read_option(w, "attempts:", ATTEMPTS_MAX, &n))
			c->attempts = n > 0 ? n : 1;
		else if (read_option(w, "timeout:", TIMEOUT_MAX, &n))
			c->timeout = (n > 0 ? n : 1) * HULL_SECOND;
	}
}

void hull_dns_config_parse(char *text, struct dns_config *out)
{
	char *next, *rest, *word;

	*out = (struct dns_config){ .nr_dots = 1, .attempts = 2, .timeout = 5 * HULL_SECOND };
	for (char *line = text; line != NULL; line = next) {
		next = cut_line(line);
		word = strtok_r(line, WHITE, &rest);
		if (word == NULL)
			continue;
		if (strcmp(word, "nameserver") == 0)
			add_server(out, rest);
		else if (strcmp(word, "search") == 0)
			set_domains(out, rest, DNS_DOMAINS_MAX);
		else if (strcmp(word, "domain") == 0)
			set_domains(out, rest, 1);
		else if (strcmp(word, "options") == 0)
			set_options(out, rest);
	}
}

void hull_dns_config_read(struct dns_config *out)
{
	char none[1] = "";
	void *text;
	size_t len;

	if (hull_file_read("/etc/resolv.conf", &text, &len) != 0) {
		hull_dns_config_parse(none, out);
		return;
	}
	hull_dns_config_parse(text, out);
	free(text);
}
