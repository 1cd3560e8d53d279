/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bad path: an ordinary Linux program that joins two ends and hands Ethernet frames from each to
 * the other, with everything that paths do to them.
 *
 *	impair END END [to-left:|to-right:]KEY=VALUE...
 *
 * An end is tap:NAME, tap:NAME@FILE (a tap of the network namespace /proc/PID/ns/net) or fd:N, a
 * socket that keeps messages apart. A key without a direction is for both:
 *
 *	loss= duplicate= corrupt=	percent of the frames: not delivered, delivered twice, with
 *				one bit of the payload turned over
 *	burst=			a loss is of so many frames on average (Gilbert's two states)
 *	reorder= hold=		percent of the frames that come so many ms late, past others
 *	delay= jitter=		ms for each; jitter is added evenly, and keeps the order
 *	rate= queue=		Mbit/s, and how many frames may wait for their turn (else: lost)
 *	mtu= icmp=		larger IP packets are dropped; 1: and their sender is told so, by an
 *				ICMP error of the router that we are
 *	fragment=		1: IPv4 packets above mtu= are cut instead, if they may be
 *	seed=			of the numbers below (default 1)
 *	capture=FILE		what the left end sends and is sent, for tcpdump
 *
 * Each frame draws the same count of numbers, from its direction's own generator: the n-th frame of
 * a direction has the same fate in each run of a seed, whatever stack sent it. A frame that lives
 * waits in its direction's heap until its time, by an absolute timer; equal times leave in the
 * order in which they came. SIGUSR1 cuts the path (all is lost), SIGUSR2 joins it again. SIGTERM,
 * or an end that is gone, ends the program: it prints one line of counts a direction.
 */
#include "test/net/path/impair.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BURST 64 /* frames of one end before the other has its turn */

static struct way ways[2]; /* by where from: [0] leaves the left end */
static volatile sig_atomic_t over, is_cut;

void impair_fail(const char *what, const char *on)
{
	fprintf(stderr, "impair: %s: %s: %s\n", on, what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* ---- ends ---- */

static int open_tap(char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	char *space = strchr(name, '@');
	int fd;

	if (space) {
		*space++ = '\0';
		fd = open(space, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
			impair_fail("cannot be entered", space);
		close(fd);
	}
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		impair_fail("cannot be opened", "/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		impair_fail("is no tap of ours", name);
	return fd;
}

static int open_end(char *text)
{
	int fd;

	if (strncmp(text, "tap:", 4) == 0)
		return open_tap(text + 4);
	if (strncmp(text, "fd:", 3) != 0) {
		fprintf(stderr, "impair: %s: an end is tap:NAME[@FILE] or fd:N\n", text);
		exit(2);
	}
	fd = atoi(text + 3);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		impair_fail("is not open", text);
	return fd;
}

/* ---- what waits ---- */

static bool is_earlier(const struct frame *a, const struct frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void heap_add(struct way *w, struct frame *f)
{
	size_t at = w->nr_waiting++;

	if (w->nr_waiting > w->heap_room) {
		w->heap_room = w->heap_room ? w->heap_room * 2 : 1024;
		w->heap = realloc(w->heap, w->heap_room * sizeof(struct frame *));
		if (!w->heap)
			impair_fail("no memory", "frames that wait");
	}
	while (at > 0 && is_earlier(f, w->heap[(at - 1) / 2])) {
		w->heap[at] = w->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	w->heap[at] = f;
}

static struct frame *heap_take(struct way *w)
{
	struct frame *first = w->heap[0], *last = w->heap[--w->nr_waiting];
	size_t at = 0, child;

	while ((child = at * 2 + 1) < w->nr_waiting) {
		if (child + 1 < w->nr_waiting && is_earlier(w->heap[child + 1], w->heap[child]))
			child++;
		if (!is_earlier(w->heap[child], last))
			break;
		w->heap[at] = w->heap[child];
		at = child;
	}
	w->heap[at] = last;
	return first;
}

void way_deliver_at(struct way *w, const uint8_t *bytes, size_t len, int64_t due_ns)
{
	struct frame *f = malloc(sizeof(*f) + len);

	if (!f)
		impair_fail("no memory", "a frame");
	f->due_ns = due_ns;
	f->number = w->next_number++;
	f->len = len;
	memcpy(f->bytes, bytes, len);
	heap_add(w, f);
}

/* False: the other end takes no more now. */
static bool deliver_first(struct way *w)
{
	struct frame *f = w->heap[0];

	if (write(w->to, f->bytes, f->len) < 0) {
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		if (errno == ECONNREFUSED || errno == ECONNRESET || errno == EPIPE)
			over = 1;
	} else {
		w->counts.delivered++;
		w->counts.delivered_bytes += f->len;
		if (w == &ways[1])
			capture_frame(f->bytes, f->len);
	}
	free(heap_take(w));
	return true;
}

static void deliver(struct way *w)
{
	int64_t now = now_ns();

	w->is_stuck = false;
	while (!w->is_stuck && w->nr_waiting > 0 && w->heap[0]->due_ns <= now)
		w->is_stuck = !deliver_first(w);
}

static void take_in(struct way *w)
{
	static uint8_t bytes[FRAME_MAX];

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t len = read(w->from, bytes, sizeof(bytes));

		if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR && errno != EIO))
			over = 1;
		if (len <= 0)
			return;
		if (w == &ways[0])
			capture_frame(bytes, (size_t)len);
		w->counts.taken++;
		if (is_cut)
			w->counts.cut++;
		else
			way_take(w, bytes, (size_t)len, now_ns());
	}
}

/* ---- the loop ---- */

static void on_signal(int number)
{
	if (number == SIGUSR1 || number == SIGUSR2)
		is_cut = number == SIGUSR1;
	else
		over = 1;
}

/* The signals come only while it waits, so that none is missed. */
static void catch_signals(sigset_t *while_waiting)
{
	struct sigaction action = { .sa_handler = on_signal };
	const int numbers[] = { SIGUSR1, SIGUSR2, SIGTERM, SIGINT };
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&ours, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &ours, while_waiting);
}

static bool time_left(struct timespec *left)
{
	int64_t next = INT64_MAX, now = now_ns();

	for (unsigned i = 0; i < 2; i++) {
		if (ways[i].nr_waiting > 0 && !ways[i].is_stuck && ways[i].heap[0]->due_ns < next)
			next = ways[i].heap[0]->due_ns;
	}
	if (next == INT64_MAX)
		return false;
	next = next > now ? next - now : 0;
	left->tv_sec = next / 1000000000;
	left->tv_nsec = next % 1000000000;
	return true;
}

static void forward(const sigset_t *while_waiting)
{
	struct timespec left;
	struct pollfd fds[2];

	while (!over) {
		for (unsigned i = 0; i < 2; i++) {
			fds[i].fd = ways[i].from;
			fds[i].events = (short)(POLLIN | (ways[!i].is_stuck ? POLLOUT : 0));
		}
		if (ppoll(fds, 2, time_left(&left) ? &left : NULL, while_waiting) < 0)
			fds[0].revents = fds[1].revents = 0;
		for (unsigned i = 0; i < 2; i++) {
			if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
				take_in(&ways[i]);
		}
		for (unsigned i = 0; i < 2; i++) {
			if (!ways[i].is_stuck || (fds[!i].revents & POLLOUT))
				deliver(&ways[i]);
		}
	}
}

static void print_counts(const char *name, const struct way *w)
{
	const struct counts *c = &w->counts;

	printf("%s: taken %lu lost %lu cut %lu overflowed %lu too-big %lu duplicated %lu reordered "
	       "%lu corrupted %lu fragmented %lu delivered %lu bytes %lu\n",
	       name, c->taken, c->lost, c->cut, c->overflowed, c->too_big, c->duplicated,
	       c->reordered, c->corrupted, c->fragmented, c->delivered, c->delivered_bytes);
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void set_option(const char *text)
{
	bool ok;

	if (starts_with(text, "capture="))
		ok = capture_open(text + 8);
	else if (starts_with(text, "to-right:"))
		ok = way_set(&ways[0], text + 9);
	else if (starts_with(text, "to-left:"))
		ok = way_set(&ways[1], text + 8);
	else
		ok = way_set(&ways[0], text) && way_set(&ways[1], text);
	if (ok)
		return;
	fprintf(stderr, "impair: %s: the head of test/net/path/impair.c has the options\n", text);
	exit(2);
}

int main(int argc, char **argv)
{
	sigset_t while_waiting;

	if (argc < 3) {
		fprintf(stderr, "usage: impair END END [KEY=VALUE]...\n");
		return 2;
	}
	catch_signals(&while_waiting);
	prctl(PR_SET_TIMERSLACK, 1ul);
	way_init(&ways[0], &ways[1], 1);
	way_init(&ways[1], &ways[0], 2);
	for (int i = 3; i < argc; i++)
		set_option(argv[i]);
	ways[0].from = ways[1].to = open_end(argv[1]);
	ways[1].from = ways[0].to = open_end(argv[2]);
	printf("ready\n");
	fflush(stdout);
	forward(&while_waiting);
	print_counts("to-right", &ways[0]);
	print_counts("to-left", &ways[1]);
	capture_close();
	return 0;
}
