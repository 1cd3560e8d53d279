/* SPDX-License-Identifier: BSD-2-Clause */
/* pcapng, little-endian as this machine is; every block is a multiple of four bytes. */
#include "monitor/net/capture.h"
#include <errno.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lib/compiler.h"
#include "monitor/net/backend.h"
#include "monitor/net/iov.h"

#define BUFFER_BYTES (512u << 10)
#define BLOCK_MAX    (NET_FRAME_MAX + 64u)

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	MAGIC_ORDER = 0x1a2b3c4d,
	LINK_ETHERNET = 1,
	OPTION_END = 0,
	OPTION_PACKET_FLAGS = 2,
	OPTION_IF_NAME = 2,
	OPTION_IF_MAC = 6,
	OPTION_IF_RESOLUTION = 9, /* of time stamps: 9 is 10^-9 s */
	OPTION_APPLICATION = 4,
	FLAG_INBOUND = 1,
	FLAG_OUTBOUND = 2,
};

struct capture {
	/* [I] immutable  [l] lock */
	int fd; /* [I] */
	pthread_mutex_t lock;
	int error;   /* [l] the first; nothing is written after it */
	size_t used; /* [l] of buffer */
	uint8_t buffer[BUFFER_BYTES];
};

static void write_out(struct capture *c)
{
	size_t done = 0;

	while (done < c->used && c->error == 0) {
		ssize_t len = write(c->fd, c->buffer + done, c->used - done);

		if (len > 0)
			done += (size_t)len;
		else if (len < 0 && errno != EINTR)
			c->error = errno;
	}
	c->used = 0;
}

/* The caller has seen to it that there is room. */
static void put(struct capture *c, const void *bytes, size_t len)
{
	memcpy(c->buffer + c->used, bytes, len);
	c->used += len;
	while (c->used % 4 != 0)
		c->buffer[c->used++] = 0;
}

static void put_word(struct capture *c, uint32_t word)
{
	put(c, &word, sizeof(word));
}

static void put_option(struct capture *c, uint16_t code, const void *value, uint16_t len)
{
	put_word(c, (uint32_t)len << 16 | code);
	if (len > 0)
		put(c, value, len);
}

/* The length stands at both of a block's ends. */
static size_t begin_block(struct capture *c, uint32_t type)
{
	size_t at = c->used;

	put_word(c, type);
	put_word(c, 0);
	return at;
}

static void end_block(struct capture *c, size_t at)
{
	uint32_t len = (uint32_t)(c->used + 4 - at);

	put_word(c, len);
	memcpy(c->buffer + at + 4, &len, sizeof(len));
}

static void put_section(struct capture *c)
{
	static const uint32_t version_and_length[] = { 1, UINT32_MAX, UINT32_MAX };
	size_t at = begin_block(c, BLOCK_SECTION);

	put_word(c, MAGIC_ORDER);
	put(c, version_and_length, sizeof(version_and_length));
	put_option(c, OPTION_APPLICATION, "hull", 4);
	put_option(c, OPTION_END, NULL, 0);
	end_block(c, at);
}

static void put_interface(struct capture *c, const struct vm_net *net, unsigned idx)
{
	static const uint8_t resolution = 9;
	size_t at = begin_block(c, BLOCK_INTERFACE);
	char name[16];

	put_word(c, LINK_ETHERNET);
	put_word(c, 0); /* frames of any length */
	put_option(c, OPTION_IF_NAME, name, (uint16_t)snprintf(name, sizeof(name), "eth%u", idx));
	put_option(c, OPTION_IF_MAC, net->mac, sizeof(net->mac));
	put_option(c, OPTION_IF_RESOLUTION, &resolution, sizeof(resolution));
	put_option(c, OPTION_END, NULL, 0);
	end_block(c, at);
}

struct capture *capture_new(int fd, const struct vm_net *nets, unsigned nr_nets)
{
	struct capture *c = malloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->fd = fd;
	c->error = 0;
	c->used = 0;
	pthread_mutex_init(&c->lock, NULL);
	put_section(c);
	for (unsigned i = 0; i < nr_nets; i++)
		put_interface(c, &nets[i], i);
	write_out(c);
	return c;
}

/* RFC 1071 over everything from csum_start on; the field holds the pseudo header's part. */
static void complete_sum(uint8_t *frame, size_t len, const struct virtio_net_hdr_v1 *header)
{
	size_t start = header->csum_start, field = start + header->csum_offset;
	uint64_t sum = 0;
	uint16_t word;

	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 || field + 2 > len)
		return;
	for (size_t i = start; i < len; i += 2) {
		word = 0;
		memcpy(&word, frame + i, min(len - i, sizeof(word)));
		sum += word;
	}
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	word = (uint16_t)~sum;
	if (word == 0)
		word = 0xffff; /* RFC 768: 0 means none */
	memcpy(frame + field, &word, sizeof(word));
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void capture_add(struct capture *c, unsigned interface, bool from_guest,
		 const struct capture_frame *frame)
{
	const uint32_t flags = from_guest ? FLAG_OUTBOUND : FLAG_INBOUND;
	struct virtio_net_hdr_v1 header;
	uint64_t time;
	size_t at, len;

	if (c == NULL || frame->len < sizeof(header) || frame->len > sizeof(header) + NET_FRAME_MAX)
		return;
	len = frame->len - sizeof(header);
	iov_copy_out(frame->iov, frame->nr, 0, &header, sizeof(header));
	pthread_mutex_lock(&c->lock);
	if (BUFFER_BYTES - c->used < BLOCK_MAX)
		write_out(c);
	time = now_ns();
	at = begin_block(c, BLOCK_PACKET);
	put_word(c, interface);
	put_word(c, (uint32_t)(time >> 32));
	put_word(c, (uint32_t)time);
	put_word(c, (uint32_t)len);
	put_word(c, (uint32_t)len);
	iov_copy_out(frame->iov, frame->nr, sizeof(header), c->buffer + c->used, len);
	complete_sum(c->buffer + c->used, len, &header);
	c->used += len;
	while (c->used % 4 != 0)
		c->buffer[c->used++] = 0;
	put_option(c, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
	put_option(c, OPTION_END, NULL, 0);
	end_block(c, at);
	pthread_mutex_unlock(&c->lock);
}

void capture_flush(struct capture *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	write_out(c);
	pthread_mutex_unlock(&c->lock);
}

int capture_free(struct capture *c)
{
	int error;

	if (c == NULL)
		return 0;
	write_out(c);
	error = c->error;
	pthread_mutex_destroy(&c->lock);
	free(c);
	return error;
}
