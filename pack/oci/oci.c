/* SPDX-License-Identifier: BSD-2-Clause */
/* A container image's manifest and configuration (oci.h); its layers are oci_layer.c's. */
#include <jansson.h>
#include <string.h>

#include "pack/oci/oci.h"
#include "pack/oci/oci_layer.h"

#define MAX_INDEXES 4 /* an index of indexes */

static json_t *parse(struct oci_source *source, const struct content *content, const char *name,
		     struct failure *failure)
{
	char *text = oci_source_read(source, content, name, failure);
	json_error_t error;
	json_t *json;

	if (!text)
		return NULL;
	json = json_loads(text, 0, &error);
	if (!json)
		failure_set(failure, "%s: %s:%d:%d: %s", source->path, name, error.line,
			    error.column, error.text);
	return json;
}

static const char *word(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "";
}

/* Of an index's manifests, the one for this kind of machine. */
static const json_t *choose(const json_t *manifests)
{
	size_t i;
	json_t *manifest;

	json_array_foreach(manifests, i, manifest)
	{
		const json_t *platform = json_object_get(manifest, "platform");

		if (strcmp(word(platform, "architecture"), "amd64") == 0 &&
		    strcmp(word(platform, "os"), "linux") == 0)
			return manifest;
	}
	manifest = json_array_get(manifests, 0);
	if (json_array_size(manifests) == 1 && !json_object_get(manifest, "platform"))
		return manifest;
	return NULL;
}

/* From index.json to the manifest, which the caller gives back. */
static json_t *find_manifest(struct oci_source *source, const struct content *first,
			     struct failure *failure)
{
	struct content content = *first;
	const char *name = "index.json";

	for (unsigned depth = 0; depth < MAX_INDEXES; depth++) {
		json_t *json = parse(source, &content, name, failure);
		const json_t *manifests = json_object_get(json, "manifests"), *chosen;
		int err;

		if (!json || json_object_get(json, "layers"))
			return json;
		chosen = choose(manifests);
		if (!chosen) {
			failure_set(failure, "%s: it has no image for linux/amd64", source->path);
			json_decref(json);
			return NULL;
		}
		name = "a manifest";
		err = oci_source_blob(source, word(chosen, "digest"), &content, failure);
		json_decref(json);
		if (err)
			return NULL;
	}
	failure_set(failure, "%s: its indexes lead to each other", source->path);
	return NULL;
}

/* ---- the configuration ---- */

static void take_strings(struct arena *arena, struct strings *strings, const json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
	{
		if (json_is_string(item))
			strings_add(arena, strings, arena_string(arena, json_string_value(item)));
	}
}

static const char *text_or(struct arena *arena, const char *said, const json_t *json,
			   const char *key)
{
	const char *value = word(json, key);

	return said || !*value ? said : arena_string(arena, value);
}

/* Its variables go before ours: of two of one name the last counts. */
static void take_env(struct config *config, struct arena *arena, const json_t *list)
{
	struct strings env = { .nr = 0 };

	take_strings(arena, &env, list);
	for (size_t i = 0; i < config->env.nr; i++)
		strings_add(arena, &env, config->env.at[i]);
	config->env = env;
}

/* As `docker run` puts them together: arguments that are given replace Cmd. */
static int take_command(struct config *config, struct arena *arena, const json_t *json,
			struct failure *failure)
{
	struct strings command = { .nr = 0 };

	if (config->program)
		return 0;
	take_strings(arena, &command, json_object_get(json, "Entrypoint"));
	if (!config->has_args)
		take_strings(arena, &command, json_object_get(json, "Cmd"));
	for (size_t i = 0; i < config->args.nr; i++)
		strings_add(arena, &command, config->args.at[i]);
	if (command.nr == 0)
		return failure_set(failure, "%s: the container image names no program: give one",
				   config->oci);
	config->program = command.at[0];
	config->args = (struct strings){ command.at + 1, command.nr - 1, command.nr - 1 };
	return 0;
}

static int take_config(struct oci_source *source, struct config *config,
		       const struct content *content, struct failure *failure)
{
	json_t *json = parse(source, content, "the configuration", failure), *own;
	const char *machine = word(json, "architecture");
	int err;

	if (!json)
		return -1;
	if (*machine && strcmp(machine, "amd64") != 0) {
		failure_set(failure, "%s: it is for %s, and Hull runs amd64", source->path,
			    machine);
		json_decref(json);
		return -1;
	}
	own = json_object_get(json, "config");
	take_env(config, source->arena, json_object_get(own, "Env"));
	config->cwd = text_or(source->arena, config->cwd, own, "WorkingDir");
	config->user = text_or(source->arena, config->user, own, "User");
	err = take_command(config, source->arena, own, failure);
	json_decref(json);
	return err;
}

/* ---- the two kinds of transport ---- */

static int add_layout(struct tree *tree, struct config *config, struct oci_source *source,
		      const struct content *index, struct failure *failure)
{
	json_t *manifest = find_manifest(source, index, failure), *layer;
	struct content content;
	unsigned number = 0;
	size_t i;
	int err;

	if (!manifest)
		return -1;
	err = oci_source_blob(source, word(json_object_get(manifest, "config"), "digest"), &content,
			      failure);
	if (!err)
		err = take_config(source, config, &content, failure);
	json_array_foreach(json_object_get(manifest, "layers"), i, layer)
	{
		if (err)
			break;
		err = oci_source_blob(source, word(layer, "digest"), &content, failure);
		if (!err)
			err = oci_layer_add(tree, source, &content, ++number, failure);
	}
	json_decref(manifest);
	return err;
}

/* manifest.json of `docker save`: names of files instead of digests. */
static int add_saved(struct tree *tree, struct config *config, struct oci_source *source,
		     const struct content *list, struct failure *failure)
{
	json_t *json = parse(source, list, "manifest.json", failure), *layer;
	const json_t *first = json_array_get(json, 0);
	struct content content;
	size_t i;
	int err;

	if (!json)
		return -1;
	err = oci_source_find(source, word(first, "Config"), &content, failure);
	if (err > 0)
		err = failure_set(failure, "%s: its configuration is missing", source->path);
	if (!err)
		err = take_config(source, config, &content, failure);
	json_array_foreach(json_object_get(first, "Layers"), i, layer)
	{
		const char *name = json_string_value(layer);

		if (err)
			break;
		err = oci_source_find(source, name ? name : "", &content, failure);
		if (err > 0)
			err = failure_set(failure, "%s: the layer %s is missing", source->path,
					  name ? name : "without a name");
		if (!err)
			err = oci_layer_add(tree, source, &content, (unsigned)i + 1, failure);
	}
	json_decref(json);
	return err;
}

int oci_add(struct tree *tree, struct config *config, struct failure *failure)
{
	struct oci_source *source = arena_alloc(tree->arena, sizeof(*source));
	struct content content;
	int err = oci_source_open(source, tree->arena, config->oci, failure);

	if (err)
		return err;
	err = oci_source_find(source, "index.json", &content, failure);
	if (err == 0)
		return add_layout(tree, config, source, &content, failure);
	if (err > 0)
		err = oci_source_find(source, "manifest.json", &content, failure);
	if (err == 0)
		return add_saved(tree, config, source, &content, failure);
	return err < 0 ? err
		       : failure_set(
				 failure,
				 "%s%s: it is no container image: it has neither index.json nor "
				 "manifest.json",
				 place_text(tree->arena, &config->oci_place), config->oci);
}

const char *oci_search_path(const struct config *config)
{
	const char *found = NULL;

	for (size_t i = 0; i < config->env.nr; i++) {
		if (strncmp(config->env.at[i], "PATH=", 5) == 0)
			found = config->env.at[i] + 5;
	}
	return found;
}
