/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device (virtio 1.2 §5.3): queues, the control protocol, and what its worker waits
 * for.
 *
 * Queues: 0 and 1 are port 0's, which nobody uses; 2 and 3 are the control queues; port n has 2n +
 * 2 (receive) and 2n + 3 (transmit). Descriptors are polled only when something could be done with
 * the answer: input when the guest has given buffers, output after it was full. Receive queues ask
 * for notifications only while they are empty.
 *
 * When the VM ends, what the guest had queued is written out before the worker returns; a
 * CONTROL_SIGNAL from the caller cuts that short, lest a reader that never reads holds up the end.
 */
#include "monitor/device/virtio_console.h"
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "monitor/device/console.h"

#define QUEUE_CONTROL_RX 2u
#define QUEUE_CONTROL_TX 3u
#define STEPS_PER_PORT   16

struct virtio_console {
	struct device device;
	struct worker worker;
	struct virtio_console_config config;
	bool device_ready;                        /* [l] the guest listens to the control queue */
	struct console_port *ports[VM_MAX_PORTS]; /* [I] by number; NULL: none */
	struct virtqueue_chain control;           /* [l] */
};

static struct virtio_console *of_device(struct device *device)
{
	return container_of(device, struct virtio_console, device);
}

static struct virtio_console *of_worker(struct worker *worker)
{
	return container_of(worker, struct virtio_console, worker);
}

static struct virtqueue *receive_queue(struct virtio_console *console, unsigned port)
{
	return &console->device.queues[2 * port + 2];
}

static struct virtqueue *transmit_queue(struct virtio_console *console, unsigned port)
{
	return &console->device.queues[2 * port + 3];
}

static void take_announcement(struct virtio_console *console,
			      const struct virtio_console_control *message)
{
	struct console_port *port;

	if (message->event == VIRTIO_CONSOLE_DEVICE_READY && message->value == 1) {
		console->device_ready = true;
		for (unsigned i = 0; i < VM_MAX_PORTS; i++)
			if (console->ports[i] != NULL)
				console->ports[i]->owed |= CONSOLE_SEND_ADD;
		return;
	}
	port = message->id < VM_MAX_PORTS ? console->ports[message->id] : NULL;
	if (message->event == VIRTIO_CONSOLE_PORT_READY && message->value == 1 && port != NULL)
		port->owed |= CONSOLE_SEND_OPEN | (port->is_tty ? CONSOLE_SEND_TTY : 0);
}

static bool serve_control_tx(struct virtio_console *console)
{
	struct virtqueue *vq = &console->device.queues[QUEUE_CONTROL_TX];
	struct virtqueue_chain *chain = &console->control;
	struct virtio_console_control message;

	if (virtqueue_pop(vq, chain) <= 0)
		return false;
	if (chain->nr_readable > 0 && chain->readable[0].iov_len >= sizeof(message)) {
		memcpy(&message, chain->readable[0].iov_base, sizeof(message));
		take_announcement(console, &message);
	}
	virtqueue_push(vq, chain->head, 0);
	return true;
}

/* The next message that the port is owed, in the order in which they make sense. */
static struct virtio_console_control next_owed(struct console_port *port)
{
	struct virtio_console_control message = { .id = port->number, .value = 1 };

	if ((port->owed & CONSOLE_SEND_ADD) != 0) {
		port->owed &= ~(unsigned)CONSOLE_SEND_ADD;
		message.event = VIRTIO_CONSOLE_PORT_ADD;
	} else if ((port->owed & CONSOLE_SEND_TTY) != 0) {
		port->owed &= ~(unsigned)CONSOLE_SEND_TTY;
		message.event = VIRTIO_CONSOLE_CONSOLE_PORT;
	} else {
		port->owed = 0;
		message.event = VIRTIO_CONSOLE_PORT_OPEN;
		message.value = port->open;
	}
	return message;
}

static bool send_owed(struct virtio_console *console, struct console_port *port)
{
	struct virtqueue *vq = &console->device.queues[QUEUE_CONTROL_RX];
	struct virtqueue_chain *chain = &console->control;
	struct virtio_console_control message;
	uint32_t len = 0;

	if (!console->device_ready || port->owed == 0 || virtqueue_pop(vq, chain) <= 0)
		return false;
	if (chain->nr_writable > 0 && chain->writable[0].iov_len >= sizeof(message)) {
		message = next_owed(port);
		len = sizeof(message);
		memcpy(chain->writable[0].iov_base, &message, len);
	}
	virtqueue_push(vq, chain->head, len);
	return true;
}

static bool serve_port(struct virtio_console *console, struct console_port *port)
{
	bool served = false;

	for (int i = 0; i < STEPS_PER_PORT; i++) {
		bool sent = console_port_transmit(port, transmit_queue(console, port->number));
		bool received = console_port_receive(port, receive_queue(console, port->number));

		if (!sent && !received)
			break;
		served = true;
	}
	return served;
}

static bool serve(struct device *device)
{
	struct virtio_console *console = of_device(device);
	bool served = false;

	while (serve_control_tx(console))
		served = true;
	for (unsigned i = 0; i < VM_MAX_PORTS; i++) {
		if (console->ports[i] == NULL)
			continue;
		served |= serve_port(console, console->ports[i]);
		while (send_owed(console, console->ports[i]))
			served = true;
	}
	return served;
}

static bool wants_buffers(const struct console_port *port)
{
	return port->in_open && !port->rx_held;
}

static bool arm(struct device *device)
{
	struct virtio_console *console = of_device(device);
	bool more = virtqueue_arm(&device->queues[QUEUE_CONTROL_TX]);

	for (unsigned i = 0; i < VM_MAX_PORTS; i++) {
		struct console_port *port = console->ports[i];

		if (port == NULL)
			continue;
		if (!port->tx_held)
			more |= virtqueue_arm(transmit_queue(console, i));
		if (wants_buffers(port) && !virtqueue_has_work(receive_queue(console, i)))
			more |= virtqueue_arm(receive_queue(console, i));
		if (port->owed != 0 && console->device_ready)
			more |= virtqueue_arm(&device->queues[QUEUE_CONTROL_RX]);
	}
	return more;
}

static void on_reset(struct device *device)
{
	struct virtio_console *console = of_device(device);

	console->device_ready = false;
	for (unsigned i = 0; i < VM_MAX_PORTS; i++)
		if (console->ports[i] != NULL)
			console_port_reset(console->ports[i]);
}

/* What to wait for; `fds` has room for two a port. Entry i is of ports[i / 2], input first. */
static void fill_poll(struct virtio_console *console, struct pollfd *fds)
{
	pthread_mutex_lock(&console->device.lock);
	for (unsigned i = 0; i < VM_MAX_PORTS; i++) {
		struct console_port *port = console->ports[i];
		struct pollfd *in = &fds[2 * i], *out = &fds[2 * i + 1];

		*in = (struct pollfd){ .fd = -1, .events = POLLIN };
		*out = (struct pollfd){ .fd = -1, .events = POLLOUT };
		if (port == NULL || !console->device.running)
			continue;
		if (port->in_open &&
		    (port->rx_held || virtqueue_has_work(receive_queue(console, i))))
			in->fd = port->in.fd;
		if (port->out_full)
			out->fd = port->out.fd;
	}
	pthread_mutex_unlock(&console->device.lock);
}

static void note_poll(struct virtio_console *console, const struct pollfd *fds)
{
	pthread_mutex_lock(&console->device.lock);
	for (unsigned i = 0; i < VM_MAX_PORTS; i++) {
		if (console->ports[i] == NULL)
			continue;
		if (fds[2 * i].revents != 0)
			console->ports[i]->readable = true;
		if (fds[2 * i + 1].revents != 0)
			console->ports[i]->out_full = false;
	}
	pthread_mutex_unlock(&console->device.lock);
}

static void sleep_on_all(struct worker *worker)
{
	struct virtio_console *console = of_worker(worker);
	struct pollfd fds[2 * VM_MAX_PORTS + 1];

	fill_poll(console, fds);
	fds[2 * VM_MAX_PORTS] = (struct pollfd){ .fd = worker->kick_fd, .events = POLLIN };
	if (poll(fds, ARRAY_SIZE(fds), -1) <= 0)
		return;
	if (fds[2 * VM_MAX_PORTS].revents != 0)
		worker_drain(worker);
	note_poll(console, fds);
}

/* The caller says that somebody lost patience. Nothing to read any more: `control` is left out. */
static bool is_called_off(struct pollfd *control)
{
	struct control_message message;
	ssize_t len;

	if (control->fd < 0 || control->revents == 0)
		return false;
	len = read(control->fd, &message, sizeof(message));
	if (len <= 0)
		control->fd = -1;
	return len == sizeof(message) && message.kind == CONTROL_SIGNAL;
}

static bool is_anything_held(struct virtio_console *console, struct pollfd *fds)
{
	bool held = false;

	fill_poll(console, fds);
	for (unsigned i = 0; i < VM_MAX_PORTS; i++) {
		fds[2 * i].fd = -1;
		held |= fds[2 * i + 1].fd >= 0;
	}
	return held;
}

/* Input is over; output goes on until nothing is left, or nobody waits for it. */
static void finish(struct worker *worker)
{
	struct virtio_console *console = of_worker(worker);
	struct pollfd fds[2 * VM_MAX_PORTS + 1];
	struct pollfd *control = &fds[2 * VM_MAX_PORTS];

	for (unsigned i = 0; i < VM_MAX_PORTS; i++)
		if (console->ports[i] != NULL)
			console->ports[i]->in_open = false;
	*control = (struct pollfd){ .fd = worker->vm->config->control_in_fd, .events = POLLIN };
	for (;;) {
		while (worker_serve(worker))
			continue;
		if (!is_anything_held(console, fds))
			return;
		if (poll(fds, ARRAY_SIZE(fds), -1) <= 0)
			continue;
		note_poll(console, fds);
		if (is_called_off(control))
			return;
	}
}

static int add_port(struct virtio_console *console, struct vm *vm, const struct vm_port *config,
		    bool is_control)
{
	struct console_port *port;

	if (config->number == 0 || config->number >= VM_MAX_PORTS ||
	    console->ports[config->number] != NULL)
		return vm_fail(vm, EINVAL, "console port %u is out of range or given twice",
			       config->number);
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return vm_fail(vm, ENOMEM, "no memory for a console port");
	console_port_init(port, vm, config);
	port->is_control = is_control;
	console->ports[config->number] = port;
	console->config.max_nr_ports = max(console->config.max_nr_ports, config->number + 1);
	return 0;
}

static int add_ports(struct virtio_console *console, struct vm *vm)
{
	const struct vm_config *config = vm->config;
	struct vm_port control = { .number = config->control_port,
				   .in_fd = config->control_in_fd,
				   .out_fd = -1 };
	int error = 0;

	console->config.max_nr_ports = 1;
	if (config->control_port != 0)
		error = add_port(console, vm, &control, true);
	for (unsigned i = 0; i < config->nr_ports && error == 0; i++)
		error = add_port(console, vm, &config->ports[i], false);
	return error;
}

struct virtio_console *virtio_console_new(struct vm *vm)
{
	struct virtio_console *console = calloc(1, sizeof(*console));

	if (console == NULL) {
		vm_fail(vm, ENOMEM, "no memory for the console device");
		return NULL;
	}
	console->worker = (struct worker){ .confinement = CONFINE_STREAMS,
					   .kick_fd = -1,
					   .sleep = sleep_on_all,
					   .finish = finish };
	if (add_ports(console, vm) != 0 || worker_init(&console->worker, vm) != 0)
		goto err_free;
	console->device.name = "console";
	console->device.type = VIRTIO_ID_CONSOLE;
	console->device.features = 1ull << VIRTIO_CONSOLE_F_MULTIPORT;
	console->device.config = &console->config;
	console->device.config_bytes = sizeof(console->config);
	console->device.nr_queues = 2 * (console->config.max_nr_ports + 1);
	console->device.serve = serve;
	console->device.arm = arm;
	console->device.on_reset = on_reset;
	worker_adopt(&console->worker, &console->device);
	if (device_add(vm, &console->device) != 0)
		goto err_free;
	return console;

err_free:
	virtio_console_free(console);
	return NULL;
}

struct worker *virtio_console_worker(struct virtio_console *console)
{
	return &console->worker;
}

void virtio_console_free(struct virtio_console *console)
{
	worker_fini(&console->worker);
	device_remove(&console->device);
	for (unsigned i = 0; i < VM_MAX_PORTS; i++)
		free(console->ports[i]);
	free(console);
}
