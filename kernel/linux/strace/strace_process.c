/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals' details and wait statuses in strace(1)'s words: codes by name, and of a siginfo the
 * fields that its code makes valid (sigaction(2), "The siginfo_t argument"; wait(2)).
 */
#include "linux/strace/strace_process.h"

#include <linux/signal.h>

#include "lib/fmt.h"
#include "linux/signal/signals.h"

static const char *const chld_codes[] = {
	"0", "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"
};
static const char *const segv_codes[] = { "0", "SEGV_MAPERR", "SEGV_ACCERR" };
static const char *const bus_codes[] = { "0", "BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR" };
static const char *const fpe_codes[] = { "0",          "FPE_INTDIV", "FPE_INTOVF",
					 "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND",
					 "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB" };
static const char *const ill_codes[] = { "0",          "ILL_ILLOPC", "ILL_ILLOPN",
					 "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC",
					 "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK" };
static const char *const trap_codes[] = { "0", "TRAP_BRKPT", "TRAP_TRACE" };

/* Codes above zero mean something for one signal each. */
static const struct {
	int sig;
	unsigned nr;
	const char *const *names;
} codes[] = {
	{ SIGCHLD, ARRAY_SIZE(chld_codes), chld_codes },
	{ SIGSEGV, ARRAY_SIZE(segv_codes), segv_codes },
	{ SIGBUS, ARRAY_SIZE(bus_codes), bus_codes },
	{ SIGFPE, ARRAY_SIZE(fpe_codes), fpe_codes },
	{ SIGILL, ARRAY_SIZE(ill_codes), ill_codes },
	{ SIGTRAP, ARRAY_SIZE(trap_codes), trap_codes },
};

/* NULL: it has no name. */
static const char *code_name(const siginfo_t *info)
{
	static const struct {
		int code;
		const char *name;
	} senders[] = {
		{ SI_USER, "SI_USER" },   { SI_KERNEL, "SI_KERNEL" }, { SI_QUEUE, "SI_QUEUE" },
		{ SI_TIMER, "SI_TIMER" }, { SI_MESGQ, "SI_MESGQ" },   { SI_ASYNCIO, "SI_ASYNCIO" },
		{ SI_SIGIO, "SI_SIGIO" }, { SI_TKILL, "SI_TKILL" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(senders); i++) {
		if (senders[i].code == info->si_code)
			return senders[i].name;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].sig == info->si_signo && info->si_code > 0 &&
		    (unsigned)info->si_code < codes[i].nr)
			return codes[i].names[info->si_code];
	}
	return NULL;
}

static void show_child(char *buf, size_t size, const siginfo_t *info)
{
	char status[16];

	if (info->si_code == CLD_EXITED)
		fmt(status, sizeof(status), "%d", info->si_status);
	else
		fmt(status, sizeof(status), "%s", signal_name(info->si_status));
	fmt(buf, size, ", si_pid=%d, si_uid=%u, si_status=%s, si_utime=%ld, si_stime=%ld",
	    info->si_pid, (unsigned)info->si_uid, status, (long)info->si_utime,
	    (long)info->si_stime);
}

/* What the code makes valid. */
static void show_fields(char *buf, size_t size, const siginfo_t *info)
{
	bool fault = (SIGNAL_BIT(info->si_signo) & SIGNAL_SYNCHRONOUS) != 0;

	if (info->si_code == SI_USER || info->si_code == SI_TKILL)
		fmt(buf, size, ", si_pid=%d, si_uid=%u", info->si_pid, (unsigned)info->si_uid);
	else if (info->si_code == SI_QUEUE || info->si_code == SI_MESGQ)
		fmt(buf, size, ", si_pid=%d, si_uid=%u, si_int=%d, si_ptr=%#lx", info->si_pid,
		    (unsigned)info->si_uid, info->si_int, (unsigned long)info->si_ptr);
	else if (info->si_code == SI_TIMER)
		fmt(buf, size, ", si_timerid=%d, si_overrun=%d, si_int=%d, si_ptr=%#lx",
		    info->si_tid, info->si_overrun, info->si_int, (unsigned long)info->si_ptr);
	else if (info->si_signo == SIGCHLD && info->si_code > 0)
		show_child(buf, size, info);
	else if (fault && info->si_code > 0 && info->si_code != SI_KERNEL)
		fmt(buf, size, ", si_addr=%#lx", (unsigned long)info->si_addr);
}

void strace_siginfo(char *buf, size_t size, const siginfo_t *info)
{
	char code[16], fields[STRACE_DETAILS_MAX / 2] = "";
	const char *name;

	if (info->si_signo < 1 || info->si_signo > 64) { /* waitid(2) found nothing */
		fmt(buf, size, "{}");
		return;
	}
	name = code_name(info);
	if (name == NULL) {
		fmt(code, sizeof(code), "%d", info->si_code);
		name = code;
	}
	show_fields(fields, sizeof(fields), info);
	fmt(buf, size, "{si_signo=%s, si_code=%s%s}", signal_name(info->si_signo), name, fields);
}

void strace_wait_status(char *buf, size_t size, int status)
{
	int sig = status & 0x7f;

	if (status == 0xffff)
		fmt(buf, size, "[{WIFCONTINUED(s)}]");
	else if (sig == 0x7f)
		fmt(buf, size, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]",
		    signal_name(status >> 8 & 0xff));
	else if (sig != 0)
		fmt(buf, size, "[{WIFSIGNALED(s) && WTERMSIG(s) == %s}]", signal_name(sig));
	else
		fmt(buf, size, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", status >> 8 & 0xff);
}
