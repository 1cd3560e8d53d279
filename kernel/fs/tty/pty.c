/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal's side of a pseudo terminal: its port, and what differs from other terminals. See
 * pty.h. */
#include "fs/tty/pty.h"

#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/tty.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/kmem.h"

/* What a write of one byte can become (fs/tty/tty_ldisc.c): less room is none. */
#define ROOM_MIN    8u
/* A flush spares what the other end's reader has before it already, were it Linux. */
#define FLUSH_SPARE 4095u

static const struct termios2 initial = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,
		[VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22,
	},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

/* ---- rings ---- */

size_t pty_ring_used(const struct pty_ring *r)
{
	return r->head - r->tail;
}

static size_t ring_room(const struct pty_ring *r)
{
	return r->size - (r->head - r->tail);
}

size_t pty_ring_put(struct pty_ring *r, const char *from, size_t len)
{
	size_t n = min(len, ring_room(r)), at = r->head & (r->size - 1);
	size_t first = min(n, r->size - at);

	memcpy(r->bytes + at, from, first);
	memcpy(r->bytes, from + first, n - first);
	r->head += (unsigned)n;
	return n;
}

size_t pty_ring_take(struct pty_ring *r, char *to, size_t len)
{
	size_t n = min(len, pty_ring_used(r)), at = r->tail & (r->size - 1);
	size_t first = min(n, r->size - at);

	memcpy(to, r->bytes + at, first);
	memcpy(to + first, r->bytes, n - first);
	r->tail += (unsigned)n;
	return n;
}

/* ---- the port ---- */

static struct pty *pty_of_port(struct port *port)
{
	return container_of(port, struct pty, port);
}

static size_t port_read(struct port *port, void *buf, size_t len)
{
	struct pty *p = pty_of_port(port);
	size_t n;

	spin_lock(&p->lock);
	n = pty_ring_take(&p->input, buf, len);
	spin_unlock(&p->lock);
	if (n > 0)
		waitq_wake_all(&p->master_writable, EPOLLOUT | EPOLLWRNORM);
	return n;
}

static size_t port_write(struct port *port, const void *buf, size_t len)
{
	struct pty *p = pty_of_port(port);
	size_t n;

	spin_lock(&p->lock);
	n = p->master_gone ? len : pty_ring_put(&p->output, buf, len);
	spin_unlock(&p->lock);
	if (n > 0)
		waitq_wake_all(&p->master_readable, EPOLLIN | EPOLLRDNORM);
	return n;
}

static size_t port_queued(struct port *port)
{
	struct pty *p = pty_of_port(port);

	scoped_spin(&p->lock);
	return pty_ring_used(&p->input);
}

static bool port_can_read(struct port *port)
{
	return port_queued(port) > 0;
}

static size_t output_room(struct tty *t)
{
	struct pty *p = pty_of(t);

	scoped_spin(&p->lock);
	return ring_room(&p->output);
}

static bool port_can_write(struct port *port)
{
	return output_room(&pty_of_port(port)->tty) >= ROOM_MIN;
}

/* Nothing is under way: it is the master's already. */
static void port_drain(struct port *port)
{
	(void)port;
}

static const struct port_ops port_ops = {
	.read = port_read,
	.write = port_write,
	.can_read = port_can_read,
	.can_write = port_can_write,
	.queued = port_queued,
	.drain = port_drain,
};

/* ---- the kind of terminal ---- */

/* The news replaces what it makes untrue. */
static void tell(struct tty *t, unsigned status)
{
	struct pty *p = pty_of(t);
	bool packet;

	spin_lock(&p->lock);
	packet = p->packet;
	if (packet && (status & (TIOCPKT_START | TIOCPKT_STOP)) != 0)
		p->status &= ~(unsigned)(TIOCPKT_START | TIOCPKT_STOP);
	if (packet && (status & (TIOCPKT_NOSTOP | TIOCPKT_DOSTOP)) != 0)
		p->status &= ~(unsigned)(TIOCPKT_NOSTOP | TIOCPKT_DOSTOP);
	if (packet)
		p->status |= status;
	spin_unlock(&p->lock);
	if (packet)
		waitq_wake_all(&p->master_readable, EPOLLIN | EPOLLRDNORM | EPOLLPRI);
}

static void flush_output(struct tty *t)
{
	struct pty *p = pty_of(t);

	spin_lock(&p->lock);
	if (pty_ring_used(&p->output) > FLUSH_SPARE)
		p->output.head = p->output.tail + FLUSH_SPARE;
	spin_unlock(&p->lock);
	waitq_wake_all(&p->port.writable, EPOLLOUT | EPOLLWRNORM);
}

/* Ctrl-S and Ctrl-Q are what stops and starts output. */
static bool has_usual_flow(const struct termios2 *t)
{
	return (t->c_iflag & IXON) != 0 && t->c_cc[VSTOP] == 19 && t->c_cc[VSTART] == 17;
}

static void set_termios(struct tty *t, const struct termios2 *old, struct termios2 *new)
{
	unsigned status = 0;

	new->c_cflag = (new->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD;
	if (has_usual_flow(old) != has_usual_flow(new))
		status = has_usual_flow(new) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
	if (((old->c_lflag | new->c_lflag) & EXTPROC) != 0)
		status |= TIOCPKT_IOCTL;
	if (status != 0)
		tell(t, status);
}

static void set_closed(struct pty *p, bool closed)
{
	spin_lock(&p->lock);
	p->closed = closed;
	spin_unlock(&p->lock);
	if (!closed)
		return;
	waitq_wake_all(&p->master_readable, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	waitq_wake_all(&p->master_writable, EPOLLOUT | EPOLLWRNORM | EPOLLHUP);
}

static void opened(struct tty *t)
{
	set_closed(pty_of(t), false);
}

static void all_closed(struct tty *t)
{
	set_closed(pty_of(t), true);
}

static void release(struct tty *t)
{
	struct pty *p = pty_of(t);

	devpts_number_give(p->devpts, p->number);
	kmem_free(p->input.bytes);
	kmem_free(p->output.bytes);
	kmem_free(p);
}

static const struct tty_kind pty_kind = {
	.room = output_room,
	.tell = tell,
	.flush_output = flush_output,
	.opened = opened,
	.all_closed = all_closed,
	.release = release,
	.set_termios = set_termios,
	.initial = &initial,
};

/* ---- birth, opening ---- */

static bool ring_init(struct pty_ring *r, unsigned size)
{
	r->size = size;
	r->bytes = kmem_alloc(size);
	return r->bytes != NULL;
}

struct pty *pty_new(struct devpts *d, unsigned number)
{
	struct pty *p = kmem_new(struct pty);

	if (p == NULL)
		return NULL;
	if (!ring_init(&p->input, PTY_INPUT_SIZE) || !ring_init(&p->output, PTY_OUTPUT_SIZE)) {
		kmem_free(p->input.bytes);
		kmem_free(p);
		return NULL;
	}
	p->port.ops = &port_ops;
	waitq_init(&p->port.readable);
	waitq_init(&p->port.writable);
	waitq_init(&p->master_readable);
	waitq_init(&p->master_writable);
	turn_init(&p->master_reading);
	turn_init(&p->master_writing);
	p->locked = true;
	p->devpts = d;
	p->number = number;
	tty_init(&p->tty, &p->port, &pty_kind, dev_make(PTS_MAJOR, number));
	return p;
}

int pty_open(struct pty *p, struct file *f)
{
	bool refused;

	spin_lock(&p->lock);
	refused = p->locked || p->master_gone;
	spin_unlock(&p->lock);
	return refused ? -EIO : tty_open(&p->tty, f, true);
}
