/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorder: every task of the program (a thread, a child, a thread of one) stops at the entry
 * and the exit of each call, is asked which call it is (ptrace(2), PTRACE_GET_SYSCALL_INFO) and
 * goes on. New tasks are attached by the kernel. A task's program is what /proc/TID/exe names,
 * asked for when the task is first seen and when it has called exec.
 *
 * Signals and job stops are the program's: a signal that stops a task is delivered to it as it
 * came (PTRACE_SEIZE tells a stop by a signal from the tracer's own), and a stopped task is left
 * stopped until somebody continues it (PTRACE_LISTEN).
 *
 * The vDSO answers some calls without the kernel, which nobody can see. So it is hidden: at an
 * exec, the entry AT_SYSINFO_EHDR of the new program's auxiliary vector is made one to be ignored
 * (getauxval(3)), and the C library makes true calls.
 *
 * The report is written when the program's last thread is at its end but has not ended: whoever
 * waits for the program finds it complete. Tasks that outlive the program are waited for if the
 * output is a file, which is then written again; a stream has had its report and is let go.
 */
#define _GNU_SOURCE 1
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/image/scan/recorder.h"

#define BUCKETS           256
#define CS_64BIT          0x33 /* the code segment of 64-bit programs on Linux */
#define X32_BIT           0x40000000U
#define STACK_LIMIT_BYTES (64UL << 20) /* more than arguments and environment may have */

struct task {
	pid_t tid, tgid;
	bool ending;
	struct trace_program *program;
	struct task *next;
};

struct recording {
	const struct recorder *recorder;
	struct trace_record record;
	struct task *tasks[BUCKETS];
	bool has_begun;   /* the leader has executed the program */
	bool is_over;     /* there is nothing more to report */
	bool is_stream;   /* one report */
	bool is_reported; /* what is known, in the last report */
};

static volatile sig_atomic_t asked_to_end;

static struct task **slot_of(struct recording *rec, pid_t tid)
{
	struct task **slot = &rec->tasks[(unsigned)tid % BUCKETS];

	while (*slot && (*slot)->tid != tid)
		slot = &(*slot)->next;
	return slot;
}

/* The program that a task executes; NULL if the task is gone or there is no memory. */
static struct trace_program *program_of(struct recording *rec, pid_t tid)
{
	struct trace_program **at = &rec->record.programs;
	char link[64], path[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return NULL;
	path[len] = '\0';
	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	if (*at)
		return *at;
	*at = calloc(1, sizeof(**at));
	if (!*at)
		return NULL;
	(*at)->path = strdup(path);
	if (!(*at)->path) {
		free(*at);
		*at = NULL;
	}
	return *at;
}

/* The process of a task; 0: the task is at its end or gone. */
static pid_t process_of(pid_t tid)
{
	char name[64], line[128], state = 'X';
	int tgid = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/status", tid);
	file = fopen(name, "re");
	while (file && fgets(line, sizeof(line), file) && !tgid) {
		if (sscanf(line, "State: %c", &state) != 1)
			sscanf(line, "Tgid: %d", &tgid);
	}
	if (file)
		fclose(file);
	return state == 'X' || state == 'Z' ? 0 : tgid;
}

/* The task of this id, made if it is new; NULL: it is gone, or there is no memory. */
static struct task *task_of(struct recording *rec, pid_t tid)
{
	struct task **slot = slot_of(rec, tid), *task = *slot;
	pid_t tgid;

	if (task)
		return task;
	tgid = process_of(tid);
	if (!tgid)
		return NULL;
	task = calloc(1, sizeof(*task));
	if (!task)
		return NULL;
	task->tid = tid;
	task->tgid = tgid;
	task->program = program_of(rec, tid);
	*slot = task;
	rec->record.nr_running++;
	return task;
}

static void set_ending(struct recording *rec, struct task *task)
{
	if (task->ending)
		return;
	task->ending = true;
	rec->record.nr_running--;
	rec->is_reported = false;
}

static void forget(struct recording *rec, pid_t tid)
{
	struct task **slot = slot_of(rec, tid), *task = *slot;

	if (!task)
		return;
	set_ending(rec, task);
	*slot = task->next;
	free(task);
}

static bool process_has_ended(const struct recording *rec, pid_t tgid)
{
	for (int i = 0; i < BUCKETS; i++) {
		for (const struct task *task = rec->tasks[i]; task; task = task->next) {
			if (task->tgid == tgid && !task->ending)
				return false;
		}
	}
	return true;
}

static void write_output(const struct recording *rec, const char *bytes, size_t len)
{
	const char *name = rec->recorder->options->output;
	size_t done = 0;

	if (!rec->is_stream && lseek(STDOUT_FILENO, 0, SEEK_SET) < 0)
		message_print("%s: %s", name, strerror(errno));
	while (done < len) {
		ssize_t n = write(STDOUT_FILENO, bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			message_print("%s: %s: the trace is not whole",
				      name ? name : "standard error", strerror(errno));
			return;
		}
		done += (size_t)n;
	}
	if (!rec->is_stream && ftruncate(STDOUT_FILENO, (off_t)len) < 0)
		message_print("%s: %s", name, strerror(errno));
}

static void report(struct recording *rec)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out;

	if (!rec->has_begun || rec->is_reported)
		return;
	rec->is_reported = true;
	out = open_memstream(&bytes, &len);
	if (out)
		rec->recorder->options->report(out, &rec->record);
	if (out && fclose(out) == 0)
		write_output(rec, bytes, len);
	else
		message_print("scan --trace: out of memory: nothing is written");
	free(bytes);
}

/* Whoever reads the program's error stream finds its end with the program's. */
static void leave_error_stream(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	close(fd);
}

/* What the C library would have asked the vDSO: of the clocks, those that it can read (vdso(7)). */
static bool is_for_vdso(uint64_t nr, const uint64_t args[])
{
	if (nr == SYS_gettimeofday || nr == SYS_time || nr == SYS_getcpu)
		return true;
	if (nr != SYS_clock_gettime && nr != SYS_clock_getres)
		return false;
	return args[0] == CLOCK_REALTIME || args[0] == CLOCK_MONOTONIC || args[0] == CLOCK_TAI ||
	       (args[0] >= CLOCK_MONOTONIC_RAW && args[0] <= CLOCK_BOOTTIME);
}

static void count(struct recording *rec, struct trace_program *program,
		  const struct __ptrace_syscall_info *info)
{
	enum call_abi abi = info->arch == AUDIT_ARCH_I386 ? CALL_I386 : CALL_X86_64;
	uint64_t nr = info->entry.nr;

	if (abi == CALL_X86_64 && nr >= X32_BIT && nr < 2 * X32_BIT) {
		abi = CALL_X32;
		nr -= X32_BIT;
	}
	if (abi != CALL_I386 && nr == SYS_restart_syscall)
		return; /* the kernel's own doing, when a stopped sleep goes on */
	if (nr >= CALL_NUMBERS)
		nr = CALL_NUMBERS - 1;
	rec->is_reported = false;
	program->made[abi][nr]++;
	if (abi == CALL_X86_64 && !rec->recorder->options->keep_vdso &&
	    is_for_vdso(nr, (const uint64_t *)info->entry.args))
		program->by_vdso[nr]++;
}

static void on_call(struct recording *rec, const struct task *task)
{
	struct __ptrace_syscall_info info;

	if (!rec->has_begun || !task->program)
		return;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) < 0) {
		if (errno != ESRCH)
			rec->record.nr_unread++;
		return;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		count(rec, task->program, &info);
}

/* Words of a task's stack, read by pages. */
struct stack_reader {
	pid_t pid;
	uint64_t address, page_address;
	uint64_t page[512];
};

static bool stack_next(struct stack_reader *reader, uint64_t *word)
{
	uint64_t page_address = reader->address & ~UINT64_C(4095);
	struct iovec local = { reader->page, sizeof(reader->page) };
	struct iovec remote = { (void *)page_address, sizeof(reader->page) };

	if (page_address != reader->page_address &&
	    process_vm_readv(reader->pid, &local, 1, &remote, 1, 0) != sizeof(reader->page))
		return false;
	reader->page_address = page_address;
	*word = reader->page[(reader->address - page_address) / sizeof(*word)];
	reader->address += sizeof(*word);
	return true;
}

/* Moves to the auxiliary vector: argc, argv, NULL, envp, NULL (System V ABI, 3.4.1). */
static bool stack_find_auxv(struct stack_reader *reader)
{
	uint64_t word, end = reader->address + STACK_LIMIT_BYTES;
	int nulls = 0;

	if (!stack_next(reader, &word))
		return false;
	reader->address += word * sizeof(word); /* past argv, at its NULL */
	while (nulls < 2 && reader->address < end) {
		if (!stack_next(reader, &word))
			return false;
		nulls += word == 0;
	}
	return nulls == 2;
}

static void hide_vdso(pid_t pid)
{
	struct user_regs_struct regs;
	struct stack_reader reader = { .pid = pid, .page_address = 1 };
	uint64_t type, value;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0 || regs.cs != CS_64BIT || regs.rsp % 8)
		return;
	reader.address = regs.rsp;
	if (!stack_find_auxv(&reader))
		return;
	while (stack_next(&reader, &type) && type != AT_NULL && stack_next(&reader, &value)) {
		if (type == AT_SYSINFO_EHDR) {
			ptrace(PTRACE_POKEDATA, pid, reader.address - 16, AT_IGNORE);
			return;
		}
	}
}

/* A thread that executes a program becomes its process's only one, and has that one's id. */
static void on_exec(struct recording *rec, struct task *task)
{
	unsigned long former = 0;

	if (ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &former) == 0 && (pid_t)former != task->tid)
		forget(rec, (pid_t)former);
	if (task->ending)
		rec->record.nr_running++;
	task->ending = false;
	task->tgid = task->tid;
	task->program = program_of(rec, task->tid);
	if (task->program)
		task->program->nr_started++;
	if (task->tid == rec->recorder->leader)
		rec->has_begun = true;
	if (!rec->recorder->options->keep_vdso)
		hide_vdso(task->tid);
}

/* Known before its first stop, so that its process is not taken for one that has ended. */
static void on_new_task(struct recording *rec, const struct task *parent)
{
	unsigned long tid;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &tid) == 0)
		task_of(rec, (pid_t)tid);
}

static void on_end(struct recording *rec, struct task *task)
{
	pid_t leader = rec->recorder->leader;

	set_ending(rec, task);
	if (task->tgid != leader || !process_has_ended(rec, leader))
		return;
	report(rec);
	leave_error_stream();
	rec->is_over = rec->is_stream;
}

static bool is_job_stop(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* Lets a stopped task go on. One that was killed meanwhile cannot, and its end will be told. */
static void on_stop(struct recording *rec, struct task *task, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	switch (event) {
	case 0:
		if (signal == (SIGTRAP | 0x80))
			on_call(rec, task);
		ptrace(PTRACE_SYSCALL, task->tid, NULL, signal & 0x80 ? 0 : signal);
		return;
	case PTRACE_EVENT_STOP:
		if (is_job_stop(signal)) {
			ptrace(PTRACE_LISTEN, task->tid, NULL, 0);
			return;
		}
		break;
	case PTRACE_EVENT_EXEC:
		on_exec(rec, task);
		break;
	case PTRACE_EVENT_EXIT:
		on_end(rec, task);
		break;
	default:
		on_new_task(rec, task);
		break;
	}
	ptrace(PTRACE_SYSCALL, task->tid, NULL, 0);
}

/* A signal between the look at asked_to_end and the wait would be lost: so it comes again. */
static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
	alarm(1);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = ask_to_end };
	sigset_t none;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int recorder_attach(const struct recorder *recorder)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
				PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;

	return ptrace(PTRACE_SEIZE, recorder->leader, NULL, options) < 0 ? errno : 0;
}

void recorder_run(const struct recorder *recorder)
{
	struct recording rec = { .recorder = recorder, .record.command = recorder->command };
	struct stat out;

	rec.is_stream = !recorder->options->output || fstat(STDOUT_FILENO, &out) < 0 ||
			!S_ISREG(out.st_mode);
	catch_signals();
	while (!asked_to_end && !rec.is_over) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);
		struct task *task;

		if (tid < 0 && errno != EINTR)
			break;
		if (tid < 0)
			continue;
		task = WIFSTOPPED(status) ? task_of(&rec, tid) : NULL;
		if (task)
			on_stop(&rec, task, status);
		else if (WIFSTOPPED(status))
			ptrace(PTRACE_SYSCALL, tid, NULL, 0);
		else
			forget(&rec, tid);
	}
	report(&rec);
}
