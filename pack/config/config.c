/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of hull.yaml and of hull build's options, checked for their form (config.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launch/cpu_count.h"
#include "launch/memory_size.h"
#include "pack/config/config.h"

#define MAX_VERIFY_SECONDS 86400

void config_init(struct config *config)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*config = (struct config){ .output = NULL };
	if (!epoch || !*epoch)
		return;
	errno = 0;
	config->time = strtoll(epoch, &end, 10);
	if (errno || *end || config->time < 0)
		config->wrong_time = epoch;
}

const char *place_text(struct arena *arena, const struct place *place)
{
	if (!place->file)
		return "";
	return arena_printf(arena, "%s:%u:%u: ", place->file, place->line, place->column);
}

int config_set_memory(struct config *config, const char *text, struct failure *failure)
{
	if (!memory_size_parse(text, &config->memory_bytes) || config->memory_bytes == 0)
		return failure_set(failure, "'%s' is no size: write one such as 64M or 2G", text);
	return 0;
}

int config_set_cpus(struct config *config, const char *text, struct failure *failure)
{
	if (!cpu_count_parse(text, &config->nr_cpus))
		return failure_set(failure, "'%s' is no number of CPUs: it is from 1 to %d", text,
				   CPU_COUNT_MAX);
	return 0;
}

int config_set_verify_seconds(struct config *config, const char *text, struct failure *failure)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || *end || n < 1 || n > MAX_VERIFY_SECONDS)
		return failure_set(failure, "'%s' is no number of seconds: it is from 1 to %d",
				   text, MAX_VERIFY_SECONDS);
	config->verify_seconds = (unsigned)n;
	return 0;
}

/* Which of the names, or -1 after a message that lists them. */
static int choose(const char *const names[], const char *text, struct failure *failure)
{
	char list[128] = "";

	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], text) == 0)
			return i;
		strcat(list, i ? names[i + 1] ? ", " : " or " : "");
		strcat(list, names[i]);
	}
	return failure_set(failure, "'%s' is not known here: it is %s", text, list);
}

int config_set_target(struct config *config, const char *text, struct failure *failure)
{
	static const char *const names[] = { "elf", "disk", "iso", NULL };
	int n = choose(names, text, failure);

	if (n < 0)
		return n;
	config->target = (enum pack_target)n;
	return 0;
}

int config_set_firmware(struct config *config, const char *text, struct failure *failure)
{
	static const char *const names[] = { "both", "bios", "uefi", NULL };
	int n = choose(names, text, failure);

	if (n < 0)
		return n;
	config->firmware = (enum pack_firmware)n;
	return 0;
}

int config_set_format(struct config *config, const char *text, struct failure *failure)
{
	static const char *const names[] = { "erofs", "cpio", NULL };
	int n = choose(names, text, failure);

	if (n < 0)
		return n;
	config->format = (enum pack_format)n;
	return 0;
}

int config_set_compression(struct config *config, const char *text, struct failure *failure)
{
	static const char *const names[] = { "lz4", "lzma", "none", NULL };
	int n = choose(names, text, failure);

	if (n < 0)
		return n;
	config->compression = (enum pack_compression)n;
	return 0;
}

static bool parse_address(const char *text, uint8_t *family, uint8_t address[16])
{
	memset(address, 0, 16);
	*family = strchr(text, ':') ? 6 : 4;
	return inet_pton(*family == 6 ? AF_INET6 : AF_INET, text, address) == 1;
}

int config_add_address(struct config *config, const char *text, struct failure *failure)
{
	struct static_network *out = &config->addresses[config->nr_addresses];
	char copy[128], *bits, *gateway, *end;
	uint8_t family;
	unsigned long n;

	if (config->nr_addresses == sizeof(config->addresses) / sizeof(config->addresses[0]))
		return failure_set(failure, "there are more than %u addresses",
				   config->nr_addresses);
	if (strlen(text) >= sizeof(copy))
		goto bad;
	strcpy(copy, text);
	bits = strchr(copy, '/');
	if (!bits)
		goto bad;
	*bits++ = '\0';
	gateway = strchr(bits, ',');
	if (gateway)
		*gateway++ = '\0';
	n = strtoul(bits, &end, 10);
	*out = (struct static_network){ .has_gateway = gateway != NULL };
	if (!parse_address(copy, &out->family, out->address) || *end || end == bits ||
	    n > (out->family == 6 ? 128 : 32))
		goto bad;
	out->prefix_bits = (uint8_t)n;
	if (gateway && (!parse_address(gateway, &family, out->gateway) || family != out->family))
		goto bad;
	config->nr_addresses++;
	return 0;
bad:
	return failure_set(failure,
			   "'%s' is no address: write ADDRESS/BITS or "
			   "ADDRESS/BITS,GATEWAY, such as 10.0.0.2/24,10.0.0.1",
			   text);
}

int config_add_nameserver(struct config *config, struct arena *arena, const char *text,
			  struct failure *failure)
{
	uint8_t family, address[16];

	if (!parse_address(text, &family, address))
		return failure_set(failure, "'%s' is no name server's address", text);
	strings_add(arena, &config->nameservers, text);
	return 0;
}

static bool is_port(const char *text, const char **end)
{
	unsigned long n = strtoul(text, (char **)end, 10);

	return *end != text && text[0] >= '0' && text[0] <= '9' && n >= 1 && n <= 65535;
}

int config_add_publish(struct config *config, struct arena *arena, const char *text,
		       struct failure *failure)
{
	const char *guest = strrchr(text, ':'), *host = guest, *end;

	while (host && host > text && host[-1] != ':')
		host--;
	if (!guest || !is_port(guest + 1, &end) || (*end && strcmp(end, "/udp") != 0) ||
	    !is_port(host, &end) || end != guest)
		return failure_set(failure,
				   "'%s' is no pair of ports: write [ADDRESS:]HOST:GUEST "
				   "or, for UDP, HOST:GUEST/udp",
				   text);
	strings_add(arena, &config->publish, text);
	return 0;
}

int config_add_volume(struct config *config, struct arena *arena, const char *text,
		      struct failure *failure)
{
	const char *guest = strchr(text, ':'), *mode = guest ? strchr(guest + 1, ':') : NULL;

	if (!guest || guest == text || guest[1] != '/' ||
	    (mode && strcmp(mode, ":ro") != 0 && strcmp(mode, ":rw") != 0))
		return failure_set(failure,
				   "'%s' is no volume: write HOST:GUEST or HOST:GUEST:ro, "
				   "GUEST an absolute path",
				   text);
	strings_add(arena, &config->volumes, text);
	return 0;
}

int config_add_env(struct config *config, struct arena *arena, const char *text,
		   struct failure *failure)
{
	const char *equals = strchr(text, '='), *value;

	if (!text[0] || equals == text)
		return failure_set(failure,
				   "'%s' is no variable: write NAME=VALUE, or NAME to take "
				   "yours as it is now",
				   text);
	if (!equals) {
		value = getenv(text);
		if (!value)
			return 0;
		text = arena_printf(arena, "%s=%s", text, value);
	}
	strings_add(arena, &config->env, text);
	return 0;
}

struct file_rule *config_add_file(struct config *config, struct arena *arena)
{
	config->files = arena_grow(arena, config->files, config->nr_files, &config->files_capacity,
				   sizeof(*config->files));
	return &config->files[config->nr_files++];
}

void config_split_file(struct file_rule *rule, struct arena *arena, const char *text)
{
	char *from = arena_string(arena, text), *to = from, *at = from;

	for (; *to && *to != ':'; *at++ = *to++) {
		if (to[0] == '\\' && to[1] == ':')
			to++;
	}
	if (*to)
		rule->to = to + 1;
	*at = '\0';
	rule->from = from;
}
