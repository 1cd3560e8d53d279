/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads hull.yaml (yaml.h): libyaml makes a document of nodes with their places, and the table
 * below says what may stand where. Aliases are refused: a file of this kind needs none, and a few
 * of them can stand for gigabytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "pack/config/yaml.h"

#define MAX_FILE_BYTES (1 << 20)

struct reader {
	struct config *config;
	struct arena *arena;
	const char *path, *folder;
	yaml_document_t document;
	struct failure *failure;
};

typedef int (*set_function)(struct reader *r, yaml_node_t *node, const char *key);

struct key {
	const char *name;
	set_function set;
};

static struct place place_of(const struct reader *r, const yaml_node_t *node)
{
	return (struct place){
		.file = r->path,
		.line = (unsigned)node->start_mark.line + 1,
		.column = (unsigned)node->start_mark.column + 1,
	};
}

static int wrong(struct reader *r, const yaml_node_t *node, const char *what)
{
	struct place place = place_of(r, node);

	return failure_set(r->failure, "%s%s", place_text(r->arena, &place), what);
}

/* A setter of config.h failed: its text gets the place. */
static int told(struct reader *r, const yaml_node_t *node, int err)
{
	return err ? wrong(r, node, arena_string(r->arena, r->failure->text)) : 0;
}

static yaml_node_t *node_at(struct reader *r, int index)
{
	return yaml_document_get_node(&r->document, index);
}

/* A scalar's text; NULL after a message. */
static const char *text_of(struct reader *r, yaml_node_t *node, const char *key)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE) {
		wrong(r, node,
		      arena_printf(r->arena, "'%s' wants one value, not a %s", key,
				   node->type == YAML_SEQUENCE_NODE ? "list" : "mapping"));
		return NULL;
	}
	text = arena_copy(r->arena, node->data.scalar.value, node->data.scalar.length);
	if (strlen(text) != node->data.scalar.length) {
		wrong(r, node, arena_printf(r->arena, "'%s' has a zero byte in it", key));
		return NULL;
	}
	return text;
}

static int set_text(struct reader *r, yaml_node_t *node, const char *key, const char **to)
{
	*to = text_of(r, node, key);
	return *to ? 0 : -1;
}

static int set_flag(struct reader *r, yaml_node_t *node, const char *key, bool *to)
{
	static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no",
										  "off" };
	const char *text = text_of(r, node, key);

	if (!text)
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*to = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return wrong(r, node, arena_printf(r->arena, "'%s' is true or false, not '%s'", key, text));
}

/* A path of the host's, from the file's folder. */
static const char *host_path(struct reader *r, const char *path)
{
	return path[0] == '/' || !r->folder[0] ? path
					       : arena_printf(r->arena, "%s%s", r->folder, path);
}

/* One value, or a list of them: each to `add`. */
static int each_text(struct reader *r, yaml_node_t *node, const char *key,
		     int (*add)(struct reader *r, yaml_node_t *node, const char *text))
{
	const char *text;

	if (node->type != YAML_SEQUENCE_NODE) {
		text = text_of(r, node, key);
		return text ? add(r, node, text) : -1;
	}
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		yaml_node_t *child = node_at(r, *item);

		text = text_of(r, child, key);
		if (!text || add(r, child, text))
			return -1;
	}
	return 0;
}

/* ---- mappings ---- */

/* How many letters must change (Levenshtein), for words of up to 31 letters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32], a_len = (unsigned)strlen(a), b_len = (unsigned)strlen(b);

	if (a_len > 31 || b_len > 31)
		return 32;
	for (unsigned k = 0; k <= b_len; k++)
		row[k] = k;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= b_len; k++) {
			unsigned change = corner + (a[i - 1] != b[k - 1]);
			unsigned best = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;

			corner = row[k];
			row[k] = change < best ? change : best;
		}
	}
	return row[b_len];
}

static int unknown_key(struct reader *r, yaml_node_t *node, const char *name,
		       const struct key *keys)
{
	const char *nearest = NULL;
	unsigned best = 4;

	for (; keys->name; keys++) {
		unsigned d = distance(name, keys->name);

		if (d < best) {
			best = d;
			nearest = keys->name;
		}
	}
	return wrong(r, node,
		     nearest ? arena_printf(r->arena, "there is no key '%s'; '%s' is meant?", name,
					    nearest)
			     : arena_printf(r->arena,
					    "there is no key '%s'; 'hull init' writes them all",
					    name));
}

static int read_mapping(struct reader *r, yaml_node_t *node, const struct key *keys)
{
	const yaml_node_pair_t *first = node->data.mapping.pairs.start;

	for (const yaml_node_pair_t *pair = first; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = node_at(r, pair->key);
		const char *name = text_of(r, key, "a key");
		const struct key *row = keys;

		if (!name)
			return -1;
		while (row->name && strcmp(row->name, name) != 0)
			row++;
		if (!row->name)
			return unknown_key(r, key, name, keys);
		for (const yaml_node_pair_t *other = first; other < pair; other++) {
			yaml_node_t *before = node_at(r, other->key);

			if (strcmp((char *)before->data.scalar.value, name) == 0)
				return wrong(r, key,
					     arena_printf(r->arena, "'%s' is there twice", name));
		}
		if (row->set(r, node_at(r, pair->value), name))
			return -1;
	}
	return 0;
}

static int need_mapping(struct reader *r, yaml_node_t *node, const char *key,
			const struct key *keys)
{
	if (node->type != YAML_MAPPING_NODE)
		return wrong(r, node,
			     arena_printf(r->arena, "%s wants lines of 'key: value'", key));
	return read_mapping(r, node, keys);
}

/* ---- the keys ---- */

#define TEXT_KEY(id, field) \
	static int set_##id(struct reader *r, yaml_node_t *node, const char *key) \
	{ \
		return set_text(r, node, key, &r->config->field); \
	}
#define PATH_KEY(id, field) \
	static int set_##id(struct reader *r, yaml_node_t *node, const char *key) \
	{ \
		if (set_text(r, node, key, &r->config->field)) \
			return -1; \
		r->config->field = host_path(r, r->config->field); \
		return 0; \
	}
#define FLAG_KEY(id, field) \
	static int set_##id(struct reader *r, yaml_node_t *node, const char *key) \
	{ \
		return set_flag(r, node, key, &r->config->field); \
	}
/* By a setter of config.h. */
#define VALUE_KEY(id) \
	static int set_##id(struct reader *r, yaml_node_t *node, const char *key) \
	{ \
		const char *text = text_of(r, node, key); \
\
		return text ? told(r, node, config_set_##id(r->config, text, r->failure)) : -1; \
	}
/* A list of texts as they are. */
#define STRINGS_KEY(id, field) \
	static int add_##id(struct reader *r, yaml_node_t *node, const char *text) \
	{ \
		(void)node; \
		strings_add(r->arena, &r->config->field, text); \
		return 0; \
	} \
	static int set_##id(struct reader *r, yaml_node_t *node, const char *key) \
	{ \
		return each_text(r, node, key, add_##id); \
	}
/* A list by a setter of config.h. */
#define LIST_KEY(id, setter) \
	static int add_##id(struct reader *r, yaml_node_t *node, const char *text) \
	{ \
		return told(r, node, setter(r->config, r->arena, text, r->failure)); \
	} \
	static int set_##id(struct reader *r, yaml_node_t *node, const char *key) \
	{ \
		return each_text(r, node, key, add_##id); \
	}

TEXT_KEY(cwd, cwd)
TEXT_KEY(hostname, hostname)
TEXT_KEY(verify_command, verify_command)
TEXT_KEY(library_path, library_path)
PATH_KEY(sign, sign)
PATH_KEY(kernel, kernel)
PATH_KEY(output, output)
FLAG_KEY(read_only, read_only)
VALUE_KEY(memory)
VALUE_KEY(cpus)
VALUE_KEY(verify_seconds)
VALUE_KEY(target)
VALUE_KEY(firmware)
VALUE_KEY(format)
VALUE_KEY(compression)
STRINGS_KEY(exclude, exclude)
STRINGS_KEY(preset_list, presets)
STRINGS_KEY(libraries, libraries)
STRINGS_KEY(parts, parts)
LIST_KEY(ports, config_add_publish)
LIST_KEY(volumes, config_add_volume)
LIST_KEY(dns, config_add_nameserver)

static int set_program(struct reader *r, yaml_node_t *node, const char *key)
{
	const char *text = text_of(r, node, key);

	if (!text)
		return -1;
	r->config->program = strchr(text, '/') ? host_path(r, text) : text;
	r->config->program_place = place_of(r, node);
	return 0;
}

static int set_user(struct reader *r, yaml_node_t *node, const char *key)
{
	r->config->user_place = place_of(r, node);
	return set_text(r, node, key, &r->config->user);
}

static int set_presets(struct reader *r, yaml_node_t *node, const char *key)
{
	r->config->presets_place = place_of(r, node);
	return set_preset_list(r, node, key);
}

static int set_oci(struct reader *r, yaml_node_t *node, const char *key)
{
	const char *text = text_of(r, node, key);

	if (!text)
		return -1;
	r->config->oci = host_path(r, text);
	r->config->oci_place = place_of(r, node);
	return 0;
}

static int add_arg(struct reader *r, yaml_node_t *node, const char *text)
{
	(void)node;
	strings_add(r->arena, &r->config->args, text);
	return 0;
}

static int set_args(struct reader *r, yaml_node_t *node, const char *key)
{
	r->config->has_args = true;
	return each_text(r, node, key, add_arg);
}

static int add_env(struct reader *r, yaml_node_t *node, const char *text)
{
	return told(r, node, config_add_env(r->config, r->arena, text, r->failure));
}

/* A list of NAME=VALUE, or a mapping. */
static int set_env(struct reader *r, yaml_node_t *node, const char *key)
{
	if (node->type != YAML_MAPPING_NODE)
		return each_text(r, node, key, add_env);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name_node = node_at(r, pair->key);
		const char *name = text_of(r, name_node, key), *value;

		value = name ? text_of(r, node_at(r, pair->value), name) : NULL;
		if (!value)
			return -1;
		if (add_env(r, name_node, arena_printf(r->arena, "%s=%s", name, value)))
			return -1;
	}
	return 0;
}

static int set_etc(struct reader *r, yaml_node_t *node, const char *key)
{
	bool etc;

	if (set_flag(r, node, key, &etc))
		return -1;
	r->config->no_etc = !etc;
	return 0;
}

static int set_patch(struct reader *r, yaml_node_t *node, const char *key)
{
	bool patch;

	if (set_flag(r, node, key, &patch))
		return -1;
	r->config->no_patch = !patch;
	return 0;
}

static int add_call(struct reader *r, yaml_node_t *node, const char *text)
{
	(void)node;
	r->config->has_calls = true;
	strings_add(r->arena, &r->config->calls, text);
	return 0;
}

static int set_calls(struct reader *r, yaml_node_t *node, const char *key)
{
	return each_text(r, node, key, add_call);
}

static int set_verify(struct reader *r, yaml_node_t *node, const char *key)
{
	if (set_verify_command(r, node, key))
		return -1;
	r->config->verify = true;
	return 0;
}

static const struct key minimal_keys[] = {
	{ "calls", set_calls },   { "parts", set_parts },
	{ "verify", set_verify }, { "verify-seconds", set_verify_seconds },
	{ NULL, NULL },
};

/* true, or a mapping. */
static int set_minimal(struct reader *r, yaml_node_t *node, const char *key)
{
	if (node->type != YAML_MAPPING_NODE)
		return set_flag(r, node, key, &r->config->minimal);
	r->config->minimal = true;
	return read_mapping(r, node, minimal_keys);
}

static int add_address(struct reader *r, yaml_node_t *node, const char *text)
{
	if (strcmp(text, "dhcp") == 0)
		return 0;
	return told(r, node, config_add_address(r->config, text, r->failure));
}

static int set_address(struct reader *r, yaml_node_t *node, const char *key)
{
	return each_text(r, node, key, add_address);
}

static const struct key network_keys[] = {
	{ "address", set_address },
	{ "dns", set_dns },
	{ "ports", set_ports },
	{ NULL, NULL },
};

/* "none", "dhcp", or a mapping. */
static int set_network(struct reader *r, yaml_node_t *node, const char *key)
{
	const char *text;

	if (node->type == YAML_MAPPING_NODE)
		return read_mapping(r, node, network_keys);
	text = text_of(r, node, key);
	if (!text)
		return -1;
	r->config->no_network = strcmp(text, "none") == 0;
	if (r->config->no_network || strcmp(text, "dhcp") == 0)
		return 0;
	return wrong(r, node, "'network' is dhcp, none, or a mapping with address, dns and ports");
}

/* ---- files ---- */

static struct file_rule *current_rule(struct reader *r)
{
	return &r->config->files[r->config->nr_files - 1];
}

static int set_from(struct reader *r, yaml_node_t *node, const char *key)
{
	return set_text(r, node, key, &current_rule(r)->from);
}

static int set_to(struct reader *r, yaml_node_t *node, const char *key)
{
	return set_text(r, node, key, &current_rule(r)->to);
}

static int set_mode(struct reader *r, yaml_node_t *node, const char *key)
{
	return set_text(r, node, key, &current_rule(r)->mode);
}

static int set_owner(struct reader *r, yaml_node_t *node, const char *key)
{
	return set_text(r, node, key, &current_rule(r)->owner);
}

static int add_rule_exclude(struct reader *r, yaml_node_t *node, const char *text)
{
	(void)node;
	strings_add(r->arena, &current_rule(r)->exclude, text);
	return 0;
}

static int set_rule_exclude(struct reader *r, yaml_node_t *node, const char *key)
{
	return each_text(r, node, key, add_rule_exclude);
}

static const struct key file_keys[] = {
	{ "from", set_from },
	{ "to", set_to },
	{ "mode", set_mode },
	{ "owner", set_owner },
	{ "exclude", set_rule_exclude },
	{ NULL, NULL },
};

/* Relative paths are this file's folder's; where that is says nothing about the image. */
static int finish_rule(struct reader *r, yaml_node_t *node, struct file_rule *rule)
{
	if (!rule->from)
		return wrong(r, node, "a file needs 'from'");
	if (rule->from[0] != '/' && !rule->to)
		return wrong(r, node,
			     arena_printf(r->arena,
					  "%s: a path that does not begin with / needs a place in "
					  "the image: write %s:/PATH",
					  rule->from, rule->from));
	rule->from = host_path(r, rule->from);
	return 0;
}

static int add_rule(struct reader *r, yaml_node_t *node)
{
	struct file_rule *rule = config_add_file(r->config, r->arena);
	const char *text;

	rule->place = place_of(r, node);
	if (node->type == YAML_MAPPING_NODE) {
		if (read_mapping(r, node, file_keys))
			return -1;
		return finish_rule(r, node, rule);
	}
	text = text_of(r, node, "files");
	if (!text)
		return -1;
	config_split_file(rule, r->arena, text);
	return finish_rule(r, node, rule);
}

static int set_files(struct reader *r, yaml_node_t *node, const char *key)
{
	(void)key;
	if (node->type != YAML_SEQUENCE_NODE)
		return add_rule(r, node);
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		if (add_rule(r, node_at(r, *item)))
			return -1;
	}
	return 0;
}

static const struct key keys[] = {
	{ "program", set_program },
	{ "args", set_args },
	{ "env", set_env },
	{ "cwd", set_cwd },
	{ "user", set_user },
	{ "hostname", set_hostname },
	{ "files", set_files },
	{ "exclude", set_exclude },
	{ "presets", set_presets },
	{ "libraries", set_libraries },
	{ "library-path", set_library_path },
	{ "oci", set_oci },
	{ "etc", set_etc },
	{ "read-only", set_read_only },
	{ "network", set_network },
	{ "volumes", set_volumes },
	{ "memory", set_memory },
	{ "cpus", set_cpus },
	{ "target", set_target },
	{ "firmware", set_firmware },
	{ "format", set_format },
	{ "compression", set_compression },
	{ "output", set_output },
	{ "kernel", set_kernel },
	{ "minimal", set_minimal },
	{ "patch", set_patch },
	{ "sign", set_sign },
	{ NULL, NULL },
};

/* ---- the file ---- */

static int parse_failed(struct reader *r, const yaml_parser_t *parser)
{
	return failure_set(r->failure, "%s:%zu:%zu: %s%s%s", r->path, parser->problem_mark.line + 1,
			   parser->problem_mark.column + 1,
			   parser->problem ? parser->problem : "it is no YAML",
			   parser->context ? " " : "", parser->context ? parser->context : "");
}

/* An alias gives one node several parents: every node but the root must have exactly one. */
static int refuse_aliases(struct reader *r)
{
	size_t nr = (size_t)(r->document.nodes.top - r->document.nodes.start);
	uint8_t *seen = arena_alloc(r->arena, nr + 1);

	for (size_t i = 0; i < nr; i++) {
		yaml_node_t *node = &r->document.nodes.start[i];

		if (node->type == YAML_SEQUENCE_NODE) {
			for (yaml_node_item_t *item = node->data.sequence.items.start;
			     item < node->data.sequence.items.top; item++)
				if (seen[*item]++)
					return wrong(r, node_at(r, *item), "aliases are not taken");
		} else if (node->type == YAML_MAPPING_NODE) {
			for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
			     pair < node->data.mapping.pairs.top; pair++)
				if (seen[pair->key]++ || seen[pair->value]++)
					return wrong(r, node_at(r, pair->value),
						     "aliases are not taken");
		}
	}
	return 0;
}

static int read_document(struct reader *r, FILE *file)
{
	yaml_parser_t parser;
	yaml_node_t *root;
	int err;

	if (!yaml_parser_initialize(&parser))
		return failure_set(r->failure, "%s: no memory to read it", r->path);
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &r->document)) {
		err = parse_failed(r, &parser);
		yaml_parser_delete(&parser);
		return err;
	}
	root = yaml_document_get_root_node(&r->document);
	if (!root)
		err = failure_set(r->failure, "%s: it is empty; 'hull init' writes one", r->path);
	else
		err = refuse_aliases(r);
	if (!err)
		err = need_mapping(r, root, "hull.yaml", keys);
	yaml_document_delete(&r->document);
	yaml_parser_delete(&parser);
	return err;
}

int yaml_read(struct config *config, struct arena *arena, const char *path, struct failure *failure)
{
	const char *slash = strrchr(path, '/');
	struct reader r = {
		.config = config,
		.arena = arena,
		.path = path,
		.folder = slash ? arena_copy(arena, path, (size_t)(slash + 1 - path)) : "",
		.failure = failure,
	};
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return failure_set(failure, "%s: %s; 'hull init PROGRAM' writes one", path,
				   strerror(errno));
	if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > MAX_FILE_BYTES)
		err = failure_set(failure, "%s: it is larger than 1 MiB, and no hull.yaml", path);
	else
		err = (rewind(file), read_document(&r, file));
	fclose(file);
	return err;
}
