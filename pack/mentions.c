/* SPDX-License-Identifier: BSD-2-Clause */
/* What an image speaks of (mentions.h). */
#define _GNU_SOURCE 1
#include <string.h>

#include "pack/mentions.h"
#include "pack/tree/content.h"

#define ALL      (MENTIONS_PROC | MENTIONS_DEV | MENTIONS_NAMES)
#define PIECE    65536u
#define WORD_MAX 16u /* bytes: what may lie across two pieces */

static const struct {
	const char *word;
	unsigned mention;
} words[] = {
	{ "/proc", MENTIONS_PROC },      { "/sys", MENTIONS_PROC },
	{ "/dev", MENTIONS_DEV },        { "/etc/resolv.conf", MENTIONS_NAMES },
	{ "/etc/host", MENTIONS_NAMES },
};

static unsigned of_bytes(const char *bytes, size_t len)
{
	unsigned found = 0;

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (memmem(bytes, len, words[i].word, strlen(words[i].word)))
			found |= words[i].mention;
	}
	return found;
}

static unsigned of_content(const struct content *content)
{
	static char piece[WORD_MAX + PIECE];
	size_t kept = 0, len;
	unsigned found = 0;
	uint64_t at = 0;
	ssize_t n;

	while (found != ALL && (n = content_read(content, piece + kept, PIECE, at)) != 0) {
		if (n < 0)
			return ALL;
		len = kept + (size_t)n;
		found |= of_bytes(piece, len);
		kept = len < WORD_MAX ? len : WORD_MAX;
		memmove(piece, piece + len - kept, kept);
		at += (uint64_t)n;
	}
	return found;
}

static unsigned of_node(const struct node *node)
{
	unsigned found = 0;

	if (S_ISREG(node->mode) && !node->same_as)
		return of_content(&node->content);
	if (S_ISLNK(node->mode))
		return of_bytes(node->target, strlen(node->target));
	for (size_t i = 0; i < node->nr_entries && found != ALL; i++)
		found |= of_node(node->entries[i]);
	return found;
}

static unsigned of_strings(const struct strings *strings)
{
	unsigned found = 0;

	for (size_t i = 0; i < strings->nr; i++)
		found |= of_bytes(strings->at[i], strlen(strings->at[i]));
	return found;
}

/* Files of volumes come from elsewhere. */
unsigned mentions_find(const struct build *build)
{
	const struct config *config = build->config;

	if (config->volumes.nr)
		return ALL;
	return of_node(build->tree.root) | of_strings(&config->args) | of_strings(&config->env);
}
