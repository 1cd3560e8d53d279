/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast from chosen sources (ip(7), ipv6(7), RFC 3678), on the loopback: 127.0.0.1 and
 * 127.0.0.2 send, and each socket hears whom it wants.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "inet.h"

#define GROUP "239.7.7.7"

static unsigned lo;
static int sender[2];
static struct sockaddr_in to;

static in_addr_t address(const char *text)
{
	struct in_addr a;

	inet_pton(AF_INET, text, &a);
	return a.s_addr;
}

static int receiver(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = to.sin_port };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1, off = 0;
	socklen_t len = sizeof(a);

	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)), 0);
	CHECK_EQ(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&a, &len), 0);
	to.sin_port = a.sin_port;
	return s;
}

static void open_senders(void)
{
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		struct in_addr by = { address("127.0.0.1") };

		a.sin_addr.s_addr = address(i == 0 ? "127.0.0.1" : "127.0.0.2");
		sender[i] = socket(AF_INET, SOCK_DGRAM, 0);
		CHECK_EQ(bind(sender[i], (struct sockaddr *)&a, sizeof(a)), 0);
		CHECK_EQ(setsockopt(sender[i], IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)), 0);
	}
	to = (struct sockaddr_in){ .sin_family = AF_INET };
	to.sin_addr.s_addr = address(GROUP);
}

/* Both send: whom does it hear? 1: the first, 2: the second, 3: both. */
static int heard(int s)
{
	int got = 0;
	char c;

	for (int i = 0; i < 2; i++) {
		c = (char)(i + 1);
		CHECK_EQ(sendto(sender[i], &c, 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	}
	in_settle();
	while (recv(s, &c, 1, 0) == 1)
		got |= c;
	return got;
}

static int with_source(int s, int name, const char *source)
{
	struct ip_mreq_source r;

	r.imr_multiaddr.s_addr = address(GROUP);
	r.imr_interface.s_addr = address("127.0.0.1");
	r.imr_sourceaddr.s_addr = address(source);
	return setsockopt(s, IPPROTO_IP, name, &r, sizeof(r));
}

static int membership(int s, int name)
{
	struct ip_mreq r;

	r.imr_multiaddr.s_addr = address(GROUP);
	r.imr_interface.s_addr = address("127.0.0.1");
	return setsockopt(s, IPPROTO_IP, name, &r, sizeof(r));
}

static void from_some(void)
{
	int s = receiver();

	CHECK_EQ(heard(s), 0);
	CHECK_EQ(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.2"), 0);
	CHECK_EQ(heard(s), 2);
	CHECK_ERR(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.2"), EADDRNOTAVAIL);
	CHECK_EQ(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.1"), 0);
	CHECK_EQ(heard(s), 3);
	CHECK_ERR(with_source(s, IP_BLOCK_SOURCE, "127.0.0.1"), EINVAL);
	CHECK_ERR(membership(s, IP_ADD_MEMBERSHIP), EADDRINUSE);
	CHECK_EQ(with_source(s, IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.2"), 0);
	CHECK_EQ(heard(s), 1);
	CHECK_ERR(with_source(s, IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.2"), EADDRNOTAVAIL);
	CHECK_EQ(with_source(s, IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.1"), 0);
	CHECK_EQ(heard(s), 0);
	CHECK_ERR(with_source(s, IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.1"), EINVAL);
	CHECK_ERR(membership(s, IP_DROP_MEMBERSHIP), EADDRNOTAVAIL);
	CHECK_EQ(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.1"), 0);
	CHECK_EQ(membership(s, IP_DROP_MEMBERSHIP), 0);
	CHECK_EQ(heard(s), 0);
	close(s);
}

static void but_for_some(void)
{
	int s = receiver();

	CHECK_ERR(with_source(s, IP_BLOCK_SOURCE, "127.0.0.1"), EINVAL);
	CHECK_EQ(membership(s, IP_ADD_MEMBERSHIP), 0);
	CHECK_EQ(heard(s), 3);
	CHECK_EQ(with_source(s, IP_BLOCK_SOURCE, "127.0.0.1"), 0);
	CHECK_EQ(heard(s), 2);
	CHECK_ERR(with_source(s, IP_BLOCK_SOURCE, "127.0.0.1"), EADDRNOTAVAIL);
	CHECK_ERR(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.1"), EINVAL);
	CHECK_EQ(with_source(s, IP_UNBLOCK_SOURCE, "127.0.0.1"), 0);
	CHECK_ERR(with_source(s, IP_UNBLOCK_SOURCE, "127.0.0.1"), EADDRNOTAVAIL);
	CHECK_EQ(heard(s), 3);
	close(s);
}

static void limits(void)
{
	char text[32];
	int s = receiver();

	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "10.0.0.%d", i + 1);
		CHECK_EQ(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, text), 0);
	}
	CHECK_ERR(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.99"), ENOBUFS);
	CHECK_ERR(setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, text, 4), EINVAL);
	close(s);
}

static void filters(void)
{
	union {
		struct ip_msfilter f;
		char room[IP_MSFILTER_SIZE(12)];
	} u = { .f = { .imsf_fmode = MCAST_INCLUDE, .imsf_numsrc = 1 } }, back;
	int s = receiver();
	socklen_t len;

	u.f.imsf_multiaddr.s_addr = address(GROUP);
	u.f.imsf_interface.s_addr = address("127.0.0.1");
	u.f.imsf_slist[0].s_addr = address("127.0.0.2");
	CHECK_ERR(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(1)), EINVAL);
	CHECK_EQ(membership(s, IP_ADD_MEMBERSHIP), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(1)), 0);
	CHECK_EQ(heard(s), 2);
	CHECK_ERR(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(0)), EINVAL);
	back = u;
	back.f.imsf_numsrc = 12;
	back.f.imsf_slist[0].s_addr = 0;
	len = IP_MSFILTER_SIZE(12);
	CHECK_EQ(getsockopt(s, IPPROTO_IP, IP_MSFILTER, &back, &len), 0);
	CHECK_EQ(len, IP_MSFILTER_SIZE(1));
	CHECK_EQ(back.f.imsf_fmode, MCAST_INCLUDE);
	CHECK_EQ(back.f.imsf_numsrc, 1);
	CHECK_EQ(back.f.imsf_slist[0].s_addr, address("127.0.0.2"));
	u.f.imsf_fmode = MCAST_EXCLUDE;
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(1)), 0);
	CHECK_EQ(heard(s), 1);
	u.f.imsf_fmode = 7;
	CHECK_ERR(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(1)), EINVAL);
	u.f.imsf_fmode = MCAST_INCLUDE;
	u.f.imsf_numsrc = 11;
	CHECK_ERR(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(11)), ENOBUFS);
	u.f.imsf_numsrc = 0; /* from nobody: that is to leave */
	CHECK_EQ(setsockopt(s, IPPROTO_IP, IP_MSFILTER, &u, IP_MSFILTER_SIZE(0)), 0);
	CHECK_EQ(heard(s), 0);
	CHECK_ERR(membership(s, IP_DROP_MEMBERSHIP), EADDRNOTAVAIL);
	len = IP_MSFILTER_SIZE(12);
	CHECK_ERR(getsockopt(s, IPPROTO_IP, IP_MSFILTER, &back, &len), EADDRNOTAVAIL);
	close(s);
}

/* The forms of both families. */
static int any(int s, int level, int name, const void *group, const void *source)
{
	struct group_source_req r = { .gsr_interface = lo };
	struct group_req g = { .gr_interface = lo };
	size_t len = level == IPPROTO_IP ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	memcpy(&r.gsr_group, group, len);
	memcpy(&g.gr_group, group, len);
	if (source == NULL)
		return setsockopt(s, level, name, &g, sizeof(g));
	memcpy(&r.gsr_source, source, len);
	return setsockopt(s, level, name, &r, sizeof(r));
}

static void by_storage(void)
{
	struct sockaddr_in group = to, one = { .sin_family = AF_INET };
	struct sockaddr_in6 wrong = { .sin6_family = AF_INET6 };
	int s = receiver();

	one.sin_addr.s_addr = address("127.0.0.1");
	CHECK_EQ(any(s, IPPROTO_IP, MCAST_JOIN_GROUP, &group, NULL), 0);
	CHECK_ERR(any(s, IPPROTO_IP, MCAST_JOIN_GROUP, &group, NULL), EADDRINUSE);
	CHECK_EQ(heard(s), 3);
	CHECK_EQ(any(s, IPPROTO_IP, MCAST_BLOCK_SOURCE, &group, &one), 0);
	CHECK_EQ(heard(s), 2);
	CHECK_EQ(any(s, IPPROTO_IP, MCAST_UNBLOCK_SOURCE, &group, &one), 0);
	CHECK_EQ(heard(s), 3);
	CHECK_EQ(any(s, IPPROTO_IP, MCAST_LEAVE_GROUP, &group, NULL), 0);
	CHECK_EQ(heard(s), 0);
	CHECK_EQ(any(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &group, &one), 0);
	CHECK_EQ(heard(s), 1);
	CHECK_EQ(any(s, IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, &group, &one), 0);
	CHECK_EQ(heard(s), 0);
	CHECK_ERR(any(s, IPPROTO_IP, MCAST_JOIN_GROUP, &wrong, NULL), EINVAL);
	CHECK_ERR(any(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &wrong, &one), EADDRNOTAVAIL);
	CHECK_ERR(any(s, IPPROTO_IP, MCAST_JOIN_GROUP, &one, NULL), EINVAL);
	CHECK_ERR(setsockopt(s, IPPROTO_IP, MCAST_JOIN_GROUP, &group, 16), EINVAL);
	close(s);
}

/* A loopback may have no way for groups of IPv6's: then nothing is said of what is heard. */
static bool hears6(int s, const struct sockaddr_in6 *group, bool otherwise)
{
	char c = 1;

	if (sendto(s, &c, 1, 0, (const struct sockaddr *)group, sizeof(*group)) != 1)
		return otherwise;
	in_settle();
	return recv(s, &c, 1, 0) == 1;
}

static void of_ipv6(void)
{
	struct sockaddr_in6 group = { .sin6_family = AF_INET6 }, self = group, other = group;
	struct {
		struct group_filter f;
		struct sockaddr_storage more[3];
	} u = { .f = { .gf_interface = lo, .gf_fmode = MCAST_EXCLUDE, .gf_numsrc = 1 } };
	int s = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(self);

	inet_pton(AF_INET6, "ff02::77", &group.sin6_addr);
	group.sin6_scope_id = lo;
	inet_pton(AF_INET6, "2001:db8::1", &other.sin6_addr);
	CHECK_EQ(bind(s, (struct sockaddr *)&self, sizeof(self)), 0);
	CHECK_EQ(getsockname(s, (struct sockaddr *)&self, &len), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, &lo, sizeof(lo)), 0);
	group.sin6_port = self.sin6_port;
	self.sin6_addr = in6addr_loopback;
	CHECK_ERR(any(s, IPPROTO_IPV6, MCAST_BLOCK_SOURCE, &group, &self), EINVAL);
	CHECK_EQ(any(s, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &group, &other), 0);
	CHECK(!hears6(s, &group, false));
	CHECK_EQ(any(s, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &group, &self), 0);
	CHECK(hears6(s, &group, true));
	memcpy(&u.f.gf_group, &group, sizeof(group));
	memcpy(&u.f.gf_slist[0], &other, sizeof(other));
	CHECK_EQ(setsockopt(s, IPPROTO_IPV6, MCAST_MSFILTER, &u, GROUP_FILTER_SIZE(1)), 0);
	CHECK(hears6(s, &group, true));
	memset(&u.f.gf_slist[0], 0, sizeof(u.f.gf_slist[0]));
	u.f.gf_numsrc = 3;
	len = sizeof(u);
	CHECK_EQ(getsockopt(s, IPPROTO_IPV6, MCAST_MSFILTER, &u, &len), 0);
	CHECK_EQ(len, GROUP_FILTER_SIZE(1));
	CHECK_EQ(u.f.gf_fmode, MCAST_EXCLUDE);
	CHECK_EQ(u.f.gf_numsrc, 1);
	CHECK_EQ(
		memcmp(&((struct sockaddr_in6 *)&u.f.gf_slist[0])->sin6_addr, &other.sin6_addr, 16),
		0);
	CHECK_EQ(any(s, IPPROTO_IPV6, MCAST_LEAVE_GROUP, &group, NULL), 0);
	CHECK_ERR(any(s, IPPROTO_IPV6, MCAST_LEAVE_GROUP, &group, NULL), EADDRNOTAVAIL);
	close(s);
}

/* Is there a line with that in it? */
static bool is_shown(const char *path, const char *what)
{
	FILE *f = fopen(path, "r");
	char line[256];
	bool found = false;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		found |= strstr(line, what) != NULL;
	if (f != NULL)
		fclose(f);
	return found;
}

static void shown(void)
{
	int s = receiver(), other = receiver();

	CHECK_EQ(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.2"), 0);
	CHECK(is_shown("/proc/net/mcfilter", " 0xef070707 0x7f000002      1      0\n"));
	CHECK(is_shown("/proc/net/igmp", "070707EF     1 0:00000000"));
	CHECK(is_shown("/proc/net/igmp", "010000E0     1 0:00000000")); /* everybody is in it */
	CHECK_EQ(membership(other, IP_ADD_MEMBERSHIP), 0);
	CHECK_EQ(with_source(other, IP_BLOCK_SOURCE, "127.0.0.2"), 0);
	CHECK(is_shown("/proc/net/mcfilter", " 0xef070707 0x7f000002      1      1\n"));
	CHECK_EQ(heard(s), 2); /* what one asks for the other's block does not keep out */
	close(other);
	close(s);
	CHECK(!is_shown("/proc/net/mcfilter", " 0xef070707 "));
}

/* A socket that joined nothing hears what others joined, but from no source that none wants. */
static void heard_by_others(void)
{
	int s = receiver(), other = receiver(), on = 1;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(other, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(setsockopt(other, IPPROTO_IP, IP_MULTICAST_ALL, &on, sizeof(on)), 0);
	CHECK_EQ(with_source(s, IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.2"), 0);
	CHECK_EQ(heard(other), 2);
	close(s);
	CHECK_EQ(heard(other), 0);
	close(other);
}

int main(void)
{
	int port;

	lo = if_nametoindex("lo");
	open_senders();
	port = receiver(); /* while it is open, nobody else gets the number */
	from_some();
	but_for_some();
	limits();
	filters();
	by_storage();
	of_ipv6();
	shown();
	heard_by_others();
	close(port);
	return check_done();
}
