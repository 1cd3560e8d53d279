/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device between a driver that is written here, ring by ring (net_driver.h), and a
 * socket pair: frames both ways, merged buffers, the control queue, the link; then drivers that
 * break the rules, by hand and at random (seeded).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>
#include "test/host/monitor/net_driver.h"

#define CONTROL   2u /* the only pair's are before it */
#define NR_QUEUES 3u

static int peer; /* the other end of the wire */

/* ---- setting up ---- */

static int set_up(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	config = (struct vm_net){ .kind = VM_NET_FD, .fd = ends[0], .mac = { 2, 0, 0, 0, 0, 1 } };
	peer = ends[1];
	driver_begin(1);
	start(ALL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	driver_end();
	close(config.fd);
	if (peer >= 0)
		close(peer);
	return 0;
}

/* ---- frames ---- */

static ssize_t wire(uint8_t *bytes, size_t size)
{
	return recv(peer, bytes, size, MSG_DONTWAIT);
}

static void test_sends_a_frame(void **state)
{
	uint8_t got[2000], *bytes = slot(0);
	struct vring_used_elem e;

	(void)state;
	fill_frame(bytes + HEADER, 100, 3);
	offer_slot(NET_QUEUE_TRANSMIT, 0, HEADER + 100, 0);
	serve();
	assert_int_equal(wire(got, sizeof(got)), 100);
	assert_memory_equal(got, bytes + HEADER, 100);
	assert_true(take(NET_QUEUE_TRANSMIT, &e));
	assert_int_equal(e.id, 0);
	assert_int_equal(nr_fails, 0);
}

/* Header and frame cut anywhere. */
static void test_sends_pieces(void **state)
{
	uint8_t frame[300], got[2000];

	(void)state;
	fill_frame(frame, sizeof(frame), 9);
	for (unsigned cut = 1; cut < HEADER + sizeof(frame); cut++) {
		uint8_t all[HEADER + sizeof(frame)] = { 0 };
		struct vring_used_elem e;

		memcpy(all + HEADER, frame, sizeof(frame));
		memcpy(slot(0), all, cut);
		memcpy(slot(1), all + cut, sizeof(all) - cut);
		describe(NET_QUEUE_TRANSMIT, 0,
			 (struct vring_desc){ DATA_GPA, cut, VRING_DESC_F_NEXT, 1 });
		describe(NET_QUEUE_TRANSMIT, 1,
			 (struct vring_desc){ DATA_GPA + SLOT_BYTES, (uint32_t)sizeof(all) - cut, 0,
					      0 });
		offer(NET_QUEUE_TRANSMIT, 0);
		serve();
		assert_int_equal(wire(got, sizeof(got)), sizeof(frame));
		assert_memory_equal(got, frame, sizeof(frame));
		assert_true(take(NET_QUEUE_TRANSMIT, &e));
	}
}

/* A frame of 1,000 bytes in buffers of 400: three of them, given back together. */
static void test_receives_merged(void **state)
{
	struct virtio_net_hdr_v1 header;
	struct vring_used_elem e;
	uint8_t frame[1000], got[1200];

	(void)state;
	fill_frame(frame, sizeof(frame), 1);
	assert_int_equal(send(peer, frame, sizeof(frame), 0), sizeof(frame));
	serve();
	assert_false(take(NET_QUEUE_RECEIVE, &e));
	for (unsigned i = 0; i < 8; i++)
		offer_slot(NET_QUEUE_RECEIVE, i, 400, VRING_DESC_F_WRITE);
	serve();
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take(NET_QUEUE_RECEIVE, &e));
		assert_int_equal(e.id, i);
		assert_int_equal(e.len, i < 2 ? 400 : HEADER + 1000 - 800);
		memcpy(got + 400 * i, slot(i), e.len);
	}
	assert_false(take(NET_QUEUE_RECEIVE, &e));
	memcpy(&header, got, sizeof(header));
	assert_int_equal(header.num_buffers, 3);
	assert_int_equal(header.flags, 0);
	assert_memory_equal(got + HEADER, frame, sizeof(frame));
}

static void test_receives_without_merging(void **state)
{
	struct vring_used_elem e;
	uint8_t frame[1000];

	(void)state;
	stop();
	start(ALL & ~BIT(VIRTIO_NET_F_MRG_RXBUF));
	fill_frame(frame, sizeof(frame), 1);
	offer_slot(NET_QUEUE_RECEIVE, 0, 500, VRING_DESC_F_WRITE);
	send(peer, frame, sizeof(frame), 0); /* too long for it: lost */
	send(peer, frame, 400, 0);
	serve();
	assert_true(take(NET_QUEUE_RECEIVE, &e));
	assert_int_equal(e.len, HEADER + 400);
	assert_memory_equal(slot(0) + HEADER, frame, 400);
	assert_false(take(NET_QUEUE_RECEIVE, &e));
}

/* Nobody takes what is sent: it waits, and nothing is lost. */
static void test_waits_for_the_wire(void **state)
{
	unsigned nr_sent = 0, nr_got = 0;
	struct vring_used_elem e;
	uint8_t got[2000];

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		offer_slot(NET_QUEUE_TRANSMIT, i, SLOT_BYTES, 0);
	/* more than a socket's buffer holds */
	for (int round = 0; round < 4 * (int)SIZE; round++) {
		serve();
		while (take(NET_QUEUE_TRANSMIT, &e) && nr_sent < 400) {
			offer_slot(NET_QUEUE_TRANSMIT, e.id, SLOT_BYTES, 0);
			nr_sent++;
		}
	}
	assert_true(net->pairs[0]->is_sending);
	while (wire(got, sizeof(got)) > 0) {
		nr_got++;
		serve();
	}
	while (take(NET_QUEUE_TRANSMIT, &e))
		continue;
	assert_int_equal(nr_got, nr_taken[NET_QUEUE_TRANSMIT]);
	assert_false(net->pairs[0]->is_sending);
}

/* ---- what may not be asked for ---- */

static void expect_lost(uint32_t len, const struct virtio_net_hdr_v1 *header)
{
	struct vring_used_elem e;
	uint8_t got[2000];

	memcpy(slot(0), header, sizeof(*header));
	offer_slot(NET_QUEUE_TRANSMIT, 0, len, 0);
	serve();
	assert_true(take(NET_QUEUE_TRANSMIT, &e));
	assert_int_equal(wire(got, sizeof(got)), -1);
	assert_int_equal(nr_fails, 0);
}

static void test_loses_malformed_frames(void **state)
{
	const struct virtio_net_hdr_v1 plain = { .flags = 0 };
	const struct virtio_net_hdr_v1 sum = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	const struct virtio_net_hdr_v1 far = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					       .csum_start = 65535,
					       .csum_offset = 65535 };
	const struct virtio_net_hdr_v1 gso = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					       .gso_size = 1000 };
	const struct virtio_net_hdr_v1 unknown = { .gso_type = 99, .gso_size = 1000 };

	(void)state;
	expect_lost(1, &plain);
	expect_lost(HEADER, &plain);
	expect_lost(HEADER + NET_FRAME_MIN - 1, &plain);
	expect_lost(HEADER + NET_FRAME_MAX + 1, &plain);
	expect_lost(HEADER + 100, &sum); /* a socket completes none */
	expect_lost(HEADER + 100, &far);
	expect_lost(HEADER + 100, &gso);
	expect_lost(HEADER + 100, &unknown);
}

static void test_receive_buffer_without_room_is_fatal(void **state)
{
	(void)state;
	offer_slot(NET_QUEUE_RECEIVE, 0, HEADER - 1, VRING_DESC_F_WRITE);
	serve();
	assert_true(net->device.queues[NET_QUEUE_RECEIVE].broken);
	assert_true(nr_fails > 0);
}

static void test_readable_receive_buffer_is_fatal(void **state)
{
	(void)state;
	offer_slot(NET_QUEUE_RECEIVE, 0, 1000, 0);
	serve();
	assert_true(nr_fails > 0);
}

/* ---- the control queue ---- */

static bool comes_through(const uint8_t to[6], uint16_t vlan)
{
	struct vring_used_elem e;
	uint8_t frame[64] = { 0 };

	memcpy(frame, to, 6);
	frame[12] = vlan != 0 ? 0x81 : 8;
	frame[14] = (uint8_t)(vlan >> 8);
	frame[15] = (uint8_t)vlan;
	send(peer, frame, sizeof(frame), 0);
	for (unsigned i = 0; i < 2; i++)
		if (net->pairs[0]->receive.nr_held == 0)
			offer_slot(NET_QUEUE_RECEIVE, i, SLOT_BYTES, VRING_DESC_F_WRITE);
	serve();
	return take(NET_QUEUE_RECEIVE, &e);
}

static void test_filter(void **state)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 }, group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t table[4 + 6 + 4 + 6] = { 1 }, on = 1, off = 0;

	(void)state;
	assert_true(comes_through(other, 0)); /* until anything is set */
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &off, 1),
			 0);
	assert_true(comes_through(config.mac, 0));
	assert_true(comes_through(all, 0));
	assert_false(comes_through(other, 0));
	assert_false(comes_through(group, 0));
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, &on, 1),
			 0);
	assert_true(comes_through(group, 0));
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, &off, 1),
			 0);
	memcpy(table + 4, other, 6);
	table[10] = 1;
	memcpy(table + 14, group, 6);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table,
				 sizeof(table)),
			 0);
	assert_true(comes_through(other, 0));
	assert_true(comes_through(group, 0));
	assert_int_equal(
		command(CONTROL, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, all, 5), 1);
	assert_int_equal(
		command(CONTROL, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, all + 0, 6), 0);
	assert_false(comes_through(config.mac, 0));
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST, &on, 1),
			 0);
	assert_false(comes_through(all, 0));
}

static void test_vlans(void **state)
{
	uint16_t id = 7, none = 4096;

	(void)state;
	assert_true(comes_through(config.mac, 0));
	assert_false(comes_through(config.mac, 7));
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &id, 2),
			 0);
	assert_true(comes_through(config.mac, 7));
	assert_false(comes_through(config.mac, 8));
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, &id, 2),
			 0);
	assert_false(comes_through(config.mac, 7));
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &none, 2),
			 1);
}

/* Tables that say more than there is. */
static void test_cut_commands(void **state)
{
	uint8_t table[64];

	(void)state;
	memset(table, 0xff, sizeof(table));
	for (uint32_t len = 0; len < sizeof(table); len++)
		assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MAC,
					 VIRTIO_NET_CTRL_MAC_TABLE_SET, table, len),
				 1);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, table, 0),
			 1);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, table, 1),
			 1);
	assert_int_equal(command(CONTROL, VIRTIO_NET_CTRL_MQ, 0, table, 2), 1);
	assert_int_equal(command(CONTROL, 77, 0, table, 2), 1);
}

/* ---- the link ---- */

static void test_link_goes_down(void **state)
{
	const uint32_t *counter = (const uint32_t *)(const void *)(ram + COUNTER);

	(void)state;
	offer_slot(NET_QUEUE_RECEIVE, 0, SLOT_BYTES, VRING_DESC_F_WRITE);
	serve();
	assert_int_equal(net->config.status, VIRTIO_NET_S_LINK_UP);
	assert_int_equal(*counter, 0);
	close(peer);
	peer = -1;
	serve();
	assert_int_equal(net->config.status, 0);
	assert_int_equal(*counter, 1);
}

static void test_reset_forgets_buffers(void **state)
{
	struct vring_used_elem e;
	uint8_t frame[100];

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		offer_slot(NET_QUEUE_RECEIVE, i, 400, VRING_DESC_F_WRITE);
	serve();
	assert_true(net->pairs[0]->receive.nr_held > 0);
	stop();
	start(ALL);
	fill_frame(frame, sizeof(frame), 5);
	send(peer, frame, sizeof(frame), 0);
	serve();
	assert_false(take(NET_QUEUE_RECEIVE, &e));
	offer_slot(NET_QUEUE_RECEIVE, 30, SLOT_BYTES, VRING_DESC_F_WRITE);
	serve();
	assert_true(take(NET_QUEUE_RECEIVE, &e));
	assert_int_equal(e.id, 30);
}

/* ---- anything at all ---- */

static uint64_t random_state;

static uint32_t dice(uint32_t sides)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % sides;
}

/* Mostly one that its queue may have; a chain only leads upwards, unless it is wrong. */
static struct vring_desc random_descriptor(unsigned q, unsigned idx)
{
	static const uint32_t lengths[] = { 12, 13, 26, 60, 400, 1500, 4096, 65000 };
	struct vring_desc d = {
		.addr = DATA_GPA + dice(0xd0000),
		.len = lengths[dice(ARRAY_SIZE(lengths))],
		.flags = q == NET_QUEUE_RECEIVE ? VRING_DESC_F_WRITE : 0,
		.next = (uint16_t)(idx + 1),
	};

	if (q == CONTROL && dice(2) == 0)
		d.flags = VRING_DESC_F_WRITE;
	if (idx + 1 < SIZE && dice(4) == 0)
		d.flags |= VRING_DESC_F_NEXT;
	if (dice(400) == 0)
		d.flags = (uint16_t)dice(8);
	if (dice(400) == 0)
		d.next = (uint16_t)dice(SIZE + 2);
	if (dice(400) == 0)
		d.addr = RAM_BYTES - dice(100);
	if (dice(400) == 0)
		d.len = dice(16);
	return d;
}

static unsigned nr_out, nr_in; /* frames that got through */

static void random_step(void)
{
	struct vring_used_elem e;
	unsigned q = dice(NR_QUEUES);
	uint8_t frame[1600];

	for (unsigned i = dice(6); i > 0; i--) {
		unsigned idx = dice(SIZE);

		describe(q, idx, random_descriptor(q, idx));
	}
	for (unsigned i = dice(4); i > 0; i--)
		offer(q, (uint16_t)dice(dice(400) == 0 ? 65536 : SIZE));
	for (unsigned i = dice(200); i > 0; i--)
		ram[DATA_GPA + dice(RAM_BYTES - DATA_GPA)] = (uint8_t)dice(256);
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	send(peer, frame, dice(sizeof(frame)), MSG_DONTWAIT);
	device_serve(&net->device);
	device_arm(&net->device);
	while (wire(frame, sizeof(frame)) > 0)
		nr_out++;
	while (take(NET_QUEUE_RECEIVE, &e))
		nr_in++;
}

static void test_random_drivers(void **state)
{
	(void)state;
	nr_out = nr_in = 0;
	for (unsigned seed = 1; seed <= 400; seed++) {
		random_state = seed;
		stop();
		nr_fails = 0;
		start(dice(3) == 0 ? (uint64_t)dice(UINT32_MAX) : ALL);
		for (unsigned q = 0; q < NR_QUEUES; q++)
			for (unsigned idx = 0; idx < SIZE; idx++)
				describe(q, idx, random_descriptor(q, idx));
		for (unsigned i = 0; i < 100 && nr_fails == 0; i++)
			random_step();
	}
	/* The rules are broken seldom enough for something to happen. */
	assert_true(nr_out > 1000 && nr_in > 1000);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_sends_a_frame),
		TEST(test_sends_pieces),
		TEST(test_receives_merged),
		TEST(test_receives_without_merging),
		TEST(test_waits_for_the_wire),
		TEST(test_loses_malformed_frames),
		TEST(test_receive_buffer_without_room_is_fatal),
		TEST(test_readable_receive_buffer_is_fatal),
		TEST(test_filter),
		TEST(test_vlans),
		TEST(test_cut_commands),
		TEST(test_link_goes_down),
		TEST(test_reset_forgets_buffers),
		TEST(test_random_drivers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
