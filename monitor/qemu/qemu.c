/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest under QEMU's emulation (TCG), for hosts where KVM cannot be used. The same
 * configuration as monitor_run's becomes a command line; nothing touches the disk:
 *
 *	kernel and launch record	memfds, given as /proc/self/fd/N
 *	ports, control, debug console	a socket pair each (qemu_relay.h)
 *	shared directories		vhost-user-fs on a socket pair each (vhost_user.h)
 *	network interfaces		a datagram socket pair each (qemu_net.h), or a tap of QEMU's
 *	PORT_EXIT			isa-debug-exit: QEMU's exit status is value * 2 + 1
 *
 * QEMU runs in a process group of its own, so that the terminal's signals reach only us, under
 * its own seccomp sandbox, and dies with us (PR_SET_PDEATHSIG). It ends at PORT_EXIT at once: by
 * then the guest has seen everything that it wrote taken from its rings.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/compiler.h"
#include "monitor/monitor.h"
#include "monitor/net/capture.h"
#include "monitor/net/tap.h"
#include "monitor/qemu/qemu_link.h"
#include "monitor/qemu/qemu_net.h"
#include "monitor/qemu/qemu_relay.h"
#include "monitor/qemu/vhost_user.h"

#define QEMU           "qemu-system-x86_64"
#define MAX_ARGS       192
#define TAP_QUEUES_MAX 8u
#define MAX_PASSED     (VM_MAX_PORTS + VM_MAX_SHARES + VM_MAX_NETS * TAP_QUEUES_MAX + 5)

struct qemu {
	const struct vm_config *config;
	struct vm_result *result;
	bool is_microvm;
	char *args[MAX_ARGS];
	unsigned nr_args;
	int passed[MAX_PASSED]; /* descriptors that QEMU inherits; ours to close */
	unsigned nr_passed;
	struct relay relays[2 * VM_MAX_PORTS + 4];
	unsigned nr_relays;
	int wake_fd;
	struct fs_server *servers[VM_MAX_SHARES];
	struct vhost_user *vhosts[VM_MAX_SHARES];
	int share_fds[VM_MAX_SHARES]; /* our ends */
	unsigned nr_vhosts;
	struct qemu_net *nets[VM_MAX_NETS]; /* NULL: QEMU's own */
	struct qemu_link *link;             /* NULL: no tap */
	int qmp_fd;                         /* its, until it starts */
	struct capture *capture;            /* NULL: none */
	pid_t pid;
	int error_fd; /* what QEMU says on its standard error */
};

static int fail(struct qemu *qemu, int err, const char *format, ...) PRINTF(3, 4);

static int fail(struct qemu *qemu, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(qemu->result->message, sizeof(qemu->result->message), format, args);
	va_end(args);
	return err;
}

static void add(struct qemu *qemu, const char *format, ...) PRINTF(2, 3);

/* One argument more. Past the array's end or without memory, nr_args says so (start_qemu looks). */
static void add(struct qemu *qemu, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (qemu->nr_args >= MAX_ARGS - 1 ||
	    vasprintf(&qemu->args[qemu->nr_args++], format, args) < 0)
		qemu->nr_args = MAX_ARGS;
	va_end(args);
}

/* A memfd with these bytes, passed to QEMU. fd or -Exxx. */
static int pass_bytes(struct qemu *qemu, const char *name, const void *bytes, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return fail(qemu, -errno, "cannot make a memory file: %s", strerror(errno));
	qemu->passed[qemu->nr_passed++] = fd;
	while (done < len) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n <= 0)
			return fail(qemu, -EIO, "cannot write a memory file: %s", strerror(errno));
		done += (size_t)n;
	}
	return fd;
}

/* A socket pair; QEMU's end is passed to it and becomes chardev `name`. Our end or -Exxx. */
static int pass_socket(struct qemu *qemu, const char *name)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(qemu, -errno, "cannot make a socket pair: %s", strerror(errno));
	qemu->passed[qemu->nr_passed++] = ends[1];
	add(qemu, "-chardev");
	add(qemu, "socket,id=%s,fd=%d", name, ends[1]);
	return ends[0];
}

static void add_relay(struct qemu *qemu, int from, int to, bool from_socket)
{
	qemu->relays[qemu->nr_relays++] = (struct relay){
		.from = from,
		.to = to,
		.from_socket = from_socket,
		.config = qemu->config,
		.wake_fd = from_socket ? -1 : qemu->wake_fd,
	};
}

static const char *bus_suffix(const struct qemu *qemu)
{
	return qemu->is_microvm ? "device" : "pci";
}

static int add_port(struct qemu *qemu, const struct vm_port *port)
{
	char name[16];
	int socket_fd;

	snprintf(name, sizeof(name), "port%u", port->number);
	socket_fd = pass_socket(qemu, name);
	if (socket_fd < 0)
		return socket_fd;
	add(qemu, "-device");
	add(qemu, "virtserialport,bus=serial.0,nr=%u,chardev=%s", port->number, name);
	/* what the guest writes is always taken, even if it goes nowhere */
	add_relay(qemu, socket_fd, port->out_fd, true);
	if (port->out_fd < 0)
		qemu->relays[qemu->nr_relays - 1].take = relay_take_nothing;
	if (port->in_fd >= 0)
		add_relay(qemu, port->in_fd, socket_fd, false);
	return 0;
}

static int add_ports(struct qemu *qemu)
{
	const struct vm_config *config = qemu->config;
	struct vm_port control = { config->control_port, config->control_in_fd, -1, false };
	int err, debug_fd;

	add(qemu, "-device");
	add(qemu, "virtio-serial-%s,id=serial,max_ports=%d", bus_suffix(qemu), VM_MAX_PORTS);
	for (unsigned i = 0; i < config->nr_ports; i++) {
		err = add_port(qemu, &config->ports[i]);
		if (err)
			return err;
	}
	if (control.number) {
		unsigned first = qemu->nr_relays;

		err = add_port(qemu, &control);
		if (err)
			return err;
		qemu->relays[first].take = relay_take_control;
	}
	debug_fd = pass_socket(qemu, "debug");
	if (debug_fd < 0)
		return debug_fd;
	add_relay(qemu, debug_fd, -1, true);
	qemu->relays[qemu->nr_relays - 1].take = relay_take_log;
	add(qemu, "-device");
	add(qemu, "isa-debugcon,iobase=0x%x,chardev=debug", PORT_DEBUG);
	return 0;
}

static int add_share(struct qemu *qemu, const struct vm_share *share)
{
	unsigned n = qemu->nr_vhosts;
	char name[16];

	snprintf(name, sizeof(name), "share%u", n);
	qemu->servers[n] = fs_server_new(share->host_dir, share->read_only);
	if (!qemu->servers[n])
		return fail(qemu, -errno, "cannot share %s: %s", share->host_dir, strerror(errno));
	qemu->share_fds[n] = pass_socket(qemu, name);
	if (qemu->share_fds[n] < 0)
		return qemu->share_fds[n];
	qemu->nr_vhosts++;
	add(qemu, "-device");
	add(qemu, "vhost-user-fs-%s,chardev=%s,tag=%s,queue-size=256", bus_suffix(qemu), name,
	    share->tag);
	return 0;
}

/* What QEMU gives an interface that is its own: the tap, with a queue for each CPU if it has so
 * many. How many, or -Exxx. */
static int add_own_tap(struct qemu *qemu, const struct vm_net *net, unsigned n)
{
	int fd = net_tap_open(net->tap, qemu->result->message), queues = 0;
	char fds[16 * TAP_QUEUES_MAX];
	size_t len = 0;

	if (fd < 0)
		return fd;
	while (fd >= 0) {
		len += (size_t)snprintf(fds + len, sizeof(fds) - len, ":%d", fd);
		qemu->passed[qemu->nr_passed++] = fd;
		queues++;
		fd = queues < (int)min(qemu->config->nr_cpus, TAP_QUEUES_MAX)
			     ? net_tap_open_queue(net->tap)
			     : -1;
	}
	add(qemu, "-netdev");
	add(qemu, "tap,id=net%u,%s=%s", n, queues > 1 ? "fds" : "fd", fds + 1);
	return queues;
}

static int add_relayed_net(struct qemu *qemu, const struct vm_net *net, unsigned n)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(qemu, -errno, "cannot make a socket pair: %s", strerror(errno));
	qemu->passed[qemu->nr_passed++] = ends[1];
	qemu->nets[n] = qemu_net_new(net, ends[0], &err, qemu->result->message);
	if (!qemu->nets[n])
		return err;
	add(qemu, "-netdev");
	add(qemu, "socket,id=net%u,fd=%d", n, ends[1]);
	return 0;
}

static int add_net(struct qemu *qemu, unsigned n)
{
	const struct vm_net *net = &qemu->config->nets[n];
	const uint8_t *mac = net->mac;
	bool is_own = net->kind == VM_NET_TAP && !qemu->config->is_captured;
	int queues = is_own ? add_own_tap(qemu, net, n) : add_relayed_net(qemu, net, n);
	uint32_t mtu = net->mtu;

	if (queues < 0)
		return queues;
	if (mtu == 0)
		mtu = is_own ? net_tap_mtu(net->tap) : qemu_net_mtu(qemu->nets[n]);
	add(qemu, "-device");
	add(qemu, "virtio-net-%s,netdev=net%u,mac=%02x:%02x:%02x:%02x:%02x:%02x,host_mtu=%u%s",
	    bus_suffix(qemu), n, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mtu,
	    queues > 1 ? ",mq=on" : "");
	return 0;
}

static int add_link(struct qemu *qemu)
{
	qemu->link = qemu_link_new(qemu->config);
	if (!qemu->link)
		return 0;
	qemu->qmp_fd = pass_socket(qemu, "qmp");
	if (qemu->qmp_fd < 0)
		return qemu->qmp_fd;
	add(qemu, "-mon");
	add(qemu, "chardev=qmp,mode=control");
	return 0;
}

static int add_nets(struct qemu *qemu)
{
	const struct vm_config *config = qemu->config;
	int err = 0;

	if (config->nr_nets > VM_MAX_NETS)
		return fail(qemu, -EINVAL, "a VM has at most %d network interfaces", VM_MAX_NETS);
	if (config->is_captured) {
		qemu->capture = capture_new(config->capture_fd, config->nets, config->nr_nets);
		if (!qemu->capture)
			return fail(qemu, -ENOMEM, "no memory for a packet capture");
	}
	for (unsigned i = 0; i < config->nr_nets && !err; i++)
		err = add_net(qemu, i);
	return err ? err : add_link(qemu);
}

static void add_machine(struct qemu *qemu, const char *machine)
{
	/* the root lies in RAM there, and is none of what the guest was promised */
	uint64_t mib = (qemu->config->memory_bytes + qemu->config->root.bytes + 0xfffff) >> 20;
	unsigned nr_cpus = qemu->config->nr_cpus > 1 ? qemu->config->nr_cpus : 1;

	add(qemu, QEMU);
	add(qemu, "-nodefaults");
	add(qemu, "-no-user-config");
	add(qemu, "-no-reboot");
	add(qemu, "-display");
	add(qemu, "none");
	add(qemu, "-accel");
	add(qemu, "tcg,thread=multi");
	add(qemu, "-cpu");
	add(qemu, "max");
	/* With room for one CPU only, QEMU 7.2 leaves the guest's barriers out (CF_PARALLEL),
	 * though our device threads run beside it: a ring's arming would race with its
	 * completion. */
	add(qemu, "-smp");
	add(qemu, "%u,maxcpus=%u", nr_cpus, nr_cpus > 1 ? nr_cpus : 2);
	add(qemu, "-sandbox");
	add(qemu, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add(qemu, "-object");
	add(qemu, "memory-backend-memfd,id=memory,share=on,size=%luM", (unsigned long)mib);
	add(qemu, "-m");
	add(qemu, "%luM", (unsigned long)mib);
	add(qemu, "-M");
	if (qemu->is_microvm)
		add(qemu,
		    "microvm,acpi=off,pit=on,pic=on,rtc=off,isa-serial=off,ioapic2=%s,"
		    "x-option-roms=off,auto-kernel-cmdline=on,memory-backend=memory",
		    qemu->config->nr_shares + qemu->config->nr_nets > 5 ? "on" : "off");
	else
		add(qemu, "%s,memory-backend=memory", machine);
	add(qemu, "-global");
	add(qemu, "virtio-mmio.force-legacy=false");
	add(qemu, "-device");
	add(qemu, "isa-debug-exit,iobase=0x%x,iosize=4", PORT_EXIT);
	add(qemu, "-device");
	add(qemu, "virtio-rng-%s", bus_suffix(qemu));
}

static int add_images(struct qemu *qemu)
{
	const void *kernel = qemu->config->kernel;
	size_t len = qemu->config->kernel_bytes;
	int kernel_fd, launch_fd;

	if (!kernel)
		monitor_kernel_image(&kernel, &len);
	kernel_fd = pass_bytes(qemu, "hull-kernel", kernel, len);
	if (kernel_fd < 0)
		return kernel_fd;
	launch_fd = pass_bytes(qemu, "hull-launch", qemu->config->launch,
			       qemu->config->launch_bytes);
	if (launch_fd < 0)
		return launch_fd;
	add(qemu, "-kernel");
	add(qemu, "/proc/self/fd/%d", kernel_fd);
	add(qemu, "-initrd");
	add(qemu, "/proc/self/fd/%d", launch_fd);
	return 0;
}

/*
 * In the child: becomes QEMU. error_fd becomes its standard error; exec_fd tells why exec
 * failed.
 */
static void NORETURN become_qemu(struct qemu *qemu, pid_t parent, int error_fd, int exec_fd)
{
	int null_fd = open("/dev/null", O_RDWR), err;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	dup2(error_fd, STDERR_FILENO);
	/* what our caller left open is not for QEMU; kernels before 5.11 cannot */
	(void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	for (unsigned i = 0; i < qemu->nr_passed; i++)
		fcntl(qemu->passed[i], F_SETFD, 0);
	execvp(QEMU, qemu->args);
	err = errno;
	(void)!write(exec_fd, &err, sizeof(err)); /* without it, the parent sees status 127 */
	_exit(127);
}

static int start_qemu(struct qemu *qemu)
{
	int error_pipe[2], exec_pipe[2], err = 0;
	pid_t parent = getpid();

	if (qemu->nr_args >= MAX_ARGS)
		return fail(qemu, -E2BIG, "too many shares or ports for QEMU's command line");
	if (pipe2(error_pipe, O_CLOEXEC) < 0 || pipe2(exec_pipe, O_CLOEXEC) < 0)
		return fail(qemu, -errno, "cannot make a pipe: %s", strerror(errno));
	qemu->pid = fork();
	if (qemu->pid == 0)
		become_qemu(qemu, parent, error_pipe[1], exec_pipe[1]);
	close(error_pipe[1]);
	close(exec_pipe[1]);
	qemu->error_fd = error_pipe[0];
	if (qemu->pid < 0)
		return fail(qemu, -errno, "cannot fork: %s", strerror(errno));
	while (read(exec_pipe[0], &err, sizeof(err)) < 0 && errno == EINTR)
		;
	close(exec_pipe[0]);
	for (unsigned i = 0; i < qemu->nr_passed; i++)
		close(qemu->passed[i]);
	if (!err)
		return 0;
	return fail(qemu, -err,
		    "cannot start %s: %s; install it by: "
		    "apt-get install qemu-system-x86",
		    QEMU, strerror(err));
}

static int start_threads(struct qemu *qemu)
{
	int err = 0;

	for (unsigned i = 0; i < qemu->nr_vhosts && !err; i++)
		err = vhost_user_start(qemu->servers[i], qemu->share_fds[i], &qemu->vhosts[i]);
	for (unsigned i = 0; i < qemu->nr_relays && !err; i++)
		err = relay_start(&qemu->relays[i]);
	for (unsigned i = 0; i < qemu->config->nr_nets && !err; i++)
		err = qemu->nets[i] ? qemu_net_start(qemu->nets[i], i, qemu->capture) : 0;
	if (qemu->link && !err)
		err = qemu_link_start(qemu->link, qemu->qmp_fd);
	return err ? fail(qemu, err, "cannot start a thread: %s", strerror(-err)) : 0;
}

/* All that QEMU says, as far as there is room, until it ends; without the last newlines. */
static void read_errors(struct qemu *qemu, char *text, size_t size)
{
	size_t len = 0;
	char part[256];
	ssize_t n;

	while ((n = read(qemu->error_fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		for (ssize_t i = 0; i < n && len < size - 1; i++)
			text[len++] = part[i];
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
}

/* Sees QEMU end. Its own messages go to the result when it fails by itself. */
static int wait_qemu(struct qemu *qemu)
{
	char text[400];
	int status;

	read_errors(qemu, text, sizeof(text));
	while (waitpid(qemu->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return fail(qemu, -errno, "cannot wait for QEMU: %s", strerror(errno));
	}
	if (WIFSIGNALED(status))
		return fail(qemu, -EIO, "QEMU was killed by signal %d (%s). %s", WTERMSIG(status),
			    strsignal(WTERMSIG(status)), text);
	status = WEXITSTATUS(status);
	if (status == 0)
		return fail(qemu, -EIO, "the guest died of a triple fault. %s", text);
	if (status % 2 == 0 || status / 2 > VM_END_NO_START || (status == 1 && text[0]))
		return fail(qemu, -EIO, "QEMU failed (status %d): %s", status, text);
	qemu->result->end = (enum vm_end)(status / 2);
	return 0;
}

/* The outputs first, to their end: what the guest wrote is still on its way. */
static void finish(struct qemu *qemu)
{
	uint64_t one = 1;

	for (unsigned i = 0; i < qemu->nr_relays; i++) {
		if (qemu->relays[i].from_socket)
			relay_join(&qemu->relays[i]);
	}
	(void)!write(qemu->wake_fd, &one, sizeof(one)); /* an eventfd at 0 takes it */
	for (unsigned i = 0; i < qemu->nr_relays; i++) {
		if (!qemu->relays[i].from_socket)
			relay_join(&qemu->relays[i]);
	}
	qemu_link_stop(qemu->link);
	for (unsigned i = 0; i < qemu->config->nr_nets; i++) {
		if (qemu->nets[i])
			qemu_net_stop(qemu->nets[i]);
	}
	qemu->result->capture_error = capture_free(qemu->capture);
	for (unsigned i = 0; i < qemu->nr_vhosts; i++) {
		vhost_user_join(qemu->vhosts[i]);
		fs_server_free(qemu->servers[i]);
	}
}

static int prepare(struct qemu *qemu, const char *machine)
{
	int err;

	if (qemu->config->memory_bytes < VM_MIN_MEMORY)
		return fail(qemu, -EINVAL,
			    "1 MiB of memory is too little: the kernel begins "
			    "there; give it more with -m");
	qemu->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (qemu->wake_fd < 0)
		return fail(qemu, -errno, "cannot make an eventfd: %s", strerror(errno));
	add_machine(qemu, machine);
	err = add_images(qemu);
	if (!err)
		err = add_ports(qemu);
	for (unsigned i = 0; i < qemu->config->nr_shares && !err; i++)
		err = add_share(qemu, &qemu->config->shares[i]);
	if (!err)
		err = add_nets(qemu);
	return err;
}

/*
 * Called at most once in a process's life: on failure the process is expected to end soon, and a
 * relay that sleeps in read(2) may outlive this call.
 */
int monitor_run_qemu(const struct vm_config *config, const char *machine, struct vm_result *result)
{
	static struct qemu qemu;
	int err;

	*result = (struct vm_result){ .message = "" };
	qemu = (struct qemu){
		.config = config,
		.result = result,
		.is_microvm = strcmp(machine, "microvm") == 0,
	};
	err = prepare(&qemu, machine);
	if (!err)
		err = start_qemu(&qemu);
	if (err)
		return err;
	err = start_threads(&qemu);
	if (err) {
		kill(qemu.pid, SIGKILL);
		return err;
	}
	err = wait_qemu(&qemu);
	finish(&qemu);
	return err;
}
