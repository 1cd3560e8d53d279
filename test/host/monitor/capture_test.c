/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet capture, read back by the format's rules (draft-ietf-opsawg-pcapng §3.1, §4). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>
#include "monitor/net/backend.h"
#include "monitor/net/capture.h"

#define HEADER VIRTIO_NET_HEADER_BYTES

static const struct vm_net config = { .mac = { 2, 0, 0, 0, 0, 1 } };

/* RFC 1071, in the order of the wire. */
static uint16_t naive_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t word_at(const uint8_t *bytes, size_t at)
{
	uint32_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

/* Blocks: section, interface, a frame each way; the second one's checksum is completed. */
static void test_capture(void **state)
{
	static const uint32_t types[] = { 0x0a0d0d0a, 1, 6, 6 };
	uint8_t frame[HEADER + 61] = { 0 }, file[2000];
	struct virtio_net_hdr_v1 header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .csum_start = 34,
					    .csum_offset = 6 };
	struct iovec iov = { frame, sizeof(frame) };
	const struct capture_frame whole = { &iov, 1, sizeof(frame) };
	int fd = memfd_create("capture", 0);
	struct capture *c = capture_new(fd, &config, 1);
	const size_t field = 34 + 6;
	uint16_t expected;
	size_t at = 0;
	ssize_t len;

	(void)state;
	assert_non_null(c);
	for (unsigned i = 0; i < 61; i++)
		frame[HEADER + i] = (uint8_t)(4 + i * 7);
	expected = naive_sum(frame + HEADER + 34, 61 - 34);
	capture_add(c, 0, false, &whole);
	memcpy(frame, &header, sizeof(header));
	capture_add(c, 0, true, &whole);
	assert_int_equal(capture_free(c), 0);
	len = pread(fd, file, sizeof(file), 0);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t block = word_at(file, at + 4);

		assert_true(at + block <= (size_t)len && block % 4 == 0);
		assert_int_equal(word_at(file, at), types[i]);
		assert_int_equal(word_at(file, at + block - 4), block);
		if (types[i] == 6) {
			assert_int_equal(word_at(file, at + 20), 61);
			assert_int_equal(word_at(file, at + 28 + 64 + 4), i == 2 ? 1 : 2);
		}
		if (i == 2)
			assert_memory_equal(file + at + 28, frame + HEADER, 61);
		if (i == 3)
			assert_int_equal(file[at + 28 + field] << 8 | file[at + 28 + field + 1],
					 expected);
		at += block;
	}
	assert_int_equal(at, len);
	close(fd);
}

static void test_capture_of_a_full_disk(void **state)
{
	uint8_t frame[HEADER + 60] = { 0 };
	struct iovec iov = { frame, sizeof(frame) };
	const struct capture_frame whole = { &iov, 1, sizeof(frame) };
	int fds[2];
	struct capture *c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c = capture_new(fds[0], &config, 1);
	for (unsigned i = 0; i < 20000; i++)
		capture_add(c, 0, true, &whole);
	assert_int_equal(capture_free(c), EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_capture_of_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
