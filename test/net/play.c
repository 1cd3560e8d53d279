/* SPDX-License-Identifier: BSD-2-Clause */
/* Plays scripts: play.h. One TAP line a case; a failure says the line and what was seen. */
#include "test/net/play.h"
#include "test/net/user.h"

#include <ctype.h>
#include <linux/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/alloc/kmem.h"
#include "net/wire/checksum.h"
#include "test/net/world.h"

#define USERS     64
#define LINE_MAX_ 512

struct play play;
static struct user *users[USERS]; /* in the order of their coming; the script counts them */
static unsigned nr_users, current;
static bool has_world;
static char why[1024];
static const char *file_name;
static unsigned line_number, nr_cases, nr_failed, failed_line;
static char case_name[LINE_MAX_];

void play_fail(const char *format, ...)
{
	va_list args;

	if (failed_line != 0)
		return;
	failed_line = line_number;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
}

/* ---- the user ---- */

const struct user_kind user_kind = { .size = sizeof(struct user) };

static struct user *add_user(struct user *u)
{
	if (nr_users == USERS)
		abort();
	users[nr_users] = u;
	current = nr_users++;
	return u;
}

/* The one that the script speaks of; made when there is none. */
static struct user *user(void)
{
	return nr_users == 0 ? add_user(user_new(&play.wire.net, play.v6)) : users[current];
}

void play_address(struct inet_address *a, unsigned host, uint16_t port)
{
	user_address(a, play.v6, host, port);
}

/* ---- calls ---- */

static void want(int err, int wanted, const char *what)
{
	if (err != wanted)
		play_fail("%s gives %d (%s), not %d", what, err, strerror(-err), wanted);
}

static int wanted_error(const char *rest)
{
	const char *at = strchr(rest, '=');
	char name[32];

	if (at == NULL || sscanf(at, "= %31s", name) != 1)
		return 0;
	return -play_error_number(name);
}

static void do_listen(const char *rest)
{
	struct inet_address a;
	struct user *u = user();

	play_address(&a, 1, PLAY_LOCAL_PORT);
	if (u->tcp.endpoint.local.port == 0)
		want(endpoint_bind(&u->tcp.endpoint, &a), 0, "bind");
	want(tcp_listen(&u->tcp, (unsigned)(*rest != '\0' ? atoi(rest) : 10)), 0, "listen");
}

static void do_bind(const char *rest)
{
	struct inet_address a;
	struct user *u = user();

	play_address(&a, 1, (uint16_t)atoi(rest));
	u->tcp.endpoint.flags |= ENDPOINT_REUSE_ADDRESS;
	want(endpoint_bind(&u->tcp.endpoint, &a), wanted_error(rest), "bind");
}

static void do_connect(const char *rest)
{
	struct inet_address to;

	play_address(&to, 2, (uint16_t)(PLAY_PEER_PORT + play.peer_idx));
	want(tcp_connect(&user()->tcp, &to, NULL), wanted_error(rest), "connect");
}

static void do_accept(const char *rest)
{
	struct tcp *t = NULL;

	for (unsigned i = 0; i < nr_users && t == NULL; i++)
		if (!users[i]->closed && tcp_state(&users[i]->tcp) == TCP_STATE_LISTEN)
			t = tcp_accept(&users[i]->tcp);
	if (t == NULL) {
		if (strstr(rest, "none") == NULL)
			play_fail("there is nothing to accept");
		return;
	}
	add_user(user_of(t));
	if (strstr(rest, "none") != NULL)
		play_fail("there is a connection");
}

static void do_write(const char *rest)
{
	struct user *u = user();
	unsigned n = (unsigned)atoi(rest), flags = 0;
	int wanted = wanted_error(rest);

	flags |= strstr(rest, "more") != NULL ? TCP_SEND_MORE : 0;
	flags |= strstr(rest, "urgent") != NULL ? TCP_SEND_URGENT : 0;
	flags |= strstr(rest, "alone") != NULL ? TCP_SEND_ALONE : 0;
	while (n > 0) {
		struct netbuf *b = netbuf_new(0);
		unsigned len = n > 65536 ? 65536 : n;

		n -= len;
		if (b == NULL) {
			play_fail("no memory");
			return;
		}
		for (unsigned i = 0; i < len; i++) {
			uint8_t byte = play_byte(true, u->sent + i);

			if (netbuf_append(b, &byte, 1) != 0)
				abort();
		}
		want(tcp_send(&u->tcp, b, flags | (n > 0 ? TCP_SEND_MORE : 0)), wanted, "write");
		u->sent += wanted == 0 ? len : 0;
	}
}

static void do_read(const char *rest)
{
	struct user *u = user();
	uint32_t n = (uint32_t)atoi(rest), offset, done = 0;
	struct netbuf *b = tcp_first(&u->tcp, &offset);

	if (tcp_readable(&u->tcp) < n) {
		play_fail("there are %u to read", tcp_readable(&u->tcp));
		return;
	}
	for (; done < n && b != NULL; b = tcp_next(&u->tcp, b), offset = 0) {
		for (; offset < b->len && done < n; offset++, done++) {
			uint8_t byte;

			netbuf_copy_out(b, offset, &byte, 1);
			if (byte != play_byte(false, u->received + done)) {
				play_fail("byte %u of the stream is wrong", u->received + done);
				return;
			}
		}
	}
	u->received += done;
	tcp_consumed(&u->tcp, done);
}

static void do_urgent(const char *rest)
{
	uint8_t byte = 0;
	int wanted = wanted_error(rest),
	    got = tcp_urgent(&user()->tcp, strstr(rest, "peek") != NULL, &byte);
	unsigned offset;

	if (wanted == 0)
		wanted = 1;
	want(got, wanted, "urgent");
	if (got == 1 && sscanf(rest, "%u", &offset) == 1 && byte != play_byte(false, offset))
		play_fail("the urgent byte is another one");
}

static void do_end(const char *what)
{
	struct user *u = user();

	if (strcmp(what, "close") == 0)
		tcp_close(&u->tcp);
	else
		tcp_abort(&u->tcp);
	u->closed = true;
	user_put(u);
	nr_users--;
	memmove(&users[current], &users[current + 1], (nr_users - current) * sizeof(users[0]));
	current = nr_users > 0 ? nr_users - 1 : 0;
}

static void do_shutdown(const char *rest)
{
	bool receive = strstr(rest, "rd") == rest, send = strstr(rest, "wr") != NULL;

	want(tcp_shutdown(&user()->tcp, receive, send), wanted_error(rest), "shutdown");
}

static void check_state(const char *rest)
{
	static const char *const names[] = {
		"?",          "ESTABLISHED", "SYN_SENT",  "SYN_RECEIVED",
		"FIN_WAIT_1", "FIN_WAIT_2",  "TIME_WAIT", "CLOSED",
		"CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"
	};
	const char *is = names[tcp_state(&user()->tcp)];

	if (strncmp(is, rest, strlen(is)) != 0)
		play_fail("the state is %s", is);
}

static void check_news(const char *rest)
{
	static const char *const names[] = { "readable", "writable", "connected", "urgent",
					     "pending",  "ended",    "all" };
	struct user *u = user();
	unsigned wanted = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(rest, names[i]) != NULL)
			wanted |= 1u << i;
	if ((u->news & wanted) != wanted)
		play_fail("the news are %#x", u->news);
	u->news = 0;
}

/* ---- cases ---- */

static void start_world(void)
{
	world_start(0x48756c6c ^ line_number);
	memset(&play.wire, 0, sizeof(play.wire));
	memset(play.peers, 0, sizeof(play.peers));
	play.wire.sent = play_on_sent;
	list_init(&play.sent);
	nr_users = current = play.peer_idx = 0;
	play.v6 = false;
	play.tolerance = 0;
	failed_line = 0;
	wire_init(&play.wire);
	play.peer_idx = 1;
	for (unsigned i = 0; i < PLAY_PEERS; i++) {
		play.peers[i].base = 0xfffffc00u + i * 0x1000u; /* numbers wrap soon */
		play.peers[i].window = 65535;
		play.peers[i].local_port = PLAY_LOCAL_PORT; /* until another is seen */
	}
	has_world = true;
}

static void end_world(void)
{
	size_t left;

	world_fail_rate(0);
	play_expect_nothing();
	while (nr_users > 0) {
		current = nr_users - 1;
		do_end("abort");
	}
	world_advance(world_now + 300 * NSEC_PER_SEC);
	play_drain();
	if (play.wire.net.tcp_stack->memory != 0)
		play_fail("%lu bytes are still charged", play.wire.net.tcp_stack->memory);
	if (play.wire.net.tcp_stack->counters.orphans != 0)
		play_fail("%lu orphans are left", play.wire.net.tcp_stack->counters.orphans);
	if (play.wire.net.tcp_stack->counters.curr_estab != 0)
		play_fail("%lu are established", play.wire.net.tcp_stack->counters.curr_estab);
	wire_fini(&play.wire);
	left = world_nr_objects();
	if (left != 0)
		play_fail("%zu allocations are left", left);
	has_world = false;
	nr_cases++;
	if (failed_line != 0) {
		nr_failed++;
		printf("not ok %u - %s\n# %s:%u: %s\n", nr_cases, case_name, file_name, failed_line,
		       why);
	} else {
		printf("ok %u - %s\n", nr_cases, case_name);
	}
	if (left != 0)
		exit(1);
}

static bool word(char **rest, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(*rest, name, len) != 0 || (isalnum((unsigned char)(*rest)[len])))
		return false;
	*rest += len;
	while (isspace((unsigned char)**rest))
		(*rest)++;
	return true;
}

static bool act_on_world(char *rest)
{
	if (word(&rest, "ipv6"))
		play.v6 = true;
	else if (word(&rest, "mtu"))
		wire_mtu(&play.wire, (uint32_t)atoi(rest));
	else if (word(&rest, "gso"))
		play.wire.keep_gso = true;
	else if (word(&rest, "route"))
		play.wire.route_error = -play_error_number(rest);
	else if (word(&rest, "set"))
		play_set(rest);
	else if (word(&rest, "fail"))
		world_fail_rate((unsigned)atoi(rest));
	else if (word(&rest, "peer"))
		play.peer_idx = (unsigned)atoi(rest) % PLAY_PEERS;
	else if (word(&rest, "use"))
		current = (unsigned)atoi(rest) % (nr_users > 0 ? nr_users : 1);
	else if (word(&rest, "wait"))
		play_expect_nothing();
	else
		return false;
	return true;
}

static bool check(char *rest)
{
	if (word(&rest, "is"))
		play_check_number(&user()->tcp, rest);
	else if (word(&rest, "state"))
		check_state(rest);
	else if (word(&rest, "error"))
		want(tcp_take_error(&user()->tcp), play_error_number(rest), "error");
	else if (word(&rest, "news"))
		check_news(rest);
	else if (word(&rest, "nonews"))
		want((int)user()->news, 0, "news");
	else if (word(&rest, "eof"))
		want(tcp_is_at_end(&user()->tcp), 1, "eof");
	else
		return false;
	return true;
}

static bool call(char *rest)
{
	if (word(&rest, "listen"))
		do_listen(rest);
	else if (word(&rest, "connect"))
		do_connect(rest);
	else if (word(&rest, "bind"))
		do_bind(rest);
	else if (word(&rest, "socket"))
		add_user(user_new(&play.wire.net, play.v6));
	else if (word(&rest, "accept"))
		do_accept(rest);
	else if (word(&rest, "write"))
		do_write(rest);
	else if (word(&rest, "read"))
		do_read(rest);
	else if (word(&rest, "urgent"))
		do_urgent(rest);
	else if (word(&rest, "passmark"))
		tcp_pass_mark(&user()->tcp);
	else if (word(&rest, "close"))
		do_end("close");
	else if (word(&rest, "abort"))
		do_end("abort");
	else if (word(&rest, "disconnect"))
		tcp_disconnect(&user()->tcp);
	else if (word(&rest, "shutdown"))
		do_shutdown(rest);
	else if (word(&rest, "push"))
		tcp_push(&user()->tcp);
	else if (word(&rest, "quickack"))
		tcp_set_quick_ack(&user()->tcp, atoi(rest) != 0);
	else if (word(&rest, "rcvbuf"))
		tcp_set_receive_limit(&user()->tcp, (uint32_t)atoi(rest));
	else if (word(&rest, "sndbuf"))
		tcp_set_send_limit(&user()->tcp, (uint32_t)atoi(rest));
	else if (word(&rest, "congestion"))
		want(tcp_set_congestion(&user()->tcp, strtok(rest, " ")), 0, "congestion");
	else if (word(&rest, "wish"))
		play_wish(&user()->tcp, rest);
	else
		return false;
	return true;
}

/* A connection that we opened, with a round trip of a tenth of a second. */
static void do_open(const char *options)
{
	char text[LINE_MAX_];

	do_connect("");
	play_drain();
	world_advance(world_now + 100 * TCP_MS);
	snprintf(text, sizeof(text), "S. 0:0(0) ack 1 win 65535 %s", options);
	play_inject(text);
	play_drain();
	if (tcp_state(&user()->tcp) != TCP_STATE_ESTABLISHED)
		play_fail("it does not open");
}

static void act(char *rest)
{
	if (*rest == '>') {
		play_expect(rest + 1);
	} else if (*rest == '<') {
		play_inject(rest + 1);
	} else if (word(&rest, "drain")) {
		play_drain();
	} else if (word(&rest, "open")) {
		do_open(rest);
	} else if (word(&rest, "icmp")) {
		char *what = strtok(rest, " ");

		play_icmp(what, what + strlen(what) + 1);
	} else if (!act_on_world(rest) && !check(rest) && !call(rest)) {
		play_fail("what is that?");
	}
}

/* A segment that is expected after so much time must not be sent before. */
static void pass_time(nsec_t in, bool for_segment)
{
	nsec_t at = world_now + in, slack = play.tolerance + PLAY_TOLERANCE;

	if (!for_segment) {
		world_advance(at);
		return;
	}
	if (in > slack) {
		world_advance(at - slack);
		play_expect_nothing();
	}
	while (list_is_empty(&play.sent) && world_step(at + slack))
		;
}

static void play_line(char *line)
{
	char *end = line + strlen(line);

	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	end[1] = '\0'; /* strtok looks behind it */
	while (isspace((unsigned char)*line))
		line++;
	if (*line == '\0' || *line == '#')
		return;
	if (word(&line, "case")) {
		if (has_world)
			end_world();
		snprintf(case_name, sizeof(case_name), "%s", line);
		start_world();
		return;
	}
	if (failed_line != 0)
		return;
	play.tolerance = 0;
	if (*line == '+') {
		nsec_t in = (nsec_t)(strtod(line + 1, &line) * 1e9);

		if (*line == '~')
			play.tolerance = (nsec_t)(strtod(line + 1, &line) * 1e9);
		while (isspace((unsigned char)*line))
			line++;
		pass_time(in, *line == '>');
	}
	act(line);
}

static void play_file(const char *name)
{
	char line[LINE_MAX_ + 2];
	FILE *f = fopen(name, "r");

	if (f == NULL) {
		perror(name);
		exit(2);
	}
	file_name = name;
	line_number = 0;
	while (fgets(line, LINE_MAX_, f) != NULL) {
		char *hash = strchr(line, '#');

		line_number++;
		if (hash != NULL)
			*hash = '\0';
		play_line(line);
	}
	fclose(f);
	if (has_world)
		end_world();
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: test-net-play SCRIPT...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		play_file(argv[i]);
	printf("1..%u\n", nr_cases);
	return nr_failed == 0 ? 0 : 1;
}
