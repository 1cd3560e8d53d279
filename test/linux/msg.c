/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V message queues: order and types, limits, blocking between processes, removal, msgctl(2).
 */
#include <signal.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include "asleep.h"
#include "ipcspace.h"

#define COPY 040000 /* MSG_COPY */

struct message {
	long type;
	char text[64];
};

static int make(void)
{
	return msgget(IPC_PRIVATE, 0600);
}

static int send(int id, long type, const char *text, int flags)
{
	struct message m = { .type = type };

	snprintf(m.text, sizeof(m.text), "%s", text);
	return msgsnd(id, &m, strlen(text) + 1, flags);
}

static struct message last;

static ssize_t receive(int id, long type, int flags)
{
	memset(&last, 0, sizeof(last));
	return msgrcv(id, &last, sizeof(last.text), type, flags | IPC_NOWAIT);
}

static struct msqid_ds stat_of(int id)
{
	struct msqid_ds ds;

	memset(&ds, 0, sizeof(ds));
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	return ds;
}

static void test_get(void)
{
	key_t key = ftok(".", 5);
	int id;

	CHECK_ERR(msgget(key, 0600), ENOENT);
	id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	CHECK_ERR(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(msgget(key, IPC_CREAT | 0600), id);
	CHECK_EQ(msgget(key, 0), id);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK(msgctl(id, IPC_RMID, NULL) == -1 && (errno == EINVAL || errno == EIDRM));
	CHECK_ERR(msgget(key, 0), ENOENT);
	CHECK_ERR(msgctl(-1, IPC_RMID, NULL), EINVAL);
}

static void test_order(void)
{
	int id = make();

	CHECK_ERR(receive(id, 0, 0), ENOMSG);
	CHECK_EQ(send(id, 3, "three", 0), 0);
	CHECK_EQ(send(id, 1, "one", 0), 0);
	CHECK_EQ(send(id, 2, "two", 0), 0);
	CHECK_EQ(send(id, 1, "one again", 0), 0);
	CHECK_EQ(receive(id, 2, 0), 4);
	CHECK_STR(last.text, "two");
	CHECK_EQ(last.type, 2);
	CHECK_EQ(receive(id, 0, 0), 6);
	CHECK_STR(last.text, "three");
	CHECK_ERR(receive(id, 2, 0), ENOMSG);
	CHECK_EQ(send(id, 5, "five", 0), 0);
	CHECK_EQ(receive(id, 1, MSG_EXCEPT), 5);
	CHECK_STR(last.text, "five");
	CHECK_EQ(send(id, 4, "four", 0), 0);
	CHECK_EQ(receive(id, -4, 0), 4);
	CHECK_STR(last.text, "one");
	CHECK_EQ(receive(id, -4, 0), 10);
	CHECK_STR(last.text, "one again");
	CHECK_ERR(receive(id, -3, 0), ENOMSG);
	CHECK_EQ(receive(id, INT64_MIN, 0), 5);
	CHECK_STR(last.text, "four");
	CHECK_EQ(send(id, 1, "", 0), 0);
	CHECK_EQ(receive(id, 0, 0), 1);
	msgctl(id, IPC_RMID, NULL);
}

static void test_copy(void)
{
	int id = make();

	send(id, 7, "a", 0);
	send(id, 8, "bb", 0);
	CHECK_EQ(receive(id, 1, COPY), 3);
	CHECK_STR(last.text, "bb");
	CHECK_EQ(last.type, 8);
	CHECK_EQ(receive(id, 0, COPY), 2);
	CHECK_STR(last.text, "a");
	CHECK_ERR(receive(id, 2, COPY), ENOMSG);
	CHECK_ERR(receive(id, 0, COPY | MSG_EXCEPT), EINVAL);
	CHECK_ERR(msgrcv(id, &last, 8, 0, COPY), EINVAL); /* without IPC_NOWAIT */
	CHECK_EQ(stat_of(id).msg_qnum, 2);
	msgctl(id, IPC_RMID, NULL);
}

/* Does the effective set have this capability? Root of a container may lack it. */
static bool has_cap(int cap)
{
	unsigned long long set = 0;
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "CapEff: %llx", &set) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return (set >> cap & 1) != 0;
}

static void test_sizes(void)
{
	static struct {
		long type;
		char text[8193];
	} big = { .type = 1 };
	struct msqid_ds ds;
	int id = make();

	CHECK_EQ(msgsnd(id, &big, 8192, 0), 0);
	CHECK_ERR(msgsnd(id, &big, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &big, (size_t)-1, 0), EINVAL);
	CHECK_EQ(msgsnd(id, &big, 8192, 0), 0);
	CHECK_ERR(msgsnd(id, &big, 1, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(msgsnd(id, &big, 0, IPC_NOWAIT), 0); /* the bytes count */
	ds = stat_of(id);
	CHECK_EQ(ds.msg_qnum, 3);
	CHECK_EQ(ds.msg_cbytes, 16384);
	CHECK_EQ(ds.msg_qbytes, 16384);
	CHECK_ERR(msgrcv(id, &big, 100, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(id, &big, 100, 0, MSG_NOERROR), 100); /* the rest is lost */
	CHECK_EQ(msgrcv(id, &big, 8193, 0, 0), 8192);
	CHECK_EQ(msgrcv(id, &big, 0, 0, 0), 0);
	big.type = 0;
	CHECK_ERR(msgsnd(id, &big, 1, 0), EINVAL);
	big.type = -5;
	CHECK_ERR(msgsnd(id, &big, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(msgrcv(id, &big, (size_t)-1, 0, 0), EINVAL);
	ds.msg_qbytes = 4;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	CHECK_ERR(send(id, 1, "12345", IPC_NOWAIT), EAGAIN);
	CHECK_EQ(send(id, 1, "123", IPC_NOWAIT), 0);
	ds.msg_qbytes = 16385;
	if (has_cap(24)) /* CAP_SYS_RESOURCE */
		CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	else
		CHECK_ERR(msgctl(id, IPC_SET, &ds), EPERM);
	msgctl(id, IPC_RMID, NULL);
}

/* ---- between processes ---- */

static int receive_one(void *arg)
{
	struct message m;

	if (msgrcv(*(int *)arg, &m, sizeof(m.text), 9, 0) < 0)
		return errno;
	return strcmp(m.text, "hello") == 0 ? 0 : 1;
}

static int send_one(void *arg)
{
	return send(*(int *)arg, 1, "late", 0) == 0 ? 0 : errno;
}

static void on_signal(int sig)
{
	(void)sig;
}

static int receive_interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &sa, NULL);
	return receive_one(arg);
}

static void test_blocking(void)
{
	static struct {
		long type;
		char text[8192];
	} big = { .type = 2 };
	int id = make();
	struct msqid_ds ds;
	pid_t a = child_start(receive_one, &id), b;

	await_asleep(a);
	CHECK_EQ(send(id, 8, "not this", 0), 0);
	CHECK_EQ(send(id, 9, "hello", 0), 0);
	CHECK_EQ(child_wait(a), 0);
	ds = stat_of(id);
	CHECK_EQ(ds.msg_qnum, 1);
	CHECK_EQ(ds.msg_lspid, getpid());
	CHECK_EQ(ds.msg_lrpid, a);
	CHECK(ds.msg_stime != 0 && ds.msg_rtime != 0 && ds.msg_ctime != 0);
	receive(id, 0, 0);
	CHECK_EQ(msgsnd(id, &big, 8192, 0), 0);
	CHECK_EQ(msgsnd(id, &big, 8192, 0), 0);
	a = child_start(send_one, &id);
	await_asleep(a);
	CHECK_EQ(stat_of(id).msg_qnum, 2);
	CHECK_EQ(msgrcv(id, &big, 8192, 0, 0), 8192);
	CHECK_EQ(child_wait(a), 0);
	CHECK_EQ(receive(id, 1, 0), 5);
	CHECK_STR(last.text, "late");
	a = child_start(receive_interrupted, &id);
	CHECK_EQ(child_interrupt(a, SIGUSR1), EINTR);
	CHECK_EQ(msgsnd(id, &big, 8192, 0), 0);
	a = child_start(receive_one, &id);
	b = child_start(send_one, &id);
	await_asleep(a);
	await_asleep(b);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(child_wait(a), EIDRM);
	CHECK_EQ(child_wait(b), EIDRM);
}

static int as_nobody(void *arg)
{
	int id = *(int *)arg;
	struct msqid_ds ds;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	if (send(id, 1, "x", IPC_NOWAIT) != 0)
		return 2;
	if (receive(id, 0, 0) != -1 || errno != EACCES)
		return 3;
	if (msgctl(id, IPC_STAT, &ds) != -1 || errno != EACCES)
		return 4;
	return msgctl(id, IPC_RMID, NULL) == -1 && errno == EPERM ? 0 : 5;
}

static void test_info(void)
{
	int id = msgget(IPC_PRIVATE, 0602), highest, found = -1;
	struct msqid_ds ds;
	struct msginfo info;

	if (geteuid() == 0)
		CHECK_EQ(child_run(as_nobody, &id), 0);
	highest = msgctl(0, IPC_INFO, (struct msqid_ds *)&info);
	CHECK(highest >= 0);
	CHECK_EQ(info.msgmax, 8192);
	CHECK_EQ(info.msgmnb, 16384);
	CHECK_EQ(info.msgmni, 32000);
	CHECK_EQ(msgctl(0, MSG_INFO, (struct msqid_ds *)&info), highest);
	CHECK(info.msgpool >= 1);
	for (int i = 0; i <= highest; i++)
		if (msgctl(i, MSG_STAT, &ds) == id)
			found = i;
	CHECK(found >= 0);
	CHECK_EQ(ds.msg_perm.mode, 0602);
	CHECK_ERR(msgctl(id, IPC_STAT, (struct msqid_ds *)8), EFAULT);
	CHECK_ERR(msgctl(id, 99, &ds), EINVAL);
	msgctl(id, IPC_RMID, NULL);
}

static void test_proc(void)
{
	int id = make(), key, msqid;
	unsigned mode = 0, nr_bytes = 0, nr = 0;
	FILE *f;
	char line[256];
	bool found = false;

	send(id, 1, "four", 0);
	f = fopen("/proc/sysvipc/msg", "r");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "%d %d %o %u %u", &key, &msqid, &mode, &nr_bytes, &nr) == 5 &&
			msqid == id;
	if (f != NULL)
		fclose(f);
	CHECK(found);
	CHECK_EQ(mode, 0600);
	CHECK_EQ(nr_bytes, 5);
	CHECK_EQ(nr, 1);
	msgctl(id, IPC_RMID, NULL);
}

/* ---- several senders and receivers ---- */

static int send_many(void *arg)
{
	for (int i = 0; i < 300; i++)
		if (send(*(int *)arg, 1 + i % 3, "some text", 0) != 0)
			return 1;
	return 0;
}

static int receive_many(void *arg)
{
	struct message m;

	for (int i = 0; i < 300; i++)
		if (msgrcv(*(int *)arg, &m, sizeof(m.text), 0, 0) != 10)
			return 1;
	return 0;
}

static void test_many(void)
{
	int id = make();
	pid_t pids[4];

	for (int i = 0; i < 4; i++)
		pids[i] = child_start(i % 2 == 0 ? send_many : receive_many, &id);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(child_wait(pids[i]), 0);
	CHECK_EQ(stat_of(id).msg_qnum, 0);
	CHECK_EQ(stat_of(id).msg_cbytes, 0);
	msgctl(id, IPC_RMID, NULL);
}

int main(void)
{
	scratch_enter();
	ipcspace_enter();
	test_get();
	test_order();
	test_copy();
	test_sizes();
	test_blocking();
	test_info();
	test_proc();
	test_many();
	return check_done();
}
