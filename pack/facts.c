/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts of a build (facts.h). */
#include <jansson.h>
#include <stdlib.h>

#include "pack/facts.h"

#define FACTS_VERSION 1

static const char *run_text(const struct build *build)
{
	const struct config *config = build->config;
	const char *text = NULL;

	for (size_t i = 0; i < config->publish.nr; i++)
		text = arena_printf(build->arena, "%s-p%s\n", text ? text : "",
				    config->publish.at[i]);
	for (size_t i = 0; i < config->volumes.nr; i++)
		text = arena_printf(build->arena, "%s-v%s\n", text ? text : "",
				    config->volumes.at[i]);
	return text;
}

static json_t *list_of(const struct strings *strings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < strings->nr; i++)
		json_array_append_new(list, json_string(strings->at[i]));
	return list;
}

int facts_make(struct build *build, struct failure *failure)
{
	const struct pack_report *report = build->report;
	json_t *json = json_pack("{s:i, s:I, s:I, s:I, s:b}", "version", FACTS_VERSION,
				 "program_bytes", (json_int_t)report->program_bytes, "sites",
				 (json_int_t)report->nr_sites, "sites_patched",
				 (json_int_t)report->nr_patched, "minimal", report->is_minimal);
	char *text;

	build->image.run = run_text(build);
	if (json && report->is_minimal) {
		json_object_set_new(json, "calls", list_of(&report->calls));
		json_object_set_new(json, "parts", list_of(&report->parts));
	}
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return failure_set(failure, "there is no memory for the image's facts");
	build->image.facts = arena_string(build->arena, text);
	free(text);
	return 0;
}
