/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system as a whole: its name, its figures, random numbers, the log; and calls of Linux that
 * are refused here for what they are (ptrace, reboot).
 */
#include "linux/system.h"

#include <linux/capability.h>
#include <linux/random.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "core/cred.h"
#include "core/log.h"
#include "core/random.h"
#include "core/smp/cpu.h"
#include "core/sync/spinlock.h"
#include "core/time/timer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/file/name.h"
#include "linux/sys.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/user.h"

const char system_release[] = "6.1.0-hull";
const char system_version[] = "#1 SMP PREEMPT Hull 0.1";

static char hostname[SYSTEM_NAME_MAX + 1] = "hull";     /* [name_lock] */
static char domainname[SYSTEM_NAME_MAX + 1] = "(none)"; /* [name_lock] */
static struct spinlock name_lock;

void system_hostname_get(char out[SYSTEM_NAME_MAX + 1])
{
	scoped_spin(&name_lock);
	memcpy(out, hostname, sizeof(hostname));
}

void system_hostname_set(const char *name)
{
	scoped_spin(&name_lock);
	memset(hostname, 0, sizeof(hostname));
	string_copy(hostname, name, sizeof(hostname));
}

long sys_uname(uaddr_t to)
{
	struct new_utsname *u = kmem_new(struct new_utsname);
	int err;

	if (u == NULL)
		return -ENOMEM;
	string_copy(u->sysname, "Linux", sizeof(u->sysname));
	string_copy(u->release, system_release, sizeof(u->release));
	string_copy(u->version, system_version, sizeof(u->version));
	string_copy(u->machine, PROGRAM_ELF_MACHINE_NAME, sizeof(u->machine));
	spin_lock(&name_lock);
	string_copy(u->nodename, hostname, sizeof(u->nodename));
	string_copy(u->domainname, domainname, sizeof(u->domainname));
	spin_unlock(&name_lock);
	err = user_write_struct(to, u);
	kmem_free(u);
	return err;
}

static long set_name(char *name, uaddr_t from, size_t len)
{
	char now[SYSTEM_NAME_MAX + 1] = "";

	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (len > SYSTEM_NAME_MAX)
		return -EINVAL;
	if (user_read(now, from, len) != 0)
		return -EFAULT;
	scoped_spin(&name_lock);
	memcpy(name, now, sizeof(now));
	return 0;
}

long sys_sethostname(uaddr_t name, size_t len)
{
	return set_name(hostname, name, len);
}

long sys_setdomainname(uaddr_t name, size_t len)
{
	return set_name(domainname, name, len);
}

_Static_assert(LOAD_SHIFT == SI_LOAD_SHIFT, "sysinfo(2)");

long sys_sysinfo(uaddr_t to)
{
	struct sysinfo info = { .mem_unit = 1 };
	struct page_stats s;
	uint32_t averages[LOAD_TERMS];
	unsigned running;

	page_stats_get(&s);
	load_get(averages, &running);
	info.uptime = (long)(clock_monotonic() / NSEC_PER_SEC);
	for (unsigned i = 0; i < LOAD_TERMS; i++)
		info.loads[i] = averages[i];
	info.totalram = s.total * PAGE_SIZE;
	info.freeram = s.free * PAGE_SIZE;
	info.sharedram = s.shmem * PAGE_SIZE;
	for (struct process *p = process_next(0), *next; p != NULL; p = next) {
		info.procs = (uint16_t)(info.procs + p->nr_tasks);
		next = process_next(p->pid);
		process_put(p);
	}
	return user_write_struct(to, &info);
}

#define RANDOM_PIECE 256

long sys_getrandom(uaddr_t to, size_t count, unsigned flags)
{
	uint8_t piece[RANDOM_PIECE];
	size_t done = 0;

	if ((flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) != 0 ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	count = min(count, (size_t)INT32_MAX);
	while (done < count) {
		size_t n = min(count - done, sizeof(piece));

		random_get(piece, n);
		if (user_write(to + done, piece, n) != 0)
			return done > 0 ? (long)done : -EFAULT;
		done += n;
		if (done % (16 * PAGE_SIZE) == 0 && thread_has_signal(thread_current()))
			break;
	}
	memset(piece, 0, sizeof(piece));
	return (long)done;
}

/* syslog(2) by its numbers: 2 to 4 read, 10 is the size of the ring; the rest changes nothing
 * here. */
#define SYSLOG_RING (16 * 1024)

static long read_log(uaddr_t to, int len)
{
	char *text;
	long n;

	if (to == 0 || len < 0)
		return -EINVAL;
	text = kmem_alloc(SYSLOG_RING);
	if (text == NULL)
		return -ENOMEM;
	n = (long)log_read(text, min((size_t)len, (size_t)SYSLOG_RING));
	if (user_write(to, text, (size_t)n) != 0)
		n = -EFAULT;
	kmem_free(text);
	return n;
}

long sys_syslog(int type, uaddr_t buf, int len)
{
	if (type < 0 || type > 10)
		return -EINVAL;
	if (type == 10)
		return SYSLOG_RING;
	if (type == 3)
		return read_log(buf, len);
	if (!cred_has_cap(cred_current(), CAP_SYSLOG))
		return -EPERM;
	return type == 2 || type == 4 ? read_log(buf, len) : 0;
}

/* ---- not offered, and said so ---- */

long sys_ptrace(long request, int pid, unsigned long addr, unsigned long data)
{
	return -EPERM;
}

long sys_reboot(unsigned long magic, unsigned long magic2, unsigned long cmd, uaddr_t arg)
{
	return -EPERM;
}

long sys_personality(unsigned long persona)
{
	struct process *p = process_current();
	unsigned was = p->personality;

	if (persona != 0xffffffff)
		WRITE_ONCE(p->personality, (unsigned)persona);
	return was;
}
