/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP over the whole stack: segments cut and merged by the link's layer, frames lost on the cable,
 * the loopback with segments of 64 KiB. TCP's own tests are in test/net. */
#include "test/host/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/alloc/kmem.h"
#include "net/tcp/tcp.h"
#include "test/net/cable.h"
#include "test/net/user.h"
#include "test/net/world.h"

#define is(expr, value) assert_int_equal((expr), (value))
#define LENGTH          3000000u
#define CHUNK           20000u
#define PORT            80

static struct host a, b;
static unsigned lose_each; /* one frame of so many; 0: none */
static uint32_t longest;   /* frame */

static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)(i * 13 + i / 256 + i / 65536);
}

static bool look(struct host *from, const uint8_t *frame, uint32_t len)
{
	(void)frame;
	longest = max(longest, len);
	return lose_each == 0 || from->nr_sent < 50 || world_random() % lose_each != 0;
}

static int start(void **state)
{
	(void)state;
	world_start(7);
	host_start(&a, 1, 0);
	host_start(&b, 2, 0);
	host_join(&a, &b);
	a.look = b.look = look;
	lose_each = longest = 0;
	host_add4(&a, "10.0.0.1", 24);
	host_add4(&b, "10.0.0.2", 24);
	host_add6(&a, "fd00::1", 64);
	host_add6(&b, "fd00::2", 64);
	cable_pass(&a, &b, 20 * NSEC_PER_SEC);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	cable_pass(&a, &b, 200 * NSEC_PER_SEC);
	host_stop(&a);
	host_stop(&b);
	is(world_nr_objects(), 0);
	return 0;
}

/* ---- users of TCP ---- */

const struct user_kind user_kind = { .size = sizeof(struct user) };

static struct user *listen_at(struct host *h, const char *address)
{
	struct inet_address at = { .port = PORT };
	struct user *u;

	memcpy(at.ip, ip_of(address), 16);
	u = user_new(&h->net, !inet_ip_is_v4(at.ip));
	is(endpoint_bind(&u->tcp.endpoint, &at), 0);
	is(tcp_listen(&u->tcp, 10), 0);
	return u;
}

static struct user *connect_to(struct host *h, const char *address)
{
	struct inet_address to = { .port = PORT };
	struct user *u;

	memcpy(to.ip, ip_of(address), 16);
	u = user_new(&h->net, !inet_ip_is_v4(to.ip));
	is(tcp_connect(&u->tcp, &to, inet_ip_is_v4(to.ip) ? inet_any4 : inet_any6), 0);
	net_run();
	return u;
}

static void give(struct user *u)
{
	static uint8_t bytes[CHUNK];

	while (u->sent < LENGTH && tcp_room(&u->tcp) > 0) {
		uint32_t n = min(CHUNK, LENGTH - u->sent);
		struct netbuf *data = netbuf_new(0);

		for (uint32_t i = 0; i < n; i++)
			bytes[i] = byte_at(u->sent + i);
		is(netbuf_append(data, bytes, n), 0);
		if (tcp_send(&u->tcp, data, 0) != 0)
			return;
		u->sent += n;
		if (u->sent == LENGTH)
			is(tcp_shutdown(&u->tcp, false, true), 0);
	}
}

static void take(struct user *u)
{
	static uint8_t bytes[70000];
	uint32_t offset, n = 0;

	for (struct netbuf *x = tcp_first(&u->tcp, &offset); x != NULL;
	     x = tcp_next(&u->tcp, x), offset = 0) {
		uint32_t len = x->len - offset;

		netbuf_copy_out(x, offset, bytes, len);
		for (uint32_t i = 0; i < len; i++) {
			if (bytes[i] != byte_at(u->received + n + i))
				fail_msg("byte %u is wrong", u->received + n + i);
		}
		n += len;
	}
	u->received += n;
	if (n > 0)
		tcp_consumed(&u->tcp, n);
}

static void transfer(struct host *from, struct host *to, const char *address)
{
	struct user *listener = listen_at(to, address), *client = connect_to(from, address);
	nsec_t until = world_now + 600 * NSEC_PER_SEC;
	struct user *server = NULL;
	struct tcp *t;

	while (world_now < until && (server == NULL || !tcp_is_at_end(&server->tcp))) {
		cable_pass(&a, &b, NSEC_PER_SEC / 1000);
		t = tcp_accept(&listener->tcp);
		if (t != NULL)
			server = user_of(t);
		give(client);
		if (server != NULL)
			take(server);
		net_run();
	}
	assert_non_null(server);
	is(server->received, LENGTH);
	tcp_close(&server->tcp);
	tcp_close(&client->tcp);
	tcp_close(&listener->tcp);
	user_put(server);
	user_put(client);
	user_put(listener);
	net_run();
}

static void test_cable(void **state)
{
	(void)state;
	transfer(&a, &b, "10.0.0.2");
	transfer(&a, &b, "fd00::2");
	is(longest, 1514);
}

static void test_losses(void **state)
{
	(void)state;
	lose_each = 50;
	transfer(&a, &b, "10.0.0.2");
	transfer(&b, &a, "fd00::1");
}

static void test_small_mtu(void **state)
{
	(void)state;
	is(net_device_set_mtu(&b.dev, 600), 0);
	transfer(&a, &b, "10.0.0.2");
	assert_in_range(longest, 500, 1514);
}

static void test_loopback(void **state)
{
	unsigned before = a.nr_sent;

	(void)state;
	transfer(&a, &a, "127.0.0.1");
	transfer(&a, &a, "::1");
	transfer(&a, &a, "10.0.0.1");
	is(a.nr_sent, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cable, start, stop),
		cmocka_unit_test_setup_teardown(test_losses, start, stop),
		cmocka_unit_test_setup_teardown(test_small_mtu, start, stop),
		cmocka_unit_test_setup_teardown(test_loopback, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
