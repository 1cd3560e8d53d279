/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network of a run: its options, and what they mean. Without any there is no interface but the
 * guest's loopback; -p asks for the user network. An interface without --ip gets its addresses by
 * DHCP and from routers.
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/run/run.h"

#define TEXT_MAX        256
#define HOSTNAME_LEN    64         /* HOST_NAME_MAX, gethostname(2) */
#define USER_NAMESERVER "10.0.2.3" /* which DHCP there would tell of */

static struct net_options *of_context(void *context)
{
	return &((struct run_options *)context)->net;
}

static bool parse_number(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out >= min && *out <= max;
}

/* 4, 6, or 0: it is no address. */
static uint8_t parse_address(const char *text, uint8_t address[16])
{
	if (inet_pton(AF_INET, text, address) == 1)
		return 4;
	return inet_pton(AF_INET6, text, address) == 1 ? 6 : 0;
}

/* ---- --net ---- */

static const char *parse_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return "a MAC is written as 02:00:00:00:00:01";
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return mac[0] & 1 ? "this MAC is a group's: its first byte must be even" : NULL;
}

/* KEY=VALUE behind a comma. NULL, or what is wrong. */
static const char *parse_net_key(struct net_options *options, struct vm_net *net, const char *text)
{
	unsigned long number;

	if (strncmp(text, "mac=", 4) == 0) {
		options->has_mac[net - options->nets] = true;
		return parse_mac(text + 4, net->mac);
	}
	if (strncmp(text, "mtu=", 4) == 0) {
		if (!parse_number(text + 4, VM_NET_MTU_MIN, VM_NET_MTU_MAX, &number))
			return "the MTU is a number from 68 to 65520";
		net->mtu = (uint32_t)number;
		return NULL;
	}
	if (strcmp(text, "host=off") == 0 && net->kind == VM_NET_USER) {
		net->hides_host = true;
		return NULL;
	}
	return "behind the kind there may be ,mac=... and ,mtu=..., behind user ,host=off";
}

static const char *parse_net_kind(struct vm_net *net, const char *text)
{
	unsigned long fd;

	if (strcmp(text, "user") == 0) {
		net->kind = VM_NET_USER;
	} else if (strncmp(text, "tap=", 4) == 0 && text[4]) {
		net->kind = VM_NET_TAP;
		net->tap = text + 4;
	} else if (strncmp(text, "fd=", 3) == 0 && parse_number(text + 3, 3, 1 << 20, &fd)) {
		net->kind = VM_NET_FD;
		net->fd = (int)fd;
	} else {
		return "it is user, tap=NAME, fd=N (from 3 on) or none";
	}
	return NULL;
}

static const char *parse_net(struct net_options *options, char *text)
{
	struct vm_net *net = &options->nets[options->nr_nets];
	const char *wrong;
	char *key;

	*net = (struct vm_net){ .fd = -1 };
	key = strsep(&text, ",");
	wrong = parse_net_kind(net, key);
	while (!wrong && (key = strsep(&text, ",")) != NULL)
		wrong = parse_net_key(options, net, key);
	return wrong;
}

int run_net_set(void *context, const char *value)
{
	struct net_options *options = of_context(context);
	const char *wrong;
	char *text;

	if (strcmp(value, "none") == 0) {
		options->none = true;
		return 0;
	}
	if (options->nr_nets == VM_MAX_NETS) {
		message_print("--net: at most %d interfaces", VM_MAX_NETS);
		return EXIT_USAGE;
	}
	text = strdup(value); /* names in it live as long as the process */
	if (!text)
		abort();
	wrong = parse_net(options, text);
	if (wrong) {
		message_print("--net %s: %s", value, wrong);
		return EXIT_USAGE;
	}
	options->nr_nets++;
	return 0;
}

/* ---- -p ---- */

/* Cuts the first part off: an address in brackets, or what is before the last two colons. */
static char *take_listen_address(char **text)
{
	char *address = *text, *end, *second;

	if (address[0] == '[') {
		end = strchr(address, ']');
		if (!end || end[1] != ':')
			return NULL;
		*end = '\0';
		*text = end + 2;
		return address + 1;
	}
	end = strchr(address, ':');
	second = end ? strchr(end + 1, ':') : NULL;
	if (!second)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return address;
}

static const char *parse_forward(char *text, struct vm_forward *forward)
{
	char *protocol = strchr(text, '/'), *address, *guest;
	unsigned long host_port, guest_port;
	uint8_t family = 4;

	if (protocol)
		*protocol++ = '\0';
	if (protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
		return "the protocol is tcp or udp";
	forward->is_udp = protocol && strcmp(protocol, "udp") == 0;
	address = take_listen_address(&text);
	if (address)
		family = parse_address(address, forward->address);
	if (!family)
		return "the host's address is not one; an IPv6 address stands in brackets";
	forward->is_ip6 = family == 6;
	guest = strchr(text, ':');
	if (!guest)
		return "write [ADDR:]HOST:GUEST, with /udp behind it for UDP";
	*guest++ = '\0';
	if (!parse_number(text, 1, 65535, &host_port) ||
	    !parse_number(guest, 1, 65535, &guest_port))
		return "a port is a number from 1 to 65535";
	forward->host_port = (uint16_t)host_port;
	forward->guest_port = (uint16_t)guest_port;
	return NULL;
}

int run_net_set_port(void *context, const char *value)
{
	struct net_options *options = of_context(context);
	char text[TEXT_MAX];
	const char *wrong = "it is too long";

	if (options->nr_forwards == MAX_FORWARDS) {
		message_print("-p: at most %d ports", MAX_FORWARDS);
		return EXIT_USAGE;
	}
	if ((size_t)snprintf(text, sizeof(text), "%s", value) < sizeof(text))
		wrong = parse_forward(text, &options->forwards[options->nr_forwards]);
	if (wrong) {
		message_print("-p %s: %s", value, wrong);
		return EXIT_USAGE;
	}
	options->nr_forwards++;
	return 0;
}

/* ---- --ip, --dns, --hostname, --pcap ---- */

static const char *parse_static(char *text, struct static_address *out)
{
	char *bits = strchr(text, '/'), *gateway = strchr(text, ',');
	unsigned long number;

	if (!bits || (gateway && gateway < bits))
		return "write ADDR/BITS, such as 10.0.0.2/24, and ,GATEWAY if there is one";
	*bits++ = '\0';
	if (gateway)
		*gateway++ = '\0';
	out->family = parse_address(text, out->address);
	if (!out->family)
		return "it is no address";
	if (!parse_number(bits, 0, out->family == 4 ? 32 : 128, &number))
		return "the prefix has at most as many bits as the address";
	out->prefix_bits = (uint8_t)number;
	out->has_gateway = gateway != NULL;
	if (gateway && parse_address(gateway, out->gateway) != out->family)
		return "the gateway is no address of the same kind";
	return NULL;
}

int run_net_set_address(void *context, const char *value)
{
	struct net_options *options = of_context(context);
	struct static_address *address = &options->addresses[options->nr_addresses];
	const char *wrong = "it is too long";
	char text[TEXT_MAX];

	if (options->nr_addresses == MAX_ADDRESSES) {
		message_print("--ip: at most %d addresses", MAX_ADDRESSES);
		return EXIT_USAGE;
	}
	address->interface = options->nr_nets ? options->nr_nets - 1 : 0;
	if ((size_t)snprintf(text, sizeof(text), "%s", value) < sizeof(text))
		wrong = parse_static(text, address);
	if (wrong) {
		message_print("--ip %s: %s", value, wrong);
		return EXIT_USAGE;
	}
	options->nr_addresses++;
	return 0;
}

int run_net_set_nameserver(void *context, const char *value)
{
	struct net_options *options = of_context(context);
	uint8_t address[16];

	if (!parse_address(value, address)) {
		message_print("--dns %s: it is no address", value);
		return EXIT_USAGE;
	}
	if (options->nr_nameservers == MAX_NAMESERVERS) {
		message_print("--dns: at most %d name servers", MAX_NAMESERVERS);
		return EXIT_USAGE;
	}
	options->nameservers[options->nr_nameservers++] = value;
	return 0;
}

int run_net_set_hostname(void *context, const char *value)
{
	if (!value[0] || strlen(value) > HOSTNAME_LEN || strpbrk(value, " \t\n/")) {
		message_print("--hostname %s: a name has 1 to %d letters, digits, dots and hyphens",
			      value, HOSTNAME_LEN);
		return EXIT_USAGE;
	}
	of_context(context)->hostname = value;
	return 0;
}

int run_net_set_capture(void *context, const char *value)
{
	of_context(context)->capture = value;
	return 0;
}

/* ---- the plan ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u; /* FNV-1a */
	return hash;
}

/*
 * A locally administered one (IEEE 802 §8.4). A tap's user always gets the same, for the sake of
 * leases: on one host no other has that tap. Any other is of this process.
 */
static void make_mac(struct vm_net *net, unsigned idx)
{
	char machine[64] = "";
	uint64_t hash = 0xcbf29ce484222325u;
	pid_t pid = getpid();
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, machine,
			    sizeof(machine) - 1); /* without it: still of this process */
		close(fd);
	}
	hash = mix(hash, machine, strlen(machine));
	hash = mix(hash, &idx, sizeof(idx));
	if (net->kind == VM_NET_TAP)
		hash = mix(hash, net->tap, strlen(net->tap));
	else
		hash = mix(hash, &pid, sizeof(pid));
	hash ^= hash >> 33;
	memcpy(net->mac, &hash, sizeof(net->mac));
	net->mac[0] = (uint8_t)((net->mac[0] & 0xfc) | 2);
}

static int open_capture(struct run_plan *plan)
{
	const char *path = plan->options->net.capture;

	if (!path)
		return 0;
	if (plan->config.nr_nets == 0) {
		message_print("--pcap %s: there is no interface; ask for one by --net or -p", path);
		return EXIT_USAGE;
	}
	plan->config.capture_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (plan->config.capture_fd < 0) {
		message_print("--pcap %s: %s", path, strerror(errno));
		return EXIT_USAGE;
	}
	plan->config.is_captured = true;
	return 0;
}

/* The first address of each family of an interface's. */
static void give_guest_addresses(struct run_plan *plan)
{
	static const uint8_t none[16];
	const struct net_options *options = &plan->options->net;

	for (unsigned i = 0; i < options->nr_addresses; i++) {
		const struct static_address *a = &options->addresses[i];
		struct vm_net *net = &plan->nets[a->interface];

		if (a->family == 4 && memcmp(net->guest4, none, sizeof(net->guest4)) == 0)
			memcpy(net->guest4, a->address, sizeof(net->guest4));
		if (a->family == 6 && memcmp(net->guest6, none, sizeof(net->guest6)) == 0)
			memcpy(net->guest6, a->address, sizeof(net->guest6));
	}
}

/* Ports are the first user network's. */
static int give_forwards(struct run_plan *plan)
{
	const struct net_options *options = &plan->options->net;

	for (unsigned i = 0; i < plan->config.nr_nets; i++) {
		if (plan->nets[i].kind != VM_NET_USER)
			continue;
		plan->nets[i].forwards = options->forwards;
		plan->nets[i].nr_forwards = options->nr_forwards;
		return 0;
	}
	message_print("-p: ports are led to the program by --net user only; "
		      "with a tap or a descriptor its ports are its own");
	return EXIT_USAGE;
}

static bool wants_network(const struct net_options *options)
{
	return options->nr_nets || options->nr_forwards || options->nr_addresses;
}

int run_net_plan(struct run_plan *plan)
{
	const struct net_options *options = &plan->options->net;
	unsigned nr = options->nr_nets;

	if (options->none && wants_network(options)) {
		message_print("--net none goes with no other interface, nor with -p or --ip");
		return EXIT_USAGE;
	}
	memcpy(plan->nets, options->nets, nr * sizeof(*plan->nets));
	if (nr == 0 && wants_network(options))
		plan->nets[nr++] = (struct vm_net){ .kind = VM_NET_USER, .fd = -1 };
	for (unsigned i = 0; i < nr; i++) {
		plan->nets[i].hostname = options->hostname;
		if (!options->has_mac[i])
			make_mac(&plan->nets[i], i);
	}
	give_guest_addresses(plan);
	plan->config.nets = plan->nets;
	plan->config.nr_nets = nr;
	if (options->nr_forwards && give_forwards(plan))
		return EXIT_USAGE;
	return open_capture(plan);
}

/* ---- the record ---- */

static bool has_static(const struct net_options *options, unsigned interface, uint8_t family)
{
	for (unsigned i = 0; i < options->nr_addresses; i++) {
		if (options->addresses[i].interface == interface &&
		    options->addresses[i].family == family)
			return true;
	}
	return false;
}

/* A static address of one family leaves the other as it was. */
static void add_network(struct run_plan *plan, unsigned i)
{
	const struct net_options *options = &plan->options->net;
	struct launch_network out = { .flags = 0 };

	memcpy(out.mac, plan->nets[i].mac, sizeof(out.mac));
	if (!has_static(options, i, 4))
		out.flags |= LAUNCH_NETWORK_DHCP4;
	if (!has_static(options, i, 6))
		out.flags |= LAUNCH_NETWORK_AUTO6;
	if (plan->nets[i].kind == VM_NET_USER)
		out.flags |= LAUNCH_NETWORK_PRIVATE;
	launch_add(&plan->launch, LAUNCH_NETWORK, &out, sizeof(out));
}

void run_net_record(struct run_plan *plan)
{
	const struct net_options *options = &plan->options->net;

	for (unsigned i = 0; i < plan->config.nr_nets; i++)
		add_network(plan, i);
	for (unsigned i = 0; i < options->nr_addresses; i++) {
		const struct static_address *in = &options->addresses[i];
		struct launch_address out = {
			.family = in->family,
			.prefix_bits = in->prefix_bits,
			.flags = in->has_gateway ? LAUNCH_ADDRESS_HAS_GATEWAY : 0,
		};

		memcpy(out.mac, plan->nets[in->interface].mac, sizeof(out.mac));
		memcpy(out.address, in->address, sizeof(out.address));
		memcpy(out.gateway, in->gateway, sizeof(out.gateway));
		launch_add(&plan->launch, LAUNCH_ADDRESS, &out, sizeof(out));
	}
	for (unsigned i = 0; i < options->nr_nameservers; i++)
		launch_add_string(&plan->launch, LAUNCH_NAMESERVER, options->nameservers[i]);
	if (options->nr_nameservers == 0 && plan->config.nr_nets > 0 &&
	    plan->nets[0].kind == VM_NET_USER && has_static(options, 0, 4))
		launch_add_string(&plan->launch, LAUNCH_NAMESERVER, USER_NAMESERVER);
}
