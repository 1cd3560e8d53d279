/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about the machine and the kernel: /proc/cpuinfo, meminfo, stat..., /proc/sys,
 * /sys/devices. */
#include "arch/cpu.h"
#include "core/random.h"
#include "core/smp/cpu.h"
#include "core/time/timer.h"
#include "fs/proc/proc.h"
#include "fs/vfs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "linux/proc/proc_task.h"
#include "linux/system.h"
#include "linux/task/task.h"
#include "mm/alloc/kmem.h"
#include "mm/alloc/page.h"
#include "mm/vmspace.h"

#define TICKS_PER_SEC 100 /* USER_HZ */
#define NSEC_PER_TICK (NSEC_PER_SEC / TICKS_PER_SEC)

/* ---- the machine ---- */

static void show_cpu(struct text_buffer *b, const struct cpu_facts *c, unsigned i)
{
	unsigned khz = clock_tsc_khz();

	text_print(b,
		   "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
		   "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %u.%03u\ncache size\t: %u KB\n",
		   i, c->vendor, c->family, c->model, c->model_name, c->stepping, khz / 1000,
		   khz % 1000, c->cache_kib);
	text_print(b,
		   "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n"
		   "apicid\t\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\n"
		   "wp\t\t: yes\nflags\t\t: %s\n",
		   nr_cpus, i, nr_cpus, i, c->flags);
	text_print(b,
		   "bogomips\t: %u.%02u\nclflush size\t: 64\ncache_alignment\t: 64\n"
		   "address sizes\t: 48 bits physical, 48 bits virtual\npower management:\n\n",
		   khz / 500, khz / 5 % 100);
}

static int show_cpuinfo(struct text_buffer *b, int pid)
{
	struct cpu_facts *c = kmem_new(struct cpu_facts);

	if (c == NULL)
		return -ENOMEM;
	cpu_facts_get(c);
	for (unsigned i = 0; i < nr_cpus; i++)
		show_cpu(b, c, i);
	kmem_free(c);
	return 0;
}
PROC_FILE(cpuinfo) = { .path = "cpuinfo", .mode = 0444, .show = show_cpuinfo };

static unsigned long long kib(uint64_t pages)
{
	return pages * (PAGE_SIZE / 1024);
}

static uint64_t nr_mapped(void)
{
	struct process *p, *next;
	uint64_t nr = 0;

	for (p = process_next(0); p != NULL; p = next) {
		struct task *t = process_leader(p);
		struct vmspace *vs = t != NULL ? proc_task_space(t) : NULL;

		nr += vs != NULL ? vmspace_nr_object_pages(vs) : 0;
		if (vs != NULL)
			vmspace_put(vs);
		if (t != NULL)
			task_put(t);
		next = process_next(p->pid);
		process_put(p);
	}
	return nr;
}

static int show_meminfo(struct text_buffer *b, int pid)
{
	struct page_stats s;

	page_stats_get(&s);
	text_print(b,
		   "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n"
		   "Buffers:        %8u kB\nCached:         %8llu kB\nSwapCached:     %8u kB\n",
		   kib(s.total), kib(s.free), kib(s.free + s.cached - min(s.shmem, s.cached)), 0,
		   kib(s.cached), 0);
	text_print(b,
		   "Active:         %8llu kB\nInactive:       %8u kB\nSwapTotal:      %8u kB\n"
		   "SwapFree:       %8u kB\nDirty:          %8u kB\nWriteback:      %8u kB\n"
		   "AnonPages:      %8llu kB\nMapped:         %8llu kB\nShmem:          %8llu kB\n",
		   kib(s.cached + s.anonymous), 0, 0, 0, 0, 0, kib(s.anonymous), kib(nr_mapped()),
		   kib(s.shmem));
	text_print(b,
		   "Slab:           %8llu kB\nSUnreclaim:     %8llu kB\nKernelStack:    %8llu kB\n"
		   "PageTables:     %8llu kB\nCommitLimit:    %8llu kB\n"
		   "Committed_AS:   %8llu kB\nHugePages_Total:%8u\nHugePages_Free: %8u\n"
		   "HugePages_Rsvd: %8u\nHugePages_Surp: %8u\nHugepagesize:   %8u kB\n",
		   kib(s.slab), kib(s.slab), kib(s.stacks), kib(s.tables), kib(s.total / 2),
		   kib(s.anonymous), 0, 0, 0, 0, 2048);
	return 0;
}
PROC_FILE(meminfo) = { .path = "meminfo", .mode = 0444, .show = show_meminfo };

/* slabinfo(5). Slabs are by size here: the names are those of Linux's size classes. The counts are
 * kept anyway, so the file is always there: a leak shows in it by its size. */
static int show_slabinfo(struct text_buffer *b, int pid)
{
	struct kmem_class c;

	text_print(
		b,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		" : tunables <limit> <batchcount> <sharedfactor>"
		" : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned i = 0; kmem_class_get(i, &c); i++) {
		size_t nr_slabs = c.nr_slots / c.slots_a_slab;

		text_print(b, "kmalloc-%-8zu %7zu %6zu %6zu %4u %4u", c.size, c.nr_objects,
			   c.nr_slots, c.size, c.slots_a_slab, c.pages_a_slab);
		text_print(b, " : tunables    0    0    0 : slabdata %6zu %6zu      0\n", nr_slabs,
			   nr_slabs);
	}
	return 0;
}
PROC_FILE(slabinfo) = { .path = "slabinfo", .mode = 0400, .show = show_slabinfo };

static int show_vmstat(struct text_buffer *b, int pid)
{
	struct page_stats s;

	page_stats_get(&s);
	text_print(b,
		   "nr_free_pages %llu\nnr_anon_pages %llu\nnr_file_pages %llu\n"
		   "nr_slab_unreclaimable %llu\nnr_page_table_pages %llu\n",
		   (unsigned long long)s.free, (unsigned long long)s.anonymous,
		   (unsigned long long)s.cached, (unsigned long long)s.slab,
		   (unsigned long long)s.tables);
	return 0;
}
PROC_FILE(vmstat) = { .path = "vmstat", .mode = 0444, .show = show_vmstat };

static unsigned long long ticks(nsec_t ns)
{
	return (unsigned long long)(ns / NSEC_PER_TICK);
}

/* The time since a CPU came up that it was not idle counts as user time: there is no ring to
 * tell by. */
static void show_cpu_times(struct text_buffer *b, const char *name, nsec_t idle, nsec_t all)
{
	text_print(b, "%s %llu 0 0 %llu 0 0 0 0 0 0\n", name, ticks(max(all - idle, (nsec_t)0)),
		   ticks(idle));
}

static nsec_t idle_of(const struct cpu *c)
{
	nsec_t idle = READ_ONCE(c->idle_ns);

	if (c->arch.current == c->idle)
		idle += clock_monotonic() - c->idle->run_start_ns;
	return idle;
}

static int show_stat(struct text_buffer *b, int pid)
{
	nsec_t now = clock_monotonic(), idle = 0;
	uint64_t irqs = 0, switches = 0;
	unsigned running = 0;

	for (unsigned i = 0; i < nr_cpus; i++) {
		idle += idle_of(cpus[i]);
		irqs += cpus[i]->nr_irqs;
		switches += cpus[i]->nr_switches;
		running += cpus[i]->rq.nr_runnable + 1;
	}
	show_cpu_times(b, "cpu ", idle, now * nr_cpus);
	for (unsigned i = 0; i < nr_cpus; i++) {
		char name[16] = "cpu";

		name[3] = (char)('0' + i % 10);
		show_cpu_times(b, name, idle_of(cpus[i]), now);
	}
	text_print(b,
		   "intr %llu\nctxt %llu\nbtime %lld\nprocesses %u\nprocs_running %u\n"
		   "procs_blocked 0\n",
		   (unsigned long long)irqs, (unsigned long long)switches,
		   (long long)((clock_realtime() - now) / NSEC_PER_SEC), task_nr_made(), running);
	return 0;
}
PROC_FILE(stat) = { .path = "stat", .mode = 0444, .show = show_stat };

static int show_uptime(struct text_buffer *b, int pid)
{
	nsec_t now = clock_monotonic(), idle = 0;

	for (unsigned i = 0; i < nr_cpus; i++)
		idle += idle_of(cpus[i]);
	text_print(b, "%lld.%02lld %lld.%02lld\n", (long long)(now / NSEC_PER_SEC),
		   (long long)(now / 10000000 % 100), (long long)(idle / NSEC_PER_SEC),
		   (long long)(idle / 10000000 % 100));
	return 0;
}
PROC_FILE(uptime) = { .path = "uptime", .mode = 0444, .show = show_uptime };

static int show_loadavg(struct text_buffer *b, int pid)
{
	uint32_t averages[LOAD_TERMS];
	unsigned running;

	load_get(averages, &running);
	for (unsigned i = 0; i < LOAD_TERMS; i++) {
		uint32_t percent = (averages[i] * 100ull + (1u << (LOAD_SHIFT - 1))) >> LOAD_SHIFT;

		text_print(b, "%u.%02u ", percent / 100, percent % 100);
	}
	text_print(b, "%u/%u %d\n", running, task_nr_alive(), task_last_id());
	return 0;
}
PROC_FILE(loadavg) = { .path = "loadavg", .mode = 0444, .show = show_loadavg };

/* ---- the kernel ---- */

static int show_version(struct text_buffer *b, int pid)
{
	text_print(b, "Linux version %s (hull) %s\n", system_release, system_version);
	return 0;
}
PROC_FILE(version) = { .path = "version", .mode = 0444, .show = show_version };

LINKER_SET(fs_types, struct fs_type);

static int show_filesystems(struct text_buffer *b, int pid)
{
	LINKER_SET_FOREACH(fs_types, t)
		text_print(b, "%s\t%s\n", t->needs_device ? "" : "nodev", t->name);
	return 0;
}
PROC_FILE(filesystems) = { .path = "filesystems", .mode = 0444, .show = show_filesystems };

static int show_cmdline(struct text_buffer *b, int pid)
{
	text_print(b, "\n");
	return 0;
}
PROC_FILE(cmdline) = { .path = "cmdline", .mode = 0444, .show = show_cmdline };

static int link_mounts(int pid, int nr, char *buf, size_t size)
{
	string_copy(buf, "self/mounts", size);
	return 0;
}
PROC_FILE(mounts) = { .path = "mounts", .mode = S_IFLNK | 0777, .link_text = link_mounts };

/* ---- /proc/sys: what C libraries and runtimes read ---- */

#define CONSTANT(id, where, text) \
	static int show_##id(struct text_buffer *b, int pid) \
	{ \
		text_print(b, "%s\n", text); \
		return 0; \
	} \
	PROC_FILE(id) = { .path = where, .mode = 0444, .show = show_##id }

CONSTANT(ostype, "sys/kernel/ostype", "Linux");
CONSTANT(osrelease, "sys/kernel/osrelease", system_release);
CONSTANT(sys_version, "sys/kernel/version", system_version);
CONSTANT(pid_max, "sys/kernel/pid_max", "32768");
CONSTANT(threads_max, "sys/kernel/threads-max", "32768");
CONSTANT(cap_last_cap, "sys/kernel/cap_last_cap", "40");
CONSTANT(ngroups_max, "sys/kernel/ngroups_max", "65536");
CONSTANT(randomize_va_space, "sys/kernel/randomize_va_space", "2");
CONSTANT(core_pattern, "sys/kernel/core_pattern", "core");
CONSTANT(core_uses_pid, "sys/kernel/core_uses_pid", "0");
CONSTANT(perf_paranoid, "sys/kernel/perf_event_paranoid", "4");
CONSTANT(yama, "sys/kernel/yama/ptrace_scope", "1");
CONSTANT(overcommit_memory, "sys/vm/overcommit_memory", "0");
CONSTANT(overcommit_ratio, "sys/vm/overcommit_ratio", "50");
CONSTANT(max_map_count, "sys/vm/max_map_count", "65530");

/* proc(5): pages, or dentries and inodes, or both. Here it is both. */
static int store_drop_caches(const char *text, size_t len, int pid)
{
	if (len == 0 || text[0] < '1' || text[0] > '4' || (len > 1 && text[1] != '\n'))
		return -EINVAL;
	page_drop_caches();
	return 0;
}
PROC_FILE(drop_caches) = { .path = "sys/vm/drop_caches", .mode = 0200, .store = store_drop_caches };

CONSTANT(mmap_min_addr, "sys/vm/mmap_min_addr", "65536");
CONSTANT(swappiness, "sys/vm/swappiness", "0");
CONSTANT(nr_open, "sys/fs/nr_open", "1048576");
CONSTANT(file_max, "sys/fs/file-max", "9223372036854775807");
CONSTANT(pipe_max_size, "sys/fs/pipe-max-size", "1048576");
CONSTANT(pipe_user_pages_soft, "sys/fs/pipe-user-pages-soft", "16384");
CONSTANT(max_user_watches, "sys/fs/inotify/max_user_watches", "65536");
CONSTANT(max_user_instances, "sys/fs/inotify/max_user_instances", "128");
CONSTANT(max_queued_events, "sys/fs/inotify/max_queued_events", "16384");
CONSTANT(epoll_max_watches, "sys/fs/epoll/max_user_watches", "1048576");
CONSTANT(somaxconn, "sys/net/core/somaxconn", "4096");
CONSTANT(entropy_avail, "sys/kernel/random/entropy_avail", "256");
CONSTANT(poolsize, "sys/kernel/random/poolsize", "256");

static int show_hostname(struct text_buffer *b, int pid)
{
	char name[SYSTEM_NAME_MAX + 1];

	system_hostname_get(name);
	text_print(b, "%s\n", name);
	return 0;
}
PROC_FILE(hostname) = { .path = "sys/kernel/hostname", .mode = 0444, .show = show_hostname };

static void show_uuid(struct text_buffer *b, const uint8_t id[16])
{
	for (unsigned i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		text_print(b, dash ? "-%02x" : "%02x", id[i]);
	}
	text_print(b, "\n");
}

/* Version 4, variant 1 (RFC 9562 §5.4). */
static void make_uuid(uint8_t id[16])
{
	random_get(id, 16);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

static int show_random_uuid(struct text_buffer *b, int pid)
{
	uint8_t id[16];

	make_uuid(id);
	show_uuid(b, id);
	return 0;
}
PROC_FILE(random_uuid) = { .path = "sys/kernel/random/uuid",
			   .mode = 0444,
			   .show = show_random_uuid };

static int show_boot_id(struct text_buffer *b, int pid)
{
	static uint8_t id[16];

	if (id[6] == 0)
		make_uuid(id);
	show_uuid(b, id);
	return 0;
}
PROC_FILE(boot_id) = { .path = "sys/kernel/random/boot_id", .mode = 0444, .show = show_boot_id };

static int show_file_nr(struct text_buffer *b, int pid)
{
	text_print(b, "%ld\t0\t9223372036854775807\n", vfs_nr_files());
	return 0;
}
PROC_FILE(file_nr) = { .path = "sys/fs/file-nr", .mode = 0444, .show = show_file_nr };

/* ---- /sys ---- */

static int show_cpu_range(struct text_buffer *b, int pid)
{
	if (nr_cpus == 1)
		text_print(b, "0\n");
	else
		text_print(b, "0-%u\n", nr_cpus - 1);
	return 0;
}
SYSFS_FILE(cpu_online) = { .path = "devices/system/cpu/online",
			   .mode = 0444,
			   .show = show_cpu_range };
SYSFS_FILE(cpu_possible) = { .path = "devices/system/cpu/possible",
			     .mode = 0444,
			     .show = show_cpu_range };
SYSFS_FILE(cpu_present) = { .path = "devices/system/cpu/present",
			    .mode = 0444,
			    .show = show_cpu_range };

/* In words of 32, the highest first; all are online. */
static int show_cpu_mask(struct text_buffer *b, int pid)
{
	text_print(b, "%x", ~0u >> (31 - (nr_cpus - 1) % 32));
	for (unsigned below = (nr_cpus - 1) / 32; below > 0; below--)
		text_print(b, ",ffffffff");
	text_print(b, "\n");
	return 0;
}
SYSFS_FILE(node_cpumap) = { .path = "devices/system/node/node0/cpumap",
			    .mode = 0444,
			    .show = show_cpu_mask };
SYSFS_FILE(node_cpus) = { .path = "devices/system/node/node0/cpulist",
			  .mode = 0444,
			  .show = show_cpu_range };

#define SYS_CONSTANT(id, where, text) \
	static int show_##id(struct text_buffer *b, int pid) \
	{ \
		text_print(b, "%s\n", text); \
		return 0; \
	} \
	SYSFS_FILE(id) = { .path = where, .mode = 0444, .show = show_##id }

SYS_CONSTANT(cpu_offline, "devices/system/cpu/offline", "");
SYS_CONSTANT(cpu_kernel_max, "devices/system/cpu/kernel_max", "63");
SYS_CONSTANT(cpu0_core_id, "devices/system/cpu/cpu0/topology/core_id", "0");
SYS_CONSTANT(cpu0_package, "devices/system/cpu/cpu0/topology/physical_package_id", "0");
SYS_CONSTANT(cpu0_siblings, "devices/system/cpu/cpu0/topology/thread_siblings_list", "0");
SYS_CONSTANT(node_distance, "devices/system/node/node0/distance", "10");
SYS_CONSTANT(node_online, "devices/system/node/online", "0");
SYS_CONSTANT(node_possible, "devices/system/node/possible", "0");
SYS_CONSTANT(thp_enabled, "kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
SYS_CONSTANT(thp_size, "kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152");
