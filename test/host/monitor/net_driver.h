/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of the network device, ring by ring, for its tests. Queue q's rings lie at
 * q * RING_BYTES of `ram`, data in slots behind them. Nothing here sleeps: the test says when a
 * worker has a turn.
 */
#pragma once
#include "monitor/device/net_device.h"
#include "monitor/device/virtio_net.h"
#include "test/host/monitor/no_worker.h"

#define RAM_BYTES  (1u << 20)
#define SIZE       64u
#define RING_BYTES 0x2000u
#define DATA_GPA   0x16000u
#define SLOT_BYTES 0x1000u
#define COUNTER    0x15000u
#define HEADER     VIRTIO_NET_HEADER_BYTES
#define ALL        UINT64_MAX
#define BIT(n)     (1ull << (n))
#define QUEUES_MAX 10u /* COUNTER is behind their rings */

extern struct vm vm;
extern struct vm_net config; /* set by the test before driver_begin() */
extern struct virtio_net *net;
extern uint8_t *ram;
extern uint16_t nr_offered[QUEUES_MAX], nr_taken[QUEUES_MAX];

void driver_begin(unsigned nr_cpus); /* the device is made, not started */
void driver_end(void);
void start(uint64_t features);
void stop(void);

struct virtqueue_rings rings_of(unsigned q);
uint8_t *slot(unsigned n);
void describe(unsigned q, unsigned idx, struct vring_desc d);
void offer(unsigned q, uint16_t head);
/* A chain of one piece, in data slot `n`. */
void offer_slot(unsigned q, unsigned n, uint32_t len, uint16_t flags);
/* The next used element, or false. */
bool take(unsigned q, struct vring_used_elem *e);
void serve(void); /* every worker has some turns */
/* By the control queue `q`, with slots 20 and 21: the answer. */
uint8_t command(unsigned q, uint8_t class, uint8_t code, const void *data, uint32_t len);
void fill_frame(uint8_t *frame, size_t len, uint8_t seed);
