/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first serial port of a PC: a 16550 (National Semiconductor PC16550D) at 0x3f8, programmed to
 * 115200 8N1 with its FIFOs on. It is the console of an image that boots alone, as a port under a
 * terminal (fs/tty/port.h).
 *
 * Output lies in a ring. Whoever writes moves as much of it to the device as that takes now; the
 * interrupt for an empty transmitter, asked for as long as the ring is not empty, moves the rest.
 * Input is taken by its interrupt into a ring; when that is full the interrupt is turned off until
 * the reader has made room, so that the other side sees a FIFO that stays full. A machine that does
 * not route the interrupt still gets its output: a writer then waits for the device itself.
 */
#include "plat/uart.h"

#include <linux/eventpoll.h>
#include <linux/serial_reg.h>

#include "arch/cpu.h"
#include "arch/x86_64/x86.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/platform.h"
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "fs/tty/port.h"
#include "lib/atomic.h"

#define BASE          0x3f8
#define DIVISOR       1 /* 115200 of 115200 baud */
#define RING_SIZE     4096u
#define FIFO_SIZE     16u
#define SCRATCH_TEST  0x5a
#define IRQ_WAIT_NS   (NSEC_PER_SEC / 100)
#define POLL_MAX      1000000u /* reads of a register: a line that nobody drives */
#define ALL_INPUT     (UART_IER_RDI | UART_IER_RLSI)
#define MODEM_ENABLED (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2) /* OUT2 lets interrupts out */

struct ring {
	unsigned head, tail; /* only grow; modulo RING_SIZE */
	uint8_t bytes[RING_SIZE];
};

static struct uart {
	struct port port; /* first */
	struct spinlock lock;
	struct ring in, out; /* [lock] */
	uint8_t enabled;     /* [lock] the interrupt enable register */
	bool irq_came;       /* [lock] */
	bool has_irq;        /* [I] after the probe */
} uart;

static enum { NOT_LOOKED, PRESENT, ABSENT } state; /* [I] after the first look */

static uint8_t get(unsigned reg)
{
	return in8((uint16_t)(BASE + reg));
}

static void set(unsigned reg, unsigned value)
{
	out8((uint16_t)(BASE + reg), (uint8_t)value);
}

static void program(void)
{
	set(UART_IER, 0);
	set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	set(UART_DLL, DIVISOR);
	set(UART_DLM, DIVISOR >> 8);
	set(UART_LCR, UART_LCR_WLEN8);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, MODEM_ENABLED);
}

/* Its scratch register keeps what is written to it; where no device is, reads give ones. */
static bool is_present(void)
{
	if (state != NOT_LOOKED)
		return state == PRESENT;
	set(UART_SCR, SCRATCH_TEST);
	state = get(UART_SCR) == SCRATCH_TEST ? PRESENT : ABSENT;
	if (state == PRESENT)
		program();
	return state == PRESENT;
}

static bool can_send(void)
{
	return get(UART_LSR) & UART_LSR_THRE;
}

static void wait_to_send(void)
{
	for (unsigned i = 0; i < POLL_MAX && !can_send(); i++)
		cpu_relax();
}

void uart_write(const char *text, size_t len)
{
	if (!is_present())
		return;
	for (; len > 0; text++, len--) {
		if (*text == '\n') {
			wait_to_send();
			set(UART_TX, '\r');
		}
		wait_to_send();
		set(UART_TX, (uint8_t)*text);
	}
}

/* ---- the rings ---- */

static unsigned ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

static void ring_put(struct ring *r, uint8_t byte)
{
	r->bytes[r->head++ % RING_SIZE] = byte;
}

static uint8_t ring_take(struct ring *r)
{
	return r->bytes[r->tail++ % RING_SIZE];
}

static void enable_locked(uint8_t bits, bool on)
{
	uint8_t now = on ? uart.enabled | bits : uart.enabled & (uint8_t)~bits;

	if (now == uart.enabled || !uart.has_irq)
		return;
	uart.enabled = now;
	set(UART_IER, now);
}

/* As much as the device takes now; or, where no interrupt will come, everything. */
static void send_locked(void)
{
	struct ring *out = &uart.out;

	while (ring_used(out) > 0) {
		if (!uart.has_irq)
			wait_to_send();
		else if (!can_send())
			break;
		for (unsigned i = 0; i < FIFO_SIZE && ring_used(out) > 0; i++)
			set(UART_TX, ring_take(out));
	}
	enable_locked(UART_IER_THRI, ring_used(out) > 0);
}

/* True: something came. */
static bool receive_locked(void)
{
	struct ring *in = &uart.in;
	bool came = false;

	while (ring_used(in) < RING_SIZE && (get(UART_LSR) & UART_LSR_DR)) {
		ring_put(in, get(UART_RX));
		came = true;
	}
	enable_locked(ALL_INPUT, ring_used(in) < RING_SIZE);
	return came;
}

static void interrupt(void *arg)
{
	bool came;

	spin_lock(&uart.lock);
	uart.irq_came = true;
	(void)get(UART_IIR); /* takes the transmitter's interrupt back */
	came = receive_locked();
	send_locked();
	spin_unlock(&uart.lock);
	if (came) {
		waitq_wake_all(&uart.port.readable, EPOLLIN | EPOLLRDNORM);
		if (uart.port.notify != NULL)
			uart.port.notify(&uart.port);
	}
	if (waitq_is_active(&uart.port.writable))
		waitq_wake_all(&uart.port.writable, EPOLLOUT | EPOLLWRNORM);
}

/* ---- the port ---- */

static size_t uart_read(struct port *p, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t n = 0;

	scoped_spin(&uart.lock);
	while (n < len && ring_used(&uart.in) > 0)
		to[n++] = ring_take(&uart.in);
	receive_locked();
	return n;
}

static size_t uart_put(struct port *p, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t n = 0;

	scoped_spin(&uart.lock);
	while (n < len && ring_used(&uart.out) < RING_SIZE)
		ring_put(&uart.out, from[n++]);
	send_locked();
	return n;
}

static bool uart_can_read(struct port *p)
{
	scoped_spin(&uart.lock);
	return ring_used(&uart.in) > 0;
}

static bool uart_can_write(struct port *p)
{
	scoped_spin(&uart.lock);
	return ring_used(&uart.out) < RING_SIZE;
}

static size_t uart_queued(struct port *p)
{
	scoped_spin(&uart.lock);
	return ring_used(&uart.in);
}

/* At the machine's end: until the last bit has left. */
static void uart_drain(struct port *p)
{
	scoped_spin(&uart.lock);
	while (ring_used(&uart.out) > 0) {
		wait_to_send();
		send_locked();
	}
	for (unsigned i = 0; i < POLL_MAX && !(get(UART_LSR) & UART_LSR_TEMT); i++)
		cpu_relax();
}

static const struct port_ops uart_ops = {
	.read = uart_read,
	.write = uart_put,
	.can_read = uart_can_read,
	.can_write = uart_can_write,
	.queued = uart_queued,
	.drain = uart_drain,
};

static bool match(const struct device *d)
{
	return d->bus == DEVICE_UART;
}

/* An empty transmitter interrupts as soon as that is asked for. */
static bool try_irq(struct device *d)
{
	nsec_t end = clock_monotonic() + IRQ_WAIT_NS;

	if (irq_attach(d->irq, interrupt, NULL) != 0)
		return false;
	uart.has_irq = true;
	spin_lock(&uart.lock);
	enable_locked(UART_IER_THRI, true);
	spin_unlock(&uart.lock);
	while (!READ_ONCE(uart.irq_came) && clock_monotonic() < end)
		cpu_relax();
	if (uart.irq_came)
		return true;
	irq_detach(d->irq, interrupt, NULL);
	set(UART_IER, 0);
	log_warn("uart: no interrupts: output waits for the device, input is not read");
	return false;
}

static int probe(struct device *d)
{
	if (!is_present())
		return 0;
	uart.port.nr = PORT_UNNUMBERED;
	uart.port.console = PORT_CONSOLE_SERIAL;
	uart.port.ops = &uart_ops;
	waitq_init(&uart.port.readable);
	waitq_init(&uart.port.writable);
	uart.has_irq = try_irq(d);
	spin_lock(&uart.lock);
	enable_locked(ALL_INPUT, true);
	spin_unlock(&uart.lock);
	port_add(&uart.port);
	return 0;
}

DRIVER(uart_driver) = { "uart", match, probe };
