/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device with many ports (virtio 1.2 §5.3): one byte stream each way for every port.
 *
 * All queues are made at once, since a queue cannot come after DRIVER_OK, but a port costs nothing
 * more until port_find() puts it to use: then it gets receive buffers and is opened. There is no
 * handshake to wait for: the host knows the ports that the launch record names. PORT_OPEN 0 from
 * the host closes a port: input ends after what is queued, output is lost.
 *
 * Input: received buffers wait in `filled` until the reader has taken their bytes; only then do
 * they go back to the device. So a slow reader holds the host back, and nothing is ever dropped.
 * Output: bytes are copied into a chunk of up to 64 KiB, one request each; TX_LIMIT bytes may be in
 * flight. Finished chunks are taken back by the next write; an interrupt is asked for only when
 * somebody has to wait for room. When memory is short the port's spare page still carries one
 * chunk, so output always moves.
 */
#include <linux/eventpoll.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "arch/cpu.h"
#include "arch/mmu.h"
#include "core/smp/cpu.h"
#include "core/sync/spinlock.h"
#include "drivers/virtio.h"
#include "fs/tty/port.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"

#define PORTS_MAX       16u
#define QUEUE_SIZE      16            /* of each port's queues */
#define RX_BUFFERS      4             /* pages a port */
#define TX_LIMIT        (256u * 1024) /* bytes in flight a port */
#define TX_CHUNK_PAGES  16u
#define CONTROL_BUFFERS 8

struct rx_buffer {
	struct list link; /* [port.lock] in filled */
	char *page;
	size_t len, offset; /* [port.lock] bytes there, bytes taken */
};

struct tx_chunk {
	unsigned nr_pages;
	size_t len;
	struct virtq_piece pieces[TX_CHUNK_PAGES];
};

struct console_port {
	struct port port;
	struct console *console; /* [I] */
	struct virtq *rx, *tx;   /* [lock] what they hold */
	struct spinlock lock;
	struct list filled; /* [lock] rx_buffers with bytes to read, in order */
	struct rx_buffer buffers[RX_BUFFERS];
	size_t tx_bytes;       /* [lock] in flight */
	struct tx_chunk spare; /* [lock] one page, for when there is no memory */
	bool spare_in_use;     /* [lock] */
	bool active;           /* [lock] */
};

struct console {
	struct virtio_device *d; /* [I] */
	struct spinlock lock;
	struct virtq *control_rx, *control_tx;     /* [lock] what they hold */
	struct virtio_console_control *control_in; /* CONTROL_BUFFERS of them */
	bool multiport;                            /* [I] */
	unsigned first_port, nr_ports;             /* [I] Hull's own monitor has no port 0 */
	struct console_port *ports;                /* [I] */
	struct console *next;                      /* [I] */
};

static struct console *consoles; /* [a] only grows, at boot */

static struct console_port *console_port_of(struct port *p)
{
	return container_of(p, struct console_port, port);
}

static int post_rx_locked(struct console_port *p, struct rx_buffer *b)
{
	const struct virtq_piece piece = { b->page, PAGE_SIZE };
	const struct virtq_request r = { .in = &piece, .nr_in = 1, .cookie = b };

	b->len = b->offset = 0;
	return virtq_add(p->rx, &r);
}

/* True: bytes came. Asks for the next interrupt. */
static bool take_rx_locked(struct console_port *p)
{
	struct rx_buffer *b;
	bool came = false;
	uint32_t len;

	do {
		while ((b = virtq_take(p->rx, &len)) != NULL) {
			b->len = min((size_t)len, PAGE_SIZE);
			list_append(&p->filled, &b->link);
			came = true;
		}
	} while (virtq_arm(p->rx));
	return came;
}

static void free_chunk_locked(struct console_port *p, struct tx_chunk *c)
{
	p->tx_bytes -= c->len;
	if (c == &p->spare) {
		p->spare_in_use = false;
		return;
	}
	for (unsigned i = 0; i < c->nr_pages; i++)
		page_put(paddr_to_page(ptr_to_paddr(c->pieces[i].ptr)));
	kmem_free(c);
}

/* True: chunks came back. */
static bool take_tx_locked(struct console_port *p)
{
	struct tx_chunk *c;
	bool came = false;
	uint32_t len;

	while ((c = virtq_take(p->tx, &len)) != NULL) {
		free_chunk_locked(p, c);
		came = true;
	}
	return came;
}

static bool can_write_locked(const struct console_port *p)
{
	return p->active && p->tx_bytes < TX_LIMIT && p->tx->nr_free > 0;
}

/* Moves what the device has finished; wakes whoever waits. */
static void service(struct console_port *p)
{
	bool input;

	spin_lock(&p->lock);
	input = p->active && take_rx_locked(p);
	if (p->active)
		take_tx_locked(p);
	spin_unlock(&p->lock);
	if (input) {
		waitq_wake_all(&p->port.readable, EPOLLIN | EPOLLRDNORM);
		if (p->port.notify != NULL)
			p->port.notify(&p->port);
	}
	if (waitq_is_active(&p->port.writable))
		waitq_wake_all(&p->port.writable, EPOLLOUT | EPOLLWRNORM);
}

static size_t console_read(struct port *port, void *buf, size_t len)
{
	struct console_port *p = console_port_of(port);
	size_t done = 0, n;
	bool posted = false;
	struct rx_buffer *b;

	scoped_spin(&p->lock);
	while (done < len && (b = list_first(&p->filled, struct rx_buffer, link)) != NULL) {
		n = min(len - done, b->len - b->offset);
		memcpy((char *)buf + done, b->page + b->offset, n);
		done += n;
		b->offset += n;
		if (b->offset < b->len)
			break;
		list_remove(&b->link);
		posted |= post_rx_locked(p, b) == 0;
	}
	if (posted)
		virtq_kick(p->rx);
	return done;
}

static bool console_can_read(struct port *port)
{
	struct console_port *p = console_port_of(port);

	scoped_spin(&p->lock);
	return !list_is_empty(&p->filled);
}

static size_t console_queued(struct port *port)
{
	struct console_port *p = console_port_of(port);
	struct rx_buffer *b;
	size_t bytes = 0;

	scoped_spin(&p->lock);
	list_foreach(&p->filled, b, link)
		bytes += b->len - b->offset;
	return bytes;
}

/* When there is no room an interrupt will tell of it. */
static bool console_can_write(struct port *port)
{
	struct console_port *p = console_port_of(port);

	scoped_spin(&p->lock);
	take_tx_locked(p);
	while (!can_write_locked(p) && virtq_arm(p->tx))
		take_tx_locked(p);
	return can_write_locked(p);
}

/* A chunk with room for up to len bytes, or NULL. */
static struct tx_chunk *new_chunk_locked(struct console_port *p, size_t len)
{
	unsigned want = (unsigned)min((len + PAGE_SIZE - 1) / PAGE_SIZE, (size_t)TX_CHUNK_PAGES);
	struct tx_chunk *c = kmem_alloc_nowait(sizeof(*c));
	struct page *page;

	while (c != NULL && c->nr_pages < want) {
		page = page_alloc(0, PAGE_ALLOC_NOWAIT);
		if (page == NULL)
			break;
		c->pieces[c->nr_pages++].ptr = page_to_ptr(page);
	}
	if (c != NULL && c->nr_pages > 0)
		return c;
	kmem_free(c);
	if (p->spare_in_use)
		return NULL;
	p->spare_in_use = true;
	return &p->spare;
}

static size_t fill_chunk(struct tx_chunk *c, const char *from, size_t len)
{
	unsigned i = 0;

	for (c->len = 0; i < c->nr_pages && c->len < len; i++) {
		size_t n = min(len - c->len, PAGE_SIZE);

		memcpy(c->pieces[i].ptr, from + c->len, n);
		c->pieces[i].len = n;
		c->len += n;
	}
	return c->len;
}

static size_t console_write(struct port *port, const void *buf, size_t len)
{
	struct console_port *p = console_port_of(port);
	struct virtq_request r = { 0 };
	struct tx_chunk *c;
	size_t done;

	scoped_spin(&p->lock);
	if (!p->active || len == 0)
		return 0;
	take_tx_locked(p);
	c = can_write_locked(p) ? new_chunk_locked(p, len) : NULL;
	if (c == NULL)
		return 0;
	done = fill_chunk(c, buf, len);
	p->tx_bytes += done;
	r.out = c->pieces;
	r.nr_out = (unsigned)((done + PAGE_SIZE - 1) / PAGE_SIZE);
	r.cookie = c;
	if (virtq_add(p->tx, &r) != 0) {
		free_chunk_locked(p, c);
		return 0;
	}
	virtq_kick(p->tx);
	return done;
}

static bool is_drained(struct console_port *p)
{
	scoped_spin(&p->lock);
	take_tx_locked(p);
	while (p->tx_bytes > 0 && virtq_arm(p->tx))
		take_tx_locked(p);
	return p->tx_bytes == 0 || p->port.host_closed || p->console->d->broken;
}

/* Sleeps where it may; a panic, or an interrupt, spins. */
static void console_drain(struct port *port)
{
	struct console_port *p = console_port_of(port);

	if (cpu_irqs_are_on() && cpu_this()->arch.preempt_off == 0) {
		(void)wait_event(&port->writable, is_drained(p), WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
		return;
	}
	while (!is_drained(p))
		cpu_relax();
}

/* Control messages leave in order; one that does not fit is lost, which 16 places make impossible
 * here. */
static void send_control(struct console *c, unsigned id, unsigned event, unsigned value)
{
	struct virtio_console_control *m = kmem_alloc_nowait(sizeof(*m));
	const struct virtq_piece piece = { m, sizeof(*m) };
	const struct virtq_request r = { .out = &piece, .nr_out = 1, .cookie = m };
	void *sent;
	uint32_t len;

	if (m == NULL || !c->multiport) {
		kmem_free(m);
		return;
	}
	*m = (struct virtio_console_control){ id, (uint16_t)event, (uint16_t)value };
	scoped_spin(&c->lock);
	while ((sent = virtq_take(c->control_tx, &len)) != NULL)
		kmem_free(sent);
	if (virtq_add(c->control_tx, &r) == 0)
		virtq_kick(c->control_tx);
	else
		kmem_free(m);
}

/* Memory for a port that is put to use. */
static int allocate_buffers(struct console_port *p)
{
	struct page *pages = page_alloc(0, 0);

	if (pages == NULL)
		return -ENOMEM;
	p->spare.pieces[0].ptr = page_to_ptr(pages);
	p->spare.nr_pages = 1;
	for (unsigned i = 0; i < RX_BUFFERS; i++) {
		pages = page_alloc(0, 0);
		if (pages != NULL)
			p->buffers[i].page = page_to_ptr(pages);
		else if (i == 0)
			return -ENOMEM;
	}
	return 0;
}

/*
 * Tells of the receive buffers, after the port was opened: QEMU passes over buffers of a port that
 * is not open, and would not look for input again before something else wakes it.
 */
static void kick_rx(struct console_port *p)
{
	scoped_spin(&p->lock);
	virtq_kick(p->rx);
}

static int console_activate(struct port *port)
{
	struct console_port *p = console_port_of(port);
	int err;

	if (p->active)
		return 0;
	err = allocate_buffers(p);
	if (err != 0)
		return err;
	spin_lock(&p->lock);
	for (unsigned i = 0; i < RX_BUFFERS && err == 0; i++) {
		if (p->buffers[i].page != NULL)
			err = post_rx_locked(p, &p->buffers[i]);
	}
	p->active = err == 0;
	if (p->active)
		take_rx_locked(p); /* the device may have seen the buffers already */
	spin_unlock(&p->lock);
	if (err != 0)
		return err;
	send_control(p->console, port->nr, VIRTIO_CONSOLE_PORT_READY, 1);
	send_control(p->console, port->nr, VIRTIO_CONSOLE_PORT_OPEN, 1);
	kick_rx(p);
	return 0;
}

static const struct port_ops console_port_ops = {
	.read = console_read,
	.write = console_write,
	.can_read = console_can_read,
	.can_write = console_can_write,
	.queued = console_queued,
	.drain = console_drain,
	.activate = console_activate,
};

/* The host opened or closed its end. What it sent before is taken first: the end comes after the
 * data. */
static void set_host_closed(struct console_port *p, bool closed)
{
	spin_lock(&p->lock);
	if (p->active)
		take_rx_locked(p);
	atomic_store(&p->port.host_closed, closed);
	spin_unlock(&p->lock);
	waitq_wake_all(&p->port.readable, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	waitq_wake_all(&p->port.writable, EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR);
	if (p->port.notify != NULL)
		p->port.notify(&p->port);
}

/* PORT_ADD needs no answer: every port is there from the start, and is opened when it is put to
 * use. */
static void handle_control(struct console *c, const struct virtio_console_control *m)
{
	struct console_port *p;

	if (m->id < c->first_port || m->id >= c->nr_ports)
		return;
	p = &c->ports[m->id];
	if (m->event == VIRTIO_CONSOLE_PORT_OPEN)
		set_host_closed(p, m->value == 0);
	else if (m->event == VIRTIO_CONSOLE_PORT_REMOVE)
		set_host_closed(p, true);
}

static int post_control_locked(struct console *c, struct virtio_console_control *m)
{
	const struct virtq_piece piece = { m, sizeof(*m) };
	const struct virtq_request r = { .in = &piece, .nr_in = 1, .cookie = m };

	return virtq_add(c->control_rx, &r);
}

/* One message, copied out, its buffer given back. False: none left, and an interrupt will tell. */
static bool next_control(struct console *c, struct virtio_console_control *out)
{
	struct virtio_console_control *m;
	uint32_t len;

	scoped_spin(&c->lock);
	m = virtq_take(c->control_rx, &len);
	if (m == NULL && virtq_arm(c->control_rx))
		m = virtq_take(c->control_rx, &len);
	if (m == NULL)
		return false;
	*out = *m;
	if (len < sizeof(*m))
		out->id = VIRTIO_CONSOLE_BAD_ID;
	if (post_control_locked(c, m) == 0)
		virtq_kick(c->control_rx);
	return true;
}

static void interrupt(struct virtio_device *d)
{
	struct console *c = d->private;
	struct virtio_console_control m;

	for (unsigned i = c->first_port; i < c->nr_ports; i++)
		service(&c->ports[i]);
	while (c->multiport && next_control(c, &m))
		handle_control(c, &m);
}

/* §5.3.2: port 0 has queues 0 and 1, the control queues are 2 and 3, port n has 2n + 2 and 2n + 3.
 * */
static int init_port(struct console *c, unsigned nr)
{
	struct console_port *p = &c->ports[nr];
	unsigned first = nr == 0 ? 0 : 2 * nr + 2;

	p->console = c;
	p->port.nr = nr;
	if (nr == 0)
		p->port.console = c->multiport ? PORT_CONSOLE_MAYBE : PORT_CONSOLE_ONLY;
	p->port.ops = &console_port_ops;
	waitq_init(&p->port.readable);
	waitq_init(&p->port.writable);
	list_init(&p->filled);
	for (unsigned i = 0; i < RX_BUFFERS; i++)
		list_init(&p->buffers[i].link);
	p->rx = virtq_new(c->d, first, QUEUE_SIZE);
	p->tx = virtq_new(c->d, first + 1, QUEUE_SIZE);
	return p->rx != NULL && p->tx != NULL ? 0 : -ENOMEM;
}

static int init_control(struct console *c)
{
	int err = 0;

	c->control_in = kmem_new_array(struct virtio_console_control, CONTROL_BUFFERS);
	c->control_rx = virtq_new(c->d, 2, QUEUE_SIZE);
	c->control_tx = virtq_new(c->d, 3, 4 * QUEUE_SIZE);
	if (c->control_in == NULL || c->control_rx == NULL || c->control_tx == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < CONTROL_BUFFERS && err == 0; i++)
		err = post_control_locked(c, &c->control_in[i]);
	(void)virtq_arm(c->control_rx);
	return err;
}

static bool is_of_hull(const struct device *d)
{
	return d->bus == DEVICE_VIRTIO_MMIO && d->irq_is_msi;
}

static int init_queues(struct console *c)
{
	uint32_t nr_ports = 1;
	int err = 0;

	c->multiport = virtio_has_feature(c->d, VIRTIO_CONSOLE_F_MULTIPORT);
	if (c->multiport)
		virtio_config_read(c->d, offsetof(struct virtio_console_config, max_nr_ports),
				   &nr_ports, sizeof(nr_ports));
	c->nr_ports = min(nr_ports, PORTS_MAX);
	c->first_port = c->multiport && is_of_hull(c->d->dev) ? 1 : 0;
	c->ports = kmem_new_array(struct console_port, c->nr_ports);
	if (c->ports == NULL)
		return -ENOMEM;
	for (unsigned i = c->first_port; i < c->nr_ports && err == 0; i++)
		err = init_port(c, i);
	return err == 0 && c->multiport ? init_control(c) : err;
}

/* Chunks that the host has done with, as no interrupt is asked for while there is room. */
static size_t take_back(struct console_port *p)
{
	size_t before;

	scoped_spin(&p->lock);
	before = p->tx_bytes;
	if (p->active)
		take_tx_locked(p);
	return (before - p->tx_bytes) / PAGE_SIZE;
}

static size_t reclaim(size_t want)
{
	size_t got = 0;

	(void)want;
	for (struct console *c = atomic_load(&consoles); c != NULL; c = c->next) {
		for (unsigned i = c->first_port; i < c->nr_ports; i++)
			got += take_back(&c->ports[i]);
	}
	return got;
}
PAGE_RECLAIMER(virtio_console_reclaimer) = { .reclaim = reclaim };

static int probe(struct virtio_device *d)
{
	struct console *c = kmem_new(struct console);
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->d = d;
	d->private = c;
	err = virtio_start(d, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
	if (err == 0)
		err = init_queues(c);
	if (err != 0)
		return err; /* what the device was shown stays where it is */
	virtio_ready(d);
	if (c->multiport) {
		scoped_spin(&c->lock);
		virtq_kick(c->control_rx);
	}
	send_control(c, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = c->first_port; i < c->nr_ports; i++)
		port_add(&c->ports[i].port);
	c->next = consoles;
	atomic_store(&consoles, c);
	return 0;
}

VIRTIO_DRIVER(virtio_console) = { VIRTIO_ID_CONSOLE, "console", probe, interrupt, NULL };
