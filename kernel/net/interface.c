/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs ask of the interfaces by ioctl (netdevice(7)). There is one, lo; what would change
 * it is refused.
 */
#include <asm/sockios.h>
#include <linux/capability.h>
#include <linux/sockios.h>

#include "core/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user.h"
#include "net/socket.h"

#define NAME_SIZE  16
#define LO_NAME    "lo"
#define LO_INDEX   1
#define LO_MTU     65536
#define LO_QUEUE   1000
#define LO_TYPE    772            /* ARPHRD_LOOPBACK */
#define LO_FLAGS   (1 | 8 | 0x40) /* IFF_UP, IFF_LOOPBACK, IFF_RUNNING */
#define LO_ADDRESS 0x0100007fu    /* as struct in_addr has it */
#define LO_MASK    0x000000ffu

struct sockaddr_v4 {
	uint16_t family, port;
	uint32_t address;
	char zero[8];
};

/* struct ifreq. */
struct request {
	char name[NAME_SIZE];
	union {
		struct sockaddr_v4 address;
		int32_t number;
		int16_t flags;
		uint16_t hardware_type;
		char room[24];
	};
};

/* struct ifconf. */
struct list_request {
	int32_t len, unused;
	uaddr_t to;
};

static struct sockaddr_v4 v4(uint32_t address)
{
	return (struct sockaddr_v4){ .family = AF_INET, .address = address };
}

/* SIOCGIFCONF: all that have an IPv4 address. */
static long list_all(uaddr_t arg)
{
	struct request r = { .name = LO_NAME };
	struct list_request l;

	if (user_read_struct(&l, arg) != 0)
		return -EFAULT;
	r.address = v4(LO_ADDRESS);
	if (l.to == 0) {
		l.len = sizeof(r);
	} else if (l.len < (int)sizeof(r)) {
		l.len = 0;
	} else {
		l.len = sizeof(r);
		if (user_write_struct(l.to, &r) != 0)
			return -EFAULT;
	}
	return user_write_struct(arg, &l);
}

static int answer(unsigned cmd, struct request *r)
{
	memset(r->room, 0, sizeof(r->room));
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = LO_FLAGS;
		return 0;
	case SIOCGIFADDR:
		r->address = v4(LO_ADDRESS);
		return 0;
	case SIOCGIFNETMASK:
		r->address = v4(LO_MASK);
		return 0;
	case SIOCGIFBRDADDR:
	case SIOCGIFDSTADDR:
		r->address = v4(cmd == SIOCGIFDSTADDR ? LO_ADDRESS : 0);
		return 0;
	case SIOCGIFMTU:
		r->number = LO_MTU;
		return 0;
	case SIOCGIFINDEX:
		r->number = LO_INDEX;
		return 0;
	case SIOCGIFMETRIC:
		return 0;
	case SIOCGIFTXQLEN:
		r->number = LO_QUEUE;
		return 0;
	case SIOCGIFHWADDR:
		r->hardware_type = LO_TYPE;
		return 0;
	default:
		return -ENOTTY;
	}
}

static bool is_change(unsigned cmd)
{
	switch (cmd) {
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFNAME:
	case SIOCSIFHWADDR:
	case SIOCSIFTXQLEN:
	case SIOCADDRT:
	case SIOCDELRT:
		return true;
	default:
		return false;
	}
}

/* SIOCGIFNAME: by number. */
static long name_of(uaddr_t arg)
{
	struct request r;

	if (user_read_struct(&r, arg) != 0)
		return -EFAULT;
	if (r.number != LO_INDEX)
		return -ENODEV;
	memset(r.name, 0, sizeof(r.name));
	memcpy(r.name, LO_NAME, sizeof(LO_NAME));
	return user_write_struct(arg, &r);
}

long socket_interface_ioctl(unsigned cmd, uaddr_t arg)
{
	struct request probe = { .name = LO_NAME }, r;
	int err;

	if (cmd == SIOCGIFCONF)
		return list_all(arg);
	if (cmd == SIOCGIFNAME)
		return name_of(arg);
	if (is_change(cmd))
		return cred_has_cap(cred_current(), CAP_NET_ADMIN) ? -EOPNOTSUPP : -EPERM;
	err = answer(cmd, &probe);
	if (err != 0)
		return err;
	if (user_read_struct(&r, arg) != 0)
		return -EFAULT;
	r.name[NAME_SIZE - 1] = '\0';
	if (strcmp(r.name, LO_NAME) != 0)
		return -ENODEV;
	err = answer(cmd, &r);
	return err != 0 ? err : user_write_struct(arg, &r);
}
