/* SPDX-License-Identifier: BSD-2-Clause */
/* Short files about a process under /proc/<pid>: limits, scheduling, children, and what tools probe
 * (proc(5)). */
#include "core/sched/thread.h"
#include "fs/proc/proc.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "linux/proc/proc_task.h"
#include "linux/task/task.h"

static const struct {
	const char *name, *unit;
} limit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", "" },
	[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void limit_text(uint64_t limit, char *buf, size_t size)
{
	if (limit == RLIM_INFINITY)
		string_copy(buf, "unlimited", size);
	else
		fmt(buf, size, "%llu", (unsigned long long)limit);
}

static int show_limits(struct text_buffer *b, int pid)
{
	struct process *p = proc_process(pid);

	if (p == NULL)
		return -ESRCH;
	text_print(b, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		char soft[24], hard[24];

		limit_text(p->limits[i].soft, soft, sizeof(soft));
		limit_text(p->limits[i].hard, hard, sizeof(hard));
		text_print(b, "%-25s %-20s %-20s %-10s\n", limit_names[i].name, soft, hard,
			   limit_names[i].unit);
	}
	process_put(p);
	return 0;
}
PROC_FILE(limits) = { .path = "PID/limits", .mode = 0444, .show = show_limits };

/* ---- the family ---- */

static int show_children(struct text_buffer *b, int tid)
{
	struct task *t = task_find(tid);
	int nr = 0, pids[64];
	struct process *child;

	if (t == NULL)
		return -ESRCH;
	spin_lock(&task_lock);
	list_foreach(&t->process->children, child, sibling) {
		if (child->parent_tid == tid && nr < (int)ARRAY_SIZE(pids))
			pids[nr++] = child->pid;
	}
	spin_unlock(&task_lock);
	for (int i = 0; i < nr; i++)
		text_print(b, "%d ", pids[i]);
	task_put(t);
	return 0;
}
PROC_FILE(children) = { .path = "PID/children", .mode = 0444, .show = show_children };

/* ---- scheduling ---- */

static int show_schedstat(struct text_buffer *b, int pid)
{
	struct task *t = proc_task(pid);

	if (t == NULL)
		return -ESRCH;
	text_print(b, "%lld 0 %llu\n", (long long)thread_cpu_time(t->thread),
		   (unsigned long long)(t->thread->nr_voluntary + t->thread->nr_involuntary));
	task_put(t);
	return 0;
}
PROC_FILE(schedstat) = { .path = "PID/schedstat", .mode = 0444, .show = show_schedstat };

static int show_timer_slack(struct text_buffer *b, int pid)
{
	struct task *t = proc_task(pid);

	if (t == NULL)
		return -ESRCH;
	text_print(b, "%lld\n", (long long)t->thread->slack_ns);
	task_put(t);
	return 0;
}
PROC_FILE(timerslack_ns) = { .path = "PID/timerslack_ns", .mode = 0444, .show = show_timer_slack };

/* As Linux without symbols: "0" while it runs, and for whoever may not know. */
static int show_wchan(struct text_buffer *b, int pid)
{
	text_print(b, "0");
	return proc_check_access(pid) == -ESRCH ? -ESRCH : 0;
}
PROC_FILE(wchan) = { .path = "PID/wchan", .mode = 0444, .show = show_wchan };

/* ---- the out-of-memory score: kept for programs that set it ---- */

static int show_oom_score_adj(struct text_buffer *b, int pid)
{
	struct process *p = proc_process(pid);

	if (p == NULL)
		return -ESRCH;
	text_print(b, "%d\n", READ_ONCE(p->oom_score_adj));
	process_put(p);
	return 0;
}

static int store_oom_score_adj(const char *text, size_t len, int pid)
{
	struct process *p;
	bool negative = len > 0 && text[0] == '-';
	int value = 0;

	for (size_t i = negative; i < len && text[i] != '\n'; i++) {
		if (text[i] < '0' || text[i] > '9' || value > 1000)
			return -EINVAL;
		value = value * 10 + (text[i] - '0');
	}
	if (value > 1000)
		return -EINVAL;
	p = proc_process(pid);
	if (p == NULL)
		return -ESRCH;
	WRITE_ONCE(p->oom_score_adj, negative ? -value : value);
	process_put(p);
	return 0;
}
PROC_FILE(oom_score_adj) = { .path = "PID/oom_score_adj",
			     .mode = 0644,
			     .show = show_oom_score_adj,
			     .store = store_oom_score_adj };

/* ---- constants ---- */

static int show_zero(struct text_buffer *b, int pid)
{
	text_print(b, "0\n");
	return 0;
}
PROC_FILE(oom_score) = { .path = "PID/oom_score", .mode = 0444, .show = show_zero };

/* No audit session: the id that Linux gives then. */
static int show_no_session(struct text_buffer *b, int pid)
{
	text_print(b, "4294967295");
	return 0;
}
PROC_FILE(loginuid) = { .path = "PID/loginuid", .mode = 0444, .show = show_no_session };
PROC_FILE(sessionid) = { .path = "PID/sessionid", .mode = 0444, .show = show_no_session };

static int show_cgroup(struct text_buffer *b, int pid)
{
	text_print(b, "0::/\n");
	return 0;
}
PROC_FILE(cgroup) = { .path = "PID/cgroup", .mode = 0444, .show = show_cgroup };

static int show_personality(struct text_buffer *b, int pid)
{
	struct process *p = proc_process(pid);

	if (p == NULL)
		return -ESRCH;
	text_print(b, "%08x\n", p->personality);
	process_put(p);
	return 0;
}
PROC_FILE(personality) = { .path = "PID/personality", .mode = 0400, .show = show_personality };

/* One user namespace, where every id is itself. */
static int show_id_map(struct text_buffer *b, int pid)
{
	text_print(b, "         0          0 4294967295\n");
	return 0;
}
PROC_FILE(uid_map) = { .path = "PID/uid_map", .mode = 0444, .show = show_id_map };
PROC_FILE(gid_map) = { .path = "PID/gid_map", .mode = 0444, .show = show_id_map };

static int show_setgroups(struct text_buffer *b, int pid)
{
	text_print(b, "allow\n");
	return 0;
}
PROC_FILE(setgroups) = { .path = "PID/setgroups", .mode = 0444, .show = show_setgroups };
