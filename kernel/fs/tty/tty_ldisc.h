/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line discipline (termios(3)): what becomes of a terminal's input and output bytes. A state
 * machine without locks, time or devices; the tty that embeds it serialises all calls.
 *
 * Input lies in a ring. In canonical mode only whole lines can be read: `delimiters` has a bit for
 * each byte that ends a line; one that also has its bit in `ends` is an end-of-file mark, which is
 * taken but not delivered. [read_at, line_end) is complete, [line_end, head) is the line being
 * edited. In raw mode everything up to head can be read. The three indices only grow; they are
 * taken modulo the size.
 */
#pragma once
#include <asm/termbits.h>

#include "lib/bitmap.h"
#include "lib/types.h"

#define LDISC_SIZE 4096u

struct ldisc {
	struct termios2 t; /* changed by ldisc_set_termios only */
	unsigned read_at, line_end, head;
	unsigned column;      /* of the cursor, as far as output tells */
	unsigned line_column; /* where the line being edited began */
	bool literal_next;    /* VLNEXT was typed */
	bool stopped;         /* output, by VSTOP or tcflow(3) */
	bool held;            /* by tcflow(3): VSTART does not start it */
	bool erasing;         /* ECHOPRT: between the backslash and the slash */
	/* Bytes to show, after output processing. And a signal to the foreground, before input is
	 * thrown away and the key is shown. Called from ldisc_input. */
	void (*echo)(struct ldisc *l, const char *text, size_t len);
	void (*signal)(struct ldisc *l, int sig);
	uint64_t delimiters[BITMAP_WORDS(LDISC_SIZE)], ends[BITMAP_WORDS(LDISC_SIZE)];
	unsigned char ring[LDISC_SIZE];
};

/* as Linux sets a new terminal up; callbacks are the caller's */
void ldisc_init(struct ldisc *l);
void ldisc_set_termios(struct ldisc *l, const struct termios2 *t);
void ldisc_input(struct ldisc *l, const char *bytes, size_t len);
size_t ldisc_room(const struct ldisc *l); /* how much input is not lost */
void ldisc_flush_input(struct ldisc *l);
void ldisc_hold(struct ldisc *l, bool hold); /* output: tcflow(3) */
/* As new, but for the callbacks; settings as t has them, NULL: unchanged. */
void ldisc_hang_up(struct ldisc *l, const struct termios2 *t);

/* Is there something to read: a line, or in raw mode `at_least` bytes? */
bool ldisc_can_read(const struct ldisc *l, unsigned at_least);
size_t ldisc_count(const struct ldisc *l); /* FIONREAD */
/* Takes up to size bytes: of one line in canonical mode; *ended: the line, or what there was, is
 * taken. A line of 0 bytes means end of file. */
size_t ldisc_read(struct ldisc *l, char *buf, size_t size, bool *ended);

/* Output processing: takes from in[0..*len), sets *len to what was taken, fills `out`; returns its
 * bytes. */
size_t ldisc_output(struct ldisc *l, const char *in, size_t *len, char *out, size_t size);
