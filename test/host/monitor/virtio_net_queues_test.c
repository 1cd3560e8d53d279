/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device with several pairs of queues (virtio 1.2 §5.1.6.5.5), over a backend that is
 * written here: each of its queues takes frames, gives those that wait for it, and can be made
 * active or not. Drivers that use pairs, do not know of them, or break the rules; and workers of
 * threads of their own, while the device is reset.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>
#include "monitor/net/iov.h"
#include "test/host/monitor/net_driver.h"

#define PAIRS       4u
#define CONTROL     (2 * PAIRS)
#define RX(pair)    (2 * (pair))
#define TX(pair)    (2 * (pair) + 1)
#define FRAME_BYTES 100u

struct wire { /* a queue of the backend's */
	struct net_backend backend;
	bool is_active;
	unsigned nr_waiting; /* frames for the guest */
	unsigned nr_sent;    /* by it */
	unsigned nr_turns;   /* set_active */
};

static struct wire wires[PAIRS];
static unsigned nr_wires, nr_alive;
static unsigned refuses_from; /* to make such queues active */

/* ---- the backend ---- */

static struct wire *of_backend(struct net_backend *b)
{
	return container_of(b, struct wire, backend);
}

static int wire_send(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	(void)iov;
	(void)nr;
	of_backend(b)->nr_sent++;
	return 0;
}

static ssize_t wire_receive(struct net_backend *b, const struct iovec *iov, unsigned nr)
{
	uint8_t bytes[HEADER + FRAME_BYTES] = { 0 };
	struct wire *w = of_backend(b);

	if (w->nr_waiting == 0)
		return -EAGAIN;
	w->nr_waiting--;
	fill_frame(bytes + HEADER, FRAME_BYTES, (uint8_t)(w - wires));
	return (ssize_t)iov_copy_in(iov, nr, 0, bytes, sizeof(bytes));
}

static void wire_before_poll(struct net_backend *b, struct net_poll *poll, bool wants_frames)
{
	(void)b;
	(void)poll;
	(void)wants_frames;
}

static void wire_after_poll(struct net_backend *b, const struct net_poll *poll)
{
	(void)b;
	(void)poll;
}

static int wire_set_active(struct net_backend *b, bool on)
{
	struct wire *w = of_backend(b);

	if (on && w - wires >= (ptrdiff_t)refuses_from)
		return -EPERM;
	w->is_active = on;
	w->nr_turns++;
	return 0;
}

static struct net_backend *wire_add_queue(struct net_backend *first);

static void wire_free(struct net_backend *b)
{
	(void)b;
	nr_alive--;
}

static const struct net_backend_ops ops = {
	.send = wire_send,
	.receive = wire_receive,
	.before_poll = wire_before_poll,
	.after_poll = wire_after_poll,
	.add_queue = wire_add_queue,
	.set_active = wire_set_active,
	.free = wire_free,
};

static struct net_backend *wire_add_queue(struct net_backend *first)
{
	struct wire *w = &wires[nr_wires];

	(void)first;
	if (nr_wires == PAIRS)
		return NULL;
	nr_wires++;
	nr_alive++;
	w->backend = (struct net_backend){ .ops = &ops, .mtu = 1500, .link_up = true };
	return &w->backend;
}

/* monitor/net/backend.c's */
struct net_backend *net_backend_new(const struct vm_net *wanted, int *error, char message[512])
{
	(void)wanted;
	(void)message;
	*error = 0;
	return wire_add_queue(NULL);
}

int net_poll_add(struct net_poll *poll, int fd, short events)
{
	(void)poll;
	(void)fd;
	(void)events;
	return -1;
}

void net_poll_fini(struct net_poll *poll)
{
	(void)poll;
}

/* ---- setting up ---- */

static int set_up(void **state)
{
	(void)state;
	memset(wires, 0, sizeof(wires));
	nr_wires = nr_alive = 0;
	refuses_from = PAIRS;
	config = (struct vm_net){ .mac = { 2, 0, 0, 0, 0, 1 } };
	driver_begin(8);
	assert_int_equal(net->nr_pairs, PAIRS);
	assert_int_equal(net->config.max_virtqueue_pairs, PAIRS);
	start(ALL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	driver_end();
	assert_int_equal(nr_alive, 0);
	return 0;
}

static uint8_t use_pairs(uint16_t nr)
{
	return command(CONTROL, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &nr,
		       sizeof(nr));
}

static unsigned nr_active(void)
{
	unsigned nr = 1;

	for (unsigned i = 1; i < PAIRS; i++) {
		assert_int_equal(wires[i].is_active, net->pairs[i]->is_active);
		nr += wires[i].is_active;
	}
	return nr;
}

/* ---- what should be ---- */

static void test_one_pair_until_more_are_asked_for(void **state)
{
	struct vring_used_elem e;

	(void)state;
	for (unsigned i = 0; i < PAIRS; i++) {
		wires[i].nr_waiting = 1;
		offer_slot(RX(i), i, 2000, VRING_DESC_F_WRITE);
		offer_slot(TX(i), 10 + i, HEADER + FRAME_BYTES, 0);
	}
	serve();
	for (unsigned i = 0; i < PAIRS; i++) {
		assert_int_equal(take(RX(i), &e), i == 0);
		assert_int_equal(take(TX(i), &e), i == 0);
		assert_int_equal(wires[i].nr_sent, i == 0);
		assert_int_equal(wires[i].nr_waiting, i != 0);
	}
	assert_int_equal(use_pairs(3), VIRTIO_NET_OK);
	serve();
	for (unsigned i = 1; i < PAIRS; i++) {
		assert_int_equal(take(RX(i), &e), i < 3);
		assert_int_equal(take(TX(i), &e), i < 3);
		assert_int_equal(wires[i].nr_sent, i < 3);
	}
}

/* A frame comes and goes by its own pair. */
static void test_pairs_keep_apart(void **state)
{
	struct vring_used_elem e;

	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	for (unsigned i = 0; i < PAIRS; i++)
		offer_slot(RX(i), i, 2000, VRING_DESC_F_WRITE);
	for (unsigned i = 0; i < PAIRS; i++) {
		wires[i].nr_waiting = 1;
		serve();
		for (unsigned other = 0; other < PAIRS; other++)
			assert_int_equal(take(RX(other), &e), other == i);
		assert_int_equal(slot(i)[HEADER + 6], (uint8_t)(i + 6 * 7));
		offer_slot(TX(i), 10 + i, HEADER + FRAME_BYTES, 0);
		serve();
		assert_int_equal(wires[i].nr_sent, 1);
		assert_true(take(TX(i), &e));
	}
}

static void test_fewer_and_more(void **state)
{
	static const uint16_t numbers[] = { 2, 4, 4, 1, 3, 2, 1, 4 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(use_pairs(numbers[i]), VIRTIO_NET_OK);
		assert_int_equal(nr_active(), numbers[i]);
	}
	assert_int_equal(wires[0].nr_turns, 0);
	assert_int_equal(wires[3].nr_turns, 3); /* none for nothing */
}

/* A frame is let through by every pair, or by none. */
static void test_filter_is_for_all(void **state)
{
	const uint8_t off = 0, none = 1;
	struct vring_used_elem e;

	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &off, 1),
			 0);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI, &none, 1),
			 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		wires[i].nr_waiting = 5;
		offer_slot(RX(i), i, 2000, VRING_DESC_F_WRITE);
	}
	serve();
	for (unsigned i = 0; i < PAIRS; i++) {
		assert_int_equal(wires[i].nr_waiting, 0);
		assert_false(take(RX(i), &e));
	}
}

/* §5.1.2: without the feature the control queue is the third. */
static void test_driver_that_knows_one_pair(void **state)
{
	const uint16_t two = 2;
	const uint8_t on = 1;
	struct vring_used_elem e;

	(void)state;
	stop();
	start(ALL & ~BIT(VIRTIO_NET_F_MQ));
	assert_int_equal(command(2, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on, 1), 0);
	assert_int_equal(command(2, VIRTIO_NET_CTRL_MQ, 0, &two, sizeof(two)), VIRTIO_NET_ERR);
	offer_slot(CONTROL, 0, 10, 0);
	serve();
	assert_false(take(CONTROL, &e));
	assert_int_equal(nr_active(), 1);
	stop();
	start(ALL);
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK);
}

static void test_reset_turns_pairs_off(void **state)
{
	struct vring_used_elem e;

	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	for (unsigned i = 0; i < PAIRS; i++)
		offer_slot(RX(i), i, 2000, VRING_DESC_F_WRITE);
	serve();
	stop();
	start(ALL);
	wires[1].nr_waiting = 1;
	serve();
	assert_int_equal(nr_active(), 1);
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK);
	serve();
	assert_int_equal(wires[1].nr_waiting, 1); /* buffers of before are not used */
	offer_slot(RX(1), 7, 2000, VRING_DESC_F_WRITE);
	serve();
	assert_true(take(RX(1), &e));
	assert_int_equal(e.id, 7);
}

/* ---- what should not ---- */

static void test_numbers_that_cannot_be(void **state)
{
	static const uint16_t numbers[] = { 0, PAIRS + 1, 0x8000, UINT16_MAX };
	uint8_t bytes[8] = { 2 };

	(void)state;
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(use_pairs(numbers[i]), VIRTIO_NET_ERR);
	for (uint32_t len = 0; len < sizeof(bytes); len++)
		if (len != 2)
			assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MQ, 0, bytes, len),
					 VIRTIO_NET_ERR);
	for (uint8_t code = 1; code < 5; code++)
		assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MQ, code, bytes, 2),
				 VIRTIO_NET_ERR);
	assert_int_equal(nr_active(), 2);
	assert_int_equal(nr_fails, 0);
}

static void test_backend_refuses(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(2), VIRTIO_NET_OK);
	refuses_from = 3;
	assert_int_equal(use_pairs(4), VIRTIO_NET_ERR);
	assert_int_equal(nr_active(), 2);
	refuses_from = 4;
	assert_int_equal(use_pairs(4), VIRTIO_NET_OK);
	assert_int_equal(nr_active(), 4);
}

static void test_broken_ring_of_a_later_pair(void **state)
{
	(void)state;
	assert_int_equal(use_pairs(PAIRS), VIRTIO_NET_OK);
	offer(TX(2), SIZE + 3);
	serve();
	assert_true(nr_fails > 0);
	assert_true(net->device.queues[TX(2)].broken);
	assert_false(net->device.queues[TX(1)].broken);
}

/* ---- threads ---- */

static bool is_over;

static void *serve_part(void *part)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		device_part_serve(part);
		device_part_arm(part);
	}
	return NULL;
}

/* As virtio_mmio.c's reset and start. */
static void restart(void)
{
	pthread_mutex_lock(&net->device.lock);
	device_lock_parts(&net->device);
	stop();
	start(ALL);
	device_unlock_parts(&net->device);
	pthread_mutex_unlock(&net->device.lock);
}

static void test_resets_under_way(void **state)
{
	pthread_t threads[PAIRS - 1];

	(void)state;
	is_over = false;
	for (unsigned i = 0; i < PAIRS - 1; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, serve_part, net->parts[i]), 0);
	for (unsigned round = 0; round < 300; round++) {
		uint16_t nr = (uint16_t)(1 + round % PAIRS);

		restart();
		assert_int_equal(use_pairs(nr), VIRTIO_NET_OK);
		for (unsigned i = 0; i < 10; i++)
			device_serve(&net->device);
		assert_int_equal(nr_active(), nr);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < PAIRS - 1; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(nr_fails, 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_one_pair_until_more_are_asked_for),
		TEST(test_pairs_keep_apart),
		TEST(test_fewer_and_more),
		TEST(test_filter_is_for_all),
		TEST(test_driver_that_knows_one_pair),
		TEST(test_reset_turns_pairs_off),
		TEST(test_numbers_that_cannot_be),
		TEST(test_backend_refuses),
		TEST(test_broken_ring_of_a_later_pair),
		TEST(test_resets_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
