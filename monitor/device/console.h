/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the console device (virtio 1.2 §5.3): what virtio_console.c (queues, control protocol, the
 * worker) and console_port.c (the bytes of one port) share.
 *
 * A port moves bytes in two directions that do not wait for each other, nor for other ports. Each
 * holds at most one chain: a writable one that waits for input, a readable one that is not yet
 * written out whole. The chain is given back when it is done; memory is read and written where it
 * lies.
 *
 * A port is open towards the guest until its input ends or its output breaks; then PORT_OPEN 0 is
 * sent, after the data before it is in the guest's ring.
 */
#pragma once
#include "abi/hull/control.h"
#include "monitor/device/device.h"
#include "monitor/device/stream.h"
#include "monitor/device/worker.h"

enum console_message { /* control messages that the guest is owed, a bit each */
		       CONSOLE_SEND_ADD = 1 << 0,
		       CONSOLE_SEND_TTY = 1 << 1,
		       CONSOLE_SEND_OPEN = 1 << 2, /* with the value that `open` has then */
};

struct console_port {
	/* [I] immutable while the VM runs  [l] the device's lock */
	struct vm *vm;           /* [I] */
	uint32_t number;         /* [I] */
	bool is_tty, is_control; /* [I] */
	struct stream in, out;   /* [I] fd; method: [l] */
	bool in_open, out_open;  /* [l] */
	bool open;               /* [l] towards the guest */
	bool readable;           /* [l] input may be there: try before polling */
	bool out_full;           /* [l] wait for POLLOUT */
	unsigned owed;           /* [l] enum console_message */
	bool rx_held, tx_held;   /* [l] */
	unsigned tx_done;        /* [l] pieces of tx that are written whole */
	uint8_t partial[sizeof(struct control_message)]; /* [l] of a control message */
	unsigned partial_len;                            /* [l] */
	struct virtqueue_chain rx, tx;                   /* [l] */
};

void console_port_init(struct console_port *port, struct vm *vm, const struct vm_port *config);
void console_port_reset(struct console_port *port);

/* One step: at most one chain. true: it did something. `broken`: the queue is malformed. */
bool console_port_receive(struct console_port *port, struct virtqueue *vq);
bool console_port_transmit(struct console_port *port, struct virtqueue *vq);
