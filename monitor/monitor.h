/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor: one KVM microVM in this process, from the kernel's image to the guest's end. This is
 * the only header of the folder that the command sees.
 *
 *	probe	monitor_probe() says whether this host can run a VM and how, without making one.
 *	run	monitor_run() makes the VM, confines the process, returns when the guest has ended.
 *
 * Threads. The caller's thread becomes the first vCPU's; it is where the caller's signal handlers
 * run (the other threads block every signal), so a handler may do what is async-signal-safe and the
 * guest goes on afterwards. Each further vCPU has a thread of its own, one serves the console and
 * rng devices, and one more each shared directory and each network interface.
 *
 * Confinement. As soon as the guest is about to start, the process gives up its capabilities
 * (threads that serve files keep those that concern files) and every thread has a seccomp filter.
 * They stay when monitor_run() returns: after it the caller can write to its descriptors, change
 * its terminal's modes, signal itself and exit, and not much more. Before confinement, failures are
 * -ENODEV and such with `confined` false, and the caller may do something else instead (QEMU).
 *
 * Descriptors are the caller's: the monitor neither closes them nor changes their flags. One
 * descriptor may stand in several ports.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi/hull/boot.h"
#include "abi/hull/control.h"
#include "abi/hull/ports.h"

#define VM_MIN_MEMORY  (2ull << 20) /* the kernel begins at 1 MiB */
#define VM_MAX_CPUS    BOOT_MAX_CPUS
#define VM_MAX_PORTS   16
#define VM_MAX_SHARES  24
#define VM_MAX_NETS    4
#define VM_NET_MTU_MIN 68u /* RFC 791 */
#define VM_NET_MTU_MAX 65520u

/*
 * A byte stream: a port of the console device (abi/hull/launch.h says how they are numbered). End
 * of file on `in_fd` and a broken `out_fd` close the port towards the guest, after the data before
 * it.
 */
struct vm_port {
	uint32_t number; /* 1..VM_MAX_PORTS-1 */
	int in_fd;       /* bytes from here go to the guest; -1: none */
	int out_fd;      /* the guest's bytes go here; -1: they are thrown away */
	bool is_tty;     /* announced as VIRTIO_CONSOLE_CONSOLE_PORT */
};

struct vm_share {        /* a host directory: one virtio-fs device */
	const char *tag; /* at most 36 bytes */
	const char *host_dir;
	bool read_only;
};

/* A port of the host that leads to one of the guest's (VM_NET_USER). Ports in host order. */
struct vm_forward {
	uint8_t address[16]; /* where the host listens: 4 bytes, or with is_ip6 16 */
	uint16_t host_port, guest_port;
	bool is_udp, is_ip6;
};

enum vm_net_kind { VM_NET_USER, VM_NET_TAP, VM_NET_FD };

struct vm_net { /* an interface: one virtio-net device (virtio 1.2 §5.1) */
	enum vm_net_kind kind;
	const char *tap;      /* VM_NET_TAP: the host's interface; it is there already */
	int fd;               /* VM_NET_FD: a tap, or a UNIX socket that keeps frames apart */
	uint8_t mac[6];       /* unique on its link */
	uint32_t mtu;         /* without the link header; 0: as the link behind it has it */
	const char *hostname; /* VM_NET_USER: what DHCP tells the guest; NULL: nothing */
	const struct vm_forward *forwards; /* VM_NET_USER */
	unsigned nr_forwards;
	/* VM_NET_USER: the guest's own, which ports lead to; 0: what it gets by asking */
	uint8_t guest4[4], guest6[16];
	bool hides_host; /* VM_NET_USER: the host's loopback cannot be reached */
};

/*
 * A file system in a part of a file, which the guest sees in its memory, read-only and beside what
 * it has as RAM (boot_info.root). It is mapped: what is not looked at is not read.
 */
struct vm_root {
	int fd;
	uint64_t offset, bytes; /* offset: page aligned; 0 bytes: none */
};

struct vm_config {
	const void *kernel; /* an ELF image; NULL: the one inside the executable */
	size_t kernel_bytes;
	/* Where in it a segment begins that is left out: an image's payload (abi/hull/image.h). 0:
	 * none. QEMU loads it, with the root in it. */
	uint64_t payload_offset;
	struct vm_root root;   /* QEMU's guests have it in their payload or launch record */
	uint64_t memory_bytes; /* a multiple of 1 MiB */
	unsigned nr_cpus;      /* up to VM_MAX_CPUS; 0 is 1 */
	const void *launch;    /* the launch record, copied into the guest */
	size_t launch_bytes;
	const struct vm_share *shares;
	unsigned nr_shares;
	const struct vm_port *ports;
	unsigned nr_ports;
	const struct vm_net *nets;
	unsigned nr_nets;
	bool is_captured; /* what crosses the interfaces is written to capture_fd, as pcapng */
	int capture_fd;

	/*
	 * The control port (not among `ports`). Messages for the guest are whole struct
	 * control_messages written into the other end of the pipe `control_in_fd`: one write(2)
	 * each, so a signal handler or another thread may do it. Messages from the guest go to
	 * on_control, on the console's thread: it may block there (and with it the guest's
	 * console).
	 */
	uint32_t control_port; /* 0: none */
	int control_in_fd;     /* -1: nothing is ever sent */
	void (*on_control)(void *context, const struct control_message *message);

	/*
	 * Bytes of the kernel's log (PORT_DEBUG), on any vCPU's thread, one call at a time. NULL:
	 * thrown away.
	 */
	void (*on_log)(void *context, const char *bytes, size_t len);
	void *context; /* for both */
};

struct vm_result {
	enum vm_end end;             /* valid when monitor_run() returns 0 */
	bool software_kvm;           /* the guest ran by abi/hull/soft_kvm.h */
	bool confined;               /* the process is under seccomp from now on */
	int capture_error;           /* 0, or why the capture ends before the guest did */
	uint32_t tsc_khz;            /* of the two below; 0: not known */
	uint64_t entry_tsc, end_tsc; /* before the guest's first instruction, after its last */
	char message[512];           /* when it fails: what, on what, why; no newline */
};

/*
 * Runs a guest to its end. 0: the guest ended by PORT_EXIT, result->end says how, and everything
 * that it had written to its ports is written out. Otherwise -Exxx, with result->message:
 *	-ENODEV		/dev/kvm cannot be used here (missing, no permission, too old)
 *	-EINVAL		the configuration cannot be used: kernel image, memory size, ports, shares
 *	-EIO		the guest died in a way that it should not: a triple fault, a bad access
 *	others		a host resource failed
 */
int monitor_run(const struct vm_config *config, struct vm_result *result);

/*
 * The same by QEMU's emulation (TCG), on hosts where KVM cannot be used: slow, and never confined
 * here (QEMU is, by its own sandbox). `machine`: QEMU's "microvm" or "q35". -ENOENT: there is no
 * QEMU.
 */
int monitor_run_qemu(const struct vm_config *config, const char *machine, struct vm_result *result);

enum vm_accel { VM_ACCEL_NONE, VM_ACCEL_HARDWARE, VM_ACCEL_SOFTWARE };

struct vm_host {
	enum vm_accel accel;
	int error;         /* NONE: 0 or the -Exxx of opening /dev/kvm */
	uint32_t tsc_khz;  /* 0: not known */
	unsigned max_cpus; /* of a VM, up to VM_MAX_CPUS */
	char message[256]; /* NONE: why, and what to do about it */
};

/* What this host offers. Makes a VM and a vCPU for a moment; never confines. */
void monitor_probe(struct vm_host *host);

/* Is VM_NET_USER's library there? false: `message` says what to do. */
bool monitor_has_user_network(char message[512]);

/* The kernel's image inside this executable. */
void monitor_kernel_image(const void **image, size_t *len_bytes);
