/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `hull doctor`: what this host can do for hull, one line a fact, each that is not well with what
 * to do next. Exit status 0: programs can be run somehow; 1: they cannot.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/command.h"
#include "monitor/monitor.h"

enum verdict { GOOD, NOTE, BAD };

static void say(enum verdict verdict, const char *subject, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(enum verdict verdict, const char *subject, const char *format, ...)
{
	static const char *const marks[] = { "ok", "note", "NO" };
	va_list args;

	printf("%-5s %-11s ", marks[verdict], subject);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void check_host(void)
{
	struct utsname name;

	if (uname(&name) < 0)
		return;
	say(strcmp(name.machine, "x86_64") == 0 ? GOOD : BAD, "host", "%s %s on %s", name.sysname,
	    name.release, name.machine);
	if (strcmp(name.machine, "x86_64") != 0)
		printf("%18s hull runs on 64-bit x86 hosts only\n", "");
}

static bool check_kvm(unsigned *max_cpus)
{
	struct vm_host host;

	monitor_probe(&host);
	*max_cpus = host.max_cpus;
	switch (host.accel) {
	case VM_ACCEL_HARDWARE:
		say(GOOD, "kvm", "usable, with hardware virtualisation");
		break;
	case VM_ACCEL_SOFTWARE:
		say(GOOD, "kvm",
		    "usable, done in software by the host: programs run "
		    "at full speed, page faults cost more");
		break;
	case VM_ACCEL_NONE:
		say(NOTE, "kvm", "not usable: %s", host.message);
		break;
	}
	if (host.tsc_khz)
		say(GOOD, "clock", "the TSC ticks at %u.%03u MHz", host.tsc_khz / 1000,
		    host.tsc_khz % 1000);
	return host.accel != VM_ACCEL_NONE;
}

/* Runs QEMU for its version's first line. */
static bool check_qemu(bool has_kvm)
{
	FILE *qemu = popen("qemu-system-x86_64 --version 2>/dev/null", "re");
	char line[256] = "";
	bool found = qemu && fgets(line, sizeof(line), qemu);

	if (qemu)
		pclose(qemu);
	line[strcspn(line, "\n")] = '\0';
	if (found)
		say(GOOD, "qemu", "%s", line);
	else
		say(has_kvm ? NOTE : BAD, "qemu",
		    "not found: --accel tcg, and hosts without KVM, "
		    "need it: apt-get install qemu-system-x86");
	return found;
}

static uint64_t meminfo_kib(const char *field)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':') {
			kib = strtoull(line + strlen(field) + 1, NULL, 10);
			break;
		}
	}
	if (file)
		fclose(file);
	return kib;
}

/* Those that this process may use: what a program's own threads would share. */
static void check_cpus(unsigned max_cpus)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		nr = CPU_COUNT(&allowed);
	say(GOOD, "cpus", "%ld; hull run -c gives a program up to %u, which share them", nr,
	    max_cpus);
}

static void check_resources(unsigned max_cpus)
{
	uint64_t total = meminfo_kib("MemTotal"), available = meminfo_kib("MemAvailable");
	struct rlimit files;

	say(available > 256 * 1024 ? GOOD : NOTE, "memory", "%llu MiB, %llu MiB available%s",
	    (unsigned long long)total >> 10, (unsigned long long)available >> 10,
	    available > 256 * 1024 ? "" : ": large programs may fail; see hull run -m");
	check_cpus(max_cpus);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		say(files.rlim_max >= 4096 ? GOOD : NOTE, "files", "%llu open at most%s",
		    (unsigned long long)files.rlim_max,
		    files.rlim_max >= 4096
			    ? ""
			    : ": programs with many files are slow or fail; raise it (ulimit -Hn)");
}

static void check_confinement(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		say(GOOD, "seccomp", "filters are available");
	else
		say(BAD, "seccomp",
		    "no filters (%s): the monitor needs them for its confinement; "
		    "use --accel tcg, or a kernel with CONFIG_SECCOMP_FILTER",
		    strerror(errno));
	if (access("/proc/self/fd", X_OK) < 0)
		say(BAD, "proc",
		    "/proc/self/fd: %s: directories cannot be shared with programs; "
		    "mount -t proc proc /proc",
		    strerror(errno));
}

static void check_network(void)
{
	char message[512];

	if (monitor_has_user_network(message))
		say(GOOD, "network", "the user network can be had (hull run --net user, -p)");
	else
		say(NOTE, "network", "%s", message);
	if (access("/dev/net/tun", R_OK | W_OK) == 0)
		say(GOOD, "tap", "/dev/net/tun can be opened (hull run --net tap=NAME)");
	else
		say(NOTE, "tap", "/dev/net/tun: %s: no --net tap=NAME; --net user needs nothing",
		    strerror(errno));
}

static int run(int argc, char **argv)
{
	int rest, err = options_parse(&cmd_doctor, argc, argv, NULL, &rest);
	bool has_kvm, has_qemu;
	unsigned max_cpus;

	if (err)
		return err;
	say(GOOD, "hull", "%s", HULL_VERSION);
	check_host();
	has_kvm = check_kvm(&max_cpus);
	has_qemu = check_qemu(has_kvm);
	check_resources(max_cpus);
	check_confinement();
	check_network();
	if (has_kvm)
		printf("\nPrograms run by KVM. Try: hull run /bin/echo hello\n");
	else if (has_qemu)
		printf("\nPrograms run by QEMU's emulation, slowly. "
		       "Try: hull run /bin/echo hello\n");
	else
		printf("\nPrograms cannot be run here: neither KVM nor QEMU can be used.\n");
	return has_kvm || has_qemu ? 0 : 1;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "Say what this host can do for hull, and why not.",
	.run = run,
};
