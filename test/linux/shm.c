/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V shared memory: keys, attaching and detaching, fork and exit, removal while attached,
 * permissions, shmctl(2)'s commands, /proc/sysvipc/shm.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include "child.h"
#include "ipcspace.h"

#define PAGE 4096l
#define BAD  ((void *)-1)

static int nattch(int id)
{
	struct shmid_ds ds;

	return shmctl(id, IPC_STAT, &ds) == 0 ? (int)ds.shm_nattch : -1;
}

/* When the children are gone: on Linux, who looks at one (ps(1)) keeps its memory for a while. */
static int nattch_in_the_end(int id, int expected)
{
	while (!check_in_hull() && nattch(id) != expected)
		usleep(1000);
	return nattch(id);
}

static void test_get(void)
{
	key_t key = ftok(".", 7);
	int id, other;

	CHECK(key != -1);
	CHECK_ERR(shmget(key, PAGE, 0600), ENOENT);
	CHECK_ERR(shmget(key, 0, IPC_CREAT | 0600), EINVAL);
	id = shmget(key, PAGE + 1, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	CHECK_ERR(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(shmget(key, PAGE, IPC_CREAT | 0600), id);
	CHECK_EQ(shmget(key, 0, 0), id);
	CHECK_ERR(shmget(key, PAGE + 2, 0), EINVAL);
	other = shmget(IPC_PRIVATE, PAGE, 0600);
	CHECK(other >= 0 && other != id);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(shmctl(other, IPC_RMID, NULL), 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == -1 && (errno == EINVAL || errno == EIDRM));
	CHECK_ERR(shmget(key, PAGE, 0600), ENOENT);
	CHECK_ERR(shmctl(-1, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(shmctl(0x7fff7fff, 99, NULL), EINVAL);
}

static void test_stat(void)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE + 5, 0640);
	struct shmid_ds ds;

	memset(&ds, 0xff, sizeof(ds));
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_segsz, 3 * PAGE + 5);
	CHECK_EQ(ds.shm_nattch, 0);
	CHECK_EQ(ds.shm_cpid, getpid());
	CHECK_EQ(ds.shm_lpid, 0);
	CHECK_EQ(ds.shm_atime, 0);
	CHECK_EQ(ds.shm_dtime, 0);
	CHECK(ds.shm_ctime != 0);
	CHECK_EQ(ds.shm_perm.mode, 0640);
	CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
	CHECK_EQ(ds.shm_perm.uid, geteuid());
	CHECK_EQ(ds.shm_perm.cuid, geteuid());
	CHECK_EQ(ds.shm_perm.gid, getegid());
	ds.shm_perm.mode = 0600;
	CHECK_EQ(shmctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode, 0600);
	CHECK_ERR(shmctl(id, IPC_STAT, (struct shmid_ds *)8), EFAULT);
	CHECK_ERR(shmctl(id, IPC_SET, (struct shmid_ds *)8), EFAULT);
	shmctl(id, IPC_RMID, NULL);
}

static void test_attach(void)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
	struct shmid_ds ds;
	char *a, *b;

	a = shmat(id, NULL, 0);
	CHECK(a != BAD);
	b = shmat(id, NULL, SHM_RDONLY);
	CHECK(b != BAD && b != a);
	CHECK_EQ(a[0], 0);
	strcpy(a + PAGE - 2, "across");
	CHECK_STR(b + PAGE - 2, "across");
	CHECK_EQ(nattch(id), 2);
	CHECK_ERR(mprotect(b, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(mprotect(a, PAGE, PROT_READ), 0); /* in two pieces now */
	CHECK_EQ(mprotect(a, PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_lpid, getpid());
	CHECK(ds.shm_atime != 0);
	CHECK_EQ(ds.shm_dtime, 0);
	CHECK_ERR(shmdt(a + PAGE), EINVAL);
	CHECK_ERR(shmdt(a + 1), EINVAL);
	CHECK_EQ(shmdt(b), 0);
	CHECK_ERR(shmdt(b), EINVAL);
	CHECK_EQ(nattch(id), 2); /* a's pieces stay apart */
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK(ds.shm_dtime != 0);
	CHECK_EQ(shmdt(a), 0);
	CHECK_EQ(nattch(id), 0);
	a = shmat(id, NULL, 0);
	CHECK_STR(a + PAGE - 2, "across"); /* the bytes stay */
	CHECK_EQ(shmdt(a), 0);
	CHECK_ERR(shmat(-1, NULL, 0), EINVAL);
	shmctl(id, IPC_RMID, NULL);
}

static void test_address(void)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0700);
	char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *a;

	CHECK_ERR(shmat(id, room + 1, 0), EINVAL);
	CHECK_ERR(shmat(id, room, 0), EINVAL); /* something is there */
	CHECK_ERR(shmat(id, NULL, SHM_REMAP), EINVAL);
	a = shmat(id, room + PAGE, SHM_REMAP);
	CHECK(a == room + PAGE);
	a[0] = 1;
	CHECK_EQ(nattch(id), 1);
	CHECK_EQ(shmdt(a), 0);
	munmap(room, 8 * PAGE);
	a = shmat(id, room + 2 * PAGE + 77, SHM_RND);
	CHECK(a == room + 2 * PAGE);
	CHECK_EQ(a[0], 1);
	CHECK_EQ(shmdt(a), 0);
	a = shmat(id, NULL, SHM_EXEC);
	CHECK(a != BAD);
	a[0] = (char)0xc3; /* ret */
	((void (*)(void))a)();
	CHECK(true);
	shmdt(a);
	shmctl(id, IPC_RMID, NULL);
}

/* Mappings that munmap and mprotect cut up are still the attach's. */
static void test_pieces(void)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
	char *a = shmat(id, NULL, 0), *moved;

	memset(a, 'x', 4 * PAGE);
	CHECK_EQ(munmap(a + PAGE, PAGE), 0);
	CHECK_EQ(nattch(id), 2);
	CHECK_EQ(shmdt(a), 0);
	CHECK_EQ(nattch(id), 0);
	CHECK_ERR(msync(a, PAGE, MS_ASYNC), ENOMEM);
	CHECK_ERR(msync(a + 2 * PAGE, PAGE, MS_ASYNC), ENOMEM);
	a = shmat(id, NULL, 0);
	CHECK_EQ(munmap(a, PAGE), 0);
	CHECK_EQ(shmdt(a), 0); /* the first page is gone, the attach is not */
	CHECK_EQ(nattch(id), 0);
	a = shmat(id, NULL, 0);
	moved = mremap(a, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	CHECK(moved != MAP_FAILED);
	CHECK_EQ(moved[PAGE], 'x');
	CHECK_EQ(nattch(id), 1);
	CHECK_ERR(shmdt(a), EINVAL);
	CHECK_EQ(shmdt(moved), 0);
	shmctl(id, IPC_RMID, NULL);
}

static char *shared;

static int write_shared(void *arg)
{
	int id = *(int *)arg;
	shared[1] = 'c';
	return nattch(id) == 2 ? 0 : 1;
}

static int detach_twice(void *arg)
{
	int id = *(int *)arg;
	if (shmdt(shared) != 0)
		return 1;
	return nattch(id) == 1 ? 0 : 2;
}

static void test_fork(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	struct shmid_ds ds;

	shared = shmat(id, NULL, 0);
	CHECK_EQ(nattch(id), 1);
	CHECK_EQ(child_run(write_shared, &id), 0);
	CHECK_EQ(shared[1], 'c');
	CHECK_EQ(nattch_in_the_end(id, 1), 1); /* exit detaches */
	CHECK_EQ(child_run(detach_twice, &id), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK(ds.shm_lpid != getpid());
	CHECK_EQ(shmdt(shared), 0);
	shmctl(id, IPC_RMID, NULL);
}

static int exec_true(void *arg)
{
	(void)arg;
	execl("/bin/sh", "sh", "-c", "exit 3", NULL);
	return 1;
}

static void test_exec(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600);

	shared = shmat(id, NULL, 0);
	CHECK_EQ(child_run(exec_true, &id), 3);
	CHECK_EQ(nattch_in_the_end(id, 1), 1); /* exec detached the child's */
	CHECK_EQ(shmdt(shared), 0);
	CHECK_EQ(nattch(id), 0);
	shmctl(id, IPC_RMID, NULL);
}

static int attach_removed(void *arg)
{
	int id = *(int *)arg;
	char *again = shmat(id, NULL, 0); /* Linux allows it */

	return again != BAD && again[0] == 'k' ? 0 : 1;
}

static void test_remove(void)
{
	key_t key = ftok(".", 9);
	int id = shmget(key, PAGE, IPC_CREAT | 0600), next;
	char *a = shmat(id, NULL, 0);
	struct shmid_ds ds;

	a[0] = 'k';
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(a[0], 'k');
	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode, 0600 | SHM_DEST);
	CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
	CHECK_EQ(ds.shm_nattch, 1);
	CHECK_ERR(shmget(key, PAGE, 0), ENOENT);
	next = shmget(key, PAGE, IPC_CREAT | 0600);
	CHECK(next >= 0 && next != id);
	CHECK_EQ(child_run(attach_removed, &id), 0);
	CHECK_EQ(nattch_in_the_end(id, 1), 1);
	CHECK_EQ(shmdt(a), 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == -1 && (errno == EINVAL || errno == EIDRM));
	CHECK(shmat(id, NULL, 0) == BAD && (errno == EINVAL || errno == EIDRM));
	shmctl(next, IPC_RMID, NULL);
}

static int as_nobody(void *arg)
{
	int id = *(int *)arg;
	struct shmid_ds ds;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (shmat(id, NULL, SHM_RDONLY) == BAD)
		return 2;
	if (shmat(id, NULL, 0) != BAD || errno != EACCES)
		return 3;
	if (shmctl(id, IPC_STAT, &ds) != 0)
		return 4;
	if (shmctl(id, IPC_SET, &ds) != -1 || errno != EPERM)
		return 5;
	if (shmctl(id, IPC_RMID, NULL) != -1 || errno != EPERM)
		return 6;
	if (shmctl(id, SHM_LOCK, NULL) != -1 || errno != EPERM)
		return 7;
	return 0;
}

static int as_nobody_unreadable(void *arg)
{
	int id = *(int *)arg;
	struct shmid_ds ds;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (shmat(id, NULL, SHM_RDONLY) != BAD || errno != EACCES)
		return 2;
	return shmctl(id, IPC_STAT, &ds) == -1 && errno == EACCES ? 0 : 3;
}

static void test_permissions(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0604), closed = shmget(IPC_PRIVATE, PAGE, 0600);

	if (geteuid() == 0) {
		CHECK_EQ(child_run(as_nobody, &id), 0);
		CHECK_EQ(child_run(as_nobody_unreadable, &closed), 0);
	}
	shmctl(id, IPC_RMID, NULL);
	shmctl(closed, IPC_RMID, NULL);
}

static void test_info(void)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600), highest, found = -1;
	struct shminfo limits;
	struct shm_info use;
	struct shmid_ds ds;
	char *a = shmat(id, NULL, 0);

	memset(a, 1, 2 * PAGE);
	highest = shmctl(0, IPC_INFO, (struct shmid_ds *)&limits);
	CHECK(highest >= 0);
	CHECK_EQ(limits.shmmni, 4096);
	CHECK_EQ(limits.shmmin, 1);
	CHECK_EQ(limits.shmmax, 18446744073692774399ul);
	CHECK_EQ(limits.shmall, 18446744073692774399ul);
	CHECK_EQ(shmctl(0, SHM_INFO, (struct shmid_ds *)&use), highest);
	CHECK(use.used_ids >= 1);
	CHECK(use.shm_tot >= 3);
	CHECK(use.shm_rss >= 2);
	for (int i = 0; i <= highest; i++)
		if (shmctl(i, SHM_STAT, &ds) == id)
			found = i;
	CHECK(found >= 0);
	CHECK_EQ(shmctl(found, SHM_STAT, &ds), id);
	CHECK_EQ(ds.shm_segsz, 3 * PAGE);
	CHECK_EQ(shmctl(found, 15 /* SHM_STAT_ANY */, &ds), id);
	CHECK_ERR(shmctl(4095, SHM_STAT, &ds), EINVAL);
	if (geteuid() == 0) {
		CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
		CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
		CHECK_EQ(ds.shm_perm.mode, 0600 | SHM_LOCKED);
		CHECK_EQ(shmctl(id, SHM_UNLOCK, NULL), 0);
		CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
		CHECK_EQ(ds.shm_perm.mode, 0600);
	}
	shmdt(a);
	shmctl(id, IPC_RMID, NULL);
}

/* The line of `id` in /proc/sysvipc/shm, or nothing. */
static bool find_line(int id, char *line, size_t size)
{
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	bool found = false;
	int key, shmid;

	while (f != NULL && !found && fgets(line, (int)size, f) != NULL)
		found = sscanf(line, "%d %d", &key, &shmid) == 2 && shmid == id;
	if (f != NULL)
		fclose(f);
	return found;
}

static void test_proc(void)
{
	int id = shmget(IPC_PRIVATE, 5000, 0640), key, shmid, mode, cpid, lpid, count;
	char *a = shmat(id, NULL, 0), line[300], text[64];
	unsigned long size;
	FILE *f;

	CHECK(find_line(id, line, sizeof(line)));
	CHECK_EQ(sscanf(line, "%d %d %o %lu %d %d %d", &key, &shmid, (unsigned *)&mode, &size,
			&cpid, &lpid, &count),
		 7);
	CHECK_EQ(mode, 0640);
	CHECK_EQ(size, 5000);
	CHECK_EQ(cpid, getpid());
	CHECK_EQ(count, 1);
	f = fopen("/proc/self/maps", "r");
	for (text[0] = '\0'; f != NULL && fgets(line, sizeof(line), f) != NULL;)
		if (strstr(line, "SYSV00000000") != NULL)
			snprintf(text, sizeof(text), "%s", strstr(line, "/SYSV"));
	if (f != NULL)
		fclose(f);
	CHECK_STR(text, "/SYSV00000000 (deleted)\n");
	shmdt(a);
	shmctl(id, IPC_RMID, NULL);
	CHECK(!find_line(id, line, sizeof(line)));
}

int main(void)
{
	scratch_enter();
	ipcspace_enter();
	test_get();
	test_stat();
	test_attach();
	test_address();
	test_pieces();
	test_fork();
	test_exec();
	test_remove();
	test_permissions();
	test_info();
	test_proc();
	return check_done();
}
