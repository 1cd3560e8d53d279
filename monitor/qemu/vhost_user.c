/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user back end: messages, memory table, two rings (high priority and requests), one
 * thread that sleeps in poll(2) on the socket and the rings' kicks.
 *
 * A ring runs when it has a kick descriptor, is enabled and its addresses could be mapped; any
 * message about a ring stops it first, and it starts again from where it was. A new memory table
 * stops both. Ring addresses come as addresses of the other process: they are turned into
 * guest-physical ones by the memory table, and virtqueue.h checks those.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/compiler.h"
#include "monitor/qemu/vhost_user.h"
#include "monitor/device/virtqueue.h"

#define NR_RINGS    2
#define MAX_REGIONS 8 /* of a memory table without CONFIGURE_MEM_SLOTS */

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
};

#define FLAG_VERSION    1u
#define FLAG_REPLY      (1u << 2)
#define FLAG_NEED_REPLY (1u << 3)
#define FD_INDEX_MASK   0xffu
#define FD_NONE         (1u << 8)

#define F_PROTOCOL_FEATURES  30
#define PROTOCOL_F_MQ        0
#define PROTOCOL_F_REPLY_ACK 3

#define FEATURES \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_EVENT_IDX | \
	 1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << F_PROTOCOL_FEATURES)
#define PROTOCOL_FEATURES (1ull << PROTOCOL_F_MQ | 1ull << PROTOCOL_F_REPLY_ACK)

struct region {
	uint64_t gpa, size, user_addr, mmap_offset;
};

struct message {
	uint32_t padding;              /* aligns the payload, 12 bytes into the message */
	uint32_t request, flags, size; /* here the message itself begins */
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t nr, padding;
			struct region regions[MAX_REGIONS];
		} memory;
	} payload;
};

#define HEADER_SIZE (3 * sizeof(uint32_t))

struct ring {
	struct virtqueue vq;
	unsigned size;
	uint64_t user_addr[3]; /* descriptors, available, used */
	bool has_addr, enabled;
	uint16_t base;
	int kick_fd, call_fd;
};

struct vhost_user {
	struct fs_server *server;
	int socket_fd;
	pthread_t thread;
	uint64_t features;
	struct guest_memory memory;
	struct region regions[MAX_REGIONS]; /* like memory.regions */
	void *mappings[MAX_REGIONS];
	size_t mapping_bytes[MAX_REGIONS];
	struct ring rings[NR_RINGS];
	struct virtqueue_chain chain;
};

static void stop_ring(struct ring *ring)
{
	if (!ring->vq.ready)
		return;
	ring->base = ring->vq.next_avail;
	virtqueue_stop(&ring->vq);
}

/* user address -> guest-physical address; UINT64_MAX, which maps nothing, if it is in no region */
static uint64_t to_gpa(const struct vhost_user *vhost, uint64_t addr)
{
	for (unsigned i = 0; i < vhost->memory.nr_regions; i++) {
		const struct region *region = &vhost->regions[i];

		if (addr >= region->user_addr && addr - region->user_addr < region->size)
			return region->gpa + (addr - region->user_addr);
	}
	return UINT64_MAX;
}

static void start_ring(struct vhost_user *vhost, struct ring *ring)
{
	struct virtqueue_rings rings;
	uint64_t gpa[3];

	if (ring->vq.ready || ring->kick_fd < 0 || !ring->enabled || !ring->has_addr)
		return;
	for (int i = 0; i < 3; i++)
		gpa[i] = to_gpa(vhost, ring->user_addr[i]);
	if (virtqueue_map(&vhost->memory, (uint16_t)ring->size, gpa, &rings) < 0)
		return;
	virtqueue_start(&ring->vq, &vhost->memory, &rings, (uint16_t)ring->size, ring->base);
	ring->vq.event_idx = vhost->features >> VIRTIO_RING_F_EVENT_IDX & 1;
}

static void signal_ring(struct ring *ring)
{
	uint64_t one = 1;

	if (virtqueue_needs_interrupt(&ring->vq) && ring->call_fd >= 0)
		/* an eventfd: full means signalled */
		(void)!write(ring->call_fd, &one, sizeof(one));
}

/* Answers all requests of a ring. */
static void serve_ring(struct vhost_user *vhost, struct ring *ring)
{
	struct virtqueue_chain *chain = &vhost->chain;

	start_ring(vhost, ring);
	if (!ring->vq.ready || ring->vq.broken)
		return;
	do {
		virtqueue_disarm(&ring->vq);
		while (virtqueue_pop(&ring->vq, chain) == 1) {
			ssize_t n = fs_server_handle(vhost->server, chain->readable,
						     chain->nr_readable, chain->writable,
						     chain->nr_writable);

			virtqueue_push(&ring->vq, chain->head, n > 0 ? (uint32_t)n : 0);
			signal_ring(ring);
		}
	} while (!ring->vq.broken && virtqueue_arm(&ring->vq));
}

static void unmap_memory(struct vhost_user *vhost)
{
	for (int i = 0; i < NR_RINGS; i++)
		stop_ring(&vhost->rings[i]);
	for (unsigned i = 0; i < vhost->memory.nr_regions; i++)
		munmap(vhost->mappings[i], vhost->mapping_bytes[i]);
	vhost->memory.nr_regions = 0;
}

/* Not to be cut short behind our mapping, whose pages would then raise SIGBUS. */
static bool is_lasting(int fd, size_t bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &st) == 0 &&
	       (uint64_t)st.st_size >= bytes;
}

static int set_memory(struct vhost_user *vhost, const struct message *message, const int *fds,
		      unsigned nr_fds)
{
	uint32_t nr = message->payload.memory.nr;

	if (nr > MAX_REGIONS || nr != nr_fds || message->size < 8 + nr * sizeof(struct region))
		return -EPROTO;
	unmap_memory(vhost);
	for (uint32_t i = 0; i < nr; i++) {
		const struct region *region = &message->payload.memory.regions[i];
		size_t bytes;
		void *at;

		if (__builtin_add_overflow(region->size, region->mmap_offset, &bytes) ||
		    !is_lasting(fds[i], bytes))
			return -EPROTO;
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		if (at == MAP_FAILED)
			return -errno;
		vhost->mappings[i] = at;
		vhost->mapping_bytes[i] = bytes;
		vhost->regions[i] = *region;
		vhost->memory.regions[i] = (struct guest_region){
			region->gpa,
			region->size,
			(uint8_t *)at + region->mmap_offset,
		};
		vhost->memory.nr_regions = i + 1;
	}
	return 0;
}

/*
 * Replaces a ring's kick or call descriptor; *fd becomes the ring's. QEMU does not wait until a new
 * call descriptor is in place, and the guest kicks meanwhile: what was signalled on the old one may
 * be lost, so the new one is signalled once, whether or not there is news.
 */
static int set_ring_fd(struct vhost_user *vhost, uint64_t value, bool is_kick, int *fd)
{
	uint64_t one = 1;
	struct ring *ring;
	int *slot;

	if ((value & FD_INDEX_MASK) >= NR_RINGS)
		return -EPROTO;
	ring = &vhost->rings[value & FD_INDEX_MASK];
	slot = is_kick ? &ring->kick_fd : &ring->call_fd;
	if (*slot >= 0)
		close(*slot);
	*slot = value & FD_NONE ? -1 : *fd;
	if (*slot >= 0)
		*fd = -1;
	if (*slot >= 0 && !is_kick)
		(void)!write(*slot, &one, sizeof(one));
	return 0;
}

static int set_ring(const struct message *message, struct ring *ring)
{
	switch (message->request) {
	case SET_VRING_NUM:
		if (message->payload.state.num > VIRTQUEUE_MAX_SIZE)
			return -EPROTO;
		stop_ring(ring);
		ring->size = message->payload.state.num;
		return 0;
	case SET_VRING_BASE:
		stop_ring(ring);
		ring->base = (uint16_t)message->payload.state.num;
		return 0;
	case SET_VRING_ENABLE:
		stop_ring(ring);
		ring->enabled = message->payload.state.num;
		return 0;
	case SET_VRING_ADDR:
		stop_ring(ring);
		ring->user_addr[0] = message->payload.addr.desc_user_addr;
		ring->user_addr[1] = message->payload.addr.avail_user_addr;
		ring->user_addr[2] = message->payload.addr.used_user_addr;
		ring->has_addr = true;
		return 0;
	}
	return -EPROTO;
}

static int reply(struct vhost_user *vhost, struct message *message, size_t size)
{
	message->flags = FLAG_VERSION | FLAG_REPLY;
	message->size = (uint32_t)size;
	if (send(vhost->socket_fd, &message->request, HEADER_SIZE + size, MSG_NOSIGNAL) !=
	    (ssize_t)(HEADER_SIZE + size))
		return -EPIPE;
	return 0;
}

static int reply_u64(struct vhost_user *vhost, struct message *message, uint64_t value)
{
	message->payload.u64 = value;
	return reply(vhost, message, sizeof(value));
}

/* 1: it has been answered; 0: done; or -Exxx. Descriptors that it keeps become -1. */
static int handle_message(struct vhost_user *vhost, struct message *message, int *fds,
			  unsigned nr_fds)
{
	uint32_t index = message->payload.state.index;
	int none = -1, err;

	switch (message->request) {
	case GET_FEATURES:
		err = reply_u64(vhost, message, FEATURES);
		return err ? err : 1;
	case GET_PROTOCOL_FEATURES:
		err = reply_u64(vhost, message, PROTOCOL_FEATURES);
		return err ? err : 1;
	case GET_QUEUE_NUM:
		err = reply_u64(vhost, message, NR_RINGS);
		return err ? err : 1;
	case SET_FEATURES:
		vhost->features = message->payload.u64 & FEATURES;
		return 0;
	case SET_PROTOCOL_FEATURES:
	case SET_OWNER:
	case RESET_OWNER:
	case SET_VRING_ERR:
		return 0;
	case SET_MEM_TABLE:
		return set_memory(vhost, message, fds, nr_fds);
	case SET_VRING_KICK:
	case SET_VRING_CALL:
		return set_ring_fd(vhost, message->payload.u64, message->request == SET_VRING_KICK,
				   nr_fds ? fds : &none);
	case GET_VRING_BASE:
		if (index >= NR_RINGS)
			return -EPROTO;
		stop_ring(&vhost->rings[index]);
		message->payload.state.num = vhost->rings[index].base;
		/* the ring is stopped until it gets a new kick */
		set_ring_fd(vhost, index | FD_NONE, true, &none);
		err = reply(vhost, message, sizeof(message->payload.state));
		return err ? err : 1;
	default:
		return index < NR_RINGS ? set_ring(message, &vhost->rings[index]) : -EPROTO;
	}
}

/* Reads the header with its descriptors. 0, -EPIPE at the end, or -Exxx. */
static int receive_header(struct vhost_user *vhost, struct message *message, int *fds,
			  unsigned *nr_fds)
{
	char control[CMSG_SPACE(MAX_REGIONS * sizeof(int))] ALIGNED(8);
	struct iovec iov = { &message->request, HEADER_SIZE };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(vhost->socket_fd, &msg, MSG_CMSG_CLOEXEC | MSG_WAITALL);

	*nr_fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); n > 0 && c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*nr_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *nr_fds * sizeof(int));
	}
	if (n <= 0)
		return n == 0 ? -EPIPE : -errno;
	return n == (ssize_t)HEADER_SIZE ? 0 : -EPROTO;
}

/* A kick may have come, and been read, before the message that made its ring complete. */
static void serve_rings(struct vhost_user *vhost)
{
	for (int i = 0; i < NR_RINGS; i++)
		serve_ring(vhost, &vhost->rings[i]);
}

/* One message. 0, or -Exxx: the connection is over. */
static int serve_socket(struct vhost_user *vhost)
{
	struct message message = { 0 };
	int fds[MAX_REGIONS], err;
	bool need_reply;
	unsigned nr_fds;

	err = receive_header(vhost, &message, fds, &nr_fds);
	if (!err && message.size > sizeof(message.payload))
		err = -EPROTO;
	if (!err && message.size &&
	    recv(vhost->socket_fd, &message.payload, message.size, MSG_WAITALL) !=
		    (ssize_t)message.size)
		err = -EPROTO;
	if (!err) {
		need_reply = message.flags & FLAG_NEED_REPLY;
		err = handle_message(vhost, &message, fds, nr_fds);
		if (err == 0)
			serve_rings(vhost);
		if (err == 0 && need_reply)
			err = reply_u64(vhost, &message, 0);
		else if (err > 0)
			err = 0;
	}
	for (unsigned i = 0; i < nr_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return err;
}

static void *run(void *arg)
{
	struct vhost_user *vhost = arg;
	uint64_t count;

	for (;;) {
		struct pollfd polls[1 + NR_RINGS];

		polls[0] = (struct pollfd){ vhost->socket_fd, POLLIN, 0 };
		for (int i = 0; i < NR_RINGS; i++)
			polls[1 + i] = (struct pollfd){ vhost->rings[i].kick_fd, POLLIN, 0 };
		if (poll(polls, 1 + NR_RINGS, -1) < 0 && errno != EINTR)
			break;
		if (polls[0].revents && serve_socket(vhost) < 0)
			break;
		for (int i = 0; i < NR_RINGS; i++) {
			struct ring *ring = &vhost->rings[i];

			if (ring->kick_fd != polls[1 + i].fd || !polls[1 + i].revents)
				continue;
			(void)!read(ring->kick_fd, &count, sizeof(count)); /* only clears it */
			serve_ring(vhost, ring);
		}
	}
	shutdown(vhost->socket_fd, SHUT_RDWR); /* lest the other side waits for an answer */
	return NULL;
}

int vhost_user_start(struct fs_server *server, int socket_fd, struct vhost_user **out)
{
	struct vhost_user *vhost = calloc(1, sizeof(*vhost));
	sigset_t all, old;
	int err;

	if (!vhost)
		return -ENOMEM;
	vhost->server = server;
	vhost->socket_fd = socket_fd;
	for (int i = 0; i < NR_RINGS; i++)
		vhost->rings[i].kick_fd = vhost->rings[i].call_fd = -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&vhost->thread, NULL, run, vhost);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		free(vhost);
		return -err;
	}
	*out = vhost;
	return 0;
}

void vhost_user_join(struct vhost_user *vhost)
{
	pthread_join(vhost->thread, NULL);
	unmap_memory(vhost);
	for (int i = 0; i < NR_RINGS; i++) {
		if (vhost->rings[i].kick_fd >= 0)
			close(vhost->rings[i].kick_fd);
		if (vhost->rings[i].call_fd >= 0)
			close(vhost->rings[i].call_fd);
	}
	close(vhost->socket_fd);
	free(vhost);
}
