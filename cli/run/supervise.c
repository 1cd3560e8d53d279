/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks after a running guest. Signals that we get go to the program as control messages: written
 * into a pipe by the handlers, which run on this thread. The program's end and its stops come
 * back the same way, on a thread of the monitor's.
 *
 *	running --CONTROL_STOPPED--> terminal restored, SIGSTOP to ourselves
 *	stopped --SIGCONT----------> terminal raw again, CONTROL_CONTINUE, window size
 *	running --CONTROL_EXITED, PORT_EXIT--> terminal restored, exit status
 *
 * The guest's kernel answers each signal with CONTROL_TAKEN, whatever the program makes of it. One
 * that has owed an answer for PATIENCE_NS is lost: a further signal of the kind that asks to end
 * ends hull at once, with the status of a program killed by it, and the VM with hull.
 *
 * State that handlers use is in `state`; they only write(2) and set modes.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/run/guest_log.h"
#include "cli/run/run.h"
#include "cli/terminal.h"
#include "lib/compiler.h"

#define PATIENCE_NS 500000000u

static struct {
	int control_fd; /* written by handlers */
	int size_fd;    /* the terminal whose size is watched, or -1 */
	atomic_bool stopped, exited;
	atomic_uint_least64_t asked_ns; /* when a signal went out that is not answered; 0: none */
	uint32_t status, signal;        /* valid when exited */
	union {
		struct launch_terminal modes;
		uint32_t words[LAUNCH_TERMINAL_WORDS];
	} left;            /* what the program made of the terminal */
	bool has_modes;    /* all of it is there */
	uint64_t main_tsc; /* when the program was entered; 0: not marked */
	struct guest_log log;
} state = { .control_fd = -1, .size_fd = -1 };

static void send_control(uint32_t kind, uint32_t a, uint32_t b)
{
	struct control_message message = { .kind = kind, .a = a, .b = b };

	/* a full pipe: the guest has not looked for thousands of signals, and misses this one */
	(void)!write(state.control_fd, &message, sizeof(message));
}

static void send_size(void)
{
	uint32_t columns, rows;

	if (state.size_fd >= 0 && terminal_size(state.size_fd, &columns, &rows))
		send_control(CONTROL_WINSIZE, columns, rows);
}

static uint64_t now_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool asks_to_end(int signal)
{
	return signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM;
}

static void NORETURN give_up(int signal)
{
	static const char text[] = "hull: the virtual machine does not react to signals: ended\n";

	terminal_restore();
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1); /* nowhere left to complain to */
	_exit(128 + signal);
}

static void on_signal(int signal)
{
	int saved = errno;
	uint64_t now = now_ns(), asked = atomic_load(&state.asked_ns);

	if (asked != 0 && now - asked >= PATIENCE_NS && asks_to_end(signal))
		give_up(signal);
	if (asked == 0)
		atomic_store(&state.asked_ns, now);
	send_control(CONTROL_SIGNAL, (uint32_t)signal, 0);
	errno = saved;
}

static void on_winch(int signal)
{
	int saved = errno;

	(void)signal;
	send_size();
	errno = saved;
}

static void on_cont(int signal)
{
	int saved = errno;

	(void)signal;
	terminal_raw();
	if (atomic_exchange(&state.stopped, false))
		send_control(CONTROL_CONTINUE, 0, 0);
	send_size();
	errno = saved;
}

/* A bug of ours: the handler is reset by SA_RESETHAND, and the instruction faults again. */
static void on_fatal(int signal)
{
	terminal_restore();
	if (signal == SIGABRT)
		raise(signal);
}

/* A signal that was ignored when we were started stays ignored (nohup). */
static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, old;

	if (sigaction(signal, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	sigfillset(&action.sa_mask);
	sigaction(signal, &action, NULL);
}

static void handle_signals(void)
{
	static const int forwarded[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP,
	};
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };

	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		handle(forwarded[i], on_signal, SA_RESTART);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		handle(fatal[i], on_fatal, SA_RESETHAND);
	handle(SIGWINCH, on_winch, SA_RESTART);
	handle(SIGCONT, on_cont, SA_RESTART);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static void take_exit(const struct control_message *message)
{
	state.status = message->a & 0xff;
	state.signal = message->b & 0x7f;
	if (state.has_modes && state.signal == 0)
		terminal_leave_in(&state.left.modes);
	atomic_store(&state.exited, true);
}

/* Some words of the modes; the last ones complete them. */
static void take_terminal(const struct control_message *message)
{
	if (message->a > LAUNCH_TERMINAL_WORDS - 2)
		return;
	state.left.words[message->a] = message->b;
	state.left.words[message->a + 1] = message->c;
	state.has_modes = message->a == LAUNCH_TERMINAL_WORDS - 2;
}

static void on_control(void *context, const struct control_message *message)
{
	(void)context;
	switch (message->kind) {
	case CONTROL_EXITED:
		take_exit(message);
		break;
	case CONTROL_TAKEN:
		atomic_store(&state.asked_ns, 0);
		break;
	case CONTROL_MAIN:
		state.main_tsc = (uint64_t)message->c << 32 | message->b;
		break;
	case CONTROL_TERMINAL:
		take_terminal(message);
		break;
	case CONTROL_STOPPED:
		terminal_restore();
		atomic_store(&state.stopped, true);
		kill(getpid(), SIGSTOP);
		break;
	}
}

static void on_log(void *context, const char *bytes, size_t len)
{
	(void)context;
	guest_log_write(&state.log, bytes, len);
}

/* How fast the TSC ticks, within some parts in 100,000; 0 if the clock fails. */
static uint32_t measure_tsc_khz(void)
{
	struct timespec begin, end, pause = { .tv_nsec = 20000000 };
	uint64_t ticks, ns;

	if (clock_gettime(CLOCK_MONOTONIC_RAW, &begin) < 0)
		return 0;
	ticks = __builtin_ia32_rdtsc();
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &end);
	ticks = __builtin_ia32_rdtsc() - ticks;
	ns = (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000000u + (uint64_t)end.tv_nsec -
	     (uint64_t)begin.tv_nsec;
	return (uint32_t)(ticks * 1000000u / ns);
}

static int run_tcg(struct run_plan *plan, struct vm_result *result)
{
	int err;

	plan->embeds_root = plan->config.payload_offset ==
			    0; /* else the image's own kernel finds it */
	err = run_record_write(plan, measure_tsc_khz());
	if (err < 0)
		return err;
	return monitor_run_qemu(&plan->config, plan->options->machine, result);
}

static int run_vm(struct run_plan *plan, struct vm_result *result)
{
	enum accel_choice accel = plan->options->accel;
	int err;

	if (accel == ACCEL_TCG)
		return run_tcg(plan, result);
	if (run_record_write(plan, 0) < 0)
		return -ENOMEM;
	err = monitor_run(&plan->config, result);
	if (err != -ENODEV || result->confined || accel == ACCEL_KVM)
		return err;
	if (!plan->options->quiet)
		message_print("KVM cannot be used, so this runs by QEMU's emulation, slowly: %s",
			      result->message);
	return run_tcg(plan, result);
}

static int status_of(const struct vm_result *result, int err)
{
	if (err) {
		message_print("%s", result->message[0] ? result->message : strerror(-err));
		if (err == -EIO)
			guest_log_dump(&state.log);
		return EXIT_HULL;
	}
	if (result->end != VM_END_OFF) {
		message_print("the virtual machine's kernel %s; its log:",
			      result->end == VM_END_PANIC ? "panicked" : "could not start");
		guest_log_dump(&state.log);
		return EXIT_HULL;
	}
	if (!atomic_load(&state.exited)) {
		message_print("the virtual machine ended without saying how the program did");
		return EXIT_HULL;
	}
	return state.signal ? 128 + (int)state.signal : (int)state.status;
}

/* For bench/run: where the time between the command and its end goes. KVM only. */
static void print_timings(const struct vm_result *result, uint64_t begin_tsc)
{
	const struct {
		const char *name;
		uint64_t from, to;
	} phases[] = {
		{ "monitor", begin_tsc, result->entry_tsc },
		{ "kernel", result->entry_tsc, state.main_tsc },
		{ "program", state.main_tsc, result->end_tsc },
		{ "end", result->end_tsc, __builtin_ia32_rdtsc() },
	};

	if (state.main_tsc == 0 || result->tsc_khz == 0)
		return;
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		message_print("%s: %llu us", phases[i].name,
			      (unsigned long long)((phases[i].to - phases[i].from) * 1000 /
						   result->tsc_khz));
}

int supervise_run(struct run_plan *plan)
{
	const struct streams *streams = &plan->streams;
	struct vm_result result = { .message = "" };
	uint64_t begin_tsc = __builtin_ia32_rdtsc();
	int control[2], err;

	if (pipe2(control, O_CLOEXEC | O_NONBLOCK) < 0) {
		message_print("cannot make a pipe: %s", strerror(errno));
		return EXIT_HULL;
	}
	state.control_fd = control[1];
	state.size_fd = streams->tty_input ? STDIN_FILENO : streams->tty_fd;
	state.log.level = plan->options->verbose ? GUEST_LOG_ALL
			  : plan->options->quiet ? GUEST_LOG_NONE
						 : GUEST_LOG_USER;
	plan->config.control_in_fd = control[0];
	plan->config.on_control = on_control;
	plan->config.on_log = on_log;
	if (streams->tty_input)
		terminal_init(STDIN_FILENO);
	handle_signals();
	terminal_raw();
	err = run_vm(plan, &result);
	terminal_restore();
	if (result.capture_error)
		message_print("--pcap %s: %s: the capture is not complete",
			      plan->options->net.capture, strerror(result.capture_error));
	if (plan->options->timings)
		print_timings(&result, begin_tsc);
	return status_of(&result, err);
}
