/* SPDX-License-Identifier: BSD-2-Clause */
/* An image's launch record (record.h). */
#include <stdio.h>
#include <string.h>

#include "pack/record.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool has_variable(const struct config *config, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < config->env.nr; i++) {
		if (strncmp(config->env.at[i], name, len) == 0 && config->env.at[i][len] == '=')
			return true;
	}
	return false;
}

/* Of several of one name, the last. */
static bool is_last(const struct config *config, size_t i)
{
	size_t len = strcspn(config->env.at[i], "=") + 1;

	for (size_t k = i + 1; k < config->env.nr; k++) {
		if (strncmp(config->env.at[i], config->env.at[k], len) == 0)
			return false;
	}
	return true;
}

static void add_env(struct launch *launch, const struct config *config,
		    const struct record_facts *facts)
{
	char home[4200];

	if (!has_variable(config, "PATH"))
		launch_add_string(launch, LAUNCH_ENV, DEFAULT_PATH);
	if (!has_variable(config, "HOME")) {
		snprintf(home, sizeof(home), "HOME=%s", facts->home);
		launch_add_string(launch, LAUNCH_ENV, home);
	}
	for (size_t i = 0; i < config->env.nr; i++) {
		if (is_last(config, i))
			launch_add_string(launch, LAUNCH_ENV, config->env.at[i]);
	}
}

static void add_mounts(struct launch *launch, const struct config *config,
		       const struct record_facts *facts)
{
	static const struct {
		enum launch_mount_type type;
		const char *source, *target;
	} others[] = {
		{ LAUNCH_MOUNT_PROC, "proc", "/proc" },
		{ LAUNCH_MOUNT_SYSFS, "sysfs", "/sys" },
		{ LAUNCH_MOUNT_DEVTMPFS, "devtmpfs", "/dev" },
		{ LAUNCH_MOUNT_TMPFS, "tmpfs", "/dev/shm" },
	};
	struct launch_mount root = {
		.type = facts->archive ? LAUNCH_MOUNT_CPIO : LAUNCH_MOUNT_EROFS,
		.flags = config->read_only ? LAUNCH_MOUNT_RDONLY : 0,
	};

	launch_add_mount(launch, &root, "", "/");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct launch_mount mount = { .type = others[i].type };

		if (strncmp(others[i].target, "/dev", 4) == 0 ? facts->no_dev : facts->no_proc)
			continue;
		launch_add_mount(launch, &mount, others[i].source, others[i].target);
	}
	if (facts->archive)
		launch_add(launch, LAUNCH_CPIO, facts->archive, facts->archive_len);
}

static void add_streams(struct launch *launch)
{
	struct launch_ports ports = { .control = 0 };

	for (uint32_t fd = 0; fd < 3; fd++) {
		struct launch_stream stream = { .fd = fd, .kind = STREAM_CONSOLE };

		launch_add(launch, LAUNCH_STREAM, &stream, sizeof(stream));
	}
	launch_add(launch, LAUNCH_PORTS, &ports, sizeof(ports));
}

/* One item speaks for whatever interfaces the machine has; a static address of a family is the
 * first's. */
static void add_network(struct launch *launch, const struct config *config)
{
	struct launch_network network = {
		.flags = LAUNCH_NETWORK_ANY | LAUNCH_NETWORK_DHCP4 | LAUNCH_NETWORK_AUTO6,
	};

	for (unsigned i = 0; i < config->nr_addresses; i++)
		network.flags &= (uint16_t) ~(config->addresses[i].family == 6
						      ? LAUNCH_NETWORK_AUTO6
						      : LAUNCH_NETWORK_DHCP4);
	if (!config->no_network)
		launch_add(launch, LAUNCH_NETWORK, &network, sizeof(network));
	for (unsigned i = 0; i < config->nr_addresses; i++) {
		const struct static_network *in = &config->addresses[i];
		struct launch_address out = {
			.family = in->family,
			.prefix_bits = in->prefix_bits,
			.flags = in->has_gateway ? LAUNCH_ADDRESS_HAS_GATEWAY : 0,
		};

		memcpy(out.address, in->address, sizeof(out.address));
		memcpy(out.gateway, in->gateway, sizeof(out.gateway));
		launch_add(launch, LAUNCH_ADDRESS, &out, sizeof(out));
	}
	for (size_t i = 0; i < config->nameservers.nr; i++)
		launch_add_string(launch, LAUNCH_NAMESERVER, config->nameservers.at[i]);
}

int record_write(struct launch *launch, const struct config *config,
		 const struct record_facts *facts, struct failure *failure)
{
	struct launch_options options = {
		.flags = (config->no_patch ? LAUNCH_NO_PATCH : 0) |
			 (config->hostname ? LAUNCH_NAME_IS_GIVEN : 0),
	};

	launch_add_string(launch, LAUNCH_PROGRAM, facts->program);
	launch_add_string(launch, LAUNCH_ARG, facts->name);
	for (size_t i = 0; i < config->args.nr; i++)
		launch_add_string(launch, LAUNCH_ARG, config->args.at[i]);
	add_env(launch, config, facts);
	launch_add_string(launch, LAUNCH_CWD, config->cwd ? config->cwd : "/");
	launch_add_cred(launch, facts->uid, facts->gid, NULL, 0);
	add_mounts(launch, config, facts);
	add_streams(launch);
	launch_add(launch, LAUNCH_OPTIONS, &options, sizeof(options));
	launch_add_string(launch, LAUNCH_HOSTNAME, config->hostname ? config->hostname : "hull");
	add_network(launch, config);
	if (launch_end(launch))
		return failure_set(failure, "there is no memory for the launch record");
	return 0;
}
