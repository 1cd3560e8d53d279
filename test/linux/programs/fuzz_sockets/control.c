/* SPDX-License-Identifier: BSD-2-Clause */
/* ioctl(2) of sockets and interfaces, filters of sockets, the tables in /proc/net. */
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

static void put_name(char *to)
{
	static const char *const names[] = { "lo", "eth0", "lo:1", "", "nothing", "eth0:x" };

	memset(to, 0, IFNAMSIZ);
	if (one_in(16))
		memset(to, 'x', IFNAMSIZ);
	else
		strcpy(to, names[below(LENGTH(names))]);
}

static void interface_control(void)
{
	struct ifreq *r = filled_place(0, sizeof(*r));
	struct ethtool_value *value = filled_place(1, 512);

	put_name(r->ifr_name);
	if (one_in(2)) {
		memset(&r->ifr_ifru, 0, sizeof(r->ifr_ifru));
		make_address(&r->ifr_addr, sizeof(r->ifr_addr));
	}
	value->cmd = below(96);
	if (one_in(4))
		r->ifr_data = (void *)value;
	ioctl(some_socket(), one_in(4) ? SIOCETHTOOL : 0x8910 + below(0x40), r);
}

static void other_control(void)
{
	unsigned long request = one_in(3)   ? FIONREAD
				: one_in(2) ? 0x8900 + below(256)
					    : 0x5400 + below(128);
	struct rtentry *route = filled_place(0, sizeof(*route));
	struct arpreq *arp = filled_place(1, sizeof(*arp));
	struct ifconf *list = place(2, sizeof(*list));

	make_address(&arp->arp_pa, sizeof(arp->arp_pa));
	make_address(&route->rt_dst, sizeof(route->rt_dst));
	make_address(&route->rt_gateway, sizeof(route->rt_gateway));
	put_name(arp->arp_dev);
	route->rt_dev = NULL;
	list->ifc_len = (int)(one_in(8) ? some_number() : below(200));
	list->ifc_buf = one_in(4) ? NULL : place(3, 200);
	switch (below(4)) {
	case 0:
		ioctl(some_socket(), SIOCADDRT + below(2), route);
		break;
	case 1:
		ioctl(some_socket(), SIOCDARP + below(3), arp);
		break;
	case 2:
		ioctl(some_socket(), SIOCGIFCONF, list);
		break;
	default:
		ioctl(some_socket(), request, filled_place(0, 64));
	}
}

static struct sock_filter some_instruction(void)
{
	static const uint16_t codes[] = { 0x00, 0x01, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50,
					  0x60, 0x61, 0x80, 0x81, 0xb1, 0x02, 0x03, 0x04,
					  0x0c, 0x14, 0x24, 0x34, 0x3c, 0x44, 0x54, 0x64,
					  0x74, 0x84, 0x94, 0x9c, 0xa4, 0x05, 0x15, 0x1d,
					  0x25, 0x35, 0x45, 0x06, 0x16, 0x07, 0x87 };
	static const uint32_t ancillary[] = { 0xfffff000, 0xfffff004, 0xfffff008, 0xfff00000,
					      0xffe00000, 0xfffff024, 0xfffff034, 0xfffff038 };
	struct sock_filter f = { .jt = (uint8_t)below(4), .jf = (uint8_t)below(4) };

	f.code = one_in(32) ? (uint16_t)next_random() : codes[below(LENGTH(codes))];
	f.k = one_in(8) ? ancillary[below(LENGTH(ancillary))] : below(one_in(2) ? 16 : 64);
	if (one_in(32))
		f.k = some_number();
	return f;
}

static void filter(void)
{
	static const int names[] = { SO_ATTACH_FILTER, SO_ATTACH_FILTER, SO_ATTACH_FILTER, 51 };
	unsigned nr = 1 + below(12);
	struct sock_fprog *p = place(0, sizeof(*p));
	struct sock_filter *code = place(1, nr * sizeof(*code));
	int fd = some_socket(), on = 1;

	for (unsigned i = 0; i < nr; i++)
		code[i] = some_instruction();
	if (!one_in(4))
		code[nr - 1] = (struct sock_filter){ .code = 0x06, .k = below(2) * 100 };
	p->len = (uint16_t)(one_in(32) ? some_number() : nr);
	p->filter = code;
	setsockopt(fd, SOL_SOCKET, names[below(LENGTH(names))], p, sizeof(*p));
	if (one_in(3))
		setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on));
}

static void read_table(void)
{
	static const char *const names[] = { "tcp",    "tcp6",     "udp",        "udp6", "raw",
					     "raw6",   "unix",     "netlink",    "dev",  "route",
					     "arp",    "if_inet6", "ipv6_route", "snmp", "sockstat",
					     "packet", "igmp",     "netstat" };
	char path[64], bytes[512];
	int fd;

	snprintf(path, sizeof(path), "/proc/net/%s", names[below(LENGTH(names))]);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	while (read(fd, bytes, 1 + below(sizeof(bytes))) > 0 && !one_in(8))
		continue;
	close(fd);
}

void fuzz_control(void)
{
	switch (below(8)) {
	case 0:
	case 1:
		interface_control();
		break;
	case 2:
	case 3:
		other_control();
		break;
	case 4:
		read_table();
		break;
	default:
		filter();
	}
}
