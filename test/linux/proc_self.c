/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/self as programs parse it: maps, exe, fd, stat, status, cmdline, environ, auxv, mounts,
	 limits.
 */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "check.h"

static char text[1 << 16];

static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t len = 0, r;

	if (fd < 0)
		return -1;
	while ((r = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += r;
	text[len] = 0;
	close(fd);
	return r < 0 ? -1 : len;
}

/* The permissions and name of the mapping that holds this address. */
static bool find_mapping(const void *at, char *perms, char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 100];
	bool found = false;

	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long from, to, offset, inode;
		unsigned int major, minor;

		name[0] = 0;
		if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %4095[^\n]", &from, &to, perms, &offset,
			   &major, &minor, &inode, name) < 7)
			break;
		found = (uintptr_t)at >= from && (uintptr_t)at < to;
	}
	fclose(maps);
	return found;
}

static void test_maps(void)
{
	char perms[8], name[PATH_MAX], exe[PATH_MAX] = "";
	char *p = mmap(NULL, 8192, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	CHECK(find_mapping((void *)(uintptr_t)test_maps, perms, name));
	CHECK_STR(perms, "r-xp");
	CHECK_STR(name, exe);
	CHECK(find_mapping(text, perms, name));
	CHECK_STR(perms, "rw-p");
	CHECK(find_mapping(perms, perms, name));
	CHECK_STR(name, "[stack]");
	CHECK(find_mapping((void *)getauxval(AT_SYSINFO_EHDR), perms, name));
	CHECK_STR(name, "[vdso]");
	CHECK_STR(perms, "r-xp");
	CHECK(find_mapping(p, perms, name));
	CHECK_STR(perms, "r--s");
	munmap(p, 8192);
	CHECK(!find_mapping(NULL, perms, name));
	CHECK(slurp("/proc/self/maps") > 0);
	CHECK(strstr(text, "[heap]") != NULL);
}

static void test_status(void)
{
	char *line;
	int value;

	prctl(PR_SET_NAME, "odd) name");
	CHECK(slurp("/proc/self/status") > 0);
	CHECK(!strncmp(text, "Name:\todd) name\n", 16));
	line = strstr(text, "\nPid:\t");
	CHECK(line && sscanf(line, "\nPid:\t%d", &value) == 1 && value == getpid());
	line = strstr(text, "\nUid:\t");
	CHECK(line && sscanf(line, "\nUid:\t%d", &value) == 1 && value == (int)getuid());
	line = strstr(text, "\nThreads:\t");
	CHECK(line && sscanf(line, "\nThreads:\t%d", &value) == 1 && value == 1);
	line = strstr(text, "\nVmRSS:\t");
	CHECK(line && sscanf(line, "\nVmRSS:\t%d", &value) == 1 && value > 100);
	CHECK(strstr(text, "\nVmSize:\t") != NULL);
	CHECK(strstr(text, "\nSigBlk:\t0000000000000000\n") != NULL);
	CHECK(strstr(text, "\nCpus_allowed") != NULL);
}

static void test_stat(void)
{
	unsigned long vsize = 0;
	char *rest;
	int pid = 0, fields = 0;

	CHECK(slurp("/proc/self/stat") > 0);
	CHECK(sscanf(text, "%d", &pid) == 1 && pid == getpid());
	CHECK(strstr(text, " (odd) name) R ") != NULL);
	rest = strrchr(text, ')');
	for (char *p = rest; p && *p; p++)
		fields += *p == ' ';
	CHECK_EQ(fields, 50);
	CHECK(rest &&
	      sscanf(rest,
		     ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
		     "%*d %*d %*u %lu",
		     &vsize) == 1 &&
	      vsize > 100000);
	CHECK(slurp("/proc/self/statm") > 0);
	CHECK(sscanf(text, "%lu", &vsize) == 1 && vsize > 0);
}

static void test_strings(char **argv)
{
	size_t len = strlen(argv[0]);

	CHECK(slurp("/proc/self/cmdline") >= (ssize_t)len + 1);
	CHECK_STR(text, argv[0]);
	CHECK(slurp("/proc/self/environ") >= 0);
	CHECK(environ[0] == NULL || !strcmp(text, environ[0]));
	CHECK(slurp("/proc/self/comm") > 0);
	CHECK_STR(text, "odd) name\n");
	CHECK(slurp("/proc/self/mounts") > 0);
	CHECK(strstr(text, " /proc proc ") != NULL);
	CHECK(slurp("/proc/self/mountinfo") > 0);
	CHECK(slurp("/proc/self/limits") > 0);
	CHECK(strstr(text, "Max open files") != NULL);
	CHECK(slurp("/proc/self/cgroup") >= 0);
}

static void test_auxv(void)
{
	const Elf64_auxv_t *aux = (const void *)text;
	ssize_t len = slurp("/proc/self/auxv");
	unsigned long page = 0, entry = 0;

	CHECK(len > 0 && len % (ssize_t)sizeof(*aux) == 0);
	for (size_t i = 0; i < (size_t)len / sizeof(*aux) && aux[i].a_type != AT_NULL; i++) {
		if (aux[i].a_type == AT_PAGESZ)
			page = aux[i].a_un.a_val;
		if (aux[i].a_type == AT_ENTRY)
			entry = aux[i].a_un.a_val;
	}
	CHECK_EQ(page, 4096);
	CHECK_EQ(entry, getauxval(AT_ENTRY));
}

static void test_fd(void)
{
	char link[64], target[PATH_MAX] = "", here[PATH_MAX];
	int fd = open("named", O_RDWR | O_CREAT, 0600), again, nr = 0, ends[2];
	struct dirent *entry;
	DIR *dir;

	CHECK_EQ(write(fd, "body", 4), 4);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK(getcwd(here, sizeof(here)) && readlink(link, target, sizeof(target) - 1) > 0);
	CHECK(!strncmp(target, here, strlen(here)) && !strcmp(target + strlen(here), "/named"));
	again = open(link, O_RDONLY); /* a new open file of the same inode */
	CHECK_EQ(read(again, text, 10), 4);
	close(again);
	dir = opendir("/proc/self/fd");
	while ((entry = readdir(dir)) != NULL)
		nr += atoi(entry->d_name) == fd;
	closedir(dir);
	CHECK_EQ(nr, 1);
	CHECK_EQ(pipe(ends), 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", ends[0]);
	memset(target, 0, sizeof(target));
	CHECK(readlink(link, target, sizeof(target) - 1) > 0);
	CHECK(!strncmp(target, "pipe:[", 6));
	snprintf(link, sizeof(link), "/proc/self/fdinfo/%d", fd);
	CHECK(slurp(link) > 0);
	CHECK(!strncmp(text, "pos:\t4\n", 7));
	CHECK(readlink("/proc/self/cwd", target, sizeof(target) - 1) > 0);
	CHECK(!strncmp(target, here, strlen(here)));
	CHECK_ERR(readlink("/proc/self/fd/999", target, sizeof(target)), ENOENT);
	close(fd);
}

static void *look_at_task(void *result)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", gettid());
	*(int *)result = access(path, F_OK) == 0;
	snprintf(path, sizeof(path), "/proc/thread-self/comm");
	*(int *)result += access(path, F_OK) == 0;
	return NULL;
}

static void test_tasks(void)
{
	char path[64], target[32] = "";
	pthread_t thread;
	int result = 0;

	pthread_create(&thread, NULL, look_at_task, &result);
	pthread_join(thread, NULL);
	CHECK_EQ(result, 2);
	CHECK(readlink("/proc/self", target, sizeof(target) - 1) > 0);
	CHECK_EQ(atoi(target), getpid());
	snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
	CHECK_EQ(access(path, R_OK), 0);
	CHECK_ERR(access("/proc/99999999", F_OK), ENOENT);
}

int main(int argc, char **argv)
{
	(void)argc;
	scratch_enter();
	test_maps();
	test_status();
	test_stat();
	test_strings(argv);
	test_auxv();
	test_fd();
	test_tasks();
	return check_done();
}
