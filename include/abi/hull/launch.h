/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launch record: everything that a program is started with. A boot module made by the command.
 *
 *	struct launch_header, then nr_items times: struct launch_item, payload, padding
 *
 * An item's payload is len_bytes long and padded with zeros to a multiple of 8; the record is
 * 8-byte aligned. Strings are NUL-terminated inside their payload. Order matters only among items
 * of the same kind. Unknown kinds are skipped. The kernel checks every length and termination.
 *
 * Streams. Descriptors 0, 1 and 2 of the program are described by one LAUNCH_STREAM each (a missing
 * one means that the descriptor is closed). Those with kind STREAM_TTY share the tty port; the
 * others have a port of their own. Ports are the numbers of a virtio-console with
 * VIRTIO_CONSOLE_F_MULTIPORT (virtio 1.2 §5.3). Port numbers begin at 1. A port that the host
 * closes (VIRTIO_CONSOLE_PORT_OPEN 0) reads as end of file once its queued data is taken, and
 * writes to it raise SIGPIPE/EPIPE.
 */
#pragma once
#include <stdint.h>

#define LAUNCH_MAGIC   0x68636e75616c4c48ull
#define LAUNCH_VERSION 1

struct launch_header {
	uint64_t magic;
	uint32_t version;
	uint32_t nr_items;
	uint64_t size_bytes; /* of the whole record, this header included */
};

struct launch_item {
	uint32_t kind; /* enum launch_kind */
	uint32_t padding;
	uint64_t len_bytes;
};

enum launch_kind {
	LAUNCH_ARG = 1,     /* string: argv[0], argv[1], ... in order */
	LAUNCH_ENV = 2,     /* string: NAME=value, in order */
	LAUNCH_PROGRAM = 3, /* string: the path to execute, as the guest sees it */
	LAUNCH_CWD = 4,     /* string: the working directory in the guest */
	LAUNCH_CRED = 5,    /* struct launch_cred */
	/* struct launch_mount and its strings, in order of mounting; the first is "/" */
	LAUNCH_MOUNT = 6,
	LAUNCH_STREAM = 7,    /* struct launch_stream */
	LAUNCH_PORTS = 8,     /* struct launch_ports */
	LAUNCH_OPTIONS = 9,   /* struct launch_options */
	LAUNCH_CLOCK = 10,    /* struct launch_clock */
	LAUNCH_SEED = 11,     /* up to 64 random bytes */
	LAUNCH_HOSTNAME = 12, /* string */
	LAUNCH_RLIMIT = 13,   /* struct launch_rlimit */
	LAUNCH_CPIO = 14,     /* a cpio "newc" archive: what LAUNCH_MOUNT_CPIO unpacks */
	LAUNCH_UMASK = 15,    /* uint32_t: the program's umask; without it 022 */
	/* struct launch_signals: what exec keeps of the caller's (execve(2)) */
	LAUNCH_SIGNALS = 16,
	LAUNCH_TERMINAL = 17, /* struct launch_terminal: the tty's modes at the start */
	/* struct launch_network: how an interface gets its addresses; one an interface */
	LAUNCH_NETWORK = 18,
	LAUNCH_ADDRESS = 19,    /* struct launch_address: a static address, in order */
	LAUNCH_NAMESERVER = 20, /* string: an address in text, in order; they go before DHCP's */
	/* an erofs file system inside the record, at a multiple of 4096 from its beginning, which
	 * then lies page aligned: what LAUNCH_MOUNT_EROFS mounts when boot_info gives no root */
	LAUNCH_EROFS = 21,
	LAUNCH_FILL = 22, /* nothing: moves the next item to where it must lie */
};

struct launch_cred {
	uint32_t uid, gid;
	uint32_t nr_groups;
	uint32_t groups[];
};

enum launch_mount_type {
	LAUNCH_MOUNT_VIRTIOFS = 1, /* source: the device's tag; mounted as it is */
	/* source: a virtio-fs tag as the read-only lower; upper in memory */
	LAUNCH_MOUNT_OVERLAY = 2,
	LAUNCH_MOUNT_TMPFS = 3,
	LAUNCH_MOUNT_PROC = 4,
	LAUNCH_MOUNT_SYSFS = 5,
	LAUNCH_MOUNT_DEVTMPFS = 6,
	LAUNCH_MOUNT_CPIO = 7, /* tmpfs filled from LAUNCH_CPIO */
	/* the erofs root in memory (boot_info.root or LAUNCH_EROFS) as the read-only lower; upper
	 * in memory. With LAUNCH_MOUNT_RDONLY: as it is, with no overlay. No source. */
	LAUNCH_MOUNT_EROFS = 8,
};

enum launch_mount_flags { LAUNCH_MOUNT_RDONLY = 1 };

struct launch_mount {
	uint32_t type, flags;
	uint64_t size_limit_bytes; /* tmpfs and an overlay's upper: 0 = half of memory */
	char strings[]; /* source NUL target NUL; the target is made if it is missing (in memory) */
};

enum launch_stream_kind {
	STREAM_PIPE = 1,
	STREAM_TTY = 2,
	STREAM_NULL = 3, /* /dev/null */
	/* The machine's console, as a tty, of an image that boots alone: a virtio-console with one
	 * port, else a 16550 UART at 0x3f8, else port 0 of a virtio-console with many; and
	 * /dev/null where there is none of these. */
	STREAM_CONSOLE = 4,
};

struct launch_stream {
	uint32_t fd;   /* 0, 1 or 2 */
	uint32_t kind; /* enum launch_stream_kind */
	uint32_t port; /* for STREAM_PIPE */
	uint32_t padding;
};

struct launch_ports {
	/* port of abi/hull/control.h; 0: nobody listens, and an exit status that is not 0 is said
	 * on the console */
	uint32_t control;
	uint32_t tty;           /* 0: no tty */
	uint32_t strace;        /* 0: strace lines go nowhere */
	uint16_t columns, rows; /* the tty's size at the start */
};

/* Linux's struct termios2, word for word. */
struct launch_terminal {
	uint32_t input_modes, output_modes, control_modes, local_modes;
	uint8_t line, characters[19];
	uint32_t input_speed, output_speed;
	uint32_t padding;
};
#define LAUNCH_TERMINAL_WORDS 12

enum launch_option_flags {
	LAUNCH_NO_PATCH = 1 << 0, /* leave system-call sites alone */
	LAUNCH_STRACE = 1 << 1,
	LAUNCH_VERBOSE = 1 << 2,      /* the kernel's log goes to PORT_DEBUG from the start */
	LAUNCH_MARK_MAIN = 1 << 3,    /* send CONTROL_MAIN */
	LAUNCH_STRACE_FORKS = 1 << 5, /* with LAUNCH_STRACE: child processes too */
	LAUNCH_TTY_PLAIN = 1 << 4, /* the host's terminal makes CR LF itself: start without OPOST */
	/* LAUNCH_HOSTNAME was asked for: /etc/hosts and /etc/hostname say it, DHCP's does not
	 * count. */
	LAUNCH_NAME_IS_GIVEN = 1 << 6,
};

struct launch_options {
	uint64_t flags;
};

struct launch_clock { /* the host's clock when the record was made */
	uint64_t wall_ns;
	uint32_t tsc_khz; /* 0: not known. Right for TCG too, where the TSC ticks as the host's */
	uint32_t padding;
};

struct launch_signals {
	uint64_t ignored, blocked; /* bit n - 1 for signal n */
};

/*
 * Interfaces are told apart by their MAC: the order in which devices are found is the machine's.
 * The order of the items is that of the names: the first is eth0. An image that boots alone does
 * not know them: an item with LAUNCH_NETWORK_ANY speaks for every interface that no other names,
 * and an address with the MAC 0 is of the first of these.
 */
enum launch_network_flags {
	LAUNCH_NETWORK_DHCP4 = 1 << 0, /* ask for an IPv4 address */
	LAUNCH_NETWORK_AUTO6 =
		1 << 1, /* take IPv6 addresses from routers, and DHCPv6 if they say so */
	/* Nobody is on its link but the host: addresses are not probed for, and a router answers at
	 * once. */
	LAUNCH_NETWORK_PRIVATE = 1 << 2,
	LAUNCH_NETWORK_ANY = 1 << 3, /* mac is 0 and not looked at */
};

struct launch_network {
	uint8_t mac[6];
	uint16_t flags; /* enum launch_network_flags */
};

enum launch_address_flags { LAUNCH_ADDRESS_HAS_GATEWAY = 1 << 0 };

struct launch_address {
	uint8_t mac[6];      /* the interface's; 0: the first that LAUNCH_NETWORK_ANY speaks for */
	uint8_t family;      /* 4 or 6 */
	uint8_t prefix_bits; /* up to 32 or 128 */
	uint16_t flags;      /* enum launch_address_flags */
	uint8_t padding[6];
	uint8_t address[16], gateway[16]; /* family 4: the first four bytes */
};

struct launch_rlimit {
	uint32_t resource; /* Linux's RLIMIT_* */
	uint32_t padding;
	uint64_t soft, hard;
};
