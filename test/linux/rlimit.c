/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits and processes: what fork and exec keep, prlimit(2) of others, RLIMIT_NPROC, RLIMIT_CPU,
 * RLIMIT_RTTIME, RLIMIT_FSIZE's signal, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_SIGPENDING,
 * RLIMIT_MEMLOCK; usage of children.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/times.h>
#include "child.h"

static int set_limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };

	return setrlimit(resource, &limit);
}

static long cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of a virtual machine that its host did not run for a while: that counts as its CPU time. */
static bool stood_still;
static long last_look;

static long look(void)
{
	long now = cpu_ms();

	stood_still |= now - last_look >= 100;
	last_look = now;
	return now;
}

static void spin_ms(long ms)
{
	long end = look() + ms;

	while (look() < end)
		;
}

/* ---- inheritance and others ---- */

static int kept(void *unused)
{
	struct rlimit limit;

	(void)unused;
	getrlimit(RLIMIT_CORE, &limit);
	if (limit.rlim_cur != 0)
		return 1;
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur == 123 ? 0 : 2;
}

static int kept_by_exec(void *unused)
{
	(void)unused;
	execl("/bin/sh", "sh", "-c", "exit $(ulimit -n)", NULL);
	return 99;
}

static int sleeper(void *fd)
{
	char c;

	return (int)read(*(int *)fd, &c, 1);
}

static int limit_parent(void *unused)
{
	struct rlimit limit;
	pid_t parent = getppid();

	(void)unused;
	if (setgid(2000) || setuid(2000))
		return 77;
	if (prlimit(parent, RLIMIT_NOFILE, NULL, &limit) == 0 || errno != EPERM)
		return 1;
	if (prlimit(getpid(), RLIMIT_NOFILE, NULL, &limit) != 0)
		return 2;
	limit.rlim_max++;
	if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) == 0 || errno != EPERM)
		return 3;
	limit.rlim_max -= 2;
	limit.rlim_cur = 10;
	if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) != 0)
		return 4;
	limit.rlim_max++;
	if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) == 0 || errno != EPERM)
		return 5;
	return 0;
}

static void test_processes(void)
{
	struct rlimit old, other = { 50, 60 }, was = { 0, 0 }, mine;
	int fds[2];
	pid_t pid;

	getrlimit(RLIMIT_NOFILE, &old);
	CHECK_EQ(set_limit(RLIMIT_NOFILE, 123, old.rlim_max), 0);
	CHECK_EQ(set_limit(RLIMIT_CORE, 0, 0), 0);
	CHECK_EQ(child_run(kept, NULL), 0);
	CHECK_EQ(child_run(kept_by_exec, NULL), 123);
	CHECK_EQ(pipe(fds), 0);
	pid = child_start(sleeper, &fds[0]);
	CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, &other, &was), 0);
	CHECK_EQ(was.rlim_cur, 123);
	CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, NULL, &was), 0);
	CHECK(was.rlim_cur == 50 && was.rlim_max == 60);
	getrlimit(RLIMIT_NOFILE, &mine);
	CHECK_EQ(mine.rlim_cur, 123);
	kill(pid, SIGKILL);
	CHECK_EQ(child_wait(pid), 1000 + SIGKILL);
	CHECK_ERR(prlimit(pid, RLIMIT_NOFILE, NULL, &was), ESRCH);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	if (geteuid() == 0)
		CHECK_EQ(child_run(limit_parent, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

/* ---- processes and threads of a user ---- */

static atomic_bool may_go;

static void *linger(void *unused)
{
	while (!atomic_load(&may_go))
		child_pause_ms(5);
	return unused;
}

static int too_many(void *unused)
{
	pthread_t threads[8];
	int nr = 0, err = 0;
	pid_t pid;

	(void)unused;
	if (setgid(54326) || setuid(54326) || set_limit(RLIMIT_NPROC, 3, 3))
		return 77;
	while (nr < 8 && (err = pthread_create(&threads[nr], NULL, linger, NULL)) == 0)
		nr++;
	if (nr != 2 || err != EAGAIN) /* with this one: three */
		return 10 + nr;
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid != -1 || errno != EAGAIN)
		return 1;
	atomic_store(&may_go, true);
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	while ((pid = fork()) == -1 && errno == EAGAIN) /* their end may lag a little */
		child_pause_ms(5);
	if (pid == 0)
		_exit(0);
	return pid > 0 && child_wait(pid) == 0 ? 0 : 2;
}

#define PEER_ID 54399

struct execs {
	int limit;
	bool limit_last; /* set when it is another user already: too late to count */
};

static int becomes_and_execs(void *arg)
{
	const struct execs *e = arg;
	rlim_t limit = (rlim_t)e->limit;

	if (!e->limit_last)
		set_limit(RLIMIT_NPROC, limit, limit);
	if (setresuid(PEER_ID, PEER_ID, PEER_ID))
		return 77;
	if (e->limit_last)
		set_limit(RLIMIT_NPROC, limit, limit);
	execl("/proc/self/exe", "rlimit", "after-exec", NULL);
	return errno == EAGAIN ? 1 : 2;
}

static int is_peer(void *ready)
{
	if (setresuid(PEER_ID, PEER_ID, PEER_ID))
		_exit(77);
	(void)!write(*(int *)ready, "x", 1);
	for (;;)
		pause();
}

/* execve(2), EAGAIN: setuid(2) succeeds, exec then does not. */
static void test_exec_of_too_many(void)
{
	struct execs e = { 0, false };
	int p[2];
	pid_t peer;
	char c;

	if (geteuid() != 0)
		return;
	CHECK_EQ(pipe(p), 0);
	peer = child_start(is_peer, &p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(child_run(becomes_and_execs, &e), 1);
	e.limit = 1;
	CHECK_EQ(child_run(becomes_and_execs, &e), 0); /* one, and one is the limit */
	e = (struct execs){ 0, true };
	CHECK_EQ(child_run(becomes_and_execs, &e), 0);
	kill(peer, SIGKILL);
	child_wait(peer);
	close(p[0]), close(p[1]);
}

/* ---- CPU time ---- */

static volatile sig_atomic_t nr_xcpu;

static void count_xcpu(int sig)
{
	(void)sig;
	nr_xcpu++;
}

/* Linux counts ticks for the limit, and a process may have run for a part of each only. */
static bool is_too_early(long ms)
{
	return cpu_ms() < (check_in_hull() ? ms - 10 : ms / 4);
}

static int spin_to_death(void *unused)
{
	(void)unused;
	set_limit(RLIMIT_CPU, 1, 3);
	signal(SIGXCPU, count_xcpu);
	while (nr_xcpu == 0)
		;
	if (is_too_early(1000))
		return 1;
	while (nr_xcpu == 1) /* again each second */
		;
	if (is_too_early(2000))
		return 2;
	for (;;)
		;
}

static int spin_on(void *unused)
{
	(void)unused;
	signal(SIGXCPU, SIG_DFL);
	for (;;)
		;
	return 0;
}

static int spin_by_default(void *unused)
{
	set_limit(RLIMIT_CPU, 1, 10);
	return spin_on(unused);
}

/* A limit that a child inherits counts the child's own time. */
static int spin_in_child(void *unused)
{
	set_limit(RLIMIT_CPU, 1, 10);
	signal(SIGXCPU, SIG_IGN);
	spin_ms(300);
	return child_run(spin_on, unused) == 1000 + SIGXCPU ? 0 : 1;
}

static long wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int spin_realtime(void *unused)
{
	struct sched_param param = { .sched_priority = 1 };
	long begin = 0;
	int nr;

	(void)unused;
	if (set_limit(RLIMIT_RTTIME, 400000, RLIM_INFINITY) != 0)
		return 76;
	signal(SIGXCPU, count_xcpu);
	if (sched_setscheduler(0, SCHED_FIFO, &param) != 0)
		return 77;
	last_look = cpu_ms();
	/* Each is far from the limit. */
	for (int i = 0; i < 60; i++) {
		spin_ms(15);
		begin = wall_ms();
		child_pause_ms(1); /* it starts anew */
	}
	nr = nr_xcpu;
	look();
	if (nr != 0 && !stood_still)
		return 1;
	while (nr_xcpu == nr)
		;
	return wall_ms() - begin >= 390 || stood_still ? 0 : 2;
}

/* ---- memory and files ---- */

static int fill_data(void *unused)
{
	char *p;

	(void)unused;
	if (set_limit(RLIMIT_DATA, 64 << 20, 64 << 20) != 0)
		return 1;
	p = mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED || errno != ENOMEM)
		return 2;
	p = mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) /* only what is writable counts */
		return 3;
	return sbrk(128 << 20) == (void *)-1 ? 0 : 4;
}

static int use_stack(int depth)
{
	volatile char block[4096];

	block[0] = (char)depth;
	return depth == 0 ? block[0] : use_stack(depth - 1) + block[0];
}

static int overflow(void *unused)
{
	(void)unused;
	set_limit(RLIMIT_STACK, 256 << 10, 256 << 10);
	return use_stack(500) & 1;
}

static int write_past(void *unused)
{
	int fd = open("big", O_RDWR | O_CREAT, 0600);

	(void)unused;
	set_limit(RLIMIT_FSIZE, 4096, 4096);
	return pwrite(fd, "x", 1, 4096) == 1 ? 1 : 2; /* SIGXFSZ's default */
}

static int queue_signals(void *unused)
{
	union sigval value = { 0 };
	sigset_t set;
	int nr = 0;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (set_limit(RLIMIT_SIGPENDING, 5, 5) != 0 || setgid(54322) || setuid(54322))
		return 77;
	while (nr < 20 && sigqueue(getpid(), SIGRTMIN, value) == 0)
		nr++;
	if (errno != EAGAIN)
		return 1;
	if (kill(getpid(), SIGUSR1) != 0) /* gets through */
		return 2;
	return 10 + nr;
}

static int queue_some(int nr)
{
	union sigval value = { 0 };
	int done = 0;

	while (done < nr && sigqueue(getpid(), SIGRTMIN, value) == 0)
		done++;
	return done;
}

static int holds_three(void *ready)
{
	if (queue_some(3) != 3 || write(*(int *)ready, "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

/* The limit is the user's, whose processes share it, and timers count, too. */
static int share_queue(void *unused)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	timer_t timer;
	sigset_t set;
	int p[2];
	pid_t pid;
	char c;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (set_limit(RLIMIT_SIGPENDING, 5, 5) != 0 || setgid(54325) || setuid(54325) || pipe(p))
		return 77;
	pid = child_start(holds_three, &p[1]);
	if (read(p[0], &c, 1) != 1)
		return 1;
	if (queue_some(9) != 2 || errno != EAGAIN)
		return 2;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != -1 || errno != EAGAIN)
		return 3;
	kill(pid, SIGKILL);
	child_wait(pid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		return 4;
	if (queue_some(9) != 2)
		return 5;
	return timer_delete(timer) == 0 && queue_some(9) == 1 ? 0 : 6;
}

static int lock_memory(void *unused)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	if (set_limit(RLIMIT_MEMLOCK, 65536, 65536) || setgid(54323) || setuid(54323))
		return 77;
	if (mlock(p, 65536) != 0)
		return 1;
	if (mlock(p, 1 << 20) == 0 || errno != ENOMEM)
		return 2;
	munlock(p, 65536);
	if (set_limit(RLIMIT_MEMLOCK, 0, 0) != 0)
		return 3;
	return mlock(p, 4096) != 0 && errno == EPERM ? 0 : 4;
}

/* ---- usage ---- */

static int burn(void *unused)
{
	(void)unused;
	spin_ms(150);
	return 0;
}

static int burn_twice(void *unused)
{
	child_run(burn, unused);
	return burn(unused);
}

static long ms_of(struct timeval t)
{
	return t.tv_sec * 1000 + t.tv_usec / 1000;
}

static void test_usage(void)
{
	struct rusage before, r;
	struct tms old, t;

	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &before), 0);
	times(&old);
	CHECK_EQ(child_run(burn_twice, NULL), 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &r), 0);
	CHECK(ms_of(r.ru_utime) + ms_of(r.ru_stime) - ms_of(before.ru_utime) -
		      ms_of(before.ru_stime) >=
	      290);
	CHECK(r.ru_maxrss > 0 && r.ru_minflt > before.ru_minflt);
	times(&t);
	CHECK(t.tms_cutime + t.tms_cstime - old.tms_cutime - old.tms_cstime >= 29);
}

int main(int argc, char **argv)
{
	bool root = geteuid() == 0;
	int result;

	if (argc > 1 && !strcmp(argv[1], "after-exec"))
		return 0;
	scratch_enter();
	test_processes();
	CHECK_EQ(child_run(spin_to_death, NULL), 1000 + SIGKILL);
	CHECK_EQ(child_run(spin_by_default, NULL), 1000 + SIGXCPU);
	CHECK_EQ(child_run(spin_in_child, NULL), 0);
	CHECK_EQ(child_run(fill_data, NULL), 0);
	CHECK_EQ(child_run(overflow, NULL), 1000 + SIGSEGV);
	CHECK_EQ(child_run(write_past, NULL), 1000 + SIGXFSZ);
	if (root) {
		CHECK_EQ(child_run(too_many, NULL), 0);
		CHECK_EQ(child_run(queue_signals, NULL), 15);
		CHECK_EQ(child_run(share_queue, NULL), 0);
		CHECK_EQ(child_run(lock_memory, NULL), 0);
		result = child_run(spin_realtime, NULL);
		CHECK(result == 0 || result == 77);
	}
	test_exec_of_too_many();
	test_usage();
	return check_done();
}
