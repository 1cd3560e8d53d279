/* SPDX-License-Identifier: BSD-2-Clause */
/* NETLINK_SOCK_DIAG (sock_diag(7)): sockets of TCP, UDP and AF_UNIX, all of them and one, and their
 * filters. In a network of the test's own. */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "inet.h"
#include "netlink.h"
#include "netspace.h"

#define PORT       7701
#define ESTAB      1
#define LISTENS    10
#define ALL_STATES 0xfff

struct seen {
	int nr, nr_wanted;
	unsigned inode; /* of the wanted one */
	struct inet_diag_msg last;
	bool has_info, has_congestion, has_memory;
};

static unsigned inode_of(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return (unsigned)st.st_ino;
}

static struct inet_diag_req_v2 *ask_inet(struct nl_request *r, int flags, int protocol,
					 unsigned states)
{
	struct inet_diag_req_v2 *q = nl_begin(r, SOCK_DIAG_BY_FAMILY, flags, sizeof(*q));

	q->sdiag_family = AF_INET;
	q->sdiag_protocol = (unsigned char)protocol;
	q->idiag_states = states;
	q->idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1) |
		       1 << (INET_DIAG_SKMEMINFO - 1);
	return q;
}

static void see(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct seen *s = arg;

	s->nr++;
	CHECK_EQ(h->nlmsg_type, SOCK_DIAG_BY_FAMILY);
	if (m->idiag_inode != s->inode)
		return;
	s->nr_wanted++;
	s->last = *m;
	s->has_info = nl_find(h, sizeof(*m), INET_DIAG_INFO) != NULL;
	s->has_congestion = nl_find(h, sizeof(*m), INET_DIAG_CONG) != NULL;
	s->has_memory = nl_find(h, sizeof(*m), INET_DIAG_SKMEMINFO) != NULL;
}

static struct seen dump(int fd, const struct nl_request *r, unsigned inode)
{
	struct seen s = { .inode = inode };

	CHECK(nl_dump(fd, r, see, &s) > 0);
	return s;
}

static void test_tcp(int fd)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), a;
	struct nl_request r;
	struct inet_diag_req_v2 *q;
	struct seen s;

	CHECK(in_bind(listener, "127.0.0.1", PORT) == 0 && listen(listener, 5) == 0);
	CHECK(in_connect(c, "127.0.0.1", PORT) == 0);
	a = accept(listener, NULL, NULL);
	CHECK_EQ(send(c, "hello", 5, 0), 5);
	in_wait_bytes(a, 5);
	ask_inet(&r, NLM_F_DUMP, IPPROTO_TCP, ALL_STATES);
	s = dump(fd, &r, inode_of(listener));
	CHECK_EQ(s.nr_wanted, 1);
	CHECK_EQ(s.last.idiag_state, LISTENS);
	CHECK_EQ(ntohs(s.last.id.idiag_sport), PORT);
	CHECK_EQ(s.last.id.idiag_dport, 0);
	CHECK_EQ(s.last.id.idiag_src[0], htonl(0x7f000001));
	CHECK_EQ(s.last.idiag_rqueue, 0);
	CHECK_EQ(s.last.idiag_wqueue, 5);
	CHECK_EQ(s.last.idiag_uid, geteuid());
	s = dump(fd, &r, inode_of(a));
	CHECK_EQ(s.nr_wanted, 1);
	CHECK_EQ(s.last.idiag_state, ESTAB);
	CHECK_EQ(s.last.idiag_rqueue, 5);
	CHECK(s.has_info && s.has_congestion && s.has_memory);
	ask_inet(&r, NLM_F_DUMP, IPPROTO_TCP, 1 << LISTENS);
	CHECK_EQ(dump(fd, &r, inode_of(a)).nr_wanted, 0);
	CHECK_EQ(dump(fd, &r, inode_of(listener)).nr_wanted, 1);
	q = ask_inet(&r, NLM_F_DUMP, IPPROTO_TCP, ALL_STATES);
	q->id.idiag_dport = htons(PORT);
	CHECK_EQ(dump(fd, &r, inode_of(c)).nr_wanted, 1);
	CHECK_EQ(dump(fd, &r, inode_of(a)).nr_wanted, 0);
	close(a);
	close(c);
	close(listener);
}

/* The filters of ss: ports from 7700 to 7799. */
static void test_filter(int fd)
{
	struct {
		struct inet_diag_bc_op op[4];
	} program = { {
		{ INET_DIAG_BC_S_GE, 8, 20 },
		{ 0, 0, 7700 },
		{ INET_DIAG_BC_S_LE, 8, 12 },
		{ 0, 0, 7799 },
	} };
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	struct nl_request r;

	CHECK(in_bind(in, "127.0.0.1", 7777) == 0);
	CHECK(in_bind(out, "127.0.0.1", 8888) == 0);
	ask_inet(&r, NLM_F_DUMP, IPPROTO_UDP, ALL_STATES);
	CHECK_EQ(dump(fd, &r, inode_of(in)).last.idiag_state, 7);
	CHECK_EQ(dump(fd, &r, inode_of(out)).nr_wanted, 1);
	nl_put(&r, INET_DIAG_REQ_BYTECODE, &program, sizeof(program));
	CHECK_EQ(dump(fd, &r, inode_of(in)).nr_wanted, 1);
	CHECK_EQ(dump(fd, &r, inode_of(out)).nr_wanted, 0);
	program.op[2].yes = 6; /* onto nothing */
	ask_inet(&r, NLM_F_DUMP, IPPROTO_UDP, ALL_STATES);
	nl_put(&r, INET_DIAG_REQ_BYTECODE, &program, sizeof(program));
	CHECK_EQ(nl_dump(fd, &r, see, &(struct seen){ 0 }), -EINVAL);
	close(in);
	close(out);
}

static void test_one(int fd)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct nl_request r;
	struct inet_diag_req_v2 *q;
	char buf[NL_ROOM];
	struct nlmsghdr *h = (void *)buf;
	struct inet_diag_msg *m = NLMSG_DATA(h);

	CHECK(in_bind(listener, "127.0.0.1", PORT + 1) == 0 && listen(listener, 5) == 0);
	q = ask_inet(&r, 0, IPPROTO_TCP, ALL_STATES);
	q->id.idiag_sport = htons(PORT + 1);
	q->id.idiag_src[0] = htonl(0x7f000001);
	q->id.idiag_cookie[0] = q->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	CHECK(nl_send(fd, &r) > 0);
	CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
	CHECK_EQ(h->nlmsg_type, SOCK_DIAG_BY_FAMILY);
	CHECK_EQ(m->idiag_inode, inode_of(listener));
	q->id.idiag_sport = htons(PORT + 2);
	CHECK_EQ(nl_ask(fd, &r), -ENOENT);
	close(listener);
}

static void see_unix(const struct nlmsghdr *h, void *arg)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	struct rtattr *name = nl_find(h, sizeof(*m), UNIX_DIAG_NAME);
	struct seen *s = arg;

	s->nr++;
	if (m->udiag_ino != s->inode)
		return;
	s->nr_wanted++;
	s->last.idiag_state = m->udiag_state;
	s->last.idiag_rqueue = nl_u32(nl_find(h, sizeof(*m), UNIX_DIAG_PEER));
	s->has_info = name != NULL && RTA_PAYLOAD(name) == 10 &&
		      memcmp(RTA_DATA(name), "\0diag-test", 10) == 0;
	s->has_memory = nl_find(h, sizeof(*m), UNIX_DIAG_RQLEN) != NULL;
}

static struct seen dump_unix(int fd, unsigned inode, unsigned states)
{
	struct seen s = { .inode = inode };
	struct nl_request r;
	struct unix_diag_req *q = nl_begin(&r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof(*q));

	q->sdiag_family = AF_UNIX;
	q->udiag_states = states;
	q->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN;
	CHECK(nl_dump(fd, &r, see_unix, &s) > 0);
	return s;
}

static void test_unix(int fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0diag-test" };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
	struct seen s;

	CHECK(bind(listener, (struct sockaddr *)&a, 2 + 10) == 0 && listen(listener, 3) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	s = dump_unix(fd, inode_of(listener), ~0u);
	CHECK_EQ(s.nr_wanted, 1);
	CHECK_EQ(s.last.idiag_state, LISTENS);
	CHECK(s.has_info && s.has_memory);
	s = dump_unix(fd, inode_of(pair[0]), ~0u);
	CHECK_EQ(s.last.idiag_state, ESTAB);
	CHECK_EQ(s.last.idiag_rqueue, inode_of(pair[1]));
	CHECK_EQ(dump_unix(fd, inode_of(pair[0]), 1 << LISTENS).nr_wanted, 0);
	CHECK_EQ(dump_unix(fd, inode_of(listener), 1 << LISTENS).nr_wanted, 1);
	close(listener);
	close(pair[0]);
	close(pair[1]);
}

static void test_errors(int fd)
{
	struct nl_request r;
	struct inet_diag_req_v2 *q = nl_begin(&r, SOCK_DIAG_BY_FAMILY, 0, sizeof(*q));

	q->sdiag_family = 200;
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
	nl_begin(&r, SOCK_DIAG_BY_FAMILY, 0, 1);
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
	nl_begin(&r, 17, 0, sizeof(*q));
	CHECK_EQ(nl_ask(fd, &r), -EINVAL);
}

int main(void)
{
	int fd;

	(void)netspace_enter();
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	CHECK(fd >= 0);
	test_tcp(fd);
	test_filter(fd);
	test_one(fd);
	test_unix(fd);
	test_errors(fd);
	return check_done();
}
