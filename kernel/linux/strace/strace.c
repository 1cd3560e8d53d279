/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strace lines (strace(1), "THE TRACE OUTPUT"). The types of a row in syscalls.def say how each
 * argument is shown. Arguments up to the first that the call fills are printed before it runs, the
 * others after.
 */
#include "linux/strace/strace.h"

#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <linux/utsname.h>

#include "arch/trap.h"
#include "core/sync/mutex.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/errors.h"
#include "linux/exec/port_out.h"
#include "linux/signal/signals.h"
#include "linux/strace/strace_flags.h"
#include "linux/strace/strace_process.h"
#include "linux/syscall.h"
#include "linux/task/task.h"
#include "mm/user.h"
#include <asm/stat.h>

#define STRING_MAX     32 /* bytes of a buffer that are shown */
#define PATH_SHOWN_MAX 256
#define LIST_MAX       32
#define RESULT_COLUMN  40

static bool follows;     /* [I after launch] child processes too */
static struct port *out; /* [I after launch] */
static struct mutex out_lock = MUTEX_INIT(out_lock);

/* ---- building a line ---- */

PRINTF(2, 3) static void add(struct strace_line *l, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = fmt_v(l->text + l->len, sizeof(l->text) - l->len, format, args);
	va_end(args);
	l->len = min(l->len + (size_t)max(n, 0), sizeof(l->text) - 1);
}

static void begin_line(struct strace_line *l)
{
	struct task *self = task_current();

	l->len = 0;
	l->next_arg = 0;
	if (follows || READ_ONCE(self->process->nr_tasks) > 1)
		add(l, "[pid %d] ", self->tid);
}

static void end_line(struct strace_line *l)
{
	l->text[l->len++] = '\n';
	scoped_mutex(&out_lock);
	port_out(out, l->text, l->len);
}

static void add_byte(struct strace_line *l, unsigned char c, unsigned char next)
{
	static const char escapes[] = "\a\b\t\n\v\f\r", letters[] = "abtnvfr";
	const char *e = c == '\0' ? NULL : strchr(escapes, c);

	if (c == '"' || c == '\\')
		add(l, "\\%c", c);
	else if (e != NULL && c != '\a' && c != '\b')
		add(l, "\\%c", letters[e - escapes]);
	else if (c >= ' ' && c < 0x7f)
		add(l, "%c", c);
	else if (next >= '0' && next <= '9')
		add(l, "\\%03o", c);
	else
		add(l, "\\%o", c);
}

static void add_quoted(struct strace_line *l, const char *bytes, size_t len, bool cut)
{
	add(l, "\"");
	for (size_t i = 0; i < len; i++)
		add_byte(l, (unsigned char)bytes[i], i + 1 < len ? (unsigned char)bytes[i + 1] : 0);
	add(l, cut ? "\"..." : "\"");
}

static void add_pointer(struct strace_line *l, uaddr_t p)
{
	if (p == 0)
		add(l, "NULL");
	else
		add(l, "%#lx", (unsigned long)p);
}

static void add_bytes(struct strace_line *l, uaddr_t from, size_t len)
{
	char bytes[STRING_MAX];
	size_t shown = min(len, sizeof(bytes));

	if (from == 0 || user_read(bytes, from, shown) != 0)
		add_pointer(l, from);
	else
		add_quoted(l, bytes, shown, len > shown);
}

static void add_string(struct strace_line *l, uaddr_t from, size_t most)
{
	char text[PATH_SHOWN_MAX + 1];
	ssize_t n = from == 0 ? -EFAULT : user_string(text, from, most + 1);

	if (n == -ENAMETOOLONG && user_read(text, from, most) == 0)
		add_quoted(l, text, most, true);
	else if (n < 0)
		add_pointer(l, from);
	else
		add_quoted(l, text, (size_t)n, false);
}

/* ---- structures ---- */

static unsigned nr_bits(uint64_t set)
{
	unsigned nr = 0;

	for (; set != 0; set &= set - 1)
		nr++;
	return nr;
}

static void add_set(struct strace_line *l, uint64_t set)
{
	bool inverted = nr_bits(set) > NSIG_MAX / 2, first = true;

	add(l, inverted ? "~[" : "[");
	for (int sig = 1; sig <= NSIG_MAX; sig++) {
		if (((set & SIGNAL_BIT(sig)) != 0) == inverted)
			continue;
		add(l, "%s%s", first ? "" : " ", signal_name(sig) + 3);
		first = false;
	}
	add(l, "]");
}

static bool add_sigset(struct strace_line *l, uaddr_t p)
{
	uint64_t set;

	if (user_read_struct(&set, p) != 0)
		return false;
	add_set(l, set);
	return true;
}

static bool add_sigaction(struct strace_line *l, uaddr_t p)
{
	struct sigaction a;

	if (user_read_struct(&a, p) != 0)
		return false;
	if (a.sa_handler == SIG_DFL)
		add(l, "{sa_handler=SIG_DFL");
	else if (a.sa_handler == SIG_IGN)
		add(l, "{sa_handler=SIG_IGN");
	else
		add(l, "{sa_handler=%#lx", (unsigned long)a.sa_handler);
	add(l, ", sa_mask=");
	add_set(l, a.sa_mask);
	add(l, ", sa_flags=%#lx, sa_restorer=%#lx}", a.sa_flags, (unsigned long)a.sa_restorer);
	return true;
}

static bool add_pair(struct strace_line *l, uaddr_t p, const char *format)
{
	int64_t v[2];

	if (user_read(v, p, sizeof(v)) != 0)
		return false;
	if (strcmp(format, "usec") == 0)
		add(l, "{tv_sec=%ld, tv_usec=%ld}", (long)v[0], (long)v[1]);
	else
		add(l, "{tv_sec=%ld, tv_nsec=%ld}", (long)v[0], (long)v[1]);
	return true;
}

static bool add_rlimit(struct strace_line *l, uaddr_t p)
{
	struct rlimit64 r;

	if (user_read_struct(&r, p) != 0)
		return false;
	if (r.rlim_cur == RLIM64_INFINITY)
		add(l, "{rlim_cur=RLIM64_INFINITY, ");
	else
		add(l, "{rlim_cur=%lu, ", (unsigned long)r.rlim_cur);
	if (r.rlim_max == RLIM64_INFINITY)
		add(l, "rlim_max=RLIM64_INFINITY}");
	else
		add(l, "rlim_max=%lu}", (unsigned long)r.rlim_max);
	return true;
}

static bool add_stat(struct strace_line *l, uaddr_t p)
{
	static const char *const types[16] = {
		[1] = "S_IFIFO", [2] = "S_IFCHR",  [4] = "S_IFDIR",  [6] = "S_IFBLK",
		[8] = "S_IFREG", [10] = "S_IFLNK", [12] = "S_IFSOCK"
	};
	struct stat s;

	if (user_read_struct(&s, p) != 0)
		return false;
	add(l, "{st_mode=%s|%#o",
	    types[s.st_mode >> 12 & 15] != NULL ? types[s.st_mode >> 12 & 15] : "0",
	    s.st_mode & 07777);
	if ((s.st_mode & S_IFMT) == S_IFCHR || (s.st_mode & S_IFMT) == S_IFBLK)
		add(l, ", st_rdev=makedev(%#lx, %#lx), ...}", s.st_rdev >> 8 & 0xfff,
		    s.st_rdev & 0xff);
	else
		add(l, ", st_size=%ld, ...}", (long)s.st_size);
	return true;
}

static bool add_fd_pair(struct strace_line *l, uaddr_t p)
{
	int fds[2];

	if (user_read(fds, p, sizeof(fds)) != 0)
		return false;
	add(l, "[%d, %d]", fds[0], fds[1]);
	return true;
}

static bool add_int(struct strace_line *l, uaddr_t p)
{
	int value;

	if (user_read_struct(&value, p) != 0)
		return false;
	add(l, "[%d]", value);
	return true;
}

static bool add_wait_status(struct strace_line *l, uaddr_t p)
{
	char text[STRACE_DETAILS_MAX];
	int status;

	if (user_read_struct(&status, p) != 0)
		return false;
	strace_wait_status(text, sizeof(text), status);
	add(l, "%s", text);
	return true;
}

static bool add_siginfo(struct strace_line *l, uaddr_t p)
{
	char text[STRACE_DETAILS_MAX];
	siginfo_t info;

	if (user_read_struct(&info, p) != 0)
		return false;
	strace_siginfo(text, sizeof(text), &info);
	add(l, "%s", text);
	return true;
}

static bool add_uname(struct strace_line *l, uaddr_t p)
{
	struct new_utsname u;

	if (user_read_struct(&u, p) != 0)
		return false;
	u.sysname[sizeof(u.sysname) - 1] = u.nodename[sizeof(u.nodename) - 1] = '\0';
	add(l, "{sysname=\"%s\", nodename=\"%s\", ...}", u.sysname, u.nodename);
	return true;
}

static bool add_epoll_event(struct strace_line *l, uaddr_t p)
{
	struct {
		uint32_t events;
		uint64_t data;
	} PACKED e;

	if (user_read(&e, p, sizeof(e)) != 0)
		return false;
	add(l, "{events=%#x, data=%#lx}", e.events, (unsigned long)e.data);
	return true;
}

static bool add_epoll_events(struct strace_line *l, uaddr_t p, long nr)
{
	add(l, "[");
	for (long i = 0; i < min(nr, (long)LIST_MAX); i++) {
		add(l, i != 0 ? ", " : "");
		if (!add_epoll_event(l, p + (uint64_t)i * 12))
			add(l, "?");
	}
	add(l, "]");
	return true;
}

static bool add_pollfds(struct strace_line *l, uaddr_t p, unsigned long nr)
{
	struct pollfd fd;

	add(l, "[");
	for (unsigned long i = 0; i < min(nr, (unsigned long)LIST_MAX); i++) {
		if (user_read_struct(&fd, p + i * sizeof(fd)) != 0)
			break;
		add(l, "%s{fd=%d, events=%#x}", i != 0 ? ", " : "", fd.fd, (unsigned)fd.events);
	}
	add(l, "]");
	return true;
}

static bool add_iovec(struct strace_line *l, uaddr_t p, unsigned long nr)
{
	struct iovec v;

	add(l, "[");
	for (unsigned long i = 0; i < min(nr, (unsigned long)LIST_MAX); i++) {
		if (user_read_struct(&v, p + i * sizeof(v)) != 0)
			break;
		add(l, "%s{iov_base=", i != 0 ? ", " : "");
		add_bytes(l, (uaddr_t)v.iov_base, v.iov_len);
		add(l, ", iov_len=%lu}", (unsigned long)v.iov_len);
	}
	add(l, "]");
	return true;
}

static bool add_argv(struct strace_line *l, uaddr_t p)
{
	uaddr_t s;

	add(l, "[");
	for (int i = 0; user_read_struct(&s, p) == 0 && s != 0; i++, p += sizeof(s)) {
		add(l, i != 0 ? ", " : "");
		if (i == LIST_MAX) {
			add(l, "...");
			break;
		}
		add_string(l, s, STRING_MAX);
	}
	add(l, "]");
	return true;
}

static bool add_envp(struct strace_line *l, uaddr_t p)
{
	unsigned nr = 0;
	uaddr_t s;

	while (nr < 100000 && user_read_struct(&s, p + nr * sizeof(s)) == 0 && s != 0)
		nr++;
	add(l, "%#lx /* %u var%s */", (unsigned long)p, nr, nr == 1 ? "" : "s");
	return true;
}

/* ---- arguments ---- */

static bool is_out(enum syscall_arg type)
{
	switch (type) {
	case ARG_OUT:
	case ARG_STR_OUT:
	case ARG_SIGSET_OUT:
	case ARG_SIGACTION_OUT:
	case ARG_SIGINFO_OUT:
	case ARG_TIMESPEC_OUT:
	case ARG_TIMEVAL_OUT:
	case ARG_RLIMIT_OUT:
	case ARG_STAT_OUT:
	case ARG_IOVEC_OUT:
	case ARG_FD_PAIR_OUT:
	case ARG_INT_OUT:
	case ARG_EPOLL_EVENTS_OUT:
	case ARG_UNAME_OUT:
	case ARG_WAIT_STATUS_OUT:
		return true;
	default:
		return false;
	}
}

/* What a pointer leads to. False: nothing to show but the address. */
static bool add_pointee(struct strace_line *l, enum syscall_arg type, uaddr_t p, unsigned long next)
{
	switch (type) {
	case ARG_SIGSET:
	case ARG_SIGSET_OUT:
		return add_sigset(l, p);
	case ARG_SIGACTION:
	case ARG_SIGACTION_OUT:
		return add_sigaction(l, p);
	case ARG_TIMESPEC:
	case ARG_TIMESPEC_OUT:
		return add_pair(l, p, "nsec");
	case ARG_TIMEVAL:
	case ARG_TIMEVAL_OUT:
		return add_pair(l, p, "usec");
	case ARG_RLIMIT:
	case ARG_RLIMIT_OUT:
		return add_rlimit(l, p);
	case ARG_STAT_OUT:
		return add_stat(l, p);
	case ARG_FD_PAIR_OUT:
		return add_fd_pair(l, p);
	case ARG_INT_OUT:
		return add_int(l, p);
	case ARG_WAIT_STATUS_OUT:
		return add_wait_status(l, p);
	case ARG_SIGINFO_OUT:
		return add_siginfo(l, p);
	case ARG_UNAME_OUT:
		return add_uname(l, p);
	case ARG_EPOLL_EVENT:
		return add_epoll_event(l, p);
	case ARG_POLLFD:
		return add_pollfds(l, p, next);
	case ARG_IOVEC:
	case ARG_IOVEC_OUT:
		return add_iovec(l, p, next);
	case ARG_ARGV:
		return add_argv(l, p);
	case ARG_ENVP:
		return add_envp(l, p);
	default:
		return false;
	}
}

static void add_pointed(struct strace_line *l, enum syscall_arg type, const struct trap_frame *f,
			unsigned i)
{
	uaddr_t p = frame_arg(f, i);
	unsigned long next = i + 1 < SYSCALL_ARGS_MAX ? frame_arg(f, i + 1) : 0;
	long result = frame_result(f);
	bool nothing = type == ARG_WAIT_STATUS_OUT && result == 0; /* WNOHANG: not written */
	bool failed = (is_out(type) && result < 0) || nothing;

	if (p == 0 || failed)
		add_pointer(l, p);
	else if (type == ARG_PATH)
		add_string(l, p, PATH_SHOWN_MAX);
	else if (type == ARG_STR || type == ARG_STR_OUT)
		add_string(l, p, STRING_MAX);
	else if (type == ARG_IN)
		add_bytes(l, p, next);
	else if (type == ARG_OUT)
		add_bytes(l, p, (size_t)result);
	else if (type == ARG_EPOLL_EVENTS_OUT)
		add_epoll_events(l, p, result);
	else if (!add_pointee(l, type, p, next))
		add_pointer(l, p);
}

static void add_argument(struct strace_line *l, enum syscall_arg type, const struct trap_frame *f,
			 unsigned i)
{
	unsigned long value = frame_arg(f, i);
	size_t room = sizeof(l->text) - l->len;
	size_t n = strace_flags(l->text + l->len, room, type, value);

	if (n != 0) {
		l->len = min(l->len + n, sizeof(l->text) - 1);
		return;
	}
	switch (type) {
	case ARG_INT:
	case ARG_FD:
	case ARG_PID:
		add(l, "%d", (int)value);
		break;
	case ARG_DIRFD:
		if ((int)value == AT_FDCWD)
			add(l, "AT_FDCWD");
		else
			add(l, "%d", (int)value);
		break;
	case ARG_UINT:
		add(l, "%u", (unsigned)value);
		break;
	case ARG_UID:
		add(l, "%d", (int)value);
		break;
	case ARG_LONG:
	case ARG_OFF:
		add(l, "%ld", (long)value);
		break;
	case ARG_ULONG:
	case ARG_SIZE:
		add(l, "%lu", value);
		break;
	case ARG_MODE:
		add(l, value == 0 ? "000" : "0%o", (unsigned)value);
		break;
	case ARG_SIGNAL:
		add(l, "%s", signal_name((int)value));
		break;
	case ARG_HEX:
	case ARG_DEV:
	case ARG_MASK:
		add(l, "%#lx", value);
		break;
	default:
		add_pointed(l, type, f, i);
		break;
	}
}

/* open(2)'s mode means something only with O_CREAT or O_TMPFILE. */
static bool is_silent(const struct syscall *s, const struct trap_frame *f, unsigned i)
{
	return s->args[i] == ARG_MODE && i > 0 && s->args[i - 1] == ARG_OPEN_FLAGS &&
	       (frame_arg(f, i - 1) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) == 0;
}

static void add_arguments(struct strace_line *l, const struct syscall *s,
			  const struct trap_frame *f, bool after)
{
	for (; l->next_arg < s->nr_args; l->next_arg++) {
		unsigned i = l->next_arg;

		if (!after && is_out(s->args[i]))
			return;
		if (is_silent(s, f, i))
			continue;
		add(l, i != 0 ? ", " : "");
		add_argument(l, s->args[i], f, i);
	}
}

/* ---- whole lines ---- */

static void add_result(struct strace_line *l, const struct syscall *s, long result)
{
	add(l, ") ");
	while (l->len < RESULT_COLUMN)
		add(l, " ");
	if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK)
		add(l, "= ? %s (%s)", error_name((int)-result), error_text((int)-result));
	else if (result < 0 && result >= -4095)
		add(l, "= -1 %s (%s)", error_name((int)-result), error_text((int)-result));
	else if (s != NULL && (s->flags & SYSCALL_RET_HEX) != 0)
		add(l, "= %#lx", (unsigned long)result);
	else
		add(l, "= %ld", result);
}

void strace_enter(struct strace_line *l, unsigned long nr, const struct trap_frame *f)
{
	const struct syscall *s = syscall_find(nr);

	begin_line(l);
	if (s == NULL) {
		add(l, "syscall_%#lx(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx", frame_syscall_nr(f),
		    frame_arg(f, 0), frame_arg(f, 1), frame_arg(f, 2), frame_arg(f, 3),
		    frame_arg(f, 4), frame_arg(f, 5));
		return;
	}
	add(l, "%s(", s->name);
	add_arguments(l, s, f, false);
	if ((s->flags & SYSCALL_NO_RETURN) == 0)
		return;
	add(l, ") ");
	while (l->len < RESULT_COLUMN)
		add(l, " ");
	add(l, "= ?");
	end_line(l);
}

void strace_leave(struct strace_line *l, unsigned long nr, const struct trap_frame *f)
{
	const struct syscall *s = syscall_find(nr);

	if (s != NULL)
		add_arguments(l, s, f, true);
	add_result(l, s, frame_result(f));
	end_line(l);
}

void strace_start(struct port *p, bool follow)
{
	out = p;
	follows = follow;
	strace_is_on = true;
}

bool strace_is_for_current(void)
{
	return strace_is_on && (follows || process_current()->pid == 1);
}

void strace_signal(const siginfo_t *info)
{
	char text[STRACE_DETAILS_MAX];
	struct strace_line l;

	if (!strace_is_for_current())
		return;
	begin_line(&l);
	add(&l, "--- %s ", signal_name(info->si_signo));
	strace_siginfo(text, sizeof(text), info);
	add(&l, "%s ---", text);
	end_line(&l);
}

void strace_exited(int wait_status)
{
	struct strace_line l;
	int sig = wait_status & 0x7f;

	if (!strace_is_for_current())
		return;
	begin_line(&l);
	if (sig != 0)
		add(&l, "+++ killed by %s +++", signal_name(sig));
	else
		add(&l, "+++ exited with %d +++", wait_status >> 8 & 0xff);
	end_line(&l);
}
