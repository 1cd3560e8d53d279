/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal's line discipline (fs/tty/tty_ldisc.c) as a function: bytes typed in, bytes shown,
 * bytes read, signals. What is expected is what Linux's own terminals do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>

#include "fs/tty/tty_ldisc.h"

static struct ldisc l;
static char shown[16384];
static size_t nr_shown;
static int last_signal;

static void echo(struct ldisc *d, const char *text, size_t len)
{
	(void)d;
	assert_true(nr_shown + len < sizeof(shown));
	memcpy(shown + nr_shown, text, len);
	nr_shown += len;
	shown[nr_shown] = '\0';
}

static void raise_signal(struct ldisc *d, int sig)
{
	(void)d;
	last_signal = sig;
}

static int setup(void **state)
{
	(void)state;
	ldisc_init(&l);
	l.echo = echo;
	l.signal = raise_signal;
	nr_shown = 0;
	shown[0] = '\0';
	last_signal = 0;
	return 0;
}

static void type(const char *text)
{
	ldisc_input(&l, text, strlen(text));
}

static void expect_read(const char *text)
{
	char buf[8192];
	bool ended;
	size_t n = ldisc_read(&l, buf, sizeof(buf) - 1, &ended);

	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static void change(tcflag_t iflag_off, tcflag_t oflag_off, tcflag_t lflag_off)
{
	struct termios2 t = l.t;

	t.c_iflag &= ~iflag_off;
	t.c_oflag &= ~oflag_off;
	t.c_lflag &= ~lflag_off;
	ldisc_set_termios(&l, &t);
}

static void reads_lines(void **state)
{
	(void)state;
	type("hel");
	assert_false(ldisc_can_read(&l, 1));
	type("lo\rnext\nrest");
	assert_true(ldisc_can_read(&l, 1));
	assert_int_equal(ldisc_count(&l), 11);
	expect_read("hello\n");
	expect_read("next\n");
	assert_false(ldisc_can_read(&l, 1));
	assert_string_equal(shown, "hello\r\nnext\r\nrest");
}

static void reads_part_of_a_line(void **state)
{
	char buf[4];
	bool ended;

	(void)state;
	type("abcdef\nx\n");
	assert_int_equal(ldisc_read(&l, buf, 4, &ended), 4);
	assert_memory_equal(buf, "abcd", 4);
	assert_false(ended);
	expect_read("ef\n");
	expect_read("x\n");
}

static void ends_files(void **state)
{
	char buf[8];
	bool ended;

	(void)state;
	type("ab\4");
	assert_int_equal(ldisc_count(&l), 2);
	assert_int_equal(ldisc_read(&l, buf, 2, &ended), 2); /* and the mark goes with it */
	assert_true(ended);
	assert_false(ldisc_can_read(&l, 1));
	type("\4");
	assert_true(ldisc_can_read(&l, 1));
	assert_int_equal(ldisc_read(&l, buf, 8, &ended), 0);
	assert_false(ldisc_can_read(&l, 1));
	assert_string_equal(shown, "ab");
}

static void erases(void **state)
{
	(void)state;
	type("abc\177\177x\n");
	expect_read("ax\n");
	assert_string_equal(shown, "abc\b \b\b \bx\r\n");
	setup(NULL);
	type("a\303\244\177b\n"); /* one character of two bytes */
	expect_read("ab\n");
	assert_string_equal(shown, "a\303\244\b \bb\r\n");
	setup(NULL);
	type("a\t\177\n"); /* a tab: back to where it began */
	assert_string_equal(shown, "a\t\b\b\b\b\b\b\b\r\n");
	setup(NULL);
	type("\1\177\n"); /* ^A takes two columns */
	assert_string_equal(shown, "^A\b \b\b \b\r\n");
}

static void erases_words_and_lines(void **state)
{
	(void)state;
	type("one two  \27x\n");
	expect_read("one x\n");
	type("one two\25x\n");
	expect_read("x\n");
	type("a\26\3b\n"); /* VLNEXT takes ^C as it is */
	expect_read("a\3b\n");
	assert_int_equal(last_signal, 0);
}

static void raises_signals(void **state)
{
	(void)state;
	type("abc\3");
	assert_int_equal(last_signal, SIGINT);
	assert_string_equal(shown, "abc^C");
	type("\n");
	expect_read("\n"); /* what was typed before is gone */
	type("\34");
	assert_int_equal(last_signal, SIGQUIT);
	type("\32");
	assert_int_equal(last_signal, SIGTSTP);
	change(0, 0, ISIG);
	type("\3\n");
	expect_read("\3\n");
}

static void stops_output(void **state)
{
	(void)state;
	type("\23");
	assert_true(l.stopped);
	type("a");
	assert_true(l.stopped);
	type("\21");
	assert_false(l.stopped);
	type("\23");
	change(IXON, 0, 0);
	assert_false(l.stopped);
	type("\23\n");
	expect_read("a\23\n");
}

static void reads_raw(void **state)
{
	(void)state;
	change(ICRNL, OPOST, ICANON | ECHO | ISIG | IEXTEN);
	type("a\3\r\4");
	assert_true(ldisc_can_read(&l, 4));
	assert_false(ldisc_can_read(&l, 5));
	expect_read("a\3\r\4");
	assert_string_equal(shown, "");
}

static void changes_mode(void **state)
{
	struct termios2 canonical = l.t;

	(void)state;
	type("partial");
	change(0, 0, ICANON);
	assert_true(ldisc_can_read(&l, 7));
	ldisc_set_termios(&l, &canonical); /* what is queued is a line now */
	assert_true(ldisc_can_read(&l, 1));
	expect_read("partial");
	type("x\n");
	expect_read("x\n");
}

static void is_bounded(void **state)
{
	char buf[2 * LDISC_SIZE];
	bool ended;

	(void)state;
	change(0, 0, ECHO);
	memset(buf, 'a', sizeof(buf));
	ldisc_input(&l, buf, sizeof(buf));
	type("\n");
	assert_int_equal(ldisc_read(&l, buf, sizeof(buf), &ended), LDISC_SIZE);
	assert_int_equal(buf[LDISC_SIZE - 1], '\n');
	change(0, 0, ICANON);
	assert_int_equal(ldisc_room(&l), LDISC_SIZE - 1);
	memset(buf, 'b', sizeof(buf));
	ldisc_input(&l, buf, sizeof(buf));
	assert_int_equal(ldisc_room(&l), 0);
	assert_int_equal(ldisc_read(&l, buf, sizeof(buf), &ended), LDISC_SIZE - 1);
}

static void processes_output(void **state)
{
	struct termios2 t = l.t;
	char out[64];
	size_t len = 7, n;

	(void)state;
	n = ldisc_output(&l, "a\nb\tc\r\n", &len, out, sizeof(out));
	assert_int_equal(len, 7);
	assert_int_equal(n, 9);
	assert_memory_equal(out, "a\r\nb\tc\r\r\n", 9);
	t.c_oflag |= XTABS;
	ldisc_set_termios(&l, &t);
	len = 3;
	n = ldisc_output(&l, "ab\t", &len, out, sizeof(out));
	assert_int_equal(n, 8);
	assert_memory_equal(out, "ab      ", 8);
	len = 64;
	n = ldisc_output(
		&l,
		"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
		"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
		&len, out, 16);
	assert_true(n <= 16);
	assert_int_equal(n, 2 * len);
}

/* Any bytes in any mode: never outside the ring, and never more read than typed. */
static void survives_noise(void **state)
{
	char buf[64];
	bool ended;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		size_t n = (size_t)rand() % sizeof(buf);

		nr_shown = 0;
		for (size_t k = 0; k < n; k++)
			buf[k] = (char)rand();
		ldisc_input(&l, buf, n);
		if (rand() % 4 == 0)
			(void)ldisc_read(&l, buf, (size_t)rand() % sizeof(buf), &ended);
		if (rand() % 64 == 0) {
			struct termios2 t = l.t;

			t.c_lflag ^= (tcflag_t)rand() & 0xffff;
			t.c_iflag ^= (tcflag_t)rand() & 0x3fff;
			t.c_cc[rand() % 17] = (cc_t)rand();
			ldisc_set_termios(&l, &t);
		}
		assert_true(l.head - l.read_at <= LDISC_SIZE);
		assert_true(l.line_end - l.read_at <= l.head - l.read_at);
		assert_true(ldisc_count(&l) <= LDISC_SIZE);
	}
}

static void set_flags(tcflag_t iflag, tcflag_t oflag, tcflag_t lflag)
{
	struct termios2 t = l.t;

	t.c_iflag |= iflag;
	t.c_oflag |= oflag;
	t.c_lflag |= lflag;
	ldisc_set_termios(&l, &t);
}

static void is_held_by_flow_control(void **state)
{
	(void)state;
	ldisc_hold(&l, true);
	assert_true(l.stopped);
	type("\021"); /* the key does not undo it */
	assert_true(l.stopped);
	type("\003"); /* nor does a signal */
	assert_true(l.stopped);
	change(IXON, 0, 0);
	assert_true(l.stopped);
	ldisc_hold(&l, false);
	assert_false(l.stopped);
	set_flags(IXON, 0, 0);
	type("\023");
	ldisc_hold(&l, false); /* what a key stopped it does not start */
	assert_true(l.stopped);
	ldisc_hang_up(&l, NULL);
	assert_false(l.stopped);
}

static void prints_what_it_erases(void **state)
{
	(void)state;
	set_flags(0, 0, ECHOPRT);
	type("abc\177\177d\n");
	expect_read("ad\n");
	assert_string_equal(shown, "abc\\cb/d\r\n");
	nr_shown = 0;
	type("ab\177\177x\n"); /* the slash comes with the last character */
	assert_string_equal(shown, "ab\\ba/x\r\n");
}

static void leaves_lines_to_others(void **state)
{
	(void)state;
	type("half");
	assert_false(ldisc_can_read(&l, 1));
	set_flags(0, 0, EXTPROC);
	assert_int_equal(ldisc_count(&l), 4);
	expect_read("half");
	type("a\177b\004");
	expect_read("a\177b\004");
}

static void maps_cases_and_marks(void **state)
{
	size_t len = 3;
	char out[16];

	(void)state;
	set_flags(IUCLC | PARMRK, OLCUC, 0);
	type("ABc\377\n");
	expect_read("abc\377\377\n");
	assert_int_equal(ldisc_output(&l, "x9Y", &len, out, sizeof(out)), 3);
	assert_memory_equal(out, "X9Y", 3);
}

static void is_as_new_after_a_hang_up(void **state)
{
	const struct termios2 first = l.t;

	(void)state;
	type("line\npart\026");
	change(0, 0, ECHO);
	ldisc_hang_up(&l, &first);
	assert_false(ldisc_can_read(&l, 1));
	assert_int_equal(l.t.c_lflag, first.c_lflag);
	type("\003");
	assert_int_equal(last_signal, SIGINT); /* nothing of VLNEXT is left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_lines, setup),
		cmocka_unit_test_setup(reads_part_of_a_line, setup),
		cmocka_unit_test_setup(ends_files, setup),
		cmocka_unit_test_setup(erases, setup),
		cmocka_unit_test_setup(erases_words_and_lines, setup),
		cmocka_unit_test_setup(raises_signals, setup),
		cmocka_unit_test_setup(stops_output, setup),
		cmocka_unit_test_setup(reads_raw, setup),
		cmocka_unit_test_setup(changes_mode, setup),
		cmocka_unit_test_setup(is_bounded, setup),
		cmocka_unit_test_setup(processes_output, setup),
		cmocka_unit_test_setup(survives_noise, setup),
		cmocka_unit_test_setup(is_held_by_flow_control, setup),
		cmocka_unit_test_setup(prints_what_it_erases, setup),
		cmocka_unit_test_setup(leaves_lines_to_others, setup),
		cmocka_unit_test_setup(maps_cases_and_marks, setup),
		cmocka_unit_test_setup(is_as_new_after_a_hang_up, setup),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
