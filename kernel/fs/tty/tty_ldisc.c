/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line discipline: input editing, echo, signals, output processing (termios(3), POSIX chapter
 * 11). Where POSIX leaves a choice it is Linux's: a full line drops further bytes but its end, a
 * change to canonical mode makes what is queued a complete line, ECHOCTL shows control characters
 * as ^X. Under EXTPROC somebody else edits lines: every byte can be read at once. Delays other than
 * tab expansion do nothing, as on Linux's own terminals.
 */
#include "fs/tty/tty_ldisc.h"

#include <asm/signal.h>

#include "lib/compiler.h"
#include "lib/string.h"

#define DISABLED  0 /* _POSIX_VDISABLE */
#define TAB_WIDTH 8u
#define OUT_MAX   TAB_WIDTH /* bytes that one byte can become */

static const struct termios2 defaults = {
	.c_iflag = ICRNL | IXON | IUTF8,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,
		[VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22,
	},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

static bool is_control(unsigned char c)
{
	return c < 32 || c == 127;
}

static unsigned char to_upper(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

static unsigned char to_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_word(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 128;
}

static bool is_continuation(const struct ldisc *l, unsigned char c)
{
	return (l->t.c_iflag & IUTF8) != 0 && (c & 0xc0) == 0x80;
}

static bool has_local(const struct ldisc *l, tcflag_t flag)
{
	return (l->t.c_lflag & flag) != 0;
}

/* Are lines put together and edited here? */
static bool is_canonical(const struct ldisc *l)
{
	return has_local(l, ICANON) && !has_local(l, EXTPROC);
}

static bool is_special(const struct ldisc *l, unsigned index, unsigned char c)
{
	return c != DISABLED && l->t.c_cc[index] == c;
}

static unsigned char byte_at(const struct ldisc *l, unsigned at)
{
	return l->ring[at % LDISC_SIZE];
}

void ldisc_init(struct ldisc *l)
{
	memset(l, 0, sizeof(*l));
	l->t = defaults;
}

/* One byte of output; `out` has room for OUT_MAX. */
static size_t process(struct ldisc *l, unsigned char c, char *out)
{
	const tcflag_t flags = l->t.c_oflag;
	unsigned width;

	switch (c) {
	case '\n':
		if ((flags & (ONLCR | ONLRET)) != 0)
			l->column = 0;
		if ((flags & ONLCR) == 0)
			break;
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	case '\r':
		if ((flags & ONOCR) != 0 && l->column == 0)
			return 0;
		if ((flags & OCRNL) != 0)
			c = '\n';
		if ((flags & OCRNL) == 0 || (flags & ONLRET) != 0)
			l->column = 0;
		break;
	case '\t':
		width = TAB_WIDTH - l->column % TAB_WIDTH;
		l->column += width;
		if ((flags & TABDLY) != XTABS)
			break;
		memset(out, ' ', width);
		return width;
	case '\b':
		if (l->column > 0)
			l->column--;
		break;
	default:
		if ((flags & OLCUC) != 0)
			c = to_upper(c);
		if (!is_control(c) && !is_continuation(l, c))
			l->column++;
	}
	out[0] = (char)c;
	return 1;
}

size_t ldisc_output(struct ldisc *l, const char *in, size_t *len, char *out, size_t size)
{
	size_t taken = 0, made = 0;

	if ((l->t.c_oflag & OPOST) == 0) {
		*len = min(*len, size);
		memcpy(out, in, *len);
		return *len;
	}
	while (taken < *len && size - made >= OUT_MAX)
		made += process(l, (unsigned char)in[taken++], out + made);
	*len = taken;
	return made;
}

static void echo_plain(struct ldisc *l, unsigned char c)
{
	char out[OUT_MAX];
	size_t len = 1;

	if ((l->t.c_oflag & OPOST) != 0)
		len = process(l, c, out);
	else
		out[0] = (char)c;
	l->echo(l, out, len);
}

static void echo_text(struct ldisc *l, const char *text)
{
	for (; *text != '\0'; text++)
		echo_plain(l, (unsigned char)*text);
}

static bool shows_caret(const struct ldisc *l, unsigned char c)
{
	return has_local(l, ECHOCTL) && is_control(c) && c != '\t';
}

static void echo_char(struct ldisc *l, unsigned char c)
{
	if (shows_caret(l, c)) {
		echo_plain(l, '^');
		echo_plain(l, c ^ 0x40);
	} else {
		echo_plain(l, c);
	}
}

/* A byte into the ring. The last place is kept for the end of a line. */
static bool put(struct ldisc *l, unsigned char c, bool ends_line)
{
	unsigned limit = ends_line ? LDISC_SIZE : LDISC_SIZE - 1;
	unsigned at = l->head % LDISC_SIZE;

	if (l->head - l->read_at >= limit)
		return false;
	l->ring[at] = c;
	bitmap_clear(l->delimiters, at);
	bitmap_clear(l->ends, at);
	l->head++;
	return true;
}

static void end_line(struct ldisc *l, unsigned char c, bool is_end_of_file)
{
	unsigned at = l->head % LDISC_SIZE;

	if (!put(l, c, true))
		return;
	bitmap_set(l->delimiters, at);
	if (is_end_of_file)
		bitmap_set(l->ends, at);
	l->line_end = l->head;
}

/* The column after the line being edited, were it shown from line_column on. */
static unsigned column_of_line(const struct ldisc *l)
{
	unsigned column = l->line_column;

	for (unsigned at = l->line_end; at != l->head; at++) {
		unsigned char c = byte_at(l, at);

		if (c == '\t')
			column += TAB_WIDTH - column % TAB_WIDTH;
		else if (shows_caret(l, c))
			column += 2;
		else if (!is_control(c) && !is_continuation(l, c))
			column++;
	}
	return column;
}

/* ECHOPRT: what was erased stands between a backslash and a slash. */
static void finish_erasing(struct ldisc *l)
{
	if (l->erasing)
		echo_plain(l, '/');
	l->erasing = false;
}

static void echo_printed(struct ldisc *l, unsigned at, unsigned len)
{
	if (!l->erasing)
		echo_plain(l, '\\');
	l->erasing = true;
	echo_char(l, byte_at(l, at));
	for (unsigned i = 1; i < len; i++)
		echo_plain(l, byte_at(l, at + i));
}

/* Rubs out on the screen what was just taken off the line. */
static void echo_erased(struct ldisc *l, unsigned char c)
{
	if (c == '\t') {
		unsigned want = column_of_line(l);

		while (l->column > want)
			echo_plain(l, '\b');
		return;
	}
	if (shows_caret(l, c))
		echo_text(l, "\b \b");
	if (!is_control(c) || shows_caret(l, c))
		echo_text(l, "\b \b");
}

/* Takes one character, of several bytes maybe, off the line's end. */
static unsigned char take_last(struct ldisc *l)
{
	unsigned char c;

	do {
		l->head--;
		c = byte_at(l, l->head);
	} while (is_continuation(l, c) && l->head != l->line_end);
	return c;
}

static void erase_char(struct ldisc *l, unsigned char key)
{
	unsigned end = l->head;
	unsigned char c;

	if (l->head == l->line_end)
		return;
	c = take_last(l);
	if (!has_local(l, ECHO))
		return;
	if (has_local(l, ECHOPRT))
		echo_printed(l, l->head, end - l->head);
	else if (has_local(l, ECHOE) || !is_special(l, VERASE, key))
		echo_erased(l, c);
	else
		echo_char(l, key);
	if (l->head == l->line_end)
		finish_erasing(l);
}

static void erase_word(struct ldisc *l, unsigned char key)
{
	bool seen_word = false;

	while (l->head != l->line_end) {
		bool in_word = is_word(byte_at(l, l->head - 1));

		if (seen_word && !in_word)
			break;
		seen_word |= in_word;
		erase_char(l, key);
	}
}

static void erase_line(struct ldisc *l, unsigned char key)
{
	if (has_local(l, ECHO) && has_local(l, ECHOK) && has_local(l, ECHOKE) &&
	    has_local(l, ECHOE)) {
		while (l->head != l->line_end)
			erase_char(l, key);
		return;
	}
	l->head = l->line_end;
	if (!has_local(l, ECHO))
		return;
	finish_erasing(l);
	echo_char(l, key);
	if (has_local(l, ECHOK))
		echo_plain(l, '\n');
}

static void reprint_line(struct ldisc *l, unsigned char key)
{
	finish_erasing(l);
	echo_char(l, key);
	echo_plain(l, '\n');
	l->line_column = l->column;
	for (unsigned at = l->line_end; at != l->head; at++)
		echo_char(l, byte_at(l, at));
}

static void insert(struct ldisc *l, unsigned char c)
{
	if (l->head == l->line_end)
		l->line_column = l->column;
	if (!put(l, c, false))
		return;
	if (c == 0xff && (l->t.c_iflag & PARMRK) != 0)
		(void)put(l, c, false); /* what marks a broken byte is doubled */
	if (!has_local(l, ECHO))
		return;
	finish_erasing(l);
	echo_char(l, c);
}

/* Keys that edit the line. True: c was one. */
static bool edit(struct ldisc *l, unsigned char c)
{
	const bool extended = has_local(l, IEXTEN);

	if (is_special(l, VERASE, c))
		erase_char(l, c);
	else if (is_special(l, VKILL, c))
		erase_line(l, c);
	else if (extended && is_special(l, VWERASE, c))
		erase_word(l, c);
	else if (extended && is_special(l, VREPRINT, c) && has_local(l, ECHO))
		reprint_line(l, c);
	else
		return false;
	return true;
}

/* Keys that end the line. True: c was one. */
static bool finish(struct ldisc *l, unsigned char c)
{
	if (c == '\n') {
		if (has_local(l, ECHO | ECHONL))
			echo_plain(l, c);
		end_line(l, c, false);
	} else if (is_special(l, VEOF, c)) {
		end_line(l, DISABLED, true);
	} else if (is_special(l, VEOL, c) || (has_local(l, IEXTEN) && is_special(l, VEOL2, c))) {
		if (has_local(l, ECHO))
			echo_char(l, c);
		end_line(l, c, false);
	} else {
		return false;
	}
	return true;
}

static int signal_of(const struct ldisc *l, unsigned char c)
{
	if (!has_local(l, ISIG))
		return 0;
	if (is_special(l, VINTR, c))
		return SIGINT;
	if (is_special(l, VQUIT, c))
		return SIGQUIT;
	return is_special(l, VSUSP, c) ? SIGTSTP : 0;
}

static void start(struct ldisc *l)
{
	if (!l->held)
		l->stopped = false;
}

/* Flow control. True: c was for it alone. */
static bool flow(struct ldisc *l, unsigned char c)
{
	if ((l->t.c_iflag & IXON) == 0)
		return false;
	if (is_special(l, VSTOP, c) && !is_special(l, VSTART, c)) {
		l->stopped = true;
		return true;
	}
	if (is_special(l, VSTART, c)) {
		start(l);
		return true;
	}
	return false;
}

static void raise(struct ldisc *l, int sig, unsigned char c)
{
	l->signal(l, sig);
	if (!has_local(l, NOFLSH))
		ldisc_flush_input(l);
	if ((l->t.c_iflag & IXON) != 0)
		start(l);
	if (has_local(l, ECHO))
		echo_char(l, c);
}

/* CR and NL as c_iflag has them. False: c is dropped. */
static bool map_newline(const struct ldisc *l, unsigned char *c)
{
	if (*c == '\r') {
		if ((l->t.c_iflag & IGNCR) != 0)
			return false;
		if ((l->t.c_iflag & ICRNL) != 0)
			*c = '\n';
	} else if (*c == '\n' && (l->t.c_iflag & INLCR) != 0) {
		*c = '\r';
	}
	return true;
}

static void input_byte(struct ldisc *l, unsigned char c)
{
	int sig;

	if ((l->t.c_iflag & ISTRIP) != 0)
		c &= 0x7f;
	if ((l->t.c_iflag & IUCLC) != 0 && has_local(l, IEXTEN))
		c = to_lower(c);
	if (l->literal_next) {
		l->literal_next = false;
		insert(l, c);
		return;
	}
	if (flow(l, c))
		return;
	sig = signal_of(l, c);
	if (sig != 0) {
		raise(l, sig, c);
		return;
	}
	if ((l->t.c_iflag & IXON) != 0 && (l->t.c_iflag & IXANY) != 0)
		start(l);
	if (!map_newline(l, &c))
		return;
	if (!is_canonical(l)) {
		insert(l, c);
		return;
	}
	if (has_local(l, IEXTEN) && is_special(l, VLNEXT, c)) {
		l->literal_next = true;
		if (has_local(l, ECHO)) {
			finish_erasing(l);
			if (has_local(l, ECHOCTL))
				echo_text(l, "^\b");
		}
		return;
	}
	if (!edit(l, c) && !finish(l, c))
		insert(l, c);
}

void ldisc_input(struct ldisc *l, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		input_byte(l, (unsigned char)bytes[i]);
}

/* A line being edited with nothing complete before it can always be ended: input is never held back
 * then. */
size_t ldisc_room(const struct ldisc *l)
{
	unsigned used = l->head - l->read_at;

	if (is_canonical(l) && l->line_end == l->read_at)
		return LDISC_SIZE;
	return used >= LDISC_SIZE - 1 ? 0 : LDISC_SIZE - 1 - used;
}

void ldisc_flush_input(struct ldisc *l)
{
	l->read_at = l->line_end = l->head;
	l->literal_next = l->erasing = false;
}

void ldisc_hold(struct ldisc *l, bool hold)
{
	if (hold || l->held)
		l->stopped = hold;
	l->held = hold;
}

void ldisc_hang_up(struct ldisc *l, const struct termios2 *t)
{
	ldisc_flush_input(l);
	l->stopped = l->held = false;
	l->column = 0;
	if (t != NULL)
		ldisc_set_termios(l, t);
}

/* Entering canonical mode makes a line of what is queued; leaving it makes every byte readable. */
void ldisc_set_termios(struct ldisc *l, const struct termios2 *t)
{
	tcflag_t changed = (l->t.c_lflag ^ t->c_lflag) & (ICANON | EXTPROC);

	l->t = *t;
	if ((l->t.c_iflag & IXON) == 0)
		start(l);
	if (changed == 0)
		return;
	l->literal_next = l->erasing = false;
	memset(l->delimiters, 0, sizeof(l->delimiters));
	memset(l->ends, 0, sizeof(l->ends));
	l->line_end = l->read_at;
	if (has_local(l, ICANON) && l->head != l->read_at) {
		bitmap_set(l->delimiters, (l->head - 1) % LDISC_SIZE);
		l->line_end = l->head;
	}
}

bool ldisc_can_read(const struct ldisc *l, unsigned at_least)
{
	if (is_canonical(l))
		return l->line_end != l->read_at;
	return l->head - l->read_at >= max(at_least, 1u);
}

size_t ldisc_count(const struct ldisc *l)
{
	size_t bytes = 0;

	if (!is_canonical(l))
		return l->head - l->read_at;
	for (unsigned at = l->read_at; at != l->line_end; at++)
		bytes += !bitmap_test(l->ends, at % LDISC_SIZE);
	return bytes;
}

static size_t read_line(struct ldisc *l, char *buf, size_t size, bool *ended)
{
	size_t done = 0;

	*ended = false;
	while (l->read_at != l->line_end) {
		unsigned at = l->read_at % LDISC_SIZE;
		bool is_end_of_file = bitmap_test(l->ends, at);

		if (!is_end_of_file && done == size)
			break;
		l->read_at++;
		if (!is_end_of_file)
			buf[done++] = (char)l->ring[at];
		*ended = bitmap_test(l->delimiters, at);
		if (*ended)
			break;
	}
	return done;
}

size_t ldisc_read(struct ldisc *l, char *buf, size_t size, bool *ended)
{
	size_t done = 0;

	if (is_canonical(l))
		return read_line(l, buf, size, ended);
	while (done < size && l->read_at != l->head)
		buf[done++] = (char)byte_at(l, l->read_at++);
	l->line_end = l->read_at;
	*ended = l->read_at == l->head;
	return done;
}
