/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random system calls, from a seed: the kernel must answer every one of them, and nothing may be
 * left over.
 *
 *     fuzz_syscalls [--seed N] [--first K] [--count M] [--seconds S] [--calls C] [--check]
 *
 * A round is one number; with the seed it decides what the round's processes and threads call. So
 * `--seed N --first K --count 1` repeats round K (its threads interleave anew). The supervisor
 * starts a round's processes, gives them a moment, kills whatever is left (rounds leave sleepers
 * behind by design), and everything must then die and be reaped within GRACE_S, or it reports a
 * hang, with what is left. With --check it prints the system's counters now and then: the caller
 * judges whether something leaks. A panic ends the VM with a status of its own, and the last
 * round printed is the one.
 *
 * The arguments are plausible more often than wild: a call that fails at its first check shows
 * little. Pointers go into a thread's arena, which ends at a page without access and has a read-
 * only page before it, and is filled with small numbers, pointers and noise again and again. Runs
 * only where it may do harm: in Hull, whose host's files are read-only below it.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "fuzz_clean.h"
#include "fuzz_network.h"
#include "fuzz_table.h"

#define PAGE       4096ul
#define ARENA      (8 * PAGE) /* the last page has no access, the first is read-only */
#define PLAYGROUND (64 * PAGE)
#define PROCESSES  3
#define THREADS    3
#define CHILDREN   40 /* a round's, of fork by the calls themselves */
#define ROUND_MS   400
#define GRACE_S    20

/* One thread's state; its arena is mapped anew often, since calls unmap what they like. */
struct thread {
	uint64_t random;
	char *arena, *playground;
	int depth; /* of forks below the round's process */
	long calls_left;
};

/* Shared by everything of this run. */
static struct shared {
	_Atomic long calls, succeeded, unknown;
	_Atomic int children;
} * shared;

static uint64_t seed = 1;
static long calls_each = 400;
static pid_t supervisor;

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* splitmix64 */
static uint64_t next(struct thread *t)
{
	uint64_t z = (t->random += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t below(struct thread *t, uint64_t limit)
{
	return next(t) % limit;
}

static bool one_in(struct thread *t, unsigned n)
{
	return below(t, n) == 0;
}

static long border_number(struct thread *t)
{
	static const long borders[] = { 0,
					1,
					-1,
					2,
					4095,
					4096,
					4097,
					65536,
					INT32_MAX,
					INT32_MIN,
					UINT32_MAX,
					INT64_MAX,
					INT64_MIN,
					1l << 32,
					1l << 47,
					(1l << 47) - 4096,
					-4096,
					-4095,
					(long)0xffff800000000000ull,
					(long)0xffffffff80000000ull };

	return one_in(t, 4) ? (long)next(t) : borders[below(t, LENGTH(borders))];
}

static char *writable(struct thread *t)
{
	return t->arena + PAGE;
}

static long pointer(struct thread *t)
{
	switch (below(t, 16)) {
	case 0:
		return 0;
	case 1: /* across the border to no access */
		return (long)(t->arena + ARENA - PAGE - below(t, 64));
	case 2:
		return (long)(t->arena + ARENA - PAGE);
	case 3: /* across the border from read-only */
		return (long)(t->arena + PAGE - below(t, 64));
	case 4:
		return one_in(t, 2) ? border_number(t) : (long)(writable(t) + below(t, PAGE));
	case 5:
		return (long)(t->playground + below(t, PLAYGROUND));
	default:
		return (long)(writable(t) + below(t, (ARENA - 3 * PAGE) / 64) * 64);
	}
}

static uint64_t cell(struct thread *t)
{
	switch (below(t, 8)) {
	case 0:
		return (uint64_t)pointer(t);
	case 1:
		return (uint64_t)border_number(t);
	case 2:
		return below(t, 64) | below(t, 64) << 32; /* descriptors, flags, in halves */
	case 3:
		return below(t, 1 << 20);
	case 4:
		return next(t);
	default:
		return below(t, 24);
	}
}

/* The arena as it should be, with new contents. */
static void refresh(struct thread *t)
{
	uint64_t *page;
	const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	raw(SYS_mmap, (long)t->arena, ARENA, PROT_READ | PROT_WRITE, fixed, -1, 0);
	page = (uint64_t *)(t->arena + PAGE * below(t, ARENA / PAGE - 1));
	for (size_t i = 0; i < PAGE / sizeof(*page); i++)
		page[i] = cell(t);
	page = (uint64_t *)writable(t);
	for (size_t i = 0; i < PAGE / sizeof(*page); i++)
		page[i] = cell(t);
	raw(SYS_mprotect, (long)t->arena, PAGE, PROT_READ, 0, 0, 0);
	raw(SYS_mprotect, (long)(t->arena + ARENA - PAGE), PAGE, PROT_NONE, 0, 0, 0);
}

static long path(struct thread *t)
{
	static const char *const paths[] = { "f0",
					     "f1",
					     "f2",
					     "d0",
					     "d1",
					     "d0/f",
					     "d1/f",
					     "d0/d",
					     "link",
					     "fifo",
					     "socket",
					     "..",
					     ".",
					     "",
					     "/",
					     "/dev/null",
					     "/dev/zero",
					     "/dev/ptmx",
					     "/dev/full",
					     "/proc/self/fd",
					     "/proc/self/maps",
					     "/proc/self/mem",
					     "/proc/self/fd/3",
					     "/proc/self/exe",
					     "/proc/self/task",
					     "/proc/stat",
					     "/proc/mounts",
					     "/dev/shm",
					     "d0/../d1/./f",
					     "link/x",
					     "/queue",
					     "user.name",
					     "/bin/true",
					     "/proc/self/status",
					     "/dev/pts/0" };
	char *at;

	if (one_in(t, 24))
		return pointer(t);
	if (one_in(t, 48)) { /* long, without an end before the border */
		at = t->arena + ARENA - PAGE - 300;
		memset(at, 'x', 300);
		return (long)at;
	}
	return (long)paths[below(t, LENGTH(paths))];
}

static long table_value(struct thread *t, unsigned table)
{
	const long *row = values[table];
	unsigned used = 1;
	long value;

	for (unsigned i = 1; i < VALUES; i++)
		used = row[i] != 0 ? i + 1 : used;
	value = row[below(t, used)];
	while (one_in(t, 3))
		value |= row[below(t, used)];
	return one_in(t, 64) ? value ^ (1l << below(t, 64)) : value;
}

static long process_id(struct thread *t)
{
	switch (below(t, 8)) {
	case 0:
		return 0x3fffffff;
	case 1:
		return INT32_MIN;
	case 2:
		return raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	default:
		return raw(SYS_getpid, 0, 0, 0, 0, 0, 0);
	}
}

static long signal_number(struct thread *t)
{
	static const int harmless[] = { 0,        SIGUSR1, SIGUSR2, SIGCHLD, SIGURG,
					SIGWINCH, SIGALRM, SIGIO,   SIGCONT, SIGPIPE,
					34,       40,      64,      65,      -1 };

	if (t->depth > 0)
		return (long)below(t, 66);
	return harmless[below(t, LENGTH(harmless))];
}

static long short_time(struct thread *t)
{
	struct timespec *at = (struct timespec *)(writable(t) + 64 * below(t, 32));

	if (one_in(t, 12))
		return pointer(t);
	*at = (struct timespec){ 0, (long)below(t, 300000) };
	return (long)at;
}

static long argument(struct thread *t, unsigned kind)
{
	char *at;

	switch (kind) {
	case FD:
		return one_in(t, 24) ? border_number(t) : (long)below(t, 24);
	case DIRFD:
		return one_in(t, 3) ? (long)below(t, 24) : AT_FDCWD;
	case PATH:
		return path(t);
	case PTR:
		return pointer(t);
	case LEN:
		return one_in(t, 12) ? border_number(t)
				     : (long)below(t, one_in(t, 3) ? 20000 : 128);
	case COUNT:
		return one_in(t, 24) ? border_number(t) : (long)below(t, 12);
	case OFFSET:
		return one_in(t, 12) ? border_number(t) : (long)below(t, 100000);
	case ADDRESS:
		return one_in(t, 32) ? border_number(t)
				     : (long)(t->playground + PAGE * below(t, PLAYGROUND / PAGE));
	case SIZE:
		return one_in(t, 24)
			       ? border_number(t)
			       : (long)(PAGE * below(t, 20) + (one_in(t, 6) ? below(t, PAGE) : 0));
	case SIGNAL:
		return signal_number(t);
	case PID:
		return process_id(t);
	case USER:
		return one_in(t, 3) ? border_number(t) : (long)below(t, 3);
	case MODE:
		return (long)(one_in(t, 3) ? next(t) & 0177777
					   : 0777 | (one_in(t, 2) ? S_IFREG : S_IFIFO));
	case TIME:
		return short_time(t);
	case IDENTIFIER:
		return one_in(t, 8) ? border_number(t) : (long)below(t, 8);
	case SOCKADDR:
		at = writable(t) + PAGE + 128 * below(t, 8);
		address_put(at, next(t));
		return (long)at;
	case ADDRLEN:
		return one_in(t, 12) ? border_number(t) : address_length(next(t));
	case MESSAGE:
		at = writable(t) + 2 * PAGE + MESSAGE_SIZE * below(t, PAGE / MESSAGE_SIZE);
		message_put(at, next(t));
		return (long)at;
	case NUMBER:
		return one_in(t, 2) ? (long)below(t, 4096) : border_number(t);
	default:
		return kind >= TABLES ? table_value(t, kind - TABLES) : 0;
	}
}

static bool is_never(long nr)
{
	for (size_t i = 0; i < LENGTH(never); i++)
		if (never[i] == nr)
			return true;
	return nr >= 0x1000;
}

static void count_result(long result)
{
	atomic_fetch_add(&shared->calls, 1);
	if (result >= 0 || result < -4095)
		atomic_fetch_add(&shared->succeeded, 1);
	if (result == -ENOSYS)
		atomic_fetch_add(&shared->unknown, 1);
}

/* Any number at all, with anything. */
static void call_wild(struct thread *t)
{
	long nr = (long)below(t, 470), a[MAX_ARGS];
	static const unsigned char kinds[] = { FD, PTR, LEN, NUMBER, PATH, TIME, NONE };

	if (one_in(t, 16))
		nr = border_number(t);
	if (is_never(nr & 0xffffffff))
		return;
	for (int i = 0; i < MAX_ARGS; i++)
		a[i] = argument(t, kinds[below(t, LENGTH(kinds))]);
	count_result(raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static void call_listed(struct thread *t)
{
	const struct call *c = &calls[below(t, LENGTH(calls))];
	long a[MAX_ARGS];

	for (int i = 0; i < MAX_ARGS; i++)
		a[i] = argument(t, c->arg[i]);
	count_result(raw(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static void nothing(int number)
{
	(void)number;
}

/* A signal that a call causes interrupts, and does not kill; calls undo that as they like. */
static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = nothing };
	uint64_t none = 0;

	for (int i = 1; i < NSIG; i++)
		if (i != SIGSEGV && i != SIGBUS && i != SIGILL && i != SIGFPE && i != SIGTRAP &&
		    i != SIGSYS)
			sigaction(i, &action, NULL);
	raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, sizeof(none), 0, 0);
}

static void fuzz(struct thread *t);

static void child_body(struct thread *t)
{
	static char *const argv[] = { "true", NULL };

	t->depth++;
	t->calls_left = (long)below(t, 40);
	fuzz(t);
	if (one_in(t, 3))
		raw(SYS_execve, path(t), pointer(t), pointer(t), 0, 0, 0);
	if (one_in(t, 3))
		raw(SYS_execve, (long)"/bin/true", (long)argv, 0, 0, 0, 0);
	if (one_in(t, 4))
		*(volatile int *)border_number(t) = 1;
	raw(SYS_exit_group, (long)below(t, 256), 0, 0, 0, 0, 0);
}

/* fork, or clone without a shared address space, whose child goes on a little. */
static void call_fork(struct thread *t)
{
	static const long flags[] = { SIGCHLD,
				      SIGCHLD,
				      SIGCHLD | CLONE_FILES,
				      SIGCHLD | CLONE_FS,
				      SIGCHLD | CLONE_PARENT,
				      0,
				      SIGUSR1,
				      SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
				      SIGCHLD | CLONE_PIDFD,
				      SIGCHLD | CLONE_NEWUSER,
				      CLONE_THREAD,
				      SIGCHLD | CLONE_CHILD_CLEARTID | CLONE_SYSVSEM | CLONE_IO };
	long pid;

	if (t->depth > 2 || atomic_fetch_add(&shared->children, 1) > CHILDREN)
		return;
	pid = raw(SYS_clone, flags[below(t, LENGTH(flags))], 0, pointer(t), pointer(t), 0, 0);
	count_result(pid);
	if (pid == 0)
		child_body(t);
	if (pid > 0 && one_in(t, 2))
		raw(SYS_wait4, pid, 0, one_in(t, 2) ? WNOHANG : 0, 0, 0, 0);
	else if (pid > 0 && one_in(t, 3))
		raw(SYS_kill, pid, signal_number(t), 0, 0, 0, 0);
}

static void fuzz(struct thread *t)
{
	for (long i = 0; t->calls_left-- > 0; i++) {
		if (i % 8 == 0)
			refresh(t);
		if (i % 64 == 0)
			catch_signals();
		if (one_in(t, 16))
			call_wild(t);
		else if (one_in(t, 40))
			call_fork(t);
		else
			call_listed(t);
	}
}

static struct thread *thread_new(uint64_t random)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (!t)
		exit(2);
	t->random = random;
	t->calls_left = calls_each;
	t->arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t->playground = mmap(NULL, PLAYGROUND, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	if (t->arena == MAP_FAILED || t->playground == MAP_FAILED)
		exit(2);
	next(t);
	return t;
}

static void *thread_main(void *arg)
{
	fuzz(arg);
	return NULL;
}

/* Descriptors of every kind, so that random numbers meet something. */
static void open_descriptors(void)
{
	int pair[2];

	for (int i = 0; i < 3; i++)
		dup2(open("/dev/null", O_RDWR), i);
	open("f0", O_RDWR | O_CREAT, 0666);
	open("f1", O_RDWR | O_CREAT | O_APPEND, 0666);
	open(".", O_RDONLY | O_DIRECTORY);
	if (pipe2(pair, O_NONBLOCK) || pipe(pair))
		exit(2);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	eventfd(3, EFD_NONBLOCK);
	epoll_create1(0);
	timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	inotify_init1(IN_NONBLOCK);
	memfd_create("fuzz", MFD_ALLOW_SEALING);
	open("/dev/ptmx", O_RDWR | O_NOCTTY);
	open("/dev/zero", O_RDWR);
	socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
}

static void process_main(long round, int number)
{
	pthread_t threads[THREADS];

	setpgid(0, 0);
	open_descriptors();
	catch_signals();
	for (uint64_t i = 0; i < THREADS; i++) {
		uint64_t mix = seed * 1000003 + (uint64_t)round * 64 + (uint64_t)number * 8 + i;

		pthread_create(&threads[i], NULL, thread_main,
			       thread_new(mix * 0x2545f4914f6cdd1dull));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reap until nobody is left or the time is over. */
static bool reap(double until)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0 && errno == ECHILD)
			return true;
		if (pid == 0 && now() > until)
			return false;
		if (pid == 0)
			usleep(2000);
	}
}

static void print_file(const char *name, const char *file)
{
	char line[512], whole[64];
	FILE *f;

	snprintf(whole, sizeof(whole), "/proc/%s/%s", name, file);
	f = fopen(whole, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("# %s: %s", whole, line);
	if (f)
		fclose(f);
}

static void print_processes(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	while (folder && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    atoi(entry->d_name) != supervisor) {
			print_file(entry->d_name, "stat");
			print_file(entry->d_name, "syscall");
		}
	if (folder)
		closedir(folder);
}

static bool run_round(long round)
{
	atomic_store(&shared->children, 0);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid == 0)
			process_main(round, i);
		if (pid < 0)
			printf("round %ld: fork: %s\n", round, strerror(errno));
	}
	if (reap(now() + ROUND_MS / 1000.0))
		return true;
	for (int i = 0; i < 2 * GRACE_S; i++) { /* not by the clock: the machine may stand still */
		kill(-1, SIGKILL);
		if (reap(now() + 0.5))
			return true;
	}
	printf("HANG in round %ld: these do not die:\n", round);
	print_processes();
	return false;
}

static long option(int argc, char **argv, const char *name, long otherwise)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return i + 1 < argc && argv[i + 1][0] != '-' ? atol(argv[i + 1]) : 1;
	return otherwise;
}

static void refuse_elsewhere(void)
{
	struct utsname name;

	if (uname(&name) || !strstr(name.version, "Hull")) {
		fprintf(stderr, "fuzz_syscalls: runs in Hull only\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	long first = option(argc, argv, "--first", 0),
	     count = option(argc, argv, "--count", 1 << 30);
	double end = now() + (double)option(argc, argv, "--seconds", 1 << 30);
	bool check = option(argc, argv, "--check", 0) != 0;
	long round;

	refuse_elsewhere();
	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = (uint64_t)option(argc, argv, "--seed", 1);
	calls_each = option(argc, argv, "--calls", calls_each);
	supervisor = getpid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	mkdir(FOLDER, 0777);
	if (shared == MAP_FAILED || chdir(FOLDER))
		return 2;
	clean_init();
	for (round = first; round < first + count && now() < end; round++) {
		clean_up();
		clean_elsewhere();
		if (check && (round - first) % 16 == 0)
			print_counters(round - first);
		printf("round %ld\n", round);
		if (!run_round(round))
			return 3;
	}
	clean_up();
	clean_elsewhere();
	if (check)
		print_counters(round - first);
	printf("%ld rounds, %ld calls, %ld succeeded, %ld not known\n", round - first,
	       atomic_load(&shared->calls), atomic_load(&shared->succeeded),
	       atomic_load(&shared->unknown));
	return 0;
}
