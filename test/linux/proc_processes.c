/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/<pid> of other processes: zombies, stopped ones, other users', threads (proc(5)). */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

struct stat_line {
	int pid, ppid, pgrp, session, threads, exit_signal;
	char name[32], state;
};

static bool read_stat(pid_t pid, struct stat_line *s)
{
	char path[64], line[1024], *after;
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	good = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	after = good ? strrchr(line, ')') : NULL;
	if (!after || sscanf(line, "%d (%31[^)])", &s->pid, s->name) != 2)
		return false;
	return sscanf(after,
		      ") %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %*d %d %*d "
		      "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %d",
		      &s->state, &s->ppid, &s->pgrp, &s->session, &s->threads,
		      &s->exit_signal) == 6;
}

static char state_of(pid_t pid)
{
	struct stat_line s;

	return read_stat(pid, &s) ? s.state : '?';
}

/* Waits for a state that will come. */
static char await_state(pid_t pid, char state)
{
	while (state_of(pid) != state)
		usleep(2000);
	return state_of(pid);
}

static bool status_has(pid_t pid, const char *text)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		found |= strncmp(line, text, strlen(text)) == 0;
	if (f)
		fclose(f);
	return found;
}

static bool is_listed(const char *dir, pid_t pid)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && (e = readdir(d)) != NULL)
		found |= atoi(e->d_name) == pid;
	if (d)
		closedir(d);
	return found;
}

static ssize_t read_file(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static void test_life(void)
{
	struct stat_line s;
	char buf[256];
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	CHECK(is_listed("/proc", pid));
	CHECK_EQ(await_state(pid, 'S'), 'S');
	CHECK(read_stat(pid, &s));
	CHECK_EQ(s.pid, pid);
	CHECK_EQ(s.ppid, getpid());
	CHECK_EQ(s.pgrp, getpgrp());
	CHECK_EQ(s.session, getsid(0));
	CHECK_EQ(s.threads, 1);
	CHECK_EQ(s.exit_signal, SIGCHLD);
	CHECK(status_has(pid, "State:\tS (sleeping)"));
	kill(pid, SIGSTOP);
	CHECK_EQ(await_state(pid, 'T'), 'T');
	CHECK(status_has(pid, "State:\tT (stopped)"));
	kill(pid, SIGKILL);
	CHECK_EQ(await_state(pid, 'Z'), 'Z');
	CHECK(status_has(pid, "State:\tZ (zombie)"));
	CHECK(!status_has(pid, "VmSize"));
	CHECK(is_listed("/proc", pid));
	CHECK(read_stat(pid, &s));
	CHECK_EQ(s.ppid, getpid());
	CHECK_EQ(read_file(pid, "cmdline", buf, sizeof(buf)), 0);
	CHECK(read_file(pid, "comm", buf, sizeof(buf)) > 1);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(state_of(pid), '?');
	CHECK(!is_listed("/proc", pid));
	CHECK_ERR(read_file(pid, "stat", buf, sizeof(buf)), ENOENT);
}

/* A parent waits for its vfork(2) child in a way that no signal handler ends. */
static void test_vfork(void)
{
	int gate[2];
	pid_t pid;
	char c;

	CHECK_EQ(pipe(gate), 0);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		if (vfork() == 0) {
			(void)!read(gate[0], &c, 1);
			_exit(0);
		}
		_exit(0);
	}
	CHECK_EQ(await_state(pid, 'D'), 'D');
	CHECK(status_has(pid, "State:\tD (disk sleep)"));
	close(gate[0]);
	close(gate[1]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* A directory that was opened outlives its process, but has nothing to say. */
static void test_stale(void)
{
	char path[64], c;
	pid_t pid = fork();
	int dir, file;

	if (pid == 0) {
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	file = openat(dir, "stat", O_RDONLY);
	CHECK(dir >= 0 && file >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_ERR(read(file, &c, 1), ESRCH);
	CHECK_EQ(openat(dir, "status", O_RDONLY), -1);
	CHECK(errno == ESRCH || errno == ENOENT);
	close(dir);
	close(file);
}

static void test_exec(void)
{
	struct stat_line s;
	char buf[256];
	int p[2];
	pid_t pid;

	CHECK_EQ(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[0], 0);
		close(p[1]);
		execl("/bin/cat", "kitten", "-u", "-", (char *)NULL);
		_exit(1);
	}
	close(p[0]);
	while (read_file(pid, "cmdline", buf, sizeof(buf)) != 12 || strcmp(buf, "kitten") != 0)
		usleep(2000);
	CHECK_STR(buf, "kitten");
	CHECK_STR(buf + 7, "-u");
	CHECK(read_stat(pid, &s));
	CHECK_STR(s.name, "cat");
	CHECK(read_file(pid, "environ", buf, sizeof(buf)) >= 0);
	CHECK(read_file(pid, "maps", buf, sizeof(buf)) > 0);
	close(p[1]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static int ready[2];

static void *waits(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void test_threads(void)
{
	struct stat_line s;
	char path[64], c;
	pid_t pid = fork();
	int nr = 0;
	DIR *d;

	if (pid == 0) {
		pthread_t t;

		for (int i = 0; i < 3; i++)
			pthread_create(&t, NULL, waits, NULL);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		waits(NULL);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	CHECK(read_stat(pid, &s));
	CHECK_EQ(s.threads, 4);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		nr += atoi(e->d_name) > 0;
	CHECK_EQ(nr, 4);
	closedir(d);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* What belongs to another user is not shown. */
static void test_privacy(void)
{
	int status;
	pid_t pid;

	if (getuid() != 0)
		return;
	pid = fork();
	if (pid == 0) {
		char buf[64], target[64];
		pid_t parent = getppid();

		if (setgid(4321) != 0 || setuid(4321) != 0)
			_exit(1);
		if (read_file(parent, "stat", buf, sizeof(buf)) <= 0)
			_exit(2);
		if (read_file(parent, "cmdline", buf, sizeof(buf)) <= 0)
			_exit(3);
		if (read_file(parent, "environ", buf, sizeof(buf)) != -1 || errno != EACCES)
			_exit(4);
		snprintf(buf, sizeof(buf), "/proc/%d/exe", parent);
		if (readlink(buf, target, sizeof(target)) != -1 || errno != EACCES)
			_exit(5);
		snprintf(buf, sizeof(buf), "/proc/%d/fd", parent);
		if (opendir(buf) != NULL || errno != EACCES)
			_exit(6);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

int main(void)
{
	CHECK_EQ(pipe(ready), 0);
	test_life();
	test_vfork();
	test_stale();
	test_exec();
	test_threads();
	test_privacy();
	return check_done();
}
