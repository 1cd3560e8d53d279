/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the rounds of fuzz_syscalls.c: what outlives processes goes (files, wherever calls made
 * some, System V's objects, message queues), so that the kernel's counters, printed here too, stay
 * as they are unless something leaks.
 */
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOLDER    "/dev/shm/fuzz"
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static inline int remove_entry(const char *name, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	return walk->level > 0 ? remove(name) : 0;
}

/* What outlives processes: files, System V's objects, message queues. */
static inline void clean_up(void)
{
	struct shm_info shm;
	struct seminfo sem;
	struct msginfo msg;
	struct shmid_ds shm_ds;
	struct msqid_ds msg_ds;
	struct semid_ds sem_ds;
	int top = shmctl(0, SHM_INFO, (struct shmid_ds *)&shm);

	for (int i = 0; i <= top; i++)
		shmctl(shmctl(i, SHM_STAT, &shm_ds), IPC_RMID, NULL);
	top = msgctl(0, MSG_INFO, (struct msqid_ds *)&msg);
	for (int i = 0; i <= top; i++)
		msgctl(msgctl(i, MSG_STAT, &msg_ds), IPC_RMID, NULL);
	top = semctl(0, 0, SEM_INFO, &sem);
	for (int i = 0; i <= top; i++)
		semctl(semctl(i, 0, SEM_STAT, &sem_ds), 0, IPC_RMID);
	nftw(FOLDER, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	mkdir("d0", 0777);
	mkdir("d1", 0777);
}

/* Where calls leave things besides FOLDER, and the names there at first, between slashes. */
static const char *const places[] = { "/", "/dev", "/dev/shm", "/dev/mqueue" };
static char first_names[LENGTH(places)][8192];

static inline void list_names(const char *place, char *to, size_t size)
{
	DIR *folder = opendir(place);
	struct dirent *entry;
	size_t used = (size_t)snprintf(to, size, "/");

	while (folder && (entry = readdir(folder)) != NULL)
		if (used + strlen(entry->d_name) + 2 < size)
			used += (size_t)snprintf(to + used, size - used, "%s/", entry->d_name);
	if (folder)
		closedir(folder);
}

static inline void remove_all(const char *name)
{
	nftw(name, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	remove(name);
}

static inline void remove_new_names(size_t place)
{
	static char names[65536], whole[512];

	list_names(places[place], names, sizeof(names));
	for (char *name = strtok(names, "/"); name; name = strtok(NULL, "/")) {
		snprintf(whole, sizeof(whole), "/%s/", name);
		if (strstr(first_names[place], whole))
			continue;
		snprintf(whole, sizeof(whole), "%s/%s", places[place], name);
		remove_all(whole);
	}
}

/* A device that rounds need, if calls took it away. */
static inline void restore_device(const char *name, unsigned minor)
{
	struct stat st;

	if (lstat(name, &st) == 0 && S_ISCHR(st.st_mode))
		return;
	remove_all(name);
	mknod(name, S_IFCHR | 0666, makedev(1, minor));
}

static inline void clean_elsewhere(void)
{
	chmod("/", 0755);
	chmod("/dev", 0755);
	for (size_t i = 0; i < LENGTH(places); i++)
		remove_new_names(i);
	restore_device("/dev/null", 3);
	restore_device("/dev/zero", 5);
	restore_device("/dev/full", 7);
}

static inline void clean_init(void)
{
	mount("mqueue", "/dev/mqueue", "mqueue", 0, NULL);
	for (size_t i = 0; i < LENGTH(places); i++)
		list_names(places[i], first_names[i], sizeof(first_names[i]));
}

/* The kernel's caches are no leak. */
static inline void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		printf("drop_caches: %s\n", strerror(errno));
	close(fd);
}

static inline long number_in(const char *file, const char *key)
{
	char text[4096] = "";
	const char *at;
	int fd = open(file, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	at = strstr(text, key);
	return at ? atol(at + strlen(key)) : -1;
}

/* The kernel's objects of each size, from /proc/slabinfo. */
static inline void print_objects(void)
{
	char line[256];
	FILE *f = fopen("/proc/slabinfo", "r");
	long objects, size, total = 0;

	printf("by size");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "kmalloc-%ld %ld", &size, &objects) == 2) {
			printf(" %ld: %ld", size, objects);
			total += objects;
		}
	printf("; objects %ld\n", total);
	if (f)
		fclose(f);
}

/* The counters, when nothing but the supervisor runs. */
static inline void print_counters(long rounds)
{
	drop_caches();
	printf("counters %ld available_kib %ld slab_kib %ld tables_kib %ld files %ld tasks %ld "
	       "anonymous_kib %ld ",
	       rounds,
	       number_in("/proc/meminfo", "MemFree:") + number_in("/proc/meminfo", "Cached:"),
	       number_in("/proc/meminfo", "Slab:"), number_in("/proc/meminfo", "PageTables:"),
	       number_in("/proc/sys/fs/file-nr", ""), number_in("/proc/loadavg", "/"),
	       number_in("/proc/meminfo", "AnonPages:"));
	print_objects();
}
