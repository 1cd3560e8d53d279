/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of one console port: descriptor to receive queue, transmit queue to descriptor. The
 * caller holds the device's lock and looks at the queue's `broken` afterwards.
 */
#include <errno.h>
#include <string.h>
#include "monitor/device/console.h"

void console_port_init(struct console_port *port, struct vm *vm, const struct vm_port *config)
{
	port->vm = vm;
	port->number = config->number;
	port->is_tty = config->is_tty;
	stream_init(&port->in, config->in_fd);
	stream_init(&port->out, config->out_fd);
	port->in_open = config->in_fd >= 0;
	port->out_open = config->out_fd >= 0;
	port->open = true;
}

/* The guest took its queues back: chains in hand are forgotten, the streams stay as they are. */
void console_port_reset(struct console_port *port)
{
	port->rx_held = port->tx_held = port->out_full = false;
	port->partial_len = 0;
	port->owed = 0;
}

static void close_port(struct console_port *port)
{
	port->open = false;
	port->owed |= CONSOLE_SEND_OPEN;
}

bool console_port_receive(struct console_port *port, struct virtqueue *vq)
{
	ssize_t len;

	if (!port->in_open || !port->readable)
		return false;
	if (!port->rx_held && virtqueue_pop(vq, &port->rx) <= 0)
		return false;
	port->rx_held = true;
	if (port->rx.nr_writable == 0) { /* no room in it: back as it came */
		port->rx_held = false;
		virtqueue_push(vq, port->rx.head, 0);
		return true;
	}
	len = stream_read(&port->in, port->rx.writable, port->rx.nr_writable);
	if (len == -EAGAIN || len == -EINTR) {
		port->readable = false;
		return false;
	}
	if (len <= 0) { /* the end, or as good as */
		port->in_open = false;
		close_port(port);
		return true;
	}
	port->rx_held = false;
	virtqueue_push(vq, port->rx.head, (uint32_t)len);
	return true;
}

/* Control messages are records; chains may cut them anywhere. */
static void take_messages(struct console_port *port, const uint8_t *bytes, size_t len)
{
	const struct vm_config *config = port->vm->config;

	while (len > 0) {
		size_t part = min(len, sizeof(port->partial) - port->partial_len);
		struct control_message message;

		memcpy(port->partial + port->partial_len, bytes, part);
		port->partial_len += (unsigned)part;
		bytes += part;
		len -= part;
		if (port->partial_len < sizeof(message))
			return;
		memcpy(&message, port->partial, sizeof(message));
		port->partial_len = 0;
		if (config->on_control != NULL)
			config->on_control(config->context, &message);
	}
}

/* Takes `len` written bytes off the front of what is left of the chain. true: nothing is left. */
static bool advance(struct console_port *port, size_t len)
{
	while (port->tx_done < port->tx.nr_readable) {
		struct iovec *piece = &port->tx.readable[port->tx_done];

		if (len < piece->iov_len) {
			piece->iov_base = (char *)piece->iov_base + len;
			piece->iov_len -= len;
			return false;
		}
		len -= piece->iov_len;
		port->tx_done++;
	}
	return true;
}

/* 0: all of the chain is taken; -EAGAIN: the descriptor is full. */
static int write_out(struct console_port *port)
{
	bool done = port->tx_done == port->tx.nr_readable;

	while (!done && port->out_open) {
		ssize_t len = stream_write(&port->out, &port->tx.readable[port->tx_done],
					   port->tx.nr_readable - port->tx_done);

		if (len == -EAGAIN || len == -EINTR)
			return -EAGAIN;
		if (len < 0) {
			port->out_open = false;
			close_port(port);
			break;
		}
		done = advance(port, (size_t)len);
	}
	return 0;
}

bool console_port_transmit(struct console_port *port, struct virtqueue *vq)
{
	if (port->out_full)
		return false;
	if (!port->tx_held) {
		if (virtqueue_pop(vq, &port->tx) <= 0)
			return false;
		port->tx_held = true;
		port->tx_done = 0;
	}
	if (port->is_control) {
		for (unsigned i = 0; i < port->tx.nr_readable; i++)
			take_messages(port, port->tx.readable[i].iov_base,
				      port->tx.readable[i].iov_len);
	} else if (write_out(port) == -EAGAIN) {
		port->out_full = true;
		return false;
	}
	port->tx_held = false;
	virtqueue_push(vq, port->tx.head, 0);
	return true;
}
