/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal's line discipline seen through a pseudo terminal (termios(3)): settings, editing and
 * echo, special characters, output processing, canonical and raw reading.
 */
#define _GNU_SOURCE 1
#include "pty.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

struct kernel_termios2 {
	tcflag_t iflag, oflag, cflag, lflag;
	cc_t line, cc[19];
	speed_t ispeed, ospeed;
};
#define GET_TERMIOS2 _IOR('T', 0x2a, struct kernel_termios2)
#define SET_TERMIOS2 _IOW('T', 0x2b, struct kernel_termios2)
#define BOTHER_FLAG  0010000

struct kernel_termio {
	unsigned short iflag, oflag, cflag, lflag;
	unsigned char line, cc[8];
};

static struct termios termios_of(int fd)
{
	struct termios t = { 0 };

	CHECK_EQ(tcgetattr(fd, &t), 0);
	return t;
}

static void input_flags(int fd, tcflag_t off, tcflag_t on)
{
	struct termios t = termios_of(fd);

	t.c_iflag = (t.c_iflag & ~off) | on;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &t), 0);
}

static void output_flags(int fd, tcflag_t off, tcflag_t on)
{
	struct termios t = termios_of(fd);

	t.c_oflag = (t.c_oflag & ~off) | on;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &t), 0);
}

static void set_key(int fd, int index, cc_t key)
{
	struct termios t = termios_of(fd);

	t.c_cc[index] = key;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &t), 0);
}

static void test_defaults(void)
{
	static const cc_t keys[] = { 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0 };
	struct pair p = pair_open();
	struct termios t = termios_of(p.slave), m = termios_of(p.master);

	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_cflag, B38400 | CS8 | CREAD);
	CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(memcmp(t.c_cc, keys, sizeof(keys)), 0);
	CHECK_EQ(cfgetospeed(&t), B38400);
	CHECK_EQ(m.c_lflag, t.c_lflag); /* a master's settings are its terminal's */
	m.c_lflag &= ~(tcflag_t)ECHO;
	CHECK_EQ(tcsetattr(p.master, TCSANOW, &m), 0);
	CHECK_EQ(termios_of(p.slave).c_lflag & ECHO, 0);
	t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | CREAD)) | CS5 | PARENB | CSTOPB;
	CHECK_EQ(tcsetattr(p.slave, TCSANOW, &t), 0); /* a pseudo terminal has 8 bits for good */
	CHECK_EQ(termios_of(p.slave).c_cflag & (CSIZE | CREAD | PARENB | CSTOPB),
		 CS8 | CREAD | CSTOPB);
	pair_close(&p);
}

static void test_other_shapes(void)
{
	struct pair p = pair_open();
	struct kernel_termios2 t2;
	struct kernel_termio small;
	int on = -1;

	CHECK_EQ(ioctl(p.slave, GET_TERMIOS2, &t2), 0);
	CHECK_EQ(t2.iflag, ICRNL | IXON);
	CHECK_EQ(t2.ospeed, 38400);
	CHECK_EQ(t2.ispeed, 38400);
	t2.cflag = (t2.cflag & ~(tcflag_t)CBAUD) | BOTHER_FLAG;
	t2.ospeed = t2.ispeed = 12345;
	CHECK_EQ(ioctl(p.slave, SET_TERMIOS2, &t2), 0);
	memset(&t2, 0, sizeof(t2));
	CHECK_EQ(ioctl(p.slave, GET_TERMIOS2, &t2), 0);
	CHECK_EQ(t2.ospeed, 12345);
	t2.cflag = (t2.cflag & ~(tcflag_t)CBAUD) | B115200;
	CHECK_EQ(ioctl(p.slave, SET_TERMIOS2, &t2), 0);
	CHECK_EQ(ioctl(p.slave, GET_TERMIOS2, &t2), 0);
	CHECK_EQ(t2.ospeed, 115200);
	CHECK_EQ(t2.ispeed, 115200);
	CHECK_EQ(ioctl(p.slave, TCGETA, &small), 0);
	CHECK_EQ(small.iflag, ICRNL | IXON);
	CHECK_EQ(small.cc[VINTR], 3);
	small.lflag &= (unsigned short)~ECHO;
	CHECK_EQ(ioctl(p.slave, TCSETA, &small), 0);
	CHECK_EQ(termios_of(p.slave).c_lflag & (ECHO | ICANON), ICANON);
	CHECK_EQ(ioctl(p.slave, TCSETAW, &small), 0);
	CHECK_EQ(ioctl(p.slave, TCSETAF, &small), 0);
	CHECK_EQ(ioctl(p.slave, TIOCGSOFTCAR, &on), 0);
	CHECK_EQ(on, 0);
	on = 1;
	CHECK_EQ(ioctl(p.slave, TIOCSSOFTCAR, &on), 0);
	CHECK_EQ(termios_of(p.slave).c_cflag & CLOCAL, CLOCAL);
	CHECK_ERR(ioctl(p.slave, TCGETS, 8), EFAULT);
	CHECK_ERR(ioctl(p.slave, TCSETS, 8), EFAULT);
	CHECK_ERR(ioctl(p.slave, TCGETA, 8), EFAULT);
	CHECK_ERR(ioctl(p.slave, TCSETAW, 8), EFAULT);
	CHECK_ERR(ioctl(p.slave, GET_TERMIOS2, 8), EFAULT);
	pair_close(&p);
}

static void test_erasing(void)
{
	struct pair p = pair_open();

	TYPE(p.master, "abX\177c\n");
	EXPECT(p.slave, "abc\n");
	EXPECT(p.master, "abX\b \bc\r\n");
	TYPE(p.master, "\177gone\025kept\n"); /* nothing to erase; a whole line */
	EXPECT(p.slave, "kept\n");
	EXPECT(p.master, "gone\b \b\b \b\b \b\b \bkept\r\n");
	TYPE(p.master, "two words\027x\n");
	EXPECT(p.slave, "two x\n");
	EXPECT(p.master, "two words\b \b\b \b\b \b\b \b\b \bx\r\n");
	TYPE(p.master, "a\001\177b\n"); /* a control character is two wide */
	EXPECT(p.slave, "ab\n");
	EXPECT(p.master, "a^A\b \b\b \bb\r\n");
	TYPE(p.master, "a\tb\177\177c\n");
	EXPECT(p.slave, "ac\n");
	EXPECT(p.master, "a\tb\b \b\b\b\b\b\b\b\bc\r\n");
	TYPE(p.master, "ab\022c\n"); /* reprint */
	EXPECT(p.slave, "abc\n");
	EXPECT(p.master, "ab^R\r\nabc\r\n");
	TYPE(p.master, "\026\003\026\177\n"); /* literally */
	EXPECT(p.slave, "\003\177\n");
	EXPECT(p.master, "^\b^C^\b^?\r\n");
	pair_close(&p);
}

static void test_erasing_otherwise(void)
{
	struct pair p = pair_open();

	flags_change(p.slave, ECHOE, 0);
	TYPE(p.master, "ab\177\n");
	EXPECT(p.slave, "a\n");
	EXPECT(p.master, "ab^?\r\n");
	flags_change(p.slave, ECHOKE, ECHOE);
	TYPE(p.master, "ab\025c\n");
	EXPECT(p.slave, "c\n");
	EXPECT(p.master, "ab^U\r\nc\r\n");
	flags_change(p.slave, ECHOK, 0);
	TYPE(p.master, "ab\025c\n");
	EXPECT(p.slave, "c\n");
	EXPECT(p.master, "ab^Uc\r\n");
	flags_change(p.slave, ECHOCTL, 0);
	TYPE(p.master, "a\001\n");
	EXPECT(p.slave, "a\001\n");
	EXPECT(p.master, "a\001\r\n");
	flags_change(p.slave, ECHO, ECHONL);
	TYPE(p.master, "hidden\n");
	EXPECT(p.slave, "hidden\n");
	EXPECT(p.master, "\r\n");
	flags_change(p.slave, IEXTEN | ECHONL, ECHO);
	TYPE(p.master, "a b\027\026\n"); /* no longer special */
	EXPECT(p.slave, "a b\027\026\n");
	EXPECT(p.master, "a b\027\026\r\n");
	flags_change(p.slave, 0, IEXTEN | ECHOPRT | ECHOCTL | ECHOK | ECHOKE);
	TYPE(p.master, "abc\177\177d\n"); /* a printing terminal */
	EXPECT(p.slave, "ad\n");
	EXPECT(p.master, "abc\\cb/d\r\n");
	pair_close(&p);
}

static void test_utf8(void)
{
	struct pair p = pair_open();

	input_flags(p.slave, 0, IUTF8);
	TYPE(p.master, "a\303\244\177b\n");
	EXPECT(p.slave, "ab\n");
	EXPECT(p.master, "a\303\244\b \bb\r\n");
	pair_close(&p);
}

static void test_line_ends(void)
{
	struct pair p = pair_open();
	char seen[64];

	flags_change(p.slave, ECHO, 0);
	TYPE(p.master, "one\ntwo\n");
	wait_bytes(p.slave, 8);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 4); /* a line at a time */
	CHECK_EQ(read(p.slave, seen, 2), 2);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 2);
	TYPE(p.master, "part\004");
	EXPECT(p.slave, "part");
	TYPE(p.master, "\004");
	CHECK_EQ(poll_for(p.slave, POLLIN, PATIENCE_MS), POLLIN);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 0); /* end of file */
	TYPE(p.master, "abc\004def\n");
	wait_bytes(p.slave, 7);
	CHECK_EQ(read(p.slave, seen, 3), 3); /* and the mark with it */
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 4);
	set_key(p.slave, VEOL, ';');
	set_key(p.slave, VEOL2, '!');
	TYPE(p.master, "x;y!");
	EXPECT(p.slave, "x;");
	EXPECT(p.slave, "y!");
	set_key(p.slave, VEOL, 0);
	set_key(p.slave, VINTR, 0);
	TYPE(p.master, "\003\n"); /* no interrupt key */
	EXPECT(p.slave, "\003\n");
	pair_close(&p);
}

static void test_input_mapping(void)
{
	struct pair p = pair_open();

	flags_change(p.slave, ECHO, 0);
	TYPE(p.master, "cr\r");
	EXPECT(p.slave, "cr\n");
	input_flags(p.slave, ICRNL, INLCR);
	TYPE(p.master, "a\nb\rc\004");
	EXPECT(p.slave, "a\rb\rc");
	input_flags(p.slave, INLCR, IGNCR);
	TYPE(p.master, "a\rb\n");
	EXPECT(p.slave, "ab\n");
	input_flags(p.slave, IGNCR, ISTRIP);
	TYPE(p.master, "\341\n");
	EXPECT(p.slave, "a\n");
	input_flags(p.slave, ISTRIP, IUCLC);
	TYPE(p.master, "Shout\n");
	EXPECT(p.slave, "shout\n");
	input_flags(p.slave, IUCLC, PARMRK);
	TYPE(p.master, "a\377b\n");
	EXPECT(p.slave, "a\377\377b\n");
	pair_close(&p);
}

static void test_output(void)
{
	struct pair p = pair_open();

	TYPE(p.slave, "a\n\tb\n");
	EXPECT(p.master, "a\r\n\tb\r\n");
	output_flags(p.slave, 0, XTABS);
	TYPE(p.slave, "ab\tc\n\td\b\te\n");
	EXPECT(p.master, "ab      c\r\n        d\b        e\r\n");
	output_flags(p.slave, ONLCR | XTABS, OCRNL);
	TYPE(p.slave, "a\rb\n");
	EXPECT(p.master, "a\nb\n");
	output_flags(p.slave, OCRNL, ONOCR | ONLRET);
	TYPE(p.slave, "\r\rab\r\n\r");
	EXPECT(p.master, "\rab\r\n"); /* the cursor was not in the first column */
	output_flags(p.slave, ONOCR | ONLRET, OLCUC);
	TYPE(p.slave, "loud 1\n");
	EXPECT(p.master, "LOUD 1\n");
	output_flags(p.slave, OPOST, 0);
	TYPE(p.slave, "as is\n\r\t");
	EXPECT(p.master, "as is\n\r\t");
	pair_close(&p);
}

/* Signal keys in a terminal that is nobody's: no signal, but what they throw away. */
static void test_signal_keys(void)
{
	struct pair p = pair_open();

	TYPE(p.master, "lost\003kept\n");
	EXPECT(p.slave, "kept\n");
	EXPECT(p.master, "^Ckept\r\n"); /* the echo under way is lost too */
	flags_change(p.slave, 0, NOFLSH);
	TYPE(p.master, "both\034kept\n");
	EXPECT(p.slave, "bothkept\n");
	EXPECT(p.master, "both^\\kept\r\n");
	flags_change(p.slave, ISIG, 0);
	TYPE(p.master, "\003\032\034\n");
	EXPECT(p.slave, "\003\032\034\n");
	EXPECT(p.master, "^C^Z^\\\r\n");
	pair_close(&p);
}

static void test_raw(void)
{
	struct pair p = pair_open();
	struct timespec start, end;
	char seen[64];
	long ms;

	raw_mode(p.slave, 1, 0);
	TYPE(p.master, "\003\r\n\004\177\377");
	EXPECT(p.slave, "\003\r\n\004\177\377");
	EXPECT_QUIET(p.master);
	raw_mode(p.slave, 3, 0);
	TYPE(p.master, "ab");
	EXPECT_QUIET(p.slave); /* poll(2) waits for VMIN too */
	TYPE(p.master, "cd");
	CHECK_EQ(poll_for(p.slave, POLLIN, PATIENCE_MS), POLLIN);
	wait_bytes(p.slave, 4);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 4);
	TYPE(p.master, "xy");
	wait_bytes(p.slave, 2);
	CHECK_EQ(read(p.slave, seen, 2), 2); /* no more than was asked for */
	fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
	TYPE(p.master, "z");
	wait_bytes(p.slave, 1);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 1);
	CHECK_ERR(read(p.slave, seen, sizeof(seen)), EAGAIN);
	fcntl(p.slave, F_SETFL, O_RDWR);
	raw_mode(p.slave, 0, 0);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 0);
	raw_mode(p.slave, 0, 2);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
	CHECK(ms >= 190);
	raw_mode(p.slave, 5, 2);
	TYPE(p.master, "ab");
	CHECK_EQ(read(p.slave, seen, sizeof(seen)), 2); /* a pause ends it */
	pair_close(&p);
}

static void test_raw_echo(void)
{
	struct pair p = pair_open();

	flags_change(p.slave, ICANON, 0);
	input_flags(p.slave, ICRNL, 0);
	TYPE(p.master, "a\001\r\n\t");
	EXPECT(p.slave, "a\001\r\n\t");
	EXPECT(p.master, "a^A^M^J\t");
	pair_close(&p);
}

/* What is queued when the mode changes. */
static void test_mode_changes(void)
{
	struct pair p = pair_open();
	struct termios t;

	TYPE(p.master, "half");
	EXPECT(p.master, "half");
	EXPECT_QUIET(p.slave);
	flags_change(p.slave, ICANON | ECHO, 0);
	EXPECT(p.slave, "half");
	TYPE(p.master, "raw");
	wait_bytes(p.slave, 3);
	flags_change(p.slave, 0, ICANON);
	EXPECT(p.slave, "raw"); /* counts as a line */
	TYPE(p.master, "one\ntwo\n");
	wait_bytes(p.slave, 8);
	t = termios_of(p.slave);
	CHECK_EQ(tcsetattr(p.slave, TCSADRAIN, &t), 0);
	EXPECT(p.slave, "one\n");
	CHECK_EQ(tcsetattr(p.slave, TCSAFLUSH, &t), 0);
	EXPECT_QUIET(p.slave);
	pair_close(&p);
}

/* A line that is too long keeps its beginning, and its end. */
static void test_long_line(void)
{
	struct pair p = pair_open();
	static char text[6000], seen[8192];
	ssize_t n, got = 0;

	flags_change(p.slave, ECHO, 0);
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	for (size_t at = 0; at < sizeof(text); at += 500)
		CHECK_EQ(write(p.master, text + at, 500), 500);
	while (poll_for(p.slave, POLLIN, PATIENCE_MS) != 0) {
		n = read(p.slave, seen, sizeof(seen));
		if (n <= 0)
			break;
		got += n;
		if (seen[n - 1] == '\n')
			break;
	}
	CHECK_EQ(got, 4096);
	TYPE(p.master, "next\n");
	EXPECT(p.slave, "next\n");
	pair_close(&p);
}

static void test_fake_input(void)
{
	struct pair p = pair_open();
	const char *text = "hi\n";

	if (geteuid() == 0) {
		for (int i = 0; i < 3; i++)
			CHECK_EQ(ioctl(p.slave, TIOCSTI, text + i), 0);
		EXPECT(p.slave, "hi\n");
		EXPECT(p.master, "hi\r\n");
		CHECK_ERR(ioctl(p.slave, TIOCSTI, 8), EFAULT);
	} else {
		CHECK(ioctl(p.slave, TIOCSTI, text) == -1 && (errno == EPERM || errno == EIO));
	}
	pair_close(&p);
}

/* ioctl_tty(2): what is locked stays, whoever sets it. */
static void test_locked_settings(void)
{
	struct pair p = pair_open();
	struct termios t = termios_of(p.slave), locked = { 0 };

	memset(&locked, 0xff, sizeof(locked));
	CHECK_EQ(ioctl(p.slave, TIOCGLCKTRMIOS, &locked), 0);
	CHECK_EQ(locked.c_iflag | locked.c_oflag | locked.c_cflag | locked.c_lflag, 0);
	CHECK_ERR(ioctl(p.slave, TIOCGLCKTRMIOS, 8), EFAULT);
	locked.c_lflag = ECHO;
	locked.c_cc[VEOF] = 1;
	if (geteuid() != 0) {
		CHECK_ERR(ioctl(p.slave, TIOCSLCKTRMIOS, &locked), EPERM);
		pair_close(&p);
		return;
	}
	CHECK_ERR(ioctl(p.slave, TIOCSLCKTRMIOS, 8), EFAULT);
	CHECK_EQ(ioctl(p.slave, TIOCSLCKTRMIOS, &locked), 0);
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHOK);
	t.c_cc[VEOF] = 7;
	t.c_cc[VINTR] = 8;
	CHECK_EQ(tcsetattr(p.master, TCSANOW, &t), 0); /* a master's are its terminal's */
	t = termios_of(p.slave);
	CHECK_EQ(t.c_lflag & (ECHO | ECHOK), ECHO);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VINTR], 8);
	memset(&locked, 0, sizeof(locked));
	CHECK_EQ(ioctl(p.master, TIOCGLCKTRMIOS, &locked), 0);
	CHECK_EQ(locked.c_lflag, ECHO);
	pair_close(&p);
}

int main(void)
{
	test_defaults();
	test_other_shapes();
	test_erasing();
	test_erasing_otherwise();
	test_utf8();
	test_line_ends();
	test_input_mapping();
	test_output();
	test_signal_keys();
	test_raw();
	test_raw_echo();
	test_mode_changes();
	test_long_line();
	test_fake_input();
	test_locked_settings();
	return check_done();
}
