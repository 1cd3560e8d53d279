/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V semaphores: atomic operations, waiting between processes and threads, SEM_UNDO, every
 * command of semctl(2), limits and errors.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include "child.h"
#include "ipcspace.h"

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int make(int nr)
{
	return semget(IPC_PRIVATE, nr, 0600);
}

static int op(int id, int num, int value, int flags)
{
	struct sembuf b = { (unsigned short)num, (short)value, (short)flags };

	return semop(id, &b, 1);
}

static int value(int id, int num)
{
	return semctl(id, num, GETVAL);
}

static int set(int id, int num, int to)
{
	union semun u = { .val = to };

	return semctl(id, num, SETVAL, u);
}

static void drop(int id)
{
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

static void test_get(void)
{
	key_t key = ftok(".", 3);
	int id;

	CHECK_ERR(semget(key, 1, 0600), ENOENT);
	CHECK_ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(semget(key, -1, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
	id = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	CHECK_ERR(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(semget(key, 0, 0), id);
	CHECK_EQ(semget(key, 2, 0), id);
	CHECK_ERR(semget(key, 4, 0), EINVAL);
	drop(id);
	CHECK(semctl(id, 0, GETVAL) == -1 && (errno == EINVAL || errno == EIDRM));
	CHECK(op(id, 0, 1, 0) == -1 && (errno == EINVAL || errno == EIDRM));
	CHECK_ERR(op(-1, 0, 1, 0), EINVAL);
}

static void test_values(void)
{
	unsigned short all[3] = { 4, 5, 6 }, got[3] = { 0 };
	union semun u = { .array = all }, out = { .array = got };
	int id = make(3);

	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(semctl(id, 0, SETALL, u), 0);
	CHECK_EQ(semctl(id, 0, GETALL, out), 0);
	CHECK(memcmp(all, got, sizeof(all)) == 0);
	CHECK_EQ(set(id, 1, 32767), 0);
	CHECK_EQ(value(id, 1), 32767);
	CHECK_ERR(set(id, 1, 32768), ERANGE);
	CHECK_ERR(set(id, 1, -1), ERANGE);
	CHECK_ERR(set(id, 3, 1), EINVAL);
	CHECK_ERR(value(id, 3), EINVAL);
	CHECK_ERR(value(id, -1), EINVAL);
	all[2] = 40000;
	CHECK_ERR(semctl(id, 0, SETALL, u), ERANGE);
	CHECK_EQ(value(id, 2), 6);
	CHECK_EQ(semctl(id, 1, GETPID), getpid());
	CHECK_EQ(semctl(id, 1, GETNCNT), 0);
	CHECK_EQ(semctl(id, 1, GETZCNT), 0);
	CHECK_ERR(semctl(id, 0, 99), EINVAL);
	u.array = (unsigned short *)8;
	CHECK_ERR(semctl(id, 0, GETALL, u), EFAULT);
	CHECK_ERR(semctl(id, 0, SETALL, u), EFAULT);
	drop(id);
}

static void test_atomic(void)
{
	struct sembuf two[2] = { { 0, 1, 0 }, { 1, -1, IPC_NOWAIT } };
	struct sembuf same[3] = { { 0, 2, 0 }, { 0, -1, 0 }, { 0, -1, 0 } };
	struct sembuf zero[2] = { { 0, 0, IPC_NOWAIT }, { 0, 1, 0 } };
	struct sembuf wide = { 9, 1, 0 }, *many = calloc(501, sizeof(*many));
	int id = make(2);

	CHECK_ERR(semop(id, two, 2), EAGAIN);
	CHECK_EQ(value(id, 0), 0); /* nothing of it happened */
	CHECK_EQ(set(id, 1, 1), 0);
	CHECK_EQ(semop(id, two, 2), 0);
	CHECK_EQ(value(id, 0), 1);
	CHECK_EQ(value(id, 1), 0);
	CHECK_EQ(set(id, 0, 0), 0);
	CHECK_EQ(semop(id, same, 3), 0);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(semop(id, zero, 2), 0);
	CHECK_EQ(value(id, 0), 1);
	CHECK_ERR(semop(id, zero, 2), EAGAIN);
	CHECK_EQ(set(id, 0, 32766), 0);
	CHECK_EQ(op(id, 0, 1, 0), 0);
	CHECK_ERR(op(id, 0, 1, 0), ERANGE);
	CHECK_EQ(value(id, 0), 32767);
	CHECK_ERR(semop(id, &wide, 1), EFBIG);
	CHECK_ERR(semop(id, many, 501), E2BIG);
	CHECK_ERR(semop(id, many, 0), EINVAL);
	CHECK_ERR(semop(id, (struct sembuf *)8, 1), EFAULT);
	free(many);
	drop(id);
}

static int wait_down(void *arg)
{
	return op(*(int *)arg, 0, -1, 0) == 0 ? 0 : errno;
}

static int wait_zero(void *arg)
{
	return op(*(int *)arg, 0, 0, 0) == 0 ? 0 : errno;
}

static int wait_down_two(void *arg)
{
	return op(*(int *)arg, 0, -2, 0) == 0 ? 0 : errno;
}

/* Until `count` tasks wait in this way. */
static bool waiting(int id, int cmd, int count)
{
	while (semctl(id, 0, cmd) != count)
		child_pause_ms(1);
	return true;
}

static void test_waiting(void)
{
	int id = make(1);
	pid_t a, b, c;

	a = child_start(wait_down, &id);
	CHECK(waiting(id, GETNCNT, 1));
	CHECK_EQ(op(id, 0, 1, 0), 0);
	CHECK_EQ(child_wait(a), 0);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(semctl(id, 0, GETPID), a);
	a = child_start(wait_down_two, &id);
	CHECK(waiting(id, GETNCNT, 1));
	b = child_start(wait_down, &id);
	CHECK(waiting(id, GETNCNT, 2));
	CHECK_EQ(op(id, 0, 1, 0), 0); /* enough for the second only */
	CHECK_EQ(child_wait(b), 0);
	CHECK_EQ(semctl(id, 0, GETNCNT), 1);
	CHECK_EQ(op(id, 0, 2, 0), 0);
	CHECK_EQ(child_wait(a), 0);
	CHECK_EQ(set(id, 0, 1), 0);
	c = child_start(wait_zero, &id);
	CHECK(waiting(id, GETZCNT, 1));
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_EQ(op(id, 0, -1, 0), 0);
	CHECK_EQ(child_wait(c), 0);
	a = child_start(wait_down, &id);
	CHECK(waiting(id, GETNCNT, 1));
	CHECK_EQ(set(id, 0, 1), 0); /* SETVAL wakes too */
	CHECK_EQ(child_wait(a), 0);
	a = child_start(wait_down, &id);
	CHECK(waiting(id, GETNCNT, 1));
	drop(id);
	CHECK_EQ(child_wait(a), EIDRM);
}

static void on_signal(int sig)
{
	(void)sig;
}

static int wait_interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &sa, NULL);
	return op(*(int *)arg, 0, -1, 0) == 0 ? 0 : errno;
}

static void test_interrupted(void)
{
	struct sembuf down = { 0, -1, 0 };
	struct timespec t = { 0, 30000000 }, bad = { 0, 1000000000 };
	int id = make(1);
	pid_t a = child_start(wait_interrupted, &id);

	CHECK(waiting(id, GETNCNT, 1));
	kill(a, SIGUSR1);
	CHECK_EQ(child_wait(a), EINTR); /* SA_RESTART or not */
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	a = child_start(wait_down, &id);
	CHECK(waiting(id, GETNCNT, 1));
	kill(a, SIGKILL);
	CHECK_EQ(child_wait(a), 1000 + SIGKILL);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_ERR(semtimedop(id, &down, 1, &t), EAGAIN);
	CHECK_ERR(semtimedop(id, &down, 1, &bad), EINVAL);
	CHECK_ERR(syscall(SYS_semtimedop, id, &down, 1, 8l), EFAULT);
	CHECK_EQ(op(id, 0, 1, 0), 0);
	CHECK_EQ(semtimedop(id, &down, 1, &t), 0);
	drop(id);
}

/* ---- SEM_UNDO ---- */

static int undo_up(void *arg)
{
	int id = *(int *)arg;

	return op(id, 0, 3, SEM_UNDO) == 0 && value(id, 0) == 8 ? 0 : 1;
}

static int undo_down(void *arg)
{
	int id = *(int *)arg;

	op(id, 0, -2, SEM_UNDO);
	op(id, 0, -1, SEM_UNDO);
	op(id, 0, 1, SEM_UNDO);
	return value(id, 0) == 3 ? 0 : 1;
}

static int undo_clamped(void *arg)
{
	int id = *(int *)arg;

	op(id, 0, 4, SEM_UNDO);
	op(id, 0, -8, 0); /* what is undone cannot go below zero */
	return value(id, 0) == 1 ? 0 : 1;
}

static int undo_cleared(void *arg)
{
	int id = *(int *)arg;

	op(id, 0, 2, SEM_UNDO);
	return set(id, 0, 5); /* SETVAL forgets undos */
}

static void *undo_in_thread(void *arg)
{
	op(*(int *)arg, 0, 1, SEM_UNDO);
	return NULL;
}

static int undo_threads(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, undo_in_thread, arg);
	pthread_join(t, NULL);
	return value(*(int *)arg, 0) == 6 ? 0 : 1; /* threads share: not undone yet */
}

static int undo_then_exec(void *arg)
{
	op(*(int *)arg, 0, 1, SEM_UNDO);
	execl("/bin/sh", "sh", "-c", "exit 9", NULL);
	return 1;
}

static int undo_killed(void *arg)
{
	op(*(int *)arg, 0, -5, SEM_UNDO);
	raise(SIGKILL);
	return 0;
}

static int undo_range(void *arg)
{
	int id = *(int *)arg;

	if (op(id, 0, 32767, SEM_UNDO) != 0 || op(id, 0, -32767, 0) != 0)
		return 1;
	if (op(id, 0, 1, SEM_UNDO) != 0) /* -32768 is the least */
		return 2;
	return op(id, 0, 1, SEM_UNDO) == -1 && errno == ERANGE ? 0 : 3;
}

static int fork_has_no_undo(void *arg)
{
	int id = *(int *)arg, status;
	pid_t pid;

	op(id, 0, 1, SEM_UNDO);
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, &status, 0);
	return value(id, 0) == 6 ? 0 : 1; /* the child's end undoes nothing of ours */
}

static void test_undo(void)
{
	int id = make(1);

	set(id, 0, 5);
	CHECK_EQ(child_run(undo_up, &id), 0);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(child_run(undo_down, &id), 0);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(child_run(undo_clamped, &id), 0);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(child_run(undo_cleared, &id), 0);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(child_run(undo_threads, &id), 0);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(child_run(undo_then_exec, &id), 9);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(child_run(fork_has_no_undo, &id), 0);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(child_run(undo_killed, &id), 1000 + SIGKILL);
	CHECK_EQ(value(id, 0), 5);
	set(id, 0, 0);
	CHECK_EQ(child_run(undo_range, &id), 0);
	drop(id);
}

static int hold_and_die(void *arg)
{
	op(*(int *)arg, 0, -1, SEM_UNDO);
	while (semctl(*(int *)arg, 0, GETNCNT) != 1)
		child_pause_ms(1);
	return 0;
}

/* A lock whose holder dies goes to who waits. */
static void test_undo_wakes(void)
{
	int id = make(1);
	pid_t a, b;

	set(id, 0, 1);
	a = child_start(hold_and_die, &id);
	while (value(id, 0) != 0)
		child_pause_ms(1);
	b = child_start(wait_down, &id);
	CHECK_EQ(child_wait(a), 0);
	CHECK_EQ(child_wait(b), 0);
	CHECK_EQ(value(id, 0), 0);
	drop(id);
}

static int as_nobody(void *arg)
{
	int id = *(int *)arg;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (value(id, 0) != 0)
		return 2;
	if (set(id, 0, 1) != -1 || errno != EACCES)
		return 3;
	if (op(id, 0, 1, 0) != -1 || errno != EACCES)
		return 4;
	if (op(id, 0, 0, 0) != 0)
		return 5;
	return semctl(id, 0, IPC_RMID) == -1 && errno == EPERM ? 0 : 6;
}

static void test_stat(void)
{
	int id = semget(IPC_PRIVATE, 4, 0604), highest, found = -1;
	struct semid_ds ds;
	struct seminfo info;
	union semun u = { .buf = &ds }, i = { .info = &info };

	CHECK_EQ(semctl(id, 0, IPC_STAT, u), 0);
	CHECK_EQ(ds.sem_nsems, 4);
	CHECK_EQ(ds.sem_otime, 0);
	CHECK(ds.sem_ctime != 0);
	CHECK_EQ(ds.sem_perm.mode, 0604);
	CHECK_EQ(ds.sem_perm.uid, geteuid());
	CHECK_EQ(op(id, 0, 0, 0), 0);
	CHECK_EQ(semctl(id, 0, IPC_STAT, u), 0);
	CHECK(ds.sem_otime != 0);
	highest = semctl(0, 0, IPC_INFO, i);
	CHECK(highest >= 0);
	CHECK_EQ(info.semmsl, 32000);
	CHECK_EQ(info.semmns, 1024000000);
	CHECK_EQ(info.semopm, 500);
	CHECK_EQ(info.semmni, 32000);
	CHECK_EQ(info.semvmx, 32767);
	CHECK_EQ(semctl(0, 0, SEM_INFO, i), highest);
	CHECK(info.semusz >= 1);
	CHECK(info.semaem >= 4);
	for (int k = 0; k <= highest; k++)
		if (semctl(k, 0, SEM_STAT, u) == id)
			found = k;
	CHECK(found >= 0);
	if (geteuid() == 0)
		CHECK_EQ(child_run(as_nobody, &id), 0);
	semctl(id, 0, IPC_STAT, u);
	ds.sem_perm.mode = 0666;
	ds.sem_perm.uid = 1234;
	if (geteuid() == 0) {
		CHECK_EQ(semctl(id, 0, IPC_SET, u), 0);
		CHECK_EQ(semctl(id, 0, IPC_STAT, u), 0);
		CHECK_EQ(ds.sem_perm.mode, 0666);
		CHECK_EQ(ds.sem_perm.uid, 1234);
		CHECK_EQ(ds.sem_perm.cuid, 0);
	}
	drop(id);
}

static void test_proc(void)
{
	int id = semget(IPC_PRIVATE, 7, 0600), key, semid, mode = 0, nr = 0;
	FILE *f = fopen("/proc/sysvipc/sem", "r");
	char line[256];
	bool found = false;
	int limits[4] = { 0 };

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "%d %d %o %d", &key, &semid, (unsigned *)&mode, &nr) == 4 &&
			semid == id;
	if (f != NULL)
		fclose(f);
	CHECK(found);
	CHECK_EQ(mode, 0600);
	CHECK_EQ(nr, 7);
	f = fopen("/proc/sys/kernel/sem", "r");
	CHECK(f != NULL &&
	      fscanf(f, "%d %d %d %d", &limits[0], &limits[1], &limits[2], &limits[3]) == 4);
	if (f != NULL)
		fclose(f);
	CHECK_EQ(limits[0], 32000);
	CHECK_EQ(limits[2], 500);
	drop(id);
}

/* Many processes, one lock: no update is lost. */
static int add_often(void *arg)
{
	int id = *(int *)arg;

	for (int i = 0; i < 200; i++) {
		if (op(id, 0, -1, SEM_UNDO) != 0 || set(id, 1, value(id, 1) + 1) != 0 ||
		    op(id, 0, 1, SEM_UNDO) != 0)
			return 1;
	}
	return 0;
}

static void test_many(void)
{
	int id = make(2);
	pid_t pids[4];

	set(id, 0, 1);
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(add_often, &id);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(value(id, 1), 800);
	CHECK_EQ(value(id, 0), 1);
	drop(id);
}

int main(void)
{
	scratch_enter();
	ipcspace_enter();
	test_get();
	test_values();
	test_atomic();
	test_waiting();
	test_interrupted();
	test_undo();
	test_undo_wakes();
	test_stat();
	test_proc();
	test_many();
	return check_done();
}
