/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation fails once: address spaces, processes, threads, programs (mmap(2), fork(2),
 * clone(2), execve(2)). */
#include <grp.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fail.h"

#define LEN (16 * 4096ul)

extern char **environ;

static int touch(char *p, size_t len)
{
	for (size_t i = 0; i < len; i += 4096)
		p[i] = 1;
	return 0;
}

static int map(int flags, int fd, int prot, char **out)
{
	char *p = mmap(NULL, LEN, prot, flags, fd, 0);

	*out = p;
	return p == MAP_FAILED ? -errno : 0;
}

static int run_mmap(void)
{
	char *p;
	int err = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_READ | PROT_WRITE, &p);

	if (err != 0)
		return err;
	touch(p, LEN);
	return fail_done(munmap(p, LEN));
}

static int run_mmap_populate(void)
{
	char *p;
	int err = map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, PROT_READ | PROT_WRITE, &p);

	return err != 0 ? err : fail_done(munmap(p, LEN));
}

static int run_mmap_shared(void)
{
	char *p;
	int err = map(MAP_SHARED | MAP_ANONYMOUS, -1, PROT_READ | PROT_WRITE, &p);

	if (err != 0)
		return err;
	touch(p, LEN);
	return fail_done(munmap(p, LEN));
}

static int file_fd = -1;

static int prepare_file(void)
{
	static char bytes[LEN];

	file_fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file_fd < 0)
		return -errno;
	return write(file_fd, bytes, LEN) == (ssize_t)LEN ? 0 : -errno;
}

static int run_mmap_file(void)
{
	char *shared, *private;
	int err = map(MAP_SHARED, file_fd, PROT_READ | PROT_WRITE, &shared);

	if (err != 0)
		return err;
	err = map(MAP_PRIVATE, file_fd, PROT_READ | PROT_WRITE, &private);
	if (err == 0) {
		touch(shared, LEN / 4);
		touch(private, LEN / 4);
		err = fail_done(msync(shared, LEN, MS_SYNC));
		munmap(private, LEN);
	}
	munmap(shared, LEN);
	return err;
}

static char *area; /* touched pages */

static int prepare_area(void)
{
	int err = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PROT_READ | PROT_WRITE, &area);

	return err != 0 ? err : touch(area, LEN);
}

static int run_munmap_middle(void)
{
	int err = fail_done(munmap(area + LEN / 2, 4096));

	if (err == 0 && mmap(area + LEN / 2, 4096, PROT_READ | PROT_WRITE,
			     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		err = -errno;
	return err;
}

static int run_mprotect(void)
{
	int err = fail_done(mprotect(area + 4096, LEN / 4, PROT_READ));

	return err != 0 ? err : fail_done(mprotect(area, LEN, PROT_READ | PROT_WRITE));
}

static int run_mremap(void)
{
	char *p = mremap(area, LEN, 4 * LEN, MREMAP_MAYMOVE), *q;

	if (p == MAP_FAILED)
		return -errno;
	area = p;
	touch(p, 4 * LEN);
	q = mremap(p, 4 * LEN, LEN, 0);
	return q == MAP_FAILED ? -errno : 0;
}

static int run_mremap_move(void)
{
	void *to = mmap(NULL, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p;

	if (to == MAP_FAILED)
		return -errno;
	p = mremap(area, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (p == MAP_FAILED) {
		int err = -errno;

		munmap(to, LEN);
		return err;
	}
	area = p;
	return 0;
}

static int run_madvise(void)
{
	int err = fail_done(madvise(area + 8192, LEN / 2, MADV_DONTFORK));

	if (err == 0)
		err = fail_done(madvise(area + 4096, LEN / 2, MADV_DONTNEED));
	return err != 0 ? err : fail_done(madvise(area, LEN, MADV_DOFORK));
}

static int run_mlock(void)
{
	int err = fail_done(mlock(area + 4096, 4 * 4096));

	return err != 0 ? err : fail_done(munlock(area, LEN));
}

static int run_brk(void)
{
	char *at = sbrk(0);

	if (sbrk(LEN) == (void *)-1)
		return -errno;
	touch(at, LEN);
	return sbrk(-(long)LEN) == (void *)-1 ? -errno : 0;
}

/* ---- huge pages ---- */

static int run_huge(void)
{
	size_t len = 8ul << 20;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;
	int err;

	if (p == MAP_FAILED)
		return -errno;
	at = (char *)(((unsigned long)p + (2ul << 20)) & ~((2ul << 20) - 1));
	(void)madvise(p, len, MADV_HUGEPAGE);
	at[0] = at[2ul << 20] = 1;
	err = fail_done(mprotect(at + 4096, 4096, PROT_READ));
	if (err == 0)
		err = fail_done(munmap(at + (2ul << 20) + 4096, 4096));
	munmap(p, len);
	return err;
}

/* ---- processes ---- */

static int reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOMEM;
}

static int run_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_fork);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -errno : reap(pid);
}

static int run_vfork_exec(void)
{
	char *argv[] = { (char *)"true", NULL };
	pid_t pid;
	int err = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ);

	return err != 0 ? -err : reap(pid);
}

static int run_clone3(void)
{
	int pidfd = -1, status;
	struct clone_args a = { .flags = CLONE_PIDFD,
				.pidfd = (unsigned long)&pidfd,
				.exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	close(pidfd);
	return waitpid(pid, &status, 0) == pid ? 0 : -errno;
}

static int run_pidfd_open(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return fd < 0 ? -errno : fail_done(close(fd));
}

static void *thread_main(void *arg)
{
	return arg;
}

static int run_thread(void)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, thread_main, NULL);

	return err != 0 ? -err : -pthread_join(t, NULL);
}

static int run_exec(void)
{
	char *argv[] = { (char *)"/proc/self/exe", (char *)"--executed", NULL };

	if (!fail_is_armed)
		return 0;
	execv("/proc/self/exe", argv);
	return -errno;
}

static int run_exec_script(void)
{
	char *argv[] = { (char *)"./script", NULL };

	if (!fail_is_armed)
		return 0;
	execv("./script", argv);
	return -errno;
}

static int prepare_script(void)
{
	int fd = open("script", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	static const char text[] = "#!/proc/self/exe --executed\n";

	if (fd < 0)
		return -errno;
	if (write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
		return -errno;
	return fail_done(close(fd));
}

static int run_process_vm(void)
{
	static char buf[LEN];
	struct iovec local[2] = { { buf, LEN / 2 }, { buf + LEN / 2, LEN / 2 } };
	struct iovec remote = { area, LEN };

	return process_vm_readv(getpid(), local, 2, &remote, 1, 0) < 0 ? -errno : 0;
}

static int run_names(void)
{
	int err = fail_done(prctl(PR_SET_NAME, "renamed"));

	if (err == 0)
		err = fail_done(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, area, LEN, "an area"));
	return err == -EINVAL ? 0 : err; /* not every kernel names areas */
}

static int run_limits(void)
{
	struct rlimit limit;
	cpu_set_t cpus;
	int err = fail_done(getrlimit(RLIMIT_STACK, &limit));

	if (err == 0)
		err = fail_done(setrlimit(RLIMIT_STACK, &limit));
	if (err == 0)
		err = fail_done(sched_getaffinity(0, sizeof(cpus), &cpus));
	return err != 0 ? err : fail_done(sched_setaffinity(0, sizeof(cpus), &cpus));
}

static int run_groups(void)
{
	gid_t groups[] = { 1, 2, 3 };
	int err = fail_done(setgroups(3, groups));

	return err != 0 ? err : fail_done(setresuid(1, 1, 0));
}

static int run_seccomp(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, allow };
	int err = fail_done(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));

	return err != 0 ? err : fail_done(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static const struct fail_op ops[] = {
	{ .name = "mmap", .run = run_mmap },
	{ .name = "mmap populate", .run = run_mmap_populate },
	{ .name = "mmap shared", .run = run_mmap_shared },
	{ .name = "mmap file", .run = run_mmap_file, .prepare = prepare_file, .errors = { EIO } },
	{ .name = "munmap", .run = run_munmap_middle, .prepare = prepare_area },
	{ .name = "mprotect", .run = run_mprotect, .prepare = prepare_area },
	{ .name = "mremap", .run = run_mremap, .prepare = prepare_area },
	{ .name = "mremap move", .run = run_mremap_move, .prepare = prepare_area },
	{ .name = "madvise", .run = run_madvise, .prepare = prepare_area, .errors = { EAGAIN } },
	{ .name = "mlock", .run = run_mlock, .prepare = prepare_area, .errors = { EAGAIN } },
	{ .name = "brk", .run = run_brk },
	{ .name = "huge", .run = run_huge },
	{ .name = "fork", .run = run_fork, .prepare = prepare_area, .errors = { EAGAIN } },
	{ .name = "vfork", .run = run_vfork_exec, .errors = { EAGAIN } },
	{ .name = "clone3", .run = run_clone3, .errors = { EAGAIN } },
	{ .name = "pidfd_open", .run = run_pidfd_open },
	{ .name = "thread", .run = run_thread, .errors = { EAGAIN } },
	{ .name = "exec", .run = run_exec, .executes = true },
	{ .name = "exec script",
	  .run = run_exec_script,
	  .prepare = prepare_script,
	  .executes = true },
	{ .name = "process_vm", .run = run_process_vm, .prepare = prepare_area, .errors = { 0 } },
	{ .name = "names", .run = run_names, .prepare = prepare_area },
	{ .name = "limits", .run = run_limits },
	{ .name = "groups", .run = run_groups },
	{ .name = "seccomp", .run = run_seccomp },
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--executed") == 0)
		return fail_executed();
	scratch_enter();
	fail_all(ops, sizeof(ops) / sizeof(ops[0]), argc > 1 ? argv[1] : NULL);
	return check_done();
}
