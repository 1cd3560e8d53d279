/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/net, /proc/sys/net and /sys/class/net (proc(5), sysfs(5)): shapes, and what settings do.
 * In a network of the test's own. */
#include <fcntl.h>
#include "inet.h"
#include "netspace.h"

/* The whole of a file; empty: it is not there. */
static const char *contents(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n, len = 0;

	while (fd >= 0 && (n = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += n;
	if (fd >= 0)
		close(fd);
	text[len] = '\0';
	return text;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err;

	if (fd < 0)
		return errno;
	err = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
	close(fd);
	return err;
}

static bool has(const char *path, const char *text)
{
	return strstr(contents(path), text) != NULL;
}

static void test_tables(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	int six = socket(AF_INET6, SOCK_STREAM, 0);

	CHECK(in_bind(listener, "127.0.0.1", 0x1e15) == 0 && listen(listener, 5) == 0);
	CHECK(in_bind(udp, "127.0.0.1", 0x1e16) == 0);
	CHECK(in6_bind(six, "::1", 0x1e17) == 0 && listen(six, 5) == 0);
	CHECK(has("/proc/net/tcp", "\n   0: 0100007F:1E15 00000000:0000 0A 00000000:00000000 00:"));
	CHECK(has("/proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue"));
	CHECK(has("/proc/net/udp", ": 0100007F:1E16 00000000:0000 07 00000000:00000000"));
	CHECK(has("/proc/net/tcp6", ": 00000000000000000000000001000000:1E17 "));
	CHECK(strlen(strchr(contents("/proc/net/tcp"), '\n') + 1) % 150 == 0);
	CHECK(strlen(strchr(contents("/proc/net/udp"), '\n') + 1) % 128 == 0);
	CHECK(has("/proc/net/sockstat", "TCP: inuse 1 "));
	CHECK(has("/proc/net/sockstat", "UDP: inuse 1 "));
	CHECK(has("/proc/net/sockstat6", "TCP6: inuse 1\n"));
	close(listener);
	close(udp);
	close(six);
}

static void test_devices(void)
{
	CHECK(has("/proc/net/dev", "\n    lo: "));
	CHECK(has("/proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"));
	CHECK(has("/proc/net/route", "Iface\tDestination\tGateway \tFlags\tRefCnt"));
	CHECK(has("/proc/net/ipv6_route", "00000000000000000000000000000001 80 0000"));
	CHECK(has("/proc/net/arp", "IP address       HW type     Flags       HW address"));
	CHECK(has("/proc/net/igmp", "Idx\tDevice    : Count Querier\tGroup"));
	CHECK(has("/proc/net/netlink", "sk               Eth Pid        Groups"));
	CHECK(has("/proc/net/packet", "sk               RefCnt Type Proto  Iface R Rmem"));
	CHECK(has("/proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"));
}

/* The nth number of a line of /proc/net/snmp. */
static long long count(const char *protocol, int n)
{
	const char *at = strstr(contents("/proc/net/snmp"), protocol);

	at = at == NULL ? NULL : strstr(at + 1, protocol);
	for (; at != NULL && n >= 0; n--)
		at = strchr(at + 1, ' ');
	return at == NULL ? -1 : atoll(at);
}

enum udp_column { UDP_IN, UDP_NO_PORTS, UDP_IN_ERRORS, UDP_OUT, UDP_BUFFER_ERRORS };

static void test_counts_of_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), small = 1;
	long long in = count("\nUdp: ", UDP_IN), none = count("\nUdp: ", UDP_NO_PORTS);
	long long errors = count("\nUdp: ", UDP_IN_ERRORS);
	struct sockaddr_in a = in_address("127.0.0.1", 7798);
	char buf[500] = { 0 };
	int nr = 0;

	CHECK_EQ(sendto(fd, buf, 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	in += in_settle();
	CHECK_EQ(count("\nUdp: ", UDP_NO_PORTS), none + 1);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(sendto(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, sizeof(a)), 500);
	in += in_settle();
	CHECK_EQ(recv(fd, buf, sizeof(buf), MSG_PEEK), 500);
	CHECK_EQ(count("\nUdp: ", UDP_IN), in);
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) == 500)
		nr++;
	CHECK(nr > 0 && nr < 100);
	CHECK_EQ(count("\nUdp: ", UDP_IN), in + nr);
	CHECK_EQ(count("\nUdp: ", UDP_IN_ERRORS), errors + 100 - nr);
	CHECK_EQ(count("\nUdp: ", UDP_BUFFER_ERRORS), 100 - nr);
	close(fd);
}

enum icmp_column { ICMP_IN, ICMP_IN_ERRORS, ICMP_SUM_ERRORS };

static uint16_t sum_of(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* How many messages, errors and wrong sums there are more after a message of these bytes. */
static void send_icmp(int fd, uint8_t *bytes, size_t len, bool damaged, long long *more)
{
	struct sockaddr_in a = in_address("127.0.0.1", 0);
	uint16_t sum;

	for (int i = ICMP_IN; i <= ICMP_SUM_ERRORS; i++)
		more[i] = -count("\nIcmp: ", i);
	bytes[2] = bytes[3] = 0;
	sum = (uint16_t)(sum_of(bytes, len) ^ (damaged ? 0x100 : 0));
	bytes[2] = (uint8_t)(sum >> 8);
	bytes[3] = (uint8_t)sum;
	CHECK_EQ(sendto(fd, bytes, len, 0, (struct sockaddr *)&a, sizeof(a)), len);
	in_settle();
	in_settle(); /* the answer goes out when the message has come */
	for (int i = ICMP_IN; i <= ICMP_SUM_ERRORS; i++)
		more[i] += count("\nIcmp: ", i);
}

static void check_icmp(int fd, unsigned type, size_t len, bool damaged, const long long *expected)
{
	uint8_t bytes[64] = { (uint8_t)type, [5] = 1 };
	long long more[3];

	if (type == 3)
		bytes[8] = 0x45; /* the packet that it is about */
	send_icmp(fd, bytes, len, damaged, more);
	for (int i = ICMP_IN; i <= ICMP_SUM_ERRORS; i++)
		CHECK_EQ(more[i], expected[i]);
}

static void test_counts_of_icmp(void)
{
	static const long long echo[] = { 2, 0, 0 }, fine[] = { 1, 0, 0 }, bad[] = { 1, 1, 0 };
	static const long long wrong[] = { 1, 1, 1 };
	int fd = socket(AF_INET, SOCK_RAW, 1);

	CHECK(fd >= 0);
	check_icmp(fd, 8, 64, false, echo); /* and its answer */
	check_icmp(fd, 8, 64, true, wrong);
	check_icmp(fd, 0, 64, false, fine);
	check_icmp(fd, 8, 4, false, bad);
	check_icmp(fd, 8, 4, true, wrong);
	check_icmp(fd, 18, 20, false, fine);
	check_icmp(fd, 19, 20, false, bad);
	check_icmp(fd, 200, 20, false, bad);
	check_icmp(fd, 3, 8, false, bad);
	check_icmp(fd, 3, 8 + 19, false, bad);
	check_icmp(fd, 3, 8 + 27, false, bad);
	close(fd);
}

static void test_counts_of_icmp6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	uint8_t bytes[48] = { 128 };
	int fd = socket(AF_INET6, SOCK_RAW, 58);

	CHECK(fd >= 0 && has("/proc/net/snmp6", "Icmp6InErrors                   \t0\n"));
	CHECK_EQ(sendto(fd, bytes, 8, 0, (struct sockaddr *)&a, sizeof(a)), 8);
	in_settle();
	CHECK(has("/proc/net/snmp6", "Icmp6InErrors                   \t0\n"));
	CHECK_EQ(sendto(fd, bytes, 4, 0, (struct sockaddr *)&a, sizeof(a)), 4);
	in_settle();
	CHECK(has("/proc/net/snmp6", "Icmp6InErrors                   \t1\n"));
	bytes[0] = 2; /* too big, of a packet that is cut short */
	CHECK_EQ(sendto(fd, bytes, 8 + 39, 0, (struct sockaddr *)&a, sizeof(a)), 8 + 39);
	in_settle();
	CHECK(has("/proc/net/snmp6", "Icmp6InErrors                   \t2\n"));
	CHECK(has("/proc/net/snmp6", "Icmp6InCsumErrors               \t0\n"));
	close(fd);
}

static void test_counts(void)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	long long out = count("\nUdp: ", UDP_OUT), received = count("Ip: ", 2);
	struct sockaddr_in a = in_address("127.0.0.1", 7799);
	char buf[8];

	CHECK(out >= 0 && received >= 0);
	CHECK(bind(udp, (struct sockaddr *)&a, sizeof(a)) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(sendto(udp, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
		CHECK_EQ(recv(udp, buf, sizeof(buf), 0), 1);
	}
	CHECK_EQ(count("\nUdp: ", UDP_OUT), out + 5);
	CHECK(count("Ip: ", 2) >= received + 5);
	CHECK(has("/proc/net/netstat", "TcpExt: Syncookies"));
	CHECK(has("/proc/net/snmp6", "Ip6InReceives"));
	close(udp);
}

static void test_port_range(void)
{
	static const char *const path = "/proc/sys/net/ipv4/ip_local_port_range";
	struct sockaddr_in a = in_address("127.0.0.1", 0);
	socklen_t len = sizeof(a);
	int fd;

	CHECK_STR(contents(path), "32768\t60999\n");
	CHECK_EQ(put(path, "45000 45003\n"), 0);
	CHECK_STR(contents(path), "45000\t45003\n");
	for (int i = 0; i < 8; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(in_bind(fd, "127.0.0.1", 0) == 0);
		CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
		CHECK(ntohs(a.sin_port) >= 45000 && ntohs(a.sin_port) <= 45003);
		close(fd);
	}
	CHECK_EQ(put(path, "5 3"), EINVAL);
	CHECK_EQ(put(path, "x"), EINVAL);
	CHECK_STR(contents(path), "45000\t45003\n");
	CHECK_EQ(put(path, "32768 60999"), 0);
}

/* The machine's, so that Linux shows them in the first namespace alone. */
static void test_neighbour_limits(void)
{
	if (access("/proc/sys/net/ipv4/neigh/default/gc_thresh3", F_OK) != 0)
		return;
	CHECK_STR(contents("/proc/sys/net/ipv4/neigh/default/gc_thresh3"), "1024\n");
	CHECK_EQ(put("/proc/sys/net/ipv6/neigh/default/gc_thresh1", "-1"), EINVAL);
	CHECK_EQ(put("/proc/sys/net/ipv6/neigh/default/gc_thresh1", "128"), 0);
}

static void test_settings(void)
{
	int value, fd;
	socklen_t len = sizeof(value);

	CHECK_EQ(put("/proc/sys/net/ipv4/ip_default_ttl", "77"), 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(getsockopt(fd, IPPROTO_IP, IP_TTL, &value, &len) == 0);
	CHECK_EQ(value, 77);
	close(fd);
	CHECK_EQ(put("/proc/sys/net/ipv4/ip_default_ttl", "0"), EINVAL);
	CHECK_EQ(put("/proc/sys/net/ipv4/ip_default_ttl", "64"), 0);
	CHECK_EQ(put("/proc/sys/net/ipv6/bindv6only", "1"), 0);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len) == 0);
	CHECK_EQ(value, 1);
	close(fd);
	CHECK_EQ(put("/proc/sys/net/ipv6/bindv6only", "0"), 0);
	CHECK_EQ(put("/proc/sys/net/ipv4/tcp_keepalive_time", "1234"), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len) == 0);
	CHECK_EQ(value, 1234);
	close(fd);
	CHECK_EQ(put("/proc/sys/net/ipv4/tcp_keepalive_time", "7200"), 0);
	CHECK_EQ(put("/proc/sys/net/ipv4/ip_nonlocal_bind", "1"), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(in_bind(fd, "198.51.100.7", 0) == 0);
	close(fd);
	CHECK_EQ(put("/proc/sys/net/ipv4/ip_nonlocal_bind", "0"), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(in_bind(fd, "198.51.100.7", 0), EADDRNOTAVAIL);
	close(fd);
	CHECK_EQ(put("/proc/sys/net/ipv4/tcp_congestion_control", "nosuchone"), ENOENT);
	CHECK(has("/proc/sys/net/ipv4/tcp_available_congestion_control", "reno"));
}

static void test_sys(void)
{
	CHECK_STR(contents("/sys/class/net/lo/address"), "00:00:00:00:00:00\n");
	CHECK_STR(contents("/sys/class/net/lo/mtu"), "65536\n");
	CHECK_STR(contents("/sys/class/net/lo/operstate"), "unknown\n");
	CHECK_STR(contents("/sys/class/net/lo/flags"), "0x9\n");
	CHECK_STR(contents("/sys/class/net/lo/ifindex"), "1\n");
	CHECK_STR(contents("/sys/class/net/lo/type"), "772\n");
	CHECK_STR(contents("/sys/class/net/lo/carrier"), "1\n");
	CHECK(atoi(contents("/sys/class/net/lo/statistics/rx_packets")) >= 0);
	CHECK(strlen(contents("/sys/class/net/lo/statistics/rx_packets")) >= 2);
	CHECK_STR(contents("/sys/class/net/nosuch0/mtu"), "");
	CHECK_STR(contents("/proc/sys/net/ipv6/conf/lo/forwarding"), "0\n");
}

/* sysfs shows the namespace that it was mounted in: the host's is as good, but for lo's counts. */
int main(void)
{
	bool ours = netspace_enter();

	test_devices();
	if (ours) {
		test_tables();
		test_counts();
		test_counts_of_udp();
		test_counts_of_icmp();
		test_counts_of_icmp6();
	}
	test_sys();
	if (ours && geteuid() == 0) {
		test_port_range();
		test_settings();
		test_neighbour_limits();
	}
	return check_done();
}
