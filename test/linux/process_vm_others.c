/* SPDX-License-Identifier: BSD-2-Clause */
/* process_vm_readv(2), process_vm_writev(2) and kcmp(2) on another process. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "child.h"

static char mine[3 * 4096] = "parent";
static char *shared, *guarded;
static int told[2], answer[2];

/* Changes its copy, says so, and looks at what the parent wrote there. */
static int target(void *arg)
{
	char c;

	(void)arg;
	strcpy(mine, "child");
	memset(mine + 4090, 'c', 20);
	(void)!write(told[1], "x", 1);
	(void)!read(answer[0], &c, 1);
	return strcmp(mine, "written") == 0 && strcmp(shared, "both") == 0 ? 0 : 1;
}

static void test_memory(void)
{
	char buf[64] = "", c;
	struct iovec l = { buf, 6 }, r = { mine, 6 };
	pid_t pid = child_start(target, NULL);

	(void)!read(told[0], &c, 1);
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), 6);
	CHECK_STR(buf, "child");
	CHECK_STR(mine, "parent");
	l.iov_len = r.iov_len = 20, r.iov_base = mine + 4090; /* over a page's end */
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), 20);
	CHECK_EQ(buf[0] == 'c' && buf[19] == 'c', 1);
	strcpy(buf, "written");
	l.iov_len = r.iov_len = 8, r.iov_base = mine;
	CHECK_EQ(process_vm_writev(pid, &l, 1, &r, 1, 0), 8);
	CHECK_STR(mine, "parent");
	strcpy(buf, "both");
	l.iov_len = r.iov_len = 5, r.iov_base = shared;
	CHECK_EQ(process_vm_writev(pid, &l, 1, &r, 1, 0), 5);
	CHECK_STR(shared, "both");
	r.iov_base = guarded;
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), 5);
	CHECK_ERR(process_vm_writev(pid, &l, 1, &r, 1, 0), EFAULT); /* read-only there */
	r.iov_base = guarded + 4096 - 2;
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), 2);
	r.iov_base = guarded + 4096;
	CHECK_ERR(process_vm_readv(pid, &l, 1, &r, 1, 0), EFAULT);
	CHECK_EQ(process_vm_readv(pid, &l, 0, &r, 1, 0), 0);
	CHECK_ERR(process_vm_readv(pid, &l, 2000, &r, 1, 0), EINVAL);
	(void)!write(answer[1], "x", 1);
	CHECK_EQ(child_wait(pid), 0);
	CHECK_ERR(process_vm_readv(pid, &l, 1, &r, 1, 0), ESRCH);
}

static int as_nobody(void *arg)
{
	char buf[8];
	struct iovec l = { buf, 6 }, r = { mine, 6 };

	(void)arg;
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (process_vm_readv(getppid(), &l, 1, &r, 1, 0) != -1 || errno != EPERM)
		return 2;
	if (process_vm_writev(getppid(), &l, 1, &r, 1, 0) != -1 || errno != EPERM)
		return 3;
	return syscall(SYS_kcmp, getppid(), getpid(), KCMP_VM, 0, 0) == -1 && errno == EPERM ? 0
											     : 4;
}

/* ---- kcmp ---- */

static long compare(pid_t a, pid_t b, int type, long x, long y)
{
	return syscall(SYS_kcmp, a, b, type, x, y);
}

static int sleeper(void *arg)
{
	char c;

	(void)arg;
	return (int)read(answer[0], &c, 1) - 1;
}

static void *thread_id(void *out)
{
	char c;

	*(volatile pid_t *)out = gettid();
	(void)!read(answer[0], &c, 1);
	return NULL;
}

static void test_kcmp(void)
{
	pid_t me = getpid(), child = child_start(sleeper, NULL);
	volatile pid_t tid = 0;
	struct epoll_event e = { .events = EPOLLIN };
	struct kcmp_epoll_slot slot = { .toff = 0 };
	int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY), c = dup(a);
	int ep = epoll_create1(0);
	pthread_t t;
	long order;

	CHECK_EQ(compare(me, me, KCMP_FILE, a, c), 0);
	order = compare(me, me, KCMP_FILE, a, b);
	CHECK(order == 1 || order == 2);
	CHECK_EQ(compare(me, me, KCMP_FILE, b, a), 3 - order);
	CHECK_EQ(compare(me, child, KCMP_FILE, answer[0], answer[0]), 0);
	CHECK_ERR(compare(me, me, KCMP_FILE, a, 999), EBADF);
	CHECK_EQ(compare(me, me, KCMP_VM, 0, 0), 0);
	CHECK(compare(me, child, KCMP_VM, 0, 0) > 0);
	CHECK(compare(me, child, KCMP_FILES, 0, 0) > 0);
	CHECK(compare(me, child, KCMP_FS, 0, 0) > 0);
	CHECK(compare(me, child, KCMP_SIGHAND, 0, 0) > 0);
	pthread_create(&t, NULL, thread_id, (void *)&tid);
	while (tid == 0)
		child_pause_ms(1);
	CHECK_EQ(compare(me, tid, KCMP_VM, 0, 0), 0);
	CHECK_EQ(compare(me, tid, KCMP_FILES, 0, 0), 0);
	CHECK_EQ(compare(me, tid, KCMP_FS, 0, 0), 0);
	CHECK_EQ(compare(me, tid, KCMP_SIGHAND, 0, 0), 0);
	CHECK_ERR(compare(me, me, 99, 0, 0), EINVAL);
	CHECK_ERR(compare(me, 0x3ffffff, KCMP_VM, 0, 0), ESRCH);
	epoll_ctl(ep, EPOLL_CTL_ADD, answer[0], &e);
	slot.efd = (unsigned)ep, slot.tfd = (unsigned)answer[0];
	CHECK_EQ(compare(me, me, KCMP_EPOLL_TFD, answer[0], (long)&slot), 0);
	CHECK(compare(me, me, KCMP_EPOLL_TFD, a, (long)&slot) > 0);
	slot.toff = 1;
	CHECK_ERR(compare(me, me, KCMP_EPOLL_TFD, a, (long)&slot), ENOENT);
	(void)!write(answer[1], "xx", 2);
	pthread_join(t, NULL);
	CHECK_EQ(child_wait(child), 0);
	close(a), close(b), close(c), close(ep);
}

int main(void)
{
	CHECK_EQ(pipe(told) | pipe(answer), 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	guarded = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(guarded, 'g', 4096);
	mprotect(guarded, 4096, PROT_READ);
	munmap(guarded + 4096, 4096);
	test_memory();
	if (geteuid() == 0)
		CHECK_EQ(child_run(as_nobody, NULL), 0);
	test_kcmp();
	return check_done();
}
