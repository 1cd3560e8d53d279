/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of /proc/sys/net as text: sysctl.h; and the files net/core, ipv4, ipv6 and unix. */
#include "linux/socket/sysctl.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "net/settings.h"

#define NUMBERS_MAX 3u
#define PORT_LAST   65535
#define SEND_MIN    4608 /* of buffers, as setsockopt(2) has them */
#define RECEIVE_MIN 2304

/* ---- text ---- */

static int64_t load(const struct sysctl_number *n)
{
	if (n->size == sizeof(uint8_t))
		return READ_ONCE(*(uint8_t *)n->at);
	if (n->size == sizeof(uint32_t))
		return READ_ONCE(*(uint32_t *)n->at);
	return (int64_t)READ_ONCE(*(uint64_t *)n->at);
}

static void keep(const struct sysctl_number *n, int64_t value)
{
	if (n->size == sizeof(uint8_t))
		WRITE_ONCE(*(uint8_t *)n->at, (uint8_t)value);
	else if (n->size == sizeof(uint32_t))
		WRITE_ONCE(*(uint32_t *)n->at, (uint32_t)value);
	else
		WRITE_ONCE(*(uint64_t *)n->at, (uint64_t)value);
}

int sysctl_show(struct text_buffer *b, const struct sysctl_number *n, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (n[i].at == NULL)
			return -ENOMEM;
		text_print(b, i == 0 ? "%lld" : "\t%lld", (long long)(load(&n[i]) / n[i].unit));
	}
	text_print(b, "\n");
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

/* The next number from *at on. 0: there is none; -EINVAL: that is none. */
static int parse(const char *text, size_t len, size_t *at, int64_t *value)
{
	bool negative;
	size_t from;

	while (*at < len && is_space(text[*at]))
		++*at;
	if (*at == len)
		return 0;
	negative = text[*at] == '-';
	*at += negative;
	*value = 0;
	for (from = *at; *at < len && text[*at] >= '0' && text[*at] <= '9'; ++*at) {
		if (*value > INT64_MAX / 100)
			return -EINVAL;
		*value = *value * 10 + (text[*at] - '0');
	}
	if (*at == from || (*at < len && !is_space(text[*at])))
		return -EINVAL;
	*value = negative ? -*value : *value;
	return 1;
}

int sysctl_store(const struct sysctl_number *n, unsigned nr, const char *text, size_t len)
{
	int64_t values[NUMBERS_MAX];
	unsigned given = 0;
	size_t at = 0;
	int err = 1;

	while (given < min(nr, NUMBERS_MAX) && err == 1) {
		if (n[given].at == NULL)
			return -ENOMEM;
		err = parse(text, len, &at, &values[given]);
		if (err == 1 && (values[given] < n[given].least || values[given] > n[given].most))
			return -EINVAL;
		given += err == 1;
	}
	if (err < 0 || given == 0)
		return -EINVAL;
	for (unsigned i = 0; i < given; i++)
		keep(&n[i], values[i] * n[i].unit);
	return 0;
}

/* ---- net/core, net/unix ---- */

#define CORE(name, least, most) \
	SYSCTL(core_##name, "core/" #name, uint32_t, socket_settings.name, least, most)
CORE(somaxconn, 0, 65535);
CORE(rmem_max, RECEIVE_MIN, INT32_MAX / 2);
CORE(wmem_max, SEND_MIN, INT32_MAX / 2);
CORE(rmem_default, RECEIVE_MIN, INT32_MAX / 2);
CORE(wmem_default, SEND_MIN, INT32_MAX / 2);
SYSCTL_FIXED(core_optmem_max, "core/optmem_max", "131072");
SYSCTL_FIXED(core_netdev_max_backlog, "core/netdev_max_backlog", "1000");
SYSCTL_FIXED(core_default_qdisc, "core/default_qdisc", "pfifo");
SYSCTL_FIXED(max_dgram_qlen, "unix/max_dgram_qlen", "10");

/* ---- net/ipv4 ---- */

static int show_pair(struct text_buffer *b, uint32_t *at)
{
	const struct sysctl_number n[2] = { { at, sizeof(*at), 0, 0, 1 },
					    { at == NULL ? NULL : at + 1, sizeof(*at), 0, 0, 1 } };

	return sysctl_show(b, n, 2);
}

/* Both at once, the first not above the second: -EINVAL, and nothing has changed. */
static int store_pair(const char *text, size_t len, uint32_t *at, int64_t least, int64_t most)
{
	uint32_t now[2];
	const struct sysctl_number n[2] = { { &now[0], sizeof(now[0]), least, most, 1 },
					    { &now[1], sizeof(now[1]), least, most, 1 } };
	int err;

	if (at == NULL)
		return -ENOMEM;
	now[0] = READ_ONCE(at[0]);
	now[1] = READ_ONCE(at[1]);
	err = sysctl_store(n, 2, text, len);
	if (err == 0 && now[0] > now[1])
		err = -EINVAL;
	if (err != 0)
		return err;
	WRITE_ONCE(at[0], now[0]);
	WRITE_ONCE(at[1], now[1]);
	return 0;
}

static int show_port_range(struct text_buffer *b, int id)
{
	return show_pair(b, SYSCTL_AT(net->settings.port_range[0]));
}

static int store_port_range(const char *text, size_t len, int id)
{
	return store_pair(text, len, SYSCTL_AT(net->settings.port_range[0]), 1, PORT_LAST);
}
PROC_FILE(port_range) = { .path = "sys/net/ipv4/ip_local_port_range",
			  .mode = 0644,
			  .show = show_port_range,
			  .store = store_port_range };

static int show_ping_groups(struct text_buffer *b, int id)
{
	return show_pair(b, SYSCTL_AT(net->settings.ping_groups[0]));
}

/* An empty range, "1 0", is for nobody. */
static int store_ping_groups(const char *text, size_t len, int id)
{
	struct sysctl_number n[2] = {
		{ SYSCTL_AT(net->settings.ping_groups[0]), sizeof(uint32_t), 0, INT32_MAX, 1 },
		{ SYSCTL_AT(net->settings.ping_groups[1]), sizeof(uint32_t), 0, INT32_MAX, 1 },
	};

	return sysctl_store(n, 2, text, len);
}
PROC_FILE(ping_groups) = { .path = "sys/net/ipv4/ping_group_range",
			   .mode = 0644,
			   .show = show_ping_groups,
			   .store = store_ping_groups };

SYSCTL(unprivileged, "ipv4/ip_unprivileged_port_start", uint32_t,
       net->settings.unprivileged_port_start, 0, PORT_LAST);
SYSCTL(default_ttl, "ipv4/ip_default_ttl", uint32_t, net->settings.default_ttl, 1, 255);
SYSCTL(nonlocal_bind4, "ipv4/ip_nonlocal_bind", uint32_t, net->settings.nonlocal_bind[0], 0, 1);
SYSCTL_FIXED(ip_forward, "ipv4/ip_forward", "0");
SYSCTL_FIXED(echo_ignore_all, "ipv4/icmp_echo_ignore_all", "0");
SYSCTL_FIXED(echo_ignore_broadcasts, "ipv4/icmp_echo_ignore_broadcasts", "1");
SYSCTL(igmp_memberships, "ipv4/igmp_max_memberships", uint32_t, net->settings.max_memberships, 0,
       INT32_MAX);
SYSCTL(igmp_sources, "ipv4/igmp_max_msf", uint32_t, net->settings.max_sources[0], 0,
       NET_SOURCES_MAX);
#define NEIGHBOURS(family, i, which) \
	SYSCTL(family##_gc_thresh##which, #family "/neigh/default/gc_thresh" #which, uint32_t, \
	       net->settings.neighbours[i][which - 1], 0, INT32_MAX)
NEIGHBOURS(ipv4, 0, 1);
NEIGHBOURS(ipv4, 0, 2);
NEIGHBOURS(ipv4, 0, 3);
SYSCTL_FIXED(udp_rmem_min, "ipv4/udp_rmem_min", "4096");
SYSCTL_FIXED(udp_wmem_min, "ipv4/udp_wmem_min", "4096");
SYSCTL_FIXED(forwarding4_all, "ipv4/conf/all/forwarding", "0");
SYSCTL_FIXED(forwarding4_default, "ipv4/conf/default/forwarding", "0");
SYSCTL_FIXED(forwarding4, "ipv4/conf/IF/forwarding", "0");
SYSCTL_FIXED(rp_filter_all, "ipv4/conf/all/rp_filter", "0");
SYSCTL_FIXED(rp_filter, "ipv4/conf/IF/rp_filter", "0");

/* ---- net/ipv6 ---- */

SYSCTL(bindv6only, "ipv6/bindv6only", uint32_t, net->settings.bindv6only, 0, 1);
SYSCTL(nonlocal_bind6, "ipv6/ip_nonlocal_bind", uint32_t, net->settings.nonlocal_bind[1], 0, 1);
SYSCTL(mld_sources, "ipv6/mld_max_msf", uint32_t, net->settings.max_sources[1], 0, NET_SOURCES_MAX);
NEIGHBOURS(ipv6, 1, 1);
NEIGHBOURS(ipv6, 1, 2);
NEIGHBOURS(ipv6, 1, 3);
SYSCTL_FIXED(forwarding6_all, "ipv6/conf/all/forwarding", "0");
SYSCTL_FIXED(forwarding6_default, "ipv6/conf/default/forwarding", "0");
SYSCTL_FIXED(forwarding6, "ipv6/conf/IF/forwarding", "0");
